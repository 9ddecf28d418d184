import CSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// When a peer that is gone without a word is noticed; nil: as the system has it.
public struct KeepAlive: Sendable, Equatable {
    public var isOn = true
    /// Without a word, until it is asked for one; between two questions; how many stay without an
    /// answer.
    public var idleSeconds: CInt? = 30
    public var intervalSeconds: CInt? = 10
    public var count: CInt? = 3
    /// How long what was sent may stay without an answer.
    public var unansweredMilliseconds: CInt? = 60_000

    public init() {}
}

/// A connected stream socket whose calls block, for benchmarks and captures that give each
/// connection a thread of its own. One thread sends and one receives; `interrupt` may come from
/// any.
public final class BlockingSocket: @unchecked Sendable {
    private let descriptor: CInt
    private let name: String
    /// TLS over the socket, from `secure` on. OpenSSL takes one call at a time, so the sender and
    /// the receiver hold the lock while they encrypt and decrypt, never while they wait.
    private var session: TLSSession?
    private let lock = Lock()

    /// A peer that does nothing for so long has failed.
    private static let patienceSeconds = 60

    #if os(Linux)
        private static let doNotWait = CInt(MSG_DONTWAIT)
    #else
        private static let doNotWait = MSG_DONTWAIT
    #endif

    private init(_ descriptor: CInt, name: String) {
        self.descriptor = descriptor
        self.name = name
        setOption(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY)
        var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
    }

    deinit { closeDescriptor(descriptor) }

    /// Connects, for at most `patienceSeconds` if that is given (Linux, or with `stop`; elsewhere
    /// as long as the system tries), and until `stop` is set.
    public static func connect(
        _ address: SocketAddress, patienceSeconds: Int? = nil, keepAlive: KeepAlive = KeepAlive(),
        or stop: StopSignal? = nil
    ) throws(SystemError) -> BlockingSocket {
        let descriptor = blockingSocket(address.family)
        guard descriptor >= 0 else { throw SystemError.last("open a socket for", "\(address)") }
        if let patienceSeconds {
            var patience = timeval(tv_sec: patienceSeconds, tv_usec: 0)
            let size = socklen_t(MemoryLayout<timeval>.size)
            unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
            if !address.isUnix { noticeDeath(descriptor, keepAlive) }
        }
        if stop != nil { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
        var status = unsafe address.withRaw { raw, length in
            uninterrupted { unsafe connectDescriptor(descriptor, raw, length) }
        }
        if let stop {
            if status != 0, errno == EINPROGRESS {
                let seconds = patienceSeconds ?? Self.patienceSeconds
                status = connected(descriptor, seconds: seconds, stop)
            }
            let code = errno
            _ = fcntl(descriptor, F_SETFL, 0)
            errno = code
        }
        guard status == 0 else {
            // A connect that SO_SNDTIMEO has ended says that it is in progress.
            let code = errno == EINPROGRESS ? ETIMEDOUT : errno
            closeDescriptor(descriptor)
            throw SystemError(code: code, operation: "reach", subject: "\(address)")
        }
        return BlockingSocket(descriptor, name: "\(address)")
    }

    /// Waits until a connection that is under way is made; -1 and errno if it is not.
    private static func connected(
        _ descriptor: CInt, seconds: Int, _ stop: StopSignal
    ) -> CInt {
        var waited = [
            pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        let count = unsafe poll(&waited, nfds_t(waited.count), CInt(clamping: seconds * 1_000))
        var code: CInt = stop.isSet ? ECANCELED : ETIMEDOUT
        if count > 0, !stop.isSet {
            var size = socklen_t(MemoryLayout<CInt>.size)
            let asked = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
            if asked == 0, code == 0 { return 0 }
        }
        errno = code
        return -1
    }

    /// A peer that is gone without a word (a cable, a router that has forgotten the connection) is
    /// noticed after a while, whether something was sent or not. Elsewhere than on Linux after as
    /// long as the system has it.
    private static func noticeDeath(_ descriptor: CInt, _ keepAlive: KeepAlive) {
        if keepAlive.isOn { setOption(descriptor, SOL_SOCKET, SO_KEEPALIVE) }
        #if os(Linux)
            let options = [
                (TCP_KEEPIDLE, keepAlive.idleSeconds), (TCP_KEEPINTVL, keepAlive.intervalSeconds),
                (TCP_KEEPCNT, keepAlive.count),
                (TCP_USER_TIMEOUT, keepAlive.unansweredMilliseconds),
            ]
            for case (let name, let value?) in options {
                setOption(descriptor, CInt(IPPROTO_TCP), name, value)
            }
        #endif
    }

    /// The two ends of a TCP connection inside this process, over 127.0.0.1.
    public static func loopbackPair() throws(SystemError) -> (BlockingSocket, BlockingSocket) {
        let any = SocketAddress.ipv4(host: "127.0.0.1", port: 0)
        let listener = blockingSocket(any.family)
        guard listener >= 0 else { throw SystemError.last("open a socket for", "\(any)") }
        defer { closeDescriptor(listener) }
        guard unsafe any.withRaw({ unsafe bind(listener, $0, $1) }) == 0, listen(listener, 1) == 0
        else {
            throw SystemError.last("listen on", "\(any)")
        }
        let address = unsafe SocketAddress.of(listener) { unsafe getsockname($0, $1, $2) }
        let near = try connect(address)
        let far = uninterrupted { accept(listener, nil, nil) }
        guard far >= 0 else { throw SystemError.last("accept") }
        return (near, BlockingSocket(far, name: "\(address)"))
    }

    /// Shakes hands for TLS, until `stop` is set; comes before all else, on one thread.
    public func secure(
        _ context: TLSContext, host: String, or stop: StopSignal? = nil
    ) throws(SystemError) {
        let session: TLSSession
        do throws(TLSError) {
            session = try context.session(host: host)
        } catch {
            throw .refusedByTLS(error.message)
        }
        while true {
            let status = session.handshake()
            try sendPlain(session.takeOutput())
            switch status {
            case .moved:
                self.session = session
                return
            case .wantsInput:
                if let stop { try awaitInput(or: stop) }
                guard try feed(session, waits: true) == true else { throw .endedInHandshake }
            case .closed: throw .endedInHandshake
            case .failed(let words): throw .refusedByTLS(words)
            }
        }
    }

    private func awaitInput(or stop: StopSignal) throws(SystemError) {
        let nanoseconds = Int64(Self.patienceSeconds) * 1_000_000_000
        switch wait(nanoseconds: nanoseconds, or: stop) {
        case .ready: return
        case .timedOut: throw SystemError(code: ETIMEDOUT, operation: "read from", subject: name)
        case .stopped: throw SystemError(code: ECANCELED, operation: "read from", subject: name)
        }
    }

    /// What a login over this session can be bound to (`tls-server-end-point`); nil without TLS.
    public var endPointBinding: [UInt8]? { lock.withLock { session?.endPointBinding() } }

    /// Moves what has come into the session; false at the end, nil if nothing is there.
    private func feed(_ session: TLSSession, waits: Bool) throws(SystemError) -> Bool? {
        var piece = [UInt8](repeating: 0, count: Self.pieceBytes)
        guard let count = try receivePlain(into: &piece, 0..<piece.count, waits: waits) else {
            return nil
        }
        lock.withLock {
            unsafe piece.withUnsafeBytes { all in
                unsafe session.feed(UnsafeRawBufferPointer(rebasing: all[..<count]))
            }
        }
        return count > 0
    }

    private static let pieceBytes = 128 << 10

    private func sendSecured(_ session: TLSSession, _ bytes: [UInt8]) throws(SystemError) {
        var start = 0
        while start < bytes.count {
            let end = min(start + Self.pieceBytes, bytes.count)
            let output = try lock.withLock { () throws(SystemError) in
                while start < end {
                    let status = unsafe bytes.withUnsafeBytes { all in
                        unsafe session.encrypt(UnsafeRawBufferPointer(rebasing: all[start..<end]))
                    }
                    guard case .moved(let count) = status else {
                        throw .refusedByTLS("the session has ended")
                    }
                    start += count
                }
                return session.takeOutput()
            }
            try sendPlain(output)
        }
    }

    private func receiveSecured(
        _ session: TLSSession, into buffer: inout [UInt8], _ range: Range<Int>, waits: Bool
    ) throws(SystemError) -> Int? {
        while true {
            let status = lock.withLock {
                unsafe buffer.withUnsafeMutableBytes { all in
                    unsafe session.decrypt(
                        into: UnsafeMutableRawBufferPointer(rebasing: all[range]))
                }
            }
            switch status {
            case .moved(let count): return count
            case .closed: return 0
            case .failed(let words): throw .refusedByTLS(words)
            case .wantsInput:
                guard let isThere = try feed(session, waits: waits) else { return nil }
                if !isThere { return 0 }
            }
        }
    }

    /// Ends both directions; blocked calls return with an error.
    public func interrupt() {
        _ = shutdown(descriptor, CInt(SHUT_RDWR))
    }

    /// Sends all of `bytes` with `payload` put in before `bytes[position]`.
    public func send(_ bytes: [UInt8], inserting payload: [UInt8], at position: Int)
        throws(SystemError)
    {
        precondition(position <= bytes.count, "the place of the payload is inside the bytes")
        guard let session else { return try sendPlain(bytes, inserting: payload, at: position) }
        try sendSecured(session, bytes[..<position] + payload + bytes[position...])
    }

    private func sendPlain(
        _ bytes: [UInt8], inserting payload: [UInt8] = [], at position: Int = 0
    ) throws(SystemError) {
        let total = bytes.count + payload.count
        var sent = 0
        while sent < total {
            let count = unsafe bytes.withUnsafeBytes { frame in
                unsafe payload.withUnsafeBytes { body in
                    let parts = unsafe [
                        UnsafeRawBufferPointer(rebasing: frame[..<position]), body,
                        UnsafeRawBufferPointer(rebasing: frame[position...]),
                    ]
                    return unsafe sendParts(parts, from: sent)
                }
            }
            guard count > 0 else { throw failure("write to") }
            sent += count
        }
    }

    public func send(_ bytes: [UInt8]) throws(SystemError) {
        try send(bytes, inserting: [], at: 0)
    }

    /// One write of what lies behind the first `sent` bytes.
    private func sendParts(_ parts: [UnsafeRawBufferPointer], from sent: Int) -> Int {
        var left = sent
        var vectors: [iovec] = unsafe []
        for index in unsafe parts.indices {
            let part = unsafe parts[index]
            let skipped = min(left, part.count)
            left -= skipped
            guard skipped < part.count, let base = part.baseAddress else { continue }
            unsafe vectors.append(
                iovec(
                    iov_base: UnsafeMutableRawPointer(mutating: base + skipped),
                    iov_len: part.count - skipped))
        }
        return unsafe vectors.withUnsafeMutableBufferPointer { buffer in
            let (base, count) = (buffer.baseAddress, CInt(buffer.count))
            return uninterrupted { unsafe writev(descriptor, base, count) }
        }
    }

    /// Sends bytes of a file through the kernel; off Linux through this process.
    public func send(_ file: any File, at position: Int64, count: Int) throws(SystemError) {
        #if os(Linux)
            guard let source = file.descriptor else { return }
            var offset = off_t(position)
            var left = count
            while left > 0 {
                let moved = uninterrupted { unsafe sendfile(descriptor, source, &offset, left) }
                guard moved > 0 else { throw failure("send to") }
                left -= moved
            }
        #else
            try send(try file.read(at: position, count: count))
        #endif
    }

    /// Reads at least one byte into `buffer[range]` and gives their number; 0 at the end.
    /// Without `waits`, nil says that nothing is there.
    public func receive(into buffer: inout [UInt8], _ range: Range<Int>, waits: Bool = true)
        throws(SystemError) -> Int?
    {
        guard let session else { return try receivePlain(into: &buffer, range, waits: waits) }
        return try receiveSecured(session, into: &buffer, range, waits: waits)
    }

    private func receivePlain(into buffer: inout [UInt8], _ range: Range<Int>, waits: Bool)
        throws(SystemError) -> Int?
    {
        let count = unsafe buffer.withUnsafeMutableBytes { all in
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: all[range])
            return uninterrupted {
                waits
                    ? unsafe readSocket(descriptor, target)
                    : unsafe recv(descriptor, target.baseAddress, target.count, Self.doNotWait)
            }
        }
        if count >= 0 { return count }
        if !waits && (errno == EAGAIN || errno == EWOULDBLOCK) { return nil }
        throw failure("read from")
    }

    /// Fills `buffer[range]`; false if the peer ends before.
    public func receiveAll(into buffer: inout [UInt8], _ range: Range<Int>) throws(SystemError)
        -> Bool
    {
        var start = range.lowerBound
        while start < range.upperBound {
            guard let count = try receive(into: &buffer, start..<range.upperBound), count > 0
            else { return false }
            start += count
        }
        return true
    }

    /// Waits until one of at most 64 sockets can be read, or the time has passed.
    public static func wait(_ sockets: [BlockingSocket], nanoseconds: Int64) {
        let descriptors = sockets.map(\.descriptor)
        _ = unsafe rtd_wait_readable(descriptors, CInt(descriptors.count), nanoseconds)
    }

    /// From now on a wait comes back only when so many bytes are there, or its time has passed; on
    /// TCP, elsewhere it changes nothing.
    public func setLowWater(_ bytes: Int) {
        var value = CInt(clamping: bytes)
        let size = socklen_t(MemoryLayout<CInt>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVLOWAT, &value, size)
    }

    /// Waits until there is something to read (an end counts), the time has passed, or `stop` is
    /// set.
    public func wait(nanoseconds: Int64, or stop: StopSignal?) -> InputFile.Readiness {
        var waited = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
        if let stop {
            waited.append(pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0))
        }
        let timeout = CInt(clamping: (max(0, nanoseconds) + 999_999) / 1_000_000)
        let count = unsafe poll(&waited, nfds_t(waited.count), timeout)
        if let stop, stop.isSet { return .stopped }
        return count > 0 ? .ready : .timedOut
    }

    private func failure(_ verb: String) -> SystemError {
        let error = SystemError.last(verb, name)
        guard error.code == EAGAIN || error.code == EWOULDBLOCK else { return error }
        return SystemError(code: ETIMEDOUT, operation: verb, subject: name)
    }
}

/// A blocking stream socket that exec closes; -1 and errno on failure.
private func blockingSocket(_ family: CInt) -> CInt {
    let descriptor = makeSocket(family)
    if descriptor >= 0 { _ = fcntl(descriptor, F_SETFL, 0) }
    return descriptor
}

private func connectDescriptor(
    _ descriptor: CInt, _ address: UnsafePointer<sockaddr>, _ length: socklen_t
) -> CInt {
    unsafe connect(descriptor, address, length)
}
