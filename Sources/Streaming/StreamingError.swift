/// Why the engine refuses something, each with Kafka's error code; the Service puts it on the wire.
public enum StreamingError: Error, Equatable, Sendable {
    case unknownTopic(String)
    case unknownTopicID
    case unknownPartition(topic: String, partition: Int32)
    case topicExists(String)
    /// The text says which rule the name breaks.
    case invalidTopicName(String)
    case invalidPartitions(String)
    case invalidReplicationFactor(String)
    case invalidReplicaAssignment(String)
    case invalidConfig(String)
    case invalidRequest(String)
    case corruptMessage(String)
    case unsupportedFormat(String)
    case messageTooLarge(size: Int, limit: Int)
    case invalidRecord(String)
    /// The topic does not take these records of a batch, and nothing of it was appended.
    case rejectedRecords([RejectedRecord])
    /// What older clients may not send, such as zstd.
    case unsupportedCompression(String)
    case offsetOutOfRange
    case outOfOrderSequence
    case duplicateSequence
    case invalidProducerEpoch
    case unknownProducer
    case fencedLeaderEpoch
    case unknownLeaderEpoch
    /// A file cannot be written, synced or read; the text is for the server's log.
    case storage(String)
    case policyViolation(String)
    case coordinatorNotAvailable
    case invalidTransactionState
    case invalidProducerIDMapping
    case invalidTransactionTimeout
    case concurrentTransactions
    case operationNotAttempted
    /// Another producer of the same transactional id has come.
    case producerFenced

    /// Kafka's number for it.
    public var code: Int16 {
        switch self {
        case .offsetOutOfRange: 1
        case .corruptMessage: 2
        case .unknownTopic, .unknownPartition: 3
        case .messageTooLarge: 10
        case .coordinatorNotAvailable: 15
        case .invalidTopicName: 17
        case .rejectedRecords(let records): records.code
        case .topicExists: 36
        case .invalidPartitions: 37
        case .invalidReplicationFactor: 38
        case .invalidReplicaAssignment: 39
        case .invalidConfig: 40
        case .invalidRequest: 42
        case .unsupportedFormat: 43
        case .policyViolation: 44
        case .outOfOrderSequence: 45
        case .duplicateSequence: 46
        case .invalidProducerEpoch: 47
        case .invalidTransactionState: 48
        case .invalidProducerIDMapping: 49
        case .invalidTransactionTimeout: 50
        case .concurrentTransactions: 51
        case .operationNotAttempted: 55
        case .storage: 56
        case .unknownProducer: 59
        case .fencedLeaderEpoch: 74
        case .unknownLeaderEpoch: 75
        case .unsupportedCompression: 76
        case .invalidRecord: 87
        case .producerFenced: 90
        case .unknownTopicID: 100
        }
    }

    /// A sentence for the client that names the thing; nil where the code says it all.
    public var message: String? {
        switch self {
        case .unknownTopic(let name): "Topic '\(name)' does not exist."
        case .unknownPartition(let topic, let partition):
            "Topic '\(topic)' has no partition \(partition)."
        case .topicExists(let name): "Topic '\(name)' already exists."
        case .messageTooLarge(let size, let limit):
            "A batch of \(size) bytes is larger than max.message.bytes, \(limit)."
        case .invalidTopicName(let text), .invalidPartitions(let text),
            .invalidReplicationFactor(let text), .invalidReplicaAssignment(let text),
            .invalidConfig(let text),
            .invalidRequest(let text), .corruptMessage(let text), .unsupportedFormat(let text),
            .invalidRecord(let text), .unsupportedCompression(let text), .storage(let text),
            .policyViolation(let text):
            text
        case .rejectedRecords(let records): records.message
        case .unknownTopicID, .offsetOutOfRange, .outOfOrderSequence, .duplicateSequence,
            .invalidProducerEpoch, .unknownProducer, .fencedLeaderEpoch, .unknownLeaderEpoch,
            .coordinatorNotAvailable, .invalidTransactionState, .invalidProducerIDMapping,
            .invalidTransactionTimeout, .concurrentTransactions, .operationNotAttempted,
            .producerFenced:
            nil
        }
    }
}
