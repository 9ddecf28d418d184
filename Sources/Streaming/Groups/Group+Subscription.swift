import Bytes

// Which topics the members read, as far as the group can know.
extension Group {
    /// Unknown subscriptions of a consumer group count as all topics.
    func isSubscribed(to topic: String) -> Bool {
        if let modern { return modern.subscribedTopics.contains(topic) }
        return subscribedTopics?.contains(topic) ?? usesConsumerProtocol
    }

    /// Reads the subscriptions, once a generation.
    func noteSubscriptions() {
        guard usesConsumerProtocol else {
            subscribedTopics = nil
            return
        }
        var topics: Set<String> = []
        for member in members.values {
            guard let named = Group.topics(of: member.metadata(for: protocolName)) else {
                subscribedTopics = nil
                return
            }
            topics.formUnion(named)
        }
        subscribedTopics = topics
    }

    /// The topics of a ConsumerProtocolSubscription, whose version 0 is the front of all versions;
    /// nil if it is none.
    static func topics(of subscription: [UInt8]) -> [String]? {
        var reader = ByteReader(subscription.span)
        _ = reader.int16()
        let count = reader.count(Int(reader.int32()), elementSize: 2)
        var topics: [String] = []
        for _ in 0..<count where !reader.failed {
            topics.append(reader.string(Int(reader.int16())))
        }
        return reader.failed ? nil : topics
    }
}
