/// A date format of C's strftime in the C locale and UTC, read once and applied to many times.
///
/// Beyond POSIX: `%f` microseconds, `%L` milliseconds, `%N` nanoseconds, `%s` seconds since the
/// epoch.
public struct StrftimeFormat: Sendable, Equatable {
    private enum Item: Equatable {
        case literal([UInt8])
        case conversion(UInt8)
    }

    private var items: [Item] = []
    private static let known = Set("aAbBcCdDeFfgGhHIjklLmMnNpPrRsStTuUVwWxXyYzZ%".utf8)
    private static let days: [StaticString] = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]
    private static let months: [StaticString] = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ]

    public init(_ text: String) throws(FormatError) {
        var literal: [UInt8] = []
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "%") else {
                literal.append(bytes[index])
                index += 1
                continue
            }
            guard index + 1 < bytes.count, Self.known.contains(bytes[index + 1]) else {
                throw .strftime(at: index)
            }
            if !literal.isEmpty { items.append(.literal(literal)) }
            literal = []
            items.append(.conversion(bytes[index + 1]))
            index += 2
        }
        if !literal.isEmpty { items.append(.literal(literal)) }
    }

    /// Appends the moment `milliseconds` after the epoch.
    public func append(milliseconds: Int64, to target: inout OutputBuffer) {
        let time = CivilTime(milliseconds: milliseconds)
        for item in items {
            switch item {
            case .literal(let bytes): target.append(bytes)
            case .conversion(let letter): Self.append(letter, time, to: &target)
            }
        }
    }

    private static func append(_ letter: UInt8, _ time: CivilTime, to target: inout OutputBuffer) {
        switch Character(Unicode.Scalar(letter)) {
        case "H", "I", "k", "l", "M", "p", "P", "r", "R", "s", "S", "T", "X", "f", "L", "N":
            appendClock(letter, time, to: &target)
        case "n": target.append("\n")
        case "t": target.append("\t")
        case "%": target.append("%")
        case "z": target.append("+0000")
        case "Z": target.append("UTC")
        default: appendDate(letter, time, to: &target)
        }
    }

    private static func appendClock(
        _ letter: UInt8, _ time: CivilTime, to target: inout OutputBuffer
    ) {
        let half = time.hour % 12 == 0 ? 12 : time.hour % 12
        switch Character(Unicode.Scalar(letter)) {
        case "H": target.append(decimal: Int64(time.hour), width: 2)
        case "I": target.append(decimal: Int64(half), width: 2)
        case "k": append(blankPadded: time.hour, to: &target)
        case "l": append(blankPadded: half, to: &target)
        case "M": target.append(decimal: Int64(time.minute), width: 2)
        case "p": target.append(time.hour < 12 ? "AM" : "PM")
        case "P": target.append(time.hour < 12 ? "am" : "pm")
        case "s": target.append(decimal: time.secondsSinceEpoch)
        case "S": target.append(decimal: Int64(time.second), width: 2)
        case "f": target.append(decimal: Int64(time.nanosecond / 1000), width: 6)
        case "L": target.append(decimal: Int64(time.nanosecond / 1_000_000), width: 3)
        case "N": target.append(decimal: Int64(time.nanosecond), width: 9)
        case "R":
            target.append(decimal: Int64(time.hour), width: 2)
            target.append(":")
            target.append(decimal: Int64(time.minute), width: 2)
        case "r":
            var shown = time
            shown.hour = half
            target.append(clock: shown)
            target.append(time.hour < 12 ? " AM" : " PM")
        default: target.append(clock: time)
        }
    }

    private static func appendDate(
        _ letter: UInt8, _ time: CivilTime, to target: inout OutputBuffer
    ) {
        switch Character(Unicode.Scalar(letter)) {
        case "a": append(days[time.weekday], 3, to: &target)
        case "A": target.append(days[time.weekday])
        case "b", "h": append(months[time.month - 1], 3, to: &target)
        case "B": target.append(months[time.month - 1])
        case "c":
            append(days[time.weekday], 3, to: &target)
            target.append(" ")
            append(months[time.month - 1], 3, to: &target)
            target.append(" ")
            append(blankPadded: time.day, to: &target)
            target.append(" ")
            target.append(clock: time)
            target.append(" ")
            target.append(year: time.year)
        case "d": target.append(decimal: Int64(time.day), width: 2)
        case "e": append(blankPadded: time.day, to: &target)
        case "D", "x":
            target.append(decimal: Int64(time.month), width: 2)
            target.append("/")
            target.append(decimal: Int64(time.day), width: 2)
            target.append("/")
            target.append(decimal: Int64(time.year).floorDivided(by: 100).remainder, width: 2)
        case "F":
            target.append(year: time.year)
            target.append("-")
            target.append(decimal: Int64(time.month), width: 2)
            target.append("-")
            target.append(decimal: Int64(time.day), width: 2)
        case "m": target.append(decimal: Int64(time.month), width: 2)
        default: appendCount(letter, time, to: &target)
        }
    }

    private static func appendCount(
        _ letter: UInt8, _ time: CivilTime, to target: inout OutputBuffer
    ) {
        let century = Int64(time.year).floorDivided(by: 100)
        let monday = (time.weekday + 6) % 7
        switch Character(Unicode.Scalar(letter)) {
        case "C": target.append(decimal: century.quotient, width: 2)
        case "y": target.append(decimal: century.remainder, width: 2)
        case "G": target.append(year: time.isoWeek.year)
        case "g":
            let year = Int64(time.isoWeek.year)
            target.append(decimal: year.floorDivided(by: 100).remainder, width: 2)
        case "V": target.append(decimal: Int64(time.isoWeek.week), width: 2)
        case "j": target.append(decimal: Int64(time.dayOfYear), width: 3)
        case "u": target.append(decimal: Int64(monday + 1))
        case "w": target.append(decimal: Int64(time.weekday))
        case "U": target.append(decimal: Int64((time.dayOfYear + 6 - time.weekday) / 7), width: 2)
        case "W": target.append(decimal: Int64((time.dayOfYear + 6 - monday) / 7), width: 2)
        default: target.append(year: time.year)
        }
    }

    private static func append(blankPadded value: Int, to target: inout OutputBuffer) {
        if value < 10 { target.append(" ") }
        target.append(decimal: Int64(value))
    }

    private static func append(_ name: StaticString, _ count: Int, to target: inout OutputBuffer) {
        let start = target.count
        target.append(name)
        target.truncate(to: start + count)
    }
}
