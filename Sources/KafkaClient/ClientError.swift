import KafkaProtocol
import Platform

/// What a client of a cluster can fail with. The descriptions are what people read: lower-case,
/// without full stop, naming the thing and the way out.
public enum ClientError: Error, Sendable, Equatable {
    /// No connection could be made.
    case unreachable(address: String, reason: String)
    /// A connection ended, or was given up, before the answer came.
    case connectionLost(address: String, reason: String)
    /// TLS was refused by one of both sides.
    case untrusted(address: String, reason: String)
    /// The broker does not take the client for who it says it is.
    case unauthenticated(address: String, detail: String)
    /// A broker did not answer in time.
    case timedOut(api: APIKey, address: String, milliseconds: Int64)
    /// The broker lacks a request, or any version of it that we speak.
    case unsupported(api: APIKey, address: String, detail: String)
    /// Bytes that are not Kafka's protocol.
    case malformed(address: String, detail: String)
    case unknownTopic(String)
    /// A topic that was there is gone.
    case topicDeleted(String)
    case topic(String, ErrorCode, detail: String?)
    case partition(TopicPartition, ErrorCode, detail: String?)
    case group(String, ErrorCode, detail: String?)
    /// A broker refused a request that is about no topic or group.
    case refused(api: APIKey, ErrorCode, detail: String?)
    /// A batch larger than the topic allows.
    case batchTooLarge(TopicPartition, bytes: Int)
    /// The broker has rejected other records of the same batch, so these were not appended either.
    case batchRejected(TopicPartition)
    /// A batch was not acknowledged within `delivery.timeout.ms`; the cause is the last error.
    case undelivered(TopicPartition, milliseconds: Int64, cause: String)
    case offsetOutOfRange(TopicPartition, offset: Int64, logStart: Int64)
    /// The log was cut after it was read (KIP-320): what follows `end` is other data now.
    case truncated(TopicPartition, position: Int64, end: Int64)
    /// A batch that was received fails its checksum.
    case corrupt(TopicPartition, offset: Int64)
    /// This member lost its place in the group; its partitions may belong to others.
    case membershipLost(group: String)
    /// The group has committed nothing for a partition, and was not told where to begin then.
    case noCommittedOffset(group: String, TopicPartition)
    /// The client, producer or consumer was closed.
    case closed
    case cancelled
}

extension ClientError {
    /// Whether the same may succeed later, after new metadata where that is at fault.
    public var isRetriable: Bool {
        switch self {
        case .unreachable, .connectionLost, .timedOut: true
        case .topic(_, let code, _), .partition(_, let code, _), .group(_, let code, _),
            .refused(_, let code, _):
            code.retriable
        default: false
        }
    }

    /// The broker's code, where the error is one.
    public var code: ErrorCode? {
        switch self {
        case .topic(_, let code, _), .partition(_, let code, _), .group(_, let code, _),
            .refused(_, let code, _):
            code
        case .unknownTopic, .topicDeleted: .unknownTopicOrPartition
        case .batchTooLarge: .messageTooLarge
        case .offsetOutOfRange: .offsetOutOfRange
        default: nil
        }
    }
}

extension ClientError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreachable(let address, let reason): "cannot reach \(address): \(reason)"
        case .connectionLost(let address, let reason):
            "lost the connection to \(address): \(reason)"
        case .untrusted(let address, let reason): "cannot speak TLS with \(address): \(reason)"
        case .unauthenticated(let address, let detail): "cannot log in to \(address): \(detail)"
        case .timedOut(let api, let address, let milliseconds):
            "\(address) did not answer \(api.name) within \(milliseconds) ms"
        case .unsupported(let api, let address, let detail):
            "\(address) does not support \(api.name): \(detail)"
        case .malformed(let address, let detail):
            "\(address) does not speak Kafka's protocol: \(detail)"
        case .unknownTopic(let name): "topic \"\(name)\" does not exist"
        case .topicDeleted(let name): "topic \"\(name)\" was deleted"
        case .topic(let name, let code, let detail):
            "topic \"\(name)\": \(ClientError.text(code, detail))"
        case .partition(let partition, let code, let detail):
            "\(ClientError.place(partition)): "
                + ClientError.text(code, detail)
        case .group(let group, let code, let detail):
            "group \"\(group)\": \(ClientError.text(code, detail))"
        case .refused(let api, let code, let detail):
            "\(api.name) was refused: \(ClientError.text(code, detail))"
        default: dataDescription
        }
    }

    /// The errors of moving records.
    private var dataDescription: String {
        switch self {
        case .batchTooLarge(let partition, let bytes):
            "\(ClientError.place(partition)): a batch of \(bytes) bytes "
                + "is larger than the topic's max.message.bytes (raise it, or lower --batch-bytes)"
        case .batchRejected(let partition):
            "\(ClientError.place(partition)): other records of the same batch have been rejected"
        case .undelivered(let partition, let milliseconds, let cause):
            "\(ClientError.place(partition)): not delivered within "
                + "\(milliseconds) ms: \(cause)"
        case .offsetOutOfRange(let partition, let offset, let start):
            "\(ClientError.place(partition)): offset \(offset) is out of range"
                + (start < 0 ? "" : ", the log starts at \(start)")
        case .truncated(let partition, let position, let end):
            "\(ClientError.place(partition)): the log was cut at offset "
                + "\(end) after it was read up to \(position)"
        case .corrupt(let partition, let offset):
            "\(ClientError.place(partition)): the batch at offset "
                + "\(offset) is damaged, its checksum does not match"
        case .membershipLost(let group):
            "group \"\(group)\": this member was removed, its partitions were given to others"
        case .noCommittedOffset(let group, let partition):
            "group \"\(group)\" has committed no offset for \(ClientError.place(partition)), and "
                + "auto.offset.reset=none forbids to choose one (--offset says where to begin)"
        case .cancelled: "cancelled"
        default: "the client is closed"
        }
    }

    private static func place(_ partition: TopicPartition) -> String {
        "topic \"\(partition.topic)\" partition \(partition.partition)"
    }

    private static func text(_ code: ErrorCode, _ detail: String?) -> String {
        if let detail, !detail.isEmpty { return "\(detail) (\(code.name))" }
        var sentence = code.message
        if sentence.hasSuffix(".") { sentence.removeLast() }
        return "\(sentence.prefix(1).lowercased())\(sentence.dropFirst()) (\(code.name))"
    }
}
