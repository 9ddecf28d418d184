import Streaming
import Testing

@Suite struct GroupsTransactionTests {
    static let week: Int64 = 7 * 24 * 3_600_000
    let one = TransactionalProducer(id: 1, epoch: 0)
    let two = TransactionalProducer(id: 2, epoch: 5)

    private func isStable(_ rig: GroupsRig) -> Bool {
        let fetched = rig.coordinator.offsetsFetched(
            groupID: "g", topics: [TopicPartitions(name: "t", partitions: [0])],
            requireStable: true)
        return fetched.topics[0].partitions[0].error == nil
    }

    @Test func `an offset inside a transaction is true when that commits`() {
        let rig = GroupsRig()
        #expect(rig.commit(5, in: one) == ["commit 1 ok"])
        #expect(rig.offset() == -1)
        #expect(!isStable(rig))
        rig.end(two)
        #expect(rig.offset() == -1)
        rig.end(one)
        #expect(rig.offset() == 5)
        #expect(isStable(rig))
    }

    @Test func `an aborted one leaves nothing, not even the group`() {
        let rig = GroupsRig()
        _ = rig.commit(5, in: one)
        rig.end(one, isCommitted: false)
        #expect(rig.offset() == -1)
        #expect(rig.coordinator.listing().isEmpty)
    }

    @Test func `the last commit wins, inside of a transaction or not`() {
        let rig = GroupsRig()
        _ = rig.commit(5, in: one)
        _ = rig.commit(6)
        rig.end(one)
        #expect(rig.offset() == 6)
        _ = rig.commit(7, in: one)
        _ = rig.commit(8, in: one)
        rig.end(one)
        #expect(rig.offset() == 8)
    }

    @Test func `members are checked as far as they say who they are`() {
        let rig = GroupsRig()
        rig.settleTwo()
        #expect(rig.commit(5, in: one) == ["commit 7 ok"])
        #expect(rig.commit(5, in: one, by: "c-1", 2) == ["commit 8 ok"])
        #expect(rig.commit(5, in: one, by: "c-1", 1) == ["commit 9 illegalGeneration"])
        #expect(rig.commit(5, in: one, by: "x", 2) == ["commit 10 unknownMemberID"])
        #expect(rig.commit(5, in: one, by: "x", 2, group: "h") == ["commit 11 illegalGeneration"])
    }

    @Test func `a transaction under way outlives a restart and a snapshot`() throws {
        let rig = GroupsRig()
        _ = rig.commit(4)
        _ = rig.commit(5, in: one)
        _ = rig.commit(3, to: 1, in: two)
        rig.isDurableAtOnce = false
        _ = rig.commit(2, to: 1)
        _ = rig.commit(9, to: 2, in: two)
        let log = try GroupsRig.loaded(rig.log, rig.producers)
        let snapshot = try GroupsRig.loaded(rig.coordinator.snapshot())
        let open = rig.coordinator.openTransactions()
        #expect(open.map(\.producer) == [one, two])
        #expect(open.map(\.records.count) == [1, 1])
        for (producer, records) in open {
            for record in records {
                try snapshot.coordinator.load(
                    key: record.key, value: record.value, producer: producer)
            }
        }
        _ = rig.sync()
        for rig in [rig, log, snapshot] {
            #expect(!isStable(rig))
            #expect(rig.offset() == 4)
            rig.coordinator.loadTransactionEnd(producerID: 1, isCommitted: true)
            rig.coordinator.loadTransactionEnd(producerID: 2, isCommitted: true)
            #expect([rig.offset(0), rig.offset(1), rig.offset(2)] == [5, 2, 9])
            #expect(rig.coordinator.openTransactions().isEmpty)
        }
    }

    @Test func `a deletion also ends what a transaction holds back`() {
        let rig = GroupsRig()
        _ = rig.commit(5, in: one)
        _ = rig.perform(rig.coordinator.topicsDeleted(["t"], now: rig.now))
        rig.end(one)
        #expect(rig.offset() == -1)
        _ = rig.commit(5, in: one)
        _ = rig.perform(
            rig.coordinator.groupsDeleted(["g"], token: rig.token(), now: rig.now))
        rig.end(one)
        #expect(rig.offset() == -1)
        #expect(rig.coordinator.listing().isEmpty)
    }

    @Test func `what a transaction holds back does not expire`() {
        let rig = GroupsRig()
        _ = rig.commit(4)
        _ = rig.commit(5, in: one)
        _ = rig.pass(2 * Self.week)
        #expect(rig.offset() == 4)
        rig.end(one)
        #expect(rig.offset() == 5)
    }
}
