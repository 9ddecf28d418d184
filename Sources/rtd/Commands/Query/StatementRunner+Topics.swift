import Formats
import KafkaClient
import KafkaProtocol
import SQL
import Streaming

// Statements that change topics and their records.
extension StatementRunner {
    func create(
        _ name: Name, ifNotExists: Bool, _ options: [OptionAssignment]
    ) async throws(StatementError) -> StatementOutcome {
        var topic = NewTopic(name.text, partitions: -1)
        for option in options {
            switch option.name.text {
            case let text where TopicOption.partitions.contains(text):
                topic.partitions = try option.number(1...Int64(Int32.max))
            case let text where TopicOption.replicationFactor.contains(text):
                topic.replicationFactor = try option.number(1...Int64(Int16.max))
            default: topic.configs[option.name.text] = option.value
            }
        }
        do throws(ClientError) {
            try await cluster.createTopics([topic])
        } catch {
            if ifNotExists, error.code == .topicAlreadyExists {
                return .skipping("topic \"\(name.text)\" already exists")
            }
            throw TopicOption.explain(error, options.map(\.name), at: name.place)
        }
        return StatementOutcome()
    }

    func alter(
        _ name: Name, ifExists: Bool, _ change: TopicChange
    ) async throws(StatementError) -> StatementOutcome {
        guard let topic = try await find(name) else {
            guard ifExists else { throw .statement(await missing(name, "topic")) }
            return .skipping("topic \"\(name.text)\" does not exist")
        }
        switch change {
        case .set(let options): try await set(options, of: topic, name)
        case .reset(let names):
            let changes = names.map { ($0.text, ConfigChange.delete) }
            try await alterConfigs(changes, of: topic, names, name)
        case .addPartitions(let more):
            let count = Int64(topic.partitions.count)
            guard more.value > 0, more.value <= Int64(Int32.max) - count else {
                throw StatementError(
                    "\(more.value) is no number of partitions to add", .invalidParameterValue,
                    at: more.place)
            }
            try await setPartitions(Int32(count + more.value), of: topic, at: more.place)
        }
        return StatementOutcome()
    }

    /// The configs first, in one request, which is done as a whole or not at all.
    private func set(
        _ options: [OptionAssignment], of topic: Metadata.Topic, _ name: Name
    ) async throws(StatementError) {
        var partitions: (count: Int32, place: Range<Int>)?
        var changes: [(String, ConfigChange)] = []
        for option in options {
            if TopicOption.partitions.contains(option.name.text) {
                partitions = (try option.number(1...Int64(Int32.max)), option.valuePlace)
            } else if TopicOption.replicationFactor.contains(option.name.text) {
                throw StatementError(
                    "the replicas of a topic cannot be altered here", .featureNotSupported,
                    at: option.name.place)
            } else {
                changes.append((option.name.text, .set(option.value)))
            }
        }
        try await alterConfigs(changes, of: topic, options.map(\.name), name)
        guard let partitions, partitions.count != topic.partitions.count else { return }
        guard partitions.count > topic.partitions.count else {
            throw StatementError(
                "topic \"\(topic.name)\" has \(topic.partitions.count) partitions, which cannot "
                    + "become fewer",
                .invalidParameterValue, at: partitions.place)
        }
        try await setPartitions(partitions.count, of: topic, at: partitions.place)
    }

    private func alterConfigs(
        _ changes: [(String, ConfigChange)], of topic: Metadata.Topic, _ names: [Name],
        _ name: Name
    ) async throws(StatementError) {
        guard !changes.isEmpty else { return }
        let byName = Dictionary(changes) { _, last in last }
        do throws(ClientError) {
            try await cluster.alterConfigs(.topic(topic.name), byName)
        } catch {
            throw TopicOption.explain(error, names, at: name.place)
        }
    }

    private func setPartitions(
        _ count: Int32, of topic: Metadata.Topic, at place: Range<Int>
    ) async throws(StatementError) {
        try await asking(place) { () async throws(ClientError) in
            try await cluster.createPartitions(topic.name, count: count)
        }
    }

    /// All names are looked up before the first topic goes.
    func drop(
        _ names: [Name], ifExists: Bool
    ) async throws(StatementError) -> StatementOutcome {
        var outcome = StatementOutcome()
        var found: [String] = []
        for name in names {
            if let topic = try await find(name) {
                if !found.contains(topic.name) { found.append(topic.name) }
            } else if ifExists {
                outcome.notices.append("topic \"\(name.text)\" does not exist, skipping")
            } else {
                throw .statement(await missing(name, "topic"))
            }
        }
        let topics = found
        guard !topics.isEmpty else { return outcome }
        try await asking(names.first?.place) { () async throws(ClientError) in
            try await cluster.deleteTopics(topics)
        }
        return outcome
    }

    /// Moves where logs start. An offset behind the end is the broker's OFFSET_OUT_OF_RANGE.
    func delete(_ deletion: RecordDeletion) async throws(StatementError) -> StatementOutcome {
        let topic = try await topic(deletion.topic, kind: "relation")
        let some = try partitions(deletion.partition, of: topic)
        // -1: before the high watermark.
        var bounds = Dictionary(uniqueKeysWithValues: some.map { ($0, Int64(-1)) })
        if let before = deletion.before {
            let ends = try await offsets(.latest, of: some)
            let starts = try await offsets(.earliest, of: some)
            for id in some {
                // What is beyond the ends is met by all records, or by none.
                let end = ends[id] ?? 0
                bounds[id] = min(max(before.value, starts[id] ?? 0), end)
            }
        }
        let offsets = bounds
        _ = try await asking(deletion.topic.place) { () async throws(ClientError) in
            try await cluster.deleteRecords(before: offsets)
        }
        return StatementOutcome()
    }
}

extension StatementOutcome {
    static func skipping(_ what: String) -> StatementOutcome {
        StatementOutcome(notices: [what + ", skipping"])
    }
}

/// The options of WITH and SET that are no configs, and the names of all.
enum TopicOption {
    static let partitions: Set<String> = ["partitions"]
    static let replicationFactor: Set<String> = ["replication_factor", "replication.factor"]

    private static let names =
        ["partitions", "replication_factor"] + TopicConfigs.all.map(\.name)

    /// The cluster is the judge of configs, for others know more of them. Where it refuses, a name
    /// that is not Kafka's is most likely the cause.
    static func explain(
        _ error: ClientError, _ options: [Name], at place: Range<Int>
    ) -> StatementError {
        guard error.code == .invalidConfig else { return StatementError(error, at: place) }
        if let unknown = options.first(where: { !names.contains($0.text) }) {
            let message = "unrecognized topic option \"\(unknown.text)\""
            return .statement(
                SQLError(message, .invalidParameterValue, at: unknown.place)
                    .suggesting(names, for: unknown.text.replacingUnderscores))
        }
        let text = error.description
        let words = text.split { " ,:;'\"".contains($0) }
        let named = options.first { words.contains(Substring($0.text)) }
        return StatementError(text, .invalidParameterValue, at: named?.place ?? place)
    }
}

extension OptionAssignment {
    fileprivate func number<T: FixedWidthInteger>(
        _ range: ClosedRange<Int64>
    ) throws(StatementError) -> T {
        guard let number = Int64(value), range.contains(number) else {
            throw StatementError(
                "invalid value for option \"\(name.text)\": \"\(value)\"", .invalidParameterValue,
                at: valuePlace,
                hint: "It is a number from \(range.lowerBound) to \(range.upperBound).")
        }
        return T(truncatingIfNeeded: number)
    }
}

extension String {
    /// `retention_ms` is `retention.ms`.
    fileprivate var replacingUnderscores: String {
        String(map { $0 == "_" ? "." : $0 })
    }
}
