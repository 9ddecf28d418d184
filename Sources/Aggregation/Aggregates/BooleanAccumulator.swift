import Bytes
import Formats

/// bool_and, every and bool_or: counts of true and false, so that rows can be taken back.
final class BooleanAccumulator: Accumulator {
    private let isAnd: Bool
    private var trues = StateVector<Int64>()
    private var falses = StateVector<Int64>()

    init(isAnd: Bool) {
        self.isAnd = isAnd
        super.init(.boolean)
    }

    override func grow(to count: Int) {
        trues.grow(to: count, filling: 0)
        falses.grow(to: count, filling: 0)
    }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        let values = unsafe arguments[0].booleans
        let mask = arguments[0].indexMask
        let (trues, falses) = unsafe (self.trues.base, self.falses.base)
        var row = 0
        while row < count {
            let group = unsafe Int(groups[row])
            let value = unsafe Int64(values[row & mask])
            let weight = unsafe weights?[row] ?? 1
            unsafe trues[group] &+= value &* weight
            unsafe falses[group] &+= (1 &- value) &* weight
            row &+= 1
        }
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        trues[target] += trues[source]
        falses[target] += falses[source]
    }

    override func reset(_ group: Int32) {
        trues[group] = 0
        falses[group] = 0
    }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        let builder = ColumnBuilder(type, capacity: groups.count)
        for group in groups {
            let (yes, no) = (trues[group], falses[group])
            if yes == 0 && no == 0 {
                builder.appendNull()
            } else {
                builder.append(boolean: isAnd ? no == 0 : yes > 0)
            }
        }
        return builder.finish()
    }

    override var memory: Int { trues.memory + falses.memory }

    override func write(_ target: inout OutputBuffer) {
        trues.write(&target)
        falses.write(&target)
    }

    override func read(_ source: inout StateReader) throws(SQLError) {
        try trues.read(&source)
        try falses.read(&source)
    }
}
