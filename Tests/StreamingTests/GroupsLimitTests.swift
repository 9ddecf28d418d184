import Testing

@testable import Streaming

@Suite struct GroupsLimitTests {
    @Test func `deadlines of members that are gone do not pile up`() {
        let rig = GroupsRig()
        for number in 1...20_000 {
            _ = rig.join(session: 1_800_000)
            _ = rig.leave(LeavingMember(memberID: "c-\(number)"))
        }
        #expect(rig.coordinator.effects.deadlines.count <= Limits.staleDeadlinesMax + 10)
        #expect(rig.coordinator.effects.memberCount == 0)
        #expect(rig.coordinator.groups.isEmpty)
    }

    @Test func `a heartbeat moves no deadline in the heap`() {
        let rig = GroupsRig()
        rig.settleTwo()
        let count = rig.coordinator.effects.deadlines.count
        for _ in 0..<1_000 {
            rig.now += 5
            _ = rig.beat("c-1", 2)
        }
        #expect(rig.coordinator.effects.deadlines.count == count)
    }

    @Test func `a group has room for so many offsets`() {
        let rig = GroupsRig()
        let request = OffsetCommitRequest(
            groupID: "g", identity: MemberIdentity(memberID: "", generation: -1),
            topics: [
                .init(
                    name: "t",
                    partitions: (0...Int32(Limits.offsetsPerGroupMax)).map {
                        .init(partition: $0, offset: 1)
                    })
            ])
        _ = rig.perform(
            rig.coordinator.offsetsCommitted(request, token: rig.token(), now: rig.now))
        #expect(rig.offset(Int32(Limits.offsetsPerGroupMax) - 1) == 1)
        #expect(rig.offset(Int32(Limits.offsetsPerGroupMax)) == -1)
        #expect(rig.commit(2) == ["commit 2 ok"])
        #expect(rig.commit(2, of: "u") == ["commit 3 invalidCommitOffsetSize"])
    }

    @Test func `all counts are zero again when all groups are gone`() {
        let rig = GroupsRig()
        rig.settleTwo()
        _ = rig.commit(5, by: "c-1", 2)
        _ = rig.commit(6, to: 1, in: TransactionalProducer(id: 1, epoch: 0))
        _ = rig.leave(LeavingMember(memberID: "c-1"), LeavingMember(memberID: "c-2"))
        _ = rig.perform(
            rig.coordinator.groupsDeleted(["g"], token: rig.token(), now: rig.now))
        let effects = rig.coordinator.effects
        #expect(effects.memberCount == 0)
        #expect(effects.offsetCount == 0)
        #expect(effects.metadataBytes == 0)
        #expect(effects.pending.isEmpty)
    }

    @Test(arguments: [1_024, 1_025])
    func `names have a length`(count: Int) {
        let rig = GroupsRig()
        let name = String(repeating: "n", count: count)
        let fits = count == Limits.groupNameBytesMax
        let answers = [rig.join(group: name), rig.commit(1, group: name)]
        #expect(answers.map { $0[0].contains("invalidGroupID") } == [!fits, !fits])
        #expect(rig.join(instance: name)[0].contains("invalidRequest") == !fits)
        let offer = rig.join(protocols: [.range(name: name)], group: "h")
        #expect(offer[0].contains("inconsistentGroupProtocol") == !fits)
    }

    @Test func `a long client id is cut in the member id only`() {
        let rig = GroupsRig()
        _ = rig.join(client: String(repeating: "é", count: 1_000), old: true)
        let member = rig.coordinator.description(of: "g").members[0]
        #expect(member.memberID.utf8.count <= 260)
        #expect(member.clientID.count == 1_000)
    }
}
