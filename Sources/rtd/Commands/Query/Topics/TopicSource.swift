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
    /// Those that the topic gets while it is followed stand behind those that it had.
    private var ids: [TopicPartition]
    /// By position in `ids`.
    private var readers: [Int: PartitionReader] = [:]
    private var open: Set<Int>
    /// Partitions of which nothing is to be read.
    private var ended: [Int] = []
    /// What was fetched and is to be decoded, in its order; the first of it is under way once
    /// `isDecoding` is set.
    private var waiting: [WaitingFetch] = []
    private var isDecoding = false
    /// The offset that each partition is read from next.
    private var offsets: [TopicPartition: Int64]
    /// Of a captured table that is followed: what it goes on with together, and what was fetched
    /// beyond their cut.
    private let tables: CapturedTables?
    private var held: [TopicPartition: [FetchedBatches]] = [:]
    /// Partitions that the cut speaks of, of all tables, when it was looked at last.
    private var partitionsInCut = 0
    private var hasBegun = false

    private struct WaitingFetch {
        /// The partition, by its position.
        let index: Int
        let records: FetchedRecords
        let nextOffset: Int64
    }

    init(_ relation: TopicRelation, _ scan: ScanPlan, _ context: SourceContext) {
        self.relation = relation
        self.scan = scan
        self.context = context
        offsets = relation.starts
        packer = RecordPacker(
            hidden: relation.hidden(scan), keepsTombstones: relation.keepsTombstones,
            decoder: relation.decoder(context))
        tables = relation.isEndless ? relation.tables : nil
        ids = relation.starts.keys.sorted { $0.partition < $1.partition }
        open = Set(ids.indices)
        partitionsInCut = tables?.cut.ends.count ?? 0
        tables?.join(self)
        guard !relation.isEndless else { return }
        for (index, id) in ids.enumerated()
        where (relation.starts[id] ?? 0) >= (relation.ends[id] ?? 0) {
            open.remove(index)
            ended.append(index)
        }
    }

    var partitionCount: Int { ids.count }
    /// What was fetched beyond the cut.
    var memory: Int { held.values.reduce(0) { $0 + $1.reduce(0) { $0 + $1.byteCount } } }
    var skippedCount: Int {
        readers.values.reduce(packer.decoder?.skipped ?? 0) { $0 + $1.skippedCount }
    }

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
        guard ended.isEmpty, waiting.isEmpty, isAtCut || !hasBegun else { return nil }
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
        offsets = relation.earliest
        for _ in 0..<(try state.integer(Int64.self)) {
            let partition = try state.integer(Int64.self)
            let offset = try state.integer(Int64.self)
            guard let id = ids.first(where: { Int64($0.partition) == partition }) else {
                throw SQLError(
                    "topic \"\(relation.name)\" has no partition \(partition) any more",
                    .objectNotReady)
            }
            let start = relation.earliest[id] ?? 0
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
            if let index = ended.popLast() { return .partitionEnd(index) }
            if let first = waiting.first {
                guard let event = try decode(first) else { continue }
                return event
            }
            if open.isEmpty { return .end }
            if let tables, isAtCut {
                guard try advance(tables) else { return .idle }
                try readNewPartitions(of: tables)
                takeHeld()
                continue
            }
            guard let fetched = try fetch() else { return .idle }
            if tables == nil {
                take(fetched, before: relation.isEndless ? nil : relation.ends[fetched.partition])
            } else {
                held[fetched.partition, default: []].append(fetched)
                takeHeld()
            }
        }
    }

    /// The next rows of what waits first; nil if there are none left.
    private func decode(_ first: WaitingFetch) throws(SQLError) -> SourceEvent? {
        let reader =
            readers[first.index]
            ?? PartitionReader(relation, scan, ids[first.index].partition, context)
        readers[first.index] = reader
        if !isDecoding {
            isDecoding = true
            reader.begin(first.records)
        }
        switch try reader.next() {
        case .rows(let batch): return .batch(batch, partition: first.index)
        case .misfit: return .misfit
        case .done:
            isDecoding = false
            waiting.removeFirst()
            guard !relation.isEndless, let end = relation.ends[ids[first.index]],
                first.nextOffset >= end, open.remove(first.index) != nil
            else { return nil }
            return .partitionEnd(first.index)
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

    /// Has records decoded, up to `end`, which is exclusive.
    private func take(_ fetched: FetchedBatches, before end: Int64?) {
        let index = ids.firstIndex(of: fetched.partition) ?? add(fetched.partition)
        let upper = end ?? .max
        let wanted = min(offsets[fetched.partition] ?? 0, upper)..<upper
        offsets[fetched.partition] = min(fetched.nextOffset, wanted.upperBound)
        waiting.append(
            WaitingFetch(
                index: index, records: FetchedRecords(packer, fetched, wanted),
                nextOffset: fetched.nextOffset))
    }

    /// A partition that the topic has got, and those before it: their order is that of their
    /// numbers, which a later run finds them in too.
    private func add(_ id: TopicPartition) -> Int {
        let next = (ids.last?.partition ?? -1) + 1
        for number in next...max(next, id.partition) {
            ids.append(TopicPartition(id.topic, number))
            open.insert(ids.count - 1)
        }
        return ids.firstIndex(of: id) ?? ids.count - 1
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
    var hasTransactions: Bool { tables != nil }
    func passBoundary() { tables?.passBoundary() }

    /// All up to the cut was handed out.
    var isAtCut: Bool {
        guard let tables else { return true }
        return waiting.isEmpty && ids.allSatisfy { (offsets[$0] ?? 0) >= tables.cut.ends[$0] ?? 0 }
    }

    private func advance(_ tables: CapturedTables) throws(SQLError) -> Bool {
        do throws(ClientError) {
            return try tables.advance(context.signal)
        } catch {
            throw SQLError("the cuts of \(relation.name): \(error.description)", .inputOutputError)
        }
    }

    /// The cut may speak of partitions that the topic has got since.
    private func readNewPartitions(of tables: CapturedTables) throws(SQLError) {
        guard tables.cut.ends.count != partitionsInCut else { return }
        partitionsInCut = tables.cut.ends.count
        let added = tables.cut.ends.keys.filter {
            $0.topic == relation.name && !ids.contains($0)
        }.sorted { $0.partition < $1.partition }
        guard !added.isEmpty else { return }
        do throws(ClientError) {
            try openFeed().add(added)
        } catch {
            throw SQLError(
                "topic \"\(relation.name)\": \(error.description)", .inputOutputError)
        }
        for id in added where !ids.contains(id) { _ = add(id) }
    }

    /// Has decoded what was fetched, as far as the cut goes.
    private func takeHeld() {
        guard let tables else { return }
        for id in ids {
            guard let fetches = held[id] else { continue }
            let end = tables.cut.ends[id] ?? 0
            var rest = fetches[...]
            while let fetched = rest.first, offsets[id] ?? 0 < end {
                take(fetched, before: end)
                guard fetched.nextOffset <= end else { break }
                rest.removeFirst()
            }
            held[id] = rest.isEmpty ? nil : Array(rest)
        }
    }
}
