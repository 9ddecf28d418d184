import Bytes
import Records

/// The keys of Kafka's records about groups that the server shares out (key types 3 and 5 to 8 of
/// consumer groups, 10 to 14 of share groups).
struct ConsumerRecordKey: Hashable, Sendable {
    enum What: Hashable, Sendable {
        case epoch
        case member(String)
        case targetEpoch
        case target(String)
        case assignment(String)
    }

    var kind: ConsumerGroup.Kind
    var group: String
    var what: What

    private var number: Int16 {
        switch (kind, what) {
        case (.consumer, .epoch): 3
        case (.consumer, .member): 5
        case (.consumer, .targetEpoch): 6
        case (.consumer, .target): 7
        case (.consumer, .assignment): 8
        case (.share, .member): 10
        case (.share, .epoch): 11
        case (.share, .targetEpoch): 12
        case (.share, .target): 13
        case (.share, .assignment): 14
        }
    }

    var bytes: [UInt8] {
        var writer = ByteWriter(reserving: 64)
        writer.int16(number)
        writer.string16(group)
        switch what {
        case .epoch, .targetEpoch: break
        case .member(let id), .target(let id), .assignment(let id): writer.string16(id)
        }
        return writer.bytes
    }

    /// Nil for a key of another kind.
    static func decode(_ bytes: [UInt8]) throws(MalformedBytes) -> ConsumerRecordKey? {
        var reader = ByteReader(bytes.span)
        let number = reader.int16()
        guard [3, 5, 6, 7, 8, 10, 11, 12, 13, 14].contains(number) else { return nil }
        let group = reader.string16()
        let what: What
        switch number {
        case 3, 11: what = .epoch
        case 6, 12: what = .targetEpoch
        case 5, 10: what = .member(reader.string16())
        case 7, 13: what = .target(reader.string16())
        default: what = .assignment(reader.string16())
        }
        try reader.finish()
        return ConsumerRecordKey(kind: number < 9 ? .consumer : .share, group: group, what: what)
    }
}

/// The values under those keys, version 0, in Kafka's flexible form.
enum ConsumerRecord {
    static func epoch(_ epoch: Int32, topicsHash: Int64) -> [UInt8] {
        var writer = ByteWriter(reserving: 16)
        writer.int16(0)
        writer.int32(epoch)
        writer.uvarint(1)
        writer.uvarint(0)
        writer.uvarint(8)
        writer.int64(topicsHash)
        return writer.bytes
    }

    static func decodeEpoch(_ bytes: [UInt8]) throws(MalformedBytes) -> (Int32, Int64) {
        var reader = ByteReader(bytes.span)
        try reader.version0()
        let epoch = reader.int32()
        var hash: Int64 = 0
        let count = reader.count(Int(reader.uvarint()), elementSize: 2)
        for _ in 0..<count where !reader.failed {
            let tag = reader.uvarint()
            let size = reader.uvarint()
            if tag == 0, size == 8 { hash = reader.int64() } else { _ = reader.take(Int(size)) }
        }
        try reader.finish()
        return (epoch, hash)
    }

    static func targetEpoch(_ epoch: Int32) -> [UInt8] {
        var writer = ByteWriter(reserving: 8)
        writer.int16(0)
        writer.int32(epoch)
        writer.uvarint(0)
        return writer.bytes
    }

    static func decodeTargetEpoch(_ bytes: [UInt8]) throws(MalformedBytes) -> Int32 {
        var reader = ByteReader(bytes.span)
        try reader.version0()
        let epoch = reader.int32()
        reader.skipTags()
        try reader.finish()
        return epoch
    }

    static func target(_ shares: TopicShares) -> [UInt8] {
        var writer = ByteWriter(reserving: 64)
        writer.int16(0)
        writer.shares(shares)
        writer.uvarint(0)
        return writer.bytes
    }

    static func decodeTarget(_ bytes: [UInt8]) throws(MalformedBytes) -> TopicShares {
        var reader = ByteReader(bytes.span)
        try reader.version0()
        let shares = reader.shares()
        reader.skipTags()
        try reader.finish()
        return shares
    }

    static func assignment(_ member: ConsumerMember, _ kind: ConsumerGroup.Kind) -> [UInt8] {
        var writer = ByteWriter(reserving: 64)
        writer.int16(0)
        writer.int32(member.epoch)
        writer.int32(member.previousEpoch)
        writer.int8(member.state.rawValue)
        writer.shares(member.assigned)
        if kind == .consumer { writer.shares(member.pendingRevocation) }
        writer.uvarint(0)
        return writer.bytes
    }

    static func decodeAssignment(
        _ bytes: [UInt8], over member: ConsumerMember, _ kind: ConsumerGroup.Kind
    ) throws(MalformedBytes) -> ConsumerMember {
        var member = member
        var reader = ByteReader(bytes.span)
        try reader.version0()
        member.epoch = reader.int32()
        member.previousEpoch = reader.int32()
        member.state = ConsumerMember.State(rawValue: reader.int8()) ?? .stable
        member.assigned = reader.shares()
        member.pendingRevocation = kind == .consumer ? reader.shares() : TopicShares()
        reader.skipTags()
        try reader.finish()
        return member
    }

    static func member(_ member: ConsumerMember, _ kind: ConsumerGroup.Kind) -> [UInt8] {
        var writer = ByteWriter(reserving: 128)
        writer.int16(0)
        if kind == .consumer { writer.compact(member.instanceID) }
        writer.compact(member.rackID)
        writer.compact(member.clientID)
        writer.compact(member.clientHost)
        writer.uvarint(UInt32(member.topics.count) + 1)
        for topic in member.topics { writer.compact(topic) }
        if kind == .consumer {
            writer.compact(member.pattern)
            writer.int32(member.rebalanceTimeout)
            writer.compact(member.assignor)
            if let classic = member.classic {
                writer.int8(1)
                writer.int32(classic.sessionTimeout)
                writer.uvarint(UInt32(classic.protocols.count) + 1)
                for offer in classic.protocols {
                    writer.compact(offer.name)
                    writer.uvarint(UInt32(offer.metadata.count) + 1)
                    writer.append(offer.metadata)
                    writer.uvarint(0)
                }
                writer.uvarint(0)
            } else {
                writer.int8(-1)
            }
        }
        writer.uvarint(0)
        return writer.bytes
    }

    /// What the member has stays as `old` has it.
    static func decodeMember(
        _ bytes: [UInt8], over old: ConsumerMember?, _ id: String, _ kind: ConsumerGroup.Kind
    ) throws(MalformedBytes) -> ConsumerMember {
        var member = old ?? ConsumerMember(id: id)
        var reader = ByteReader(bytes.span)
        try reader.version0()
        member.instanceID = kind == .consumer ? reader.text(compact: true) : nil
        member.rackID = reader.text(compact: true)
        member.clientID = reader.compactString()
        member.clientHost = reader.compactString()
        let count = reader.count(Int(reader.uvarint()) - 1, elementSize: 1)
        member.topics = []
        for _ in 0..<count where !reader.failed { member.topics.append(reader.compactString()) }
        if kind == .consumer {
            member.pattern = reader.text(compact: true)
            member.rebalanceTimeout = reader.int32()
            member.assignor = reader.text(compact: true)
            member.classic = reader.int8() < 0 ? nil : reader.classicMember()
        }
        reader.skipTags()
        try reader.finish()
        return member
    }
}

extension ByteWriter {
    /// A string of the flexible versions; nil is null.
    fileprivate mutating func compact(_ text: String?) {
        guard let text else { return uvarint(0) }
        uvarint(UInt32(text.utf8.count) + 1)
        append(utf8: text)
    }

    fileprivate mutating func shares(_ shares: TopicShares) {
        let topics = shares.sorted
        uvarint(UInt32(topics.count) + 1)
        for (topic, partitions) in topics {
            uint64(topic.high)
            uint64(topic.low)
            uvarint(UInt32(partitions.count) + 1)
            for partition in partitions { int32(partition) }
            uvarint(0)
        }
    }
}

extension ByteReader {
    fileprivate mutating func version0() throws(MalformedBytes) {
        guard int16() == 0 else { throw MalformedBytes() }
    }

    @_lifetime(self: copy self)
    fileprivate mutating func shares() -> TopicShares {
        var topics: [UUID: Set<Int32>] = [:]
        let count = count(Int(uvarint()) - 1, elementSize: 18)
        for _ in 0..<count where !failed {
            let id = UUID(high: uint64(), low: uint64())
            let partitions = self.count(Int(uvarint()) - 1, elementSize: 4)
            for _ in 0..<partitions where !failed { topics[id, default: []].insert(int32()) }
            skipTags()
        }
        return TopicShares(topics)
    }

    @_lifetime(self: copy self)
    fileprivate mutating func classicMember() -> ConsumerMember.Classic {
        var classic = ConsumerMember.Classic(sessionTimeout: int32(), protocols: [])
        let count = count(Int(uvarint()) - 1, elementSize: 3)
        for _ in 0..<count where !failed {
            let name = compactString()
            classic.protocols.append(GroupProtocol(name: name, metadata: blob(compact: true)))
            skipTags()
        }
        skipTags()
        return classic
    }
}
