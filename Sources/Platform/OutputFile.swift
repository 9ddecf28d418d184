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

    /// Makes the file, or empties it.
    public static func create(_ path: String) throws(SystemError) -> OutputFile {
        let descriptor = uninterrupted { makeFile(path) }
        guard descriptor >= 0 else { throw SystemError.last("create", path) }
        return OutputFile(descriptor, path)
    }

    private init(_ descriptor: CInt, _ path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    public func write(_ bytes: RawSpan) throws(SystemError) {
        try writeAll(bytes, to: descriptor, named: path)
    }

    /// What could not be written is told here at the latest.
    public func close() throws(SystemError) {
        guard closeFile(descriptor) == 0 else { throw SystemError.last("close", path) }
    }
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
