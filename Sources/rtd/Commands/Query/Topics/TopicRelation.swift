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
final class TopicRelation: SourceRelation, @unchecked Sendable {
    let name: String
    let columns: [RelationColumn]
    let time: TimeDeclaration?
    let isEndless: Bool
    let isAppendOnly = true
    let key: [Int]? = nil
    let estimatedRows: Int?

    /// Values are text, not JSON.
    let isText: Bool
    let schema: SampledSchema
    let starts: [TopicPartition: Int64]
    let ends: [TopicPartition: Int64]
    private let thread: ClusterThread

    enum Hidden: Int, CaseIterable {
        case key, offset, partition, timestamp, headers

        var column: RelationColumn {
            switch self {
            case .key: RelationColumn("_key", .text, isHidden: true)
            case .offset: RelationColumn("_offset", .bigint, isHidden: true)
            case .partition: RelationColumn("_partition", .integer, isHidden: true)
            case .timestamp: RelationColumn("_timestamp", .timestamptz, isHidden: true)
            case .headers: RelationColumn("_headers", .jsonb, isHidden: true)
            }
        }
    }

    init(
        _ topic: Metadata.Topic, _ thread: ClusterThread, isStream: Bool, wanted: Set<String>?,
        time declared: DeclaredTime?
    ) throws(ClientError) {
        name = topic.name
        self.thread = thread
        isEndless = isStream
        let partitions = topic.partitions.map { TopicPartition(topic.name, $0.index) }
        let cluster = thread.connection.cluster
        let (starts, ends) = try thread.call { () async throws(ClientError) in
            let earliest = Dictionary(
                uniqueKeysWithValues: partitions.map { ($0, OffsetQuery.earliest) })
            let latest = Dictionary(
                uniqueKeysWithValues: partitions.map { ($0, OffsetQuery.latest) })
            let starts = try await cluster.listOffsets(earliest, isolation: .readCommitted)
            let ends = try await cluster.listOffsets(latest, isolation: .readCommitted)
            return (starts, ends)
        }
        self.starts = starts
        self.ends = ends
        estimatedRows = ends.reduce(0) { $0 + Int($1.value - (starts[$1.key] ?? 0)) }
        let sample = try TopicSample(thread, starts, ends, wanted: wanted).read()
        schema = sample.schema
        isText = sample.isText
        columns =
            schema.fields.map { RelationColumn($0.name, $0.type) }
            + Hidden.allCases.map(\.column)
        time = TopicRelation.declaration(declared, columns)
    }

    private static func declaration(
        _ declared: DeclaredTime?, _ columns: [RelationColumn]
    ) -> TimeDeclaration? {
        guard let declared,
            let index = columns.firstIndex(where: { $0.name == declared.column }),
            columns[index].type.isTime
        else { return nil }
        return TimeDeclaration(column: index, delay: declared.delay, idle: declared.idle)
    }

    func open(_ scan: ScanPlan, context: SourceContext) throws(SQLError) -> any Source {
        TopicSource(self, scan, context)
    }

    /// Begins to read.
    func feed(
        from offsets: [TopicPartition: Int64], _ signal: SourceSignal
    ) throws(ClientError) -> TopicFeed {
        try TopicFeed(thread, offsets, ends: isEndless ? nil : ends, signal)
    }
}

/// The first records of a topic, for the types of its columns.
private struct TopicSample {
    let thread: ClusterThread
    let starts: [TopicPartition: Int64]
    let ends: [TopicPartition: Int64]
    let wanted: Set<String>?

    init(
        _ thread: ClusterThread, _ starts: [TopicPartition: Int64],
        _ ends: [TopicPartition: Int64], wanted: Set<String>?
    ) {
        self.thread = thread
        self.starts = starts
        self.ends = ends
        self.wanted = wanted
    }

    func read() throws(ClientError) -> (schema: SampledSchema, isText: Bool) {
        var sampled = InputBlock([])
        var open = ends.filter { $0.value > (starts[$0.key] ?? 0) }
        let hidden = Set(TopicRelation.Hidden.allCases.map(\.column.name))
        let sampler = JSONSampler(
            framing: .lines, wanted: wanted?.subtracting(hidden), rowsMin: 100)
        guard !open.isEmpty else { return (SampledSchema(), false) }
        let signal = SourceSignal()
        let feed = try TopicFeed(thread, starts.filter { open[$0.key] != nil }, ends: open, signal)
        defer { feed.close() }
        while !sampler.isDone, !open.isEmpty {
            guard let fetched = try feed.take() else {
                _ = signal.wait(nanoseconds: nil)
                continue
            }
            if fetched.nextOffset >= open[fetched.partition] ?? 0 { open[fetched.partition] = nil }
            let packer = RecordPacker(keepsKeys: false, keepsHeaders: false)
            guard let packed = try? packer.pack(fetched) else { continue }
            sampled = joined(sampled, packed.block)
            if !isJSON(sampled) { return (text, true) }
            sampler.observe(sampled.bytes, isLast: open.isEmpty)
        }
        return (sampler.schema, false)
    }

    private var text: SampledSchema {
        var schema = SampledSchema()
        schema.fields = [Field("_value", .text)]
        schema.wholeValue = 0
        return schema
    }

    private func joined(_ a: InputBlock, _ b: InputBlock) -> InputBlock {
        guard a.count > 0 else { return b }
        let both = InputBlock(capacity: a.count + b.count)
        both.append(a.bytes)
        both.append(b.bytes)
        both.seal()
        return both
    }

    /// The first line tells.
    private func isJSON(_ block: InputBlock) -> Bool {
        let bytes = block.bytes
        guard let end = ByteScan.firstIndex(of: 0x0A, in: bytes, from: 0) else { return true }
        var cursor = JSONCursor(bytes.extracting(0..<end))
        guard (try? cursor.skip()) != nil else { return false }
        return (try? cursor.finish()) != nil
    }
}
