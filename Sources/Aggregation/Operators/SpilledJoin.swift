import Formats

/// A hash join whose kept side does not fit the memory: the rows of both sides go to disk, parted
/// by the hash of their keys, and when both have ended each part is joined by itself (Grace join).
final class SpilledJoin {
    private static let partCount = 32

    private let shape: JoinShape
    private let codec: SortKeyCodec
    private let keyBytes = KeyBytes()
    private let sizes = PlainVector<Int>()
    private let ids = PlainVector<Int32>()
    /// A batch's rows as bytes, on their way out or in.
    private let stores: [RowStore]
    private var runs: [[any SpillRun]] = [[], []]
    private var buffers: [[SpillBuffer]] = [[], []]

    init(_ shape: JoinShape, _ store: any SpillStore) throws(SQLError) {
        self.shape = shape
        codec = SortKeyCodec(types: shape.keyTypes)
        stores = shape.types.map { RowStore($0, keepsOriginals: true) }
        for side in 0...1 {
            for _ in 0..<SpilledJoin.partCount {
                let run = try store.makeRun()
                runs[side].append(run)
                buffers[side].append(SpillBuffer(run))
            }
        }
    }

    func add(_ batch: Batch, side: Int) throws(SQLError) {
        let keys = try shape.keys[side].columns(batch)
        codec.encode(keys, count: batch.count, into: keyBytes, sizes: sizes)
        let store = stores[side]
        store.append(batch.columns, count: batch.count, ids: ids)
        let nothing = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        for row in 0..<batch.count {
            let hash = unsafe hashBytes(keyBytes.bytes(row))
            let part = Int(truncatingIfNeeded: hash >> 40) & (SpilledJoin.partCount - 1)
            for _ in 0..<batch.weight(row) {
                unsafe try buffers[side][part].writer.append(nothing, store.bytes(ids[row]))
            }
        }
        store.removeAll()
    }

    /// Joins part by part; `first` is the side that is kept.
    func finish(
        first: Int, _ emit: @escaping (Batch) throws(SQLError) -> Void
    ) throws(SQLError) {
        for part in 0..<SpilledJoin.partCount {
            let join = JoinOperator(shape)
            let output = ForwardingOperator(emit)
            join.connect(to: output, input: 0)
            for side in [first, 1 - first] {
                try buffers[side][part].writer.flush()
                try read(runs[side][part], side) { (batch) throws(SQLError) in
                    try join.push(batch, input: side)
                }
                try join.advance(Watermark.end, input: side)
            }
        }
        runs = [[], []]
        buffers = [[], []]
    }

    private func read(
        _ run: any SpillRun, _ side: Int, _ body: (Batch) throws(SQLError) -> Void
    ) throws(SQLError) {
        let reader = SpillReader(run)
        let store = stores[side]
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

    init(_ run: any SpillRun) { writer = SpillWriter(run) }
}

/// Hands what comes to a closure.
private final class ForwardingOperator: Operator {
    private let body: (Batch) throws(SQLError) -> Void

    init(_ emit: @escaping (Batch) throws(SQLError) -> Void) {
        body = emit
        super.init("part")
    }

    override var wantsMore: Bool { true }
    override func push(_ batch: Batch, input: Int) throws(SQLError) { try body(batch) }
    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {}
}
