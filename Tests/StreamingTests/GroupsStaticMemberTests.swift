import Streaming
import Testing

/// Static membership (KIP-345) and the leader that need not assign (KIP-814).
@Suite struct GroupsStaticMemberTests {
    /// A static leader i-1 (instance "i") and a static follower j-2 (instance "j"), stable.
    private func settled() -> GroupsRig {
        let rig = GroupsRig()
        _ = rig.join(instance: "i")
        _ = rig.sync("i-1", 1, ["i-1": "all"])
        _ = rig.join(instance: "j")
        _ = rig.join("i-1", instance: "i")
        _ = rig.sync("j-2", 2)
        _ = rig.sync("i-1", 2, ["i-1": "one", "j-2": "two"])
        return rig
    }

    @Test func `a static member needs no second round`() {
        #expect(
            GroupsRig().join(instance: "i") == ["join 1 ok i-1 gen 1 range led by i-1 [i-1]"])
    }

    @Test func `a static follower comes back without a rebalance`() {
        let rig = settled()
        #expect(rig.join(instance: "j") == ["join 7 ok j-3 gen 2 range led by i-1"])
        #expect(rig.state == .stable)
        #expect(rig.sync("j-3", 2, instance: "j") == ["sync 8 ok two"])
    }

    @Test func `a static leader comes back and need not assign`() {
        let rig = settled()
        #expect(
            rig.join(instance: "i") == ["join 7 ok i-3 gen 2 range led by i-3 [i-3 j-2] skip"])
        #expect(rig.sync("i-3", 2, instance: "i") == ["sync 8 ok one"])
    }

    @Test func `a static leader of an old version is not told that it leads`() {
        let rig = settled()
        #expect(rig.join(instance: "i", old: true) == ["join 7 ok i-3 gen 2 range led by i-1"])
    }

    @Test func `the answer waits until the new id is durable`() throws {
        let rig = settled()
        rig.isDurableAtOnce = false
        #expect(rig.join(instance: "j") == [])
        #expect(rig.sync() == ["join 7 ok j-3 gen 2 range led by i-1"])
        let later = try GroupsRig.loaded(rig.log)
        #expect(later.beat("j-3", 2, instance: "j") == nil)
        #expect(later.beat("j-2", 2, instance: "j") == .fencedInstanceID)
    }

    @Test func `a member that was replaced is fenced everywhere`() {
        let rig = settled()
        _ = rig.join(instance: "j")
        #expect(rig.beat("j-2", 2, instance: "j") == .fencedInstanceID)
        #expect(rig.sync("j-2", 2, instance: "j") == ["sync 8 fencedInstanceID "])
        #expect(rig.join("j-2", instance: "j") == ["join 9 fencedInstanceID j-2"])
        #expect(rig.commit(5, by: "j-2", 2, instance: "j") == ["commit 10 fencedInstanceID"])
        #expect(
            rig.leave(LeavingMember(memberID: "j-2", instanceID: "j")) == [
                "leave 11 ok: fencedInstanceID"
            ])
        #expect(rig.beat("j-2", 2) == .unknownMemberID)
    }

    @Test func `two that share an instance id fence each other while they wait`() {
        let rig = settled()
        _ = rig.join("i-1", instance: "i")
        #expect(rig.state == .preparingRebalance)
        #expect(
            rig.join(instance: "i") == ["join 7 fencedInstanceID i-1"])
        #expect(
            rig.join("j-2", instance: "j") == [
                "join 8 ok i-3 gen 3 range led by i-3 [i-3 j-2]",
                "join 9 ok j-2 gen 3 range led by i-3",
            ])
    }

    @Test func `a replacement while the leader assigns makes a rebalance`() {
        let rig = GroupsRig()
        _ = rig.join(instance: "i")
        #expect(rig.state == .completingRebalance)
        #expect(rig.join(instance: "i") == ["join 2 ok i-2 gen 2 range led by i-2 [i-2]"])
    }

    @Test func `a replacement with another protocol makes a rebalance`() {
        let rig = GroupsRig()
        let offers: [GroupProtocol] = [.range(name: "a"), .range(name: "b")]
        _ = rig.join(instance: "i", protocols: offers)
        _ = rig.sync("i-1", 1, ["i-1": "all"])
        #expect(
            rig.join(instance: "i", protocols: offers.reversed()) == [
                "join 3 ok i-2 gen 2 b led by i-2 [i-2]"
            ])
    }

    @Test func `a static member outlives a rebalance it does not join but not its session`() {
        let rig = settled()
        _ = rig.join("i-1", instance: "i", session: 200_000)
        _ = rig.pass(9_000)
        _ = rig.beat("j-2", 2, instance: "j")
        #expect(rig.pass(9_000) == [])
        _ = rig.beat("j-2", 2, instance: "j")
        #expect(rig.pass(10_000) == ["join 7 ok i-1 gen 3 range led by i-1 [i-1]"])
        #expect(rig.beat("j-2", 3, instance: "j") == .unknownMemberID)
    }

    @Test func `an administrator removes a static member by its instance id`() {
        let rig = settled()
        #expect(
            rig.leave(
                LeavingMember(memberID: "", instanceID: "j"),
                LeavingMember(memberID: "", instanceID: "k"), LeavingMember(memberID: "x"))
                == ["leave 7 ok: ok unknownMemberID unknownMemberID"])
        #expect(rig.beat("i-1", 2, instance: "i") == .rebalanceInProgress)
    }

    @Test func `a replacement that cannot be written is refused`() {
        let rig = settled()
        rig.isDurableAtOnce = false
        _ = rig.join(instance: "j")
        #expect(rig.sync(.coordinatorNotAvailable) == ["join 7 coordinatorNotAvailable "])
    }

    @Test func `a rebalance that begins before a replacement is durable answers it`() {
        let rig = settled()
        rig.isDurableAtOnce = false
        _ = rig.join(instance: "j")
        #expect(
            rig.join("i-1", instance: "i") == [
                "join 8 ok i-1 gen 3 range led by i-1 [i-1 j-3]",
                "join 7 ok j-3 gen 3 range led by i-1",
            ])
        #expect(rig.sync() == [])
    }
}
