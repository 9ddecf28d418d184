import Aggregation
import Formats
import Platform
import SQL

/// What the queries of an explained statement are and do, gathered where they would run: one for
/// the EXPLAIN that a session is at.
final class ExplainedQueries {
    let isAnalyze: Bool
    fileprivate(set) var plans: [Plan] = []
    fileprivate var executed: [ExecutedQuery] = []
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

    func add(_ query: ExecutedQuery) { executed.append(query) }
}

// EXPLAIN of queries, and of statements that run one.
extension QuerySession {
    func explain(
        _ explain: ExplainSyntax, _ output: any ResultOutput
    ) throws(SQLError) -> Outcome {
        let queries = ExplainedQueries(isAnalyze: explain.isAnalyze)
        try gather(queries, explain.statement)
        let end = environment.clock.monotonicNanoseconds
        var lines: [String] = []
        for (index, plan) in queries.plans.enumerated() {
            lines += Explain.lines(
                plan, below: index == 0 ? title(explain.statement) : nil,
                showsFacts: explain.showsFacts, isVerbose: explain.isVerbose)
        }
        for query in queries.executed { lines += query.lines(showsTimes: explain.showsTimes) }
        if explain.isAnalyze, explain.showsSummary {
            lines.append(
                "Execution Time: \(QuerySession.milliseconds(end - (queries.start ?? end))) ms")
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
    private func title(_ statement: Statement) -> String? {
        switch statement {
        case .insert(let insert): "Insert on \(insert.table.text)"
        case .update(let update): "Update on \(update.table.text)"
        case .delete(let delete): "Delete on \(delete.table.text)"
        case .merge(let merge): "Merge on \(merge.table.text)"
        case .copy(let copy): "Copy to " + (copy.file.map { "'\($0)'" } ?? "stdout")
        default: nil
        }
    }

    /// With three digits behind the point.
    static func milliseconds(_ nanoseconds: Int64) -> String {
        let fraction = String(nanoseconds / 1_000 % 1_000)
        let padding = String(repeating: "0", count: 3 - fraction.count)
        return "\(nanoseconds / 1_000_000).\(padding)\(fraction)"
    }
}

extension ExecutedQuery {
    /// An operator a line: rows out, its own time, bytes held.
    fileprivate func lines(showsTimes: Bool) -> [String] {
        compiled.operators.map { node in
            let time = QuerySession.milliseconds(node.nanoseconds)
            return "\(node.name): rows=\(node.rowsOut) " + (showsTimes ? "time=\(time) ms " : "")
                + "memory=\(node.memory) B"
        }
    }
}
