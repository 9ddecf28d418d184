import Bytes
import LogStorage
import Platform
import Records

/// A compacted log on a simulated disk, driven from a seed, beside a model of what its records say:
/// puts and deletes of keys, by plain, idempotent and transactional producers.
final class CompactedLog {
    struct Put: Equatable {
        var key: String
        /// Nil for a tombstone.
        var value: String?
        var timestamp: Int64
    }

    /// A batch as it was appended.
    struct Written {
        var baseOffset: Int64
        var puts: [Put]
        /// Its producer, and whether it is part of a transaction.
        var producerID: Int64
        var isTransactional: Bool
        /// For a marker: whether it commits.
        var marker: Bool?
        var lastSequence: Int32
        var lastOffset: Int64 { baseOffset + Int64(max(1, puts.count)) - 1 }
    }

    let disk: SimulatedFileSystem
    let fileSystem: ObservedFileSystem
    let clock: SimulatedClock
    var random: SeededRandom
    var settings = LogSettings()
    var log: Log
    private(set) var written: [Written] = []
    private var sequences: [Int64: Int32] = [:]
    private var open: Set<Int64> = []
    /// Runs that have taken something away.
    private(set) var runs = 0
    var acknowledged: Int64 = 0

    init(seed: UInt64) throws {
        random = SeededRandom(seed: seed)
        disk = SimulatedFileSystem()
        fileSystem = ObservedFileSystem(disk)
        clock = SimulatedClock()
        settings.isCompacted = true
        settings.segmentBytes = 600 + random.below(3_000)
        settings.checkpointBytes = Int64(500 + random.below(6_000))
        settings.retentionMilliseconds = -1
        settings.deleteRetentionMilliseconds = Int64(random.below(3) * 800)
        log = try Self.open(fileSystem, clock, settings).0
    }

    static func open(
        _ fileSystem: any FileSystem, _ clock: SimulatedClock, _ settings: LogSettings
    ) throws(LogError) -> (Log, RecoveryReport) {
        clock.advance(milliseconds: 1)
        return try Log.open(
            directory: "/log", fileSystem: fileSystem, clock: clock, settings: settings)
    }

    // MARK: Steps

    func step() throws {
        switch random.below(20) {
        case 0..<8: try append(producer: random.chance(1, in: 2) ? Int64(random.below(2)) : -1)
        case 8..<12: try append(producer: 10 + Int64(random.below(3)), isTransactional: true)
        case 12..<14: try endTransaction()
        case 14: try sync()
        case 15: clock.advance(milliseconds: Int64(random.below(1_200)))
        case 16..<18: try compact()
        case 18: if random.chance(1, in: 3) { try deleteSome() }
        default: if random.chance(1, in: 2) { try reopen() }
        }
    }

    func sync() throws {
        try log.synchronize()
        acknowledged = log.durableEnd
    }

    private func append(producer: Int64, isTransactional: Bool = false) throws {
        let puts = (0...random.below(4)).map { _ in
            Put(
                key: "k\(random.below(9))",
                value: random.chance(1, in: 4)
                    ? nil : String(repeating: "v", count: random.below(60)) + "\(random.next())",
                timestamp: clock.wallMilliseconds - Int64(random.below(50)))
        }
        let sequence = producer < 0 ? -1 : (sequences[producer] ?? -1) + 1
        var attributes = RecordBatchBuilder.Attributes()
        attributes.codec = CompressionCodec.allCases[random.below(CompressionCodec.allCases.count)]
        attributes.producerID = producer
        attributes.producerEpoch = producer < 0 ? -1 : 0
        attributes.baseSequence = sequence
        attributes.transactional = isTransactional
        let batch = Self.batch(puts, attributes)
        let durability: Durability = random.chance(1, in: 2) ? .synced : .appended
        let result = try log.append(batch, durability, now: clock.wallMilliseconds)
        let last = sequence < 0 ? -1 : sequence + Int32(puts.count) - 1
        if producer >= 0 { sequences[producer] = last }
        if isTransactional { open.insert(producer) }
        written.append(
            Written(
                baseOffset: result.baseOffset, puts: puts, producerID: producer,
                isTransactional: isTransactional, marker: nil, lastSequence: last))
    }

    private func endTransaction() throws {
        guard let producer = open.sorted().first else { return }
        open.remove(producer)
        let isCommit = random.chance(1, in: 2)
        let batch = Batches.marker(commit: isCommit, producerID: producer, epoch: 0)
        let result = try log.append(batch, .synced, now: clock.wallMilliseconds)
        written.append(
            Written(
                baseOffset: result.baseOffset, puts: [], producerID: producer,
                isTransactional: true, marker: isCommit, lastSequence: -1))
    }

    func compact(memoryBytes: Int = 1 << 20) throws {
        if random.chance(1, in: 3) { try? log.beginSegment() }
        let result = try log.compact(
            nowMilliseconds: clock.wallMilliseconds, memoryBytes: memoryBytes,
            hashKey: (random.next(), random.next()))
        if result.recordsAfter < result.recordsBefore { runs += 1 }
        acknowledged = max(acknowledged, log.durableEnd)
    }

    func deleteSome() throws {
        let (low, high) = (log.startOffset, log.highWatermark)
        guard high > low else { return }
        try log.deleteRecords(before: low + Int64(random.below(Int(high - low))))
    }

    private func reopen() throws {
        try log.close()
        acknowledged = log.endOffset
        log = try Self.open(fileSystem, clock, settings).0
    }

    static func batch(_ puts: [Put], _ attributes: RecordBatchBuilder.Attributes) -> [UInt8] {
        var builder = RecordBatchBuilder()
        for put in puts {
            Array(put.key.utf8).withUnsafeBytes { key in
                if let value = put.value {
                    Array(value.utf8).withUnsafeBytes {
                        builder.append(key: key, value: $0, timestamp: put.timestamp)
                    }
                } else {
                    builder.append(key: key, value: nil, timestamp: put.timestamp)
                }
            }
        }
        return builder.finish(attributes)
    }
}
