import Bytes
import KafkaProtocol
import Platform

@testable import Streaming

/// Keys and values of the internal topics, and what consumers tell each other: the first byte
/// chooses. What is read is written again and must read the same.
func fuzzInternalRecords(_ bytes: RawSpan) {
    // Texts that a caller has bounded.
    guard bytes.byteCount > 1, bytes.byteCount < 8_192 else { return }
    var reader = ByteReader(bytes)
    let kind = reader.uint8() % 8
    let data = reader.array(reader.remaining)
    switch kind {
    case 0: repeats(data, OffsetRecordKey.decode) { $0.bytes }
    case 1: repeats(data, CommittedOffset.decode) { $0.bytes }
    case 2: repeats(data, GroupMetadata.decode) { $0.bytes }
    case 3: repeats(data, TransactionRecord.transactionalID) { TransactionRecord.key($0) }
    case 4: repeats(data, TransactionRecord.state) { TransactionRecord.value($0) }
    case 5: fuzzMetadata(data)
    case 6:
        _ = try? ConsumerProtocolSubscription.decoded(data)
        _ = Group.topics(of: data)
    default: _ = try? ConsumerProtocolAssignment.decoded(data)
    }
}

/// What is read from `data`, once written, reads the same.
private func repeats<T: Equatable>(
    _ data: [UInt8], _ decode: ([UInt8]) throws -> T?, _ encode: (T) -> [UInt8]
) {
    guard let first = (try? decode(data)) ?? nil else { return }
    precondition((try? decode(encode(first))) == first, "\(first) changes on the way")
}

/// A record of the metadata log: two bytes of length, the key, and the value.
private func fuzzMetadata(_ data: [UInt8]) {
    var reader = ByteReader(data.span)
    let key = reader.array(Int(reader.uint16()))
    let value = reader.remaining > 0 ? reader.array(reader.remaining) : nil
    guard !reader.failed, let first = MetadataRecord(InternalRecord(key: key, value: value))
    else { return }
    precondition(MetadataRecord(first.record) == first, "\(first) changes on the way")
}
