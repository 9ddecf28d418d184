import Formats

/// What rows have for keys, several keys a row, and what is remembered of each row. A key with a
/// null in it is like no other.
struct KnownKeys<Mark> {
    private let keys: [[Int]]
    private var marks: [[[Value]: Mark]]

    init(_ keys: [[Int]]) {
        self.keys = keys
        marks = keys.map { _ in [:] }
    }

    mutating func add(_ batch: Batch, _ row: Int, _ mark: Mark) {
        for (index, key) in keys.enumerated() {
            if let values = batch.key(row, key) { marks[index][values] = mark }
        }
    }

    /// The mark of a row that has one of the row's keys.
    func find(_ batch: Batch, _ row: Int) -> Mark? { place(batch, row)?.mark }

    /// Which key it is, too.
    func place(_ batch: Batch, _ row: Int) -> (key: Int, mark: Mark)? {
        for (index, key) in keys.enumerated() {
            if let values = batch.key(row, key), let mark = marks[index][values] {
                return (index, mark)
            }
        }
        return nil
    }
}

extension Batch {
    /// nil: one of the values is null.
    fileprivate func key(_ row: Int, _ columns: [Int]) -> [Value]? {
        var values: [Value] = []
        for column in columns {
            if self.columns[column].isNull(row) { return nil }
            values.append(self.columns[column].value(row))
        }
        return values
    }
}
