import KafkaProtocol
import Platform

/// Reads topics as a member of a consumer group.
///
/// One task calls `next` in a loop. Between `revoked` and the following call of `next` the
/// partitions are still this member's: what was processed can be committed. Heartbeats go on by
/// themselves.
public final class GroupConsumer: @unchecked Sendable {
    /// What happens to a member of a group.
    public enum Event: Sendable {
        /// These partitions are read from now on, from these offsets; maybe none.
        case assigned([TopicPartition: Int64])
        case batches(FetchedBatches)
        /// These partitions will be given up by the next call of `next`. When `lost`, they are
        /// others' already, and a commit fails.
        case revoked([TopicPartition], lost: Bool)
    }

    private enum State {
        case outside
        case member
        case closed
    }

    private let cluster: Cluster
    private let membership: any GroupMembership
    private let consumer: Consumer
    private var state = State.outside
    private var partitions: [TopicPartition] = []
    /// Kept until the next share: what was read of the last may be committed still.
    private var epochs: [TopicPartition: ReadEpochs] = [:]

    public init(
        _ cluster: Cluster, group: GroupConfiguration, topics: [String],
        _ configuration: ConsumerConfiguration = .init()
    ) {
        self.cluster = cluster
        switch group.protocol {
        case .classic: membership = Membership(cluster, group, topics: topics)
        case .consumer: membership = ConsumerMembership(cluster, group, topics: topics)
        }
        consumer = Consumer(cluster, configuration)
        membership.changed = { [weak consumer] in consumer?.interrupt() }
    }

    /// The next event. Waits for it; nil after `timeoutMilliseconds`, which does not count the time
    /// that joining takes.
    public func next(timeoutMilliseconds: Int64? = nil) async throws(ClientError) -> Event? {
        try await cluster.onLoop { [self] () async throws(ClientError) in
            switch state {
            case .closed: throw .closed
            case .outside: return .assigned(try await join())
            case .member: return try await read(timeoutMilliseconds)
            }
        }
    }

    /// Commits the offsets to read on from. Throws `membershipLost` when the partitions are
    /// others'.
    public func commit(_ offsets: [TopicPartition: Int64]) async throws(ClientError) {
        try await cluster.onLoop { [self] () async throws(ClientError) in
            try await membership.commit(committed(offsets))
        }
    }

    /// Commits the offsets as a part of the producer's transaction: they hold once that commits.
    public func commit(
        _ offsets: [TopicPartition: Int64], in producer: Producer
    ) async throws(ClientError) {
        try await cluster.onLoop { [self] () async throws(ClientError) in
            try await membership.commit(committed(offsets), in: producer)
        }
    }

    private func committed(
        _ offsets: [TopicPartition: Int64]
    ) -> [TopicPartition: CommittedOffset] {
        Dictionary(
            uniqueKeysWithValues: offsets.map { id, offset in
                let epoch = epochs[id]?.epoch(before: offset) ?? -1
                return (id, CommittedOffset(offset: offset, leaderEpoch: epoch))
            })
    }

    /// Reads these topics instead; the group shares them out anew.
    public func subscribe(_ topics: [String]) async {
        await cluster.run { [self] done in
            membership.subscribe(topics)
            done(())
        }
    }

    /// Where reading goes on in each partition of the share.
    public func positions() async -> [TopicPartition: Int64] { await consumer.positions() }

    /// As `Consumer.stop`, for the present share.
    public func stop(at ends: [TopicPartition: Int64]) { consumer.stop(at: ends) }

    public func pause(_ id: TopicPartition) { consumer.pause(id) }

    public func resume(_ id: TopicPartition) { consumer.resume(id) }

    /// Leaves the group and stops reading.
    public func close() async {
        await consumer.close()
        do throws(ClientError) {
            try await cluster.onLoop { [self] () async throws(ClientError) in
                state = .closed
                await membership.leave()
            }
        } catch {
            cluster.environment.log("\(error)")
        }
    }

    private func join() async throws(ClientError) -> [TopicPartition: Int64] {
        let share = try await membership.join()
        var starts: [TopicPartition: StartPosition] = [:]
        let group = membership.configuration.groupID
        epochs = [:]
        if !share.isEmpty {
            let found = try await cluster.committedOffsets(of: group, in: share)
            for (partition, committed) in try await stillThere(found) {
                starts[partition] = .offset(committed.offset)
                epochs[partition] = ReadEpochs(committed)
            }
        }
        for partition in share.sorted() where starts[partition] == nil {
            guard let start = membership.configuration.start else {
                throw .noCommittedOffset(group: group, partition)
            }
            starts[partition] = start
        }
        let known = epochs.compactMapValues { $0.epoch(before: .max) }
        let offsets = try await consumer.assign(starts, epochs: known)
        partitions = share
        state = .member
        return offsets
    }

    /// Committed offsets, or where the log was cut in front of one: what was read behind that is
    /// gone, and other records have taken its place.
    private func stillThere(
        _ committed: [TopicPartition: CommittedOffset]
    ) async throws(ClientError) -> [TopicPartition: CommittedOffset] {
        var found = committed
        for (id, end) in try await cluster.cuts(in: committed) {
            guard let lost = committed[id] else { continue }
            let error = ClientError.truncated(id, position: lost.offset, end: end)
            if consumer.configuration.outOfRange == .fail { throw error }
            cluster.environment.log("\(error); reading on from there")
            found[id] = CommittedOffset(offset: end, leaderEpoch: lost.leaderEpoch)
        }
        return found
    }

    private func read(_ timeoutMilliseconds: Int64?) async throws(ClientError) -> Event? {
        let clock = cluster.loop.clock
        let deadline = timeoutMilliseconds.map { clock.monotonicNanoseconds + $0 * 1_000_000 }
        while true {
            if let failure = membership.failure { throw failure }
            if membership.mustRejoin { return try await giveUp() }
            let left = deadline.map { max(0, ($0 - clock.monotonicNanoseconds) / 1_000_000) }
            if let fetched = try await consumer.next(timeoutMilliseconds: left) {
                epochs[fetched.partition, default: ReadEpochs()].append(fetched.epochs)
                return .batches(fetched)
            }
            if let left, left == 0 { return nil }
        }
    }

    private func giveUp() async throws(ClientError) -> Event {
        let revoked = partitions
        partitions = []
        state = .outside
        try await consumer.assign([:])
        return .revoked(revoked, lost: membership.isLost)
    }
}
