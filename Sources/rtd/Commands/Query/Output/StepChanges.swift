import Formats

/// A change of a result, with the rows that it takes away and puts there.
struct ResultChange {
    struct Place {
        var batch: Batch
        var row: Int
    }

    var before: Place?
    var after: Place?

    /// Debezium's letters.
    var operation: String {
        if after == nil { return "d" }
        return before == nil ? "c" : "u"
    }
}

/// Gathers the changes of a step. Under a known key a row that is taken away and one that comes are
/// one update, which stands where the new row does.
final class StepChanges {
    private let key: [Int]?
    private var batches: [Batch] = []

    init(key: [Int]?) { self.key = key }

    func add(_ batch: Batch) { batches.append(batch) }

    /// The step's changes; nothing is held afterwards.
    func take() -> [ResultChange] {
        defer { batches = [] }
        let replaced = replacedRows()
        // A row that is taken away may stand behind the one in its place.
        var waiting = replaced
        var changes: [ResultChange] = []
        for batch in batches {
            for row in 0..<batch.count {
                let weight = batch.weight(row)
                let place = ResultChange.Place(batch: batch, row: row)
                var rest = Int(weight.magnitude)
                if let key, !replaced.isEmpty {
                    let values = key.map { batch.columns[$0].value(row) }
                    if weight < 0, replaced[values] != nil { continue }
                    if let old = waiting[values], rest > 0 {
                        changes.append(ResultChange(before: old, after: place))
                        waiting[values] = nil
                        rest -= 1
                    }
                }
                for _ in 0..<rest {
                    changes.append(
                        weight < 0 ? ResultChange(before: place) : ResultChange(after: place))
                }
            }
        }
        return changes
    }

    /// Rows that are taken away and whose key comes again.
    private func replacedRows() -> [[Value]: ResultChange.Place] {
        guard let key, batches.contains(where: { $0.weights != nil }) else { return [:] }
        var gone: [[Value]: ResultChange.Place] = [:]
        var come: Set<[Value]> = []
        for batch in batches {
            for row in 0..<batch.count {
                let values = key.map { batch.columns[$0].value(row) }
                if batch.weight(row) < 0 {
                    gone[values] = ResultChange.Place(batch: batch, row: row)
                } else {
                    come.insert(values)
                }
            }
        }
        return gone.filter { come.contains($0.key) }
    }
}
