import Bytes
import Formats

/// Gives each distinct combination of key values a number from 0 on, dense but for numbers that
/// were removed and wait to be used again.
///
/// A slot is eight bytes: the upper half of the key's hash and the group's number + 1; 0 is empty.
/// The slot's place comes from the top bits of that half, so growing reads no keys and most probes
/// end on one cache line. Nulls are values; 1.0 and 1.00, 0 and -0, NaN and NaN are one. Used by
/// one operator on its thread.
@safe public final class GroupTable {
    enum Shape { case word, twoWords, string, general }

    public let types: [DataType]
    let shape: Shape
    /// The keys by group; doubles lie there as `groupWord`.
    let columns: [StoredColumn]
    var slots = StateVector<UInt64>()
    /// 64 - log2 of the number of slots.
    var shift: UInt64 = 64
    /// The group whose only key is null; such a key is in no slot. -1: none.
    var nullGroup: Int32 = -1
    private var free: [Int32] = []
    /// Numbers of groups lie below it.
    public internal(set) var bound = 0
    /// The groups that the last `find` added, and the rows that did.
    public internal(set) var newGroups: [Int32] = []
    public internal(set) var newRows: [Int32] = []
    var hashes: [UInt64] = []

    public init(_ types: [DataType]) {
        self.types = types
        columns = types.map { StoredColumn($0) }
        switch columns.map(\.layout) {
        case [.word]: shape = .word
        case [.word, .word]: shape = .twoWords
        case [.string] where types[0] != .jsonb: shape = .string
        default: shape = .general
        }
        makeSlots(Limits.groupSlotsMin)
    }

    /// Groups there are.
    public var count: Int { bound - free.count }

    public var memory: Int {
        slots.memory + free.count * 4 + columns.reduce(0) { $0 + $1.memory }
    }

    private func makeSlots(_ count: Int) {
        slots.removeAll()
        slots.grow(to: count, filling: 0)
        shift = UInt64(64 - count.trailingZeroBitCount)
    }

    /// Makes sure that `more` groups fit without growing.
    func reserve(_ more: Int) {
        for column in columns { column.grow(to: bound + more) }
        var wanted = slots.count
        while (count + more) * 3 > wanted * 2 { wanted *= 2 }
        guard wanted > slots.count else { return }
        var old = StateVector<UInt64>()
        swap(&old, &slots)
        makeSlots(wanted)
        var index = 0
        while index < old.count {
            let slot = unsafe old.base[index]
            if slot != 0 { place(slot) }
            index &+= 1
        }
    }

    @inline(__always)
    private func place(_ slot: UInt64) {
        let mask = slots.count &- 1
        var position = Int(slot &>> shift)
        while unsafe slots.base[position] != 0 { position = (position &+ 1) & mask }
        unsafe slots.base[position] = slot
    }

    /// A number for a new group that row `row` brings.
    @inline(__always)
    func add(_ row: Int) -> Int32 {
        let group: Int32
        if let reused = free.popLast() {
            group = reused
        } else {
            group = Int32(bound)
            bound &+= 1
        }
        newGroups.append(group)
        newRows.append(Int32(truncatingIfNeeded: row))
        return group
    }

    /// Gives a number to no group; it is to become free (`setFree`).
    func addHole() -> Int32 {
        reserve(1)
        bound += 1
        return Int32(bound - 1)
    }

    func setFree(_ groups: [Int32]) { free = groups }

    /// All groups, by number.
    public var groups: [Int32] {
        if free.isEmpty { return Array(0..<Int32(bound)) }
        let isFree = Set(free)
        return (0..<Int32(bound)).filter { !isFree.contains($0) }
    }

    /// The keys of some groups, a column a key.
    public func keys(_ groups: [Int32]) -> [Column] { columns.map { $0.column(groups) } }

    /// The hash of a group that is there.
    private func hash(_ group: Int32) -> UInt64 {
        columns.reduce(0) { hash, column in
            column.isNull(group) ? combineHash(hash, nullWord) : column.hash(group, into: hash)
        }
    }

    /// Forgets a group; its number will be used again.
    public func remove(_ group: Int32) {
        if group == nullGroup {
            nullGroup = -1
        } else {
            vacate(group)
        }
        for column in columns { column.clear(group) }
        free.append(group)
    }

    /// Empties a group's slot and moves those behind it that may not stay behind an empty one.
    private func vacate(_ group: Int32) {
        let mask = slots.count - 1
        var hole = Int(hash(group) &>> shift)
        while UInt32(truncatingIfNeeded: slots[hole]) != UInt32(group) + 1 {
            precondition(slots[hole] != 0, "a group that is removed is there")
            hole = (hole + 1) & mask
        }
        var next = (hole + 1) & mask
        while slots[next] != 0 {
            let home = Int(slots[next] &>> shift)
            if (next &- home) & mask >= (next &- hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = 0
    }

    public func removeAll() {
        makeSlots(Limits.groupSlotsMin)
        nullGroup = -1
        for group in 0..<Int32(bound) { for column in columns { column.clear(group) } }
        (free, bound) = ([], 0)
    }

    public func write(_ target: inout OutputBuffer) {
        target.append(bigEndian: Int64(bound))
        target.append(groups: free)
        for column in columns { column.write(&target) }
    }

    public func read(_ source: inout StateReader) throws(SQLError) {
        try read(&source, isLackingLast: false)
    }

    /// `isLackingLast`: the last column was not written, and is false.
    func read(_ source: inout StateReader, isLackingLast: Bool) throws(SQLError) {
        bound = try source.count()
        free = try source.groups(below: bound)
        for (index, column) in columns.enumerated() {
            if isLackingLast, index == columns.count - 1 {
                column.grow(to: bound)
                continue
            }
            try column.read(&source)
            guard column.count >= bound else {
                throw SQLError("the saved keys of groups are damaged", .internalError)
            }
        }
        nullGroup = -1
        makeSlots(Limits.groupSlotsMin)
        let isFree = Set(free)
        // Growing reads the count of groups; the slots are still empty.
        reserve(0)
        for group in 0..<Int32(bound) where !isFree.contains(group) {
            if shape == .word || shape == .string, columns[0].isNull(group) {
                nullGroup = group
            } else {
                place(hash(group) & saltMask | UInt64(group) &+ 1)
            }
        }
    }
}

/// The half of a slot that holds the hash.
let saltMask: UInt64 = 0xffff_ffff_0000_0000
/// What a null adds to a hash.
let nullWord: UInt64 = 0xa076_1d64_78bd_642f
