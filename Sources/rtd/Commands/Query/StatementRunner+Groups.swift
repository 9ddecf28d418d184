import Formats
import ArgumentParsing
import Bytes
import KafkaClient
import KafkaProtocol
import SQL

// Statements about consumer groups.
extension StatementRunner {
    func groups() async throws(StatementError) -> ResultTable {
        let groups = try await asking { () async throws(ClientError) in
            try await cluster.listGroups()
        }
        var table = ResultTable([
            .init("name"), .init("state"), .init("type"), .init("protocol"),
        ])
        for group in groups.sorted(by: { $0.group < $1.group }) {
            table.rows.append(
                [.text(group.group)]
                    + [group.state, group.type, group.protocolType].map {
                        .init($0.isEmpty ? nil : $0)
                    })
        }
        return table
    }

    /// A row a partition that the group has an offset in, or a member reads; and one for each
    /// member without a partition.
    func describeGroup(_ name: Name) async throws(StatementError) -> ResultTable {
        let group = try await existingGroup(name)
        let committed = try await asking(name.place) { () async throws(ClientError) in
            try await cluster.committedOffsets(of: name.text)
        }
        let owners = GroupOwners(group.members)
        let partitions = Set(committed.keys).union(owners.members.keys).sorted()
        let ends = try await offsets(.latest, of: try await readable(partitions))
        var table = ResultTable([
            .init("topic"), .number("partition"), .number("committed_offset"),
            .number("end_offset"), .number("lag"), .init("member"), .init("client"),
            .init("host"), .shared("state"),
        ])
        for id in partitions {
            let offset = committed[id]?.offset
            let end = ends[id]
            let lag = offset.flatMap { offset in end.map { max(0, $0 - offset) } }
            table.rows.append(
                [
                    .text(id.topic), .integer(Int64(id.partition)), .init(offset), .init(end),
                    .init(lag),
                ] + GroupOwners.cells(owners.members[id]) + [.text(group.state)])
        }
        for member in owners.idle {
            table.rows.append(
                [.null, .null, .null, .null, .null] + GroupOwners.cells(member)
                    + [.text(group.state)])
        }
        return table
    }

    private struct ExistingGroup {
        var state: String
        var members: [DescribeGroupsResponse.DescribedGroupMember] = []
    }

    /// A group of a newer kind cannot be described by this request, but it is in the list.
    private func existingGroup(_ name: Name) async throws(StatementError) -> ExistingGroup {
        do throws(ClientError) {
            let group = try await cluster.describeGroup(name.text)
            if group.groupState != "Dead" {
                return ExistingGroup(state: group.groupState, members: group.members)
            }
        } catch {
            guard error.code == .groupIdNotFound else {
                throw StatementError(error, at: name.place)
            }
        }
        let listed = try await asking { () async throws(ClientError) in
            try await cluster.listGroups()
        }
        guard let found = listed.first(where: { $0.group == name.text && $0.state != "Dead" })
        else { throw .statement(await missingGroup(name)) }
        return ExistingGroup(state: found.state)
    }

    /// Those of the partitions that still are, and have a leader.
    private func readable(
        _ partitions: [TopicPartition]
    ) async throws(StatementError) -> [TopicPartition] {
        let known = try await asking { () async throws(ClientError) in try await cluster.describe()
        }
        return partitions.filter { id in
            let partition = known.topics[id.topic]?.partition(id.partition)
            return (partition?.leader ?? -1) >= 0
        }
    }

    func dropGroups(
        _ names: [Name], ifExists: Bool
    ) async throws(StatementError) -> StatementOutcome {
        var outcome = StatementOutcome()
        for name in names {
            do throws(ClientError) {
                try await cluster.deleteGroup(name.text)
            } catch {
                switch error.code {
                case .groupIdNotFound? where ifExists:
                    outcome.notices.append("group \"\(name.text)\" does not exist, skipping")
                case .groupIdNotFound?: throw .statement(await missingGroup(name))
                default: throw StatementError(error, at: name.place)
                }
            }
        }
        return outcome
    }

    /// Only a group without members takes offsets from outside: a member would overwrite them.
    /// With FOR a group need not exist yet.
    func resetOffsets(_ reset: GroupOffsetReset) async throws(StatementError) -> StatementOutcome {
        try await refuseMembers(reset.group)
        let some = try await partitions(of: reset)
        var outcome = StatementOutcome()
        let targets = try await targets(of: reset, some, &outcome.notices)
        let offsets = targets.mapValues { CommittedOffset(offset: $0) }
        try await asking(reset.group.place) { () async throws(ClientError) in
            try await cluster.commitOffsets(offsets, of: reset.group.text)
        }
        return outcome
    }

    private func refuseMembers(_ name: Name) async throws(StatementError) {
        let count: Int
        do throws(ClientError) {
            count = try await cluster.describeGroup(name.text).members.count
        } catch {
            // What cannot be described is judged by the broker when the offsets are committed.
            if error.code == .groupIdNotFound { return }
            if case .unsupported = error { return }
            throw StatementError(error, at: name.place)
        }
        guard count > 0 else { return }
        throw StatementError(
            "group \"\(name.text)\" has \(count == 1 ? "a member" : "\(count) members")",
            .objectInUse, at: name.place,
            hint: "Offsets are reset while no consumer of the group runs.")
    }

    private func partitions(of reset: GroupOffsetReset) async throws(StatementError)
        -> [TopicPartition]
    {
        if let name = reset.topic {
            return try partitions(reset.partition, of: try await topic(name))
        }
        let committed = try await asking(reset.group.place) { () async throws(ClientError) in
            try await cluster.committedOffsets(of: reset.group.text)
        }
        guard committed.isEmpty else { return try await readable(committed.keys.sorted()) }
        _ = try await existingGroup(reset.group)
        throw StatementError(
            "group \"\(reset.group.text)\" has no offsets", .objectNotReady,
            at: reset.group.place, hint: "FOR names the topic whose offsets it gets.")
    }

    private func targets(
        of reset: GroupOffsetReset, _ some: [TopicPartition], _ notices: inout [String]
    ) async throws(StatementError) -> [TopicPartition: Int64] {
        switch reset.target {
        case .earliest: return try await offsets(.earliest, of: some)
        case .latest: return try await offsets(.latest, of: some)
        case .timestamp(let text, let place):
            guard let time = TimePoint(Substring(text)) else {
                throw StatementError(
                    "invalid input syntax for type timestamp: \"\(text)\"",
                    .invalidDatetimeFormat, at: place,
                    hint: "Write '2025-06-01T12:00:00Z', '2025-06-01', or '-1h' for an hour ago.")
            }
            let wanted = OffsetQuery.timestamp(time.milliseconds(now: now()))
            let found = try await offsets(wanted, of: some, at: place)
            let ends = try await offsets(.latest, of: some)
            // Without a record from then on, reading goes on at the end.
            return ends.merging(found.filter { $0.value >= 0 }) { $1 }
        case .offset(let literal): return try await clamped(literal, some, &notices)
        }
    }

    /// An offset that a log does not hold becomes the nearest that it does, as Kafka's own tool has
    /// it.
    private func clamped(
        _ literal: IntegerLiteral, _ some: [TopicPartition], _ notices: inout [String]
    ) async throws(StatementError) -> [TopicPartition: Int64] {
        let starts = try await offsets(.earliest, of: some)
        let ends = try await offsets(.latest, of: some)
        var targets: [TopicPartition: Int64] = [:]
        for id in some {
            let target = max(starts[id] ?? 0, min(literal.value, ends[id] ?? 0))
            targets[id] = target
            guard target != literal.value else { continue }
            notices.append(
                "topic \"\(id.topic)\" partition \(id.partition): \(literal.value) is outside the "
                    + "log, the offset is set to \(target)")
        }
        return targets
    }
}

/// Which member of a group reads which partition.
private struct GroupOwners {
    typealias Member = DescribeGroupsResponse.DescribedGroupMember

    var members: [TopicPartition: Member] = [:]
    /// Those that have none.
    var idle: [Member] = []

    /// An assignment that is not a consumer's, or damaged, counts as none.
    init(_ all: [Member]) {
        for member in all.sorted(by: { $0.memberId < $1.memberId }) {
            let assignment = try? ConsumerProtocolAssignment.decoded(member.memberAssignment).1
            let topics = assignment?.assignedPartitions ?? []
            if topics.allSatisfy({ $0.partitions.isEmpty }) { idle.append(member) }
            for topic in topics {
                for partition in topic.partitions {
                    members[TopicPartition(topic.topic, partition)] = member
                }
            }
        }
    }

    static func cells(_ member: Member?) -> [ResultTable.Cell] {
        guard let member else { return [.null, .null, .null] }
        return [.text(member.memberId), .text(member.clientId), .text(member.clientHost)]
    }
}
