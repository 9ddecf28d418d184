import Bytes

/// The last offset of each key in the part of a log that compaction has not seen: what decides
/// which records stay. Keys are known by 128 bits of a hash under a key of this run.
///
/// Open addressing in one array of three words a slot: two of the hash, offset + 1. Used by the one
/// thread that compacts.
struct KeyOffsets {
    static let slotBytes = 24
    private static let slotsMin = 1_024

    private let hash: SipHash
    private var words: [UInt64]
    private var mask: Int
    private(set) var count = 0

    /// Room for about `keys` keys, in at most `bytesMax` bytes.
    init(keys: Int64, bytesMax: Int, hash: SipHash) {
        let most = max(Self.slotsMin, bytesMax / Self.slotBytes)
        var slots = Self.slotsMin
        // A quarter of the slots stays empty, so that searches are short.
        while Int64(slots) / 4 * 3 < keys, slots * 2 <= most { slots *= 2 }
        self.hash = hash
        words = [UInt64](repeating: 0, count: slots * 3)
        mask = slots - 1
    }

    /// No key fits that is not in already.
    var isFull: Bool { count >= (mask + 1) / 4 * 3 }

    /// Takes the offset of a key, which is larger than all before; false if there is no room.
    mutating func put(_ key: RawSpan, _ offset: Int64) -> Bool {
        let digest = hash.digest(key)
        let slot = find(digest)
        if words[slot + 2] == 0 {
            if isFull { return false }
            words[slot] = digest.high
            words[slot + 1] = digest.low
            count += 1
        }
        words[slot + 2] = UInt64(offset) &+ 1
        return true
    }

    /// The last offset of a key; nil for one that was not put.
    func offset(of key: RawSpan) -> Int64? {
        let found = words[find(hash.digest(key)) + 2]
        return found == 0 ? nil : Int64(found &- 1)
    }

    /// The first word of the digest's slot, or of the empty one where it belongs.
    private func find(_ digest: SipHash.Digest) -> Int {
        var number = Int(truncatingIfNeeded: digest.high) & mask
        while true {
            let slot = number &* 3
            if words[slot + 2] == 0 || words[slot] == digest.high && words[slot + 1] == digest.low {
                return slot
            }
            number = (number &+ 1) & mask
        }
    }

    /// Doubles the room, whatever the limit: for the one batch that does not fit alone.
    mutating func grow() {
        let old = words
        mask = (mask + 1) * 2 - 1
        words = [UInt64](repeating: 0, count: (mask + 1) * 3)
        for start in stride(from: 0, to: old.count, by: 3) where old[start + 2] != 0 {
            let slot = find(SipHash.Digest(high: old[start], low: old[start + 1]))
            for i in 0..<3 { words[slot + i] = old[start + i] }
        }
    }
}
