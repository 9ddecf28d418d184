import Formats

/// A row of a partition with the first eight bytes of its sort key.
struct OrderedEntry: BitwiseCopyable {
    var prefix: UInt64
    var row: Int32
}

/// The rows of one partition in the order of their keys, equal keys in the order of arrival: sorted
/// chunks, so that insertion and removal move a few hundred entries at most.
///
/// The rows lie in a store whose column `keyColumn` holds the bytes of their keys.
struct OrderedRows {
    private static let chunkMax = 512
    private var chunks: [[OrderedEntry]] = []
    private(set) var count = 0

    init() {}

    /// The rows in order.
    init(_ entries: [OrderedEntry]) {
        var start = 0
        while start < entries.count {
            let end = min(start + Self.chunkMax / 2, entries.count)
            chunks.append(Array(entries[start..<end]))
            start = end
        }
        count = entries.count
    }

    var entries: [OrderedEntry] { chunks.flatMap(\.self) }
    var memory: Int { count * 16 + chunks.count * 64 }

    /// Behind the rows of an equal key. Gives its place, for `position`.
    @discardableResult
    mutating func insert(_ entry: OrderedEntry, _ keys: SortKeys) -> (chunk: Int, index: Int) {
        if chunks.isEmpty { chunks.append([]) }
        // The first chunk whose last row comes after it, else the last chunk.
        var low = 0
        var high = chunks.count - 1
        while low < high {
            let middle = (low + high) / 2
            if let last = chunks[middle].last, keys.isBefore(entry, last) {
                high = middle
            } else {
                low = middle + 1
            }
        }
        let place = OrderedRows.upperBound(chunks[low], entry, keys)
        chunks[low].insert(entry, at: place)
        count += 1
        if chunks[low].count > Self.chunkMax {
            let half = chunks[low].count / 2
            let rest = Array(chunks[low][half...])
            chunks[low].removeSubrange(half...)
            chunks.insert(rest, at: low + 1)
        }
        return (low, place)
    }

    /// How many rows lie before a place at which one was just inserted or removed.
    func position(_ place: (chunk: Int, index: Int)) -> Int {
        chunks[..<min(place.chunk, chunks.count)].reduce(place.index) { $0 + $1.count }
    }

    private static func upperBound(
        _ list: [OrderedEntry], _ entry: OrderedEntry, _ keys: SortKeys
    ) -> Int {
        var low = 0
        var high = list.count
        while low < high {
            let middle = (low + high) / 2
            if keys.isBefore(entry, list[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Takes out the last to come of the rows that equal `row`. nil: there is none.
    mutating func remove(
        equalTo entry: OrderedEntry, _ keys: SortKeys
    ) -> Int32? {
        take(equalTo: entry, keys)?.row
    }

    /// The same with the place where it was.
    mutating func take(
        equalTo entry: OrderedEntry, _ keys: SortKeys
    ) -> (row: Int32, place: (chunk: Int, index: Int))? {
        var chunk = chunks.count - 1
        while chunk >= 0 {
            guard let first = chunks[chunk].first else {
                chunk -= 1
                continue
            }
            if keys.isBefore(entry, first) {
                chunk -= 1
                continue
            }
            var place = OrderedRows.upperBound(chunks[chunk], entry, keys) - 1
            while place >= 0 {
                let candidate = chunks[chunk][place]
                if keys.isBefore(candidate, entry) { return nil }
                if keys.store.isEqual(candidate.row, keys.store, entry.row) {
                    chunks[chunk].remove(at: place)
                    count -= 1
                    if chunks[chunk].isEmpty { chunks.remove(at: chunk) }
                    return (candidate.row, (chunk, place))
                }
                place -= 1
            }
            chunk -= 1
        }
        return nil
    }

    /// Takes out the first rows; gives them.
    mutating func removeFirst(_ count: Int) -> [Int32] {
        var rows: [Int32] = []
        while rows.count < count, let chunk = chunks.first {
            let part = chunk.prefix(count - rows.count)
            rows += part.map(\.row)
            if part.count == chunk.count {
                chunks.removeFirst()
            } else {
                chunks[0].removeFirst(part.count)
            }
        }
        self.count -= rows.count
        return rows
    }

    /// How many rows at the beginning `isBefore` holds for; it holds for none behind them.
    func partitionPoint(_ isBefore: (OrderedEntry) -> Bool) -> Int {
        var position = 0
        for chunk in chunks {
            if let last = chunk.last, isBefore(last) {
                position += chunk.count
                continue
            }
            var low = 0
            var high = chunk.count
            while low < high {
                let middle = (low + high) / 2
                if isBefore(chunk[middle]) { low = middle + 1 } else { high = middle }
            }
            return position + low
        }
        return position
    }

    /// The position of the first row whose key equals that of the row at a position; the position
    /// itself behind the last row.
    func firstPeer(of position: Int, _ keys: SortKeys) -> Int {
        guard let entry = entry(at: position) else { return position }
        return partitionPoint { keys.isBefore($0, entry) }
    }

    /// nil outside the rows.
    private func entry(at position: Int) -> OrderedEntry? {
        var found: OrderedEntry?
        guard position >= 0 else { return nil }
        forEach(from: position) { entry in
            found = entry
            return false
        }
        return found
    }

    /// nil outside the rows.
    func row(at position: Int) -> Int32? {
        guard position >= 0, position < count else { return nil }
        var rest = position
        for chunk in chunks {
            if rest < chunk.count { return chunk[rest].row }
            rest -= chunk.count
        }
        return nil
    }

    /// Calls `body` with the rows from position `start` on, in order, until it gives false.
    func forEach(from start: Int = 0, _ body: (OrderedEntry) -> Bool) {
        var skip = start
        for chunk in chunks {
            if skip >= chunk.count {
                skip -= chunk.count
                continue
            }
            for index in skip..<chunk.count where !body(chunk[index]) { return }
            skip = 0
        }
    }
}

/// Compares rows of a store by the keys that lie in one of its columns.
struct SortKeys {
    let store: RowStore
    let column: Int

    func isBefore(_ a: OrderedEntry, _ b: OrderedEntry) -> Bool {
        if a.prefix != b.prefix { return a.prefix < b.prefix }
        return unsafe compareBytes(bytes(a.row), bytes(b.row)) < 0
    }

    func isEqual(_ a: OrderedEntry, _ b: OrderedEntry) -> Bool {
        unsafe a.prefix == b.prefix && equalBytes(bytes(a.row), bytes(b.row))
    }

    private func bytes(_ row: Int32) -> UnsafeRawBufferPointer {
        unsafe store.stringBytes(row, column: column)
    }
}
