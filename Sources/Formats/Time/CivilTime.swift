/// A moment of UTC as a person reads it, in the proleptic Gregorian calendar.
public struct CivilTime: Sendable, Equatable {
    public var year: Int
    /// 1...12
    public var month: Int
    /// 1...31
    public var day: Int
    public var hour: Int
    public var minute: Int
    public var second: Int
    public var nanosecond: Int

    public init(
        year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0,
        nanosecond: Int = 0
    ) {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
        self.nanosecond = nanosecond
    }

    /// The moment `milliseconds` after the epoch; any Int64 is a moment.
    public init(milliseconds: Int64) {
        let (days, rest) = milliseconds.floorDivided(by: 86_400_000)
        let date = CivilTime.date(daysSinceEpoch: Int(days))
        let seconds = Int(rest) / 1000
        self.init(
            year: date.year, month: date.month, day: date.day, hour: seconds / 3600,
            minute: seconds / 60 % 60, second: seconds % 60,
            nanosecond: Int(rest) % 1000 * 1_000_000)
    }

    /// Days from 1970-01-01 to this date.
    public var daysSinceEpoch: Int {
        // Howard Hinnant's days_from_civil: years begin in March, so the leap day comes last.
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The date that lies `daysSinceEpoch` days after 1970-01-01.
    public static func date(daysSinceEpoch: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = daysSinceEpoch + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    /// Whole seconds since the epoch.
    public var secondsSinceEpoch: Int64 {
        Int64(daysSinceEpoch) * 86_400 + Int64(hour * 3600 + minute * 60 + second)
    }

    /// Milliseconds since the epoch, rounded down.
    public var milliseconds: Int64 {
        // Wraps back where the seconds of the very first moment, rounded down, pass the range.
        secondsSinceEpoch &* 1000 &+ Int64(nanosecond / 1_000_000)
    }

    /// 0 for Sunday to 6 for Saturday.
    public var weekday: Int { ((daysSinceEpoch + 4) % 7 + 7) % 7 }

    /// 1 for the first of January.
    public var dayOfYear: Int {
        daysSinceEpoch - CivilTime(year: year, month: 1, day: 1).daysSinceEpoch + 1
    }

    /// The week of ISO 8601 and the year that it counts in.
    public var isoWeek: (year: Int, week: Int) {
        // The week belongs to the year of its Thursday.
        let thursday = daysSinceEpoch - (weekday + 6) % 7 + 3
        let owner = CivilTime.date(daysSinceEpoch: thursday).year
        let first = CivilTime(year: owner, month: 1, day: 1).daysSinceEpoch
        return (owner, (thursday - first) / 7 + 1)
    }

    public static func isLeap(_ year: Int) -> Bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }

    public static func dayCount(year: Int, month: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

extension Int64 {
    /// Quotient rounded down and the remainder, which is never negative; `divisor` is positive.
    @inlinable
    public func floorDivided(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
