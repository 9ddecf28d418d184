import Aggregation
import Bytes
import Formats
import KafkaClient
import Platform
import Query
import Records

/// The first records of a topic, for the types of its columns.
struct TopicSample {
    private(set) var schema = SampledSchema()
    /// Values are text, not JSON.
    private(set) var isText = false
    /// Members of the first key that is an object.
    private(set) var keyNames: [String] = []
    private(set) var envelopes: EnvelopeSchema?
    /// The columns that were asked for, where there is no record that tells their types.
    private(set) var emptyColumns: [String]?
    /// Records may name schemas of the registry.
    private(set) var isFramed = false
    /// Of Avro: what values of older schemas are completed by.
    private(set) var newest: AvroReadingSchema?
    private let book: SchemaBook?
    private let thread: ClusterThread
    private let starts: [TopicPartition: Int64]
    private let ends: [TopicPartition: Int64]
    private let reference: TopicReference

    init(
        _ thread: ClusterThread, _ starts: [TopicPartition: Int64],
        _ ends: [TopicPartition: Int64], _ reference: TopicReference, _ book: SchemaBook?
    ) {
        self.book = book
        self.thread = thread
        self.starts = starts
        self.ends = ends
        self.reference = reference
    }

    mutating func read(_ note: (String) -> Void) throws(ConsumeError) {
        if let known = reference.known {
            isFramed = book != nil
            if isFramed { newest = try? book?.newest(ofTopic: reference.name) }
            // Envelopes say more than their columns.
            if reference.form == .debezium { try readFirst(note) }
            schema.fields = known.fields
            schema.wholeValue = known.wholeValue
            schema.unknown = []
            (isText, keyNames) = (known.isText, known.keyNames)
            return
        }
        try readFirst(note)
    }

    /// `note`: told when records have to be waited for.
    private mutating func readFirst(_ note: (String) -> Void) throws(ConsumeError) {
        var sampled = InputBlock([])
        var open = ends.filter { $0.value > (starts[$0.key] ?? 0) }
        let waits =
            open.isEmpty && reference.isStream && reference.waitsForRows
            && reference.form == .plain
        if waits { open = starts.mapValues { _ in Int64.max } }
        guard !open.isEmpty else { return readNothing() }
        let hidden = Set(TopicRelation.Hidden.allCases.map(\.column.name))
        let sampler = JSONSampler(
            framing: .lines, wanted: reference.wanted?.subtracting(hidden), rowsMin: 100,
            readsEnvelopes: reference.form == .debezium)
        let signal = SourceSignal()
        let feed = try feed(open, waits: waits, signal)
        defer { feed.close() }
        let decoder = RecordDecoder(reference.name, book, newest: nil, skips: true)
        let packer = RecordPacker(
            hidden: reference.form == .plain ? [] : [.key], decoder: decoder)
        // Partitions of whose schemas nothing is known.
        var unseen = Set(open.keys)
        var pool = InputBlockPool()
        var waited = 0
        while decoder.hasAvro ? !unseen.isEmpty : !sampler.isDone, !open.isEmpty {
            guard let fetched = try taken(feed) else {
                if !waits {
                    // Records of a transaction that is open may be long in coming.
                    if reference.stop?.isSet == true { break }
                    _ = signal.wait(nanoseconds: 100_000_000)
                } else {
                    // What has come within a moment is enough.
                    if sampled.count > 0 || decoder.hasAvro { break }
                    if reference.stop?.isSet == true { break }
                    _ = signal.wait(nanoseconds: 100_000_000)
                    waited += 1
                    if waited == 10 {
                        note(
                            "waiting for records of \(reference.name) to learn the columns of the"
                                + " query")
                    }
                }
                continue
            }
            if fetched.nextOffset >= open[fetched.partition] ?? 0 { open[fetched.partition] = nil }
            unseen.remove(fetched.partition)
            var records = FetchedRecords(packer, fetched)
            while !sampler.isDone, let piece = try? records.next(&pool) {
                if keyNames.isEmpty, let key = TopicSample.firstKey(piece) {
                    keyNames = TopicSample.names(ofKey: key)
                }
                if decoder.hasAvro { continue }
                sampled = InputBlock(joining: sampled, piece.block)
                if reference.form == .debezium, envelopes == nil {
                    envelopes = EnvelopeSchema(firstOf: sampled.bytes)
                }
                if !isJSON(sampled) {
                    schema = TopicSample.text
                    isText = true
                    return
                }
                sampler.observe(sampled.bytes, isLast: false)
            }
            if let refusal = decoder.refusal { throw refusal }
            if open.isEmpty { sampler.observe(sampled.bytes, isLast: true) }
        }
        schema = sampler.schema
        if !decoder.found.isEmpty { try describe(decoder.found) }
    }

    private func feed(
        _ open: [TopicPartition: Int64], waits: Bool, _ signal: SourceSignal
    ) throws(ConsumeError) -> TopicFeed {
        do throws(ClientError) {
            return try TopicFeed(
                thread, starts.filter { open[$0.key] != nil }, ends: waits ? nil : open, signal,
                .sample)
        } catch {
            throw .client(error)
        }
    }

    private func taken(_ feed: TopicFeed) throws(ConsumeError) -> FetchedBatches? {
        do throws(ClientError) { return try feed.take() } catch { throw .client(error) }
    }

    /// Without a record the registry tells, if it knows the topic.
    private mutating func readNothing() {
        guard let book else { return }
        isFramed = true
        newest = try? book.newest(ofTopic: reference.name)
        if let newest { try? describe([.avro(newest)]) }
    }

    /// The columns of records that name these schemas: those of the newest one that the registry
    /// has come first.
    private mutating func describe(_ forms: [SchemaBook.Form]) throws(ConsumeError) {
        isFramed = true
        let schemas = forms.compactMap { form -> AvroReadingSchema? in
            if case .avro(let schema) = form { schema } else { nil }
        }
        // What names schemas of JSON has the columns that its values show.
        guard !schemas.isEmpty else { return }
        if newest == nil { newest = try book?.newest(ofTopic: reference.name) }
        schema = SampledSchema()
        schema.rows = 1
        for known in (newest.map { [$0] } ?? []) + schemas {
            if let fields = known.fields {
                schema.fields = AvroReadingSchema.merged(schema.fields, fields)
            } else {
                schema.fields = AvroReadingSchema.merged(
                    schema.fields, [Field("_value", known.type)])
                schema.wholeValue = schema.fields.firstIndex { $0.name == "_value" }
            }
        }
    }

    /// Adds what the query knows of the columns; gives the names that no record has had.
    mutating func finish(_ reference: TopicReference) -> [String] {
        guard !isText, schema.wholeValue == nil else { return [] }
        // The registry says what columns there are.
        if newest != nil, reference.form != .debezium { return [] }
        if schema.rows == 0, reference.known == nil, reference.form == .plain {
            return finishEmpty(reference)
        }
        guard reference.form != .debezium else {
            schema.completeEnvelope((reference.wanted ?? []).sorted())
            if ChangeEnvelope(schema.fields) != nil { schema.addUnavailable() }
            return []
        }
        let hidden = TopicRelation.Hidden.allCases.map(\.column.name)
        return schema.add(
            expected: reference.expected.subtracting(hidden), reference.expectedPaths)
    }

    /// Whatever the query speaks of could have come.
    private mutating func finishEmpty(_ reference: TopicReference) -> [String] {
        let hidden = TopicRelation.Hidden.allCases.map(\.column.name)
        let names = (reference.wanted ?? []).union(reference.expected).subtracting(hidden)
        schema.fields = names.sorted().map { Field($0, reference.emptyTypes[$0] ?? .json) }
        emptyColumns = schema.fields.map(\.name)
        return reference.isStream ? reference.expected.subtracting(hidden).sorted() : []
    }

    private static var text: SampledSchema {
        var schema = SampledSchema()
        schema.fields = [Field("_value", .text)]
        schema.wholeValue = 0
        return schema
    }

    private static func firstKey(_ piece: PackedRecords) -> [UInt8]? {
        guard let keys = piece.hidden[.key] else { return nil }
        for row in 0..<piece.count {
            if case .text(let key) = keys.value(row) { return Array(key.utf8) }
        }
        return nil
    }

    private static func names(ofKey key: [UInt8]) -> [String] {
        let sampler = JSONSampler(framing: .lines, wanted: nil, rowsMin: 1)
        sampler.observe(key.rawSpan, isLast: true)
        let fields = sampler.schema.fields.filter { $0.name != "_value" }
        if let payload = fields.first(where: { $0.name == "payload" }),
            case .record(let members) = payload.type
        {
            return members.map(\.name)
        }
        return fields.map(\.name)
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
