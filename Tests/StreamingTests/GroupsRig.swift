import Streaming

/// A coordinator with a disk that is durable at once (or when told), a clock that is set, and
/// member ids that can be foretold: the client's id, a dash, and a number.
final class GroupsRig {
    let coordinator: GroupCoordinator
    let directory = TestTopics()
    var now: Int64 = 1_000_000
    /// All that was appended, in order.
    var log: [GroupRecord] = []
    /// The producers of those that are in transactional batches, by place in the log.
    var producers: [Int: TransactionalProducer] = [:]
    var isDurableAtOnce = true
    var waiting: [GroupWriteID] = []
    /// What the last answer to a member of a modern group has asked for.
    private(set) var lastHeartbeatMilliseconds: Int32 = 0
    private var nextToken: UInt64 = 0

    init(_ configure: (inout GroupConfiguration) -> Void = { _ in }) {
        var configuration = GroupConfiguration()
        configure(&configuration)
        var number = 0
        coordinator = GroupCoordinator(configuration: configuration) {
            number += 1
            return String(number)
        }
        directory.set("t", 4)
        directory.set("u", 2)
        coordinator.topics = directory
    }

    func token() -> GroupToken {
        nextToken += 1
        return GroupToken(nextToken)
    }

    /// Performs the actions and tells the answers, each as a line.
    func perform(_ actions: [GroupAction]) -> [String] {
        var lines: [String] = []
        for action in actions {
            let id: GroupWriteID
            switch action {
            case .answerHeartbeat(_, let result):
                lastHeartbeatMilliseconds = result.heartbeatMilliseconds
                lines.append(line(result))
                continue
            case .write(let write, let records):
                id = write
                log += records
            case .writeTransactional(let write, let records, let producer):
                id = write
                for index in log.count..<log.count + records.count { producers[index] = producer }
                log += records
            default:
                lines.append(Self.line(action))
                continue
            }
            if isDurableAtOnce {
                lines += perform(coordinator.written(id, now: now))
            } else {
                waiting.append(id)
            }
        }
        return lines
    }

    /// What was appended becomes durable, or fails to.
    func sync(_ error: GroupError? = nil) -> [String] {
        var lines: [String] = []
        while !waiting.isEmpty {
            let id = waiting.removeFirst()
            lines += perform(
                error.map { coordinator.writeFailed(id, error: $0, now: now) }
                    ?? coordinator.written(id, now: now))
        }
        return lines
    }

    func join(
        _ memberID: String = "", client: String = "c", instance: String? = nil,
        protocols: [GroupProtocol] = [.range()], type: String = "consumer", group: String = "g",
        session: Int32 = 10_000, rebalance: Int32 = 60_000, old: Bool = false
    ) -> [String] {
        var request = JoinRequest(
            groupID: group, memberID: memberID, instanceID: instance, clientID: client,
            clientHost: "/127.0.0.1", protocolType: type, protocols: protocols,
            sessionTimeoutMilliseconds: session, rebalanceTimeoutMilliseconds: rebalance)
        request.requiresKnownMemberID = !old
        request.supportsSkippingAssignment = !old
        return perform(coordinator.joined(request, token: token(), now: now))
    }

    /// The leader's when there are assignments.
    func sync(
        _ memberID: String, _ generation: Int32, instance: String? = nil,
        _ assignments: [String: String] = [:], protocolName: String? = nil, group: String = "g"
    ) -> [String] {
        let request = SyncRequest(
            groupID: group,
            identity: MemberIdentity(
                memberID: memberID, instanceID: instance, generation: generation),
            protocolType: protocolName.map { _ in "consumer" }, protocolName: protocolName,
            assignments: assignments.sorted { $0.key < $1.key }.map {
                ($0.key, Array($0.value.utf8))
            })
        return perform(coordinator.synced(request, token: token(), now: now))
    }

    func beat(
        _ memberID: String, _ generation: Int32, instance: String? = nil, group: String = "g"
    ) -> GroupError? {
        coordinator.heartbeat(
            groupID: group,
            identity: MemberIdentity(
                memberID: memberID, instanceID: instance, generation: generation), now: now)
    }

    func leave(_ members: LeavingMember..., group: String = "g") -> [String] {
        perform(
            coordinator.left(groupID: group, members: members, token: token(), now: now))
    }

    func commit(
        _ offset: Int64, to partition: Int32 = 0, of topic: String = "t", by memberID: String = "",
        _ generation: Int32 = -1, instance: String? = nil, metadata: String = "",
        group: String = "g"
    ) -> [String] {
        let request = OffsetCommitRequest(
            groupID: group,
            identity: MemberIdentity(
                memberID: memberID, instanceID: instance, generation: generation),
            topics: [
                .init(
                    name: topic,
                    partitions: [.init(partition: partition, offset: offset, metadata: metadata)])
            ])
        return perform(coordinator.offsetsCommitted(request, token: token(), now: now))
    }

    func commit(
        _ offset: Int64, to partition: Int32 = 0, in producer: TransactionalProducer,
        by memberID: String = "", _ generation: Int32 = -1, group: String = "g"
    ) -> [String] {
        let request = OffsetCommitRequest(
            groupID: group, identity: MemberIdentity(memberID: memberID, generation: generation),
            topics: [
                .init(name: "t", partitions: [.init(partition: partition, offset: offset)])
            ])
        return perform(
            coordinator.offsetsCommitted(request, in: producer, token: token(), now: now))
    }

    func end(_ producer: TransactionalProducer, isCommitted: Bool = true) {
        _ = perform(
            coordinator.transactionEnded(
                producerID: producer.id, isCommitted: isCommitted, now: now))
    }

    /// The committed offset, -1 for none.
    func offset(_ partition: Int32 = 0, of topic: String = "t", group: String = "g") -> Int64 {
        let fetched = coordinator.offsetsFetched(
            groupID: group, topics: [TopicPartitions(name: topic, partitions: [partition])],
            requireStable: false)
        return fetched.topics.first?.partitions.first?.offset ?? -2
    }

    /// Lets the time pass, with every deadline on the way.
    func pass(_ milliseconds: Int64) -> [String] {
        let end = now + milliseconds
        var lines: [String] = []
        while let next = coordinator.nextDeadline, next <= end {
            now = max(now, next)
            lines += perform(coordinator.advance(now: now))
        }
        now = end
        return lines
    }

    var state: GroupState { coordinator.description(of: "g").state }

    /// Two members in a stable generation: c-1 leads, c-2 follows. The group is at generation 2.
    func settleTwo() {
        _ = join(old: true)
        _ = sync("c-1", 1, ["c-1": "all"])
        _ = join(old: true)
        _ = join("c-1")
        _ = sync("c-2", 2)
        _ = sync("c-1", 2, ["c-1": "one", "c-2": "two"])
    }

    /// A coordinator that has read `records`.
    static func loaded(
        _ records: [GroupRecord], _ producers: [Int: TransactionalProducer] = [:],
        now: Int64 = 1_000_000, _ configure: (inout GroupConfiguration) -> Void = { _ in }
    ) throws -> GroupsRig {
        let rig = GroupsRig(configure)
        rig.now = now
        for (index, record) in records.enumerated() {
            try rig.coordinator.load(
                key: record.key, value: record.value, producer: producers[index])
        }
        _ = rig.perform(rig.coordinator.loaded(now: now))
        return rig
    }
}

extension GroupsRig {
    private func line(_ result: ConsumerHeartbeatResult) -> String {
        if let error = result.error { return "\(error)" }
        let share = result.assignment.map { " [\(directory.text($0))]" } ?? ""
        return "epoch \(result.memberEpoch)\(share)"
    }

    private static func text(_ error: GroupError?) -> String {
        error.map { "\($0)" } ?? "ok"
    }

    private static func line(_ action: GroupAction) -> String {
        switch action {
        case .answerJoin(let token, let result):
            var line = "join \(token.rawValue) \(text(result.error)) \(result.memberID)"
            guard result.error == nil else { return line }
            line +=
                " gen \(result.generation) \(result.protocolName ?? "-") led by \(result.leader)"
            if !result.members.isEmpty {
                line += " [" + result.members.map(\.memberID).joined(separator: " ") + "]"
            }
            return result.skipAssignment ? line + " skip" : line
        case .answerSync(let token, let result):
            let assignment = String(decoding: result.assignment, as: UTF8.self)
            return "sync \(token.rawValue) \(text(result.error)) \(assignment)"
        case .answerHeartbeat: return "heartbeat"
        case .release(_, let member): return "release \(member)"
        case .answerLeave(let token, let result):
            let errors = result.members.map { text($0.error) }.joined(separator: " ")
            return "leave \(token.rawValue) \(text(result.error)): \(errors)"
        case .answerOffsetCommit(let token, let result):
            return "commit \(token.rawValue) \(errors(result))"
        case .answerOffsetDelete(let token, let result):
            return "delete \(token.rawValue) \(text(result.error)): \(errors(result))"
        case .answerDeleteGroups(let token, let results):
            let errors = results.map { text($0.error) }.joined(separator: " ")
            return "groups \(token.rawValue) \(errors)"
        case .write(let id, let records), .writeTransactional(let id, let records, _):
            return "write \(id.rawValue) \(records.count)"
        }
    }

    private static func errors(_ result: PartitionErrors) -> String {
        result.topics.flatMap(\.partitions).map { text($0.error) }.joined(separator: " ")
    }
}

extension GroupProtocol {
    /// A consumer's offer that subscribes to `topics`.
    static func range(_ topics: [String] = ["t"], name: String = "range") -> GroupProtocol {
        var metadata: [UInt8] = [0, 0, 0, 0, 0, UInt8(topics.count)]
        for topic in topics { metadata += [0, UInt8(topic.utf8.count)] + Array(topic.utf8) }
        return GroupProtocol(name: name, metadata: metadata + [0xff, 0xff, 0xff, 0xff])
    }
}
