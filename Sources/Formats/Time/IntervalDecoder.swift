/// Reads intervals: `1 day 02:00:00`, `2 hours ago`, `1-2`, `P1DT2H`, `1.5 months`.
struct IntervalDecoder {
    private var years: Int64 = 0
    private var months: Int64 = 0
    private var days: Int64 = 0
    private var microseconds: Int64 = 0

    static func decode(_ text: UnsafeRawBufferPointer) throws(TimeFault) -> Interval {
        var start = 0
        let end = unsafe NumberText.trim(text, &start)
        let bytes = unsafe Array(text[start..<end])
        if bytes.first == UInt8(ascii: "P") {
            var decoder = IntervalDecoder()
            try decoder.iso(bytes)
            return try decoder.interval()
        }
        guard let tokens = unsafe TimeToken.split(text) else { throw .format }
        var decoder = IntervalDecoder()
        try decoder.decode(tokens)
        return try decoder.interval()
    }

    private func interval() throws(TimeFault) -> Interval {
        guard let days = Int32(exactly: days) else { throw .field }
        guard let months = Int32(exactly: years * 12 + months) else { throw .interval }
        return Interval(months: months, days: days, microseconds: microseconds)
    }

    /// The parts are read from the right, as units stand behind their numbers.
    private mutating func decode(_ tokens: [TimeToken]) throws(TimeFault) {
        var unit: TimeUnit?
        var isUnitOpen = false
        var isNegated = false
        var seen: [TimeUnit] = []
        for token in tokens.reversed() {
            switch token.kind {
            case .word, .special:
                guard !isUnitOpen else { throw .format }
                if token.string == "ago" {
                    isNegated = true
                    continue
                }
                if token.string == "at" || token.string == "on" { continue }
                guard let found = TimeUnit(interval: token.string), found != .quarter else {
                    throw .format
                }
                unit = found
                isUnitOpen = true
            case .time, .signed, .number, .date:
                let isClock = token.text.contains(UInt8(ascii: ":"))
                // Behind `ago` stands no number without its unit.
                guard unit != nil || !isNegated || isClock else { throw .format }
                let added = try value(token, unit)
                guard seen.allSatisfy({ !added.contains($0) }) else { throw .format }
                seen += added
                // What stands before a time without a unit is days.
                unit = added.count > 1 && added[0] == .hour ? .day : unit ?? .second
                isUnitOpen = false
            }
        }
        guard !seen.isEmpty, !isUnitOpen else { throw .format }
        if isNegated {
            years = try IntervalDecoder.field(-years)
            months = try IntervalDecoder.field(-months)
            days = try IntervalDecoder.field(-days)
            guard microseconds != .min else { throw .field }
            microseconds = -microseconds
        }
    }

    private mutating func value(
        _ token: TimeToken, _ unit: TimeUnit?
    ) throws(TimeFault) -> [TimeUnit] {
        var text = token.text[...]
        var isNegative = false
        if token.kind == .signed {
            isNegative = text.first == UInt8(ascii: "-")
            text = text.dropFirst()
        }
        if token.kind == .time || text.contains(UInt8(ascii: ":")) {
            let clock = try TimeDecoder.clock(text)
            let (whole, overflow) = clock.hour.multipliedReportingOverflow(by: 3_600_000_000)
            guard !overflow else { throw .field }
            let rest = Int64(clock.minute * 60 + clock.second) * 1_000_000
            try add(whole, rest + Int64(clock.microsecond), isNegative)
            return [.hour, .minute, .second, .millisecond, .microsecond]
        }
        if let dash = text.firstIndex(of: UInt8(ascii: "-")) {
            // SQL's years-months.
            guard let years = TimeDecoder.integer(text[..<dash]),
                let rest = TimeDecoder.integer(text[(dash + 1)...])
            else { throw .format }
            guard rest < 12 else { throw .field }
            try addYears(Int64(isNegative ? -years : years), 0, 1)
            try addMonths(Int64(isNegative ? -rest : rest))
            return [.month]
        }
        return try add(text, isNegative, unit ?? .second)
    }

    private mutating func add(
        _ text: ArraySlice<UInt8>, _ isNegative: Bool, _ unit: TimeUnit
    ) throws(TimeFault) -> [TimeUnit] {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count <= 2 else { throw .format }
        var whole: Int64 = 0
        if !parts[0].isEmpty {
            guard parts[0].allSatisfy({ $0 &- 48 < 10 }) else { throw .format }
            let digits = String(decoding: parts[0], as: UTF8.self)
            guard let number = Int64(isNegative ? "-" + digits : digits) else { throw .field }
            whole = number
        }
        let fraction = parts.count == 2 ? try TimeDecoder.fraction(parts[1]) : 0
        try add(whole, isNegative ? -fraction : fraction, unit)
        let hasPart = fraction != 0
        switch unit {
        case .second: return hasPart ? [.second, .millisecond, .microsecond] : [.second]
        default: return [unit]
        }
    }

    mutating func add(
        _ whole: Int64, _ fraction: Double, _ unit: TimeUnit
    ) throws(TimeFault) {
        switch unit {
        case .microsecond: try addTime(whole, fraction, 1)
        case .millisecond: try addTime(whole, fraction, 1000)
        case .second: try addTime(whole, fraction, 1_000_000)
        case .minute: try addTime(whole, fraction, 60_000_000)
        case .hour: try addTime(whole, fraction, 3_600_000_000)
        case .day: try addDays(whole, fraction, 1)
        case .week: try addDays(whole, fraction, 7)
        case .month:
            try addMonths(whole)
            try addDays(0, fraction, 30)
        case .year: try addYears(whole, fraction, 1)
        case .decade: try addYears(whole, fraction, 10)
        case .century: try addYears(whole, fraction, 100)
        case .millennium: try addYears(whole, fraction, 1000)
        default: throw .format
        }
    }

    private mutating func addTime(
        _ whole: Int64, _ fraction: Double, _ unit: Int64
    ) throws(TimeFault) {
        let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
        let (sum, carry) = microseconds.addingReportingOverflow(product)
        guard !overflow, !carry else { throw .field }
        microseconds = sum
        try addMicroseconds(fraction * Double(unit))
    }

    private mutating func addMicroseconds(_ value: Double) throws(TimeFault) {
        let (sum, overflow) = microseconds.addingReportingOverflow(IntervalDecoder.rounded(value))
        guard !overflow else { throw .field }
        microseconds = sum
    }

    private mutating func add(
        _ whole: Int64, _ rest: Int64, _ isNegative: Bool
    ) throws(TimeFault) {
        let (sum, overflow) = whole.addingReportingOverflow(rest)
        let (total, carry) =
            isNegative
            ? microseconds.subtractingReportingOverflow(sum)
            : microseconds.addingReportingOverflow(sum)
        guard !overflow, !carry else { throw .field }
        microseconds = total
    }

    private mutating func addDays(
        _ whole: Int64, _ fraction: Double, _ unit: Int64
    ) throws(TimeFault) {
        guard whole.magnitude < 1 << 40 else { throw .field }
        let part = fraction * Double(unit)
        let extra = part.rounded(.towardZero)
        days += whole * unit + Int64(extra)
        try addMicroseconds((part - extra) * 86_400_000_000)
    }

    private mutating func addMonths(_ whole: Int64) throws(TimeFault) {
        guard whole.magnitude < 1 << 40 else { throw .field }
        months = try IntervalDecoder.field(months + whole)
    }

    /// PostgreSQL keeps years, months and days in 32 bits each while it reads.
    private static func field(_ value: Int64) throws(TimeFault) -> Int64 {
        guard Int32(exactly: value) != nil else { throw .field }
        return value
    }

    private mutating func addYears(
        _ whole: Int64, _ fraction: Double, _ unit: Int64
    ) throws(TimeFault) {
        guard whole.magnitude < 1 << 40 else { throw .field }
        years = try IntervalDecoder.field(years + whole * unit)
        try addMonths(Int64((fraction * Double(unit) * 12).rounded(.toNearestOrEven)))
    }

    /// To the nearest; the half stays towards zero, as PostgreSQL's loop has it.
    private static func rounded(_ value: Double) -> Int64 {
        let whole = value.rounded(.towardZero)
        let rest = value - whole
        return Int64(whole) + (rest > 0.5 ? 1 : rest < -0.5 ? -1 : 0)
    }
}

// ISO 8601: `P1Y2M3DT4H5M6S` and `P0001-02-03T04:05:06`.
extension IntervalDecoder {
    private mutating func iso(_ bytes: [UInt8]) throws(TimeFault) {
        var position = 1
        var isTime = false
        guard bytes.count > 1 else { throw .format }
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: "T") {
                guard !isTime else { throw .format }
                isTime = true
                position += 1
                continue
            }
            let start = position
            if bytes[position] == UInt8(ascii: "-") || bytes[position] == UInt8(ascii: "+") {
                position += 1
            }
            while position < bytes.count,
                bytes[position] &- 48 < 10 || bytes[position] == UInt8(ascii: ".")
            {
                position += 1
            }
            guard position > start else { throw .format }
            guard position < bytes.count, bytes[position] != UInt8(ascii: "-"),
                bytes[position] != UInt8(ascii: ":")
            else { return try alternative(bytes, start, isTime) }
            let unit = try IntervalDecoder.isoUnit(bytes[position], isTime)
            try isoNumber(bytes[start..<position], unit)
            position += 1
        }
    }

    private static func isoUnit(
        _ letter: UInt8, _ isTime: Bool
    ) throws(TimeFault) -> TimeUnit {
        switch (letter, isTime) {
        case (UInt8(ascii: "Y"), false): .year
        case (UInt8(ascii: "M"), false): .month
        case (UInt8(ascii: "W"), false): .week
        case (UInt8(ascii: "D"), false): .day
        case (UInt8(ascii: "H"), true): .hour
        case (UInt8(ascii: "M"), true): .minute
        case (UInt8(ascii: "S"), true): .second
        default: throw .format
        }
    }

    private mutating func isoNumber(
        _ text: ArraySlice<UInt8>, _ unit: TimeUnit
    ) throws(TimeFault) {
        let isNegative = text.first == UInt8(ascii: "-")
        let hasSign = isNegative || text.first == UInt8(ascii: "+")
        _ = try add(hasSign ? text.dropFirst() : text, isNegative, unit)
    }

    /// The form that looks like a date and a time.
    private mutating func alternative(
        _ bytes: [UInt8], _ start: Int, _ isTime: Bool
    ) throws(TimeFault) {
        let halves = bytes[start...].split(
            separator: UInt8(ascii: "T"), maxSplits: 1, omittingEmptySubsequences: false)
        var time: ArraySlice<UInt8>? = halves.count > 1 ? halves[1] : nil
        if isTime {
            time = halves[0]
        } else {
            let units: [TimeUnit] = [.year, .month, .day]
            let parts = halves[0].split(separator: UInt8(ascii: "-"))
            guard parts.count <= 3 else { throw .format }
            for (part, unit) in zip(parts, units) { try isoNumber(part, unit) }
        }
        guard let time else { return }
        let units: [TimeUnit] = [.hour, .minute, .second]
        let parts = time.split(separator: UInt8(ascii: ":"))
        guard !parts.isEmpty, parts.count <= 3 else { throw .format }
        for (part, unit) in zip(parts, units) { try isoNumber(part, unit) }
    }
}
