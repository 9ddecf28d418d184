import Bytes
import Records

/// The control batch that ends a transaction in a partition: one record whose key is {version 0,
/// type: 0 abort, 1 commit} and whose value is {version 0, epoch of the coordinator}
/// (ControlRecordType and EndTxnMarker of Kafka's message formats).
enum TransactionMarker {
    /// `now` in milliseconds.
    static func batch(
        _ producer: TransactionalProducer, isCommitted: Bool, now: Int64
    ) -> [UInt8] {
        var key = ByteWriter(reserving: 4)
        key.int16(0)
        key.int16(isCommitted ? 1 : 0)
        var value = ByteWriter(reserving: 6)
        value.int16(0)
        // There is one coordinator, and it never moves.
        value.int32(0)
        var builder = RecordBatchBuilder(capacity: 256)
        unsafe key.bytes.withUnsafeBytes { key in
            unsafe value.bytes.withUnsafeBytes { value in
                unsafe builder.append(key: key, value: value, timestamp: now)
            }
        }
        var attributes = RecordBatchBuilder.Attributes()
        attributes.transactional = true
        attributes.control = true
        attributes.producerID = producer.id
        attributes.producerEpoch = producer.epoch
        return builder.finish(attributes)
    }

    /// Whether the marker with this key commits; nil if it is no marker.
    static func isCommit(_ key: [UInt8]) -> Bool? {
        var reader = ByteReader(key.span)
        _ = reader.int16()
        let kind = reader.int16()
        return reader.failed || !(0...1).contains(kind) ? nil : kind == 1
    }
}
