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

    /// The source's watermark: the minimum over the partitions that count; `.end` when none is
    /// left.
    var watermark: Int64 {
        var least = Watermark.end
        for (index, value) in partitions.enumerated() where isCounted[index] {
            least = min(least, value)
        }
        return least
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
            guard time <= limit else {
                aheadCount += 1
                continue
            }
            newest = max(newest, time)
            running = max(running, time == .max ? time : time &- delay)
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
            if time <= limit { running = max(running, time == .max ? time : time &- delay) }
        }
        return Batch(batch.columns, count: batch.count, weights: batch.weights, watermarks: marks)
    }

    /// Infinite dates stay infinite.
    private func microseconds(_ value: Int64, _ unit: Int64) -> Int64 {
        unit == 1 || value == .max || value == .min ? value : value &* unit
    }
}
