import Formats
import Testing

@testable import rtd

/// What Tab makes of a statement, with `|` where the cursor is.
@Suite struct CompletionTests {
    private static let columns: [String: [Field]] = [
        "orders": [
            Field("id", .bigint), Field("amount", .double), Field("my name", .text),
            Field("address", .record([Field("city", .text), Field("zip", .text)])),
        ],
        "users": [Field("id", .bigint), Field("name", .text)],
        "'u.ndjson'": [Field("name", .text), Field("age", .bigint)],
        "( SELECT 1 AS inner_one )": [Field("inner_one", .integer)],
        "tumble ( orders , ts , interval '1 s' )": [Field("window_start", .timestamp)],
    ]

    private func found(_ text: String) -> [String] {
        var names = StatementCompletion.Names()
        names.relations = { ["orders", "users", "my-topic", "a.b.c"] }
        names.columns = { query in
            let source = query.split(separator: "FROM ", maxSplits: 1).last.map(String.init) ?? ""
            if query.hasPrefix("WITH c AS ( SELECT 1 AS one ) SELECT * FROM c")
                || query.hasPrefix("WITH c AS (SELECT 1 AS one) SELECT * FROM c")
            {
                return [Field("one", .integer)]
            }
            return Self.columns[source] ?? []
        }
        names.settings = { ["timezone"] }
        names.functions = ["regexp_like", "regexp_replace", "count"]
        names.tables = ["generate_series", "tumble"]
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            .map(String.init)
        let parts = lines.removeLast().split(
            separator: "|", maxSplits: 1, omittingEmptySubsequences: false)
        let result = StatementCompletion(names).complete(
            statement: lines, before: String(parts[0]), behind: String(parts[1]))
        return switch result.found {
        case .none: []
        case .one(let one): [one]
        case .several(_, let all): all
        }
    }

    @Test func `columns of the relations of the query are offered`() {
        #expect(
            found("SELECT | FROM orders") == ["address", "amount", "id", "\"my name\"", "orders"])
        #expect(found("SELECT am| FROM orders") == ["amount "])
        #expect(found("select * from 'u.ndjson' where na|") == ["name "])
        #expect(found("SELECT *\nFROM users u\nWHERE u.|") == ["id", "name"])
        #expect(
            found("SELECT o.| FROM orders o JOIN users u ON o.id = u.id") == [
                "address", "amount", "id", "\"my name\"",
            ])
        #expect(found("UPDATE users SET na|") == ["name "])
        #expect(found("INSERT INTO users (na|") == ["name "])
        #expect(found("SELECT (SELECT na| FROM users) FROM orders") == ["name "])
        #expect(found("SELECT inn| FROM (SELECT 1 AS inner_one) x") == ["inner_one "])
        #expect(found("WITH c AS (SELECT 1 AS one) SELECT on| FROM c").contains("one"))
        #expect(found("SELECT amount AS total FROM orders ORDER BY tot|") == ["total "])
        #expect(found("SELECT address.| FROM orders") == ["city", "zip"])
        #expect(
            found("SELECT wind| FROM tumble(orders, ts, interval '1 s')").contains("window_start"))
    }

    @Test func `relations are offered where a relation stands`() {
        #expect(found("SELECT * FROM o|") == ["orders "])
        #expect(found("SELECT * FROM users, o|") == ["orders "])
        #expect(found("SELECT * FROM users u JOIN o|") == ["orders "])
        #expect(found("SELECT * FROM my|") == ["\"my-topic\" "])
        #expect(found("SELECT * FROM my-t|") == ["\"my-topic\" "])
        #expect(found("SELECT * FROM \"my|") == ["\"my-topic\" "])
        #expect(found("SELECT * FROM a.b|") == ["a.b.c "])
        #expect(found("SELECT * FROM gen|") == ["generate_series("])
        #expect(found("SELECT * FROM tumble(us|") == ["users "])
        #expect(found("SELECT * FROM tumble(users, na|") == ["name "])
        #expect(found("DESCRIBE us|") == ["users "])
        #expect(found("INSERT INTO us|") == ["users "])
        #expect(found("WITH recent AS (SELECT 1) SELECT * FROM rec|") == ["recent "])
        #expect(found("SELECT extract(year FROM am|) FROM orders") == ["amount "])
        #expect(found("\\d us|") == ["users "])
    }

    @Test func `functions, settings and commands are offered`() {
        #expect(found("SELECT regexp_|") == ["regexp_like(", "regexp_replace("])
        #expect(found("SELECT REGEXP_L|") == ["REGEXP_LIKE("])
        #expect(found("SET timez|") == ["timezone "])
        #expect(found("\\tim|") == ["timing "])
        #expect(found("SELECT 1\n\\x o|") == ["off", "on"])
    }

    @Test func `a backslash begins a command outside of quotes and comments`() {
        func command(_ line: String, _ statement: [String] = []) -> String? {
            PromptLine.command(in: line, statement: statement)
        }
        #expect(command("\\x") == "\\x")
        #expect(command("select 1 \\gx") == "\\gx")
        #expect(command("\\d t", ["select 1"]) == "\\d t")
        #expect(command("select '\\x'") == nil)
        #expect(command("\\x'", ["select '"]) == nil)
        #expect(command("-- \\x") == nil)
        #expect(command("select \"a\\x\"") == nil)
    }

    @Test func `candidates stand in columns`() {
        let list = CandidateList(["alpha", "beta", "gamma", "delta", "epsilon"])
        #expect(list.text(columns: 30) == "alpha    gamma    epsilon\nbeta     delta\n")
        #expect(list.text(columns: 5) == "alpha\nbeta\ngamma\ndelta\nepsilon\n")
    }
}
