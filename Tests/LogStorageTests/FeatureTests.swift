import LogStorage
import Platform
import Records
import Testing

@Suite struct FeatureTests {
    let clock = SimulatedClock()
    let disk = SimulatedFileSystem()

    private func open(_ change: (inout LogSettings) -> Void = { _ in }) throws -> Log {
        var settings = LogSettings()
        settings.segmentBytes = 1_000
        change(&settings)
        return try SimulatedLog.open(disk, clock, settings).0
    }

    private func fill(_ log: Log, _ count: Int) throws {
        for i in 0..<count {
            try log.append(
                Batches.make(["\(i)"], timestamp: Int64(1_000 + 10 * i)),
                now: clock.wallMilliseconds)
        }
        try log.synchronize()
    }

    @Test func `the high watermark waits for acks=all batches and keeps the order`() throws {
        let log = try open()
        try log.append(Batches.make(["a"]))
        try log.synchronize()
        try log.append(Batches.make(["b"]), .appended)
        #expect(log.highWatermark == 2)
        try log.append(Batches.make(["c"]), .synced)
        try log.append(Batches.make(["d"]), .appended)
        #expect(log.highWatermark == 2)
        #expect(try log.records().count == 2)
        try log.synchronize()
        #expect(log.highWatermark == 4)
        #expect(log.durableEnd == 4)
    }

    @Test func `a topic that never syncs acknowledges at once`() throws {
        let log = try open { $0.flushMessages = .max }
        let result = try log.append(Batches.make(["a"]))
        #expect(log.highWatermark == 1)
        let told = SimulatedLog.Counter()
        GroupCommit(workers: SimulatedWorkers()).commit(log, upTo: result.endOffset) { _ in
            told.raise(to: 1)
        }
        #expect(told.value == 1)
    }

    @Test(arguments: [false, true])
    func `a log that is never synced tells by its epoch that a power cut took what was read`(
        changesLater: Bool
    ) throws {
        var settings = LogSettings()
        settings.flushMessages = changesLater ? 1 : .max
        let log = try SimulatedLog.open(disk, clock, settings).0
        settings.flushMessages = .max
        log.update(settings)
        let workers = SimulatedWorkers()
        let commit = GroupCommit(workers: workers)
        for _ in 0..<3 {
            let result = try log.append(Batches.make(["a"]), .appended)
            #expect(result.needsSync == (changesLater && log.durableEnd == 0))
            if result.needsSync { commit.schedule(log) }
            workers.runAll()
        }
        #expect(log.highWatermark == 3)
        for seed in UInt64(0)..<10 {
            let (found, report) = try SimulatedLog.open(disk.crash(seed: seed), clock, settings)
            #expect(found.leaderEpoch == 1, "seed \(seed)")
            #expect(report.raisedEpoch == 1)
        }
    }

    @Test func `what waits for a sync can be read once syncs are turned off`() throws {
        var settings = LogSettings()
        let log = try open()
        try log.append(Batches.make(["a"]))
        #expect(log.highWatermark == 0)
        settings.flushMessages = .max
        log.update(settings)
        #expect(log.highWatermark == 1)
    }

    @Test func `readers are told when the high watermark moves`() throws {
        let log = try open()
        let calls = SimulatedLog.Counter()
        log.onAdvance { calls.raise(to: calls.value + 1) }
        try log.append(Batches.make(["a"]))
        #expect(calls.value == 0)
        try log.synchronize()
        #expect(calls.value == 1)
        try log.append(Batches.make(["b"]), .appended)
        #expect(calls.value == 2)
    }

    @Test func `retention by time removes whole segments, the last one too`() throws {
        let log = try open { $0.retentionMilliseconds = 5_000 }
        try fill(log, 100)
        let before = log.segmentCount
        #expect(try log.applyRetention(nowMilliseconds: 1_000) == 0)
        #expect(try log.applyRetention(nowMilliseconds: 6_500) > 0)
        #expect(log.segmentCount < before)
        #expect(log.startOffset > 0)
        let slice = try #require(
            try log.read(from: log.startOffset, maxBytes: 1, upTo: 100, minOneBatch: true))
        #expect(try log.applyRetention(nowMilliseconds: 100_000) > 0)
        #expect(log.startOffset == 100)
        #expect(try slice.read().count == slice.count)
        let reopened = try open()
        #expect(reopened.startOffset == 100)
        #expect(reopened.endOffset == 100)
        #expect(try reopened.append(Batches.make(["x"])).baseOffset == 100)
    }

    @Test func `retention by size keeps at least that many bytes`() throws {
        let log = try open {
            $0.retentionMilliseconds = -1
            $0.retentionBytes = 3_000
        }
        try fill(log, 100)
        try log.applyRetention(nowMilliseconds: 1_000)
        #expect(log.sizeInBytes >= 3_000)
        #expect(log.sizeInBytes < 4_100)
    }

    @Test func `deleted records stay deleted, and the offset is exact`() throws {
        let log = try open()
        try fill(log, 50)
        #expect(try log.deleteRecords(before: 21) == 21)
        #expect(throws: LogError.offsetOutOfRange(start: 21, end: 50)) {
            try log.read(from: 20, maxBytes: 1, upTo: 50, minOneBatch: true)
        }
        #expect(throws: LogError.offsetOutOfRange(start: 21, end: 50)) {
            try log.deleteRecords(before: 51)
        }
        let cut = disk.crash(seed: 1)
        let (after, _) = try SimulatedLog.open(cut, clock, log.settings)
        #expect(after.startOffset == 21)
        #expect(try log.deleteRecords(before: -1) == 50)
        #expect(try log.records().isEmpty)
    }

    @Test func `a timestamp finds the first record that is not older`() throws {
        let log = try open()
        try fill(log, 60)
        try log.append(Batches.make(["x", "y", "z"], timestamp: 500))
        try log.synchronize()
        #expect(try log.offset(forTimestamp: 0)?.offset == 0)
        #expect(try log.offset(forTimestamp: 1_101)?.offset == 11)
        #expect(try log.offset(forTimestamp: 1_110)?.offset == 11)
        #expect(try log.offset(forTimestamp: 1_590)?.offset == 59)
        #expect(try log.offset(forTimestamp: 1_591) == nil)
        #expect(try log.maxTimestamp()?.offset == 59)
        #expect(try log.maxTimestamp()?.timestamp == 1_590)
        try log.deleteRecords(before: 60)
        #expect(try log.offset(forTimestamp: 100)?.offset == 60)
    }

    @Test func `leader epochs tell where they ended, across a restart`() throws {
        var log = try open()
        try fill(log, 10)
        #expect(try log.raiseLeaderEpoch() == 1)
        try fill(log, 5)
        #expect(try log.raiseLeaderEpoch() == 2)
        try log.close()
        log = try open()
        #expect(log.leaderEpoch == 2)
        #expect(log.epochEnd(for: 0)?.endOffset == 10)
        #expect(log.epochEnd(for: 1)?.endOffset == 15)
        #expect(log.epochEnd(for: 2)?.endOffset == 15)
        #expect(log.epochEnd(for: 3) == nil)
        #expect(log.epoch(at: 9) == 0)
        #expect(log.epoch(at: 10) == 1)
    }

    private func idempotent(_ sequence: Int32, _ count: Int = 1, epoch: Int16 = 0) -> [UInt8] {
        Batches.make(
            (0..<count).map { "\(sequence) \($0)" }, producerID: 9, epoch: epoch,
            sequence: sequence)
    }

    @Test func `an idempotent producer's batches are taken once and in order`() throws {
        var log = try open()
        try log.append(idempotent(0, 3))
        try log.append(idempotent(3))
        let again = try log.append(idempotent(0, 3))
        #expect(again.isDuplicate)
        #expect(again.baseOffset == 0)
        #expect(again.lastOffset == 2)
        #expect(log.endOffset == 4)
        let gap = LogError.outOfOrderSequence(producerID: 9, expected: 4, got: 6)
        #expect(throws: gap) { try log.append(idempotent(6)) }
        try log.append(idempotent(0, epoch: 1))
        #expect(throws: LogError.invalidProducerEpoch(producerID: 9, current: 1, got: 0)) {
            try log.append(idempotent(4))
        }
        try log.close()
        log = try open()
        #expect(try log.append(idempotent(0, epoch: 1)).isDuplicate)
        #expect(try log.append(idempotent(1, epoch: 1)).baseOffset == 5)
    }

    @Test func `a producer with a transaction under way sends nothing outside of it`() throws {
        let log = try open()
        func batch(_ sequence: Int32, transactional: Bool) -> [UInt8] {
            Batches.make(
                ["\(sequence)"], producerID: 9, epoch: 0, sequence: sequence,
                transactional: transactional)
        }
        try log.append(batch(0, transactional: true))
        #expect(throws: LogError.outsideTransaction(producerID: 9)) {
            try log.append(batch(1, transactional: false))
        }
        try log.append(Batches.marker(commit: true, producerID: 9, epoch: 0))
        try log.append(batch(1, transactional: false))
    }

    @Test func `silent producers are forgotten`() throws {
        let log = try open {
            $0.producerExpirationMilliseconds = 1_000
            $0.retentionMilliseconds = -1
        }
        try log.append(idempotent(0))
        try log.applyRetention(nowMilliseconds: 1_500)
        #expect(log.producerState(9) != nil)
        try log.applyRetention(nowMilliseconds: 2_500)
        #expect(log.producerState(9) == nil)
    }

    @Test func `an open transaction holds the last stable offset, an aborted one is listed`() throws
    {
        var log = try open()
        try log.append(Batches.make(["plain"]))
        try log.append(
            Batches.make(["t"], producerID: 4, epoch: 0, sequence: 0, transactional: true))
        try log.append(Batches.make(["plain"]))
        try log.synchronize()
        #expect(log.lastStableOffset == 1)
        try log.close()
        log = try open()
        #expect(log.lastStableOffset == 1)
        try log.append(Batches.marker(commit: false, producerID: 4, epoch: 0))
        #expect(log.lastStableOffset == 1)
        try log.synchronize()
        #expect(log.lastStableOffset == 4)
        let aborted = log.abortedTransactions(in: 0..<4)
        #expect(aborted.map(\.firstOffset) == [1])
        #expect(aborted.map(\.lastOffset) == [3])
        let (killed, _) = try SimulatedLog.open(disk.killed(), clock, log.settings)
        #expect(killed.abortedTransactions(in: 0..<4) == aborted)
    }

    @Test func `log append time is stamped and indexed`() throws {
        let log = try open { $0.usesLogAppendTime = true }
        let result = try log.append(Batches.make(["a"], timestamp: 5), now: 77_000)
        #expect(result.logAppendTime == 77_000)
        try log.synchronize()
        #expect(try log.offset(forTimestamp: 76_000)?.timestamp == 77_000)
        let header = Batches.headers(try log.readAll())[0]
        #expect(header.usesLogAppendTime)
        #expect(header.maxTimestamp == 77_000)
    }

    @Test func `appends stop while the reserve is touched`() throws {
        let space = SpaceGuard(fileSystem: disk, path: "/", freeBytesMin: 1 << 30)
        let log = try Log.open(
            directory: "/other", fileSystem: disk, clock: clock, space: space
        ).0
        try log.append(Batches.make(["a"]), now: 0)
        disk.setFreeBytes(1 << 29)
        #expect(throws: LogError.noSpace) { try log.append(Batches.make(["b"]), now: 1_000) }
        try log.synchronize()
        #expect(try log.records().count == 1)
        disk.setFreeBytes(1 << 39)
        #expect(throws: LogError.noSpace) { try log.append(Batches.make(["b"]), now: 1_500) }
        try log.append(Batches.make(["b"]), now: 2_000)
    }

    @Test func `a snapshot of producers that found no room is written when there is some`() throws {
        for budget in stride(from: Int64(0), to: 2_400, by: 40) {
            let disk = SimulatedFileSystem()
            var settings = LogSettings()
            settings.segmentBytes = 1_500
            settings.checkpointBytes = 500
            let log = try Log.open(
                directory: "/log", fileSystem: disk, clock: clock, settings: settings
            ).0
            var sequence: Int32 = 0
            func append(_ count: Int) throws {
                for _ in 0..<count {
                    try log.append(
                        Batches.make(
                            ["\(sequence)"], producerID: 7, epoch: 0, sequence: sequence))
                    sequence += 1
                    try log.synchronize()
                }
            }
            try append(3)
            disk.setBudget(budget)
            try? append(30)
            disk.setBudget(nil)
            let before = try? disk.readAll("/log/snapshot", limit: 1 << 20)
            try append(40)
            let after = try? disk.readAll("/log/snapshot", limit: 1 << 20)
            #expect(after != nil && after != before, "budget \(budget)")
        }
    }

    @Test func `records that are deleted while they are read in are out of range, not damaged`()
        throws
    {
        try fill(try open(), 1_000)
        let log = try open()
        func slice(from offset: Int64) throws -> LogSlice {
            try #require(try log.read(from: offset, maxBytes: 500, upTo: 1_000, minOneBatch: true))
        }
        let first = try slice(from: 0)
        #expect(first.isCold)
        // So many others are read that the first segment's index is closed.
        for offset in stride(from: Int64(0), to: 1_000, by: 5) { _ = try slice(from: offset) }
        try log.deleteRecords(before: 900)
        #expect(throws: LogError.offsetOutOfRange(start: 900, end: 1_000)) { try log.load(first) }
        let later = try slice(from: 900)
        log.discard()
        try disk.removeTree(SimulatedLog.directory)
        #expect(throws: LogError.closed) { try log.load(later) }
        #expect(log.damagedRanges.isEmpty)
    }

    @Test func `files in memory are logs with descriptors`() throws {
        let memory = MemoryFileSystem(bytesMax: 1 << 20)
        let log = try Log.open(directory: "/m", fileSystem: memory, clock: clock).0
        try log.append(Batches.make(["a", "b"]))
        try log.synchronize()
        #expect(try log.records() == [0: "a", 1: "b"])
        let slice = try #require(
            try log.read(from: 0, maxBytes: 100, upTo: 2, minOneBatch: true))
        #expect(slice.file.descriptor != nil)
        try log.close()
        let again = try Log.open(directory: "/m", fileSystem: memory, clock: clock).0
        #expect(again.endOffset == 2)
    }

    @Test func `a long log is found again through its index file`() throws {
        let log = try open { $0.segmentBytes = 1 << 30 }
        for i in 0..<12_000 { try log.append(Batches.make(["\(i)"]), .appended) }
        try log.synchronize()
        for offset in stride(from: Int64(0), to: 12_000, by: 997) {
            let slice = try #require(
                try log.read(from: offset, maxBytes: 200, upTo: 12_000, minOneBatch: true))
            #expect(slice.baseOffset == offset)
            #expect(try log.load(slice).nextOffset == slice.nextOffset)
            #expect(slice.count > 100 && slice.count <= 200)
        }
        #expect(try log.records().count == 12_000)
        let path = try #require(disk.paths.first { $0.hasSuffix(".index") })
        var bytes = try #require(disk.contents(path))
        for i in 1_000..<2_000 { bytes[i] ^= 0x55 }
        disk.setContents(path, bytes)
        #expect(try log.records().count == 12_000)
    }
}
