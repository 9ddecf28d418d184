import Streaming
import Testing

@Suite struct GroupsOffsetTests {
    static let week: Int64 = 7 * 24 * 3_600_000

    @Test func `a commit is answered and seen only when it is durable`() {
        let rig = GroupsRig()
        rig.isDurableAtOnce = false
        #expect(rig.commit(5) == [])
        #expect(rig.offset() == -1)
        #expect(rig.sync() == ["commit 1 ok"])
        #expect(rig.offset() == 5)
    }

    @Test func `a commit that cannot be written changes nothing`() {
        let rig = GroupsRig()
        _ = rig.commit(5)
        rig.isDurableAtOnce = false
        _ = rig.commit(6)
        #expect(rig.sync(.coordinatorNotAvailable) == ["commit 2 coordinatorNotAvailable"])
        #expect(rig.offset() == 5)
    }

    @Test func `who asks for stable offsets is told of a commit under way`() {
        let rig = GroupsRig()
        _ = rig.commit(5)
        rig.isDurableAtOnce = false
        _ = rig.commit(6)
        _ = rig.commit(1, to: 1)
        let wanted = [TopicPartitions(name: "t", partitions: [0, 2])]
        let stable = rig.coordinator.offsetsFetched(
            groupID: "g", topics: wanted, requireStable: true)
        #expect(stable.topics[0].partitions.map(\.error) == [.unstableOffsetCommit, nil])
        #expect(stable.topics[0].partitions.map(\.offset) == [-1, -1])
        _ = rig.sync()
        let later = rig.coordinator.offsetsFetched(
            groupID: "g", topics: wanted, requireStable: true)
        #expect(later.topics[0].partitions.map(\.offset) == [6, -1])
    }

    @Test func `the metadata comes back, and all offsets in order`() {
        let rig = GroupsRig()
        _ = rig.commit(5, to: 1, metadata: "é")
        _ = rig.commit(6, to: 0)
        _ = rig.commit(7, of: "a")
        let all = rig.coordinator.offsetsFetched(groupID: "g", topics: nil, requireStable: false)
        #expect(all.topics.map(\.name) == ["a", "t"])
        #expect(all.topics[1].partitions.map(\.offset) == [6, 5])
        #expect(all.topics[1].partitions[1].metadata == "é")
        let none = rig.coordinator.offsetsFetched(groupID: "x", topics: nil, requireStable: false)
        #expect(none.topics.isEmpty && none.error == nil)
    }

    @Test(arguments: [(4_096, "ok"), (4_097, "offsetMetadataTooLarge")])
    func `the metadata has a limit`(count: Int, expected: String) {
        let rig = GroupsRig()
        #expect(
            rig.commit(5, metadata: String(repeating: "é", count: count)) == [
                "commit 1 \(expected)"
            ])
    }

    @Test func `members commit in their generation and nobody else does`() {
        let rig = GroupsRig()
        rig.settleTwo()
        #expect(rig.commit(5, by: "c-1", 2) == ["commit 7 ok"])
        #expect(rig.commit(5, by: "c-1", 1) == ["commit 8 illegalGeneration"])
        #expect(rig.commit(5, by: "x", 2) == ["commit 9 unknownMemberID"])
        #expect(rig.commit(5) == ["commit 10 unknownMemberID"])
        #expect(rig.commit(5, by: "c-1") == ["commit 11 illegalGeneration"])
        _ = rig.join("c-1")
        #expect(rig.commit(6, by: "c-2", 2) == ["commit 13 ok"])
        _ = rig.join("c-2")
        #expect(rig.commit(7, by: "c-2", 3) == ["commit 15 rebalanceInProgress"])
    }

    @Test func `a commit of a generation that no group has`() {
        let rig = GroupsRig()
        #expect(rig.commit(5, by: "c-1", 2) == ["commit 1 groupIDNotFound"])
        var request = OffsetCommitRequest(
            groupID: "g", identity: MemberIdentity(memberID: "c-1", generation: 2),
            topics: [.init(name: "t", partitions: [.init(partition: 0, offset: 1)])])
        request.reportsMissingGroup = false
        #expect(
            rig.perform(rig.coordinator.offsetsCommitted(request, token: rig.token(), now: 0))
                == ["commit 2 illegalGeneration"])
    }

    @Test func `a commit keeps a member alive`() {
        let rig = GroupsRig()
        _ = rig.join(old: true)
        _ = rig.sync("c-1", 1, ["c-1": "all"])
        for offset in 0..<5 {
            _ = rig.pass(9_000)
            _ = rig.commit(Int64(offset), by: "c-1", 1)
        }
        #expect(rig.beat("c-1", 1) == nil)
    }

    @Test func `offsets of a topic that is read cannot be deleted`() {
        let rig = GroupsRig()
        rig.settleTwo()
        _ = rig.commit(5, by: "c-1", 2)
        _ = rig.commit(5, of: "u", by: "c-1", 2)
        let topics = ["t", "u"].map { TopicPartitions(name: $0, partitions: [0, 1]) }
        let answer = rig.perform(
            rig.coordinator.offsetsDeleted(
                groupID: "g", topics: topics, token: rig.token(), now: rig.now))
        #expect(answer == ["delete 9 ok: groupSubscribedToTopic groupSubscribedToTopic ok ok"])
        #expect(rig.offset() == 5)
        #expect(rig.offset(of: "u") == -1)
    }

    @Test func `offsets of other kinds of groups are deleted only while they are empty`() {
        let rig = GroupsRig()
        func delete(_ group: String) -> [String] {
            rig.perform(
                rig.coordinator.offsetsDeleted(
                    groupID: group, topics: [], token: rig.token(), now: rig.now))
        }
        _ = rig.join(type: "connect", old: true)
        #expect(delete("g") == ["delete 2 nonEmptyGroup: "])
        #expect(delete("x") == ["delete 3 groupIDNotFound: "])
        #expect(delete("") == ["delete 4 invalidGroupID: "])
        _ = rig.leave(LeavingMember(memberID: "c-1"))
        #expect(delete("g") == ["delete 6 ok: "])
    }

    @Test func `a deletion also removes a commit that is under way`() throws {
        let rig = GroupsRig()
        rig.isDurableAtOnce = false
        _ = rig.commit(5)
        _ = rig.perform(
            rig.coordinator.offsetsDeleted(
                groupID: "g", topics: [TopicPartitions(name: "t", partitions: [0])],
                token: rig.token(), now: rig.now))
        _ = rig.sync()
        #expect(rig.offset() == -1)
        #expect(try GroupsRig.loaded(rig.log).offset() == -1)
    }

    @Test func `the offsets of an empty group expire a week after its last member left`() throws {
        let rig = GroupsRig()
        _ = rig.join(old: true)
        _ = rig.sync("c-1", 1, ["c-1": "all"])
        _ = rig.commit(5, by: "c-1", 1)
        for _ in 0..<20 {
            _ = rig.pass(9_000)
            #expect(rig.beat("c-1", 1) == nil)
        }
        _ = rig.leave(LeavingMember(memberID: "c-1"))
        _ = rig.pass(Self.week - 1)
        #expect(rig.offset() == 5)
        _ = rig.pass(600_001)
        #expect(rig.offset() == -1)
        #expect(rig.coordinator.listing().isEmpty)
        #expect(try GroupsRig.loaded(rig.log).coordinator.listing().isEmpty)
    }

    @Test func `offsets of a group without members expire a week after their commit`() {
        let rig = GroupsRig()
        _ = rig.commit(5, to: 0)
        _ = rig.pass(Self.week / 2)
        _ = rig.commit(6, to: 1)
        _ = rig.pass(Self.week / 2 + 600_001)
        #expect(rig.offset(0) == -1)
        #expect(rig.offset(1) == 6)
        _ = rig.pass(Self.week)
        #expect(rig.coordinator.listing().isEmpty)
    }

    @Test func `a retention of its own is kept with the commit`() throws {
        let rig = GroupsRig()
        var request = OffsetCommitRequest(
            groupID: "g", identity: MemberIdentity(memberID: "", generation: -1),
            topics: [.init(name: "t", partitions: [.init(partition: 0, offset: 1)])])
        request.retentionMilliseconds = 1_000_000
        _ = rig.perform(
            rig.coordinator.offsetsCommitted(request, token: rig.token(), now: rig.now))
        let later = try GroupsRig.loaded(rig.log)
        _ = later.pass(700_000)
        #expect(later.offset() == 1)
        _ = later.pass(600_000)
        #expect(later.offset() == -1)
    }

    @Test func `offsets go with their topic`() throws {
        let rig = GroupsRig()
        _ = rig.commit(5)
        _ = rig.commit(6, of: "u")
        _ = rig.commit(7, group: "h")
        rig.isDurableAtOnce = false
        _ = rig.commit(8, to: 3)
        _ = rig.perform(rig.coordinator.topicsDeleted(["t"], now: rig.now))
        _ = rig.sync()
        for rig in [rig, try GroupsRig.loaded(rig.log)] {
            #expect([rig.offset(), rig.offset(3), rig.offset(group: "h")] == [-1, -1, -1])
            #expect(rig.offset(of: "u") == 6)
        }
    }
}
