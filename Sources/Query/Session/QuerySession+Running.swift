import Aggregation
import Formats
import Platform
import SQL

/// A query that is bound and optimised, ready to be opened.
struct PreparedQuery {
    var plan: Plan
    var columns: [Field]
    var policy: StepPolicy
    var isChangelog: Bool
    var emit: BoundEmit?
}

// From a query's text to its rows.
extension QuerySession {
    /// Binds and optimises. With `assigning` the columns are cast to these types, as an assignment
    /// casts; `names` are then the target columns, for errors.
    func prepare(
        _ query: QuerySyntax, assigning types: [DataType]? = nil, names: [String] = []
    ) throws(SQLError) -> PreparedQuery {
        let settings = settings.settings
        let binder = Binder(
            catalog: catalog, settings: settings, parameters: parameters)
        let bound = try binder.bind(query)
        var plan = bound.plan
        if let types { plan = try assigned(plan, types, names, query.place) }
        plan = try Optimiser(settings: settings).optimise(plan)
        let policy = stepPolicy(bound)
        var isChangelog = policy != .once && !plan.facts.isAppendOnly
        switch bound.emit?.kind {
        case .changes, .onUpdate, .periodic: isChangelog = true
        case .onWindowClose, .final, nil: break
        }
        return PreparedQuery(
            plan: plan, columns: plan.columns, policy: policy, isChangelog: isChangelog,
            emit: bound.emit)
    }

    private var parameters: QueryParameters {
        var result = QueryParameters()
        for (name, value) in environment.parameters {
            guard let number = Int(name), number > 0, number <= 65_535 else {
                result.named[name] = .text(value)
                continue
            }
            while result.positional.count < number { result.positional.append(.null) }
            result.positional[number - 1] = .text(value)
        }
        return result
    }

    /// When rows leave is said by EMIT; without it, by whether the inputs end.
    private func stepPolicy(_ bound: BoundQuery) -> StepPolicy {
        switch bound.emit?.kind {
        case .changes, .onUpdate: .frequent
        case .periodic(let microseconds): .periodic(max(1, microseconds) * 1_000)
        case .final: .once
        case .onWindowClose, nil: bound.plan.facts.isEndless ? .frequent : .once
        }
    }

    /// The plan with its columns cast to `types` as an assignment casts.
    private func assigned(
        _ plan: Plan, _ types: [DataType], _ names: [String], _ place: Range<Int>
    ) throws(SQLError) -> Plan {
        guard plan.columns.count <= types.count else { return plan }
        var expressions: [Expression] = []
        var columns: [Field] = []
        for (index, column) in plan.columns.enumerated() {
            let target = types[index]
            columns.append(Field(names[index], target))
            let source = Expression.column(index, column.type)
            guard column.type != target else {
                expressions.append(source)
                continue
            }
            let context = Cast.context(from: column.type, to: target)
            guard context == .implicit || context == .assignment || column.type.isText else {
                throw SQLError(
                    "column \"\(names[index])\" is of type \(target) but expression is of type "
                        + "\(column.type)", .datatypeMismatch, at: place,
                    hint: "You will need to rewrite or cast the expression.")
            }
            expressions.append(.cast(source, target, isTry: false))
        }
        return Plan(.project(plan, expressions), columns, plan.facts)
    }

    /// Runs a prepared query to its end; gives how many rows it wrote.
    @discardableResult
    func execute(
        _ prepared: PreparedQuery, _ output: any ResultOutput,
        counters: ((ExecutedQuery) -> Void)? = nil
    ) throws(SQLError) -> Int {
        let settings = settings.settings
        let sink = ResultSink(output)
        let signal = SourceSignal()
        var compiler = PlanCompiler(settings: settings)
        compiler.isSingleStep = prepared.policy == .once
        let compiled = try compiler.compile(prepared.plan, into: sink)
        var context = SourceContext(
            signal: signal, onError: environment.onError, settings: settings,
            note: environment.note)
        let hasWritten = sink.hasWritten
        context.mayRestart = { !hasWritten.isSet }
        var inputs: [QueryRun.Input] = []
        for input in compiled.inputs {
            inputs.append(try open(input, context, settings))
        }
        try output.begin(
            prepared.columns, isChangelog: prepared.isChangelog, key: prepared.plan.facts.key)
        let run = QueryRun(
            inputs: inputs, operators: compiled.operators, sink: sink, policy: prepared.policy,
            signal: signal, stop: environment.stop, clock: environment.clock)
        try compiled.start()
        try run.run()
        try output.end()
        skipped += inputs.reduce(0) { $0 + $1.source.skippedCount }
        report(late: compiled.lateRows)
        counters?(ExecutedQuery(compiled: compiled, rows: sink.rows))
        return sink.rows
    }

    /// Rows that no window took, which is never passed over in silence.
    private func report(late count: Int) {
        lateRows += count
        guard count > 0 else { return }
        let rows = count == 1 ? "1 row" : "\(count) rows"
        environment.note("\(rows) came after their window had closed and were left out")
    }

    private func open(
        _ input: CompiledQuery.Input, _ context: SourceContext, _ settings: SessionSettings
    ) throws(SQLError) -> QueryRun.Input {
        guard let relation = input.relation as? any SourceRelation else {
            throw SQLError(
                "relation \"\(input.relation.name)\" cannot be read", .wrongObjectType)
        }
        var time: QueryRun.TimeOfRows?
        if let declared = input.scan.time {
            let evaluator = try Evaluator(declared.expression, settings: settings)
            time = QueryRun.TimeOfRows(delay: declared.delay) { batch throws(SQLError) in
                try evaluator.evaluate(batch)
            }
        }
        return QueryRun.Input(
            source: try relation.open(input.scan, context: context), entry: input.entry,
            time: time, isEndless: relation.isEndless, estimatedRows: relation.estimatedRows)
    }
}

/// A query that has run, for EXPLAIN ANALYZE.
struct ExecutedQuery {
    var compiled: CompiledQuery
    var rows: Int
}
