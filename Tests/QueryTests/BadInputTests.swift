import Aggregation
import Formats
import Foundation
import Platform
import SQL
import Testing

@testable import Query

/// Input that is not what it seems: what is said of it, and what --on-error skip goes over.
struct BadInputTests {
    private func failure(_ folder: InputFolder, _ sql: String) -> SQLError? {
        do {
            _ = try folder.run(sql)
            return nil
        } catch {
            return error as? SQLError
        }
    }

    @Test(arguments: [false, true])
    func `rows whose value clashes are skipped where the query needs the type of the others`(
        _ isStrict: Bool
    ) throws {
        let folder = try InputFolder()
        try folder.write(
            "a.ndjson", "{\"d\":\"a\",\"t\":1}\n{\"t\":\"n/a\"}\n{\"d\":\"c\",\"t\":3}\n")
        let late = (1...12_000).map { "{\"t\":\($0 % 3)}\n" }.joined()
        try folder.write("b.ndjson", late + "{\"t\":\"n/a\"}\n{\"t\":{}}\n{\"t\":1}\n")
        try folder.write("c.csv", "k,t\na,1\nb,n/a\nc,3\n")
        func change(_ environment: inout SessionEnvironment) {
            environment.onError = .skip
            environment.isStrict = isStrict
        }
        let sums = try folder.run("SELECT sum(t) FROM '@/a.ndjson'", change)
        #expect(sums.rows == [[.numeric(Numeric(4))]])
        let more = try folder.run("SELECT sum(t), count(*) FROM '@/b.ndjson'", change)
        #expect(more.rows == [[.numeric(Numeric(12_001)), .integer(12_001)]])
        let csv = try folder.run("SELECT sum(t) FROM '@/c.csv'", change)
        #expect(csv.rows == [[.numeric(Numeric(4))]])
        if !isStrict {
            let all = try folder.run("SELECT t FROM '@/a.ndjson'", change)
            #expect(all.rows.count == 3)
        }
    }

    @Test func `text of no known format is read as lines`() throws {
        let folder = try InputFolder()
        try folder.write("a.log", "127.0.0.1 - - [26/Nov] \"GET /\" 200 612\nsecond line\n")
        try folder.write("b.txt", "1 2 3\n4 5 6\n")
        let rows = try folder.run("SELECT * FROM '@/a.log'").rows
        #expect(rows.count == 2)
        #expect(rows[1] == [.text("second line"), .integer(2)])
        #expect(
            try folder.run("SELECT line FROM '@/b.txt'").rows == [
                [.text("1 2 3")], [.text("4 5 6")],
            ])
        let error = failure(folder, "SELECT status FROM '@/a.log'")
        #expect(error?.message.contains("line 1: invalid JSON") == true)
        #expect(error?.hint?.contains("-i lines") == true)
        #expect(folder.notes.all.isEmpty)
    }

    @Test func `what cannot be read is named`() throws {
        let folder = try InputFolder()
        let deep =
            String(repeating: "{\"a\":", count: 130) + "1" + String(repeating: "}", count: 130)
        try folder.write("deep.ndjson", deep + "\n")
        let many = (0..<2_500).map { "\"c\($0)\":\($0)" }.joined(separator: ",")
        try folder.write("wide.ndjson", "{\(many)}\n")
        try folder.write("m1.ndjson", "{\"a\":1}\n")
        try folder.write("m2.csv", "a\n7\n")
        let latin: [UInt8] = Array("pr".utf8) + [0xe9] + Array("nom,b\n1,2\n".utf8)
        try Data(latin).write(to: folder.folder.appendingPathComponent("latin.csv"))
        try "a,b\n1,2\n".data(using: .utf16)?.write(
            to: folder.folder.appendingPathComponent("wide.csv"))
        #expect(failure(folder, "SELECT a FROM '@/deep.ndjson'")?.state == .statementTooComplex)
        #expect(failure(folder, "SELECT * FROM '@/wide.ndjson'")?.state == .tooManyColumns)
        #expect(try folder.run("SELECT c2499 FROM '@/wide.ndjson'").rows == [[.integer(2_499)]])
        #expect(
            failure(folder, "SELECT a FROM '@/m?.*'")?.message.contains("different formats") == true
        )
        #expect(
            failure(folder, "SELECT b FROM '@/latin.csv'")?.message.contains("invalid UTF-8")
                == true)
        #expect(failure(folder, "SELECT * FROM '@/wide.csv'")?.message.contains("UTF-16") == true)
    }

    @Test func `rows without a time are counted`() throws {
        let folder = try InputFolder()
        try folder.write(
            "t.ndjson",
            "{\"ts\":\"2026-11-26T10:00:00Z\",\"v\":1}\n{\"ts\":null,\"v\":2}\n{\"v\":3}\n")
        let output = try folder.run(
            "SELECT count(*) FROM TUMBLE('@/t.ndjson', ts, INTERVAL '10 s') GROUP BY window_start")
        #expect(output.rows == [[.integer(1)]])
        #expect(folder.notes.all == ["2 rows have no finite time and are left out of all windows"])
    }

    @Test(arguments: [
        "TUMBLE('@/t.ndjson', ts, INTERVAL '20000000 days')",
        "TUMBLE('@/t.ndjson', ts, INTERVAL '1 day', INTERVAL '106751991 days')",
        "TUMBLE('@/t.ndjson', ts, INTERVAL '1 day', INTERVAL '-106751991 days')",
        "HOP('@/t.ndjson', ts, INTERVAL '1 day', INTERVAL '20000000 days')",
        "CUMULATE('@/t.ndjson', ts, INTERVAL '20000000 days', INTERVAL '20000000 days')",
        "SESSION('@/t.ndjson', ts, INTERVAL '106751991 days')",
    ])
    func `windows that are longer than times reach are refused`(_ window: String) throws {
        let folder = try InputFolder()
        try folder.write("t.ndjson", "{\"ts\":\"2026-11-26T10:00:00Z\"}\n")
        let error = failure(folder, "SELECT count(*) FROM \(window) GROUP BY window_start")
        #expect(error?.state == .datetimeFieldOverflow)
        #expect(error?.message.contains("100000 days") == true)
    }

    @Test func `a span of silence that is longer than clocks count is never`() throws {
        let folder = try InputFolder()
        try folder.write("t.ndjson", "{\"ts\":\"2026-11-26T10:00:00Z\"}\n")
        let never = "INTERVAL '106751991 days'"
        for (watermark, emit) in [
            ("", "PERIODIC \(never)"), ("", "ON WINDOW CLOSE WITH TIMEOUT \(never)"),
            (" AS ts - \(never)", "ON WINDOW CLOSE"),
            (" IDLE TIMEOUT \(never)", "ON WINDOW CLOSE"),
        ] {
            let output = try folder.run(
                "SELECT count(*) FROM TUMBLE((SELECT * FROM '@/t.ndjson' WATERMARK FOR ts"
                    + "\(watermark)), ts, INTERVAL '100000 days') GROUP BY window_start EMIT \(emit)"
            )
            #expect(output.rows == [[.integer(1)]], "\(emit)")
        }
        let error = failure(
            folder, "SELECT ts FROM '@/t.ndjson' WATERMARK FOR ts AS ts - INTERVAL '-1 days'")
        #expect(error?.state == .invalidParameterValue)
    }

    @Test(arguments: ["HOP", "CUMULATE"])
    func `what goes by arrival does so in windows that overlap`(_ window: String) throws {
        let folder = try InputFolder()
        try folder.write(
            "t.csv",
            "ts,id\n"
                + [12, 3, 13, 4].enumerated().map { index, second in
                    "2024-01-01 00:00:\(second < 10 ? "0" : "")\(second),\(index + 1)\n"
                }.joined())
        for emit in ["", " EMIT CHANGES"] {
            let output = try folder.run(
                "SELECT first(id), last(id), string_agg(id::text, ','), arg_max(id, 1) FROM "
                    + "\(window)((SELECT * FROM '@/t.csv' WATERMARK FOR ts AS ts - INTERVAL '30 s'),"
                    + " ts, INTERVAL '5 s', INTERVAL '15 s') WHERE window_start = '2024-01-01' AND "
                    + "window_end = '2024-01-01 00:00:15' GROUP BY window_start, window_end" + emit)
            #expect(
                output.rows.last == [.integer(1), .integer(4), .text("1,2,3,4"), .integer(1)])
        }
    }

    @Test(arguments: ["TUMBLE", "SESSION"])
    func `rows of infinite times are counted, and make no other late`(_ window: String) throws {
        let folder = try InputFolder()
        try folder.write(
            "t.csv",
            "ts,v\n2024-01-01 00:00:01,1\n-infinity,2\ninfinity,3\n2024-01-01 00:00:02,4\n"
                + "2024-01-01 00:00:22,5\n")
        let output = try folder.run(
            "CREATE TABLE t (ts timestamp, v int, WATERMARK FOR ts AS ts - INTERVAL '1 second') "
                + "WITH (connector='file', path='@/t.csv'); SELECT array_agg(v) FROM "
                + "\(window)(t, ts, INTERVAL '10 seconds') GROUP BY window_start")
        let lists = output.rows.map { "\($0)" }
        #expect(lists.count == 2, "\(lists)")
        #expect(folder.notes.all == ["2 rows have no finite time and are left out of all windows"])
    }

    @Test func `states of sketches are kept as values and merged later`() throws {
        let folder = try InputFolder()
        let output = try folder.run(
            """
            CREATE TABLE s AS SELECT g % 4 AS part, quantile_state(g) AS q, hll_state(g) AS h,
                top_k_state(CASE WHEN g % 2 = 0 THEN 'even' ELSE g::text END, 2) AS t
            FROM generate_series(1, 1000) g GROUP BY 1;
            SELECT round(quantile_value(q, 0.5)), hll_count(h) BETWEEN 970 AND 1030,
                to_json(top_k_values(t))->0->>'value' FROM s;
            SELECT round(quantile_value(q, 0.5)), hll_count(h) BETWEEN 970 AND 1030 FROM (
                SELECT encode(quantile_merge(q), 'base64') q, encode(hll_merge(h), 'base64') h
                FROM s GROUP BY part % 2) x
            """)
        let half = output.rows.map { $0[0] }
        for value in half {
            guard case .double(let median) = value else {
                #expect(Bool(false), "\(value)")
                continue
            }
            #expect(abs(median - 500) < 15)
        }
        #expect(output.rows.map { $0[1] } == [.boolean(true), .boolean(true)])
        #expect(output.rows[0][2] == .text("even"))
    }
}
