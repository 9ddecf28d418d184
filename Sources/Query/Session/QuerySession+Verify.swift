import Aggregation
import Bytes
import Formats
import Platform
import SQL

// `rtd query --verify`: a query over input that ends gives the same rows as the same query over
// input that never does. Both are run and their rows compared.
extension QuerySession {
    /// Runs the query in one step, and then as over endless input: cut into batches and steps
    /// anywhere, its inputs in any order, its state written, dropped and read again now and then.
    /// Compares what the rows come to.
    func verify(_ query: QuerySyntax) throws(SQLError) -> Outcome {
        let values = settings.settings
        let finite = try finitely(try prepare(query, isOutput: true), query.place)
        let once = NetResult()
        let first = try QueryExecution(
            finite, environment, settings: values, once, isVerifying: true)
        try first.run()
        let seed = environment.verifySeed ?? SystemRandom().next() % 1_000_000
        let second = try prepare(query, isOutput: true)
        var endless = second
        endless.policy = .drawn(seed: seed)
        let stepped = NetResult()
        let execution = try QueryExecution(
            endless, environment, settings: values, stepped, isVerifying: true)
        let restarts = try run(execution, seed)
        try compare(once, stepped, execution, seed)
        report(late: execution.compiled.lateRows)
        skipped = execution.skipped
        environment.note(
            "verified: \(once.count) rows, the same in one step and in \(stepped.steps) with "
                + "\(restarts) restarts (seed \(seed))")
        return Outcome(tag: "VERIFY \(once.count)")
    }

    private func finitely(
        _ prepared: PreparedQuery, _ place: Range<Int>
    ) throws(SQLError) -> PreparedQuery {
        guard !prepared.plan.facts.isEndless else {
            throw SQLError(
                "--verify needs input that ends", .featureNotSupported, at: place,
                hint: "Leave STREAM out.")
        }
        var finite = prepared
        finite.policy = .once
        finite.isChangelog = false
        return finite
    }

    /// Runs to the end with restarts at drawn steps; gives their number. A restart reads the state,
    /// or an older one and does again what was done since.
    private func run(_ execution: QueryExecution, _ seed: UInt64) throws(SQLError) -> Int {
        var numbers = SeededRandom(seed: seed ^ 0x5eed)
        var restarts = 0
        var saved: VerifiedState?
        try execution.begin()
        while true {
            let run = try execution.makeRun(.drawn(seed: seed &+ UInt64(restarts)))
            var state: VerifiedState
            if let saved {
                state = saved
                try state.read(into: run, execution)
            } else {
                state = try VerifiedState(of: run, execution)
            }
            let recorder = StepRecorder(
                execution.compiled.inputs.map { $0.scan.columns.map(\.type) },
                isRepeatable: execution.prepared.plan.isRepeatable)
            recorder.begin(limit: VerifiedState.callBytesMax)
            run.record(to: recorder)
            recorder.start()
            try execution.compiled.start()
            let limit = 1 << min(restarts, 20)
            let isKept = execution.compiled.operators.allSatisfy(\.keepsState)
            run.betweenSteps = { isKept && numbers.below(limit) == 0 && numbers.chance(1, in: 3) }
            if try run.run() == .finished { return restarts }
            try run.reachBoundary()
            if recorder.isComplete, numbers.chance(1, in: 2) {
                try state.add(recorder, run)
            } else {
                state = try VerifiedState(of: run, execution)
            }
            saved = state
            try execution.recompile()
            restarts += 1
        }
    }

    private func compare(
        _ once: NetResult, _ stepped: NetResult, _ execution: QueryExecution, _ seed: UInt64
    ) throws(SQLError) {
        if stepped.sawRetraction, execution.compiled.isAppendOnly {
            throw SQLError(
                "the endless run took rows back from a result that only grows (seed \(seed))",
                .internalError)
        }
        if execution.prepared.plan.hasUnorderedLimit {
            guard once.count == stepped.count else {
                throw differ("\(once.count) rows and \(stepped.count)", seed)
            }
            environment.note(
                "LIMIT without ORDER BY takes any rows, so only their number was compared")
            return
        }
        let (lost, extra) = once.difference(to: stepped)
        guard lost.isEmpty, extra.isEmpty else {
            let columns = execution.prepared.columns
            let sample =
                (lost.prefix(3).map { "- " + text($0, columns) }
                + extra.prefix(3).map { "+ " + text($0, columns) }).joined(separator: "; ")
            throw differ(
                "\(lost.count) rows are missing and \(extra.count) too many: \(sample)", seed)
        }
    }

    private func differ(_ what: String, _ seed: UInt64) -> SQLError {
        SQLError(
            "the finite and the endless run differ", .internalError,
            hint: "ORDER BY ... LIMIT with equal keys, random() and now() may differ; anything "
                + "else is a fault of rtd.",
            detail: "\(what) (seed \(seed)).")
    }

    private func text(_ row: [Value], _ columns: [Field]) -> String {
        zip(columns, row).map { column, value in
            "\(column.name)=\(TypeText.text(value, column.type) ?? "null")"
        }.joined(separator: " ")
    }
}

/// The state of the run that is verified, as it would lie on a disk.
private struct VerifiedState {
    private var positions: [UInt8] = []
    private let whole: [UInt8]
    private var calls: [[UInt8]] = []

    /// Of what is done between two restarts.
    static let callBytesMax = 16 << 20

    init(of run: QueryRun, _ execution: QueryExecution) throws(SQLError) {
        var state = OutputBuffer(capacity: 64 * 1024)
        execution.compiled.write(&state)
        whole = state.array
        try note(run)
    }

    private mutating func note(_ run: QueryRun) throws(SQLError) {
        var state = OutputBuffer(capacity: 1024)
        try run.write(&state)
        positions = state.array
    }

    mutating func add(_ recorder: StepRecorder, _ run: QueryRun) throws(SQLError) {
        calls.append(recorder.bytes)
        try note(run)
    }

    func read(into run: QueryRun, _ execution: QueryExecution) throws(SQLError) {
        var places = StateReader(positions)
        try run.read(&places, resuming: false)
        var state = StateReader(whole)
        try execution.compiled.read(&state)
        execution.isMuted = true
        for recorded in calls {
            try run.replay(recorded) { () throws(SQLError) in try execution.compiled.start() }
        }
        execution.isMuted = false
    }
}

/// What the rows of a changelog come to: how often each row stands. For `--verify`.
final class NetResult: ResultOutput {
    private var rows: [[Value]: Int64] = [:]
    private(set) var steps = 0
    private(set) var sawRetraction = false

    var isClosed: Bool { false }
    var count: Int64 { rows.values.reduce(0, +) }

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) {}

    func write(_ batch: Batch) {
        for row in 0..<batch.count {
            let values = batch.row(row).map(\.comparable)
            let weight = batch.weight(row)
            if weight < 0 { sawRetraction = true }
            rows[values, default: 0] += weight
            if rows[values] == 0 { rows[values] = nil }
        }
    }

    func endStep() { steps += 1 }
    func flush() {}
    func end() {}

    /// Rows that only this has, and that only the other has. Sums of doubles depend on the order of
    /// their parts in the last digits, so rows that are the same but for those are one.
    func difference(to other: NetResult) -> (lost: [[Value]], extra: [[Value]]) {
        var lost = only(rows, other.rows)
        var extra = only(other.rows, rows)
        guard !lost.isEmpty, !extra.isEmpty else { return (lost, extra) }
        var candidates: [[Value]: [Int]] = [:]
        for (index, row) in extra.enumerated() {
            candidates[row.map(\.withoutDouble), default: []].append(index)
        }
        var matched: Set<Int> = []
        lost.removeAll { row in
            let near = candidates[row.map(\.withoutDouble)]?.first { index in
                !matched.contains(index) && zip(row, extra[index]).allSatisfy { $0.isNear($1) }
            }
            if let near { matched.insert(near) }
            return near != nil
        }
        extra = extra.indices.filter { !matched.contains($0) }.map { extra[$0] }
        return (lost, extra)
    }

    private func only(_ a: [[Value]: Int64], _ b: [[Value]: Int64]) -> [[Value]] {
        a.flatMap { row, count in
            [[Value]](repeating: row, count: Int(max(0, count - b[row, default: 0])))
        }
    }
}

extension Value {
    /// NaN is one value here, as it is in SQL.
    fileprivate var comparable: Value {
        if case .double(let number) = self, number.isNaN { .text("NaN") } else { self }
    }

    fileprivate var withoutDouble: Value { if case .double = self { .null } else { self } }

    /// To one part in 10^12.
    fileprivate func isNear(_ other: Value) -> Bool {
        guard case .double(let a) = self, case .double(let b) = other else { return self == other }
        if a == b { return true }
        return abs(a - b) <= 1e-12 * max(abs(a), abs(b))
    }
}
