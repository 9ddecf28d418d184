import Bytes
import Formats

// Dates, times and intervals as numbers and as ISO 8601.
extension OutputBuffer {
    /// What is not understood is written as a string.
    mutating func append(timeText text: RawSpan, _ form: ValueForm) {
        let mark = count
        if append(time: text, form) { return }
        truncate(to: mark)
        append(anyString: text)
    }

    private mutating func append(time text: RawSpan, _ form: ValueForm) -> Bool {
        switch form.kind {
        case .dateDays: appendDays(text)
        case .dateISO: appendISO(text, zone: true)
        case .timeNumber: appendTimeOfDay(text, unitsPerSecond: Int64(form.modifier))
        case .timeISO: appendISO(text, zone: true)
        case .timetzUTC: appendInUTC(text)
        case .timestampNumber: appendTimestamp(text, unitsPerSecond: Int64(form.modifier))
        case .timestampISO: appendISO(text, zone: form.modifier == 1)
        case .timestamptz: appendISO(text, zone: false)
        case .intervalNumber: appendMicroDuration(text)
        case .intervalISO: appendISODuration(text, isWhole: form.modifier == 1)
        default: false
        }
    }

    private mutating func appendDays(_ text: RawSpan) -> Bool {
        var scanner = TimeScanner(text)
        if scanner.isInfinite {
            append(decimal: Int64(scanner.isNegativeInfinity ? Int32.min : Int32.max))
            return true
        }
        guard let days = scanner.days() else { return false }
        append(decimal: days)
        return true
    }

    private mutating func appendTimeOfDay(_ text: RawSpan, unitsPerSecond: Int64) -> Bool {
        var scanner = TimeScanner(text)
        guard let time = scanner.timeOfDay() else { return false }
        append(decimal: time / (1_000_000_000 / unitsPerSecond))
        return true
    }

    private mutating func appendTimestamp(_ text: RawSpan, unitsPerSecond: Int64) -> Bool {
        var scanner = TimeScanner(text)
        if scanner.isInfinite {
            // Debezium's, in microseconds, are those of the driver's largest and smallest date.
            let infinity =
                scanner.isNegativeInfinity ? -9_223_372_036_832_400_000 : 9_223_372_036_825_200_000
            append(decimal: Int64(infinity) / (unitsPerSecond == 1_000 ? 1_000 : 1))
            return true
        }
        guard let days = scanner.days(), scanner.take(0x20), let time = scanner.timeOfDay() else {
            return false
        }
        // Nanoseconds reach from 1677 to 2262 only; what lies beyond stays at the end.
        let (whole, overflows) = (days * 86_400).multipliedReportingOverflow(by: unitsPerSecond)
        let (sum, exceeds) = whole.addingReportingOverflow(time / (1_000_000_000 / unitsPerSecond))
        append(decimal: overflows || exceeds ? (days < 0 ? .min : .max) : sum)
        return true
    }

    /// `2024-01-02 01:04:05.5+00` as `"2024-01-02T01:04:05.5Z"`; `zone` adds the Z where the text
    /// names none.
    private mutating func appendISO(_ text: RawSpan, zone: Bool) -> Bool {
        let scanner = TimeScanner(text)
        append(UInt8(ascii: "\""))
        if scanner.isInfinite {
            append(text)
        } else {
            let end = text.byteCount - (scanner.isBeforeChrist ? 3 : 0)
            let isUTC =
                end > 3 && text.peek(at: end - 3) == UInt8(ascii: "+")
                && text.peek(at: end - 2) == 48 && text.peek(at: end - 1) == 48
            let time = isUTC ? end - 3 : end
            let space = (0..<time).first { text.peek(at: $0) == 0x20 }
            if let space {
                append(text, 0..<space)
                append(UInt8(ascii: "T"))
                append(text, space + 1..<time)
            } else {
                append(text, 0..<time)
            }
            if zone || isUTC { append(UInt8(ascii: "Z")) }
            append(text, end..<text.byteCount)
        }
        append(UInt8(ascii: "\""))
        return true
    }

    /// `13:51:30.123789+02` as `"11:51:30.123789Z"`.
    private mutating func appendInUTC(_ text: RawSpan) -> Bool {
        var scanner = TimeScanner(text)
        guard let time = scanner.timeOfDay(), let zone = scanner.zone() else { return false }
        let day: Int64 = 86_400_000_000
        // 24:00:00 is a time of its own, which stays where no zone moves it.
        let moved = time / 1_000 - zone * 1_000_000
        let shown = zone == 0 ? moved : ((moved % day) + day) % day
        append(UInt8(ascii: "\""))
        append(timeOfDay: shown)
        append("Z\"")
        return true
    }

    /// A month has a twelfth of 365.25 days.
    private mutating func appendMicroDuration(_ text: RawSpan) -> Bool {
        guard let parts = IntervalParts(text) else { return false }
        let days = Double(parts.months) * (365.25 / 12) + Double(parts.days)
        append(decimal: Int64(clamped: days * 86_400_000_000) &+ parts.microseconds)
        return true
    }

    /// `P1Y2M3DT4H5M6.78S`; with all parts if `isWhole`.
    private mutating func appendISODuration(_ text: RawSpan, isWhole: Bool) -> Bool {
        guard let parts = IntervalParts(text) else { return false }
        append("\"P")
        let mark = count
        append(part: parts.months / 12, "Y", isWhole)
        append(part: parts.months % 12, "M", isWhole)
        append(part: parts.days, "D", isWhole)
        let time = parts.microseconds
        if isWhole || time != 0 || count == mark {
            append(UInt8(ascii: "T"))
            append(part: time / 3_600_000_000, "H", isWhole)
            append(part: time / 60_000_000 % 60, "M", isWhole)
            let seconds = time % 60_000_000
            if isWhole || seconds != 0 || time == 0 {
                if seconds < 0 { append(UInt8(ascii: "-")) }
                append(decimal: Int64(seconds.magnitude / 1_000_000))
                append(fraction: seconds.magnitude % 1_000_000)
                append(UInt8(ascii: "S"))
            }
        }
        append(UInt8(ascii: "\""))
        return true
    }

    private mutating func append(part value: Int64, _ unit: Unicode.Scalar, _ isWhole: Bool) {
        guard value != 0 || isWhole else { return }
        append(decimal: value)
        append(UInt8(ascii: unit))
    }

    /// `.5` for 500,000 microseconds; nothing for 0.
    private mutating func append(fraction microseconds: UInt64) {
        guard microseconds > 0 else { return }
        append(UInt8(ascii: "."))
        var (value, width) = (microseconds, 6)
        while value % 10 == 0 {
            value /= 10
            width -= 1
        }
        append(decimal: Int64(value), width: width)
    }
}

extension Int64 {
    /// The nearest number that there is.
    fileprivate init(clamped value: Double) {
        self = value >= 9.2e18 ? .max : value <= -9.2e18 ? .min : Int64(value)
    }
}
