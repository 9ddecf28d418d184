import Bytes
import Records

/// A share group's place in one partition of a topic, by the topic's id.
struct SharePlace: Hashable, Sendable {
    var group: String
    var topic: UUID
    var partition: Int32

    /// The key of its record.
    var bytes: [UInt8] {
        var writer = ByteWriter(reserving: 32 + group.utf8.count)
        writer.int16(0)
        writer.string16(group)
        writer.uint64(topic.high)
        writer.uint64(topic.low)
        writer.int32(partition)
        return writer.bytes
    }
}

/// The keys of the share groups' topic: places in partitions (0), and configs of groups (1).
enum ShareKey: Hashable, Sendable {
    case place(SharePlace)
    case configs(String)

    static func decode(_ bytes: [UInt8]) throws(MalformedBytes) -> ShareKey? {
        var reader = ByteReader(bytes.span)
        let key: ShareKey
        switch reader.int16() {
        case 0:
            let group = reader.string16()
            let topic = UUID(high: reader.uint64(), low: reader.uint64())
            key = .place(SharePlace(group: group, topic: topic, partition: reader.int32()))
        case 1: key = .configs(reader.string16())
        default: return nil
        }
        try reader.finish()
        return key
    }

    static func configs(of group: String) -> [UInt8] {
        var writer = ByteWriter(reserving: 4 + group.utf8.count)
        writer.int16(1)
        writer.string16(group)
        return writer.bytes
    }
}

/// The configs of one group, by Kafka's names, as a record's value.
enum ShareConfigsRecord {
    static func encode(_ configs: [String: String]) -> [UInt8] {
        var writer = ByteWriter(reserving: 64)
        writer.int16(0)
        writer.int32(Int32(configs.count))
        for (name, value) in configs.sorted(by: { $0.key < $1.key }) {
            writer.string16(name)
            writer.string16(value)
        }
        return writer.bytes
    }

    static func decode(_ bytes: [UInt8]) throws(MalformedBytes) -> [String: String] {
        var reader = ByteReader(bytes.span)
        guard reader.int16() == 0 else { throw MalformedBytes() }
        var configs: [String: String] = [:]
        let count = reader.count(Int(reader.int32()), elementSize: 4)
        for _ in 0..<count where !reader.failed {
            let name = reader.string16()
            configs[name] = reader.string16()
        }
        try reader.finish()
        return configs
    }
}
