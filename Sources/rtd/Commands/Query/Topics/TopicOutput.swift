import Formats
import KafkaClient
import Platform
import Query
import Records

/// Writes rows to a topic: each becomes a record, with a JSON value unless `_value` is one; or
/// their changes, as Debezium's envelopes or as the last row of each key. They count as written
/// when the cluster has acknowledged them; within a transaction, when that is committed.
final class TopicOutput: ResultOutput {
    private let topic: String
    private let form: TopicOutputForm
    private let thread: ClusterThread
    private let records: TopicRecords
    private let clock = SystemClock()
    /// Of plain rows.
    private var shape: RecordShape?
    private var text: EnvelopeText?
    private var changes = StepChanges(key: nil)
    private var buffer = OutputBuffer(capacity: 1024)

    let isClosed = false
    let takesOtherTypes = true

    init(
        _ topic: Metadata.Topic, _ thread: ClusterThread, _ form: TopicOutputForm,
        within transaction: TopicTransaction? = nil
    ) {
        self.topic = topic.name
        self.form = form
        self.thread = thread
        records = TopicRecords(topic, thread, within: transaction)
    }

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) throws(SQLError) {
        switch form {
        case .plain:
            guard !isChangelog else {
                throw SQLError(
                    "topic \"\(topic)\" takes rows, and this query gives changes",
                    .featureNotSupported,
                    hint: "Write CREATE TABLE t WITH (connector = 'kafka', topic = '\(topic)') "
                        + "FORMAT UPSERT ENCODE JSON (or DEBEZIUM) and INSERT INTO t, or leave "
                        + "EMIT CHANGES out.")
            }
            shape = RecordShape(
                columns, topic: topic, partitionCount: records.partitionCount)
        case .upsert: text = EnvelopeText(columns, key: try UpsertKey.require(key), table: topic)
        case .debezium: text = EnvelopeText(columns, key: key, table: topic)
        }
        changes = StepChanges(key: key)
    }

    func write(_ batch: Batch) throws(SQLError) {
        try records.check()
        guard let shape else { return changes.add(batch) }
        for index in 0..<batch.count {
            let record = try shape.record(batch, index, &buffer)
            let time = record.timestamp ?? clock.wallMilliseconds
            for _ in 0..<max(0, batch.weight(index)) {
                records.add(
                    key: record.key, value: record.value, in: buffer.bytes,
                    timestamp: time,
                    headers: record.headers, partition: record.partition)
            }
        }
    }

    func endStep() throws(SQLError) {
        guard let text else { return }
        let now = clock.wallMilliseconds
        for change in changes.take() {
            guard let place = change.after ?? change.before else { continue }
            buffer.removeAll()
            let hasKey = text.appendKey(place, to: &buffer)
            let start = buffer.count
            let key = hasKey ? 0..<start : nil
            if form == .debezium {
                text.appendEnvelope(change, milliseconds: now, to: &buffer)
                records.add(
                    key: key, value: start..<buffer.count, in: buffer.bytes, timestamp: now)
            } else if change.after != nil {
                text.appendRow(place, to: &buffer)
                records.add(
                    key: key, value: start..<buffer.count, in: buffer.bytes, timestamp: now)
            }
            // A compacted topic forgets the key by it.
            if change.after == nil, hasKey {
                records.add(key: key, value: nil, in: buffer.bytes, timestamp: now)
            }
        }
    }

    func flush() throws(SQLError) { records.sendAll() }

    /// What is saved behind these records says that they were written, so they must be there.
    func mark() throws(SQLError) -> OutputMark? {
        records.settle()
        try records.check()
        return nil
    }

    func end() throws(SQLError) {
        try endStep()
        records.end()
        try records.check()
    }
}
