import Formats

/// date_trunc and date_bin.
enum TimeTruncation {
    static let functions: [ScalarFunction] = [
        ScalarFunction("date_trunc", [.text, .timestamp], .timestamp) {
            arguments, context throws(SQLError) in try local(arguments, context)
        },
        ScalarFunction("date_trunc", [.text, .timestamptz], .timestamptz, volatility: .stable) {
            arguments, context throws(SQLError) in try zoned(arguments, context)
        },
        ScalarFunction(
            "date_trunc", [.text, .timestamptz, .text], .timestamptz, volatility: .stable
        ) { arguments, context throws(SQLError) in try zoned(arguments, context) },
        ScalarFunction("date_trunc", [.text, .interval], .interval) {
            arguments, context throws(SQLError) in try interval(arguments, context)
        },
        ScalarFunction("date_bin", [.interval, .timestamp, .timestamp], .timestamp) {
            arguments, context throws(SQLError) in try bin(arguments, context)
        },
        ScalarFunction("date_bin", [.interval, .timestamptz, .timestamptz], .timestamptz) {
            arguments, context throws(SQLError) in try bin(arguments, context)
        },
    ]

    /// The number of the century or millennium (`years`) that a year lies in; there is none 0.
    static func period(_ year: Int, _ years: Int) -> Int {
        year > 0 ? (year + years - 1) / years : -((years - year) / years)
    }

    /// Microseconds of units that a day is made of.
    @inline(__always)
    private static func length(_ unit: TimeUnit) -> Int64? {
        switch unit {
        case .microsecond: 1
        case .millisecond: 1000
        case .second: 1_000_000
        case .minute: 60_000_000
        case .hour: 3_600_000_000
        case .day: TimeKernels.day
        default: nil
        }
    }

    /// The first day of a unit longer than a day; nil for what is no such unit.
    private static func firstDay(_ unit: TimeUnit, _ days: Int64) -> Int64? {
        if unit == .week { return days - (days + 3).floorDivided(by: 7).remainder }
        let date = CivilTime.date(daysSinceEpoch: Int(days))
        var (year, month) = (date.year, 1)
        switch unit {
        case .month: month = date.month
        case .quarter: month = (date.month - 1) / 3 * 3 + 1
        case .year: break
        case .decade: year = Int(Int64(year).floorDivided(by: 10).quotient) * 10
        case .century: year = firstYear(year, 100)
        case .millennium: year = firstYear(year, 1000)
        default: return nil
        }
        return Int64(CivilTime(year: year, month: month, day: 1).daysSinceEpoch)
    }

    private static func firstYear(_ year: Int, _ years: Int) -> Int {
        Int(Int64(year - 1).floorDivided(by: Int64(years)).quotient) * years + 1
    }

    /// Cuts a moment as a clock on the wall shows it; nil for what is no unit of a date.
    @inline(__always)
    private static func cut(_ value: Int64, _ unit: TimeUnit) -> Int64? {
        if let length = length(unit) {
            return value &- value.floorDivided(by: length).remainder
        }
        let days = value.floorDivided(by: TimeKernels.day).quotient
        return firstDay(unit, days).map { $0 &* TimeKernels.day }
    }

    private static func local(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        var units = UnitReader(arguments[0])
        let values = unsafe arguments[1].integers
        let mask = arguments[1].indexMask
        if arguments[0].isConstant, let unit = units.unit(0), let length = length(unit) {
            return try TimeKernels.integers(context, .timestamp) { row in
                let value = unsafe values[row & mask]
                if TimeKernels.isInfinite(value) { return value }
                return value &- value.floorDivided(by: length).remainder
            }
        }
        return try TimeKernels.integers(context, .timestamp) { (row) throws(SQLError) in
            guard let unit = units.unit(row) else { throw units.unknown(row, .timestamp) }
            let value = unsafe values[row & mask]
            if TimeKernels.isInfinite(value) { return value }
            guard let result = cut(value, unit) else { throw refused(units, unit, row, .timestamp) }
            return result
        }
    }

    private static func refused(
        _ units: UnitReader, _ unit: TimeUnit, _ row: Int, _ type: DataType
    ) -> SQLError {
        switch unit {
        case .timezone, .timezoneHour, .timezoneMinute: units.unsupported(row, type)
        default: units.unknown(row, type)
        }
    }

    private static func zoned(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        var units = UnitReader(arguments[0])
        let values = unsafe arguments[1].integers
        let mask = arguments[1].indexMask
        var zone = TimeKernels.zone(context)
        var zones = arguments.count > 2 ? ZoneReader(arguments[2], context.session) : nil
        let isFixed = arguments.count > 2 && arguments[2].isConstant
        if isFixed, context.count > 0, context.isLive(0), let cursor = try zones?.cursor(0) {
            zone = cursor
            zones = nil
        }
        return try TimeKernels.integers(context, .timestamptz) { (row) throws(SQLError) in
            guard let unit = units.unit(row) else { throw units.unknown(row, .timestamptz) }
            let value = unsafe values[row & mask]
            if TimeKernels.isInfinite(value) { return value }
            if let cursor = try zones?.cursor(row) { zone = cursor }
            let offset = zone.offset(at: value)
            guard let result = cut(value &+ offset, unit) else {
                throw refused(units, unit, row, .timestamptz)
            }
            // From days on the offset may have been another.
            let length = length(unit)
            let isShort = length.map { $0 < TimeKernels.day } ?? false
            return isShort ? result &- offset : zone.moment(local: result)
        }
    }

    private static func interval(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        var units = UnitReader(arguments[0])
        let values = unsafe arguments[1].intervals
        let mask = arguments[1].indexMask
        return try TimeKernels.intervals(context) { (row) throws(SQLError) in
            guard let unit = units.unit(row) else { throw units.unknown(row, .interval) }
            let value = unsafe values[row & mask]
            if unit == .week {
                throw units.unsupported(
                    row, .interval, detail: "Months usually have fractional weeks.")
            }
            if let length = length(unit) {
                if unit == .day { return Interval(months: value.months, days: value.days) }
                return Interval(
                    months: value.months, days: value.days,
                    microseconds: value.microseconds - value.microseconds % length)
            }
            let months: Int32
            switch unit {
            case .month: months = 1
            case .quarter: months = 3
            case .year: months = 12
            case .decade: months = 120
            case .century: months = 1200
            case .millennium: months = 12_000
            default: throw refused(units, unit, row, .interval)
            }
            return Interval(months: value.months / months * months)
        }
    }

    private static func bin(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let strides = unsafe arguments[0].intervals
        let values = unsafe arguments[1].integers
        let origins = unsafe arguments[2].integers
        let masks = (arguments[0].indexMask, arguments[1].indexMask, arguments[2].indexMask)
        let isFixed = arguments[0].isConstant && arguments[2].isConstant
        if isFixed, context.count > 0, arguments[1].count > 0 {
            let isSafe =
                unsafe !TimeKernels.isInfinite(origins[0]) && origins[0].magnitude < 1 << 61
            if isSafe {
                let stride = unsafe try stride(strides[0])
                let origin = unsafe origins[0]
                return try TimeKernels.integers(context, arguments[1].type) { (row) in
                    let value = unsafe values[row & masks.1]
                    if TimeKernels.isInfinite(value) { return value }
                    return value &- (value &- origin).floorDivided(by: stride).remainder
                }
            }
        }
        return try TimeKernels.integers(context, arguments[1].type) { (row) throws(SQLError) in
            let value = unsafe values[row & masks.1]
            let origin = unsafe origins[row & masks.2]
            if TimeKernels.isInfinite(value) { return value }
            guard !TimeKernels.isInfinite(origin) else {
                throw SQLError("origin out of range", .datetimeFieldOverflow)
            }
            let stride = unsafe try stride(strides[row & masks.0])
            let rest = (Int128(value) - Int128(origin)) % Int128(stride)
            return value - Int64(rest < 0 ? rest + Int128(stride) : rest)
        }
    }

    private static func stride(_ value: Interval) throws(SQLError) -> Int64 {
        guard value.months == 0 else {
            throw SQLError(
                "timestamps cannot be binned into intervals containing months or years",
                .featureNotSupported)
        }
        guard let length = value.fixedMicroseconds else { throw IntervalKernels.outOfRange }
        guard length > 0 else {
            throw SQLError("stride must be greater than zero", .datetimeFieldOverflow)
        }
        return length
    }
}
