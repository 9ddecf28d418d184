import Formats

/// extract (numeric) and date_part (double) of dates, times and intervals.
enum TimeExtract {
    static let functions: [ScalarFunction] = {
        var list: [ScalarFunction] = []
        let types: [DataType] = [.timestamp, .timestamptz, .date, .time, .interval]
        for type in types {
            let volatility: ScalarFunction.Volatility = type == .timestamptz ? .stable : .immutable
            list.append(
                ScalarFunction(
                    "extract", [.text, type], .anyNumeric, volatility: volatility
                ) { arguments, context throws(SQLError) in
                    try numerics(arguments, context, type)
                })
            list.append(
                ScalarFunction(
                    "date_part", [.text, type], .double, volatility: volatility
                ) { arguments, context throws(SQLError) in
                    try doubles(arguments, context, type)
                })
        }
        return list
    }()

    /// nil: null.
    @inline(__always)
    private static func fields(
        _ arguments: [Column], _ context: KernelContext, _ type: DataType,
        _ body: (Int, Numeric?, TimeUnit) -> Void
    ) throws(SQLError) {
        var units = UnitReader(arguments[0])
        let column = arguments[1]
        let mask = column.indexMask
        let shown: DataType = type
        if case .interval(let buffer) = column.storage {
            for row in 0..<context.count where context.isLive(row) {
                guard let unit = units.unit(row) else { throw units.unknown(row, shown) }
                guard let value = field(unit, buffer[row & mask]) else {
                    throw units.unsupported(row, shown)
                }
                body(row, value, unit)
            }
            return
        }
        let values = unsafe column.integers
        var zone = TimeKernels.zone(context)
        for row in 0..<context.count where context.isLive(row) {
            guard let unit = units.unit(row) else { throw units.unknown(row, shown) }
            let value = unsafe values[row & mask]
            if TimeKernels.isInfinite(value), type != .time {
                guard type != .date || dateField(unit, 0) != nil else {
                    throw units.unsupported(row, shown)
                }
                body(row, infinite(unit, value), unit)
                continue
            }
            let found: Numeric?
            switch type {
            case .timestamp: found = field(unit, local: value, moment: value)
            case .timestamptz:
                let offset = zone.offset(at: value)
                found =
                    zoneField(unit, offset)
                    ?? field(unit, local: value &+ offset, moment: value)
            case .date: found = dateField(unit, value)
            default: found = timeField(unit, value)
            }
            guard let found else { throw units.unsupported(row, shown) }
            body(row, found, unit)
        }
    }

    private static func numerics(
        _ arguments: [Column], _ context: KernelContext, _ type: DataType
    ) throws(SQLError) -> Column {
        var values = [Numeric](repeating: .zero, count: context.count)
        var nulls: [Int] = []
        try fields(arguments, context, type) { row, value, _ in
            if let value { values[row] = value } else { nulls.append(row) }
        }
        return Column(
            .anyNumeric, count: context.count, .numeric(values),
            validity: validity(nulls, context.count))
    }

    /// date_part of a date takes the fields of a timestamp, as PostgreSQL casts it.
    private static func doubles(
        _ arguments: [Column], _ context: KernelContext, _ type: DataType
    ) throws(SQLError) -> Column {
        var arguments = arguments
        var type = type
        if type == .date {
            let inner = KernelContext(
                count: context.count, type: .timestamp, live: context.live,
                session: context.session)
            if let cast = Cast.kernel(from: .date, to: .timestamp) {
                arguments[1] = try cast(arguments[1], inner)
            }
            type = .timestamp
        }
        let target = Buffer<Double>(repeating: 0, count: context.count)
        var nulls: [Int] = []
        try fields(arguments, context, type) { row, value, _ in
            if let value { target[row] = value.double } else { nulls.append(row) }
        }
        return Column(
            .double, count: context.count, .double(target),
            validity: validity(nulls, context.count))
    }

    private static func validity(_ nulls: [Int], _ count: Int) -> Bitmap? {
        if nulls.isEmpty { return nil }
        let bits = Bitmap.allSet(count)
        for row in nulls { bits.clear(row) }
        return bits
    }

    /// Fields that only grow are infinite too; the others are null.
    private static func infinite(_ unit: TimeUnit, _ value: Int64) -> Numeric? {
        switch unit {
        case .year, .decade, .century, .millennium, .julian, .isoYear, .epoch:
            value > 0 ? .infinity : .negativeInfinity
        default: nil
        }
    }

    @inline(__always)
    private static func fixed(_ value: Int64, _ scale: Int16) -> Numeric {
        .finite(Int128(value), scale: scale)
    }

    /// A field of a moment whose clock shows `local`; nil for those of zones.
    @inline(__always)
    private static func field(_ unit: TimeUnit, local: Int64, moment: Int64) -> Numeric? {
        switch unit {
        case .epoch: return fixed(moment, 6)
        case .hour, .minute, .second, .millisecond, .microsecond:
            return timeField(unit, local.floorDivided(by: TimeKernels.day).remainder)
        case .julian:
            let (days, rest) = local.floorDivided(by: TimeKernels.day)
            let part = try? Numeric(rest).divided(by: Numeric(TimeKernels.day))
            return Numeric(days + 2_440_588) + (part ?? .zero)
        default:
            return calendarField(unit, local.floorDivided(by: TimeKernels.day).quotient)
        }
    }

    private static func zoneField(_ unit: TimeUnit, _ offset: Int64) -> Numeric? {
        let seconds = offset / TimeKernels.second
        switch unit {
        case .timezone: return Numeric(seconds)
        case .timezoneHour: return Numeric(seconds / 3600)
        case .timezoneMinute: return Numeric(seconds / 60 % 60)
        default: return nil
        }
    }

    private static func dateField(_ unit: TimeUnit, _ days: Int64) -> Numeric? {
        switch unit {
        case .epoch: Numeric(days * 86_400)
        case .julian: Numeric(days + 2_440_588)
        default: calendarField(unit, days)
        }
    }

    @inline(__always)
    static func timeField(_ unit: TimeUnit, _ time: Int64) -> Numeric? {
        switch unit {
        case .hour: Numeric(time / 3_600_000_000)
        case .minute: Numeric(time / 60_000_000 % 60)
        case .second: fixed(time % 60_000_000, 6)
        case .millisecond: fixed(time % 60_000_000, 3)
        case .microsecond: Numeric(time % 60_000_000)
        case .epoch: fixed(time, 6)
        default: nil
        }
    }

    private static func calendarField(_ unit: TimeUnit, _ days: Int64) -> Numeric? {
        switch unit {
        case .dayOfWeek: return Numeric((days + 4).floorDivided(by: 7).remainder)
        case .isoDayOfWeek: return Numeric((days + 3).floorDivided(by: 7).remainder + 1)
        default: break
        }
        let date = CivilTime.date(daysSinceEpoch: Int(days))
        switch unit {
        case .day: return Numeric(date.day)
        case .month: return Numeric(date.month)
        case .quarter: return Numeric((date.month - 1) / 3 + 1)
        case .year: return Numeric(date.year > 0 ? date.year : date.year - 1)
        case .decade: return Numeric(Int64(date.year).floorDivided(by: 10).quotient)
        case .century: return Numeric(TimeTruncation.period(date.year, 100))
        case .millennium: return Numeric(TimeTruncation.period(date.year, 1000))
        case .dayOfYear:
            let first = CivilTime(year: date.year, month: 1, day: 1).daysSinceEpoch
            return Numeric(Int(days) - first + 1)
        case .week, .isoYear:
            let week = CivilTime(year: date.year, month: date.month, day: date.day).isoWeek
            if unit == .week { return Numeric(week.week) }
            return Numeric(week.year > 0 ? week.year : week.year - 1)
        default: return nil
        }
    }

    private static func field(_ unit: TimeUnit, _ value: Interval) -> Numeric? {
        let years = Int(value.months / 12)
        switch unit {
        case .microsecond, .millisecond, .second, .minute, .hour:
            return timeField(unit, value.microseconds)
        case .day: return Numeric(Int(value.days))
        case .month: return Numeric(Int(value.months % 12))
        case .quarter: return Numeric(Int(value.months % 12) / 3 + 1)
        case .year: return Numeric(years)
        case .decade: return Numeric(years / 10)
        case .century: return Numeric(years / 100)
        case .millennium: return Numeric(years / 1000)
        case .epoch:
            // A year has 365.25 days and a month 30.
            let months =
                Int128(value.months / 12) * 31_557_600 + Int128(value.months % 12) * 2_592_000
            let seconds = months + Int128(value.days) * 86_400
            return .finite(seconds * 1_000_000 + Int128(value.microseconds), scale: 6)
        default: return nil
        }
    }
}
