import Bytes
import Platform

/// The index of one segment: the newest entries in memory, the others in its file, where they are
/// found by bisection. A sealed segment's index holds nothing in memory.
///
/// Guarded by the lock of its log, but for `StoredEntries`, which reads what no longer changes.
final class SegmentIndex: @unchecked Sendable {
    let path: String
    let identity: IndexIdentity
    private(set) var count: Int
    /// The first `written` entries are in the file.
    private(set) var written: Int
    /// The first `synced` entries survive a power cut.
    var synced: Int
    /// Checksum over the headers of all batches so far.
    private(set) var chain: UInt32
    /// The newest entries, from number `tailStart` on.
    private(set) var tail: [IndexEntry] = []
    private(set) var tailStart: Int
    private(set) var last: IndexEntry?
    private var file: (any File)?
    private let fileSystem: any FileSystem

    /// An index whose first `count` entries are in the file; `last` is the last of them.
    init(
        path: String, identity: IndexIdentity, count: Int, last: IndexEntry?, file: (any File)?,
        fileSystem: any FileSystem
    ) {
        self.path = path
        self.identity = identity
        self.count = count
        self.written = count
        self.synced = count
        self.tailStart = count
        self.last = last
        self.chain = last?.chain ?? identity.chainStart
        self.file = file
        self.fileSystem = fileSystem
    }

    /// Creates the file with its first 40 bytes; one that is there is replaced.
    /// As a temporary one it is named `path` with `.tmp`, for the caller to rename.
    static func create(
        path: String, identity: IndexIdentity, fileSystem: any FileSystem,
        asTemporary: Bool = false
    ) throws(SystemError) -> SegmentIndex {
        let name = asTemporary ? path + ".tmp" : path
        if fileSystem.exists(name) { try fileSystem.remove(name) }
        let file = try fileSystem.create(name)
        try file.write(at: 0, identity.encoded())
        return SegmentIndex(
            path: path, identity: identity, count: 0, last: nil, file: file, fileSystem: fileSystem)
    }

    func openFile() throws(SystemError) -> any File {
        if let file { return file }
        let opened = try fileSystem.open(path)
        file = opened
        return opened
    }

    /// Lets the descriptor go; it is opened again when needed.
    func releaseFile() {
        if written == count { file = nil }
    }

    /// Adds the entry of the next batch, whose chained checksum is `entry.chain`.
    func append(_ entry: IndexEntry) {
        tail.append(entry)
        count &+= 1
        chain = entry.chain
        last = entry
    }

    var unwritten: Int { count - written }

    /// Writes the entries that are not in the file yet, and keeps only the newest in memory.
    func write(keeping kept: Int = Limits.indexEntriesInMemory) throws(SystemError) {
        if written < count {
            // A failed sync may have left it in the page cache only.
            if synced == 0 { try openFile().write(at: 0, identity.encoded()) }
            let bytes = encoded(from: written)
            try openFile().write(at: Int64((written + 1) * IndexEntry.size), bytes)
            written = count
        }
        if tail.count > kept {
            let dropped = tail.count - kept / 2
            tail.removeFirst(dropped)
            tailStart += dropped
        }
    }

    private func encoded(from first: Int) -> [UInt8] {
        let size = (count - first) * IndexEntry.size
        return unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, initialized in
            let target = UnsafeMutableRawBufferPointer(buffer)
            for number in first..<count {
                let start = (number - first) * IndexEntry.size
                unsafe tail[number - tailStart].encode(
                    into: UnsafeMutableRawBufferPointer(
                        rebasing: target[start..<start + IndexEntry.size]),
                    seed: identity.seed(number))
            }
            initialized = size
        }
    }

    /// The entries that are no longer in memory.
    func stored() throws(SystemError) -> StoredEntries {
        StoredEntries(file: try openFile(), count: tailStart, identity: identity)
    }

    /// The first entry in memory for which `holds`, given that it holds for all after it.
    func firstInTail(where holds: (IndexEntry) -> Bool) -> Int {
        var low = 0
        var high = tail.count
        while low < high {
            let middle = (low + high) / 2
            if holds(tail[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

/// Entries in an index file, which no longer change; read from any thread.
struct StoredEntries: Sendable {
    let file: any File
    let count: Int
    let identity: IndexIdentity
    /// Entries read at once at the end of a bisection: about a page.
    private static let block = 100

    /// Entries `range`; nil if one of them is damaged or missing.
    func entries(_ range: Range<Int>) throws(LogError) -> [IndexEntry]? {
        let bytes = try system { () throws(SystemError) in
            try file.read(
                at: Int64((range.lowerBound + 1) * IndexEntry.size),
                count: range.count * IndexEntry.size)
        }
        guard bytes.count == range.count * IndexEntry.size else { return nil }
        var entries: [IndexEntry] = []
        entries.reserveCapacity(range.count)
        for (i, number) in range.enumerated() {
            let start = i * IndexEntry.size
            let span = unsafe bytes.span.bytes.extracting(start..<start + IndexEntry.size)
            guard let entry = IndexEntry(span, seed: identity.seed(number)) else { return nil }
            entries.append(entry)
        }
        return entries
    }

    /// The number of the first entry at or after `start` for which `holds`, given that it holds for
    /// all after it, and that entry; `count` and nil if there is none. Throws `DamagedIndex`.
    func first(from start: Int = 0, where holds: (IndexEntry) -> Bool) throws(LogError)
        -> (number: Int, entry: IndexEntry?)?
    {
        var low = start
        var high = count
        // The end of a fetch is mostly near its start: one read finds it.
        if start > 0, high - low > Self.block {
            guard let near = try entries(low..<low + Self.block) else { return nil }
            for (i, entry) in near.enumerated() where holds(entry) { return (low + i, entry) }
            low += Self.block
        }
        while high - low > Self.block {
            let middle = (low + high) / 2
            guard let entry = try entries(middle..<middle + 1)?.first else { return nil }
            if holds(entry) { high = middle } else { low = middle + 1 }
        }
        let end = min(high + 1, count)
        guard let block = try entries(low..<end) else { return nil }
        for (i, entry) in block.enumerated() where holds(entry) { return (low + i, entry) }
        return (count, nil)
    }
}
