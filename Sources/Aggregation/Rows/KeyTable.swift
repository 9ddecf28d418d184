import Formats

/// Numbers the distinct keys that rows have: a key gets a slot, a small number that operators index
/// their own arrays with; slots of removed keys are given out again.
///
/// Keys that are one column of integers are kept as such; all others as the bytes of
/// `SortKeyCodec`. Open addressing with linear probing.
@safe final class KeyTable {
    /// True: null equals null, as DISTINCT and grouping have it; false: a key with a null has no
    /// slot, as joins have it. Per column of the key.
    private let nullsMatch: [Bool]
    private let isInteger: Bool
    private let codec: SortKeyCodec
    private let keyBytes = KeyBytes()
    private let sizes = PlainVector<Int>()

    private struct IntegerEntry {
        var key: Int64
        var slot: Int32
    }
    private struct BytesEntry {
        var hash: UInt32
        var slot: Int32
    }
    private var integerEntries: Buffer<IntegerEntry>
    private var bytesEntries: Buffer<BytesEntry>
    private var mask: Int
    /// Keys in the hash table (not the null key of integers).
    private var used = 0

    /// The keys of the slots: of bytes in the arena, whose ids are the slots.
    private let arena = PageArena()
    private let integerKeys = PlainVector<Int64>()
    private var freeSlots: [Int32] = []
    private var nullSlot: Int32 = -1

    init(_ types: [DataType], nullsMatch: [Bool]) {
        self.nullsMatch = nullsMatch
        isInteger = types.count == 1 && types[0].layout == .integer
        codec = SortKeyCodec(types: types)
        mask = 63
        integerEntries = Buffer(
            repeating: IntegerEntry(key: 0, slot: -1), count: isInteger ? 64 : 1)
        bytesEntries = Buffer(repeating: BytesEntry(hash: 0, slot: -1), count: isInteger ? 1 : 64)
    }

    convenience init(_ types: [DataType], nullsMatch: Bool = true) {
        self.init(types, nullsMatch: Array(repeating: nullsMatch, count: types.count))
    }

    /// Slots are below this.
    var slotLimit: Int { isInteger ? integerKeys.count : arena.idLimit }
    var count: Int { used + (nullSlot >= 0 ? 1 : 0) }

    var memory: Int {
        (mask + 1) * (isInteger ? 16 : 8) + (isInteger ? integerKeys.memory : arena.memory)
    }

    /// The slot of each row's key, made where the key is new; -1 for keys that match nothing.
    /// A new key's slot is at or above the `slotLimit` before, or one that was removed.
    func insert(_ keys: [Column], count: Int, into slots: PlainVector<Int32>) {
        slots.resizeUninitialised(to: count)
        if isInteger {
            unsafe insertIntegers(keys[0], count, slots.base)
        } else {
            encode(keys, count)
            unsafe markNulls(keys, count, slots.base)
            unsafe insertBytes(count, slots.base)
        }
    }

    /// The slot of each row's key; -1 where there is none.
    func find(_ keys: [Column], count: Int, into slots: PlainVector<Int32>) {
        slots.resizeUninitialised(to: count)
        if isInteger {
            unsafe findIntegers(keys[0], count, slots.base)
        } else {
            encode(keys, count)
            unsafe markNulls(keys, count, slots.base)
            unsafe findBytes(count, slots.base)
        }
    }

    private func encode(_ keys: [Column], _ count: Int) {
        codec.encode(keys, count: count, into: keyBytes, sizes: sizes)
    }

    /// 0, or -1 where a null keeps the row from matching.
    private func markNulls(_ keys: [Column], _ count: Int, _ slots: UnsafeMutablePointer<Int32>) {
        unsafe slots.update(repeating: 0, count: count)
        for (index, column) in keys.enumerated()
        where !nullsMatch[index] && column.validity != nil {
            for row in 0..<count where column.isNull(row) { unsafe slots[row] = -1 }
        }
    }

    // MARK: integers

    @inline(__always)
    private static func hash(_ key: Int64) -> Int {
        Int(truncatingIfNeeded: mixHash(UInt64(bitPattern: key)))
    }

    private func insertIntegers(
        _ column: Column, _ count: Int, _ slots: UnsafeMutablePointer<Int32>
    ) {
        let values = unsafe column.integers
        let indexMask = column.indexMask
        let hasNulls = column.validity != nil
        var row = 0
        while row < count {
            if hasNulls && column.isNull(row) {
                unsafe slots[row] = nullsMatch[0] ? makeNullSlot() : -1
            } else {
                unsafe slots[row] = unsafe insertInteger(values[row & indexMask])
            }
            row &+= 1
        }
    }

    private func makeNullSlot() -> Int32 {
        if nullSlot < 0 { nullSlot = takeSlot(0) }
        return nullSlot
    }

    private func takeSlot(_ key: Int64) -> Int32 {
        if let slot = freeSlots.popLast() {
            integerKeys[Int(slot)] = key
            return slot
        }
        integerKeys.append(key)
        return Int32(truncatingIfNeeded: integerKeys.count - 1)
    }

    @inline(__always)
    private func insertInteger(_ key: Int64) -> Int32 {
        let entries = unsafe integerEntries.base
        var index = KeyTable.hash(key) & mask
        while true {
            let entry = unsafe entries[index]
            if entry.slot < 0 { break }
            if entry.key == key { return entry.slot }
            index = (index &+ 1) & mask
        }
        return addInteger(key, at: index)
    }

    @inline(never)
    private func addInteger(_ key: Int64, at index: Int) -> Int32 {
        let slot = takeSlot(key)
        unsafe integerEntries.base[index] = IntegerEntry(key: key, slot: slot)
        used += 1
        if used * 2 > mask { growIntegers() }
        return slot
    }

    private func growIntegers() {
        let old = integerEntries
        let oldCount = mask + 1
        mask = oldCount * 2 - 1
        integerEntries = Buffer(
            repeating: IntegerEntry(key: 0, slot: -1), count: mask + 1)
        for index in 0..<oldCount where unsafe old.base[index].slot >= 0 {
            unsafe place(old.base[index])
        }
    }

    private func place(_ entry: IntegerEntry) {
        var index = KeyTable.hash(entry.key) & mask
        while unsafe integerEntries.base[index].slot >= 0 { index = (index &+ 1) & mask }
        unsafe integerEntries.base[index] = entry
    }

    private func findIntegers(
        _ column: Column, _ count: Int, _ slots: UnsafeMutablePointer<Int32>
    ) {
        let values = unsafe column.integers
        let indexMask = column.indexMask
        let hasNulls = column.validity != nil
        let entries = unsafe integerEntries.base
        let mask = mask
        var row = 0
        while row < count {
            if hasNulls && column.isNull(row) {
                unsafe slots[row] = nullsMatch[0] ? nullSlot : -1
            } else {
                let key = unsafe values[row & indexMask]
                var index = KeyTable.hash(key) & mask
                var slot: Int32 = -1
                while true {
                    let entry = unsafe entries[index]
                    if entry.slot < 0 { break }
                    if entry.key == key {
                        slot = entry.slot
                        break
                    }
                    index = (index &+ 1) & mask
                }
                unsafe slots[row] = slot
            }
            row &+= 1
        }
    }

    // MARK: bytes

    private func insertBytes(_ count: Int, _ slots: UnsafeMutablePointer<Int32>) {
        var row = 0
        while row < count {
            if unsafe slots[row] >= 0 {
                let key = unsafe keyBytes.bytes(row)
                let hash = unsafe hashBytes(key)
                let (slot, index) = unsafe probe(key, hash)
                unsafe slots[row] = unsafe slot >= 0 ? slot : addBytes(key, hash, at: index)
            }
            row &+= 1
        }
    }

    private func findBytes(_ count: Int, _ slots: UnsafeMutablePointer<Int32>) {
        var row = 0
        while row < count {
            if unsafe slots[row] >= 0 {
                let key = unsafe keyBytes.bytes(row)
                unsafe slots[row] = unsafe probe(key, hashBytes(key)).slot
            }
            row &+= 1
        }
    }

    @inline(__always)
    private func probe(_ key: UnsafeRawBufferPointer, _ hash: UInt64) -> (slot: Int32, index: Int) {
        let tag = UInt32(truncatingIfNeeded: hash)
        var index = Int(truncatingIfNeeded: tag) & mask
        let entries = unsafe bytesEntries.base
        while true {
            let entry = unsafe entries[index]
            if entry.slot < 0 { return (-1, index) }
            if entry.hash == tag, unsafe equalBytes(arena.bytes(entry.slot), key) {
                return (entry.slot, index)
            }
            index = (index &+ 1) & mask
        }
    }

    @inline(never)
    private func addBytes(_ key: UnsafeRawBufferPointer, _ hash: UInt64, at index: Int) -> Int32 {
        let (slot, address) = unsafe arena.allocate(key.count)
        if let start = key.baseAddress {
            unsafe address.copyMemory(from: start, byteCount: key.count)
        }
        unsafe bytesEntries.base[index] = BytesEntry(
            hash: UInt32(truncatingIfNeeded: hash), slot: slot)
        used += 1
        if used * 2 > mask { growBytes() }
        return slot
    }

    private func growBytes() {
        let old = bytesEntries
        let oldCount = mask + 1
        mask = oldCount * 2 - 1
        bytesEntries = Buffer(repeating: BytesEntry(hash: 0, slot: -1), count: mask + 1)
        for index in 0..<oldCount where unsafe old.base[index].slot >= 0 {
            unsafe place(old.base[index])
        }
    }

    private func place(_ entry: BytesEntry) {
        var index = Int(truncatingIfNeeded: entry.hash) & mask
        while unsafe bytesEntries.base[index].slot >= 0 { index = (index &+ 1) & mask }
        unsafe bytesEntries.base[index] = entry
    }

    // MARK: removal

    /// Forgets a key; its slot may be given to another. Nothing happens if it has none.
    func remove(_ slot: Int32) {
        if slot == nullSlot {
            nullSlot = -1
            freeSlots.append(slot)
            return
        }
        if isInteger {
            let key = integerKeys[Int(slot)]
            var index = KeyTable.hash(key) & mask
            while unsafe integerEntries.base[index].slot != slot {
                if unsafe integerEntries.base[index].slot < 0 { return }
                index = (index &+ 1) & mask
            }
            used -= 1
            closeIntegerGap(index)
            freeSlots.append(slot)
        } else if arena.isLive(slot) {
            used -= 1
            let tag = unsafe UInt32(truncatingIfNeeded: hashBytes(arena.bytes(slot)))
            var index = Int(truncatingIfNeeded: tag) & mask
            while unsafe bytesEntries.base[index].slot != slot { index = (index &+ 1) & mask }
            closeBytesGap(index)
            arena.free(slot)
        }
    }

    /// Moves back the entries behind a gap that were pushed past it.
    private func closeIntegerGap(_ start: Int) {
        var gap = start
        var index = (gap + 1) & mask
        while unsafe integerEntries.base[index].slot >= 0 {
            let home = unsafe KeyTable.hash(integerEntries.base[index].key) & mask
            if (index &- home) & mask >= (index &- gap) & mask {
                unsafe integerEntries.base[gap] = unsafe integerEntries.base[index]
                gap = index
            }
            index = (index + 1) & mask
        }
        unsafe integerEntries.base[gap].slot = -1
    }

    private func closeBytesGap(_ start: Int) {
        var gap = start
        var index = (gap + 1) & mask
        while unsafe bytesEntries.base[index].slot >= 0 {
            let home = unsafe Int(truncatingIfNeeded: bytesEntries.base[index].hash) & mask
            if (index &- home) & mask >= (index &- gap) & mask {
                unsafe bytesEntries.base[gap] = unsafe bytesEntries.base[index]
                gap = index
            }
            index = (index + 1) & mask
        }
        unsafe bytesEntries.base[gap].slot = -1
    }

    /// All keys as rows; nil: not all of their types can be read back.
    func keys(_ types: [DataType]) -> [Batch]? {
        guard isInteger || codec.isReadable, freeSlots.isEmpty else { return nil }
        var batches: [Batch] = []
        for start in stride(from: 0, to: slotLimit, by: Batch.rowsMax) {
            let builders = types.map { ColumnBuilder($0) }
            let end = min(start + Batch.rowsMax, slotLimit)
            for slot in start..<end {
                if isInteger {
                    let isNull = Int32(slot) == nullSlot
                    builders[0].append(isNull ? .null : .integer(integerKeys[slot]))
                } else {
                    guard arena.isLive(Int32(slot)) else { return nil }
                    let values = unsafe codec.values(arena.bytes(Int32(slot)))
                    for (builder, value) in zip(builders, values) { builder.append(value) }
                }
            }
            batches.append(Batch(builders.map { $0.finish() }, count: end - start))
        }
        return batches
    }

    func compactIfSparse() { if !isInteger { arena.compactIfSparse() } }

    // MARK: state

    func write(_ state: inout OutputBuffer) {
        state.append(bigEndian: Int64(nullSlot))
        if isInteger {
            integerKeys.write(&state)
            let free = PlainVector<Int32>()
            for slot in freeSlots { free.append(slot) }
            free.write(&state)
        } else {
            arena.write(&state)
        }
    }

    func read(_ state: inout StateReader) throws(SQLError) {
        nullSlot = Int32(truncatingIfNeeded: try state.integer(Int64.self))
        used = 0
        if isInteger {
            try readIntegers(&state)
        } else {
            try arena.read(&state)
            mask = 63
            while arena.liveCount * 2 > mask { mask = mask * 2 + 1 }
            bytesEntries = Buffer(repeating: BytesEntry(hash: 0, slot: -1), count: mask + 1)
            for slot in 0..<Int32(arena.idLimit) where arena.isLive(slot) {
                let hash = unsafe UInt32(truncatingIfNeeded: hashBytes(arena.bytes(slot)))
                place(BytesEntry(hash: hash, slot: slot))
                used += 1
            }
        }
    }

    private func readIntegers(_ state: inout StateReader) throws(SQLError) {
        try integerKeys.read(&state)
        let free = PlainVector<Int32>()
        try free.read(&state)
        var isFree = Array(repeating: false, count: integerKeys.count)
        freeSlots = []
        for index in 0..<free.count {
            guard isFree.indices.contains(Int(free[index])) else {
                throw SQLError("the saved state has a broken key table", .internalError)
            }
            isFree[Int(free[index])] = true
            freeSlots.append(free[index])
        }
        mask = 63
        while integerKeys.count * 2 > mask { mask = mask * 2 + 1 }
        integerEntries = Buffer(repeating: IntegerEntry(key: 0, slot: -1), count: mask + 1)
        for slot in 0..<integerKeys.count where !isFree[slot] && Int32(slot) != nullSlot {
            place(IntegerEntry(key: integerKeys[slot], slot: Int32(slot)))
            used += 1
        }
    }
}
