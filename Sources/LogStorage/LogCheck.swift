import Bytes
public import Platform
import Records

/// Verifies the directory of a log that no server has open, without writing: every batch, every
/// index entry, checkpoint and snapshot. For `rtd serve --check`.
public struct LogCheck {
    /// What was read, and what is wrong with it.
    public struct Result: Sendable {
        public var findings: [LogFinding] = []
        public var bytes: Int64 = 0
        public var batches: Int64 = 0
        public var segments = 0
        /// Bytes of a tail that the next start will cut: torn, never acknowledged, no damage.
        public var tornBytes: Int64 = 0
        /// The log was not closed in order.
        public var isUnclean = false
    }

    private let directory: String
    private let fileSystem: any FileSystem
    private var result = Result()
    /// What a crash has left of compaction; the next start goes on with it.
    private var swaps = SegmentSwaps(names: [])
    private var mark: Mark?
    /// The offset that the next segment must begin with.
    private var expected: Int64?

    private init(_ directory: String, _ fileSystem: any FileSystem) {
        self.directory = directory
        self.fileSystem = fileSystem
    }

    public static func run(
        directory: String, fileSystem: any FileSystem
    ) throws(LogError) -> Result {
        var check = LogCheck(directory, fileSystem)
        let names = try system { () throws(SystemError) in try fileSystem.list(directory) }
        try check.checkCheckpoint()
        try check.checkSnapshot(names)
        let swaps = SegmentSwaps(names: names)
        check.swaps = swaps
        var bases = names.filter { $0.hasSuffix(".log") && $0.utf8.count == 24 }
            .compactMap { Int64($0.dropLast(4)) }.sorted()
            .filter { base in swaps.swap(of: base).map { $0.base == base } ?? true }
        // What an interrupted deletion has left is no damage; the next start removes it.
        let start = check.mark?.startOffset ?? 0
        while bases.count > 1, bases[1] <= start { bases.removeFirst() }
        bases = try check.withoutEmpty(bases)
        for (number, base) in bases.enumerated() {
            try check.checkSegment(base, isLast: number == bases.count - 1)
        }
        check.checkEnd(bases)
        return check.result
    }

    /// Without the empty segments that others follow, of which the next start takes no notice.
    private func withoutEmpty(_ bases: [Int64]) throws(LogError) -> [Int64] {
        var kept: [Int64] = []
        for base in bases {
            let isLeftover = base != bases.last && base != mark?.segmentBase
            let path = files(of: base).log
            let size = try system { () throws(SystemError) in
                let file = try fileSystem.openReadOnly(path)
                defer { file.close() }
                return try file.size()
            }
            if !isLeftover || size > 0 { kept.append(base) }
        }
        return kept
    }

    private mutating func report(
        _ path: String, _ position: Int?, _ cause: String, _ offsets: Range<Int64>? = nil
    ) {
        result.findings.append(
            LogFinding(path: path, position: position, offsets: offsets, cause: cause))
    }

    private mutating func checkCheckpoint() throws(LogError) {
        let path = directory + "/checkpoint"
        let loaded = try Checkpoint.load(path, fileSystem: fileSystem, readOnly: true)
        mark = loaded.mark
        result.isUnclean = loaded.mark.map { !$0.isClean } ?? true
        if loaded.mark == nil {
            report(path, nil, "both slots are missing or damaged")
        } else if loaded.damagedSlots > 0, !result.isUnclean {
            // After a power cut one slot may be torn; after an orderly end it may not.
            report(path, nil, "a slot is damaged")
        }
    }

    private mutating func checkSnapshot(_ names: [String]) throws(LogError) {
        guard names.contains("snapshot") else { return }
        let path = directory + "/snapshot"
        let fileSystem = self.fileSystem
        let bytes = try system { () throws(SystemError) in
            try fileSystem.readAll(path, limit: Limits.snapshotBytesMax)
        }
        if StateSnapshot(bytes) == nil { report(path, nil, "the checksum does not match") }
    }

    /// Whether compaction may have left a gap at `offset`; without a mark nobody knows.
    private func allowsGap(at offset: Int64) -> Bool {
        mark.map { offset < $0.gapsEnd } ?? true
    }

    /// The files of a segment: where they are, or where a swap has left them.
    private func files(of base: Int64) -> (log: String, index: String) {
        let path = directory + "/" + Segment.name(base)
        guard let swap = swaps.swap(of: base) else { return (path + ".log", path + ".index") }
        let stem = directory + "/" + swap.stem
        return (swap.hasLog ? path + ".log" : stem + ".log.swap", stem + ".index.swap")
    }

    private mutating func checkSegment(_ base: Int64, isLast: Bool) throws(LogError) {
        let (path, indexPath) = files(of: base)
        if let expected, base != expected, !allowsGap(at: expected) || base < expected {
            if let mark, base >= mark.durableEnd, expected >= mark.durableEnd {
                return try tear(path, from: 0)
            }
            report(
                path, 0, BatchDamage.missing.rawValue,
                base > expected ? expected..<base : nil)
        }
        let fileSystem = self.fileSystem
        let (file, size) = try system { () throws(SystemError) in
            let file = try fileSystem.openReadOnly(path)
            return (file, Int(try file.size()))
        }
        defer { file.close() }
        result.segments += 1
        // Below the mark all is durable; beyond it a bad batch is a torn tail.
        let sealed: Int
        if let mark {
            sealed =
                base < mark.segmentBase
                ? Int.max : base == mark.segmentBase ? Int(mark.position) : 0
        } else {
            sealed = Int.max
        }
        var index = try IndexCursor(indexPath, base, fileSystem)
        try walk(path, file, size, base, sealed, &index)
        let isSealed = sealed == Int.max
        let least = base == mark?.segmentBase ? Int(mark?.indexSynced ?? 0) : 0
        if let finding = index.complaint(sealed: isSealed && !isLast, least: least) {
            report(indexPath, finding.position, finding.cause)
        }
    }

    private mutating func tear(_ path: String, from position: Int) throws(LogError) {
        let fileSystem = self.fileSystem
        let size = try system { () throws(SystemError) in
            let file = try fileSystem.openReadOnly(path)
            defer { file.close() }
            return try file.size()
        }
        result.tornBytes += size - Int64(position)
    }

    /// Reads a segment batch by batch beside its index.
    private mutating func walk(
        _ path: String, _ file: any File, _ size: Int, _ base: Int64, _ sealed: Int,
        _ index: inout IndexCursor
    ) throws(LogError) {
        var scanner = BatchScanner(
            file, from: 0, end: size, expected: base, allowsGaps: allowsGap(at: base))
        loop: while true {
            switch try scanner.next() {
            case .batch(let header, let position):
                result.batches += 1
                result.bytes += Int64(header.totalSize)
                let damage = try scanner.withBatch(header, at: position) {
                    (bytes) throws(LogError) in
                    try index.compare(header, bytes, position)
                }
                if let damage, position < sealed || damage != .chain {
                    report(
                        path, position, damage.rawValue,
                        header.baseOffset..<header.lastOffset + 1)
                }
                checkMark(path, base, scanner.position, index)
            case .end:
                break loop
            case .bad(let damage, let position):
                guard position < sealed else {
                    result.tornBytes += Int64(size - position)
                    break loop
                }
                let first = scanner.expected
                let goesOn = try index.skip(to: &scanner, position, size)
                // The index knows what it has quarantined: then this is no news, and still damage.
                report(
                    path, position, damage.rawValue,
                    goesOn && scanner.expected > first ? first..<scanner.expected : nil)
                if !goesOn { break loop }
            }
        }
        expected = scanner.expected
        if let mark, base == mark.segmentBase, size < Int(mark.position) {
            report(
                path, size, BatchDamage.missing.rawValue,
                scanner.expected < mark.durableEnd ? scanner.expected..<mark.durableEnd : nil)
        }
    }

    /// At the mark, offset and chain of headers must be what it says.
    private mutating func checkMark(
        _ path: String, _ base: Int64, _ position: Int, _ index: IndexCursor
    ) {
        guard let mark, base == mark.segmentBase, position == Int(mark.position), index.isWhole,
            index.chain != mark.chain
        else { return }
        report(path, position, BatchDamage.chain.rawValue)
    }

    private mutating func checkEnd(_ bases: [Int64]) {
        guard let mark else { return }
        if !bases.contains(mark.segmentBase), expected ?? 0 < mark.durableEnd {
            report(
                directory + "/" + Segment.name(mark.segmentBase) + ".log", nil,
                BatchDamage.missing.rawValue)
        }
        if let first = bases.first, first > mark.startOffset, !allowsGap(at: mark.startOffset) {
            report(directory, nil, BatchDamage.missing.rawValue, mark.startOffset..<first)
        }
    }
}

/// Follows an index file entry by entry while its segment is read.
private struct IndexCursor {
    private let stored: StoredEntries?
    private var block: [IndexEntry] = []
    private var blockStart = 0
    private var number = 0
    private var damagedAt: Int?
    private var trailing = false
    private(set) var chain: UInt32 = 0
    /// Identity and all entries so far are sound, so the chain means something.
    private(set) var isWhole = true
    private var cause: String?
    private static let blockCount = 1_024

    init(_ path: String, _ base: Int64, _ fileSystem: any FileSystem) throws(LogError) {
        guard fileSystem.exists(path) else {
            stored = nil
            isWhole = false
            cause = "the index is missing"
            return
        }
        let (file, head, size) = try system { () throws(SystemError) in
            let file = try fileSystem.openReadOnly(path)
            return (file, try file.read(at: 0, count: IndexEntry.size), Int(try file.size()))
        }
        guard let identity = IndexIdentity(head), identity.baseOffset == base else {
            stored = nil
            isWhole = false
            cause = "the index does not belong to its segment, or its header is damaged"
            return
        }
        trailing = size % IndexEntry.size != 0
        chain = identity.chainStart
        stored = StoredEntries(
            file: file, count: size / IndexEntry.size - 1, identity: identity)
    }

    private mutating func entry() throws(LogError) -> IndexEntry? {
        guard let stored, number < stored.count, damagedAt == nil else { return nil }
        if number < blockStart || number >= blockStart + block.count {
            let end = min(stored.count, number + Self.blockCount)
            blockStart = number
            if let all = try stored.entries(number..<end) {
                block = all
            } else if let one = try stored.entries(number..<number + 1) {
                block = one
            } else {
                damagedAt = number
                return nil
            }
        }
        return block[number - blockStart]
    }

    /// What is wrong between this batch and its entry; nil if they agree or there is no entry.
    mutating func compare(_ header: RecordBatchHeader, _ bytes: RawSpan, _ position: Int)
        throws(LogError) -> BatchDamage?
    {
        chain = CRC32C.checksum(
            bytes.extracting(0..<RecordBatchHeader.checksummedFrom), continuing: chain)
        guard let entry = try entry() else {
            isWhole = isWhole && damagedAt == nil
            return nil
        }
        number += 1
        guard entry.chain == chain, Int(entry.position) == position,
            Int(entry.size) == header.totalSize
        else {
            chain = entry.chain
            return .chain
        }
        return nil
    }

    /// Moves behind a damaged batch: to the next entry, or to the next sound batch. False at the
    /// end.
    mutating func skip(to scanner: inout BatchScanner, _ position: Int, _ size: Int)
        throws(LogError) -> Bool
    {
        if let entry = try entry(), Int(entry.position) == position, let stored {
            number += 1
            chain = entry.chain
            scanner.move(
                to: entry.end, expected: stored.identity.baseOffset + Int64(entry.lastDelta) + 1)
            return entry.end <= size
        }
        isWhole = false
        return try scanner.resynchronize(from: position + 1)
    }

    /// What is wrong with the index itself. `least` entries must be there; all of them if `sealed`.
    func complaint(sealed: Bool, least: Int) -> (position: Int?, cause: String)? {
        if let cause { return sealed || least > 0 ? (nil, cause) : nil }
        if let damagedAt, sealed || damagedAt < least {
            return ((damagedAt + 1) * IndexEntry.size, "an index entry is damaged")
        }
        guard let stored else { return nil }
        if sealed, trailing || number != stored.count || number < least {
            return (nil, "the index does not cover its segment")
        }
        return number < least ? (nil, "index entries are missing") : nil
    }
}
