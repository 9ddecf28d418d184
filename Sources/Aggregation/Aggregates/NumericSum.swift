import Bytes
import Formats

/// Sums of numerics by group, exact, each scale apart: adding is one 128-bit addition, and what is
/// taken back takes its scale with it, so that a result shows the digits of the rows that are left.
///
/// Nearly always one scale is met, which lies in plain vectors; the rest goes to a dictionary.
final class NumericSums {
    struct Entry: BitwiseCopyable {
        var sum: Int128 = 0
        var count: Int64 = 0
        var scale: Int16 = 0

        var isFree: Bool { count == 0 && sum == 0 }
    }

    /// The sum of a scale that is not the first, or that went past 128 bits; or a count of NaN or
    /// an infinity.
    private struct Other {
        var key: Key
        var sum: Numeric
        var count: Int64
    }

    private enum Key: Equatable {
        case scale(Int)
        case nan, infinity, negativeInfinity
    }

    private var entries = StateVector<Entry>()
    private var others: [Int32: [Other]] = [:]

    /// `count` values, whose sum this is.
    func set(_ group: Int32, sum: Numeric, count: Int64) {
        reset(group)
        guard count != 0 else { return }
        if case .finite(let coefficient, let scale) = sum {
            entries[group] = Entry(sum: coefficient, count: count, scale: scale)
        } else {
            addOther(sum, 1, group)
            entries[group] = Entry(sum: 0, count: count - 1, scale: 0)
        }
    }

    func grow(to count: Int) { entries.grow(to: count, filling: Entry()) }

    func add(_ value: Numeric, weight: Int64, to group: Int32) {
        guard case .finite(let coefficient, let scale) = value else {
            return addOther(value, weight, group)
        }
        var entry = entries[group]
        // A scale lies in one place, unless its sum went past 128 bits.
        if entry.isFree {
            if others[group]?.contains(where: { $0.key == .scale(Int(scale)) }) == true {
                return addOther(value, weight, group)
            }
            entry.scale = scale
        }
        let (product, overflow) = coefficient.multipliedReportingOverflow(by: Int128(weight))
        let (sum, carry) = entry.sum.addingReportingOverflow(product)
        guard entry.scale == scale, !overflow, !carry else { return addOther(value, weight, group) }
        entry.sum = sum
        entry.count += weight
        entries[group] = entry
    }

    private func addOther(_ value: Numeric, _ weight: Int64, _ group: Int32) {
        let (key, sum): (Key, Numeric) =
            switch value {
            case .finite(_, let scale): (.scale(Int(scale)), value * Numeric(weight))
            case .big(let big): (.scale(big.scale), value * Numeric(weight))
            case .nan: (.nan, Numeric(0))
            case .infinity: (.infinity, Numeric(0))
            case .negativeInfinity: (.negativeInfinity, Numeric(0))
            }
        var list = others[group] ?? []
        if let index = list.firstIndex(where: { $0.key == key }) {
            list[index].sum = list[index].sum + sum
            list[index].count += weight
            if list[index].count == 0 && list[index].sum == Numeric(0) { list.remove(at: index) }
        } else {
            list.append(Other(key: key, sum: sum, count: weight))
        }
        others[group] = list.isEmpty ? nil : list
    }

    func merge(_ source: Int32, into target: Int32) {
        let entry = entries[source]
        if !entry.isFree { addSum(entry, to: target) }
        for other in others[source] ?? [] {
            var list = others[target] ?? []
            if let index = list.firstIndex(where: { $0.key == other.key }) {
                list[index].sum = list[index].sum + other.sum
                list[index].count += other.count
            } else {
                list.append(other)
            }
            others[target] = list
        }
    }

    private func addSum(_ entry: Entry, to group: Int32) {
        var own = entries[group]
        if own.isFree { own.scale = entry.scale }
        let (sum, carry) = own.sum.addingReportingOverflow(entry.sum)
        if own.scale == entry.scale, !carry {
            own.sum = sum
            own.count += entry.count
            entries[group] = own
            return
        }
        var list = others[group] ?? []
        let key = Key.scale(Int(entry.scale))
        let value = Numeric.finite(entry.sum, scale: entry.scale)
        if let index = list.firstIndex(where: { $0.key == key }) {
            list[index].sum = list[index].sum + value
            list[index].count += entry.count
        } else {
            list.append(Other(key: key, sum: value, count: entry.count))
        }
        others[group] = list
    }

    func reset(_ group: Int32) {
        entries[group] = Entry()
        others[group] = nil
    }

    func count(_ group: Int32) -> Int64 {
        entries[group].count + (others[group]?.reduce(0) { $0 + $1.count } ?? 0)
    }

    func value(_ group: Int32) -> Numeric {
        let entry = entries[group]
        var sum = Numeric.finite(entry.sum, scale: entry.scale)
        guard let list = others[group] else { return sum }
        // A scale whose rows have all left shows no digits any more.
        if entry.isFree { sum = Numeric(0) }
        let counts = list.reduce(into: (nan: 0, positive: 0, negative: 0) as (Int, Int, Int)) {
            switch $1.key {
            case .scale: break
            case .nan: $0.0 += Int($1.count)
            case .infinity: $0.1 += Int($1.count)
            case .negativeInfinity: $0.2 += Int($1.count)
            }
        }
        if counts.0 > 0 || (counts.1 > 0 && counts.2 > 0) { return .nan }
        if counts.1 > 0 { return .infinity }
        if counts.2 > 0 { return .negativeInfinity }
        for other in list { sum = sum + other.sum }
        return sum
    }

    var memory: Int { entries.memory + others.count * 128 }

    func write(_ target: inout OutputBuffer) {
        entries.write(&target)
        target.append(bigEndian: Int64(others.count))
        for (group, list) in others.sorted(by: { $0.key < $1.key }) {
            target.append(bigEndian: group)
            target.append(bigEndian: Int64(list.count))
            for other in list {
                let (tag, scale): (Int64, Int) =
                    switch other.key {
                    case .scale(let scale): (0, scale)
                    case .nan: (1, 0)
                    case .infinity: (2, 0)
                    case .negativeInfinity: (3, 0)
                    }
                target.append(bigEndian: tag)
                target.append(bigEndian: Int64(scale))
                target.append(value: .numeric(other.sum))
                target.append(bigEndian: other.count)
            }
        }
    }

    func read(_ source: inout StateReader) throws(SQLError) {
        try entries.read(&source)
        others = [:]
        for _ in 0..<(try source.count()) {
            let group = try source.integer(Int32.self)
            var list: [Other] = []
            for _ in 0..<(try source.count()) {
                let tag = try source.integer(Int64.self)
                let scale = Int(try source.integer(Int64.self))
                guard case .numeric(let sum) = try source.value() else {
                    throw SQLError("a saved sum is damaged", .internalError)
                }
                let key: Key =
                    tag == 0
                    ? .scale(scale) : tag == 1 ? .nan : tag == 2 ? .infinity : .negativeInfinity
                list.append(Other(key: key, sum: sum, count: try source.integer(Int64.self)))
            }
            others[group] = list
        }
    }
}

/// sum and avg of numeric.
final class NumericSumAccumulator: Accumulator {
    private let isAverage: Bool
    private let sums = NumericSums()

    init(_ type: DataType, isAverage: Bool) {
        self.isAverage = isAverage
        super.init(type)
    }

    override func grow(to count: Int) { sums.grow(to: count) }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        let values = arguments[0].numerics
        let mask = arguments[0].indexMask
        for row in 0..<count {
            let weight = unsafe weights?[row] ?? 1
            unsafe sums.add(values[row & mask], weight: weight, to: groups[row])
        }
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        sums.merge(source, into: target)
    }

    override func reset(_ group: Int32) { sums.reset(group) }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        let builder = ColumnBuilder(type, capacity: groups.count)
        for group in groups {
            let count = sums.count(group)
            if count == 0 {
                builder.appendNull()
            } else if isAverage {
                builder.append(numeric: try sums.value(group).divided(by: Numeric(count)))
            } else {
                builder.append(numeric: sums.value(group))
            }
        }
        return builder.finish()
    }

    override func carry(
        from old: Accumulator, _ groups: [Int32], _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        for group in groups {
            switch old {
            case let old as IntegerSumAccumulator:
                let sum = Numeric.finite(old.sums[group], scale: 0)
                sums.set(group, sum: sum, count: old.counts[group])
            case let old as DoubleSumAccumulator:
                let sum = Numeric(old.sums[group].value)
                sums.set(group, sum: sum, count: old.counts[group])
            default: return false
            }
        }
        return true
    }

    override var memory: Int { sums.memory }
    override func write(_ target: inout OutputBuffer) { sums.write(&target) }
    override func read(_ source: inout StateReader) throws(SQLError) { try sums.read(&source) }
}
