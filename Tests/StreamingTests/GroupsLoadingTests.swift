import Streaming
import Testing

@Suite struct GroupsLoadingTests {
    @Test func `after a restart the members go on in their generation`() throws {
        let rig = GroupsRig()
        rig.settleTwo()
        _ = rig.commit(5, by: "c-1", 2)
        let later = try GroupsRig.loaded(rig.log, now: 9_000_000)
        #expect(later.coordinator.description(of: "g") == rig.coordinator.description(of: "g"))
        #expect(later.beat("c-1", 2) == nil)
        #expect(later.commit(6, by: "c-2", 2) == ["commit 1 ok"])
        #expect(later.sync("c-2", 2) == ["sync 2 ok two"])
        // The sessions began anew at the load.
        #expect(later.pass(9_999) == [])
        #expect(later.state == .stable)
        _ = later.beat("c-1", 2)
        _ = later.beat("c-2", 2)
        _ = later.pass(1)
        #expect(later.beat("c-1", 2) == nil)
        _ = later.pass(9_998)
        #expect(later.state == .stable)
        _ = later.pass(1)
        #expect(later.beat("c-1", 2) == .rebalanceInProgress)
    }

    @Test func `a snapshot replays to the same state`() throws {
        let rig = GroupsRig()
        rig.settleTwo()
        _ = rig.commit(5, by: "c-1", 2, metadata: "m")
        _ = rig.commit(7, group: "simple")
        rig.isDurableAtOnce = false
        _ = rig.commit(6, to: 1, by: "c-1", 2)
        _ = rig.commit(6, by: "c-1", 2)
        let snapshot = try GroupsRig.loaded(rig.coordinator.snapshot())
        #expect(
            snapshot.coordinator.snapshot()
                == (try GroupsRig.loaded(rig.log)).coordinator.snapshot())
        #expect(snapshot.offset() == 6)
        #expect(snapshot.offset(1) == 6)
        #expect(snapshot.beat("c-2", 2) == nil)
    }

    @Test func `a group larger than it may be now is rebalanced after the load`() throws {
        let rig = GroupsRig()
        rig.settleTwo()
        let later = GroupsRig { $0.groupSizeMax = 1 }
        for record in rig.log {
            try later.coordinator.load(key: record.key, value: record.value)
        }
        _ = later.perform(later.coordinator.loaded(now: later.now))
        #expect(later.beat("c-1", 2) == .rebalanceInProgress)
        #expect(later.join("c-1") == [])
        #expect(
            later.join("c-2") == [
                "join 2 groupMaxSizeReached ", "join 1 ok c-1 gen 3 range led by c-1 [c-1]",
            ])
    }

    @Test func `records of other kinds of groups are not touched`() throws {
        let rig = GroupsRig()
        #expect(try !rig.coordinator.load(key: [0, 17, 0, 1, 65], value: [0, 0]))
        #expect(rig.coordinator.listing().isEmpty)
    }

    @Test func `the bytes are those of Kafka`() throws {
        let rig = GroupsRig()
        rig.now = 1_000
        _ = rig.commit(258, to: 7, metadata: "m")
        let record = try #require(rig.log.first)
        #expect(record.key == [0, 1, 0, 1, 103, 0, 1, 116, 0, 0, 0, 7])
        #expect(
            record.value == [
                0, 3, 0, 0, 0, 0, 0, 0, 1, 2, 0xff, 0xff, 0xff, 0xff, 0, 1, 109, 0, 0, 0, 0, 0, 0,
                3, 0xe8,
            ])
        _ = rig.join(client: "c", protocols: [GroupProtocol(name: "r", metadata: [9])], old: true)
        _ = rig.sync("c-1", 1, ["c-1": "A"])
        let group = try #require(rig.log.last)
        #expect(group.key == [0, 2, 0, 1, 103])
        var expected: [UInt8] = [0, 3, 0, 8] + Array("consumer".utf8) + [0, 0, 0, 1, 0, 1, 114]
        expected += [0, 3] + Array("c-1".utf8) + [0, 0, 0, 0, 0, 0, 3, 0xe8, 0, 0, 0, 1]
        expected += [0, 3] + Array("c-1".utf8) + [0xff, 0xff, 0, 1, 99]
        expected += [0, 10] + Array("/127.0.0.1".utf8) + [0, 0, 0xea, 0x60, 0, 0, 0x27, 0x10]
        expected += [0, 0, 0, 1, 9, 0, 0, 0, 1, 65]
        #expect(group.value == expected)
    }

    @Test func `every older and newer value that Kafka wrote is read`() throws {
        let offset: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 5]
        let time: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 9]
        let values: [[UInt8]] = [
            [0, 0] + offset + [0, 0] + time,
            [0, 1] + offset + [0, 0] + time + Array(repeating: 0xff, count: 8),
            [0, 2] + offset + [0, 0] + time,
            [0, 3] + offset + [0, 0, 0, 1] + [0, 0] + time,
            [0, 4] + offset + [0, 0, 0, 1] + [1] + time + [0],
        ]
        for value in values {
            let rig = GroupsRig()
            try rig.coordinator.load(key: [0, 0, 0, 1, 103, 0, 1, 116, 0, 0, 0, 0], value: value)
            #expect(rig.offset() == 5)
        }
        // GroupMetadataValue 0: no timestamp, no instance id, no rebalance timeout.
        var group: [UInt8] = [0, 0, 0, 1, 120, 0, 0, 0, 4, 0, 1, 114, 0, 1, 109, 0, 0, 0, 1]
        group += [0, 1, 109, 0, 0, 0, 0, 0, 0, 0x27, 0x10, 0, 0, 0, 0, 0, 0, 0, 0]
        let rig = GroupsRig()
        try rig.coordinator.load(key: [0, 2, 0, 1, 103], value: group)
        #expect(rig.beat("m", 4) == nil)
        #expect(rig.coordinator.description(of: "g").protocolType == "x")
    }

    @Test func `a value cut anywhere is an error and no crash`() throws {
        let rig = GroupsRig()
        rig.settleTwo()
        _ = rig.commit(5, by: "c-1", 2, metadata: "m")
        for record in rig.log {
            guard let value = record.value else { continue }
            for count in 0..<value.count {
                #expect(throws: (any Error).self) {
                    try GroupsRig().coordinator.load(
                        key: record.key, value: Array(value.prefix(count)))
                }
            }
        }
    }
}
