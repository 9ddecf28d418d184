import Testing

@testable import Streaming

/// The state machine behind methods that expectations can call.
private final class SharedLog {
    var partition: SharePartition

    init(start: Int64) { partition = SharePartition(start: start) }

    func acquire(
        _ member: String, upTo limit: Int64 = 100, count: Int64 = 10, deadline: Int64 = 30
    ) -> [SharePartition.Acquired] {
        partition.acquire(
            upTo: limit, countMax: count, inFlightMax: 50, member: member, deadline: deadline)
    }

    func tell(
        _ first: Int64, _ last: Int64, _ verdicts: [SharePartition.Verdict], _ member: String
    ) -> Bool {
        partition.acknowledge(
            first, last, verdicts, member: member, deliveriesMax: 5, deadline: 60)
    }

    func expire(_ now: Int64) -> Bool { partition.expire(now: now, deliveriesMax: 3) }

    func advance(_ start: Int64) -> Bool { partition.advance(to: start) }

    func retreat(_ end: Int64) -> Bool { partition.retreat(to: end) }

    var start: Int64 { partition.start }
}

/// What a share group has done in one partition (KIP-932).
@Suite struct SharePartitionTests {
    @Test func `what the log has lost with the power is handed out when it comes again`() {
        let log = SharedLog(start: 0)
        _ = log.acquire("a", count: 20)
        #expect(log.tell(0, 4, [.accept], "a"))
        #expect(log.tell(12, 13, [.accept], "a"))
        #expect(!log.retreat(20))
        #expect(log.retreat(8))
        #expect(log.start == 5)
        #expect(log.partition.nextOffset == 8)
        #expect(log.acquire("b", upTo: 10) == [.init(first: 8, last: 9, deliveries: 1)])
        #expect(log.retreat(3))
        #expect(log.start == 3)
        #expect(log.partition.runs.isEmpty)
        #expect(log.acquire("b", upTo: 5) == [.init(first: 3, last: 4, deliveries: 1)])
    }

    @Test func `records go to one member at a time, in their order`() {
        let log = SharedLog(start: 5)
        #expect(log.acquire("a") == [.init(first: 5, last: 14, deliveries: 1)])
        #expect(log.acquire("b", upTo: 20) == [.init(first: 15, last: 19, deliveries: 1)])
        #expect(log.acquire("c", upTo: 20).isEmpty)
        #expect(log.partition.nextOffset == 20)
    }

    @Test func `what is accepted or rejected is done, and the start follows`() {
        let log = SharedLog(start: 0)
        _ = log.acquire("a")
        #expect(log.tell(3, 5, [.reject], "a"))
        #expect(log.start == 0)
        #expect(log.tell(0, 2, [.accept], "a"))
        #expect(log.start == 6)
        #expect(
            log.tell(6, 9, [.accept, .release, .gap, .reject], "a"))
        #expect(log.start == 7)
        #expect(log.acquire("b", upTo: 10) == [.init(first: 7, last: 7, deliveries: 2)])
        #expect(log.tell(7, 7, [.accept], "b"))
        #expect(log.start == 10)
        #expect(log.partition.runs.isEmpty)
    }

    @Test func `a lock that is renewed runs from then on`() {
        let log = SharedLog(start: 0)
        _ = log.acquire("a", count: 4)
        #expect(!log.tell(0, 1, [.renew], "b"))
        #expect(log.tell(0, 3, [.renew, .renew, .accept, .release], "a"))
        #expect(log.partition.doneCount == 1)
        #expect(!log.expire(59))
        #expect(log.expire(60))
        #expect(
            log.acquire("b", upTo: 4) == [
                .init(first: 0, last: 1, deliveries: 2), .init(first: 3, last: 3, deliveries: 2),
            ])
    }

    @Test func `only who holds a record has a word for it`() {
        let log = SharedLog(start: 0)
        _ = log.acquire("a")
        let before = log.partition.runs
        #expect(!log.tell(0, 3, [.accept], "b"))
        #expect(!log.tell(8, 10, [.accept], "a"))
        #expect(!log.tell(0, 3, [.accept, .accept], "a"))
        #expect(!log.tell(3, 0, [.accept], "a"))
        #expect(!log.tell(0, 3, [], "a"))
        #expect(log.partition.runs == before)
        #expect(log.tell(0, 3, [.accept], "a"))
        #expect(!log.tell(0, 3, [.accept], "a"), "twice")
    }

    @Test func `a lock runs out, and a record is handed out only so often`() {
        let log = SharedLog(start: 0)
        for delivery in Int16(1)...3 {
            let got = log.acquire("a", upTo: 2, deadline: Int64(delivery) * 30)
            #expect(got == [.init(first: 0, last: 1, deliveries: delivery)])
            let deadline = Int64(delivery) * 30
            #expect(!log.expire(deadline - 1))
            #expect(log.expire(deadline))
        }
        #expect(log.acquire("a", upTo: 2).isEmpty)
        #expect(log.start == 2)
    }

    @Test func `no more records than the limit are worked on at a time`() {
        let log = SharedLog(start: 0)
        #expect(log.acquire("a", upTo: 1_000, count: 500).map(\.last) == [49])
        #expect(log.acquire("b", upTo: 1_000).isEmpty)
        _ = log.tell(0, 9, [.accept], "a")
        #expect(
            log.acquire("b", upTo: 1_000) == [.init(first: 50, last: 59, deliveries: 1)])
    }

    @Test func `records that retention removed are forgotten`() {
        let log = SharedLog(start: 0)
        _ = log.acquire("a")
        #expect(log.advance(4))
        #expect(log.start == 4)
        #expect(!log.tell(0, 9, [.accept], "a"))
        #expect(log.tell(4, 9, [.accept], "a"))
        _ = log.advance(50)
        #expect(log.partition.nextOffset == 50)
    }

    @Test(arguments: UInt64(1)...20)
    func `each record is accepted, rejected or delivered again`(seed: UInt64) throws {
        var model = ShareModel(seed: seed)
        for step in 0..<3_000 {
            try model.step()
            guard model.faults.isEmpty else {
                Issue.record("seed \(seed), step \(step): \(model.faults)")
                return
            }
        }
        #expect(model.done.count > 300, "seed \(seed)")
    }
}

/// Keeps each record's state by itself, while members take, judge, leave and are silent.
private struct ShareModel {
    static let deliveriesMax: Int16 = 4
    var random: SeededRandom
    var partition = SharePartition(start: 0)
    var holder: [Int64: (member: String, deadline: Int64)] = [:]
    var deliveries: [Int64: Int16] = [:]
    var done: Set<Int64> = []
    var logEnd: Int64 = 0
    var now: Int64 = 0
    var faults: [String] = []

    init(seed: UInt64) { random = SeededRandom(state: seed) }

    mutating func step() throws {
        let member = "m\(Int.random(in: 0..<5, using: &random))"
        switch Int.random(in: 0..<10, using: &random) {
        case 0...2: logEnd += Int64.random(in: 0...8, using: &random)
        case 3...5: take(member)
        case 6, 7: judge(member)
        case 8:
            now += Int64.random(in: 0...10, using: &random)
            _ = partition.expire(now: now, deliveriesMax: Self.deliveriesMax)
            for (offset, held) in holder where held.deadline <= now { letGo(offset) }
        default:
            if random.oneIn(4) {
                _ = partition.release(member: member, deliveriesMax: Self.deliveriesMax)
                for (offset, held) in holder where held.member == member { letGo(offset) }
            } else if random.oneIn(4) {
                // A crash: what is in someone's hands is free again, its delivery counted.
                partition = try SharePartition(partition.bytes)
                holder = [:]
            }
        }
        let start = (0..<partition.end).first { !done.contains($0) } ?? partition.end
        if partition.start != start { faults.append("\(partition.start) is not \(start)") }
    }

    private mutating func take(_ member: String) {
        let deadline = now + Int64.random(in: 1...30, using: &random)
        let got = partition.acquire(
            upTo: min(logEnd, partition.nextOffset + 12), countMax: 7, inFlightMax: 60,
            member: member, deadline: deadline)
        if got.reduce(0, { $0 + $1.last - $1.first + 1 }) > 7 { faults.append("too many") }
        for run in got {
            for offset in run.first...run.last {
                deliveries[offset, default: 0] += 1
                if holder[offset] != nil || done.contains(offset)
                    || run.deliveries != deliveries[offset]
                {
                    faults.append("record \(offset) was handed out wrongly")
                }
                holder[offset] = (member, deadline)
            }
        }
    }

    private mutating func judge(_ member: String) {
        let mine = holder.filter { $0.value.member == member }.keys.sorted()
        guard let first = mine.first else { return }
        var last = first
        while mine.contains(last + 1), last - first < 5 { last += 1 }
        var verdicts: [SharePartition.Verdict] = []
        for _ in first...last {
            verdicts.append(
                [.accept, .accept, .release, .reject].randomElement(using: &random) ?? .accept)
        }
        guard
            partition.acknowledge(
                first, last, verdicts, member: member, deliveriesMax: Self.deliveriesMax,
                deadline: .max)
        else { return faults.append("\(member) does not hold \(first) to \(last)") }
        for (offset, verdict) in zip(first...last, verdicts) {
            if verdict == .release {
                letGo(offset)
            } else {
                holder[offset] = nil
                done.insert(offset)
            }
        }
    }

    private mutating func letGo(_ offset: Int64) {
        holder[offset] = nil
        if deliveries[offset, default: 0] >= Self.deliveriesMax { done.insert(offset) }
    }
}

/// Membership of share groups: everyone reads everything.
@Suite struct ShareGroupsMembershipTests {
    private func beat(
        _ rig: GroupsRig, _ member: String, _ epoch: Int32, _ topics: [String]? = nil
    ) -> String {
        var request = ConsumerHeartbeat(
            groupID: "g", memberID: member, memberEpoch: epoch, clientID: "c", clientHost: "/h")
        request.topics = topics
        return rig.perform(
            rig.coordinator.shareHeartbeat(request, token: rig.token(), now: rig.now)
        ).joined(separator: "; ")
    }

    @Test func `all members get all partitions, and outlive a restart`() throws {
        let rig = GroupsRig()
        #expect(beat(rig, "a", 0, ["t"]) == "epoch 1 [t:0,1,2,3]")
        #expect(beat(rig, "b", 0, ["t", "u"]) == "epoch 2 [t:0,1,2,3 u:0,1]")
        #expect(beat(rig, "a", 1) == "epoch 2")
        #expect(beat(rig, "a", 0, ["t"]) == "epoch 2 [t:0,1,2,3]")
        #expect(beat(rig, "a", 9) == "fencedMemberEpoch")
        #expect(beat(rig, "x", 2) == "unknownMemberID")
        #expect(beat(rig, "x", 0) == "invalidRequest")
        #expect(rig.coordinator.listing().map(\.type) == ["share"])
        let again = try GroupsRig.loaded(rig.log)
        let described = rig.coordinator.modernDescription(of: "g", isShare: true)
        #expect(described.members.count == 2)
        #expect(again.coordinator.modernDescription(of: "g", isShare: true) == described)
        #expect(beat(again, "b", 2) == "epoch 2")
    }

    @Test func `a member that leaves or is silent lets go of its records`() {
        let rig = GroupsRig()
        _ = beat(rig, "a", 0, ["t"])
        _ = beat(rig, "b", 0, ["t"])
        #expect(beat(rig, "a", -1) == "release a; epoch -1")
        #expect(rig.pass(45_000) == ["release b"])
        #expect(rig.coordinator.modernDescription(of: "g", isShare: true).state == .empty)
    }

    @Test func `a share group can be made before anybody joins it, and deleted`() throws {
        let rig = GroupsRig()
        func make(_ group: String) -> [String] {
            rig.perform(
                rig.coordinator.shareGroupMade(group, token: rig.token(), now: rig.now))
        }
        #expect(make("g") == ["epoch 0"])
        #expect(make("g") == ["epoch 0"])
        #expect(make("") == ["invalidGroupID"])
        let again = try GroupsRig.loaded(rig.log)
        #expect(again.coordinator.listing().map(\.type) == ["share"])
        _ = rig.enter("x", group: "other")
        #expect(make("other") == ["groupIDNotFound"])
        #expect(beat(rig, "a", 0, ["t"]).hasSuffix("[t:0,1,2,3]"))
        _ = beat(rig, "a", -1)
        _ = rig.perform(rig.coordinator.groupsDeleted(["g"], token: rig.token(), now: rig.now))
        #expect(rig.coordinator.listing().map(\.groupID) == ["other"])
    }

    @Test func `a share group's own times hold for its members`() {
        let rig = GroupsRig {
            $0.shareSessionBounds = 1_000...60_000
            $0.shareHeartbeatBounds = 100...15_000
        }
        rig.coordinator.configsOfGroup = { _ in
            ["share.session.timeout.ms": "7000", "share.heartbeat.interval.ms": "300"]
        }
        #expect(beat(rig, "a", 0, ["t"]) == "epoch 1 [t:0,1,2,3]")
        #expect(rig.lastHeartbeatMilliseconds == 300)
        #expect(rig.pass(6_999) == [])
        #expect(rig.pass(1) == ["release a"])
    }

    @Test func `groups of one kind are not groups of another`() throws {
        let rig = GroupsRig()
        _ = beat(rig, "a", 0, ["t"])
        #expect(rig.enter("x") == "groupIDNotFound")
        #expect(rig.join() == ["join 3 inconsistentGroupProtocol "])
        #expect(rig.described().error == .groupIDNotFound)
        // Nor when nobody is in it, nor after a restart: what it has done is kept.
        #expect(beat(rig, "a", -1) == "release a; epoch -1")
        for rig in [rig, try GroupsRig.loaded(rig.log)] {
            #expect(rig.enter("x") == "groupIDNotFound")
            #expect(rig.join().first?.contains("inconsistentGroupProtocol") == true)
            _ = rig.pass(30 * 24 * 3_600_000)
            #expect(rig.coordinator.listing().map(\.type) == ["share"])
        }
        let other = GroupsRig()
        _ = other.enter("x")
        #expect(beat(other, "a", 0, ["t"]) == "groupIDNotFound")
    }
}
