import Bytes
import Aggregation
import Formats
import KafkaClient
import Query
import Records

/// Decodes the records of a topic into batches; used by the query's thread.
///
/// Each partition has a reader of its own, so that its batches are of one partition and in its
/// order.
final class TopicSource: Source, FollowedTable {
    private let relation: TopicRelation
    private var scan: ScanPlan
    /// Asked for the first time when reading begins.
    private var feed: TopicFeed?
    private let context: SourceContext
    private let packer: RecordPacker
    /// By position in `ids`.
    private let ids: [TopicPartition]
    private var readers: [Int: PartitionReader] = [:]
    private var open: Set<Int>
    private var ready: [SourceEvent] = []
    /// A partition whose records wait behind a value that does not fit.
    private var suspended: (index: Int, packed: PackedRecords, nextOffset: Int64)?
    /// The offset that each partition is read from next.
    private var offsets: [TopicPartition: Int64]
    /// Of a captured table that is followed: what it goes on with together, and what was fetched
    /// beyond their cut.
    private let tables: CapturedTables?
    private var held: [TopicPartition: [FetchedBatches]] = [:]
    private var hasBegun = false

    init(_ relation: TopicRelation, _ scan: ScanPlan, _ context: SourceContext) {
        self.relation = relation
        self.scan = scan
        self.context = context
        offsets = relation.starts
        let fieldCount = relation.current.count
        let hidden = Set(scan.columns.map { $0.index - fieldCount })
        packer = RecordPacker(
            keepsKeys: hidden.contains(TopicRelation.Hidden.key.rawValue),
            keepsHeaders: hidden.contains(TopicRelation.Hidden.headers.rawValue),
            keepsTombstones: relation.keepsTombstones)
        tables = relation.isEndless ? relation.tables : nil
        ids = relation.starts.keys.sorted { $0.partition < $1.partition }
        open = Set(ids.indices)
        tables?.join(self)
        guard !relation.isEndless else { return }
        for (index, id) in ids.enumerated()
        where (relation.starts[id] ?? 0) >= (relation.ends[id] ?? 0) {
            open.remove(index)
            ready.append(.partitionEnd(index))
        }
    }

    var partitionCount: Int { ids.count }
    var skippedCount: Int { readers.values.reduce(0) { $0 + $1.skippedCount } }

    func close() {
        feed?.close()
        tables?.leave(self)
    }

    var maySleep: Bool { relation.isEndless }

    func name(ofPartition partition: Int) -> String {
        "\(relation.name)/\(ids[partition].partition)"
    }

    let isResumable = true

    var readOffsets: [ReadOffset] {
        ids.map { id in
            ReadOffset(
                brokers: relation.brokers, topic: id.topic, partition: id.partition,
                next: offsets[id] ?? 0)
        }
    }

    /// The next offset of each partition; nil while rows of a fetch wait to be handed out.
    var position: [UInt8]? {
        guard ready.isEmpty, suspended == nil, isAtCut || !hasBegun else { return nil }
        var state = OutputBuffer(capacity: 16 * ids.count + 8)
        state.append(bigEndian: Int64(ids.count))
        for id in ids {
            state.append(bigEndian: Int64(id.partition))
            state.append(bigEndian: offsets[id] ?? 0)
        }
        return unsafe state.bytes.withUnsafeBytes { unsafe Array($0) }
    }

    /// Partitions that are new since are read from their start.
    func resume(at position: [UInt8]) throws(SQLError) {
        var state = StateReader(position)
        for _ in 0..<(try state.integer(Int64.self)) {
            let partition = try state.integer(Int64.self)
            let offset = try state.integer(Int64.self)
            guard let id = ids.first(where: { Int64($0.partition) == partition }) else {
                throw SQLError(
                    "topic \"\(relation.name)\" has no partition \(partition) any more",
                    .objectNotReady)
            }
            let start = relation.starts[id] ?? 0
            guard offset >= start else {
                throw SQLError(
                    "topic \"\(relation.name)\" begins at offset \(start) of partition "
                        + "\(partition) now; the saved state needs \(offset)", .objectNotReady,
                    hint: "Retention has removed what comes between; remove the state to begin "
                        + "anew.")
            }
            offsets[id] = offset
        }
    }

    func next() throws(SQLError) -> SourceEvent {
        hasBegun = true
        while true {
            if !ready.isEmpty { return ready.removeFirst() }
            if let suspended {
                self.suspended = nil
                try take(suspended.index, suspended.packed, suspended.nextOffset, isNew: false)
                continue
            }
            if open.isEmpty { return .end }
            if let tables, isAtCut {
                guard try advance(tables) else { return .idle }
                try decodeHeld()
                continue
            }
            guard let fetched = try fetch() else { return .idle }
            if tables == nil {
                let end = relation.isEndless ? nil : relation.ends[fetched.partition]
                try decode(fetched, before: end)
            } else {
                held[fetched.partition, default: []].append(fetched)
                try decodeHeld()
            }
        }
    }

    private func fetch() throws(SQLError) -> FetchedBatches? {
        do throws(ClientError) {
            return try openFeed().take()
        } catch {
            throw SQLError(
                "topic \"\(relation.name)\": \(error.description)", .inputOutputError)
        }
    }

    private func openFeed() throws(ClientError) -> TopicFeed {
        if let feed { return feed }
        let made = try relation.feed(from: offsets, context.signal)
        feed = made
        return made
    }

    /// Up to `end`, which is exclusive.
    private func decode(_ fetched: FetchedBatches, before end: Int64?) throws(SQLError) {
        guard let index = ids.firstIndex(of: fetched.partition) else { return }
        let upper = end ?? .max
        let wanted = min(offsets[fetched.partition] ?? 0, upper)..<upper
        offsets[fetched.partition] = min(fetched.nextOffset, wanted.upperBound)
        let packed: PackedRecords
        do throws(ConsumeError) {
            packed = try packer.pack(fetched, wanted)
        } catch {
            throw SQLError("topic \"\(relation.name)\": \(error)", .inputOutputError)
        }
        try take(index, packed, fetched.nextOffset, isNew: true)
    }

    /// Decodes records, or, unless they are new, what is left of them behind a misfit.
    private func take(
        _ index: Int, _ packed: PackedRecords, _ nextOffset: Int64, isNew: Bool
    ) throws(SQLError) {
        let reader =
            readers[index]
            ?? PartitionReader(relation, scan, ids[index].partition, context)
        readers[index] = reader
        let batches = try isNew ? reader.read(packed) : reader.readOn(packed)
        for batch in batches { ready.append(.batch(batch, partition: index)) }
        guard !reader.isWaiting else {
            suspended = (index, packed, nextOffset)
            ready.append(.misfit)
            return
        }
        guard !relation.isEndless, let end = relation.ends[ids[index]], nextOffset >= end
        else { return }
        if open.remove(index) != nil { ready.append(.partitionEnd(index)) }
    }
}

// Wider types.
extension TopicSource {
    func goOn(with scan: ScanPlan?) {
        if let scan { self.scan = scan }
        for reader in readers.values { reader.goOn(with: scan) }
    }
}

// Of captured tables that are followed.
extension TopicSource {
    var isAtBoundary: Bool { tables?.isSettled ?? true }
    func passBoundary() { tables?.passBoundary() }

    /// All up to the cut was handed out.
    var isAtCut: Bool {
        guard let tables else { return true }
        return ready.isEmpty && ids.allSatisfy { (offsets[$0] ?? 0) >= tables.cut.ends[$0] ?? 0 }
    }

    private func advance(_ tables: CapturedTables) throws(SQLError) -> Bool {
        do throws(ClientError) {
            return try tables.advance(context.signal)
        } catch {
            throw SQLError("the cuts of \(relation.name): \(error.description)", .inputOutputError)
        }
    }

    /// Decodes what was fetched, as far as the cut goes.
    private func decodeHeld() throws(SQLError) {
        guard let tables else { return }
        for id in ids {
            guard let fetches = held[id] else { continue }
            let end = tables.cut.ends[id] ?? 0
            var rest = fetches[...]
            while let fetched = rest.first, offsets[id] ?? 0 < end {
                try decode(fetched, before: end)
                guard fetched.nextOffset <= end else { break }
                rest.removeFirst()
            }
            held[id] = rest.isEmpty ? nil : Array(rest)
        }
    }
}

/// Makes batches of one partition's records.
private final class PartitionReader {
    private let relation: TopicRelation
    private var scan: ScanPlan
    private let partition: Int32
    private let context: SourceContext
    private var json: JSONReader?
    private var pending: PendingMisfit?
    private var pendingPolicy: MisfitPolicy?
    /// Lines that the reader has seen before the block at hand.
    private var linesBefore = 0

    init(
        _ relation: TopicRelation, _ scan: ScanPlan, _ partition: Int32, _ context: SourceContext
    ) {
        self.relation = relation
        self.scan = scan
        self.partition = partition
        self.context = context
        json = relation.isText ? nil : makeReader()
    }

    private func makeReader() -> JSONReader {
        var options = JSONReader.Options()
        options.skipsErrors = context.onError == .skip
        options.wholeValue = relation.wholeValue
        options.name = "topic \"\(relation.name)\""
        let fields = relation.current
        var columns = scan.columns.filter { $0.index < fields.count }
            .map { ReadColumn.value(field: $0.index, path: $0.path) }
        // The line tells which record a row came from.
        columns.append(.line)
        return JSONReader(fields: fields, columns: columns, options: options)
    }

    /// A value does not fit, and what is to be done about it is not known yet.
    var isWaiting: Bool { pending != nil }

    private func policy(_ packed: PackedRecords?) -> MisfitPolicy {
        let (name, partition, before) = (relation.name, partition, linesBefore)
        return MisfitPolicy(
            relation, isStrict: context.isStrict, canRestart: relation.mayBeReadAgain,
            context: context
        ) { misfit in
            let index = misfit.line - 1 - before
            let offset = packed.flatMap {
                $0.facts.indices.contains(index) ? $0.facts[index].offset : nil
            }
            return "topic \"\(name)\" partition \(partition)"
                + (offset.map { " offset \($0)" } ?? "")
        }
    }

    /// See `Source.goOn`.
    func goOn(with scan: ScanPlan?) {
        defer { (pending, pendingPolicy) = (nil, nil) }
        if let pending { pendingPolicy?.settle(pending, isWidened: scan != nil) }
        guard let scan else {
            if let pending { json?.coerce(pending.misfit) }
            return
        }
        self.scan = scan
        guard let old = json else { return }
        let new = makeReader()
        new.takeOver(from: old)
        json = new
    }

    var skippedCount: Int { json?.brokenRows ?? 0 }

    func read(_ packed: PackedRecords) throws(SQLError) -> [Batch] {
        guard let json else { return texts(packed) }
        json.supply(packed.block, isLast: false)
        return try readOn(packed)
    }

    /// What is left of the records, or up to a value that has to be waited for.
    func readOn(_ packed: PackedRecords) throws(SQLError) -> [Batch] {
        guard let json else { return [] }
        var batches: [Batch] = []
        while true {
            var result = try json.next()
            // What is left may hold a misfit as any row may.
            if case .needsInput = result { result = try json.flush() ?? .needsInput }
            switch result {
            case .rows(let batch): batches.append(assembled(batch, packed))
            case .misfit(let misfit):
                let policy = policy(packed)
                pending = try policy.decide(misfit)
                pendingPolicy = policy
                if isWaiting { return batches }
                json.coerce(misfit)
            case .needsInput:
                linesBefore += packed.facts.count
                return batches
            }
        }
    }

    /// The columns of the scan: those that were decoded, and those that the records have beside.
    private func assembled(_ batch: Batch, _ packed: PackedRecords) -> Batch {
        let lines = batch.columns[batch.columns.count - 1]
        let rows = (0..<batch.count).map { row -> Int in
            guard case .integer(let line) = lines.value(row) else { return 0 }
            return Int(line) - 1 - linesBefore
        }
        var decoded = 0
        let columns = scan.columns.map { column -> Column in
            if column.index < relation.fieldCount {
                decoded += 1
                return batch.columns[decoded - 1]
            }
            return hidden(column, rows.map { packed.facts[$0] })
        }
        return Batch(columns, count: batch.count)
    }

    private func texts(_ packed: PackedRecords) -> [Batch] {
        var batches: [Batch] = []
        var position = 0
        let bytes = packed.block.bytes
        var values: [Value] = []
        for _ in packed.facts {
            guard let end = ByteScan.firstIndex(of: 0x0A, in: bytes, from: position) else { break }
            values.append(.text(bytes.text(position..<end)))
            position = end + 1
        }
        var start = 0
        while start < values.count {
            let range = start..<min(start + Batch.rowsMax, values.count)
            let facts = Array(packed.facts[range])
            let columns = scan.columns.map { column -> Column in
                column.index == 0
                    ? Column.make(.text, Array(values[range])) : hidden(column, facts)
            }
            batches.append(Batch(columns, count: range.count))
            start = range.upperBound
        }
        return batches
    }

    private func hidden(_ column: ScanColumn, _ facts: [RecordFacts]) -> Column {
        let position = column.index - relation.fieldCount
        let kind = TopicRelation.Hidden(rawValue: position) ?? .offset
        let values = facts.map { fact -> Value in
            switch kind {
            case .key: fact.key.map { .text(String(decoding: $0, as: UTF8.self)) } ?? .null
            case .offset: .integer(fact.offset)
            case .partition: .integer(Int64(partition))
            case .timestamp: .integer(fact.timestamp * 1_000)
            case .headers: .text(PartitionReader.text(fact.headers))
            case .tombstone: .boolean(fact.isTombstone)
            }
        }
        return Column.make(kind.column.type, values)
    }

    /// `[["k", "v"], ...]`, as `rtd consume -J` writes headers.
    private static func text(_ headers: [RecordHeader]) -> String {
        var buffer = OutputBuffer(capacity: 64)
        buffer.append("[")
        for (index, header) in headers.enumerated() {
            if index > 0 { buffer.append(", ") }
            buffer.append("[")
            buffer.append(jsonString: header.key)
            buffer.append(", ")
            if let value = header.value {
                buffer.append(jsonHeaderText: value.rawSpan)
            } else {
                buffer.append("null")
            }
            buffer.append("]")
        }
        buffer.append("]")
        return buffer.bytes.text(0..<buffer.count)
    }
}
