import Streaming
import Testing

@Suite struct GroupsAdministrationTests {
    private func delete(_ rig: GroupsRig, _ groups: String...) -> [String] {
        rig.perform(
            rig.coordinator.groupsDeleted(groups, token: rig.token(), now: rig.now))
    }

    @Test func `a stable group is described with what its members know`() {
        let rig = GroupsRig()
        rig.settleTwo()
        let described = rig.coordinator.description(of: "g")
        #expect(described.error == nil)
        #expect(described.state == .stable)
        #expect(described.protocolType == "consumer")
        #expect(described.protocolName == "range")
        #expect(described.members.map(\.memberID) == ["c-1", "c-2"])
        #expect(described.members.map(\.clientHost) == ["/127.0.0.1", "/127.0.0.1"])
        #expect(described.members[0].assignment == Array("one".utf8))
        #expect(described.members[0].metadata == GroupProtocol.range().metadata)
        _ = rig.join("c-1")
        let rebalancing = rig.coordinator.description(of: "g")
        #expect(rebalancing.state == .preparingRebalance)
        #expect(rebalancing.protocolName == "")
        #expect(rebalancing.members[0].metadata == [])
    }

    @Test func `a group that is not there is dead`() {
        let described = GroupsRig().coordinator.description(of: "x")
        #expect(described.state == .dead)
        #expect(described.error == .groupIDNotFound)
    }

    @Test func `groups are listed by state and type`() {
        let rig = GroupsRig()
        rig.settleTwo()
        _ = rig.commit(1, group: "simple")
        let coordinator = rig.coordinator
        #expect(coordinator.listing().map(\.groupID) == ["g", "simple"])
        #expect(coordinator.listing().map(\.protocolType) == ["consumer", ""])
        #expect(coordinator.listing(states: ["stable", "Dead"]).map(\.groupID) == ["g"])
        #expect(coordinator.listing(states: ["Empty"]).map(\.groupID) == ["simple"])
        #expect(coordinator.listing(types: ["Classic"]).count == 2)
        #expect(coordinator.listing(types: ["consumer"]).isEmpty)
    }

    @Test func `only empty groups are deleted`() throws {
        let rig = GroupsRig()
        rig.settleTwo()
        _ = rig.commit(1, group: "simple")
        #expect(
            delete(rig, "g", "simple", "x", "", "simple") == [
                "groups 8 nonEmptyGroup ok groupIDNotFound invalidGroupID groupIDNotFound"
            ])
        #expect(rig.offset(group: "simple") == -1)
        _ = rig.leave(LeavingMember(memberID: "c-1"), LeavingMember(memberID: "c-2"))
        #expect(delete(rig, "g") == ["groups 10 ok"])
        #expect(rig.coordinator.listing().isEmpty)
        #expect(try GroupsRig.loaded(rig.log).coordinator.listing().isEmpty)
        #expect(rig.coordinator.snapshot().isEmpty)
    }

    @Test func `a group is dead until its deletion is durable`() {
        let rig = GroupsRig()
        _ = rig.commit(1)
        rig.isDurableAtOnce = false
        _ = rig.commit(2, to: 1)
        #expect(delete(rig, "g") == [])
        #expect(rig.state == .dead)
        #expect(rig.commit(3) == ["commit 4 coordinatorNotAvailable"])
        #expect(rig.join() == ["join 5 coordinatorNotAvailable "])
        #expect(rig.beat("c-1", 1) == .coordinatorNotAvailable)
        #expect(rig.offset() == -1)
        #expect(delete(rig, "g") == ["groups 6 groupIDNotFound"])
        #expect(rig.sync() == ["commit 2 ok", "groups 3 ok"])
        #expect(rig.coordinator.listing().isEmpty)
        #expect(rig.coordinator.snapshot().isEmpty)
        #expect(rig.commit(3) == [])
        #expect(rig.sync() == ["commit 7 ok"])
        #expect(rig.offset() == 3)
    }

    @Test func `a deletion that cannot be written leaves the group as it was`() {
        let rig = GroupsRig()
        _ = rig.commit(1)
        rig.isDurableAtOnce = false
        _ = delete(rig, "g")
        #expect(rig.sync(.coordinatorNotAvailable) == ["groups 2 coordinatorNotAvailable"])
        #expect(rig.offset() == 1)
    }

    @Test func `a group that wrote nothing is deleted without a write`() {
        let rig = GroupsRig()
        _ = rig.join()
        #expect(delete(rig, "g") == ["groups 2 ok"])
        #expect(rig.join("c-1") == ["join 3 unknownMemberID c-1"])
        #expect(rig.log.isEmpty)
    }
}
