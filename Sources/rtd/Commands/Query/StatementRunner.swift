import Formats
import KafkaClient
import SQL

/// What a statement has done: rows, or nothing but its command tag, and what people may want to
/// know beside it.
struct StatementOutcome: Sendable {
    var table: ResultTable?
    var notices: [String] = []
}

/// Does what statements say, by Kafka's admin requests, so on any cluster. Called by the command's
/// task, on the client's loop.
struct StatementRunner: Sendable {
    let cluster: Cluster
    /// Milliseconds since 1970, for times that are told from now.
    let now: @Sendable () -> Int64

    func run(_ statement: AdministrationStatement) async throws(StatementError) -> StatementOutcome
    {
        switch statement {
        case .showTopics(let all): return StatementOutcome(table: try await topics(all: all))
        case .showGroups: return StatementOutcome(table: try await groups())
        case .showConfigs(let owner): return StatementOutcome(table: try await configs(of: owner))
        case .describeTopic(let name): return StatementOutcome(table: try await describe(name))
        case .describeGroup(let name):
            return StatementOutcome(table: try await describeGroup(name))
        case .createTopic(let name, let ifNotExists, let options):
            return try await create(name, ifNotExists: ifNotExists, options)
        case .alterTopic(let name, let ifExists, let change):
            return try await alter(name, ifExists: ifExists, change)
        case .dropTopics(let names, let ifExists):
            return try await drop(names, ifExists: ifExists)
        case .dropGroups(let names, let ifExists):
            return try await dropGroups(names, ifExists: ifExists)
        case .resetOffsets(let reset): return try await resetOffsets(reset)
        case .deleteRecords(let deletion): return try await delete(deletion)
        }
    }
}

// Names.
extension StatementRunner {
    /// The topic that a name means; nil if there is none. Without quotes the spelling may differ in
    /// case, as long as only one topic has it.
    func find(_ name: Name) async throws(StatementError) -> Metadata.Topic? {
        do throws(ClientError) {
            return try await cluster.topic(name.text)
        } catch {
            guard case .unknownTopic = error else {
                throw StatementError(error, at: name.place)
            }
        }
        guard !name.isQuoted else { return nil }
        let all = try await asking { () async throws(ClientError) in try await cluster.describe() }
        let folded = name.text.lowercased()
        let matches = all.topics.values.filter { $0.name.lowercased() == folded }
        guard matches.count < 2 else {
            let names = matches.map { "\"\($0.name)\"" }.sorted().joined(separator: " or ")
            throw StatementError(
                "topic name \"\(name.text)\" is ambiguous", .ambiguousName, at: name.place,
                hint: "Write \(names).")
        }
        return matches.first
    }

    /// The topic that a name means; `kind` is what the error calls it.
    func topic(
        _ name: Name, kind: String = "topic"
    ) async throws(StatementError) -> Metadata.Topic {
        if let found = try await find(name) { return found }
        throw .statement(await missing(name, kind))
    }

    /// The error for a topic that is not there, with the names that are.
    func missing(_ name: Name, _ kind: String) async -> SQLError {
        let all = try? await cluster.describe()
        let names = all?.topics.values.filter { !$0.isInternal }.map(\.name).sorted()
        return SQLError(
            "\(kind) \"\(name.text)\" does not exist", .undefinedRelation, at: name.place
        ).suggesting(names ?? [], for: name.text)
    }

    /// The error for a group that is not there, with the names that are.
    func missingGroup(_ name: Name) async -> SQLError {
        let all = try? await cluster.listGroups()
        return SQLError(
            "group \"\(name.text)\" does not exist", .undefinedObject, at: name.place
        ).suggesting(all?.map(\.group) ?? [], for: name.text)
    }

    /// The partitions that a statement means: one, or all.
    func partitions(
        _ literal: IntegerLiteral?, of topic: Metadata.Topic
    ) throws(StatementError) -> [TopicPartition] {
        guard let literal else {
            return topic.partitions.map { TopicPartition(topic.name, $0.index) }
        }
        guard let index = Int32(exactly: literal.value), topic.partition(index) != nil else {
            let count = topic.partitions.count
            throw StatementError(
                "topic \"\(topic.name)\" has no partition \(literal.value)",
                .invalidParameterValue, at: literal.place,
                hint: count == 1 ? "It has partition 0." : "It has partitions 0 to \(count - 1).")
        }
        return [TopicPartition(topic.name, index)]
    }
}
