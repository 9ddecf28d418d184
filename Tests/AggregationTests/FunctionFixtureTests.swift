import Formats
import Foundation
import Testing

@testable import Aggregation

/// A function of text arguments, evaluated for one row.
private func evaluate(_ name: String, _ arguments: [Substring]) throws -> String? {
    var columns: [Column] = []
    for argument in arguments {
        let parts = argument.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let type = try #require(typeNamed(parts[0]))
        let value = try TypeText.parse(plain(parts[1]), as: type)
        columns.append(Column.make(type, [value]))
    }
    let function = try FunctionRegistry.scalar(name, columns.map(\.type))
    let context = KernelContext(count: 1, type: function.result, session: SessionSettings())
    return TypeText.text(try function.kernel(columns, context).value(0), function.result)
}

private func typeNamed(_ name: Substring) -> DataType? {
    if name.hasSuffix("[]") { return typeNamed(name.dropLast(2)).map { .array($0) } }
    switch name {
    case "text": return .text
    case "integer": return .integer
    case "boolean": return .boolean
    case "numeric": return .anyNumeric
    case "json": return .json
    case "jsonb": return .jsonb
    case "timestamp": return .timestamp
    case "timestamptz": return .timestamptz
    default: return nil
    }
}

private func plain(_ text: Substring) -> String {
    text.replacingOccurrences(of: "\\\\", with: "\u{0}").replacingOccurrences(of: "\\n", with: "\n")
        .replacingOccurrences(of: "\u{0}", with: "\\")
}

@Suite struct FunctionFixtureTests {
    @Test func `regular expressions, json and arrays give what PostgreSQL gives`() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Fixtures/functions/regex_json_arrays.txt")
        var count = 0
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
            guard !line.hasPrefix("# ") else { continue }
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            let expected = fields[fields.count - 1]
            do {
                let result = try evaluate(String(fields[0]), Array(fields[1..<(fields.count - 1)]))
                #expect(result == (expected == "\\N" ? nil : plain(expected)), "\(line)")
            } catch {
                Issue.record("\(line): \(error)")
            }
            count += 1
        }
        #expect(count > 100)
    }

    private func rows(_ name: String, _ arguments: [(DataType, String)]) throws -> [[String?]] {
        let function = try FunctionRegistry.table(name, arguments.map(\.0))
        var values: [Value] = []
        for (index, argument) in arguments.enumerated() {
            values.append(try TypeText.parse(argument.1, as: function.parameters[index]))
        }
        let builders = function.columns.map { ColumnBuilder($0.type) }
        let context = KernelContext(count: 1, type: .text, session: SessionSettings())
        let count = try function.expand(values, builders, context)
        let columns = builders.map { $0.finish() }
        return (0..<count).map { row in
            zip(columns, function.columns).map { TypeText.text($0.value(row), $1.type) }
        }
    }

    @Test func `functions give rows`() throws {
        #expect(
            try rows("generate_series", [(.integer, "1"), (.integer, "7"), (.integer, "3")])
                == [["1"], ["4"], ["7"]])
        #expect(
            try rows("generate_series", [(.bigint, "3"), (.bigint, "1"), (.bigint, "-1")]).count
                == 3)
        #expect(
            try rows(
                "generate_series", [(.anyNumeric, "1"), (.anyNumeric, "2"), (.anyNumeric, "0.5")])
                == [["1"], ["1.5"], ["2.0"]])
        #expect(
            try rows("unnest", [(.array(.integer), "{1,2}"), (.array(.text), "{a,b,c}")])
                == [["1", "a"], ["2", "b"], [nil, "c"]])
        #expect(
            try rows("json_each_text", [(.json, #"{"a":"foo", "b":null, "c":[1]}"#)])
                == [["a", "foo"], ["b", nil], ["c", "[1]"]])
        #expect(
            try rows("jsonb_array_elements", [(.jsonb, #"[1,{"b":2}]"#)])
                == [["1"], [#"{"b": 2}"#]])
        #expect(try rows("json_object_keys", [(.json, #"{"x":1,"y":2}"#)]) == [["x"], ["y"]])
        #expect(
            try rows(
                "regexp_matches",
                [(.text, "foobarbequebazilbarfbonk"), (.text, "(b[^b]+)(b[^b]+)"), (.text, "g")])
                == [["{bar,beque}"], ["{bazil,barf}"]])
        #expect(
            try rows("regexp_split_to_table", [(.text, "a b"), (.text, "\\s")]) == [["a"], ["b"]])
        #expect(
            try rows("string_to_table", [(.text, "xx~^~yy~^~zz"), (.text, "~^~"), (.text, "yy")])
                == [["xx"], [nil], ["zz"]])
        #expect(
            try rows("generate_subscripts", [(.array(.text), "{a,b}"), (.integer, "1")])
                == [["1"], ["2"]])
        #expect(throws: SQLError.self) {
            try rows("generate_series", [(.integer, "1"), (.integer, "2"), (.integer, "0")])
        }
        #expect(throws: SQLError.self) { try rows("jsonb_each", [(.jsonb, "[1]")]) }
    }

    @Test func `one expression serves many threads`() async throws {
        let function = try FunctionRegistry.scalar("~", [.text, .text])
        let texts = (0..<500).map { Value.text("line \($0) of many") }
        let results = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let columns = [
                        Column.make(.text, texts),
                        Column.constant(.text("[0-9]*7 of"), .text, count: 500),
                    ]
                    let context = KernelContext(
                        count: 500, type: .boolean, session: SessionSettings())
                    var hits = 0
                    for _ in 0..<10 {
                        guard let column = try? function.kernel(columns, context) else { return -1 }
                        hits = column.values.count { $0 == .boolean(true) }
                    }
                    return hits
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results == Array(repeating: 50, count: 8))
    }
}
