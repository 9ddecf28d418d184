import Formats
import Testing

@testable import SQL

@Suite struct BinderGroupingTests {
    @Test(
        arguments: [
            ("SELECT count(*), c FROM t GROUP BY c", "count bigint, c text"),
            (
                "SELECT c AS q, sum(a) s FROM t GROUP BY q HAVING s > 1 ORDER BY s",
                "q text, s bigint"
            ),
            ("SELECT c, a % 2, max(b) FROM t GROUP BY 1, 2", nil),
            ("SELECT c, max(b) FROM t GROUP BY ALL", "c text, max bigint"),
            ("SELECT name, count(*) FROM k JOIN t ON t.a = k.id GROUP BY k.id, name", nil),
            ("SELECT name, v FROM k GROUP BY id", "name text, v integer"),
            (
                "SELECT c, a, count(*), GROUPING(c, a) FROM t GROUP BY ROLLUP (c, a)",
                "c text, a integer, count bigint, grouping integer"
            ),
            (
                "SELECT count(*) FILTER (WHERE a > 1), sum(DISTINCT a) FROM t",
                "count bigint, sum bigint"
            ),
            ("SELECT a, sum(sum(b)) OVER (ORDER BY a) FROM t GROUP BY a", "a integer, sum numeric"),
            (
                "SELECT a, rank() OVER w FROM t WINDOW w AS (PARTITION BY c ORDER BY b)",
                "a integer, rank bigint"
            ),
            (
                "SELECT a FROM t QUALIFY row_number() OVER (PARTITION BY c ORDER BY b) = 1",
                "a integer"
            ),
            ("SELECT DISTINCT ON (c) c, b FROM t ORDER BY c, b DESC", "c text, b bigint"),
        ] as [(String, String?)])
    func `groups, windows and their names`(query: String, expected: String?) throws {
        let found = try columns(query)
        if let expected { #expect(found == expected, "\(query)") }
        #expect(PlanValidator.faults(try Optimiser().optimise(try bound(query).plan)).isEmpty)
    }

    @Test(
        arguments: [
            (
                "SELECT sum(a), b FROM t",
                "42803 column \"t.b\" must appear in the GROUP BY clause or be used in an "
                    + "aggregate function", 15
            ),
            (
                "SELECT a FROM t WHERE count(*) > 1",
                "42803 aggregate functions are not allowed in WHERE", 22
            ),
            ("SELECT sum(count(*)) FROM t", "42803 aggregate function calls cannot be nested", 11),
            (
                "SELECT sum(row_number() OVER ()) FROM t",
                "42803 aggregate function calls cannot contain window function calls", 11
            ),
            (
                "SELECT count(DISTINCT a ORDER BY b) FROM t",
                "42P10 in an aggregate with DISTINCT, ORDER BY expressions must appear in argument "
                    + "list", 33
            ),
            (
                "SELECT sum(a) FILTER (WHERE count(*) > 1) FROM t",
                "42803 aggregate functions are not allowed in FILTER", 28
            ),
            ("SELECT a FROM t GROUP BY 5", "42P10 GROUP BY position 5 is not in select list", 25),
            (
                "SELECT a, (SELECT t.b FROM u LIMIT 1) FROM t GROUP BY a",
                "42803 subquery uses ungrouped column \"t.b\" from outer query", 18
            ),
        ])
    func `errors of grouping are PostgreSQL's`(
        query: String, expected: String, place: Int
    ) throws {
        let error = try #require(bindError(query))
        #expect("\(error.state.rawValue) \(error.message)" == expected)
        #expect(error.place?.lowerBound == place, "\(query)")
    }

    @Test func `a count that is correlated is 0 where nothing matches`() throws {
        let plan = try explain("SELECT a, (SELECT count(*) FROM u WHERE u.a = t.a) FROM t")
        #expect(plan.contains("Left Join"))
        #expect(plan.contains("ELSE"))
        #expect(!plan.contains("Shared"))
    }

    @Test func `windows close by their start and their size too`() throws {
        let catalog = try TestCatalog.nexmark(isEndless: true)
        let plan = try explain(
            """
            WITH counts AS (
              SELECT auction, window_start, window_end, COUNT(*) AS num
              FROM HOP(bid, ts, INTERVAL '2' SECOND, INTERVAL '10' SECOND)
              GROUP BY auction, window_start, window_end)
            SELECT c.auction, c.num FROM counts c
            JOIN (SELECT window_start, MAX(num) AS maxn FROM counts GROUP BY window_start) m
              ON c.window_start = m.window_start AND c.num >= m.maxn
            EMIT ON WINDOW CLOSE
            """, catalog)
        #expect(
            plan.contains("Window End: (window_start + '00:00:10'::interval)"), "\(plan)")
        #expect(plan.contains("Frees left:") && plan.contains("Frees right:"), "\(plan)")
    }

    @Test(arguments: [
        ("window_start, ROLLUP (auction)", true), ("CUBE (auction, bidder), window_end", true),
        ("GROUPING SETS ((window_start, auction), (window_start))", true),
        ("ROLLUP (window_start, auction)", false), ("CUBE (window_start)", false),
        ("GROUPING SETS ((window_start), ())", false),
    ])
    func `grouping sets close with a window that all of them have`(
        group: String, isWindowed: Bool
    ) throws {
        let query =
            "SELECT count(*) FROM TUMBLE(bid, ts, INTERVAL '1 minute') GROUP BY \(group)"
        let catalog = try TestCatalog.nexmark(isEndless: true)
        let plan = try explain(query, catalog)
        #expect(plan.contains("GroupingSets on window close") == isWindowed, "\(plan)")
        let error = bindError(query + " EMIT ON WINDOW CLOSE", catalog)
        #expect((error == nil) == isWindowed)
    }

    @Test func `EMIT CHANGES lets open windows change`() throws {
        let catalog = try TestCatalog.nexmark(isEndless: true)
        let query = "SELECT count(*) FROM TUMBLE(bid, ts, INTERVAL '1 minute') GROUP BY window_end"
        #expect(try explain(query, catalog).contains("on window close"))
        #expect(try explain(query + " EMIT CHANGES", catalog).contains("over windows"))
        #expect(
            bindError("SELECT 1 FROM TUMBLE(bid, ts, INTERVAL '1 month')", catalog)?.state
                == .featureNotSupported)
    }
}
