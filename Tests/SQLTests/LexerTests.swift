import Formats
import Testing

@testable import SQL

/// All tokens but the end.
private func lex(_ text: String) throws(SQLError) -> [Token.Kind] {
    var lexer = try Lexer(Array(text.utf8))
    var kinds: [Token.Kind] = []
    while true {
        let token = try lexer.next()
        if token.kind == .end { return kinds }
        kinds.append(token.kind)
    }
}

private func lexError(_ text: String) -> SQLError? {
    do {
        _ = try lex(text)
        return nil
    } catch {
        return error
    }
}

@Suite struct LexerTests {
    @Test(
        arguments: [
            ("a _b c1$ Größe", [.word("a"), .word("_b"), .word("c1$"), .word("Größe")]),
            (#""A b" "q""q""#, [.quotedName("A b"), .quotedName("q\"q")]),
            (#"U&"d\0061t\+000061" u&'\0041\\'"#, [.quotedName("data"), .string("A\\")]),
            ("'it''s' ''", [.string("it's"), .string("")]),
            ("'a'\n  'b' 'c'", [.string("ab"), .string("c")]),
            ("'a' -- x\n 'b'", [.string("a"), .string("b")]),
            (#"E'\n\t\\\'\x41\101\u00e9\U0001F600\q'"#, [.string("\n\t\\'AAé😀q")]),
            (#"e'\uD83D\uDE00'"#, [.string("😀")]),
            (#"'\n' N'x'"#, [.string("\\n"), .string("x")]),
            ("$$it's$$ $a$ $b$ $a$", [.string("it's"), .string(" $b$ ")]),
            ("b'01' X'fF'", [.bits("01"), .hexBits("fF")]),
            ("1 1_000 0x1F 0o17 0b101", ["1", "1000", "31", "15", "5"].map { .integer($0) }),
            ("1.5 .5 1. 1e10 1.5E-3", ["1.5", ".5", "1.", "1e10", "1.5E-3"].map { .decimal($0) }),
            ("1..2", [.integer("1"), .symbol(".."), .integer("2")]),
            ("$1 $12", [.parameter(1), .parameter(12)]),
            ("a.b", [.word("a"), .symbol("."), .word("b")]),
            (
                "<= >= <> != -> ->> || :: := => @>",
                ["<=", ">=", "<>", "!=", "->", "->>", "||", "::", ":=", "=>", "@>"].map {
                    .symbol($0)
                }
            ),
            (
                "=-1 @- 2*-3",
                ["=", "-"].map { .symbol($0) } + [.integer("1"), .symbol("@-")]
                    + [.integer("2"), .symbol("*"), .symbol("-"), .integer("3")]
            ),
            ("a--b\nc /* d /* e */ f */ g", ["a", "c", "g"].map { .word($0) }),
            ("=--x", [.symbol("=")]),
            (
                "(a),[1];",
                [
                    .symbol("("), .word("a"), .symbol(")"), .symbol(","), .symbol("["),
                    .integer("1"), .symbol("]"), .symbol(";"),
                ]
            ),
            ("\u{FEFF}a", [.word("a")]),
            ("", []),
        ] as [(String, [Token.Kind])])
    func `a text is cut by PostgreSQL's rules`(text: String, kinds: [Token.Kind]) throws {
        #expect(try lex(text) == kinds)
    }

    @Test(arguments: [
        ("a 'b", "unterminated quoted string at or near \"'b\"", "42601", 2),
        ("\"b", "unterminated quoted identifier at or near \"\"b\"", "42601", 0),
        ("\"\"", "zero-length delimited identifier at or near \"\"\"\"", "42601", 0),
        ("/* a /* b */", "unterminated /* comment at or near \"/* a /* b */\"", "42601", 0),
        ("$a$ b", "unterminated dollar-quoted string at or near \"$a$ b\"", "42601", 0),
        ("1 23abc", "trailing junk after numeric literal at or near \"23abc\"", "42601", 2),
        ("0x", "invalid hexadecimal integer at or near \"0x\"", "42601", 0),
        ("1__2", "trailing junk after numeric literal at or near \"1__2\"", "42601", 0),
        ("$1a", "trailing junk after parameter at or near \"$1a\"", "42601", 0),
        (#"E'\u12'"#, "invalid Unicode escape", "22025", 2),
        (#"E'\uD83Dx'"#, #"invalid Unicode surrogate pair at or near "\uD83D""#, "42601", 2),
        (#"E'\xff'"#, "invalid byte sequence for encoding \"UTF8\" in a string", "22021", 0),
        (#"E'\0'"#, "invalid byte sequence for encoding \"UTF8\": 0x00", "22021", 2),
        ("b'2'", "\"2\" is not a valid binary digit", "42601", 0),
        ("x'g'", "\"g\" is not a valid hexadecimal digit", "42601", 0),
        ("a \\", "syntax error at or near \"\\\"", "42601", 2),
        ("{", "syntax error at or near \"{\"", "42601", 0),
        ("a\0", "invalid byte sequence for encoding \"UTF8\": 0x00", "22021", 1),
        ("$99999", "parameter number too large at or near \"$99999\"", "42601", 0),
        (
            "0xFFFFFFFFFFFFFFFFF",
            "value \"0xFFFFFFFFFFFFFFFFF\" is out of range for type bigint", "22003", 0
        ),
    ])
    func `what cannot be cut is named with its place`(
        text: String, message: String, state: String, position: Int
    ) {
        let error = lexError(text)
        #expect(error?.message == message)
        #expect(error?.state.rawValue == state)
        #expect(error?.place?.lowerBound == position)
    }

    @Test func `a script is UTF-8`() {
        #expect {
            try Lexer([0x61, 0xFF, 0x62])
        } throws: {
            ($0 as? SQLError)?.message == "invalid byte sequence for encoding \"UTF8\": 0xff"
        }
    }

    @Test func `a script that is too long is refused`() {
        let long = [UInt8](repeating: 0x20, count: Limits.scriptBytesMax + 1)
        #expect {
            try Lexer(long)
        } throws: {
            ($0 as? SQLError)?.state == .programLimitExceeded
        }
    }

    @Test func `a deeply nested comment takes no stack`() throws {
        let depth = 1_000_000
        let text =
            String(repeating: "/*", count: depth) + String(repeating: "*/", count: depth) + "a"
        #expect(try lex(text) == [.word("a")])
    }

    @Test func `a token knows its bytes`() throws {
        var lexer = try Lexer(Array(" é  'x''y' ".utf8))
        #expect(try lexer.next().place == 1..<3)
        #expect(try lexer.next().place == 5..<11)
        #expect(try lexer.next().place == 12..<12)
        #expect(try lexer.next().place == 12..<12)
    }
}
