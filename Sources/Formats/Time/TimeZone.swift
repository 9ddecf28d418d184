/// The offsets of a time zone from UTC over time, as a TZif file (RFC 8536) gives them.
public struct TimeZone: Sendable, Equatable {
    public let name: String
    /// Sorted: from this second of UTC on, the offset with the same index holds.
    public let transitions: [Int64]
    /// Seconds east of UTC.
    public let offsets: [Int32]
    public let abbreviations: [String]
    /// Before the first transition.
    public let firstOffset: Int32
    public let firstAbbreviation: String
    /// What holds behind the last transition; nil: the last offset.
    public let rule: TimeZoneRule?

    public init(
        name: String, transitions: [Int64] = [], offsets: [Int32] = [],
        abbreviations: [String] = [], firstOffset: Int32 = 0, firstAbbreviation: String = "UTC",
        rule: TimeZoneRule? = nil
    ) {
        self.name = name
        self.transitions = transitions
        self.offsets = offsets
        self.abbreviations = abbreviations
        self.firstOffset = firstOffset
        self.firstAbbreviation = firstAbbreviation
        self.rule = rule
    }

    public static let utc = TimeZone(name: "UTC")

    /// A zone without daylight saving; `name` shows its offset if none is given.
    public init(fixedOffset seconds: Int32, name: String? = nil) {
        let shown = name ?? TimeZone.text(offset: seconds)
        self.init(name: shown, firstOffset: seconds, firstAbbreviation: shown)
    }

    /// A stretch of time with one offset.
    public struct Span: Sendable, Equatable {
        /// Seconds east of UTC.
        public var offset: Int32
        public var abbreviation: String
        /// In seconds of UTC.
        public var start: Int64
        public var end: Int64
    }

    /// The stretch that a second of UTC lies in.
    public func span(at second: Int64) -> Span {
        let next = upperBound(second)
        if next == transitions.count, let rule {
            var span = rule.span(at: second)
            // The rule begins where the table ends.
            if let last = transitions.last { span.start = max(span.start, last) }
            return span
        }
        return Span(
            offset: next == 0 ? firstOffset : offsets[next - 1],
            abbreviation: next == 0 ? firstAbbreviation : abbreviations[next - 1],
            start: next == 0 ? .min : transitions[next - 1],
            end: next == transitions.count ? .max : transitions[next])
    }

    /// The first transition after `second`.
    private func upperBound(_ second: Int64) -> Int {
        var low = 0
        var high = transitions.count
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle] <= second { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Seconds east of UTC at a second of UTC.
    public func offset(at second: Int64) -> Int32 { span(at: second).offset }

    /// Seconds east of UTC where the clock on the wall shows `local`. A time that the clock skips
    /// is read with the offset before the gap, one that it shows twice with the offset after it, as
    /// PostgreSQL does.
    public func offset(atLocal local: Int64) -> Int32 {
        if transitions.isEmpty && rule == nil { return firstOffset }
        let before = span(at: local - 86_400)
        guard before.end != .max else { return before.offset }
        let after = span(at: before.end).offset
        let early = local - Int64(before.offset)
        let late = local - Int64(after)
        if early < before.end && late < before.end { return before.offset }
        if early > before.end && late >= before.end { return after }
        return early > late ? before.offset : after
    }

    /// `+02`, `+05:30`
    static func text(offset seconds: Int32) -> String {
        var buffer = OutputBuffer(capacity: 64)
        buffer.append(offset: seconds)
        return buffer.bytes.text(0..<buffer.count)
    }
}

/// Remembers the stretch that it looked up last, so that neighbouring times cost a comparison.
public struct TimeZoneCursor: Sendable {
    public let zone: TimeZone
    private var start: Int64 = 0
    private var end: Int64 = 0
    private var offset: Int64 = 0
    /// True if the zone never changes.
    private let isFixed: Bool

    public init(_ zone: TimeZone) {
        self.zone = zone
        isFixed = zone.transitions.isEmpty && zone.rule == nil
        if isFixed {
            offset = Int64(zone.firstOffset) * 1_000_000
            start = .min
            end = .max
        }
    }

    /// Microseconds east of UTC at a moment in microseconds.
    public mutating func offset(at moment: Int64) -> Int64 {
        if moment >= start && moment < end || isFixed { return offset }
        let span = zone.span(at: moment.floorDivided(by: 1_000_000).quotient)
        start = TimeZoneCursor.microseconds(span.start)
        end = TimeZoneCursor.microseconds(span.end)
        offset = Int64(span.offset) * 1_000_000
        return offset
    }

    /// The moment at which the zone's clock shows `local`; both in microseconds.
    public func moment(local: Int64) -> Int64 {
        if isFixed { return local &- offset }
        let second = local.floorDivided(by: 1_000_000).quotient
        return local &- Int64(zone.offset(atLocal: second)) * 1_000_000
    }

    private static func microseconds(_ seconds: Int64) -> Int64 {
        let (value, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        return overflow ? (seconds < 0 ? .min : .max) : value
    }
}
