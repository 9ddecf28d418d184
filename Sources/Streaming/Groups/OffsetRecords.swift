import Bytes

/// The keys and values of Kafka's `__consumer_offsets`, as kafka/group-coordinator defines them
/// (OffsetCommitKey, OffsetCommitValue, GroupMetadataKey, GroupMetadataValue).
///
/// Written: keys 1 and 2, values 3 (1 for an offset with an expiry of its own). Read: all versions
/// that Kafka ever wrote. Keys of other versions belong to other kinds of groups.
enum OffsetRecordKey: Hashable, Sendable {
    case offset(group: String, topic: String, partition: Int32)
    case group(String)

    var bytes: [UInt8] {
        switch self {
        case .offset(let group, let topic, let partition):
            var writer = ByteWriter(reserving: 10 + group.utf8.count + topic.utf8.count)
            writer.int16(1)
            writer.string16(group)
            writer.string16(topic)
            writer.int32(partition)
            return writer.bytes
        case .group(let group):
            var writer = ByteWriter(reserving: 4 + group.utf8.count)
            writer.int16(2)
            writer.string16(group)
            return writer.bytes
        }
    }

    /// Nil for a key of another kind; malformed bytes throw.
    static func decode(_ bytes: [UInt8]) throws(MalformedBytes) -> OffsetRecordKey? {
        var reader = ByteReader(bytes.span)
        let key: OffsetRecordKey
        switch reader.int16() {
        case 0, 1:
            let group = reader.string16()
            let topic = reader.string16()
            key = .offset(group: group, topic: topic, partition: reader.int32())
        case 2: key = .group(reader.string16())
        default: return nil
        }
        try reader.finish()
        return key
    }
}

/// The value under an offset key.
struct CommittedOffset: Equatable, Sendable {
    var offset: Int64
    /// -1 when unknown.
    var leaderEpoch: Int32 = -1
    var metadata = ""
    var commitTimestamp: Int64
    /// Set only by OffsetCommit versions 2 to 4 that name a retention.
    var expireTimestamp: Int64?

    var bytes: [UInt8] {
        var writer = ByteWriter(reserving: 32 + metadata.utf8.count)
        writer.int16(expireTimestamp == nil ? 3 : 1)
        writer.int64(offset)
        if expireTimestamp == nil { writer.int32(leaderEpoch) }
        writer.string16(metadata)
        writer.int64(commitTimestamp)
        if let expireTimestamp { writer.int64(expireTimestamp) }
        return writer.bytes
    }

    static func decode(_ bytes: [UInt8]) throws(MalformedBytes) -> CommittedOffset {
        var reader = ByteReader(bytes.span)
        let version = reader.int16()
        guard (0...4).contains(version) else { throw MalformedBytes() }
        let offset = reader.int64()
        let leaderEpoch = version >= 3 ? reader.int32() : -1
        let metadata = version >= 4 ? reader.compactString() : reader.string16()
        let commitTimestamp = reader.int64()
        let expireTimestamp = version == 1 ? reader.int64() : -1
        try reader.finish()
        return CommittedOffset(
            offset: offset, leaderEpoch: leaderEpoch, metadata: metadata,
            commitTimestamp: commitTimestamp,
            expireTimestamp: expireTimestamp < 0 ? nil : expireTimestamp)
    }
}

/// The value under a group key: one generation with its members and what they were assigned.
struct GroupMetadata: Equatable, Sendable {
    struct Member: Equatable, Sendable {
        var memberID: String
        var instanceID: String?
        var clientID: String
        var clientHost: String
        var rebalanceTimeout: Int32
        var sessionTimeout: Int32
        /// The metadata of the chosen protocol alone.
        var subscription: [UInt8]
        var assignment: [UInt8]
    }

    /// Empty for none.
    var protocolType: String
    var generation: Int32
    var protocolName: String?
    var leader: String?
    /// -1 when unknown.
    var stateTimestamp: Int64
    var members: [Member]

    var bytes: [UInt8] {
        var writer = ByteWriter(reserving: 256)
        writer.int16(3)
        writer.string16(protocolType)
        writer.int32(generation)
        writer.nullableString16(protocolName)
        writer.nullableString16(leader)
        writer.int64(stateTimestamp)
        writer.int32(Int32(members.count))
        for member in members {
            writer.string16(member.memberID)
            writer.nullableString16(member.instanceID)
            writer.string16(member.clientID)
            writer.string16(member.clientHost)
            writer.int32(member.rebalanceTimeout)
            writer.int32(member.sessionTimeout)
            writer.bytes32(member.subscription)
            writer.bytes32(member.assignment)
        }
        return writer.bytes
    }

    static func decode(_ bytes: [UInt8]) throws(MalformedBytes) -> GroupMetadata {
        var reader = ByteReader(bytes.span)
        let version = reader.int16()
        guard (0...4).contains(version) else { throw MalformedBytes() }
        let compact = version >= 4
        let protocolType = reader.text(compact: compact) ?? ""
        let generation = reader.int32()
        let protocolName = reader.text(compact: compact)
        let leader = reader.text(compact: compact)
        let stateTimestamp = version >= 2 ? reader.int64() : -1
        let declared = compact ? Int(reader.uvarint()) - 1 : Int(reader.int32())
        let count = reader.count(declared, elementSize: 12)
        var members: [Member] = []
        members.reserveCapacity(count)
        for _ in 0..<count where !reader.failed {
            members.append(Member(&reader, version: version))
        }
        if compact { reader.skipTags() }
        try reader.finish()
        return GroupMetadata(
            protocolType: protocolType, generation: generation, protocolName: protocolName,
            leader: leader, stateTimestamp: stateTimestamp, members: members)
    }
}

extension GroupMetadata.Member {
    init(_ reader: inout ByteReader, version: Int16) {
        let compact = version >= 4
        memberID = reader.text(compact: compact) ?? ""
        instanceID = version >= 3 ? reader.text(compact: compact) : nil
        clientID = reader.text(compact: compact) ?? ""
        clientHost = reader.text(compact: compact) ?? ""
        let rebalance = version >= 1 ? reader.int32() : -1
        sessionTimeout = reader.int32()
        rebalanceTimeout = rebalance < 0 ? sessionTimeout : rebalance
        subscription = reader.blob(compact: compact)
        assignment = reader.blob(compact: compact)
        if compact { reader.skipTags() }
    }
}

extension ByteWriter {
    /// The caller has bounded the text to 32767 bytes.
    mutating func string16(_ text: String) {
        int16(Int16(truncatingIfNeeded: text.utf8.count))
        append(utf8: text)
    }

    mutating func nullableString16(_ text: String?) {
        if let text { string16(text) } else { int16(-1) }
    }

    mutating func bytes32(_ bytes: [UInt8]) {
        int32(Int32(bytes.count))
        append(bytes)
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    mutating func string16() -> String { string(Int(int16())) }

    @_lifetime(self: copy self)
    mutating func compactString() -> String { string(Int(uvarint()) - 1) }

    /// A nullable string with a 16-bit length, or of the flexible versions.
    @_lifetime(self: copy self)
    mutating func text(compact: Bool) -> String? {
        let length = compact ? Int(uvarint()) - 1 : Int(int16())
        return length == -1 ? nil : string(length)
    }

    @_lifetime(self: copy self)
    mutating func blob(compact: Bool) -> [UInt8] {
        let length = compact ? Int(uvarint()) - 1 : Int(int32())
        return array(max(0, length))
    }

    /// Tagged fields that this version does not know.
    @_lifetime(self: copy self)
    mutating func skipTags() {
        let count = count(Int(uvarint()), elementSize: 2)
        for _ in 0..<count where !failed {
            _ = uvarint()
            _ = take(Int(uvarint()))
        }
    }
}
