/// The day that was written last and its text: times come in runs of the same day.
public struct DayText: Sendable {
    // No day that there is; not Int64.min, which is -infinity.
    private var day = Int64.min + 1
    private var word: UInt64 = 0
    private var rest: UInt16 = 0

    public init() {}

    /// Appends `2024-05-01`; false, with nothing appended, for a year outside 1...9999.
    @inline(__always)
    mutating func append(_ number: Int64, to target: inout OutputBuffer) -> Bool {
        if number != day, !find(number) { return false }
        target.reserve(16)
        target.put(word, count: 8)
        target.put(UInt64(rest), count: 2)
        return true
    }

    private mutating func find(_ number: Int64) -> Bool {
        // From 0001-01-01 to 9999-12-31.
        guard number >= -719_162, number <= 2_932_896 else { return false }
        let date = CivilTime.date(daysSinceEpoch: Int(number))
        func digit(_ value: Int) -> UInt64 { UInt64(48 + value % 10) }
        let dash = UInt64(UInt8(ascii: "-"))
        let year = digit(date.year / 1000) | digit(date.year / 100) << 8
        word = year | digit(date.year / 10) << 16 | digit(date.year) << 24 | dash << 32
        word |= digit(date.month / 10) << 40 | digit(date.month) << 48 | dash << 56
        rest = UInt16(digit(date.day / 10) | digit(date.day) << 8)
        day = number
        return true
    }
}

// Dates and times as PostgreSQL writes them with DateStyle ISO.
extension OutputBuffer {
    /// Appends `2024-05-01`, `0044-03-15 BC` or `infinity`.
    public mutating func append(date days: Int64) {
        var text = DayText()
        append(date: days, &text)
    }

    public mutating func append(date days: Int64, _ text: inout DayText) {
        if text.append(days, to: &self) { return }
        if appendInfinity(days) { return }
        if appendDay(days) { append(" BC") }
    }

    /// Appends `2024-05-01 10:20:30.5`, with `separator` between date and time, and the zone behind
    /// them.
    public mutating func append(
        timestamp value: Int64, separator: UInt8 = 0x20, zone: StaticString = "",
        _ text: inout DayText
    ) {
        if value == .max || value == .min {
            _ = appendInfinity(value)
            return
        }
        let (days, rest) = value.floorDivided(by: 86_400_000_000)
        let isBC = text.append(days, to: &self) ? false : appendDay(days)
        append(separator)
        append(timeOfDay: rest)
        append(zone)
        if isBC { append(" BC") }
    }

    /// Appends `2024-05-01 10:20:30.5+02` in the cursor's zone.
    public mutating func append(
        timestamptz value: Int64, _ zone: inout TimeZoneCursor, _ text: inout DayText
    ) {
        if value == .max || value == .min {
            _ = appendInfinity(value)
            return
        }
        let offset = zone.offset(at: value)
        let (days, rest) = (value &+ offset).floorDivided(by: 86_400_000_000)
        let isBC = text.append(days, to: &self) ? false : appendDay(days)
        append(UInt8(ascii: " "))
        append(timeOfDay: rest)
        append(offset: Int32(offset / 1_000_000))
        if isBC { append(" BC") }
    }

    private mutating func appendInfinity(_ value: Int64) -> Bool {
        if value == .max { append("infinity") } else if value == .min { append("-infinity") }
        return value == .max || value == .min
    }

    /// Appends a day of any year; true if the year is before our era, which is said behind all.
    private mutating func appendDay(_ days: Int64) -> Bool {
        let date = CivilTime.date(daysSinceEpoch: Int(days))
        append(decimal: Int64(date.year > 0 ? date.year : 1 - date.year), width: 4)
        append("-")
        append(digits: UInt64(date.month), width: 2)
        append("-")
        append(digits: UInt64(date.day), width: 2)
        return date.year <= 0
    }

    /// Appends `10:20:30.5` for microseconds since midnight; no zeros end the fraction.
    public mutating func append(timeOfDay value: Int64) {
        let seconds = UInt64(value) / 1_000_000
        let fraction = UInt64(value) &- seconds &* 1_000_000
        reserve(24)
        putPair(seconds / 3600)
        put(UInt8(ascii: ":"))
        putPair(seconds / 60 % 60)
        put(UInt8(ascii: ":"))
        putPair(seconds % 60)
        append(fraction: fraction)
    }

    /// Two digits, for which there is room.
    @inline(__always)
    mutating func putPair(_ value: UInt64) {
        let tens = value / 10
        put(UInt8(truncatingIfNeeded: 48 &+ tens))
        put(UInt8(truncatingIfNeeded: 48 &+ value &- tens &* 10))
    }

    /// Appends `.5` for 500,000 microseconds, and nothing for 0.
    mutating func append(fraction microseconds: UInt64) {
        guard microseconds > 0 else { return }
        append(UInt8(ascii: "."))
        var value = microseconds
        var width = 6
        if value % 1000 == 0 {
            value /= 1000
            width = 3
        }
        while value % 10 == 0 {
            value /= 10
            width -= 1
        }
        append(digits: value, width: width)
    }

    /// Appends `+02`, `-03:30`.
    mutating func append(offset seconds: Int32) {
        let magnitude = UInt64(seconds.magnitude)
        append(seconds < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
        append(digits: magnitude / 3600, width: 2)
        guard magnitude % 3600 != 0 else { return }
        append(":")
        append(digits: magnitude / 60 % 60, width: 2)
        guard magnitude % 60 != 0 else { return }
        append(":")
        append(digits: magnitude % 60, width: 2)
    }

    /// Appends `1 year 2 mons -3 days +04:05:06.7`.
    public mutating func append(interval value: Interval) {
        var isFirst = true
        var wasNegative = false
        appendPart(Int64(value.months / 12), "year", &isFirst, &wasNegative)
        appendPart(Int64(value.months % 12), "mon", &isFirst, &wasNegative)
        appendPart(Int64(value.days), "day", &isFirst, &wasNegative)
        guard isFirst || value.microseconds != 0 else { return }
        if !isFirst { append(" ") }
        if value.microseconds < 0 { append("-") } else if wasNegative { append("+") }
        let magnitude = value.microseconds.magnitude
        let seconds = magnitude / 1_000_000
        append(digits: seconds / 3600, width: 2)
        append(":")
        append(digits: seconds / 60 % 60, width: 2)
        append(":")
        append(digits: seconds % 60, width: 2)
        append(fraction: magnitude % 1_000_000)
    }

    private mutating func appendPart(
        _ value: Int64, _ unit: StaticString, _ isFirst: inout Bool, _ wasNegative: inout Bool
    ) {
        guard value != 0 else { return }
        if !isFirst { append(" ") }
        if wasNegative && value > 0 { append("+") }
        append(decimal: value)
        append(" ")
        append(unit)
        if value != 1 { append("s") }
        isFirst = false
        wasNegative = value < 0
    }
}
