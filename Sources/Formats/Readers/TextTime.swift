/// ISO 8601 dates and times in data: `2024-05-01`, `2024-05-01T10:20:30.123456Z`,
/// `2024-05-01 10:20+02:00`.
@safe struct TextTime {
    enum Kind { case date, timestamp, timestamptz }

    let kind: Kind
    /// Since 1970 UTC; of a date, its midnight.
    let microseconds: Int64

    static let dayMicroseconds: Int64 = 86_400_000_000

    /// The value that `text` is all of; nil if it is none or carries a zone without need (a date).
    static func parse(_ text: UnsafeRawBufferPointer) -> TextTime? {
        guard text.count >= 10, text.count <= 40, let base = text.baseAddress else { return nil }
        let at = unsafe base.assumingMemoryBound(to: UInt8.self)
        guard let year = unsafe number(at, 4), unsafe at[4] == UInt8(ascii: "-"),
            let month = unsafe number(at + 5, 2),
            unsafe at[7] == UInt8(ascii: "-"), let day = unsafe number(at + 8, 2), month >= 1,
            month <= 12,
            day >= 1, day <= 28 || day <= CivilTime.dayCount(year: year, month: month), year >= 1
        else { return nil }
        let days = CivilTime(year: year, month: month, day: day).daysSinceEpoch
        let midnight = Int64(days) * dayMicroseconds
        if text.count == 10 { return TextTime(kind: .date, microseconds: midnight) }
        let mark = unsafe at[10]
        guard text.count >= 16, mark == UInt8(ascii: "T") || mark == 0x20 || mark == 0x74,
            let hour = unsafe number(at + 11, 2), hour <= 23, unsafe at[13] == UInt8(ascii: ":"),
            let minute = unsafe number(at + 14, 2), minute <= 59
        else { return nil }
        var time = Int64(hour * 3600 + minute * 60) * 1_000_000
        var index = 16
        if text.count >= 19, unsafe at[16] == UInt8(ascii: ":") {
            guard let second = unsafe number(at + 17, 2), second <= 59 else { return nil }
            time += Int64(second) * 1_000_000
            index = 19
            if text.count > 19, unsafe at[19] == UInt8(ascii: ".") || at[19] == UInt8(ascii: ",") {
                guard let part = unsafe fraction(at, &index, text.count) else { return nil }
                time += part
            }
        }
        if index == text.count {
            return TextTime(kind: .timestamp, microseconds: midnight + time)
        }
        guard let offset = unsafe zone(at, index, text.count) else { return nil }
        return TextTime(
            kind: .timestamptz, microseconds: midnight + time - Int64(offset) * 60_000_000)
    }

    @inline(__always)
    private static func number(_ at: UnsafePointer<UInt8>, _ count: Int) -> Int? {
        var value = 0
        for index in 0..<count {
            let digit = unsafe at[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value &* 10 &+ Int(digit)
        }
        return value
    }

    /// The fraction whose point is at `index`, rounded to microseconds.
    private static func fraction(
        _ at: UnsafePointer<UInt8>, _ index: inout Int, _ count: Int
    ) -> Int64? {
        var value: Int64 = 0
        var digits = 0
        index += 1
        while index < count {
            let digit = unsafe at[index] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            if digits < 6 {
                value = value &* 10 &+ Int64(digit)
            } else if digits == 6 && digit >= 5 {
                value += 1
            }
            digits += 1
            index += 1
        }
        guard digits > 0 else { return nil }
        while digits < 6 {
            value *= 10
            digits += 1
        }
        return value
    }

    /// Minutes east of UTC of the zone that begins at `index` and ends the text.
    private static func zone(_ at: UnsafePointer<UInt8>, _ index: Int, _ count: Int) -> Int? {
        let mark = unsafe at[index]
        if mark == UInt8(ascii: "Z") || mark == UInt8(ascii: "z") {
            return index + 1 == count ? 0 : nil
        }
        guard mark == UInt8(ascii: "+") || mark == UInt8(ascii: "-"), count - index >= 3,
            let hours = unsafe number(at + index + 1, 2), hours <= 15
        else { return nil }
        var minutes = hours * 60
        var next = index + 3
        if next < count, unsafe at[next] == UInt8(ascii: ":") { next += 1 }
        if next < count {
            guard count - next == 2, let more = unsafe number(at + next, 2), more <= 59 else {
                return nil
            }
            minutes += more
        } else if next != index + 3 {
            return nil
        }
        return mark == UInt8(ascii: "-") ? -minutes : minutes
    }

    /// In the units of a column of `type`. A time of day is not cut off and a zone not dropped.
    static func value(_ time: TextTime, _ type: DataType) -> Int64? {
        switch (type, time.kind) {
        case (.date, .date): time.microseconds / dayMicroseconds
        case (.timestamp, .date), (.timestamp, .timestamp): time.microseconds
        case (.timestamptz, _): time.microseconds
        default: nil
        }
    }

    static func value(_ text: StringView, _ type: DataType) -> Int64? {
        unsafe text.withBytes { bytes in unsafe parse(bytes).flatMap { value($0, type) } }
    }
}
