import Aggregation
import Bytes
import Formats
import Platform
import Testing

@testable import Query

/// Steps as `KeptQuery` saves them: what each is made of can be told from its number.
private struct Saver {
    let directory: StateDirectory
    var step = CommittedStep(number: 0, nonce: 0)
    var random: SeededRandom

    init(_ fileSystem: any FileSystem, seed: UInt64) throws(SQLError) {
        directory = try StateDirectory(
            "/kept", fileSystem: fileSystem, isLocked: false, journalBytesMin: 8_192)
        random = SeededRandom(seed: seed)
    }

    static func bytes(_ number: UInt64, _ count: Int) -> [UInt8] {
        [UInt8](repeating: UInt8(truncatingIfNeeded: number &* 31), count: count)
    }

    private mutating func next() -> SavedStep {
        step = CommittedStep(number: step.number + 1, nonce: random.next())
        var saved = SavedStep()
        saved.step = step
        saved.positions = Saver.bytes(step.number, 5)
        return saved
    }

    mutating func saveWhole(_ count: Int) throws(SQLError) {
        var snapshot = Snapshot(of: QueryFingerprint(words: "a query", digest: [1, 2]))
        snapshot.transaction = "t"
        snapshot.saved = next()
        _ = try directory.save(snapshot, Saver.bytes(step.number, count).rawSpan)
    }

    mutating func saveCalls(_ count: Int) throws(SQLError) {
        let saved = next()
        try directory.append(calls: Saver.bytes(step.number, count), saved)
    }
}

private func generations(_ fileSystem: any FileSystem) throws -> [StateDirectory.Generation] {
    let directory = try StateDirectory("/kept", fileSystem: fileSystem, isLocked: false)
    return try directory.generations().compactMap { try directory.generation($0) }
}

/// The steps that can be read, in the order in which they were saved; what they are made of is
/// checked.
private func steps(_ fileSystem: any FileSystem) throws -> [CommittedStep] {
    var found: [CommittedStep] = []
    for generation in try generations(fileSystem).reversed() {
        for index in generation.indices {
            let saved = generation.step(index)
            #expect(saved.positions == Saver.bytes(saved.step.number, 5))
            let (whole, calls) = generation.state(index)
            #expect(calls.count <= index)
            let first = saved.step.number - UInt64(calls.count)
            #expect(whole == Saver.bytes(first, whole.count))
            for (place, call) in calls.enumerated() {
                #expect(call == Saver.bytes(first + 1 + UInt64(place), call.count))
            }
            found.append(saved.step)
        }
    }
    return found
}

@Suite struct StateDirectoryTests {
    @Test func `a journal that is cut or changed anywhere holds the steps before`() throws {
        let fileSystem = SimulatedFileSystem()
        var saver = try Saver(fileSystem, seed: 1)
        var ends: [Int] = []
        let path = "/kept/00000000000000000001.journal"
        try saver.saveWhole(400)
        for number in 0..<6 {
            if number % 3 == 2 { try saver.saveWhole(100) } else { try saver.saveCalls(number * 9) }
            ends.append(fileSystem.contents(path)?.count ?? 0)
            if number == 3 { try saver.directory.markCommitted() }
        }
        let whole = try #require(fileSystem.contents(path))
        #expect(try steps(fileSystem).map(\.number) == Array(1...7))
        #expect(try generations(fileSystem)[0].isCommitted(4))
        #expect(try !generations(fileSystem)[0].isCommitted(5))
        for length in whole.indices {
            fileSystem.setContents(path, Array(whole[..<length]))
            let kept = ends.count { $0 <= length }
            #expect(try steps(fileSystem).count == 1 + kept, "cut at \(length)")
        }
        for place in whole.indices {
            var changed = whole
            changed[place] ^= 0x10
            fileSystem.setContents(path, changed)
            let kept = ends.count { $0 <= place }
            #expect(try steps(fileSystem).count == 1 + kept, "changed at \(place)")
            #expect(try generations(fileSystem)[0].journal.unreadBytes > 0)
        }
    }

    @Test func `a snapshot that is damaged anywhere is told`() throws {
        let fileSystem = SimulatedFileSystem()
        var saver = try Saver(fileSystem, seed: 2)
        try saver.saveWhole(300)
        let path = "/kept/00000000000000000001.snapshot"
        let whole = try #require(fileSystem.contents(path))
        for place in whole.indices where !(8..<12).contains(place) {
            var changed = whole
            changed[place] ^= 0x10
            fileSystem.setContents(path, changed)
            #expect(try generations(fileSystem).isEmpty, "changed at \(place)")
            fileSystem.setContents(path, Array(whole[..<place]))
            #expect(try generations(fileSystem).isEmpty, "cut at \(place)")
        }
    }

    @Test func `the state of another format is refused with what to do`() throws {
        for format: UInt8 in [1, 5] {
            let fileSystem = SimulatedFileSystem()
            var saver = try Saver(fileSystem, seed: 3)
            try saver.saveWhole(30)
            let path = "/kept/00000000000000000001.snapshot"
            var bytes = try #require(fileSystem.contents(path))
            bytes[11] = format
            fileSystem.setContents(path, bytes)
            do {
                _ = try generations(fileSystem)
                Issue.record("it was read")
            } catch let error as SQLError {
                #expect(
                    error.message
                        == "the state in /kept has format \(format), and this rtd reads formats 2 "
                        + "to 4")
                #expect(error.hint?.contains("name another directory to begin anew") == true)
            }
        }
    }

    @Test func `the journal begins anew when it is longer than the state`() throws {
        let fileSystem = SimulatedFileSystem()
        var saver = try Saver(fileSystem, seed: 4)
        let state = 10_000
        try saver.saveWhole(state)
        var longest = 0
        for _ in 0..<40 {
            if saver.directory.isJournalFull {
                try saver.saveWhole(state)
            } else {
                try saver.saveCalls(1_400)
            }
            let files = fileSystem.paths.filter { $0.hasPrefix("/kept/") }
            #expect(files.count <= 4)
            longest = max(
                longest, files.reduce(0) { $0 + (fileSystem.contents($1)?.count ?? 0) })
        }
        #expect(longest < 4 * state + 8_192)
        #expect(try generations(fileSystem).count == 2)
        // Small states go into the journal, until that is long.
        try saver.saveWhole(10)
        for _ in 0..<300 { try saver.saveWhole(120) }
        let files = fileSystem.paths.filter { $0.hasPrefix("/kept/") }
        #expect(files.count <= 4)
        #expect(files.allSatisfy { (fileSystem.contents($0)?.count ?? 0) < 8_192 + 400 })
    }

    /// Ends the process, or the machine, at any call; what was saved before is there.
    @Test func `whatever ends a process keeps the steps that were saved`() throws {
        let calls: [SimulatedFileSystem.Call] = [
            .write, .sync, .syncDirectory, .create, .rename, .remove,
        ]
        for seed in UInt64(0)..<80 {
            var random = SeededRandom(seed: seed)
            var fileSystem = SimulatedFileSystem()
            var number: UInt64 = 0
            // Each life may end in the middle.
            for life in 0..<4 {
                var saver = try Saver(fileSystem, seed: seed * 10 + UInt64(life))
                let before = try steps(fileSystem)
                saver.step.number = before.last?.number ?? 0
                #expect(saver.step.number >= number, "seed \(seed): step \(number) is lost")
                if let last = try generations(fileSystem).first?.number {
                    try saver.directory.remove(after: last)
                }
                fileSystem.fail(calls[random.below(calls.count)], after: 1 + random.below(14))
                var saved = saver.step
                do {
                    try saver.saveWhole(random.below(random.chance(1, in: 2) ? 128 : 4_000))
                    saved = saver.step
                    for _ in 0..<random.below(12) {
                        if random.chance(1, in: 4) || saver.directory.isJournalFull {
                            try saver.saveWhole(random.below(random.chance(1, in: 2) ? 128 : 4_000))
                        } else {
                            try saver.saveCalls(
                                random.below(random.chance(1, in: 5) ? 3_000 : 900))
                        }
                        saved = saver.step
                    }
                } catch {
                    // The process ends with it.
                }
                number = saved.number
                fileSystem =
                    random.chance(1, in: 2) ? fileSystem.killed() : fileSystem.crash(seed: seed)
                let found = try steps(fileSystem)
                #expect(
                    saved.number == 0 || found.contains(saved) || life > 0 && saved.nonce == 0,
                    "seed \(seed), life \(life): step \(saved.number) is lost")
            }
        }
    }
}

@Suite struct ColumnCodingTests {
    private static let types: [DataType] = [
        .boolean, .smallint, .bigint, .double, .numeric(precision: nil, scale: 0), .text, .bytea,
        .timestamptz, .interval, .json, .array(.bigint), .array(.text),
        .record([Field("a", .text), Field("b", .array(.double))]),
    ]

    private func value(_ type: DataType, _ random: inout SeededRandom) -> Value {
        if random.chance(1, in: 6) { return .null }
        let number = Int64(bitPattern: random.next()) >> Int64(random.below(63))
        switch type {
        case .boolean: return .boolean(random.chance(1, in: 2))
        case .double: return .double(Double(number) / 3)
        case .numeric:
            return .numeric(.finite(Int128(number) << Int128(random.below(60)), scale: 4))
        case .text, .json:
            return .text(
                String(repeating: "é", count: random.below(random.chance(1, in: 9) ? 400 : 9)))
        case .bytea: return .bytes(Array(repeating: 7, count: random.below(30)))
        case .interval: return .interval(Interval(months: 1, days: -2, microseconds: number))
        case .array(let element):
            return .array((0..<random.below(4)).map { _ in value(element, &random) })
        case .record(let fields): return .record(fields.map { value($0.type, &random) })
        default: return .integer(number)
        }
    }

    @Test func `batches are read as they were written`() throws {
        for seed in UInt64(0)..<12 {
            var random = SeededRandom(seed: seed)
            let count = random.below(60)
            var columns = Self.types.map { type in
                Column.make(type, (0..<count).map { _ in value(type, &random) })
            }
            var types = Self.types
            columns.append(.constant(.text("always the same text"), .text, count: count))
            columns.append(.constant(.null, .bigint, count: count))
            let texts = Column.make(.text, (0..<count).map { .text("at \($0)") })
            let times = Column.make(.date, (0..<count).map { .integer(Int64($0) * 40_000) })
            columns.append(Column(.date, count: count, times.storage, original: texts))
            types += [.text, .bigint, .date]
            let weights = Buffer<Int64>((0..<count).map { Int64($0 % 3) - 1 })
            let batch = Batch(
                columns, count: count, weights: random.chance(1, in: 2) ? weights : nil,
                watermarks: random.chance(1, in: 2) ? weights : nil)
            var buffer = OutputBuffer(capacity: 64)
            buffer.append(batch: batch)
            let bytes = buffer.array
            var reader = StateReader(bytes)
            let read = try reader.batch(types)
            #expect(reader.remaining == 0)
            #expect(read.count == count)
            for row in 0..<count {
                #expect(read.row(row) == batch.row(row), "seed \(seed), row \(row)")
                #expect(read.weight(row) == batch.weight(row))
            }
            #expect(read.columns.last?.original?.values == texts.values)
            #expect((read.watermarks == nil) == (batch.watermarks == nil))
            // What is cut is an error, not a trap.
            for length in stride(from: 0, to: bytes.count, by: 97) {
                var cut = StateReader(Array(bytes[..<length]))
                #expect(throws: SQLError.self) { _ = try cut.batch(types) }
            }
        }
    }
}

@Suite struct KeptColumnsTests {
    private final class Learnt: KnownColumnsRelation {
        let known: KnownColumns
        init(_ known: KnownColumns) { self.known = known }
    }

    @Test func `columns are read as they were written, or not at all`() throws {
        let fields = [
            Field("a", .numeric(precision: 10, scale: 2)), Field("b", .anyNumeric),
            Field("c", .varchar(nil)), Field("d", .char(3)), Field("", .array(.array(.jsonb))),
            Field("e", .record([Field("x", .timestamptz), Field("y", .record([]))])),
        ]
        let forms: [InputForm] = [
            .json(.lines), .json(.documents), .json(.array), .lines, .logfmt,
            .csv(separator: 0x3b, hasHeader: false),
        ]
        var relations: [Learnt] = forms.map {
            Learnt(KnownColumns(form: $0, fields: fields, wholeValue: 2))
        }
        relations.append(
            Learnt(KnownColumns(fields: [], wholeValue: nil, isText: true, keyNames: ["id", "k"])))
        let columns = KeptColumns([])
        for (index, relation) in relations.enumerated() { columns.use(relation, as: "\(index)") }
        let bytes = columns.bytes
        let read = KeptColumns(bytes)
        for (index, relation) in relations.enumerated() {
            #expect(read.columns(of: "\(index)") == relation.known)
        }
        for place in bytes.indices {
            var changed = bytes
            changed[place] ^= 1
            #expect(KeptColumns(changed).columns(of: "0") == nil)
            #expect(KeptColumns(Array(bytes[..<place])).columns(of: "0") == nil)
        }
    }
}
