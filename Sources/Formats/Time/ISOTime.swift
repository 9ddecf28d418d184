/// A date or time of ISO 8601 as it lies in data, read without memory or errors: the fast path of
/// the readers and of SQL's input functions.
///
/// Taken: `2024-05-01`, then `T` or a blank and `10:20`, `10:20:30`, a fraction of any length, then
/// `Z`, `+02`, `+0200`, `+02:00`. Nothing else: what it refuses may still be a date to `TimeText`.
public struct ISOTime: Sendable, Equatable {
    /// Microseconds since 1970 as the clock on the wall shows them; digits beyond are rounded.
    public var local: Int64
    /// Seconds east of UTC; nil where no zone is written.
    public var offset: Int32?
    /// False for a date alone.
    public var hasTime: Bool
    /// True if the fraction has more digits than microseconds hold.
    public var isRounded: Bool

    /// The moment, with no zone read as UTC.
    @inlinable
    public var utc: Int64 { local &- Int64(offset ?? 0) &* 1_000_000 }

    public var days: Int64 { local.floorDivided(by: 86_400_000_000).quotient }

    /// Reads all of `text`.
    public init?(_ text: UnsafeRawBufferPointer) {
        guard text.count >= 10, unsafe text[4] == UInt8(ascii: "-"),
            unsafe text[7] == UInt8(ascii: "-")
        else {
            return nil
        }
        let year = unsafe ISOTime.pair(text, 0) &* 100 &+ ISOTime.pair(text, 2)
        let month = unsafe ISOTime.pair(text, 5)
        let day = unsafe ISOTime.pair(text, 8)
        // A pair that is no number is negative and so large that the sum is, too.
        guard year > 0, month >= 1, month <= 12, day >= 1,
            day <= 28 || day <= CivilTime.dayCount(year: year, month: month)
        else { return nil }
        local = Int64(ISOTime.days(year, month, day)) &* 86_400_000_000
        hasTime = false
        isRounded = false
        guard text.count > 10 else { return }
        guard text.count >= 16, unsafe text[10] | 0x20 == UInt8(ascii: "t") || text[10] == 0x20,
            unsafe text[13] == UInt8(ascii: ":")
        else { return nil }
        hasTime = true
        let hour = unsafe ISOTime.pair(text, 11)
        let minute = unsafe ISOTime.pair(text, 14)
        guard hour >= 0, hour < 24, minute >= 0, minute < 60 else { return nil }
        local &+= Int64(hour &* 3600 &+ minute &* 60) &* 1_000_000
        var index = 16
        guard index < text.count else { return }
        if unsafe text[index] == UInt8(ascii: ":") {
            guard text.count >= 19 else { return nil }
            let second = unsafe ISOTime.pair(text, 17)
            guard second >= 0, second < 60 else { return nil }
            local &+= Int64(second) &* 1_000_000
            index = 19
            guard unsafe readFraction(text, &index) else { return nil }
        }
        guard unsafe readZone(text, &index), index == text.count else { return nil }
    }

    @inline(__always)
    private static func pair(_ text: UnsafeRawBufferPointer, _ at: Int) -> Int {
        let tens = unsafe text[at] &- 48
        let units = unsafe text[at &+ 1] &- 48
        return tens < 10 && units < 10 ? Int(tens &* 10 &+ units) : -1_000_000
    }

    /// Days since 1970-01-01 (Hinnant's days_from_civil, for years above 0).
    @inline(__always)
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = UInt32(truncatingIfNeeded: month <= 2 ? year &- 1 : year)
        let era = shifted / 400
        let yearOfEra = shifted &- era &* 400
        let place = UInt32(truncatingIfNeeded: month > 2 ? month &- 3 : month &+ 9)
        let dayOfYear = (153 &* place &+ 2) / 5 &+ UInt32(truncatingIfNeeded: day) &- 1
        let dayOfEra = yearOfEra &* 365 &+ yearOfEra / 4 &- yearOfEra / 100 &+ dayOfYear
        return Int(era) &* 146_097 &+ Int(dayOfEra) &- 719_468
    }

    private mutating func readFraction(
        _ text: UnsafeRawBufferPointer, _ index: inout Int
    ) -> Bool {
        guard index < text.count, unsafe text[index] == UInt8(ascii: ".") else { return true }
        index &+= 1
        let start = index
        var value: Int64 = 0
        var next: UInt8 = 0
        while index < text.count, unsafe text[index] &- 48 < 10 {
            let digit = unsafe text[index] &- 48
            if index &- start < 6 {
                value = value &* 10 &+ Int64(digit)
            } else {
                if index &- start == 6 { next = digit }
                isRounded = isRounded || digit != 0
            }
            index &+= 1
        }
        guard index > start else { return false }
        var digits = index &- start
        while digits < 6 {
            value &*= 10
            digits &+= 1
        }
        local &+= value &+ (next >= 5 ? 1 : 0)
        return true
    }

    private mutating func readZone(_ text: UnsafeRawBufferPointer, _ index: inout Int) -> Bool {
        guard index < text.count else { return true }
        let sign = unsafe text[index]
        index &+= 1
        if sign | 0x20 == UInt8(ascii: "z") {
            offset = 0
            return true
        }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), text.count &- index >= 2
        else { return false }
        let hours = unsafe ISOTime.pair(text, index)
        index &+= 2
        var minutes = 0
        if index < text.count {
            if unsafe text[index] == UInt8(ascii: ":") { index &+= 1 }
            guard text.count &- index >= 2 else { return false }
            minutes = unsafe ISOTime.pair(text, index)
            index &+= 2
        }
        guard hours >= 0, hours <= 15, minutes >= 0, minutes < 60 else { return false }
        let seconds = Int32(truncatingIfNeeded: hours &* 3600 &+ minutes &* 60)
        offset = sign == UInt8(ascii: "-") ? -seconds : seconds
        return true
    }
}
