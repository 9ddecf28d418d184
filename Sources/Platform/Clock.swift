#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The two times: one for durations, one for people.
public protocol Clock: Sendable {
    /// Nanoseconds since an unknown start; never goes back and is not set.
    var monotonicNanoseconds: Int64 { get }
    /// Milliseconds since 1970 UTC, as the machine believes; may jump.
    var wallMilliseconds: Int64 { get }
}

/// The machine's clock.
public struct SystemClock: Clock {
    public init() {}

    public var monotonicNanoseconds: Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    public var wallMilliseconds: Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) &* 1_000 &+ Int64(time.tv_nsec) / 1_000_000
    }
}

/// CPU time and memory of this process, for benchmarks.
public struct ProcessUsage: Sendable {
    /// User plus system, of all threads.
    public let cpuNanoseconds: Int64
    /// The highest resident set so far.
    public let residentBytesMax: Int64

    public static func current() -> ProcessUsage {
        var usage = rusage()
        #if canImport(Glibc)
            unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            let unit: Int64 = 1_024
        #else
            unsafe getrusage(RUSAGE_SELF, &usage)
            let unit: Int64 = 1
        #endif
        let micros =
            Int64(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1_000_000
            + Int64(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
        return ProcessUsage(
            cpuNanoseconds: micros * 1_000, residentBytesMax: Int64(usage.ru_maxrss) * unit)
    }
}

/// Random numbers, so that a seed can stand in for the machine's.
public protocol RandomSource: Sendable {
    func next() -> UInt64
}

/// The system's generator.
public struct SystemRandom: RandomSource {
    public init() {}
    public func next() -> UInt64 {
        UInt64.random(in: .min ... .max)
    }
}
