import KafkaProtocol
import Platform
import Records

/// A partition that a consumer reads; on the consumer's loop.
final class ConsumerPartition: @unchecked Sendable {
    let id: TopicPartition
    /// The next offset to fetch; nil until it has been looked up.
    var position: Int64?
    /// Of the topic whose log the position is in; zero where it is not known.
    var topicID = UUID.zero
    /// The leader epoch of the last batch that was read, -1 for none.
    var lastEpoch: Int32 = -1
    /// Of the batches before it.
    var epochs = ReadEpochs()
    /// The leader's epoch at which the position was last found to be in the log.
    var validatedEpoch: Int32 = -1
    /// True while offsets are looked up.
    var isBusy = false
    /// Monotonic nanoseconds before which it is not fetched.
    var pausedUntil: Int64 = 0
    /// It is not fetched until its reader has caught up.
    var isPaused = false
    /// It is not fetched from here on.
    var end = Int64.max
    /// Since when it fails, for how often, and with what.
    var failingSince: Int64?
    var failures = 0

    init(_ id: TopicPartition, position: Int64?) {
        self.id = id
        self.position = position
    }

    /// It was read already, as far as `offset` at least: what is known of its log still holds.
    fileprivate func goOn(as known: ConsumerPartition, from offset: Int64) {
        let epoch = known.epochs.epoch(before: offset)
        guard lastEpoch < 0, epoch >= 0 else { return }
        lastEpoch = epoch
        epochs = known.epochs
        topicID = known.topicID
    }
}

/// One call of `next`, to tell it from others; on the consumer's loop.
final class NextCall: @unchecked Sendable {
    var isCancelled = false
}

/// Reads partitions that it is told, each from an offset on; for groups see `GroupConsumer`.
///
/// One fetch at a time is in flight to each leader, and the next is sent while the last answer is
/// still being processed, up to `prefetchBytesMax`. `next` may be called from any task, by one at a
/// time; all state is on the cluster's loop.
public final class Consumer: @unchecked Sendable {
    typealias Answer = Result<FetchedBatches?, ClientError>

    public let configuration: ConsumerConfiguration
    let cluster: Cluster
    var partitions: [TopicPartition: ConsumerPartition] = [:]
    var fetchers: [Int32: Fetcher] = [:]
    /// Counts assignments: what was fetched for an older one is dropped.
    private(set) var generation = 0
    private var ready = Queue<FetchedBatches>()
    private var bufferedBytes = 0
    /// A fetch was not sent because too much waits to be taken.
    private var isStarved = false
    private var failure: ClientError?
    private var waiter: (call: NextCall, done: @Sendable (Answer) -> Void)?
    private(set) var isClosed = false
    private var observer: Int?
    /// Since when brokers have not known topics that are read, in monotonic nanoseconds.
    private var missingSince: [String: Int64] = [:]

    public init(_ cluster: Cluster, _ configuration: ConsumerConfiguration = .init()) {
        self.cluster = cluster
        self.configuration = configuration
    }

    var loop: any EventLoop { cluster.loop }

    /// Reads these partitions from now on, and no others. Gives the offsets that reading starts at.
    @discardableResult
    public func assign(
        _ starts: [TopicPartition: StartPosition]
    ) async throws(ClientError) -> [TopicPartition: Int64] {
        try await assign(starts, epochs: [:])
    }

    /// The same, with the leader epochs of the records in front of the starts, as far as they are
    /// known.
    @discardableResult
    func assign(
        _ starts: [TopicPartition: StartPosition], epochs: [TopicPartition: Int32]
    ) async throws(ClientError) -> [TopicPartition: Int64] {
        try await cluster.onLoop { [self] () async throws(ClientError) in
            let before = partitions
            clear()
            let this = generation
            for partition in starts.keys { cluster.use(partition.topic) }
            let offsets = try await cluster.resolve(starts, configuration.isolation)
            guard this == generation, !isClosed else { throw .closed }
            if observer == nil {
                observer = cluster.addObserver { [weak self] in self?.leadersChanged() }
            }
            for (id, offset) in offsets {
                let partition = ConsumerPartition(id, position: offset)
                partition.lastEpoch = epochs[id] ?? -1
                if let known = before[id] { partition.goOn(as: known, from: offset) }
                partitions[id] = partition
            }
            pump()
            return offsets
        }
    }

    /// Reads these partitions too, from the offsets on.
    public func add(_ starts: [TopicPartition: Int64]) async {
        await cluster.run { [self] done in
            for (id, offset) in starts where partitions[id] == nil && !isClosed {
                cluster.use(id.topic)
                partitions[id] = ConsumerPartition(id, position: offset)
            }
            pump()
            done(())
        }
    }

    /// The next batches of some partition. Waits for them; `nil` after `timeoutMilliseconds`.
    /// Throws `cancelled` when the task is cancelled, else what ended the reading.
    public func next(timeoutMilliseconds: Int64? = nil) async throws(ClientError)
        -> FetchedBatches?
    {
        let call = NextCall()
        let result: Answer = await withTaskCancellationHandler {
            await cluster.run { [self] done in take(call, timeoutMilliseconds, done) }
        } onCancel: {
            loop.post { [self] in
                call.isCancelled = true
                if waiter?.call === call { answer(.failure(.cancelled)) }
            }
        }
        return try result.get()
    }

    /// Where reading goes on in each partition, not counting what waits to be taken.
    public func positions() async -> [TopicPartition: Int64] {
        await cluster.run { [self] done in
            done(partitions.compactMapValues(\.position))
        }
    }

    /// Stops reading; a waiting `next` throws `closed`.
    public func close() async {
        await cluster.run { [self] done in
            isClosed = true
            clear()
            if let observer { cluster.observers[observer] = nil }
            answer(.failure(.closed))
            done(())
        }
    }

    /// Forgets the assignment and what was fetched for it.
    private func clear() {
        generation += 1
        partitions = [:]
        _ = ready.removeAll()
        bufferedBytes = 0
        missingSince = [:]
        failure = nil
    }

    private func take(
        _ call: NextCall, _ timeout: Int64?, _ done: @escaping @Sendable (Answer) -> Void
    ) {
        precondition(waiter == nil, "one task at a time waits for a consumer")
        if let fetched = ready.popFirst() {
            bufferedBytes -= fetched.byteCount
            if isStarved, bufferedBytes < configuration.prefetchBytesMax { pump() }
            return done(.success(fetched))
        }
        if call.isCancelled { return done(.failure(.cancelled)) }
        if let failure { return done(.failure(failure)) }
        if isClosed { return done(.failure(.closed)) }
        waiter = (call, done)
        guard let timeout else { return }
        loop.after(timeout * 1_000_000) { [self] in
            if waiter?.call === call { answer(.success(nil)) }
        }
    }

    /// Makes a waiting `next` return nil.
    func interrupt() { answer(.success(nil)) }

    func answer(_ answer: Answer) {
        guard let waiting = waiter else { return }
        waiter = nil
        waiting.done(answer)
    }

    /// Hands out what was fetched, or keeps it until it is asked for.
    func offer(_ fetched: FetchedBatches) {
        if waiter != nil { return answer(.success(fetched)) }
        bufferedBytes += fetched.byteCount
        ready.append(fetched)
    }

    /// Ends the reading with an error, once what was fetched before has been taken.
    func fail(_ error: ClientError) {
        failure = failure ?? error
        if ready.isEmpty { answer(.failure(error)) }
    }

    /// Sends fetches to the leaders that have none in flight.
    func pump() {
        guard !isClosed, failure == nil, !partitions.isEmpty else { return }
        isStarved = bufferedBytes >= configuration.prefetchBytesMax
        guard !isStarved else { return }
        let now = loop.clock.monotonicNanoseconds
        var wanted: [Int32: [TopicPartition: FetchSession.Wanted]] = [:]
        for (id, partition) in partitions where !partition.isBusy && partition.pausedUntil <= now {
            guard let position = partition.position, !partition.isPaused,
                position < partition.end
            else { continue }
            guard let leader = cluster.leader(of: id) else {
                cluster.requestRefresh()
                continue
            }
            guard isSameLog(partition), isValidated(partition, leader.epoch) else { continue }
            wanted[leader.node, default: [:]][id] = FetchSession.Wanted(
                offset: position, leaderEpoch: leader.epoch, topicID: partition.topicID)
        }
        for (node, partitions) in wanted { fetcher(node).fetch(partitions) }
    }

    private func fetcher(_ node: Int32) -> Fetcher {
        if let known = fetchers[node] { return known }
        let fetcher = Fetcher(node, self)
        fetchers[node] = fetcher
        return fetcher
    }

    /// After new metadata: leaders may have moved. A topic that stays unknown was deleted: what it
    /// held will not come back. One broker may not know it for a moment.
    private func leadersChanged() {
        let now = loop.clock.monotonicNanoseconds
        for name in Set(partitions.keys.map(\.topic)) {
            guard cluster.missingTopics.contains(name) else {
                missingSince[name] = nil
                continue
            }
            let since = missingSince[name] ?? now
            missingSince[name] = since
            if now - since >= Int64(Limits.topicGoneMilliseconds) * 1_000_000 {
                return fail(.topicDeleted(name))
            }
            cluster.requestRefresh()
        }
        pump()
    }
}

extension Cluster {
    /// Turns start positions into offsets.
    func resolve(
        _ starts: [TopicPartition: StartPosition], _ isolation: IsolationLevel
    ) async throws(ClientError) -> [TopicPartition: Int64] {
        var offsets: [TopicPartition: Int64] = [:]
        var queries: [TopicPartition: OffsetQuery] = [:]
        var ends: [TopicPartition: OffsetQuery] = [:]
        for (id, start) in starts {
            switch start {
            case .offset(let offset): offsets[id] = offset
            case .earliest: queries[id] = .earliest
            case .latest: queries[id] = .latest
            case .timestamp(let time):
                queries[id] = .timestamp(time)
                ends[id] = .latest
            case .beforeEnd, .afterEarliest:
                queries[id] = .earliest
                ends[id] = .latest
            }
        }
        let found = queries.isEmpty ? [:] : try await listOffsets(queries, isolation: isolation)
        let latest = ends.isEmpty ? [:] : try await listOffsets(ends, isolation: isolation)
        for (id, offset) in found {
            if case .beforeEnd(let count) = starts[id] {
                offsets[id] = max(offset, (latest[id] ?? offset) - count)
            } else if case .afterEarliest(let count) = starts[id] {
                let end = latest[id] ?? offset
                offsets[id] = end - offset > count ? offset + count : end
            } else {
                offsets[id] = offset >= 0 ? offset : latest[id] ?? 0
            }
        }
        return offsets
    }
}
