import Bytes
import Formats
import HTTPProtocol
import Platform

/// Why a registry gave no answer.
enum RegistryFault: Error {
    /// It may give one later.
    case unreachable(String)
    /// It never will, or it is not one.
    case failed(String)
    /// The command is to end.
    case stopped
}

/// One question to a schema registry, on a connection of its own. Blocks, on any thread.
struct RegistryConnection {
    /// To reach a server; and for all of the exchange.
    private static let connectSeconds = 5
    private static let answerNanoseconds: Int64 = 30_000_000_000
    private static let readBytes = 16 << 10
    private static let mediaType = "application/vnd.schemaregistry.v1+json"

    let address: RegistryAddress
    let userInfo: String?
    /// For https.
    let tls: TLSContext?
    let stop: StopSignal

    func ask(
        _ method: String, _ path: String, body: [UInt8]? = nil
    ) throws(RegistryFault) -> HTTPResponse {
        var request = HTTPRequest(
            method: method, target: address.path + path, host: address.authority)
        request.headers = [
            Header("Accept", "\(Self.mediaType), application/json; q=0.9"),
            Header("User-Agent", "rtd/\(Program.version)"),
        ]
        if body != nil { request.headers.append(Header("Content-Type", Self.mediaType)) }
        if let userInfo {
            var encoded = OutputBuffer(capacity: 64)
            Base64.encode(Array(userInfo.utf8).rawSpan, into: &encoded)
            let word = String(decoding: encoded.array, as: UTF8.self)
            request.headers.append(Header("Authorization", "Basic \(word)"))
        }
        request.body = body
        let socket = try connect()
        do throws(SystemError) { try socket.send(request.encoded) } catch {
            throw .unreachable(error.reason)
        }
        return try answer(on: socket, method)
    }

    private func connect() throws(RegistryFault) -> BlockingSocket {
        let places: [SocketAddress]
        do throws(ResolutionError) {
            places = try SocketAddress.resolve(host: address.host, port: address.port)
        } catch {
            throw .unreachable(error.reason)
        }
        var reason = "the name has no address"
        for place in places {
            if stop.isSet { throw .stopped }
            do throws(SystemError) {
                let socket = try BlockingSocket.connect(
                    place, patienceSeconds: Self.connectSeconds, or: stop)
                guard let tls else { return socket }
                return try secure(socket, tls)
            } catch {
                if stop.isSet { throw .stopped }
                if error.isRefusedByTLS { throw .failed(error.reason) }
                reason = error.reason
            }
        }
        throw .unreachable(reason)
    }

    private func secure(
        _ socket: BlockingSocket, _ tls: TLSContext
    ) throws(SystemError) -> BlockingSocket {
        try socket.secure(tls, host: address.host, or: stop)
        return socket
    }

    private func answer(
        on socket: BlockingSocket, _ method: String
    ) throws(RegistryFault) -> HTTPResponse {
        var reader = HTTPResponseReader(method: method)
        var piece = [UInt8](repeating: 0, count: Self.readBytes)
        let clock = SystemClock()
        let deadline = clock.monotonicNanoseconds + Self.answerNanoseconds
        while true {
            if stop.isSet { throw .stopped }
            let count: Int?
            do throws(SystemError) {
                count = try socket.receive(into: &piece, 0..<piece.count, waits: false)
            } catch {
                throw .unreachable(error.reason)
            }
            do throws(HTTPError) {
                if let count, count > 0 { try reader.received(piece[..<count]) }
            } catch {
                throw .failed(error.description)
            }
            // A server that ends gives no whole answer.
            do throws(HTTPError) { if count == 0 { try reader.ended() } } catch {
                throw .unreachable(error.description)
            }
            if let response = reader.response { return response }
            let left = deadline - clock.monotonicNanoseconds
            guard left > 0 else { throw .unreachable("it does not answer") }
            if count != nil { continue }
            _ = socket.wait(nanoseconds: left, or: stop)
        }
    }
}
