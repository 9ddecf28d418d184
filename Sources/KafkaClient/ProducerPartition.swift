import KafkaProtocol
import Records

/// A batch on its way, from `send` to its completion.
final class ProducerBatch: @unchecked Sendable {
    var bytes: [UInt8]
    let records: Int
    let size: Int
    /// Monotonic nanoseconds after which it is given up.
    let deadline: Int64
    let done: Producer.Completion
    /// Counts the batches of a partition in the order of their `send`.
    var order: UInt64 = 0
    /// The sequence number of its first record, once it has one.
    var baseSequence: Int32?
    /// True once bytes of it may have reached a broker: then its fate is not known until answered.
    var wasSent = false
    /// Its completion was called; an answer that comes after that is ignored.
    var isCompleted = false
    var lastError: ClientError?

    init(
        bytes: consuming [UInt8], records: Int, deadline: Int64,
        done: @escaping Producer.Completion
    ) {
        size = bytes.count
        self.bytes = bytes
        self.records = records
        self.deadline = deadline
        self.done = done
    }
}

/// The batches of one partition, in order; used on the producer's loop.
///
/// Order is kept over retries like this: after a failure nothing more is sent until all that is in
/// flight came back, then everything is sent again from the lowest sequence number on. The broker
/// drops what it has already. As it remembers the last five batches only, a new leader gets nothing
/// until the old one has answered for all: five in flight to each would be too many to tell apart.
final class ProducerPartition: @unchecked Sendable {
    let id: TopicPartition
    /// Not in flight, by `order`.
    var queue = Queue<ProducerBatch>()
    /// Batches in flight, by `order`.
    var flying: [ProducerBatch] = []
    /// The broker that those in flight were sent to.
    private var flyingTo: Int32 = -1
    private var lastOrder: UInt64 = 0
    /// Whose numbers its batches have; nil before the first, and without idempotence.
    private(set) var identity: ProducerIdentity?
    private var nextSequence: Int32 = 0
    /// A batch has failed, and nothing was sent since.
    private(set) var hasFailed = false
    /// The numbers are lost, on this side or on the broker's: once nothing is in flight, those that
    /// wait get new ones in a higher epoch, which refuses what was sent before.
    var needsRestart = false
    /// Monotonic nanoseconds before which nothing is sent.
    var pausedUntil: Int64 = 0
    /// Failures in a row.
    var failures = 0
    /// True while a sender has it in its list.
    var isListed = false

    init(_ id: TopicPartition) {
        self.id = id
    }

    func add(_ batch: ProducerBatch) {
        lastOrder += 1
        batch.order = lastOrder
        queue.append(batch)
    }

    /// After a failure, until nothing is in flight any more.
    private var isDraining: Bool { hasFailed && !flying.isEmpty }

    /// Whether nothing is in flight to another broker.
    func canSend(to node: Int32) -> Bool { flying.isEmpty || flyingTo == node }

    func canSend(at now: Int64) -> Bool {
        !queue.isEmpty && !isDraining && pausedUntil <= now && !(needsRestart && !flying.isEmpty)
    }

    /// Takes the next batch to send to a broker, with its sequence numbers written into it.
    /// `current` is the producer's identity, in a higher epoch than before if a restart is due.
    func take(_ current: ProducerIdentity?, for node: Int32) -> ProducerBatch? {
        if needsRestart || identity == nil && current != nil { restart(as: current) }
        guard let batch = queue.popFirst() else { return nil }
        if let identity, batch.baseSequence == nil {
            batch.baseSequence = nextSequence
            RecordBatchPatch.setProducer(
                &batch.bytes, id: identity.id, epoch: identity.epoch, baseSequence: nextSequence)
            // Sequence numbers wrap to 0 after the largest (KIP-98).
            nextSequence = Int32((Int64(nextSequence) + Int64(batch.records)) & Int64(Int32.max))
        }
        batch.wasSent = true
        hasFailed = false
        flyingTo = node
        flying.append(batch)
        return batch
    }

    /// A batch came back, for good or not.
    func landed(_ batch: ProducerBatch) {
        flying.removeAll { $0 === batch }
    }

    /// Puts a batch back, to be sent again in its place.
    func requeue(_ batch: ProducerBatch) {
        queue.insert(batch) { $0.order > batch.order }
        hasFailed = true
    }

    /// Whether an older batch has not been acknowledged, so that a gap before this one is expected.
    func hasOlder(than batch: ProducerBatch) -> Bool {
        flying.contains { $0.order < batch.order }
            || (queue.first.map { $0.order < batch.order } ?? false)
    }

    /// Whether a batch that is not completed was numbered: it may have been appended already.
    var hasNumbered: Bool {
        // Those that were sent before stand in front of the others.
        !flying.isEmpty || queue.first?.baseSequence != nil
    }

    private func restart(as current: ProducerIdentity?) {
        needsRestart = false
        identity = current
        nextSequence = 0
        queue.forEach { $0.baseSequence = nil }
    }
}

/// What the cluster knows an idempotent producer by.
struct ProducerIdentity: Sendable, Equatable {
    var id: Int64
    var epoch: Int16
}
