import KafkaProtocol
import Platform
import Records

/// The partitions that one broker leads and that have batches to send.
final class ProducerSender: @unchecked Sendable {
    let node: Int32
    var ready = Queue<ProducerPartition>()
    var inFlight = 0
    var isScheduled = false
    var isConnecting = false

    init(_ node: Int32) {
        self.node = node
    }
}

/// A request of the producer: what it carries, to match the answer.
struct ProducerRequest: Sendable {
    var entries: [(partition: ProducerPartition, batch: ProducerBatch)] = []
    /// The topics by the ids that the request named them by.
    var topicNames: [UUID: String] = [:]
    var bytes = 0
}

extension Producer {
    /// Puts a partition into the list of its leader's sender, if it has something to send now.
    func schedule(_ partition: ProducerPartition) {
        guard !partition.isListed, partition.canSend(at: loop.clock.monotonicNanoseconds) else {
            return
        }
        guard let leader = cluster.leader(of: partition.id) else {
            return cluster.requestRefresh()
        }
        let sender = sender(leader.node)
        partition.isListed = true
        sender.ready.append(partition)
        pumpSoon(sender)
    }

    /// After new metadata: what waited for a leader may have one.
    func leadersChanged() {
        for partition in partitions.values { schedule(partition) }
    }

    private func sender(_ node: Int32) -> ProducerSender {
        if let known = senders[node] { return known }
        let sender = ProducerSender(node)
        senders[node] = sender
        return sender
    }

    /// Sends at the end of this turn of the loop, so that what is queued in it shares a request.
    func pumpSoon(_ sender: ProducerSender) {
        guard !sender.isScheduled else { return }
        sender.isScheduled = true
        loop.post { [self] in
            sender.isScheduled = false
            pump(sender)
        }
    }

    func pumpAll() {
        for sender in senders.values where !sender.ready.isEmpty { pumpSoon(sender) }
    }

    private func pump(_ sender: ProducerSender) {
        guard !sender.ready.isEmpty else { return }
        if configuration.usesIdempotence {
            guard case .ready = identity else { return requestIdentity() }
        }
        guard let broker = cluster.broker(sender.node) else {
            relist(sender)
            return cluster.requestRefresh()
        }
        guard let connection = broker.ready else { return connect(sender, broker) }
        guard let version = connection.version(of: ProduceRequest.api) else {
            return fail(sender, connection.unsupported(ProduceRequest.api))
        }
        while sender.inFlight < configuration.inFlightMax {
            let request = collect(sender)
            guard !request.entries.isEmpty else { return }
            submit(request, over: connection, sender, version: version)
        }
    }

    private func connect(_ sender: ProducerSender, _ broker: Broker) {
        guard !sender.isConnecting else { return }
        sender.isConnecting = true
        broker.connection { [self] result in
            sender.isConnecting = false
            if case .failure(let error) = result {
                note(error, sender)
                guard error.isRetriable else { return fail(sender, error) }
                // The leaders may have moved; if not, the broker's own pause spaces the attempts.
                relist(sender)
                cluster.requestRefresh()
            }
            pumpSoon(sender)
        }
    }

    /// Takes the partitions out of a sender's list; the next tick or metadata lists them again.
    private func relist(_ sender: ProducerSender) {
        for partition in sender.ready.removeAll() { partition.isListed = false }
    }

    private func note(_ error: ClientError, _ sender: ProducerSender) {
        sender.ready.forEach { $0.queue.forEach { $0.lastError = error } }
    }

    /// Fails all that a broker should get: it cannot take it.
    private func fail(_ sender: ProducerSender, _ error: ClientError) {
        for partition in sender.ready.removeAll() {
            partition.isListed = false
            for batch in partition.queue.removeAll() {
                complete(batch, of: partition, .failure(error))
            }
        }
    }

    /// Takes the first batch of each listed partition, as far as they fit in one request. A request
    /// may hold one batch a partition.
    private func collect(_ sender: ProducerSender) -> ProducerRequest {
        var request = ProducerRequest()
        let now = loop.clock.monotonicNanoseconds
        for _ in 0..<sender.ready.count {
            guard let partition = sender.ready.first else { break }
            let size = partition.queue.first?.size ?? 0
            if !request.entries.isEmpty, request.bytes + size > configuration.requestBytesMax {
                break
            }
            _ = sender.ready.popFirst()
            partition.isListed = false
            guard partition.canSend(at: now) else { continue }
            guard cluster.leader(of: partition.id)?.node == sender.node else {
                schedule(partition)
                continue
            }
            // The coordinator's answer lists it again.
            guard isInTransaction(partition) else { continue }
            // Its last batch in flight lists it again.
            guard partition.canSend(to: sender.node) else { continue }
            if partition.needsRestart { raiseEpoch(above: partition.identity) }
            if configuration.usesIdempotence, currentIdentity == nil {
                // There is no higher epoch: it goes on once the broker has given a new id.
                partition.isListed = true
                sender.ready.append(partition)
                break
            }
            guard let batch = partition.take(currentIdentity, for: sender.node) else { continue }
            request.bytes += batch.size
            request.entries.append((partition, batch))
            if partition.canSend(at: now) {
                partition.isListed = true
                sender.ready.append(partition)
            }
        }
        return request
    }

    private func submit(
        _ request: ProducerRequest, over connection: Connection, _ sender: ProducerSender,
        version: Int16
    ) {
        let (message, batches) = message(request)
        var request = request
        for topic in message.topicData { request.topicNames[topic.topicId] = topic.name }
        // From version 13 on topics go by id, which an old broker did not tell.
        var version = request.topicNames[.zero] == nil ? version : min(version, 12)
        // From version 12 on a partition joins a transaction unasked.
        if configuration.transactionalID != nil, transactionProtocol == .announced {
            version = min(version, 11)
        }
        let sent = request
        sender.inFlight += 1
        statistics.requestsSent += 1
        connection.produce(
            message, batches: batches, version: version,
            timeoutMilliseconds: cluster.configuration.requestTimeoutMilliseconds
        ) { [self] result in
            sender.inFlight -= 1
            switch result {
            case .success(let response): answered(sent, response)
            case .failure(let error):
                for (partition, batch) in sent.entries { failed(batch, of: partition, error) }
                if error.isRetriable { cluster.requestRefresh() }
            }
            pumpSoon(sender)
        }
    }

    private func message(_ request: ProducerRequest) -> (ProduceRequest, [[UInt8]]) {
        var topics: [String: [(ProducerPartition, ProducerBatch)]] = [:]
        for (partition, batch) in request.entries {
            topics[partition.id.topic, default: []].append((partition, batch))
        }
        var message = ProduceRequest()
        message.transactionalId = configuration.transactionalID
        message.acks = configuration.acks.rawValue
        message.timeoutMs = Int32(clamping: cluster.configuration.requestTimeoutMilliseconds)
        var batches: [[UInt8]] = []
        for (name, entries) in topics {
            message.topicData.append(
                .with {
                    $0.name = name
                    $0.topicId = cluster.metadata.topics[name]?.id ?? .zero
                    $0.partitionData = entries.map { partition, batch in
                        .with {
                            $0.index = partition.id.partition
                            $0.records = .external(batch.size)
                        }
                    }
                })
            batches += entries.map { $0.1.bytes }
        }
        return (message, batches)
    }
}
