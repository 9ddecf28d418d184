import Aggregation
import Formats
import Testing

@testable import SQL

@Suite struct OptimiserTests {
    /// The plan's operations, one a line, without facts.
    private func expectPlan(
        _ query: String, _ expected: String, _ catalog: TestCatalog = .standard(),
        location: SourceLocation = #_sourceLocation
    ) throws {
        let found = try explain(query, catalog)
        #expect(found == expected, "\(query)\n\(found)", sourceLocation: location)
    }

    @Test func `filters move to their inputs, equalities become keys`() throws {
        try expectPlan(
            "SELECT t.a, x FROM t, u WHERE t.a = u.a AND b > 5 AND x = 'q' AND y < b",
            """
            Project
              Output: a, x
              ->  Join
                    Keys: a = a
                    Condition: (y < b::numeric)
                    ->  Filter
                          Condition: (b > 5)
                          ->  Scan on t
                                Columns: a, b
                    ->  Filter
                          Condition: (x = 'q')
                          ->  Scan on u
                                Columns: a, x, y
            """)
    }

    @Test func `what cannot have a row reads nothing`() throws {
        for query in [
            "SELECT a FROM t WHERE false", "SELECT a FROM t WHERE b = NULL",
            "SELECT a FROM t WHERE b = 1 AND NULL", "SELECT a FROM t WHERE b = 1 LIMIT 0",
            "SELECT t.a FROM t JOIN u ON t.a = u.a WHERE 1 = 2",
            "SELECT t.a FROM t JOIN u ON NULL", "SELECT t.a FROM t JOIN u ON t.a = u.a AND false",
            "SELECT t.a FROM t JOIN (SELECT * FROM u WHERE false) u ON t.a = u.a",
            "SELECT t.a FROM t, (SELECT * FROM u WHERE false) v LEFT JOIN u ON v.a = u.a",
            "SELECT a, count(*) FROM t WHERE false GROUP BY a",
            "SELECT DISTINCT a FROM t WHERE false ORDER BY a",
            "SELECT a, row_number() OVER (ORDER BY b) FROM t WHERE false",
            "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a AND false)",
            "SELECT a FROM t WHERE false UNION ALL SELECT a FROM u WHERE NULL",
            "SELECT a FROM t INTERSECT SELECT a FROM u WHERE false",
            "SELECT a FROM t WHERE false EXCEPT SELECT a FROM u",
        ] {
            try expectPlan(query, "Values (0 rows)")
        }
    }

    @Test func `what has rows without any still has them`() throws {
        try expectPlan(
            "SELECT count(*) FROM t JOIN u ON t.a = u.a AND false",
            """
            Aggregate
              Call: count(*)
              ->  Values (0 rows)
            """)
        try expectPlan(
            "SELECT t.a, x FROM t LEFT JOIN u ON t.a < u.a AND false",
            """
            Left Join
              ->  Scan on t
                    Columns: a
              ->  Values (0 rows)
            """)
        try expectPlan(
            "SELECT a FROM t UNION ALL SELECT a FROM u WHERE false",
            """
            Append
              ->  Scan on t
                    Columns: a
            """)
        let sets = try explain("SELECT a, count(*) FROM t WHERE false GROUP BY ROLLUP (a)")
        #expect(sets.contains("Set: ()"))
    }

    @Test func `integers are compared as integers with what a decimal bound means to them`() throws
    {
        let names = ["<", "<=", ">", ">="]
        func decimal(_ text: String) throws -> Expression {
            .literal(.numeric(try Numeric.parse(text)), .numeric(precision: nil, scale: 0))
        }
        let numeric = DataType.numeric(precision: nil, scale: 0)
        for factor in ["0.908", "-3", "1", "0.001", "-0.7"] {
            for bound in ["0", "2.5", "-2.5", "9.08", "-9", "7", "0.0005", "1e30"] {
                for (name, isFlipped) in names.flatMap({ [($0, false), ($0, true)] }) {
                    let product = Expression.call(
                        try FunctionRegistry.scalar("*", [numeric, numeric]),
                        [try decimal(factor), .cast(.column(0, .integer), numeric, isTry: false)],
                        numeric)
                    let sides = [product, try decimal(bound)]
                    let written = Expression.call(
                        try FunctionRegistry.scalar(name, [numeric, numeric]),
                        isFlipped ? sides.reversed() : sides, .boolean)
                    let rewritten = written.cheaper
                    if bound != "1e30" {
                        #expect(
                            rewritten.text([]) != written.text([]), "\(factor) \(name) \(bound)")
                    }
                    let values: [Value] = [.null] + (-20...20).map { .integer($0) }
                    let batch = Batch([Column.make(.integer, values)], count: values.count)
                    let found = try Evaluator(rewritten, settings: SessionSettings()).evaluate(
                        batch)
                    let expected = try Evaluator(written, settings: SessionSettings()).evaluate(
                        batch)
                    for row in values.indices {
                        #expect(
                            found.value(row) == expected.value(row),
                            "\(factor) * \(values[row]) \(name) \(bound) \(isFlipped)")
                    }
                }
            }
        }
    }

    @Test func `regular expressions are asked last, and for one group without the others`() throws {
        try expectPlan(
            "SELECT a FROM t WHERE (regexp_match(c, 'x(.)'))[1] IS NOT NULL OR c = 'y'",
            """
            Project
              Output: a
              ->  Filter
                    Condition: ((c = 'y') OR (regexp_match_group(c, 'x(.)', 1) IS NOT NULL))
                    ->  Scan on t
                          Columns: a, c
            """)
    }

    @Test func `EXISTS is a semi join, NOT EXISTS an anti join`() throws {
        try expectPlan(
            "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a AND x = c)",
            """
            Project
              Output: a
              ->  Semi Join
                    Keys: a = a, c = x
                    ->  Scan on t
                          Columns: a, c
                    ->  Scan on u
                          Columns: a, x
            """)
        try expectPlan(
            "SELECT a FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.a = t.a)",
            """
            Anti Join
              Keys: a = a
              ->  Scan on t
                    Columns: a
              ->  Scan on u
                    Columns: a
            """)
    }

    @Test func `a condition on a key holds for the other side too`() throws {
        try expectPlan(
            "SELECT b FROM t JOIN k ON t.a = k.id WHERE k.id = 7",
            """
            Project
              Output: b
              ->  Join
                    Keys: a = id
                    ->  Filter
                          Condition: (a = 7)
                          ->  Scan on t
                                Columns: a, b
                    ->  Filter
                          Condition: (id = 7)
                          ->  Scan on k
                                Columns: id
            """)
    }

    @Test func `an outer join whose missing rows are dropped is an inner one`() throws {
        let plan = try explain("SELECT b FROM t LEFT JOIN u USING (a) WHERE x = 'p'")
        #expect(!plan.contains("Left Join"))
        #expect(
            try explain("SELECT b, x FROM t LEFT JOIN u USING (a)").contains("Left Join"))
    }

    @Test func `ROW_NUMBER() <= n is a top-n`() throws {
        try expectPlan(
            """
            SELECT a, c FROM (SELECT a, c, row_number() OVER (PARTITION BY c ORDER BY b DESC) n
            FROM t) q WHERE n <= 3
            """,
            """
            Project
              Output: a, c
              ->  Top-N
                    Partition: c
                    Sort Key: b DESC
                    Limit: 3
                    ->  Scan on t
                          Columns: a, b, c
            """)
    }

    @Test func `only the members that are used are read`() throws {
        try expectPlan(
            "SELECT r.x FROM s WHERE r.z.p > 1",
            """
            Project
              Output: x
              ->  Filter
                    Condition: (p > 1)
                    ->  Scan on s
                          Columns: r.x, r.z.p
            """)
    }

    @Test func `views over one source read it once`() throws {
        let plan = try explain(
            """
            SELECT p.name, a.id FROM auction a JOIN person p ON a.seller = p.id
            WHERE a.category = 10
            """, try TestCatalog.nexmark())
        #expect(plan.split(separator: "\n").count { $0.contains("Scan on events") } == 1)
        #expect(
            plan.contains(
                "Columns: event_type, person.id, person.name, auction.id, auction.seller, "
                    + "auction.category"))
    }

    @Test func `tables that nothing connects are not crossed first`() throws {
        let plan = try explain(
            "SELECT 1 FROM t, k, u WHERE t.a = k.id AND t.c = u.x")
        #expect(!plan.contains("Cross Join"))
    }

    @Test func `an interval join knows when rows can go`() throws {
        let catalog = try TestCatalog.nexmark(isEndless: true)
        let plan = try explain(
            """
            SELECT a.id, b.price FROM auction a JOIN bid b
            ON a.id = b.auction AND b.ts BETWEEN a.ts AND a.expires
            """, catalog)
        #expect(plan.contains("Frees left: expires"))
        #expect(plan.contains("Frees right: ts"))
        #expect(plan.contains("Watermark:"))
    }

    @Test(arguments: [
        ("b.ts BETWEEN a.ts AND a.ts + 1000", "epoch_time((ts + 1000))", "epoch_time(ts)"),
        ("b.ts - 10 <= a.ts AND b.ts >= a.ts", "epoch_time(ts + 10)", "epoch_time(ts)"),
        ("b.ts > a.ts - 5 AND b.ts < a.ts", "epoch_time(ts)", "epoch_time(ts + 5)"),
        ("a.ts = b.ts", "epoch_time(ts)", "epoch_time(ts)"),
        (
            "b.ts BETWEEN a.ts AND a.ts + INTERVAL '1 s'",
            "(epoch_time(ts) + '00:00:01'::interval)", "epoch_time(ts)"
        ),
    ])
    func `an interval join of times that are numbers knows when rows can go`(
        condition: String, left: String?, right: String?
    ) throws {
        let plan = try explain("SELECT a.k, b.f FROM n a JOIN n b ON a.k = b.k AND \(condition)")
        if let left { #expect(plan.contains("Frees left: \(left)\n"), "\(plan)") }
        if let right { #expect(plan.contains("Frees right: \(right)\n"), "\(plan)") }
        #expect(plan.contains("Frees") && plan.contains("Watermark: epoch_time(ts)"), "\(plan)")
    }

    @Test func `times that are numbers keep their meaning in subqueries and unions`() throws {
        for source in [
            "(SELECT ts, k FROM n WHERE k > 1)", "(SELECT * FROM n UNION ALL SELECT * FROM n)",
            "(SELECT x.ts, y.k FROM n x JOIN n y ON x.k = y.k AND x.ts = y.ts)",
        ] {
            let plan = try explain(
                "SELECT 1 FROM \(source) a JOIN n b ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + 9"
            )
            #expect(plan.contains("Frees left: epoch_time((ts + 9"), "\(plan)")
        }
        // Numbers of two units are not compared by time.
        let mixed = "(SELECT * FROM n UNION ALL SELECT * FROM ns)"
        let plan = try explain(
            "SELECT 1 FROM n a JOIN \(mixed) b ON a.k = b.k AND b.ts <= a.ts AND a.ts <= b.ts")
        #expect(!plan.contains("Frees left"), "\(plan)")
    }

    @Test func `a unit that is named stands in the plan`() throws {
        let plan = try explain(
            "SELECT count(*) FROM TUMBLE(ns, ts, INTERVAL '1 s') GROUP BY window_end")
        #expect(plan.contains("Watermark: epoch_timens(ts)"), "\(plan)")
        let minutes = try explain(
            "SELECT date_bin('1 minute', ts, '2001-01-01'), count(*) FROM n GROUP BY 1")
        #expect(minutes.contains("on window close"), "\(minutes)")
        for text in ["ts::timestamptz", "ts + INTERVAL '1 s'", "extract(hour FROM ts)"] {
            #expect(bindError("SELECT \(text) FROM n") == nil, "\(text)")
        }
        #expect(bindError("SELECT k + INTERVAL '1 s' FROM n")?.state == .undefinedFunction)
    }

    @Test func `an order that never comes is refused with the cure`() throws {
        let catalog = try TestCatalog.nexmark(isEndless: true)
        let error = try #require(bindError("SELECT * FROM bid ORDER BY price", catalog))
        #expect(error.state == .featureNotSupported)
        #expect(error.hint?.hasPrefix("Add LIMIT") == true)
        #expect(bindError("SELECT * FROM bid ORDER BY price LIMIT 3", catalog) == nil)
    }

    @Test func `EMIT ON WINDOW CLOSE needs a window`() throws {
        let error = try #require(bindError("SELECT a FROM t EMIT ON WINDOW CLOSE"))
        #expect(error.state == .syntaxError)
        #expect(error.hint != nil)
    }
}
