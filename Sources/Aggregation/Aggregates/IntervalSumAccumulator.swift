import Bytes
import Formats

/// sum and avg of interval; months, days and microseconds are summed apart.
final class IntervalSumAccumulator: Accumulator {
    private struct State: BitwiseCopyable {
        var months: Int64 = 0
        var days: Int64 = 0
        var microseconds: Int64 = 0
        var count: Int64 = 0

        mutating func add(_ value: Interval, _ weight: Int64) {
            months &+= Int64(value.months) &* weight
            days &+= Int64(value.days) &* weight
            microseconds &+= value.microseconds &* weight
            count &+= weight
        }
    }

    private let isAverage: Bool
    private var states = StateVector<State>()

    init(_ type: DataType, isAverage: Bool) {
        self.isAverage = isAverage
        super.init(type)
    }

    override func grow(to count: Int) { states.grow(to: count, filling: State()) }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        let values = unsafe arguments[0].intervals
        let mask = arguments[0].indexMask
        let states = unsafe self.states.base
        for row in 0..<count {
            unsafe states[Int(groups[row])].add(values[row & mask], weights?[row] ?? 1)
        }
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        let other = states[source]
        var state = states[target]
        state.months &+= other.months
        state.days &+= other.days
        state.microseconds &+= other.microseconds
        state.count &+= other.count
        states[target] = state
    }

    override func reset(_ group: Int32) { states[group] = State() }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        let builder = ColumnBuilder(type, capacity: groups.count)
        for group in groups {
            let state = states[group]
            guard state.count != 0 else {
                builder.appendNull()
                continue
            }
            guard let months = Int32(exactly: state.months), let days = Int32(exactly: state.days)
            else { throw SQLError("interval out of range", .datetimeFieldOverflow) }
            let sum = Interval(months: months, days: days, microseconds: state.microseconds)
            builder.append(interval: isAverage ? quotient(sum, Double(state.count)) : sum)
        }
        return builder.finish()
    }

    /// PostgreSQL's interval_div: what is left of months becomes days of 30, of days time.
    private func quotient(_ value: Interval, _ divisor: Double) -> Interval {
        var result = Interval()
        result.months = Int32(Double(value.months) / divisor)
        result.days = Int32(Double(value.days) / divisor)
        var monthDays = (Double(value.months) / divisor - Double(result.months)) * 30
        monthDays = (monthDays * 1e6).rounded(.toNearestOrEven) / 1e6
        var seconds =
            (Double(value.days) / divisor - Double(result.days)
                + monthDays - monthDays.rounded(.towardZero)) * 86_400
        seconds = (seconds * 1e6).rounded(.toNearestOrEven) / 1e6
        if seconds.magnitude >= 86_400 {
            result.days += Int32(seconds / 86_400)
            seconds -= Double(Int32(seconds / 86_400)) * 86_400
        }
        result.days += Int32(monthDays)
        result.microseconds = Int64(
            (Double(value.microseconds) / divisor + seconds * 1e6).rounded(.toNearestOrEven))
        return result
    }

    override var memory: Int { states.memory }
    override func write(_ target: inout OutputBuffer) { states.write(&target) }
    override func read(_ source: inout StateReader) throws(SQLError) { try states.read(&source) }
}
