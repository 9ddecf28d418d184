import KafkaClient
import Platform

/// Finds the topics that were typed and their partitions, waiting for them with `--wait`.
struct TopicSearch: Sendable {
    let connection: ClusterConnection
    let options: ConsumeOptions

    /// The partitions to read, in the order of topics as typed, then by index.
    func partitions() async throws(ConsumeError) -> [TopicPartition] {
        var found: [TopicPartition] = []
        for name in options.topics {
            let topic = try await topic(name)
            let indexes = topic.partitions.map(\.index)
            for wanted in options.partitions where !indexes.contains(Int32(wanted)) {
                throw .message(
                    "topic \"\(name)\" has no partition \(wanted), only 0 to \(indexes.count - 1)")
            }
            found += indexes.filter(isWanted).map { TopicPartition(name, $0) }
        }
        return found
    }

    /// The partitions that there are now of the topics that exist.
    func presentPartitions() async -> [TopicPartition] {
        var found: [TopicPartition] = []
        for name in options.topics {
            guard let topic = try? await connection.cluster.topic(name) else { continue }
            found += topic.partitions.map(\.index).filter(isWanted)
                .map { TopicPartition(name, $0) }
        }
        return found
    }

    private func isWanted(_ index: Int32) -> Bool {
        options.partitions.isEmpty || options.partitions.contains(Int(index))
    }

    private func topic(_ name: String) async throws(ConsumeError) -> Metadata.Topic {
        let clock = connection.loop.clock
        let deadline = options.timeout.map {
            clock.monotonicNanoseconds + $0.nanosecondsClamped
        }
        var pause = ConsumeLimits.topicPauseMilliseconds
        while true {
            do throws(ClientError) {
                return try await connection.cluster.topic(name)
            } catch .unknownTopic {
                guard options.waitsForTopic else {
                    let failure = await connection.unknownTopic(name, hint: "--wait waits for it")
                    throw .message(failure.message)
                }
            } catch {
                throw .client(error)
            }
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
