import Aggregation
import Bytes
import Formats
import Platform
import SQL

/// A query whose state is kept in a directory: it begins where the last run of it was saved, and
/// saves itself as it runs. Made by the session for one statement; used on its thread.
///
/// Rows count as written when the snapshot that follows them is: what the output got since is cut
/// off at the next start where it is a file, and comes once more where it is not.
final class KeptQuery {
    private let directory: StateDirectory
    private let execution: QueryExecution
    private let output: any ResultOutput
    private let clock: any Clock
    private let note: @Sendable (String) -> Void
    private let fingerprint: String
    private var lastSave: Int64
    private var pause = KeptQuery.pauseMin

    /// Between two snapshots lies ten times what the last one took, and at least this.
    private static let pauseMin: Int64 = 100_000_000

    init(
        _ path: String, _ execution: QueryExecution, _ output: any ResultOutput,
        _ environment: SessionEnvironment
    ) throws(SQLError) {
        self.execution = execution
        self.output = output
        clock = environment.clock
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

    /// Goes on from the newest snapshot, to the end of the inputs or to a signal.
    func run() throws(SQLError) {
        let saved = try newest()
        if saved?.isFinished == true {
            return note(
                "the query of \(directory.path) has ended and its rows were written; remove the "
                    + "directory to run it again")
        }
        try execution.begin()
        try execution.requireResumable()
        let run = try execution.makeRun(execution.prepared.policy)
        run.pausesWhenStopped = true
        if let saved {
            try resume(saved, run)
        } else {
            // Before the first row leaves: what follows is known to come after it.
            try save(run, isFinished: false)
        }
        try execution.compiled.start()
        run.betweenSteps = { [self, unowned run] () throws(SQLError) in
            try saveIfDue(run)
            return false
        }
        switch try run.run() {
        case .paused:
            try save(run, isFinished: false)
            execution.close()
            note("the state is kept in \(directory.path); the next start goes on from here")
        case .finished where output.isClosed:
            // The reader has left; rows that it did not take come again.
            return
        case .finished:
            try output.end()
            try save(run, isFinished: true)
        }
    }

    private func newest() throws(SQLError) -> Snapshot? {
        for (file, bytes) in try directory.snapshots() {
            guard let snapshot = try Snapshot(bytes, directory.path) else {
                note("\(file) is damaged and was passed over")
                continue
            }
            guard snapshot.fingerprint == fingerprint else {
                throw SQLError(
                    "the state in \(directory.path) is of another query", .objectNotReady,
                    hint: "Give each query a directory of its own; remove \(directory.path) to "
                        + "begin anew.",
                    detail: "It was kept for: \(KeptQuery.inShort(snapshot.fingerprint)).")
            }
            return snapshot
        }
        return nil
    }

    /// The operations of a plan in one line.
    private static func inShort(_ fingerprint: String) -> String {
        let lines = fingerprint.split(separator: "\n").prefix(6).map { line in
            line.drop { $0 == " " || $0 == "-" || $0 == ">" }
        }
        return lines.joined(separator: "; ")
    }

    private func resume(_ saved: Snapshot, _ run: QueryRun) throws(SQLError) {
        var reader = StateReader(saved.state)
        try run.read(&reader, resuming: true)
        try execution.compiled.read(&reader)
        guard reader.remaining == 0 else {
            throw SQLError("the state in \(directory.path) is damaged", .internalError)
        }
        try output.resume(at: saved.output)
        if saved.output == nil {
            note("the output is no file, so rows written after the last saved step come again")
        }
    }

    private func saveIfDue(_ run: QueryRun) throws(SQLError) {
        let now = clock.monotonicNanoseconds
        guard now - lastSave >= pause else { return }
        try run.reachBoundary()
        try save(run, isFinished: false)
    }

    private func save(_ run: QueryRun, isFinished: Bool) throws(SQLError) {
        let start = clock.monotonicNanoseconds
        try execution.sink.flush()
        var snapshot = Snapshot(fingerprint: fingerprint)
        snapshot.output = try output.mark()
        snapshot.isFinished = isFinished
        var state = OutputBuffer(capacity: 64 * 1024)
        try run.write(&state)
        execution.compiled.write(&state)
        snapshot.state = unsafe state.bytes.withUnsafeBytes { unsafe Array($0) }
        try directory.save(snapshot.bytes)
        lastSave = clock.monotonicNanoseconds
        pause = max(KeptQuery.pauseMin, (lastSave - start) * 10)
    }
}
