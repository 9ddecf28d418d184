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

    public init(
        name: String, transitions: [Int64] = [], offsets: [Int32] = [],
        abbreviations: [String] = [], firstOffset: Int32 = 0
    ) {
        self.name = name
        self.transitions = transitions
        self.offsets = offsets
        self.abbreviations = abbreviations
        self.firstOffset = firstOffset
    }

    public static let utc = TimeZone(name: "UTC")
}
