import Streaming
import Testing

@Suite struct GroupsSyncTests {
    @Test func `followers wait for the leader's assignment to be durable`() {
        let rig = GroupsRig()
        rig.settleTwo()
        _ = rig.join("c-1")
        _ = rig.join("c-2")
        rig.isDurableAtOnce = false
        #expect(rig.sync("c-2", 3) == [])
        #expect(rig.sync("c-1", 3, ["c-1": "a", "c-2": "b"]) == [])
        #expect(rig.state == .completingRebalance)
        #expect(rig.beat("c-2", 3) == nil)
        #expect(rig.sync() == ["sync 10 ok a", "sync 9 ok b"])
        #expect(rig.sync("c-2", 3) == ["sync 11 ok b"])
    }

    @Test func `an assignment that cannot be written makes a rebalance`() {
        let rig = GroupsRig()
        rig.settleTwo()
        _ = rig.join("c-1")
        _ = rig.join("c-2")
        rig.isDurableAtOnce = false
        _ = rig.sync("c-2", 3)
        _ = rig.sync("c-1", 3, ["c-1": "a"])
        #expect(
            rig.sync(.coordinatorNotAvailable) == [
                "sync 10 coordinatorNotAvailable ", "sync 9 coordinatorNotAvailable ",
            ])
        #expect(rig.state == .preparingRebalance)
    }

    @Test func `an assignment of a generation that is over is not told`() {
        let rig = GroupsRig()
        _ = rig.join(old: true)
        rig.isDurableAtOnce = false
        #expect(rig.sync("c-1", 1, ["c-1": "all"]) == [])
        #expect(rig.join(old: true) == ["sync 2 rebalanceInProgress "])
        #expect(rig.sync() == [])
        #expect(rig.state == .preparingRebalance)
    }

    @Test func `a late write of an old generation does not decide the next one`() {
        let rig = GroupsRig()
        _ = rig.join(old: true)
        rig.isDurableAtOnce = false
        _ = rig.sync("c-1", 1, ["c-1": "all"])
        _ = rig.join(old: true)
        _ = rig.join("c-1")
        #expect(rig.sync("c-2", 2) == [])
        #expect(rig.sync() == [])
        #expect(rig.state == .completingRebalance)
        #expect(rig.sync("c-1", 2, ["c-1": "one", "c-2": "two"]) == [])
        #expect(rig.sync() == ["sync 6 ok one", "sync 5 ok two"])
    }

    @Test func `a leader that assigns twice is held to the first`() throws {
        let rig = GroupsRig()
        _ = rig.join(old: true)
        rig.isDurableAtOnce = false
        #expect(rig.sync("c-1", 1, ["c-1": "first"]) == [])
        #expect(rig.sync("c-1", 1, ["c-1": "second"]) == ["sync 2 rebalanceInProgress "])
        #expect(rig.sync() == ["sync 3 ok first"])
        #expect(try GroupsRig.loaded(rig.log).sync("c-1", 1) == ["sync 1 ok first"])
    }

    @Test func `a sync is refused for what does not fit the generation`() {
        let rig = GroupsRig()
        rig.settleTwo()
        #expect(rig.sync("c-1", 2, protocolName: "sticky") == ["sync 7 inconsistentGroupProtocol "])
        #expect(rig.sync("c-1", 2, protocolName: "range") == ["sync 8 ok one"])
        #expect(rig.sync("c-1", 1) == ["sync 9 illegalGeneration "])
        #expect(rig.sync("x", 2) == ["sync 10 unknownMemberID "])
        #expect(rig.sync("c-1", 2, group: "other") == ["sync 11 unknownMemberID "])
        #expect(rig.sync("c-1", 2, group: "") == ["sync 12 invalidGroupID "])
        _ = rig.join("c-1")
        #expect(rig.sync("c-2", 2) == ["sync 14 rebalanceInProgress "])
    }

    @Test func `a member without an assignment gets an empty one`() {
        let rig = GroupsRig()
        rig.settleTwo()
        _ = rig.join("c-1")
        _ = rig.join("c-2")
        _ = rig.sync("c-1", 3, ["c-1": "a", "stranger": "b"])
        #expect(rig.sync("c-2", 3) == ["sync 10 ok "])
    }

    @Test func `heartbeats keep a member alive and their absence ends it`() {
        let rig = GroupsRig()
        rig.settleTwo()
        _ = rig.pass(9_999)
        #expect(rig.beat("c-1", 2) == nil)
        _ = rig.pass(1)
        #expect(rig.beat("c-2", 2) == .unknownMemberID)
        #expect(rig.beat("c-1", 2) == .rebalanceInProgress)
        #expect(rig.join("c-1") == ["join 7 ok c-1 gen 3 range led by c-1 [c-1]"])
        #expect(rig.beat("c-1", 3) == nil)
        #expect(rig.beat("c-1", 2) == .illegalGeneration)
        #expect(rig.beat("c-1", 3, group: "no") == .unknownMemberID)
        #expect(rig.beat("c-1", 3, group: "") == .invalidGroupID)
    }

    @Test func `the last member to go leaves an empty group with its next generation`() {
        let rig = GroupsRig()
        _ = rig.join(old: true)
        _ = rig.sync("c-1", 1, ["c-1": "all"])
        rig.isDurableAtOnce = false
        #expect(rig.leave(LeavingMember(memberID: "c-1")) == [])
        #expect(rig.state == .empty)
        #expect(rig.sync() == ["leave 3 ok: ok"])
        rig.isDurableAtOnce = true
        #expect(rig.join(old: true) == ["join 4 ok c-2 gen 3 range led by c-2 [c-2]"])
    }

    @Test func `a leader that leaves while others wait for it sends them back`() {
        let rig = GroupsRig()
        rig.settleTwo()
        _ = rig.join("c-1")
        _ = rig.join("c-2")
        _ = rig.sync("c-2", 3)
        #expect(
            rig.leave(LeavingMember(memberID: "c-1")) == [
                "sync 9 rebalanceInProgress ", "leave 10 ok: ok",
            ])
        #expect(rig.join("c-2") == ["join 11 ok c-2 gen 4 range led by c-2 [c-2]"])
    }

    @Test func `leaving answers what the member still waits for`() {
        let rig = GroupsRig()
        rig.settleTwo()
        _ = rig.join("c-1")
        #expect(
            rig.leave(LeavingMember(memberID: "c-1")) == [
                "join 7 unknownMemberID ", "leave 8 ok: ok",
            ])
        #expect(
            rig.leave(LeavingMember(memberID: "c-1"), group: "no") == [
                "leave 9 ok: unknownMemberID"
            ])
    }

    @Test func `an id that was handed out can leave`() {
        let rig = GroupsRig()
        _ = rig.join()
        #expect(rig.leave(LeavingMember(memberID: "c-1")) == ["leave 2 ok: ok"])
        #expect(rig.coordinator.listing().isEmpty)
    }

    @Test func `a record too large for the topic makes a rebalance and no write`() {
        let rig = GroupsRig()
        _ = rig.join(old: true)
        let large = String(repeating: "x", count: 1_100_000)
        #expect(rig.sync("c-1", 1, ["c-1": large]) == ["sync 2 unknownServerError "])
        #expect(rig.log.isEmpty)
        #expect(rig.state == .preparingRebalance)
    }
}
