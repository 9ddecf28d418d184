/// Reads the commonest ways to write a time, `2024-05-01 10:20:30.123` and `2024-05-01T10:20:30Z`
/// with no, three or six digits behind the second, eight bytes at a time; all else is left to
/// `TextTime`, which gives the same for these.
///
/// The day is worked out when it changes, which it seldom does. Lives for a column of a batch.
@safe struct UsualTime {
    /// The text of the day that `midnight` belongs to: `2024-05-` and `01`.
    private var dayHead: UInt64 = 0
    private var dayTail: UInt16 = 0
    private var midnight: Int64 = 0
    private let takesTime: Bool
    private let takesZone: Bool

    private static let highs: UInt64 = 0x8080_8080_8080_8080

    init(_ type: DataType) {
        takesTime = type == .timestamp || type == .timestamptz
        takesZone = type == .timestamptz
    }

    /// In the units of the column's type; nil: another form, or none of its values.
    @inline(__always)
    mutating func value(_ text: StringView) -> Int64? {
        // Shorter than 19 bytes is none of these; longer than 12 lies where the view points.
        let count = text.count
        guard takesTime, count >= 19, count <= 27 else { return nil }
        return unsafe text.withBytes { bytes in
            guard let base = bytes.baseAddress else { return nil }
            return unsafe value(base.assumingMemoryBound(to: UInt8.self), count)
        }
    }

    @inline(__always)
    private mutating func value(_ at: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
        let head = unsafe JSONScan.word(at)
        let tail = unsafe UnsafeRawPointer(at + 8).loadUnaligned(as: UInt16.self)
        if head != dayHead || tail != dayTail {
            guard let time = unsafe TextTime.parse(UnsafeRawBufferPointer(start: at, count: 10))
            else { return nil }
            (dayHead, dayTail, midnight) = (head, tail, time.microseconds)
        }
        let mark = unsafe at[10]
        guard mark == 0x20 || mark == UInt8(ascii: "T"),
            let seconds = unsafe UsualTime.seconds(JSONScan.word(at + 11))
        else { return nil }
        var digits = count &- 20
        if unsafe at[count &- 1] == UInt8(ascii: "Z") {
            guard takesZone else { return nil }
            digits &-= 1
        }
        var time = midnight &+ Int64(seconds) &* 1_000_000
        if digits >= 0 {
            guard unsafe at[19] == UInt8(ascii: "."), digits == 3 || digits == 6 else { return nil }
            guard let milliseconds = unsafe UsualTime.thousandths(at + 20) else { return nil }
            time &+= milliseconds &* 1_000
            if digits == 6 {
                guard let rest = unsafe UsualTime.thousandths(at + 23) else { return nil }
                time &+= rest
            }
        }
        return time
    }

    /// The seconds of `10:20:30`; nil if that is no time of day.
    @inline(__always)
    private static func seconds(_ text: UInt64) -> Int? {
        // Where a digit has to stand, at most 9 is left, and nothing of the colons.
        let digits = text ^ 0x3030_3a30_303a_3030
        guard ((digits &+ 0x7676_7f76_767f_7676) | digits) & highs == 0 else { return nil }
        let pairs = digits &* 10 &+ (digits &>> 8)
        let hour = Int(truncatingIfNeeded: pairs & 0xff)
        let minute = Int(truncatingIfNeeded: pairs &>> 24 & 0xff)
        let second = Int(truncatingIfNeeded: pairs &>> 48 & 0xff)
        guard hour <= 23, minute <= 59, second <= 59 else { return nil }
        return (hour &* 60 &+ minute) &* 60 &+ second
    }

    /// The number that three digits make.
    @inline(__always)
    private static func thousandths(_ at: UnsafePointer<UInt8>) -> Int64? {
        let first = unsafe at[0] &- 0x30
        let second = unsafe at[1] &- 0x30
        let third = unsafe at[2] &- 0x30
        guard first < 10, second < 10, third < 10 else { return nil }
        return Int64(first) &* 100 &+ Int64(second) &* 10 &+ Int64(third)
    }
}
