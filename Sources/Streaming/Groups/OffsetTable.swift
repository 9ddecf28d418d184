/// The durable offsets of one group.
struct OffsetTable: Equatable, Sendable {
    private(set) var topics: [String: [Int32: CommittedOffset]] = [:]
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    subscript(topic: String, partition: Int32) -> CommittedOffset? {
        topics[topic]?[partition]
    }

    /// Sets or (with nil) removes an offset; the change in the number of offsets.
    @discardableResult
    mutating func set(_ offset: CommittedOffset?, topic: String, partition: Int32) -> Int {
        let before = count
        if let offset {
            if topics[topic, default: [:]].updateValue(offset, forKey: partition) == nil {
                count += 1
            }
        } else if topics[topic]?.removeValue(forKey: partition) != nil {
            count -= 1
            if topics[topic]?.isEmpty == true { topics[topic] = nil }
        }
        return count - before
    }

    /// Topics by name, partitions by number.
    var sorted: [(topic: String, partitions: [(key: Int32, value: CommittedOffset)])] {
        topics.sorted { $0.key < $1.key }.map { topic, partitions in
            (topic, partitions.sorted { $0.key < $1.key })
        }
    }
}
