import Aggregation
import Formats
import Platform
import SQL

/// A prepared query at work: its sources, its operators and where its rows go. A session makes one
/// a statement and uses it on its thread.
final class QueryExecution {
    private(set) var prepared: PreparedQuery
    let sink: ResultSink
    /// The operators; compiled anew by `recompile`.
    private(set) var compiled: CompiledQuery
    private var sources: [any Source] = []
    private let environment: SessionEnvironment
    private let settings: SessionSettings
    private var output: any ResultOutput { sink.output }
    private let signal = SourceSignal()
    private let isVerifying: Bool
    private let busyStop: BusyStop
    private let spillStore: FileSpillStore
    /// It has been said what the numbers of a time column are taken for.
    private var hasToldUnit = false
    private var hasToldIdle = false
    /// Where late rows go.
    var lateRows: LateRows?

    /// Rows that the operators hand out have left already, in an earlier run.
    var isMuted = false {
        didSet {
            sink.isMuted = isMuted
            lateRows?.isMuted = isMuted
        }
    }

    /// Rows that were written, late ones too.
    var rowsWritten: Int { sink.rows + (lateRows?.rows ?? 0) }

    /// Compiles and opens nothing yet. `isVerifying`: the inputs will be read once more.
    init(
        _ prepared: PreparedQuery, _ environment: SessionEnvironment, settings: SessionSettings,
        _ output: any ResultOutput, isVerifying: Bool = false
    ) throws(SQLError) {
        self.prepared = prepared
        self.environment = environment
        self.settings = settings
        self.isVerifying = isVerifying
        sink = ResultSink(output)
        busyStop = BusyStop(environment.stop, environment.clock)
        spillStore = FileSpillStore(environment.temporaryDirectory)
        compiled = try QueryExecution.compile(prepared, environment, settings, sink, spillStore)
        for node in compiled.operators { node.stopCheck = busyStop }
        if prepared.policy == .once, compiled.inputs.contains(where: { !$0.relation.isAppendOnly })
        {
            // What changes take away must not have left before all of them were read.
            sink.holdToEnd()
        } else if output is CollectedRows, !compiled.isAppendOnly {
            // A table has what stands in the end.
            sink.holdToEnd()
        }
    }

    /// Measures the time of each operator.
    func measure() {
        let clock = environment.clock
        compiled.measure { clock.monotonicNanoseconds }
    }

    /// Rows that are in no window, and those whose time moved no watermark, which is never passed
    /// over in silence either.
    private func reportTimes(_ run: QueryRun) {
        let timeless = compiled.operators.reduce(0) { $0 + $1.rowsWithoutTime }
        if timeless > 0 {
            let rows =
                timeless == 1
                ? "1 row has no finite time and is" : "\(timeless) rows have no finite time and are"
            environment.note("\(rows) left out of all windows")
        }
        let ahead = run.rowsAhead
        if ahead > 0 {
            let rows = ahead == 1 ? "the time of 1 row was" : "the times of \(ahead) rows were"
            environment.note(
                "\(rows) more than 5 minutes ahead of the clock and moved no watermark")
        }
    }

    /// Says once that state was let go.
    private func tellIdle() {
        guard let limit = environment.idleLimit, !hasToldIdle, compiled.idleKeysFreed > 0 else {
            return
        }
        hasToldIdle = true
        let span = TypeText.text(.interval(Interval(microseconds: limit)), .interval) ?? ""
        environment.note(
            "the state of keys that nothing touched for \(span) is let go (--state-ttl); rows that "
                + "come for them later begin anew")
    }

    var timeZone: TimeZone { settings.timeZone }

    /// --state-ttl, as far as it says what kept state means.
    var idleLimit: Int64? { environment.idleLimit }

    /// Lines of input that were left out.
    var skipped: Int { sources.reduce(0) { $0 + $1.skippedCount } }

    private static func compile(
        _ prepared: PreparedQuery, _ environment: SessionEnvironment,
        _ settings: SessionSettings, _ sink: ResultSink, _ spillStore: FileSpillStore
    ) throws(SQLError) -> CompiledQuery {
        var compiler = PlanCompiler(settings: settings)
        compiler.isSingleStep = prepared.policy == .once
        compiler.memoryMax = environment.memoryMax
        compiler.idleLimit = environment.idleLimit
        compiler.spillStore = spillStore
        return try compiler.compile(prepared.plan, into: sink)
    }

    /// From the first row to the last.
    func run() throws(SQLError) {
        try begin(mayGoOn: true)
        tellUnboundedState()
        let run = try makeRun(prepared.policy)
        let reports = reportProgress(of: run)
        if let lateRows {
            run.betweenSteps = { () throws(SQLError) in
                try lateRows.output.flush()
                return false
            }
        }
        try compiled.start()
        while try run.run() == .misfit { try goOn(run) }
        reports?.end(environment.clock.monotonicNanoseconds, rowsRead: run.rowsRead)
        try output.end()
        tellIdle()
        reportTimes(run)
    }

    /// Says what is kept as long as the query runs.
    func tellUnboundedState() {
        for state in prepared.plan.unboundedState {
            guard state.isFreedWhenIdle else {
                environment.note(
                    "\(state.text); a window or a time bound would free it, --state-ttl does not")
                continue
            }
            guard environment.idleLimit == nil else { continue }
            environment.note("\(state.text); a window, a time bound or --state-ttl would free it")
        }
    }

    private func reportProgress(of run: QueryRun) -> ProgressReports? {
        guard let report = environment.progress else { return nil }
        let reports = ProgressReports(
            report, { [unowned self] in compiled.lateRows }, sink,
            now: environment.clock.monotonicNanoseconds)
        var ticking = reports
        run.onTick = { [unowned run] now in ticking.tick(now, rowsRead: run.rowsRead) }
        return reports
    }

    /// The sources, once they are open, can be read on from where they were.
    func requireResumable() throws(SQLError) {
        if let node = compiled.operators.first(where: { !$0.keepsState }) {
            throw SQLError("--state cannot keep the state of \(node.name)", .featureNotSupported)
        }
        for (input, source) in zip(compiled.inputs, sources) where !source.isResumable {
            throw SQLError(
                "\(input.relation.name) cannot be read again from where a query stopped, so "
                    + "--state does not take it", .featureNotSupported,
                hint: "Files of lines and topics do. Write it into a topic (rtd produce) and "
                    + "read FROM topic STREAM.")
        }
    }

    func close() { for source in sources { source.close() } }

    /// Opens the sources, and tells the output what will come.
    ///
    /// `mayRestart`: as long as no row has left, they may be read again with wider types.
    /// `mayGoOn`: later, the query may go on over wider types.
    func begin(mayRestart: Bool = true, mayGoOn: Bool = false) throws(SQLError) {
        var context = SourceContext(
            signal: signal, onError: environment.onError, settings: settings,
            note: environment.note)
        let hasWritten = sink.hasWritten
        let isVerifying = isVerifying
        context.mayRestart = { mayRestart && (isVerifying || !hasWritten.isSet) }
        context.isReadAgain = isVerifying
        context.isStrict = environment.isStrict
        context.mayGoOn = mayGoOn && !isVerifying
        for input in compiled.inputs {
            guard let relation = input.relation as? any SourceRelation else {
                throw SQLError(
                    "relation \"\(input.relation.name)\" cannot be read", .wrongObjectType)
            }
            let source = try relation.open(input.scan, context: context)
            sources.append(isVerifying ? CutSource(source, seed: verifySeed) : source)
        }
        output.prepare(
            mayWait: compiled.inputs.contains {
                ($0.relation as? any SourceRelation)?.mayWait ?? false
            }, isEndless: prepared.plan.facts.isEndless)
        output.sort(by: prepared.order)
        try output.begin(
            prepared.columns, isChangelog: prepared.isChangelog,
            key: prepared.key ?? prepared.plan.facts.key)
    }

    private var verifySeed: UInt64? {
        if case .drawn(let seed) = prepared.policy { seed } else { nil }
    }

    /// The driver over the open sources and the operators as they are now.
    func makeRun(_ policy: StepPolicy) throws(SQLError) -> QueryRun {
        let run = QueryRun(
            inputs: try inputs(), operators: compiled.operators, sink: sink, policy: policy,
            signal: signal, stop: environment.stop, clock: environment.clock)
        run.busyStop = busyStop
        guard !isVerifying else { return run }
        run.timeout = timeout
        run.memoryMax = environment.memoryMax
        let report = WaitReport(
            run, sink, explains: environment.explainsWaits,
            leavesAtEnd: policy == .once && compiled.leavesAtEnd,
            lateRows: { [unowned self] in lateRows == nil ? compiled.lateRows : 0 },
            note: environment.note)
        run.whileWaiting = { [unowned self] silence in
            report.waiting(silence)
            tellIdle()
        }
        run.whileBusy = { [unowned self] now in
            report.busy(now)
            tellIdle()
        }
        let note = environment.note
        run.whenStopped = { open in
            let windows = open == 1 ? "1 window was" : "\(open) windows were"
            note("\(windows) still open, and closed by the signal")
        }
        return run
    }

    private func inputs() throws(SQLError) -> [QueryRun.Input] {
        var inputs: [QueryRun.Input] = []
        for (input, source) in zip(compiled.inputs, sources) {
            var one = QueryRun.Input(
                source: source, entry: input.entry, time: try time(of: input),
                isEndless: input.relation.isEndless, isLookedUp: input.isLookedUp,
                estimatedRows: input.relation.estimatedRows)
            one.unionStart = input.unionStart
            one.types = input.scan.columns.map(\.type)
            inputs.append(one)
        }
        return inputs
    }

    private func time(
        of input: CompiledQuery.Input
    ) throws(SQLError) -> QueryRun.TimeOfRows? {
        guard let declared = input.scan.time else { return nil }
        let evaluator = try Evaluator(declared.expression, settings: settings)
        // WITH DELAY: windows stay open, and take rows, so much longer.
        var delay = declared.delay
        if case .onWindowClose(let more?, _)? = prepared.emit?.kind {
            let (sum, overflow) = delay.addingReportingOverflow(more)
            delay = overflow ? .max : sum
        }
        let tell = unitNote(declared.expression, input)
        return QueryRun.TimeOfRows(
            delay: delay, idle: declared.idle
        ) { batch throws(SQLError) in
            tell?(batch)
            return try evaluator.evaluate(batch)
        }
    }

    /// Says once what the numbers of a time column are taken for, by the first of them.
    private func unitNote(
        _ time: Expression, _ input: CompiledQuery.Input
    ) -> ((Batch) -> Void)? {
        guard !isVerifying, case (let number, .byMagnitude)? = EpochTime.source(time),
            case .column(let index, _) = number
        else { return nil }
        let name = input.relation.columns[input.scan.columns[index].index].name
        return { [unowned self] batch in
            guard !hasToldUnit, index < batch.columns.count else { return }
            let column = batch.columns[index]
            for row in 0..<batch.count where !column.isNull(row) {
                let unit: EpochUnit
                switch column.value(row) {
                case .integer(let value): unit = EpochUnit.byMagnitude.of(value.magnitude)
                case .double(let value):
                    unit = EpochUnit.byMagnitude.of(UInt64(exactly: abs(value).rounded(.down)) ?? 0)
                default: continue
                }
                hasToldUnit = true
                environment.note(
                    "\"\(name)\" is read as \(unit.name) since 1970 (--time \(name):s, :ms, :us "
                        + "or :ns says another unit)")
                return
            }
        }
    }

    /// TIMEOUT: twice the window, at least a second, where the query does not name it; 0 turns it
    /// off.
    private var timeout: Int64? {
        if case .onWindowClose(_, let timeout?)? = prepared.emit?.kind {
            return timeout > 0 ? timeout * 1_000 : nil
        }
        return prepared.plan.windowSpan.map { span in
            let (doubled, isBeyond) = span.multipliedReportingOverflow(by: 2_000)
            return max(1_000_000_000, isBeyond ? .max : doubled)
        }
    }

    /// The same operators anew, without state.
    func recompile() throws(SQLError) {
        compiled = try QueryExecution.compile(prepared, environment, settings, sink, spillStore)
        for node in compiled.operators { node.stopCheck = busyStop }
    }
}

// Going on over wider types, when rows have left.
extension QueryExecution {
    /// A value did not fit: the query is bound again over the wider type and goes on in new
    /// operators, with the state of those before. Where that cannot be, the value is an error.
    private func goOn(_ run: QueryRun) throws(SQLError) {
        guard let (next, operators) = widened() else {
            for source in sources { source.goOn(with: nil) }
            return
        }
        prepared = next
        compiled = operators
        for node in compiled.operators { node.stopCheck = busyStop }
        for (source, input) in zip(sources, compiled.inputs) { source.goOn(with: input.scan) }
        run.replace(inputs: try inputs(), operators: compiled.operators)
    }

    /// nil: what this query keeps cannot be carried over.
    private func widened() -> (PreparedQuery, CompiledQuery)? {
        do {
            guard spillStore.bytesWritten == 0, var next = try prepared.again?() else { return nil }
            next.key = prepared.key
            let types = next.columns.map(\.type)
            guard next.policy == prepared.policy, next.isChangelog == prepared.isChangelog,
                next.columns.map(\.name) == prepared.columns.map(\.name),
                types == prepared.columns.map(\.type) || output.takesOtherTypes
            else { return nil }
            let operators = try QueryExecution.compile(
                next, environment, settings, sink, spillStore)
            guard readsTheSame(operators), try carry(to: operators),
                reconnectLateRows(to: operators)
            else { return nil }
            return (next, operators)
        } catch {
            return nil
        }
    }

    private func carry(to next: CompiledQuery) throws(SQLError) -> Bool {
        try next.carry(
            from: compiled, settings, isBetweenSteps: prepared.policy != .once)
    }

    private func readsTheSame(_ next: CompiledQuery) -> Bool {
        next.inputs.count == compiled.inputs.count
            && zip(next.inputs, compiled.inputs).allSatisfy { new, old in
                new.relation.name == old.relation.name
                    && new.relation.isEndless == old.relation.isEndless
                    && new.isLookedUp == old.isLookedUp
            }
    }

    private func reconnectLateRows(to next: CompiledQuery) -> Bool {
        guard let lateRows else { return true }
        guard next.lateOutputs.count == 1, compiled.lateOutputs.count == 1,
            next.lateOutputs[0].columns.map(\.type) == compiled.lateOutputs[0].columns.map(\.type)
        else { return false }
        next.lateOutputs[0].node.lateTarget = lateRows
        return true
    }
}
