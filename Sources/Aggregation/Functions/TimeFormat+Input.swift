import Formats

/// What to_date and to_timestamp have read of a text.
private struct ReadTime {
    var year: Int?
    var yearDigits = 4
    var century: Int?
    var isBC = false
    var month: Int?
    var day: Int?
    var dayOfYear: Int?
    var week: Int?
    var isoWeek: Int?
    var isoYear: Int?
    var isoDay: Int?
    var weekOfMonth: Int?
    var julian: Int?
    var hour: Int?
    var isHalfDay = false
    var isPM: Bool?
    var minute: Int?
    var second: Int?
    var secondOfDay: Int?
    var microseconds: Int?
    var zoneSign = 1
    var zoneHour: Int?
    var zoneMinute: Int?
}

/// Reads one text by a format, from left to right.
private struct TimeReader {
    private let text: [UInt8]
    private var position = 0
    /// Spaces and separators of the text beyond those of the format.
    private var extra = 0
    var time = ReadTime()

    init(_ text: String) { self.text = Array(text.utf8) }

    private var byte: UInt8 { position < text.count ? text[position] : 0 }
    private var isAtEnd: Bool { position == text.count }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte >= 9 && byte <= 13 }

    private mutating func skipSpace() -> Int {
        let start = position
        while !isAtEnd, TimeReader.isSpace(byte) { position += 1 }
        return position - start
    }

    private var isSeparator: Bool {
        let isWord = byte &- 48 < 10 || byte | 0x20 >= 97 && byte | 0x20 <= 122
        return byte > 0x20 && byte < 0x7f && !isWord
    }

    mutating func read(_ format: TimeFormat) throws(SQLError) {
        for (index, part) in format.parts.enumerated() {
            if isAtEnd { break }
            let isField = if case .field = part.kind { true } else { false }
            if !format.isExact, part.kind != .character || index == 0 { extra += skipSpace() }
            switch part.kind {
            case .space, .separator:
                if format.isExact {
                    position += 1
                } else {
                    extra -= 1
                    if !isAtEnd, TimeReader.isSpace(byte) || isSeparator {
                        position += 1
                        extra += 1
                    }
                }
            case .character:
                if !format.isExact, extra > 0 {
                    extra -= 1
                } else if !isAtEnd {
                    position += 1
                    while !isAtEnd, byte & 0xc0 == 0x80 { position += 1 }
                }
            case .field(let field):
                let next = index + 1 < format.parts.count ? format.parts[index + 1] : nil
                try read(field, part, isOpen: !part.isFilled || part.isOpen(before: next))
                if part.ordinal != nil { position = min(position + 2, text.count) }
            }
            if isField, !format.isExact { extra = skipSpace() }
        }
    }

    /// A number of up to `width` digits, or of any where nothing that takes digits follows.
    private mutating func number(
        _ width: Int, _ part: TimeFormat.Part, isOpen: Bool
    ) throws(SQLError) -> Int {
        _ = skipSpace()
        let start = position
        let limit = isOpen ? text.count : min(text.count, position + width)
        if position < limit, byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") {
            position += 1
        }
        while position < limit, byte &- 48 < 10 { position += 1 }
        let digits = String(decoding: text[start..<position], as: UTF8.self)
        let available = min(text.count - start, width)
        let shown = String(decoding: text[start..<start + available], as: UTF8.self)
        let hint =
            "If your source string is not fixed-width, try using the \"FM\" modifier."
        if !isOpen {
            let left = text.count - start
            guard left >= width else {
                throw SQLError(
                    "source string too short for \"\(part.name)\" formatting field",
                    .invalidDatetimeFormat, hint: hint,
                    detail: "Field requires \(width) characters, but only \(left) remain.")
            }
            let parsed = position - start
            if parsed > 0, parsed < width {
                throw SQLError(
                    "invalid value \"\(shown)\" for \"\(part.name)\"", .invalidDatetimeFormat,
                    hint: hint,
                    detail: "Field requires \(width) characters, but only \(parsed)"
                        + " could be parsed.")
            }
        }
        guard let value = Int(digits) else {
            if position > start + 1 {
                throw SQLError(
                    "value for \"\(part.name)\" in source string is out of range",
                    .datetimeFieldOverflow,
                    detail: "Value must be in the range -2147483648 to 2147483647.")
            }
            throw SQLError(
                "invalid value \"\(shown)\" for \"\(part.name)\"", .invalidDatetimeFormat,
                detail: "Value must be an integer.")
        }
        return value
    }

    /// Which of some words stands next, whatever the case of its letters.
    private mutating func word(
        _ words: [String], _ part: TimeFormat.Part
    ) throws(SQLError) -> Int {
        for (index, word) in words.enumerated() {
            let bytes = Array(word.lowercased().utf8)
            guard text.count - position >= bytes.count else { continue }
            let found = text[position..<position + bytes.count].map {
                $0 >= 65 && $0 <= 90 ? $0 | 0x20 : $0
            }
            if found == bytes {
                position += bytes.count
                return index
            }
        }
        let shown = text[position...].prefix { !TimeReader.isSpace($0) }
        throw SQLError(
            "invalid value \"\(String(decoding: shown, as: UTF8.self))\" for \"\(part.name)\"",
            .invalidDatetimeFormat,
            detail: "The given value did not match any of the allowed values for this field.")
    }

    private func set(
        _ target: inout Int?, _ value: Int, _ part: TimeFormat.Part
    ) throws(SQLError) {
        if let old = target, old != value {
            throw SQLError(
                "conflicting values for \"\(part.name)\" field in formatting string",
                .invalidDatetimeFormat,
                detail: "This value contradicts a previous setting for the same field type.")
        }
        target = value
    }

    private mutating func read(
        _ field: TimeFormat.Field, _ part: TimeFormat.Part, isOpen: Bool
    ) throws(SQLError) {
        switch field {
        case .am, .pm: time.isPM = try word(["am", "pm"], part) == 1
        case .aM, .pM: time.isPM = try word(["a.m.", "p.m."], part) == 1
        case .ad, .bc: time.isBC = try word(["ad", "bc"], part) == 1
        case .aD, .bC: time.isBC = try word(["a.d.", "b.c."], part) == 1
        case .month: try set(&time.month, try word(TimeNames.months, part) + 1, part)
        case .mon:
            let names = TimeNames.months.map { String($0.prefix(3)) }
            try set(&time.month, try word(names, part) + 1, part)
        case .day: _ = try word(TimeNames.days, part)
        case .dy: _ = try word(TimeNames.days.map { String($0.prefix(3)) }, part)
        case .rm:
            let names = Array(TimeNames.romans.reversed())
            try set(&time.month, 12 - (try word(names, part)), part)
        case .tz, .of:
            throw SQLError(
                "formatting field \"\(part.name)\" is only supported in to_char",
                .featureNotSupported)
        case .tzh:
            if byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") || byte == 0x20 {
                time.zoneSign = byte == UInt8(ascii: "-") ? -1 : 1
                position += 1
            } else {
                // A sign may have passed for a separator.
                let isMinus = extra > 0 && text[position - 1] == UInt8(ascii: "-")
                time.zoneSign = isMinus ? -1 : 1
            }
            time.zoneHour = try number(2, part, isOpen: isOpen)
        case .tzm: time.zoneMinute = try number(2, part, isOpen: isOpen)
        default: try readNumber(field, part, isOpen)
        }
    }

    private mutating func readNumber(
        _ field: TimeFormat.Field, _ part: TimeFormat.Part, _ isOpen: Bool
    ) throws(SQLError) {
        switch field {
        case .hh, .hh12:
            try set(&time.hour, try number(2, part, isOpen: isOpen), part)
            time.isHalfDay = true
        case .hh24: try set(&time.hour, try number(2, part, isOpen: isOpen), part)
        case .mi: try set(&time.minute, try number(2, part, isOpen: isOpen), part)
        case .ss: try set(&time.second, try number(2, part, isOpen: isOpen), part)
        case .ms: try fraction(3, part, isOpen)
        case .ff3: try fraction(3, part, isOpen, isRounded: true)
        case .us, .ff6: try fraction(6, part, isOpen)
        case .ff1: try fraction(1, part, isOpen, isRounded: true)
        case .ff2: try fraction(2, part, isOpen, isRounded: true)
        case .ff4: try fraction(4, part, isOpen, isRounded: true)
        case .ff5: try fraction(5, part, isOpen, isRounded: true)
        case .ssss, .sssss: try set(&time.secondOfDay, try number(5, part, isOpen: isOpen), part)
        case .mm: try set(&time.month, try number(2, part, isOpen: isOpen), part)
        case .dd: try set(&time.day, try number(2, part, isOpen: isOpen), part)
        case .ddd: try set(&time.dayOfYear, try number(3, part, isOpen: isOpen), part)
        case .d, .q: _ = try number(1, part, isOpen: isOpen)
        case .ww: try set(&time.week, try number(2, part, isOpen: isOpen), part)
        case .w: try set(&time.weekOfMonth, try number(1, part, isOpen: isOpen), part)
        case .cc: try set(&time.century, try number(2, part, isOpen: isOpen), part)
        case .j: try set(&time.julian, try number(7, part, isOpen: true), part)
        case .id: try set(&time.isoDay, try number(1, part, isOpen: isOpen), part)
        case .iw: try set(&time.isoWeek, try number(2, part, isOpen: isOpen), part)
        case .iddd:
            let day = try number(3, part, isOpen: isOpen)
            try set(&time.isoWeek, (day - 1) / 7 + 1, part)
            try set(&time.isoDay, (day - 1) % 7 + 1, part)
        default: try readYear(field, part, isOpen)
        }
    }

    private mutating func fraction(
        _ width: Int, _ part: TimeFormat.Part, _ isOpen: Bool, isRounded: Bool = false
    ) throws(SQLError) {
        _ = skipSpace()
        let start = position
        let value = try number(width, part, isOpen: isOpen)
        // 5 is five tenths, 005 five thousandths.
        var digits = position - start
        var result = value
        if isRounded, digits > width {
            var unit = 1
            while digits > width {
                unit *= 10
                digits -= 1
            }
            result = (result + unit / 2) / unit
        }
        while digits < 6 {
            result *= 10
            digits += 1
        }
        time.microseconds = (time.microseconds ?? 0) + result
    }

    private mutating func readYear(
        _ field: TimeFormat.Field, _ part: TimeFormat.Part, _ isOpen: Bool
    ) throws(SQLError) {
        if field == .yCommaYYY {
            let thousands = try number(4, part, isOpen: true)
            if byte == UInt8(ascii: ",") { position += 1 }
            let rest = try number(3, part, isOpen: false)
            time.yearDigits = 4
            return try set(&time.year, thousands * 1000 + rest, part)
        }
        let width: Int
        switch field {
        case .yyyy, .iyyy: width = 4
        case .yyy, .iyy: width = 3
        case .yy, .iy: width = 2
        default: width = 1
        }
        _ = skipSpace()
        let start = position
        var value = try number(width, part, isOpen: isOpen)
        if width < 4, position - start < 4 { value = TimeReader.completed(value) }
        switch field {
        case .iyyy, .iyy, .iy, .i: try set(&time.isoYear, value, part)
        default:
            time.yearDigits = width
            try set(&time.year, value, part)
        }
    }

    /// Short years are those nearest to 2020.
    private static func completed(_ year: Int) -> Int {
        switch year {
        case ..<70: year + 2000
        case ..<100: year + 1900
        case ..<520: year + 2000
        case ..<1000: year + 1000
        default: year
        }
    }
}

extension TimeFormat {
    /// Reads a moment as a clock on the wall shows it, and the offset that the text gives.
    func parse(_ text: String) throws(SQLError) -> (local: Int64, offset: Int32?) {
        var reader = TimeReader(text)
        try reader.read(self)
        let time = reader.time
        let days = try TimeFormat.days(time, text)
        let clock = try TimeFormat.clock(time, text)
        let (start, overflow) = days.multipliedReportingOverflow(by: TimeKernels.day)
        guard !overflow else {
            throw SQLError("timestamp out of range: \"\(text)\"", .datetimeFieldOverflow)
        }
        var offset: Int32?
        if time.zoneHour != nil || time.zoneMinute != nil {
            let seconds = (time.zoneHour ?? 0) * 3600 + (time.zoneMinute ?? 0) * 60
            offset = Int32(truncatingIfNeeded: time.zoneSign * seconds)
        }
        return (start + clock, offset)
    }

    private static func overflow(_ text: String) -> SQLError {
        SQLError(
            "date/time field value out of range: \"\(text)\"", .datetimeFieldOverflow)
    }

    private static func clock(_ time: ReadTime, _ text: String) throws(SQLError) -> Int64 {
        var hour = time.hour ?? 0
        var minute = time.minute ?? 0
        var second = time.second ?? 0
        if let all = time.secondOfDay {
            hour = all / 3600
            minute = all / 60 % 60
            second = all % 60
        }
        if time.isHalfDay {
            guard (1...12).contains(hour) else {
                throw SQLError(
                    "hour \"\(hour)\" is invalid for the 12-hour clock", .invalidDatetimeFormat,
                    hint: "Use the 24-hour clock, or give an hour between 1 and 12.")
            }
            if time.isPM == true && hour < 12 { hour += 12 }
            if time.isPM == false && hour == 12 { hour = 0 }
        }
        guard (0..<24).contains(hour), (0..<60).contains(minute), (0..<60).contains(second) else {
            throw overflow(text)
        }
        let whole = Int64(hour * 3600 + minute * 60 + second) * 1_000_000
        return whole + Int64(time.microseconds ?? 0)
    }

    private static func year(_ time: ReadTime) -> Int? {
        if let year = time.year, year != 0 {
            var result = year
            if let century = time.century, time.yearDigits <= 2 {
                let short = year % 100
                result = (century - 1) * 100 + (short == 0 ? 100 : short)
            }
            if time.isBC { result = -result }
            return result < 0 ? result + 1 : result
        }
        guard var century = time.century else { return nil }
        if time.isBC { century = -century }
        return century >= 0 ? (century - 1) * 100 + 1 : century * 100 + 1
    }

    /// Days since 1970.
    private static func days(_ time: ReadTime, _ text: String) throws(SQLError) -> Int64 {
        if let julian = time.julian { return Int64(julian) - 2_440_588 }
        if let isoYear = time.isoYear ?? (time.isoWeek != nil ? year(time) : nil),
            time.month == nil, time.day == nil
        {
            // The fourth of January lies in the first week.
            let fourth = CivilTime(year: isoYear, month: 1, day: 4)
            let monday = fourth.daysSinceEpoch - (fourth.weekday + 6) % 7
            return Int64(monday + ((time.isoWeek ?? 1) - 1) * 7 + (time.isoDay ?? 1) - 1)
        }
        let year = year(time)
        // What is 0 counts as not given.
        func given(_ value: Int?) -> Int? { value == 0 ? nil : value }
        let month = given(time.month) ?? 1
        var day = given(time.day) ?? 1
        var dayOfYear = given(time.dayOfYear)
        if let week = time.week { dayOfYear = (week - 1) * 7 + 1 }
        if let week = time.weekOfMonth { day = (week - 1) * 7 + 1 }
        if let dayOfYear, month <= 1 || day <= 1 {
            guard let year else {
                throw SQLError(
                    "cannot calculate day of year without year information",
                    .invalidDatetimeFormat)
            }
            let length = CivilTime.isLeap(year) ? 366 : 365
            guard (1...length).contains(dayOfYear) else { throw overflow(text) }
            return Int64(CivilTime(year: year, month: 1, day: 1).daysSinceEpoch + dayOfYear - 1)
        }
        let shownYear = year ?? 0
        guard (1...12).contains(month), day >= 1, shownYear.magnitude < 6_000_000,
            day <= CivilTime.dayCount(year: shownYear, month: month)
        else { throw overflow(text) }
        return Int64(CivilTime(year: shownYear, month: month, day: day).daysSinceEpoch)
    }
}
