import Aggregation
import Formats
import Platform
import SQL

/// What the queries of an explained statement are and do, gathered where they would run: one for
/// the EXPLAIN that a session is at.
final class ExplainedQueries {
    let isAnalyze: Bool
    fileprivate(set) var plans: [Plan] = []
    fileprivate var executed: [CompiledQuery] = []
    /// When the first query was planned.
    fileprivate var start: Int64?

    init(isAnalyze: Bool) { self.isAnalyze = isAnalyze }

    /// In place of running a statement that is only explained.
    static let stop = SQLError("the statement was explained", .internalError)

    func add(_ plan: Plan, now: Int64) throws(SQLError) {
        plans.append(plan)
        start = start ?? now
        guard isAnalyze else { throw Self.stop }
    }

    func add(_ query: CompiledQuery) { executed.append(query) }
}

// EXPLAIN of queries, and of statements that run one.
extension QuerySession {
    func explain(
        _ explain: ExplainSyntax, _ output: any ResultOutput
    ) throws(SQLError) -> Outcome {
        let queries = ExplainedQueries(isAnalyze: explain.isAnalyze)
        let begin = environment.clock.monotonicNanoseconds
        try gather(queries, explain.statement)
        let end = environment.clock.monotonicNanoseconds
        let start = queries.start ?? end
        let change = change(explain.statement)
        if explain.format == "json" {
            let nodes: [ExplainJSON.Node] =
                explain.isAnalyze
                ? queries.executed.map { .init($0) } : queries.plans.map { .init($0) }
            let document = ExplainJSON.document(
                nodes, change, explain, planning: start - begin, execution: end - start)
            return try answer(
                [Field("QUERY PLAN", .json)], [[.text(document)]], "EXPLAIN", output)
        }
        var lines: [String] = []
        for (index, plan) in queries.plans.enumerated() {
            lines += Explain.lines(
                plan, below: index == 0 ? change?.title : nil,
                showsFacts: explain.showsFacts, isVerbose: explain.isVerbose)
        }
        for query in queries.executed { lines += query.lines(showsTimes: explain.showsTimes) }
        if explain.isAnalyze, explain.showsSummary {
            lines.append("Execution Time: \(ExplainJSON.milliseconds(end - start)) ms")
        }
        return try answer(
            [Field("QUERY PLAN", .text)], lines.map { [Value.text($0)] }, "EXPLAIN", output)
    }

    /// Runs the statement, or only up to its first query.
    private func gather(
        _ queries: ExplainedQueries, _ statement: Statement
    ) throws(SQLError) {
        guard environment.stateDirectory == nil || !queries.isAnalyze else {
            throw SQLError(
                "EXPLAIN ANALYZE runs a statement without its state, and --state keeps it",
                .featureNotSupported)
        }
        explained = queries
        defer { explained = nil }
        do throws(SQLError) {
            switch statement {
            case .query(let query) where !query.with.hasChanges:
                try execute(try prepare(query, isOutput: true), Discarded())
            default: _ = try dispatch(statement, Discarded())
            }
        } catch {
            guard error.message == ExplainedQueries.stop.message, !queries.plans.isEmpty else {
                throw error
            }
        }
    }

    /// What stands above the plan of a change, as in PostgreSQL; nil: the rows are the result.
    private func change(_ statement: Statement) -> ExplainJSON.Change? {
        switch statement {
        case .insert(let insert): .init("Insert", insert.table.text)
        case .update(let update): .init("Update", update.table.text)
        case .delete(let delete): .init("Delete", delete.table.text)
        case .merge(let merge): .init("Merge", merge.table.text)
        case .copy(let copy): .init("Copy", copy.file.map { "'\($0)'" } ?? "stdout")
        default: nil
        }
    }
}

extension ExplainJSON.Change {
    fileprivate var title: String {
        operation == "Copy" ? "Copy to \(target)" : "\(operation) on \(target)"
    }
}

extension CompiledQuery {
    /// An operator a line: rows out, its own time, bytes held.
    fileprivate func lines(showsTimes: Bool) -> [String] {
        operators.map { node in
            let time = ExplainJSON.milliseconds(node.nanoseconds)
            return "\(node.name): rows=\(node.rowsOut) " + (showsTimes ? "time=\(time) ms " : "")
                + "memory=\(node.memory) B"
        }
    }
}
