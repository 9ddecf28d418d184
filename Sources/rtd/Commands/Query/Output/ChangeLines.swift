import Formats

/// The changes of a step as rows with `_op` before them.
///
/// Within a step a row taken back and a row put in its place under the same key are one update; its
/// line stands where the new row does. Without a key each is a line of its own, deletions first as
/// they come.
final class ChangeLines {
    private let key: [Int]?
    private var batches: [Batch] = []

    init(key: [Int]?) { self.key = key }

    func add(_ batch: Batch) { batches.append(batch) }

    /// The step's lines; nothing is held afterwards.
    func take() -> [Batch] {
        defer { batches = [] }
        let deleted = key.map { deletedKeys($0) } ?? [:]
        var updated: Set<[Value]> = []
        if let key, !deleted.isEmpty {
            for batch in batches {
                for row in 0..<batch.count where batch.weight(row) > 0 {
                    let values = key.map { batch.columns[$0].value(row) }
                    if deleted[values] != nil { updated.insert(values) }
                }
            }
        }
        return batches.map { marked($0, updated) }
    }

    private func deletedKeys(_ key: [Int]) -> [[Value]: Int] {
        var keys: [[Value]: Int] = [:]
        for batch in batches where batch.weights != nil {
            for row in 0..<batch.count where batch.weight(row) < 0 {
                keys[key.map { batch.columns[$0].value(row) }, default: 0] += 1
            }
        }
        return keys
    }

    private func marked(_ batch: Batch, _ updated: Set<[Value]>) -> Batch {
        guard batch.weights != nil || !updated.isEmpty else {
            let op = Column.constant(.text("c"), .text, count: batch.count)
            return Batch([op] + batch.columns, count: batch.count)
        }
        var rows: [Int32] = []
        let ops = ColumnBuilder(.text, capacity: batch.count)
        for row in 0..<batch.count {
            let weight = batch.weight(row)
            var op = weight < 0 ? "d" : "c"
            if let key, !updated.isEmpty,
                updated.contains(key.map { batch.columns[$0].value(row) })
            {
                if weight < 0 { continue }
                op = "u"
            }
            for _ in 0..<weight.magnitude {
                rows.append(Int32(row))
                ops.append(text: op)
            }
        }
        let picked = batch.gather(rows)
        return Batch([ops.finish()] + picked.columns, count: picked.count)
    }
}
