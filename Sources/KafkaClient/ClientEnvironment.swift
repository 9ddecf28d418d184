import Platform

/// Opens a connection; TLS and simulations stand in for `EventLoop.connect`.
public typealias StreamConnector =
    @Sendable (
        any EventLoop, SocketAddress, @escaping @Sendable (Result<any Stream, SystemError>) -> Void
    ) -> Void

/// What all parts of one client share: its loop, settings, buffers and name look-ups.
struct ClientEnvironment: Sendable {
    let loop: any EventLoop
    let configuration: ClientConfiguration
    let connector: StreamConnector
    let pool = FramePool()
    let login = LoginMemory()
    private let resolver: any Workers = WorkerThreads(threadsMax: Limits.resolverThreadsMax)

    init(
        loop: any EventLoop, configuration: ClientConfiguration,
        connector: @escaping StreamConnector
    ) {
        self.loop = loop
        self.configuration = configuration
        self.connector = connector
    }

    /// The stream as Kafka's bytes go over it: with TLS if the configuration has it. A Unix socket
    /// stays on this machine.
    func secured(_ stream: any Stream, _ endpoint: Endpoint) throws(ClientError) -> any Stream {
        guard let tls = configuration.tls, case .tcp(let host, _) = endpoint else { return stream }
        do throws(TLSError) {
            return try tls.secure(stream, host: host)
        } catch {
            throw .untrusted(address: "\(endpoint)", reason: error.message)
        }
    }

    func log(_ line: @autoclosure () -> String) {
        configuration.log?(line())
    }

    /// The addresses of an endpoint, on the loop; names are looked up on another thread.
    func resolve(
        _ endpoint: Endpoint,
        done: @escaping @Sendable (Result<[SocketAddress], ClientError>) -> Void
    ) {
        switch endpoint {
        case .unix(let path): done(.success([.unix(path: path)]))
        case .tcp(let host, let port):
            if let numeric = SocketAddress(host: host, port: port) {
                return done(.success([numeric]))
            }
            let loop = loop
            resolver.submit {
                let result: Result<[SocketAddress], ClientError>
                do throws(ResolutionError) {
                    result = .success(try SocketAddress.resolve(host: host, port: port))
                } catch {
                    result = .failure(
                        .unreachable(address: "\(endpoint)", reason: error.reason))
                }
                loop.post { done(result) }
            }
        }
    }
}
