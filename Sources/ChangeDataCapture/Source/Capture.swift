import Platform

/// Captures a PostgreSQL database: its rows by COPY under a slot's exported snapshot, then its
/// changes from the same point by logical replication.
///
/// `run` is called once. The work is done by a `CaptureSession` on that thread.
public final class Capture: ChangeSource, @unchecked Sendable {
    let configuration: CaptureConfiguration
    let stopSignal: StopSignal
    private let lock = Lock()
    private var current = CaptureProgress()

    public init(_ configuration: CaptureConfiguration) throws(CaptureError) {
        self.configuration = configuration
        do throws(SystemError) { stopSignal = try StopSignal() } catch {
            throw .file(CaptureReport("\(error)"))
        }
    }

    public func run(into sink: any ChangeSink) throws -> CaptureEnd {
        let session = CaptureSession(self, sink)
        defer { session.close() }
        do { return try session.run() } catch let error as CaptureError {
            // A wait that `stop` has ended looks like a lost connection.
            if stopSignal.isSet, case .connection = error { return .stopped }
            throw error
        }
    }

    public func stop() { stopSignal.set() }

    public var isStopping: Bool { stopSignal.isSet }

    public var progress: CaptureProgress { lock.withLock { current } }

    func update(_ body: (inout CaptureProgress) -> Void) {
        lock.withLock { body(&current) }
    }
}
