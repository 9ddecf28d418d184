import Testing

@testable import Formats

@Suite struct JSONTests {
    private func fault(_ bytes: [UInt8]) -> JSONFault? {
        var cursor = JSONCursor(bytes.span.bytes)
        do throws(FormatError) {
            _ = try cursor.skip()
            try cursor.finish()
            return nil
        } catch {
            guard case .json(let fault, _) = error else { return .tooDeep }
            return fault
        }
    }

    @Test(arguments: [
        "0", "-0", "1.5e+10", "123456789012345678901234567890", "true", "false", "null", "\"\"",
        " [ ] ", "{}", "[1,2,[3,{\"a\":[]}]]", "{\"a\":1,\"b\":{\"c\":null}}", "\t\r\n\"x\" ",
        #""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#, "\"é€😀\"", "\"\u{7f}\"",
    ])
    func `valid JSON is accepted`(text: String) {
        #expect(fault(Array(text.utf8)) == nil)
    }

    @Test(arguments: [
        ("", JSONFault.unexpectedEnd), ("oops", .unexpectedByte(111)), ("01", .invalidNumber),
        ("-", .invalidNumber), ("1.", .invalidNumber), ("1e", .invalidNumber),
        (".5", .unexpectedByte(46)), ("+1", .unexpectedByte(43)), ("[1,]", .unexpectedByte(93)),
        ("[,1]", .unexpectedByte(44)), ("[1 2]", .unexpectedByte(50)),
        ("{\"a\":1,}", .unexpectedByte(125)),
        ("{a:1}", .unexpectedByte(97)), ("{\"a\" 1}", .unexpectedByte(49)), ("[", .unexpectedEnd),
        ("{\"a\":}", .unexpectedByte(125)), ("\"abc", .unexpectedEnd),
        ("\"\n\"", .controlCharacter),
        (#""\x""#, .invalidEscape), (#""\u12g4""#, .invalidEscape), (#""\ud800""#, .loneSurrogate),
        (#""\udc00""#, .loneSurrogate), (#""\ud800\u0041""#, .loneSurrogate),
        ("tru", .unexpectedEnd),
        ("nulL", .unexpectedByte(76)), ("1 2", .trailingBytes), ("{} x", .trailingBytes),
        ("]", .unexpectedByte(93)), ("[}", .unexpectedByte(125)), (#""\"#, .unexpectedEnd),
    ])
    func `invalid JSON is refused with its cause`(text: String, cause: JSONFault) {
        #expect(fault(Array(text.utf8)) == cause)
    }

    @Test(
        arguments: [
            [0x80], [0xc0, 0x80], [0xc3], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80],
            [0xf0, 0x80, 0x80, 0x80],
            [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xff], [0xe2, 0x82],
        ] as [[UInt8]])
    func `a string that is not UTF-8 is refused`(bytes: [UInt8]) {
        #expect(fault([0x22] + bytes + [0x22]) == .invalidUTF8)
        #expect(!isUTF8(bytes))
    }

    @Test func `nesting is bounded`() {
        let limit = FormatLimits.jsonDepthMax
        let fine = [UInt8](repeating: 0x5b, count: limit) + [UInt8](repeating: 0x5d, count: limit)
        #expect(fault(fine) == nil)
        #expect(fault([UInt8](repeating: 0x5b, count: limit + 1)) == .tooDeep)
        #expect(fault([UInt8](repeating: 0x5b, count: 1_000_000)) == .tooDeep)
    }

    @Test func `members and elements are walked`() throws {
        let text = Array(#" {"a" : [1, 2.50], "b\n":"x", "c":true} "#.utf8)
        var cursor = JSONCursor(text.span.bytes)
        var seen: [String] = []
        try cursor.enterObject()
        while let name = try cursor.nextMember() {
            seen.append(name.text(in: text.span.bytes))
            switch try cursor.kind() {
            case .array:
                try cursor.enterArray()
                while try cursor.nextElement() {
                    seen.append(Array(text[try cursor.number()]).text)
                }
            case .string: seen.append(try cursor.string().text(in: text.span.bytes))
            case .boolean: seen.append("\(try cursor.boolean())")
            default: Issue.record("a kind that is not there")
            }
        }
        try cursor.finish()
        #expect(seen == ["a", "1", "2.50", "b\n", "x", "c", "true"])
    }

    @Test func `names are compared by value`() throws {
        let text = Array(#"["key","\u006bey","keys","kex"]"#.utf8)
        var cursor = JSONCursor(text.span.bytes)
        var results: [Bool] = []
        try cursor.enterArray()
        while try cursor.nextElement() {
            let token = try cursor.string()
            results.append(token.equals("key", in: text.span.bytes))
        }
        #expect(results == [true, true, false, false])
    }

    @Test func `any UTF-8 survives writing and reading`() throws {
        let seed: UInt64 = 20_240_601
        var random = SeededGenerator(seed: seed)
        let alphabet: [Unicode.Scalar] = [
            "a", "\"", "\\", "/", "\n", "\u{0}", "\u{1f}", "\u{7f}", "\u{80}", "é", "€", "\u{ffff}",
            "😀",
            "\u{10ffff}", " ", "z",
        ]
        for round in 0..<2000 {
            var value = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...40, using: &random) {
                value.append(alphabet.randomElement(using: &random) ?? "a")
            }
            let bytes = Array(String(value).utf8)
            let json = try #require(jsonString(bytes))
            var cursor = JSONCursor(json.span.bytes)
            let token = try cursor.string()
            try cursor.finish()
            let back = written { token.decode(from: json.span.bytes, into: &$0) }
            #expect(back == bytes, "seed \(seed), round \(round)")
        }
    }

    @Test func `what is not UTF-8 is not written as a string`() {
        #expect(jsonString([0x61, 0x0a, 0xff]) == nil)
    }

    @Test func `control characters are escaped as jq does`() {
        let bytes = Array("\u{0}\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1f}\"\\/".utf8)
        let output = jsonString(bytes)
        #expect(output?.text == #""\u0000\u0001\b\t\n\u000b\f\r\u001f\"\\/""#)
    }

    @Test func `compacting drops white space outside of strings`() {
        let text = "{ \"a b\" : [ 1 ,\n\"\\\" \\\\\" ] }\n"
        #expect(compactJSON(Array(text.utf8))?.text == #"{"a b":[1,"\" \\"]}"#)
        #expect(compactJSON(Array("{\"a\" 1}".utf8)) == nil)
    }

    @Test func `damaged JSON never traps`() {
        let seed: UInt64 = 7
        var random = SeededGenerator(seed: seed)
        let model = Array(
            #"{"a":[1,-2.5e3,"x\n\ud83d\ude00é"],"b":{"c":null,"d":[true,false,{}]}}"#.utf8)
        for cut in 0...model.count { _ = fault(Array(model[..<cut])) }
        for _ in 0..<20_000 {
            var bytes = model
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                default:
                    bytes.insert(model[Int.random(in: 0..<model.count, using: &random)], at: place)
                }
            }
            var cursor = JSONCursor(bytes.span.bytes)
            guard let range = try? cursor.skip() else { continue }
            #expect(range.upperBound <= bytes.count)
            if let compact = compactJSON(bytes) { #expect(fault(compact) == nil) }
        }
    }
}
