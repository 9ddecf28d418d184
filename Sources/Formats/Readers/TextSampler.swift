/// Learns the columns of an input from its first rows.
public protocol InputSampler: AnyObject {
    /// Looks at more: the bytes of `block` are all that came so far.
    func observe(_ block: InputBlock, isLast: Bool)
    var isDone: Bool { get }
    /// Every wanted name has had a value: nothing more need be waited for.
    var isSufficient: Bool { get }
    /// Bytes that were looked at.
    var position: Int { get }
    var schema: SampledSchema { get }
    /// What is looked at next are the first bytes of another file of the same input.
    func fileBegan()
}

/// What the samplers of CSV and logfmt share: columns by name, with what was seen in each.
public class TextSampler: InputSampler {
    typealias Cursor = JSONScan.Cursor

    private let wanted: Set<String>?
    private let rowsMin: Int
    final var names: [[UInt8]] = []
    final var evidence: [TypeEvidence] = []
    final var rows = 0
    public final var position = 0
    final var hasEnded = false

    init(wanted: Set<String>?, rowsMin: Int) {
        self.wanted = wanted.map { Set($0.map { $0.lowercased() }) }
        self.rowsMin = max(1, rowsMin)
    }

    public final var isDone: Bool {
        if hasEnded || rows >= JSONSampler.rowsMax { return true }
        return rows >= rowsMin && isSufficient
    }

    public final var isSufficient: Bool {
        guard hasEnded || rows > 0 else { return false }
        guard let wanted else { return evidence.allSatisfy { $0.isKnown } }
        return names.indices.allSatisfy { index in
            evidence[index].isKnown || !wanted.contains(name(index).lowercased())
        } && areNamesKnown(wanted)
    }

    /// Whether names that are wanted and were not seen may still come.
    func areNamesKnown(_ wanted: Set<String>) -> Bool { true }

    public func fileBegan() {
        position = 0
        hasEnded = false
    }

    final func name(_ index: Int) -> String { String(decoding: names[index], as: UTF8.self) }

    public func observe(_ block: InputBlock, isLast: Bool) {
        preconditionFailure("a format looks at its rows")
    }

    public final var schema: SampledSchema {
        var schema = SampledSchema()
        schema.rows = rows
        for index in names.indices {
            let type = evidence[index].type ?? .text
            schema.fields.append(Field(name(index), type == .json ? .text : type))
            if let majority = evidence[index].majorityType, majority != type {
                schema.majorities[index] = majority
            }
            if !evidence[index].isKnown { schema.unknown.append(index) }
        }
        return schema
    }
}

/// The first rows of a CSV input: its header, if it has one, and the types of its columns.
public final class CSVSampler: TextSampler {
    private var scan: CSVScan
    /// nil until the first row was seen, if it was not told.
    public private(set) var hasHeader: Bool?
    /// The next row is the first one of its file.
    private var isAtFileStart = true

    public init(separator: UInt8, hasHeader: Bool?, wanted: Set<String>?, rowsMin: Int) {
        scan = CSVScan(separator: separator)
        self.hasHeader = hasHeader
        super.init(wanted: wanted, rowsMin: rowsMin)
    }

    public override func fileBegan() {
        super.fileBegan()
        isAtFileStart = true
    }

    public override func observe(_ block: InputBlock, isLast: Bool) {
        let end = unsafe block.base + block.end
        while !isDone {
            let start = unsafe UnsafePointer(block.base) + (block.start + position)
            guard unsafe start < end else { break }
            if unsafe start.pointee == 0x0a || start.pointee == 0x0d {
                position += 1
                continue
            }
            guard case .row(let behind) = unsafe scan.scan(start, end: end, isLast: isLast) else {
                if isLast { hasEnded = true }
                return
            }
            position = unsafe behind - (UnsafePointer(block.base) + block.start)
            observeRow()
        }
        if isLast && !isDone { hasEnded = true }
    }

    private func observeRow() {
        let isFirst = isAtFileStart
        isAtFileStart = false
        if names.isEmpty {
            hasHeader = hasHeader ?? looksLikeHeader
            beginColumns(hasHeader == true)
        }
        // Each file has the line of names.
        if isFirst && hasHeader == true { return }
        rows += 1
        for index in 0..<min(scan.count, names.count) {
            let span = scan.spans[index]
            guard unsafe span.end > span.start, !scan.isNull(span) else { continue }
            let written = scan.unescaped(span)
            if span.hasDoubled || written != nil {
                unsafe (written ?? CSVScan.text(span)).withUnsafeBytes {
                    unsafe evidence[index].observe(plain: $0)
                }
            } else {
                unsafe evidence[index].observe(
                    plain: UnsafeRawBufferPointer(start: span.start, count: span.end - span.start))
            }
        }
    }

    /// Names are words: not numbers, times or truth values. Some may be missing or come twice.
    private var looksLikeHeader: Bool {
        var hasName = false
        for index in 0..<scan.count {
            let text = CSVScan.text(scan.spans[index])
            guard !text.isEmpty else { continue }
            let probe = TypeEvidence()
            unsafe text.withUnsafeBytes { unsafe probe.observe(plain: $0) }
            guard probe.type == .text else { return false }
            hasName = true
        }
        return hasName
    }

    private func beginColumns(_ isHeader: Bool) {
        var taken: Set<[UInt8]> = []
        for index in 0..<scan.count {
            let span = scan.spans[index]
            var name = isHeader ? scan.unescaped(span) ?? CSVScan.text(span) : []
            if name.isEmpty { name = Array("column\(index + 1)".utf8) }
            let plain = name
            var suffix = 1
            while !taken.insert(name).inserted {
                name = plain + Array("_\(suffix)".utf8)
                suffix += 1
            }
            names.append(name)
            evidence.append(TypeEvidence())
        }
    }
}

/// The first lines of logfmt.
public final class LogfmtSampler: TextSampler {
    private var indices: [[UInt8]: Int] = [:]

    public override init(wanted: Set<String>?, rowsMin: Int) {
        super.init(wanted: wanted, rowsMin: rowsMin)
    }

    override func areNamesKnown(_ wanted: Set<String>) -> Bool {
        let known = Set(names.indices.map { name($0).lowercased() })
        return wanted.subtracting(["_file", "_line"]).isSubset(of: known)
    }

    public override func observe(_ block: InputBlock, isLast: Bool) {
        while !isDone {
            let start = block.start + position
            guard start < block.end else { break }
            let found = ByteScan.firstIndex(of: 0x0a, in: block.bytes(start..<block.end), from: 0)
            guard found != nil || isLast else { return }
            let end = found.map { $0 + start } ?? block.end
            unsafe observeLine(block.base + start, block.base + end)
            position = min(end + 1, block.end) - block.start
        }
        if isLast && !isDone { hasEnded = true }
    }

    private func observeLine(_ start: Cursor, _ lineEnd: Cursor) {
        var end = unsafe lineEnd
        if unsafe end > start && end[-1] == 0x0d { unsafe end -= 1 }
        guard unsafe end > start, unsafe BufferedReader.isText(start, end) else { return }
        var cursor = unsafe start
        var isBroken = false
        while let pair = unsafe LogfmtScan.next(&cursor, end, &isBroken) {
            let column = unsafe column(
                Array(
                    UnsafeBufferPointer(
                        start: pair.nameStart, count: pair.nameEnd - pair.nameStart)))
            guard let value = unsafe pair.value else {
                var word: [UInt8] = [0x74, 0x72, 0x75, 0x65]
                unsafe word.withUnsafeMutableBytes {
                    unsafe column.observe(plain: UnsafeRawBufferPointer($0))
                }
                continue
            }
            guard unsafe value.end > value.start else { continue }
            unsafe column.observe(
                plain: UnsafeRawBufferPointer(start: value.start, count: value.end - value.start))
        }
        if !isBroken { rows += 1 }
    }

    private func column(_ name: [UInt8]) -> TypeEvidence {
        if let index = indices[name] { return evidence[index] }
        indices[name] = names.count
        names.append(name)
        evidence.append(TypeEvidence())
        return evidence[names.count - 1]
    }
}
