import Formats

/// Holds the rows of a query over changes until all inputs have ended: what was taken back
/// meanwhile never leaves. The rows that are left keep their order.
final class NetOutput: ResultOutput {
    private let output: any ResultOutput
    private var batches: [Batch] = []
    private var sums: [[Value]: Int64] = [:]

    init(_ output: any ResultOutput) { self.output = output }

    var isClosed: Bool { output.isClosed }
    /// Of the rows as columns and, once more, as values.
    var memory: Int { sums.count * 96 + valuesHeld * 72 }
    private var valuesHeld = 0

    func prepare(mayWait: Bool, isEndless: Bool) {
        output.prepare(mayWait: mayWait, isEndless: isEndless)
    }

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) throws(SQLError) {
        try output.begin(columns, isChangelog: isChangelog, key: key)
    }

    func write(_ batch: Batch) {
        batches.append(batch)
        valuesHeld += batch.count * batch.columns.count
        for row in 0..<batch.count { sums[batch.row(row), default: 0] += batch.weight(row) }
    }

    func endStep() {}
    func flush() {}

    func end() throws(SQLError) {
        for batch in batches {
            var rows: [Int32] = []
            for row in 0..<batch.count where batch.weight(row) > 0 {
                let left = sums[batch.row(row)] ?? 0
                let count = min(left, batch.weight(row))
                guard count > 0 else { continue }
                sums[batch.row(row)] = left - count
                for _ in 0..<count { rows.append(Int32(row)) }
            }
            let picked = batch.gather(rows)
            try output.write(Batch(picked.columns, count: picked.count))
        }
        try output.endStep()
        try output.flush()
        try output.end()
    }
}
