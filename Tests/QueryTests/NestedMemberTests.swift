import Aggregation
import Formats
import Foundation
import Platform
import SQL
import Testing

@testable import Query

/// Members of nested objects that the sample has not seen: none is lost in silence.
struct NestedMemberTests {
    /// A member that comes behind the sample of a file.
    private static func folder() throws -> InputFolder {
        let folder = try InputFolder()
        var text = (1...12_000).map { "{\"id\":\($0),\"p\":{\"a\":1,\"u\":{\"x\":1}}}\n" }.joined()
        text += "{\"id\":12001,\"p\":{\"a\":2,\"late\":\"L\",\"u\":{\"x\":1,\"y\":[1, 2.0]}}}\n"
        try folder.write("f.ndjson", text)
        return folder
    }

    private static let last = "{\"a\":2,\"late\":\"L\",\"u\":{\"x\":1,\"y\":[1, 2.0]}}"

    @Test(arguments: [
        "SELECT p FROM '@/f.ndjson' ORDER BY id DESC LIMIT 1",
        "SELECT t.p FROM (SELECT * FROM '@/f.ndjson') t WHERE t.p.a = 2",
        "WITH s AS (SELECT * FROM '@/f.ndjson') SELECT p FROM s WHERE p->>'late' = 'L'",
        "SELECT p::json FROM '@/f.ndjson' WHERE id > 12000",
        "SELECT to_json(p) FROM '@/f.ndjson' WHERE id > 12000",
        "SELECT a.p FROM '@/f.ndjson' a JOIN '@/f.ndjson' b ON a.id = b.id WHERE b.p.a = 2",
        "SELECT p FROM '@/f.ndjson' WHERE id > 12000 UNION ALL "
            + "SELECT p FROM '@/f.ndjson' WHERE false",
    ])
    func `an object leaves as it was read`(_ sql: String) throws {
        let output = try NestedMemberTests.folder().run(sql)
        #expect(output.rows == [[.text(NestedMemberTests.last)]])
    }

    @Test func `arrows look at JSON as it came`() throws {
        let folder = try NestedMemberTests.folder()
        let output = try folder.run(
            "SELECT p->>'late', p->'u'->'y'->>1, p.u->>'y', p.a FROM '@/f.ndjson' "
                + "WHERE p->>'late' IS NOT NULL")
        #expect(output.rows == [[.text("L"), .text("2.0"), .text("[1, 2.0]"), .integer(2)]])
        #expect(folder.notes.all.isEmpty)
    }

    @Test func `an object that an operator keeps is read again with its new members`() throws {
        let folder = try NestedMemberTests.folder()
        let output = try folder.run(
            "CREATE TABLE t AS SELECT * FROM '@/f.ndjson'; "
                + "SELECT (p).late, (p).u.x FROM t WHERE id > 12000")
        #expect(output.rows == [[.text("L"), .integer(1)]])
        #expect(
            folder.notes.all.contains { $0.contains("has a member that no row before has had") })
    }

    @Test func `elements of an array may have new members`() throws {
        let folder = try InputFolder()
        var text = (1...12_000).map { "{\"id\":\($0),\"c\":[{\"s\":1}]}\n" }.joined()
        text += "{\"id\":12001,\"c\":[{\"s\":1},{\"s\":2,\"late\":3}]}\n"
        try folder.write("f.ndjson", text)
        let whole = try folder.run("SELECT c FROM '@/f.ndjson' WHERE id > 12000")
        #expect(whole.rows == [[.text("[{\"s\":1},{\"s\":2,\"late\":3}]")]])
        let parts = try folder.run(
            "SELECT e.s, to_json(e)->>'late' FROM '@/f.ndjson' f, unnest(f.c) e WHERE id > 12000")
        #expect(parts.rows == [[.integer(1), .null], [.integer(2), .text("3")]])
    }

    @Test func `an object is there whatever its members are`() throws {
        let folder = try InputFolder()
        try folder.write(
            "f.ndjson", "{\"p\":{\"a\":1}}\n{\"p\":{\"b\":2}}\n{\"p\":{}}\n{\"p\":null}\n{}\n")
        let output = try folder.run(
            "SELECT p IS NULL, p IS NOT NULL FROM '@/f.ndjson'")
        let no: [Value] = [.boolean(false), .boolean(true)]
        let yes: [Value] = [.boolean(true), .boolean(false)]
        #expect(output.rows == [no, no, no, yes, yes])
    }

    @Test func `strict mode fails at a member that an operator would lose`() throws {
        let folder = try NestedMemberTests.folder()
        #expect(throws: SQLError.self) {
            _ = try folder.run("CREATE TABLE t AS SELECT * FROM '@/f.ndjson'") {
                $0.isStrict = true
            }
        }
        _ = try folder.run("SELECT * FROM '@/f.ndjson'") { $0.isStrict = true }
    }

    @Test func `an object is read with and without its members in one row`() throws {
        let folder = try InputFolder()
        let rows = (0..<5_000).map { index in
            let more = index % 3 == 0 ? ",\"m\(index % 50)\":[{\"k\": \(index)}]" : ""
            let object = "{\"a\":\(index)\(more)}"
            return "{\"id\":\(index),\"p\":\(object),\"q\":\(index)}"
        }
        try folder.write("f.ndjson", rows.joined(separator: "\n"))
        let output = try folder.run("SELECT p.a, p, q FROM '@/f.ndjson'")
        #expect(output.rows.count == 5_000)
        for (index, row) in output.rows.enumerated() {
            guard case .text(let text) = row[1] else { return #expect(Bool(false)) }
            #expect(rows[index].contains("\"p\":\(text),"))
            #expect(row[0] == .integer(Int64(index)) && row[2] == row[0])
        }
    }
}
