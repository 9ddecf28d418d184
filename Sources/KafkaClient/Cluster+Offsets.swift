import KafkaProtocol

/// A place in a log that a broker is asked for.
public enum OffsetQuery: Hashable, Sendable {
    case earliest
    /// Behind the last record that may be read.
    case latest
    /// The first record at or after a time, in milliseconds.
    case timestamp(Int64)

    var wireTimestamp: Int64 {
        switch self {
        case .latest: -1
        case .earliest: -2
        case .timestamp(let milliseconds): milliseconds
        }
    }
}

/// Which records a reader sees (`isolation.level`).
public enum IsolationLevel: Int8, Sendable {
    case readUncommitted = 0
    /// Nothing of transactions that are open or were aborted.
    case readCommitted = 1
}

extension Cluster {
    /// The offsets of places in logs, from the leaders. -1 where no record is at or after a time.
    public func listOffsets(
        _ queries: [TopicPartition: OffsetQuery], isolation: IsolationLevel = .readUncommitted
    ) async throws(ClientError) -> [TopicPartition: Int64] {
        try await onLoop { [self] () async throws(ClientError) in
            for partition in queries.keys { use(partition.topic) }
            let answers = OffsetAnswers()
            try await retrying { [self] () async throws(ClientError) in
                let missing = queries.filter { answers.offsets[$0.key] == nil }
                for (node, some) in try await byLeader(missing) {
                    try await listOffsets(some, of: node, isolation, into: answers)
                }
            }
            return answers.offsets
        }
    }

    /// What has been answered so far, kept over retries. On the loop.
    private final class OffsetAnswers: @unchecked Sendable {
        var offsets: [TopicPartition: Int64] = [:]
    }

    /// Sorts queries by the leaders of their partitions, after a refresh if one is not known.
    private func byLeader(
        _ queries: [TopicPartition: OffsetQuery]
    ) async throws(ClientError) -> [Int32: [TopicPartition: OffsetQuery]] {
        if queries.keys.contains(where: { leader(of: $0) == nil }) {
            try await fetchMetadata(Set(queries.keys.map(\.topic)))
        }
        var sorted: [Int32: [TopicPartition: OffsetQuery]] = [:]
        for (partition, query) in queries {
            guard let topic = metadata.topics[partition.topic] else {
                throw .unknownTopic(partition.topic)
            }
            guard topic.partition(partition.partition) != nil else {
                let detail = "it has \(topic.partitions.count) partitions"
                throw .topic(
                    partition.topic, .invalidPartitions,
                    detail: "partition \(partition.partition) does not exist, \(detail)")
            }
            guard let leader = leader(of: partition) else {
                throw .partition(partition, .leaderNotAvailable, detail: nil)
            }
            sorted[leader.node, default: [:]][partition] = query
        }
        return sorted
    }

    private func listOffsets(
        _ queries: [TopicPartition: OffsetQuery], of node: Int32, _ isolation: IsolationLevel,
        into answers: OffsetAnswers
    ) async throws(ClientError) {
        guard let broker = broker(node) else { return }
        let request = ListOffsetsRequest.with {
            $0.replicaId = -1
            $0.isolationLevel = isolation.rawValue
            $0.timeoutMs = Int32(clamping: configuration.requestTimeoutMilliseconds)
            $0.topics = Dictionary(grouping: queries, by: \.key.topic).map { name, entries in
                .with {
                    $0.name = name
                    $0.partitions = entries.map { entry in
                        .with {
                            $0.partitionIndex = entry.key.partition
                            $0.currentLeaderEpoch = leader(of: entry.key)?.epoch ?? -1
                            $0.timestamp = entry.value.wireTimestamp
                        }
                    }
                }
            }
        }
        let response = try await ask(request, of: broker)
        var problem: ClientError?
        for topic in response.topics {
            for partition in topic.partitions {
                let id = TopicPartition(topic.name, partition.partitionIndex)
                if partition.errorCode == .none {
                    answers.offsets[id] = partition.offset
                } else {
                    problem = .partition(id, partition.errorCode, detail: nil)
                }
            }
        }
        if let problem { throw problem }
    }

    /// Where a leader epoch of a partition ended, by its leader; nil if it cannot tell (KIP-320).
    func endOffset(
        of epoch: Int32, in partition: TopicPartition
    ) async throws(ClientError) -> Int64? {
        guard let leader = leader(of: partition) else {
            throw .partition(partition, .leaderNotAvailable, detail: nil)
        }
        return try await endOffsets(of: [partition: epoch], leader.node)[partition]
    }

    /// The same for several partitions of one leader; those of which it cannot tell are left out.
    private func endOffsets(
        of epochs: [TopicPartition: Int32], _ node: Int32
    ) async throws(ClientError) -> [TopicPartition: Int64] {
        guard let broker = broker(node), let first = epochs.keys.first else { return [:] }
        let request = OffsetForLeaderEpochRequest.with {
            $0.replicaId = -1
            $0.topics = Dictionary(grouping: epochs, by: \.key.topic).map { name, entries in
                .with {
                    $0.topic = name
                    $0.partitions = entries.map { id, epoch in
                        .with {
                            $0.partition = id.partition
                            $0.currentLeaderEpoch = leader(of: id)?.epoch ?? -1
                            $0.leaderEpoch = epoch
                        }
                    }
                }
            }
        }
        var ends: [TopicPartition: Int64] = [:]
        for topic in try await ask(request, of: broker).topics {
            for answer in topic.partitions {
                let id = TopicPartition(topic.topic, answer.partition)
                guard answer.errorCode == .none else {
                    throw .partition(
                        epochs[id] == nil ? first : id, answer.errorCode, detail: nil)
                }
                if answer.endOffset >= 0 { ends[id] = answer.endOffset }
            }
        }
        return ends
    }

    /// Where logs were cut in front of offsets that were committed with the epoch of the record
    /// before them (KIP-320).
    func cuts(
        in committed: [TopicPartition: CommittedOffset]
    ) async throws(ClientError) -> [TopicPartition: Int64] {
        let known = committed.filter { $0.value.leaderEpoch >= 0 }
        guard !known.isEmpty else { return [:] }
        for id in known.keys { use(id.topic) }
        let answers = OffsetAnswers()
        do throws(ClientError) {
            try await retrying { [self] () async throws(ClientError) in
                var asked: [Int32: [TopicPartition: Int32]] = [:]
                for (id, committed) in known {
                    // One that has no leader now must not keep the others from being read.
                    guard let leader = leader(of: id), leader.epoch > committed.leaderEpoch
                    else { continue }
                    asked[leader.node, default: [:]][id] = committed.leaderEpoch
                }
                for (node, epochs) in asked {
                    let ends = try await endOffsets(of: epochs, node)
                    answers.offsets.merge(ends) { _, new in new }
                }
            }
        } catch .unsupported {
            return [:]
        }
        return answers.offsets.filter { id, end in end < known[id]?.offset ?? 0 }
    }
}
