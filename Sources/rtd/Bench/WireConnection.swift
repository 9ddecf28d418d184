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
    private var buffer = [UInt8](repeating: 0, count: BenchLimits.readBytes)
    /// Bytes that were read and not used are `start..<end`.
    private var start = 0
    private var end = 0
    private let splitter = FrameSplitter(frameBytesMax: 1 << 30)

    /// From version 13 on Produce and Fetch name topics by id, which the load has no need of.
    private static let dataVersionMax: Int16 = 12

    init(_ address: HostPort) throws(CommandFailure) {
        self.address = address
        socket = try Self.connect(address)
        let response = try ask(ApiVersionsRequest(), version: 0)
        for entry in response.apiKeys where entry.minVersion <= entry.maxVersion {
            versions[entry.apiKey] = entry.minVersion...entry.maxVersion
        }
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
            throw lost(error.reason)
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
        guard let response else { throw lost("it sent nothing") }
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
            do throws(WireError) {
                let bytes = buffer
                step = try splitter.next(in: bytes.rawSpan.extracting(0..<end), from: start)
            } catch {
                throw CommandFailure("\(address) does not speak Kafka's protocol: \(error)")
            }
            switch step {
            case .frame(let range):
                start = range.upperBound
                let bytes = buffer
                try body(bytes.rawSpan.extracting(range))
                return true
            case .incomplete(let need):
                makeRoom(need)
                guard try fill(waits: waits) else { return false }
            }
        }
    }

    private func makeRoom(_ need: Int) {
        if start == end {
            start = 0
            end = 0
        }
        if start + need > buffer.count, start > 0 {
            buffer.replaceSubrange(0..<end - start, with: Array(buffer[start..<end]))
            end -= start
            start = 0
        }
        if need > buffer.count {
            buffer += [UInt8](repeating: 0, count: need - buffer.count)
        }
    }

    private func fill(waits: Bool) throws(CommandFailure) -> Bool {
        do throws(SystemError) {
            guard let count = try socket.receive(into: &buffer, end..<buffer.count, waits: waits)
            else { return false }
            guard count > 0 else { throw SystemError(code: 0, operation: "read") }
            end += count
            return true
        } catch {
            throw lost(error.code == 0 ? "it was closed by the broker" : error.reason)
        }
    }

    private func lost(_ reason: String) -> CommandFailure {
        CommandFailure("lost the connection to \(address): \(reason)")
    }
}
