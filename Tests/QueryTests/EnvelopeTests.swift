import Formats
import Query
import Testing

/// Changes in Debezium's envelopes as rows.
@Suite struct EnvelopeTests {
    private static let keyed = [
        "{\"before\":null,\"after\":{\"id\":1,\"v\":\"OLD\"},\"op\":\"c\"}",
        "{\"before\":{\"id\":1,\"v\":\"OLD\"},\"after\":{\"id\":1,\"v\":\"NEW\"},\"op\":\"u\"}",
    ]
    private static let keyless = [
        "{\"before\":null,\"after\":{\"v\":\"NEW\"},\"op\":\"c\"}",
        "{\"before\":null,\"after\":{\"v\":\"OLD\"},\"op\":\"c\"}",
        "{\"before\":{\"v\":\"OLD\"},\"after\":null,\"op\":\"d\"}",
    ]

    @Test(arguments: [
        ("1.0", "1.00", "numeric"), ("1.00", "1.0", "numeric"), ("1 day", "24:00:00", "interval"),
        ("0", "-0", "double precision"), ("-0", "0", "double precision"),
    ])
    func `of values that are equal the one stands that came last`(
        _ old: String, _ new: String, _ type: String
    ) throws {
        let folder = try InputFolder()
        for (name, lines) in [("keyed", Self.keyed), ("keyless", Self.keyless)] {
            let text = lines.joined(separator: "\n").replacing("OLD", with: old)
                .replacing("NEW", with: new)
            try folder.write("\(name).ndjson", text + "\n")
        }
        func texts(_ list: String, _ source: String) throws -> [String] {
            let rows = try folder.run("SELECT \(list) FROM read_debezium(\(source))").rows
            return rows.flatMap { row in
                row.map { value in
                    if case .text(let text) = value { return text }
                    let types: [String: DataType] = ["numeric": .anyNumeric, "interval": .interval]
                    return TypeText.text(value, types[type] ?? .double) ?? ""
                }
            }
        }
        let keyed = "'@/keyed.ndjson', key => 'id'"
        let keyless = "'@/keyless.ndjson'"
        #expect(try texts("v::\(type)", keyed) == [new])
        #expect(try texts("v::\(type)", keyless) == [new])
        let lists = "array_agg(v::\(type))::text, max(v::\(type))::text, min(v::\(type))::text"
        for source in [keyed, keyless] {
            let found = try texts(lists, source)
            #expect(found[0].contains(new) && !found[0].contains("\(old),"), "\(found)")
            #expect(found[0].count <= new.count + 4)
            #expect(Array(found[1...]) == [new, new])
        }
    }

    @Test func `an update to a value that is equal is seen`() throws {
        let folder = try InputFolder()
        let number = "12345678901234567890"
        func change(_ id: Int, _ value: String, _ operation: String) -> String {
            "{\"before\":null,\"after\":{\"id\":\(id),\"v\":\(value)},\"op\":\"\(operation)\"}\n"
        }
        try folder.write(
            "n.ndjson",
            change(2, number + "1", "c") + change(1, number + ".10", "c")
                + change(1, number + ".1", "u"))
        let output = try folder.run(
            "SELECT v FROM read_debezium('@/n.ndjson', key => 'id') WHERE id = 1")
        #expect(output.rows.count == 1)
        #expect(TypeText.text(output.rows[0][0], .anyNumeric) == number + ".1")
    }

    private static let big = "\"big\":\"secret of row 1\""
    private static let inserted =
        "{\"before\":null,\"after\":{\"id\":1,\"a\":1,\(big)},\"op\":\"c\",\"unavailable\":null}"
    private static let deleted =
        "{\"before\":{\"id\":1,\"a\":1,\(big)},\"after\":null,\"op\":\"d\",\"unavailable\":null}"
    private static let other =
        "{\"before\":null,\"after\":{\"id\":3,\"a\":9,\"big\":\"x\"},\"op\":\"c\","
        + "\"unavailable\":null}"

    private static func change(_ operation: String, before: String = "null") -> String {
        "{\"before\":\(before),\"after\":{\"id\":2,\"a\":5},\"op\":\"\(operation)\","
            + "\"unavailable\":[\"big\"]}"
    }

    @Test(arguments: [
        ([inserted, deleted, change("u")], false),
        ([inserted, deleted, other, change("c")], false),
        ([inserted, deleted, change("c")], true),
        ([inserted, change("u", before: "{\"id\":1}")], true),
        ([inserted, deleted, change("u", before: "{\"id\":7}")], false),
    ])
    func `what a change leaves out is never another row's`(_ lines: [String], _ isKept: Bool) throws
    {
        let folder = try InputFolder()
        try folder.write("un.ndjson", lines.joined(separator: "\n") + "\n")
        let output = try folder.run(
            "SELECT big FROM read_debezium('@/un.ndjson', key => 'id') WHERE id = 2")
        #expect(output.rows == [[isKept ? .text("secret of row 1") : .null]])
    }
}
