import Aggregation
import Formats
import Query

/// The rows of a result that changes, as they stand: what a terminal shows in place of the changes.
/// Owned by an output, used by its thread.
struct LiveRows {
    private let order: [ResultOrder]
    private var changes: StepChanges
    private var rows: [[Value]?] = []
    private var cells: [[ResultTable.Cell]] = []
    /// Where equal rows stand.
    private var places: [[Value]: [Int]] = [:]
    private(set) var count = 0

    init(key: [Int]?, order: [ResultOrder]) {
        self.order = order
        changes = StepChanges(key: key)
    }

    func add(_ batch: Batch) { changes.add(batch) }

    /// Takes the changes of a step in; false if there are none.
    mutating func take(_ settings: TextSettings) -> Bool {
        let taken = changes.take()
        for change in taken { apply(change, settings) }
        if rows.count > 64, count * 2 < rows.count { pack() }
        return !taken.isEmpty
    }

    /// An update stays where the row before it was.
    private mutating func apply(_ change: ResultChange, _ settings: TextSettings) {
        var index = rows.count
        if let before = change.before {
            let values = before.batch.row(before.row)
            guard let old = places[values]?.popLast() else { return }
            if places[values]?.isEmpty == true { places[values] = nil }
            rows[old] = nil
            count -= 1
            index = old
        }
        guard let after = change.after else { return }
        let values = after.batch.row(after.row)
        let text = after.batch.columns.map {
            ResultTable.Cell(RowText.text($0, after.row, settings))
        }
        if index == rows.count {
            rows.append(values)
            cells.append(text)
        } else {
            (rows[index], cells[index]) = (values, text)
        }
        places[values, default: []].append(index)
        count += 1
    }

    private mutating func pack() {
        let kept = rows.indices.filter { rows[$0] != nil }
        (rows, cells) = (kept.map { rows[$0] }, kept.map { cells[$0] })
        places = [:]
        for (index, values) in rows.enumerated() {
            if let values { places[values, default: []].append(index) }
        }
    }

    /// In the order of the query, else as they came; `max` of them.
    func shown(_ max: Int) -> [[ResultTable.Cell]] {
        var kept = rows.indices.filter { rows[$0] != nil }
        if !order.isEmpty { kept.sort { precedes($0, $1) } }
        return kept.prefix(max).map { cells[$0] }
    }

    private func precedes(_ a: Int, _ b: Int) -> Bool {
        guard let x = rows[a], let y = rows[b] else { return a < b }
        return order.precedes(x, y) ?? (a < b)
    }
}

extension [ResultOrder] {
    /// Whether a row comes before another; nil: the order does not tell them apart.
    func precedes(_ x: [Value], _ y: [Value]) -> Bool? {
        for key in self {
            let (left, right) = (x[key.column], y[key.column])
            if left.isNull != right.isNull { return left.isNull == key.nullsFirst }
            let result = left.order(right)
            if result != 0 { return key.isDescending ? result > 0 : result < 0 }
        }
        return nil
    }
}
