/// Which partition a record goes to, as Kafka's Java producer decides.
public enum Partitioner {
    /// The 32-bit murmur2 of Java's producer (`Utils.murmur2`, seed 0x9747b28c).
    public static func murmur2(_ key: RawSpan) -> UInt32 {
        let mix: UInt32 = 0x5bd1_e995
        let count = key.byteCount
        var hash = 0x9747_b28c ^ UInt32(truncatingIfNeeded: count)
        var index = 0
        while count - index >= 4 {
            // `index + 4 <= count` was checked just now.
            var word = unsafe UInt32(
                littleEndian: key.unsafeLoadUnaligned(
                    fromUncheckedByteOffset: index, as: UInt32.self))
            word = word &* mix
            word ^= word &>> 24
            hash = hash &* mix ^ word &* mix
            index += 4
        }
        if index < count {
            for offset in (0..<count - index).reversed() {
                let byte = unsafe key.unsafeLoad(
                    fromUncheckedByteOffset: index + offset, as: UInt8.self)
                hash ^= UInt32(byte) &<< UInt32(8 * offset)
            }
            hash = hash &* mix
        }
        hash ^= hash &>> 13
        hash = hash &* mix
        return hash ^ hash &>> 15
    }

    /// The partition of a record with a key that is not null; `partitions` is positive.
    public static func partition(key: RawSpan, partitions: Int32) -> Int32 {
        Int32(bitPattern: murmur2(key) & 0x7fff_ffff) % partitions
    }
}

/// Chooses partitions for records without a key: one partition until a batch's worth of bytes went
/// there, then another at random (KIP-480, KIP-794). Owned by one producer.
public struct StickyPartitioner: Sendable {
    private var state: UInt64
    private var current: Int32 = -1
    private var sent = 0
    private let stickyBytes: Int

    /// `seed` comes from the process's random source; `stickyBytes` is Kafka's `batch.size`.
    public init(seed: UInt64, stickyBytes: Int = 16_384) {
        state = seed
        self.stickyBytes = max(1, stickyBytes)
    }

    /// The partition for a record of `size` bytes; `partitions` is positive and may change.
    public mutating func partition(size: Int, partitions: Int32) -> Int32 {
        if current < 0 || current >= partitions || sent >= stickyBytes { move(partitions) }
        sent += size
        return current
    }

    /// Leaves the partition, because its batch was sent.
    public mutating func batchFinished() { sent = stickyBytes }

    private mutating func move(_ partitions: Int32) {
        precondition(partitions > 0, "a topic has at least one partition")
        sent = 0
        guard partitions > 1 else {
            current = 0
            return
        }
        let leavesOld = current >= 0 && current < partitions
        let choices = UInt64(partitions) - (leavesOld ? 1 : 0)
        var next = Int32(truncatingIfNeeded: random() % choices)
        if leavesOld && next >= current { next += 1 }
        current = next
    }

    /// SplitMix64: enough for spreading load, and one seed replays it.
    private mutating func random() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed &>> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed &>> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed &>> 31)
    }
}
