/// What the text of a value depends on beside its type: the session's zone, the moment that `now`
/// and `today` mean, and where zones are looked up by name.
public struct TextSettings: Sendable {
    public var timeZone: TimeZone
    /// In microseconds since 1970.
    public var now: Int64
    /// Finds a zone by the name of its file (`Europe/Berlin`), in any case of letters; whoever runs
    /// queries reads the system's files.
    public var zones: @Sendable (String) -> TimeZone?

    public init(
        timeZone: TimeZone = .utc, now: Int64 = 0,
        zones: @escaping @Sendable (String) -> TimeZone? = { _ in nil }
    ) {
        self.timeZone = timeZone
        self.now = now
        self.zones = zones
    }
}
