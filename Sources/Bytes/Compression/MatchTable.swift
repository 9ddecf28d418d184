/// Positions by hash, for match finders: where bytes with this hash were seen last.
///
/// Entries are hints. The finder compares the bytes at the position, so a stale, truncated or empty
/// entry (position 0) costs a comparison and no more.
@safe
struct MatchTable: ~Copyable {
    private let slots: UnsafeMutablePointer<UInt32>
    private let mask: Int
    let bits: Int

    init(bits: Int) {
        self.bits = bits
        mask = (1 << bits) - 1
        unsafe slots = UnsafeMutablePointer<UInt32>.allocate(capacity: 1 << bits)
        unsafe slots.initialize(repeating: 0, count: 1 << bits)
    }

    /// A table for `size` positions: small inputs must not pay for clearing a large table.
    init(positions size: Int, bitsMax: Int) {
        let needed = Int.bitWidth - max(size, 255).leadingZeroBitCount
        self.init(bits: min(bitsMax, needed))
    }

    deinit {
        unsafe slots.deallocate()
    }

    /// The position kept for `hash`, of which the low `bits` count.
    @inline(__always)
    subscript(_ hash: Int) -> Int {
        get { unsafe Int(slots[hash & mask]) }
        nonmutating set { unsafe slots[hash & mask] = UInt32(truncatingIfNeeded: newValue) }
    }

    /// Puts `position` in the slot and gives what was there.
    @inline(__always)
    func exchange(_ hash: Int, _ position: Int) -> Int {
        let old = self[hash]
        self[hash] = position
        return old
    }

    /// The slot of the four bytes in `word`.
    @inline(__always)
    func hash4(_ word: UInt32) -> Int {
        Int(truncatingIfNeeded: (word &* 2_654_435_761) &>> UInt32(truncatingIfNeeded: 32 &- bits))
    }

    /// The slot of the first five bytes of `word`.
    @inline(__always)
    func hash5(_ word: UInt64) -> Int {
        Int(
            truncatingIfNeeded: ((word &<< 24) &* 889_523_592_379)
                &>> UInt64(truncatingIfNeeded: 64 &- bits))
    }

    /// The slot of the eight bytes of `word`.
    @inline(__always)
    func hash8(_ word: UInt64) -> Int {
        Int(
            truncatingIfNeeded: (word &* 0xCF1B_BCDC_B7A5_6463)
                &>> UInt64(truncatingIfNeeded: 64 &- bits))
    }
}
