import Formats

/// Collects rows with their sort keys and gives them in order; equal keys in the order of arrival.
///
/// A key that is one column of integers is sorted as numbers, all others by the bytes of
/// `SortKeyCodec`, of which the first eight are compared at once.
@safe final class RowSorter {
    let store: RowStore
    private let codec: SortKeyCodec
    private let keyBytes = KeyBytes()
    private let sizes = PlainVector<Int>()
    private let ids = PlainVector<Int32>()
    /// Whole keys longer than eight bytes, by row.
    private let keys = PageArena()
    /// Per row, in the order of arrival.
    private let entries = PlainVector<Entry>()
    private var rowWeights: PlainVector<Int64>?
    private var isExact: Bool

    struct Entry: BitwiseCopyable {
        /// Of the key.
        var prefix: UInt64
        var row: Int32
    }

    init(_ types: [DataType], _ codec: SortKeyCodec) {
        store = RowStore(types, keepsOriginals: true)
        self.codec = codec
        isExact = codec.keys.isEmpty
    }

    var count: Int { entries.count }
    var memory: Int { store.memory + keys.memory + entries.memory }

    /// Adds the rows of a batch; `keyColumns` are one a key.
    func add(_ batch: Batch, _ keyColumns: [Column]) {
        let first = entries.count
        store.append(batch.columns, count: batch.count, ids: ids)
        if let weights = batch.weights {
            let all = rowWeights ?? PlainVector()
            all.resize(to: first, filling: 1)
            for row in 0..<batch.count { all.append(weights[row]) }
            rowWeights = all
        } else if let all = rowWeights {
            all.resize(to: first + batch.count, filling: 1)
        }
        if codec.keys.isEmpty {
            for row in 0..<batch.count { entries.append(Entry(prefix: 0, row: ids[row])) }
            return
        }
        codec.encode(keyColumns, count: batch.count, into: keyBytes, sizes: sizes)
        for row in 0..<batch.count {
            let bytes = unsafe keyBytes.bytes(row)
            unsafe entries.append(Entry(prefix: keyPrefix(bytes), row: ids.base[row]))
            let (id, address) = unsafe keys.allocate(bytes.count)
            unsafe precondition(id == ids.base[row], "rows and keys are numbered alike")
            if let start = bytes.baseAddress {
                unsafe address.copyMemory(from: start, byteCount: bytes.count)
            }
        }
    }

    /// All rows in order, as ids of the store. Until `removeAll` no row is freed, so ids are in the
    /// order of arrival.
    func sortedRows() -> PlainVector<Int32> {
        var buffer = unsafe UnsafeMutableBufferPointer(start: entries.base, count: entries.count)
        if !codec.keys.isEmpty {
            unsafe buffer.sort { a, b in
                if a.prefix != b.prefix { return a.prefix < b.prefix }
                return isBefore(a.row, b.row)
            }
        }
        let rows = PlainVector<Int32>(capacity: entries.count)
        for index in 0..<entries.count { unsafe rows.append(entries.base[index].row) }
        return rows
    }

    private func isBefore(_ a: Int32, _ b: Int32) -> Bool {
        let order = unsafe compareBytes(keys.bytes(a), keys.bytes(b))
        return order != 0 ? order < 0 : a < b
    }

    /// The weights of rows; nil: all 1.
    func weights(of rows: PlainVector<Int32>) -> PlainVector<Int64>? {
        guard let rowWeights else { return nil }
        let result = PlainVector<Int64>(capacity: rows.count)
        for index in 0..<rows.count { result.append(rowWeights[Int(rows[index])]) }
        return result
    }

    /// Merges equal rows among those of equal keys: sorted rows in, sorted rows out.
    func net(
        _ rows: PlainVector<Int32>, _ weights: PlainVector<Int64>
    ) -> (rows: PlainVector<Int32>, weights: PlainVector<Int64>) {
        let result = PlainVector<Int32>()
        let sums = PlainVector<Int64>()
        var places: [UInt64: [Int]] = [:]
        var start = 0
        for index in 0..<rows.count {
            if index > 0, !codec.keys.isEmpty,
                unsafe !equalBytes(keys.bytes(rows[index]), keys.bytes(rows[index - 1]))
            {
                places = [:]
                start = result.count
            }
            let hash = unsafe hashBytes(store.bytes(rows[index]))
            let same = places[hash]?.first { place in
                place >= start && store.isEqual(result[place], store, rows[index])
            }
            if let same {
                sums[same] += weights[index]
            } else {
                places[hash, default: []].append(result.count)
                result.append(rows[index])
                sums.append(weights[index])
            }
        }
        return (result, sums)
    }

    func removeAll() {
        store.removeAll()
        keys.removeAll()
        entries.removeAll()
        rowWeights = nil
    }
}
