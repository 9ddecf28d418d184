import Formats
import Query
import Testing

/// Changes in Debezium's envelopes as rows.
@Suite struct EnvelopeTests {
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
