import Foundation
import Testing

@testable import Formats

/// The match and the groups as texts, nil for a group that took no part; nil: no match.
private func found(
    _ pattern: String, _ text: String, _ flags: String = ""
) throws -> [String?]? {
    var options = RegexOptions()
    for flag in flags.unicodeScalars where !options.take(flag) { Issue.record("\(flag)") }
    let expression = try RegularExpression(pattern, options)
    let bytes = Array(text.utf8)
    return unsafe bytes.withUnsafeBytes { buffer in
        let matches = unsafe expression.matches(buffer)
        let isFound = unsafe expression.find(buffer)
        #expect(matches == isFound)
        guard isFound else { return nil }
        return (0...expression.groupCount).map { group in
            let start = expression.starts[group]
            guard start >= 0 else { return nil }
            return String(decoding: bytes[start..<expression.ends[group]], as: UTF8.self)
        }
    }
}

@Suite struct RegexTests {
    @Test(arguments: [
        ("(?:&|^)channel_id=([^&]*)", "https://x/?a=1&channel_id=42&b", ["&channel_id=42", "42"]),
        ("(?:&|^)channel_id=([^&]*)", "channel_id=", ["channel_id=", ""]),
        ("(a|ab)(c|bcd)(d*)", "abcd", ["abcd", "ab", "c", "d"]),
        ("XY*?([0-9]{1,3})", "XY1234Z", ["XY1", "1"]),
        ("XY*([0-9]{1,3})", "XY1234Z", ["XY123", "123"]),
        ("(?:(.*?)(\\d+)(.*)){1,1}", "abc01234xyz", ["abc01234xyz", "abc", "01234", "xyz"]),
        ("\\y\\w+\\y", "  über alles", ["über"]),
        ("\\m(\\d+)\\M", "a1 22", ["22", "22"]),
        ("(?i)straße", "STRAßE", ["STRAßE"]),
        ("[[:upper:]]+", "aÉÀb", ["ÉÀ"]),
        ("***=a.c", "abc a.c", ["a.c"]),
        ("(?x) a  b # comment", "ab", ["ab"]),
        ("a(?#comment)b", "ab", ["ab"]),
        ("\\u0041\\x42\\103", "ABC", ["ABC"]),
        ("[]a-]+", "x]a-", ["]a-"]),
        ("[^\\d\\s]+", "12 ab", ["ab"]),
        ("a{,3}", "a{,3}", ["a{,3}"]),
        ("[[:<:]]b", "ab b", ["b"]),
        ("日(.)語", "日本語", ["日本語", "本"]),
    ])
    func `a match and its groups are found`(
        pattern: String, text: String, expected: [String]
    ) throws {
        #expect(try found(pattern, text)?.compactMap { $0 } == expected)
    }

    @Test func `line breaks count as the flags say`() throws {
        #expect(try found("^b.*", "a\nb\nc") == nil)
        #expect(try found("^b.*", "a\nb\nc", "n") == ["b"])
        #expect(try found("a.*", "a\nb", "p") == ["a"])
        #expect(try found("^b.*", "a\nb\nc", "w") == ["b\nc"])
        #expect(try found("(x)|(y)", "y") == ["y", nil, "y"])
    }

    @Test(arguments: [
        ("a**", "quantifier operand invalid"), ("*a", "quantifier operand invalid"),
        ("^*", "quantifier operand invalid"), ("(a", "parentheses () not balanced"),
        ("a)", "parentheses () not balanced"), ("[a", "brackets [] not balanced"),
        ("a{2,1}", "invalid repetition count(s)"), ("a{300}", "invalid repetition count(s)"),
        ("a{2", "braces {} not balanced"), ("a{1a}", "invalid repetition count(s)"),
        ("[z-a]", "invalid character range"), ("[[:foo:]]", "invalid character class"),
        ("\\q", "invalid escape \\ sequence"), ("\\", "invalid escape \\ sequence"),
        ("[[.foo.]]", "invalid collating element"), ("(?z)a", "invalid embedded option"),
        ("(a)\\2", "invalid backreference number"),
        ("(((a{255}){255}){255}){255}", "regular expression is too complex"),
    ])
    func `a faulty expression is refused in PostgreSQL's words`(pattern: String, text: String) {
        let error = #expect(throws: SQLError.self) { try RegularExpression(pattern) }
        #expect(error?.message == "invalid regular expression: " + text)
        #expect(error?.state == .invalidRegularExpression)
    }

    @Test func `what no automaton can match is not supported`() {
        for pattern in ["(a)\\1", "a(?=b)", "(?<!a)b"] {
            let error = #expect(throws: SQLError.self) { try RegularExpression(pattern) }
            #expect(error?.state == .featureNotSupported)
        }
    }

    @Test func `matches and groups are those of PostgreSQL`() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Fixtures/regex/postgres15.txt")
        var count = 0
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
            guard !line.hasPrefix("#") else { continue }
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            let text = fields[1].replacingOccurrences(of: "\\n", with: "\n")
            #expect(try places(String(fields[0]), text, fields[2]) == fields[4], "\(line)")
            count += 1
        }
        #expect(count > 1_000)
    }

    private func places(
        _ pattern: String, _ text: String, _ flags: Substring
    ) throws -> String {
        var options = RegexOptions()
        for flag in flags.unicodeScalars where !options.take(flag) { Issue.record("\(flag)") }
        let expression = try RegularExpression(pattern, options)
        let bytes = Array(text.utf8)
        func character(_ index: Int) -> Int { bytes[..<index].count { $0 & 0xC0 != 0x80 } + 1 }
        let isFound = unsafe bytes.withUnsafeBytes { unsafe expression.find($0) }
        return (0...4).map { number in
            let group = expression.groupCount == 0 && number == 1 ? 0 : number
            guard isFound, group <= expression.groupCount, expression.starts[group] >= 0 else {
                return "0:0"
            }
            let start = character(expression.starts[group])
            return "\(start):\(character(expression.ends[group]))"
        }.joined(separator: ",")
    }

    @Test func `what backtracking takes for ever ends`() throws {
        let text = String(repeating: "a", count: 5_000)
        #expect(try found("(a*)*b", text) == nil)
        #expect(try found("(x+x+)+y", String(repeating: "x", count: 5_000)) == nil)
        #expect(try found("(a|aa)+$", text)?[0]?.utf8.count == 5_000)
        #expect(try found("a[^b]*b|a[^c]*c|z", text + "z")?[0] == "z")
    }

    @Test func `automata of many states are dropped and built again`() throws {
        var random = UInt64(7)
        let text = String(
            (0..<4_000).map { _ in
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return random >> 62 & 1 == 0 ? "a" : "b"
            })
        #expect(try found("(a|b)*a(a|b){14}c", text) == nil)
    }
}
