import Bytes

/// Cuts a batch that is too large for a topic in two.
public enum RecordBatchHalves {
    /// A batch and the number of its records.
    public typealias Half = (bytes: [UInt8], records: Int32)

    /// The records of `batch` as two batches, compressed as it was, cut where half of their bytes
    /// lie; neither has a producer's number. Nil if it holds one record, or cannot be read.
    public static func cut(
        _ batch: RawSpan, decompressedBytesMax: Int
    ) -> (first: Half, second: Half)? {
        guard let header = RecordBatchHeader(batch) else { return nil }
        do throws(RecordBatchError) {
            if let plain = try header.decompressedRecords(batch, limit: decompressedBytesMax) {
                return cut(header, plain.rawSpan)
            }
        } catch {
            return nil
        }
        return cut(header, batch.extracting(RecordBatchHeader.size..<batch.byteCount))
    }

    private static func cut(
        _ header: RecordBatchHeader, _ records: RawSpan
    ) -> (first: Half, second: Half)? {
        var attributes = RecordBatchBuilder.Attributes()
        attributes.codec = header.codec ?? .none
        attributes.transactional = header.isTransactional
        var builder = RecordBatchBuilder(capacity: records.byteCount / 2 + 1_024)
        var first: Half?
        var iterator = RecordIterator(header, records: records)
        while let record = iterator.next() {
            if first == nil, !builder.isEmpty, record.headers.upperBound > records.byteCount / 2 {
                let count = builder.count
                first = (builder.finish(attributes), count)
            }
            builder.append(
                key: record.key, value: record.value, in: records, timestamp: record.timestamp,
                headers: EncodedHeaders(
                    count: record.headerCount,
                    encoded: records.extracting(record.headers).copied()))
        }
        guard !iterator.failed, !builder.isEmpty, let first else { return nil }
        let count = builder.count
        return (first, (builder.finish(attributes), count))
    }
}
