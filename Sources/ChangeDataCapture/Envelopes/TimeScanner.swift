import Bytes
import Formats

/// Reads the dates and times that PostgreSQL prints with DateStyle ISO, one part after the other.
struct TimeScanner: ~Escapable {
    private let text: RawSpan
    private(set) var index = 0

    @_lifetime(copy text)
    init(_ text: RawSpan) { self.text = text }

    var isAtEnd: Bool { index >= text.byteCount }
    var byte: UInt8 { text.peek(at: index) }

    /// True: `infinity` or `-infinity` begins here.
    var isInfinite: Bool { byte == 0x69 || (byte == 0x2D && text.peek(at: index + 1) == 0x69) }
    var isNegativeInfinity: Bool { byte == 0x2D }
    /// Years before our era are told behind all else.
    var isBeforeChrist: Bool {
        text.byteCount > 3 && text.peek(at: text.byteCount - 1) == UInt8(ascii: "C")
    }

    @_lifetime(self: copy self)
    mutating func take(_ expected: UInt8) -> Bool {
        guard byte == expected, !isAtEnd else { return false }
        index += 1
        return true
    }

    @_lifetime(self: copy self)
    mutating func number() -> Int64 {
        var value: Int64 = 0
        while byte >= 48 && byte <= 57 && value < Int64.max / 100 {
            value = value * 10 + Int64(byte - 48)
            index += 1
        }
        return value
    }

    /// Digits of a fraction as billionths.
    @_lifetime(self: copy self)
    mutating func nanoseconds() -> Int64 {
        guard take(UInt8(ascii: ".")) else { return 0 }
        var value: Int64 = 0
        var place: Int64 = 100_000_000
        while byte >= 48 && byte <= 57 {
            value += Int64(byte - 48) * place
            place /= 10
            index += 1
        }
        return value
    }

    /// `2024-05-01` as days since 1970.
    @_lifetime(self: copy self)
    mutating func days() -> Int64? {
        var year = number()
        guard take(UInt8(ascii: "-")) else { return nil }
        let month = number()
        guard take(UInt8(ascii: "-")) else { return nil }
        let day = number()
        // The last date that there is stands in the year 5874897.
        guard year > 0, year < 10_000_000, month >= 1, month <= 12, day >= 1, day <= 31 else {
            return nil
        }
        if isBeforeChrist { year = 1 - year }
        return Int64(
            CivilTime(year: Int(year), month: Int(month), day: Int(day)).daysSinceEpoch)
    }

    /// `13:51:30.123456` as nanoseconds.
    @_lifetime(self: copy self)
    mutating func timeOfDay() -> Int64? {
        guard let seconds = secondsOfTime(), seconds < 9_000_000_000 else { return nil }
        return seconds * 1_000_000_000 + nanoseconds()
    }

    /// `2562047788:00:54.775807`, the longest time of an interval, as microseconds.
    @_lifetime(self: copy self)
    mutating func microsecondsOfTime() -> Int64? {
        guard let seconds = secondsOfTime() else { return nil }
        let (whole, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, exceeds) = whole.addingReportingOverflow(nanoseconds() / 1_000)
        return overflows || exceeds ? nil : sum
    }

    @_lifetime(self: copy self)
    private mutating func secondsOfTime() -> Int64? {
        let hours = number()
        guard take(UInt8(ascii: ":")) else { return nil }
        let minutes = number()
        guard take(UInt8(ascii: ":")), hours < 1 << 40, minutes < 60 else { return nil }
        return (hours * 60 + minutes) * 60 + number()
    }

    /// `+02`, `-03:30:15` as seconds.
    @_lifetime(self: copy self)
    mutating func zone() -> Int64? {
        let isNegative = byte == UInt8(ascii: "-")
        guard isNegative || byte == UInt8(ascii: "+") else { return nil }
        index += 1
        var seconds = number() * 3600
        if take(UInt8(ascii: ":")) { seconds += number() * 60 }
        if take(UInt8(ascii: ":")) { seconds += number() }
        return isNegative ? -seconds : seconds
    }

    @_lifetime(self: copy self)
    mutating func skipLetters() {
        while byte >= 97 && byte <= 122 { index += 1 }
    }
}

/// `1 year 2 mons -3 days 04:05:06.78`, taken apart.
struct IntervalParts: Equatable {
    var months: Int64 = 0
    var days: Int64 = 0
    var microseconds: Int64 = 0

    init?(_ text: RawSpan) {
        var scanner = TimeScanner(text)
        while !scanner.isAtEnd {
            if scanner.take(0x20) { continue }
            let isNegative = scanner.take(UInt8(ascii: "-"))
            if !isNegative { _ = scanner.take(UInt8(ascii: "+")) }
            let start = scanner.index
            let number = scanner.number()
            guard scanner.index > start else { return nil }
            if scanner.byte == UInt8(ascii: ":") {
                var rest = TimeScanner(text.extracting(droppingFirst: start))
                guard let time = rest.microsecondsOfTime() else { return nil }
                microseconds = isNegative ? -time : time
                return
            }
            guard scanner.take(0x20) else { return nil }
            let value = isNegative ? -number : number
            switch scanner.byte {
            case UInt8(ascii: "y"): months += value * 12
            case UInt8(ascii: "m"): months += value
            case UInt8(ascii: "d"): days += value
            default: return nil
            }
            scanner.skipLetters()
        }
    }
}
