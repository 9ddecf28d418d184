import Aggregation
import Bytes
import Formats
import Platform
import SQL

/// A query whose state is kept in a directory: it begins where the last run of it was saved, and
/// saves itself as it runs. Made by the session for one statement; used on its thread.
///
/// Rows count as written when the step that follows them is saved: what the output got since is cut
/// off at the next start where it is a file. What goes to topics is in a transaction, which is
/// committed, with the number of the step, once that is on the disk: the next start goes on from
/// the step that the cluster names. Where the output is something else, rows written since come
/// once more.
///
/// A step is saved as what was done since the last one (`StepRecorder`), which a start does again
/// in silence; as the whole state where that is shorter, and when the journal has become long.
final class KeptQuery {
    private let directory: StateDirectory
    private let execution: QueryExecution
    private let output: any ResultOutput
    private let clock: any Clock
    private let random: any RandomSource
    private let note: @Sendable (String) -> Void
    private let query: QueryFingerprint
    private let transaction: (any ResultTransaction)?
    private let recorder: StepRecorder
    private let columns: KeptColumns?
    /// Its own or, once a state was found, that of the earlier runs.
    private(set) var transactionName: String
    private var step = CommittedStep(number: 0, nonce: 0)
    private var pace: SavingPace
    private var stepsSaved = 0
    private var rowsSaved = 0

    private static let transactionMilliseconds: Int64 = 60_000

    init(
        _ path: String, _ execution: QueryExecution, _ output: any ResultOutput,
        _ environment: SessionEnvironment, _ transaction: (any ResultTransaction)?, name: String,
        columns: KeptColumns?
    ) throws(SQLError) {
        self.execution = execution
        self.columns = columns
        self.output = output
        self.transaction = transaction
        transactionName = transaction == nil ? "" : name
        clock = environment.clock
        random = environment.random
        note = environment.note
        pace = SavingPace(
            isCommitting: transaction != nil, now: environment.clock.monotonicNanoseconds)
        query = QueryFingerprint(execution)
        recorder = StepRecorder(
            execution.compiled.inputs.map { $0.scan.columns.map(\.type) },
            isRepeatable: execution.prepared.plan.isRepeatable)
        directory = try StateDirectory(path)
    }

    /// Goes on from the newest step that counts, to the end of the inputs or to a signal.
    func run() throws(SQLError) {
        let saved = try newest()
        if let saved, saved.step.isFinished {
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
        execution.tellUnboundedState()
        let run = try execution.makeRun(execution.prepared.policy)
        run.pausesWhenStopped = true
        if let saved { try resume(saved, run) }
        run.record(to: recorder)
        if let columns { try directory.save(columns: columns.bytes) }
        // Before the first row leaves: what follows is known to come after it.
        try save(run)
        recorder.start()
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
        case .misfit: throw SQLError("the state has other types", .internalError)
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
        try directory.remove(after: saved.generation.number)
        step.number = saved.step.step.number
        let (whole, calls) = saved.generation.state(saved.index)
        let version = saved.generation.snapshot.version
        var state = StateReader(whole)
        if version < 3 {
            try run.read(&state, resuming: true, version: version)
        } else {
            var positions = StateReader(saved.step.positions)
            try run.read(&positions, resuming: true)
            try run.readRows(&state)
        }
        try execution.compiled.read(&state)
        guard state.remaining == 0 else {
            throw SQLError("the state in \(directory.path) is damaged", .internalError)
        }
        execution.isMuted = true
        for recorded in calls {
            try run.replay(recorded) { () throws(SQLError) in try execution.compiled.start() }
        }
        execution.isMuted = false
        let cut = try output.resume(at: saved.step.output, isWhole: saved.step.isClean)
        if cut > 0 {
            note("\(cut) bytes that the output had behind the last saved step were cut off it")
        }
        if saved.step.output == nil, transaction == nil {
            note("the output is no file, so rows written after the last saved step come again")
        }
    }
}

// Which of the saved steps counts.
extension KeptQuery {
    private struct Found {
        var generation: StateDirectory.Generation
        /// Records of its journal before it.
        var index: Int

        var step: SavedStep { generation.step(index) }
        var isCommitted: Bool { generation.isCommitted(index) }
    }

    private func newest() throws(SQLError) -> Found? {
        let generations = try readable()
        guard let newest = KeptQuery.find(generations, { _ in true }) else {
            try begin()
            return nil
        }
        let name = newest.generation.snapshot.transaction
        guard transaction != nil else {
            // Its rows may never have counted; those of the one before it have.
            guard !name.isEmpty, !newest.isCommitted else { return newest }
            return KeptQuery.find(generations) { $0 != newest.step.step } ?? newest
        }
        guard !name.isEmpty else {
            try begin()
            return newest
        }
        transactionName = name
        guard let committed = try begin() else { return try unnamed(generations, newest) }
        if let match = KeptQuery.find(generations, { $0 == committed }) { return match }
        if newest.generation.journal.unreadBytes > 0, committed.number > newest.step.step.number {
            throw SQLError(
                "the state in \(directory.path) is damaged", .dataCorrupted,
                hint: "Look into the topic for what was written last; remove "
                    + "\(directory.path) to begin anew.",
                detail: "Step \(committed.number) was committed, and it can be read up to step "
                    + "\(newest.step.step.number).")
        }
        throw SQLError(
            "the state in \(directory.path) is not the one whose rows were written last",
            .objectNotReady,
            hint: "Another copy of it went on: start that one. Or remove \(directory.path) to "
                + "begin anew.",
            detail: "It is at step \(newest.step.step.number); \"\(transactionName)\" has "
                + "committed step \(committed.number).")
    }

    /// The last saved step that is wanted.
    private static func find(
        _ generations: [StateDirectory.Generation], _ isWanted: (CommittedStep) -> Bool
    ) -> Found? {
        for generation in generations {
            if let index = generation.indices.last(where: { isWanted(generation.step($0).step) }) {
                return Found(generation: generation, index: index)
            }
        }
        return nil
    }

    /// Of this query and undamaged, the newest first.
    private func readable() throws(SQLError) -> [StateDirectory.Generation] {
        var found: [StateDirectory.Generation] = []
        for number in try directory.generations() {
            guard let generation = try directory.generation(number) else {
                note("\(directory.name(of: number)) is damaged and was passed over")
                continue
            }
            try query.require(generation.snapshot.query, in: directory.path)
            found.append(generation)
        }
        return found
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
    private func unnamed(
        _ generations: [StateDirectory.Generation], _ newest: Found
    ) throws(SQLError) -> Found? {
        if newest.isCommitted { return newest }
        // The second is saved once more where the first was not committed.
        if newest.step.step.number <= 2,
            let first = KeptQuery.find(generations, { $0.number == 1 })
        {
            return first
        }
        throw SQLError(
            "the cluster has forgotten what \"\(transactionName)\" has committed",
            .objectNotReady,
            hint: "Look into the topic for what was written last; remove \(directory.path) to "
                + "begin anew.",
            detail: "The query was ended in the middle, and whether the rows of step "
                + "\(newest.step.step.number) were committed is not known.")
    }
}

// Saving.
extension KeptQuery {
    private func saveIfDue(_ run: QueryRun) throws(SQLError) {
        run.betweenStepsWithin = .max
        // Nothing has happened since.
        guard run.steps != stepsSaved else { return }
        guard recorder.hasChanges || execution.rowsWritten != rowsSaved else { return }
        let now = clock.monotonicNanoseconds
        let due = pace.due(isQuiet: run.isQuiet)
        guard now >= due else {
            run.betweenStepsWithin = due - now
            return
        }
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
        var saved = SavedStep()
        saved.step = step
        saved.isFinished = isFinished
        saved.isClean = isLast
        saved.output = try output.mark()
        var positions = OutputBuffer(capacity: 1024)
        try run.write(&positions)
        saved.positions = positions.array
        let isNew = try write(saved, run, start)
        if let transaction {
            try transaction.commit(step, run.readOffsets)
            if isLast { try directory.markCommitted() }
        }
        recorder.begin(limit: max(directory.stateBytes, 4096))
        stepsSaved = run.steps
        rowsSaved = execution.rowsWritten
        pace.saved(from: start, to: clock.monotonicNanoseconds, isNew: isNew)
    }

    /// True if a new generation has begun.
    private func write(
        _ saved: SavedStep, _ run: QueryRun, _ now: Int64
    ) throws(SQLError) -> Bool {
        let isDue =
            directory.isJournalFull
            && pace.takesWhole(now, fullness: directory.fullness)
        if recorder.isComplete, directory.takesCalls, !isDue,
            recorder.count < directory.stateBytes
        {
            try directory.append(calls: recorder.bytes, saved)
            return false
        }
        var snapshot = Snapshot(of: query)
        snapshot.transaction = transactionName
        snapshot.saved = saved
        var state = OutputBuffer(capacity: directory.stateBytes + 64 * 1024)
        run.writeRows(&state)
        execution.compiled.write(&state)
        return try directory.save(snapshot, state.bytes)
    }
}

/// When the steps of a kept query are saved, in nanoseconds of the monotonic clock.
private struct SavingPace {
    /// Rows become visible by it.
    private let isCommitting: Bool
    private var last: Int64
    /// What it takes to save a step and to commit it, without writing the whole state.
    private var cost: Int64 = 0
    private var lastWhole: Int64
    private var wholeCost: Int64 = 0

    /// While the sources have nothing to be read, what has come should be seen soon.
    private static let quietMin: Int64 = 5_000_000
    private static let busyMin: Int64 = 50_000_000
    /// Where rows are seen as they leave.
    private static let uncommittedMin: Int64 = 100_000_000
    /// A transaction must not become too old.
    private static let busyMax: Int64 = 10_000_000_000

    init(isCommitting: Bool, now: Int64) {
        self.isCommitting = isCommitting
        last = now
        lastWhole = now
    }

    /// When the next step is to be saved: under load a tenth of the time goes into it.
    func due(isQuiet: Bool) -> Int64 {
        guard isCommitting else { return last + max(Self.uncommittedMin, cost * 10) }
        if isQuiet { return last + Self.quietMin }
        return last + min(max(Self.busyMin, cost * 10), Self.busyMax)
    }

    /// The whole state is written when the journal is full, and not more often than it takes a
    /// tenth of the time; but no journal is several times as long as the state.
    func takesWhole(_ now: Int64, fullness: Int64) -> Bool {
        fullness >= 4 || now - lastWhole >= wholeCost * 10
    }

    /// `isNew`: a generation has begun with the whole state.
    mutating func saved(from start: Int64, to end: Int64, isNew: Bool) {
        last = end
        if isNew {
            lastWhole = end
            wholeCost = end - start
        } else {
            cost = end - start
        }
    }
}
