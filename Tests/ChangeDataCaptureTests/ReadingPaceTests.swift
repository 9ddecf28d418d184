import Testing

@testable import ChangeDataCapture

/// So many small reads in as many tens of microseconds.
private func burst(_ pace: inout ReadingPace, _ reads: Int, from start: Int64) -> Int64 {
    var now = start
    for _ in 0..<reads {
        now += 10_000
        pace.received(100, at: now)
    }
    return now
}

@Suite struct ReadingPaceTests {
    @Test func `a quiet stream is read at once`() {
        for isLocal in [false, true] {
            var pace = ReadingPace(isLocal: isLocal)
            for index in 1...100 {
                pace.received(300, at: Int64(index) * 1_000_000)
                #expect(!pace.gulps)
            }
        }
    }

    @Test func `a backlog is read in gulps until it ends`() {
        for isLocal in [false, true] {
            var pace = ReadingPace(isLocal: isLocal)
            var now = burst(&pace, 24, from: 1_000_000)
            #expect(pace.gulps)
            for _ in 0..<10 {
                now += 500_000
                pace.received(100_000, at: now)
                #expect(pace.gulps)
            }
            pace.received(100, at: now + 5_000_000)
            #expect(!pace.gulps)
        }
    }

    @Test func `a moment between two transactions does not end the gulps of a Unix socket`() {
        var local = ReadingPace(isLocal: true)
        let now = burst(&local, 24, from: 1_000_000)
        local.received(100_000, at: now + 100_000)
        local.received(100, at: now + 1_000_000)
        #expect(local.gulps)
        local.received(0, at: now + 2_000_000)
        #expect(local.gulps)
        local.received(0, at: now + 3_200_000)
        #expect(!local.gulps)
    }
}
