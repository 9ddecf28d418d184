/// A stream that speaks TLS over another one. The handshake begins with `start`; until it is done
/// nothing can be read or written, then the handler is told. Lives on one loop, as every stream.
///
/// A failed handshake is read as an error whose words say why (`SystemError.isRefusedByTLS`).
public final class TLSStream: Stream, StreamHandler, @unchecked Sendable {
    private enum State {
        case handshaking
        case open
        /// Plain text may be left to read before the end is told.
        case ended(StreamResult)
        case closed
    }

    private let inner: any Stream
    private let session: TLSSession
    private var state = State.handshaking
    private var loop: (any EventLoop)?
    private var handler: (any StreamHandler)?
    /// Cipher text that the stream below has not taken.
    private var unsent: [UInt8] = []
    private var sent = 0

    /// Read from the stream below at a time; as much cipher text waits in memory at most.
    private static let inputBytes = 64 << 10
    /// Plain text that is encrypted at a time.
    private static let outputBytes = 64 << 10

    init(_ inner: any Stream, _ session: TLSSession) {
        self.inner = inner
        self.session = session
    }

    public var localAddress: SocketAddress { inner.localAddress }
    public var peerAddress: SocketAddress { inner.peerAddress }

    public var peerHasEnded: Bool { inner.peerHasEnded }

    /// Whether the handshake is done.
    public var isEstablished: Bool {
        if case .handshaking = state { false } else { true }
    }

    /// The name in the peer's certificate, if it sent one that was verified.
    public var peerName: String? { session.peerName() }

    public func start(on loop: any EventLoop, handler: any StreamHandler) {
        self.loop = loop
        self.handler = handler
        inner.start(on: loop, handler: self)
        // A client speaks first; the stream below may not tell that it can be written to.
        loop.post { [self] in if case .handshaking = state { shakeHands() } }
    }

    public func streamReady(readable: Bool, writable: Bool) {
        switch state {
        case .handshaking: shakeHands()
        case .open:
            let couldWrite = unsent.isEmpty
            if writable { sendPending() }
            handler?.streamReady(
                readable: readable, writable: writable && (couldWrite || unsent.isEmpty))
        case .ended: handler?.streamReady(readable: true, writable: writable)
        case .closed: return
        }
    }

    private func shakeHands() {
        while case .handshaking = state {
            let status = session.handshake()
            sendPending()
            guard case .handshaking = state else { break }
            switch status {
            case .moved:
                state = .open
                handler?.streamReady(readable: true, writable: true)
                return
            case .wantsInput:
                switch fill() {
                case .moved: continue
                case .wouldBlock: return
                case .end: state = .ended(.failed(.endedInHandshake))
                case .failed(let error): state = .ended(.failed(error))
                }
            case .closed: state = .ended(.failed(.endedInHandshake))
            case .failed(let words): state = .ended(.failed(.refusedByTLS(words)))
            }
        }
        handler?.streamReady(readable: true, writable: true)
    }

    /// Moves bytes from the stream below into the session.
    private func fill() -> StreamResult {
        unsafe withUnsafeTemporaryAllocation(byteCount: Self.inputBytes, alignment: 64) { room in
            let result = unsafe inner.read(into: room)
            if case .moved(let count) = result {
                unsafe session.feed(UnsafeRawBufferPointer(rebasing: room[..<count]))
            }
            return result
        }
    }

    public func read(into target: UnsafeMutableRawBufferPointer) -> StreamResult {
        switch state {
        case .handshaking: return .wouldBlock
        case .closed: return .end
        case .ended(let result): return result
        case .open: break
        }
        var total = 0
        // A short read tells callers that nothing is left, so all is read that is there.
        while total < target.count {
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: target[total...])
            switch unsafe session.decrypt(into: rest) {
            case .moved(let count): total += count
            case .wantsInput:
                sendPending()
                switch fill() {
                case .moved: continue
                case .wouldBlock: return total > 0 ? .moved(total) : .wouldBlock
                case let end: return finish(end, after: total)
                }
            case .closed: return finish(.end, after: total)
            case .failed(let words):
                sendPending()
                return finish(.failed(.refusedByTLS(words)), after: total)
            }
        }
        return .moved(total)
    }

    /// The session is over; what was read before is given first, and the end is told then.
    private func finish(_ result: StreamResult, after total: Int) -> StreamResult {
        if case .open = state { state = .ended(result) }
        guard total > 0 else { return result }
        loop?.post { [self] in handler?.streamReady(readable: true, writable: false) }
        return .moved(total)
    }

    public func write(_ source: UnsafeRawBufferPointer) -> StreamResult {
        switch state {
        case .handshaking: return .wouldBlock
        case .closed: return .end
        case .ended(let result): return result
        case .open: break
        }
        sendPending()
        var total = 0
        while total < source.count, unsent.isEmpty, case .open = state {
            let end = min(source.count, total + Self.outputBytes)
            while total < end {
                let part = unsafe UnsafeRawBufferPointer(rebasing: source[total..<end])
                switch unsafe session.encrypt(part) {
                case .moved(let count): total += count
                case .wantsInput: return total > 0 ? .moved(total) : .wouldBlock
                case .closed: return finish(.end, after: total)
                case .failed(let words): return finish(.failed(.refusedByTLS(words)), after: total)
                }
            }
            sendPending()
        }
        if total == 0, case .ended(let result) = state { return result }
        return total > 0 ? .moved(total) : .wouldBlock
    }

    public func send(_ file: any File, at position: Int64, count: Int) -> StreamResult {
        sendPending()
        guard case .open = state, unsent.isEmpty else {
            return unsafe write(UnsafeRawBufferPointer(start: nil, count: 0))
        }
        do throws(SystemError) {
            let bytes = try file.read(at: position, count: min(count, 4 * Self.outputBytes))
            guard !bytes.isEmpty else { return .end }
            return unsafe bytes.withUnsafeBytes { unsafe write($0) }
        } catch {
            return .failed(error)
        }
    }

    /// Hands what the session has for the peer to the stream below, as far as that takes it.
    private func sendPending() {
        while true {
            if unsent.isEmpty {
                guard session.pendingOutput > 0 else { return }
                unsent = session.takeOutput()
                sent = 0
            }
            let result = unsafe unsent.withUnsafeBytes { all in
                unsafe inner.write(UnsafeRawBufferPointer(rebasing: all[sent...]))
            }
            switch result {
            case .moved(let count):
                sent += count
                if sent == unsent.count { unsent = [] }
            case .wouldBlock: return
            case .end, .failed:
                // What the peer said before it left tells more: the error comes from reading.
                unsent = []
                return
            }
        }
    }

    public func close() {
        if case .closed = state { return }
        if case .open = state {
            session.end()
            sendPending()
        }
        state = .closed
        handler = nil
        inner.close()
    }
}
