import Bytes
import KafkaProtocol
import Platform

/// One connection to one broker: frames out, answers in, in order and pipelined.
///
/// It lives on its loop's thread: every method is called there, and so are the completions. Answers
/// are decoded, and fetched batches looked at, in the buffer that the socket was read into; large
/// payloads are written from where they lie. It never reconnects: `Broker` makes another one.
final class Connection: StreamHandler, @unchecked Sendable {
    /// A request that was sent and not answered.
    private struct Pending {
        let correlationID: Int32
        let api: APIKey
        /// Monotonic nanoseconds.
        let deadline: Int64
        let timeoutMilliseconds: Int64
        /// Whether the answer's bytes are needed after the completion has returned.
        let keepsFrame: Bool
        let complete: @Sendable (Result<Frame, ClientError>) -> Void
    }

    /// Who waits for nothing but that a request is written (acks 0): the written, or why not.
    private struct Writing {
        /// Monotonic nanoseconds.
        let deadline: Int64
        let timeoutMilliseconds: Int64
        let complete: @Sendable (Result<Void, ClientError>) -> Void
    }

    /// Bytes to write, from `sent` on.
    private struct Piece {
        let bytes: [UInt8]
        let writing: Writing?
    }

    let address: String
    let configuration: ClientConfiguration
    let loop: any EventLoop
    private let stream: any Stream
    private let pool: FramePool
    var versions = VersionTable()
    private(set) var isOpen = true
    /// Called once, when the connection has ended for whatever reason.
    var ended: (@Sendable (ClientError) -> Void)?

    private var pending = Queue<Pending>()
    private var lastCorrelationID: Int32 = 0
    private var timer: TimerID?
    private var timerDeadline = Int64.max

    private var buffer: FrameBuffer
    /// The bytes that were read and not delivered are `start..<end`.
    private var start = 0
    private var end = 0
    /// What must lie from `start` on before a frame is whole.
    private var need = FrameSplitter.sizeBytes
    /// The capacity of the next buffer: that of the largest answer so far.
    private var preferredBytes = Limits.readBufferBytes
    private let splitter = FrameSplitter(frameBytesMax: Limits.responseBytesMax)

    /// What the broker has answered so far.
    private var answers = 0
    let isOverNetwork: Bool
    /// Set while the client logs in again (KIP-368): requests that wait until then.
    private var held: [(frame: EncodedFrame, payloads: [[UInt8]], writing: Writing?)]?

    private var outgoing = Queue<Piece>()
    private var sent = 0
    private var gathered: [UInt8] = []
    private var flushScheduled = false

    init(
        stream: any Stream, endpoint: Endpoint, loop: any EventLoop,
        configuration: ClientConfiguration, pool: FramePool
    ) {
        self.stream = stream
        address = "\(endpoint)"
        if case .tcp = endpoint { isOverNetwork = true } else { isOverNetwork = false }
        self.loop = loop
        self.configuration = configuration
        self.pool = pool
        buffer = pool.take(Limits.readBufferBytes)
    }

    func begin() {
        stream.start(on: loop, handler: self)
    }

    /// Requests that wait for their answers.
    var inFlight: Int { pending.count }

    func streamReady(readable: Bool, writable: Bool) {
        if writable { flush() }
        if readable { read() }
    }

    /// Ends the connection; all that waits for answers, or to be written, gets `error`.
    func close(_ error: ClientError) {
        guard isOpen else { return }
        isOpen = false
        if let timer { loop.cancel(timer) }
        stream.close()
        let unwritten =
            outgoing.removeAll().compactMap(\.writing) + (held ?? []).compactMap(\.writing)
        gathered = []
        held = nil
        for writing in unwritten { writing.complete(.failure(error)) }
        for request in pending.removeAll() { request.complete(.failure(error)) }
        ended?(error)
        ended = nil
    }
}

extension Connection {
    /// Sends a request and decodes its answer. `version` nil takes the best common one.
    func send<R: KafkaRequest>(
        _ request: R, version: Int16? = nil, timeoutMilliseconds: Int64,
        done: @escaping @Sendable (Result<R.Response, ClientError>) -> Void
    ) {
        guard let version = version ?? self.version(of: R.api) else {
            return done(.failure(unsupported(R.api)))
        }
        let correlationID = nextCorrelationID()
        let frame = encodeRequest(
            request, version: version, correlationID: correlationID,
            clientID: configuration.clientID)
        let address = address
        submit(
            frame, correlationID: correlationID, api: R.api.key,
            timeoutMilliseconds: timeoutMilliseconds, keepsFrame: false
        ) { result in
            done(result.flatMap { Connection.decode(R.self, $0, version, address) })
        }
    }

    /// Sends a fetch; the answer comes with the frame that its payloads are slices of.
    func fetch<R: KafkaRequest>(
        _ request: R, version: Int16, timeoutMilliseconds: Int64,
        done: @escaping @Sendable (Result<(R.Response, Frame), ClientError>) -> Void
    ) {
        let correlationID = nextCorrelationID()
        let frame = encodeRequest(
            request, version: version, correlationID: correlationID,
            clientID: configuration.clientID)
        let address = address
        submit(
            frame, correlationID: correlationID, api: R.api.key,
            timeoutMilliseconds: timeoutMilliseconds, keepsFrame: true
        ) { result in
            done(
                result.flatMap { frame in
                    Connection.decode(R.self, frame, version, address)
                        .map { ($0, frame) }
                })
        }
    }

    /// Sends a produce request whose payloads are `external`: the batches go into the holes.
    /// With acks 0 there is no answer, and `done` is called when all is written.
    func produce(
        _ request: ProduceRequest, batches: [[UInt8]], version: Int16, timeoutMilliseconds: Int64,
        done: @escaping @Sendable (Result<ProduceResponse, ClientError>) -> Void
    ) {
        let correlationID = nextCorrelationID()
        let frame = encodeRequest(
            request, version: version, correlationID: correlationID,
            clientID: configuration.clientID)
        let address = address
        if request.acks == 0 {
            guard isOpen else { return done(.failure(.closed)) }
            let deadline = loop.clock.monotonicNanoseconds + timeoutMilliseconds * 1_000_000
            let writing = Writing(
                deadline: deadline, timeoutMilliseconds: timeoutMilliseconds,
                complete: { done($0.map { ProduceResponse() }) })
            watch(deadline)
            if held == nil {
                write(frame, batches, writing)
            } else {
                held?.append((frame, batches, writing))
            }
            return
        }
        submit(
            frame, batches, correlationID: correlationID, api: .produce,
            timeoutMilliseconds: timeoutMilliseconds, keepsFrame: false
        ) { result in
            done(result.flatMap { Connection.decode(ProduceRequest.self, $0, version, address) })
        }
    }

    func version(of api: API, atMost limit: Int16 = .max) -> Int16? {
        versions.version(of: api, atMost: limit)
    }

    func unsupported(_ api: API) -> ClientError {
        .unsupported(api: api.key, address: address, detail: versions.explanation(for: api))
    }

    private static func decode<R: KafkaRequest>(
        _ type: R.Type, _ frame: Frame, _ version: Int16, _ address: String
    ) -> Result<R.Response, ClientError> {
        let bytes = frame.buffer.bytes
        let span = unsafe bytes.span.bytes.extracting(frame.range)
        do throws(WireError) {
            return .success(try ResponseFrame(span).decode(R.self, version: version, from: span))
        } catch {
            return .failure(.malformed(address: address, detail: "\(R.api.key.name): \(error)"))
        }
    }

    private func nextCorrelationID() -> Int32 {
        lastCorrelationID = lastCorrelationID == .max ? 1 : lastCorrelationID + 1
        return lastCorrelationID
    }

    private func submit(
        _ frame: EncodedFrame, _ payloads: [[UInt8]] = [], correlationID: Int32, api: APIKey,
        timeoutMilliseconds: Int64, keepsFrame: Bool,
        complete: @escaping @Sendable (Result<Frame, ClientError>) -> Void
    ) {
        guard isOpen, pending.count < Limits.requestsInFlightMax else {
            let reason = isOpen ? "too many requests wait for answers" : "it is closed"
            return complete(.failure(.connectionLost(address: address, reason: reason)))
        }
        let deadline = loop.clock.monotonicNanoseconds + timeoutMilliseconds * 1_000_000
        pending.append(
            Pending(
                correlationID: correlationID, api: api, deadline: deadline,
                timeoutMilliseconds: timeoutMilliseconds, keepsFrame: keepsFrame,
                complete: complete))
        watch(deadline)
        if held != nil, api != .saslHandshake, api != .saslAuthenticate {
            held?.append((frame, payloads, nil))
        } else {
            write(frame, payloads, nil)
        }
    }

    /// From now on all but the requests of a log-in wait.
    func hold() { held = held ?? [] }

    /// Sends what has waited.
    func release() {
        guard let waiting = held else { return }
        held = nil
        for request in waiting {
            write(request.frame, request.payloads, request.writing)
        }
    }

    /// Makes the timer fire by `deadline`. All requests but a few have the same time-out, so it is
    /// rarely set anew.
    private func watch(_ deadline: Int64) {
        guard deadline < timerDeadline else { return }
        if let timer { loop.cancel(timer) }
        timerDeadline = deadline
        let left = max(deadline - loop.clock.monotonicNanoseconds, 0)
        timer = loop.after(left) { [weak self] in self?.timerFired() }
    }

    private func timerFired() {
        timer = nil
        timerDeadline = .max
        let now = loop.clock.monotonicNanoseconds
        var next = Int64.max
        var late: (api: APIKey, milliseconds: Int64)?
        func look(_ api: APIKey, _ deadline: Int64, _ milliseconds: Int64) {
            if deadline > now { return next = min(next, deadline) }
            late = late ?? (api, milliseconds)
        }
        pending.forEach { look($0.api, $0.deadline, $0.timeoutMilliseconds) }
        outgoing.forEach {
            guard let writing = $0.writing else { return }
            look(.produce, writing.deadline, writing.timeoutMilliseconds)
        }
        if let late {
            return close(
                .timedOut(api: late.api, address: address, milliseconds: late.milliseconds))
        }
        if next < .max { watch(next) }
    }
}

// Writing.
extension Connection {
    /// Queues a frame with its payloads in the holes. Small pieces are gathered, large ones queued
    /// as they are; all that one turn of the loop adds goes out together.
    private func write(
        _ frame: EncodedFrame, _ payloads: [[UInt8]], _ writing: Writing?
    ) {
        var position = 0
        for (hole, payload) in zip(frame.holes, payloads) {
            gathered.append(contentsOf: frame.bytes[position..<hole.position])
            position = hole.position
            if payload.count <= Limits.gatheredPieceBytesMax {
                gathered.append(contentsOf: payload)
            } else {
                seal()
                outgoing.append(Piece(bytes: payload, writing: nil))
            }
            if gathered.count > Limits.readBufferBytes { seal() }
        }
        gathered.append(contentsOf: frame.bytes[position...])
        if writing != nil { seal(writing) }
        guard !flushScheduled else { return }
        flushScheduled = true
        loop.post { [self] in
            flushScheduled = false
            flush()
        }
    }

    private func seal(_ writing: Writing? = nil) {
        guard !gathered.isEmpty else { return }
        outgoing.append(Piece(bytes: gathered, writing: writing))
        gathered = []
    }

    private func flush() {
        guard isOpen else { return }
        seal()
        while let piece = outgoing.first {
            let result = unsafe piece.bytes.withUnsafeBytes { all in
                unsafe stream.write(UnsafeRawBufferPointer(rebasing: all[sent...]))
            }
            switch result {
            case .moved(let count):
                sent += count
                guard sent == piece.bytes.count else { continue }
                sent = 0
                _ = outgoing.popFirst()
                piece.writing?.complete(.success(()))
            case .wouldBlock: return
            case .end: return endedByBroker()
            case .failed(let error): return lost(error)
            }
        }
    }

    private func lost(_ error: SystemError) {
        close(
            error.isRefusedByTLS
                ? .untrusted(address: address, reason: error.reason)
                : .connectionLost(address: address, reason: error.reason))
    }

    private func endedByBroker() {
        var reason = "it was closed by the broker"
        if isOverNetwork, answers == 0, configuration.tls == nil {
            reason += " before its first answer; does it want TLS (security.protocol)?"
        } else if isOverNetwork, answers == 1, configuration.login == nil {
            // Only ApiVersions is answered to those who have not logged in.
            reason += " before its second answer; does it want a log-in (security.protocol)?"
        }
        close(.connectionLost(address: address, reason: reason))
    }
}

// Reading.
extension Connection {
    private func read() {
        for _ in 0..<Limits.readsPerTurnMax {
            guard isOpen else { return }
            makeRoom()
            switch buffer.read(stream, from: end, upTo: buffer.capacity) {
            case .moved(let count):
                end += count
                deliver()
            case .wouldBlock: return
            case .end: return endedByBroker()
            case .failed(let error): return lost(error)
            }
        }
        // Readiness is edge-triggered: nobody tells again what was left unread.
        loop.post { [self] in read() }
    }

    /// Makes `buffer` ours alone, with room for the whole frame that begins at `start`.
    private func makeRoom() {
        let unread = start..<end
        let fits = need <= buffer.capacity
        guard fits, isKnownUniquelyReferenced(&buffer) else {
            var bytes = max(preferredBytes, Limits.readBufferBytes)
            while bytes < need { bytes *= 2 }
            preferredBytes = min(bytes, Limits.pooledBufferBytesMax)
            let larger = pool.take(bytes)
            larger.copy(unread, of: buffer)
            buffer = larger
            start = 0
            end = unread.count
            return
        }
        if unread.isEmpty {
            start = 0
            end = 0
        } else if start + need > buffer.capacity {
            buffer.moveToFront(unread)
            start = 0
            end = unread.count
        }
    }

    /// Hands out the frames that are whole.
    private func deliver() {
        while isOpen {
            let step: FrameSplitter.Step
            do throws(WireError) {
                let bytes = buffer.bytes
                step = unsafe try splitter.next(
                    in: bytes.span.bytes.extracting(0..<end), from: start)
            } catch {
                return close(wrongBytes("\(error)"))
            }
            switch step {
            case .incomplete(let bytes):
                need = bytes
                return
            case .frame(let range):
                start = range.upperBound
                need = FrameSplitter.sizeBytes
                complete(range)
            }
        }
    }

    /// What does not begin as an answer of Kafka's; TLS answers plain text with an alert (21).
    private func wrongBytes(_ detail: String) -> ClientError {
        let isAlert =
            answers == 0 && end - start >= 3 && buffer.bytes[start] == 21
            && buffer.bytes[start + 1] == 3
        return isAlert
            ? .untrusted(
                address: address, reason: "it wants TLS (security.protocol=SSL or SASL_SSL)")
            : .malformed(address: address, detail: detail)
    }

    private func complete(_ range: Range<Int>) {
        answers += 1
        guard let correlationID = correlationID(range) else {
            return close(.malformed(address: address, detail: "an answer without a header"))
        }
        guard let request = pending.remove(where: { $0.correlationID == correlationID }) else {
            return close(
                .malformed(address: address, detail: "an answer to no request (\(correlationID))"))
        }
        if request.keepsFrame, range.count <= Limits.copiedFrameBytesMax {
            let copy = FrameBuffer(Array(buffer.bytes[range]))
            request.complete(.success(Frame(buffer: copy, range: 0..<range.count)))
        } else {
            request.complete(.success(Frame(buffer: buffer, range: range)))
        }
    }

    private func correlationID(_ range: Range<Int>) -> Int32? {
        let bytes = buffer.bytes
        do throws(WireError) {
            return unsafe try ResponseFrame(bytes.span.bytes.extracting(range)).correlationId
        } catch {
            return nil
        }
    }
}
