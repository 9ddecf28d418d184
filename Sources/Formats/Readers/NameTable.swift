/// Finds a wanted member by its name. Names are compared by length and first eight bytes, then in
/// full; many are found by hash.
final class NameTable {
    private let entries: Buffer<Entry>
    private let names: Buffer<UInt8>
    private let slots: Buffer<Int32>
    /// The table as readers use it; valid as long as this object.
    let view: View

    struct Entry: BitwiseCopyable {
        var word: UInt64
        var length: Int32
        var node: Int32
        var start: Int32
    }

    init(_ members: [(name: [UInt8], node: Int)]) {
        entries = Buffer(capacity: members.count)
        names = Buffer(repeating: 0, count: members.reduce(16) { $0 + $1.name.count })
        var size = 1
        if members.count > 8 { while size < 2 * members.count { size *= 2 } }
        slots = Buffer(repeating: 0, count: size)
        let mask = size - 1
        view = unsafe View(
            entries: entries.base, names: names.base, slots: slots.base, count: members.count,
            mask: mask)
        var start = 0
        for (index, member) in members.enumerated() {
            let first = start
            for byte in member.name {
                names[start] = byte
                start += 1
            }
            let word = unsafe View.word(names.base + first, member.name.count)
            entries[index] = Entry(
                word: word, length: Int32(member.name.count), node: Int32(member.node),
                start: Int32(first))
            guard mask > 0 else { continue }
            var slot = View.hash(word, member.name.count) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = Int32(index + 1)
        }
    }

    @safe struct View: BitwiseCopyable {
        let entries: UnsafePointer<Entry>
        let names: UnsafePointer<UInt8>
        /// Entry + 1 by hash, linear probing; one place and mask 0 for few names.
        let slots: UnsafePointer<Int32>
        let count: Int
        let mask: Int

        init(
            entries: UnsafePointer<Entry>, names: UnsafePointer<UInt8>,
            slots: UnsafePointer<Int32>, count: Int, mask: Int
        ) {
            unsafe self.entries = unsafe entries
            unsafe self.names = unsafe names
            unsafe self.slots = unsafe slots
            self.count = count
            self.mask = mask
        }

        @inline(__always)
        static func word(_ at: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
            let word = unsafe JSONScan.word(at)
            if count >= 8 { return word }
            return word & (1 &<< UInt64(truncatingIfNeeded: count &* 8) &- 1)
        }

        @inline(__always)
        static func hash(_ word: UInt64, _ count: Int) -> Int {
            let mixed = (word &+ UInt64(truncatingIfNeeded: count)) &* 0x9e37_79b9_7f4a_7c15
            return Int(truncatingIfNeeded: mixed &>> 40)
        }

        /// The node of the name at `at`, which has at least 8 readable bytes; -1 if not wanted.
        @inline(__always)
        func find(_ at: UnsafePointer<UInt8>, _ length: Int) -> Int {
            let word = unsafe View.word(at, length)
            if mask == 0 {
                var index = 0
                while index < count {
                    if unsafe matches(index, word, at, length) {
                        return unsafe Int(entries[index].node)
                    }
                    index &+= 1
                }
                return -1
            }
            var slot = View.hash(word, length) & mask
            while true {
                let index = unsafe Int(slots[slot]) &- 1
                if index < 0 { return -1 }
                if unsafe matches(index, word, at, length) {
                    return unsafe Int(entries[index].node)
                }
                slot = (slot &+ 1) & mask
            }
        }

        @inline(__always)
        private func matches(
            _ index: Int, _ word: UInt64, _ at: UnsafePointer<UInt8>, _ length: Int
        ) -> Bool {
            let entry = unsafe entries + index
            guard unsafe entry.pointee.word == word, unsafe Int(entry.pointee.length) == length
            else {
                return false
            }
            if length <= 8 { return true }
            return unsafe equalBytes(
                UnsafeRawBufferPointer(start: names + Int(entry.pointee.start), count: length),
                UnsafeRawBufferPointer(start: at, count: length))
        }
    }
}
