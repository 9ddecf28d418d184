import Aggregation
import Formats

/// Makes weighted rows of changes; used by the query's thread.
final class EnvelopeSource: Source {
    private let inner: any Source
    private let layout: EnvelopeLayout
    private let name: String
    private let note: @Sendable (String) -> Void
    /// The rows that stand: by key, or how often each.
    private var byKey: [Value: [Value]] = [:]
    private var counts: [[Value]: Int] = [:]
    private var ready: [SourceEvent] = []
    private var builders: [ColumnBuilder] = []
    private var weights: [Int64] = []
    private var hasNoted = false

    init(
        _ inner: any Source, _ layout: EnvelopeLayout, name: String,
        note: @escaping @Sendable (String) -> Void
    ) {
        self.inner = inner
        self.layout = layout
        self.name = name
        self.note = note
    }

    var partitionCount: Int { inner.partitionCount }
    var skippedCount: Int { inner.skippedCount }
    var maySleep: Bool { inner.maySleep }
    func name(ofPartition partition: Int) -> String { inner.name(ofPartition: partition) }
    func close() { inner.close() }

    func next() throws(SQLError) -> SourceEvent {
        while true {
            if !ready.isEmpty { return ready.removeFirst() }
            let event = try inner.next()
            guard case .batch(let batch, let partition) = event else { return event }
            for row in 0..<batch.count { try change(batch, row, partition) }
            finishBatch(partition)
        }
    }

    private func change(_ batch: Batch, _ row: Int, _ partition: Int) throws(SQLError) {
        let operation = batch.columns[layout.operation].value(row)
        let isKeyless = layout.keysAfter.isEmpty && recordKey(batch, row) == nil
        switch operation {
        case .boolean(let isTombstone):
            guard let key = recordKey(batch, row) else {
                throw SQLError(
                    "a record of \(name) has no key, which FORMAT UPSERT needs",
                    .nullValueNotAllowed)
            }
            put(isTombstone ? nil : values(batch, row, layout.after), key, partition)
        case .text("c"), .text("r"), .text("u"):
            let new = values(batch, row, layout.after)
            guard isKeyless else {
                return put(new, key(batch, row, layout.keysAfter), partition)
            }
            if operation == .text("u") {
                try takeBack(values(batch, row, layout.before), isUpdate: true, partition)
            }
            counts[new, default: 0] += 1
            emit(new, 1, partition)
        case .text("d"):
            guard isKeyless else {
                return put(nil, key(batch, row, layout.keysBefore), partition)
            }
            try takeBack(values(batch, row, layout.before), isUpdate: false, partition)
        case .text("t"): removeAll(partition)
        default: break
        }
    }

    private func values(_ batch: Batch, _ row: Int, _ places: [Int]) -> [Value] {
        places.map { batch.columns[$0].value(row) }
    }

    private func recordKey(_ batch: Batch, _ row: Int) -> Value? {
        guard let place = layout.recordKey, !batch.columns[place].isNull(row) else { return nil }
        return batch.columns[place].value(row)
    }

    private func key(_ batch: Batch, _ row: Int, _ places: [Int]) -> Value {
        places.isEmpty
            ? recordKey(batch, row) ?? .null : .record(values(batch, row, places))
    }

    /// The row of a key is `new` now; nil: there is none.
    private func put(_ new: [Value]?, _ key: Value, _ partition: Int) {
        let old = byKey[key]
        guard old != new else { return }
        if let old { emit(old, -1, partition) }
        byKey[key] = new
        if let new { emit(new, 1, partition) }
    }

    private func takeBack(
        _ old: [Value], isUpdate: Bool, _ partition: Int
    ) throws(SQLError) {
        if let count = counts[old] {
            counts[old] = count > 1 ? count - 1 : nil
            return emit(old, -1, partition)
        }
        if isUpdate, !old.isEmpty, old.allSatisfy(\.isNull) {
            throw SQLError(
                "an update of \(name) does not tell the row before it", .nullValueNotAllowed,
                hint: "Name the key: read_debezium(..., key => 'id').")
        }
        guard !hasNoted else { return }
        hasNoted = true
        note(
            "\(name) changes a row that it has not shown before; it is not taken back (key => 'id' "
                + "finds rows by their key)")
    }

    private func removeAll(_ partition: Int) {
        for row in byKey.values { emit(row, -1, partition) }
        for (row, count) in counts { for _ in 0..<count { emit(row, -1, partition) } }
        byKey = [:]
        counts = [:]
    }

    private func emit(_ row: [Value], _ weight: Int64, _ partition: Int) {
        if weights.count == Batch.rowsMax { finishBatch(partition) }
        if weights.isEmpty { builders = layout.types.map { ColumnBuilder($0) } }
        for (builder, value) in zip(builders, row) { builder.append(value) }
        weights.append(weight)
    }

    private func finishBatch(_ partition: Int) {
        guard !weights.isEmpty else { return }
        let sums = Buffer<Int64>(capacity: weights.count)
        for (index, weight) in weights.enumerated() { sums[index] = weight }
        let batch = Batch(
            builders.map { $0.finish() }, count: weights.count, weights: sums)
        weights = []
        ready.append(.batch(batch, partition: partition))
    }
}
