import Bytes
import Records

/// What the metadata log says, one record a thing; the key names it, a null value removes it.
///
/// Keys: a byte of kind, then 16 bytes of topic id for topics. Values begin with a version byte.
/// Integers are big-endian, texts are an int32 of bytes and UTF-8.
enum MetadataRecord: Equatable {
    case topic(id: UUID, name: String, partitions: Int32, configs: [String: String])
    case topicRemoved(id: UUID)
    case brokerConfigs([String: String])
    /// Producer ids below this one may have been handed out.
    case producerIDs(next: Int64)

    private static let version: UInt8 = 1
    private static let topicKind: UInt8 = 1
    private static let brokerKind: UInt8 = 2
    private static let producerKind: UInt8 = 3

    var record: InternalRecord {
        var key = ByteWriter()
        var value = ByteWriter()
        value.uint8(Self.version)
        switch self {
        case .topic(let id, let name, let partitions, let configs):
            key.topic(Self.topicKind, id)
            value.text(name)
            value.int32(partitions)
            value.configs(configs)
        case .topicRemoved(let id):
            key.topic(Self.topicKind, id)
            return InternalRecord(key: key.bytes, value: nil)
        case .brokerConfigs(let configs):
            key.uint8(Self.brokerKind)
            value.configs(configs)
        case .producerIDs(let next):
            key.uint8(Self.producerKind)
            value.int64(next)
        }
        return InternalRecord(key: key.bytes, value: value.bytes)
    }

    /// Nil for a record that this version does not understand.
    init?(_ record: InternalRecord) {
        var key = ByteReader(record.key.span)
        let kind = key.uint8()
        guard let bytes = record.value else {
            guard kind == Self.topicKind else { return nil }
            self = .topicRemoved(id: key.topicID())
            return
        }
        var value = ByteReader(bytes.span)
        guard value.uint8() == Self.version else { return nil }
        switch kind {
        case Self.topicKind:
            let id = key.topicID()
            let name = value.text()
            let partitions = value.int32()
            self = .topic(id: id, name: name, partitions: partitions, configs: value.configs())
        case Self.brokerKind: self = .brokerConfigs(value.configs())
        case Self.producerKind: self = .producerIDs(next: value.int64())
        default: return nil
        }
        if key.failed || value.failed { return nil }
    }
}

extension ByteWriter {
    fileprivate mutating func topic(_ kind: UInt8, _ id: UUID) {
        uint8(kind)
        uint64(id.high)
        uint64(id.low)
    }

    fileprivate mutating func text(_ text: String) {
        int32(Int32(text.utf8.count))
        append(utf8: text)
    }

    fileprivate mutating func configs(_ configs: [String: String]) {
        int32(Int32(configs.count))
        for (name, value) in configs.sorted(by: { $0.key < $1.key }) {
            text(name)
            text(value)
        }
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    fileprivate mutating func topicID() -> UUID {
        let high = uint64()
        return UUID(high: high, low: uint64())
    }

    @_lifetime(self: copy self)
    fileprivate mutating func text() -> String {
        string(Int(int32()))
    }

    @_lifetime(self: copy self)
    fileprivate mutating func configs() -> [String: String] {
        var configs: [String: String] = [:]
        for _ in 0..<count(Int(int32()), elementSize: 8) {
            let name = text()
            configs[name] = text()
        }
        return configs
    }
}
