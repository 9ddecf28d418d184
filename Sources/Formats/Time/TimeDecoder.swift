/// What is wrong with the text of a date, time or interval.
enum TimeFault: Error {
    case format
    case field
    /// A month or day beyond its bounds: the order of the parts may be another.
    case monthOrDay
    case displacement
    case interval
    case unknownZone(String)
}

/// Gathers the fields of a date and time from the parts of its text, with PostgreSQL's rules
/// (DateStyle ISO, MDY).
struct TimeDecoder {
    struct Fields: OptionSet {
        var rawValue: UInt8
        static let year = Fields(rawValue: 1)
        static let month = Fields(rawValue: 2)
        static let day = Fields(rawValue: 4)
        static let dayOfYear = Fields(rawValue: 8)
        static let time = Fields(rawValue: 16)
        static let zone = Fields(rawValue: 32)
        static let half = Fields(rawValue: 64)
        static let era = Fields(rawValue: 128)
        static let date: Fields = [.year, .month, .day]
    }

    enum Special { case epoch, infinity, negativeInfinity }

    private let settings: TextSettings
    private let tokens: [TimeToken]
    private let isTimeOnly: Bool
    private(set) var seen: Fields = []
    var year = 0
    var month = 0
    var day = 0
    var hour = 0
    var minute = 0
    var second = 0
    var microsecond = 0
    /// Days since 1970 where the date is given as a whole.
    private var wholeDate: Int?
    private(set) var special: Special?
    /// Seconds east of UTC.
    private(set) var offset: Int32?
    private(set) var zone: TimeZone?
    private var hasTextMonth = false
    private var isShortYear = false
    private var isPM: Bool?
    private var isBC = false
    /// The word before says what the next number is.
    private var expected: TimeWord?
    /// `now` and its like: no more is said by the text.
    private var isMoment = false

    init(_ tokens: [TimeToken], _ settings: TextSettings, isTimeOnly: Bool = false) {
        self.tokens = tokens
        self.settings = settings
        self.isTimeOnly = isTimeOnly
    }

    mutating func decode() throws(TimeFault) {
        guard !tokens.isEmpty else { throw .format }
        for index in tokens.indices {
            let token = tokens[index]
            let added: Fields
            switch token.kind {
            case .number: added = try number(token.text)
            case .date: added = try date(token.text)
            case .time: added = try time(token.text)
            case .signed:
                offset = try TimeDecoder.displacement(token.text[...])
                added = .zone
            case .word, .special: added = try word(token, index)
            }
            guard seen.isDisjoint(with: added) else { throw .format }
            seen.formUnion(added)
        }
        guard expected == nil else { throw .format }
        try finish()
    }

    private mutating func finish() throws(TimeFault) {
        if special != nil || isMoment { return }
        if wholeDate == nil { try checkDate() }
        if let isPM {
            guard hour <= 12 else { throw .field }
            if hour == 12 { hour = isPM ? 12 : 0 } else if isPM { hour += 12 }
        }
        if isTimeOnly {
            guard seen.contains(.time) else { throw .format }
        } else {
            guard seen.contains(.date) else { throw .format }
        }
        // 24:00:00 and 23:59:60 are the day's end; nothing lies behind it.
        guard hour <= 24, microsecondsOfDay <= 86_400_000_000 else { throw .field }
    }

    private mutating func checkDate() throws(TimeFault) {
        if seen.contains(.year) {
            if isBC {
                guard year > 0 else { throw .field }
                year = 1 - year
            } else if isShortYear {
                guard year >= 0 else { throw .field }
                year += year < 70 ? 2000 : year < 100 ? 1900 : 0
            } else {
                guard year > 0 else { throw .field }
            }
        }
        if seen.contains(.dayOfYear) {
            let first = CivilTime(year: year, month: 1, day: 1).daysSinceEpoch
            wholeDate = first + day - 1
            return
        }
        if seen.contains(.month), !(1...12).contains(month) { throw .monthOrDay }
        if seen.contains(.day), !(1...31).contains(day) { throw .monthOrDay }
        if seen.contains(.date), day > CivilTime.dayCount(year: year, month: month) {
            throw .field
        }
    }

    /// Days since 1970.
    var days: Int {
        wholeDate ?? CivilTime(year: year, month: month, day: day).daysSinceEpoch
    }

    var microsecondsOfDay: Int64 {
        Int64(hour * 3600 + minute * 60 + second) * 1_000_000 + Int64(microsecond)
    }
}

// Words.
extension TimeDecoder {
    private mutating func word(_ token: TimeToken, _ index: Int) throws(TimeFault) -> Fields {
        guard let word = TimeWord(token.string) else {
            guard let found = settings.zones(token.string) else { throw .format }
            zone = found
            return .zone
        }
        switch word {
        case .ignored, .weekday: return []
        case .month(let number):
            var added: Fields = .month
            if seen.contains(.month), !hasTextMonth, !seen.contains(.day), (1...31).contains(month)
            {
                // The number taken for a month was the day.
                day = month
                seen.remove(.month)
                added = [.month, .day]
            }
            hasTextMonth = true
            month = number
            return added
        case .isPM(let value):
            isPM = value
            return .half
        case .isBC(let value):
            isBC = value
            return .era
        case .zone(let seconds):
            offset = seconds
            return .zone
        case .daylight:
            offset = (offset ?? 0) + 3600
            return []
        case .isoTime:
            guard seen.contains(.date) || isTimeOnly, index + 1 < tokens.count,
                [.number, .time, .date].contains(tokens[index + 1].kind)
            else { throw .format }
            expected = .isoTime
            return []
        case .julian:
            expected = .julian
            return []
        case .now, .today, .tomorrow, .yesterday: return moment(word)
        case .epoch:
            special = .epoch
            return isTimeOnly ? .time : [.date, .time, .zone]
        case .infinity:
            special = .infinity
            return [.date, .time, .zone]
        case .negativeInfinity:
            special = .negativeInfinity
            return [.date, .time, .zone]
        case .allballs:
            offset = 0
            return [.time, .zone]
        }
    }

    private mutating func moment(_ word: TimeWord) -> Fields {
        let second = settings.now.floorDivided(by: 1_000_000).quotient
        let local = settings.now + Int64(settings.timeZone.offset(at: second)) * 1_000_000
        let (today, rest) = local.floorDivided(by: 86_400_000_000)
        switch word {
        case .today: wholeDate = Int(today)
        case .tomorrow: wholeDate = Int(today) + 1
        case .yesterday: wholeDate = Int(today) - 1
        default:
            wholeDate = Int(today)
            hour = Int(rest / 3_600_000_000)
            minute = Int(rest / 60_000_000) % 60
            self.second = Int(rest / 1_000_000) % 60
            microsecond = Int(rest % 1_000_000)
            offset = settings.timeZone.offset(at: second)
            return [.date, .time, .zone]
        }
        return .date
    }
}

// Numbers, dates and times.
extension TimeDecoder {
    private mutating func time(_ text: [UInt8]) throws(TimeFault) -> Fields {
        guard expected == nil || expected == .isoTime else { throw .format }
        expected = nil
        let clock = try TimeDecoder.clock(text[...])
        guard clock.hour <= 24 else { throw .field }
        hour = Int(clock.hour)
        minute = clock.minute
        second = clock.second
        microsecond = clock.microsecond
        return .time
    }

    private mutating func date(_ text: [UInt8]) throws(TimeFault) -> Fields {
        let isDigit = text[0] &- 48 < 10
        let hasMonthAndDay = seen.contains([.month, .day])
        guard expected != nil || hasMonthAndDay || isTimeOnly && !isDigit else {
            return try calendarDate(text)
        }
        if !isDigit {
            let name = String(decoding: text, as: UTF8.self)
            guard let found = try? TimeZone.named(name, settings.zones) else {
                throw .unknownZone(name)
            }
            zone = found
            return .zone
        }
        guard expected == nil || expected == .isoTime else { throw .format }
        expected = nil
        guard !seen.contains(.time), let dash = text.firstIndex(of: UInt8(ascii: "-")) else {
            throw .format
        }
        offset = try TimeDecoder.displacement(text[dash...])
        return try concatenated(Array(text[..<dash]), seen).union(.zone)
    }

    /// `2024-05-01`, `May-1-2024`, `5/1/24` ...
    private mutating func calendarDate(_ text: [UInt8]) throws(TimeFault) -> Fields {
        var known = seen
        var added: Fields = []
        var numbers: [[UInt8]] = []
        for part in TimeDecoder.runs(text) {
            if part[0] &- 48 < 10 {
                numbers.append(part)
                continue
            }
            switch TimeWord(String(decoding: part, as: UTF8.self)) {
            case .ignored: continue
            case .month(let number) where !known.contains(.month):
                month = number
                hasTextMonth = true
                known.insert(.month)
                added.insert(.month)
            default: throw .format
            }
        }
        for part in numbers {
            let field = try single(part, known)
            guard known.isDisjoint(with: field) else { throw .format }
            known.formUnion(field)
            added.formUnion(field)
        }
        // PostgreSQL takes a date only before the time.
        guard known.subtracting([.dayOfYear, .zone]) == .date else { throw .format }
        return added
    }

    /// The runs of digits and of letters in `text`.
    private static func runs(_ text: [UInt8]) -> [[UInt8]] {
        var runs: [[UInt8]] = []
        var wasDigit: Bool?
        for byte in text {
            let isDigit = byte &- 48 < 10
            let isLetter = byte &- 97 < 26 || byte >= 0x80
            guard isDigit || isLetter else {
                wasDigit = nil
                continue
            }
            if wasDigit == isDigit {
                runs[runs.count - 1].append(byte)
            } else {
                runs.append([byte])
            }
            wasDigit = isDigit
        }
        return runs
    }

    private mutating func number(_ text: [UInt8]) throws(TimeFault) -> Fields {
        if let word = expected {
            expected = nil
            switch word {
            case .julian: return try julian(text)
            case .isoTime: return try concatenated(text, seen.union(.date))
            default: throw .format
            }
        }
        let point = text.firstIndex(of: UInt8(ascii: "."))
        if isTimeOnly {
            if text.count >= 4 || point != nil {
                return try concatenated(text, seen.union(.date))
            }
            throw .format
        }
        if let point {
            if !seen.contains(.date) { return try calendarDate(text) }
            if point > 2 { return try concatenated(text, seen) }
        } else if text.count >= 6, !seen.contains(.date) || !seen.contains(.time) {
            return try concatenated(text, seen)
        }
        return try single(text, seen)
    }

    private mutating func julian(_ text: [UInt8]) throws(TimeFault) -> Fields {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard let number = TimeDecoder.integer(parts[0]) else { throw .format }
        // The first of January 1970 is the Julian day 2,440,588.
        wholeDate = number - 2_440_588
        guard parts.count > 1 else { return .date }
        let fraction = try TimeDecoder.fraction(parts[1])
        let value = Int64((fraction * 86_400_000_000).rounded(.toNearestOrEven))
        hour = Int(value / 3_600_000_000)
        minute = Int(value / 60_000_000) % 60
        second = Int(value / 1_000_000) % 60
        microsecond = Int(value % 1_000_000)
        return [.date, .time]
    }

    /// One number, whose meaning follows from what is known.
    private mutating func single(_ text: [UInt8], _ known: Fields) throws(TimeFault) -> Fields {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        if parts.count > 1 {
            if parts[0].count > 2 { return try concatenated(text, known.union(.date)) }
            throw .format
        }
        guard let value = TimeDecoder.integer(text[...]) else { throw .field }
        let date = known.intersection(.date)
        if text.count == 3, date == .year, (1...366).contains(value) {
            day = value
            return [.dayOfYear, .month, .day]
        }
        var field: Fields
        switch date {
        case []: field = text.count >= 3 ? .year : .month
        case .year: field = .month
        case .month: field = hasTextMonth && text.count >= 3 ? .year : .day
        case [.year, .month]:
            field = .day
            if hasTextMonth, text.count >= 3, isShortYear {
                // The short number before was the day.
                day = year
                year = value
                isShortYear = false
                return .day
            }
        case .day: field = .month
        case [.month, .day]: field = .year
        case .date: return try concatenated(text, known)
        default: throw .format
        }
        switch field {
        case .year:
            year = value
            isShortYear = text.count <= 2
        case .month: month = value
        default: day = value
        }
        return field
    }

    /// Digits without separators: `20240501`, `240501`, `102030.5`, `1020`.
    private mutating func concatenated(
        _ text: [UInt8], _ known: Fields
    ) throws(TimeFault) -> Fields {
        var digits = text[...]
        if let point = text.firstIndex(of: UInt8(ascii: ".")) {
            digits = text[..<point]
            let part = try TimeDecoder.fraction(text[(point + 1)...])
            microsecond = Int((part * 1_000_000).rounded(.toNearestOrEven))
        } else if !known.contains(.date) {
            guard digits.count >= 6 else { throw .format }
            guard let first = TimeDecoder.integer(digits.dropLast(4)),
                let middle = TimeDecoder.integer(digits.dropLast(2).suffix(2)),
                let last = TimeDecoder.integer(digits.suffix(2))
            else { throw .format }
            (year, month, day) = (first, middle, last)
            isShortYear = digits.count == 6
            return .date
        }
        guard !known.contains(.time), digits.count == 6 || digits.count == 4,
            let first = TimeDecoder.integer(digits.prefix(2)),
            let middle = TimeDecoder.integer(digits.dropFirst(2).prefix(2)),
            let last = digits.count == 6 ? TimeDecoder.integer(digits.suffix(2)) : 0
        else { throw .format }
        guard first <= 24, middle < 60, last <= 60 else { throw .field }
        (hour, minute, second) = (first, middle, last)
        return .time
    }
}

// Parts that intervals share.
extension TimeDecoder {
    /// Digits alone; nil for anything else and beyond 32 bits.
    static func integer(_ digits: ArraySlice<UInt8>) -> Int? {
        guard !digits.isEmpty else { return nil }
        var value = 0
        for byte in digits {
            guard byte &- 48 < 10, value <= Int(Int32.max) else { return nil }
            value = value * 10 + Int(byte - 48)
        }
        return value <= Int(Int32.max) ? value : nil
    }

    /// The number behind a point, below 1.
    static func fraction(_ digits: ArraySlice<UInt8>) throws(TimeFault) -> Double {
        guard digits.allSatisfy({ $0 &- 48 < 10 }) else { throw .format }
        if digits.isEmpty { return 0 }
        return Double("0." + String(decoding: digits, as: UTF8.self)) ?? 0
    }

    /// `10:20`, `10:20:30.5`, `20:30.5` (minutes and seconds).
    static func clock(
        _ text: ArraySlice<UInt8>
    ) throws(TimeFault) -> (hour: Int64, minute: Int, second: Int, microsecond: Int) {
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3 else { throw .format }
        let last = parts[parts.count - 1].split(
            separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard last.count <= 2 else { throw .format }
        let whole = Array(parts.dropLast()) + [last[0]]
        var numbers: [Int64] = []
        for part in whole {
            guard part.allSatisfy({ $0 &- 48 < 10 }) else { throw .format }
            if part.isEmpty {
                // `10:` is ten o'clock.
                numbers.append(0)
                continue
            }
            guard let number = Int64(String(decoding: part, as: UTF8.self)) else { throw .field }
            numbers.append(number)
        }
        var microsecond = 0
        if last.count == 2 {
            microsecond = Int((try fraction(last[1]) * 1_000_000).rounded(.toNearestOrEven))
            if numbers.count == 2 { numbers.insert(0, at: 0) }
        }
        if numbers.count == 2 { numbers.append(0) }
        guard numbers[1] < 60, numbers[2] <= 60 else { throw .field }
        return (numbers[0], Int(numbers[1]), Int(numbers[2]), microsecond)
    }

    /// `+02`, `-0530`, `+05:30:15` in seconds.
    static func displacement(_ text: ArraySlice<UInt8>) throws(TimeFault) -> Int32 {
        guard let sign = text.first else { throw .format }
        let parts = text.dropFirst().split(
            separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count <= 3 else { throw .format }
        var numbers: [Int] = []
        for part in parts {
            guard let number = integer(part) else { throw .format }
            numbers.append(number)
        }
        if numbers.count == 1, parts[0].count > 2 {
            numbers = [numbers[0] / 100, numbers[0] % 100]
        }
        while numbers.count < 3 { numbers.append(0) }
        guard numbers[0] <= 15, numbers[1] < 60, numbers[2] < 60 else { throw .displacement }
        let seconds = Int32(numbers[0] * 3600 + numbers[1] * 60 + numbers[2])
        return sign == UInt8(ascii: "-") ? -seconds : seconds
    }
}
