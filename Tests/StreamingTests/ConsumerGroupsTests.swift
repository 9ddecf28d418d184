import Streaming
import Testing

/// Consumer groups of KIP-848: the server shares out, members follow by heartbeats.
@Suite struct ConsumerGroupsTests {
    @Test func `the first member gets all, the second what the first has given up`() {
        let rig = GroupsRig()
        #expect(rig.enter("a") == "epoch 1 [t:0,1,2,3]")
        #expect(rig.enter("b") == "epoch 2 []")
        #expect(rig.described().state == .reconciling)
        #expect(rig.heartbeat("a", 1) == "epoch 1 [t:0,1]")
        #expect(rig.heartbeat("b", 2) == "epoch 2", "a has not given anything up yet")
        #expect(rig.heartbeat("a", 1, owned: "t:0,1,2,3") == "epoch 1", "a still works on them")
        #expect(rig.heartbeat("b", 2) == "epoch 2")
        #expect(rig.heartbeat("a", 1, owned: "t:0,1") == "epoch 2")
        #expect(rig.heartbeat("b", 2) == "epoch 2 [t:2,3]")
        #expect(rig.described().state == .stable)
        #expect(rig.holdings == "a[t:0,1] b[t:2,3]")
    }

    @Test func `a member that leaves makes room, the last one leaves the group empty`() {
        let rig = GroupsRig()
        _ = rig.enter("a")
        _ = rig.enter("b")
        _ = rig.heartbeat("a", 1)
        _ = rig.heartbeat("a", 1, owned: "t:0,1")
        _ = rig.heartbeat("b", 2)
        #expect(rig.heartbeat("a", -1) == "epoch -1")
        #expect(rig.described().epoch == 3)
        #expect(rig.heartbeat("b", 2, owned: "t:2,3") == "epoch 3 [t:0,1,2,3]")
        #expect(rig.heartbeat("b", -1) == "epoch -1")
        #expect(rig.described().state == .empty)
        #expect(rig.coordinator.listing().map(\.type) == ["consumer"])
    }

    @Test func `a silent member is out after its session, and is told so`() {
        let rig = GroupsRig()
        _ = rig.enter("a")
        _ = rig.pass(44_999)
        #expect(rig.described().members.count == 1)
        _ = rig.pass(1)
        #expect(rig.described().members.isEmpty)
        #expect(rig.heartbeat("a", 1) == "unknownMemberID")
        #expect(rig.enter("a") == "epoch 3 [t:0,1,2,3]")
    }

    @Test func `a member that does not give up its partitions is out after its rebalance timeout`()
    {
        let rig = GroupsRig()
        _ = rig.enter("a")
        _ = rig.enter("b")
        _ = rig.heartbeat("a", 1)
        for _ in 0..<6 {
            _ = rig.pass(9_999)
            _ = rig.heartbeat("a", 1, owned: "t:0,1,2,3")
            _ = rig.heartbeat("b", 2)
        }
        #expect(rig.described().members.count == 2)
        _ = rig.pass(6)
        #expect(rig.heartbeat("a", 1, owned: "t:0,1,2,3") == "unknownMemberID")
        #expect(rig.heartbeat("b", 2) == "epoch 3 [t:0,1,2,3]")
    }

    @Test func `epochs that are not the member's are fenced, a lost answer is not`() {
        let rig = GroupsRig()
        _ = rig.enter("a")
        _ = rig.heartbeat("a", 1, topics: ["t", "u"])
        #expect(rig.described().members[0].memberEpoch == 2)
        #expect(
            rig.heartbeat("a", 1, owned: "t:0,1", topics: ["t", "u"], rebalance: 60_000)
                == "epoch 2 [t:0,1,2,3 u:0,1]", "it did not hear of epoch 2")
        #expect(rig.heartbeat("a", 1) == "fencedMemberEpoch", "it does not say what it has")
        #expect(rig.heartbeat("a", 3) == "fencedMemberEpoch")
        #expect(rig.heartbeat("x", 2) == "unknownMemberID")
        #expect(rig.enter("a", ["t", "u"]) == "epoch 2 [t:0,1,2,3 u:0,1]")
    }

    @Test func `bad heartbeats are refused with Kafka's errors`() {
        let rig = GroupsRig { $0.consumerSizeMax = 2 }
        #expect(rig.heartbeat("", 0, owned: "", topics: ["t"], rebalance: 1) == "invalidRequest")
        #expect(rig.heartbeat("a", 0, owned: "", topics: ["t"]) == "invalidRequest")
        #expect(
            rig.heartbeat("a", 0, owned: "t:1", topics: ["t"], rebalance: 1) == "invalidRequest")
        #expect(rig.heartbeat("a", 0, owned: "", rebalance: 1) == "invalidRequest")
        #expect(rig.heartbeat("a", -3) == "invalidRequest")
        #expect(rig.heartbeat("a", -2) == "invalidRequest")
        #expect(rig.heartbeat("a", -1) == "groupIDNotFound")
        #expect(rig.heartbeat("a", 4) == "unknownMemberID")
        #expect(rig.enter("a", assignor: "sticky") == "unsupportedAssignor")
        #expect(rig.enter("a", pattern: "[") == "invalidRegularExpression")
        #expect(rig.coordinator.listing().isEmpty, "what was refused has left nothing")
        _ = rig.enter("a")
        _ = rig.enter("b")
        #expect(rig.enter("c") == "groupMaxSizeReached")
        #expect(
            rig.heartbeat("", 0, owned: "", topics: ["t"], rebalance: 1, group: "h", old: true)
                == "epoch 1 [t:0,1,2,3]", "version 0 has the server make the id")
    }

    @Test func `a pattern follows topics that come and go`() {
        let rig = GroupsRig()
        #expect(rig.enter("a", [], pattern: "t") == "epoch 1 [t:0,1,2,3]")
        rig.directory.set("tt", 1)
        #expect(rig.heartbeat("a", 1) == "epoch 1", "nobody has told the group")
        rig.coordinator.topicsChanged()
        #expect(rig.heartbeat("a", 1) == "epoch 2 [t:0,1,2,3 tt:0]")
        rig.directory.remove("t")
        rig.coordinator.topicsChanged()
        #expect(rig.heartbeat("a", 2) == "epoch 2 [tt:0]")
        #expect(rig.heartbeat("a", 2, owned: "tt:0") == "epoch 3")
        rig.directory.set("x", 1)
        rig.coordinator.topicsChanged()
        #expect(rig.heartbeat("a", 3) == "epoch 3", "another topic is no change")
    }

    @Test func `partitions that are added are shared out`() {
        let rig = GroupsRig()
        _ = rig.enter("a")
        rig.directory.set("t", 6)
        rig.coordinator.topicsChanged()
        #expect(rig.heartbeat("a", 1) == "epoch 2 [t:0,1,2,3,4,5]")
    }

    @Test func `the range assignor gives neighbours, if a member asks for it`() {
        let rig = GroupsRig()
        rig.directory.set("t", 5)
        #expect(rig.enter("a", ["t", "u"], assignor: "range") == "epoch 1 [t:0,1,2,3,4 u:0,1]")
        _ = rig.enter("b", ["t", "u"])
        #expect(rig.described().assignor == "range")
        #expect(rig.heartbeat("a", 1) == "epoch 1 [t:0,1,2 u:0]")
    }

    @Test func `offsets are committed and read with the member's epoch`() {
        let rig = GroupsRig()
        _ = rig.enter("a")
        #expect(rig.commit(5, by: "a", 1) == ["commit 2 ok"])
        #expect(rig.commit(6, by: "a", 0) == ["commit 3 staleMemberEpoch"])
        #expect(rig.commit(6, by: "x", 1) == ["commit 4 unknownMemberID"])
        #expect(rig.commit(6) == ["commit 5 unknownMemberID"], "while members are there")
        let producer = TransactionalProducer(id: 1, epoch: 0)
        #expect(rig.commit(7, in: producer, by: "a", 9) == ["commit 6 illegalGeneration"])
        #expect(rig.commit(7, in: producer, by: "a", 1) == ["commit 7 ok"])
        rig.end(producer)
        #expect(rig.offset() == 7)
        func fetch(_ member: String?, _ epoch: Int32) -> GroupError? {
            rig.coordinator.offsetsFetched(
                groupID: "g", topics: nil, requireStable: true, memberID: member,
                memberEpoch: epoch
            ).error
        }
        #expect(fetch("a", 1) == nil)
        #expect(fetch("a", 2) == .staleMemberEpoch)
        #expect(fetch("x", 1) == .unknownMemberID)
        #expect(fetch(nil, -1) == nil)
        _ = rig.heartbeat("a", -1)
        #expect(rig.commit(9) == ["commit 9 ok"], "from outside, once nobody is there")
    }

    @Test func `a group with members is not deleted, an empty one with all its records is`() throws
    {
        let rig = GroupsRig()
        _ = rig.enter("a")
        _ = rig.commit(5, by: "a", 1)
        func delete() -> [String] {
            rig.perform(
                rig.coordinator.groupsDeleted(["g"], token: rig.token(), now: rig.now))
        }
        #expect(delete() == ["groups 3 nonEmptyGroup"])
        _ = rig.heartbeat("a", -1)
        #expect(delete() == ["groups 5 ok"])
        #expect(rig.coordinator.listing().isEmpty)
        let again = try GroupsRig.loaded(rig.log)
        #expect(again.coordinator.listing().isEmpty)
        #expect(again.coordinator.snapshot().isEmpty)
    }

    @Test func `members, epochs and shares outlive a restart`() throws {
        let rig = GroupsRig()
        _ = rig.enter("a")
        _ = rig.enter("b", instance: "i")
        _ = rig.heartbeat("a", 1)
        for records in [rig.log, rig.coordinator.snapshot()] {
            let again = try GroupsRig.loaded(records)
            #expect(again.described() == rig.described())
            #expect(again.heartbeat("b", 2, instance: "i") == "epoch 2", "a holds them still")
            #expect(again.heartbeat("a", 1, owned: "t:0,1") == "epoch 2")
            #expect(again.heartbeat("b", 2, instance: "i") == "epoch 2 [t:2,3]")
            #expect(again.coordinator.snapshot().count == rig.coordinator.snapshot().count)
        }
    }

    @Test func `nothing is told before it is durable, and a failed write is made up for`() throws {
        let rig = GroupsRig()
        rig.isDurableAtOnce = false
        #expect(rig.enter("a").isEmpty)
        #expect(rig.heartbeat("a", 1).isEmpty, "it hangs on the write before")
        #expect(rig.sync() == ["epoch 1 [t:0,1,2,3]", "epoch 1"])
        #expect(rig.heartbeat("a", 1) == "epoch 1")
        let before = rig.log.count
        _ = rig.enter("b")
        #expect(rig.sync(.coordinatorNotAvailable) == ["coordinatorNotAvailable"])
        rig.log.removeLast(rig.log.count - before)
        _ = rig.enter("b")
        #expect(rig.sync() == ["epoch 2 []"])
        #expect(try GroupsRig.loaded(rig.log).described() == rig.described())
    }
}

/// Members with an instance id (KIP-345 under KIP-848).
@Suite struct ConsumerGroupsStaticMemberTests {
    @Test func `a static member that goes away for a while finds its share again`() {
        let rig = GroupsRig()
        _ = rig.enter("a", instance: "i")
        _ = rig.enter("b")
        _ = rig.heartbeat("a", 1, instance: "i")
        _ = rig.heartbeat("a", 1, owned: "t:0,1", instance: "i")
        _ = rig.heartbeat("b", 2)
        #expect(rig.heartbeat("a", -2, instance: "i") == "epoch -2")
        #expect(rig.heartbeat("b", 2) == "epoch 2", "what is i's waits for it")
        #expect(rig.enter("a2", instance: "i") == "epoch 2 [t:0,1]")
        #expect(rig.holdings == "a2[t:0,1] b[t:2,3]")
        #expect(rig.heartbeat("a", 2, instance: "i") == "fencedInstanceID")
    }

    @Test func `an instance id belongs to one member at a time`() {
        let rig = GroupsRig()
        _ = rig.enter("a", instance: "i")
        #expect(rig.enter("b", instance: "i") == "unreleasedInstanceID")
        #expect(rig.heartbeat("b", 1, instance: "j") == "unknownMemberID")
        #expect(rig.heartbeat("b", -1, instance: "i") == "fencedInstanceID")
    }

    @Test func `one that stays away is out after its session`() {
        let rig = GroupsRig()
        _ = rig.enter("a", instance: "i")
        _ = rig.heartbeat("a", -2, instance: "i")
        _ = rig.pass(45_000)
        #expect(rig.described().members.isEmpty)
        #expect(rig.enter("b") == "epoch 3 [t:0,1,2,3]")
    }
}
