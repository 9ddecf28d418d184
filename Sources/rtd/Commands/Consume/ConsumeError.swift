import KafkaClient
import Platform

/// What ends `rtd consume` before its end.
enum ConsumeError: Error, Sendable {
    case client(ClientError)
    /// stdout cannot be written to.
    case output(SystemError)
    /// A batch that cannot be printed; the text says why.
    case damaged(TopicPartition, reason: String)
    /// No record came within `--timeout`.
    case idle
    /// For people, as it is.
    case message(String)
}

extension ConsumeError: CustomStringConvertible {
    var description: String {
        switch self {
        case .client(let error): "\(error)"
        case .output(let error): "\(error)"
        case .damaged(let id, let reason):
            "topic \"\(id.topic)\" partition \(id.partition): \(reason)"
        case .idle: "no record came within --timeout"
        case .message(let text): text
        }
    }
}
