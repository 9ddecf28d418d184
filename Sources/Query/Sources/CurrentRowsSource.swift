import Aggregation
import Formats

/// The rows of a captured table as they stand where its input ends; used by the query's thread.
///
/// They leave when all changes were read, so that queries see a table and no changes.
final class CurrentRowsSource: Source {
    private let inner: any Source
    private let name: String
    private let images: EnvelopeImages
    private let note: @Sendable (String) -> Void
    private var rows: CurrentRows
    private var ready: ArraySlice<Batch> = []
    private let nothing: Batch
    private var hasBegun = false
    private var hasEnded = false

    init(
        _ inner: any Source, _ layout: EnvelopeLayout, name: String,
        note: @escaping @Sendable (String) -> Void
    ) {
        self.inner = inner
        self.name = name
        self.note = note
        images = EnvelopeImages(layout, name)
        rows = CurrentRows(layout.types, partitionCount: inner.partitionCount)
        nothing = Batch(layout.types.map { Column.make($0, []) }, count: 0)
    }

    var skippedCount: Int { inner.skippedCount }
    var memory: Int { rows.memory + inner.memory }
    func name(ofPartition partition: Int) -> String { inner.name(ofPartition: 0) }
    func close() { inner.close() }
    var isResumable: Bool { inner.isResumable }
    var readOffsets: [ReadOffset] { inner.readOffsets }
    /// Only before its rows are read: they leave together.
    var position: [UInt8]? { hasBegun ? nil : inner.position }

    func resume(at position: [UInt8]) throws(SQLError) { try inner.resume(at: position) }

    func next() throws(SQLError) -> SourceEvent {
        hasBegun = true
        while !hasEnded {
            switch try inner.next() {
            case .idle: return .idle
            case .partitionEnd, .misfit: continue
            case .batch(let batch, let partition):
                try take(batch, partition)
                // The driver looks at memory and signals.
                return .batch(nothing, partition: 0)
            case .end:
                hasEnded = true
                noteIncomplete()
                ready = rows.take()[...]
            }
        }
        guard let batch = ready.popFirst() else { return .end }
        return .batch(batch, partition: 0)
    }

    private func noteIncomplete() {
        guard rows.incomplete > 0 else { return }
        note(
            "\(name): \(rows.incomplete) changes left out large values that no change before them "
                + "had; null (REPLICA IDENTITY FULL sends them)")
    }

    private func take(_ batch: Batch, _ partition: Int) throws(SQLError) {
        let after = try images.columns(of: batch, \.after)
        for row in 0..<batch.count {
            switch images.change(batch, row) {
            case .put(let key):
                let layout = images.layout
                let kept = layout.kept(batch, row)
                rows.put(
                    key, after, row, partition: partition, keeping: kept,
                    mayHaveMoved: !kept.isEmpty && layout.mayHaveMoved(batch, row))
            case .remove(let key?): rows.remove(key, partition: partition)
            case .remove(nil): _ = rows.remove(equalTo: try images.values(batch, row, \.before))
            case .replace:
                _ = rows.remove(equalTo: try images.values(batch, row, \.before))
                rows.put(nil, after, row, partition: partition)
            case .truncate: rows.removeAll(partition: partition)
            case .none: continue
            }
        }
    }
}

/// What a change does to the rows that stand.
enum RowChange {
    /// The row of the key is the image after; without a key it is one more.
    case put(Value?)
    /// The row of the key goes; without a key one like the image before.
    case remove(Value?)
    /// Without a key: one like the image before goes, the image after comes.
    case replace
    case truncate
    case none
}

/// Reads the records of captured topics out of the batches that a layout describes.
struct EnvelopeImages {
    let layout: EnvelopeLayout
    private let name: String

    init(_ layout: EnvelopeLayout, _ name: String) {
        self.layout = layout
        self.name = name
    }

    func change(_ batch: Batch, _ row: Int) -> RowChange {
        let key = layout.recordKey.flatMap { place -> Value? in
            batch.columns[place].isNull(row) ? nil : batch.columns[place].value(row)
        }
        if let place = layout.tombstone, case .boolean(true) = batch.columns[place].value(row) {
            return key == nil ? .none : .remove(key)
        }
        switch batch.columns[layout.operation].value(row) {
        case .text("c"), .text("r"): return .put(key)
        case .text("u"): return key == nil ? .replace : .put(key)
        case .text("d"): return .remove(key)
        case .text("t"): return .truncate
        default: return .none
        }
    }

    /// The images after or before as columns of the scan.
    func columns(
        of batch: Batch, _ side: KeyPath<EnvelopeLayout, [Int]>
    ) throws(SQLError) -> [Column] {
        let places = layout[keyPath: side]
        var columns = places.map { batch.columns[$0] }
        for index in columns.indices {
            guard let encoding = layout.encodings[index] else { continue }
            var values: [Value] = []
            values.reserveCapacity(batch.count)
            for row in 0..<batch.count {
                values.append(try decoded(columns[index].value(row), encoding))
            }
            columns[index] = Column.make(layout.types[index], values)
        }
        return columns
    }

    func values(
        _ batch: Batch, _ row: Int, _ side: KeyPath<EnvelopeLayout, [Int]>
    ) throws(SQLError) -> [Value] {
        var values = layout[keyPath: side].map { batch.columns[$0].value(row) }
        for index in values.indices {
            guard let encoding = layout.encodings[index] else { continue }
            values[index] = try decoded(values[index], encoding)
        }
        return values
    }

    private func decoded(_ value: Value, _ encoding: EnvelopeEncoding) throws(SQLError) -> Value {
        guard let decoded = encoding.decoded(value) else {
            throw SQLError(
                "\(name): \(value) is no \(encoding.type), as its schema says",
                .invalidTextRepresentation)
        }
        return decoded
    }
}
