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
    /// Columns that tell the rows of the result apart, where the target says so.
    var key: [Int]?
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
            expressions.append(.cast(checked(source, target), target, isTry: false))
        }
        return Plan(.project(plan, expressions), columns, plan.facts)
    }

    /// Text that a column is too short for is refused, where a cast would cut it.
    private func checked(_ source: Expression, _ target: DataType) -> Expression {
        guard let check = TextLength.check(target) else { return source }
        let type = check.result
        let text: Expression = source.type == type ? source : .cast(source, type, isTry: false)
        return .call(check, [text], type)
    }

    /// Runs a prepared query to its end; gives how many rows it wrote.
    @discardableResult
    func execute(
        _ prepared: PreparedQuery, _ output: any ResultOutput,
        counters: ((ExecutedQuery) -> Void)? = nil
    ) throws(SQLError) -> Int {
        let execution = try QueryExecution(
            prepared, environment, settings: settings.settings, output)
        let late = try connectLateRows(of: execution.compiled, prepared.emit)
        execution.lateRows = late
        if counters != nil { execution.measure() }
        try execution.run()
        try late?.output.end()
        return finish(execution, keepsLate: late != nil, counters)
    }

    func finish(
        _ execution: QueryExecution, keepsLate: Bool, _ counters: ((ExecutedQuery) -> Void)?
    ) -> Int {
        skipped += execution.skipped
        report(late: execution.compiled.lateRows, isKept: keepsLate)
        counters?(ExecutedQuery(compiled: execution.compiled, rows: execution.sink.rows))
        return execution.sink.rows
    }

    /// Rows that no window took, which is never passed over in silence.
    func report(late count: Int, isKept: Bool = false) {
        lateRows += count
        guard count > 0, !isKept else { return }
        let rows = count == 1 ? "1 row" : "\(count) rows"
        environment.note("\(rows) came after their window had closed and were left out")
    }
}

/// A query that has run, for EXPLAIN ANALYZE.
struct ExecutedQuery {
    var compiled: CompiledQuery
    var rows: Int
}
