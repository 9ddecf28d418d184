import Bytes
import Formats

/// min and max of what lies in words (integers, dates and times, doubles), over rows that are never
/// taken back.
final class WordExtremeAccumulator: Accumulator {
    private let isMax: Bool
    private var words = StateVector<Int64>()
    private var seen = StateVector<UInt8>()

    init(_ type: DataType, isMax: Bool) {
        self.isMax = isMax
        super.init(type)
    }

    private var start: Int64 { isMax ? .min : .max }

    override func grow(to count: Int) {
        words.grow(to: count, filling: start)
        seen.grow(to: count, filling: 0)
    }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        if type.layout == .double {
            let values = unsafe arguments[0].doubles
            let words = Buffer<Int64>(capacity: count)
            let mask = arguments[0].indexMask
            for row in 0..<count {
                unsafe words.base[row] = WordExtremeAccumulator.word(values[row & mask])
            }
            unsafe update(words.base, -1, groups, count)
            return
        }
        unsafe update(arguments[0].integers, arguments[0].indexMask, groups, count)
    }

    private func update(
        _ values: UnsafePointer<Int64>, _ mask: Int, _ groups: UnsafePointer<Int32>, _ count: Int
    ) {
        let (words, seen) = unsafe (self.words.base, self.seen.base)
        var row = 0
        while row < count {
            let group = unsafe Int(groups[row])
            let value = unsafe values[row & mask]
            let old = unsafe words[group]
            unsafe words[group] = isMax ? max(old, value) : min(old, value)
            unsafe seen[group] = 1
            row &+= 1
        }
    }

    /// An integer that is ordered as doubles are, NaN last.
    private static func word(_ value: Double) -> Int64 {
        let bits = Int64(bitPattern: (value.isNaN ? Double.nan : value).bitPattern)
        return bits ^ ((bits >> 63) & .max)
    }

    private static func double(_ word: Int64) -> Double {
        Double(bitPattern: UInt64(bitPattern: word ^ ((word >> 63) & .max)))
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        let (a, b) = (words[source], words[target])
        words[target] = isMax ? max(a, b) : min(a, b)
        seen[target] |= seen[source]
    }

    override func reset(_ group: Int32) {
        words[group] = start
        seen[group] = 0
    }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        let builder = ColumnBuilder(type, capacity: groups.count)
        for group in groups {
            if seen[group] == 0 {
                builder.appendNull()
            } else if type.layout == .double {
                builder.append(double: WordExtremeAccumulator.double(words[group]))
            } else {
                builder.append(integer: words[group])
            }
        }
        return builder.finish()
    }

    override func carry(
        from old: Accumulator, _ groups: [Int32], _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        try carryResults(from: old, groups, widening)
    }

    override var memory: Int { words.memory + seen.memory }

    override func write(_ target: inout OutputBuffer) {
        words.write(&target)
        seen.write(&target)
    }

    override func read(_ source: inout StateReader) throws(SQLError) {
        try words.read(&source)
        try seen.read(&source)
    }
}

/// min and max of strings, numerics, intervals and arrays, over rows that are never taken back.
final class ExtremeAccumulator: Accumulator {
    private let isMax: Bool
    private let kept: StoredColumn
    private var seen = StateVector<UInt8>()

    init(_ type: DataType, isMax: Bool) {
        self.isMax = isMax
        kept = StoredColumn(type)
        super.init(type)
    }

    override func grow(to count: Int) {
        kept.grow(to: count)
        seen.grow(to: count, filling: 0)
    }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        for row in 0..<count {
            let group = unsafe groups[row]
            if seen[group] != 0 {
                let order = kept.order(group, to: arguments[0], row)
                guard isMax ? order < 0 : order > 0 else { continue }
            }
            kept.set(group, from: arguments[0], row)
            seen[group] = 1
        }
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        guard seen[source] != 0 else { return }
        if seen[target] != 0 {
            let order = kept.order(target, source)
            guard isMax ? order < 0 : order > 0 else { return }
        }
        kept.set(target, from: kept, source)
        seen[target] = 1
    }

    override func reset(_ group: Int32) {
        kept.clear(group)
        seen[group] = 0
    }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        for group in groups where seen[group] == 0 { kept.setNull(group) }
        return kept.column(groups)
    }

    override func carry(
        from old: Accumulator, _ groups: [Int32], _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        try carryResults(from: old, groups, widening)
    }

    override var memory: Int { kept.memory + seen.memory }

    override func write(_ target: inout OutputBuffer) {
        kept.write(&target)
        seen.write(&target)
    }

    override func read(_ source: inout StateReader) throws(SQLError) {
        try kept.read(&source)
        try seen.read(&source)
    }
}
