import Bytes
import CSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The data side of a command. Writes go to the descriptor at once, from any thread; callers that
/// write often gather their bytes first.
public enum StandardOutput {
    public static let descriptor: CInt = STDOUT_FILENO

    /// Writes all of it, or throws what the system said; `isBrokenPipe` tells that the reader left.
    public static func write(_ bytes: [UInt8]) throws(SystemError) {
        try write(bytes.rawSpan)
    }

    public static func write(_ text: String) throws(SystemError) {
        try write(Array(text.utf8))
    }

    /// The same for bytes that lie elsewhere.
    public static func write(_ bytes: RawSpan) throws(SystemError) {
        try writeAll(bytes, to: descriptor, named: "standard output")
    }

    /// Blocks until the reader of a pipe, socket or terminal has left; for ever on a file.
    public static func waitForReaderToLeave() {
        // POLLERR and POLLHUP are reported unasked.
        var waited = pollfd(fd: descriptor, events: 0, revents: 0)
        while true {
            let count = uninterrupted { unsafe poll(&waited, 1, -1) }
            if count > 0, waited.revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0 { return }
        }
    }

    public static var isTerminal: Bool { isatty(descriptor) == 1 }

    /// Which regular file it is and how long that is; nil for what is none.
    public static var regularFile: (device: UInt64, file: UInt64, size: Int64)? {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        return (UInt64(status.st_dev), UInt64(status.st_ino), Int64(status.st_size))
    }

    /// Makes what was written to a regular file durable.
    public static func synchronize() throws(SystemError) {
        if fsync(descriptor) == -1 { throw SystemError.last("sync", "standard output") }
    }

    /// Cuts a regular file; what is written next comes behind its new end.
    public static func cut(to size: Int64) throws(SystemError) {
        guard ftruncate(descriptor, off_t(size)) == 0,
            lseek(descriptor, off_t(size), SEEK_SET) >= 0
        else { throw SystemError.last("cut", "standard output") }
    }

    /// The width of the terminal, nil when it is none or does not tell.
    public static var columns: Int? { terminalSize(descriptor)?.columns }

    /// Its height.
    public static var rows: Int? { terminalSize(descriptor)?.rows }
}

/// The side for people: one line a message. What cannot be written there is lost, for there is
/// nowhere to say so.
public enum StandardError {
    public static let descriptor: CInt = STDERR_FILENO

    /// Writes the line and its newline in one call, so that lines of several processes do not mix.
    public static func write(line: String) {
        write(line + "\n")
    }

    /// Writes a text as it is, such as a progress line that is drawn over.
    public static func write(_ text: String) {
        try? writeAll(Array(text.utf8).rawSpan, to: descriptor, named: "standard error")
    }

    public static var isTerminal: Bool { isatty(descriptor) == 1 }

    public static var columns: Int? { terminalSize(descriptor)?.columns }

    /// Empties the file that it goes to, which was opened for appending.
    public static func truncate() {
        _ = ftruncate(descriptor, 0)
    }
}

public enum StandardInput {
    public static let descriptor: CInt = STDIN_FILENO

    public static var isTerminal: Bool { isatty(descriptor) == 1 }
}

/// The environment and the end of this process.
public enum ProcessEnvironment {
    /// The variable's value, nil when it is not set.
    public static func value(_ name: String) -> String? {
        // getenv's pointer stays valid until the variable is changed, which nothing here does.
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    /// A write to a pipe or socket without a reader fails with EPIPE instead of ending the process.
    /// Called once, at the start.
    public static func ignoreBrokenPipes() {
        _ = signal(SIGPIPE, SIG_IGN)
    }

    /// Fills the places of closed standard streams, so that no socket or file takes them. What is
    /// put there cannot be used: reading stdin and writing the others fail as on a closed one.
    /// Called once, before anything is opened.
    public static func reserveStandardDescriptors() {
        for (descriptor, mode) in [
            (STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY),
        ] where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest free number is this one.
            _ = unsafe open("/dev/null", mode)
        }
    }

    /// Ends the process without running exit handlers or waiting for other threads.
    public static func exit(_ status: CInt) -> Never {
        _exit(status)
    }
}

func writeAll(
    _ bytes: RawSpan, to descriptor: CInt, named name: String
) throws(SystemError) {
    var start = 0
    while start < bytes.byteCount {
        let rest = bytes.extracting(droppingFirst: start)
        let written = unsafe rest.withUnsafeBytes { buffer in
            uninterrupted { unsafe write(descriptor, buffer.baseAddress, buffer.count) }
        }
        if written >= 0 {
            start += written
        } else if errno == EAGAIN {
            // The descriptor is shared with a process that made it non-blocking.
            var waited = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            unsafe poll(&waited, 1, -1)
        } else {
            throw SystemError.last("write to", name)
        }
    }
}

private func terminalSize(_ descriptor: CInt) -> (columns: Int, rows: Int)? {
    var size = winsize()
    guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
        return nil
    }
    return (Int(size.ws_col), max(1, Int(size.ws_row)))
}
