import Testing

@testable import ChangeDataCapture

@Suite struct SterileConnectionsTests {
    private let second: Int64 = 1_000_000_000

    @Test func `connections that bring nothing are given up after as long as one is retried`() {
        var row = SterileConnections(30 * second)
        var now: Int64 = 1_000 * second
        let first = now
        var pauses: [Int64] = []
        while true {
            let began = now
            now += 3 * second
            guard let pause = row.ended(hasGiven: false, began: began, at: now) else { break }
            pauses.append(pause)
            now += pause
        }
        #expect(now - first >= 30 * second && now - first < 40 * second)
        #expect(pauses.first == 100_000_000 && pauses.last == 5 * second)
        #expect(pauses == pauses.sorted())
    }

    @Test func `without patience five of them are enough`() {
        var row = SterileConnections(0)
        let pauses = (0..<5).map { row.ended(hasGiven: false, began: $0, at: $0 + 1) }
        #expect(pauses.prefix(4).allSatisfy { $0 != nil } && pauses[4] == nil)
    }

    @Test func `one that gave something or lived ends the row`() {
        for (hasGiven, began) in [(true, 99 * second), (false, 1)] {
            var row = SterileConnections(0)
            for _ in 0..<4 { _ = row.ended(hasGiven: false, began: 99 * second, at: 100 * second) }
            #expect(row.ended(hasGiven: hasGiven, began: began, at: 100 * second) == 0)
            #expect(row.ended(hasGiven: false, began: 99 * second, at: 100 * second) != nil)
        }
    }
}
