import Bytes
import ChangeDataCapture
import KafkaClient
import Records

/// Reads where a capture's topics end: the last committed cut of its slot.
enum CutTopic {
    /// Records that are looked at first; a cut is usually the last but one.
    private static let firstWindow: Int64 = 64

    static func last(
        _ partition: TopicPartition, slot: String, _ cluster: Cluster
    ) async throws(ClientError) -> CutRecord? {
        let earliest = try await cluster.listOffsets([partition: .earliest])[partition] ?? 0
        let latest =
            try await cluster.listOffsets([partition: .latest], isolation: .readCommitted)[
                partition] ?? 0
        var window = firstWindow
        while true {
            let start = max(earliest, latest - window)
            if start < latest,
                let cut = try await last(partition, start..<latest, slot: slot, cluster)
            {
                return cut
            }
            guard start > earliest else { return nil }
            window *= 16
        }
    }

    private static func last(
        _ partition: TopicPartition, _ range: Range<Int64>, slot: String, _ cluster: Cluster
    ) async throws(ClientError) -> CutRecord? {
        var configuration = ConsumerConfiguration()
        configuration.isolation = .readCommitted
        let consumer = Consumer(cluster, configuration)
        _ = try await consumer.assign([partition: .offset(range.lowerBound)])
        consumer.stop(at: [partition: range.upperBound])
        var found: CutRecord?
        var position = range.lowerBound
        while position < range.upperBound {
            guard let fetched = try await consumer.next() else { continue }
            for batch in fetched.batches {
                // Cuts are not compressed: a batch that cannot be opened holds none.
                let cut = try? fetched.withRecords(of: batch, checked: false) { records in
                    lastCut(batch.header, records, from: range.lowerBound, slot: slot)
                }
                found = cut ?? found
            }
            position = max(position, fetched.nextOffset)
        }
        await consumer.close()
        return found
    }

    private static func lastCut(
        _ header: RecordBatchHeader, _ records: RawSpan, from start: Int64, slot: String
    ) -> CutRecord? {
        var iterator = RecordIterator(header, records: records)
        var found: CutRecord?
        while let record = iterator.next() {
            guard record.offset >= start, let value = record.value else { continue }
            found = CutRecord(records.extracting(value), slot: slot) ?? found
        }
        return found
    }
}
