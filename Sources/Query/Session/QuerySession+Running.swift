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
    /// Columns of the result that its rows are ordered by.
    var order: [ResultOrder] = []
    /// Columns that tell the rows of the result apart, where the target says so.
    var key: [Int]?
    /// Binds and optimises it once more, when its inputs have got wider types.
    var again: (() throws(SQLError) -> PreparedQuery)?
}

// From a query's text to its rows.
extension QuerySession {
    /// Binds and optimises a query whose columns are cast to these types, as an assignment casts;
    /// `names` are the target columns, for errors.
    func prepare(
        _ query: QuerySyntax, assigning types: [DataType], names: [String]
    ) throws(SQLError) -> PreparedQuery {
        let columns = zip(names, types).map { AssignmentTargets.Column($0, $1) }
        return try prepare(query, assigning: AssignmentTargets(columns, query.place))
    }

    /// Binds and optimises. `isOutput`: its rows leave, so objects that were read from JSON do as
    /// they were read.
    func prepare(
        _ query: QuerySyntax, assigning targets: AssignmentTargets? = nil, isOutput: Bool = false
    ) throws(SQLError) -> PreparedQuery {
        let settings = settings.settings
        let binder = Binder(
            catalog: catalog, settings: settings, parameters: parameters)
        let bound =
            if let targets {
                try binder.bind(query, assigning: targets)
            } else {
                try binder.bind(query)
            }
        var plan = bound.plan
        if isOutput { plan = plan.withObjectsAsJSON }
        var optimiser = Optimiser(settings: settings)
        optimiser.keepsTimes = environment.idleLimit != nil
        plan = try optimiser.optimise(plan)
        let policy = stepPolicy(bound)
        var isChangelog = policy != .once && !plan.facts.isAppendOnly
        switch bound.emit?.kind {
        case .changes, .onUpdate, .periodic: isChangelog = true
        case .onWindowClose, .final, nil: break
        }
        var prepared = PreparedQuery(
            plan: plan, columns: plan.columns, policy: policy, isChangelog: isChangelog,
            emit: bound.emit)
        prepared.order = plan.resultOrder
        prepared.again = { [unowned self] () throws(SQLError) in
            try prepare(query, assigning: targets, isOutput: isOutput)
        }
        return prepared
    }

    /// The values of `:NAME` and `$1`, by what stands behind the sign.
    public var parameterValues: [String: String] { environment.parameters }

    /// A value for what is run next; nil takes it away.
    public func setParameter(_ name: String, _ value: String?) {
        changeParameter(name, value)
    }

    var parameters: QueryParameters {
        var result = QueryParameters()
        result.bound = arguments
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
        case .onUpdate(let batch?): .periodic(QuerySession.nanoseconds(batch))
        case .changes, .onUpdate(nil): .frequent
        case .periodic(let microseconds): .periodic(max(1, microseconds) * 1_000)
        case .final: .once
        case .onWindowClose, nil:
            // What late rows correct leaves when they come.
            bound.plan.facts.isEndless || bound.plan.updatesLateRows ? .frequent : .once
        }
    }

    /// What is longer than centuries never ends.
    private static func nanoseconds(_ microseconds: Int64) -> Int64 {
        let (span, isLonger) = max(1, microseconds).multipliedReportingOverflow(by: 1_000)
        return isLonger ? .max : span
    }

    /// Runs a prepared query to its end; gives how many rows it wrote.
    @discardableResult
    func execute(
        _ prepared: PreparedQuery, _ output: any ResultOutput
    ) throws(SQLError) -> Int {
        try explained?.add(prepared.plan, now: environment.clock.monotonicNanoseconds)
        let execution = try QueryExecution(
            prepared, environment, settings: settings.settings, output)
        let late = try connectLateRows(of: execution.compiled, prepared.emit)
        execution.lateRows = late
        if explained != nil { execution.measure() }
        try execution.run()
        try late?.output.end()
        return finish(execution, keepsLate: late != nil)
    }

    func finish(_ execution: QueryExecution, keepsLate: Bool) -> Int {
        skipped += execution.skipped
        report(late: execution.compiled.lateRows, isKept: keepsLate)
        explained?.add(execution.compiled)
        return execution.sink.rows
    }

    /// Rows that no window took, which is never passed over in silence.
    func report(late count: Int, isKept: Bool = false) {
        lateRows += count
        guard count > 0, !isKept else { return }
        let rows =
            count == 1
            ? "1 row came after its window had closed and was"
            : "\(count) rows came after their windows had closed and were"
        environment.note("\(rows) left out")
    }
}

extension Plan {
    /// The rows are those of windows that leave again when late rows change them.
    fileprivate var updatesLateRows: Bool {
        switch node {
        case .filter(let input, _), .project(let input, _): input.updatesLateRows
        case .aggregate(_, let aggregate): aggregate.updatesLateRows
        default: false
        }
    }
}
