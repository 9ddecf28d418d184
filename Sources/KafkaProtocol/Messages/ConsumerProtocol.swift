import Bytes

/// What a consumer tells its group when it joins: the metadata of the protocol type "consumer".
/// v1 the partitions it holds (KIP-429); v2 their generation (KIP-792); v3 its rack (KIP-881).
public struct ConsumerProtocolSubscription: ConsumerProtocolBlob {
    public static let newestVersion: Int16 = 3

    public var topics: [String] = []
    public var userData: [UInt8]?
    public var ownedPartitions: [TopicPartition] = []
    public var generationId: Int32 = -1
    public var rackId: String?

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.strings(&topics)
        c.nullableBytes(&userData)
        if c.version >= 1 { c.array(&ownedPartitions) }
        if c.version >= 2 { c.int32(&generationId) }
        if c.version >= 3 { c.nullableString(&rackId) }
    }

    /// An element of `ownedPartitions`.
    public struct TopicPartition: MessageStruct {
        public var topic = ""
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&topic)
            c.int32s(&partitions)
        }
    }
}

/// What the group's leader gives a consumer; the same in all versions.
public struct ConsumerProtocolAssignment: ConsumerProtocolBlob {
    public static let newestVersion: Int16 = 3

    public var assignedPartitions: [ConsumerProtocolSubscription.TopicPartition] = []
    public var userData: [UInt8]?

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.array(&assignedPartitions)
        c.nullableBytes(&userData)
    }
}

/// Bytes that consumers exchange through JoinGroup and SyncGroup: a version, then the fields.
/// Brokers pass them on unread.
public protocol ConsumerProtocolBlob: KafkaMessage {
    static var newestVersion: Int16 { get }
}

extension ConsumerProtocolBlob {
    /// Reads a blob. A version that is newer than ours is read as our newest one, as all consumers
    /// do: new fields come at the end.
    public static func decoded(_ bytes: [UInt8]) throws(WireError) -> (version: Int16, Self) {
        let span = bytes.rawSpan
        var version: Int16 = 0
        var reader = MessageReader(span, from: 0, version: 0, flexible: false)
        reader.int16(&version)
        try reader.finish()
        guard version >= 0 else { throw .malformed }
        let body = try KafkaProtocol.decode(
            Self.self, from: span, at: reader.position, version: min(version, newestVersion),
            flexible: false)
        return (version, body)
    }

    /// Writes a blob in a version from 0 to `newestVersion`.
    public func encoded(version: Int16) -> [UInt8] {
        var writer = MessageWriter(version: version, flexible: false)
        var version = version
        writer.int16(&version)
        encode(&writer)
        return writer.bytes
    }
}
