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

    /// A row a partition that the group has an offset in, or a member reads, and for each member
    /// that reads it where a share group has several; and one for each member without a partition.
    func describeGroup(_ name: Name) async throws(StatementError) -> ResultTable {
        let group = try await existingGroup(name)
        let places: [TopicPartition: GroupDescription.ShareOffset]
        if let shared = group.shareOffsets {
            places = shared
        } else {
            places = try await asking(name.place) { () async throws(ClientError) in
                try await cluster.committedOffsets(of: name.text)
            }.mapValues { .init(start: $0.offset, lag: nil) }
        }
        let owners = GroupOwners(group.members)
        let partitions = Set(places.keys).union(owners.members.keys).sorted()
        let ends = try await offsets(.latest, of: try await readable(partitions))
        var table = ResultTable([
            .init("topic"), .number("partition"), .number("committed_offset"),
            .number("end_offset"), .number("lag"), .init("member"), .init("client"),
            .init("host"), .shared("state"),
        ])
        for id in partitions {
            let offset = places[id]?.start
            let end = ends[id]
            // In a share group records behind the first may be done with, which it tells itself.
            let behind = offset.flatMap { offset in end.map { max(0, $0 - offset) } }
            let place: [ResultTable.Cell] = [
                .text(id.topic), .integer(Int64(id.partition)), .init(offset), .init(end),
                .init(places[id]?.lag ?? behind),
            ]
            for member in owners.readers(of: id) {
                table.rows.append(place + GroupOwners.cells(member) + [.text(group.state)])
            }
        }
        for member in owners.idle {
            table.rows.append(
                [.null, .null, .null, .null, .null] + GroupOwners.cells(member)
                    + [.text(group.state)])
        }
        return table
    }

    /// A group of a kind that no request describes is in the list all the same.
    private func existingGroup(_ name: Name) async throws(StatementError) -> GroupDescription {
        let found = try await asking(name.place) { () async throws(ClientError) in
            try await cluster.describeAnyGroup(name.text)
        }
        if let found { return found }
        let listed = try await asking { () async throws(ClientError) in
            try await cluster.listGroups()
        }
        guard let found = listed.first(where: { $0.group == name.text && $0.state != "Dead" })
        else { throw .statement(await missingGroup(name)) }
        return GroupDescription(state: found.state)
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
        // What cannot be described is judged by the broker when the offsets are committed.
        let found = try await asking(name.place) { () async throws(ClientError) in
            try await cluster.describeAnyGroup(name.text)
        }
        let count = found?.members.count ?? 0
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

/// Which members of a group read which partition.
private struct GroupOwners {
    typealias Member = GroupDescription.Member

    var members: [TopicPartition: [Member]] = [:]
    /// Those that have none.
    var idle: [Member] = []

    init(_ all: [Member]) {
        for member in all.sorted(by: { $0.id < $1.id }) {
            if member.partitions.isEmpty { idle.append(member) }
            for id in member.partitions { members[id, default: []].append(member) }
        }
    }

    /// One for each row; nil for a partition that nobody reads.
    func readers(of id: TopicPartition) -> [Member?] { members[id] ?? [nil] }

    static func cells(_ member: Member?) -> [ResultTable.Cell] {
        guard let member else { return [.null, .null, .null] }
        return [.text(member.id), .text(member.clientID), .text(member.clientHost)]
    }
}
