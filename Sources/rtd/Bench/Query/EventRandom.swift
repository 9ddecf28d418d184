import Formats

/// The random choices of one generated event, as a function of the seed and the event's number: so
/// any event can be made without those before it. SplitMix64. Lives for one event.
struct EventRandom {
    private var state: UInt64

    init(seed: UInt64, event: Int) {
        state = seed &* 0x2545_f491_4f6c_dd1d &+ UInt64(truncatingIfNeeded: event) &<< 20
    }

    @inline(__always)
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z &>> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z &>> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z &>> 31)
    }

    /// A number from 0 to `limit` - 1.
    @inline(__always)
    mutating func below(_ limit: Int) -> Int {
        Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(max(1, limit))).high)
    }

    /// A number from 0 to just under 1.
    @inline(__always)
    mutating func fraction() -> Double {
        Double(next() &>> 11) * 0x1p-53
    }

    /// Appends `count` letters from a to z.
    mutating func appendLetters(_ count: Int, to target: inout OutputBuffer) {
        guard count > 0 else { return }
        let end = target.count + count
        while target.count < end { target.append(bigEndian: letters()) }
        target.truncate(to: end)
    }

    /// Eight letters: each byte times 26, of which the high byte is the letter's number.
    @inline(__always)
    private mutating func letters() -> UInt64 {
        let word = next()
        let lanes: UInt64 = 0x00ff_00ff_00ff_00ff
        let even = ((word & lanes) &* 26) &>> 8 & lanes
        let odd = ((word &>> 8 & lanes) &* 26) & ~lanes
        return (even | odd) &+ 0x6161_6161_6161_6161
    }

    /// Appends `digits` decimal digits.
    mutating func appendDigits(_ digits: Int, to target: inout OutputBuffer) {
        for _ in 0..<digits { target.append(UInt8(ascii: "0") &+ UInt8(below(10))) }
    }
}

/// Writes times of day as text; keeps the day's, which most have in common with the one before.
struct EventTimeWriter {
    /// What stands between date and time, and behind it: `T` and `Z`, or a blank and nothing.
    let separator: UInt8
    let suffix: StaticString
    private var day = Int64.min
    private var dayText: [UInt8] = []

    init(separator: UInt8, suffix: StaticString) {
        self.separator = separator
        self.suffix = suffix
    }

    /// `2015-07-15 00:00:00.000`; milliseconds since 1970.
    mutating func append(_ milliseconds: Int64, to target: inout OutputBuffer) {
        let (today, rest) = milliseconds.quotientAndRemainder(dividingBy: 86_400_000)
        if today != day { begin(today) }
        target.append(dayText)
        target.append(separator)
        let (seconds, fraction) = rest.quotientAndRemainder(dividingBy: 1_000)
        let (minutes, second) = seconds.quotientAndRemainder(dividingBy: 60)
        two(minutes / 60, &target)
        target.append(UInt8(ascii: ":"))
        two(minutes % 60, &target)
        target.append(UInt8(ascii: ":"))
        two(second, &target)
        target.append(UInt8(ascii: "."))
        target.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: fraction / 100))
        two(fraction % 100, &target)
        target.append(suffix)
    }

    private mutating func begin(_ today: Int64) {
        day = today
        let date = CivilTime.date(daysSinceEpoch: Int(today))
        var text = OutputBuffer(capacity: 64)
        text.append(decimal: Int64(date.year), width: 4)
        text.append(UInt8(ascii: "-"))
        text.append(decimal: Int64(date.month), width: 2)
        text.append(UInt8(ascii: "-"))
        text.append(decimal: Int64(date.day), width: 2)
        dayText = (0..<text.count).map { text.bytes.byte(at: $0) }
    }

    @inline(__always)
    private func two(_ value: Int64, _ target: inout OutputBuffer) {
        let value = UInt16(truncatingIfNeeded: value)
        let digits = (value / 10) &<< 8 | (value % 10)
        target.append(bigEndian: digits &+ 0x3030)
    }
}
