import Records

/// Shares partitions among the members of a consumer group, as Kafka's server-side assignors of
/// these names do (`group.consumer.assignors`).
enum ServerAssignor: String, Sendable, CaseIterable {
    /// As even as can be, moving as little as can be.
    case uniform
    /// Each topic in ranges: members get neighbouring partitions, the first ones more.
    case range

    /// What the assignor knows of a member.
    struct Member: Sendable {
        let id: String
        let instanceID: String?
        let topics: [TopicShape]
        /// What it was to have up to now.
        let previous: TopicShares

        /// Static members come first, by their instance id, so that a restart changes nothing.
        static func precedes(_ left: Member, _ right: Member) -> Bool {
            switch (left.instanceID, right.instanceID) {
            case (let first?, let second?): first < second
            case (_?, nil): true
            case (nil, _?): false
            case (nil, nil): left.id < right.id
            }
        }
    }

    /// What each member is to have. Every partition of a topic that someone reads is in it once.
    func assign(_ members: [Member]) -> [String: TopicShares] {
        let members = members.sorted(by: Member.precedes)
        switch self {
        case .range: return Self.ranges(members)
        case .uniform:
            var uniform = UniformAssignment(members)
            return uniform.assign()
        }
    }

    private static func ranges(_ members: [Member]) -> [String: TopicShares] {
        var shares = Dictionary(
            members.map { ($0.id, TopicShares()) }, uniquingKeysWith: { first, _ in first })
        var readers: [UUID: (shape: TopicShape, members: [String])] = [:]
        for member in members {
            for topic in member.topics {
                readers[topic.id, default: (topic, [])].members.append(member.id)
            }
        }
        for (topic, (shape, members)) in readers {
            let count = Int(shape.partitionCount)
            var next = 0
            for (index, member) in members.enumerated() {
                let share = count / members.count + (index < count % members.count ? 1 : 0)
                for partition in next..<next + share {
                    shares[member]?.insert(topic, Int32(partition))
                }
                next += share
            }
        }
        return shares
    }
}

/// One run of the uniform assignor.
///
/// What a member had it keeps, up to its fair number; what is free goes to the member with the
/// fewest among those that read the topic; then partitions move while that makes two loads more
/// alike. Where all members read the same topics, nobody has more than one partition more than
/// another.
private struct UniformAssignment {
    private struct Slot {
        let id: String
        let topics: Set<UUID>
        let previous: TopicShares
        var load = 0
    }

    private struct Place: Hashable {
        let topic: UUID
        let partition: Int32
    }

    private var slots: [Slot]
    private let topics: [TopicShape]
    /// The places in `slots` of those that read a topic.
    private var readers: [UUID: [Int]] = [:]
    private var owner: [Place: Int] = [:]

    init(_ members: [ServerAssignor.Member]) {
        slots = members.map {
            Slot(id: $0.id, topics: Set($0.topics.map(\.id)), previous: $0.previous)
        }
        var shapes: [UUID: TopicShape] = [:]
        for (index, member) in members.enumerated() {
            for topic in member.topics {
                shapes[topic.id] = topic
                readers[topic.id, default: []].append(index)
            }
        }
        let readers = self.readers
        // What few can read is given first, so that the rest can even it out.
        topics = shapes.values.sorted {
            ((readers[$0.id]?.count ?? 0), $0.name) < ((readers[$1.id]?.count ?? 0), $1.name)
        }
    }

    mutating func assign() -> [String: TopicShares] {
        let total = topics.reduce(0) { $0 + Int($1.partitionCount) }
        guard !slots.isEmpty, total > 0 else { return shares() }
        let readsAlike = slots.allSatisfy { $0.topics == slots[0].topics }
        keep(total, readsAlike)
        for topic in topics {
            for partition in 0..<topic.partitionCount {
                let place = Place(topic: topic.id, partition: partition)
                guard owner[place] == nil, let slot = leastLoaded(topic.id) else { continue }
                give(place, to: slot)
            }
        }
        if !readsAlike { balance() }
        return shares()
    }

    /// Members keep what they had; where all read the same, up to the fair number.
    private mutating func keep(_ total: Int, _ readsAlike: Bool) {
        let fair = total / slots.count
        var extras = total % slots.count
        // Those that have most come first for the numbers that are one higher.
        let order = slots.indices.sorted {
            (slots[$1].previous.count, $0) < (slots[$0].previous.count, $1)
        }
        for slot in order {
            let had = had(slot)
            var limit = had.count
            if readsAlike, had.count > fair {
                limit = fair
                if extras > 0 {
                    extras -= 1
                    limit += 1
                }
            }
            for place in had.prefix(limit) { give(place, to: slot) }
        }
    }

    /// What the member had of topics that are there and that it reads still.
    private func had(_ slot: Int) -> [Place] {
        var places: [Place] = []
        for topic in topics where slots[slot].topics.contains(topic.id) {
            for partition in slots[slot].previous[topic.id].sorted()
            where partition < topic.partitionCount {
                let place = Place(topic: topic.id, partition: partition)
                if owner[place] == nil { places.append(place) }
            }
        }
        return places
    }

    private mutating func give(_ place: Place, to slot: Int) {
        if let old = owner.updateValue(slot, forKey: place) { slots[old].load -= 1 }
        slots[slot].load += 1
    }

    private func leastLoaded(_ topic: UUID) -> Int? {
        readers[topic]?.min { (slots[$0].load, $0) < (slots[$1].load, $1) }
    }

    /// Moves single partitions from the fuller to the emptier of a topic's readers. Each move makes
    /// the sum of the squares of the loads smaller, so this ends.
    private mutating func balance() {
        var hasMoved = true
        while hasMoved {
            hasMoved = false
            for topic in topics {
                for partition in 0..<topic.partitionCount {
                    let place = Place(topic: topic.id, partition: partition)
                    guard let from = owner[place], let slot = leastLoaded(topic.id),
                        slots[from].load > slots[slot].load + 1
                    else { continue }
                    give(place, to: slot)
                    hasMoved = true
                }
            }
        }
    }

    private func shares() -> [String: TopicShares] {
        var shares = Dictionary(
            slots.map { ($0.id, TopicShares()) }, uniquingKeysWith: { first, _ in first })
        for (place, slot) in owner { shares[slots[slot].id]?.insert(place.topic, place.partition) }
        return shares
    }
}
