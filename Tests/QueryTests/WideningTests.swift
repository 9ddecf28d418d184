import Formats
import Platform
import SQL
import Testing

@testable import Query

/// Rows of a query that goes on over wider types.
private final class WideRows: ResultOutput {
    var rows: [[Value]] = []
    let isClosed = false
    let takesOtherTypes = true

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) {}
    func write(_ batch: Batch) {
        for row in 0..<batch.count { rows.append(batch.row(row)) }
    }
    func endStep() {}
    func flush() {}
    func end() {}
}

@Suite struct WideningTests {
    /// Values by type, each list wider than the one before it in some way.
    private static let values = [
        ["1", "2", "null"], ["0.5", "1e3"], ["\"2024-01-01\""],
        ["\"2024-01-01T00:00:00\"", "\"\""],
        ["12345678901234567890"], ["[1]", "[\"a\"]"], ["true"], ["{\"b\":1}"],
    ]

    private static func input(_ seed: UInt64, count: Int) -> [String] {
        var numbers = SeededRandom(seed: seed)
        var kinds = [numbers.below(values.count)]
        let change = 3 + numbers.below(2_500)
        return (0..<count).map { row in
            if row > 2_500, row % change == 0 { kinds.append(numbers.below(values.count)) }
            let kind = values[kinds[numbers.below(kinds.count)]]
            return "{\"n\":\(row),\"d\":\(kind[numbers.below(kind.count)])}"
        }
    }

    private static func run(_ sql: String) throws -> [[Value]] {
        let session = QuerySession(SessionEnvironment(clock: SystemClock()))
        var parser = try Parser(Array(sql.utf8))
        let output = WideRows()
        while let statement = try parser.next() {
            _ = try session.run(statement, output: output)
        }
        return output.rows
    }

    @Test(arguments: UInt64(1)...12)
    func `rows around values that widen a column come once each and in order`(
        _ seed: UInt64
    ) throws {
        let inputs = try InputFolder()
        let count = 7_000
        let rows = Self.input(seed, count: count)
        let all = rows.joined(separator: "\n") + "\n"
        try inputs.write("a.ndjson", all)
        try inputs.pipe("p", rows.map { $0 + "\n" })
        let expected = (0..<Int64(count)).map { Value.integer($0) }
        for name in ["a.ndjson", "p"] {
            let path = inputs.folder.appendingPathComponent(name).path
            let found = try Self.run("SELECT n, d FROM '\(path)'")
            #expect(found.map { $0[0] } == expected, "seed \(seed), \(name)")
            let isNull = found.map { $0[1].isNull }
            #expect(isNull == rows.map { $0.hasSuffix(":null}") }, "seed \(seed), \(name)")
        }
    }

    @Test func `a running sum of integers goes on as one of doubles`() throws {
        let inputs = try InputFolder()
        let rows = (0..<9_000).map { row in row % 4_001 == 4_000 ? "0.5" : "1" }
        try inputs.write("a.ndjson", rows.map { "{\"a\":\($0)}\n" }.joined())
        let path = inputs.folder.appendingPathComponent("a.ndjson").path
        let found = try Self.run("SELECT SUM(a), COUNT(*) FROM '\(path)' EMIT CHANGES")
        #expect(found.last == [.double(8_999), .integer(9_000)])
    }

    @Test func `a timeout is read and shown as PostgreSQL does`() {
        let cases: [(String, Int64?)] = [
            ("0", 0), ("500", 500), ("2s", 2_000), ("1.5 s", 1_500), ("3min", 180_000),
            ("1 h", 3_600_000), ("900us", 1), ("soon", nil), ("-1", nil), ("1 year", nil),
        ]
        for (text, milliseconds) in cases {
            #expect(StatementTimer.milliseconds(text) == milliseconds, "\(text)")
        }
        #expect(StatementTimer.text(90_000) == "90s")
        #expect(StatementTimer.text(120_000) == "2min")
        #expect(StatementTimer.text(1_500) == "1500ms")
    }
}
