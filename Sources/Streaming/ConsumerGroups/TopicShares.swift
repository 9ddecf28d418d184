import Records

/// Partitions of some topics, by the ids of the topics: what a member has, or is to have.
public struct TopicShares: Equatable, Sendable {
    public private(set) var topics: [UUID: Set<Int32>] = [:]

    public init() {}

    public init(_ topics: [UUID: Set<Int32>]) {
        self.topics = topics.filter { !$0.value.isEmpty }
    }

    public var isEmpty: Bool { topics.isEmpty }

    public var count: Int { topics.values.reduce(0) { $0 + $1.count } }

    public subscript(topic: UUID) -> Set<Int32> { topics[topic] ?? [] }

    public func contains(_ topic: UUID, _ partition: Int32) -> Bool {
        topics[topic]?.contains(partition) ?? false
    }

    public mutating func insert(_ topic: UUID, _ partition: Int32) {
        topics[topic, default: []].insert(partition)
    }

    func isSubset(of other: TopicShares) -> Bool {
        topics.allSatisfy { $1.isSubset(of: other[$0]) }
    }

    func intersects(_ other: TopicShares) -> Bool {
        topics.contains { !$1.isDisjoint(with: other[$0]) }
    }

    func intersection(_ other: TopicShares) -> TopicShares {
        TopicShares(topics.mapValuesByKey { $1.intersection(other[$0]) })
    }

    func subtracting(_ other: TopicShares) -> TopicShares {
        TopicShares(topics.mapValuesByKey { $1.subtracting(other[$0]) })
    }

    func union(_ other: TopicShares) -> TopicShares {
        TopicShares(topics.merging(other.topics) { $0.union($1) })
    }

    func filter(_ isKept: (UUID, Int32) -> Bool) -> TopicShares {
        TopicShares(topics.mapValuesByKey { topic, some in some.filter { isKept(topic, $0) } })
    }

    /// In the order of ids and numbers, so that a run can be replayed.
    public var sorted: [(topic: UUID, partitions: [Int32])] {
        topics.sorted { ($0.key.high, $0.key.low) < ($1.key.high, $1.key.low) }
            .map { ($0.key, $0.value.sorted()) }
    }
}

extension Dictionary {
    fileprivate func mapValuesByKey<T>(_ transform: (Key, Value) -> T) -> [Key: T] {
        var result: [Key: T] = [:]
        result.reserveCapacity(count)
        for (key, value) in self { result[key] = transform(key, value) }
        return result
    }
}
