/// Dates and times of ISO 8601, in the extended form that RFC 3339 and SQL share.
///
/// Read: `2024-05-01`, `2024-05-01T10:20`, `2024-05-01 10:20:30.123456789`, with `Z`, `+02`,
/// `+0200` or `+02:00` behind the time; without a zone it is UTC. Written:
/// `2024-05-01T10:20:30.123Z`.
public enum ISO8601 {
    /// Reads all of `text`; the result is in UTC.
    public static func parse(_ text: RawSpan) throws(FormatError) -> CivilTime {
        var scanner = TimeScanner(text)
        let year = try scanner.number(4)
        try scanner.expect("-")
        let month = try scanner.number(2, 1...12)
        try scanner.expect("-")
        let day = try scanner.number(2, 1...CivilTime.dayCount(year: year, month: month))
        var time = CivilTime(year: year, month: month, day: day)
        guard scanner.accept("T") || scanner.accept("t") || scanner.accept(" ") else {
            try scanner.finish()
            return time
        }
        time.hour = try scanner.number(2, 0...23)
        try scanner.expect(":")
        time.minute = try scanner.number(2, 0...59)
        if scanner.accept(":") {
            time.second = try scanner.number(2, 0...59)
            if scanner.accept(".") || scanner.accept(",") {
                time.nanosecond = try scanner.fraction()
            }
        }
        let offset = try zone(&scanner)
        try scanner.finish()
        return offset == 0 ? time : shifted(time, minutes: -offset)
    }

    public static func parse(_ text: String) throws(FormatError) -> CivilTime {
        let bytes = Array(text.utf8)
        return unsafe try parse(bytes.span.bytes)
    }

    /// Minutes east of UTC; 0 where nothing is written.
    private static func zone(_ scanner: inout TimeScanner) throws(FormatError) -> Int {
        if scanner.accept("Z") || scanner.accept("z") { return 0 }
        let sign = scanner.accept("+") ? 1 : scanner.accept("-") ? -1 : 0
        guard sign != 0 else { return 0 }
        let hours = try scanner.number(2, 0...23)
        guard !scanner.isAtEnd else { return sign * hours * 60 }
        _ = scanner.accept(":")
        return sign * (hours * 60 + (try scanner.number(2, 0...59)))
    }

    private static func shifted(_ time: CivilTime, minutes: Int) -> CivilTime {
        var moved = CivilTime(milliseconds: (time.secondsSinceEpoch + Int64(minutes) * 60) * 1000)
        moved.nanosecond = time.nanosecond
        return moved
    }
}

/// Reads fixed digits from left to right.
struct TimeScanner: ~Escapable {
    private let bytes: RawSpan
    private var position = 0

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.byteCount }

    private var digit: Int? {
        guard position < bytes.byteCount else { return nil }
        let value = ByteScan.byte(bytes, position) &- UInt8(ascii: "0")
        return value < 10 ? Int(value) : nil
    }

    @_lifetime(self: copy self)
    mutating func number(
        _ width: Int, _ bounds: ClosedRange<Int> = 0...9999
    ) throws(FormatError) -> Int {
        let start = position
        var value = 0
        for _ in 0..<width {
            guard let digit else { throw .timestamp(at: position) }
            value = value * 10 + digit
            position += 1
        }
        guard bounds.contains(value) else { throw .timestamp(at: start) }
        return value
    }

    /// A fraction of a second in nanoseconds; digits beyond the ninth are dropped.
    @_lifetime(self: copy self)
    mutating func fraction() throws(FormatError) -> Int {
        guard digit != nil else { throw .timestamp(at: position) }
        var value = 0
        var unit = 100_000_000
        while let digit {
            value += digit * unit
            unit /= 10
            position += 1
        }
        return value
    }

    @_lifetime(self: copy self)
    mutating func accept(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.byteCount,
            ByteScan.byte(bytes, position) == UInt8(ascii: character)
        else { return false }
        position += 1
        return true
    }

    @_lifetime(self: copy self)
    mutating func expect(_ character: Unicode.Scalar) throws(FormatError) {
        guard accept(character) else { throw .timestamp(at: position) }
    }

    func finish() throws(FormatError) {
        guard isAtEnd else { throw .timestamp(at: position) }
    }
}

extension OutputBuffer {
    /// Appends `2024-05-01T10:20:30.123Z`.
    public mutating func append(iso8601 milliseconds: Int64) {
        let time = CivilTime(milliseconds: milliseconds)
        append(year: time.year)
        append("-")
        append(decimal: Int64(time.month), width: 2)
        append("-")
        append(decimal: Int64(time.day), width: 2)
        append("T")
        append(clock: time)
        append(".")
        append(decimal: Int64(time.nanosecond / 1_000_000), width: 3)
        append("Z")
    }

    /// Years outside 0...9999 carry a sign, as ISO 8601 asks for.
    mutating func append(year: Int) {
        if year > 9999 { append("+") }
        append(decimal: Int64(year), width: 4)
    }

    /// Appends `10:20:30`.
    mutating func append(clock time: CivilTime) {
        append(decimal: Int64(time.hour), width: 2)
        append(":")
        append(decimal: Int64(time.minute), width: 2)
        append(":")
        append(decimal: Int64(time.second), width: 2)
    }
}
