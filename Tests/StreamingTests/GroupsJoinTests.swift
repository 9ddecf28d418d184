import Streaming
import Testing

@Suite struct GroupsJoinTests {
    @Test func `a new member is given an id and comes again with it`() {
        let rig = GroupsRig()
        #expect(rig.join() == ["join 1 memberIDRequired c-1"])
        #expect(rig.join("c-1") == ["join 2 ok c-1 gen 1 range led by c-1 [c-1]"])
        #expect(rig.state == .completingRebalance)
        #expect(rig.sync("c-1", 1, ["c-1": "all"]) == ["sync 3 ok all"])
        #expect(rig.state == .stable)
        #expect(rig.beat("c-1", 1) == nil)
    }

    @Test func `a member of an old version is admitted at once`() {
        let rig = GroupsRig()
        #expect(rig.join(old: true) == ["join 1 ok c-1 gen 1 range led by c-1 [c-1]"])
    }

    @Test func `a second member makes the first one join again`() {
        let rig = GroupsRig()
        _ = rig.join(old: true)
        _ = rig.sync("c-1", 1, ["c-1": "all"])
        #expect(rig.join(old: true) == [])
        #expect(rig.state == .preparingRebalance)
        #expect(rig.beat("c-1", 1) == .rebalanceInProgress)
        #expect(
            rig.join("c-1") == [
                "join 4 ok c-1 gen 2 range led by c-1 [c-1 c-2]",
                "join 3 ok c-2 gen 2 range led by c-1",
            ])
        #expect(rig.sync("c-2", 2) == [])
        #expect(
            rig.sync("c-1", 2, ["c-1": "one", "c-2": "two"]) == ["sync 6 ok one", "sync 5 ok two"])
    }

    @Test func `three members that join at once are never unknown`() {
        let rig = GroupsRig()
        let first = (0..<3).flatMap { _ in rig.join() }
        #expect(first.allSatisfy { $0.contains("memberIDRequired") })
        var answers: [String] = []
        for member in ["c-1", "c-2", "c-3"] { answers += rig.join(member) }
        // The first had a generation of its own; its client comes again on REBALANCE_IN_PROGRESS.
        #expect(rig.beat("c-1", 1) == .rebalanceInProgress)
        answers += rig.join("c-1")
        #expect(answers.count == 4)
        #expect(answers.allSatisfy { $0.contains(" ok ") })
        #expect(answers.suffix(3).allSatisfy { $0.contains("gen 2") })
    }

    @Test func `with an initial delay the first members share a generation`() {
        let rig = GroupsRig { $0.initialRebalanceDelayMilliseconds = 3_000 }
        #expect(rig.join(old: true) == [])
        #expect(rig.pass(2_000) == [])
        #expect(rig.join(old: true) == [])
        // The second member has renewed the delay.
        #expect(rig.pass(3_999) == [])
        #expect(
            rig.pass(1) == [
                "join 1 ok c-1 gen 1 range led by c-1 [c-1 c-2]",
                "join 2 ok c-2 gen 1 range led by c-1",
            ])
    }

    @Test(arguments: [
        (Int32(5_999), GroupError.invalidSessionTimeout), (1_800_001, .invalidSessionTimeout),
        (6_000, .memberIDRequired), (1_800_000, .memberIDRequired),
    ])
    func `the session timeout has bounds`(session: Int32, expected: GroupError) {
        #expect(GroupsRig().join(session: session).first?.contains("\(expected)") == true)
    }

    @Test func `a join is refused for what does not fit the group`() {
        let rig = GroupsRig()
        #expect(rig.join(group: "") == ["join 1 invalidGroupID "])
        #expect(rig.join("x") == ["join 2 unknownMemberID x"])
        #expect(rig.join(protocols: []) == ["join 3 inconsistentGroupProtocol "])
        #expect(rig.join(type: "") == ["join 4 inconsistentGroupProtocol "])
        // What was refused leaves no group behind.
        #expect(rig.coordinator.listing().isEmpty)
        rig.settleTwo()
        #expect(
            rig.join(protocols: [.range(name: "sticky")]).first?.contains("inconsistent") == true)
        #expect(rig.join(type: "connect").first?.contains("inconsistent") == true)
        #expect(rig.state == .stable)
    }

    @Test func `the protocol that most members like best is chosen among those all have`() {
        let rig = GroupsRig { $0.initialRebalanceDelayMilliseconds = 10 }
        let names = [["a", "b"], ["b", "a"], ["c", "b", "a"]]
        for offer in names { _ = rig.join(protocols: offer.map { .range(name: $0) }, old: true) }
        #expect(rig.pass(100).first == "join 1 ok c-1 gen 1 b led by c-1 [c-1 c-2 c-3]")
    }

    @Test func `a member that lost the answer to its join gets it again`() {
        let rig = GroupsRig()
        _ = rig.join(old: true)
        #expect(rig.join("c-1") == ["join 2 ok c-1 gen 1 range led by c-1 [c-1]"])
    }

    @Test func `a second join of a waiting member answers the first`() {
        let rig = GroupsRig()
        _ = rig.join(old: true)
        _ = rig.sync("c-1", 1, ["c-1": "all"])
        let waiting = rig.join(old: true)
        #expect(waiting == [])
        _ = rig.leave(LeavingMember(memberID: "nobody"))
        #expect(rig.join("c-2") == ["join 3 rebalanceInProgress c-2"])
    }

    @Test func `in a stable group a follower's join changes nothing and the leader's all`() {
        let rig = GroupsRig()
        rig.settleTwo()
        #expect(rig.join("c-2") == ["join 7 ok c-2 gen 2 range led by c-1"])
        #expect(rig.state == .stable)
        #expect(rig.join("c-1") == [])
        #expect(rig.state == .preparingRebalance)
    }

    @Test func `a follower with a new subscription makes a rebalance`() {
        let rig = GroupsRig()
        rig.settleTwo()
        #expect(rig.join("c-2", protocols: [.range(["u"])]) == [])
        #expect(rig.beat("c-1", 2) == .rebalanceInProgress)
    }

    @Test func `who does not join in time is out`() {
        let rig = GroupsRig()
        _ = rig.join(session: 100_000, old: true)
        _ = rig.sync("c-1", 1, ["c-1": "all"])
        _ = rig.join(session: 100_000, old: true)
        #expect(rig.pass(59_999) == [])
        #expect(rig.pass(1) == ["join 3 ok c-2 gen 2 range led by c-2 [c-2]"])
        #expect(rig.beat("c-1", 2) == .unknownMemberID)
    }

    @Test func `a member that does not sync in time is out`() {
        let rig = GroupsRig()
        rig.settleTwo()
        _ = rig.join("c-1", session: 100_000)
        _ = rig.join("c-2", session: 100_000)
        _ = rig.sync("c-1", 3, ["c-1": "all"])
        #expect(rig.state == .stable)
        #expect(rig.pass(60_000) == [])
        #expect(rig.beat("c-2", 3) == .unknownMemberID)
        #expect(rig.beat("c-1", 3) == .rebalanceInProgress)
    }

    @Test func `an id that does not come back is forgotten`() {
        let rig = GroupsRig()
        _ = rig.join()
        #expect(rig.coordinator.listing().count == 1)
        _ = rig.pass(10_000)
        #expect(rig.coordinator.listing().isEmpty)
        #expect(rig.join("c-1") == ["join 2 unknownMemberID c-1"])
    }

    @Test func `a full group takes no more members`() {
        let rig = GroupsRig { $0.groupSizeMax = 2 }
        rig.settleTwo()
        #expect(rig.join() == ["join 7 groupMaxSizeReached "])
        #expect(rig.join(instance: "i") == ["join 8 groupMaxSizeReached "])
        #expect(rig.join("c-2") == ["join 9 ok c-2 gen 2 range led by c-1"])
    }

    @Test func `a static member comes back into a full group`() {
        let rig = GroupsRig { $0.groupSizeMax = 1 }
        _ = rig.join(instance: "i")
        _ = rig.sync("i-1", 1, ["i-1": "all"])
        #expect(rig.join(instance: "i").first?.contains("ok i-2 gen 1") == true)
    }

    @Test func `a new member whose client is gone does not wait for ever`() {
        let rig = GroupsRig()
        _ = rig.join(session: 1_800_000, rebalance: 1_000_000, old: true)
        _ = rig.sync("c-1", 1, ["c-1": "all"])
        #expect(rig.join(session: 1_800_000, old: true) == [])
        #expect(rig.pass(300_000) == ["join 3 unknownMemberID "])
    }

    @Test func `metadata beyond the limit is refused`() {
        let rig = GroupsRig()
        let large = GroupProtocol(name: "range", metadata: Array(repeating: 0, count: 5 << 20))
        #expect(rig.join(protocols: [large], old: true) == ["join 1 groupMaxSizeReached "])
    }
}
