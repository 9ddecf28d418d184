import Aggregation
import Formats

/// Makes weighted rows of changes; used by the query's thread.
final class EnvelopeSource {
    private let inner: any Source
    private let layout: EnvelopeLayout
    private let name: String
    private let note: @Sendable (String) -> Void
    /// Each partition tells of a TRUNCATE by itself, so keys are told apart by theirs.
    private let hasPartitions: Bool
    /// The rows that stand: by key, or how often each.
    private var byKey: [Value: [Value]] = [:]
    private var counts: [[Value]: Int] = [:]
    private var guess = KeptRowsMemory()
    private var ready: [SourceEvent] = []
    private var builders: [ColumnBuilder] = []
    private var weights: [Int64] = []
    private var hasNoted = false
    /// Of each partition, the row that the change before took away: when a row gets another key, it
    /// is deleted and inserted, or updated, and what it keeps is there.
    private var removed: [Int: (key: Value, row: [Value])] = [:]
    private var recorder: (to: StepRecorder, input: Int)?

    init(
        _ inner: any Source, _ layout: EnvelopeLayout, name: String, isCaptured: Bool,
        note: @escaping @Sendable (String) -> Void
    ) {
        self.inner = inner
        self.layout = layout
        self.name = name
        self.note = note
        hasPartitions = isCaptured && inner.partitionCount > 1
    }

    var partitionCount: Int { inner.partitionCount }
    var skippedCount: Int { inner.skippedCount }
    var maySleep: Bool { inner.maySleep }
    func name(ofPartition partition: Int) -> String { inner.name(ofPartition: partition) }
    func close() { inner.close() }
    var isResumable: Bool { inner.isResumable }
    var isAtBoundary: Bool { ready.isEmpty && inner.isAtBoundary }
    /// The halves of an update.
    var hasTransactions: Bool { true }
    func passBoundary() { inner.passBoundary() }
    var readOffsets: [ReadOffset] { inner.readOffsets }
    var memory: Int { guess.bytes(byKey, counts) + inner.memory }

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
        if let place = layout.tombstone, case .boolean(true) = batch.columns[place].value(row) {
            if recordKey(batch, row) != nil { put(nil, key(batch, row, [], partition), partition) }
            return
        }
        let operation = batch.columns[layout.operation].value(row)
        let isKeyless = layout.keysAfter.isEmpty && recordKey(batch, row) == nil
        switch operation {
        case .boolean(let isTombstone):
            guard let key = recordKey(batch, row) else {
                throw SQLError(
                    "a record of \(name) has no key, which FORMAT UPSERT needs",
                    .nullValueNotAllowed)
            }
            put(isTombstone ? nil : try values(batch, row, layout.after), key, partition)
        case .text("c"), .text("r"), .text("u"):
            let new = try values(batch, row, layout.after)
            guard isKeyless else {
                let key = key(batch, row, layout.keysAfter, partition)
                if operation == .text("u") { moveFromOldKey(to: key, batch, row, partition) }
                return put(completed(new, key, batch, row, partition), key, partition)
            }
            if operation == .text("u") {
                try takeBack(try values(batch, row, layout.before), isUpdate: true, partition)
            }
            count(new, 1)
            emit(new, 1, partition)
        case .text("d"):
            guard isKeyless else {
                return put(nil, key(batch, row, layout.keysBefore, partition), partition)
            }
            try takeBack(try values(batch, row, layout.before), isUpdate: false, partition)
        case .text("t"): removeAll(partition)
        default: break
        }
    }

    private func values(
        _ batch: Batch, _ row: Int, _ places: [Int]
    ) throws(SQLError) -> [Value] {
        var values = places.map { batch.columns[$0].value(row) }
        guard layout.isEncoded else { return values }
        for index in values.indices {
            guard let encoding = layout.encodings[index] else { continue }
            guard let decoded = encoding.decoded(values[index]) else {
                throw SQLError(
                    "\(name): \(values[index]) is no \(encoding.type), as its schema says",
                    .invalidTextRepresentation)
            }
            values[index] = decoded
        }
        return values
    }

    /// An update may give a row another key; its old one goes with it.
    private func moveFromOldKey(
        to key: Value, _ batch: Batch, _ row: Int, _ partition: Int
    ) {
        guard !layout.keysBefore.isEmpty else { return }
        let old = self.key(batch, row, layout.keysBefore, partition)
        guard old != key, case .record(let parts) = old, !parts.contains(where: \.isNull) else {
            return
        }
        put(nil, old, partition)
    }

    /// What the image leaves out is as it was, maybe under another key.
    private func completed(
        _ new: [Value], _ key: Value, _ batch: Batch, _ row: Int, _ partition: Int
    ) -> [Value] {
        let kept = layout.kept(batch, row)
        let before = removed.isEmpty ? nil : removed.removeValue(forKey: partition)
        guard !kept.isEmpty,
            let old = byKey[key] ?? (layout.mayHaveMoved(batch, row) ? before?.row : nil)
        else { return new }
        var whole = new
        for index in kept { whole[index] = old[index] }
        return whole
    }

    private func recordKey(_ batch: Batch, _ row: Int) -> Value? {
        guard let place = layout.recordKey, !batch.columns[place].isNull(row) else { return nil }
        return batch.columns[place].value(row)
    }

    private func key(_ batch: Batch, _ row: Int, _ places: [Int], _ partition: Int) -> Value {
        guard places.isEmpty else {
            return .record(places.map { batch.columns[$0].value(row) })
        }
        let key = recordKey(batch, row) ?? .null
        return hasPartitions ? .record([key, .integer(Int64(partition))]) : key
    }

    /// The row of a key is `new` now; nil: there is none.
    private func put(_ new: [Value]?, _ key: Value, _ partition: Int) {
        let old = byKey[key]
        if new == nil, layout.unavailable != nil {
            // A tombstone behind the deletion is no other change.
            if let old { removed[partition] = (key, old) }
            if old == nil, removed[partition]?.key != key { removed[partition] = nil }
        }
        if old == new {
            // Equal values may look different.
            guard let old, let new, StoredForm(old) != StoredForm(new) else { return }
        }
        if let old { emit(old, -1, partition) }
        byKey[key] = new
        record(.put) { state in
            state.append(value: key)
            state.append(value: new.map { .record($0) } ?? .null)
        }
        if let new { emit(new, 1, partition) }
    }

    private func takeBack(
        _ old: [Value], isUpdate: Bool, _ partition: Int
    ) throws(SQLError) {
        if counts[old] != nil {
            count(old, -1)
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
        guard !hasPartitions else { return removeAll(of: partition) }
        for row in byKey.values { emit(row, -1, partition) }
        for (row, count) in counts { for _ in 0..<count { emit(row, -1, partition) } }
        byKey = [:]
        counts = [:]
        record(.removeAll) { _ in }
    }

    /// The others tell of it themselves; rows without a key are all in the first.
    private func removeAll(of partition: Int) {
        let home = Value.integer(Int64(partition))
        for key in Array(byKey.keys) {
            if case .record(let parts) = key, parts.last == home { put(nil, key, partition) }
        }
        guard partition == 0 else { return }
        for (row, sum) in counts {
            for _ in 0..<sum { emit(row, -1, partition) }
            count(row, -sum)
        }
    }

    /// So many more rows like this stand.
    private func count(_ row: [Value], _ change: Int) {
        let sum = counts[row, default: 0] + change
        counts[row] = sum > 0 ? sum : nil
        record(.count) { state in
            state.append(value: .record(row))
            state.append(bigEndian: Int64(change))
        }
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

// The state: the position of the input, and the rows that stand there.
extension EnvelopeSource: RowKeepingSource {
    private enum Change: UInt8 { case put = 1, count, removeAll }

    func record(to recorder: StepRecorder, input: Int) { self.recorder = (recorder, input) }

    private func record(_ change: Change, _ write: (inout OutputBuffer) -> Void) {
        guard let recorder else { return }
        recorder.to.changeSource(recorder.input) { state in
            state.append(change.rawValue)
            write(&state)
        }
    }

    func repeatChange(_ changes: inout StateReader) throws(SQLError) {
        switch Change(rawValue: try changes.integer(UInt8.self)) {
        case .put:
            let key = try changes.value()
            switch try changes.value() {
            case .null: byKey[key] = nil
            case let row: byKey[key] = try self.row(row)
            }
        case .count:
            let row = try self.row(try changes.value())
            let sum = counts[row, default: 0] + Int(try changes.integer(Int64.self))
            counts[row] = sum > 0 ? sum : nil
        case .removeAll:
            byKey = [:]
            counts = [:]
        case nil: throw damaged
        }
    }

    var position: [UInt8]? { ready.isEmpty ? inner.position : nil }

    func resume(at position: [UInt8]) throws(SQLError) { try inner.resume(at: position) }

    func writeRows(_ state: inout OutputBuffer) {
        state.append(bigEndian: Int64(byKey.count))
        for (key, row) in byKey {
            state.append(value: key)
            state.append(value: .record(row))
        }
        state.append(bigEndian: Int64(counts.count))
        for (row, count) in counts {
            state.append(value: .record(row))
            state.append(bigEndian: Int64(count))
        }
    }

    func readRows(_ state: inout StateReader) throws(SQLError) {
        for _ in 0..<(try state.integer(Int64.self)) {
            let key = try state.value()
            byKey[key] = try row(try state.value())
        }
        for _ in 0..<(try state.integer(Int64.self)) {
            let row = try row(try state.value())
            counts[row] = Int(try state.integer(Int64.self))
        }
    }

    func resume(withRows position: [UInt8]) throws(SQLError) {
        var state = StateReader(position)
        try inner.resume(at: try state.blob())
        try readRows(&state)
    }

    private func row(_ value: Value) throws(SQLError) -> [Value] {
        guard case .record(let row) = value, row.count == layout.types.count else { throw damaged }
        return row
    }

    private var damaged: SQLError {
        SQLError("the saved rows of \(name) are damaged", .internalError)
    }
}
