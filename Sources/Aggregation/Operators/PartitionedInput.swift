import Formats

/// What operators over ordered partitions do with a batch: the slot of each row's partition, its
/// sort key, and a place in a store for the row with its key behind it.
@safe final class PartitionedInput {
    let table: KeyTable
    /// The input's columns, what `computed` adds, and the key's bytes.
    let store: RowStore
    let keyColumn: Int
    let slots = PlainVector<Int32>()
    let ids = PlainVector<Int32>()
    private let inputTypes: [DataType]
    private let partition: RowExpressions
    private let order: RowExpressions
    private let computed: RowExpressions?
    private let codec: SortKeyCodec
    private let keyBytes = KeyBytes()
    private let sizes = PlainVector<Int>()

    /// `computed` are kept beside the row's own columns.
    init(
        _ types: [DataType], partition: [Expression], order: [SortKey],
        computed: [Expression] = [], _ settings: SessionSettings
    ) throws(SQLError) {
        inputTypes = types
        self.partition = try RowExpressions(partition, settings)
        self.order = try RowExpressions(order.map(\.expression), settings)
        self.computed = computed.isEmpty ? nil : try RowExpressions(computed, settings)
        codec = SortKeyCodec(order)
        table = KeyTable(partition.map(\.type))
        keyColumn = types.count + computed.count
        store = RowStore(types + computed.map(\.type) + [.bytea], keepsOriginals: true)
    }

    var keys: SortKeys { SortKeys(store: store, column: keyColumn) }
    var memory: Int { table.memory + store.memory }

    /// Finds slots and keys of a batch's rows; nothing is stored yet.
    func take(_ batch: Batch) throws(SQLError) {
        table.insert(try partition.columns(batch), count: batch.count, into: slots)
        codec.encode(
            try order.columns(batch), count: batch.count, into: keyBytes, sizes: sizes)
    }

    @inline(__always)
    func prefix(_ row: Int) -> UInt64 { keyBytes.prefix(row) }

    /// True if the batch's row sorts before a stored one.
    @inline(__always)
    func isBefore(_ row: Int, _ entry: OrderedEntry) -> Bool {
        let prefix = keyBytes.prefix(row)
        if prefix != entry.prefix { return prefix < entry.prefix }
        return unsafe compareBytes(
            keyBytes.bytes(row), store.stringBytes(entry.row, column: keyColumn)) < 0
    }

    /// Stores rows of the batch that was taken last: all, or those at `rows`. `ids` has them then.
    func keep(_ batch: Batch, rows: PlainVector<Int32>?) throws(SQLError) {
        let views = Buffer<StringView>(capacity: batch.count)
        for row in 0..<batch.count {
            let bytes = unsafe keyBytes.bytes(row)
            guard let start = bytes.baseAddress else { continue }
            views[row] = unsafe StringView(
                start.assumingMemoryBound(to: UInt8.self), count: bytes.count)
        }
        // The views live until the next batch is taken; the store copies their bytes.
        let key = Column(.bytea, count: batch.count, .string(views, owners: [self]))
        var columns = batch.columns
        if let computed { columns += try computed.columns(batch) }
        columns.append(key)
        unsafe store.append(
            columns, rows: rows.map { unsafe UnsafePointer($0.base) },
            count: rows?.count ?? batch.count,
            ids: ids)
    }

    /// The columns that an output row begins with.
    var ownColumns: [Int] { Array(inputTypes.indices) }

    func write(_ state: inout OutputBuffer) {
        table.write(&state)
        store.write(&state)
    }

    func read(_ state: inout StateReader) throws(SQLError) {
        try table.read(&state)
        try store.read(&state)
    }
}
