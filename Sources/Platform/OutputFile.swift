import Bytes
import CSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file that a command writes from its start, outside of any data directory.
public final class OutputFile: Sendable {
    private let descriptor: CInt
    private let path: String
    /// Whose place the file takes when it is closed; nil: it has its own.
    private let target: String?

    /// Makes the file, or empties it.
    public static func create(_ path: String) throws(SystemError) -> OutputFile {
        let descriptor = uninterrupted { makeFile(path) }
        guard descriptor >= 0 else { throw SystemError.last("create", path) }
        return OutputFile(descriptor, path)
    }

    /// Makes a file beside `path` that takes its place when it is closed: what stands there stays
    /// until then. A link is followed; what is no file, such as a pipe, is written itself.
    public static func replacing(_ path: String) throws(SystemError) -> OutputFile {
        let target = resolved(path)
        var status = stat()
        let exists = unsafe stat(target, &status) == 0
        if exists, status.st_mode & S_IFMT != S_IFREG { return try create(path) }
        let slash = target.lastIndex(of: "/").map { target.index(after: $0) }
        let start = slash ?? target.startIndex
        let number = UInt32.random(in: 0 ... .max)
        let beside = "\(target[..<start]).\(target[start...]).\(number)"
        let descriptor = uninterrupted { makeNewFile(beside) }
        guard descriptor >= 0 else { throw SystemError.last("create", path) }
        // Who may read the old file may read the new one.
        if exists { _ = fchmod(descriptor, status.st_mode & 0o7777) }
        return OutputFile(descriptor, beside, target: target)
    }

    private init(_ descriptor: CInt, _ path: String, target: String? = nil) {
        self.descriptor = descriptor
        self.path = path
        self.target = target
    }

    public func write(_ bytes: RawSpan) throws(SystemError) {
        try writeAll(bytes, to: descriptor, named: path)
    }

    /// What could not be written is told here at the latest.
    public func close() throws(SystemError) {
        if target != nil, fsync(descriptor) != 0 { throw SystemError.last("sync", path) }
        guard closeFile(descriptor) == 0 else { throw SystemError.last("close", path) }
        if let target, renameFile(path, target) != 0 { throw SystemError.last("rename", path) }
    }

    /// Instead of `close`: what would have taken another's place is gone.
    public func discard() {
        _ = closeFile(descriptor)
        if target != nil { _ = unsafe unlink(path) }
    }
}

/// Where a link leads; of what is not there, the path.
private func resolved(_ path: String) -> String {
    guard let found = unsafe realpath(path, nil) else { return path }
    defer { unsafe free(found) }
    return unsafe String(cString: found)
}

private func makeNewFile(_ path: String) -> CInt {
    unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
}

private func renameFile(_ source: String, _ target: String) -> CInt {
    unsafe rename(source, target)
}

private func makeFile(_ path: String) -> CInt {
    unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
}

private func closeFile(_ descriptor: CInt) -> CInt { close(descriptor) }

/// A small file of the user's own that grows by lines, such as a history.
public enum PrivateFile {
    /// Appends in one write; makes the file and the folders above it, for the owner only. What
    /// cannot be written is lost.
    public static func append(_ text: String, to path: String) {
        makeFolders(above: path)
        let descriptor = uninterrupted { openPrivate(path) }
        guard descriptor >= 0 else { return }
        try? writeAll(Array(text.utf8).rawSpan, to: descriptor, named: path)
        _ = closeFile(descriptor)
    }

    /// Puts a new file of the same name in the place of the old. What cannot be written changes
    /// nothing.
    public static func replace(_ text: String, at path: String) {
        makeFolders(above: path)
        let beside = path + ".new"
        _ = unsafe unlink(beside)
        let descriptor = uninterrupted { openPrivate(beside) }
        guard descriptor >= 0 else { return }
        do throws(SystemError) {
            try writeAll(Array(text.utf8).rawSpan, to: descriptor, named: beside)
            _ = closeFile(descriptor)
            _ = unsafe rename(beside, path)
        } catch {
            _ = closeFile(descriptor)
            _ = unsafe unlink(beside)
        }
    }

    private static func makeFolders(above path: String) {
        var folder = ""
        for part in path.split(separator: "/").dropLast() {
            folder += "/" + part
            _ = unsafe mkdir(folder, 0o700)
        }
    }
}

private func openPrivate(_ path: String) -> CInt {
    unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
}
