import ArgumentParsing

/// What happens to a record that cannot be read or is refused.
enum ErrorPolicy: String, CaseIterable, Sendable {
    case fail, skip
}

/// The compression of record batches, by the name that Kafka gives it.
enum CompressionChoice: String, CaseIterable, Sendable {
    case none, gzip, snappy, lz4, zstd
}

/// When a produce request is answered.
enum Acknowledgement: Sendable, Equatable {
    case none, leader, all

    init(_ text: String) throws(UsageError) {
        switch text {
        case "0": self = .none
        case "1": self = .leader
        case "all", "-1": self = .all
        default: throw UsageError("wants 0, 1 or all, not \"\(text)\"")
        }
    }
}

extension ValueParser where Value == Acknowledgement {
    static let acks = ValueParser("ACKS", completion: .choices(["0", "1", "all"])) {
        text throws(UsageError) in try Acknowledgement(text)
    }
}

/// How members share a group's topics, by the names of Kafka's `group.protocol`.
enum GroupProtocolChoice: String, CaseIterable, Sendable {
    case classic, consumer, share
}

/// Which records a consumer sees of transactions.
enum IsolationChoice: String, CaseIterable, Sendable {
    case readUncommitted = "read_uncommitted"
    case readCommitted = "read_committed"
}
