import Streaming
import Testing

/// Groups that change their protocol while they work (`group.consumer.migration.policy`).
@Suite struct ConsumerGroupsMigrationTests {
    /// As a classic leader writes it: partitions of t.
    static func assignment(_ partitions: [UInt8]) -> String {
        var bytes: [UInt8] = [0, 0, 0, 0, 0, 1, 0, 1, UInt8(ascii: "t")]
        bytes += [0, 0, 0, UInt8(partitions.count)]
        for partition in partitions { bytes += [0, 0, 0, partition] }
        return String(decoding: bytes + [0, 0, 0, 0], as: UTF8.self)
    }

    /// Two classic members with half of t each, at generation 2.
    private func settled(_ configure: (inout GroupConfiguration) -> Void = { _ in }) -> GroupsRig {
        let rig = GroupsRig(configure)
        _ = rig.join(old: true)
        _ = rig.sync("c-1", 1, ["c-1": Self.assignment([0, 1, 2, 3])])
        _ = rig.join(old: true)
        _ = rig.join("c-1")
        _ = rig.sync("c-2", 2)
        _ = rig.sync(
            "c-1", 2, ["c-1": Self.assignment([0, 1]), "c-2": Self.assignment([2, 3])])
        return rig
    }

    @Test func `a classic group with a new consumer becomes a consumer group, and back`() throws {
        let rig = settled()
        #expect(rig.enter("new") == "epoch 3 []")
        #expect(rig.coordinator.listing().map(\.type) == ["consumer"])
        #expect(rig.described().members.map(\.isClassic) == [true, true, false])
        #expect(rig.coordinator.description(of: "g").error == .groupIDNotFound)
        #expect(try GroupsRig.loaded(rig.log).described() == rig.described())
        // The classic ones hear of it, give everything up and join again.
        #expect(rig.beat("c-1", 2) == .rebalanceInProgress)
        #expect(rig.join("c-1").last == "join 8 ok c-1 gen 3 range led by ")
        #expect(rig.sync("c-1", 3).last?.hasPrefix("sync 9 ok") == true)
        #expect(rig.beat("c-2", 2) == .rebalanceInProgress)
        #expect(rig.join("c-2").last == "join 10 ok c-2 gen 3 range led by ")
        #expect(rig.beat("c-2", 2) == .illegalGeneration)
        #expect(rig.heartbeat("new", 3) == "epoch 3 [t:3]" || rig.holdings.contains("new[t:"))
        #expect(rig.described().state == .stable)
        #expect(rig.commit(5, by: "c-1", 3) == ["commit 12 ok"])
        #expect(rig.commit(5, by: "c-1", 2) == ["commit 13 illegalGeneration"])
        // The last consumer leaves: a classic group again, which its members join anew.
        #expect(rig.heartbeat("new", -1) == "epoch -1")
        #expect(rig.coordinator.listing().map(\.type) == ["classic"])
        #expect(rig.state == .preparingRebalance)
        #expect(rig.beat("c-1", 3) == .rebalanceInProgress)
        _ = rig.join("c-1")
        #expect(rig.join("c-2").count == 2)
        #expect(rig.state == .completingRebalance)
        #expect(rig.offset() == 5)
        let again = try GroupsRig.loaded(rig.log)
        #expect(again.coordinator.listing().map(\.type) == ["classic"])
        #expect(again.coordinator.description(of: "g").members.count == 2)
    }

    @Test func `a classic member joins a consumer group`() {
        let rig = GroupsRig()
        _ = rig.enter("a")
        #expect(rig.join() == ["join 2 memberIDRequired c-1"])
        #expect(rig.join("c-1") == ["join 3 ok c-1 gen 2 range led by "])
        #expect(rig.sync("c-1", 2).last?.hasPrefix("sync 4 ok") == true)
        #expect(rig.beat("c-1", 2) == nil, "it waits for what a has")
        _ = rig.heartbeat("a", 1)
        _ = rig.heartbeat("a", 1, owned: "t:0,1")
        #expect(rig.beat("c-1", 2) == .rebalanceInProgress, "its share is free")
        #expect(rig.join("c-1") == ["join 7 ok c-1 gen 2 range led by "])
        #expect(rig.holdings == "a[t:0,1] c-1[t:2,3]")
        #expect(rig.leave(LeavingMember(memberID: "c-1")) == ["leave 8 ok: ok"])
        #expect(rig.heartbeat("a", 2, owned: "t:0,1") == "epoch 3 [t:0,1,2,3]")
    }

    @Test func `a classic member that does not come back is out after its rebalance timeout`() {
        let rig = GroupsRig()
        _ = rig.enter("a")
        _ = rig.join(old: true)
        #expect(rig.described().members.count == 2)
        _ = rig.pass(9_000)
        _ = rig.heartbeat("a", 1)
        _ = rig.pass(1_000)
        #expect(rig.described().members.map(\.memberID) == ["a"], "its session was 10 s")
    }

    @Test(arguments: ["disabled", "downgrade"])
    func `a policy without upgrades leaves classic groups alone`(policy: String) {
        let rig = settled { $0.migratesToConsumer = false }
        #expect(rig.enter("new") == "groupIDNotFound")
        #expect(rig.beat("c-1", 2) == nil)
        _ = rig.leave(LeavingMember(memberID: "c-1"), LeavingMember(memberID: "c-2"))
        #expect(rig.enter("new") == "epoch 1 [t:0,1,2,3]", "an empty group has no members to move")
    }

    @Test func `a policy without downgrades keeps classic members in the consumer group`() {
        let rig = settled { $0.migratesToClassic = false }
        _ = rig.enter("new")
        _ = rig.heartbeat("new", -1)
        #expect(rig.coordinator.listing().map(\.type) == ["consumer"])
        #expect(rig.beat("c-1", 2) == .rebalanceInProgress)
    }

    @Test func `an empty consumer group becomes a classic one when a classic member comes`() throws
    {
        let rig = GroupsRig()
        _ = rig.enter("a")
        _ = rig.commit(5, by: "a", 1)
        _ = rig.heartbeat("a", -1)
        #expect(rig.join(old: true).last?.hasPrefix("join 4 ok c-1 gen 1") == true)
        #expect(rig.offset() == 5)
        #expect(try GroupsRig.loaded(rig.log).offset() == 5)
    }
}
