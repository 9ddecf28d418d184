import Records
import Streaming

/// Topics that grow when told to. Owned by a rig; on its thread only.
final class TestTopics: TopicDirectory, @unchecked Sendable {
    private(set) var shapes: [String: TopicShape] = [:]

    func set(_ name: String, _ partitions: Int32) {
        let number = shapes[name]?.id.low ?? UInt64(shapes.count + 1)
        shapes[name] = TopicShape(
            id: UUID(high: 7, low: number), name: name, partitionCount: partitions)
    }

    func remove(_ name: String) { shapes[name] = nil }

    func shape(ofTopic name: String) -> TopicShape? { shapes[name] }

    func shape(ofTopic id: UUID) -> TopicShape? { shapes.values.first { $0.id == id } }

    var subscribableTopics: [String] { Array(shapes.keys) }

    /// Patterns here are prefixes; one with a bracket is none.
    func topics(matching pattern: String, among names: [String]) -> Set<String>? {
        pattern.contains("[") ? nil : Set(names.filter { $0.hasPrefix(pattern) })
    }

    /// As `t:0,1 u:2`.
    func text(_ shares: TopicShares) -> String {
        shares.sorted.map { topic, partitions in
            let name = shape(ofTopic: topic)?.name ?? "?"
            return "\(name):\(partitions.map(String.init).joined(separator: ","))"
        }.sorted().joined(separator: " ")
    }

    func shares(_ text: String) -> TopicShares {
        var shares = TopicShares()
        for part in text.split(separator: " ") {
            let halves = part.split(separator: ":")
            guard let shape = shapes[String(halves[0])] else { continue }
            for number in halves[1].split(separator: ",") {
                shares.insert(shape.id, Int32(number) ?? -1)
            }
        }
        return shares
    }
}

/// A client of a consumer group as tests speak for it: `heartbeat` sends what changed.
extension GroupsRig {
    /// The answer as `epoch N [share]`, or the error.
    func heartbeat(
        _ member: String, _ epoch: Int32, owned: String? = nil, topics: [String]? = nil,
        pattern: String? = nil, instance: String? = nil, assignor: String? = nil,
        rebalance: Int32 = -1, group: String = "g", old: Bool = false
    ) -> String {
        var request = ConsumerHeartbeat(
            groupID: group, memberID: member, memberEpoch: epoch, clientID: "c", clientHost: "/h")
        request.owned = owned.map(directory.shares)
        request.topics = topics
        request.pattern = pattern
        request.instanceID = instance
        request.assignor = assignor
        request.rebalanceTimeoutMilliseconds = rebalance
        request.requiresMemberID = !old
        let lines = perform(coordinator.consumerHeartbeat(request, token: token(), now: now))
        return lines.joined(separator: "; ")
    }

    /// Joins with a full request.
    func enter(
        _ member: String, _ topics: [String] = ["t"], pattern: String? = nil,
        instance: String? = nil, assignor: String? = nil, group: String = "g"
    ) -> String {
        heartbeat(
            member, 0, owned: "", topics: topics, pattern: pattern, instance: instance,
            assignor: assignor, rebalance: 60_000, group: group)
    }

    func described(_ group: String = "g") -> ConsumerGroupDescription {
        coordinator.modernDescription(of: group, isShare: false)
    }

    /// The members with what they have, as `a[t:0] b[t:1]`.
    var holdings: String {
        described().members.map { "\($0.memberID)[\(directory.text($0.assigned))]" }
            .joined(separator: " ")
    }
}
