import Formats
import Foundation
import Query
import Testing

/// Each query gives the same rows in one step, and as over endless input that is cut, reordered,
/// stopped and started again anywhere.
@Suite struct VerifyTests {
    static let windows = [
        "TUMBLE('ev', ts, INTERVAL '10 s')",
        "HOP('ev', ts, INTERVAL '5 s', INTERVAL '15 s')",
        "CUMULATE('ev', ts, INTERVAL '5 s', INTERVAL '20 s')",
        "SESSION('ev' PARTITION BY k, ts, INTERVAL '2 s')",
    ]

    private static func list(_ text: String) -> [String] {
        text.components(separatedBy: ";").map {
            $0.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }.filter { !$0.isEmpty }
    }

    static let windowed = windows.flatMap { window in
        list(
            """
            SELECT window_start, window_end, COUNT(*), SUM(v), MIN(d), MAX(s) FROM (SELECT *, k ||
              'x' AS s FROM WINDOW) w GROUP BY 1, 2;
            SELECT k, window_start, window_end, COUNT(*) AS n, AVG(d) AS m FROM WINDOW GROUP BY k,
              window_start, window_end;
            SELECT k, window_start, window_end, COUNT(*) AS n FROM WINDOW GROUP BY k,
              window_start, window_end EMIT ON WINDOW CLOSE;
            SELECT k, window_start, window_end, SUM(v) AS n, COUNT(DISTINCT v) AS u FROM WINDOW
              GROUP BY k, window_start, window_end EMIT CHANGES;
            SELECT k, window_start, window_end, SUM(v) AS n FROM WINDOW GROUP BY k, window_start,
              window_end EMIT PERIODIC INTERVAL '1 s';
            SELECT k, window_start, window_end, SUM(v) AS n FROM WINDOW GROUP BY k, window_start,
              window_end EMIT FINAL;
            SELECT k, window_start, window_end, SUM(v) AS n FROM WINDOW GROUP BY k, window_start,
              window_end EMIT ON WINDOW CLOSE LATE ROWS UPDATE FOR INTERVAL '10 s';
            SELECT DISTINCT k, window_end FROM WINDOW;
            SELECT id, k, window_start, window_time FROM WINDOW;
            SELECT window_end, MAX(n) FROM (SELECT k, window_end, COUNT(*) AS n FROM WINDOW GROUP
              BY k, window_end) x GROUP BY window_end;
            """
        ).map { $0.replacingOccurrences(of: "FROM WINDOW", with: "FROM " + window) }
    }

    static let joins = list(
        """
        SELECT a.id, b.id FROM a JOIN b ON a.k = b.k;
        SELECT a.id, b.id FROM a LEFT JOIN b ON a.k = b.k AND a.v < b.v;
        SELECT a.id, b.id, c.id FROM a FULL JOIN b ON a.k = b.k RIGHT JOIN c ON b.k = c.k;
        SELECT a.id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.v > a.v);
        SELECT a.id FROM a WHERE a.k NOT IN (SELECT k FROM c WHERE k IS NOT NULL);
        SELECT a.id FROM a WHERE a.k NOT IN (SELECT k FROM b);
        SELECT a.id, (SELECT MAX(b.v) FROM b WHERE b.k = a.k) AS m FROM a;
        SELECT a.id, a.k IN (SELECT k FROM c) AS found FROM a;
        SELECT a.id, x.n FROM a, LATERAL (SELECT COUNT(*) AS n FROM b WHERE b.k = a.k) x;
        SELECT x.id, y.id FROM 'ev' x JOIN 'ev' y ON x.k = y.k AND y.ts BETWEEN x.ts AND x.ts
          + INTERVAL '1 s';
        SELECT x.id, y.id FROM 'ev' x LEFT JOIN 'late' y ON x.k = y.k AND y.ts BETWEEN x.ts -
          INTERVAL '2 s' AND x.ts + INTERVAL '1 s';
        SELECT x.id, c.s FROM 'ev' x LEFT JOIN c ON x.v = c.v;
        SELECT x.id, y.id FROM 'ev' x RIGHT JOIN 'late' y ON x.k = y.k AND y.ts BETWEEN x.ts -
          INTERVAL '3 s' AND x.ts;
        SELECT x.id, y.id FROM 'ev' x FULL JOIN 'late' y ON x.k = y.k AND y.ts BETWEEN x.ts -
          INTERVAL '1 s' AND x.ts + INTERVAL '1 s';
        SELECT x.id FROM 'ev' x WHERE EXISTS (SELECT 1 FROM 'late' y WHERE x.k = y.k AND
          y.ts BETWEEN x.ts - INTERVAL '1 s' AND x.ts + INTERVAL '1 s');
        SELECT x.id, y.id FROM 'ev' x ASOF LEFT JOIN 'late' y ON x.k = y.k AND x.ts >= y.ts;
        SELECT x.id, y.id FROM 'ev' x ASOF JOIN 'late' y ON x.k = y.k AND x.ts > y.ts;
        SELECT x.id, y.id FROM 'late' x ASOF LEFT JOIN 'ev' y ON x.k = y.k AND x.ts <= y.ts;
        SELECT x.id, y.id FROM 'ev' x ASOF LEFT JOIN 'late' y ON x.k = y.k AND x.ts < y.ts;
        SELECT a.id, e.id FROM a LEFT JOIN e ON a.k = e.k;
        SELECT a.id FROM a WHERE a.k > ALL (SELECT k FROM e);
        WITH s AS (SELECT k, COUNT(*) AS n FROM a GROUP BY k) SELECT x.k, x.n, y.n FROM s x
          LEFT JOIN s y ON x.n = y.k;
        SELECT a.id, b.id FROM a CROSS JOIN b WHERE a.v = b.v + 1;
        SELECT a.id, b.id FROM a JOIN b ON a.k IS NOT DISTINCT FROM b.k;
        """)

    static let belowWindows = list(
        """
        SELECT x.ts FROM 'ev' x WHERE x.id IN (SELECT id FROM 'late' y);
        SELECT x.ts FROM 'ev' x WHERE x.id + 9 NOT IN (SELECT id FROM 'late' y);
        SELECT x.ts FROM 'ev' x WHERE NOT EXISTS (SELECT 1 FROM 'late' y WHERE y.id = x.v);
        SELECT x.ts FROM 'ev' x WHERE x.v > (SELECT MIN(v) + 5 FROM 'late' y);
        SELECT x.ts, y.v FROM 'ev' x JOIN 'late' y ON x.k = y.k;
        SELECT y.ts, x.v FROM 'ev' x JOIN 'late' y ON x.k = y.k;
        SELECT x.ts, y.v FROM 'ev' x LEFT JOIN 'late' y ON x.id = y.id + 5;
        SELECT x.ts, y.v FROM 'ev' x JOIN 'late' y ON x.id = y.id JOIN 'late' z ON z.id = x.id;
        SELECT x.ts, y.v FROM 'ev' x JOIN c y ON x.v = y.v;
        SELECT x.ts, y.v FROM 'ev' x ASOF LEFT JOIN 'late' y ON x.k = y.k AND x.ts >= y.ts;
        SELECT x.ts, y.v FROM 'late' x ASOF LEFT JOIN 'ev' y ON x.k = y.k AND x.ts < y.ts;
        SELECT x.ts, y.v FROM 'late' x ASOF JOIN 'ev' y ON x.k = y.k AND x.id <= y.id;
        SELECT x.ts, y.v FROM 'late' x LEFT JOIN 'ev' y ON x.k = y.k AND y.ts BETWEEN x.ts -
          INTERVAL '2 s' AND x.ts + INTERVAL '1 s';
        SELECT y.ts, x.v FROM 'ev' x JOIN 'late' y ON x.k = y.k AND y.ts BETWEEN x.ts -
          INTERVAL '2 s' AND x.ts + INTERVAL '1 s';
        SELECT x.ts, y.v FROM (SELECT * FROM 'late' l WHERE NOT EXISTS (SELECT 1 FROM 'ev' b WHERE
          b.id = l.v + 580)) x ASOF LEFT JOIN 'ev' y ON x.k = y.k AND x.ts >= y.ts;
        """)

    static func windowsOverJoins() -> [String] {
        var queries: [String] = []
        for inner in belowWindows {
            let query =
                "SELECT window_start, COUNT(*) AS n FROM TUMBLE((\(inner)), ts, INTERVAL '3 s') "
                + "GROUP BY 1"
            queries += [query, query + " EMIT CHANGES"]
        }
        return queries
    }

    /// What takes rows back, below windows.
    static let changes = list(
        """
        SELECT ts, count(*) OVER (PARTITION BY k ORDER BY ts) AS n FROM 'ev';
        SELECT ts, id - lag(id) OVER (PARTITION BY k ORDER BY ts, id) AS n FROM 'ev';
        SELECT ts, sum(v) OVER (PARTITION BY k ORDER BY ts RANGE INTERVAL '2 s' PRECEDING) AS n
          FROM 'ev';
        SELECT ts, count(*) OVER (PARTITION BY k) AS n FROM 'ev';
        SELECT ts, lead(v) OVER (PARTITION BY k ORDER BY ts, id) AS n FROM 'ev';
        SELECT ts, rank() OVER (PARTITION BY k ORDER BY v DESC, id) AS n FROM 'ev';
        SELECT DISTINCT ON (v) ts, id AS n FROM 'ev' ORDER BY v, ts, id;
        SELECT DISTINCT ON (v) ts, id AS n FROM 'ev' ORDER BY v, ts DESC, id;
        SELECT ts, id AS n FROM 'ev' ORDER BY v, id LIMIT 40;
        SELECT ts, id AS n FROM 'ev' ORDER BY ts, id LIMIT 40;
        SELECT ts, n FROM (SELECT ts, id AS n, ROW_NUMBER() OVER (PARTITION BY k, v ORDER BY ts,
          id) AS r FROM 'ev') q WHERE r <= 2;
        SELECT y.ts, y.n FROM (SELECT ts, k, count(*) OVER (PARTITION BY k ORDER BY ts) AS n FROM
          'ev') y JOIN a ON y.n = a.v;
        """)

    static let partitions = list(
        """
        SELECT window_end, MAX(r) FROM (SELECT window_end, RANK() OVER (PARTITION BY window_end
          ORDER BY v DESC, id) AS r FROM TUMBLE('ev', ts, INTERVAL '3 s')) q GROUP BY window_end;
        SELECT window_start, window_end, SUM(v) FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY
          window_start, window_end ORDER BY v DESC, id) AS r FROM HOP('ev', ts, INTERVAL '2 s',
          INTERVAL '4 s')) q WHERE r <= 3 GROUP BY 1, 2;
        """)

    /// Windows over them; with even seeds some rows are late.
    static func windowsOverChanges() -> [String] {
        var queries = partitions
        for inner in changes {
            let query =
                "SELECT window_start, COUNT(*) AS c, SUM(n) AS s FROM TUMBLE((\(inner)), ts, "
                + "INTERVAL '3 s') GROUP BY 1"
            queries += [query, query + " EMIT CHANGES"]
        }
        return queries
    }

    static let others = list(
        """
        SELECT * FROM a;
        SELECT id, v * 2, s || 'x' FROM a WHERE k > 2;
        SELECT 1, 'x';
        SELECT COUNT(*), COUNT(k), SUM(v), AVG(v), MIN(s), MAX(d), SUM(d), STDDEV(d) FROM a;
        SELECT k, COUNT(*), COUNT(DISTINCT v), SUM(v), MIN(v), MAX(v), AVG(d) FROM a GROUP BY
          k;
        SELECT k, COUNT(*) AS n FROM a GROUP BY k EMIT CHANGES;
        SELECT k, COUNT(*) AS n FROM a GROUP BY k EMIT PERIODIC INTERVAL '10 ms';
        SELECT k, COUNT(*) AS n FROM a GROUP BY k EMIT FINAL;
        SELECT k, SUM(d) FILTER (WHERE v > 5) AS x FROM a GROUP BY k HAVING COUNT(*) > 3;
        SELECT k, s, GROUPING(k, s), COUNT(*) FROM a GROUP BY ROLLUP (k, s);
        SELECT k, s, COUNT(*), SUM(v) FROM a GROUP BY CUBE (k, s) EMIT CHANGES;
        SELECT n, COUNT(*) FROM (SELECT k, COUNT(*) AS n FROM a GROUP BY k) x GROUP BY n;
        SELECT s, ARRAY_AGG(v ORDER BY v, id) FROM a GROUP BY s;
        SELECT s, STRING_AGG(k::text, ',' ORDER BY k, id) FROM a GROUP BY s EMIT CHANGES;
        SELECT s, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY d) FROM a GROUP BY s;
        SELECT s, BOOL_OR(v > 10), BIT_XOR(v), EVERY(k < 5) FROM a GROUP BY s;
        SELECT n, MAX(m) FROM (SELECT k, COUNT(*) AS n, MIN(v) AS m FROM a GROUP BY k) x GROUP
          BY n;
        SELECT DISTINCT k, s FROM a;
        SELECT DISTINCT ON (k) k, v, id FROM a ORDER BY k, v, id;
        SELECT k FROM a UNION SELECT k FROM b;
        SELECT k, v FROM a UNION ALL SELECT k, v FROM b;
        SELECT k FROM a INTERSECT SELECT k FROM c;
        SELECT k FROM a EXCEPT SELECT k FROM c;
        SELECT k, s FROM a EXCEPT ALL SELECT k, s FROM b;
        SELECT k, s FROM a INTERSECT ALL SELECT k, s FROM b;
        SELECT id, v FROM a ORDER BY v DESC NULLS LAST, id LIMIT 5;
        SELECT id, v FROM a ORDER BY v, id OFFSET 3 ROWS FETCH FIRST 4 ROWS ONLY;
        SELECT v FROM a ORDER BY v FETCH FIRST 3 ROWS WITH TIES;
        SELECT id FROM a LIMIT 7;
        SELECT k, COUNT(*) FROM a GROUP BY k LIMIT 2;
        SELECT k, n FROM (SELECT k, COUNT(*) AS n FROM a GROUP BY k) x ORDER BY n DESC, k
          LIMIT 2;
        SELECT id, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v, id) AS r FROM a;
        SELECT id, RANK() OVER (ORDER BY v), LAG(v) OVER (ORDER BY v, id) FROM a;
        SELECT id, SUM(v) OVER (PARTITION BY s ORDER BY id ROWS 2 PRECEDING) FROM a;
        SELECT k, id, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC, id)
          AS r FROM a) x WHERE r <= 2;
        SELECT id, COUNT(*) OVER (PARTITION BY k) FROM a EMIT CHANGES;
        SELECT a.id, g FROM a, generate_series(1, 3) g WHERE a.k = g;
        SELECT k, x FROM a, unnest(ARRAY[1, 2, v]) x;
        SELECT APPROX_COUNT_DISTINCT(v) FROM a;
        SELECT COUNT(*) FROM e;
        SELECT k, COUNT(*) FROM e GROUP BY k;
        """)

    private func verify(_ queries: [String], _ seed: UInt64) throws {
        let fixture = try VerifyFixture(seed: seed)
        let notes = Notes()
        let session = try fixture.session(seed: seed, notes: notes)
        for query in queries {
            do {
                try fixture.run(query, session)
            } catch let error as SQLError {
                let text = "\(error.message) \(error.detail ?? "")"
                Issue.record("seed \(seed): \(query): \(text)")
            }
        }
        #expect(notes.all.filter { $0.hasPrefix("verified") }.count >= queries.count - 1)
    }

    @Test(arguments: UInt64(1)...4)
    func `windows are the same finite and endless`(_ seed: UInt64) throws {
        try verify(Self.windowed, seed)
    }

    @Test(arguments: UInt64(1)...6)
    func `joins are the same finite and endless`(_ seed: UInt64) throws {
        try verify(Self.joins, seed)
    }

    /// With even seeds some rows are late.
    @Test(arguments: UInt64(1)...8)
    func `windows over joins are the same finite and endless`(_ seed: UInt64) throws {
        try verify(Self.windowsOverJoins(), seed)
    }

    @Test(arguments: UInt64(1)...4)
    func `windows over rows that are taken back are the same finite and endless`(
        _ seed: UInt64
    ) throws {
        try verify(Self.windowsOverChanges(), seed)
    }

    @Test(arguments: UInt64(1)...6)
    func `other queries are the same finite and endless`(_ seed: UInt64) throws {
        try verify(Self.others, seed)
    }

    @Test(arguments: UInt64(1)...60)
    func `random queries are the same finite and endless`(_ seed: UInt64) throws {
        var maker = RandomQuery(seed: seed)
        try verify((0..<8).map { _ in maker.query() }, seed)
    }

    @Test func `a query over endless input is refused`() throws {
        let fixture = try VerifyFixture(seed: 1)
        let session = try fixture.session(seed: 1, notes: Notes())
        #expect(throws: SQLError.self) { try fixture.run("SELECT * FROM stdin STREAM", session) }
    }
}
