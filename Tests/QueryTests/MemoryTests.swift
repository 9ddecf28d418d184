import Aggregation
import Formats
import Foundation
import Platform
import Query
import SQL
import Testing

/// Rows of a query as lines, in no order.
private final class Lines: ResultOutput {
    var lines: [String] = []

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) {}
    func write(_ batch: Batch) {
        for row in 0..<batch.count {
            let line = batch.columns.map { "\($0.value(row))" }.joined(separator: "|")
            for _ in 0..<batch.weight(row) { lines.append(line) }
        }
    }
    func endStep() {}
    func flush() {}
    func end() {}
    var isClosed: Bool { false }
}

/// Two files of random rows, of which one part repeats keys and one does not.
private final class MemoryFixture {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("rtd-memory-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var random = SeededRandom(seed: 31)
        for (name, count) in [("a", 9000), ("b", 4000)] {
            var text = ""
            for id in 0..<count {
                let key = random.chance(1, in: 50) ? "null" : "\(random.below(5000))"
                let time = String(
                    format: "2024-01-01T%02d:%02d:%02d", id / 3600 % 24, id / 60 % 60, id % 60)
                text += "{\"id\":\(id),\"k\":\(key),\"s\":\"name \(random.below(6000))\","
                text += "\"v\":\(random.below(9)),\"ts\":\"\(time)\"}\n"
            }
            try text.write(
                to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func rows(
        _ text: String, memory: Int? = nil, temporary: String? = nil, time: DeclaredTime? = nil
    ) throws -> [String] {
        var environment = SessionEnvironment(clock: SystemClock())
        environment.time = time
        environment.inputFormat = "json"
        if let memory { environment.memoryMax = memory }
        environment.temporaryDirectory = temporary ?? folder.path
        let session = QuerySession(environment)
        var sql = text
        for name in ["a", "b"] {
            let path = folder.appendingPathComponent(name).path
            sql = sql.replacingOccurrences(of: "'\(name)'", with: "'\(path)'")
        }
        var parser = try Parser(Array(sql.utf8))
        let output = Lines()
        while let statement = try parser.next() {
            _ = try session.run(statement, output: output)
        }
        return output.lines.sorted()
    }
}

@Suite struct MemoryTests {
    /// A row each 10 ms of time, 100 keys in turn: the next of a key comes a second later.
    @Test(arguments: [("000", 1_000), ("000000000", 1_000_000_000), (".", 1)])
    func `a join frees rows by times that are numbers`(unit: String, second: Int) throws {
        let fixture = try MemoryFixture()
        var text = ""
        for id in 1...40_000 {
            let part = String(format: "%02d", id % 100) + unit.dropFirst(2)
            let point = unit == "." ? "." : ""
            text += "{\"id\":\(id),\"ts\":\(1_764_170_000 + id / 100)\(point)\(part),"
            text += "\"k\":\(id % 100)}\n"
        }
        try text.write(
            to: fixture.folder.appendingPathComponent("a"), atomically: true, encoding: .utf8)
        let query =
            "SELECT x.id, y.id FROM 'a' x JOIN 'a' y ON x.k = y.k AND x.id < y.id "
            + "AND y.ts BETWEEN x.ts AND x.ts + \(second) EMIT CHANGES"
        let declared = DeclaredTime(column: "ts", delay: 50_000)
        #expect(throws: SQLError.self) { try fixture.rows(query, memory: 3_000_000) }
        let found = try fixture.rows(query, memory: 3_000_000, time: declared)
        #expect(found.count == 39_900)
    }

    static let spilling = [
        "SELECT DISTINCT s, v FROM 'a'",
        "SELECT DISTINCT ON (s) s, id FROM 'a' ORDER BY s, id DESC",
        "SELECT k, s FROM 'a' INTERSECT SELECT k, s FROM 'b'",
        "SELECT v, s FROM 'a' INTERSECT ALL SELECT v, s FROM 'b'",
        "SELECT v, s FROM 'a' EXCEPT SELECT v, s FROM 'b'",
        "SELECT k, v FROM 'a' EXCEPT ALL SELECT k, v FROM 'b'",
        "SELECT s FROM 'a' UNION SELECT s FROM 'b'",
        "SELECT id, row_number() OVER (PARTITION BY s ORDER BY v, id) FROM 'a'",
        "SELECT id, sum(v) OVER (PARTITION BY k ORDER BY id), count(*) OVER (PARTITION BY k) FROM 'a'",
        "SELECT id FROM (SELECT id, rank() OVER (PARTITION BY s ORDER BY v) AS r FROM 'a') x WHERE r = 1",
        "SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY s ORDER BY v, id) AS r FROM 'a') x "
            + "WHERE r <= 2",
        "SELECT id FROM 'a' x WHERE EXISTS (SELECT 1 FROM 'b' y WHERE y.s = x.s)",
        "SELECT id FROM 'b' x WHERE NOT EXISTS (SELECT 1 FROM 'a' y WHERE y.s = x.s)",
        "SELECT id FROM 'a' x WHERE EXISTS (SELECT 1 FROM 'b' y WHERE y.s = x.s AND y.v > x.v)",
        "SELECT id FROM 'a' x WHERE NOT EXISTS (SELECT 1 FROM 'a' y WHERE y.k = x.k AND y.id < x.id)",
        "SELECT id FROM 'a' WHERE s IN (SELECT s FROM 'b')",
        "SELECT id FROM 'a' WHERE k NOT IN (SELECT k FROM 'b' WHERE k IS NOT NULL)",
        "SELECT id, k IN (SELECT k FROM 'b') AS found FROM 'a'",
        "SELECT id, k NOT IN (SELECT k FROM 'b' y WHERE y.v = x.v) AS found FROM 'a' x",
        "SELECT x.id, y.id FROM 'a' x JOIN 'a' y ON x.s = y.s AND x.id < y.id",
        "SELECT x.id, y.id FROM 'a' x FULL JOIN 'b' y ON x.k = y.k",
        "SELECT x.id, y.id FROM 'a' x LEFT JOIN 'a' y ON x.id = y.k",
        "SELECT x.id, y.id, z.id FROM 'a' x JOIN 'b' y ON y.k = x.k JOIN 'b' z ON z.k = x.k",
        "SELECT x.id, (SELECT count(*) FROM 'b' y WHERE y.s = x.s) FROM 'a' x",
        "SELECT s, v, count(*), max(k) FROM 'a' GROUP BY CUBE (s, v)",
        "SELECT s, v, grouping(s, v), sum(id) FROM 'a' GROUP BY GROUPING SETS ((s), (v), (s, v), ())",
        "SELECT s, window_start, count(*), sum(v) FROM TUMBLE('a', ts, INTERVAL '10 min') "
            + "GROUP BY s, window_start, window_end",
        "SELECT s, window_end, count(*) FROM HOP('a', ts, INTERVAL '20 min', INTERVAL '1 hour') "
            + "GROUP BY s, window_start, window_end",
        "SELECT s, window_end, count(DISTINCT v) FROM TUMBLE('a', ts, INTERVAL '10 min') "
            + "GROUP BY s, window_start, window_end",
        "SELECT DISTINCT s, window_end FROM TUMBLE('a', ts, INTERVAL '10 min')",
        "SELECT s, array_agg(id ORDER BY id) FROM 'a' GROUP BY s",
    ]

    /// Spilled rows go to a directory that is not there, so a query that keeps all would not fail.
    @Test(arguments: MemoryTests.spilling)
    func `what does not fit in memory goes to disk and gives the same rows`(
        _ sql: String
    ) throws {
        let fixture = try MemoryFixture()
        #expect(try fixture.rows(sql, memory: 250_000) == fixture.rows(sql))
        let error = #expect(throws: SQLError.self) {
            try fixture.rows(sql, memory: 250_000, temporary: "/nowhere")
        }
        #expect(error?.message.hasPrefix("could not create temporary file") == true)
    }

    /// Each keeps more than 10 MB in something that cannot be put on disk.
    @Test(arguments: [
        "SELECT long, row_number() OVER (ORDER BY id) FROM big",
        "SELECT array_agg(long) FROM big",
        "SELECT count(DISTINCT long || n) FROM big",
        "SELECT long FROM big ORDER BY v FETCH FIRST 2 ROWS WITH TIES",
    ])
    func `what cannot spill fails past the memory and names the way out`(_ sql: String) throws {
        let fixture = try MemoryFixture()
        let big = """
            WITH big AS (SELECT id, v, n, repeat(s, 40) AS long
                FROM 'a', generate_series(1, 20) AS g(n))
            \(sql)
            """
        let error = #expect(throws: SQLError.self) { try fixture.rows(big, memory: 1_000_000) }
        #expect(error?.state == .outOfMemory)
        #expect(error?.hint?.contains("--memory") == true)
    }
}
