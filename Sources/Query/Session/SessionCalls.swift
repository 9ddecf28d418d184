import Aggregation
import Formats
import Platform
import SQL

/// What functions ask of their session: settings, sequences, waiting, seeded random numbers. Called
/// on the session's thread only.
final class SessionCalls: SessionServices, @unchecked Sendable {
    private unowned let session: QuerySession
    private var generator: SeededRandom?
    private var lastSequence: StoredSequence?

    init(_ session: QuerySession) { self.session = session }

    func setting(_ name: String) -> String? { session.settings.value(name) }

    func set(_ name: String, to value: String, isLocal: Bool) throws(SQLError) -> String {
        let place = 0..<0
        var setting = SettingSyntax(Name(name, isQuoted: true, place), value: value, place)
        setting.isAssignment = true
        setting.isLocal = isLocal
        do throws(SQLError) {
            try session.set(setting)
        } catch {
            var error = error
            error.place = nil
            throw error
        }
        return session.settings.value(name) ?? value
    }

    func sequence(_ name: String, _ change: SequenceChange) throws(SQLError) -> Int64 {
        let sequence = try session.catalog.sequence(named: name)
        switch change {
        case .next:
            lastSequence = sequence
            return try sequence.advance()
        case .current: return try sequence.current()
        case .set(let value, let isCalled): return try sequence.set(value, isCalled: isCalled)
        }
    }

    func lastSequenceValue() throws(SQLError) -> Int64 {
        guard let lastSequence else {
            throw SQLError("lastval is not yet defined in this session", .objectNotReady)
        }
        return try lastSequence.current()
    }

    func sleep(seconds: Double) throws(SQLError) {
        guard seconds > 0 else { return }
        let clock = session.environment.clock
        let end = Double(clock.monotonicNanoseconds) + seconds * 1e9
        while true {
            let stop = session.environment.stop
            guard !stop.isSet else { throw stop.cancellation ?? StopFlag.userRequest }
            let rest = end - Double(clock.monotonicNanoseconds)
            guard rest > 0 else { return }
            Thread.pause(nanoseconds: Int64(min(rest, 10_000_000)))
        }
    }

    func reserve(_ bytes: Int) throws(SQLError) {
        try session.busyStop.look()
        let memoryMax = session.environment.memoryMax
        guard bytes <= memoryMax else {
            throw SQLError(
                "a value of \(bytes) bytes is to be made, and the query may hold \(memoryMax)",
                .outOfMemory, hint: "--memory SIZE allows more.")
        }
    }

    func random() -> Double? { generator?.next() }
    func seedRandom(_ seed: Double) { generator = SeededRandom(seed) }
}

/// PostgreSQL's generator (xoroshiro128**), so that a seed gives the numbers that it gives there.
private struct SeededRandom {
    private var s0: UInt64
    private var s1: UInt64

    /// From -1 to 1.
    init(_ seed: Double) {
        var state = UInt64(bitPattern: Int64(Double((1 << 52) - 1) * seed))
        func mixed() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ z &>> 30) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ z &>> 27) &* 0x94D0_49BB_1331_11EB
            return z ^ z &>> 31
        }
        s0 = mixed()
        s1 = mixed()
    }

    mutating func next() -> Double {
        let x = s1 ^ s0
        let value = SeededRandom.rotated(s0 &* 5, 7) &* 9
        s0 = SeededRandom.rotated(s0, 24) ^ x ^ (x &<< 16)
        s1 = SeededRandom.rotated(x, 37)
        return Double(value &>> 12) * 0x1p-52
    }

    private static func rotated(_ value: UInt64, _ bits: UInt64) -> UInt64 {
        value &<< bits | value &>> (64 - bits)
    }
}
