import Testing

@testable import SQL

struct WantedNamesTests {
    private func wanted(_ sql: String) throws -> WantedNames {
        var parser = try Parser(Array(sql.utf8))
        guard case .query(let query)? = try parser.next() else {
            throw SQLTestFailure.noQuery
        }
        return WantedNames(query)
    }

    private enum SQLTestFailure: Error { case noQuery }

    @Test func `a qualified name is asked of its relation only`() throws {
        let names = try wanted(
            "SELECT s.id, c.tier, v FROM stdin s JOIN 'c.csv' c ON s.id = c.id WHERE user.name = 'x'"
        )
        #expect(names.names(of: "s") == ["id", "v", "user"])
        #expect(names.names(of: "C") == ["id", "tier", "v", "user"])
        #expect(names.expected(of: "s") == ["id"])
        #expect(try wanted("SELECT a, t.b FROM t").expected(of: "t") == ["a", "b"])
    }

    @Test func `what the select list names is no column of the input`() throws {
        let names = try wanted(
            "SELECT k, COUNT(*) AS n FROM t GROUP BY k HAVING MAX(v) > 1 ORDER BY n, k")
        #expect(names.names(of: "t") == ["k", "v"])
        let outer = try wanted(
            "SELECT n FROM (SELECT COUNT(*) AS n FROM t WHERE a = 1) AS x WHERE n > 2")
        #expect(outer.names(of: "t") == ["a"])
        let common = try wanted("WITH w AS (SELECT a AS b FROM t) SELECT b FROM w ORDER BY b")
        #expect(common.names(of: "t") == ["a"])
    }

    @Test func `columns of a window are asked of what it reads`() throws {
        let names = try wanted(
            "SELECT w.page FROM TUMBLE(stdin, ts, INTERVAL '1 s') AS w GROUP BY w.page")
        #expect(names.names(of: "stdin") == ["page", "ts"])
    }

    @Test func `a star asks for all`() throws {
        #expect(try wanted("SELECT * FROM t").names(of: "t") == nil)
        #expect(try wanted("SELECT COUNT(*) FROM t").names(of: "t") == [])
    }
}
