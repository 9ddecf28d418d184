import Bytes
import Formats
import KafkaClient
import Records

/// A topic that a capture writes: for each partition a batch that fills. On the source's thread.
final class CaptureTopic {
    private static let batchBytesMax = 512 * 1024
    /// Of a tombstone that takes away the old key of an update: its transaction, as the envelope
    /// names it.
    static let transactionHeader = "transaction"
    /// Debezium's: the other key of a row that gets a new one.
    static let newKeyHeader = "__debezium.newkey"
    static let oldKeyHeader = "__debezium.oldkey"

    let name: String
    private let partitions: Int32
    private var open: [OpenBatch]

    /// The next batch of one partition.
    private final class OpenBatch {
        var builder = RecordBatchBuilder(capacity: 64 * 1024)
    }

    /// A batch that is full, for its partition.
    struct Full {
        let partition: TopicPartition
        let records: Int
        let bytes: [UInt8]
    }

    init(_ name: String, partitions: Int) {
        self.name = name
        self.partitions = Int32(clamping: max(1, partitions))
        open = (0..<max(1, partitions)).map { _ in OpenBatch() }
    }

    /// Adds a record; what has become full by it is given. Records without a key stay in their
    /// order, in the first partition. A nil value is a tombstone.
    func add(
        key: Range<Int>?, value: Range<Int>?, in bytes: RawSpan, timestamp: Int64,
        headers: EncodedHeaders? = nil
    ) -> Full? {
        let index =
            key.map {
                Int(Partitioner.partition(key: bytes.extracting($0), partitions: partitions))
            } ?? 0
        return add(
            to: index, key: key, value: value, in: bytes, timestamp: timestamp, headers: headers)
    }

    private func add(
        to index: Int, key: Range<Int>?, value: Range<Int>?, in bytes: RawSpan, timestamp: Int64,
        headers: EncodedHeaders? = nil
    ) -> Full? {
        let size = RecordBatchBuilder.sizeMax(
            key: key?.count ?? 0, value: value?.count ?? 0, headers: headers?.bytes.count ?? 0)
        let batch = open[index]
        let full =
            !batch.builder.isEmpty && batch.builder.size + size > Self.batchBytesMax
            ? take(index) : nil
        if let headers {
            batch.builder.append(
                key: key, value: value, in: bytes, timestamp: timestamp, headers: headers)
        } else {
            batch.builder.append(key: key, value: value, in: bytes, timestamp: timestamp)
        }
        return full
    }

    /// Adds a record without a key to each partition; what has become full by it is given.
    func addToAll(value: Range<Int>, in bytes: RawSpan, timestamp: Int64) -> [Full] {
        open.indices.compactMap { index in
            add(to: index, key: nil, value: value, in: bytes, timestamp: timestamp)
        }
    }

    var ids: [TopicPartition] { (0..<partitions).map { TopicPartition(name, $0) } }

    /// Everything that is not empty.
    func takeAll() -> [Full] { open.indices.compactMap(take) }

    private func take(_ index: Int) -> Full? {
        let batch = open[index]
        guard !batch.builder.isEmpty else { return nil }
        let records = Int(batch.builder.count)
        var attributes = RecordBatchBuilder.Attributes()
        attributes.transactional = true
        // The producer writes its number and the checksum.
        attributes.hasChecksum = false
        let bytes = batch.builder.finish(attributes)
        batch.builder.removeAll()
        return Full(
            partition: TopicPartition(name, Int32(clamping: index)), records: records,
            bytes: bytes)
    }

    static let nameBytesMax = 249

    /// The name of a table, its parts in quotes where dots in them would mislead.
    static func quoted(_ parts: [String]) -> String {
        let hasDots = parts.contains { $0.utf8.contains(UInt8(ascii: ".")) }
        return (hasDots ? parts.map(CaptureText.identifier) : parts).joined(separator: ".")
    }

    /// Of two tables whose names are the same where characters that Kafka does not take are `_`.
    static func shared(
        _ name: String, by one: [String], _ other: [String]
    ) -> CaptureOutputError {
        .failed(
            CommandFailure(
                "tables \(quoted(one)) and \(quoted(other)) would both be topic \"\(name)\"; "
                    + "--exclude leaves one out"))
    }

    /// Of a name that is cut off nobody knows which table's it is.
    static func check(_ parts: [String]) throws(CaptureOutputError) {
        let bytes = parts.joined(separator: ".").utf8.count
        guard bytes > nameBytesMax else { return }
        throw .failed(
            CommandFailure(
                "the topic of table \(quoted(Array(parts.dropFirst()))) would have a name of "
                    + "\(bytes) bytes, more than Kafka's \(nameBytesMax); --topic-prefix gives it "
                    + "a shorter one"))
    }

    /// Kafka takes letters, digits, `.`, `_` and `-` in names, at most 249.
    static func topicName(_ parts: [String]) -> String {
        let text = parts.joined(separator: ".")
        let bytes = text.utf8.prefix(nameBytesMax).map { byte -> UInt8 in
            switch byte {
            case 48...57, 65...90, 97...122, UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"):
                byte
            default: UInt8(ascii: "_")
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
