import Formats

/// `+` and `-` among dates, times, timestamps and intervals, and age.
enum TimeArithmetic {
    static let functions: [ScalarFunction] = dates + times + moments + ages

    private static func isInfinite(_ value: Int64) -> Bool { TimeKernels.isInfinite(value) }

    /// A function of two integers.
    private static func binary(
        _ name: String, _ left: DataType, _ right: DataType, _ result: DataType,
        _ body: @escaping @Sendable (Int64, Int64) throws(SQLError) -> Int64
    ) -> ScalarFunction {
        ScalarFunction(name, [left, right], result) { arguments, context throws(SQLError) in
            let (a, b) = unsafe (arguments[0].integers, arguments[1].integers)
            let (maskA, maskB) = (arguments[0].indexMask, arguments[1].indexMask)
            return try TimeKernels.integers(context, result) { (row) throws(SQLError) in
                unsafe try body(a[row & maskA], b[row & maskB])
            }
        }
    }

    /// A function of an integer and an interval, in either order where `+` has both.
    private static func withInterval(
        _ name: String, _ type: DataType, _ result: DataType, isSwapped: Bool = false,
        volatility: ScalarFunction.Volatility = .immutable,
        _ body:
            @escaping @Sendable (Int64, Interval, inout TimeZoneCursor) throws(SQLError) -> Int64
    ) -> ScalarFunction {
        let parameters: [DataType] = isSwapped ? [.interval, type] : [type, .interval]
        return ScalarFunction(name, parameters, result, volatility: volatility) {
            arguments, context throws(SQLError) in
            let left = arguments[isSwapped ? 1 : 0]
            let right = arguments[isSwapped ? 0 : 1]
            let (a, b) = unsafe (left.integers, right.intervals)
            let (maskA, maskB) = (left.indexMask, right.indexMask)
            var zone = TimeKernels.zone(context)
            return try TimeKernels.integers(context, result) { (row) throws(SQLError) in
                unsafe try body(a[row & maskA], b[row & maskB], &zone)
            }
        }
    }

    private static let dates: [ScalarFunction] = [
        binary("+", .date, .integer, .date) { (a, b) throws(SQLError) in try day(a, b) },
        binary("+", .integer, .date, .date) { (a, b) throws(SQLError) in try day(b, a) },
        binary("-", .date, .integer, .date) { (a, b) throws(SQLError) in try day(a, -b) },
        binary("-", .date, .date, .integer) { (a, b) throws(SQLError) in
            guard !isInfinite(a), !isInfinite(b) else {
                throw SQLError("cannot subtract infinite dates", .datetimeFieldOverflow)
            }
            return a - b
        },
        binary("+", .date, .time, .timestamp) { (a, b) throws(SQLError) in
            try dayAt(a, b)
        },
        binary("+", .time, .date, .timestamp) { (a, b) throws(SQLError) in
            try dayAt(b, a)
        },
    ]

    private static func dayAt(_ days: Int64, _ time: Int64) throws(SQLError) -> Int64 {
        if isInfinite(days) { return days }
        let (moment, overflow) = try Cast.moment(days, "timestamp")
            .addingReportingOverflow(time)
        guard !overflow else { throw TimeKernels.timestampOutOfRange }
        return try TimeKernels.checkedMoment(moment)
    }

    private static func day(_ days: Int64, _ more: Int64) throws(SQLError) -> Int64 {
        if isInfinite(days) { return days }
        let result = days + more
        guard result >= TimeText.firstDay, result <= TimeText.lastDay else {
            throw SQLError("date out of range", .datetimeFieldOverflow)
        }
        return result
    }

    private static let times: [ScalarFunction] = [
        withInterval("+", .time, .time) { (time, span, _) in wrapped(time, span.microseconds) },
        withInterval("+", .time, .time, isSwapped: true) { (time, span, _) in
            wrapped(time, span.microseconds)
        },
        withInterval("-", .time, .time) { (time, span, _) in
            wrapped(time, 0 &- span.microseconds % TimeKernels.day)
        },
        ScalarFunction("-", [.time, .time], .interval) { arguments, context throws(SQLError) in
            let (a, b) = unsafe (arguments[0].integers, arguments[1].integers)
            let (maskA, maskB) = (arguments[0].indexMask, arguments[1].indexMask)
            return try TimeKernels.intervals(context) { (row) throws(SQLError) in
                unsafe Interval(microseconds: a[row & maskA] - b[row & maskB])
            }
        },
    ]

    private static func wrapped(_ time: Int64, _ more: Int64) -> Int64 {
        (time + more % TimeKernels.day).floorDivided(by: TimeKernels.day).remainder
    }

    private static let moments: [ScalarFunction] = {
        var list: [ScalarFunction] = []
        for isSwapped in [false, true] {
            list.append(
                withInterval("+", .timestamp, .timestamp, isSwapped: isSwapped) {
                    (value, span, _) throws(SQLError) in try added(value, span)
                })
            list.append(
                withInterval(
                    "+", .timestamptz, .timestamptz, isSwapped: isSwapped, volatility: .stable
                ) { (value, span, zone) throws(SQLError) in try added(value, span, &zone) })
            list.append(
                withInterval("+", .date, .timestamp, isSwapped: isSwapped) {
                    (value, span, _) throws(SQLError) in
                    isInfinite(value)
                        ? value : try added(try Cast.moment(value, "timestamp"), span)
                })
        }
        list.append(
            withInterval("-", .timestamp, .timestamp) { (value, span, _) throws(SQLError) in
                try added(value, try IntervalKernels.negated(span))
            })
        list.append(
            withInterval("-", .timestamptz, .timestamptz, volatility: .stable) {
                (value, span, zone) throws(SQLError) in
                try added(value, try IntervalKernels.negated(span), &zone)
            })
        list.append(
            withInterval("-", .date, .timestamp) { (value, span, _) throws(SQLError) in
                if isInfinite(value) { return value }
                let moment = try Cast.moment(value, "timestamp")
                return try added(moment, try IntervalKernels.negated(span))
            })
        for type in [DataType.timestamp, .timestamptz] {
            list.append(
                ScalarFunction("-", [type, type], .interval) {
                    arguments, context throws(SQLError) in
                    try spans(arguments, context) { (a, b) throws(SQLError) in
                        try difference(a, b)
                    }
                })
        }
        return list
    }()

    private static func spans(
        _ arguments: [Column], _ context: KernelContext,
        _ body: (Int64, Int64) throws(SQLError) -> Interval
    ) throws(SQLError) -> Column {
        let (a, b) = unsafe (arguments[0].integers, arguments[1].integers)
        let (maskA, maskB) = (arguments[0].indexMask, arguments[1].indexMask)
        return try TimeKernels.intervals(context) { (row) throws(SQLError) in
            unsafe try body(a[row & maskA], b[row & maskB])
        }
    }

    /// Days and what is left of a day.
    private static func difference(_ a: Int64, _ b: Int64) throws(SQLError) -> Interval {
        guard !isInfinite(a), !isInfinite(b) else {
            throw SQLError("cannot subtract infinite timestamps", .datetimeFieldOverflow)
        }
        let (value, overflow) = a.subtractingReportingOverflow(b)
        guard !overflow else { throw IntervalKernels.outOfRange }
        return try IntervalKernels.justifyHours(Interval(microseconds: value))
    }

    /// `days` moved by months; a day that the month does not have is its last.
    private static func moved(_ days: Int64, months: Int32) -> Int64 {
        let date = CivilTime.date(daysSinceEpoch: Int(days))
        let (years, month) = Int64(date.month - 1 + Int(months)).floorDivided(by: 12)
        let year = date.year + Int(years)
        let length = CivilTime.dayCount(year: year, month: Int(month) + 1)
        let day = min(date.day, length)
        return Int64(CivilTime(year: year, month: Int(month) + 1, day: day).daysSinceEpoch)
    }

    @inline(__always)
    static func added(_ value: Int64, _ span: Interval) throws(SQLError) -> Int64 {
        if isInfinite(value) { return value }
        if span.months == 0 && span.days == 0 {
            return try TimeKernels.sum(value, span.microseconds)
        }
        return try TimeKernels.sum(shifted(value, span), span.microseconds)
    }

    /// Months and days, as a clock on the wall counts them.
    private static func shifted(_ local: Int64, _ span: Interval) throws(SQLError) -> Int64 {
        var (days, rest) = local.floorDivided(by: TimeKernels.day)
        if span.months != 0 { days = moved(days, months: span.months) }
        days += Int64(span.days)
        let (start, overflow) = days.multipliedReportingOverflow(by: TimeKernels.day)
        guard !overflow else { throw TimeKernels.timestampOutOfRange }
        rest = try TimeKernels.sum(start, rest)
        return rest
    }

    static func added(
        _ value: Int64, _ span: Interval, _ zone: inout TimeZoneCursor
    ) throws(SQLError) -> Int64 {
        if isInfinite(value) { return value }
        if span.months == 0 && span.days == 0 {
            return try TimeKernels.sum(value, span.microseconds)
        }
        let local = try shifted(value &+ zone.offset(at: value), span)
        return try TimeKernels.sum(zone.moment(local: local), span.microseconds)
    }

    private static let ages: [ScalarFunction] = {
        var list: [ScalarFunction] = []
        for type in [DataType.timestamp, .timestamptz] {
            let isZoned = type == .timestamptz
            list.append(
                ScalarFunction(
                    "age", [type, type], .interval, volatility: isZoned ? .stable : .immutable
                ) { arguments, context throws(SQLError) in
                    var zone = TimeKernels.zone(context)
                    return try spans(arguments, context) { (a, b) throws(SQLError) in
                        try age(a, b, isZoned, &zone)
                    }
                })
            list.append(
                ScalarFunction("age", [type], .interval, volatility: .stable) {
                    arguments, context throws(SQLError) in
                    var zone = TimeKernels.zone(context)
                    let now = context.session.now
                    let local = now &+ zone.offset(at: now)
                    let today = local - local.floorDivided(by: TimeKernels.day).remainder
                    let values = unsafe arguments[0].integers
                    let mask = arguments[0].indexMask
                    return try TimeKernels.intervals(context) { (row) throws(SQLError) in
                        let start = isZoned ? zone.moment(local: today) : today
                        return unsafe try age(start, values[row & mask], isZoned, &zone)
                    }
                })
        }
        return list
    }()

    /// The difference in years, months, days and the rest.
    private static func age(
        _ a: Int64, _ b: Int64, _ isZoned: Bool, _ zone: inout TimeZoneCursor
    ) throws(SQLError) -> Interval {
        guard !isInfinite(a), !isInfinite(b) else {
            throw SQLError("cannot subtract infinite timestamps", .datetimeFieldOverflow)
        }
        let x = isZoned ? a &+ zone.offset(at: a) : a
        let y = isZoned ? b &+ zone.offset(at: b) : b
        let isNegative = a < b
        let (late, early) = isNegative ? (y, x) : (x, y)
        let (lateDays, lateRest) = late.floorDivided(by: TimeKernels.day)
        let (earlyDays, earlyRest) = early.floorDivided(by: TimeKernels.day)
        let last = CivilTime.date(daysSinceEpoch: Int(lateDays))
        let first = CivilTime.date(daysSinceEpoch: Int(earlyDays))
        var months = (last.year - first.year) * 12 + last.month - first.month
        var days = last.day - first.day
        var rest = lateRest - earlyRest
        if rest < 0 {
            rest += TimeKernels.day
            days -= 1
        }
        // The month that the earlier moment lies in lends its days.
        while days < 0 {
            days += CivilTime.dayCount(year: first.year, month: first.month)
            months -= 1
        }
        let sign = isNegative ? -1 : 1
        return Interval(
            months: Int32(truncatingIfNeeded: sign * months),
            days: Int32(truncatingIfNeeded: sign * days), microseconds: Int64(sign) * rest)
    }
}
