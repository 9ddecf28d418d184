import CSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Files in memory that have real descriptors, so that sendfile works as with files on a disk:
/// memfd on Linux, elsewhere temporary files without a name. For `--ephemeral`: all is gone at
/// exit.
///
/// A sync does nothing. `space` tells what is left of the limit. Any thread may call.
public final class MemoryFileSystem: FileSystem, @unchecked Sendable {
    private let lock = Lock()
    private var names = FileNames<MemoryFile.Storage>()
    private let bytesMax: Int64

    public init(bytesMax: Int64) {
        self.bytesMax = bytesMax
    }

    public func open(_ path: String) throws(SystemError) -> any File {
        try lock.withLock { () throws(SystemError) in
            MemoryFile(path: path, storage: try names.node(path, "open"))
        }
    }

    public func openReadOnly(_ path: String) throws(SystemError) -> any File { try open(path) }

    public func create(_ path: String) throws(SystemError) -> any File {
        try lock.withLock { () throws(SystemError) in
            try names.checkIsFree(path)
            let storage = MemoryFile.Storage(try POSIXFile(inMemory: path))
            names.files[path] = storage
            return MemoryFile(path: path, storage: storage)
        }
    }

    public func makeDirectory(_ path: String) throws(SystemError) {
        _ = lock.withLock { names.directories.insert(path) }
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
            names.files[target] = try names.take(source, "rename")
        }
    }

    public func remove(_ path: String) throws(SystemError) {
        // The last reference, which closes the descriptor, goes outside of the lock.
        _ = try lock.withLock { () throws(SystemError) in try names.take(path, "remove") }
    }

    public func removeDirectory(_ path: String) throws(SystemError) {
        _ = lock.withLock { names.directories.remove(path) }
    }

    public func syncDirectory(_ path: String) throws(SystemError) {}

    public func space(_ path: String) throws(SystemError) -> (free: Int64, total: Int64) {
        let all = lock.withLock { Array(names.files.values) }
        let used = all.reduce(Int64(0)) { $0 + ((try? $1.file.size()) ?? 0) }
        return (max(0, bytesMax - used), bytesMax)
    }
}

/// An open file in memory: all opens of a name share one descriptor, which closes with the last of
/// them.
final class MemoryFile: File {
    /// The descriptor that name and open files share.
    final class Storage: Sendable {
        let file: POSIXFile
        init(_ file: POSIXFile) { self.file = file }
    }

    let path: String
    private let storage: Storage

    init(path: String, storage: Storage) {
        self.path = path
        self.storage = storage
    }

    var descriptor: CInt? { storage.file.descriptor }
    func size() throws(SystemError) -> Int64 { try storage.file.size() }

    func read(at position: Int64, into target: UnsafeMutableRawBufferPointer)
        throws(SystemError) -> Int
    {
        unsafe try storage.file.read(at: position, into: target)
    }

    func write(at position: Int64, _ source: UnsafeRawBufferPointer) throws(SystemError) {
        unsafe try storage.file.write(at: position, source)
    }

    func truncate(to size: Int64) throws(SystemError) { try storage.file.truncate(to: size) }
    func synchronize() throws(SystemError) {}
    func advise(_ advice: FileAdvice, at position: Int64, count: Int64) {}
    /// The storage lives as long as a name or another open file needs it.
    func close() {}
}

extension POSIXFile {
    /// A new file without a name on any disk.
    fileprivate convenience init(inMemory path: String) throws(SystemError) {
        #if os(Linux)
            let descriptor = unsafe rtd_memory_file("rtd")
        #else
            let name = "/tmp/rtd-\(getpid())-\(SystemRandom().next())"
            let descriptor = openDescriptor(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW)
            if descriptor >= 0 { unlink(name) }
        #endif
        guard descriptor >= 0 else { throw SystemError.last("create", path) }
        self.init(descriptor: descriptor, path: path)
    }
}
