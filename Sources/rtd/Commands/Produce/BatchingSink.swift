import Bytes
import Formats
import KafkaClient
import Platform
import Records

/// What the records of `rtd produce` go into; called on the reader's thread.
protocol ProduceSink: RecordSink, ~Copyable {
    /// Good records so far.
    var count: Int { get }
    /// As many records have come as are wanted.
    var isFull: Bool { get }
    /// A delivery or stdout has failed, so nothing more is wanted.
    var isHalted: Bool { get }
    /// Records come from this input now.
    mutating func began(input: String)
    /// `bytes` of input are about to be parsed.
    mutating func chunkBegan(bytes: Int)
    /// All whole records of the chunk have come.
    mutating func chunkEnded()
    /// Nanoseconds until what is held may wait no longer in input that pauses; nil if nothing is
    /// held.
    func flushDelay() -> Int64?
    /// The delay is over: what has waited long enough leaves.
    mutating func paused()
    /// Lets go of what is held.
    mutating func flush()
}

extension ProduceSink where Self: ~Copyable {
    mutating func paused() { flush() }
}

/// What is known of the topic before the first record is sent.
struct TopicRoute: Sendable {
    var partitions: Int32
    /// `max.message.bytes`: a larger batch is refused.
    var batchBytesMax: Int
}

/// Builds record batches straight from the input's bytes, one a partition at a time, and hands them
/// to the producer; waits when too much is under way.
///
/// Nothing is allocated per record. A batch leaves when it is full, when the input pauses and
/// nothing else is under way, or when it has become old.
struct BatchingSink: ProduceSink, ~Copyable {
    /// The batch of one partition.
    private final class OpenBatch {
        var builder: RecordBatchBuilder
        let target: TopicPartition
        var places = BatchPlaces()
        /// Monotonic nanoseconds.
        var began: Int64 = 0

        init(_ target: TopicPartition, capacity: Int) {
            self.target = target
            builder = RecordBatchBuilder(capacity: capacity)
        }
    }

    private final class Scratch {
        var buffer = OutputBuffer(capacity: 256)
    }

    private let settings: ProduceSettings
    private let route: TopicRoute
    private let producer: Producer
    private let delivery: Delivery
    private let report: DeliveryReport?
    private let clock: any Clock = SystemClock()
    private let partitioner: KeyPartitioner
    private let batchBytesMax: Int
    private var attributes = RecordBatchBuilder.Attributes()
    private var sticky: StickyPartitioner
    private var tee: TeeOutput
    private var cut: TransactionCut?
    /// The transaction ends with this record.
    private var nextCut = Int.max

    private(set) var count = 0
    private(set) var isHalted = false
    private var bytesRead = 0
    private let inputs: [String]
    /// Of the inputs, the one that is read.
    private var input = -1
    /// The clock's times when the chunk began.
    private var wall: Int64 = 0
    private var now: Int64 = 0

    /// The batch of the only partition that records go to.
    private let single: OpenBatch?
    /// By partition, where there are several.
    private var batches: [OpenBatch?]
    /// Those that hold records, the oldest first.
    private var open: [OpenBatch] = []
    private var batchCount = 0
    /// Holds a record that gets the key of `-k`.
    private let scratch = Scratch()

    init(
        _ settings: ProduceSettings, _ route: TopicRoute, _ producer: Producer,
        _ delivery: Delivery, _ report: DeliveryReport?
    ) {
        self.settings = settings
        self.route = route
        self.producer = producer
        self.delivery = delivery
        self.report = report
        inputs = settings.inputs.map(\.name)
        partitioner = KeyPartitioner(choice: settings.partitioner)
        batchBytesMax = min(settings.batchBytesMax, route.batchBytesMax)
        attributes.codec = settings.codec
        attributes.transactional = producer.configuration.transactionalID != nil
        cut = TransactionCut(settings.transactionSpan, producer, delivery)
        nextCut = cut?.nextCount ?? .max
        attributes.compressionLevel = settings.compressionLevel
        attributes.hasChecksum = !producer.configuration.usesIdempotence
        sticky = StickyPartitioner(seed: SystemRandom().next(), stickyBytes: batchBytesMax)
        tee = TeeOutput(settings)
        let only = route.partitions == 1 ? 0 : settings.partition ?? -1
        if only >= 0 {
            let target = TopicPartition(settings.topic, only)
            single = OpenBatch(target, capacity: min(batchBytesMax + 1_024, 2 << 20))
            batches = []
        } else {
            single = nil
            batches = Array(repeating: nil, count: Int(route.partitions))
        }
    }

    var isFull: Bool { count >= settings.countMax }

    mutating func began(input: String) { self.input += 1 }

    mutating func chunkBegan(bytes: Int) {
        bytesRead += bytes
        wall = clock.wallMilliseconds
        now = clock.monotonicNanoseconds
        cut?.chunkBegan(count, now)
        checkHalt()
    }

    mutating func append(_ record: ParsedRecord, in bytes: RawSpan) throws(RecordTextError) {
        guard !isFull, !isHalted else { throw .usage("") }
        guard settings.completesRecords else { return try add(record, bytes) }
        let scratch = scratch
        scratch.buffer.removeAll()
        let record = settings.completed(record, bytes, &scratch.buffer)
        if scratch.buffer.isEmpty {
            try add(record, bytes)
        } else {
            try add(record, scratch.buffer.bytes)
        }
    }

    @inline(__always)
    private mutating func add(
        _ record: ParsedRecord, _ bytes: RawSpan
    ) throws(RecordTextError) {
        let size = RecordBatchBuilder.sizeMax(
            key: record.key?.count ?? 0, value: record.value?.count ?? 0,
            headers: record.headers.bytes.count)
        let batch =
            if let single, record.partition == nil {
                single
            } else {
                try batch(for: record, bytes, size)
            }
        if batch.builder.size + size > batchBytesMax || batch.builder.isEmpty
            || Int(batch.builder.count) >= settings.batchRecordsMax
        {
            try begin(batch, record, size)
        }
        let timestamp = record.timestamp ?? wall
        if record.headers.count == 0 {
            batch.builder.append(
                key: record.key, value: record.value, in: bytes, timestamp: timestamp)
        } else {
            batch.builder.append(
                key: record.key, value: record.value, in: bytes, timestamp: timestamp,
                headers: record.headers)
        }
        batch.places.add(record.place, of: input)
        count &+= 1
        if tee.isOn { tee.add(record, bytes) }
        if count >= nextCut { commit() }
    }

    /// Ends the transaction behind the last record.
    @inline(never)
    private mutating func commit() {
        flush()
        cut?.commit(count)
        nextCut = cut?.nextCount ?? .max
        checkHalt()
    }

    /// Makes room in a batch that is full, and begins the next.
    @inline(never)
    private mutating func begin(
        _ batch: OpenBatch, _ record: ParsedRecord, _ size: Int
    ) throws(RecordTextError) {
        let bytes = size - RecordBatchBuilder.sizeMax(key: 0, value: 0)
        if settings.codec == .none {
            let limit = route.batchBytesMax - ProduceLimits.recordOverheadBytes
            guard bytes <= limit else { throw .tooLong(record.place, limit: limit) }
        }
        if let limit = settings.requestBytesMax {
            let bytes = bytes + ProduceLimits.recordOverheadBytes
            guard bytes <= limit else {
                let reason = "it takes \(bytes) bytes, more than max.request.size, \(limit)"
                throw .invalid(record.place, reason: reason)
            }
        }
        if !batch.builder.isEmpty { send(batch) }
        checkHalt()
        if isHalted { throw .usage("") }
        batch.began = now
        open.append(batch)
        if batches.count > 1, openBytes > ProduceLimits.buildingBytes { flush() }
    }

    private var openBytes: Int { open.reduce(0) { $0 + $1.builder.size } }

    private mutating func batch(
        for record: ParsedRecord, _ bytes: RawSpan, _ size: Int
    ) throws(RecordTextError) -> OpenBatch {
        let partition = try partition(for: record, bytes, size)
        if let single { return single }
        if let known = batches[Int(partition)] { return known }
        let made = OpenBatch(TopicPartition(settings.topic, partition), capacity: 16 << 10)
        batches[Int(partition)] = made
        return made
    }

    private mutating func partition(
        for record: ParsedRecord, _ bytes: RawSpan, _ size: Int
    ) throws(RecordTextError) -> Int32 {
        let partitions = route.partitions
        if let named = record.partition {
            guard named >= 0, named < partitions else {
                let reason = "there is no partition \(named), the topic has \(partitions)"
                throw .invalid(record.place, reason: reason)
            }
            return named
        }
        if settings.partition == nil {
            let chosen =
                if let key = record.key {
                    partitioner.partition(key: bytes.extracting(key), partitions: partitions)
                } else {
                    partitioner.partition(key: nil, partitions: partitions)
                }
            if let chosen { return chosen }
        }
        return sticky.partition(size: size, partitions: partitions)
    }

    // MARK: Sending

    mutating func chunkEnded() {
        tee.write(delivery)
        let limit = settings.lingerNanoseconds ?? ProduceLimits.busyNanoseconds
        while let oldest = open.first, now - oldest.began >= limit, !isHalted { send(oldest) }
        if cut?.delay(count, now) == 0, !isHalted { commit() }
    }

    func flushDelay() -> Int64? {
        let now = clock.monotonicNanoseconds
        guard let delay = batchDelay(now) else { return cut?.delay(count, now) }
        return min(delay, cut?.delay(count, now) ?? delay)
    }

    private func batchDelay(_ now: Int64) -> Int64? {
        guard let oldest = open.first else { return nil }
        if let linger = settings.lingerNanoseconds { return max(0, oldest.began + linger - now) }
        if delivery.isIdle { return 0 }
        let left = max(0, oldest.began + ProduceLimits.pauseNanoseconds - now)
        return min(left, ProduceLimits.lookNanoseconds)
    }

    mutating func paused() {
        flush()
        if cut?.delay(count, clock.monotonicNanoseconds) == 0, !isHalted { commit() }
    }

    mutating func flush() {
        while let oldest = open.first { send(oldest) }
        tee.write(delivery)
        delivery.update {
            $0.read = count
            $0.bytesRead = bytesRead
        }
    }

    private mutating func send(_ batch: OpenBatch) {
        open.removeAll { $0 === batch }
        batchCount += 1
        let records = Int(batch.builder.count)
        let info = Delivery.Batch(
            number: batchCount, partition: batch.target.partition, records: records,
            bytes: batch.builder.size, places: batch.places, inputs: inputs)
        batch.places = BatchPlaces()
        let bytes = batch.builder.finish(attributes)
        sticky.batchFinished()
        delivery.began(info, read: count, bytesRead: bytesRead)
        let delivery = delivery
        let report = report
        producer.sendBlocking(batch: bytes, records: records, to: batch.target) { part, result in
            let info = info.part(part)
            delivery.ended(info, result)
            report?.add(info, result, delivery)
        }
    }

    private mutating func checkHalt() {
        if !isHalted { isHalted = !delivery.goesOn }
    }
}
