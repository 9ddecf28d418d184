import Platform
import Streaming

/// Which refusals the server's log has lately told of: a client that tries again and again gets a
/// line a minute for each cause. One a server; called from any thread.
final class RefusalLog: @unchecked Sendable {
    private static let nanoseconds: Int64 = 60_000_000_000

    private let lock = Lock()
    private var told: [String: Int64] = [:]

    /// Whether the line should be told now, which counts as telling it.
    func isDue(_ line: String, at now: Int64) -> Bool {
        lock.withLock {
            if let last = told[line], now - last < Self.nanoseconds { return false }
            if told.count >= Limits.refusalsTold { told.removeAll(keepingCapacity: true) }
            told[line] = now
            return true
        }
    }
}

extension StreamingError {
    /// What a client does wrong, and does again until somebody looks for the cause; not what
    /// passes by itself or belongs to the protocol, such as a topic that is not there yet.
    var isFaultOfClient: Bool {
        switch self {
        case .invalidTopicName, .invalidPartitions, .invalidReplicationFactor,
            .invalidReplicaAssignment, .invalidConfig, .invalidRequest, .corruptMessage,
            .unsupportedFormat, .messageTooLarge, .invalidRecord, .rejectedRecords,
            .unsupportedCompression, .outOfOrderSequence, .invalidProducerEpoch, .policyViolation,
            .invalidTransactionState, .invalidProducerIDMapping, .invalidTransactionTimeout,
            .producerFenced:
            true
        case .unknownTopic, .unknownTopicID, .unknownPartition, .topicExists, .offsetOutOfRange,
            .duplicateSequence, .unknownProducer, .fencedLeaderEpoch, .unknownLeaderEpoch,
            .storage, .coordinatorNotAvailable, .concurrentTransactions, .operationNotAttempted:
            false
        }
    }
}
