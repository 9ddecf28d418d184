import Formats
import Records

/// Which partition a key belongs to, by the partitioners of Kafka's Java client and of librdkafka,
/// so that a key goes where other producers of the topic send it.
struct KeyPartitioner: Sendable {
    let choice: PartitionerChoice

    /// Nil: any will do. `partitions` is positive.
    func partition(key: RawSpan?, partitions: Int32) -> Int32? {
        switch choice {
        case .random: return nil
        case .murmur2Random:
            guard let key else { return nil }
            return Partitioner.partition(key: key, partitions: partitions)
        case .murmur2:
            let empty: [UInt8] = []
            let hash = key.map { Partitioner.murmur2($0) } ?? Partitioner.murmur2(empty.span.bytes)
            return Int32(bitPattern: hash & 0x7fff_ffff) % partitions
        case .consistentRandom:
            guard let key, key.byteCount > 0 else { return nil }
            return Int32(Self.crc32(key) % UInt32(partitions))
        case .consistent:
            return Int32((key.map { Self.crc32($0) } ?? 0) % UInt32(partitions))
        case .fnv1aRandom:
            guard let key else { return nil }
            return Int32(Self.fnv1a(key) % UInt32(partitions))
        case .fnv1a:
            let empty: [UInt8] = []
            let hash = key.map { Self.fnv1a($0) } ?? Self.fnv1a(empty.span.bytes)
            return Int32(hash % UInt32(partitions))
        }
    }

    /// Zlib's CRC-32, bit by bit: keys are short, and few ask for it.
    private static func crc32(_ key: RawSpan) -> UInt32 {
        var crc = UInt32.max
        for index in 0..<key.byteCount {
            crc ^= UInt32(key.byte(at: index))
            for _ in 0..<8 { crc = crc & 1 == 0 ? crc &>> 1 : crc &>> 1 ^ 0xedb8_8320 }
        }
        return ~crc
    }

    /// librdkafka's, which takes the absolute value as Sarama does.
    private static func fnv1a(_ key: RawSpan) -> UInt32 {
        var hash: UInt32 = 0x811c_9dc5
        for index in 0..<key.byteCount {
            hash = (hash ^ UInt32(key.byte(at: index))) &* 0x0100_0193
        }
        return Int32(bitPattern: hash).magnitude
    }
}
