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

    /// Waits until nobody reads the configured slot: a capture that was killed still does for a
    /// moment. A server that cannot be asked is `run`'s to tell.
    public static func waitUntilFree(
        _ configuration: CaptureConfiguration, notices: (String) -> Void
    ) throws(CaptureError) {
        guard case .durable(let slot) = configuration.slot,
            let connection = try? PostgresConnection.open(configuration.address)
        else { return }
        defer { connection.close() }
        let clock = SystemClock()
        let deadline = clock.monotonicNanoseconds + Limits.busySlotNanoseconds
        var isTold = false
        while true {
            let reader = try? connection.value(
                "SELECT active_pid FROM pg_replication_slots WHERE active AND slot_name = "
                    + quotedText(slot), doing: "look for slot \"\(slot)\"")
            guard let reader else { return }
            guard clock.monotonicNanoseconds < deadline else {
                throw .connection(
                    CaptureReport(
                        "slot \"\(slot)\" is read by process \(reader) of the server",
                        hint: "end the other capture, or --slot NAME gives this one its own"))
            }
            if !isTold { notices("slot \"\(slot)\" is read by process \(reader); waiting") }
            isTold = true
            Thread.pause(nanoseconds: 200_000_000)
        }
    }

    /// The publications that a capture makes for its slot.
    public static func publications(of slot: String) -> [String] {
        [slot, OwnPublications.inserts(of: slot)]
    }

    public func stop() { stopSignal.set() }

    public var isStopping: Bool { stopSignal.isSet }

    public var progress: CaptureProgress { lock.withLock { current } }

    func update(_ body: (inout CaptureProgress) -> Void) {
        lock.withLock { body(&current) }
    }
}
