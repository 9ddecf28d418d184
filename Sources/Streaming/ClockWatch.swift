import Platform

/// Compares the time of day with the time that has passed. Where they differ somebody has set the
/// clock, or the machine was suspended: what is old by that clock need not be.
struct ClockWatch {
    /// A step so small makes nothing old.
    private static let stepMillisecondsMax: Int64 = 60_000

    private let clock: any Clock
    private var wallMilliseconds: Int64
    private var monotonicNanoseconds: Int64

    init(_ clock: any Clock) {
        self.clock = clock
        wallMilliseconds = clock.wallMilliseconds
        monotonicNanoseconds = clock.monotonicNanoseconds
    }

    /// Milliseconds by which the time of day has moved on its own since the last call; nil if those
    /// are few.
    mutating func step() -> Int64? {
        let (wall, monotonic) = (clock.wallMilliseconds, clock.monotonicNanoseconds)
        let passed = (monotonic - monotonicNanoseconds) / 1_000_000
        let step = wall - wallMilliseconds - passed
        (wallMilliseconds, monotonicNanoseconds) = (wall, monotonic)
        return abs(step) > Self.stepMillisecondsMax ? step : nil
    }
}

/// The wall clock of a start, from where the monotonic one leads on: nothing is over because
/// somebody sets the clock.
struct SessionClock: Sendable {
    private let clock: any Clock
    private let startMilliseconds: Int64
    private let startNanoseconds: Int64

    init(_ clock: any Clock) {
        self.clock = clock
        startMilliseconds = clock.wallMilliseconds
        startNanoseconds = clock.monotonicNanoseconds
    }

    /// Since 1970 UTC.
    var milliseconds: Int64 {
        startMilliseconds + (clock.monotonicNanoseconds - startNanoseconds) / 1_000_000
    }
}
