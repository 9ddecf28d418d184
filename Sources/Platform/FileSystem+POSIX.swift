import CSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The machine's file system.
public struct POSIXFileSystem: FileSystem {
    public init() {}

    public func open(_ path: String) throws(SystemError) -> any File {
        try POSIXFile(path, O_RDWR, "open")
    }

    public func openReadOnly(_ path: String) throws(SystemError) -> any File {
        try POSIXFile(path, O_RDONLY, "open")
    }

    public func create(_ path: String) throws(SystemError) -> any File {
        try POSIXFile(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, "create")
    }

    public func makeDirectory(_ path: String) throws(SystemError) {
        if unsafe mkdir(path, 0o700) == -1 && errno != EEXIST {
            throw SystemError.last("make directory", path)
        }
    }

    public func list(_ path: String) throws(SystemError) -> [String] {
        guard let directory = unsafe opendir(path) else { throw SystemError.last("list", path) }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
                    unsafe String(cString: $0)
                }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    public func exists(_ path: String) -> Bool {
        unsafe access(path, F_OK) == 0
    }

    public func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    public func rename(_ source: String, to target: String) throws(SystemError) {
        #if canImport(Darwin)
            let status = Darwin.rename(source, target)
        #elseif canImport(Musl)
            let status = Musl.rename(source, target)
        #else
            let status = unsafe Glibc.rename(source, target)
        #endif
        if status == -1 { throw SystemError.last("rename", source) }
    }

    public func remove(_ path: String) throws(SystemError) {
        if unsafe unlink(path) == -1 { throw SystemError.last("remove", path) }
    }

    public func removeDirectory(_ path: String) throws(SystemError) {
        if unsafe rmdir(path) == -1 { throw SystemError.last("remove", path) }
    }

    public func syncDirectory(_ path: String) throws(SystemError) {
        let descriptor = openDescriptor(path, O_RDONLY | O_DIRECTORY)
        guard descriptor >= 0 else { throw SystemError.last("open", path) }
        defer { closeDescriptor(descriptor) }
        if uninterrupted({ fsync(descriptor) }) == -1 { throw SystemError.last("sync", path) }
    }

    public func space(_ path: String) throws(SystemError) -> (free: Int64, total: Int64) {
        var status = statvfs()
        guard unsafe statvfs(path, &status) == 0 else { throw SystemError.last("stat", path) }
        let unit = Int64(status.f_frsize)
        return (Int64(status.f_bavail) * unit, Int64(status.f_blocks) * unit)
    }

    /// What the file system that holds `path` is called, such as "ext4".
    public func kind(_ path: String) -> String {
        #if os(Linux)
            let magic = unsafe rtd_file_system(path)
            return Self.names[magic] ?? "file system 0x" + String(magic, radix: 16)
        #else
            var status = statfs()
            guard unsafe statfs(path, &status) == 0 else { return "an unknown file system" }
            return unsafe withUnsafeBytes(of: &status.f_fstypename) { name in
                unsafe String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
            }
        #endif
    }

    /// Names by the magic numbers of statfs(2).
    private static let names: [UInt32: String] = [
        0xef53: "ext4", 0x5846_5342: "xfs", 0x9123_683e: "btrfs", 0x0102_1994: "tmpfs",
        0x794c_7630: "overlay", 0x2fc1_2fc1: "zfs", 0x6969: "nfs", 0xf2f5_2010: "f2fs",
        0x6573_5546: "fuse", 0x0102_1997: "9p", 0xca45_1a4e: "bcachefs",
    ]

    /// The user that owns `path`, and whether others may write there; nil if it does not exist.
    public func owner(_ path: String) -> (user: UInt32, writableByOthers: Bool)? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return (UInt32(status.st_uid), status.st_mode & (S_IWGRP | S_IWOTH) != 0)
    }

    /// Something that differs when another file has the name, or other bytes; nil for no file.
    public func stamp(_ path: String) -> String? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        #if os(Linux)
            let time = status.st_mtim
        #else
            let time = status.st_mtimespec
        #endif
        return "\(status.st_ino) \(status.st_size) \(time.tv_sec).\(time.tv_nsec)"
    }

    /// Whether a file that holds a secret is open to other users: to the group too, unless it is
    /// root's, as mounted secrets are. A pipe is nobody else's.
    public func isOpenToOthers(_ path: String) -> Bool {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return false
        }
        let forbidden: mode_t = status.st_uid == 0 ? 0o027 : 0o077
        return status.st_mode & forbidden != 0
    }
}

/// One open descriptor.
public final class POSIXFile: File, @unchecked Sendable {
    public let path: String
    private let raw: CInt
    /// Guards against two closes; a closed file is not used again.
    private var open = true

    fileprivate init(_ path: String, _ flags: CInt, _ verb: String) throws(SystemError) {
        raw = openDescriptor(path, flags)
        self.path = path
        guard raw >= 0 else { throw SystemError.last(verb, path) }
    }

    /// Takes over a descriptor that is already open, such as a memfd.
    init(descriptor: CInt, path: String) {
        raw = descriptor
        self.path = path
    }

    deinit { close() }

    public var descriptor: CInt? { raw }

    public func close() {
        if open { closeDescriptor(raw) }
        open = false
    }

    public func size() throws(SystemError) -> Int64 {
        var status = stat()
        guard unsafe fstat(raw, &status) == 0 else { throw SystemError.last("stat", path) }
        return Int64(status.st_size)
    }

    public func read(at position: Int64, into target: UnsafeMutableRawBufferPointer)
        throws(SystemError) -> Int
    {
        var done = 0
        while done < target.count {
            let count = uninterrupted {
                unsafe pread(
                    raw, target.baseAddress.map { unsafe $0 + done }, target.count - done,
                    off_t(position) + off_t(done))
            }
            if count < 0 { throw SystemError.last("read", path) }
            if count == 0 { break }
            done += count
        }
        return done
    }

    public func write(at position: Int64, _ source: UnsafeRawBufferPointer) throws(SystemError) {
        try unsafe writeAll(raw, source, at: position, path)
    }

    public func synchronize() throws(SystemError) {
        #if canImport(Darwin)
            let status = uninterrupted { fcntl(raw, F_FULLFSYNC) }
        #else
            let status = uninterrupted { fdatasync(raw) }
        #endif
        // Else never repeated: after a failed sync the kernel has marked the pages clean.
        if status == -1 { throw SystemError.last("sync", path) }
    }

    public func truncate(to size: Int64) throws(SystemError) {
        if uninterrupted({ ftruncate(raw, off_t(size)) }) == -1 {
            throw SystemError.last("truncate", path)
        }
    }

    public func advise(_ advice: FileAdvice, at position: Int64, count: Int64) {
        #if canImport(Glibc)
            let kind: CInt =
                switch advice {
                case .willNeed: POSIX_FADV_WILLNEED
                case .sequential: POSIX_FADV_SEQUENTIAL
                case .dontNeed: POSIX_FADV_DONTNEED
                }
            _ = posix_fadvise(raw, off_t(position), off_t(count), kind)
        #endif
    }
}

/// Writes all of `source`, however little the kernel takes at a time.
func writeAll(
    _ descriptor: CInt, _ source: UnsafeRawBufferPointer, at position: Int64, _ path: String
) throws(SystemError) {
    var done = 0
    while done < source.count {
        let count = uninterrupted {
            unsafe pwrite(
                descriptor, source.baseAddress.map { unsafe $0 + done }, source.count - done,
                off_t(position) + off_t(done))
        }
        if count < 0 { throw SystemError.last("write", path) }
        // What takes nothing and names no reason would be tried for ever.
        if count == 0 {
            throw SystemError(code: SystemError.ioErrorCode, operation: "write", subject: path)
        }
        done += count
    }
}

/// open(2) with O_CLOEXEC and mode 0600; -1 and errno on failure.
func openDescriptor(_ path: String, _ flags: CInt) -> CInt {
    uninterrupted { unsafe open(path, flags | O_CLOEXEC, 0o600) }
}

func closeDescriptor(_ descriptor: CInt) {
    _ = close(descriptor)
}
