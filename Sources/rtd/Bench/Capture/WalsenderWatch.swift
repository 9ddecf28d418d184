import ChangeDataCapture
import Platform

/// Looks at the CPU time of the server's process behind a slot, on a thread of its own, as long as
/// that process is one of this machine.
final class WalsenderWatch: @unchecked Sendable {
    private let lock = Lock()
    private let changed = Condition()
    private var isEnded = false
    private var hasLeft = false
    private var process: Int32?
    private var nanoseconds: Int64 = 0

    init(_ source: CaptureBenchSource, slot: String) {
        let (address, isLocal) = (source.address, source.isLocal)
        Thread.start { [self] in
            if isLocal, let connection = try? PostgresConnection.open(address) {
                watch(connection, slot)
                connection.close()
            }
            lock.withLock {
                hasLeft = true
                changed.broadcast()
            }
        }
    }

    private func watch(_ connection: PostgresConnection, _ slot: String) {
        while !lock.withLock({ isEnded }) {
            if let process {
                // Once it has ended its last figure stays.
                if let usage = ProcessUsage.of(process) {
                    lock.withLock { nanoseconds = usage.cpuNanoseconds }
                }
            } else {
                let rows = try? connection.rows(
                    "SELECT active_pid FROM pg_replication_slots WHERE slot_name = '\(slot)'",
                    doing: "find the walsender")
                let found = rows?.first?.first?.flatMap { $0 }.flatMap { Int32($0) }
                if let found, Self.isPostgres(found) { process = found }
            }
            Thread.pause(nanoseconds: process == nil ? 2_000_000 : 10_000_000)
        }
    }

    /// A number of another machine or container may be that of anybody here.
    private static func isPostgres(_ process: Int32) -> Bool {
        let name = try? POSIXFileSystem().readAll("/proc/\(process)/comm", limit: 64)
        return name.map { String(decoding: $0, as: UTF8.self).hasPrefix("postgres") } ?? false
    }

    /// nil: it was not visible.
    func end() -> Int64? {
        lock.withLock {
            isEnded = true
            while !hasLeft { lock.wait(changed) }
            return nanoseconds > 0 ? nanoseconds : nil
        }
    }
}
