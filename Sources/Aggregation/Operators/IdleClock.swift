import Bytes
import Formats

/// What `--state-ttl` frees state by: how long nothing may touch the state of a key, and the time
/// that it is. That is the watermark of the operator's inputs, or the clock where they have none.
///
/// An operator notes for each key when it was touched (`IdleTimes`), and between steps frees those
/// that have been idle for so long. What has left for them stays; rows that come for them later
/// begin anew.
final class IdleClock {
    /// Microseconds.
    let limit: Int64
    private(set) var now = Watermark.none
    private var hasWatermark = false
    private var lastSweep = Watermark.none

    init(_ limit: Int64) { self.limit = limit }

    func advance(watermark: Int64) {
        guard watermark != Watermark.none, watermark != Watermark.end else { return }
        now = hasWatermark ? max(now, watermark) : watermark
        if !hasWatermark { lastSweep = Watermark.none }
        hasWatermark = true
    }

    func advance(clock: Int64) { if !hasWatermark { now = max(now, clock) } }

    /// Whether all keys are to be looked at: a few times in `limit`.
    func takeSweep() -> Bool {
        guard now != Watermark.none else { return false }
        if lastSweep != Watermark.none, now.saturatingMinus(lastSweep) < max(1, limit / 4) {
            return false
        }
        lastSweep = now
        return true
    }

    func follow(_ other: IdleClock) {
        (now, hasWatermark, lastSweep) = (other.now, other.hasWatermark, other.lastSweep)
    }

    func write(_ state: inout OutputBuffer) {
        state.append(bigEndian: now)
        state.append(bigEndian: lastSweep)
        state.append(hasWatermark ? 1 : 0 as UInt8)
    }

    func read(_ state: inout StateReader) throws(SQLError) {
        now = try state.integer(Int64.self)
        lastSweep = try state.integer(Int64.self)
        hasWatermark = try state.integer(UInt8.self) != 0
    }
}

/// When the state of each key was touched last, by the key's number.
@safe final class IdleTimes {
    let clock: IdleClock
    private let times = PlainVector<Int64>()
    /// Of a key that was touched since all were looked at last.
    private static let unknown = Watermark.none

    init(_ clock: IdleClock) { self.clock = clock }

    var memory: Int { times.memory }

    /// Keys are below `limit`; negative ones are none. The time of rows is only known behind them,
    /// when the watermark has moved: it is noted when the keys are looked at next.
    func touch(_ keys: UnsafePointer<Int32>, count: Int, below limit: Int) {
        times.resize(to: max(times.count, limit), filling: Self.unknown)
        for row in 0..<count {
            let key = unsafe Int(keys[row])
            if key >= 0 { unsafe times.base[key] = Self.unknown }
        }
    }

    /// Calls `free` with each of the slots below `limit` that nothing has touched for too long, a
    /// few times in the span; gives how many `free` let go.
    func sweep(below limit: Int, _ free: (Int32) throws(SQLError) -> Bool) throws(SQLError) -> Int {
        guard clock.takeSweep() else { return 0 }
        var count = 0
        for slot in 0..<Int32(limit) where isIdle(slot) {
            if try free(slot) { count += 1 }
        }
        return count
    }

    /// Whether nothing has touched the key for too long.
    func isIdle(_ key: Int32) -> Bool {
        guard Int(key) < times.count else { return false }
        let since = times[Int(key)]
        if since == Self.unknown {
            times[Int(key)] = clock.now
            return false
        }
        return clock.now.saturatingMinus(since) >= clock.limit
    }

    func follow(_ other: IdleTimes) {
        times.removeAll()
        times.resize(to: other.times.count, filling: Self.unknown)
        for index in 0..<other.times.count { times[index] = other.times[index] }
    }

    func write(_ state: inout OutputBuffer) { times.write(&state) }
    func read(_ state: inout StateReader) throws(SQLError) { try times.read(&state) }
}
