import Formats

/// Rows with the sums of their weights: where an operator nets the changes of a step.
@safe final class NetRows {
    let store: RowStore
    private struct Entry {
        var hash: UInt32
        var row: Int32
    }
    private var entries = Buffer<Entry>(repeating: Entry(hash: 0, row: -1), count: 64)
    private var mask = 63
    private let weights = PlainVector<Int64>()
    private let ids = PlainVector<Int32>()

    init(_ types: [DataType]) { store = RowStore(types, keepsOriginals: true) }

    var count: Int { store.liveCount }
    var memory: Int { store.memory + (mask + 1) * 8 + weights.memory }

    func add(_ columns: [Column], count: Int, weight: (Int) -> Int64) {
        store.append(columns, count: count, ids: ids)
        for row in 0..<count {
            let id = ids[row]
            weights.resize(to: max(weights.count, Int(id) + 1), filling: 0)
            let bytes = unsafe store.bytes(id)
            let hash = unsafe UInt32(truncatingIfNeeded: hashBytes(bytes))
            var index = Int(hash) & mask
            while true {
                let entry = unsafe entries.base[index]
                if entry.row < 0 {
                    unsafe entries.base[index] = Entry(hash: hash, row: id)
                    weights[Int(id)] = weight(row)
                    if store.liveCount * 2 > mask { grow() }
                    break
                }
                if entry.hash == hash, unsafe equalBytes(store.bytes(entry.row), bytes) {
                    weights[Int(entry.row)] += weight(row)
                    store.free(id)
                    break
                }
                index = (index + 1) & mask
            }
        }
    }

    private func grow() {
        let old = entries
        let oldCount = mask + 1
        mask = oldCount * 2 - 1
        entries = Buffer(repeating: Entry(hash: 0, row: -1), count: mask + 1)
        for place in 0..<oldCount where unsafe old.base[place].row >= 0 {
            var index = unsafe Int(old.base[place].hash) & mask
            while unsafe entries.base[index].row >= 0 { index = (index + 1) & mask }
            unsafe entries.base[index] = unsafe old.base[place]
        }
    }

    /// The rows whose weight is not zero, those that are taken back first.
    func netRows() -> (rows: PlainVector<Int32>, weights: PlainVector<Int64>) {
        let rows = PlainVector<Int32>()
        let sums = PlainVector<Int64>()
        for isRetraction in [true, false] {
            for id in 0..<store.idLimit
            where store.isLive(Int32(id)) && weights[id] != 0
                && (weights[id] < 0) == isRetraction
            {
                rows.append(Int32(id))
                sums.append(weights[id])
            }
        }
        return (rows, sums)
    }

    func removeAll() {
        guard store.idLimit > 0 else { return }
        store.removeAll()
        weights.removeAll()
        mask = 63
        entries = Buffer(repeating: Entry(hash: 0, row: -1), count: 64)
    }
}
