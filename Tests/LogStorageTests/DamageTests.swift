import LogStorage
import Platform
import Records
import Testing

@Suite struct DamageTests {
    let clock = SimulatedClock()

    /// A log of three segments, closed in order, and its records.
    private func closedLog() throws -> (SimulatedFileSystem, LogSettings, [Int64: String]) {
        let disk = SimulatedFileSystem()
        var settings = LogSettings()
        settings.segmentBytes = 700
        settings.retentionMilliseconds = -1
        let (log, _) = try SimulatedLog.open(disk, clock, settings)
        for i in 0..<12 {
            try log.append(
                Batches.make(
                    ["first \(i)", "second \(i)"], timestamp: Int64(1_000 + i), producerID: 7,
                    epoch: 0, sequence: Int32(2 * i)))
        }
        try log.synchronize()
        let records = try log.records()
        try log.close()
        return (disk, settings, records)
    }

    /// Reads all that a damaged log still gives; the rest must be refused, not wrong.
    private func survivors(_ log: Log) throws -> [Int64: String] {
        var found: [Int64: String] = [:]
        var next = log.startOffset
        while next < log.endOffset {
            do throws(LogError) {
                guard
                    var slice = try log.read(
                        from: next, maxBytes: 1 << 20, upTo: log.endOffset, minOneBatch: true)
                else { break }
                if slice.isCold { slice = try log.load(slice) }
                let bytes = try slice.read()
                for (offset, value) in Batches.values(bytes) { found[offset] = value }
                #expect(slice.nextOffset > next)
                next = slice.nextOffset
            } catch {
                guard case .corrupt(_, let last) = error else { throw error }
                #expect(last >= next)
                next = max(last, next) + 1
            }
        }
        return found
    }

    @Test func `each flipped byte is found or harmless`() throws {
        let (pristine, settings, records) = try closedLog()
        for path in pristine.paths {
            let bytes = try #require(pristine.contents(path))
            for position in bytes.indices {
                let disk = pristine.killed()
                var flipped = bytes
                flipped[position] ^= UInt8(1 << (position % 8))
                disk.setContents(path, flipped)
                let check = try LogCheck.run(
                    directory: SimulatedLog.directory, fileSystem: disk)
                #expect(!check.findings.isEmpty, "\(path) \(position)")
                let (log, _) = try SimulatedLog.open(disk, clock, settings)
                #expect(log.endOffset == 24, "\(path) \(position)")
                let found = try survivors(log)
                for (offset, value) in found where records[offset] != value {
                    Issue.record("\(path) \(position): offset \(offset) gives \(value)")
                }
                // Only the one batch that was hit may be missing.
                let isSegment = path.hasSuffix(".log")
                #expect(found.count >= (isSegment ? 22 : 24), "\(path) \(position)")
                #expect(log.producerState(7)?.lastSequence == 23, "\(path) \(position)")
            }
        }
    }

    @Test func `a file cut short at any byte loses only what it held`() throws {
        let (pristine, settings, records) = try closedLog()
        for path in pristine.paths {
            let bytes = try #require(pristine.contents(path))
            for size in bytes.indices {
                let disk = pristine.killed()
                disk.setContents(path, Array(bytes[..<size]))
                let (log, _) = try SimulatedLog.open(disk, clock, settings)
                #expect(log.endOffset == 24, "\(path) \(size)")
                let found = try survivors(log)
                for (offset, value) in found where records[offset] != value {
                    Issue.record("\(path) \(size): offset \(offset) gives \(value)")
                }
                if !path.hasSuffix(".log") { #expect(found.count == 24, "\(path) \(size)") }
                let check = try LogCheck.run(
                    directory: SimulatedLog.directory, fileSystem: pristine)
                #expect(check.findings.isEmpty)
            }
        }
    }

    @Test func `a missing file is told and the rest is served`() throws {
        let (pristine, settings, records) = try closedLog()
        for path in pristine.paths {
            let disk = pristine.killed()
            try disk.remove(path)
            let check = try LogCheck.run(directory: SimulatedLog.directory, fileSystem: disk)
            if !path.hasSuffix("snapshot") { #expect(!check.findings.isEmpty, "\(path)") }
            let (log, report) = try SimulatedLog.open(disk, clock, settings)
            if path.hasSuffix(".log") { #expect(!report.findings.isEmpty, "\(path)") }
            #expect(log.endOffset == 24, "\(path)")
            for (offset, value) in try survivors(log) { #expect(records[offset] == value) }
            let result = try log.append(Batches.make(["next"]))
            #expect(result.baseOffset == 24)
        }
    }

    @Test func `segments or indexes that changed places are found`() throws {
        let (pristine, settings, records) = try closedLog()
        for suffix in [".log", ".index"] {
            let paths = pristine.paths.filter { $0.hasSuffix(suffix) }
            let disk = pristine.killed()
            disk.setContents(paths[0], pristine.contents(paths[1]) ?? [])
            disk.setContents(paths[1], pristine.contents(paths[0]) ?? [])
            let check = try LogCheck.run(directory: SimulatedLog.directory, fileSystem: disk)
            #expect(!check.findings.isEmpty)
            let (log, _) = try SimulatedLog.open(disk, clock, settings)
            for (offset, value) in try survivors(log) { #expect(records[offset] == value) }
        }
    }

    @Test func `a torn tail is cut at any byte and is no damage`() throws {
        let disk = SimulatedFileSystem()
        let settings = LogSettings()
        let (log, _) = try SimulatedLog.open(disk, clock, settings)
        for i in 0..<3 { try log.append(Batches.make(["kept \(i)"])) }
        try log.synchronize()
        let path = try #require(disk.paths.first { $0.hasSuffix(".log") })
        let before = try #require(disk.contents(path))
        try log.append(Batches.make(["torn", "tail"]), .appended)
        let after = try #require(disk.contents(path))
        for size in before.count..<after.count {
            let torn = disk.killed()
            torn.setContents(path, Array(after[..<size]))
            let check = try LogCheck.run(directory: SimulatedLog.directory, fileSystem: torn)
            #expect(check.findings.isEmpty)
            #expect(check.tornBytes == Int64(size - before.count))
            let (opened, report) = try SimulatedLog.open(torn, clock, settings)
            #expect(report.cutBytes == Int64(size - before.count))
            #expect(report.findings.isEmpty)
            #expect(opened.endOffset == 3)
            #expect(torn.contents(path) == before)
            #expect(try opened.records().count == 3)
        }
    }
}
