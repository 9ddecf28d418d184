import Aggregation
import Formats
import SQL

// `rtd query --verify`: a query over input that ends gives the same rows as the same query over
// input that never does. Both are run and their rows compared.
extension QuerySession {
    /// Runs the query in one step and then with a step a batch, and compares the final rows as
    /// bags. Input must be readable twice, so not stdin.
    public func verify(_ query: QuerySyntax) throws(SQLError) -> Outcome {
        settings.startStatement(environment.clock)
        var finite = try prepare(query)
        guard !finite.plan.facts.isEndless else {
            throw SQLError(
                "--verify needs input that ends", .featureNotSupported, at: query.place,
                hint: "Leave STREAM out.")
        }
        finite.policy = .once
        finite.isChangelog = false
        let once = RowBag()
        try execute(finite, once)
        settings.startStatement(environment.clock)
        var endless = try prepare(query)
        endless.policy = .everyBatch
        let stepped = RowBag()
        try execute(endless, stepped)
        let (lost, extra) = once.difference(to: stepped)
        guard lost.isEmpty, extra.isEmpty else {
            let sample =
                (lost.map { "only in one step: \($0)" } + extra.map { "only in many: \($0)" })
                .prefix(3).joined(separator: "; ")
            throw SQLError(
                "the finite and the endless run differ in \(lost.count + extra.count) rows "
                    + "(\(sample))", .internalError)
        }
        environment.note(
            "verified: \(once.count) rows, the same in one step and in \(stepped.steps)")
        return Outcome(tag: "VERIFY \(once.count)")
    }
}

/// The net rows of a changelog, by their values.
final class RowBag: ResultOutput {
    private var rows: [[Value]: Int64] = [:]
    private(set) var steps = 0

    var isClosed: Bool { false }
    var count: Int64 { rows.values.reduce(0, +) }

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) {}

    func write(_ batch: Batch) {
        for row in 0..<batch.count {
            let values = batch.row(row).map(RowBag.comparable)
            rows[values, default: 0] += batch.weight(row)
            if rows[values] == 0 { rows[values] = nil }
        }
    }

    func endStep() { steps += 1 }
    func flush() {}
    func end() {}

    /// A sum of doubles depends on the order of its parts in the last digits.
    private static func comparable(_ value: Value) -> Value {
        guard case .double(let number) = value, number.isFinite, number != 0 else { return value }
        let unit = number.ulp * 4096
        return .double((number / unit).rounded() * unit)
    }

    func difference(to other: RowBag) -> (lost: [String], extra: [String]) {
        func missing(_ a: [[Value]: Int64], _ b: [[Value]: Int64]) -> [String] {
            a.filter { b[$0.key, default: 0] < $0.value }.map { "\($0.key)" }.sorted()
        }
        return (missing(rows, other.rows), missing(other.rows, rows))
    }
}
