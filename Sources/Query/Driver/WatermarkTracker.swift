import Aggregation
import Formats

/// The watermark of one source: per partition the running maximum of the time minus the delay, row
/// by row, so that it does not depend on how the input was cut into batches; over the partitions
/// the minimum.
///
/// A batch gets `watermarks` (what its partition's watermark was before each row) only where some
/// row lies below it, for only such a row can be late.
struct WatermarkTracker {
    /// Times further ahead of the clock than this do not move the watermark of an endless input.
    static let aheadMax: Int64 = 300_000_000

    private let delay: Int64
    private var partitions: [Int64]
    private var isCounted: [Bool]
    /// Of an endless input: the clock, in microseconds; nil: any time is believed.
    var now: Int64?
    /// Rows whose time was too far ahead.
    private(set) var aheadCount = 0
    /// The largest time that was believed.
    private(set) var newest = Watermark.none

    init(delay: Int64, partitionCount: Int) {
        self.delay = delay
        partitions = Array(repeating: Watermark.none, count: max(1, partitionCount))
        isCounted = Array(repeating: true, count: max(1, partitionCount))
    }

    /// The source's watermark: the minimum over the partitions that count, `.end` when all have
    /// ended. Where no open partition counts all are idle, and none holds back the furthest.
    var watermark: Int64 {
        var least = Watermark.end
        var furthest = Watermark.none
        var hasOpen = false
        for (index, value) in partitions.enumerated() {
            if isCounted[index] { least = min(least, value) }
            guard value != Watermark.end else { continue }
            hasOpen = true
            furthest = max(furthest, value)
        }
        return least == Watermark.end && hasOpen ? furthest : least
    }

    var partitionCount: Int { partitions.count }

    /// The source has got partitions, which begin without a watermark.
    mutating func grow(to count: Int) {
        let more = max(0, count - partitions.count)
        partitions += Array(repeating: Watermark.none, count: more)
        isCounted += Array(repeating: true, count: more)
    }

    /// The watermark of one partition.
    func watermark(of partition: Int) -> Int64 { partitions[partition] }

    func counts(_ partition: Int) -> Bool { isCounted[partition] }

    /// Moves the partitions that are behind up to a time: their input was silent for too long.
    mutating func raise(to time: Int64) {
        for index in partitions.indices { partitions[index] = max(partitions[index], time) }
    }

    mutating func end(_ partition: Int) { partitions[partition] = Watermark.end }

    /// Leaves a silent partition out of the minimum, or takes it in again.
    mutating func count(_ partition: Int, _ counts: Bool) { isCounted[partition] = counts }

    /// Takes the rows in; `times` is a date, timestamp or timestamptz a row.
    mutating func observe(_ batch: Batch, _ times: Column, partition: Int) -> Batch {
        let unit: Int64 = times.type == .date ? 86_400_000_000 : 1
        let limit = now.map { $0 &+ Self.aheadMax } ?? Int64.max
        let before = partitions[partition]
        var running = before
        var hasBelow = false
        for row in 0..<batch.count where !times.isNull(row) {
            let time = unsafe microseconds(times.integers[row & times.indexMask], unit)
            if time < running { hasBelow = true }
            guard time <= limit, time < .max else {
                if time < .max { aheadCount += 1 }
                continue
            }
            newest = max(newest, time)
            running = max(running, least(behind: time))
        }
        partitions[partition] = max(before, running)
        guard hasBelow else { return batch }
        return annotated(batch, times, unit, from: before, limit)
    }

    private func annotated(
        _ batch: Batch, _ times: Column, _ unit: Int64, from start: Int64, _ limit: Int64
    ) -> Batch {
        let marks = Buffer<Int64>(capacity: batch.count)
        var running = start
        for row in 0..<batch.count {
            marks[row] = running
            guard !times.isNull(row) else { continue }
            let time = unsafe microseconds(times.integers[row & times.indexMask], unit)
            if time <= limit, time < .max { running = max(running, least(behind: time)) }
        }
        return Batch(batch.columns, count: batch.count, weights: batch.weights, watermarks: marks)
    }

    /// The least time that may come behind a row of this finite time. What lies beyond the range
    /// says nothing, nor does -infinity, which is `Watermark.none`.
    @inline(__always)
    private func least(behind time: Int64) -> Int64 {
        let (least, isBeyond) = time.subtractingReportingOverflow(delay)
        return isBeyond ? Watermark.none : min(least, Watermark.end - 1)
    }

    /// Infinite dates stay infinite.
    private func microseconds(_ value: Int64, _ unit: Int64) -> Int64 {
        unit == 1 || value == .max || value == .min ? value : value &* unit
    }

    func write(_ state: inout OutputBuffer) {
        state.append(bigEndian: Int64(partitions.count))
        for (index, value) in partitions.enumerated() {
            state.append(bigEndian: value)
            state.append(isCounted[index] ? 1 : 0 as UInt8)
        }
        state.append(bigEndian: newest)
        state.append(bigEndian: Int64(aheadCount))
    }

    /// A topic may have got partitions since; they begin without a watermark.
    mutating func read(_ state: inout StateReader) throws(SQLError) {
        let count = try state.integer(Int64.self)
        guard count >= 0, count <= Int64(partitions.count) else {
            throw SQLError(
                "the saved state speaks of \(count) partitions, and there are "
                    + "\(partitions.count)", .internalError)
        }
        for index in 0..<Int(count) {
            partitions[index] = try state.integer(Int64.self)
            isCounted[index] = try state.integer(UInt8.self) != 0
        }
        newest = try state.integer(Int64.self)
        aheadCount = Int(try state.integer(Int64.self))
    }
}
