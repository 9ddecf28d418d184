import Formats
import KafkaClient
import KafkaProtocol
import SQL

// Statements that answer with rows about topics and configs.
extension StatementRunner {
    /// The completions of the shells read the first column.
    func topics(all: Bool) async throws(StatementError) -> ResultTable {
        let known = try await asking { () async throws(ClientError) in try await cluster.describe()
        }
        var table = ResultTable([
            .init("name"), .number("partitions"), .number("replicas"), .init("internal"),
        ])
        for topic in known.topics.values.sorted(by: { $0.name < $1.name })
        where all || !topic.isInternal {
            table.rows.append([
                .text(topic.name), .integer(Int64(topic.partitions.count)),
                .integer(Int64(topic.partitions.first?.replicas.count ?? 0)),
                .boolean(topic.isInternal),
            ])
        }
        return table
    }

    func configs(of owner: ConfigOwner) async throws(StatementError) -> ResultTable {
        var place: Range<Int>?
        let resource: ConfigResource
        switch owner {
        case .topic(let name):
            place = name.place
            resource = .topic(try await topic(name, kind: "relation").name)
        case .broker(let node):
            place = node?.place
            resource = .broker(try await broker(node))
        }
        let values = try await asking(place) { () async throws(ClientError) in
            try await cluster.describeConfigs(resource)
        }
        var table = ResultTable([
            .init("name"), .init("value"), .init("source"), .init("read_only"),
        ])
        for value in values.sorted(by: { $0.name < $1.name }) {
            table.rows.append([
                .text(value.name), .init(value.isSensitive ? nil : value.value),
                .text(StatementRunner.source(value.configSource)), .boolean(value.readOnly),
            ])
        }
        return table
    }

    /// The broker of this number; without one, that with the lowest.
    private func broker(_ literal: IntegerLiteral?) async throws(StatementError) -> Int32 {
        let known = try await asking { () async throws(ClientError) in try await cluster.describe()
        }
        let nodes = known.brokers.keys.sorted()
        guard let literal else { return nodes.first ?? 0 }
        guard let node = Int32(exactly: literal.value), nodes.contains(node) else {
            throw StatementError(
                "broker \(literal.value) does not exist", .undefinedObject, at: literal.place,
                hint: "There is \(nodes.map(String.init).joined(separator: ", ")).")
        }
        return node
    }

    /// Kafka's ConfigSource, from the most particular on.
    private static func source(_ number: Int8) -> String {
        switch number {
        case 1: "topic"
        case 2: "broker"
        case 3: "all brokers"
        case 4: "broker at start"
        case 5: "default"
        case 6: "logger"
        case 7: "client metrics"
        case 8: "group"
        default: "unknown"
        }
    }

    /// A row a partition: who leads it, where its log starts and ends, its size, and what is kept.
    func describe(_ name: Name) async throws(StatementError) -> ResultTable {
        let topic = try await topic(name, kind: "relation")
        let led = topic.partitions.filter { $0.leader >= 0 }
            .map { TopicPartition(topic.name, $0.index) }
        let starts = try await offsets(.earliest, of: led)
        let ends = try await offsets(.latest, of: led)
        // Sizes and configs are for information: a cluster that does not tell them, or not to this
        // user, still describes its topics.
        let sizes = try? await cluster.partitionSizes(of: topic.name)
        let values = try? await cluster.describeConfigs(.topic(topic.name))
        func config(_ name: String) -> String? { values?.first { $0.name == name }?.value }
        let kept: [ResultTable.Cell] = [
            .init(config("cleanup.policy")), .init(config("retention.ms").flatMap(Int64.init)),
            .init(config("retention.bytes").flatMap(Int64.init)),
        ]
        var table = ResultTable([
            .number("partition"), .number("leader"), .init("replicas"), .init("isr"),
            .number("start_offset"), .number("end_offset"), .number("bytes"),
            .shared("cleanup_policy"), .shared("retention_ms"), .shared("retention_bytes"),
        ])
        for partition in topic.partitions {
            let id = TopicPartition(topic.name, partition.index)
            table.rows.append(
                [
                    .integer(Int64(partition.index)),
                    partition.leader < 0 ? .null : .integer(Int64(partition.leader)),
                    .integers(partition.replicas), .integers(partition.inSyncReplicas),
                    .init(starts[id]), .init(ends[id]), .init(sizes?[id]),
                ] + kept)
        }
        return table
    }

    func offsets(
        _ query: OffsetQuery, of partitions: [TopicPartition], at place: Range<Int>? = nil
    ) async throws(StatementError) -> [TopicPartition: Int64] {
        guard !partitions.isEmpty else { return [:] }
        let queries = Dictionary(uniqueKeysWithValues: partitions.map { ($0, query) })
        return try await asking(place) { () async throws(ClientError) in
            try await cluster.listOffsets(queries)
        }
    }
}
