/// A file system in memory that loses and tears what was not synced, as a machine does that loses
/// power.
///
/// Per file it keeps the durable bytes and the operations since the last sync, per directory the
/// durable names and the changes since `syncDirectory`; directories in the root are durable at
/// once. `crash(seed:)` makes the file system that a
/// machine could find after a power cut; the same seed gives the same. `killed()` makes the one
/// after kill -9. Faults are asked for by count. Any thread may call; one lock guards all.
public final class SimulatedFileSystem: FileSystem, @unchecked Sendable {
    /// What can be made to fail.
    public enum Call: Sendable, Hashable {
        case read, write, sync, syncDirectory, create, rename, remove, truncate
    }

    final class Node {
        /// What reads see: the page cache.
        var current: [UInt8]
        /// What a power cut leaves.
        var durable: [UInt8]
        var pending: [Operation] = []

        init(current: [UInt8] = [], durable: [UInt8] = []) {
            self.current = current
            self.durable = durable
        }
    }

    enum Operation {
        case write(position: Int, bytes: [UInt8])
        case resize(Int)
    }

    enum NameChange {
        case create(String, Node)
        case remove(String)
        case rename(String, String, Node)
        case makeDirectory(String)
        case removeDirectory(String)
    }

    /// What is on the disk of the names.
    struct DurableNames {
        var files: [String: Node] = [:]
        var directories: Set<String> = []
    }

    /// The lock also guards the nodes, for the files that are open.
    let lock = Lock()
    var names = FileNames<Node>()
    var durableNames = DurableNames()
    var changes: [String: [NameChange]] = [:]
    private var failures: [Call: [(call: Int, code: CInt)]] = [:]
    private var callCounts: [Call: Int] = [:]
    private var written: Int64 = 0
    private var budget: Int64?
    private var freeBytes: Int64 = 1 << 40

    public init() {}

    // What tests turn.

    /// Makes the `n`-th next call of a kind (1 is the next one) fail with `code`. A failing sync
    /// drops what was pending and marks it clean, as Linux does; a failing write writes half.
    public func fail(_ call: Call, after n: Int, code: CInt = SystemError.ioErrorCode) {
        lock.withLock {
            failures[call, default: []].append((callCounts[call, default: 0] + n, code))
        }
    }

    /// From now on only `bytes` can be added to files; nil lifts the limit.
    public func setBudget(_ bytes: Int64?) {
        lock.withLock { budget = bytes.map { written + $0 } }
    }

    /// What `space` tells.
    public func setFreeBytes(_ bytes: Int64) {
        lock.withLock { freeBytes = bytes }
    }

    /// Calls of a kind so far.
    public func count(_ call: Call) -> Int {
        lock.withLock { callCounts[call, default: 0] }
    }

    public func contents(_ path: String) -> [UInt8]? {
        lock.withLock { names.files[path]?.current }
    }

    /// Replaces a file's bytes on the disk and in memory: rot, or an old copy put back.
    public func setContents(_ path: String, _ bytes: [UInt8]) {
        lock.withLock {
            let node = names.files[path] ?? Node()
            node.current = bytes
            node.durable = bytes
            node.pending = []
            names.files[path] = node
            durableNames.files[path] = node
        }
    }

    /// All files, sorted by path.
    public var paths: [String] { lock.withLock { names.files.keys.sorted() } }

    /// Throws if this call is one that was to fail. Under the lock.
    func count(_ call: Call, _ verb: String, _ path: String) throws(SystemError) {
        let number = callCounts[call, default: 0] + 1
        callCounts[call] = number
        if let failure = failures[call]?.first(where: { $0.call == number }) {
            throw SystemError(code: failure.code, operation: verb, subject: path)
        }
    }

    /// How many of `count` bytes may be added now. Under the lock.
    func take(_ count: Int) -> Int {
        let room = budget.map { max(0, $0 - written) } ?? Int64.max
        let taken = min(Int64(count), room)
        written += taken
        return Int(taken)
    }
}

extension SimulatedFileSystem {
    public func open(_ path: String) throws(SystemError) -> any File {
        try lock.withLock { () throws(SystemError) in
            SimulatedFile(path: path, node: try names.node(path, "open"), fileSystem: self)
        }
    }

    public func openReadOnly(_ path: String) throws(SystemError) -> any File { try open(path) }

    public func create(_ path: String) throws(SystemError) -> any File {
        try lock.withLock { () throws(SystemError) in
            try count(.create, "create", path)
            try names.checkIsFree(path)
            let node = Node()
            names.files[path] = node
            changes[Self.parent(of: path), default: []].append(.create(path, node))
            return SimulatedFile(path: path, node: node, fileSystem: self)
        }
    }

    public func makeDirectory(_ path: String) throws(SystemError) {
        lock.withLock {
            guard names.directories.insert(path).inserted else { return }
            let parent = Self.parent(of: path)
            if parent == "/" || parent == "." {
                durableNames.directories.insert(path)
            } else {
                changes[parent, default: []].append(.makeDirectory(path))
            }
        }
    }

    public func list(_ path: String) throws(SystemError) -> [String] {
        lock.withLock { names.list(path) }
    }

    public func exists(_ path: String) -> Bool { lock.withLock { names.exists(path) } }

    public func isDirectory(_ path: String) -> Bool {
        lock.withLock { names.directories.contains(path) }
    }

    public func rename(_ source: String, to target: String) throws(SystemError) {
        try lock.withLock { () throws(SystemError) in
            try count(.rename, "rename", source)
            let node = try names.take(source, "rename")
            names.files[target] = node
            changes[Self.parent(of: target), default: []].append(.rename(source, target, node))
        }
    }

    public func remove(_ path: String) throws(SystemError) {
        try lock.withLock { () throws(SystemError) in
            try count(.remove, "remove", path)
            _ = try names.take(path, "remove")
            changes[Self.parent(of: path), default: []].append(.remove(path))
        }
    }

    public func removeDirectory(_ path: String) throws(SystemError) {
        lock.withLock {
            guard names.directories.remove(path) != nil else { return }
            changes[Self.parent(of: path), default: []].append(.removeDirectory(path))
        }
    }

    public func syncDirectory(_ path: String) throws(SystemError) {
        try lock.withLock { () throws(SystemError) in
            try count(.syncDirectory, "sync", path)
            for change in changes[path] ?? [] { Self.apply(change, to: &durableNames) }
            changes[path] = nil
        }
    }

    public func space(_ path: String) throws(SystemError) -> (free: Int64, total: Int64) {
        lock.withLock { (freeBytes, 1 << 40) }
    }

    static func apply(_ change: NameChange, to names: inout DurableNames) {
        switch change {
        case .create(let path, let node): names.files[path] = node
        case .remove(let path): names.files[path] = nil
        case .rename(let source, let target, let node):
            names.files[source] = nil
            names.files[target] = node
        case .makeDirectory(let path): names.directories.insert(path)
        case .removeDirectory(let path): names.directories.remove(path)
        }
    }
}

/// An open file of a `SimulatedFileSystem`.
final class SimulatedFile: File, @unchecked Sendable {
    let path: String
    private let node: SimulatedFileSystem.Node
    private let fileSystem: SimulatedFileSystem

    init(path: String, node: SimulatedFileSystem.Node, fileSystem: SimulatedFileSystem) {
        self.path = path
        self.node = node
        self.fileSystem = fileSystem
    }

    var descriptor: CInt? { nil }

    func size() throws(SystemError) -> Int64 {
        fileSystem.lock.withLock { Int64(node.current.count) }
    }

    func read(at position: Int64, into target: UnsafeMutableRawBufferPointer)
        throws(SystemError) -> Int
    {
        try fileSystem.lock.withLock { () throws(SystemError) in
            try fileSystem.count(.read, "read", path)
            let start = min(Int(position), node.current.count)
            let count = min(target.count, node.current.count - start)
            unsafe target.copyBytes(from: node.current[start..<start + count])
            return count
        }
    }

    func write(at position: Int64, _ source: UnsafeRawBufferPointer) throws(SystemError) {
        try fileSystem.lock.withLock { () throws(SystemError) in
            let start = Int(position)
            do throws(SystemError) {
                try fileSystem.count(.write, "write", path)
            } catch {
                unsafe put(Array(source.prefix(source.count / 2)), at: start)
                throw error
            }
            let added = max(0, start + source.count - node.current.count)
            let missing = added - fileSystem.take(added)
            unsafe put(Array(source.prefix(source.count - missing)), at: start)
            if missing > 0 {
                throw SystemError(
                    code: SystemError.noSpaceCode, operation: "write", subject: path)
            }
        }
    }

    private func put(_ bytes: [UInt8], at position: Int) {
        guard !bytes.isEmpty else { return }
        node.current.put(bytes, at: position)
        node.pending.append(.write(position: position, bytes: bytes))
    }

    func synchronize() throws(SystemError) {
        try fileSystem.lock.withLock { () throws(SystemError) in
            let pending = node.pending
            node.pending = []
            // A failed sync leaves the pages clean: they are in the cache, and never on the disk.
            try fileSystem.count(.sync, "sync", path)
            for operation in pending {
                switch operation {
                case .write(let position, let bytes): node.durable.put(bytes, at: position)
                case .resize(let size): node.durable.resize(size)
                }
            }
        }
    }

    func truncate(to size: Int64) throws(SystemError) {
        try fileSystem.lock.withLock { () throws(SystemError) in
            try fileSystem.count(.truncate, "truncate", path)
            node.current.resize(Int(size))
            node.pending.append(.resize(Int(size)))
        }
    }

    func advise(_ advice: FileAdvice, at position: Int64, count: Int64) {}
    func close() {}
}

extension [UInt8] {
    /// Overwrites from `position` on; a hole in front is filled with zeros.
    fileprivate mutating func put(_ bytes: [UInt8], at position: Int) {
        if count < position + bytes.count { resize(position + bytes.count) }
        replaceSubrange(position..<position + bytes.count, with: bytes)
    }

    fileprivate mutating func resize(_ size: Int) {
        if count > size {
            removeLast(count - size)
        } else {
            append(contentsOf: repeatElement(0, count: size - count))
        }
    }
}

extension SimulatedFileSystem {
    /// The disk as kill -9 of the process leaves it: all that was written, none of it synced since.
    public func killed() -> SimulatedFileSystem {
        lock.withLock {
            let copy = SimulatedFileSystem()
            var nodes: [ObjectIdentifier: Node] = [:]
            func duplicate(_ node: Node) -> Node {
                if let made = nodes[ObjectIdentifier(node)] { return made }
                let made = Node(current: node.current, durable: node.durable)
                made.pending = node.pending
                nodes[ObjectIdentifier(node)] = made
                return made
            }
            copy.names.directories = names.directories
            copy.names.files = names.files.mapValues(duplicate)
            copy.durableNames.files = durableNames.files.mapValues(duplicate)
            copy.durableNames.directories = durableNames.directories
            copy.changes = changes.mapValues { list in
                list.map { change in
                    switch change {
                    case .create(let path, let node): .create(path, duplicate(node))
                    case .remove, .makeDirectory, .removeDirectory: change
                    case .rename(let a, let b, let node): .rename(a, b, duplicate(node))
                    }
                }
            }
            return copy
        }
    }

    /// The disk as a power cut can leave it: the durable bytes and any part of what was not synced.
    public func crash(seed: UInt64) -> SimulatedFileSystem {
        var random = SeededRandom(seed: seed)
        return lock.withLock {
            let copy = SimulatedFileSystem()
            var names = durableNames
            for directory in changes.keys.sorted() {
                for change in changes[directory] ?? [] where random.chance(1, in: 2) {
                    Self.apply(change, to: &names)
                }
            }
            names.loseWhatIsInLostDirectories()
            for path in names.files.keys.sorted() {
                guard let node = names.files[path] else { continue }
                let bytes = Self.torn(node, &random)
                copy.names.files[path] = Node(current: bytes, durable: bytes)
            }
            copy.names.directories = names.directories
            copy.durableNames.files = copy.names.files
            copy.durableNames.directories = names.directories
            return copy
        }
    }

    /// Durable bytes plus some of the pending operations: in any order, in part, or as zeros.
    private static func torn(_ node: Node, _ random: inout SeededRandom) -> [UInt8] {
        var bytes = node.durable
        // What share of the operations reaches the disk differs from crash to crash.
        let share = [0, 2, 5, 8, 10][random.below(5)]
        var chosen = node.pending.filter { _ in random.chance(share, in: 10) }
        if random.chance(1, in: 4) { chosen = random.shuffled(chosen) }
        for (number, operation) in chosen.enumerated() {
            switch operation {
            case .resize(let size): bytes.resize(size)
            case .write(let position, let data):
                let isLast = number == chosen.count - 1
                apply(
                    data, at: position, isLast: isLast, durableSize: node.durable.count,
                    to: &bytes, &random)
            }
        }
        return bytes
    }

    private static func apply(
        _ data: [UInt8], at position: Int, isLast: Bool, durableSize: Int, to bytes: inout [UInt8],
        _ random: inout SeededRandom
    ) {
        switch random.below(8) {
        case 0 where isLast:
            // Torn at a byte: only the last write can be.
            bytes.put(Array(data.prefix(random.below(data.count + 1))), at: position)
        case 1:
            // The size came to the disk, the data did not.
            if bytes.count < position + data.count { bytes.resize(position + data.count) }
        case 2, 3:
            for sector in sectors(of: data, at: position) where random.chance(1, in: 2) {
                let part = Array(data[sector.lowerBound - position..<sector.upperBound - position])
                // Zeros come from blocks that were allocated and not yet written.
                let isZeroed = random.chance(1, in: 4) && sector.lowerBound >= durableSize
                bytes.put(
                    isZeroed ? [UInt8](repeating: 0, count: part.count) : part,
                    at: sector.lowerBound)
            }
        default:
            bytes.put(data, at: position)
        }
    }

    /// The pieces of a write that are 512-byte sectors of the file.
    private static func sectors(of data: [UInt8], at position: Int) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        var start = position
        while start < position + data.count {
            let end = min(position + data.count, (start / 512 + 1) * 512)
            pieces.append(start..<end)
            start = end
        }
        return pieces
    }
}

extension SimulatedFileSystem.DurableNames {
    /// A directory whose name did not reach the disk takes along what is in it.
    fileprivate mutating func loseWhatIsInLostDirectories() {
        let found = directories
        func isThere(_ path: String) -> Bool {
            let parent = SimulatedFileSystem.parent(of: path)
            return parent == "/" || parent == "." || found.contains(parent) && isThere(parent)
        }
        directories = directories.filter(isThere)
        files = files.filter { isThere($0.key) }
    }
}
