import KafkaClient
import Platform

/// Finds the topics that were typed and their partitions, waiting for them with `--wait`.
struct TopicSearch: Sendable {
    let connection: ClusterConnection
    let options: ConsumeOptions

    /// The topics to read: as typed, then those that patterns match, by name.
    func topics() async throws(ConsumeError) -> [Metadata.Topic] {
        var found: [Metadata.Topic] = []
        for name in options.topics { found.append(try await topic(name)) }
        guard !options.patterns.isEmpty else { return found }
        let matched = try await eventually { () async throws(ConsumeError) in
            let matched = try await matches()
            return matched.isEmpty ? nil : matched
        } orFail: {
            let patterns = options.patterns.description
            return "no topic \(connection.place) matches \(patterns) (--wait waits for one)"
        }
        return found + matched
    }

    /// The partitions of topics that are to be read, by index.
    func partitions(of topics: [Metadata.Topic]) throws(ConsumeError) -> [TopicPartition] {
        var found: [TopicPartition] = []
        for topic in topics {
            let indexes = topic.partitions.map(\.index)
            for wanted in options.partitions
            where options.topics.contains(topic.name) && !indexes.contains(Int32(wanted)) {
                throw .message(
                    "topic \"\(topic.name)\" has no partition \(wanted), "
                        + "only 0 to \(indexes.count - 1)")
            }
            found += indexes.filter(isWanted).map { TopicPartition(topic.name, $0) }
        }
        return found
    }

    /// The topics that there are now.
    func presentTopics() async -> [Metadata.Topic] {
        var found: [Metadata.Topic] = []
        for name in options.topics {
            if let topic = try? await connection.cluster.topic(name) { found.append(topic) }
        }
        if options.patterns.isEmpty { return found }
        return found + ((try? await matches()) ?? [])
    }

    /// What patterns match and was not named.
    private func matches() async throws(ConsumeError) -> [Metadata.Topic] {
        let all: Metadata
        do throws(ClientError) {
            all = try await connection.cluster.describe()
        } catch {
            throw .client(error)
        }
        let others = options.topics + (options.targetTopic.map { [$0] } ?? [])
        return options.patterns.matches(among: all.topics.values)
            .filter { !others.contains($0) }.compactMap { all.topics[$0] }
    }

    private func isWanted(_ index: Int32) -> Bool {
        options.partitions.isEmpty || options.partitions.contains(Int(index))
    }

    private func topic(_ name: String) async throws(ConsumeError) -> Metadata.Topic {
        try await eventually { () async throws(ConsumeError) in
            do throws(ClientError) {
                return try await connection.cluster.topic(name)
            } catch .unknownTopic {
                return nil
            } catch {
                throw .client(error)
            }
        } orFail: {
            await connection.unknownTopic(name, hint: "--wait waits for it").message
        }
    }

    /// What `look` gives; with `--wait` it is asked until it gives something.
    private func eventually<Found>(
        _ look: () async throws(ConsumeError) -> Found?, orFail message: () async -> String
    ) async throws(ConsumeError) -> Found {
        let clock = connection.loop.clock
        let deadline = options.timeout.map {
            clock.monotonicNanoseconds + $0.nanosecondsClamped
        }
        var pause = ConsumeLimits.topicPauseMilliseconds
        while true {
            if let found = try await look() { return found }
            guard options.waitsForTopic else { throw .message(await message()) }
            if let deadline, clock.monotonicNanoseconds > deadline { throw .idle }
            await pauseOnLoop(pause)
            if Task.isCancelled { throw .client(.cancelled) }
            pause = min(pause * 2, ConsumeLimits.topicPauseMillisecondsMax)
        }
    }

    private func pauseOnLoop(_ milliseconds: Int64) async {
        let loop = connection.loop
        await withTaskExecutorPreference(loop) {
            await loop.sleep(nanoseconds: milliseconds * 1_000_000)
        }
    }
}
