import Formats
import Platform
import Query
import SQL

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A script of statements in a session of its own, without files and topics: each is run or gets an
/// error, as in a pipe of `rtd query`.
func fuzzSession(_ bytes: RawSpan) {
    let script = bytes.withUnsafeBytes { Array($0) }
    // A script may name a file, and the fuzzer is not to read the machine's devices.
    guard script.count < 8_192, !script.contains(UInt8(ascii: "/")) else { return }
    var environment = SessionEnvironment(clock: SystemClock())
    environment.memoryMax = 8 << 20
    environment.stop = Deadline.shared.begin()
    defer { Deadline.shared.end() }
    let session = QuerySession(environment)
    guard var parser = try? Parser(script) else { return }
    var statements = 0
    while statements < 16, let statement = (try? parser.next()) ?? nil {
        statements += 1
        environment.stop.clear()
        if case .copy = statement { continue }
        if case .copyFrom = statement { continue }
        do throws(SQLError) {
            _ = try session.run(statement, output: Discarded())
        } catch {
            let place = error.place ?? 0..<0
            precondition(place.upperBound <= script.count, "an error lies in the script")
            precondition(error.state != .internalError, "an error of the engine: \(error)")
        }
    }
}

/// Stops what runs long: a query over a billion generated rows is no failure.
private final class Deadline: @unchecked Sendable {
    static let shared = Deadline()
    private let lock = Lock()
    private var flag: StopFlag?
    private var began: Int64 = 0
    private let clock = SystemClock()

    private init() {
        Thread.start { [self] in
            while true {
                usleep(100_000)
                let now = clock.monotonicNanoseconds
                lock.withLock { if now - began > 500_000_000 { flag?.set() } }
            }
        }
    }

    func begin() -> StopFlag {
        let made = StopFlag()
        lock.withLock {
            flag = made
            began = clock.monotonicNanoseconds
        }
        return made
    }

    func end() { lock.withLock { flag = nil } }
}
