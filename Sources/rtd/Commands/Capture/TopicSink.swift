import Bytes
import ChangeDataCapture
import Formats
import KafkaClient
import KafkaProtocol
import Platform
import Records

/// Changes as records of topics: a group of whole source transactions, their position and the cut
/// that they make are one Kafka transaction, so a reader of committed records sees each change once
/// whatever happens to this process.
///
/// On the thread that runs the source; `durable` on any. The Kafka transaction under way ends when
/// the source has nothing more to give, or has grown large or old.
final class TopicSink: ChangeSink {
    /// What a Kafka transaction holds at most before it is committed at the next source commit.
    private static let groupBytesMax = 8 << 20
    private static let groupNanosecondsMax: Int64 = 500_000_000
    /// Of a group that is sent together with its cut, see `sendExpectedCut`.
    private static let keptBytesMax = 1 << 20
    /// Records between two looks at the clock.
    private static let clockInterval = 1_024
    /// Between two cuts that only say how far the log is.
    private static let idleNanoseconds: Int64 = 2_000_000_000
    /// `max.message.bytes` of the topics that are made: what a request of Kafka's default size
    /// (`socket.request.max.bytes`, 100 MiB) holds. PostgreSQL's rows have up to 1 GB.
    private static let recordBytesMax = 96 << 20
    /// The longest that brokers allow unless told otherwise (`transaction.max.timeout.ms`).
    static let transactionTimeoutMilliseconds: Int64 = 900_000

    let thread: ClusterThread
    private let producer: Producer
    private let outcome = CaptureOutcome()
    let settings: EnvelopeSettings
    var encoder: any ChangeEncoder
    private let outbox: OutboxRouter?
    private let slot: String
    private let partitions: Int
    let notices: @Sendable (String) -> Void
    let clock = SystemClock()
    private let lock = Lock()
    private var safe = LogSequenceNumber(0)

    private var topics: [String: CaptureTopic] = [:]
    private var tables: [ObjectIdentifier: CaptureTopic] = [:]
    /// Which table each topic is of: its schema and its name, both of which may have dots.
    private var owners: [String: [String]] = [:]
    /// What an outbox called each topic last, and those that have had several names.
    var routes: [String: String] = [:]
    var sharedTopics: Set<String> = []
    /// Topics that have rows though this slot has captured nothing yet.
    private var filled: Set<String> = []
    /// Keeps the keys of `tables` from being given to another table.
    private var known: [CapturedTable] = []
    var buffer = OutputBuffer(capacity: 4_096)
    private let cuts: TopicPartition
    /// Where the capture goes on; nil when nothing was captured yet.
    private(set) var position: CapturePosition?
    private var complete = LogSequenceNumber(0)
    /// Backfills that are not done with what was given.
    private var states: [BackfillState] = []
    private var server: SourceServer?
    private let others: OtherCaptures
    private var followed: FollowedTables?
    /// Of the last cut.
    private var cutPosition = LogSequenceNumber(0)
    private var cutTime: Int64 = 0
    private var isInside = false
    /// The transaction that has no event yet.
    private var beginning: SourceTransaction?
    private var sinceClock = 0
    var groupBytes = 0
    var groupStart: Int64?
    /// What was sent of the Kafka transaction under way, while that is little.
    private var kept: [CaptureTopic.Full] = []
    /// `transaction.timeout.ms`: then the broker ends the Kafka transaction.
    private let timeoutMilliseconds: Int64
    /// Where the format marks the last change of a transaction: the one that may be it, in
    /// `heldBytes`.
    private var held: Encoded?
    private var heldBytes = OutputBuffer(capacity: 64)
    private let marksLast: Bool

    /// A change whose key and value stand one behind the other in a buffer.
    private struct Encoded {
        let topic: CaptureTopic
        let kind: Change.Kind
        let hasKey: Bool
        let valueStart: Int
        let timestamp: Int64
        var headers: EncodedHeaders?
    }

    /// Takes the transactional id over, so that nothing of an earlier process is open any more,
    /// then reads where it ended.
    init(
        _ thread: ClusterThread, _ format: EnvelopeFormat, _ settings: EnvelopeSettings,
        registry: (any SchemaRegistry)? = nil, slot: String, others: [OtherSlot] = [],
        partitions: Int,
        notices: @escaping @Sendable (String) -> Void
    ) throws(CommandFailure) {
        self.thread = thread
        self.settings = settings
        self.slot = slot
        self.partitions = partitions
        self.notices = notices
        encoder = format.encoder(settings, registry)
        marksLast = encoder.lastChangeMark.utf8CodeUnitCount > 0
        outbox = OutboxRouter(settings, notices: notices)
        timeoutMilliseconds =
            thread.connection.properties.transactionTimeout?.millisecondsClamped
            ?? Self.transactionTimeoutMilliseconds
        var configuration = ProducerConfiguration()
        configuration.transactionalID = "rtd-cdc-\(slot)"
        configuration.transactionTimeoutMilliseconds = timeoutMilliseconds
        let told = DeliveryNotice(notices)
        configuration.retried = { told.failed($0) }
        let producer = Producer(thread.connection.cluster, configuration)
        self.producer = producer
        let name = CaptureTopic.topicName([settings.topicPrefix, "cuts"])
        let cuts = TopicPartition(name, 0)
        self.cuts = cuts
        let cluster = thread.connection.cluster
        do throws(ClientError) {
            let (cut, others) = try thread.call { () async throws(ClientError) in
                // Each slot's last cut is enough for those who come later.
                try await cluster.createTopics(
                    [NewTopic(name, configs: ["cleanup.policy": "compact"])], ifMissing: true)
                try await producer.initializeTransactions()
                let cut = try await CutTopic.last(cuts, slot: slot, cluster)
                return (cut, try await OtherCaptures(others, cuts, cluster))
            }
            self.others = others
            if let cut {
                position = CapturePosition(
                    end: cut.lsn, backfills: cut.backfills, server: cut.server,
                    tables: cut.tables)
                server = cut.server
                followed = cut.tables
                states = cut.backfills
                safe = cut.lsn
                complete = cut.lsn
                cutPosition = cut.lsn
                outcome.start(cut.ends)
            }
        } catch {
            guard error.code == .invalidTransactionTimeout else {
                throw thread.connection.failure(error)
            }
            throw CommandFailure(
                "the cluster allows no transactions of \(timeoutMilliseconds) ms; -X "
                    + "transaction.timeout.ms=MS asks for less, the brokers' "
                    + "transaction.max.timeout.ms allows more")
        }
    }

    var durable: LogSequenceNumber { lock.withLock { safe } }

    func follows(_ server: SourceServer) { self.server = server }

    func follows(_ tables: FollowedTables) {
        guard tables != followed else { return }
        followed = tables
        // Kept also if nothing else is new.
        if position != nil, groupStart == nil { groupStart = clock.monotonicNanoseconds }
    }

    func notice(_ message: String) { notices(message) }

    func snapshotBegan(_ tables: [CapturedTable], at position: LogSequenceNumber) throws {
        readClock()
        isInside = true
        if position < complete {
            // The server was set up anew, or brought back from a backup: what lies behind the
            // snapshot's position is of another log.
            complete = LogSequenceNumber(0)
            cutPosition = LogSequenceNumber(0)
            lock.withLock { safe = LogSequenceNumber(0) }
        }
        // A table without rows has a topic too, and a place in the cuts.
        for table in tables where self.tables[ObjectIdentifier(table)] == nil {
            let row = Change(
                kind: .read, table: table, position: position,
                transaction: SourceTransaction(xid: 0, commit: position, end: position, time: 0))
            // The rows of an outbox are messages of other topics.
            if outbox?.covers(row) == true { continue }
            _ = try topic(of: table)
        }
        // Rows that were deleted since would stay beside the new ones.
        for change in Change.truncates(of: tables.filter(mayHold), at: position) {
            if outbox?.covers(change) == true { continue }
            try add(change, of: RawSpan())
        }
    }

    func mayHold(_ table: CapturedTable) -> Bool {
        let name = CaptureTopic.topicName([settings.topicPrefix, table.schema, table.name])
        if position == nil { return filled.contains(name) }
        return outcome.ends.contains { $0.key.topic == name && $0.value > 0 }
    }

    func tellsKeysApart(_ table: CapturedTable) -> Bool {
        (tables[ObjectIdentifier(table)]?.ids.count ?? partitions) > 1
    }

    /// A snapshot of this size is worth keeping in pieces: tables that are whole.
    static let pieceBytes = 32 << 20
    /// Of one table, that a part of it is.
    static let partBytes = 64 << 20

    let keepsSnapshotPieces = true

    let holdsRowsByKey = true

    let keepsRows = true

    var endsSnapshotPiece: Bool { groupBytes >= Self.pieceBytes }

    /// A third of the time leaves enough for the part that is being read.
    var dividesTable: Bool {
        groupBytes >= Self.partBytes || groupMilliseconds >= timeoutMilliseconds / 3
    }

    private var groupMilliseconds: Int64 {
        groupStart.map { (clock.monotonicNanoseconds - $0) / 1_000_000 } ?? 0
    }

    func snapshotPieceEnded(rest: [BackfillState], at position: LogSequenceNumber) throws {
        states = rest
        complete = max(complete, position)
        try commitGroup()
    }

    func snapshotEnded(at position: LogSequenceNumber) throws {
        isInside = false
        states = []
        complete = max(complete, position)
        try commitGroup()
    }

    func begin(_ transaction: SourceTransaction) throws {
        readClock()
        isInside = true
        beginning = transaction
    }

    /// The begin of a transaction is told with its first event; rows that are read are none.
    private func tellBegin(before change: Change) throws(CaptureOutputError) {
        guard let transaction = beginning, change.kind != .read else { return }
        beginning = nil
        try addMarker(transaction) { $0.begin(transaction, into: &$1) }
    }

    func commit(_ transaction: SourceTransaction, changes: Int) throws {
        try release(isLast: true)
        beginning = nil
        try addMarker(transaction) { $0.commit(transaction, changes: changes, into: &$1) }
        isInside = false
        complete = max(complete, transaction.end)
        guard let groupStart else { return }
        let age = clock.monotonicNanoseconds - groupStart
        if groupBytes >= Self.groupBytesMax || age >= Self.groupNanosecondsMax {
            try commitGroup()
        }
    }

    func change(_ change: Change, of bytes: RawSpan) throws {
        if let outbox, outbox.covers(change) {
            if let message = try outbox.message(change, of: bytes) { try add(message) }
        } else if encoder.splitsKeyChanges, change.before != nil,
            let halves = change.halves(of: bytes)
        {
            try add(
                halves.old, of: bytes,
                RecordHeader(
                    key: CaptureTopic.newKeyHeader, value: key(of: halves.new, of: bytes)))
            try add(
                halves.new, of: bytes,
                RecordHeader(
                    key: CaptureTopic.oldKeyHeader, value: key(of: halves.old, of: bytes)))
        } else {
            try add(change, of: bytes)
        }
    }

    private func key(of change: Change, of bytes: RawSpan) -> [UInt8]? {
        var key = OutputBuffer(capacity: 128)
        return encoder.key(change, of: bytes, into: &key) ? key.bytes.copied() : nil
    }

    private func add(
        _ change: Change, of bytes: RawSpan, _ header: RecordHeader? = nil
    ) throws(CaptureOutputError) {
        try release(isLast: false)
        try tellBegin(before: change)
        if change.movesKey(in: bytes), settings.writesTombstones {
            try addTombstone(ofOldKey: change, of: bytes, to: topic(change))
        }
        buffer.removeAll()
        let hasKey = encoder.key(change, of: bytes, into: &buffer)
        let start = buffer.count
        let hasValue = encoder.value(change, of: bytes, into: &buffer)
        try checkEncoder()
        guard hasValue else { return }
        let encoded = Encoded(
            topic: try topic(change), kind: change.kind, hasKey: hasKey, valueStart: start,
            timestamp: change.transaction.time == 0
                ? clock.wallMilliseconds : change.transaction.time / 1_000,
            headers: header.map { EncodedHeaders([$0]) })
        guard marksLast, change.kind != .read else { return try add(encoded) }
        held = encoded
        swap(&buffer, &heldBytes)
    }

    /// What has no encoding ends the capture; nothing of its transaction stays.
    func checkEncoder() throws(CaptureOutputError) {
        switch encoder.failure {
        case nil: return
        case .stopped: throw .stopped
        case .failed(let reason): throw .failed(CommandFailure(reason))
        }
    }

    /// Adds the record that was held back.
    func release(isLast: Bool) throws(CaptureOutputError) {
        guard let encoded = held else { return }
        held = nil
        swap(&buffer, &heldBytes)
        if isLast {
            buffer.truncate(to: buffer.count - 1)
            buffer.append(encoder.lastChangeMark)
            buffer.append(UInt8(ascii: "}"))
        }
        try add(encoded)
    }

    /// What stands in `buffer`.
    private func add(_ encoded: Encoded) throws(CaptureOutputError) {
        let (topic, time) = (encoded.topic, encoded.timestamp)
        let value = encoded.valueStart..<buffer.count
        if encoded.kind == .truncate {
            // Each partition is an order of its own, which the truncate is a part of.
            for full in topic.addToAll(value: value, in: buffer.bytes, timestamp: time) {
                try send(full)
            }
            return try countInGroup()
        }
        let key = encoded.hasKey ? 0..<encoded.valueStart : nil
        try send(
            topic.add(
                key: key, value: value, in: buffer.bytes, timestamp: time, headers: encoded.headers)
        )
        if encoded.kind == .delete, encoded.hasKey, settings.writesTombstones {
            try send(topic.add(key: key, value: nil, in: buffer.bytes, timestamp: time))
        }
        try countInGroup()
    }

    private func countInGroup() throws(CaptureOutputError) {
        groupBytes += buffer.count
        guard groupStart != nil else { return groupStart = clock.monotonicNanoseconds }
        sinceClock += 1
        guard sinceClock == Self.clockInterval else { return }
        sinceClock = 0
        readClock()
        try checkTime()
    }

    /// What is one transaction at the source is one here, and the broker ends it after a time: to
    /// be said before all of it was written in vain.
    private func checkTime() throws(CaptureOutputError) {
        guard groupMilliseconds >= timeoutMilliseconds / 10 * 9 else { return }
        throw .failed(
            CommandFailure(
                "a transaction of the source (or the rows of a table that cannot be read in parts) "
                    + "takes longer than the \(timeoutMilliseconds) ms of a Kafka transaction; -X "
                    + "transaction.timeout.ms=MS allows more, up to the brokers' "
                    + "transaction.max.timeout.ms"))
    }

    /// The row has gone from its old key, which a compacted topic must forget. It comes before the
    /// row under its new key, so that a reader knows whose large values that one keeps.
    private func addTombstone(
        ofOldKey change: Change, of bytes: RawSpan, to topic: CaptureTopic
    ) throws(CaptureOutputError) {
        var old = change
        old.after = nil
        buffer.removeAll()
        guard encoder.key(old, of: bytes, into: &buffer) else { return }
        let transaction = change.transaction
        let headers = [
            RecordHeader(key: CaptureTopic.newKeyHeader, value: key(of: change, of: bytes)),
            RecordHeader(
                key: CaptureTopic.transactionHeader,
                value: Array("\(transaction.xid):\(transaction.commit.value)".utf8)),
        ]
        try send(
            topic.add(
                key: 0..<buffer.count, value: nil, in: buffer.bytes,
                timestamp: transaction.time / 1_000, headers: EncodedHeaders(headers)))
    }

    func backfills(_ states: [BackfillState]) throws {
        self.states = states
        if groupStart == nil { groupStart = clock.monotonicNanoseconds }
    }

    func pause(at position: LogSequenceNumber?) throws {
        guard !isInside else { return try sendAll() }
        if let position { complete = max(complete, position) }
        // The log goes on without changes for the topics: kept too, so that it can be acknowledged,
        // but not often.
        let isDue =
            complete > cutPosition
            && clock.monotonicNanoseconds - cutTime >= Self.idleNanoseconds
        if groupStart != nil || isDue { try commitGroup() }
    }

    func finishing(at position: LogSequenceNumber?) throws {
        guard !isInside else { return }
        if let position { complete = max(complete, position) }
        if groupStart != nil || complete > cutPosition { try commitGroup() }
    }

    /// Commits what is whole; of a transaction that was cut off nothing stays.
    func finish(isWhole: Bool) throws(CaptureOutputError) {
        if isWhole, !isInside, groupStart != nil { try commitGroup() }
        let producer = producer
        let isOpen = groupStart != nil
        do throws(ClientError) {
            try thread.call { () async throws(ClientError) in
                if isOpen { try await producer.endTransaction(isCommit: false) }
                await producer.close()
            }
        } catch {
            throw CaptureOutputError.failed(thread.connection.failure(error))
        }
    }

    /// Everything so far, with its position, or nothing of it.
    private func commitGroup() throws(CaptureOutputError) {
        try sendAll()
        if !(try sendExpectedCut()) {
            try flush()
            sendCut(outcome.ends)
        }
        try end(isCommit: true)
        outcome.committed()
        kept.removeAll()
        groupStart = nil
        groupBytes = 0
        cutPosition = complete
        cutTime = clock.monotonicNanoseconds
        lock.withLock { safe = max(safe, complete) }
    }

    /// Sends the cut together with the records before it, so that one sync is for both: where these
    /// come to stand is known as long as nobody else writes to their partitions. False if it is
    /// not: nothing of the cut is sent then, or all was taken back and the records sent once more.
    private func sendExpectedCut() throws(CaptureOutputError) -> Bool {
        guard groupBytes <= Self.keptBytesMax, let expected = outcome.expected else { return false }
        sendCut(expected)
        try flush()
        if outcome.stands(as: expected) { return true }
        try end(isCommit: false)
        outcome.tookBack()
        for full in kept { deliver(full) }
        return false
    }

    private func flush() throws(CaptureOutputError) {
        let producer = producer
        thread.call { () async in await producer.flush() }
        try check()
    }

    private func end(isCommit: Bool) throws(CaptureOutputError) {
        let producer = producer
        do throws(ClientError) {
            try thread.call { () async throws(ClientError) in
                try await producer.endTransaction(isCommit: isCommit)
            }
        } catch {
            throw CaptureOutputError.failed(
                CommandFailure(
                    "the transaction cannot be committed: \(thread.connection.text(error))"))
        }
        try check()
    }

    private func sendCut(_ ends: [TopicPartition: Int64]) {
        let cut = CutRecord(
            slot: slot, lsn: complete, ends: ends, backfills: states, server: server,
            tables: followed)
        let topic = CaptureTopic(cuts.topic, partitions: 1)
        var record = OutputBuffer(capacity: 512)
        record.append(utf8: "{\"slot\":")
        record.append(jsonString: slot)
        record.append("}")
        let start = record.count
        record.append(cut.value)
        _ = topic.add(
            key: 0..<start, value: start..<record.count, in: record.bytes,
            timestamp: clock.wallMilliseconds)
        for full in topic.takeAll() { hand(full) }
    }

    private func sendAll() throws(CaptureOutputError) {
        for topic in topics.values {
            for full in topic.takeAll() { deliver(full) }
        }
        try check()
    }

    func send(_ full: CaptureTopic.Full?) throws(CaptureOutputError) {
        guard let full else { return }
        deliver(full)
        try check()
    }

    private func deliver(_ full: CaptureTopic.Full) {
        outcome.sent(full.records, to: full.partition)
        if groupBytes <= Self.keptBytesMax { kept.append(full) }
        hand(full)
    }

    private func hand(_ full: CaptureTopic.Full) {
        let outcome = outcome
        let partition = full.partition
        producer.sendBlocking(batch: full.bytes, records: full.records, to: partition) {
            range, result in
            outcome.delivered(partition, range.count, result)
        }
    }

    private func check() throws(CaptureOutputError) {
        guard let error = outcome.failure else { return }
        guard case .batchTooLarge(let partition, let bytes) = error else {
            throw CaptureOutputError.failed(thread.connection.failure(error))
        }
        throw .failed(
            CommandFailure(
                "a record of topic \"\(partition.topic)\" has \(bytes) bytes, more than its "
                    + "max.message.bytes; rtd query 'ALTER TOPIC \"\(partition.topic)\" SET "
                    + "(max.message.bytes = \(bytes + bytes / 2))' raises it"))
    }

    private func topic(_ change: Change) throws(CaptureOutputError) -> CaptureTopic {
        guard let table = change.table else {
            return try topic(CaptureTopic.topicName([settings.topicPrefix, "message"]))
        }
        if let topic = tables[ObjectIdentifier(table)] { return topic }
        return try topic(of: table)
    }

    /// Its records are kept: they are the table.
    private func topic(of table: CapturedTable) throws(CaptureOutputError) -> CaptureTopic {
        let own = [table.schema, table.name]
        let name = CaptureTopic.topicName([settings.topicPrefix] + own)
        try CaptureTopic.check([settings.topicPrefix] + own)
        if let other = owners.updateValue(own, forKey: name), other != own {
            throw CaptureTopic.shared(name, by: other, own)
        }
        try others.check(name, table: own, on: server)
        let topic = try topic(name, configs: ["retention.ms": "-1"])
        if position == nil, try hasRecords(topic) {
            filled.insert(name)
            notices("topic \"\(name)\" has records from before: rows that are read replace them")
        }
        tables[ObjectIdentifier(table)] = topic
        known.append(table)
        outcome.begin(topic.ids)
        return topic
    }

    func topic(
        _ name: String, configs: [String: String] = [:]
    ) throws(CaptureOutputError) -> CaptureTopic {
        if let topic = topics[name] { return topic }
        let cluster = thread.connection.cluster
        let partitions = Int32(clamping: partitions)
        let all = configs.merging(["max.message.bytes": "\(Self.recordBytesMax)"]) { $1 }
        do throws(ClientError) {
            let count = try thread.call { () async throws(ClientError) in
                try await cluster.createTopics(
                    [NewTopic(name, partitions: partitions, configs: all)], ifMissing: true)
                return try await cluster.describe().topics[name]?.partitions.count
            }
            let topic = CaptureTopic(name, partitions: count ?? Int(partitions))
            topics[name] = topic
            return topic
        } catch {
            throw CaptureOutputError.failed(thread.connection.failure(error))
        }
    }

    private func readClock() { encoder.now = clock.wallMilliseconds * 1_000 }
}
