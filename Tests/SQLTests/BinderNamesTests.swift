import Formats
import Testing

@testable import SQL

@Suite struct BinderNamesTests {
    @Test(
        arguments: [
            ("SELECT A, \"b\" FROM t", "a integer, b bigint"),
            ("SELECT t.a, T.B AS \"Q\" FROM t", "a integer, Q bigint"),
            ("SELECT * FROM t", "a integer, b bigint, c text, d double precision"),
            ("SELECT * EXCLUDE (b, c) FROM t", "a integer, d double precision"),
            ("SELECT * REPLACE (a + 1 AS a) FROM k JOIN u ON v = a", nil),
            ("SELECT x.* FROM t x(p, q)", "p integer, q bigint, c text, d double precision"),
            ("SELECT id, r.x, r.z.p FROM s", "id integer, x integer, p double precision"),
            ("SELECT r.y, (r).\"Y\" FROM s", "Y text, Y text"),
            ("SELECT r.* FROM s", "x integer, Y text, z record"),
            ("SELECT * FROM e", "ts timestamp without time zone, k integer, v integer"),
            ("SELECT _offset FROM e", "_offset bigint"),
            ("SELECT * FROM t JOIN u USING (a)", nil),
            ("SELECT * FROM t NATURAL JOIN u", nil),
            ("SELECT q.n FROM (SELECT 1 AS n) q", "n integer"),
            (
                "SELECT column1, column2 FROM (VALUES (1, 'x'), (2.5, NULL)) v",
                "column1 numeric, column2 text"
            ),
            ("WITH w(m) AS (SELECT a FROM t) SELECT m FROM w", "m integer"),
            ("SELECT u FROM u", "u record"),
        ] as [(String, String?)])
    func `names give columns and types`(query: String, expected: String?) throws {
        let found = try columns(query)
        if let expected { #expect(found == expected, "\(query)") }
    }

    /// Each query of WITH names the one before it twice.
    private func doubling(_ levels: Int, _ first: String, _ next: (Int) -> String) -> String {
        let rest = (1...levels).map { "c\($0) AS \(next($0 - 1))" }
        return "WITH c0 AS (\(first)), \(rest.joined(separator: ", ")) SELECT * FROM c\(levels)"
    }

    @Test func `queries of WITH that name one another twice are planned once each`() throws {
        let forms: [(Int) -> String] = [
            { "(SELECT a.x + b.x AS x FROM c\($0) a, c\($0) b)" },
            { "(SELECT x FROM c\($0) UNION ALL SELECT x FROM c\($0) WHERE x > 1)" },
            { "(SELECT a.x FROM c\($0) a JOIN c\($0) b ON a.x = b.x WHERE a.x < 9)" },
            { "(SELECT x FROM c\($0) WHERE x IN (SELECT x FROM c\($0)))" },
            { "(SELECT x, (SELECT max(x) FROM c\($0)) AS y FROM c\($0))" },
        ]
        for form in forms {
            for first in ["SELECT 1 AS x", "SELECT a AS x FROM t"] {
                // Written out it would be 16 million operations and more.
                let plan = try explain(doubling(24, first, form))
                let lines = plan.split(separator: "\n").count
                #expect(lines < 700, "\(form(0)) \(lines)")
            }
        }
    }

    @Test func `queries of WITH that are to be written out too often are refused`() throws {
        let error = #expect(throws: SQLError.self) {
            try columns(
                doubling(24, "SELECT 1 AS x") {
                    "NOT MATERIALIZED (SELECT a.x + b.x AS x FROM c\($0) a, c\($0) b)"
                })
        }
        #expect(error?.state == .statementTooComplex)
        #expect(error?.message == "the queries of WITH name one another too often")
    }

    @Test func `USING puts the merged column first and once`() throws {
        #expect(
            try columns("SELECT * FROM u JOIN t USING (a)")
                == "a integer, x text, y numeric, b bigint, c text, d double precision")
    }

    @Test(
        arguments: [
            ("SELECT nosuch FROM t", "42703 column \"nosuch\" does not exist", 7),
            ("SELECT a FROM t, u", "42702 column reference \"a\" is ambiguous", 7),
            ("SELECT t.nosuch FROM t", "42703 column t.nosuch does not exist", 7),
            ("SELECT z.a FROM t", "42P01 missing FROM-clause entry for table \"z\"", 7),
            (
                "SELECT t.a FROM t AS s",
                "42P01 invalid reference to FROM-clause entry for table \"t\"", 7
            ),
            ("SELECT * FROM t, t", "42712 table name \"t\" specified more than once", 17),
            ("SELECT a FROM t ORDER BY 5", "42P10 ORDER BY position 5 is not in select list", 25),
            (
                "SELECT DISTINCT a FROM t ORDER BY b",
                "42P10 for SELECT DISTINCT, ORDER BY expressions must appear in select list", 34
            ),
            (
                "SELECT DISTINCT ON (a) a FROM t ORDER BY b",
                "42P10 SELECT DISTINCT ON expressions must match initial ORDER BY expressions", 20
            ),
            (
                "SELECT a FROM t UNION SELECT a, b FROM t",
                "42601 each UNION query must have the same number of columns", 29
            ),
            (
                "SELECT a FROM t WHERE a",
                "42804 argument of WHERE must be type boolean, not type integer", 22
            ),
            (
                "SELECT CASE WHEN true THEN 1 ELSE c END FROM t",
                "42804 CASE types text and integer cannot be matched", 27
            ),
            ("SELECT (SELECT a, b FROM t)", "42601 subquery must return only one column", 7),
            ("SELECT a IN (SELECT a, b FROM t) FROM t", "42601 subquery has too many columns", 9),
            ("SELECT a FROM t LIMIT a", "42P10 argument of LIMIT must not contain variables", 22),
            ("SELECT 'abc'::int", "22P02 invalid input syntax for type integer: \"abc\"", 7),
            ("SELECT a::date FROM t", "42846 cannot cast type integer to date", 8),
            ("SELECT *", "42601 SELECT * with no tables specified is not valid", 7),
            ("VALUES (1, 2), (3)", "42601 VALUES lists must all be the same length", 16),
            (
                "WITH RECURSIVE r AS (SELECT * FROM r) SELECT * FROM r",
                "42P19 recursive query \"r\" does not have the form non-recursive-term UNION [ALL] "
                    + "recursive-term", 15
            ),
            (
                "SELECT row_number() FROM t",
                "42809 window function row_number requires an OVER clause", 7
            ),
            (
                "SELECT a FROM t WHERE row_number() OVER () > 1",
                "42P20 window functions are not allowed in WHERE", 22
            ),
            (
                "SELECT a FROM t GROUP BY c",
                "42803 column \"t.a\" must appear in the GROUP BY clause or be used in an "
                    + "aggregate function", 7
            ),
        ])
    func `errors are PostgreSQL's, and name the place`(
        query: String, expected: String, place: Int
    ) throws {
        let error = try #require(bindError(query))
        #expect("\(error.state.rawValue) \(error.message)" == expected)
        #expect(error.place?.lowerBound == place, "\(query)")
    }

    @Test func `a name that is not found offers those that are`() throws {
        let error = try #require(bindError("SELECT aa FROM t"))
        #expect(error.typed == "aa")
        #expect(error.candidates.contains("a"))
    }

    @Test func `the catalog is told the names that the query speaks of`() throws {
        let catalog = TestCatalog.standard()
        _ = try bound("SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE x = c)", catalog)
        #expect(catalog.wanted?.isSuperset(of: ["a", "x", "c"]) == true)
        _ = try bound("SELECT * FROM t", catalog)
        #expect(catalog.wanted == nil)
    }

    @Test func `a view that uses itself is refused`() throws {
        let catalog = TestCatalog.standard()
        try catalog.define("CREATE VIEW v1 AS SELECT * FROM v2; CREATE VIEW v2 AS SELECT * FROM v1")
        #expect(bindError("SELECT * FROM v1", catalog)?.state == .invalidRecursion)
    }
}
