import LogStorage
import Records

/// A topic as it is now: an immutable picture that the registry replaces when something changes.
public struct Topic: Sendable {
    public let id: UUID
    public let name: String
    /// What the topic sets itself, by Kafka's names.
    public let configs: [String: String]
    public let settings: TopicSettings
    public let partitions: [Partition]
    /// Topics of the server's own, which clients may read but not write.
    public let isInternal: Bool

    public func partition(_ index: Int32) -> Partition? {
        index >= 0 && Int(index) < partitions.count ? partitions[Int(index)] : nil
    }

    /// The same with the settings that its configs come to under the broker's.
    func under(_ broker: BrokerSettings) -> Topic {
        Topic(
            id: id, name: name, configs: configs, settings: broker.topicSettings(configs),
            partitions: partitions, isInternal: isInternal)
    }
}

/// The rules for names of topics, which are Kafka's.
public enum TopicName {
    /// Throws a sentence that says which rule `name` breaks.
    public static func check(_ name: String) throws(StreamingError) {
        if name.isEmpty { throw .invalidTopicName("A topic's name cannot be empty.") }
        if name == "." || name == ".." {
            throw .invalidTopicName("A topic's name cannot be '.' or '..'.")
        }
        if name.utf8.count > Limits.topicNameBytesMax {
            throw .invalidTopicName(
                "A topic's name has at most \(Limits.topicNameBytesMax) characters.")
        }
        let allowed = name.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
        if !allowed {
            throw .invalidTopicName(
                "A topic's name is made of letters, digits, '.', '_' and '-'; '\(name)' is not.")
        }
    }
}
