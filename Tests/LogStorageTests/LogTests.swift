import LogStorage
import Platform
import Records
import Testing

@Suite struct LogTests {
    let temporary = TemporaryDirectory()

    func open(_ settings: LogSettings = LogSettings()) throws -> (Log, RecoveryReport) {
        try Log.open(
            directory: temporary.path, fileSystem: POSIXFileSystem(), clock: SystemClock(),
            settings: settings)
    }

    @Test func `what was appended is read back with its offsets`() throws {
        let (log, report) = try open()
        #expect(report == RecoveryReport())
        let first = try log.append(Batches.make(["a", "b"]), .synced)
        let second = try log.append(Batches.make(["c"]) + Batches.make(["d", "e"]), .appended)
        #expect(first.baseOffset == 0)
        #expect(first.lastOffset == 1)
        #expect(second.baseOffset == 2)
        #expect(second.endOffset == 5)
        #expect(log.highWatermark == 0)
        try log.synchronize()
        #expect(log.highWatermark == 5)
        #expect(try log.records() == [0: "a", 1: "b", 2: "c", 3: "d", 4: "e"])
    }

    @Test func `a fetch from inside a batch gives the whole batch`() throws {
        let (log, _) = try open()
        try log.append(Batches.make(["a", "b", "c"]))
        try log.append(Batches.make(["d"]))
        try log.synchronize()
        let slice = try #require(
            try log.read(from: 1, maxBytes: 1, upTo: 4, minOneBatch: true))
        #expect(slice.baseOffset == 0)
        #expect(slice.nextOffset == 3)
        #expect(try log.read(from: 1, maxBytes: 1, upTo: 4, minOneBatch: false) == nil)
        #expect(try log.read(from: 1, maxBytes: 1, upTo: 2, minOneBatch: true) == nil)
        #expect(try log.read(from: 4, maxBytes: 1, upTo: 4, minOneBatch: true) == nil)
        #expect(throws: LogError.offsetOutOfRange(start: 0, end: 4)) {
            try log.read(from: 5, maxBytes: 1, upTo: 4, minOneBatch: true)
        }
    }

    @Test func `a log closed in order opens without reading or a new epoch`() throws {
        var (log, report) = try open()
        for i in 0..<2_000 { try log.append(Batches.make(["\(i)"])) }
        try log.close()
        #expect(throws: LogError.closed) { try log.append(Batches.make(["x"])) }
        (log, report) = try open()
        #expect(report == RecoveryReport())
        #expect(log.endOffset == 2_000)
        #expect(log.leaderEpoch == 0)
        let records = try log.records()
        #expect(records.count == 2_000)
        #expect(records[1_234] == "1234")
    }

    @Test func `a log that was not closed keeps its records and raises the epoch`() throws {
        let (first, _) = try open()
        for i in 0..<700 { try first.append(Batches.make(["\(i)"])) }
        try first.synchronize()
        for i in 700..<800 { try first.append(Batches.make(["\(i)"]), .appended) }
        let (log, report) = try open()
        #expect(report.isUnclean)
        #expect(report.recoveredBytes > 0)
        #expect(report.raisedEpoch == 1)
        #expect(try log.records().count == 800)
        #expect(log.epochEnd(for: 0)?.endOffset == 800)
    }

    @Test func `segments roll by size and reads go across them`() throws {
        var settings = LogSettings()
        settings.segmentBytes = 4_096
        var (log, report) = try open(settings)
        for i in 0..<1_000 { try log.append(Batches.make(["value \(i)"])) }
        try log.synchronize()
        #expect(log.segmentCount > 15)
        #expect(try log.records().count == 1_000)
        (log, report) = try open(settings)
        #expect(report.findings.isEmpty)
        #expect(report.rebuiltIndexes.isEmpty)
        #expect(try log.records()[999] == "value 999")
    }

    @Test func `appends, reads, syncs and retention go on beside each other`() async throws {
        var settings = LogSettings()
        settings.segmentBytes = 20_000
        settings.retentionMilliseconds = -1
        settings.retentionBytes = 60_000
        let (log, _) = try open(settings)
        let commit = GroupCommit(workers: WorkerThreads(threadsMax: 4))
        await withTaskGroup(of: Int.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    for i in 0..<300 {
                        let batch = Batches.make(["\(writer) \(i)"])
                        guard let result = try? log.append(batch, i % 2 == 0 ? .synced : .appended)
                        else { return 1 }
                        commit.commit(log, upTo: result.endOffset) { _ in }
                        if i % 100 == 99 {
                            try? log.synchronize()
                            _ = try? log.applyRetention(nowMilliseconds: 0)
                        }
                    }
                    return 0
                }
                group.addTask {
                    var wrong = 0
                    for _ in 0..<100 {
                        let from = log.startOffset
                        guard let bytes = try? log.readAll(from: from) else { continue }
                        let headers = Batches.headers(bytes)
                        for (i, header) in headers.enumerated().dropFirst()
                        where header.baseOffset != headers[i - 1].lastOffset + 1 { wrong += 1 }
                    }
                    return wrong
                }
            }
            for await wrong in group { #expect(wrong == 0) }
        }
        try log.synchronize()
        #expect(log.endOffset == 1_200)
        #expect(log.highWatermark == 1_200)
        #expect(log.startOffset > 0)
    }

    @Test func `waiters of one round share it`() async throws {
        let (log, _) = try open()
        let commit = GroupCommit(workers: WorkerThreads(threadsMax: 4))
        await withTaskGroup(of: Bool.self) { group in
            for i in 0..<64 {
                group.addTask {
                    guard let result = try? log.append(Batches.make(["\(i)"])) else { return false }
                    return await withCheckedContinuation { continuation in
                        commit.commit(log, upTo: result.endOffset) { outcome in
                            if case .success = outcome {
                                continuation.resume(
                                    returning: log.durableEnd >= result.endOffset)
                            } else {
                                continuation.resume(returning: false)
                            }
                        }
                    }
                }
            }
            for await kept in group { #expect(kept) }
        }
        #expect(log.highWatermark == 64)
        #expect(commit.rounds >= 1)
    }
}
