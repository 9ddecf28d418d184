import Formats

/// The fields that to_char shows of a moment or an interval.
struct ShownTime {
    var year = 0
    var month = 0
    var day = 0
    var hour: Int64 = 0
    var minute: Int64 = 0
    var second: Int64 = 0
    var microsecond: Int64 = 0
    /// 0: Sunday
    var weekday = 0
    var dayOfYear = 0
    var julian = 0
    var isInterval = false
    /// Seconds east of UTC and the zone's name; nil for a timestamp without zone.
    var zone: (offset: Int32, name: String)?

    init(local: Int64) {
        let (days, rest) = local.floorDivided(by: TimeKernels.day)
        let date = CivilTime.date(daysSinceEpoch: Int(days))
        (year, month, day) = date
        hour = rest / 3_600_000_000
        minute = rest / 60_000_000 % 60
        second = rest / 1_000_000 % 60
        microsecond = rest % 1_000_000
        weekday = Int((days + 4).floorDivided(by: 7).remainder)
        dayOfYear = Int(days) - CivilTime(year: year, month: 1, day: 1).daysSinceEpoch + 1
        julian = Int(days) + 2_440_588
    }

    init(_ span: Interval) {
        isInterval = true
        year = Int(span.months / 12)
        month = Int(span.months % 12)
        day = Int(span.days)
        hour = span.microseconds / 3_600_000_000
        minute = span.microseconds / 60_000_000 % 60
        second = span.microseconds / 1_000_000 % 60
        microsecond = span.microseconds % 1_000_000
        dayOfYear = (year * 12 + month) * 30 + day
        julian = civil.daysSinceEpoch + 2_440_588
        weekday = civil.weekday
    }

    var civil: CivilTime { CivilTime(year: year, month: month, day: day) }

    /// The month as an index from 0; an interval of whole years or of negative months has one too.
    var romanMonth: Int {
        if month == 0 { return year >= 0 ? 11 : 0 }
        return month < 0 ? 12 + month : month - 1
    }

    /// Years before our era are counted from 1.
    func shown(year value: Int) -> Int64 { Int64(isInterval || value > 0 ? value : 1 - value) }
}

extension TimeFormat {
    /// Appends a time in this format.
    func append(_ time: ShownTime, to target: inout OutputBuffer) throws(SQLError) {
        for part in parts {
            guard case .field(let field) = part.kind else {
                target.append(part.text)
                continue
            }
            if !appendClock(field, part, time, &target) {
                try appendDate(field, part, time, &target)
            }
        }
    }

    private func number(
        _ value: Int64, _ width: Int, _ part: Part, _ target: inout OutputBuffer
    ) {
        if part.isFilled {
            target.append(decimal: value, width: width)
        } else {
            target.append(decimal: value)
        }
        guard let ordinal = part.ordinal else { return }
        let suffix = TimeNames.ordinal(value)
        target.append(utf8: ordinal == .upper ? suffix : suffix.lowercased())
    }

    /// As C's printf fills: a minus takes one of the places.
    private func printed(
        _ value: Int64, _ width: Int, _ part: Part, _ target: inout OutputBuffer
    ) {
        number(value, value < 0 ? width - 1 : width, part, &target)
    }

    private func word(
        _ text: String, _ width: Int, _ part: Part, _ target: inout OutputBuffer
    ) {
        switch part.letters {
        case .upper: target.append(utf8: text.uppercased())
        case .capital: target.append(utf8: text)
        case .lower: target.append(utf8: text.lowercased())
        }
        guard part.isFilled, !part.isTranslated else { return }
        for _ in 0..<max(0, width - text.utf8.count) { target.append(UInt8(ascii: " ")) }
    }

    /// True if the field is one of the clock.
    private func appendClock(
        _ field: Field, _ part: Part, _ time: ShownTime, _ target: inout OutputBuffer
    ) -> Bool {
        let isLate = time.hour % 24 >= 12
        switch field {
        case .am, .pm: word(isLate ? "PM" : "AM", 0, part.asWord, &target)
        case .aM, .pM: word(isLate ? "P.M." : "A.M.", 0, part.asWord, &target)
        case .hh, .hh12:
            let half = time.hour % 12
            number(half == 0 ? 12 : half, 2, part, &target)
        case .hh24: number(time.hour, 2, part, &target)
        case .mi: number(time.minute, 2, part, &target)
        case .ss: number(time.second, 2, part, &target)
        case .ms, .ff3: fraction(time.microsecond / 1000, 3, part, &target)
        case .us, .ff6: fraction(time.microsecond, 6, part, &target)
        case .ff1: fraction(time.microsecond / 100_000, 1, part, &target)
        case .ff2: fraction(time.microsecond / 10_000, 2, part, &target)
        case .ff4: fraction(time.microsecond / 100, 4, part, &target)
        case .ff5: fraction(time.microsecond / 10, 5, part, &target)
        case .ssss, .sssss:
            number(time.hour * 3600 + time.minute * 60 + time.second, 0, part, &target)
        default: return false
        }
        return true
    }

    /// FM does not take zeros from a fraction.
    private func fraction(
        _ value: Int64, _ width: Int, _ part: Part, _ target: inout OutputBuffer
    ) {
        var whole = part
        whole.isFilled = true
        printed(value, width, whole, &target)
    }

    private func appendZone(
        _ field: Field, _ part: Part, _ time: ShownTime, _ target: inout OutputBuffer
    ) {
        let offset = time.zone?.offset ?? 0
        let sign = offset < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+")
        let magnitude = Int64(offset.magnitude)
        switch field {
        case .tz: word(time.zone?.name ?? "", 0, part.asWord, &target)
        case .tzm: target.append(decimal: magnitude / 60 % 60, width: 2)
        case .of:
            target.append(sign)
            target.append(decimal: magnitude / 3600, width: part.isFilled ? 2 : 0)
            if magnitude % 3600 != 0 {
                target.append(":")
                target.append(decimal: magnitude / 60 % 60, width: 2)
            }
        default:
            target.append(sign)
            target.append(decimal: magnitude / 3600, width: 2)
        }
    }

    private func appendDate(
        _ field: Field, _ part: Part, _ time: ShownTime, _ target: inout OutputBuffer
    ) throws(SQLError) {
        switch field {
        case .ad, .bc, .aD, .bC, .month, .mon, .day, .dy, .d, .id, .tz, .tzh, .tzm, .of:
            guard !time.isInterval else {
                throw SQLError(
                    "invalid format specification for an interval value", .invalidDatetimeFormat,
                    hint: "Intervals are not tied to specific calendar dates.")
            }
        default: break
        }
        switch field {
        case .ad, .bc: word(time.year <= 0 ? "BC" : "AD", 0, part.asWord, &target)
        case .aD, .bC: word(time.year <= 0 ? "B.C." : "A.D.", 0, part.asWord, &target)
        case .month: word(TimeNames.months[time.month - 1], 9, part, &target)
        case .mon: word(String(TimeNames.months[time.month - 1].prefix(3)), 0, part, &target)
        case .rm:
            if time.month != 0 || time.year != 0 {
                word(TimeNames.romans[time.romanMonth], 4, part.asWord, &target)
            }
        case .day: word(TimeNames.days[time.weekday], 9, part, &target)
        case .dy: word(String(TimeNames.days[time.weekday].prefix(3)), 0, part, &target)
        case .tz, .tzh, .tzm, .of: appendZone(field, part, time, &target)
        default: appendCount(field, part, time, &target)
        }
    }

    private func appendCount(
        _ field: Field, _ part: Part, _ time: ShownTime, _ target: inout OutputBuffer
    ) {
        let year = time.shown(year: time.year)
        switch field {
        case .mm: number(Int64(time.month), 2, part, &target)
        case .dd: printed(Int64(time.day), 2, part, &target)
        case .ddd: printed(Int64(time.dayOfYear), 3, part, &target)
        case .d: number(Int64(time.weekday + 1), 0, part, &target)
        case .id: number(Int64(time.weekday == 0 ? 7 : time.weekday), 0, part, &target)
        case .ww: printed(Int64((time.dayOfYear - 1) / 7 + 1), 2, part, &target)
        case .w: number(Int64((time.day - 1) / 7 + 1), 0, part, &target)
        case .q: if time.month != 0 { number(Int64((time.month - 1) / 3 + 1), 0, part, &target) }
        case .j: number(Int64(time.julian), 0, part, &target)
        case .cc:
            let value = Int64(time.year)
            let century =
                time.isInterval ? value / 100 : value > 0 ? (value - 1) / 100 + 1 : value / 100 - 1
            number(century, century.magnitude <= 99 ? 2 : 0, part, &target)
        case .yyyy: number(year, 4, part, &target)
        case .yyy: number(year % 1000, 3, part, &target)
        case .yy: number(year % 100, 2, part, &target)
        case .y: number(year % 10, 1, part, &target)
        case .yCommaYYY:
            target.append(decimal: year / 1000)
            target.append(",")
            var rest = part
            rest.isFilled = true
            printed(year % 1000, 3, rest, &target)
        default: appendISO(field, part, time, &target)
        }
    }

    private func appendISO(
        _ field: Field, _ part: Part, _ time: ShownTime, _ target: inout OutputBuffer
    ) {
        let week = time.civil.isoWeek
        let year = time.shown(year: week.year)
        switch field {
        case .iw: number(Int64(week.week), 2, part, &target)
        case .iddd:
            let day = (week.week - 1) * 7 + (time.weekday == 0 ? 7 : time.weekday)
            number(Int64(day), 3, part, &target)
        case .iyyy: number(year, 4, part, &target)
        case .iyy: number(year % 1000, 3, part, &target)
        case .iy: number(year % 100, 2, part, &target)
        default: number(year % 10, 1, part, &target)
        }
    }
}

extension TimeFormat.Part {
    /// A word that has no capitalised form.
    fileprivate var asWord: TimeFormat.Part {
        var copy = self
        if copy.letters == .capital { copy.letters = .upper }
        return copy
    }
}
