import Streaming
import Testing

/// Thirty clients in one group join, leave, crash, expire and commit in a random order, over a disk
/// that is slow and sometimes fails and a broker that restarts.
@Suite struct GroupsStormTests {
    @Test(arguments: UInt64(1)...12)
    func `a storm keeps one leader a generation and one owner a partition`(seed: UInt64) throws {
        var storm = GroupsStorm(seed: seed)
        for step in 0..<8_000 {
            try storm.step()
            if !storm.faults.isEmpty {
                Issue.record("seed \(seed), step \(step): \(storm.faults)")
                return
            }
        }
        storm.calm()
        #expect(storm.faults.isEmpty, "seed \(seed)")
        #expect(storm.generationMax > 50, "seed \(seed): the storm was no storm")
        #expect(storm.commitCount > 50, "seed \(seed)")
        #expect(storm.stableCount > 30, "seed \(seed)")
    }
}

/// SplitMix64.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// True once in `count` times.
    mutating func oneIn(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }
}

/// A client as simple as can be: it does what the last answer told it.
struct StormClient {
    enum State {
        case out
        case joining(GroupToken)
        case joined(JoinResult)
        case syncing(GroupToken)
        case working
    }

    let index: Int
    let instanceID: String?
    var memberID = ""
    var generation: Int32 = -1
    var owned: [Int32] = []
    var state = State.out
    /// Alternates, to make rebalances that only a changed subscription makes.
    var topics = ["t"]
}
