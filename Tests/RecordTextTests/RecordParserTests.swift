import Records
import Testing

@testable import rtd

@Suite struct RecordParserTests {
    private func options(_ change: (inout RecordParser.Options) throws -> Void) rethrows
        -> RecordParser.Options
    {
        var options = RecordParser.Options()
        try change(&options)
        return options
    }

    /// Checks that every chunking gives what is expected.
    private func check(
        _ input: [UInt8], _ options: RecordParser.Options, _ records: [PlainRecord],
        _ errors: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for step in 1...max(1, input.count) {
            let parsed = try parse(input, options, step: step)
            #expect(parsed.records == records, "pieces of \(step)", sourceLocation: sourceLocation)
            #expect(parsed.errors == errors, "pieces of \(step)", sourceLocation: sourceLocation)
        }
    }

    private func check(
        _ input: String, _ options: RecordParser.Options, _ records: [PlainRecord],
        _ errors: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try check(Array(input.utf8), options, records, errors, sourceLocation: sourceLocation)
    }

    @Test func `lines become records, the empty one and the unfinished last one too`() throws {
        let plain = RecordParser.Options()
        try check("a\n\nb", plain, [.init("a"), .init(""), .init("b")])
        try check("a\nb\n", plain, [.init("a"), .init("b")])
        try check("", plain, [])
        try check("\n", plain, [.init("")])
        try check("a\r\nb\r", plain, [.init("a\r"), .init("b\r")])
        try check([0xff, 0x00, 0x0a], plain, [PlainRecord(bytes: [0xff, 0x00])])
    }

    @Test func `empty lines can be dropped or null`() throws {
        try check("a\n\n\nb\n", options { $0.skipsEmpty = true }, [.init("a"), .init("b")])
        try check("a\n\n", options { $0.emptyAsNull = true }, [.init("a"), .init(nil)])
    }

    @Test func `other delimiters end records`() throws {
        try check("a\0b\nc\0", options { $0.delimiter = [0] }, [.init("a"), .init("b\nc")])
        let long = options { $0.delimiter = Array("--x".utf8) }
        try check("a---xb--x-", long, [.init("a-"), .init("b"), .init("-")])
    }

    @Test func `the key stands before its delimiter`() throws {
        let colon = options { $0.keyDelimiter = Array(":".utf8) }
        try check(
            "k:v:w\nplain\n:v\nk:\n", colon,
            [
                .init("v:w", key: "k"), .init("plain"), .init("v", key: ""), .init("", key: "k"),
            ])
        let null = options {
            $0.keyDelimiter = Array("::".utf8)
            $0.emptyAsNull = true
        }
        try check("k::\n::v\n::\n", null, [.init(nil, key: "k"), .init("v"), .init(nil)])
    }

    @Test func `a line that is too long is refused once, with its number`() throws {
        try check(
            "ok\n123456\nabcde\n1234567890\nlast", options { $0.recordBytesMax = 5 },
            [.init("ok"), .init("abcde"), .init("last")],
            [
                "line 2 is longer than 5 bytes (--max-line)",
                "line 4 is longer than 5 bytes (--max-line)",
            ])
        try check(
            "123456--x1--x1234567",
            options {
                $0.recordBytesMax = 5; $0.delimiter = Array("--x".utf8)
            },
            [.init("1")],
            [
                "record 1 is longer than 5 bytes (--max-line)",
                "record 3 is longer than 5 bytes (--max-line)",
            ])
    }

    @Test func `length-prefixed values may be null and hold anything`() throws {
        let framed = options { $0.format = .lengthPrefixed }
        try check(
            [0, 0, 0, 2, 0x61, 0x0a, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], framed,
            [.init("a\n"), .init(""), .init(nil)])
        try check(
            [0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 1, 0x61, 0, 0, 0, 2, 0x61],
            options {
                $0.format = .lengthPrefixed; $0.recordBytesMax = 8
            }, [.init("a")],
            [
                "record 1 is longer than 8 bytes (--max-line)",
                "record 3: the input ends inside it",
            ])
        try check([0, 0], framed, [], ["record 1: the input ends inside it"])
    }

    @Test func `JSON records name all parts`() throws {
        let json = options { $0.format = .json }
        try check(
            #"{"topic":"t","partition":1,"offset":7,"timestamp":-5,"key":"k","value":"v\n\u00e9","#
                + #""headers":[["a","1"],["a",null],["",""],["b",{"b64":"/w=="}]]}"# + "\n{}\n",
            json,
            [
                .init(
                    "v\né", key: "k", timestamp: -5,
                    headers: [
                        .init(key: "a", value: [0x31]), .init(key: "a", value: nil),
                        .init(key: "", value: []), .init(key: "b", value: [0xff]),
                    ]), .init(nil),
            ])
        try check(
            #"{"key_b64":"/w==","value_b64":"AA\/\/"}"#, json,
            [PlainRecord(bytes: [0, 0xf, 0xff], key: [0xff])])
    }

    @Test func `kcat's JSON is understood`() throws {
        try check(
            #"{"topic":"t","partition":0,"offset":0,"tstype":"create","ts":17,"broker":1,"#
                + #""headers":["a","1","nul",null],"key":null,"payload":"p"}"#,
            options { $0.format = .json },
            [
                .init(
                    "p", timestamp: 17,
                    headers: [.init(key: "a", value: [0x31]), .init(key: "nul", value: nil)])
            ])
    }

    @Test func `JSON objects may be pretty-printed or share a line`() throws {
        try check(
            "\u{feff}{\r\n  \"value\": \"a\"\n}\n\n"
                + "{\"value\":\"b\"} {\"value\":\"c\"}{\"value\":\"d\"}\r\n",
            options { $0.format = .json }, [.init("a"), .init("b"), .init("c"), .init("d")])
    }

    @Test func `a bad JSON line is named and passed over`() throws {
        try check(
            "{\"value\":\"a\"}\noops\n{\"value\":\"b\"}\n"
                + "{\"value\"\n{\"value\":\"c\"}\n{\"value\":\"d",
            options { $0.format = .json }, [.init("a"), .init("b"), .init("c")],
            [
                "line 2: invalid JSON: \"oops\"", "line 4: invalid JSON: \"{\"value\"\"",
                "line 6: invalid JSON: \"{\"value\":\"d\"",
            ])
        try check(
            "{\"value\":\"a\"}\n"
                + "{\"value\":\"\(String(repeating: "x", count: 40))\",\"key\":nulk}\n",
            options { $0.format = .json }, [.init("a")],
            [
                "line 2: invalid JSON at byte 62, an unexpected byte: "
                    + "\"xxxxxxxxx\",\"key\":nulk}\""
            ])
    }

    @Test(arguments: [
        (#"{"foo":1}"#, "unknown member \"foo\""),
        (#"{"key":1}"#, "\"key\" must be a string or null"),
        (#"{"value":{}}"#, "\"value\" must be a string or null (--json-value takes any JSON)"),
        (#"{"key":"a","key_b64":"YQ=="}"#, "two members \"key_b64\""),
        (#"{"ts":1,"timestamp":1}"#, "two members \"timestamp\""),
        (#"{"timestamp":1.5}"#, "\"timestamp\" must be a whole number of 64 bits"),
        (#"{"timestamp":9223372036854775808}"#, "\"timestamp\" must be a whole number of 64 bits"),
        (#"{"key_b64":"?"}"#, "\"key_b64\" is not base64"), ("[]", "a record is a JSON object"),
        (#"{"headers":{}}"#, "\"headers\" must be an array"),
        (#"{"headers":[["a"]]}"#, "a header must be a pair of a name and a value"),
        (#"{"headers":[["a","b","c"]]}"#, "a header must be a pair of a name and a value"),
        (#"{"headers":["a"]}"#, "a header must be a pair of a name and a value"),
        (#"{"headers":[[null,"b"]]}"#, "a header's name must be a string"),
        (#"{"headers":[["a",{"x":""}]]}"#, "a header's object must be {\"b64\":\"...\"}"),
        (#"{"headers":[["a",{"b64":"","x":""}]]}"#, "a header's object must be {\"b64\":\"...\"}"),
    ])
    func `a member that does not fit is named`(line: String, reason: String) throws {
        try check(line + "\n{}", options { $0.format = .json }, [.init(nil)], ["line 1: \(reason)"])
    }

    @Test func `any JSON is a value if asked for`() throws {
        try check(
            #"{"value":{"a": [1]}}{"value":"s"}{"value":1.50}{"value":null}"#,
            options {
                $0.format = .json; $0.takesJSONValues = true
            },
            [.init(#"{"a": [1]}"#), .init("s"), .init("1.50"), .init(nil)])
    }

    @Test func `the partition is kept if asked for`() throws {
        try check(
            #"{"partition":3,"value":"a"}"#,
            options {
                $0.format = .json; $0.keepsPartition = true
            },
            [.init("a", partition: 3)])
    }

    @Test func `a JSON record that is too long is refused`() throws {
        try check(
            "{\"value\":\"\(String(repeating: "x", count: 50))\"}\n{\"value\":\"b\"}\n",
            options {
                $0.format = .json; $0.recordBytesMax = 20
            }, [.init("b")],
            ["line 1 is longer than 20 bytes (--max-line)"])
    }

    @Test func `CSV rows become JSON objects`() throws {
        try check(
            "id,\"na\"\"me\",ok\n1,\"a,\nb\",true\r\n007,,x\n\n1e5,\"7\",false",
            options { $0.format = .csv },
            [
                .init(#"{"id":1,"na\"me":"a,\nb","ok":true}"#),
                .init(#"{"id":"007","na\"me":null,"ok":"x"}"#),
                .init(#"{"id":1e5,"na\"me":"7","ok":false}"#),
            ])
        try check(
            "a,b\n1\nx\"y,2\n3,4\n5,\"6", options { $0.format = .csv }, [.init(#"{"a":3,"b":4}"#)],
            [
                "line 2: 1 fields under 2 column names",
                "line 3: invalid CSV: a quote inside an unquoted field",
                "line 5: invalid CSV: a quoted field that does not end",
            ])
    }

    @Test func `a path into the JSON value gives the key`() throws {
        let path = try options { $0.keyPath = try JSONKeyPath(".u.id") }
        try check(
            "{\"u\":{\"id\":\"x\\ty\"}}\n{\"u\":{\"id\":7}}\n"
                + "{\"u\":[]}\n{\"u\":{\"id\":null}}\nno\n",
            path,
            [
                .init(#"{"u":{"id":"x\ty"}}"#, key: "x\ty"), .init(#"{"u":{"id":7}}"#, key: "7"),
                .init(#"{"u":[]}"#), .init(#"{"u":{"id":null}}"#),
            ], ["line 5: invalid JSON: \"no\""])
        try check(
            #"{"value":"{\"u\":{\"id\":1}}"}{"key":"k","value":"no"}"#,
            try options {
                $0.format = .json; $0.keyPath = try JSONKeyPath(".u.id")
            },
            [.init(#"{"u":{"id":1}}"#, key: "1"), .init("no", key: "k")])
        try check(
            "a,b\nx,y\n",
            try options {
                $0.format = .csv; $0.keyPath = try JSONKeyPath(".[\"b\"]")
            },
            [.init(#"{"a":"x","b":"y"}"#, key: "y")])
        #expect(throws: RecordTextError.self) { try JSONKeyPath("a") }
        #expect(throws: RecordTextError.self) { try JSONKeyPath(".a..b") }
        #expect(throws: RecordTextError.self) { try JSONKeyPath(".a[x]") }
        #expect(
            try JSONKeyPath(".a[2].c").steps == [.member([0x61]), .element(2), .member([0x63])])
    }

    @Test func `random input gives the same in any chunking and never traps`() throws {
        let seed: UInt64 = 2024
        var random = SeededGenerator(seed: seed)
        let pieces: [String] = [
            "{", "}", "[", "]", "\"", ",", ":", "\n", "\r\n", " ", "\\", "\\u00e9", "é", "\0", "x",
            "1",
            "\"key\":\"a\"", "\"value\":null", "\"headers\":[[\"a\",null]]", "{\"value\":\"v\"}",
            "\"key_b64\":\"/w==\"", "\u{feff}", "\"ts\":5", "-",
        ]
        let formats: [RecordParser.Format] = [
            .lines, .json, .csv, .lengthPrefixed, .template(try RecordTemplate("%k:%v\\n")),
        ]
        for round in 0..<3000 {
            var input: [UInt8] = []
            for _ in 0..<Int.random(in: 0...25, using: &random) {
                input += Array((pieces.randomElement(using: &random) ?? "").utf8)
            }
            var options = RecordParser.Options()
            options.format = formats[round % formats.count]
            options.keyDelimiter = round % 3 == 0 ? Array(",x".utf8) : nil
            options.delimiter = round % 4 == 0 ? Array(",,".utf8) : [0x0a]
            options.takesJSONValues = round % 2 == 0
            let whole = try parse(input, options)
            for step in [1, 2, 3, 7] {
                let cut = try parse(input, options, step: step)
                #expect(
                    cut == whole, "seed \(seed), round \(round), pieces of \(step): \(input.text)")
            }
        }
    }

    @Test func `a record that comes byte by byte is not parsed again and again`() throws {
        let members = (0..<300).map { "[\"name\($0)\",\n\"value\"]" }.joined(separator: ",\n")
        let text = "{\"headers\":[\n\(members)\n],\n\"value\":\"v\"}\n"
        var options = RecordParser.Options()
        options.format = .json
        let parsed = try parse(text, options, step: 1)
        #expect(parsed.errors == [])
        #expect(parsed.records.map(\.headerCount) == [300])
    }
}

extension PlainRecord {
    init(bytes: [UInt8]?, key: [UInt8]? = nil) {
        self.init(nil)
        value = bytes
        self.key = key
    }
}
