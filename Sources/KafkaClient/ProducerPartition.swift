import KafkaProtocol
import Records

/// A batch on its way, from `send` to its completion.
final class ProducerBatch: @unchecked Sendable {
    var bytes: [UInt8]
    /// Which records of the batch that was handed over it holds: all, unless that one was split, or
    /// the broker has rejected some.
    var records: RecordRanges
    let size: Int
    /// The producer's memory that it gives back.
    var reserved: Int
    /// Monotonic nanoseconds after which it is given up.
    let deadline: Int64
    let done: Producer.Completion
    /// The place in the order of the partition: batches count by 2^32, parts by their first record.
    var order: UInt64 = 0
    /// It is a part of a batch that the broker did not take as a whole.
    let isPart: Bool
    /// The sequence number of its first record, once it has one.
    var baseSequence: Int32?
    /// True once bytes of it may have reached a broker: then its fate is not known until answered.
    var wasSent = false
    /// It may have been appended, or still be: an attempt had no answer that tells.
    var mayBeAppended = false
    /// The broker's last word was that it has not appended it.
    var isRefused = false
    /// Its completion was called; an answer that comes after that is ignored.
    var isCompleted = false
    var lastError: ClientError?

    init(
        bytes: consuming [UInt8], records: RecordRanges, deadline: Int64, isPart: Bool = false,
        done: @escaping Producer.Completion
    ) {
        size = bytes.count
        reserved = size
        self.bytes = bytes
        self.records = records
        self.isPart = isPart
        self.deadline = deadline
        self.done = done
    }

    /// Calls its completion, once for each stretch of records in a row.
    func report(_ result: Result<Int64, ClientError>) {
        var before: Int64 = 0
        for range in records.ranges {
            let first = before
            done(range, result.map { $0 < 0 ? $0 : $0 + first })
            before += Int64(range.count)
        }
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
    /// Nothing else is in flight until the first batch is acknowledged. A broker takes any number
    /// of a producer that it does not know, so what comes behind a batch that is rejected would be
    /// appended before the rest of it.
    private let isCautious: Bool
    private var isKnown = false
    /// The number that the broker expects, once it has refused a batch that others were behind.
    private(set) var expectedSequence: Int32?
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

    init(_ id: TopicPartition, isCautious: Bool = false) {
        self.id = id
        self.isCautious = isCautious
    }

    func add(_ batch: ProducerBatch) {
        lastOrder += 1 << 32
        batch.order = lastOrder
        queue.append(batch)
    }

    /// Puts the parts of a batch into its place, with its sequence numbers.
    func replace(_ batch: ProducerBatch, by parts: [ProducerBatch]) {
        var next = batch.baseSequence
        for part in parts {
            part.order = batch.order + UInt64(part.records.first - batch.records.first)
            if let identity, let first = next {
                number(part, as: identity, from: first)
                next = Self.sequence(first, plus: part.records.count)
            }
            requeue(part)
        }
    }

    /// Puts a batch behind all others, to be numbered anew.
    func postpone(_ batch: ProducerBatch) {
        batch.baseSequence = nil
        add(batch)
        hasFailed = true
    }

    /// After a failure, until nothing is in flight any more.
    private var isDraining: Bool { hasFailed && !flying.isEmpty }

    /// Whether nothing is in flight to another broker.
    func canSend(to node: Int32) -> Bool { flying.isEmpty || flyingTo == node }

    func canSend(at now: Int64) -> Bool {
        !queue.isEmpty && !isDraining && pausedUntil <= now
            && (flying.isEmpty || !needsRestart && (isKnown || !isCautious))
    }

    /// Takes the next batch to send to a broker, with its sequence numbers written into it.
    /// `current` is the producer's identity, in a higher epoch than before if a restart is due.
    func take(_ current: ProducerIdentity?, for node: Int32) -> ProducerBatch? {
        if needsRestart || identity == nil && current != nil { restart(as: current) }
        if let expectedSequence, flying.isEmpty { renumber(from: expectedSequence) }
        guard let batch = queue.popFirst() else { return nil }
        if let identity, batch.baseSequence == nil {
            number(batch, as: identity, from: nextSequence)
            nextSequence = Self.sequence(nextSequence, plus: batch.records.count)
        }
        batch.wasSent = true
        batch.isRefused = false
        hasFailed = false
        flyingTo = node
        flying.append(batch)
        return batch
    }

    private func number(
        _ batch: ProducerBatch, as identity: ProducerIdentity, from sequence: Int32
    ) {
        batch.baseSequence = sequence
        RecordBatchPatch.setProducer(
            &batch.bytes, id: identity.id, epoch: identity.epoch, baseSequence: sequence)
    }

    /// Sequence numbers wrap to 0 after the largest (KIP-98).
    private static func sequence(_ first: Int32, plus count: Int) -> Int32 {
        Int32((Int64(first) + Int64(count)) & Int64(Int32.max))
    }

    /// A batch came back, for good or not.
    func landed(_ batch: ProducerBatch) {
        flying.removeAll { $0 === batch }
    }

    /// A batch was appended, so a broker knows the producer.
    func appended() {
        isKnown = true
        // It has taken a batch behind one that was refused, or what was refused is in it by now.
        expectedSequence = nil
    }

    /// The broker says that it has appended nothing of a batch, so it still expects that number.
    /// Its rest may be in the queue. What was sent behind it is refused too and gets new numbers.
    func refused(_ batch: ProducerBatch) {
        guard identity != nil, !needsRestart, let first = batch.baseSequence,
            !batch.mayBeAppended
        else { return }
        // Of several that were refused in one go the first says it.
        expectedSequence = expectedSequence ?? first
        hasFailed = true
    }

    /// Numbers all that waits from `sequence` on, unless one of them may have been appended: then
    /// its number stays, and the broker will say that it does not follow.
    private func renumber(from sequence: Int32) {
        expectedSequence = nil
        var isSure = true
        queue.forEach { batch in
            if batch.wasSent, batch.mayBeAppended || !batch.isRefused { isSure = false }
        }
        guard isSure else { return }
        queue.forEach { $0.baseSequence = nil }
        nextSequence = sequence
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

    /// Whether a younger batch was sent and has not been answered for.
    func hasSent(after batch: ProducerBatch) -> Bool {
        var found = flying.contains { $0.order > batch.order }
        queue.forEach { found = found || ($0.wasSent && $0.order > batch.order) }
        return found
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
        isKnown = false
        expectedSequence = nil
        queue.forEach { $0.baseSequence = nil }
    }
}

/// What the cluster knows an idempotent producer by.
struct ProducerIdentity: Sendable, Equatable {
    var id: Int64
    var epoch: Int16
}
