import Aggregation
import Formats
import KafkaClient
import Platform
import Query
import Records

/// A topic as a relation: the members of its JSON values, or `_value` where they are something
/// else; and of each record `_key`, `_offset`, `_partition`, `_timestamp` and `_headers`.
///
/// A bounded read ends at the offsets that the topic had when its name was bound, and sees only
/// what is committed.
final class TopicRelation: SampledRelation, KeyedRecords, EnvelopeRecords, CapturedRecords,
    KnownColumnsRelation, WideningColumns,
    @unchecked Sendable
{
    let name: String
    let identity: String
    let time: TimeDeclaration? = nil
    let isEndless: Bool
    let isAppendOnly = true
    let key: [Int]? = nil
    let estimatedRows: Int?

    /// Values are text, not JSON.
    let isText: Bool
    let wholeValue: Int?
    private let lock = Lock()
    private var fields: [Field]
    private var clashes: ClashedTypes
    /// Where its partitions begin, and where they are read from.
    let earliest: [TopicPartition: Int64]
    let starts: [TopicPartition: Int64]
    let ends: [TopicPartition: Int64]
    /// Records without a value are rows.
    let keepsTombstones: Bool
    let keyNames: [String]
    let emptyColumns: [String]?
    let envelopes: EnvelopeSchema?
    /// As the query names its cluster.
    let brokers: String?
    /// Where a capture writes the topic: what it is read together with.
    let tables: CapturedTables?
    private let thread: ClusterThread
    /// Of topics whose records may name schemas of a registry.
    private let book: SchemaBook?
    private let newest: AvroReadingSchema?
    private let isFramed: Bool
    /// A schema says what its columns are.
    private let hasTypes: Bool
    private let readsEnvelopes: Bool

    enum Hidden: Int, CaseIterable {
        case key, offset, partition, timestamp, headers
        /// Of upsert topics and captured tables only.
        case tombstone

        var column: RelationColumn {
            switch self {
            case .key: RelationColumn("_key", .text, isHidden: true)
            case .offset: RelationColumn("_offset", .bigint, isHidden: true)
            case .partition: RelationColumn("_partition", .integer, isHidden: true)
            case .timestamp: RelationColumn("_timestamp", .timestamptz, isHidden: true)
            case .headers: RelationColumn("_headers", .jsonb, isHidden: true)
            case .tombstone:
                RelationColumn(EnvelopeRelation.tombstone, .boolean, isHidden: true)
            }
        }
    }

    /// Blocks while the first records are looked at. `cluster`: its id.
    init(
        _ topic: Metadata.Topic, of cluster: String?, _ thread: ClusterThread,
        _ reference: TopicReference, _ tables: CapturedTables? = nil, _ book: SchemaBook?,
        note: (String) -> Void
    ) throws(ConsumeError) {
        self.tables = tables
        name = topic.name
        identity = "topic \(cluster ?? reference.brokers ?? "") \(topic.name)"
        self.thread = thread
        brokers = reference.brokers
        isEndless = reference.isStream
        let keepsTombstones = reference.form == .upsert || tables != nil
        self.keepsTombstones = keepsTombstones
        let bounds: Bounds
        do throws(ClientError) {
            bounds = try Self.bounds(of: topic, thread, upTo: tables?.cut)
        } catch {
            throw .client(error)
        }
        let (starts, ends) = (bounds.starts, bounds.ends)
        let from = reference.startsAtEnd ? ends : starts
        earliest = starts
        self.starts = from
        self.ends = ends
        estimatedRows = ends.reduce(0) { $0 + Int($1.value - (from[$1.key] ?? 0)) }
        var sample = TopicSample(thread, starts, ends, reference, book)
        try sample.read(note)
        let missing = sample.finish(reference)
        self.book = book
        (newest, isFramed) = (sample.newest, sample.isFramed)
        hasTypes = sample.newest != nil
        var fields = sample.schema.fields
        if tables != nil, !hasTypes { SampledSchema.keepDecimals(&fields) }
        self.fields = fields
        clashes = ClashedTypes(sample.schema.majorities)
        wholeValue = sample.schema.wholeValue
        readsEnvelopes = reference.form == .debezium
        isText = sample.isText
        keyNames = sample.keyNames
        emptyColumns = sample.emptyColumns
        envelopes = sample.envelopes
        if !missing.isEmpty {
            let names = missing.map { "\"\($0)\"" }.joined(separator: ", ")
            note("no record of \(name) has had \(names) yet; null until one has")
        }
    }

    private typealias Bounds = (
        starts: [TopicPartition: Int64], ends: [TopicPartition: Int64]
    )

    /// Where the partitions begin and end; of a captured table at the cut.
    private static func bounds(
        of topic: Metadata.Topic, _ thread: ClusterThread, upTo cut: CutRecord?
    ) throws(ClientError) -> Bounds {
        let partitions = topic.partitions.map { TopicPartition(topic.name, $0.index) }
        let cluster = thread.connection.cluster
        let starts: [TopicPartition: Int64]
        var ends: [TopicPartition: Int64]
        (starts, ends) = try thread.call { () async throws(ClientError) in
            let earliest = Dictionary(
                uniqueKeysWithValues: partitions.map { ($0, OffsetQuery.earliest) })
            let latest = Dictionary(
                uniqueKeysWithValues: partitions.map { ($0, OffsetQuery.latest) })
            let starts = try await cluster.listOffsets(earliest, isolation: .readCommitted)
            let ends = try await cluster.listOffsets(latest, isolation: .readCommitted)
            return (starts, ends)
        }
        guard let cut else { return (starts, ends) }
        let latest = Dictionary(
            uniqueKeysWithValues: partitions.map { ($0, OffsetQuery.latest) })
        let last = try thread.call { () async throws(ClientError) in
            try await cluster.listOffsets(latest)
        }
        for id in partitions {
            let (end, last) = (cut.ends[id] ?? 0, last[id] ?? 0)
            // The topic was made anew since, and would be waited for in vain.
            guard end <= last else { throw .truncated(id, position: end, end: last) }
            ends[id] = end
        }
        return (starts, ends)
    }

    /// What makes lines of its records; nil: they are lines.
    func decoder(_ context: SourceContext) -> RecordDecoder? {
        guard isFramed else { return nil }
        return RecordDecoder(name, book, newest: newest, skips: context.onError == .skip)
    }

    var columns: [RelationColumn] {
        let hidden = Hidden.allCases.filter { $0 != .tombstone || keepsTombstones }
        return current.map { RelationColumn($0.name, $0.type) } + hidden.map(\.column)
    }

    var givesJSONText: Bool { !isText }
    var fieldCount: Int { current.count }
    var current: [Field] { lock.withLock { fields } }

    /// The columns of a scan that are not in the values.
    func hidden(_ scan: ScanPlan) -> Set<Hidden> {
        let count = fieldCount
        return Set(scan.columns.compactMap { Hidden(rawValue: $0.index - count) })
    }

    func widen(_ misfit: Misfit) {
        lock.withLock {
            clashes.note(misfit, from: fields[misfit.field].type)
            if readsEnvelopes {
                EnvelopeWidening.widen(&fields, misfit.field, to: misfit.type)
            } else {
                fields[misfit.field].type = misfit.type
            }
            if tables != nil, !hasTypes { SampledSchema.keepDecimals(&fields) }
        }
    }

    func isKept(_ field: Int) -> Bool { lock.withLock { clashes.kept.contains(field) } }

    func narrowClashes() -> Bool { lock.withLock { clashes.narrow(&fields) } }

    func restore(_ fields: [Field]) { lock.withLock { self.fields = fields } }

    /// False where it is read together with other tables, up to cuts that go on.
    var mayBeReadAgain: Bool { tables == nil || !isEndless }

    var known: KnownColumns {
        KnownColumns(
            fields: current, wholeValue: wholeValue, isText: isText,
            keyNames: keyNames)
    }

    var isCaptured: Bool { tables != nil }

    /// Its records are Debezium's envelopes, as far as was seen.
    var isOfEnvelopes: Bool { ChangeEnvelope(current) != nil }

    func open(_ scan: ScanPlan, context: SourceContext) throws(SQLError) -> any Source {
        TopicSource(self, scan, context)
    }

    /// Begins to read.
    func feed(
        from offsets: [TopicPartition: Int64], _ signal: SourceSignal
    ) throws(ClientError) -> TopicFeed {
        // What a capture writes goes by its cuts.
        let amount = isEndless && tables == nil ? TopicFeed.Amount.endless : .all
        return try TopicFeed(thread, offsets, ends: isEndless ? nil : ends, signal, amount)
    }
}
