import Bytes
import ChangeDataCapture
import Formats
import KafkaClient
import Platform
import Query
import Records

/// The topics of a capture as `--verify` reads them. Used by the command's main thread.
final class VerifiedTopics {
    private let thread: ClusterThread
    private let plan: CapturePlan
    private let cuts: TopicPartition
    private let clock = SystemClock()
    /// What was known of partitions when a pass began, by topic.
    private var partitions: [String: [TopicPartition]] = [:]

    /// Without any progress of the capture for so long `--verify` gives up.
    private static let patienceNanoseconds: Int64 = 30_000_000_000

    init(_ thread: ClusterThread, _ plan: CapturePlan) {
        self.thread = thread
        self.plan = plan
        cuts = TopicPartition(CaptureTopic.topicName([plan.settings.topicPrefix, "cuts"]), 0)
    }

    func failure(_ error: ClientError) -> CommandFailure { thread.connection.failure(error) }

    // MARK: The cut

    /// A cut under which all is that the source has committed before `position`.
    func wait(for position: LogSequenceNumber, _ stop: () -> Bool) throws -> CutRecord {
        let source: PostgresConnection
        do throws(CaptureError) { source = try PostgresConnection.open(plan.address) } catch {
            throw CommandFailure(error)
        }
        defer { source.close() }
        var reached = LogSequenceNumber(0)
        var since = clock.monotonicNanoseconds
        while true {
            if stop() { throw CommandFailure("stopped before the topics were compared") }
            // In this order: what the slot acknowledges was in a cut before.
            let slot = try self.slot(source)
            let cut = try newest()
            guard cut.isWhole else {
                throw CommandFailure(
                    "the topics do not have all rows yet: the capture still reads "
                        + (cut.backfills.first?.request.label ?? "them"))
            }
            if cut.lsn >= position || slot.confirmed >= position { return cut }
            let isBehind = slot.isActive ? nil : isBehind(source, position, cut)
            if isBehind == false { return cut }
            let now = clock.monotonicNanoseconds
            if max(cut.lsn, slot.confirmed) > reached {
                reached = max(cut.lsn, slot.confirmed)
                since = now
            }
            guard isBehind != true, now - since < Self.patienceNanoseconds else {
                let behind = position.value - max(cut.lsn, slot.confirmed).value
                throw CommandFailure(
                    "the topics are \(ProgressLine.scaled(Double(behind)))B of log behind the "
                        + "database (\(max(cut.lsn, slot.confirmed)), not \(position)): "
                        + (isBehind != true
                            ? "the capture of slot \"\(plan.slot)\" does not get on"
                            : "no capture reads slot \"\(plan.slot)\"; rtd cdc --to topics goes on")
                )
            }
            Thread.pause(nanoseconds: 100_000_000)
        }
    }

    private func newest() throws -> CutRecord {
        let (cuts, slot) = (cuts, plan.slot)
        let cluster = thread.connection.cluster
        do throws(ClientError) {
            let found = try thread.call { () async throws(ClientError) in
                try await CutTopic.last(cuts, slot: slot, cluster)
            }
            if let found { return found }
        } catch {
            guard case .unknownTopic = error else { throw failure(error) }
        }
        throw CommandFailure(
            "topic \"\(cuts.topic)\" has no cut of slot \"\(slot)\": rtd cdc --to topics has not "
                + "captured this database whole yet (--slot and --topic-prefix name another)")
    }

    private func slot(
        _ source: PostgresConnection
    ) throws -> (confirmed: LogSequenceNumber, isActive: Bool) {
        let row = try rows(
            source,
            "SELECT confirmed_flush_lsn, active FROM pg_replication_slots WHERE slot_name = "
                + CaptureText.literal(plan.slot)
        ).first
        guard let row else {
            throw CommandFailure(
                "slot \"\(plan.slot)\" is gone: what the topics lack cannot be told")
        }
        return (
            row[0].flatMap { LogSequenceNumber($0) } ?? LogSequenceNumber(0), row[1] == "t"
        )
    }

    /// Whether the slot, which nobody reads, has changes before the position that are not under the
    /// cut; nil: somebody has begun to read it. The slot may stand before the cut: a transaction
    /// counts by where its commit record lies.
    private func isBehind(
        _ source: PostgresConnection, _ position: LogSequenceNumber, _ cut: CutRecord
    ) -> Bool? {
        let name = CaptureText.literal(plan.slot)
        let own = Capture.publications(of: plan.slot).map(CaptureText.literal)
        let publications =
            plan.options.publication.map(CaptureText.literal)
            ?? "(SELECT string_agg(quote_ident(pubname), ',') FROM pg_publication "
            + "WHERE pubname IN (\(own.joined(separator: ", "))))"
        let changes = try? rows(
            source,
            """
            WITH c AS (SELECT xid, data FROM pg_logical_slot_peek_binary_changes(
              \(name), '\(position)', NULL, 'proto_version', '1', 'publication_names',
              \(publications)))
            SELECT count(*) FROM c WHERE get_byte(data, 0) IN (73, 85, 68, 84) AND xid IN (
              SELECT xid FROM c WHERE get_byte(data, 0) = 66
              AND ('x' || encode(substring(data FROM 2 FOR 8), 'hex'))::bit(64)::int8
                >= \(cut.lsn.value))
            """)
        guard let count = changes?.first?.first else { return nil }
        return count != "0"
    }

    private func rows(_ source: PostgresConnection, _ sql: String) throws -> [[String?]] {
        do throws(CaptureError) {
            return try source.rows(sql, doing: "look at slot \"\(plan.slot)\"")
        } catch { throw CommandFailure(error) }
    }

    // MARK: Records

    private func topic(_ schema: String, _ name: String) -> String {
        CaptureTopic.topicName([plan.settings.topicPrefix, schema, name])
    }

    /// How many passes keep the digests of the tables in their memory.
    func passes(_ tables: [CapturedTable], memory: Int) throws(ClientError) -> Int {
        let cluster = thread.connection.cluster
        let all = try thread.call { () async throws(ClientError) in try await cluster.describe() }
        var bytes = 0
        for table in tables {
            let name = topic(table.schema, table.name)
            let ids = all.topics[name]?.partitions.map { TopicPartition(name, $0.index) } ?? []
            partitions["\(table.schema).\(table.name)"] = ids
            let (starts, ends) = try bounds(ids)
            let records = ids.reduce(0) { $0 + Int((ends[$1] ?? 0) - (starts[$1] ?? 0)) }
            bytes += records * TableDigest.bytesOfRow(columns: table.columns.count)
        }
        return max(1, (bytes + memory - 1) / memory)
    }

    private func bounds(
        _ ids: [TopicPartition]
    ) throws(ClientError) -> ([TopicPartition: Int64], [TopicPartition: Int64]) {
        guard !ids.isEmpty else { return ([:], [:]) }
        let cluster = thread.connection.cluster
        return try thread.call { () async throws(ClientError) in
            let earliest = Dictionary(uniqueKeysWithValues: ids.map { ($0, OffsetQuery.earliest) })
            let latest = Dictionary(uniqueKeysWithValues: ids.map { ($0, OffsetQuery.latest) })
            return (
                try await cluster.listOffsets(earliest), try await cluster.listOffsets(latest)
            )
        }
    }

    /// Applies the records up to the cut, but for the transactions that commit behind `position`.
    func read(
        _ table: CapturedTable, _ digest: TableDigest, _ cut: CutRecord,
        before position: LogSequenceNumber, _ stop: () -> Bool
    ) throws(ClientError) {
        var envelope = EnvelopeDigest(columns: digest.columns)
        // A tombstone repeats the delete in front of it, or takes away the old key of an update,
        // which says of which transaction it is (before 0.2: the next change of its partition).
        var deleted: [Int32: [UInt8]] = [:]
        var moving: [Int32: [UInt8]] = [:]
        try each(of: digest.name, cut.ends, stop) { partition, records, record in
            let key = record.key
            guard let value = record.value else {
                let key = Self.copy(key, records)
                if key == deleted[partition] { return }
                guard let key, let commit = Self.commit(of: record, in: records) else {
                    return moving[partition] = key
                }
                if commit < position.value { digest.applyTombstone(key: key.rawSpan) }
                return
            }
            guard envelope.read(records.extracting(value)) else { return }
            deleted[partition] = envelope.operation == "d" ? Self.copy(key, records) : nil
            let old = moving.removeValue(forKey: partition)
            guard (envelope.commit ?? 0) < position.value else { return }
            if let old { digest.applyTombstone(key: old.rawSpan) }
            if let key {
                digest.apply(envelope, key: records.extracting(key), partition: partition)
            } else {
                digest.apply(envelope, key: nil, partition: partition)
            }
        }
        for old in moving.values { digest.applyTombstone(key: old.rawSpan) }
    }

    /// Where the transaction of a tombstone commits.
    private static func commit(of record: RecordView, in records: RawSpan) -> UInt64? {
        guard record.headerCount > 0 else { return nil }
        let headers = RecordHeader.decode(record, in: records) ?? []
        let value = headers.first { $0.key == CaptureTopic.transactionHeader }?.value
        return value.flatMap {
            String(decoding: $0, as: UTF8.self).split(separator: ":").last.flatMap { UInt64($0) }
        }
    }

    private static func copy(_ range: Range<Int>?, _ bytes: RawSpan) -> [UInt8]? {
        guard let range else { return nil }
        return bytes.extracting(range).copied()
    }

    /// Reads the keys once more, for those that only the topic has.
    func nameLeftOver(_ digest: TableDigest, _ stop: () -> Bool) throws(ClientError) {
        let (_, ends) = try bounds(partitions[digest.name] ?? [])
        try each(of: digest.name, ends, stop) { _, records, record in
            if let key = record.key { digest.nameLeftOver(records.extracting(key)) }
        }
    }

    private func each(
        of table: String, _ ends: [TopicPartition: Int64], _ stop: () -> Bool,
        _ body: (_ partition: Int32, RawSpan, RecordView) -> Void
    ) throws(ClientError) {
        let ids = partitions[table] ?? []
        let (starts, _) = try bounds(ids)
        var open = ids.filter { (starts[$0] ?? 0) < ends[$0] ?? 0 }
        guard !open.isEmpty else { return }
        let signal = SourceSignal()
        let feed = try TopicFeed(
            thread, starts.filter { open.contains($0.key) },
            ends: ends.filter { open.contains($0.key) }, signal)
        defer { feed.close() }
        while !open.isEmpty, !stop() {
            guard let fetched = try feed.take() else {
                _ = signal.wait(nanoseconds: 100_000_000)
                continue
            }
            let end = ends[fetched.partition] ?? 0
            if fetched.nextOffset >= end { open.removeAll { $0 == fetched.partition } }
            for batch in fetched.batches {
                try? fetched.withRecords(of: batch, checked: false) { records in
                    var iterator = RecordIterator(batch.header, records: records)
                    while let record = iterator.next() {
                        guard record.offset >= fetched.startOffset, record.offset < end else {
                            continue
                        }
                        body(fetched.partition.partition, records, record)
                    }
                }
            }
        }
    }
}
