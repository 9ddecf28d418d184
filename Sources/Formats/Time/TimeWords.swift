/// The words that stand in dates, times and intervals.
enum TimeWord: Equatable {
    case ignored
    case month(Int)
    /// 0: Sunday
    case weekday(Int)
    case isPM(Bool)
    case isBC(Bool)
    /// Seconds east of UTC.
    case zone(Int32)
    case daylight
    case isoTime
    case julian
    case now, today, tomorrow, yesterday, epoch, infinity, negativeInfinity, allballs

    init?(_ word: String) {
        switch word {
        case "at", "on": self = .ignored
        case "am": self = .isPM(false)
        case "pm": self = .isPM(true)
        case "ad": self = .isBC(false)
        case "bc": self = .isBC(true)
        case "dst": self = .daylight
        case "t": self = .isoTime
        case "j", "jd", "julian": self = .julian
        case "now": self = .now
        case "today": self = .today
        case "tomorrow": self = .tomorrow
        case "yesterday": self = .yesterday
        case "epoch": self = .epoch
        case "infinity": self = .infinity
        case "-infinity": self = .negativeInfinity
        case "allballs": self = .allballs
        default:
            if let month = TimeWord.month(word) {
                self = .month(month)
            } else if let day = TimeWord.weekday(word) {
                self = .weekday(day)
            } else if let hours = TimeWord.zones[word] {
                self = .zone(Int32(hours * 3600))
            } else {
                return nil
            }
        }
    }

    private static func month(_ word: String) -> Int? {
        switch word {
        case "jan", "january": 1
        case "feb", "february": 2
        case "mar", "march": 3
        case "apr", "april": 4
        case "may": 5
        case "jun", "june": 6
        case "jul", "july": 7
        case "aug", "august": 8
        case "sep", "sept", "september": 9
        case "oct", "october": 10
        case "nov", "november": 11
        case "dec", "december": 12
        default: nil
        }
    }

    private static func weekday(_ word: String) -> Int? {
        switch word {
        case "sun", "sunday": 0
        case "mon", "monday": 1
        case "tue", "tues", "tuesday": 2
        case "wed", "weds", "wednesday": 3
        case "thu", "thur", "thurs", "thursday": 4
        case "fri", "friday": 5
        case "sat", "saturday": 6
        default: nil
        }
    }

    /// Hours east of UTC of the usual abbreviations, as PostgreSQL's default set has them.
    static let zones: [String: Double] = [
        "z": 0, "zulu": 0, "utc": 0, "ut": 0, "gmt": 0, "uct": 0, "wet": 0, "est": -5, "edt": -4,
        "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "akst": -9, "akdt": -8,
        "hst": -10, "ast": -4, "adt": -3, "nst": -3.5, "ndt": -2.5, "cet": 1, "cest": 2, "mez": 1,
        "mesz": 2, "met": 1, "mest": 2, "bst": 1, "west": 1, "eet": 2, "eest": 3, "msk": 3,
        "msd": 4, "ist": 2, "idt": 3, "jst": 9, "kst": 9, "hkt": 8, "pht": 8, "aest": 10,
        "aedt": 11, "acst": 9.5, "acdt": 10.5, "awst": 8, "nzst": 12, "nzdt": 13, "sast": 2,
    ]
}

/// A unit of an interval, of extract and of date_trunc.
public enum TimeUnit: Sendable, Equatable {
    case microsecond, millisecond, second, minute, hour, day, week, month, quarter, year, decade
    case century, millennium
    case dayOfWeek, isoDayOfWeek, dayOfYear, isoYear, julian, epoch
    case timezone, timezoneHour, timezoneMinute

    /// The unit that `word` (lower case) names in an interval.
    init?(interval word: String) {
        switch word {
        case "us", "usec", "usecs", "usecond", "useconds", "microsecond", "microseconds",
            "microsecon":
            self = .microsecond
        case "ms", "msec", "msecs", "msecond", "mseconds", "millisecond", "milliseconds",
            "millisecon":
            self = .millisecond
        case "s", "sec", "secs", "second", "seconds": self = .second
        case "m", "min", "mins", "minute", "minutes": self = .minute
        case "h", "hr", "hrs", "hour", "hours": self = .hour
        case "d", "day", "days": self = .day
        case "w", "week", "weeks": self = .week
        case "mon", "mons", "month", "months": self = .month
        case "qtr", "quarter": self = .quarter
        case "y", "yr", "yrs", "year", "years": self = .year
        case "dec", "decs", "decade", "decades": self = .decade
        case "c", "cent", "century", "centuries": self = .century
        case "mil", "mils", "millennium", "millennia", "millenniums": self = .millennium
        default: return nil
        }
    }

    /// The field that `word` names in extract and date_trunc.
    public init?(field word: String) {
        switch word {
        case "dow": self = .dayOfWeek
        case "isodow": self = .isoDayOfWeek
        case "doy": self = .dayOfYear
        case "isoyear": self = .isoYear
        case "j", "jd", "julian": self = .julian
        case "epoch": self = .epoch
        case "timezone": self = .timezone
        case "timezone_h", "timezone_hour": self = .timezoneHour
        case "timezone_m", "timezone_minute": self = .timezoneMinute
        default: self.init(interval: word)
        }
    }
}
