import Formats

/// IN over constants: a set that is built once.
final class InSetNode: ExpressionNode {
    private let operand: ExpressionNode
    private let hasNull: Bool
    private let members: Members

    private enum Members {
        case integers(IntegerSet)
        case strings(StringSet)
        case values(Set<Value>)
    }

    init(_ operand: ExpressionNode, _ values: [Value], hasNull: Bool) {
        self.operand = operand
        self.hasNull = hasNull
        switch operand.type.layout {
        case .integer:
            members = .integers(
                IntegerSet(
                    values.compactMap { value in
                        if case .integer(let member) = value { return member }
                        return nil
                    }))
        case .string: members = .strings(StringSet(values, operand.type))
        default: members = .values(Set(values))
        }
        super.init(.boolean, isConstant: operand.isConstant, isSafe: operand.isSafe)
    }

    override func compute(_ frame: Frame) throws(SQLError) -> Column {
        let column = try operand.column(frame)
        let count = column.isConstant ? min(1, column.count) : column.count
        let target = Buffer<UInt8>(capacity: count)
        switch members {
        case .integers(let set):
            let values = unsafe column.integers
            for row in 0..<count {
                unsafe target.base[row] = unsafe set.contains(values[row]) ? 1 : 0
            }
        case .strings(let set):
            let values = unsafe column.strings
            for row in 0..<count {
                unsafe target.base[row] = unsafe set.contains(values[row]) ? 1 : 0
            }
        case .values(let set):
            for row in 0..<count {
                unsafe target.base[row] = set.contains(column.value(row)) ? 1 : 0
            }
        }
        return Column(
            .boolean, count: column.count, .boolean(target),
            validity: validity(column, target, count), isConstant: column.isConstant)
    }

    /// What is not found among members of which one is null is unknown.
    private func validity(_ column: Column, _ found: Buffer<UInt8>, _ count: Int) -> Bitmap? {
        guard hasNull else { return column.validity }
        let bits = Bitmap.allSet(count)
        for row in 0..<count where found[row] == 0 || column.isNull(row) { bits.clear(row) }
        return bits
    }
}

/// Integers by open addressing, or by a bit each where they lie close together.
struct IntegerSet {
    private let low: Int64
    private let bits: Bitmap?
    private let bitCount: UInt64
    private let slots: Buffer<Int64>
    private let mask: Int
    /// Stands for an empty slot, and is itself a member if `hasEmpty`.
    private static let empty = Int64.min
    private let hasEmpty: Bool

    init(_ members: [Int64]) {
        low = members.min() ?? 0
        let span = (members.max() ?? 0).subtractingReportingOverflow(low)
        hasEmpty = members.contains(IntegerSet.empty)
        if !span.overflow && span.partialValue < 1 << 16 {
            bitCount = UInt64(span.partialValue) + 1
            let bits = Bitmap(repeating: 0, count: Int(bitCount + 63) / 64)
            for member in members { bits.set(Int(member - low)) }
            self.bits = members.isEmpty ? nil : bits
            slots = Buffer(repeating: IntegerSet.empty, count: 2)
            mask = 1
            return
        }
        bits = nil
        bitCount = 0
        var capacity = 16
        while capacity < members.count * 2 { capacity *= 2 }
        mask = capacity - 1
        slots = Buffer(repeating: IntegerSet.empty, count: capacity)
        for member in members {
            var slot = IntegerSet.hash(member) & mask
            while slots[slot] != IntegerSet.empty && slots[slot] != member {
                slot = (slot + 1) & mask
            }
            slots[slot] = member
        }
    }

    @inline(__always)
    private static func hash(_ value: Int64) -> Int {
        Int(truncatingIfNeeded: (UInt64(bitPattern: value) &* 0x9E37_79B9_7F4A_7C15) &>> 32)
    }

    @inline(__always)
    func contains(_ value: Int64) -> Bool {
        if let bits {
            let offset = UInt64(bitPattern: value &- low)
            return offset < bitCount && bits.isSet(Int(truncatingIfNeeded: offset))
        }
        if value == IntegerSet.empty { return hasEmpty }
        var slot = IntegerSet.hash(value) & mask
        while true {
            let member = unsafe slots.base[slot]
            if member == value { return true }
            if member == IntegerSet.empty { return false }
            slot = (slot &+ 1) & mask
        }
    }
}

/// Strings by open addressing.
struct StringSet {
    private let members: Column
    /// Index of a member plus 1; 0: empty.
    private let slots: Buffer<Int32>
    private let mask: Int
    private let isBlankPadded: Bool

    init(_ values: [Value], _ type: DataType) {
        members = Column.make(type, values.filter { !$0.isNull })
        if case .char = type { isBlankPadded = true } else { isBlankPadded = false }
        var capacity = 16
        while capacity < members.count * 2 { capacity *= 2 }
        mask = capacity - 1
        slots = Buffer(repeating: 0, count: capacity)
        for index in 0..<members.count {
            var slot = unsafe StringSet.hash(members.strings[index], isBlankPadded) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = Int32(index + 1)
        }
    }

    @inline(__always)
    private static func hash(_ view: StringView, _ isBlankPadded: Bool) -> Int {
        unsafe view.withBytes { bytes in
            var count = bytes.count
            while isBlankPadded, count > 0, unsafe bytes[count - 1] == 0x20 { count -= 1 }
            var state = UInt64(count) &* 0x9E37_79B9_7F4A_7C15
            var index = 0
            while count &- index >= 8 {
                let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                state = (state ^ word) &* 0xFF51_AFD7_ED55_8CCD
                state ^= state &>> 32
                index &+= 8
            }
            while index < count {
                state = unsafe (state ^ UInt64(bytes[index])) &* 0x0000_0100_0000_01B3
                index &+= 1
            }
            state ^= state &>> 29
            return Int(truncatingIfNeeded: (state &* 0x9E37_79B9_7F4A_7C15) &>> 32)
        }
    }

    func contains(_ view: StringView) -> Bool {
        let strings = unsafe members.strings
        var slot = StringSet.hash(view, isBlankPadded) & mask
        while true {
            let index = unsafe Int(slots.base[slot])
            if index == 0 { return false }
            let member = unsafe strings[index - 1]
            if member == view { return true }
            if isBlankPadded, ComparisonKernels.equalPadded(member, view) { return true }
            slot = (slot &+ 1) & mask
        }
    }
}
