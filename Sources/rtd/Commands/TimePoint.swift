import ArgumentParsing

/// A time as typed: absolute, or before the moment the command starts (the clock is read later).
enum TimePoint: Equatable, Sendable {
    /// Milliseconds since 1970, Kafka's timestamps.
    case epoch(milliseconds: Int64)
    case beforeNow(Duration)

    /// Milliseconds since 1970 when it is now `now`.
    func milliseconds(now: Int64) -> Int64 {
        switch self {
        case .epoch(let milliseconds): milliseconds
        case .beforeNow(let duration): now &- duration.wholeMilliseconds
        }
    }

    /// Reads seconds (up to 10 digits), milliseconds (11 to 13) or nanoseconds (19) since 1970, a
    /// date, an ISO 8601 time (UTC unless it names its offset), or `-48h` for a time before now. A
    /// duration without a sign counts from `start`, as in `@2025-06-01:1h`.
    init?(_ text: Substring, after start: TimePoint? = nil) {
        if text.first == "-", let duration = try? Duration(spelled: String(text.dropFirst())) {
            self = .beforeNow(duration)
        } else if let milliseconds = Self.epochMilliseconds(text) ?? Self.isoMilliseconds(text) {
            self = .epoch(milliseconds: milliseconds)
        } else if let start, let duration = try? Duration(spelled: String(text)) {
            self = start.advanced(by: duration)
        } else {
            return nil
        }
    }

    private func advanced(by duration: Duration) -> TimePoint {
        switch self {
        case .epoch(let milliseconds):
            .epoch(milliseconds: milliseconds &+ duration.wholeMilliseconds)
        case .beforeNow(let before): .beforeNow(before - duration)
        }
    }

    private static func epochMilliseconds(_ text: Substring) -> Int64? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int64(text) else {
            return nil
        }
        switch text.utf8.count {
        case ...10: return number * 1000
        case 11...13: return number
        case 19: return number / 1_000_000
        default: return nil
        }
    }

    private static func isoMilliseconds(_ text: Substring) -> Int64? {
        var scanner = ISOScanner(text)
        guard let day = scanner.day() else { return nil }
        if scanner.isAtEnd { return day * 86_400_000 }
        guard let timeOfDay = scanner.timeOfDay(), let offset = scanner.zoneOffset(),
            scanner.isAtEnd
        else { return nil }
        return day * 86_400_000 + timeOfDay - offset * 60_000
    }
}

extension Duration {
    /// Rounded towards zero.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds &* 1000 &+ attoseconds / 1_000_000_000_000_000
    }
}

/// Takes the parts of `YYYY-MM-DDTHH:MM[:SS[.fff]][Z|+HH:MM]` from the front of a text.
private struct ISOScanner {
    private var rest: Substring.UTF8View

    init(_ text: Substring) { rest = text.utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    /// Days since 1970 of the proleptic Gregorian calendar.
    mutating func day() -> Int64? {
        guard let year = digits(4), take("-"), let month = digits(2), take("-"),
            let day = digits(2), (1...12).contains(month), day >= 1,
            day <= Self.daysInMonth(month, year)
        else { return nil }
        // Years that begin in March put the leap day last; 400 of them have 146,097 days.
        let shifted = month > 2 ? year : year - 1
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// Milliseconds since midnight.
    mutating func timeOfDay() -> Int64? {
        guard take("T") || take("t") || take(" "), let hour = digits(2), take(":"),
            let minute = digits(2), hour < 24, minute < 60
        else { return nil }
        var milliseconds = (hour * 60 + minute) * 60_000
        guard take(":") else { return milliseconds }
        guard let second = digits(2), second < 60 else { return nil }
        milliseconds += second * 1000
        guard take(".") else { return milliseconds }
        var scale: Int64 = 100
        guard let first = digits(1) else { return nil }
        milliseconds += first * scale
        while let digit = digits(1) {
            scale /= 10
            milliseconds += digit * scale
        }
        return milliseconds
    }

    /// Minutes east of UTC.
    mutating func zoneOffset() -> Int64? {
        if isAtEnd || take("Z") || take("z") { return 0 }
        let sign: Int64
        if take("+") {
            sign = 1
        } else if take("-") {
            sign = -1
        } else {
            return nil
        }
        guard let hour = digits(2), hour < 24 else { return nil }
        _ = take(":")
        guard let minute = digits(2), minute < 60 else { return nil }
        return sign * (hour * 60 + minute)
    }

    private mutating func digits(_ count: Int) -> Int64? {
        let prefix = rest.prefix(count)
        guard prefix.count == count else { return nil }
        var value: Int64 = 0
        for byte in prefix {
            guard (0x30...0x39).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - 0x30)
        }
        rest = rest.dropFirst(count)
        return value
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    private static func daysInMonth(_ month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
