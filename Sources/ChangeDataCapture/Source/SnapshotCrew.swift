import Formats
import Platform
import PostgresProtocol

/// Reads the parts of a table on several connections at once, all in one snapshot. The rows come
/// out in batches, those of a part in their order; of each part a few are read ahead.
///
/// `read`, `next` and `close` are called on the capture's thread; each connection has one of its
/// own.
final class SnapshotCrew: @unchecked Sendable {
    /// Rows of one part as tuples, one behind the other.
    final class Batch {
        let part: Int
        var bytes = OutputBuffer(capacity: Limits.snapshotBatchBytes + (64 << 10))
        /// Where each ends.
        var ends: [Int] = []
        /// Nothing of the part comes behind it.
        var isLast = false

        init(_ part: Int) { self.part = part }
    }

    private struct Job {
        let part: Int
        let statement: String
        let table: CatalogTable
    }

    private let lock = Lock()
    private let changed = Condition()
    private let connections: [PostgresConnection]
    private var table: CatalogTable?
    private var statements: [String] = []
    private var taken = 0
    private var finished = 0
    private var batches: [Int: [Batch]] = [:]
    /// Parts of which a batch was taken, but not the last.
    private var begun: Set<Int> = []
    private var failure: (any Error)?
    private var isEnded = false

    /// Opens the connections; they are inside of transactions with the snapshot.
    init(
        _ address: PostgresAddress, snapshot: String, count: Int, stop: StopSignal
    ) throws(CaptureError) {
        var opened: [PostgresConnection] = []
        for _ in 0..<max(1, min(count, Limits.snapshotWorkersMax)) {
            do throws(CaptureError) {
                let connection = try PostgresConnection.open(address, stop: stop)
                opened.append(connection)
                try connection.execute(
                    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
                        + "SET TRANSACTION SNAPSHOT \(quotedText(snapshot))",
                    doing: "begin the snapshot")
            } catch {
                for connection in opened { connection.close() }
                throw error
            }
        }
        connections = opened
        for connection in opened { Thread.start { [self] in work(connection) } }
    }

    /// Begins with the parts of a table, each read by one of the statements; all of the table
    /// before was taken.
    func read(_ table: CatalogTable, _ statements: [String]) {
        lock.withLock {
            self.table = table
            self.statements = statements
            (taken, finished) = (0, 0)
            batches = [:]
            begun = []
            changed.broadcast()
        }
    }

    /// The next rows; nil when there are none. With `onlyBegun` no further part is begun.
    func next(onlyBegun: Bool) throws -> Batch? {
        lock.lock()
        defer { lock.unlock() }
        while true {
            if let failure { throw failure }
            if onlyBegun ? begun.isEmpty : finished == statements.count { return nil }
            let ready = batches.keys.filter { !onlyBegun || begun.contains($0) }
            // One that was begun goes before, so that few are open.
            if let part = ready.min(by: { order($0) < order($1) }) { return take(part) }
            lock.wait(changed)
        }
    }

    private func order(_ part: Int) -> (Int, Int) { (begun.contains(part) ? 0 : 1, part) }

    private func take(_ part: Int) -> Batch? {
        guard var queue = batches[part], !queue.isEmpty else { return nil }
        let batch = queue.removeFirst()
        batches[part] = queue.isEmpty ? nil : queue
        if batch.isLast {
            begun.remove(part)
            finished += 1
        } else {
            begun.insert(part)
        }
        changed.broadcast()
        return batch
    }

    /// Ends the threads, wherever they are.
    func close() {
        lock.withLock {
            isEnded = true
            changed.broadcast()
        }
        for connection in connections { connection.interrupt() }
    }
}

// The threads.
extension SnapshotCrew {
    private func work(_ connection: PostgresConnection) {
        while let job = nextJob() {
            do { try read(job, connection) } catch {
                return lock.withLock {
                    failure = failure ?? error
                    changed.broadcast()
                }
            }
        }
    }

    private func nextJob() -> Job? {
        lock.lock()
        defer { lock.unlock() }
        while !isEnded, failure == nil {
            if let table, taken < statements.count {
                defer { taken += 1 }
                return Job(part: taken, statement: statements[taken], table: table)
            }
            lock.wait(changed)
        }
        return nil
    }

    private func read(_ job: Job, _ connection: PostgresConnection) throws {
        var batch = Batch(job.part)
        let columns = job.table.table.columns.count
        try connection.copy(job.statement, doing: "read table \(job.table.name)") { row in
            guard CopyRow.append(row, columns: columns, to: &batch.bytes) else {
                throw CaptureError.wrongWidth(job.table.table)
            }
            batch.ends.append(batch.bytes.count)
            if batch.bytes.count >= Limits.snapshotBatchBytes {
                try hand(batch)
                batch = Batch(job.part)
            }
        }
        batch.isLast = true
        try hand(batch)
    }

    /// Waits until there is room for it.
    private func hand(_ batch: Batch) throws(CaptureError) {
        lock.lock()
        defer { lock.unlock() }
        while !isEnded, failure == nil {
            if (batches[batch.part]?.count ?? 0) < Limits.snapshotBatchesAhead {
                batches[batch.part, default: []].append(batch)
                changed.broadcast()
                return
            }
            lock.wait(changed)
        }
        throw .connection(CaptureReport("stopped"))
    }
}
