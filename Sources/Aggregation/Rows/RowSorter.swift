import Formats

/// Collects rows with their sort keys and gives them in order; equal keys in the order of arrival.
///
/// A key that is one column of integers or floats is its own eight bytes, and rows without one are
/// kept apart; all others are sorted by the bytes of `SortKeyCodec`.
@safe final class RowSorter {
    let store: RowStore
    private let codec: SortKeyCodec
    private let keyBytes = KeyBytes()
    private let sizes = PlainVector<Int>()
    private let ids = PlainVector<Int32>()
    /// Whole keys longer than eight bytes, by row.
    private let keys = PageArena()
    /// Per row, in the order of arrival.
    private let entries = PlainVector<OrderedEntry>()
    private var rowWeights: PlainVector<Int64>?
    /// The prefix is the whole key.
    private let isExact: Bool
    /// Rows whose exact key is null, in the order of arrival.
    private let nulls = PlainVector<Int32>()

    init(_ types: [DataType], _ codec: SortKeyCodec) {
        store = RowStore(types, keepsOriginals: true)
        self.codec = codec
        isExact =
            switch codec.keys.count {
            case 0: true
            case 1: codec.keys[0].type.layout == .integer || codec.keys[0].type.layout == .double
            default: false
            }
    }

    var count: Int { entries.count + nulls.count }
    var memory: Int { store.memory + keys.memory + entries.memory }

    /// Adds the rows of a batch; `keyColumns` are one a key.
    func add(_ batch: Batch, _ keyColumns: [Column]) {
        let first = count
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
            for row in 0..<batch.count { entries.append(OrderedEntry(prefix: 0, row: ids[row])) }
            return
        }
        codec.encode(keyColumns, count: batch.count, into: keyBytes, sizes: sizes)
        if isExact { addExact(batch.count) } else { addKeys(batch.count) }
    }

    /// Behind the byte that says null or not lie the eight of the value.
    private func addExact(_ count: Int) {
        for row in 0..<count {
            let key = unsafe keyBytes.bytes(row)
            let id = unsafe ids.base[row]
            if key.count < 9 {
                nulls.append(id)
            } else {
                let word = unsafe key.loadUnaligned(fromByteOffset: 1, as: UInt64.self)
                entries.append(OrderedEntry(prefix: word.bigEndian, row: id))
            }
        }
    }

    private func addKeys(_ count: Int) {
        for row in 0..<count {
            let bytes = unsafe keyBytes.bytes(row)
            unsafe entries.append(OrderedEntry(prefix: keyPrefix(bytes), row: ids.base[row]))
            let (id, address) = unsafe keys.allocate(bytes.count)
            unsafe precondition(id == ids.base[row], "rows and keys are numbered alike")
            if let start = bytes.baseAddress {
                unsafe address.copyMemory(from: start, byteCount: bytes.count)
            }
        }
    }

    /// All rows in order, as ids of the store. Until `removeAll` no row is freed, so ids are in the
    /// order of arrival.
    ///
    /// `stop`: may end it early.
    func sortedRows(_ stop: (any StopCheck)? = nil) throws(SQLError) -> PlainVector<Int32> {
        if !codec.keys.isEmpty {
            var failure: SQLError?
            unsafe KeySorter.sort(
                entries, isExact: isExact,
                isStopped: {
                    guard let stop, failure == nil else { return failure != nil }
                    do throws(SQLError) {
                        try stop.look()
                    } catch {
                        failure = error
                    }
                    return failure != nil
                },
                bytes: { unsafe self.keys.bytes($0) })
            if let failure { throw failure }
        }
        let rows = PlainVector<Int32>(capacity: count)
        let nullsFirst = codec.keys.first?.nullsFirst == true
        if nullsFirst { for index in 0..<nulls.count { rows.append(nulls[index]) } }
        for index in 0..<entries.count { unsafe rows.append(entries.base[index].row) }
        if !nullsFirst { for index in 0..<nulls.count { rows.append(nulls[index]) } }
        return rows
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
        // Equal rows have equal keys, so those of all keys may lie in one table.
        var places: [UInt64: [Int]] = [:]
        for index in 0..<rows.count {
            let hash = unsafe hashBytes(store.bytes(rows[index]))
            let same = places[hash]?.first { store.isEqual(result[$0], store, rows[index]) }
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

    var hasWeights: Bool { rowWeights != nil }

    /// Writes all rows as a sorted run, and forgets them.
    func spill(to runs: SortedRuns, _ stop: (any StopCheck)? = nil) throws(SQLError) {
        let rows = try sortedRows(stop)
        let word = Buffer<UInt8>(repeating: 1, count: 9)
        let nullMark: UInt8 = codec.keys.first?.nullsFirst == true ? 0 : 2
        let nullsBefore = nullMark == 0 ? nulls.count : 0
        try unsafe runs.add(count: rows.count) { index in
            let row = unsafe store.bytes(rows[index])
            guard isExact else { return unsafe (keys.bytes(rows[index]), row) }
            let place = index - nullsBefore
            if codec.keys.isEmpty || place < 0 || place >= entries.count {
                word[0] = nullMark
                return unsafe (UnsafeRawBufferPointer(start: word.base, count: 1), row)
            }
            word[0] = 1
            unsafe UnsafeMutableRawPointer(word.base).storeBytes(
                of: entries[place].prefix.bigEndian, toByteOffset: 1, as: UInt64.self)
            return unsafe (UnsafeRawBufferPointer(start: word.base, count: 9), row)
        }
        removeAll()
    }

    func removeAll() {
        store.removeAll()
        keys.removeAll()
        entries.removeAll()
        nulls.removeAll()
        rowWeights = nil
    }
}
