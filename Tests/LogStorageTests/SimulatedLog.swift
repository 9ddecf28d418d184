import Bytes
import LogStorage
import Platform
import Records
import Testing

/// A log on a simulated disk, driven from a seed, and a model of what it must hold.
final class SimulatedLog {
    struct Stored {
        var baseOffset: Int64
        var lastOffset: Int64
        var bytes: [UInt8]
        var producerID: Int64
        var lastSequence: Int32
    }

    static let directory = "/log"
    let fileSystem: SimulatedFileSystem
    let clock = SimulatedClock()
    let commit: GroupCommit
    let workers: SimulatedWorkers
    var random: SeededRandom
    var settings = LogSettings()
    var log: Log
    /// All batches appended, in order.
    var stored: [Stored] = []
    /// Everything below was acknowledged as durable.
    let acknowledged = Counter()
    /// Everything below could be read at some time.
    var seen: Int64 = 0
    var start: Int64 = 0
    /// False while a close or an open has failed.
    private var isInOrder = true
    private var sequences: [Int64: Int32] = [:]

    /// A number that completions write.
    final class Counter: @unchecked Sendable {
        private let lock = Lock()
        private var stored: Int64 = 0
        var value: Int64 { lock.withLock { stored } }
        func raise(to value: Int64) { lock.withLock { stored = max(stored, value) } }
    }

    init(seed: UInt64) throws {
        random = SeededRandom(seed: seed)
        workers = SimulatedWorkers(seed: seed)
        commit = GroupCommit(workers: workers)
        fileSystem = SimulatedFileSystem()
        settings.segmentBytes = 1_500 + random.below(6_000)
        settings.checkpointBytes = Int64(500 + random.below(6_000))
        settings.retentionMilliseconds = -1
        log = try Self.open(fileSystem, clock, settings).0
    }

    static func open(
        _ fileSystem: SimulatedFileSystem, _ clock: SimulatedClock, _ settings: LogSettings
    ) throws(LogError) -> (Log, RecoveryReport) {
        clock.advance(milliseconds: 1)
        return try Log.open(
            directory: directory, fileSystem: fileSystem, clock: clock, settings: settings)
    }

    /// Does one random thing that a partition goes through.
    func step() throws {
        switch random.below(20) {
        case 0..<10: try append()
        case 10..<14: workers.runAll()
        case 14..<15: clock.advance(milliseconds: Int64(random.below(1_500)))
        case 15..<16: workers.runOne()
        case 16: if random.chance(1, in: 4) { try deleteSome() }
        case 17: if random.chance(1, in: 4) { try log.raiseLeaderEpoch() }
        case 18: if random.chance(1, in: 4) { try reopen() }
        default: try log.synchronize(); acknowledged.raise(to: log.durableEnd)
        }
        seen = max(seen, log.highWatermark)
    }

    func append() throws {
        let values = (0...random.below(3)).map { _ in
            String(repeating: "x", count: random.below(300)) + "\(random.next())"
        }
        let producer: Int64 = random.chance(1, in: 2) ? Int64(random.below(3)) : -1
        let sequence = producer < 0 ? -1 : (sequences[producer] ?? -1) + 1
        var bytes = Batches.make(
            values, timestamp: clock.wallMilliseconds, producerID: producer,
            epoch: producer < 0 ? -1 : 0, sequence: sequence)
        let durability: Durability = random.chance(2, in: 3) ? .synced : .appended
        let headers = Batches.headers(bytes)
        let (log, now) = (self.log, clock.wallMilliseconds)
        let result = try bytes.withUnsafeMutableBytes { buffer in
            try log.append(
                buffer, headers: headers, durability: durability, nowMilliseconds: now)
        }
        if producer >= 0 { sequences[producer] = headers[0].lastSequence }
        stored.append(
            Stored(
                baseOffset: result.baseOffset, lastOffset: result.lastOffset, bytes: bytes,
                producerID: producer, lastSequence: headers[0].lastSequence))
        if durability == .synced {
            commit.commit(log, upTo: result.endOffset) { [acknowledged] outcome in
                if case .success = outcome { acknowledged.raise(to: result.endOffset) }
            }
        } else if result.needsSync {
            commit.schedule(log)
        }
    }

    private func deleteSome() throws {
        let low = log.startOffset
        let high = log.highWatermark
        guard high > low else { return }
        start = try log.deleteRecords(before: low + Int64(random.below(Int(high - low))))
    }

    private func reopen() throws {
        workers.runAll()
        let wasInOrder = isInOrder
        isInOrder = false
        try log.close()
        acknowledged.raise(to: log.endOffset)
        let (opened, report) = try Self.open(fileSystem, clock, settings)
        isInOrder = true
        if wasInOrder { #expect(report == RecoveryReport()) }
        #expect(opened.endOffset == (stored.last?.lastOffset ?? -1) + 1)
        log = opened
    }

    /// Checks a log recovered from this one's disk: all that was acknowledged, nothing that was not
    /// written, bytes as they were. Gives a sentence about what is wrong.
    func violation(of recovered: Log, _ report: RecoveryReport) throws -> String? {
        let end = recovered.endOffset
        if !report.findings.isEmpty { return "damage reported: \(report.findings)" }
        if end < acknowledged.value { return "end \(end), acknowledged \(acknowledged.value)" }
        if recovered.highWatermark != end { return "high watermark is not the end" }
        if recovered.startOffset < start { return "start \(recovered.startOffset), was \(start)" }
        let kept = stored.filter { $0.lastOffset < end && $0.lastOffset >= recovered.startOffset }
        if let last = kept.last, last.lastOffset + 1 != end { return "the end is inside a batch" }
        if try recovered.readAll() != kept.flatMap(\.bytes) { return "other bytes" }
        if end < seen, report.raisedEpoch == nil { return "read records are lost without an epoch" }
        return producerViolation(recovered, end)
    }

    private func producerViolation(_ recovered: Log, _ end: Int64) -> String? {
        for id in Int64(0)..<3 {
            let last = stored.last { $0.producerID == id && $0.lastOffset < end }
            let found = recovered.producerState(id)?.lastSequence
            // What lies below the start may be forgotten.
            if let last, last.lastOffset < recovered.startOffset, found == nil { continue }
            if last?.lastSequence != found {
                return
                    "producer \(id): sequence \(found ?? -1), not \(last?.lastSequence ?? -1)"
            }
        }
        return nil
    }
}

extension SimulatedFileSystem {
    /// The bytes of all segments, by path.
    var segments: [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        for path in paths where path.hasSuffix(".log") { found[path] = contents(path) }
        return found
    }
}
