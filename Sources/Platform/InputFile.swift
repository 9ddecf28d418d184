import CSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What a thread reads to its end: a file, a pipe, a terminal. One thread reads; it may block.
public final class InputFile: @unchecked Sendable {
    public enum Readiness: Sendable {
        /// Bytes, the end or an error can be read without waiting.
        case ready
        case timedOut
        /// The stop signal was set.
        case stopped
    }

    /// As messages call it.
    public let name: String
    /// Bytes of a regular file when it was opened; nil for what comes bit by bit.
    public let size: Int64?
    /// Of a regular file.
    public let identity: Identity?
    /// Nanoseconds since 1970, when it was opened.
    public let modified: Int64
    private let descriptor: CInt

    /// Tells files apart that have had the same name.
    public struct Identity: Equatable, Sendable {
        public let device: UInt64
        public let number: UInt64

        public init(device: UInt64, number: UInt64) {
            self.device = device
            self.number = number
        }

        fileprivate init(_ status: stat) {
            device = UInt64(truncatingIfNeeded: status.st_dev)
            number = UInt64(truncatingIfNeeded: status.st_ino)
        }
    }

    /// Bytes that a pipe should hold, so that its two ends switch seldom.
    private static let pipeBytes: CInt = 1 << 20
    /// F_SETPIPE_SZ of Linux, which Glibc's module lacks.
    private static let setPipeSize: CInt = 1031

    private init(_ descriptor: CInt, name: String) {
        self.descriptor = descriptor
        self.name = name
        var status = stat()
        let isKnown = unsafe fstat(descriptor, &status) == 0
        let kind = status.st_mode & S_IFMT
        size = isKnown && kind == S_IFREG ? Int64(status.st_size) : nil
        identity = size == nil ? nil : Identity(status)
        #if canImport(Darwin)
            let time = status.st_mtimespec
        #else
            let time = status.st_mtim
        #endif
        modified = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        #if os(Linux)
            if isKnown && kind == S_IFIFO {
                _ = fcntl(descriptor, Self.setPipeSize, Self.pipeBytes)
            }
        #endif
    }

    public static func standardInput() -> InputFile {
        InputFile(STDIN_FILENO, name: "stdin")
    }

    public static func open(_ path: String) throws(SystemError) -> InputFile {
        let descriptor = uninterrupted { platformOpen(path) }
        guard descriptor >= 0 else { throw SystemError.last("open", path) }
        return InputFile(descriptor, name: path)
    }

    /// The regular file that has the name now, and how long it is; nil if none has.
    public static func status(of path: String) -> (identity: Identity, size: Int64)? {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        return (Identity(status), Int64(status.st_size))
    }

    /// Waits until there is something to read, `nanoseconds` have passed (nil: for ever) or `stop`
    /// is set. A regular file is always ready.
    public func wait(nanoseconds: Int64?, or stop: StopSignal) -> Readiness {
        if stop.isSet { return .stopped }
        if size != nil { return .ready }
        var timeout: CInt = -1
        if let nanoseconds { timeout = CInt(clamping: (max(0, nanoseconds) + 999_999) / 1_000_000) }
        var waited = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        let count = unsafe poll(&waited, nfds_t(waited.count), timeout)
        if stop.isSet { return .stopped }
        return count == 0 || (count < 0 && timeout >= 0) ? .timedOut : .ready
    }

    /// Reads what is there, at least one byte; 0 at the end.
    public func read(into target: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        while true {
            let count = uninterrupted {
                unsafe platformRead(descriptor, target.baseAddress, target.count)
            }
            if count >= 0 { return count }
            guard errno == EAGAIN else { throw SystemError.last("read", name) }
            // The descriptor is shared with a process that made it non-blocking.
            var waited = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            unsafe poll(&waited, 1, -1)
        }
    }

    /// Reads what is there, up to `count` bytes; none at the end.
    public func read(atMost count: Int) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let result = unsafe bytes.withUnsafeMutableBytes { target in
            Result { () throws(SystemError) in try unsafe read(into: target) }
        }
        bytes.removeLast(count - (try result.get()))
        return bytes
    }

    /// The next read of a regular file begins there.
    public func seek(to position: Int64) throws(SystemError) {
        guard lseek(descriptor, off_t(position), SEEK_SET) >= 0 else {
            throw SystemError.last("seek in", name)
        }
    }

    public func close() {
        if descriptor != STDIN_FILENO { closeDescriptor(descriptor) }
    }
}

private func platformOpen(_ path: String) -> CInt { unsafe open(path, O_RDONLY | O_CLOEXEC) }

private func platformRead(
    _ descriptor: CInt, _ target: UnsafeMutableRawPointer?, _ count: Int
) -> Int {
    unsafe read(descriptor, target, count)
}

/// Tells a thread that waits for input to stop; set once, from any thread.
public final class StopSignal: @unchecked Sendable {
    private let lock = Lock()
    private var isRaised = false
    private let writingEnd: CInt
    let descriptor: CInt

    public init() throws(SystemError) {
        var ends: [CInt] = [-1, -1]
        guard unsafe platformPipe(&ends) == 0 else { throw SystemError.last("make a pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        descriptor = ends[0]
        writingEnd = ends[1]
    }

    deinit {
        closeDescriptor(descriptor)
        closeDescriptor(writingEnd)
    }

    public var isSet: Bool { lock.withLock { isRaised } }

    /// Waits until it is set, at most so long; true if it is.
    public func wait(nanoseconds: Int64) -> Bool {
        var waited = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let timeout = CInt(clamping: (max(0, nanoseconds) + 999_999) / 1_000_000)
        _ = unsafe poll(&waited, 1, timeout)
        return isSet
    }

    public func set() {
        let isFirst = lock.withLock {
            defer { isRaised = true }
            return !isRaised
        }
        guard isFirst else { return }
        var byte: UInt8 = 1
        _ = uninterrupted { unsafe write(writingEnd, &byte, 1) }
    }
}

private func platformPipe(_ ends: UnsafeMutablePointer<CInt>) -> CInt {
    unsafe pipe(ends)
}
