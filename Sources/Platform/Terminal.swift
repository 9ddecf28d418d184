import CSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The terminal on stdin, key by key: no echo, no line editing of its own, Ctrl-C as a byte. Used
/// by one thread.
public final class Terminal {
    private var saved = termios()
    /// As it was, but that Ctrl-C is not shown: that would stand in front of what is written next.
    private var between = termios()
    private var isRaw = false

    /// nil when stdin is no terminal.
    public init?() {
        guard unsafe tcgetattr(STDIN_FILENO, &saved) == 0 else { return nil }
        between = saved
        between.c_lflag &= ~tcflag_t(ECHOCTL)
    }

    deinit { restore() }

    /// As it was at first.
    public func restore() {
        _ = unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &saved)
        isRaw = false
    }

    public func enterRawMode() {
        guard !isRaw else { return }
        var raw = saved
        raw.c_lflag &= ~tcflag_t(ECHO | ICANON | IEXTEN | ISIG)
        raw.c_iflag &= ~tcflag_t(IXON | ICRNL | INLCR)
        // Output is still processed, so a newline returns the carriage.
        isRaw = unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0
    }

    public func leaveRawMode() {
        guard isRaw else { return }
        _ = unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &between)
        isRaw = false
    }

    /// The bytes of the keys that were pressed; waits for at least one. Empty at the end of input.
    public func readKeys() throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe bytes.withUnsafeMutableBytes {
                unsafe readTerminal($0.baseAddress, $0.count)
            }
            if count >= 0 { return Array(bytes[..<count]) }
            guard errno == EINTR || errno == EAGAIN else {
                throw SystemError.last("read", "the terminal")
            }
        }
    }
}

private func readTerminal(_ target: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    unsafe read(STDIN_FILENO, target, count)
}
