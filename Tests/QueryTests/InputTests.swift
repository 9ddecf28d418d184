import Formats
import Foundation
import Platform
import SQL
import Testing

@testable import Query

@Suite struct SampleTests {
    @Test func `columns that only later files of a pattern have are found`() throws {
        let inputs = try InputFolder()
        try inputs.write("1.ndjson", "{\"a\":1}\n")
        try inputs.write("2.ndjson", "{\"a\":2,\"b\":3}\n")
        let output = try inputs.run("select a, b from '@/*.ndjson'")
        #expect(output.rows == [[.integer(1), .null], [.integer(2), .integer(3)]])
        let all = try inputs.run("select * from '@/*.ndjson'")
        #expect(all.columns == [Field("a", .bigint), Field("b", .bigint)])
    }

    @Test func `a pattern's first file may be empty, and each CSV file has its line of names`()
        throws
    {
        let inputs = try InputFolder()
        try inputs.write("1.csv", "")
        try inputs.write("2.csv", "a,b\n")
        try inputs.write("3.csv", "a,b\n1,x\n")
        try inputs.write("4.csv", "a,b\n2,y\n")
        let output = try inputs.run("select * from '@/*.csv'")
        #expect(output.columns == [Field("a", .bigint), Field("b", .text)])
        #expect(output.rows == [[.integer(1), .text("x")], [.integer(2), .text("y")]])
    }

    static let overNothing = [
        ("select a from '@/F'", 0), ("select sum(a) from '@/F'", 1),
        ("select a, avg(b) from '@/F' where c > 5 group by a", 0),
        ("select sum(a), max(upper(b)) from '@/F'", 1),
        ("select date_trunc('hour', t), sum(n * 2.5) from '@/F' group by 1", 0),
        ("select a.b from '@/F' a", 0), ("select * from '@/F'", 0),
        ("select count(*) from '@/F'", 1),
    ]

    @Test(arguments: overNothing, ["e.ndjson", "e.csv", "e.json", "blank.ndjson"])
    func `an empty input has no rows, and aggregates of it one`(
        _ query: (String, Int), _ file: String
    ) throws {
        let inputs = try InputFolder()
        try inputs.write(file, file == "blank.ndjson" ? "\n \n" : "")
        let output = try inputs.run(query.0.replacingOccurrences(of: "F", with: file))
        #expect(output.rows.count == query.1)
        #expect(inputs.notes.all.count == 1)
        #expect(inputs.notes.all.first?.hasSuffix("\(file) has no rows") == true)
    }

    @Test func `an empty pipe has no rows, and aggregates of it one`() throws {
        let inputs = try InputFolder()
        try inputs.pipe("p", [""])
        let output = try inputs.run("select count(a), count(*) from '@/p'")
        #expect(output.rows == [[.integer(0), .integer(0)]])
        #expect(inputs.notes.all.last?.hasSuffix("p has no rows") == true)
    }

    @Test func `what no type makes right stays an error over an empty input`() throws {
        let inputs = try InputFolder()
        try inputs.write("e.ndjson", "")
        let error = #expect(throws: SQLError.self) {
            try inputs.run("select nosuch(a) from '@/e.ndjson'")
        }
        #expect(error?.state == .undefinedFunction)
    }

    @Test func `names of a CSV file may be missing or come twice`() throws {
        let inputs = try InputFolder()
        try inputs.write("twice.csv", "x,x\n1,2\n")
        try inputs.write("missing.csv", "x,\n1,2\n")
        let twice = try inputs.run("select * from '@/twice.csv'")
        #expect(twice.columns == [Field("x", .bigint), Field("x_1", .bigint)])
        #expect(twice.rows == [[.integer(1), .integer(2)]])
        let missing = try inputs.run("select * from '@/missing.csv'")
        #expect(missing.columns == [Field("x", .bigint), Field("column2", .bigint)])
        #expect(missing.rows == [[.integer(1), .integer(2)]])
    }

    @Test func `TSV is read as it is written`() throws {
        let inputs = try InputFolder()
        try inputs.write(
            "a.tsv", "n\tt\n1\ta\\tb\\nc\\\\d\n\\N\t\\N\n3\tC:\\dir \\\"x\n")
        let output = try inputs.run("select * from '@/a.tsv'")
        #expect(output.columns == [Field("n", .bigint), Field("t", .text)])
        #expect(
            output.rows == [
                [.integer(1), .text("a\tb\nc\\d")], [.null, .null],
                [.integer(3), .text("C:\\dir \"x")],
            ])
    }

    @Test func `options of files that do not exist are refused`() throws {
        let inputs = try InputFolder()
        try inputs.write("a.csv", "x\n1\n")
        let refused = [
            "select * from read_csv('@/a.csv', nope => 1)",
            "create source s with (connector = 'file', path = '@/a.csv', bogus = 1); "
                + "select * from s",
            "explain (format yaml) select 1",
        ]
        for text in refused { #expect(throws: SQLError.self, "\(text)") { try inputs.run(text) } }
        #expect(
            try inputs.run("select * from read_csv('@/a.csv', header => true)").rows
                == [[.integer(1)]])
    }
}

/// Moves on by a second each time it is read.
private final class LeapingClock: Clock, @unchecked Sendable {
    private let lock = Lock()
    private var now: Int64 = 0
    private let onRead: @Sendable () -> Void

    init(_ onRead: @escaping @Sendable () -> Void = {}) { self.onRead = onRead }

    var monotonicNanoseconds: Int64 {
        onRead()
        return lock.withLock {
            now += 1_000_000_000
            return now
        }
    }
    var wallMilliseconds: Int64 { 1_700_000_000_000 }
}

@Suite struct BusyStopTests {
    static let busy = [
        "select count(*) from generate_series(1, 9000000000000) g",
        "select count(*) from generate_series(1, 3000000) a, generate_series(1, 3000000) b",
        "with recursive r(n) as (select 1 union all select n + 1 from r) select count(*) from r",
    ]

    @Test(arguments: busy)
    func `a statement that is busy with one batch is cancelled by a stop`(_ text: String) throws {
        let stop = StopFlag()
        stop.set()
        let notes = Notes()
        let environment = SessionEnvironment(clock: LeapingClock(), stop: stop) { notes.add($0) }
        let session = QuerySession(environment)
        var parser = try Parser(Array(text.utf8))
        let statement = try #require(try parser.next())
        let error = #expect(throws: SQLError.self) {
            _ = try session.run(statement, output: RowsOutput())
        }
        #expect(error?.state == .queryCanceled)
    }

    @Test func `a series ends with the limit above it`() throws {
        let inputs = try InputFolder()
        let output = try inputs.run(
            "select * from generate_series(1, 9000000000000) g limit 2;"
                + "select a, b from generate_series(1, 2) a, generate_series(a, 3) b;"
                + "select count(*), sum(g) from generate_series(1, 10000) g;"
                + "select * from generate_series(9223372036854775806, 9223372036854775807) g")
        #expect(
            output.rows == [
                [.integer(1)], [.integer(2)], [.integer(1), .integer(1)],
                [.integer(1), .integer(2)], [.integer(1), .integer(3)],
                [.integer(2), .integer(2)], [.integer(2), .integer(3)],
                [.integer(10_000), .integer(50_005_000)], [.integer(.max - 1)],
                [.integer(.max)],
            ])
    }

    @Test func `EXPLAIN ANALYZE tells the time of each operator`() throws {
        let inputs = try InputFolder()
        let output = try inputs.run(
            "explain analyze select count(*) from generate_series(1, 10000) g")
        let lines = output.rows.map { "\($0[0])" }
        #expect(lines.filter { $0.contains(" time=") && $0.contains(" ms memory=") }.count == 3)
    }

    @Test func `EXPLAIN ANALYZE counts reading and decoding as the time of the scan`() throws {
        let inputs = try InputFolder()
        let rows = (0..<20_000).map { "{\"a\":\($0),\"b\":\"x\($0)\"}\n" }.joined()
        try inputs.write("a.ndjson", rows)
        func time(_ line: String) -> Double {
            let text = line.split(separator: "time=").last?.split(separator: " ").first ?? ""
            return Double(text) ?? 0
        }
        // Another operator may once be interrupted for longer.
        let isMost = try (0..<20).contains { _ in
            let explained = "explain analyze select count(*) from '@/a.ndjson' where a > 5"
            let times = try inputs.run(explained).rows.map { "\($0[0])" }
                .filter { $0.contains(" time=") }
            let scan = try #require(times.first { $0.hasPrefix("text(\"scan") })
            return time(scan) == times.map(time).max()
        }
        #expect(isMost)
    }

    @Test func `EXPLAIN of a change shows its query and changes nothing`() throws {
        let inputs = try InputFolder()
        let output = try inputs.run(
            """
            create table t (a int, b text); insert into t values (1, 'x');
            explain insert into t select 2, 'y';
            explain update t set a = 5 where b = 'x';
            explain delete from t;
            explain create table u as select a from t;
            explain merge into t using (select 1 k) s on t.a = s.k when matched then delete;
            explain copy (select a from t) to '@/copy.csv';
            prepare p as delete from t; explain execute p;
            select a, b from t;
            """)
        let lines = output.rows.map { row in
            if case .text(let text)? = row.first { return text }
            return "\(row)"
        }
        for title in ["Insert on t", "Update on t", "Delete on t", "Merge on t"] {
            #expect(lines.contains(title), "\(title)")
        }
        #expect(lines.contains { $0.hasPrefix("Copy to '") && $0.hasSuffix("copy.csv'") })
        #expect(lines.filter { $0.hasPrefix("  ->  ") }.count == 5)
        #expect(output.rows.last == [.integer(1), .text("x")])
    }

    @Test func `EXPLAIN ANALYZE of a change makes it`() throws {
        let inputs = try InputFolder()
        let output = try inputs.run(
            """
            create table t (a int); explain (analyze, timing off, summary off, costs off)
            insert into t select g from generate_series(1, 3) g; select sum(a) from t;
            """)
        let lines = output.rows.dropLast().map { "\($0[0])" }
        #expect(lines.allSatisfy { !$0.contains("time=") && !$0.contains("Execution Time") })
        #expect(lines.contains { $0.contains("rows=3 memory=") })
        #expect(output.rows.last == [.integer(6)])
    }

    /// What the document of EXPLAIN (FORMAT JSON) has under each name.
    private func document(_ text: String) throws -> [String: [String]] {
        let output = try InputFolder().run(text)
        guard output.rows.count == 1, case .text(let json)? = output.rows[0].first else {
            Issue.record("\(output.rows)")
            return [:]
        }
        #expect(json.hasPrefix("[\n  {\n    \"Plan\": {\n      \"Node Type\": "))
        var found: [String: [String]] = [:]
        func add(_ value: Any) {
            if let list = value as? [Any] { list.forEach(add) }
            for (name, inner) in value as? [String: Any] ?? [:] {
                found[name, default: []].append("\(inner)")
                add(inner)
            }
        }
        add(try JSONSerialization.jsonObject(with: Data(json.utf8)))
        return found
    }

    @Test func `EXPLAIN as JSON has the members that tools look for`() throws {
        let tree = try document(
            """
            explain (format json, verbose) with w as (select g % 3 k from generate_series(1, 9) g)
            select a.k, count(*) from w a join w b using (k) group by a.k order by 2 limit 2
            """)
        let names = tree["Node Type"] ?? []
        for name in ["Sort", "Aggregate", "Hash Join", "CTE Scan", "Function Scan"] {
            #expect(names.contains(name), "\(names)")
        }
        #expect(tree["Join Type"] == ["Inner"])
        #expect((tree["Parent Relationship"] ?? []).contains("Inner"))
        #expect((tree["CTE Name"] ?? []).allSatisfy { $0 == "w" })
        #expect(tree["Plan Rows"] != nil && tree["Total Cost"] != nil)
        #expect(tree["Actual Rows"] == nil)
        let plain = try document("explain (format json, costs off) select 1")
        #expect(plain["Total Cost"] == nil)
        let change = try document(
            "create table t (a int); explain (format json) insert into t select 1")
        #expect(change["Operation"] == ["Insert"])
        #expect(change["Relation Name"] == ["t"])
    }

    @Test func `EXPLAIN ANALYZE as JSON has rows and times of what has run`() throws {
        let tree = try document(
            """
            explain (analyze, format json) select g % 4 k, count(*)
            from generate_series(1, 10) g group by 1
            """)
        #expect((tree["Actual Rows"] ?? []).contains("4"))
        #expect((tree["Actual Rows"] ?? []).contains("10"))
        #expect((tree["Actual Loops"] ?? []).allSatisfy { $0 == "1" })
        #expect(tree["Actual Total Time"]?.count == tree["Node Type"]?.count)
        #expect(tree["Execution Time"]?.count == 1 && tree["Planning Time"]?.count == 1)
        let quiet = try document(
            "explain (analyze, timing off, summary off, format json) select 1")
        #expect(quiet["Actual Total Time"] == nil && quiet["Execution Time"] == nil)
        #expect(quiet["Actual Rows"]?.allSatisfy { $0 == "1" } == true)
    }

    @Test func `EXPLAIN leaves facts out and adds columns as it is asked`() throws {
        let inputs = try InputFolder()
        func lines(_ options: String) throws -> String {
            try inputs.run("explain \(options) select g::text as t from generate_series(1, 2) g")
                .rows.map { "\($0[0])" }.joined(separator: "\n")
        }
        #expect(try lines("").contains("append-only"))
        #expect(try !lines("(costs off)").contains("append-only"))
        #expect(try lines("verbose").contains("Rows: t text"))
        #expect(try lines("(verbose off, costs on)").contains("append-only"))
        #expect(try !lines("(verbose off)").contains("Rows: "))
        let error = #expect(throws: SQLError.self) { _ = try lines("(costs maybe)") }
        #expect(error?.message == "costs requires a Boolean value")
    }
}
