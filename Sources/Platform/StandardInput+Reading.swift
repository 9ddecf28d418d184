#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension StandardInput {
    /// All that comes on standard input until it ends, but at most one byte more than `limit`, by
    /// which the caller sees that there is too much. Blocks.
    public static func readAll(limit: Int) throws(SystemError) -> [UInt8] {
        try readToEnd(of: descriptor, limit: limit, named: "standard input")
    }

    /// The same of a file, which may be a pipe.
    public static func readAll(path: String, limit: Int) throws(SystemError) -> [UInt8] {
        let file = uninterrupted { unsafe open(path, O_RDONLY | O_CLOEXEC) }
        guard file >= 0 else { throw SystemError.last("open", path) }
        defer { close(file) }
        return try readToEnd(of: file, limit: limit, named: path)
    }

    private static func readToEnd(
        of descriptor: CInt, limit: Int, named name: String
    ) throws(SystemError) -> [UInt8] {
        var all: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 * 1024)
        while all.count <= limit {
            let count = unsafe piece.withUnsafeMutableBytes { buffer in
                uninterrupted { unsafe read(descriptor, buffer.baseAddress, buffer.count) }
            }
            if count > 0 {
                all.append(contentsOf: piece.prefix(min(count, limit + 1 - all.count)))
            } else if count == 0 {
                break
            } else if errno == EAGAIN {
                // The descriptor is shared with a process that made it non-blocking.
                var waited = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                unsafe poll(&waited, 1, -1)
            } else {
                throw SystemError.last("read", name)
            }
        }
        return all
    }
}
