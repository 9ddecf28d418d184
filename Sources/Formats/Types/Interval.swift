/// A span of time as PostgreSQL keeps it: months, days and microseconds apart, because a month has
/// no fixed length and a day may have 23 or 25 hours.
public struct Interval: Sendable, BitwiseCopyable {
    public var months: Int32
    public var days: Int32
    public var microseconds: Int64

    @inlinable
    public init(months: Int32 = 0, days: Int32 = 0, microseconds: Int64 = 0) {
        self.months = months
        self.days = days
        self.microseconds = microseconds
    }

    /// For comparison a month has 30 days and a day 24 hours.
    @inlinable
    public var comparable: Int128 {
        (Int128(months) * 30 + Int128(days)) * 86_400_000_000 + Int128(microseconds)
    }

    /// The length where it is fixed: no months. Days count 24 hours.
    public var fixedMicroseconds: Int64? {
        guard months == 0 else { return nil }
        return Int64(exactly: comparable)
    }
}

extension Interval: Comparable, Hashable {
    @inlinable
    public static func == (a: Interval, b: Interval) -> Bool { a.comparable == b.comparable }
    @inlinable
    public static func < (a: Interval, b: Interval) -> Bool { a.comparable < b.comparable }

    public func hash(into hasher: inout Hasher) { hasher.combine(comparable) }
}
