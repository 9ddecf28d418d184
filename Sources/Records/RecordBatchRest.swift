import Bytes

/// Takes records out of a batch that a broker has refused because of them.
public enum RecordBatchRest {
    /// `batch` without the records at `places` (from 0, ascending), compressed as it was, without a
    /// producer's number. Nil if none is left, or it cannot be read.
    public static func batch(
        _ batch: RawSpan, without places: [Int], decompressedBytesMax: Int
    ) -> [UInt8]? {
        guard let header = RecordBatchHeader(batch) else { return nil }
        do throws(RecordBatchError) {
            if let plain = try header.decompressedRecords(batch, limit: decompressedBytesMax) {
                return rest(header, plain.rawSpan, without: places)
            }
        } catch {
            return nil
        }
        let records = batch.extracting(RecordBatchHeader.size..<batch.byteCount)
        return rest(header, records, without: places)
    }

    private static func rest(
        _ header: RecordBatchHeader, _ records: RawSpan, without places: [Int]
    ) -> [UInt8]? {
        var attributes = RecordBatchBuilder.Attributes()
        attributes.codec = header.codec ?? .none
        attributes.transactional = header.isTransactional
        var builder = RecordBatchBuilder(capacity: records.byteCount + 1_024)
        var iterator = RecordIterator(header, records: records)
        var left = places[...]
        var index = 0
        while let record = iterator.next() {
            defer { index += 1 }
            if left.first == index {
                left.removeFirst()
                continue
            }
            builder.append(
                key: record.key, value: record.value, in: records, timestamp: record.timestamp,
                headers: EncodedHeaders(
                    count: record.headerCount,
                    encoded: records.extracting(record.headers).copied()))
        }
        guard !iterator.failed, !builder.isEmpty else { return nil }
        return builder.finish(attributes)
    }
}
