import Foundation
import LogStorage
import Platform
import Testing

/// Crash states per run: `RTD_CRASH_STATES` raises it.
private let statesWanted =
    ProcessInfo.processInfo.environment["RTD_CRASH_STATES"].flatMap { Int($0) } ?? 2_000
/// The first seed: `RTD_CRASH_SEED` chooses another range.
private let firstSeed =
    ProcessInfo.processInfo.environment["RTD_CRASH_SEED"].flatMap { UInt64($0) } ?? 1

private func seeds(_ count: Int) -> [UInt64] { Array(firstSeed..<firstSeed + UInt64(count)) }

@Suite struct CrashTests {
    /// Runs of 60 steps with a crash state after each step.
    private func everyState(_ share: Int, _ check: (SimulatedLog, UInt64) throws -> Void) throws {
        var states = 0
        var seed = firstSeed
        while states < statesWanted / share {
            let simulated = try SimulatedLog(seed: seed)
            for step in 0..<60 {
                try simulated.step()
                try check(simulated, seed << 16 | UInt64(step))
                states += 1
            }
            seed += 1
        }
    }

    @Test func `a power cut loses nothing acknowledged`() throws {
        try everyState(2) { simulated, seed in
            let disk = simulated.fileSystem.crash(seed: seed)
            let (log, report) = try SimulatedLog.open(disk, simulated.clock, simulated.settings)
            let violation = try simulated.violation(of: log, report)
            #expect(violation == nil, "seed \(seed)")
        }
    }

    @Test func `kill -9 loses nothing appended`() throws {
        try everyState(10) { simulated, seed in
            let disk = simulated.fileSystem.killed()
            let (log, report) = try SimulatedLog.open(disk, simulated.clock, simulated.settings)
            let violation = try simulated.violation(of: log, report)
            #expect(violation == nil, "seed \(seed)")
            #expect(log.endOffset == simulated.log.endOffset, "seed \(seed)")
        }
    }

    @Test func `recovery done twice leaves the same bytes and the log goes on`() throws {
        try everyState(5) { simulated, seed in
            let disk = simulated.fileSystem.crash(seed: seed)
            let (first, _) = try SimulatedLog.open(disk, simulated.clock, simulated.settings)
            let segments = disk.segments
            let again = disk.crash(seed: seed ^ 0xff)
            let (log, report) = try SimulatedLog.open(again, simulated.clock, simulated.settings)
            #expect(again.segments == segments, "seed \(seed)")
            #expect(log.endOffset == first.endOffset, "seed \(seed)")
            let violation = try simulated.violation(of: log, report)
            #expect(violation == nil, "seed \(seed)")
            let result = try log.append(Batches.make(["afterwards"]))
            try log.synchronize()
            let last = again.crash(seed: seed ^ 0xffff)
            let (third, _) = try SimulatedLog.open(last, simulated.clock, simulated.settings)
            #expect(try third.records()[result.baseOffset] == "afterwards", "seed \(seed)")
        }
    }

    @Test func `a crash during recovery loses nothing`() throws {
        let calls: [SimulatedFileSystem.Call] = [
            .write, .sync, .syncDirectory, .remove, .truncate, .create,
        ]
        try everyState(5) { simulated, seed in
            var random = SeededRandom(seed: seed)
            var disk = simulated.fileSystem.crash(seed: seed)
            for _ in 0..<2 {
                disk.fail(calls[random.below(calls.count)], after: 1 + random.below(3))
                _ = try? SimulatedLog.open(disk, simulated.clock, simulated.settings)
                disk = disk.crash(seed: random.next())
            }
            let (log, report) = try SimulatedLog.open(disk, simulated.clock, simulated.settings)
            let violation = try simulated.violation(of: log, report)
            #expect(violation == nil, "seed \(seed)")
        }
    }

    @Test func `after a failed sync nothing is acknowledged or shown, and a restart heals`() throws
    {
        for seed in seeds(max(20, statesWanted / 20)) + [988] {
            let simulated = try SimulatedLog(seed: seed)
            let failing = 1 + SeededRandom(seed: seed).first(below: 12)
            simulated.fileSystem.fail(.sync, after: failing)
            for _ in 0..<80 where simulated.log.failureReason == nil { try? simulated.step() }
            simulated.workers.runAll()
            guard simulated.log.failureReason != nil else { continue }
            let acknowledged = simulated.acknowledged.value
            let watermark = simulated.log.highWatermark
            #expect(throws: LogError.self) { try simulated.log.append(Batches.make(["x"])) }
            try? simulated.log.synchronize()
            simulated.workers.runAll()
            #expect(simulated.acknowledged.value == acknowledged, "seed \(seed)")
            #expect(simulated.log.highWatermark == watermark, "seed \(seed)")
            // The process restarts, and then the machine loses power: what the first restart showed
            // must still be there.
            let disk = simulated.fileSystem.killed()
            let (log, report) = try SimulatedLog.open(disk, simulated.clock, simulated.settings)
            var violation = try simulated.violation(of: log, report)
            #expect(violation == nil, "seed \(seed)")
            let cut = disk.crash(seed: seed)
            let (after, second) = try SimulatedLog.open(cut, simulated.clock, simulated.settings)
            violation = try simulated.violation(of: after, second)
            #expect(violation == nil, "seed \(seed)")
            #expect(after.endOffset == log.endOffset, "seed \(seed)")
        }
    }

    @Test func `any call that fails once costs nothing acknowledged`() throws {
        let calls: [SimulatedFileSystem.Call] = [
            .write, .sync, .syncDirectory, .create, .rename, .truncate, .read, .remove,
        ]
        for seed in seeds(max(80, statesWanted / 10)) + [1_554, 1_785] {
            let simulated = try SimulatedLog(seed: seed)
            var random = SeededRandom(seed: seed)
            let call = calls[random.below(calls.count)]
            simulated.fileSystem.fail(call, after: 1 + random.below(20))
            for _ in 0..<80 { try? simulated.step() }
            simulated.workers.runAll()
            for disk in [simulated.fileSystem.killed(), simulated.fileSystem.crash(seed: seed)] {
                let (log, report) = try SimulatedLog.open(
                    disk, simulated.clock, simulated.settings)
                let violation = try simulated.violation(of: log, report)
                #expect(violation == nil, "seed \(seed) \(call)")
            }
        }
    }

    @Test func `an unsynced snapshot does not outrun its mark`() throws {
        for seed in UInt64(1)...40 {
            let (disk, clock) = (SimulatedFileSystem(), SimulatedClock())
            let settings = LogSettings()
            let (log, _) = try SimulatedLog.open(disk, clock, settings)
            try log.append(Batches.make(["a"], producerID: 1, epoch: 0, sequence: 0))
            try log.close()
            let (second, _) = try SimulatedLog.open(disk, clock, settings)
            try second.append(Batches.make(["b"], producerID: 1, epoch: 0, sequence: 1))
            // The new snapshot gets its name, the directory is not synced.
            disk.fail(.syncDirectory, after: 1)
            #expect(throws: LogError.self) { try second.close() }
            let restarted = disk.killed()
            let (third, _) = try SimulatedLog.open(restarted, clock, settings)
            #expect(third.producerState(1)?.lastSequence == 1)
            let (fourth, _) = try SimulatedLog.open(restarted.crash(seed: seed), clock, settings)
            #expect(fourth.producerState(1)?.lastSequence == 1, "seed \(seed)")
        }
    }

    @Test func `a creation that was cut short keeps what is acknowledged later`() throws {
        let calls: [SimulatedFileSystem.Call] = [.write, .sync, .syncDirectory, .create]
        for (call, number) in calls.flatMap({ call in (1...4).map { (call, $0) } }) {
            for seed in UInt64(1)...20 {
                let (disk, clock) = (SimulatedFileSystem(), SimulatedClock())
                disk.fail(call, after: number)
                _ = try? SimulatedLog.open(disk, clock, LogSettings())
                let restarted = disk.killed()
                let (log, _) = try SimulatedLog.open(restarted, clock, LogSettings())
                try log.append(Batches.make(["kept"]))
                try log.synchronize()
                let cut = restarted.crash(seed: seed)
                let (after, _) = try SimulatedLog.open(cut, clock, LogSettings())
                #expect(try after.records()[0] == "kept", "\(call) \(number), seed \(seed)")
            }
        }
    }

    @Test func `a full disk refuses writes, keeps reads and goes on when space returns`() throws {
        for seed in seeds(max(20, statesWanted / 20)) {
            let simulated = try SimulatedLog(seed: seed)
            for _ in 0..<20 { try simulated.step() }
            simulated.fileSystem.setBudget(Int64(SeededRandom(seed: seed).first(below: 4_000)))
            var refused = 0
            for _ in 0..<60 {
                do { try simulated.append() } catch { refused += 1 }
                simulated.workers.runAll()
            }
            #expect(refused > 0, "seed \(seed)")
            if simulated.log.failureReason == nil {
                _ = try simulated.log.readAll()
                simulated.fileSystem.setBudget(nil)
                try simulated.append()
                try simulated.log.synchronize()
                #expect(simulated.log.durableEnd == simulated.log.endOffset, "seed \(seed)")
            } else {
                Issue.record("read-only after ENOSPC: \(simulated.log.failureReason ?? "")")
            }
            let disk = simulated.fileSystem.crash(seed: seed)
            let (log, report) = try SimulatedLog.open(disk, simulated.clock, simulated.settings)
            let violation = try simulated.violation(of: log, report)
            #expect(violation == nil, "seed \(seed)")
        }
    }
}

extension SeededRandom {
    /// The first number of the seed.
    fileprivate func first(below limit: Int) -> Int {
        var copy = self
        return copy.below(limit)
    }
}
