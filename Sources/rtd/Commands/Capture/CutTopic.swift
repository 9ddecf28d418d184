import Bytes
import ChangeDataCapture
import KafkaClient
import Records

/// Reads the cuts of captures: where their topics end.
enum CutTopic {
    /// Records that are looked at first; a cut is usually the last but one.
    private static let firstWindow: Int64 = 64

    /// The last committed cut of a slot.
    static func last(
        _ partition: TopicPartition, slot: String, _ cluster: Cluster
    ) async throws(ClientError) -> CutRecord? {
        let end = try await end(partition, cluster)
        return try await newest(partition, slot: slot, before: end, cluster) { !$0.isEmpty }.first
    }

    /// Behind the last committed record.
    static func end(
        _ partition: TopicPartition, _ cluster: Cluster
    ) async throws(ClientError) -> Int64 {
        try await cluster.listOffsets([partition: .latest], isolation: .readCommitted)[partition]
            ?? 0
    }

    /// The newest cut of each slot (or of the one named) that lies before `end`. Looks back until
    /// `isEnough` says so of what was found, to the first record, or over `recordsMax` of them.
    static func newest(
        _ partition: TopicPartition, slot: String? = nil, before end: Int64, _ cluster: Cluster,
        prefersWhole: Bool = false, recordsMax: Int64 = .max,
        isEnough: @Sendable ([CutRecord]) -> Bool
    ) async throws(ClientError) -> [CutRecord] {
        let earliest = try await cluster.listOffsets([partition: .earliest])[partition] ?? 0
        var window = firstWindow
        while true {
            let start = max(earliest, end - window)
            var found: [CutRecord] = []
            if start < end {
                found = try await cuts(
                    partition, start..<end, slot: slot, prefersWhole: prefersWhole, cluster)
                if isEnough(found) { return found }
            }
            guard start > earliest, window < recordsMax else { return found }
            window *= 16
        }
    }

    private static func cuts(
        _ partition: TopicPartition, _ range: Range<Int64>, slot: String?, prefersWhole: Bool,
        _ cluster: Cluster
    ) async throws(ClientError) -> [CutRecord] {
        var configuration = ConsumerConfiguration()
        configuration.isolation = .readCommitted
        let consumer = Consumer(cluster, configuration)
        _ = try await consumer.assign([partition: .offset(range.lowerBound)])
        consumer.stop(at: [partition: range.upperBound])
        var found: [String: CutRecord] = [:]
        var position = range.lowerBound
        while position < range.upperBound {
            guard let fetched = try await consumer.next() else { continue }
            for cut in cuts(in: fetched, before: range.upperBound, slot: slot) {
                // While rows are read anew, the cut before that is what a query can rest on.
                if prefersWhole, !cut.isWhole, found[cut.slot]?.isWhole == true { continue }
                found[cut.slot] = cut
            }
            position = max(position, fetched.nextOffset)
        }
        await consumer.close()
        return Array(found.values)
    }

    /// Whether there is anything to read in a topic.
    static func hasRecords(
        _ partitions: [TopicPartition], _ cluster: Cluster
    ) async throws(ClientError) -> Bool {
        let positions = { (position: OffsetQuery) in
            Dictionary(uniqueKeysWithValues: partitions.map { ($0, position) })
        }
        let starts = try await cluster.listOffsets(positions(.earliest))
        let ends = try await cluster.listOffsets(
            positions(.latest), isolation: .readCommitted)
        for partition in partitions {
            guard let start = starts[partition], let end = ends[partition], start < end,
                try await hasRecords(partition, start..<end, cluster)
            else { continue }
            return true
        }
        return false
    }

    private static func hasRecords(
        _ partition: TopicPartition, _ range: Range<Int64>, _ cluster: Cluster
    ) async throws(ClientError) -> Bool {
        var configuration = ConsumerConfiguration()
        configuration.isolation = .readCommitted
        let consumer = Consumer(cluster, configuration)
        _ = try await consumer.assign([partition: .offset(range.lowerBound)])
        consumer.stop(at: [partition: range.upperBound])
        var position = range.lowerBound
        var isFound = false
        while position < range.upperBound, !isFound {
            guard let fetched = try await consumer.next() else { continue }
            isFound = !fetched.batches.isEmpty
            position = max(position, fetched.nextOffset)
        }
        await consumer.close()
        return isFound
    }

    /// In the order of their records.
    static func cuts(
        in fetched: FetchedBatches, before end: Int64 = .max, slot: String? = nil
    ) -> [CutRecord] {
        var found: [CutRecord] = []
        for batch in fetched.batches {
            // Cuts are not compressed: a batch that cannot be opened holds none.
            try? fetched.withRecords(of: batch, checked: false) { records in
                var iterator = RecordIterator(batch.header, records: records)
                while let record = iterator.next() {
                    guard record.offset >= fetched.startOffset, record.offset < end,
                        let value = record.value,
                        let cut = CutRecord(records.extracting(value), slot: slot)
                    else { continue }
                    found.append(cut)
                }
            }
        }
        return found
    }
}
