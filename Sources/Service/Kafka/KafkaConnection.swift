import KafkaProtocol
import LogStorage
import Platform

/// One client on the Kafka wire: cuts requests out of its bytes, hands them to their handlers, and
/// sends the answers in the order of the requests. Lives on one loop.
final class KafkaConnection: StreamHandler, @unchecked Sendable {
    let stream: any Stream
    let loop: any EventLoop
    let server: KafkaServer
    let number: UInt64
    let security: ListenerSecurity
    /// Who the client is.
    var session: Session
    /// Whether TLS and log-in are done, as far as they are asked for.
    private(set) var isSettled: Bool
    private let began: Int64
    private var input: InputBuffer
    private var splitter: FrameSplitter
    /// Bytes that the frame under way needs before it can be looked at again.
    private var need = FrameSplitter.sizeBytes
    private var answers = AnswerQueue()
    private var output = OutputQueue()
    private var flushScheduled = false
    private var readScheduled = false
    /// Requests that may still be handled in this turn of the loop, and when it ends at the latest.
    private var requestsLeft = 0
    private var turnEnd: Int64 = 0
    /// Requests that have come wait until answers have left.
    private var isPaused = false
    /// What answers hold of memory, as the pool has been told.
    private var heldBytes = 0
    private let pool: BufferPool
    private var open = true
    /// Set when no more requests are taken: the peer has ended, or sent what cannot be read.
    private var draining = false
    /// Milliseconds of the monotonic clock.
    private(set) var lastActivity: Int64
    /// What the client called itself last, for the log.
    private(set) var clientID = ""

    init(
        _ stream: any Stream, loop: any EventLoop, pool: BufferPool, server: KafkaServer,
        number: UInt64, security: ListenerSecurity
    ) {
        self.stream = stream
        self.loop = loop
        self.server = server
        self.number = number
        self.pool = pool
        input = InputBuffer(pool: pool)
        self.security = security
        isSettled = !security.asksSomething
        session = Session(security, isLocal: stream.localAddress.isUnix)
        let frameBytesMax = isSettled ? server.frameBytesMax : Limits.unsettledFrameBytesMax
        splitter = FrameSplitter(frameBytesMax: min(frameBytesMax, server.frameBytesMax))
        began = loop.clock.monotonicNanoseconds / 1_000_000
        lastActivity = began
    }

    func start() {
        stream.start(on: loop, handler: self)
    }

    func streamReady(readable: Bool, writable: Bool) {
        guard open else { return }
        if writable && !output.isEmpty { flush() }
        if readable { readRequests() }
    }

    /// True while nothing more may be taken in: answers pile up here, or everywhere.
    private var saturated: Bool {
        output.byteCount > Limits.outputBytesMax || answers.count >= Limits.pipelinedMax
            || output.pieceCount > Limits.outputPiecesMax
            || (hasAnswers && server.isShortOfMemory)
    }

    private var hasAnswers: Bool { answers.count > 0 || !output.isEmpty }

    /// Notes what answers hold, for the limit that all connections share.
    private func account() {
        let held =
            output.byteCount + output.pieceCount * Limits.outputPieceBytes
            + answers.byteCount + answers.count * Limits.answerOverheadBytes
        pool.hold(held - heldBytes)
        heldBytes = held
    }

    private func readRequests() {
        var turn = 0
        requestsLeft = Limits.turnRequests
        while open && !draining {
            guard useFrames(), requestsLeft > 0 else { break }
            if saturated {
                isPaused = true
                break
            }
            guard need <= Limits.scarceBufferBytes || server.mayBuffer(need) else {
                readLater(10_000_000)
                break
            }
            input.makeRoom(for: need, isShort: server.isShortOfMemory)
            let room = unsafe input.room
            let result = unsafe stream.read(into: room)
            guard case .moved(let count) = result else {
                ended(result)
                break
            }
            input.received(count)
            turn += count
            // Less than there was room for: the socket is empty, and new bytes are told of. Not so
            // the end of the peer's side, if it came with these.
            if count < room.count && !stream.peerHasEnded {
                _ = useFrames()
                break
            }
            if turn >= Limits.turnBytes {
                _ = useFrames()
                readLater(0)
                break
            }
        }
        // What has come goes on after the others' turn: the poller tells of new bytes only.
        if open && !draining && requestsLeft == 0 { readLater(0) }
        input.rest()
        if open { flush() }
    }

    /// Reads again after a while, once, since the poller tells of new bytes only.
    private func readLater(_ nanoseconds: Int64) {
        guard !readScheduled else { return }
        readScheduled = true
        let again: @Sendable () -> Void = { [weak self] in
            guard let self else { return }
            readScheduled = false
            if open { readRequests() }
        }
        if nanoseconds == 0 { loop.post(again) } else { loop.after(nanoseconds, again) }
    }

    private func ended(_ result: StreamResult) {
        if result == .wouldBlock { return }
        draining = true
        if case .failed(let error) = result {
            if error.isRefusedByTLS { server.report(self, error.reason) }
            return close()
        }
        closeIfDrained()
    }

    /// TLS and log-in are done: frames of any size are taken from now on.
    func settle() {
        guard !isSettled else { return }
        isSettled = true
        splitter = FrameSplitter(frameBytesMax: server.frameBytesMax)
        server.settled(self)
    }

    /// Whether a request is taken from the client as far as it is known now. The first one over
    /// TLS shows that the handshake is done.
    func mayAsk(_ key: APIKey) -> Bool {
        if !isSettled, security.mechanisms.isEmpty {
            if let name = (stream as? TLSStream)?.peerName { session.showedCertificate(name) }
            settle()
        }
        switch key {
        case .apiVersions, .saslHandshake, .saslAuthenticate: return true
        default: return session.isLoggedIn(now: loop.clock.monotonicNanoseconds / 1_000_000)
        }
    }

    /// Handles the complete frames, as many as may be in one turn; false if the connection cannot
    /// go on.
    private func useFrames() -> Bool {
        while open && requestsLeft > 0 && input.pending >= FrameSplitter.sizeBytes && !saturated {
            do throws(WireError) {
                let bytes = unsafe input.bytes
                let step = try splitter.next(
                    in: unsafe UnsafeRawBufferPointer(bytes).bytes, from: 0)
                guard case .frame(let range) = step else {
                    if case .incomplete(let count) = step { need = count }
                    return true
                }
                takeTurn()
                let frame = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[range])
                unsafe try server.dispatch(frame, from: self)
                input.used(range.upperBound)
                need = FrameSplitter.sizeBytes
            } catch {
                server.closing(self, error)
                close()
                return false
            }
        }
        isPaused = isPaused || saturated
        return open
    }

    /// Counts a request. A turn that has lasted too long ends with the one that now begins.
    private func takeTurn() {
        let now = loop.clock.monotonicNanoseconds
        lastActivity = now / 1_000_000
        if requestsLeft == Limits.turnRequests { turnEnd = now + Limits.turnNanoseconds }
        requestsLeft = now < turnEnd ? requestsLeft - 1 : 0
    }

    // MARK: Answers

    /// Reserves the place of an answer in the order of the requests.
    func expectAnswer() -> AnswerQueue.Ticket {
        answers.reserve()
    }

    /// Puts an answer in its place; on the loop.
    func answer(_ ticket: AnswerQueue.Ticket, _ frame: EncodedFrame?, _ slices: [LogSlice]) {
        guard open else { return }
        answers.fill(ticket, frame, slices)
        account()
        guard !flushScheduled else { return }
        // After the other answers of this round, so that they leave in one write.
        flushScheduled = true
        loop.post { [weak self] in
            guard let self else { return }
            flushScheduled = false
            flush()
        }
    }

    private func flush() {
        guard open else { return }
        while let (frame, slices) = answers.next() {
            if let frame { output.append(frame, slices) }
        }
        if !output.isEmpty {
            switch output.flush(to: stream) {
            case .failed: return close()
            case .wouldBlock, .done:
                lastActivity = loop.clock.monotonicNanoseconds / 1_000_000
            }
        }
        account()
        if draining { return closeIfDrained() }
        if isPaused && !saturated {
            isPaused = false
            readLater(0)
        }
    }

    // MARK: The end

    /// Remembers what the client calls itself, for the log.
    func note(client: String?) {
        if let client, client != clientID { clientID = client }
    }

    /// The client's name with control characters made harmless.
    var printableClientID: String { Self.printable(clientID) }

    static func printable(_ name: String) -> String {
        var text = ""
        for scalar in name.unicodeScalars.prefix(200) {
            text.unicodeScalars.append(scalar.value < 32 || scalar.value == 127 ? "?" : scalar)
        }
        return text
    }

    /// Closes after the answers that are ready; from any thread.
    func closeSoon() {
        loop.post { [weak self] in
            self?.flush()
            self?.close()
        }
    }

    /// Takes no more requests and closes once those under way are answered.
    func drain() {
        draining = true
        closeIfDrained()
    }

    private func closeIfDrained() {
        if answers.count == 0 && output.isEmpty { close() }
    }

    /// Closes connections that are idle, or whose frame does not arrive.
    func sweep(now: Int64, idleMilliseconds: Int64) {
        if !isSettled, now - began > Limits.settlingMilliseconds {
            server.report(self, "it did not log in within 10 s")
            return close()
        }
        let silent = now - lastActivity
        let stalled = input.pending > 0 && !isPaused && silent > Limits.stalledFrameMilliseconds
        let isIdle = silent > idleMilliseconds && (answers.count == 0 || !output.isEmpty)
        if stalled || isIdle { close() }
    }

    func close() {
        guard open else { return }
        open = false
        stream.close()
        input.used(input.pending)
        input.rest()
        output = OutputQueue()
        answers = AnswerQueue()
        account()
        server.closed(self)
    }
}

/// Answers in the order of their requests, filled in any order.
struct AnswerQueue {
    struct Ticket {
        fileprivate let number: Int
    }

    private enum Slot {
        case waiting
        /// Nil for a request that gets no answer (acks=0).
        case filled(EncodedFrame?, [LogSlice])
    }

    private var slots: [Slot] = []
    private var head = 0
    private var firstNumber = 0

    /// Answers that were not taken yet.
    var count: Int { slots.count - head }
    /// Bytes of those that are filled.
    private(set) var byteCount = 0

    mutating func reserve() -> Ticket {
        slots.append(.waiting)
        return Ticket(number: firstNumber + slots.count - 1)
    }

    mutating func fill(_ ticket: Ticket, _ frame: EncodedFrame?, _ slices: [LogSlice]) {
        slots[ticket.number - firstNumber] = .filled(frame, slices)
        byteCount += frame?.bytes.count ?? 0
    }

    /// The next answer in order, if it is there.
    mutating func next() -> (frame: EncodedFrame?, slices: [LogSlice])? {
        guard head < slots.count, case .filled(let frame, let slices) = slots[head] else {
            return nil
        }
        slots[head] = .waiting
        byteCount -= frame?.bytes.count ?? 0
        head += 1
        if head == slots.count || head > 1_024 {
            slots.removeFirst(head)
            firstNumber += head
            head = 0
        }
        return (frame, slices)
    }
}
