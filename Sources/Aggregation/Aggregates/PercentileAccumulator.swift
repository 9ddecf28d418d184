import Bytes
import Formats

/// percentile_cont and percentile_disc WITHIN GROUP, of one fraction or of an array of them.
final class PercentileAccumulator: CollectingAccumulator {
    private let isContinuous: Bool
    private let isMedian: Bool

    init(_ call: AggregateCall, isContinuous: Bool) {
        self.isContinuous = isContinuous
        isMedian = false
        super.init(call, required: 1)
    }

    /// median(value), which is percentile_cont(0.5) WITHIN GROUP (ORDER BY value).
    init(medianOf call: AggregateCall) {
        isContinuous = true
        isMedian = true
        let type = call.arguments[0].type
        super.init(
            call, order: [SortKey(call.arguments[0])], types: [type, type])
    }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        let columns = isMedian ? [arguments[0], arguments[0]] : arguments
        unsafe try super.update(columns, groups: groups, weights: weights, count: count)
    }

    override func finish(
        _ columns: [Column], _ count: Int, _ builder: ColumnBuilder
    ) throws(SQLError) {
        guard count > 0 else { return builder.appendNull() }
        if isMedian { return builder.append(try percentile(0.5, columns[1], count)) }
        switch columns[0].value(0) {
        case .double(let fraction):
            builder.append(try percentile(fraction, columns[1], count))
        case .array(let fractions):
            var results: [Value] = []
            for fraction in fractions {
                if case .double(let fraction) = fraction {
                    results.append(try percentile(fraction, columns[1], count))
                } else {
                    results.append(.null)
                }
            }
            builder.append(.array(results))
        default: builder.appendNull()
        }
    }

    private func percentile(
        _ fraction: Double, _ values: Column, _ count: Int
    ) throws(SQLError) -> Value {
        guard fraction >= 0, fraction <= 1 else {
            throw SQLError(
                "percentile value \(fraction) is not between 0 and 1", .numericValueOutOfRange)
        }
        guard isContinuous else {
            let row = max(1, (fraction * Double(count)).rounded(.up))
            return values.value(Int(row) - 1)
        }
        let place = fraction * Double(count - 1)
        let first = Int(place.rounded(.down))
        let second = Int(place.rounded(.up))
        let (low, high) = (values.value(first), values.value(second))
        if first == second { return low }
        switch (low, high) {
        case (.double(let a), .double(let b)):
            return .double(a + (place - Double(first)) * (b - a))
        case (.interval(let a), .interval(let b)):
            return .interval(between(a, b, place - Double(first)))
        default: return low
        }
    }

    /// a + (b - a) * part, as PostgreSQL's interval_lerp.
    private func between(_ a: Interval, _ b: Interval, _ part: Double) -> Interval {
        let months = Double(b.months - a.months) * part
        let monthDays = (months - months.rounded(.towardZero)) * 30
        let days = Double(b.days - a.days) * part + monthDays
        let time = Double(b.microseconds - a.microseconds) * part
        let rest = (days - days.rounded(.towardZero)) * 86_400_000_000
        return Interval(
            months: a.months + Int32(months), days: a.days + Int32(days),
            microseconds: a.microseconds + Int64((time + rest).rounded()))
    }
}
