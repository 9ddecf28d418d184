/// Shares the partitions of topics among the members of a group, as Kafka's assignors of these
/// names do; run by the member that the group chose as its leader.
enum Assignor: String, Sendable, CaseIterable {
    /// Each topic in ranges: members get neighbouring partitions, the first ones more.
    case range
    /// All partitions of all topics in turn.
    case roundRobin = "roundrobin"

    /// What the leader knows of a member.
    struct Member: Sendable, Equatable {
        let id: String
        /// Static members are ordered by it, so that a restart changes nothing.
        let instanceID: String?
        let topics: Set<String>
    }

    /// Partitions by member id. `partitionCounts` has no entry for a topic that does not exist.
    func assign(
        _ members: [Member], partitionCounts: [String: Int32]
    ) -> [String: [TopicPartition]] {
        var shares = Dictionary(
            members.map { ($0.id, [TopicPartition]()) }, uniquingKeysWith: { first, _ in first })
        let ordered = members.sorted(by: Assignor.precedes)
        let topics = Set(members.flatMap(\.topics)).sorted()
        switch self {
        case .range:
            for topic in topics {
                assignRange(
                    topic, count: Int(partitionCounts[topic] ?? 0),
                    to: ordered.filter { $0.topics.contains(topic) }, &shares)
            }
        case .roundRobin:
            let all = topics.flatMap { topic in
                (0..<(partitionCounts[topic] ?? 0)).map { TopicPartition(topic, $0) }
            }
            assignInTurn(all, to: ordered, &shares)
        }
        return shares
    }

    private func assignRange(
        _ topic: String, count: Int, to members: [Member],
        _ shares: inout [String: [TopicPartition]]
    ) {
        guard !members.isEmpty else { return }
        var next = 0
        for (index, member) in members.enumerated() {
            let share = count / members.count + (index < count % members.count ? 1 : 0)
            shares[member.id, default: []] += (next..<next + share).map {
                TopicPartition(topic, Int32($0))
            }
            next += share
        }
    }

    private func assignInTurn(
        _ partitions: [TopicPartition], to members: [Member],
        _ shares: inout [String: [TopicPartition]]
    ) {
        var turn = 0
        for partition in partitions {
            // Some member asked for the topic, so one is found within a round.
            for _ in members.indices {
                let member = members[turn % members.count]
                turn += 1
                guard member.topics.contains(partition.topic) else { continue }
                shares[member.id, default: []].append(partition)
                break
            }
        }
    }

    /// Static members come first, by their instance id; then the others by member id.
    private static func precedes(_ a: Member, _ b: Member) -> Bool {
        switch (a.instanceID, b.instanceID) {
        case (let first?, let second?): first < second
        case (_?, nil): true
        case (nil, _?): false
        case (nil, nil): a.id < b.id
        }
    }
}
