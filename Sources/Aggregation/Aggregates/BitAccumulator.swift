import Bytes
import Formats

/// bit_and, bit_or, bit_xor. On changing input the rows with each bit are counted.
final class BitAccumulator: Accumulator {
    enum Operation { case and, or, xor }

    private let operation: Operation
    private let countsBits: Bool
    private var words = StateVector<Int64>()
    private var counts = StateVector<Int64>()
    /// 64 counts a group.
    private var bits = StateVector<Int64>()

    init(_ type: DataType, _ operation: Operation, appendOnly: Bool) {
        self.operation = operation
        countsBits = !appendOnly && operation != .xor
        super.init(type)
    }

    override func grow(to count: Int) {
        words.grow(to: count, filling: operation == .and ? -1 : 0)
        counts.grow(to: count, filling: 0)
        if countsBits { bits.grow(to: count * 64, filling: 0) }
    }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        let values = unsafe arguments[0].integers
        let mask = arguments[0].indexMask
        for row in 0..<count {
            let group = unsafe Int(groups[row])
            let value = unsafe values[row & mask]
            let weight = unsafe weights?[row] ?? 1
            counts[group] += weight
            if countsBits {
                for bit in 0..<64 where value >> Int64(bit) & 1 != 0 {
                    bits[group * 64 + bit] += weight
                }
            } else {
                switch operation {
                case .and: words[group] &= value
                case .or: words[group] |= value
                case .xor: if weight & 1 != 0 { words[group] ^= value }
                }
            }
        }
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        counts[target] += counts[source]
        switch operation {
        case .and: words[target] &= words[source]
        case .or: words[target] |= words[source]
        case .xor: words[target] ^= words[source]
        }
        guard countsBits else { return }
        for bit in 0..<64 { bits[Int(target) * 64 + bit] += bits[Int(source) * 64 + bit] }
    }

    override func reset(_ group: Int32) {
        words[group] = operation == .and ? -1 : 0
        counts[group] = 0
        guard countsBits else { return }
        for bit in 0..<64 { bits[Int(group) * 64 + bit] = 0 }
    }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        let builder = ColumnBuilder(type, capacity: groups.count)
        for group in groups {
            if counts[group] == 0 {
                builder.appendNull()
            } else {
                builder.append(integer: countsBits ? word(group) : words[group])
            }
        }
        return builder.finish()
    }

    private func word(_ group: Int32) -> Int64 {
        let wanted = operation == .and ? counts[group] : 1
        return (0..<64).reduce(0) { word, bit in
            bits[Int(group) * 64 + bit] >= wanted ? word | 1 << Int64(bit) : word
        }
    }

    override var memory: Int { words.memory + counts.memory + bits.memory }

    override func write(_ target: inout OutputBuffer) {
        words.write(&target)
        counts.write(&target)
        bits.write(&target)
    }

    override func read(_ source: inout StateReader) throws(SQLError) {
        try words.read(&source)
        try counts.read(&source)
        try bits.read(&source)
    }
}
