import Formats
import Query
import Testing

/// What stands above a join over inputs without end, which keeps rows for ever.
@Suite struct LateTimesTests {
    private let folder: InputFolder

    init() throws {
        folder = try InputFolder()
        let row = "{\"id\":1,\"ts\":\"2024-01-01T00:00:01Z\",\"v\":2}\n"
        for name in ["a", "b"] { try folder.write("\(name).ndjson", row) }
    }

    private static let a = "'@/a.ndjson' STREAM WATERMARK FOR ts a"
    private static let b = "'@/b.ndjson' STREAM WATERMARK FOR ts b"
    private static let within = "b.ts BETWEEN a.ts - INTERVAL '1 s' AND a.ts + INTERVAL '1 s'"

    static let unbounded = [
        "SELECT a.ts FROM \(a) JOIN \(b) ON a.id = b.id",
        "SELECT a.ts FROM \(a) JOIN \(b) ON a.id = b.id AND b.ts >= a.ts",
        "SELECT a.ts FROM \(a) LEFT JOIN \(b) ON a.id = b.id",
        "SELECT a.ts FROM \(a) WHERE a.id IN (SELECT id FROM \(b))",
        "SELECT a.ts FROM \(a) WHERE NOT EXISTS (SELECT 1 FROM \(b) WHERE b.id = a.id)",
        "SELECT a.ts FROM \(a) WHERE a.v > (SELECT MAX(b.v) FROM \(b))",
        "SELECT a.ts FROM \(a) ASOF JOIN \(b) ON a.id = b.id AND a.v >= b.v",
        "SELECT a.ts FROM '@/a.ndjson' WATERMARK FOR ts a JOIN \(b) ON a.id = b.id",
        "WITH j AS (SELECT a.ts FROM \(a) JOIN \(b) ON a.id = b.id) SELECT * FROM j UNION ALL "
            + "SELECT * FROM j",
    ]

    static let bounded = [
        "SELECT a.ts FROM \(a) JOIN \(b) ON a.id = b.id AND \(within)",
        "SELECT b.ts FROM \(a) JOIN \(b) ON a.id = b.id AND \(within)",
        "SELECT a.ts FROM \(a) LEFT JOIN \(b) ON a.id = b.id AND \(within)",
        "SELECT b.ts FROM \(a) JOIN \(b) ON a.id = b.id AND a.ts <= b.ts + INTERVAL '1 s'",
        "SELECT a.ts FROM \(a) WHERE EXISTS (SELECT 1 FROM \(b) WHERE a.id = b.id AND \(within))",
        "SELECT a.ts FROM \(a) ASOF JOIN \(b) ON a.id = b.id AND a.ts <= b.ts",
        "SELECT b.ts FROM '@/a.ndjson' WATERMARK FOR ts a JOIN \(b) ON a.id = b.id",
        "SELECT a.ts FROM \(a) WHERE a.id IN (SELECT id FROM '@/b.ndjson')",
    ]

    private static let e = "'@/a.ndjson' STREAM WATERMARK FOR ts"

    /// Rows of any age may be taken back.
    static let changed = [
        "SELECT ts, count(*) OVER (PARTITION BY id) AS n FROM \(e)",
        "SELECT ts, lead(v) OVER (PARTITION BY id ORDER BY ts) AS n FROM \(e)",
        "SELECT ts, sum(v) OVER (ORDER BY v) AS n FROM \(e)",
        "SELECT ts, lag(v) OVER (ORDER BY ts DESC) AS n FROM \(e)",
        "SELECT ts, v FROM \(e) ORDER BY v LIMIT 5",
        "SELECT DISTINCT ON (id) ts, v FROM \(e) ORDER BY id, ts DESC",
        "SELECT ts, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY ts DESC) AS r "
            + "FROM \(e)) q WHERE r = 1",
        "SELECT q.ts, b.v FROM (SELECT *, count(*) OVER (PARTITION BY id) AS n FROM \(e)) q "
            + "JOIN '@/b.ndjson' b ON q.id = b.id",
    ]

    /// Only rows that the watermark has not passed are.
    static let settled = [
        "SELECT ts, lag(v) OVER (PARTITION BY id ORDER BY ts) AS n FROM \(e)",
        "SELECT ts, sum(v) OVER (PARTITION BY id ORDER BY ts, v ROWS 3 PRECEDING) AS n FROM \(e)",
        "SELECT ts, row_number() OVER (PARTITION BY id, ts ORDER BY v DESC) AS n FROM \(e)",
        "SELECT DISTINCT ON (id) ts, v FROM \(e) ORDER BY id, ts",
        "SELECT ts, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY ts) AS r "
            + "FROM \(e)) q WHERE r = 1",
        "SELECT ts, v FROM \(e) ORDER BY ts LIMIT 5",
    ]

    @Test(arguments: changed)
    func `no window waits for rows that may be taken back at any time`(_ inner: String) throws {
        for (window, emit) in [("TUMBLE", ""), ("SESSION", " EMIT CHANGES")] {
            do {
                try explain(inner, emit, window: window)
                Issue.record("no error: \(inner)")
            } catch let error as SQLError {
                #expect(error.state == .featureNotSupported, "\(error.message)")
                #expect(error.message.contains("OVER, LIMIT or DISTINCT ON"), "\(error.message)")
                #expect(error.hint?.contains("ORDER BY ts") == true)
            }
        }
        try explain(inner, " EMIT CHANGES")
    }

    @Test(arguments: settled)
    func `windows close over rows that are settled by then`(_ inner: String) throws {
        try explain(inner)
        try explain(inner, " EMIT ON WINDOW CLOSE")
    }

    private func explain(_ inner: String, _ emit: String = "", window: String = "TUMBLE") throws {
        _ = try folder.run(
            "EXPLAIN SELECT window_start, COUNT(*) FROM \(window)((\(inner)), ts, "
                + "INTERVAL '10 s') GROUP BY window_start" + emit)
    }

    @Test(arguments: unbounded)
    func `no window waits for rows that a join may hand on at any time`(_ inner: String) throws {
        for (window, emit) in [("TUMBLE", ""), ("SESSION", " EMIT CHANGES")] {
            do {
                try explain(inner, emit, window: window)
                Issue.record("no error: \(inner)")
            } catch let error as SQLError {
                #expect(error.state == .featureNotSupported)
                #expect(error.message.contains("would never close"), "\(error.message)")
                #expect(error.hint?.contains("BETWEEN") == true)
            }
        }
        try explain(inner, " EMIT CHANGES")
    }

    @Test(arguments: bounded)
    func `windows close over joins that free their rows`(_ inner: String) throws {
        try explain(inner)
        try explain(inner, " EMIT ON WINDOW CLOSE")
    }
}
