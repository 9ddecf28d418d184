import Bytes

/// Everything that storage asks of the disk; the real one is `POSIXFileSystem`, its simulated twin
/// loses and tears what was not synced.
///
/// Paths are absolute or relative to the working directory. Calls block and come from any thread.
public protocol FileSystem: Sendable {
    /// Opens an existing file for reading and writing.
    func open(_ path: String) throws(SystemError) -> any File
    /// Opens an existing file for reading only.
    func openReadOnly(_ path: String) throws(SystemError) -> any File
    /// Creates a file that must not exist yet (mode 0600).
    func create(_ path: String) throws(SystemError) -> any File
    /// Makes one directory (mode 0700), durable after `syncDirectory` of the one above; an existing
    /// one is no error.
    func makeDirectory(_ path: String) throws(SystemError)
    /// Names in a directory, without "." and "..", sorted.
    func list(_ path: String) throws(SystemError) -> [String]
    func exists(_ path: String) -> Bool
    func isDirectory(_ path: String) -> Bool
    /// Renames over `target`; durable after `syncDirectory`.
    func rename(_ source: String, to target: String) throws(SystemError)
    /// Removes a file; a missing one is an error.
    func remove(_ path: String) throws(SystemError)
    /// Removes an empty directory.
    func removeDirectory(_ path: String) throws(SystemError)
    /// Makes creations, renames and removals in a directory durable.
    func syncDirectory(_ path: String) throws(SystemError)
    /// Free and total bytes of the file system that holds `path`.
    func space(_ path: String) throws(SystemError) -> (free: Int64, total: Int64)
}

/// An open file. Reads and writes carry their position and may come from several threads at once.
public protocol File: AnyObject, Sendable {
    var path: String { get }
    /// Bytes in the file now.
    func size() throws(SystemError) -> Int64
    /// Reads up to `target.count` bytes at `position`; fewer only at the end of the file.
    func read(at position: Int64, into target: UnsafeMutableRawBufferPointer) throws(SystemError)
        -> Int
    /// Writes all of `source` at `position`, or throws; some of it may then have been written.
    func write(at position: Int64, _ source: UnsafeRawBufferPointer) throws(SystemError)
    /// Makes the file's bytes and size durable: fdatasync, on macOS F_FULLFSYNC.
    func synchronize() throws(SystemError)
    func truncate(to size: Int64) throws(SystemError)
    /// The kernel's descriptor, for sendfile; nil when there is none (simulated).
    var descriptor: CInt? { get }
    /// Tells the kernel that these bytes are read soon, or never again.
    func advise(_ advice: FileAdvice, at position: Int64, count: Int64)
    func close()
}

public enum FileAdvice: Sendable {
    case willNeed, sequential, dontNeed
}

extension FileSystem {
    /// Removes a directory with all that is in it; what is missing is no error.
    public func removeTree(_ path: String) throws(SystemError) {
        guard exists(path) else { return }
        if isDirectory(path) {
            for name in try list(path) { try removeTree(path + "/" + name) }
            try removeDirectory(path)
        } else {
            try remove(path)
        }
    }

    /// Makes `path` and the directories above it; what is made is synced unless `isDurable` is
    /// false, for a directory that is lost with the power takes along what is synced in it.
    public func makeDirectories(_ path: String, isDurable: Bool = true) throws(SystemError) {
        guard !path.isEmpty, path != "/", !exists(path) else { return }
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try makeDirectories(String(path[..<slash]), isDurable: isDurable)
        }
        try makeDirectory(path)
        if isDurable { try syncDirectory(Self.parent(of: path)) }
    }

    /// The whole of a small file, at most `limit` bytes.
    public func readAll(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
        let file = try openReadOnly(path)
        defer { file.close() }
        let size = try file.size()
        guard size <= Int64(limit) else {
            throw SystemError(code: SystemError.invalidCode, operation: "read", subject: path)
        }
        return try file.read(at: 0, count: Int(size))
    }

    /// Replaces a file as a whole: temporary file, rename; both synced unless `isDurable` is false.
    public func replace(_ path: String, with bytes: [UInt8], isDurable: Bool = true)
        throws(SystemError)
    {
        try replace(path, isDurable: isDurable) { file throws(SystemError) in
            try file.write(at: 0, bytes)
        }
    }

    /// The same, with what `write` writes into an empty file.
    public func replace(
        _ path: String, isDurable: Bool = true, _ write: (any File) throws(SystemError) -> Void
    ) throws(SystemError) {
        let temporary = path + ".tmp"
        if exists(temporary) { try remove(temporary) }
        let file = try create(temporary)
        do throws(SystemError) {
            try write(file)
            if isDurable { try file.synchronize() }
        } catch {
            file.close()
            throw error
        }
        file.close()
        try rename(temporary, to: path)
        if isDurable { try syncDirectory(Self.parent(of: path)) }
    }

    /// The directory that holds `path`.
    public static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

extension File {
    /// Up to `count` bytes at `position`; fewer only at the end of the file.
    public func read(at position: Int64, count: Int) throws(SystemError) -> [UInt8] {
        do {
            return try unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                initialized = try unsafe read(
                    at: position, into: UnsafeMutableRawBufferPointer(buffer))
            }
        } catch let error as SystemError {
            throw error
        } catch {
            throw SystemError(code: SystemError.ioErrorCode, operation: "read", subject: path)
        }
    }

    /// Fills `target` from `position` on, without taking new memory.
    public func read(at position: Int64, into target: inout [UInt8]) throws(SystemError) {
        let result = unsafe target.withUnsafeMutableBytes { bytes -> Result<Int, SystemError> in
            do throws(SystemError) {
                return .success(unsafe try read(at: position, into: bytes))
            } catch {
                return .failure(error)
            }
        }
        _ = try result.get()
    }

    public func write(at position: Int64, _ bytes: [UInt8]) throws(SystemError) {
        try write(at: position, bytes.rawSpan)
    }

    public func write(at position: Int64, _ bytes: RawSpan) throws(SystemError) {
        do {
            try unsafe bytes.withUnsafeBytes { try unsafe write(at: position, $0) }
        } catch let error as SystemError {
            throw error
        } catch {
            throw SystemError(code: SystemError.ioErrorCode, operation: "write", subject: path)
        }
    }
}
