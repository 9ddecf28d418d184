import Formats

/// Arithmetic of intervals among themselves and with numbers, and justify_*.
enum IntervalKernels {
    static var outOfRange: SQLError {
        SQLError("interval out of range", .datetimeFieldOverflow)
    }

    static let functions: [ScalarFunction] = [
        ScalarFunction("+", [.interval, .interval], .interval) {
            arguments, context throws(SQLError) in
            try binary(arguments, context) { (a, b) throws(SQLError) in try sum(a, b) }
        },
        ScalarFunction("-", [.interval, .interval], .interval) {
            arguments, context throws(SQLError) in
            try binary(arguments, context) { (a, b) throws(SQLError) in
                try sum(a, try negated(b))
            }
        },
        ScalarFunction("-", [.interval], .interval) { arguments, context throws(SQLError) in
            try unary(arguments, context) { (value) throws(SQLError) in try negated(value) }
        },
        ScalarFunction("*", [.interval, .double], .interval) {
            arguments, context throws(SQLError) in
            try scaled(arguments[0], arguments[1], context) { $0 * $1 }
        },
        ScalarFunction("*", [.double, .interval], .interval) {
            arguments, context throws(SQLError) in
            try scaled(arguments[1], arguments[0], context) { $0 * $1 }
        },
        ScalarFunction("/", [.interval, .double], .interval) {
            arguments, context throws(SQLError) in
            let divisors = unsafe arguments[1].doubles
            for row in 0..<context.count
            where unsafe divisors[row & arguments[1].indexMask] == 0 && context.isLive(row) {
                throw Numeric.divisionByZero
            }
            return try scaled(arguments[0], arguments[1], context) { $0 / $1 }
        },
        ScalarFunction("justify_hours", [.interval], .interval) {
            arguments, context throws(SQLError) in
            try unary(arguments, context) { (value) throws(SQLError) in try justifyHours(value) }
        },
        ScalarFunction("justify_days", [.interval], .interval) {
            arguments, context throws(SQLError) in
            try unary(arguments, context) { (value) throws(SQLError) in try justifyDays(value) }
        },
        ScalarFunction("justify_interval", [.interval], .interval) {
            arguments, context throws(SQLError) in
            try unary(arguments, context) { (value) throws(SQLError) in try justify(value) }
        },
        ScalarFunction("isfinite", [.interval], .boolean) { _, context throws(SQLError) in
            TimeKernels.booleans(context) { _ in true }
        },
    ]

    private static func unary(
        _ arguments: [Column], _ context: KernelContext,
        _ body: (Interval) throws(SQLError) -> Interval
    ) throws(SQLError) -> Column {
        let values = unsafe arguments[0].intervals
        let mask = arguments[0].indexMask
        return try TimeKernels.intervals(context) { (row) throws(SQLError) in
            unsafe try body(values[row & mask])
        }
    }

    private static func binary(
        _ arguments: [Column], _ context: KernelContext,
        _ body: (Interval, Interval) throws(SQLError) -> Interval
    ) throws(SQLError) -> Column {
        let (a, b) = unsafe (arguments[0].intervals, arguments[1].intervals)
        let (maskA, maskB) = (arguments[0].indexMask, arguments[1].indexMask)
        return try TimeKernels.intervals(context) { (row) throws(SQLError) in
            unsafe try body(a[row & maskA], b[row & maskB])
        }
    }

    private static func make(_ months: Int64, _ days: Int64, _ time: Int64?) throws(SQLError)
        -> Interval
    {
        guard let months = Int32(exactly: months), let days = Int32(exactly: days), let time else {
            throw outOfRange
        }
        return Interval(months: months, days: days, microseconds: time)
    }

    static func sum(_ a: Interval, _ b: Interval) throws(SQLError) -> Interval {
        let (time, overflow) = a.microseconds.addingReportingOverflow(b.microseconds)
        return try make(
            Int64(a.months) + Int64(b.months), Int64(a.days) + Int64(b.days),
            overflow ? nil : time)
    }

    static func negated(_ value: Interval) throws(SQLError) -> Interval {
        let time = value.microseconds
        return try make(
            -Int64(value.months), -Int64(value.days), time == .min ? nil : -time)
    }

    /// What is left of months and days goes down to days and seconds, rounded to microseconds on
    /// the way as PostgreSQL does.
    private static func scaled(
        _ spans: Column, _ factors: Column, _ context: KernelContext,
        _ operation: (Double, Double) -> Double
    ) throws(SQLError) -> Column {
        let (a, b) = unsafe (spans.intervals, factors.doubles)
        let (maskA, maskB) = (spans.indexMask, factors.indexMask)
        return try TimeKernels.intervals(context) { (row) throws(SQLError) in
            let span = unsafe a[row & maskA]
            let factor = unsafe b[row & maskB]
            let months = operation(Double(span.months), factor)
            let days = operation(Double(span.days), factor)
            guard months.magnitude <= 2_147_483_647, days.magnitude <= 2_147_483_647 else {
                throw outOfRange
            }
            let wholeMonths = months.rounded(.towardZero)
            let wholeDays = days.rounded(.towardZero)
            let restDays = rounded((months - wholeMonths) * 30)
            let restWhole = restDays.rounded(.towardZero)
            var seconds = rounded((days - wholeDays + restDays - restWhole) * 86_400)
            var extra = restWhole
            if seconds.magnitude >= 86_400 {
                let more = (seconds / 86_400).rounded(.towardZero)
                extra += more
                seconds -= more * 86_400
            }
            let time = (operation(Double(span.microseconds), factor) + seconds * 1_000_000)
                .rounded(.toNearestOrEven)
            return try make(
                Int64(wholeMonths), Int64(wholeDays + extra), Int64(exactly: time))
        }
    }

    private static func rounded(_ value: Double) -> Double {
        (value * 1_000_000).rounded(.toNearestOrEven) / 1_000_000
    }

    static func justifyHours(_ value: Interval) throws(SQLError) -> Interval {
        var days = Int64(value.days) + value.microseconds / TimeKernels.day
        var time = value.microseconds % TimeKernels.day
        balance(&days, &time)
        return try make(Int64(value.months), days, time)
    }

    private static func balance(_ days: inout Int64, _ time: inout Int64) {
        if days > 0 && time < 0 {
            time += TimeKernels.day
            days -= 1
        } else if days < 0 && time > 0 {
            time -= TimeKernels.day
            days += 1
        }
    }

    private static func justifyDays(_ value: Interval) throws(SQLError) -> Interval {
        var months = Int64(value.months) + Int64(value.days / 30)
        var days = Int64(value.days % 30)
        if months > 0 && days < 0 {
            days += 30
            months -= 1
        } else if months < 0 && days > 0 {
            days -= 30
            months += 1
        }
        return try make(months, days, value.microseconds)
    }

    private static func justify(_ value: Interval) throws(SQLError) -> Interval {
        var time = value.microseconds % TimeKernels.day
        var days = Int64(value.days) + value.microseconds / TimeKernels.day
        var months = Int64(value.months) + days / 30
        days %= 30
        if months > 0 && (days < 0 || days == 0 && time < 0) {
            days += 30
            months -= 1
        } else if months < 0 && (days > 0 || days == 0 && time > 0) {
            days -= 30
            months += 1
        }
        balance(&days, &time)
        return try make(months, days, time)
    }
}
