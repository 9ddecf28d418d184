import Bytes
import KafkaProtocol
import Platform

/// One blocking connection to a broker, for load that is limited by the broker alone: requests go
/// out as they are given, answers come back in their order. Used by one thread.
///
/// The ordinary client retries, batches and follows leaders; here each of these would be measured
/// too.
final class WireConnection {
    let socket: BlockingSocket
    let address: HostPort
    private var versions: [Int16: ClosedRange<Int16>] = [:]
    private var lastCorrelationID: Int32 = 0
    private let buffer: ReceiveBuffer
    private let splitter = FrameSplitter(frameBytesMax: BenchLimits.frameBytesMax)

    /// From version 13 on Produce and Fetch name topics by id, which the load has no need of.
    private static let dataVersionMax: Int16 = 12

    init(
        _ address: HostPort, _ security: BenchSecurity,
        receiveBytes: Int = BenchLimits.readBytes
    ) throws(CommandFailure) {
        self.address = address
        let socket = try Self.connect(address)
        try security.secure(socket, address)
        self.socket = socket
        buffer = ReceiveBuffer(byteCount: receiveBytes) {
            bytes, range, waits throws(CommandFailure) in
            try Self.receive(from: socket, into: &bytes, range, waits, address)
        }
        let response = try ask(ApiVersionsRequest(), version: 0)
        for entry in response.apiKeys where entry.minVersion <= entry.maxVersion {
            versions[entry.apiKey] = entry.minVersion...entry.maxVersion
        }
        try security.logIn(self)
    }

    private static func connect(_ address: HostPort) throws(CommandFailure) -> BlockingSocket {
        var first: CommandFailure?
        for candidate in try resolve(address) {
            do throws(SystemError) {
                return try BlockingSocket.connect(candidate)
            } catch {
                first = first ?? CommandFailure("cannot reach \(address): \(error.reason)")
            }
        }
        throw first ?? CommandFailure("cannot reach \(address): it has no address")
    }

    private static func resolve(_ address: HostPort) throws(CommandFailure) -> [SocketAddress] {
        do throws(ResolutionError) {
            return try SocketAddress.resolve(host: address.host, port: address.port)
        } catch {
            throw CommandFailure("cannot reach \(address): \(error.reason)")
        }
    }

    /// The best version of a request that both sides have.
    func version<R: KafkaRequest>(of type: R.Type) throws(CommandFailure) -> Int16 {
        let isData = R.api.key == .produce || R.api.key == .fetch
        let most = isData ? Self.dataVersionMax : R.api.versions.upperBound
        guard let theirs = versions[R.api.key.rawValue] else {
            throw CommandFailure("\(address) does not support \(R.api.key.name)")
        }
        let version = min(theirs.upperBound, R.api.versions.upperBound, most)
        guard version >= max(theirs.lowerBound, R.api.versions.lowerBound) else {
            throw CommandFailure(
                "\(address) and rtd have no version of \(R.api.key.name) in common")
        }
        return version
    }

    /// Sends one request with `payload` in its hole, if it has one; gives its correlation id.
    @discardableResult
    func send<R: KafkaRequest>(_ request: R, version: Int16, payload: [UInt8] = [])
        throws(CommandFailure) -> Int32
    {
        lastCorrelationID = lastCorrelationID == .max ? 1 : lastCorrelationID + 1
        let frame = encodeRequest(
            request, version: version, correlationID: lastCorrelationID, clientID: "rtd-bench")
        do throws(SystemError) {
            let place = frame.holes.first?.position ?? frame.bytes.count
            try socket.send(frame.bytes, inserting: payload, at: place)
        } catch {
            throw Self.lost(address, error.reason)
        }
        return lastCorrelationID
    }

    /// Sends a request and waits for its answer.
    func ask<R: KafkaRequest>(_ request: R, version: Int16? = nil) throws(CommandFailure)
        -> R.Response
    {
        let version = if let version { version } else { try self.version(of: R.self) }
        let id = try send(request, version: version)
        var response: R.Response?
        _ = try receive { frame throws(CommandFailure) in
            response = try self.decode(R.self, frame, version: version, id: id)
        }
        guard let response else { throw Self.lost(address, "it sent nothing") }
        return response
    }

    func decode<R: KafkaRequest>(
        _ type: R.Type, _ frame: RawSpan, version: Int16, id: Int32
    ) throws(CommandFailure) -> R.Response {
        do throws(WireError) {
            let answer = try ResponseFrame(frame)
            if answer.correlationId != id { throw .malformed }
            return try answer.decode(R.self, version: version, from: frame)
        } catch {
            throw CommandFailure("\(address) does not speak Kafka's protocol: \(error)")
        }
    }

    /// Gives `body` the next answer; false if none is there and `waits` is not set.
    func receive(waits: Bool = true, _ body: (RawSpan) throws(CommandFailure) -> Void)
        throws(CommandFailure) -> Bool
    {
        while true {
            let step: FrameSplitter.Step
            let held = buffer.held
            do throws(WireError) {
                let bytes = buffer.bytes
                step = try splitter.next(
                    in: bytes.rawSpan.extracting(0..<held.upperBound), from: held.lowerBound)
            } catch {
                throw CommandFailure("\(address) does not speak Kafka's protocol: \(error)")
            }
            switch step {
            case .frame(let range):
                buffer.use(range.upperBound - held.lowerBound)
                let bytes = buffer.bytes
                try body(bytes.rawSpan.extracting(range))
                return true
            case .incomplete(let need):
                guard try buffer.fill(need: need, waits: waits) else { return false }
            }
        }
    }

    /// Reads the answer to a Fetch without its records; nil if none has begun to come in and
    /// `waits` is not set.
    func receiveFetch(version: Int16, id: Int32, waits: Bool) throws(CommandFailure) -> FetchAnswer?
    {
        if buffer.held.isEmpty {
            guard try buffer.fill(need: 1, waits: waits) else { return nil }
        }
        return try FetchAnswer.read(from: buffer, version: version, id: id, broker: address)
    }

    private static func receive(
        from socket: BlockingSocket, into bytes: inout [UInt8], _ range: Range<Int>, _ waits: Bool,
        _ address: HostPort
    ) throws(CommandFailure) -> Int? {
        do throws(SystemError) {
            guard let count = try socket.receive(into: &bytes, range, waits: waits) else {
                return nil
            }
            if count > 0 { return count }
        } catch {
            throw lost(address, error.reason)
        }
        throw lost(address, "it was closed by the broker")
    }

    private static func lost(_ address: HostPort, _ reason: String) -> CommandFailure {
        CommandFailure("lost the connection to \(address): \(reason)")
    }
}
