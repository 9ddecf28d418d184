import CSystem

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

    /// The same as `wallMilliseconds`, finer.
    public var wallMicroseconds: Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
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
    /// How often it has read or written: read and write, their vector and positioned forms, and
    /// sendfile, which is both, as the kernel counts them in `/proc/PID/io` (proc_pid_io(5): syscr,
    /// syscw); waits, syncs and accepts are not among them. Nil where the system does not tell.
    public var transferCalls: Int64?

    public static func current() -> ProcessUsage {
        var usage = rusage()
        #if canImport(Glibc)
            unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        #else
            unsafe getrusage(RUSAGE_SELF, &usage)
        #endif
        var current = ProcessUsage(usage)
        current.transferCalls = transferCalls(of: "self")
        return current
    }
}

extension ProcessUsage {
    /// What the system says of a process that has ended.
    init(_ usage: rusage) {
        #if canImport(Darwin)
            self.init(usage, 1)
        #else
            self.init(usage, 1_024)
        #endif
    }

    private init(_ usage: rusage, _ unit: Int64) {
        let micros =
            Int64(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1_000_000
            + Int64(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
        self.init(cpuNanoseconds: micros * 1_000, residentBytesMax: Int64(usage.ru_maxrss) * unit)
    }

    /// CPU time and memory of another process of this user; nil if it is gone or the system does
    /// not tell.
    public static func of(_ process: Int32) -> ProcessUsage? {
        #if os(Linux)
            var clock = clockid_t()
            var time = timespec()
            guard unsafe clock_getcpuclockid(process, &clock) == 0,
                unsafe clock_gettime(clock, &time) == 0
            else {
                return nil
            }
            return ProcessUsage(
                cpuNanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec),
                residentBytesMax: residentBytesMax(of: process),
                transferCalls: transferCalls(of: "\(process)"))
        #else
            return nil
        #endif
    }

    /// The line `VmHWM:   1234 kB` of the process's status.
    private static func residentBytesMax(of process: Int32) -> Int64 {
        guard let file = try? POSIXFileSystem().openReadOnly("/proc/\(process)/status"),
            let bytes = try? file.read(at: 0, count: 8_192)
        else { return 0 }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix("VmHWM:") }),
            let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int64($0) })
        else { return 0 }
        return kilobytes * 1_024
    }

    /// The lines `syscr: 12` and `syscw: 34` of a process's directory.
    private static func transferCalls(of process: String) -> Int64? {
        guard let file = try? POSIXFileSystem().openReadOnly("/proc/\(process)/io"),
            let bytes = try? file.read(at: 0, count: 4_096)
        else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        let counts = lines.filter { $0.hasPrefix("syscr:") || $0.hasPrefix("syscw:") }
            .compactMap { $0.split(separator: " ").last.flatMap { Int64($0) } }
        return counts.count == 2 ? counts[0] + counts[1] : nil
    }

    /// What was used between an earlier measurement and this one; the memory is this one's.
    public func since(_ earlier: ProcessUsage) -> ProcessUsage {
        ProcessUsage(
            cpuNanoseconds: cpuNanoseconds - earlier.cpuNanoseconds,
            residentBytesMax: residentBytesMax,
            transferCalls: earlier.transferCalls.flatMap { before in
                transferCalls.map { $0 - before }
            })
    }

    /// CPU time that the calling thread has used.
    public static var threadNanoseconds: Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
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
