import Bytes
import ChangeDataCapture
import Formats
import KafkaClient
import Platform
import Records

// What stands in topics beside the rows: schema changes, statements, begin and end of transactions.
extension TopicSink {
    /// Schema changes go to the topic that is named by the prefix alone, as Debezium has it.
    func schema(_ table: CapturedTable, at position: LogSequenceNumber) throws {
        try addSchemaEvent(timestamp: clock.wallMilliseconds) { encoder, buffer in
            encoder.schema(table, at: position, into: &buffer)
        }
    }

    private func addSchemaEvent(
        timestamp: Int64, _ append: (inout any ChangeEncoder, inout OutputBuffer) -> Bool
    ) throws(CaptureOutputError) {
        buffer.removeAll()
        buffer.append("{\"databaseName\":")
        buffer.append(jsonString: settings.database)
        buffer.append(UInt8(ascii: "}"))
        let start = buffer.count
        guard append(&encoder, &buffer) else { return }
        try addEvent(
            to: CaptureTopic.topicName([settings.topicPrefix]), key: 0..<start,
            timestamp: timestamp)
    }

    /// To the same topic.
    func statement(
        _ statement: SourceStatement, at position: LogSequenceNumber,
        in transaction: SourceTransaction
    ) throws {
        try release(isLast: false)
        try addSchemaEvent(timestamp: transaction.time / 1_000) { encoder, buffer in
            encoder.statement(statement, at: position, in: transaction, into: &buffer)
        }
    }

    /// A line of transaction metadata, if the format writes any.
    func addMarker(
        _ transaction: SourceTransaction,
        _ append: (inout any ChangeEncoder, inout OutputBuffer) -> Bool
    ) throws(CaptureOutputError) {
        guard settings.writesTransactions else {
            _ = append(&encoder, &buffer)
            return
        }
        buffer.removeAll()
        encoder.transactionKey(transaction, into: &buffer)
        let start = buffer.count
        let hasValue = append(&encoder, &buffer)
        try checkEncoder()
        guard hasValue else { return }
        try addEvent(
            to: CaptureTopic.topicName([settings.topicPrefix, "transaction"]), key: 0..<start,
            timestamp: transaction.time / 1_000)
    }

    /// What is no row; its value stands behind its key in the buffer.
    private func addEvent(
        to name: String, key: Range<Int>, timestamp: Int64
    ) throws(CaptureOutputError) {
        let topic = try topic(name)
        try send(
            topic.add(
                key: key, value: key.upperBound..<buffer.count, in: buffer.bytes,
                timestamp: timestamp))
        groupBytes += buffer.count
        if groupStart == nil { groupStart = clock.monotonicNanoseconds }
    }
}

// Messages of an outbox, and topics that are there before the capture.
extension TopicSink {
    func add(_ message: OutboxMessage) throws(CaptureOutputError) {
        buffer.removeAll()
        buffer.append(message.key ?? [])
        let start = buffer.count
        buffer.append(message.value ?? [])
        let headers = message.headers.map { RecordHeader(key: $0.name, value: $0.value) }
        let name = CaptureTopic.topicName([message.topic])
        let topic = try topic(name)
        // Names that Kafka does not take are written otherwise, and may become one.
        if let other = routes.updateValue(message.topic, forKey: name), other != message.topic,
            sharedTopics.insert(name).inserted
        {
            notices(
                "messages for \"\(other)\" and \"\(message.topic)\" are in one topic, \"\(name)\"")
        }
        try send(
            topic.add(
                key: message.key == nil ? nil : 0..<start,
                value: message.value == nil ? nil : start..<buffer.count, in: buffer.bytes,
                timestamp: message.timestamp, headers: EncodedHeaders(headers)))
        groupBytes += buffer.count
        if groupStart == nil { groupStart = clock.monotonicNanoseconds }
    }

    /// Those of another slot, say, that has gone.
    func hasRecords(_ topic: CaptureTopic) throws(CaptureOutputError) -> Bool {
        let cluster = thread.connection.cluster
        let partitions = topic.ids
        do throws(ClientError) {
            return try thread.call { () async throws(ClientError) in
                try await CutTopic.hasRecords(partitions, cluster)
            }
        } catch {
            throw CaptureOutputError.failed(thread.connection.failure(error))
        }
    }
}
