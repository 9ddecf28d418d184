import Bytes

/// The keys and values of Kafka's `__transaction_state` (TransactionLogKey 0, TransactionLogValue 0
/// and 1 of kafka/transaction-coordinator). Written is value 1, which has tagged fields.
enum TransactionRecord {
    static func key(_ transactionalID: String) -> [UInt8] {
        var writer = ByteWriter(reserving: 4 + transactionalID.utf8.count)
        writer.int16(0)
        writer.string16(transactionalID)
        return writer.bytes
    }

    /// Nil for a key of another kind.
    static func transactionalID(_ key: [UInt8]) -> String? {
        var reader = ByteReader(key.span)
        guard reader.int16() == 0 else { return nil }
        let id = reader.string16()
        return reader.failed || reader.remaining > 0 ? nil : id
    }

    /// Numbers of the tagged fields. The last is ours: Kafka keeps that epoch in memory only.
    private enum Tag {
        static let previousProducerID: UInt32 = 0
        static let clientVersion: UInt32 = 2
        static let lastEpoch: UInt32 = 100
    }

    static func value(_ state: TransactionState) -> [UInt8] {
        var writer = ByteWriter(reserving: 64)
        writer.int16(1)
        writer.int64(state.producerID)
        writer.int16(state.epoch)
        writer.int32(state.timeoutMilliseconds)
        writer.int8(state.status.rawValue)
        let topics = Dictionary(grouping: state.partitions, by: \.topic)
            .sorted { $0.key < $1.key }
        writer.uvarint(UInt32(topics.count + 1))
        for (topic, partitions) in topics {
            writer.uvarint(UInt32(topic.utf8.count + 1))
            writer.append(utf8: topic)
            writer.uvarint(UInt32(partitions.count + 1))
            for partition in partitions.map(\.partition).sorted() { writer.int32(partition) }
            writer.uvarint(0)
        }
        writer.int64(state.updateTimestamp)
        writer.int64(state.startTimestamp)
        writer.uvarint(3)
        writer.uvarint(Tag.previousProducerID)
        writer.uvarint(8)
        writer.int64(state.previousProducerID)
        writer.uvarint(Tag.clientVersion)
        writer.uvarint(2)
        writer.int16(state.raisesEpoch ? 2 : 0)
        writer.uvarint(Tag.lastEpoch)
        writer.uvarint(2)
        writer.int16(state.lastEpoch)
        return writer.bytes
    }

    static func state(_ value: [UInt8]) throws(MalformedBytes) -> TransactionState {
        var reader = ByteReader(value.span)
        let version = reader.int16()
        guard version == 0 || version == 1 else { throw MalformedBytes() }
        var state = TransactionState(
            producerID: reader.int64(), epoch: reader.int16(),
            timeoutMilliseconds: reader.int32(), updateTimestamp: -1)
        guard let status = TransactionState.Status(rawValue: reader.int8()) else {
            throw MalformedBytes()
        }
        state.status = status
        state.partitions = partitions(&reader, isCompact: version == 1)
        state.updateTimestamp = reader.int64()
        state.startTimestamp = reader.int64()
        if version == 1 { tags(&reader, &state) }
        try reader.finish()
        return state
    }

    private static func partitions(
        _ reader: inout ByteReader, isCompact: Bool
    ) -> Set<TopicPartition> {
        var found: Set<TopicPartition> = []
        for _ in 0..<length(&reader, isCompact, elementSize: 2) {
            let topic = isCompact ? reader.compactString() : reader.string16()
            for _ in 0..<length(&reader, isCompact, elementSize: 4) {
                found.insert(TopicPartition(topic: topic, partition: reader.int32()))
            }
            if isCompact { skipTags(&reader) }
        }
        return found
    }

    private static func length(
        _ reader: inout ByteReader, _ isCompact: Bool, elementSize: Int
    ) -> Int {
        let declared = isCompact ? Int(reader.uvarint()) - 1 : Int(reader.int32())
        return reader.count(max(0, declared), elementSize: elementSize)
    }

    private static func tags(_ reader: inout ByteReader, _ state: inout TransactionState) {
        for _ in 0..<reader.count(Int(reader.uvarint()), elementSize: 2) {
            let tag = reader.uvarint()
            let size = Int(reader.uvarint())
            switch (tag, size) {
            case (Tag.previousProducerID, 8): state.previousProducerID = reader.int64()
            case (Tag.clientVersion, 2): state.raisesEpoch = reader.int16() >= 2
            case (Tag.lastEpoch, 2): state.lastEpoch = reader.int16()
            default: _ = reader.take(size)
            }
        }
    }

    private static func skipTags(_ reader: inout ByteReader) {
        for _ in 0..<reader.count(Int(reader.uvarint()), elementSize: 2) {
            _ = reader.uvarint()
            _ = reader.take(Int(reader.uvarint()))
        }
    }
}
