import Formats

/// make_*, to_timestamp of a number, isfinite, AT TIME ZONE, OVERLAPS and the clock.
enum TimeMaking {
    static let functions: [ScalarFunction] = makers + finite + zones + clock

    private static func dateError(
        _ year: Int64, _ month: Int64, _ day: Int64, isMoment: Bool
    ) -> SQLError {
        func two(_ value: Int64) -> String { value >= 0 && value < 10 ? "0\(value)" : "\(value)" }
        // make_date shows a year before our era as it is counted inside.
        let shown = year < 0 && !isMoment ? year + 1 : year
        return SQLError(
            "date field value out of range: \(shown)-\(two(month))-\(two(day))",
            .datetimeFieldOverflow)
    }

    static func days(
        _ year: Int64, _ month: Int64, _ day: Int64, isMoment: Bool = false
    ) throws(SQLError) -> Int64 {
        // Negative years are before our era.
        let civil = year < 0 ? year + 1 : year
        guard year != 0, year.magnitude < 6_000_000, (1...12).contains(month), day >= 1,
            day <= CivilTime.dayCount(year: Int(civil), month: Int(month))
        else { throw dateError(year, month, day, isMoment: isMoment) }
        let date = CivilTime(year: Int(civil), month: Int(month), day: Int(day))
        let result = Int64(date.daysSinceEpoch)
        guard result >= TimeText.firstDay, result <= TimeText.lastDay else {
            throw SQLError(
                "date out of range: \(year)-\(month)-\(day)", .datetimeFieldOverflow)
        }
        return result
    }

    private static func time(
        _ hour: Int64, _ minute: Int64, _ second: Double
    ) throws(SQLError) -> Int64 {
        let part = (second * 1_000_000).rounded(.toNearestOrEven)
        let isInside =
            (0...24).contains(hour) && (0...59).contains(minute) && part >= 0
            && part <= 60_000_000
        if isInside {
            let result = hour * 3_600_000_000 + minute * 60_000_000 + Int64(part)
            if result <= TimeKernels.day { return result }
        }
        func two(_ value: Int64) -> String { value >= 0 && value < 10 ? "0\(value)" : "\(value)" }
        let shown = Numeric(real: second).description
        let padded = second >= 0 && second < 10 && shown.utf8.count < 2 ? "0\(shown)" : shown
        throw SQLError(
            "time field value out of range: \(hour):\(two(minute)):\(padded)",
            .datetimeFieldOverflow)
    }

    private static func integer(_ column: Column, _ row: Int) -> Int64 {
        unsafe column.integers[row & column.indexMask]
    }

    private static func double(_ column: Column, _ row: Int) -> Double {
        unsafe column.doubles[row & column.indexMask]
    }

    private static let makers: [ScalarFunction] = {
        let number = DataType.integer
        var list = [
            ScalarFunction("make_date", [number, number, number], .date) {
                arguments, context throws(SQLError) in
                try TimeKernels.integers(context, .date) { (row) throws(SQLError) in
                    try days(
                        integer(arguments[0], row), integer(arguments[1], row),
                        integer(arguments[2], row))
                }
            },
            ScalarFunction("make_time", [number, number, .double], .time) {
                arguments, context throws(SQLError) in
                try TimeKernels.integers(context, .time) { (row) throws(SQLError) in
                    try time(
                        integer(arguments[0], row), integer(arguments[1], row),
                        double(arguments[2], row))
                }
            },
            ScalarFunction("to_timestamp", [.double], .timestamptz) {
                arguments, context throws(SQLError) in
                try TimeKernels.integers(context, .timestamptz) { (row) throws(SQLError) in
                    try moment(epoch: double(arguments[0], row))
                }
            },
        ]
        let parts: [DataType] = [number, number, number, number, number, .double]
        list.append(
            ScalarFunction("make_timestamp", parts, .timestamp) {
                arguments, context throws(SQLError) in
                try TimeKernels.integers(context, .timestamp) { (row) throws(SQLError) in
                    try moment(arguments, row)
                }
            })
        list.append(
            ScalarFunction("make_timestamptz", parts, .timestamptz, volatility: .stable) {
                arguments, context throws(SQLError) in
                let zone = TimeKernels.zone(context)
                return try TimeKernels.integers(context, .timestamptz) { (row) throws(SQLError) in
                    try TimeKernels.checkedMoment(
                        zone.moment(local: try moment(arguments, row)))
                }
            })
        list.append(
            ScalarFunction("make_timestamptz", parts + [.text], .timestamptz) {
                arguments, context throws(SQLError) in
                var zones = ZoneReader(arguments[6], context.session, countsEast: true)
                return try TimeKernels.integers(context, .timestamptz) { (row) throws(SQLError) in
                    let zone = try zones.cursor(row)
                    return try TimeKernels.checkedMoment(
                        zone.moment(local: try moment(arguments, row)))
                }
            })
        // Years, months, weeks, days, hours, minutes, seconds; what is left out is 0.
        let spans: [DataType] = [number, number, number, number, number, number, .double]
        for count in 0...7 {
            list.append(
                ScalarFunction("make_interval", Array(spans.prefix(count)), .interval) {
                    arguments, context throws(SQLError) in
                    try TimeKernels.intervals(context) { (row) throws(SQLError) in
                        try interval(arguments, row)
                    }
                })
        }
        return list
    }()

    private static func moment(_ arguments: [Column], _ row: Int) throws(SQLError) -> Int64 {
        let days = try days(
            integer(arguments[0], row), integer(arguments[1], row), integer(arguments[2], row),
            isMoment: true)
        let time = try time(
            integer(arguments[3], row), integer(arguments[4], row), double(arguments[5], row))
        let (start, overflow) = days.multipliedReportingOverflow(by: TimeKernels.day)
        guard !overflow else { throw TimeKernels.timestampOutOfRange }
        return try TimeKernels.sum(start, time)
    }

    private static func interval(_ arguments: [Column], _ row: Int) throws(SQLError) -> Interval {
        func part(_ index: Int) -> Int64 {
            index < arguments.count ? integer(arguments[index], row) : 0
        }
        let seconds = arguments.count > 6 ? double(arguments[6], row) : 0
        let time = (seconds * 1_000_000).rounded(.toNearestOrEven)
        guard let months = Int32(exactly: part(0) * 12 + part(1)),
            let days = Int32(exactly: part(2) * 7 + part(3)), let rest = Int64(exactly: time)
        else { throw IntervalKernels.outOfRange }
        let whole = part(4) * 3_600_000_000 + part(5) * 60_000_000
        let (sum, overflow) = whole.addingReportingOverflow(rest)
        guard !overflow else { throw IntervalKernels.outOfRange }
        return Interval(months: months, days: days, microseconds: sum)
    }

    /// Seconds since 1970, which PostgreSQL counts from 2000 before it rounds.
    private static func moment(epoch seconds: Double) throws(SQLError) -> Int64 {
        if seconds.isInfinite { return seconds > 0 ? .max : .min }
        if seconds.isNaN {
            throw SQLError("timestamp cannot be NaN", .datetimeFieldOverflow)
        }
        let shift = 946_684_800.0
        let value = ((seconds - shift) * 1_000_000).rounded(.toNearestOrEven)
        if let whole = Int64(exactly: value) {
            let (moment, overflow) = whole.addingReportingOverflow(946_684_800_000_000)
            if !overflow, TimeText.isMoment(moment) { return moment }
        }
        let shown = TypeText.text(.double(seconds), .double) ?? ""
        throw SQLError("timestamp out of range: \"\(shown)\"", .datetimeFieldOverflow)
    }

    private static let finite: [ScalarFunction] = [DataType.date, .timestamp, .timestamptz].map {
        ScalarFunction("isfinite", [$0], .boolean) { arguments, context throws(SQLError) in
            TimeKernels.booleans(context) {
                !TimeKernels.isInfinite(integer(arguments[0], $0))
            }
        }
    }

    private static let zones: [ScalarFunction] = {
        var list: [ScalarFunction] = []
        for type in [DataType.timestamp, .timestamptz] {
            let result: DataType = type == .timestamp ? .timestamptz : .timestamp
            list.append(
                ScalarFunction("timezone", [.text, type], result) {
                    arguments, context throws(SQLError) in
                    var zones = ZoneReader(arguments[0], context.session)
                    return try TimeKernels.integers(context, result) { (row) throws(SQLError) in
                        var zone = try zones.cursor(row)
                        return try shifted(integer(arguments[1], row), type, &zone)
                    }
                })
            list.append(
                ScalarFunction("timezone", [.interval, type], result) {
                    arguments, context throws(SQLError) in
                    let spans = unsafe arguments[0].intervals
                    let mask = arguments[0].indexMask
                    return try TimeKernels.integers(context, result) { (row) throws(SQLError) in
                        let span = unsafe spans[row & mask]
                        guard span.months == 0, span.days == 0 else {
                            let shown = TypeText.text(.interval(span), .interval) ?? ""
                            throw SQLError(
                                "interval time zone \"\(shown)\" must not include months or days",
                                .invalidParameterValue)
                        }
                        let seconds = Int32(
                            truncatingIfNeeded: span.microseconds / TimeKernels.second)
                        var zone = TimeZoneCursor(TimeZone(fixedOffset: seconds))
                        return try shifted(integer(arguments[1], row), type, &zone)
                    }
                })
        }
        return list
    }()

    private static func shifted(
        _ value: Int64, _ type: DataType, _ zone: inout TimeZoneCursor
    ) throws(SQLError) -> Int64 {
        if TimeKernels.isInfinite(value) { return value }
        return try TimeKernels.checkedMoment(
            type == .timestamp ? zone.moment(local: value) : value &+ zone.offset(at: value))
    }

    private static let clock: [ScalarFunction] = {
        var list: [ScalarFunction] = []
        func add(
            _ name: String, _ type: DataType,
            _ value: @escaping @Sendable (Int64, Int64) -> Int64
        ) {
            list.append(
                ScalarFunction(name, [], type, volatility: .stable) {
                    _, context throws(SQLError) in
                    var zone = TimeKernels.zone(context)
                    let now = context.session.now
                    let result = value(now, now &+ zone.offset(at: now))
                    return Column.constant(.integer(result), type, count: context.count)
                })
        }
        for name in ["now", "transaction_timestamp", "statement_timestamp", "current_timestamp"] {
            add(name, .timestamptz) { now, _ in now }
        }
        add("localtimestamp", .timestamp) { _, local in local }
        add("current_date", .date) { _, local in
            local.floorDivided(by: TimeKernels.day).quotient
        }
        list.append(
            ScalarFunction("clock_timestamp", [], .timestamptz, volatility: .volatile) {
                _, context throws(SQLError) in
                let moment = context.session.clock?() ?? context.session.now
                return Column.constant(.integer(moment), .timestamptz, count: context.count)
            })
        add("localtime", .time) { _, local in local.floorDivided(by: TimeKernels.day).remainder }
        return list
    }()
}
