import Foundation
import LogStorage
import Platform
import Records
import Testing

private let statesWanted =
    ProcessInfo.processInfo.environment["RTD_CRASH_STATES"].flatMap { Int($0) } ?? 3_000
private let firstSeed =
    ProcessInfo.processInfo.environment["RTD_CRASH_SEED"].flatMap { UInt64($0) } ?? 1

@Suite struct CompactionTests {
    @Test func `readers see the same map after any number of runs, restarts and deletions`() throws
    {
        var runs = 0
        for seed in firstSeed..<firstSeed + UInt64(max(100, statesWanted / 30)) {
            let model = try CompactedLog(seed: seed)
            for _ in 0..<120 {
                try model.step()
                let violation = try model.violation(of: model.log)
                try #require(violation == nil, "seed \(seed)")
            }
            runs += model.runs
        }
        #expect(runs > 100)
    }

    @Test func `a crash at any call of a run leaves the old segments or the new ones`() throws {
        var states = 0
        var seed = firstSeed
        while states < statesWanted {
            let model = try CompactedLog(seed: seed)
            for _ in 0..<30 { try model.step() }
            for round in 0..<4 {
                for _ in 0..<12 { try model.step() }
                try model.log.beginSegment()
                try model.sync()
                var disks: [SimulatedFileSystem] = []
                var number: UInt64 = 0
                model.fileSystem.willChange = {
                    number += 1
                    disks.append(model.disk.crash(seed: seed << 20 | number))
                    if number % 3 == 0 { disks.append(model.disk.killed()) }
                }
                try model.compact()
                model.fileSystem.willChange = nil
                for (place, disk) in disks.enumerated() {
                    try check(model, disk, "seed \(seed), round \(round), state \(place)")
                    states += 1
                }
            }
            seed += 1
        }
    }

    private func check(_ model: CompactedLog, _ disk: SimulatedFileSystem, _ place: String) throws {
        let verdict = try LogCheck.run(directory: "/log", fileSystem: disk)
        #expect(verdict.findings == [], "\(place)")
        let (log, report) = try CompactedLog.open(disk, model.clock, model.settings)
        var violation = try model.violation(of: log, report)
        try #require(violation == nil, "\(place)")
        // It goes on from there: another run, and another crash.
        _ = try log.compact(
            nowMilliseconds: model.clock.wallMilliseconds, memoryBytes: 1 << 20, hashKey: (1, 2))
        violation = try model.violation(of: log)
        try #require(violation == nil, "\(place), and a run after it")
        let cut = disk.crash(seed: UInt64(place.utf8.count))
        let (last, second) = try CompactedLog.open(cut, model.clock, model.settings)
        violation = try model.violation(of: last, second)
        try #require(violation == nil, "\(place), and a crash after it")
    }

    @Test func `what is deleted beside a run shows no aborted record later`() throws {
        var deletions = 0
        for seed in firstSeed..<firstSeed + UInt64(max(100, statesWanted / 30)) {
            let model = try CompactedLog(seed: seed)
            for _ in 0..<30 { try model.step() }
            for round in 0..<6 {
                for _ in 0..<12 { try model.step() }
                try model.log.beginSegment()
                try model.sync()
                let start = model.log.startOffset
                // Before what is left is read, or when it was read and is not in its place yet.
                var calls = model.random.below(3)
                model.fileSystem.willWrite = { path in
                    guard path.hasSuffix(".log.tmp") else { return }
                    calls -= 1
                    guard calls < 0 else { return }
                    model.fileSystem.willWrite = nil
                    try? model.deleteSome()
                }
                try model.compact()
                model.fileSystem.willWrite = nil
                if model.log.startOffset > start { deletions += 1 }
                try model.compact()
                let violation = try model.violation(of: model.log)
                try #require(violation == nil, "seed \(seed), round \(round)")
            }
        }
        #expect(deletions > 50)
    }

    @Test func `an aborted transaction that was compacted away hides nothing after a restart`()
        throws
    {
        let disk = SimulatedFileSystem()
        let clock = SimulatedClock()
        var settings = LogSettings()
        settings.isCompacted = true
        settings.producerExpirationMilliseconds = 1_000
        settings.retentionMilliseconds = -1
        settings.deleteRetentionMilliseconds = 0
        var log = try CompactedLog.open(disk, clock, settings).0
        func transaction(_ value: String, commits: Bool) throws {
            let batch = Batches.keyed(["k": value], producerID: 7, sequence: 0, transactional: true)
            try log.append(batch, now: clock.wallMilliseconds)
            try log.append(
                Batches.marker(commit: commits, producerID: 7, epoch: 0),
                now: clock.wallMilliseconds)
            try log.synchronize()
        }
        func expire() throws {
            clock.advance(milliseconds: 5_000)
            try log.applyRetention(nowMilliseconds: clock.wallMilliseconds)
            #expect(log.producerStates.isEmpty)
        }
        func run() throws {
            for number in 0..<3 {
                try log.append(
                    Batches.keyed(["other": "\(number)"]), now: clock.wallMilliseconds)
                try log.beginSegment()
                try log.synchronize()
                _ = try log.compact(
                    nowMilliseconds: clock.wallMilliseconds, memoryBytes: 1 << 20, hashKey: (1, 2))
            }
        }
        func restart() throws {
            try log.close()
            log = try CompactedLog.open(disk, clock, settings).0
        }
        try transaction("aborted", commits: false)
        try expire()
        try run()
        try restart()
        try transaction("committed", commits: true)
        try expire()
        try run()
        try restart()
        // One without its marker hides from readers what the producer commits after it.
        #expect(log.abortedTransactions(in: 0..<log.endOffset).isEmpty)
        let found = try CompactedLog.read(log)
        #expect(found.fault == nil)
        #expect(found.puts.contains { $0.put.value == "committed" })
        #expect(!found.puts.contains { $0.put.value == "aborted" })
    }

    @Test func `a call that fails in a run costs nothing`() throws {
        let calls: [SimulatedFileSystem.Call] = [
            .write, .sync, .syncDirectory, .create, .rename, .remove, .read,
        ]
        // In these a log that had failed removed segments: what had taken their names, and what
        // producers had said since the last snapshot, went with them.
        let once: [UInt64] = [2_611_802, 2_612_249]
        for seed in once + Array(firstSeed..<firstSeed + UInt64(max(150, statesWanted / 10))) {
            let model = try CompactedLog(seed: seed)
            for _ in 0..<40 { try model.step() }
            try model.log.beginSegment()
            try model.sync()
            var random = SeededRandom(seed: seed)
            let call = calls[random.below(calls.count)]
            model.disk.fail(call, after: 1 + random.below(8))
            try? model.compact()
            var violation = try? model.violation(of: model.log)
            #expect(violation == .some(nil) || call == .read, "seed \(seed) \(call)")
            for _ in 0..<20 { try? model.step() }
            for disk in [model.disk.killed(), model.disk.crash(seed: seed)] {
                let (log, report) = try CompactedLog.open(disk, model.clock, model.settings)
                violation = try model.violation(of: log, report)
                #expect(violation == .some(nil), "seed \(seed) \(call)")
            }
        }
    }

    @Test func `a full disk ends a run and keeps the log`() throws {
        for seed in firstSeed..<firstSeed + 60 {
            let model = try CompactedLog(seed: seed)
            for _ in 0..<60 { try model.step() }
            try model.log.beginSegment()
            try model.sync()
            model.disk.setBudget(Int64(SeededRandom(seed: seed).limited(to: 900)))
            try? model.compact()
            model.disk.setBudget(nil)
            var violation = try model.violation(of: model.log)
            #expect(violation == nil, "seed \(seed)")
            #expect(model.log.failureReason == nil, "seed \(seed)")
            try model.compact()
            violation = try model.violation(of: model.log)
            #expect(violation == nil, "seed \(seed)")
            #expect(model.disk.paths.allSatisfy { !$0.hasSuffix(".tmp") }, "seed \(seed)")
        }
    }
}

extension SeededRandom {
    fileprivate func limited(to limit: Int) -> Int {
        var copy = self
        return copy.below(limit)
    }
}
