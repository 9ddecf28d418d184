import CSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A connected socket of the kernel.
final class SocketStream: Stream, PollHandler, @unchecked Sendable {
    let descriptor: CInt
    let localAddress: SocketAddress
    let peerAddress: SocketAddress
    private var loop: Loop?
    private var handler: (any StreamHandler)?
    private var open = true
    private(set) var peerHasEnded = false

    private static let unixBufferBytes: CInt = 512 << 10

    init(descriptor: CInt) {
        self.descriptor = descriptor
        localAddress = unsafe .of(descriptor) { unsafe getsockname($0, $1, $2) }
        peerAddress = unsafe .of(descriptor) { unsafe getpeername($0, $1, $2) }
        if case .unix = localAddress {
            // Sender and receiver wake each other up whenever it is empty or full: twice the room,
            // which is what the system gives to those who ask, is half the turns.
            setOption(descriptor, SOL_SOCKET, SO_SNDBUF, Self.unixBufferBytes)
        } else {
            setOption(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY)
        }
    }

    deinit { close() }

    func start(on loop: any EventLoop, handler: any StreamHandler) {
        guard open, let loop = loop as? Loop else { return }
        self.loop = loop
        self.handler = handler
        loop.watch(descriptor, self)
    }

    func ready(readable: Bool, writable: Bool, ended: Bool) {
        if ended { peerHasEnded = true }
        handler?.streamReady(readable: readable, writable: writable)
    }

    func read(into target: UnsafeMutableRawBufferPointer) -> StreamResult {
        guard open else { return .end }
        let count = uninterrupted { unsafe readSocket(descriptor, target) }
        return count == 0 ? .end : Self.result(count, "read")
    }

    func write(_ source: UnsafeRawBufferPointer) -> StreamResult {
        guard open else { return .end }
        let count = uninterrupted { unsafe writeSocket(descriptor, source) }
        return Self.result(count, "write")
    }

    func send(_ file: any File, at position: Int64, count: Int) -> StreamResult {
        guard open else { return .end }
        #if os(Linux)
            if let source = file.descriptor {
                var offset = off_t(position)
                let moved = uninterrupted {
                    unsafe sendfile(descriptor, source, &offset, min(count, Self.sendBytesMax))
                }
                return moved == 0 ? .end : Self.result(moved, "send")
            }
        #endif
        return sendCopy(file, at: position, count: count)
    }

    /// At most what a loop may spend on one connection before it looks at the others.
    private static let sendBytesMax = 4 << 20

    private func sendCopy(_ file: any File, at position: Int64, count: Int) -> StreamResult {
        do throws(SystemError) {
            let bytes = try file.read(at: position, count: min(count, 256 * 1024))
            guard !bytes.isEmpty else { return .end }
            return unsafe bytes.withUnsafeBytes { unsafe write($0) }
        } catch {
            return .failed(error)
        }
    }

    func close() {
        guard open else { return }
        open = false
        loop?.forget(descriptor)
        loop = nil
        handler = nil
        closeDescriptor(descriptor)
    }

    @inline(__always)
    private static func result(_ count: Int, _ verb: String) -> StreamResult {
        if count > 0 { return .moved(count) }
        if count == 0 || errno == EAGAIN || errno == EWOULDBLOCK { return .wouldBlock }
        return .failed(SystemError.last(verb))
    }
}

/// A listening socket of the kernel, served by one loop.
final class SocketListener: Listener, PollHandler, @unchecked Sendable {
    let address: SocketAddress
    private let descriptor: CInt
    private let loop: Loop
    private let accepted: @Sendable (any Stream) -> Void
    private var open = true

    init(
        _ address: SocketAddress, loop: Loop, accepted: @escaping @Sendable (any Stream) -> Void
    ) throws(SystemError) {
        let descriptor = makeSocket(address.family)
        guard descriptor >= 0 else { throw SystemError.last("open a socket for", "\(address)") }
        setOption(descriptor, SOL_SOCKET, SO_REUSEADDR)
        if case .ipv6 = address { setOption(descriptor, CInt(IPPROTO_IPV6), IPV6_V6ONLY) }
        guard unsafe address.withRaw({ unsafe bind(descriptor, $0, $1) }) == 0,
            Platform.listen(descriptor, 1_024) == 0
        else {
            let error = SystemError.last("listen on", "\(address)")
            closeDescriptor(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.loop = loop
        self.accepted = accepted
        if case .unix = address {
            self.address = address
        } else {
            self.address = unsafe .of(descriptor) { unsafe getsockname($0, $1, $2) }
        }
        loop.watch(descriptor, self)
    }

    deinit { close() }

    func ready(readable: Bool, writable: Bool, ended: Bool) {
        while open {
            let next = acceptDescriptor(descriptor)
            if next >= 0 {
                accepted(SocketStream(descriptor: next))
                continue
            }
            if errno == EAGAIN || errno == EWOULDBLOCK { return }
            if errno == ECONNABORTED { continue }
            // No descriptor or memory is free, or accept(2) hands on an error of the network.
            // Looked at again soon: an edge-triggered poller would not tell once more.
            loop.after(50_000_000) { [weak self] in
                self?.ready(readable: true, writable: false, ended: false)
            }
            return
        }
    }

    func close() {
        guard open else { return }
        open = false
        loop.forget(descriptor)
        closeDescriptor(descriptor)
    }
}

#if os(Linux)
    private let streamType = CInt(SOCK_STREAM.rawValue)
#else
    private let streamType = SOCK_STREAM
#endif

// The vector forms, because the kernel counts them among a process's reads and writes, which recv
// and send are not (`ProcessUsage.transferCalls`), and because faults can be put into sockets'
// calls alone. A broken pipe raises no signal: `Loop` and the program have it ignored.

func readSocket(_ descriptor: CInt, _ target: UnsafeMutableRawBufferPointer) -> Int {
    var vector = unsafe iovec(iov_base: target.baseAddress, iov_len: target.count)
    return unsafe readv(descriptor, &vector, 1)
}

private func writeSocket(_ descriptor: CInt, _ source: UnsafeRawBufferPointer) -> Int {
    var vector = unsafe iovec(
        iov_base: UnsafeMutableRawPointer(mutating: source.baseAddress), iov_len: source.count)
    return unsafe writev(descriptor, &vector, 1)
}

private func listen(_ descriptor: CInt, _ backlog: CInt) -> CInt {
    #if canImport(Darwin)
        Darwin.listen(descriptor, backlog)
    #elseif canImport(Musl)
        Musl.listen(descriptor, backlog)
    #else
        Glibc.listen(descriptor, backlog)
    #endif
}

/// A non-blocking stream socket that exec closes; -1 and errno on failure.
func makeSocket(_ family: CInt) -> CInt {
    #if os(Linux)
        return socket(
            family, streamType | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    #else
        let descriptor = socket(family, streamType, 0)
        if descriptor >= 0 { prepare(descriptor) }
        return descriptor
    #endif
}

private func acceptDescriptor(_ listener: CInt) -> CInt {
    let descriptor = uninterrupted { rtd_accept(listener) }
    #if !os(Linux)
        if descriptor >= 0 { prepare(descriptor) }
    #endif
    return descriptor
}

#if !os(Linux)
    private func prepare(_ descriptor: CInt) {
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        setOption(descriptor, SOL_SOCKET, SO_NOSIGPIPE)
    }
#endif

func setOption(_ descriptor: CInt, _ level: CInt, _ name: CInt, _ value: CInt = 1) {
    var value = value
    unsafe setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<CInt>.size))
}

/// Asks whether something accepts connections, for commands that have no loop yet.
public enum SocketProbe {
    /// Connects, blocking, and closes again.
    public static func accepts(_ address: SocketAddress) -> Bool {
        let descriptor = socket(address.family, streamType, 0)
        guard descriptor >= 0 else { return false }
        defer { closeDescriptor(descriptor) }
        return unsafe address.withRaw { raw, length in
            uninterrupted { unsafe connect(descriptor, raw, length) }
        } == 0
    }
}

/// Reads lines of text from a socket, blocking, for commands that have no loop.
public enum SocketLines {
    /// Gives each line until the peer ends or `line` returns false.
    public static func read(_ address: SocketAddress, _ line: (String) -> Bool) throws(SystemError)
    {
        let descriptor = socket(address.family, streamType, 0)
        guard descriptor >= 0 else { throw SystemError.last("open a socket for", "\(address)") }
        defer { closeDescriptor(descriptor) }
        let status = unsafe address.withRaw { raw, length in
            uninterrupted { unsafe connect(descriptor, raw, length) }
        }
        guard status == 0 else { throw SystemError.last("reach", "\(address)") }
        var pending: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { target in
                uninterrupted { unsafe recv(descriptor, target.baseAddress, target.count, 0) }
            }
            guard count > 0 else { return }
            pending += buffer[..<count]
            while let end = pending.firstIndex(of: 10) {
                guard line(String(decoding: pending[...end], as: UTF8.self)) else { return }
                pending.removeSubrange(...end)
            }
        }
    }
}
