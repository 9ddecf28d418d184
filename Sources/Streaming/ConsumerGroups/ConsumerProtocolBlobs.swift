import Bytes
import Records

/// What a consumer says about itself inside JoinGroup: ConsumerProtocolSubscription, versions 0-3.
struct ConsumerSubscription: Equatable, Sendable {
    var topics: [String]
    /// By name; empty before version 1.
    var owned: [(topic: String, partitions: [Int32])] = []
    var rackID: String?

    static func == (left: Self, right: Self) -> Bool {
        left.topics == right.topics && left.rackID == right.rackID
            && left.owned.map(\.topic) == right.owned.map(\.topic)
            && left.owned.map(\.partitions) == right.owned.map(\.partitions)
    }

    /// Nil if the bytes are none.
    static func decode(_ bytes: [UInt8]) -> ConsumerSubscription? {
        var reader = ByteReader(bytes.span)
        let version = reader.int16()
        let count = reader.count(Int(reader.int32()), elementSize: 2)
        var subscription = ConsumerSubscription(topics: [])
        for _ in 0..<count where !reader.failed { subscription.topics.append(reader.string16()) }
        let userData = reader.int32()
        if userData > 0 { _ = reader.take(Int(userData)) }
        if version >= 1 { subscription.owned = reader.assignedPartitions() }
        if version >= 2 { _ = reader.int32() }
        if version >= 3 { subscription.rackID = reader.text(compact: false) }
        return reader.failed || version < 0 ? nil : subscription
    }
}

/// The blob of SyncGroup's answer: ConsumerProtocolAssignment, whose versions 0 to 3 are alike.
enum ConsumerAssignmentBlob {
    static func encode(_ shares: TopicShares, _ topics: any TopicDirectory) -> [UInt8] {
        var writer = ByteWriter(reserving: 64)
        writer.int16(0)
        let known = shares.sorted.compactMap { topic, partitions in
            topics.shape(ofTopic: topic).map { ($0.name, partitions) }
        }
        writer.int32(Int32(known.count))
        for (name, partitions) in known {
            writer.string16(name)
            writer.int32(Int32(partitions.count))
            for partition in partitions { writer.int32(partition) }
        }
        writer.int32(-1)
        return writer.bytes
    }

    /// Partitions of topics that are gone are left out; nil if the bytes are none.
    static func decode(_ bytes: [UInt8], _ topics: any TopicDirectory) -> TopicShares? {
        guard !bytes.isEmpty else { return TopicShares() }
        var reader = ByteReader(bytes.span)
        guard reader.int16() >= 0 else { return nil }
        let named = reader.assignedPartitions()
        return reader.failed ? nil : TopicShares(named, topics)
    }
}

extension TopicShares {
    init(_ named: [(topic: String, partitions: [Int32])], _ topics: any TopicDirectory) {
        self.init()
        for (name, partitions) in named {
            guard let shape = topics.shape(ofTopic: name) else { continue }
            for partition in partitions { insert(shape.id, partition) }
        }
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    fileprivate mutating func assignedPartitions() -> [(topic: String, partitions: [Int32])] {
        var topics: [(topic: String, partitions: [Int32])] = []
        let count = count(Int(int32()), elementSize: 6)
        for _ in 0..<count where !failed {
            let name = string16()
            let size = self.count(Int(int32()), elementSize: 4)
            var partitions: [Int32] = []
            for _ in 0..<size where !failed { partitions.append(int32()) }
            topics.append((name, partitions))
        }
        return topics
    }
}
