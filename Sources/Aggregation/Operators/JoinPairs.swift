import Formats

/// Rows of a batch with rows of the other side that have the same key, collected up to a batch's
/// size.
@safe final class JoinPairs {
    /// Rows of the batch.
    let rows = PlainVector<Int32>(capacity: Batch.rowsMax)
    /// Rows that the other side keeps.
    let others = PlainVector<Int32>(capacity: Batch.rowsMax)

    var count: Int { rows.count }
    var isFull: Bool { rows.count >= Batch.rowsMax }

    @inline(__always)
    func append(_ row: Int32, _ other: Int32) {
        rows.append(row)
        others.append(other)
    }

    func removeAll() {
        rows.removeAll()
        others.removeAll()
    }

    /// The pairs at some places only.
    func keep(_ places: [Int32]) {
        for (target, place) in places.enumerated() {
            rows[target] = rows[Int(place)]
            others[target] = others[Int(place)]
        }
        rows.resize(to: places.count, filling: 0)
        others.resize(to: places.count, filling: 0)
    }

    /// True if the pairs are the rows of a batch of `count` rows, each once.
    func areAllRows(_ count: Int) -> Bool {
        guard rows.count == count else { return false }
        var index = 0
        while index < count {
            if unsafe rows.base[index] != Int32(truncatingIfNeeded: index) { return false }
            index &+= 1
        }
        return true
    }
}
