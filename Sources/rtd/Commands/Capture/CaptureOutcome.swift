import KafkaClient
import Platform

/// What became of the batches; set on the cluster's loop, read by the source's thread.
final class CaptureOutcome: @unchecked Sendable {
    private let lock = Lock()
    private var first: ClientError?
    private var offsets: [TopicPartition: Int64] = [:]
    /// Records of the Kafka transaction under way, but for its cut.
    private var sent: [TopicPartition: Int] = [:]
    /// Where the next record comes to stand if nobody else writes: behind the marker of the last
    /// transaction that wrote here.
    private var next: [TopicPartition: Int64] = [:]

    var failure: ClientError? { lock.withLock { first } }

    /// Behind the last record of each partition.
    var ends: [TopicPartition: Int64] { lock.withLock { offsets } }

    func sent(_ records: Int, to partition: TopicPartition) {
        lock.withLock { sent[partition, default: 0] += records }
    }

    /// `ends` once all that was sent is there; nil if a partition is not known yet.
    var expected: [TopicPartition: Int64]? {
        lock.withLock {
            var ends = offsets
            for (partition, records) in sent {
                guard let first = next[partition] else { return nil }
                ends[partition] = first + Int64(records)
            }
            return ends
        }
    }

    /// Whether what was sent has come to stand so.
    func stands(as expected: [TopicPartition: Int64]) -> Bool {
        lock.withLock { sent.keys.allSatisfy { offsets[$0] == expected[$0] } }
    }

    /// The transaction is committed: a marker stands behind its records.
    func committed() {
        lock.withLock {
            for partition in sent.keys { next[partition] = offsets[partition].map { $0 + 1 } }
            sent = [:]
        }
    }

    /// The transaction is aborted, and is to be sent again.
    func tookBack() {
        lock.withLock {
            for partition in sent.keys { next[partition] = nil }
            sent = [:]
        }
    }

    func start(_ ends: [TopicPartition: Int64]) { lock.withLock { offsets = ends } }

    /// Partitions that have a place in the cuts from now on, whether they are written or not.
    func begin(_ partitions: [TopicPartition]) {
        lock.withLock {
            for partition in partitions { offsets[partition] = offsets[partition] ?? 0 }
        }
    }

    func delivered(
        _ partition: TopicPartition, _ records: Int, _ result: Result<Int64, ClientError>
    ) {
        lock.withLock {
            switch result {
            case .success(let offset):
                let end = offset + Int64(records)
                offsets[partition] = max(offsets[partition] ?? 0, end)
            case .failure(let error): first = first ?? error
            }
        }
    }
}
