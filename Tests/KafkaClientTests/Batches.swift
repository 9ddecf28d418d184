import KafkaClient
import Records

/// A batch with these values, without keys.
func batch(_ values: [String]) -> [UInt8] {
    var builder = RecordBatchBuilder()
    for value in values {
        Array(value.utf8).withUnsafeBytes {
            builder.append(key: nil, value: $0, timestamp: 1_000)
        }
    }
    return builder.finish()
}

/// The values of all records from `startOffset` on.
func values(_ fetched: FetchedBatches) -> [String] {
    var all: [String] = []
    for batch in fetched.batches {
        fetched.withBytes(of: batch) { bytes in
            let records = bytes.extracting(RecordBatchHeader.size..<bytes.byteCount)
            var iterator = RecordIterator(batch.header, records: records)
            while let record = iterator.next() {
                guard record.offset >= fetched.startOffset, let value = record.value else {
                    continue
                }
                let text = records.extracting(value).withUnsafeBytes {
                    String(decoding: $0, as: UTF8.self)
                }
                all.append(text)
            }
        }
    }
    return all
}
