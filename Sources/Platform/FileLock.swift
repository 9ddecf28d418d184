import Bytes
import CSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A lock file that its holder keeps locked with flock(2): gone with the process, whatever ends it.
///
/// The holder writes who it is into the file; others read it to know whom to name.
public final class FileLock: @unchecked Sendable {
    public let path: String
    private let descriptor: CInt

    private init(path: String, descriptor: CInt) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { closeDescriptor(descriptor) }

    /// Takes the lock; nil if another process holds it. A symbolic link is an error, unless it is
    /// to be followed.
    public static func take(
        _ path: String, followsLinks: Bool = false
    ) throws(SystemError) -> FileLock? {
        let descriptor = openDescriptor(
            path, O_RDWR | O_CREAT | (followsLinks ? 0 : O_NOFOLLOW))
        guard descriptor >= 0 else { throw SystemError.last("open", path) }
        if flock(descriptor, LOCK_EX | LOCK_NB) == -1 {
            let error = SystemError.last("lock", path)
            closeDescriptor(descriptor)
            if error.code == EWOULDBLOCK { return nil }
            throw error
        }
        return FileLock(path: path, descriptor: descriptor)
    }

    /// True if some process holds the lock; a missing file is not held. Who looks shares the lock
    /// for a moment: others that look see nobody, but one that takes it then is refused.
    public static func isHeld(_ path: String) -> Bool {
        let descriptor = openDescriptor(path, O_RDWR | O_NOFOLLOW)
        guard descriptor >= 0 else { return false }
        defer { closeDescriptor(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK
    }

    /// Replaces what the file says.
    public func write(_ text: String) throws(SystemError) {
        guard ftruncate(descriptor, 0) == 0 else { throw SystemError.last("write", path) }
        let bytes = Array(text.utf8)
        try unsafe bytes.rawSpan.withUnsafeBytes { all throws(SystemError) in
            try unsafe writeAll(descriptor, all, at: 0, path)
        }
    }

    /// True while `path` still leads to the file that is locked.
    public var isInPlace: Bool {
        var mine = stat()
        var named = stat()
        return unsafe fstat(descriptor, &mine) == 0 && stat(path, &named) == 0
            && mine.st_ino == named.st_ino && mine.st_dev == named.st_dev
    }
}
