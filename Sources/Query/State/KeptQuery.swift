import Aggregation
import Bytes
import Formats
import Platform
import SQL

/// A query whose state is kept in a directory: it begins where the last run of it was saved, and
/// saves itself as it runs. Made by the session for one statement; used on its thread.
///
/// Rows count as written when the snapshot that follows them is: what the output got since is cut
/// off at the next start where it is a file. What goes to topics is in a transaction, which is
/// committed, with the number of the step, once its snapshot is on the disk: the next start goes on
/// from the snapshot of the step that the cluster names. Where the output is something else, rows
/// written since come once more.
final class KeptQuery {
    private let directory: StateDirectory
    private let execution: QueryExecution
    private let output: any ResultOutput
    private let clock: any Clock
    private let random: any RandomSource
    private let note: @Sendable (String) -> Void
    private let fingerprint: String
    private let transaction: (any ResultTransaction)?
    /// Its own or, once a snapshot was found, that of the earlier runs.
    private(set) var transactionName: String
    private var step = CommittedStep(number: 0, nonce: 0)
    private var lastSave: Int64
    private var stepsSaved = 0
    private var pause = KeptQuery.pauseMin

    /// Between two snapshots lies ten times what the last one took, and at least this.
    private static let pauseMin: Int64 = 100_000_000
    /// Rows in a transaction are waited for, and it must not become too old.
    private static let pauseMax: Int64 = 10_000_000_000
    private static let transactionMilliseconds: Int64 = 60_000

    init(
        _ path: String, _ execution: QueryExecution, _ output: any ResultOutput,
        _ environment: SessionEnvironment, _ transaction: (any ResultTransaction)?, name: String
    ) throws(SQLError) {
        self.execution = execution
        self.output = output
        self.transaction = transaction
        transactionName = transaction == nil ? "" : name
        clock = environment.clock
        random = environment.random
        note = environment.note
        lastSave = clock.monotonicNanoseconds
        fingerprint = KeptQuery.fingerprint(execution)
        directory = try StateDirectory(path)
    }

    /// The plan in words, with the types of what it reads.
    private static func fingerprint(_ execution: QueryExecution) -> String {
        let prepared = execution.prepared
        var lines = Explain.lines(prepared.plan, showsFacts: false)
        for input in execution.compiled.inputs {
            let types = input.scan.columns.map(\.type.shape).joined(separator: ", ")
            lines.append("\(input.relation.name): \(types)")
        }
        let columns = prepared.columns.map { "\($0.name) \($0.type.shape)" }
        lines.append(columns.joined(separator: ", "))
        lines.append(prepared.emit.map { "\($0.kind)" } ?? "")
        return lines.joined(separator: "\n")
    }

    /// Goes on from the newest snapshot that counts, to the end of the inputs or to a signal.
    func run() throws(SQLError) {
        let saved = try newest()
        if let saved, saved.snapshot.isFinished {
            transaction?.end()
            return note(
                "the query of \(directory.path) has ended and its rows were written; remove the "
                    + "directory to run it again")
        }
        do {
            try work(from: saved)
        } catch {
            // Readers of committed rows need not wait for the broker to find out.
            transaction?.abandon()
            if saved == nil, InputRestart.isAsked(by: error) { try directory.remove(after: nil) }
            throw error
        }
    }

    private func work(from saved: Found?) throws(SQLError) {
        try execution.begin(mayRestart: saved == nil)
        try execution.requireResumable()
        let run = try execution.makeRun(execution.prepared.policy)
        run.pausesWhenStopped = true
        if let saved { try resume(saved, run) }
        // Before the first row leaves: what follows is known to come after it.
        try save(run)
        try execution.compiled.start()
        run.betweenSteps = { [self, unowned run] () throws(SQLError) in
            try saveIfDue(run)
            return false
        }
        switch try run.run() {
        case .paused:
            try save(run, isLast: true)
            execution.close()
            transaction?.end()
            note("the state is kept in \(directory.path); the next start goes on from here")
        case .finished where output.isClosed:
            // The reader has left; rows that it did not take come again.
            transaction?.abandon()
        case .finished:
            try output.end()
            try execution.lateRows?.output.end()
            try save(run, isFinished: true, isLast: true)
            transaction?.end()
        }
    }

    private func resume(_ saved: Found, _ run: QueryRun) throws(SQLError) {
        try directory.remove(after: saved.number)
        step.number = saved.snapshot.step.number
        var reader = StateReader(saved.snapshot.state)
        try run.read(&reader, resuming: true)
        try execution.compiled.read(&reader)
        guard reader.remaining == 0 else {
            throw SQLError("the state in \(directory.path) is damaged", .internalError)
        }
        try output.resume(at: saved.snapshot.output)
        if saved.snapshot.output == nil, transaction == nil {
            note("the output is no file, so rows written after the last saved step come again")
        }
    }
}

// Which snapshot counts.
extension KeptQuery {
    private struct Found {
        var number: UInt64
        var snapshot: Snapshot
    }

    private func newest() throws(SQLError) -> Found? {
        let found = try readable()
        guard let newest = found.first else {
            try begin()
            return nil
        }
        let isOfTransactions = !newest.snapshot.transaction.isEmpty
        guard transaction != nil else {
            // Its rows may never have counted; those of the one before it have.
            let isOpen = isOfTransactions && !newest.snapshot.isCommitted
            return isOpen ? found.dropFirst().first ?? newest : newest
        }
        guard isOfTransactions else {
            try begin()
            return newest
        }
        transactionName = newest.snapshot.transaction
        guard let committed = try begin() else { return try unnamed(found) }
        if let match = found.first(where: { $0.snapshot.step == committed }) { return match }
        throw SQLError(
            "the state in \(directory.path) is not the one whose rows were written last",
            .objectNotReady,
            hint: "Another copy of it went on: start that one. Or remove \(directory.path) to "
                + "begin anew.",
            detail: "It is at step \(newest.snapshot.step.number); \"\(transactionName)\" has "
                + "committed step \(committed.number).")
    }

    /// Of this query and undamaged, the newest first.
    private func readable() throws(SQLError) -> [Found] {
        var found: [Found] = []
        for file in try directory.snapshots() {
            guard let snapshot = try Snapshot(file.bytes, directory.path) else {
                note("\(file.name) is damaged and was passed over")
                continue
            }
            guard snapshot.fingerprint == fingerprint else {
                throw SQLError(
                    "the state in \(directory.path) is of another query", .objectNotReady,
                    hint: "Give each query a directory of its own; remove \(directory.path) to "
                        + "begin anew.",
                    detail: "It was kept for: \(KeptQuery.inShort(snapshot.fingerprint)).")
            }
            found.append(Found(number: file.number, snapshot: snapshot))
        }
        return found
    }

    /// The operations of a plan in one line.
    private static func inShort(_ fingerprint: String) -> String {
        let lines = fingerprint.split(separator: "\n").prefix(6).map { line in
            line.drop { $0 == " " || $0 == "-" || $0 == ">" }
        }
        return lines.joined(separator: "; ")
    }

    @discardableResult
    private func begin() throws(SQLError) -> CommittedStep? {
        var open = KeptQuery.transactionMilliseconds
        if case .periodic(let interval) = execution.prepared.policy {
            open = max(open, interval / 1_000_000 * 2)
        }
        return try transaction?.begin(transactionName, openMilliseconds: open)
    }

    /// The cluster knows of no step: none was committed yet, or it has forgotten, as it does with
    /// the offsets of a group that is long unused.
    private func unnamed(_ found: [Found]) throws(SQLError) -> Found? {
        if let first = found.first(where: { $0.snapshot.step.number == 1 }) { return first }
        if let newest = found.first, newest.snapshot.isCommitted { return newest }
        throw SQLError(
            "the cluster has forgotten what \"\(transactionName)\" has committed",
            .objectNotReady,
            hint: "Look into the topic for what was written last; remove \(directory.path) to "
                + "begin anew.",
            detail: "The query was ended in the middle, and whether the rows of step "
                + "\(found.first?.snapshot.step.number ?? 0) were committed is not known.")
    }
}

// Saving.
extension KeptQuery {
    private func saveIfDue(_ run: QueryRun) throws(SQLError) {
        // Nothing has happened since.
        guard run.steps != stepsSaved else { return }
        let now = clock.monotonicNanoseconds
        guard now - lastSave >= pause else { return }
        try run.reachBoundary()
        try save(run)
    }

    /// `isLast`: nothing comes after it, so it is said that it was committed.
    private func save(
        _ run: QueryRun, isFinished: Bool = false, isLast: Bool = false
    ) throws(SQLError) {
        let start = clock.monotonicNanoseconds
        try execution.sink.flush()
        if let late = execution.lateRows?.output {
            try late.flush()
            _ = try late.mark()
        }
        step = CommittedStep(number: step.number + 1, nonce: random.next())
        var snapshot = Snapshot(fingerprint: fingerprint)
        snapshot.output = try output.mark()
        snapshot.isFinished = isFinished
        snapshot.transaction = transactionName
        snapshot.step = step
        var state = OutputBuffer(capacity: 64 * 1024)
        try run.write(&state)
        execution.compiled.write(&state)
        snapshot.state = unsafe state.bytes.withUnsafeBytes { unsafe Array($0) }
        try directory.save(snapshot.bytes)
        if let transaction {
            try transaction.commit(step, run.readOffsets)
            if isLast {
                snapshot.isCommitted = true
                try directory.save(snapshot.bytes)
            }
        }
        stepsSaved = run.steps
        lastSave = clock.monotonicNanoseconds
        pause = max(KeptQuery.pauseMin, (lastSave - start) * 10)
        if transaction != nil { pause = min(pause, KeptQuery.pauseMax) }
    }
}
