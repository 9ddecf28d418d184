import Formats

/// The rows of a table that stand while its changes are read: for each key the last image, and rows
/// without a key as often as they are there. Used by the query's thread.
///
/// Images are copied into columns one behind another; those that newer ones have replaced are let
/// go when they are the most.
struct CurrentRows {
    private enum Standing: UInt8 { case gone, keyed, keyless }

    private let types: [DataType]
    private let hasPartitions: Bool
    private var builders: [ColumnBuilder]
    private var inBuilders = 0
    private var full: [Batch] = []
    /// Of each image, in the order in which they came.
    private var standing: [Standing] = []
    private var places: [(batch: Int32, row: Int32)] = []
    /// Where there are several.
    private var partitions: [Int32] = []
    private(set) var count = 0
    /// Images that left values out which no row before them had, of those that stand.
    var incomplete: Int { partial.count }
    private var partial: Set<Int> = []
    private var byKey: [Value: Int] = [:]
    /// Of each partition, the row that the change before took away: when a row gets another key, it
    /// is deleted and inserted, and what it keeps is there.
    private var removed: [Int: (key: Value, row: Int)] = [:]
    /// Made when the first row without a key goes.
    private var byRow: [[Value]: [Int]]?

    /// Of the batches that are full.
    private var batchBytes = 0

    /// Bytes held: images, where they stand, and which is a key's.
    var memory: Int {
        batchBytes + standing.count * 13 + byKey.count * 64 + (byRow?.count ?? 0) * 96
    }

    /// Below so many images nothing is gained by letting go.
    private static let imagesToKeep = 1 << 16

    init(_ types: [DataType], partitionCount: Int) {
        self.types = types
        hasPartitions = partitionCount > 1
        builders = types.map { ColumnBuilder($0) }
    }

    /// The row of a key is this one now; without a key it is one more. `columns` are of the types.
    /// The values of the columns `kept` stay what they are: those of the key's row, or with
    /// `mayHaveMoved` of the one that was deleted just before.
    mutating func put(
        _ key: Value?, _ columns: [Column], _ row: Int, partition: Int, keeping kept: [Int] = [],
        mayHaveMoved: Bool = false
    ) {
        let before = removed.isEmpty ? nil : removed.removeValue(forKey: partition)
        let old =
            kept.isEmpty ? nil : key.flatMap { byKey[$0] } ?? (mayHaveMoved ? before?.row : nil)
        if !kept.isEmpty, old == nil { partial.insert(standing.count) }
        if let old, !partial.isEmpty, partial.contains(old) { partial.insert(standing.count) }
        if let old, places[old].batch == full.count { closeBatch() }
        for (number, builder) in builders.enumerated() {
            if let old, kept.contains(number) {
                let place = places[old]
                builder.append(
                    from: full[Int(place.batch)].columns[number], Int(place.row))
            } else {
                builder.append(from: columns[number], row)
            }
        }
        let index = standing.count
        standing.append(key == nil ? .keyless : .keyed)
        places.append((Int32(full.count), Int32(inBuilders)))
        if hasPartitions { partitions.append(Int32(truncatingIfNeeded: partition)) }
        count += 1
        inBuilders += 1
        if let key {
            if let old = byKey.updateValue(index, forKey: key) { drop(old) }
        } else if byRow != nil {
            byRow?[columns.map { $0.value(row) }, default: []].append(index)
        }
        if inBuilders == Batch.rowsMax { closeBatch() }
        if standing.count > Self.imagesToKeep, standing.count > 3 * count { letGo() }
        // Batches that were closed early are put together.
        if full.count > 1_024, full.count > standing.count / 128 { letGo() }
    }

    mutating func remove(_ key: Value, partition: Int) {
        guard let old = byKey.removeValue(forKey: key) else {
            // A tombstone behind the deletion is no other change.
            if removed[partition]?.key != key { removed[partition] = nil }
            return
        }
        drop(old)
        removed[partition] = (key, old)
    }

    /// Takes a row without a key away; false if none is like it.
    mutating func remove(equalTo values: [Value]) -> Bool {
        if byRow == nil { indexRows() }
        guard let index = byRow?[values]?.popLast() else { return false }
        drop(index)
        return true
    }

    private mutating func indexRows() {
        closeBatch()
        var found: [[Value]: [Int]] = [:]
        for (index, place) in places.enumerated() where standing[index] == .keyless {
            found[full[Int(place.batch)].row(Int(place.row)), default: []].append(index)
        }
        byRow = found
    }

    /// TRUNCATE, which each partition tells of itself.
    mutating func removeAll(partition: Int) {
        for index in standing.indices where standing[index] != .gone {
            if hasPartitions, partitions[index] != Int32(truncatingIfNeeded: partition) { continue }
            drop(index)
        }
        letGo()
    }

    /// All rows, in batches; none are left.
    mutating func take() -> [Batch] {
        closeBatch()
        var rows = full.map { _ in [Int32]() }
        for (index, place) in places.enumerated() where standing[index] != .gone {
            rows[Int(place.batch)].append(place.row)
        }
        let taken = zip(full, rows).compactMap { batch, rows -> Batch? in
            rows.isEmpty ? nil : rows.count == batch.count ? batch : batch.gather(rows)
        }
        self = CurrentRows(types, partitionCount: hasPartitions ? 2 : 1)
        return taken
    }

    private mutating func drop(_ index: Int) {
        standing[index] = .gone
        if !partial.isEmpty { partial.remove(index) }
        count -= 1
    }

    private mutating func closeBatch() {
        guard inBuilders > 0 else { return }
        let batch = Batch(builders.map { $0.finish() }, count: inBuilders)
        full.append(batch)
        batchBytes += batch.columns.reduce(0) { $0 + Self.bytes($1) }
        inBuilders = 0
    }

    private static func bytes(_ column: Column) -> Int {
        switch column.type.layout {
        case .boolean: return column.count
        case .integer, .double: return column.count * 8
        case .interval: return column.count * 16
        case .numeric: return column.count * 32
        case .array, .record: return column.count * 128
        case .string:
            let views = unsafe column.strings
            return (0..<column.count).reduce(column.count * 16) { sum, row in
                unsafe sum + (column.isNull(row) ? 0 : views[row & column.indexMask].count)
            }
        }
    }

    /// Copies the rows that stand, so that the memory of the others is free.
    private mutating func letGo() {
        closeBatch()
        let old = self
        self = CurrentRows(types, partitionCount: hasPartitions ? 2 : 1)
        var keys: [Int: Value] = [:]
        keys.reserveCapacity(old.count)
        for (key, index) in old.byKey where old.standing[index] != .gone { keys[index] = key }
        byKey.reserveCapacity(old.count)
        for (index, place) in old.places.enumerated() where old.standing[index] != .gone {
            put(
                keys[index], old.full[Int(place.batch)].columns, Int(place.row),
                partition: hasPartitions ? Int(old.partitions[index]) : 0)
            if old.partial.contains(index) { partial.insert(standing.count - 1) }
        }
    }
}
