import Formats
import Query
import Testing

/// random() and the like over rows that are changed and deleted later.
@Suite struct VolatileTests {
    private let folder: InputFolder

    init() throws {
        folder = try InputFolder()
        try folder.write(
            "d.ndjson",
            """
            {"before":null,"after":{"id":1,"v":"a"},"op":"c"}
            {"before":null,"after":{"id":2,"v":"x"},"op":"c"}
            {"before":{"id":1,"v":"a"},"after":{"id":1,"v":"b"},"op":"u"}
            {"before":{"id":1,"v":"b"},"after":null,"op":"d"}

            """)
        var lines = ""
        for index in 0..<400 {
            let id = index % 50
            let row = "{\"id\":\(id),\"v\":\(index)}"
            let before = index < 50 ? "null" : "{\"id\":\(id),\"v\":\(index - 50)}"
            let isDeleted = index >= 350 && id % 2 == 1
            lines += "{\"before\":\(before),\"after\":\(isDeleted ? "null" : row),"
            lines += "\"op\":\"\(index < 50 ? "c" : isDeleted ? "d" : "u")\"}\n"
        }
        try folder.write("many.ndjson", lines)
    }

    private static let source = "read_debezium('@/d.ndjson', key => 'id')"

    @Test(arguments: [
        "SELECT id FROM (SELECT id, v, random() AS x FROM \(source)) q WHERE x >= 0",
        "SELECT id FROM (SELECT id, gen_random_uuid() AS u, count(*) AS n FROM \(source) "
            + "GROUP BY 1, 2) q WHERE n = 1",
        "SELECT id FROM (SELECT id, row_number() OVER (ORDER BY r) AS n FROM (SELECT id, random() "
            + "AS r FROM \(source)) q) p WHERE n = 1",
        "SELECT id FROM (SELECT id, row_number() OVER (ORDER BY random()) AS n FROM \(source)) p "
            + "WHERE n = 1",
        "SELECT id FROM (SELECT DISTINCT id, clock_timestamp() AS t FROM \(source)) q",
        "SELECT id FROM \(source) WHERE random() >= 0 AND id > 0",
        "SELECT id FROM \(source) ORDER BY random() LIMIT 5",
        "SELECT sum(id) FROM \(source) HAVING max(random()) < 1",
        "SELECT max(id) FROM \(source), generate_series(1, 1 + (random() * 3)::int) g",
    ])
    func `a row that goes takes its value along`(_ query: String) throws {
        let rows = try folder.run(query).rows
        #expect(rows.count == 1, "\(rows)")
        #expect(rows.first.map { "\($0[0])".contains("2") } == true, "\(rows)")
    }

    @Test func `a sample of rows that change is a part of those that stand`() throws {
        let output = try folder.run(
            "SELECT count(*) = count(DISTINCT id), count(*) <= 25, coalesce(bool_and(id % 2 = 0), "
                + "true) FROM read_debezium('@/many.ndjson', key => 'id') WHERE random() < 0.5")
        #expect(output.rows == [[.boolean(true), .boolean(true), .boolean(true)]])
    }

    @Test func `where values cannot be kept the way out is told`() throws {
        do {
            _ = try folder.run(
                "SELECT a.id FROM \(Self.source) a JOIN \(Self.source) b ON a.id = b.id AND "
                    + "random() < a.id + b.id")
            Issue.record("no error")
        } catch let error as SQLError {
            #expect(error.state == .featureNotSupported)
            #expect(error.hint?.contains("random() AS r") == true)
        }
    }
}
