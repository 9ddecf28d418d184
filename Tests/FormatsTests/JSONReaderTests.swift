import Testing

@testable import Formats

/// Reads `text` in pieces of the given sizes, going on with coerced types where a value does not
/// fit.
func readJSON(
    _ text: String, _ fields: [Field], columns: [ReadColumn]? = nil,
    framing: JSONFraming = .lines, cuts: [Int] = [], skips: Bool = false, whole: Int? = nil
) throws -> [[Value]] {
    let bytes = Array(text.utf8)
    var options = JSONReader.Options()
    options.framing = framing
    options.skipsErrors = skips
    options.wholeValue = whole
    let reader = JSONReader(
        fields: fields,
        columns: columns ?? fields.indices.map { .value(field: $0, path: []) }, options: options)
    var rows: [[Value]] = []
    var start = 0
    var pieces = cuts.sorted().filter { $0 > 0 && $0 < bytes.count } + [bytes.count]
    while true {
        switch try reader.next() {
        case .rows(let batch): rows += (0..<batch.count).map { batch.row($0) }
        case .misfit(let misfit): reader.coerce(misfit)
        case .needsInput:
            guard !pieces.isEmpty else {
                guard let rest = try reader.flush() else { return rows }
                switch rest {
                case .rows(let batch): rows += (0..<batch.count).map { batch.row($0) }
                case .misfit(let misfit): reader.coerce(misfit)
                case .needsInput: Issue.record("flush asks for input")
                }
                continue
            }
            let end = pieces.removeFirst()
            reader.supply(InputBlock(Array(bytes[start..<end])), isLast: pieces.isEmpty)
            start = end
        }
    }
}

@Suite struct JSONReaderTests {
    private let fields = [
        Field("a", .bigint), Field("b", .text), Field("c", .double), Field("d", .boolean),
    ]

    @Test func `rows become columns of their types`() throws {
        let rows = try readJSON(
            #"""
            {"a":1,"b":"x","c":1.5,"d":true}
            {"a":-22,"b":"a longer string than twelve","c":2,"d":false}

            {"d":null,"b":"\u00e9\n","z":[1,{"q":2}],"a":9223372036854775807}
            """#, fields)
        #expect(
            rows == [
                [.integer(1), .text("x"), .double(1.5), .boolean(true)],
                [
                    .integer(-22), .text("a longer string than twelve"), .double(2),
                    .boolean(false),
                ],
                [.integer(.max), .text("\u{e9}\n"), .null, .null],
            ])
    }

    @Test func `the last of several values of a name counts`() throws {
        let rows = try readJSON(
            #"""
            {"a":1,"a":2}
            {"a":1,"a":2}
            {"a":1,"a":null}
            {"a":3}
            """#, [Field("a", .bigint)])
        #expect(rows == [[.integer(2)], [.integer(2)], [.null], [.integer(3)]])
    }

    @Test func `members are read out of objects`() throws {
        let bid = DataType.record([Field("price", .bigint), Field("who", .text)])
        let text = #"""
            {"t":1,"bid":{"price":5,"who":"me"}}
            {"t":2,"bid":null}
            {"t":3}
            {"t":1,"bid":{"price":6,"who":"you"}}
            {"bid":{"price":1},"bid":{"who":"x"}}
            {"bid":{}}
            """#
        let fields = [Field("t", .bigint), Field("bid", bid)]
        let price = try readJSON(text, fields, columns: [.value(field: 1, path: [0])])
        #expect(price == [[.integer(5)], [.null], [.null], [.integer(6)], [.null], [.null]])
        let whole = try readJSON(text, fields, columns: [.value(field: 1, path: [])])
        #expect(
            whole == [
                [.record([.integer(5), .text("me")])], [.null], [.null],
                [.record([.integer(6), .text("you")])], [.record([.null, .text("x")])],
                [.record([.null, .null])],
            ])
    }

    @Test func `a broken line is named and can be passed over`() throws {
        let text = "{\"a\":1}\noops\n{\"a\":2}\n{\"a\":\n{\"a\":3}"
        let error = #expect(throws: SQLError.self) {
            try readJSON(text, [Field("a", .bigint)])
        }
        #expect(
            error?.message == "stdin line 2: invalid JSON: \"oops\" (--on-error skip goes on)")
        let rows = try readJSON(text, [Field("a", .bigint)], skips: true)
        #expect(rows == [[.integer(1)], [.integer(2)], [.integer(3)]])
    }

    @Test func `between elements of an array stands a comma, also when all look alike`() throws {
        let field = [Field("a", .bigint)]
        let rows = (0..<50).map { "{\"a\":\($0)}" }
        let good = "[" + rows.joined(separator: ",") + "]"
        #expect(try readJSON(good, field, framing: .array).count == 50)
        #expect(throws: SQLError.self) {
            try readJSON("[" + rows.joined(separator: "") + "]", field, framing: .array)
        }
        #expect(throws: SQLError.self) {
            try readJSON("[" + rows.joined(separator: "\n") + "]", field, framing: .array)
        }
    }

    @Test func `an array whose end is missing is an error behind its rows`() throws {
        let field = [Field("a", .bigint)]
        for text in ["[{\"a\":1},\n{\"a\":2}", "[{\"a\":1},", "[{\"a\":1}\n", "["] {
            let error = #expect(throws: SQLError.self) {
                try readJSON(text, field, framing: .array)
            }
            #expect(error?.message.hasSuffix("the array is not closed: the end is missing") == true)
        }
        #expect(try readJSON("[{\"a\":1}]\n", field, framing: .array).count == 1)
        #expect(try readJSON("[]", field, framing: .array).isEmpty)
    }

    @Test func `of a long line that is broken the place is told`() throws {
        let long = "{\"a\":1,\"text\":\"" + String(repeating: "x", count: 200) + "\",}"
        let error = #expect(throws: SQLError.self) {
            try readJSON(long + "\n", [Field("a", .bigint)])
        }
        #expect(
            error?.message == "stdin line 1: invalid JSON at byte 218, an unexpected byte: "
                + "\"xxxxxxxxxxxxxxxxxx\",}\" (--on-error skip goes on)")
    }

    /// Names of all lengths around those that are compared 16 bytes at a time.
    @Test func `rows with long names and objects inside are read by their layout`() throws {
        for length in [1, 9, 10, 11, 12, 26, 27, 28, 29, 43, 44, 45, 60, 100] {
            let name = String(repeating: "n", count: length)
            let fields = [
                Field(name, .bigint), Field("o", .record([Field(name + "x", .text)])),
                Field("z", .double),
            ]
            var text = ""
            var expected: [[Value]] = []
            for row in 0..<40 {
                let string = String(repeating: "s", count: row * 3)
                let other = row % 7 == 6 ? name.dropLast() + "m" : name[...]
                text += "{\"\(other)\":\(row),\"skipped\(name)\":\"\(string)\","
                text += "\"o\":{\"\(name)x\":\"\(string)\"},\"z\":\(row).25}\n"
                expected.append([
                    other == name ? .integer(Int64(row)) : .null, .record([.text(string)]),
                    .double(Double(row) + 0.25),
                ])
            }
            #expect(try readJSON(text, fields) == expected, "\(length)")
        }
    }

    @Test func `documents that span lines, and one array, are rows too`() throws {
        let field = [Field("a", .bigint)]
        let pretty = "{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}{\"a\":3}"
        let array = "[{\"a\":1},\n {\"a\":2}, {\"a\":3}\n]\n"
        let expected: [[Value]] = [[.integer(1)], [.integer(2)], [.integer(3)]]
        for cut in 0..<pretty.utf8.count {
            #expect(try readJSON(pretty, field, framing: .documents, cuts: [cut]) == expected)
        }
        for cut in 0..<array.utf8.count {
            #expect(try readJSON(array, field, framing: .array, cuts: [cut]) == expected)
        }
        #expect(throws: SQLError.self) {
            try readJSON("[{\"a\":1} {\"a\":2}]", field, framing: .array)
        }
    }

    @Test func `times keep the text that they were read from`() throws {
        let rows = try readJSON(
            "{\"t\":\"2024-05-01T10:20:30.5Z\"}\n", [Field("t", .timestamptz)])
        #expect(rows == [[.integer(1_714_558_830_500_000)]])
    }

    @Test func `numbers are exact`() throws {
        let texts = [
            "0", "-0", "1", "12345678", "123456789", "1234567890123456", "-9223372036854775808",
            "9223372036854775807", "99999999",
        ]
        for text in texts {
            let rows = try readJSON("{\"a\":\(text)}\n", [Field("a", .bigint)])
            #expect(rows == [[.integer(try #require(Int64(text)))]], "\(text)")
        }
        for text in [
            "0.1", "1e22", "123456.789", "-1.7976931348623157e308", "5e-324", "12345678.5",
            "0.12345678901234567", "1E+2", "1234567.1234567",
        ] {
            let rows = try readJSON("{\"c\":\(text)}\n", [Field("c", .double)])
            #expect(rows == [[.double(try #require(Double(text)))]], "\(text)")
        }
        for text in ["01", "-", "1.", ".5", "1e", "+1", "0x1", "1e+", "--1"] {
            #expect(throws: SQLError.self, "\(text)") {
                try readJSON("{\"a\":\(text)}\n", [Field("a", .bigint)])
            }
            #expect(throws: SQLError.self, "\(text)") {
                try readJSON("{\"z\":\(text)}\n", [Field("a", .bigint)])
            }
        }
    }

    @Test func `rows that are no objects are the column _value`() throws {
        let rows = try readJSON("1\n2\n3", [Field("_value", .bigint)], whole: 0)
        #expect(rows == [[.integer(1)], [.integer(2)], [.integer(3)]])
    }
}

/// Random rows, read by the general cursor and by the reader in random pieces.
@Suite struct JSONReaderFuzzTests {
    private let names = ["a", "b", "c", "d", "ts", "a long name of a member", "é", "n"]

    private func value(_ random: inout SeededGenerator, _ depth: Int) -> String {
        switch Int.random(in: 0..<(depth > 3 ? 6 : 9), using: &random) {
        case 0: return "\(Int64.random(in: -1000...1000, using: &random))"
        case 1:
            let numbers = ["0", "-1.5", "1e3", "12345678901", "0.001"]
            return numbers.randomElement(using: &random) ?? "0"
        case 2: return ["true", "false"].randomElement(using: &random) ?? "true"
        case 3: return "null"
        case 4, 5:
            return [
                "\"\"", "\"short\"", "\"a string that is longer than sixteen bytes\"",
                "\"é ü 漢字 😀\"", #""esc \" \\ \n \u00e9 \ud83d\ude00""#, "\"123456789012\"",
            ].randomElement(using: &random) ?? "null"
        case 6:
            let count = Int.random(in: 0...3, using: &random)
            return "[" + (0..<count).map { _ in value(&random, depth + 1) }.joined(separator: ",")
                + "]"
        default: return object(&random, depth + 1)
        }
    }

    private func object(_ random: inout SeededGenerator, _ depth: Int) -> String {
        var members: [String] = []
        let space = Int.random(in: 0..<8, using: &random) == 0 ? " " : ""
        for name in names where Int.random(in: 0..<10, using: &random) < (depth == 0 ? 8 : 3) {
            members.append("\"\(name)\":\(space)\(value(&random, depth))")
        }
        if Int.random(in: 0..<4, using: &random) == 0 { members.shuffle(using: &random) }
        return "{" + members.joined(separator: "," + space) + "}"
    }

    /// What a text column of the raw JSON of each name would hold, by the general cursor.
    private func expected(_ line: String, _ wanted: [String]) throws -> [Value] {
        var found: [String: Value] = [:]
        let bytes = Array(line.utf8)
        var cursor = JSONCursor(bytes.span.bytes)
        try cursor.enterObject()
        while let name = try cursor.nextMember() {
            let isNull = try cursor.kind() == .null
            let range = try cursor.skip()
            found[name.text(in: cursor.bytes)] =
                isNull ? .null : .text(String(decoding: bytes[range], as: UTF8.self))
        }
        try cursor.finish()
        return wanted.map { found[$0] ?? .null }
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func `any rows in any pieces are what the general cursor reads`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<40 {
            let lines = (0..<60).map { _ in object(&random, 0) }
            let wanted = Array(names.shuffled(using: &random).prefix(3))
            let fields = wanted.map { Field($0, .json) }
            let text = lines.joined(separator: "\n")
            let all = try lines.map { try expected($0, wanted) }
            let cuts = (0..<5).map { _ in Int.random(in: 0..<text.utf8.count, using: &random) }
            #expect(try readJSON(text, fields, cuts: cuts) == all, "seed \(seed)")
            #expect(
                try readJSON(text, fields, framing: .documents, cuts: cuts) == all, "seed \(seed)")
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `what the general cursor refuses the reader refuses`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<2000 {
            var bytes = Array(object(&random, 0).utf8)
            let good = bytes
            let place = Int.random(in: 0..<bytes.count, using: &random)
            let odd: [UInt8] = [0x22, 0x5c, 0x7b, 0x5d, 0x2c, 0x30, 0x80, 0xff, 0x01, 0xc3, 0x2d]
            bytes[place] = odd[Int.random(in: 0..<odd.count, using: &random)]
            var cursor = JSONCursor(bytes.span.bytes)
            var isValid = true
            do {
                _ = try cursor.skip()
                try cursor.finish()
            } catch {
                isValid = false
            }
            // A row before it teaches the layout.
            var options = JSONReader.Options()
            options.skipsErrors = true
            let reader = JSONReader(
                fields: [Field("a", .json)], columns: [.value(field: 0, path: [])],
                options: options)
            reader.supply(InputBlock(good + [0x0a] + good + [0x0a] + bytes + [0x0a]), isLast: true)
            guard case .needsInput = try reader.next() else { continue }
            #expect(
                (reader.brokenRows == 0) == isValid,
                "seed \(seed): \(String(decoding: bytes, as: UTF8.self))")
        }
    }
}
