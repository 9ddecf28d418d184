import Aggregation
import Formats

/// Holds the rows of a query over changes until all inputs have ended: what was taken back
/// meanwhile never leaves. The rows that are left keep their order, and are those that look like
/// the ones that came last where equal values may look different.
final class NetOutput: ResultOutput {
    private let output: any ResultOutput
    private var batches: [Batch] = []
    private var sums: [StoredForm: Int64] = [:]

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
        for row in 0..<batch.count {
            sums[StoredForm(batch.row(row)), default: 0] += batch.weight(row)
        }
    }

    /// Rows that were taken back in another look than they came with: any that is equal goes.
    private func takenBackOtherwise() -> [[Value]: Int64] {
        var owed: [[Value]: Int64] = [:]
        guard sums.values.contains(where: { $0 < 0 }) else { return owed }
        for batch in batches {
            for row in 0..<batch.count where batch.weight(row) < 0 {
                let values = batch.row(row)
                guard let sum = sums[StoredForm(values)], sum < 0 else { continue }
                owed[values, default: 0] -= sum
                sums[StoredForm(values)] = 0
            }
        }
        return owed
    }

    func endStep() {}
    func flush() {}

    func end() throws(SQLError) {
        var owed = takenBackOtherwise()
        for batch in batches {
            var rows: [Int32] = []
            for row in 0..<batch.count where batch.weight(row) > 0 {
                let form = StoredForm(batch.row(row))
                let left = sums[form] ?? 0
                var count = min(left, batch.weight(row))
                guard count > 0 else { continue }
                sums[form] = left - count
                if !owed.isEmpty, let debt = owed[batch.row(row)] {
                    owed[batch.row(row)] = max(0, debt - count)
                    count = max(0, count - debt)
                }
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
