import ArgumentParsing
import ChangeDataCapture
import Formats
import HTTPProtocol
import Platform

/// Speaks with a schema registry of Confluent's kind: registers schemas and reads them. On the
/// thread of a capture's source or of a query, which waits for it; `stop` from any.
final class RegistryClient: SchemaRegistry, @unchecked Sendable {
    /// Between two attempts: the first, doubled up to the last.
    private static let pauseFirst: Int64 = 100_000_000
    private static let pauseLast: Int64 = 2_000_000_000
    /// Until it is said that it is waited for.
    private static let patienceNanoseconds: Int64 = 3_000_000_000
    private static let messageCharactersMax = 400

    private let properties: RegistryProperties
    private let connections: [RegistryConnection]
    let deliveryNanoseconds: Int64
    private let notices: @Sendable (String) -> Void
    private let stopped: StopSignal
    let clock = SystemClock()
    /// By the subject, a space and the schema.
    private var known: [String: UInt32] = [:]
    /// The server that answered last.
    private var current = 0

    /// `properties` name a server. `deliveryMilliseconds`: how long one that has answered before is
    /// waited for.
    init(
        _ properties: RegistryProperties, deliveryMilliseconds: Int64,
        notices: @escaping @Sendable (String) -> Void
    ) throws(CommandFailure) {
        self.properties = properties
        self.notices = notices
        deliveryNanoseconds = min(deliveryMilliseconds, .max / 1_000_000) * 1_000_000
        let stop: StopSignal
        do throws(SystemError) { stop = try StopSignal() } catch { throw CommandFailure(error) }
        stopped = stop
        let tls = try Self.tls(properties)
        connections = properties.addresses.map { address in
            RegistryConnection(
                address: address, userInfo: properties.userInfo(address),
                tls: address.isSecure ? tls : nil, stop: stop)
        }
    }

    private static func tls(
        _ properties: RegistryProperties
    ) throws(CommandFailure) -> TLSContext? {
        guard properties.addresses.contains(where: \.isSecure) else { return nil }
        var settings = TLSSettings()
        do {
            if let path = properties.authorities {
                let bytes = try StandardInput.readAll(path: path, limit: 4 << 20)
                settings.authorities = TLSSettings.Text(name: path, bytes: bytes)
            }
            return try TLSContext(.client, settings)
        } catch let error as TLSError {
            throw CommandFailure("the schema registry: \(error.message)")
        } catch let error as SystemError {
            throw CommandFailure(error)
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    /// Ends what waits for an answer, and all that comes later.
    func stop() { stopped.set() }

    /// All servers, for people.
    var place: String { properties.addresses.map(\.description).joined(separator: ", ") }

    /// Makes the first contact; for so long if it is refused.
    func connect(retry: Duration?) throws(CommandFailure) {
        let end = clock.monotonicNanoseconds + (retry?.nanosecondsClamped ?? 0)
        let response: HTTPResponse
        do throws(SchemaRegistrationError) {
            // Any registry answers it somehow, and it asks for who one is.
            response = try ask("GET", "/schemas/types", until: end, isFirst: true)
        } catch {
            guard case .failed(let reason) = error else { return }
            throw CommandFailure(reason)
        }
        // Somebody who may not ask this may still register.
        if response.status == 401, let refusal = refusal(response, "its clients") {
            throw CommandFailure(refusal)
        }
    }

    func id(
        of schema: String, topic: [String], isKey: Bool
    ) throws(SchemaRegistrationError) -> UInt32 {
        let subject = CaptureTopic.topicName(topic) + (isKey ? "-key" : "-value")
        let cached = "\(subject) \(schema)"
        if let id = known[cached] { return id }
        var body = OutputBuffer(capacity: schema.utf8.count + 64)
        body.append("{\"schema\":")
        body.append(jsonString: schema)
        body.append("}")
        let path = "/subjects/\(subject)" + (properties.registers ? "/versions" : "")
        let response = try ask(
            "POST", path, body: body.array, until: deliveryEnd, isFirst: false)
        let members = JSONMembers.read(response.body)
        guard response.status == 200, let id = members["id"].flatMap({ UInt32($0) }) else {
            throw .failed(words(response, members, subject))
        }
        known[cached] = id
        return id
    }

    /// Until when one that has answered before is waited for.
    var deliveryEnd: Int64 {
        let (sum, overflows) = clock.monotonicNanoseconds.addingReportingOverflow(
            deliveryNanoseconds)
        return overflows ? .max : sum
    }

    /// Asks one server after the other until one answers; an error of theirs is no answer while
    /// there is time.
    func ask(
        _ method: String, _ path: String, body: [UInt8]? = nil, until end: Int64, isFirst: Bool
    ) throws(SchemaRegistrationError) -> HTTPResponse {
        let start = clock.monotonicNanoseconds
        var pause = Self.pauseFirst
        var isTold = false
        while true {
            var reason = ""
            for offset in connections.indices {
                let index = (current + offset) % connections.count
                do throws(RegistryFault) {
                    let response = try connections[index].ask(method, path, body: body)
                    current = index
                    let isLast = clock.monotonicNanoseconds >= end
                    guard Self.mayPass(response.status), !isLast, !isFirst else { return response }
                    reason = "it answers \(response.status) \(message(response))"
                } catch {
                    switch error {
                    case .stopped: throw .stopped
                    case .unreachable(let why): reason = why
                    case .failed(let why):
                        let server = connections[index].address
                        throw .failed("cannot speak with the schema registry at \(server): \(why)")
                    }
                }
            }
            let now = clock.monotonicNanoseconds
            guard now < end else {
                throw .failed("cannot reach the schema registry at \(place): \(reason)")
            }
            if !isTold, now - start > Self.patienceNanoseconds {
                isTold = true
                notices("the schema registry at \(place) is waited for: \(reason)")
            }
            if stopped.wait(nanoseconds: min(pause, end - now)) { throw .stopped }
            pause = min(pause * 2, Self.pauseLast)
        }
    }

    /// Errors of a registry that does not know what it will say: its store or its leader is away.
    private static func mayPass(_ status: Int) -> Bool {
        status == 429 || (500...599).contains(status)
    }

    /// What a registry says to somebody whom it does not know.
    func refusal(_ response: HTTPResponse, _ what: String) -> String? {
        guard response.status == 401 || response.status == 403 else { return nil }
        return "the schema registry at \(place) refuses \(what) (\(response.status)): "
            + "basic.auth.user.info=USER:PASSWORD in a file for -F, or user:password@ in its URL, "
            + "says who it is"
    }

    private func words(
        _ response: HTTPResponse, _ members: [String: String], _ subject: String
    ) -> String {
        let schema = "the schema of subject \"\(subject)\""
        if let refusal = refusal(response, schema) { return refusal }
        let message = message(response)
        switch (response.status, members["error_code"]) {
        case (200, _): return "the schema registry at \(place) gives no id for \(schema)"
        case (409, _):
            return "the schema registry at \(place) refuses \(schema), which is incompatible with "
                + "the one before: \(message) (compatibility NONE of the subject allows it, "
                + "another --topic-prefix begins anew)"
        case (404, let code?) where !properties.registers && code.hasPrefix("404"):
            return "the schema registry at \(place) does not have \(schema), and "
                + "auto.register.schemas=false forbids to register it: \(message)"
        default:
            return "the schema registry at \(place) refuses \(schema): \(response.status) "
                + message
        }
    }

    /// The registry's own words, or those of HTTP, as one line.
    func message(_ response: HTTPResponse) -> String {
        let words = JSONMembers.read(response.body)["message"] ?? response.reason
        let line = words.split { $0.isNewline || $0.isWhitespace }.joined(separator: " ")
        let limit = Self.messageCharactersMax
        return line.count > limit ? line.prefix(limit) + "..." : line
    }
}
