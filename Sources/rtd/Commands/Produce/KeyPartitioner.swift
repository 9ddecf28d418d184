import Bytes
import Formats
import Records

/// Which partition a key belongs to, by the partitioners of Kafka's Java client and of librdkafka,
/// so that a key goes where other producers of the topic send it.
struct KeyPartitioner: Sendable {
    let choice: PartitionerChoice

    /// Nil: any will do. A null key counts as an empty one where it is hashed at all; `partitions`
    /// is positive.
    func partition(key: RawSpan?, partitions: Int32) -> Int32? {
        let count = UInt32(partitions)
        guard let key else {
            let empty: [UInt8] = []
            switch choice {
            case .random, .murmur2Random, .consistentRandom, .fnv1aRandom: return nil
            default: return Int32(hash(empty.rawSpan) % count)
            }
        }
        if choice == .random || choice == .consistentRandom && key.byteCount == 0 { return nil }
        return Int32(hash(key) % count)
    }

    private func hash(_ key: RawSpan) -> UInt32 {
        switch choice {
        case .random, .murmur2, .murmur2Random: Partitioner.murmur2(key) & 0x7fff_ffff
        case .consistent, .consistentRandom: Self.crc32(key)
        case .fnv1a, .fnv1aRandom: Self.fnv1a(key)
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
