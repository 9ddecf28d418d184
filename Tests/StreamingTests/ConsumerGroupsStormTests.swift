import Streaming
import Testing

/// Thirty clients in one group that the server shares out join, leave, crash and go silent.
@Suite struct ConsumerGroupsStormTests {
    @Test(arguments: UInt64(1)...4, [0, 12])
    func `no partition is owned twice in a storm, and all are owned after it`(
        seed: UInt64, classics: Int
    ) throws {
        var storm = ConsumerGroupsStorm(seed: seed, classics: classics)
        for step in 0..<2_000 {
            try storm.step()
            if !storm.faults.isEmpty {
                Issue.record("seed \(seed), \(classics) classic, step \(step): \(storm.faults)")
                return
            }
        }
        let shares = storm.calm()
        #expect(storm.faults.isEmpty, "seed \(seed), \(classics) classic")
        #expect(shares.count == 25, "seed \(seed), \(classics) classic: group.consumer.max.size")
        #expect(shares.reduce(0) { $0 + $1.count } == storm.partitions, "seed \(seed)")
        #expect(storm.handovers > 150, "seed \(seed): the storm was no storm")
        #expect(storm.epochMax > 30, "seed \(seed)")
        if classics > 0 { #expect(storm.classicCount > 20, "seed \(seed)") }
    }

    @Test func `shares are even, and little moves`() {
        let rig = GroupsRig()
        rig.directory.set("t", 100)
        _ = rig.enter("m0")
        for number in 1..<30 {
            _ = rig.enter("m\(number)")
            let before = rig.described().members.map(\.target)
            #expect(before.allSatisfy { (100 / (number + 1)...100 / (number + 1) + 1) ~= $0.count })
        }
        let before = Dictionary(
            uniqueKeysWithValues: rig.described().members.map { ($0.memberID, $0.target) })
        _ = rig.heartbeat("m7", -1)
        _ = rig.heartbeat("m0", 1)
        for member in rig.described().members {
            let kept = before[member.memberID]?.sorted.flatMap(\.partitions) ?? []
            #expect(Set(kept).isSubset(of: member.target.sorted.flatMap(\.partitions)))
        }
    }

    @Test func `members of different topics get as equal loads as their topics allow`() {
        let rig = GroupsRig()
        rig.directory.set("t", 12)
        rig.directory.set("u", 6)
        _ = rig.enter("a", ["t"])
        _ = rig.enter("b", ["t", "u"])
        _ = rig.enter("c", ["u"])
        let targets = rig.described().members.map(\.target.count)
        #expect(targets.reduce(0, +) == 18)
        #expect(targets.allSatisfy { (5...7) ~= $0 }, "no move of one partition makes it better")
    }
}
