import ArgumentParsing
import Bytes
import Platform

/// What a benchmark does, with every default filled in.
struct BenchLoad: Sendable {
    var workload: BenchOptions.Workload
    /// Bytes of a value; with a payload file, of its mean line.
    var valueBytes = 100
    /// The values to send, over and over; empty: made of random bytes.
    var values: [[UInt8]] = []
    var randomRatio = 0.5
    var count: Int?
    /// Used without `count`.
    var durationNanoseconds: Int64 = 10_000_000_000
    /// Records a second over all producers; 0 for as many as they can.
    var rate = 0
    var warmupNanoseconds: Int64 = 0
    var producers = 1
    var consumers = 1
    var topics = 1
    var partitions = 1
    /// Kafka's number.
    var acks: Int16 = -1
    var lingerNanoseconds: Int64 = 0
    var batchBytes: Int
    var codec = CompressionCodec.none
    /// `--txn`: how much one transaction holds; nil without transactions.
    var transactionSpan: TransactionSpan?
    /// Requests of one producer that wait for their answer.
    var inFlightMax = BenchLimits.inFlightMax
    /// Of the cluster that is measured.
    var security = BenchSecurity.none
    /// Bytes asked for by one fetch.
    var fetchBytes = BenchLimits.fetchBytes

    init(
        _ options: BenchOptions, _ properties: ClientProperties = ClientProperties()
    ) throws(CommandFailure) {
        workload = options.workload
        valueBytes = options.size ?? valueBytes
        randomRatio = options.randomRatio ?? randomRatio
        count = options.count
        durationNanoseconds = options.duration?.nanosecondsClamped ?? durationNanoseconds
        rate = options.rate ?? 0
        warmupNanoseconds = options.warmup?.nanosecondsClamped ?? 0
        producers = options.producers ?? producers
        consumers = options.consumers ?? consumers
        topics = options.topics ?? topics
        partitions = options.partitions ?? partitions
        switch options.acks {
        case .none?: acks = 0
        case .leader?: acks = 1
        case .all?, nil: acks = -1
        }
        transactionSpan =
            options.isTransactional
            ? options.transactionSpan ?? .time(BenchLimits.transactionSpan) : nil
        lingerNanoseconds = options.linger?.nanosecondsClamped ?? 0
        batchBytes = options.batchBytes ?? properties.batchBytes ?? BenchLimits.batchBytes
        inFlightMax = max(1, properties.inFlightMax ?? inFlightMax)
        fetchBytes = min(max(1, properties.fetchBytesMax ?? fetchBytes), BenchLimits.fetchBytesMax)
        codec = options.compression.flatMap { CompressionCodec(name: $0.rawValue) } ?? .none
        if let path = options.payloadFile { try readValues(path) }
        let all = topics * partitions
        guard all <= BenchLimits.partitionsMax else {
            throw CommandFailure(
                "bench: \(all) partitions are more than the \(BenchLimits.partitionsMax) of a run",
                status: UsageError.exitStatus)
        }
    }

    private mutating func readValues(_ path: String) throws(CommandFailure) {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try POSIXFileSystem().readAll(path, limit: BenchLimits.payloadFileBytesMax)
        } catch {
            throw CommandFailure("\(error)")
        }
        values = bytes.split(separator: 10).map { Array($0) }
        guard !values.isEmpty else { throw CommandFailure("\(path) has no line to send") }
        valueBytes = max(1, values.reduce(0) { $0 + $1.count } / values.count)
    }

    /// Records of one full batch. The bytes of a record around its value are at most about ten.
    var recordsPerBatch: Int {
        max(1, (batchBytes - BenchLimits.batchHeaderBytes) / (valueBytes + 10))
    }

    var allPartitions: Int { topics * partitions }

    /// The part of `total` that worker `number` of `workers` does.
    static func share(_ total: Int, _ number: Int, of workers: Int) -> Int {
        total / workers + (number < total % workers ? 1 : 0)
    }
}

/// Bounds and defaults of the benchmark.
enum BenchLimits {
    /// What fits under Kafka's default for `max.message.bytes` (1,048,588).
    static let batchBytes = 1_000_000
    static let batchHeaderBytes = 61
    static let partitionsMax = 100_000
    static let payloadFileBytesMax = 256 << 20
    /// Requests of one producer that wait for their answer, as Kafka's
    /// `max.in.flight.requests.per.connection`.
    static let inFlightMax = 5
    /// Bytes of the batches that one producer sends over and over.
    static let poolBytes = 4 << 20
    /// Bytes of all producers' batches together.
    static let poolsBytesMax = 256 << 20
    /// How long a transaction is open where nothing else is asked for.
    static let transactionSpan = Duration.milliseconds(100)
    /// Bytes asked for by one fetch.
    static let fetchBytes = 16 << 20
    static let fetchBytesMax = 256 << 20
    /// Bytes that one system call of a consumer receives at most: they stay in the cache.
    static let fetchReadBytes = 1 << 20
    static let frameBytesMax = 1 << 30
    /// Bytes of a string in the answer to a fetch.
    static let fieldBytesMax = 64 << 10
    static let fetchWaitMilliseconds: Int32 = 100
    static let readBytes = 64 << 10
    /// Bytes sent before a `consume` without a count.
    static let backlogBytes = 512 << 20
    /// How long acknowledged records may take to be read, once all are sent.
    static let drainNanoseconds: Int64 = 60_000_000_000
    /// How long a floor measures, and each of its parts a quarter as long.
    static let floorNanoseconds: Int64 = 2_000_000_000
    /// Events of a data set for queries, and how many there are in a second of event time.
    static let queryEvents = 2_000_000
    static let nexmarkRate = 10_000
    /// Rows a second of `--live`, for how long, and how often the first row is timed.
    static let liveRate = 100_000
    static let liveNanoseconds: Int64 = 3_000_000_000
    static let liveStarts = 11
    /// Rounds of `--compare`, each of which runs both.
    static let comparedRounds = 3
}
