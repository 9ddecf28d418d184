import Formats

/// Rows on disk, parted by the hash of their keys: what an operator could not keep in memory and
/// will work on part by part. Used by one operator on its thread.
final class SpilledRows {
    static let partCount = 32

    private let codec: SortKeyCodec
    private let keyBytes = KeyBytes()
    private let sizes = PlainVector<Int>()
    private let ids = PlainVector<Int32>()
    /// A batch's rows as bytes, on their way out or in.
    private let store: RowStore
    private var parts: [SpillBuffer?] = []
    private var counts = [Int](repeating: 0, count: SpilledRows.partCount)
    private let shift: UInt64

    /// `level`: how many partings these rows have been through; each takes other bits of the hash.
    init(_ types: [DataType], keys: [DataType], _ budget: SpillBudget) throws(SQLError) {
        codec = SortKeyCodec(types: keys)
        store = RowStore(types, keepsOriginals: true)
        shift = UInt64(24 + 5 * budget.level)
        for _ in 0..<SpilledRows.partCount { parts.append(SpillBuffer(try budget.store.makeRun())) }
    }

    /// `keys`: a column a key. A row of weight n is n rows.
    func add(_ batch: Batch, keys: [Column]) throws(SQLError) {
        codec.encode(keys, count: batch.count, into: keyBytes, sizes: sizes)
        store.append(batch.columns, count: batch.count, ids: ids)
        let nothing = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        for row in 0..<batch.count {
            let hash = unsafe hashBytes(keyBytes.bytes(row))
            let part = Int(truncatingIfNeeded: hash >> shift) & (SpilledRows.partCount - 1)
            counts[part] += 1
            for _ in 0..<batch.weight(row) {
                unsafe try parts[part]?.writer.append(nothing, store.bytes(ids[row]))
            }
        }
        store.removeAll()
    }

    func isEmpty(_ part: Int) -> Bool { counts[part] == 0 }

    /// Hands out the rows of a part in the order in which they came, and forgets them.
    func take(_ part: Int, _ body: (Batch) throws(SQLError) -> Void) throws(SQLError) {
        guard let buffer = parts[part] else { return }
        parts[part] = nil
        try buffer.writer.flush()
        let reader = SpillReader(buffer.writer.run)
        var isMore = true
        while isMore {
            var rows: [Int32] = []
            while rows.count < Batch.rowsMax {
                isMore = try reader.next()
                if !isMore { break }
                unsafe rows.append(
                    reader.withRecord { _, row in unsafe store.append(encoded: row) })
            }
            if !rows.isEmpty { try body(Batch(store.decode(rows), count: rows.count)) }
            store.removeAll()
        }
    }
}

/// A writer in a box, so that many can lie in an array.
private final class SpillBuffer {
    var writer: SpillWriter

    /// Many are open at once.
    init(_ run: any SpillRun) { writer = SpillWriter(run, blockSize: 16 * 1024) }
}

extension Operator {
    /// Works on what lies on disk part by part, with an operator a part; `rows` are its inputs in
    /// the order in which they are read. `hold` is told which operator is at work, for its memory.
    func finish(
        _ rows: [(rows: SpilledRows, input: Int)], hold: (Operator?) -> Void,
        _ make: () throws(SQLError) -> Operator
    ) throws(SQLError) {
        let output = ForwardingOperator { [unowned self] (batch) throws(SQLError) in
            try self.emit(batch)
        }
        for part in 0..<SpilledRows.partCount where wantsMore {
            if rows.allSatisfy({ $0.rows.isEmpty(part) }) { continue }
            let node = try make()
            node.connect(to: output, input: 0)
            hold(node)
            for (rows, input) in rows {
                try rows.take(part) { (batch) throws(SQLError) in
                    try node.push(batch, input: input)
                }
                try node.advance(Watermark.end, input: input)
            }
            hold(nil)
        }
    }
}

/// Hands what comes to a closure: the output of an operator that works on a part.
final class ForwardingOperator: Operator {
    private let body: (Batch) throws(SQLError) -> Void

    init(_ emit: @escaping (Batch) throws(SQLError) -> Void) {
        body = emit
        super.init("part")
    }

    override var wantsMore: Bool { true }
    override func push(_ batch: Batch, input: Int) throws(SQLError) { try body(batch) }
    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {}
}
