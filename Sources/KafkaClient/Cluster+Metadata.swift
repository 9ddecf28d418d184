import KafkaProtocol
import Platform

/// The one refresh of a cluster's metadata that may be under way.
struct RefreshState {
    var isRunning = false
    /// Asked for again while it ran.
    var isWanted = false
    /// Failures in a row.
    var failures = 0
    var ageTimer: TimerID?
}

extension Cluster {
    /// A topic with its partitions and leaders. Throws `unknownTopic` at once if it is not there.
    public func topic(_ name: String) async throws(ClientError) -> Metadata.Topic {
        try await onLoop { [self] () async throws(ClientError) in
            try await retrying { [self] () async throws(ClientError) in
                try await fetchMetadata([name])
                if let topic = metadata.topics[name] { return topic }
                guard configuration.allowsTopicCreation else { throw .unknownTopic(name) }
                throw .topic(name, .leaderNotAvailable, detail: nil)
            }
        }
    }

    /// All topics, internal ones too, and the brokers.
    public func describe() async throws(ClientError) -> Metadata {
        try await onLoop { [self] () async throws(ClientError) in
            try await retrying { [self] () async throws(ClientError) in
                let response = try await askAny(MetadataRequest.with { $0.topics = nil })
                var all = Metadata()
                all.merge(response)
                return all
            }
        }
    }

    /// Asks once for the named topics (none: for the brokers) and takes the answer in.
    func fetchMetadata(_ names: Set<String>) async throws(ClientError) {
        let request = MetadataRequest.with {
            $0.allowAutoTopicCreation = configuration.allowsTopicCreation
            $0.topics = names.sorted().map { name in .with { $0.name = name } }
        }
        let (response, source) = try await askOneOfAll(request)
        guard response.errorCode == .none else {
            throw .refused(api: .metadata, response.errorCode, detail: nil)
        }
        metadata.merge(response)
        noteAdvertisements(response, source)
        var problem: ClientError?
        for entry in response.topics {
            guard let name = entry.name else { continue }
            switch entry.errorCode {
            case .none: missingTopics.remove(name)
            case .unknownTopicOrPartition: missingTopics.insert(name)
            // Among them: the topic is being made, and a later answer has its partitions.
            default: problem = .topic(name, entry.errorCode, detail: nil)
            }
        }
        for observer in observers.values { observer() }
        if let problem { throw problem }
    }

    /// Keeps who named an address first.
    private func noteAdvertisements(_ response: MetadataResponse, _ source: Endpoint) {
        for broker in response.brokers {
            let port = UInt16(truncatingIfNeeded: broker.port)
            let address = endpoint(host: broker.host, port: port)
            if advertisements.count >= Limits.advertisementsMax { advertisements = [:] }
            advertisements[address] =
                advertisements[address] ?? Advertisement(node: broker.nodeId, source: source)
        }
    }

    /// Refreshes the topics in use, once; a failure is left to whoever needs the answer.
    func refreshTopicsInUse() async {
        do throws(ClientError) {
            try await fetchMetadata(topicsInUse)
            refresh.failures = 0
        } catch {
            refresh.failures += 1
            environment.log("metadata: \(error)")
        }
    }

    /// Asks for a refresh of the topics in use, soon; the observers are told. Many calls are one.
    func requestRefresh() {
        guard !isClosed else { return }
        refresh.isWanted = true
        guard !refresh.isRunning else { return }
        refresh.isRunning = true
        Task(executorPreference: loop) { [self] in
            while refresh.isWanted && !isClosed {
                refresh.isWanted = false
                await refreshTopicsInUse()
                if refresh.failures > 0 { refresh.isWanted = true }
                // At most one a back-off, however many partitions have moved.
                let pause = configuration.backoffNanoseconds(attempt: refresh.failures)
                await loop.sleep(nanoseconds: pause)
            }
            refresh.isRunning = false
        }
    }

    /// Counts a topic among those in use and keeps its metadata fresh.
    func use(_ topic: String) {
        guard topicsInUse.insert(topic).inserted else { return }
        if metadata.topics[topic] == nil { requestRefresh() }
        guard refresh.ageTimer == nil else { return }
        scheduleAging()
    }

    private func scheduleAging() {
        let age = configuration.metadataAgeMaxMilliseconds * 1_000_000
        refresh.ageTimer = loop.after(age) { [weak self] in
            guard let self, !isClosed else { return }
            requestRefresh()
            scheduleAging()
        }
    }

    /// The leader of a partition; nil while there is none, or the topic is not known.
    func leader(of partition: TopicPartition) -> (node: Int32, epoch: Int32)? {
        guard let known = metadata.partition(partition), known.leader >= 0,
            metadata.brokers[known.leader] != nil
        else { return nil }
        return (known.leader, known.leaderEpoch)
    }
}
