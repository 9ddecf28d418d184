import Formats

extension Cast {
    static let dayLength: Int64 = 86_400_000_000

    /// Between date, time, timestamp, timestamptz and interval.
    static func time(_ from: DataType, _ to: DataType) -> Kernel? {
        switch (from, to) {
        case (.date, .timestamp):
            return moments(to) { (days, _) throws(SQLError) in try moment(days, "timestamp") }
        case (.date, .timestamptz):
            return moments(to) { (days, zone) throws(SQLError) in
                zone.moment(local: try moment(days, "timestamp"))
            }
        case (.timestamp, .timestamptz):
            return moments(to) { (value, zone) throws(SQLError) in
                let result = zone.moment(local: value)
                guard TimeText.isMoment(result) else { throw timestampOutOfRange }
                return result
            }
        case (.timestamptz, .timestamp):
            return moments(to) { (value, zone) throws(SQLError) in
                value &+ zone.offset(at: value)
            }
        case (.timestamp, .date):
            return moments(to) { (value, _) throws(SQLError) in
                value.floorDivided(by: dayLength).quotient
            }
        case (.timestamptz, .date):
            return moments(to) { (value, zone) throws(SQLError) in
                (value &+ zone.offset(at: value)).floorDivided(by: dayLength).quotient
            }
        case (.timestamp, .time), (.timestamptz, .time): return timeOfDay(from, to)
        case (.time, .interval), (.interval, .time): return span(to)
        default: return nil
        }
    }

    static var timestampOutOfRange: SQLError {
        SQLError("timestamp out of range", .datetimeFieldOverflow)
    }

    /// Midnight of a day in microseconds.
    static func moment(_ days: Int64, _ type: String) throws(SQLError) -> Int64 {
        let (value, overflow) = days.multipliedReportingOverflow(by: dayLength)
        guard !overflow, TimeText.isMoment(value) else {
            throw SQLError("date out of range for \(type)", .datetimeFieldOverflow)
        }
        return value
    }

    /// Converts row by row; infinities stay what they are.
    private static func moments(
        _ type: DataType,
        _ convert:
            @escaping @Sendable (Int64, inout TimeZoneCursor) throws(SQLError) -> Int64
    ) -> Kernel {
        { column, context throws(SQLError) in
            let values = unsafe column.integers
            let count = elements(column)
            let target = Buffer<Int64>(capacity: count)
            var zone = TimeZoneCursor(context.session.timeZone)
            for row in 0..<count {
                let value = unsafe values[row]
                if value == .max || value == .min {
                    target[row] = value
                } else {
                    let isLive = isLive(column, context, row)
                    target[row] = isLive ? try convert(value, &zone) : 0
                }
            }
            return column.holding(.integer(target), type)
        }
    }

    /// The time of an infinite moment is null.
    private static func timeOfDay(_ from: DataType, _ to: DataType) -> Kernel {
        { column, context throws(SQLError) in
            let values = unsafe column.integers
            let builder = ColumnBuilder(to, capacity: elements(column))
            var zone = TimeZoneCursor(context.session.timeZone)
            for row in 0..<elements(column) {
                let value = unsafe values[row]
                if column.isNull(row) || value == .max || value == .min {
                    builder.appendNull()
                } else {
                    let local = from == .timestamp ? value : value &+ zone.offset(at: value)
                    builder.append(integer: local.floorDivided(by: dayLength).remainder)
                }
            }
            let result = builder.finish()
            return Column(
                to, count: column.count, result.storage, validity: result.validity,
                isConstant: column.isConstant)
        }
    }

    private static func span(_ to: DataType) -> Kernel {
        { column, _ throws(SQLError) in
            let count = elements(column)
            if case .interval(let buffer) = column.storage {
                let target = Buffer<Int64>(capacity: count)
                for row in 0..<count {
                    target[row] =
                        buffer[row].microseconds.floorDivided(by: dayLength).remainder
                }
                return column.holding(.integer(target), to)
            }
            let values = unsafe column.integers
            let target = Buffer<Interval>(capacity: count)
            for row in 0..<count {
                target[row] = unsafe Interval(microseconds: values[row])
            }
            return column.holding(.interval(target), to)
        }
    }
}
