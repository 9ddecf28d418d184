import Aggregation
import Bytes
import Formats
import Platform

/// The directory of `--state`: what one query knew at its last steps. It belongs to one process at
/// a time, by a lock that is gone with it. Used by the query's thread.
///
/// A generation is a snapshot of the whole state and the journal of the steps behind it. When the
/// journal is as long as the state, and in each process, a new generation begins; two are kept,
/// for the first step of the last may never have counted. A snapshot is written beside, synced and
/// renamed, a record of the journal has a checksum: whatever ends the process leaves whole what was
/// saved.
final class StateDirectory {
    let path: String
    private let fileSystem: any FileSystem
    private let lock: FileLock?
    /// The highest number that was there.
    private var newest: UInt64 = 0
    private var journal: StateJournal?
    /// The step that was saved last; nil: this process has saved none.
    private var last: CommittedStep?
    /// Of the whole state, when it was written last.
    private(set) var stateBytes = 0

    private static let kept = 2
    private static let snapshot = ".snapshot"
    private static let journal = ".journal"
    private static let columns = "/columns"
    /// A journal may be so long however small the state is; a state of a 64th of it is written into
    /// the journal.
    private let journalBytesMin: Int

    /// Makes the directory, and takes the lock.
    init(
        _ path: String, fileSystem: any FileSystem = POSIXFileSystem(), isLocked: Bool = true,
        journalBytesMin: Int = 4 << 20
    ) throws(SQLError) {
        self.path = path
        self.journalBytesMin = journalBytesMin
        self.fileSystem = fileSystem
        var taken: FileLock?
        do throws(SystemError) {
            try fileSystem.makeDirectories(path)
            if isLocked { taken = try FileLock.take(path + "/lock") }
            newest = try StateDirectory.numbers(path, fileSystem, Self.snapshot).last ?? 0
        } catch {
            throw StateDirectory.failure(error)
        }
        guard taken != nil || !isLocked else {
            throw SQLError(
                "the state in \(path) is in use by another rtd query", .objectInUse,
                hint: "End that one, or name another directory.")
        }
        lock = taken
    }

    private static func failure(_ error: SystemError) -> SQLError {
        SQLError(
            "cannot \(error.operation) state \(error.subject): \(error.reason)",
            error.isNoSpace ? .diskFull : .inputOutputError)
    }

    /// In ascending order.
    private static func numbers(
        _ path: String, _ fileSystem: any FileSystem, _ ending: String
    ) throws(SystemError) -> [UInt64] {
        try fileSystem.list(path).compactMap { name in
            name.hasSuffix(ending) ? UInt64(name.dropLast(ending.count)) : nil
        }.sorted()
    }

    private func file(_ number: UInt64, _ ending: String) -> String {
        let digits = String(number)
        return path + "/" + String(repeating: "0", count: max(0, 20 - digits.count)) + digits
            + ending
    }
}

// Reading.
extension StateDirectory {
    struct Generation {
        var number: UInt64
        var snapshot: Snapshot
        var journal: StateJournal.Content

        /// The step behind so many records.
        func step(_ index: Int) -> SavedStep {
            index == 0 ? snapshot.saved : journal.records[index - 1].saved
        }

        /// It is known to be committed.
        func isCommitted(_ index: Int) -> Bool {
            guard index == 0 else { return journal.records[index - 1].isCommitted }
            return snapshot.isCommitted || journal.isFirstCommitted
        }

        /// Steps of it.
        var indices: Range<Int> { 0..<journal.records.count + 1 }

        /// The state that the step is made of, and what was done since.
        func state(_ index: Int) -> (whole: [UInt8], calls: [[UInt8]]) {
            var calls: [[UInt8]] = []
            for record in journal.records[..<index].reversed() {
                if record.kind == .whole { return (record.payload, calls.reversed()) }
                calls.append(record.payload)
            }
            return (snapshot.state, calls.reversed())
        }
    }

    /// Numbers of the generations that are there, the newest first.
    func generations() throws(SQLError) -> [UInt64] {
        do throws(SystemError) {
            return try StateDirectory.numbers(path, fileSystem, Self.snapshot).reversed()
        } catch {
            throw StateDirectory.failure(error)
        }
    }

    func name(of generation: UInt64) -> String { file(generation, Self.snapshot) }

    /// nil: its snapshot is damaged.
    func generation(_ number: UInt64) throws(SQLError) -> Generation? {
        guard let snapshot = try Snapshot(try read(file(number, Self.snapshot)), path) else {
            return nil
        }
        var content = StateJournal.Content()
        let journal = file(number, Self.journal)
        if fileSystem.exists(journal) {
            content = try StateJournal.read(try read(journal), after: snapshot.saved.step)
        }
        return Generation(number: number, snapshot: snapshot, journal: content)
    }

    private func read(_ file: String) throws(SQLError) -> [UInt8] {
        do throws(SystemError) {
            return try fileSystem.readAll(file, limit: Int.max)
        } catch {
            throw StateDirectory.failure(error)
        }
    }
}

// Writing.
extension StateDirectory {
    /// Generations that are newer than one do not count any more; nil: none does. What follows the
    /// step that counts in its own generation is not read any more once a new one has begun.
    func remove(after number: UInt64?) throws(SQLError) {
        do throws(SystemError) {
            for other in try StateDirectory.numbers(path, fileSystem, Self.snapshot)
            where other > number ?? 0 { try remove(other) }
            try prune()
        } catch {
            throw StateDirectory.failure(error)
        }
    }

    private func remove(_ number: UInt64) throws(SystemError) {
        try fileSystem.remove(file(number, Self.snapshot))
        let journal = file(number, Self.journal)
        if fileSystem.exists(journal) { try fileSystem.remove(journal) }
    }

    /// Journals without their snapshot.
    private func prune() throws(SystemError) {
        let whole = Set(try StateDirectory.numbers(path, fileSystem, Self.snapshot))
        for number in try StateDirectory.numbers(path, fileSystem, Self.journal)
        where !whole.contains(number) { try fileSystem.remove(file(number, Self.journal)) }
    }

    /// A step can be saved as what was done since the last one.
    var takesCalls: Bool { last != nil }

    /// The journal is as long as it should become: longer than the state.
    var isJournalFull: Bool { fullness >= 1 }

    /// How often the journal would fill what it may.
    var fullness: Int64 {
        (journal?.bytes ?? 0) / Int64(max(journalBytesMin, stateBytes))
    }

    /// A step as what was done since the last one. Durable when it returns.
    func append(calls: [UInt8], _ saved: SavedStep) throws(SQLError) {
        try append(.calls, saved, calls.rawSpan)
    }

    /// A step with the whole state; all else of a generation is in `snapshot`. Durable when it
    /// returns; true: a generation has begun.
    func save(_ snapshot: Snapshot, _ state: RawSpan) throws(SQLError) -> Bool {
        stateBytes = state.byteCount
        if last != nil, !isJournalFull, state.byteCount <= journalBytesMin / 64 {
            try append(.whole, snapshot.saved, state)
            return false
        }
        do throws(SystemError) {
            try begin(snapshot, state)
        } catch {
            throw StateDirectory.failure(error)
        }
        return true
    }

    /// Sees that the columns of the inputs are kept too; before the first snapshot.
    func save(columns: [UInt8]) throws(SQLError) {
        let file = path + Self.columns
        do throws(SystemError) {
            if fileSystem.exists(file),
                try fileSystem.readAll(file, limit: KeptColumns.bytesMax) == columns
            {
                return
            }
            try fileSystem.replace(file, with: columns)
        } catch {
            throw StateDirectory.failure(error)
        }
    }

    /// What `save(columns:)` wrote, where there is a state that it belongs to. The directory need
    /// not be one's own.
    static func columns(
        of path: String, fileSystem: any FileSystem = POSIXFileSystem()
    ) -> [UInt8]? {
        guard fileSystem.exists(path + columns),
            let names = try? numbers(path, fileSystem, snapshot), !names.isEmpty
        else { return nil }
        return try? fileSystem.readAll(path + columns, limit: KeptColumns.bytesMax)
    }

    /// Notes that the last step is committed.
    func markCommitted() throws(SQLError) { try append(.committed, nil, RawSpan()) }

    private func append(
        _ kind: StateJournal.Kind, _ saved: SavedStep?, _ payload: RawSpan
    ) throws(SQLError) {
        guard let last else { preconditionFailure("a journal lies behind a snapshot") }
        do throws(SystemError) {
            if var open = journal {
                try open.append(kind, saved, after: last, payload)
                journal = open
            } else {
                var made = try StateJournal(file(newest, Self.journal), fileSystem)
                try made.append(kind, saved, after: last, payload)
                try fileSystem.syncDirectory(path)
                journal = made
            }
        } catch {
            throw StateDirectory.failure(error)
        }
        if let saved { self.last = saved.step }
    }

    /// A new generation; those before the last are removed.
    private func begin(_ snapshot: Snapshot, _ state: RawSpan) throws(SystemError) {
        journal?.close()
        journal = nil
        newest += 1
        var head = OutputBuffer(capacity: 64 * 1024)
        snapshot.writeHead(&head, stateBytes: state.byteCount)
        var tail = OutputBuffer(capacity: 64)
        tail.append(
            bigEndian: CRC32C.checksum(state, continuing: CRC32C.checksum(head.bytes)))
        try fileSystem.replace(file(newest, Self.snapshot)) { file throws(SystemError) in
            try file.write(at: 0, head.bytes)
            try file.write(at: Int64(head.count), state)
            try file.write(at: Int64(head.count + state.byteCount), tail.bytes)
        }
        last = snapshot.saved.step
        for number in try StateDirectory.numbers(path, fileSystem, Self.snapshot)
            .dropLast(Self.kept)
        { try remove(number) }
        try prune()
    }
}
