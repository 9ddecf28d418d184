import Formats
import Platform
import Testing

@testable import Aggregation

@Suite struct SessionTrackerTests {
    private static func tracker(gap: Int64) -> SessionTracker {
        let tracker = SessionTracker(gap: gap, types: [.bigint])
        let ids = Buffer<Int32>(capacity: 1)
        unsafe tracker.table.find(
            [Column.make(.bigint, [.integer(7)])], count: 1, into: ids.base, inserting: true)
        tracker.growKeys()
        return tracker
    }

    private static func spans(_ tracker: SessionTracker) -> [[Int64]] {
        tracker.sessions.map { [tracker.start($0), tracker.end($0)] }
            .sorted { $0[0] < $1[0] }
    }

    @Test func `sessions of rows in any order are those of the rows in order`() throws {
        var random = SeededRandom(seed: 15)
        for _ in 0..<60 {
            let tracker = SessionTrackerTests.tracker(gap: 10)
            var times: [Int64] = []
            for _ in 0..<(1 + random.below(120)) {
                let time = Int64(random.below(2_000))
                times.append(time)
                _ = tracker.add(0, time, Watermark.none)
                if random.chance(1, in: 40) {
                    var state = OutputBuffer(capacity: 1024)
                    tracker.write(&state)
                    var reader = StateReader(state.array)
                    try tracker.read(&reader)
                }
            }
            var expected: [[Int64]] = []
            for time in times.sorted() {
                if let last = expected.last, time <= last[1] {
                    expected[expected.count - 1][1] = time + 10
                } else {
                    expected.append([time, time + 10])
                }
            }
            #expect(SessionTrackerTests.spans(tracker) == expected)
            // Those that have ended are taken out from the other end.
            let closing = tracker.due(1_000)
            tracker.forget(closing)
            #expect(
                SessionTrackerTests.spans(tracker) == expected.filter { $0[1] >= 1_000 })
        }
    }

    @Test func `a row that comes in order is compared with the last session only`() {
        let tracker = SessionTrackerTests.tracker(gap: 10)
        for number in 0..<5_000 as Range<Int64> {
            _ = tracker.add(0, number * 50, Watermark.none)
            _ = tracker.add(0, number * 50 + 5, Watermark.none)
            _ = tracker.add(0, max(0, number * 50 - 45), Watermark.none)
        }
        #expect(tracker.count == 5_000)
        #expect(tracker.looks < 30_000)
    }
}
