/// The rule for daylight saving that POSIX writes in TZ and TZif files carry as their last line:
/// `CET-1CEST,M3.5.0,M10.5.0/3`.
public struct TimeZoneRule: Sendable, Equatable {
    /// A day of a year and a time on it.
    enum Change: Equatable {
        /// The `week`th `weekday` (0: Sunday) of `month`; week 5 is the last.
        case weekday(month: Int, week: Int, weekday: Int)
        /// 1...365, February 29th never counted.
        case julian(Int)
        /// 0...365, February 29th counted.
        case day(Int)
    }

    var standard: Int32
    var standardName: String
    /// nil: no daylight saving.
    var daylight: Int32?
    var daylightName = ""
    var start = Change.weekday(month: 3, week: 2, weekday: 0)
    var startSecond: Int64 = 7200
    var end = Change.weekday(month: 11, week: 1, weekday: 0)
    var endSecond: Int64 = 7200

    /// Reads a rule; nil if it is none.
    public init?(_ text: String) {
        var scanner = RuleScanner(Array(text.utf8))
        guard let name = scanner.name(), let west = scanner.offset() else { return nil }
        standardName = name
        standard = -west
        if scanner.isAtEnd { return }
        guard let summerName = scanner.name() else { return nil }
        daylightName = summerName
        daylight = standard + 3600
        if !scanner.isAtEnd, !scanner.isAt(",") {
            guard let west = scanner.offset() else { return nil }
            daylight = -west
        }
        if scanner.isAtEnd { return }
        guard scanner.accept(","), let first = scanner.change(), scanner.accept(","),
            let second = scanner.change(), scanner.isAtEnd
        else { return nil }
        (start, startSecond) = first
        (end, endSecond) = second
    }

    /// The stretch around a second of UTC.
    func span(at second: Int64) -> TimeZone.Span {
        guard let daylight else {
            return TimeZone.Span(
                offset: standard, abbreviation: standardName, start: .min, end: .max)
        }
        let year = CivilTime.date(daysSinceEpoch: Int(second.floorDivided(by: 86_400).quotient))
            .year
        // The changes of three years, so that the one before and the one after are among them.
        var changes: [(at: Int64, isSummer: Bool)] = []
        for each in year - 1...year + 1 {
            changes.append((moment(start, startSecond, each, standard), true))
            changes.append((moment(end, endSecond, each, daylight), false))
        }
        changes.sort { $0.at < $1.at }
        let next = changes.firstIndex { $0.at > second } ?? changes.count
        let isSummer = next > 0 ? changes[next - 1].isSummer : !changes[0].isSummer
        return TimeZone.Span(
            offset: isSummer ? daylight : standard,
            abbreviation: isSummer ? daylightName : standardName,
            start: next > 0 ? changes[next - 1].at : .min,
            end: next < changes.count ? changes[next].at : .max)
    }

    private func moment(
        _ change: Change, _ second: Int64, _ year: Int, _ offset: Int32
    ) -> Int64 {
        let first = CivilTime(year: year, month: 1, day: 1).daysSinceEpoch
        let day: Int
        switch change {
        case .julian(let number):
            day = first + number - 1 + (CivilTime.isLeap(year) && number > 59 ? 1 : 0)
        case .day(let number): day = first + number
        case .weekday(let month, let week, let weekday):
            let start = CivilTime(year: year, month: month, day: 1)
            let ahead = (weekday - start.weekday + 7) % 7 + (week - 1) * 7
            let length = CivilTime.dayCount(year: year, month: month)
            day = start.daysSinceEpoch + (ahead >= length ? ahead - 7 : ahead)
        }
        return Int64(day) * 86_400 + second - Int64(offset)
    }
}

/// Reads the parts of a rule from left to right.
private struct RuleScanner {
    let bytes: [UInt8]
    var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    func isAt(_ character: Unicode.Scalar) -> Bool {
        position < bytes.count && bytes[position] == UInt8(ascii: character)
    }

    mutating func accept(_ character: Unicode.Scalar) -> Bool {
        guard isAt(character) else { return false }
        position += 1
        return true
    }

    /// Three letters or more, or anything between angle brackets.
    mutating func name() -> String? {
        let start = position
        if accept("<") {
            while position < bytes.count, !isAt(">") { position += 1 }
            guard accept(">") else { return nil }
            return String(decoding: bytes[start + 1..<position - 1], as: UTF8.self)
        }
        while position < bytes.count, bytes[position] | 0x20 >= UInt8(ascii: "a"),
            bytes[position] | 0x20 <= UInt8(ascii: "z")
        {
            position += 1
        }
        guard position - start >= 3 else { return nil }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    mutating func number() -> Int? {
        let start = position
        var value = 0
        while position < bytes.count, bytes[position] &- UInt8(ascii: "0") < 10, value < 10_000 {
            value = value * 10 + Int(bytes[position] - UInt8(ascii: "0"))
            position += 1
        }
        return position > start ? value : nil
    }

    /// `[+-]h[:m[:s]]` in seconds.
    mutating func offset() -> Int32? {
        let isMinus = accept("-")
        if !isMinus { _ = accept("+") }
        guard let hours = number(), hours <= 167 else { return nil }
        var seconds = hours * 3600
        if accept(":") {
            guard let minutes = number(), minutes < 60 else { return nil }
            seconds += minutes * 60
            if accept(":") {
                guard let rest = number(), rest < 60 else { return nil }
                seconds += rest
            }
        }
        return Int32(isMinus ? -seconds : seconds)
    }

    mutating func change() -> (TimeZoneRule.Change, Int64)? {
        let change: TimeZoneRule.Change
        if accept("M") {
            guard let month = number(), (1...12).contains(month), accept("."),
                let week = number(), (1...5).contains(week), accept("."),
                let weekday = number(), (0...6).contains(weekday)
            else { return nil }
            change = .weekday(month: month, week: week, weekday: weekday)
        } else if accept("J") {
            guard let day = number(), (1...365).contains(day) else { return nil }
            change = .julian(day)
        } else {
            guard let day = number(), (0...365).contains(day) else { return nil }
            change = .day(day)
        }
        guard accept("/") else { return (change, 7200) }
        guard let second = offset() else { return nil }
        return (change, Int64(second))
    }
}
