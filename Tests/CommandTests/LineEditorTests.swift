import Testing

@testable import rtd

private func edited(_ keys: String, history: [String] = []) -> (LineEditor, [LineEditor.Action]) {
    var past = PromptHistory()
    for entry in history { past.add(entry) }
    var editor = LineEditor(history: past)
    let actions = editor.keysPressed(Array(keys.utf8))
    return (editor, actions)
}

private let cases: [(keys: String, line: String, cursor: Int)] = [
    ("abc", "abc", 3),
    ("abc\u{01}x", "xabc", 1),
    ("abc\u{02}\u{7F}", "ac", 1),
    ("abc\u{1B}[D\u{1B}[3~", "ab", 2),
    ("one two\u{17}", "one ", 4),
    ("one two\u{15}\u{19}\u{19}", "one twoone two", 14),
    ("one two\u{1B}b\u{0B}", "one ", 4),
    ("ab\u{14}", "ba", 2),
    ("ä€😀\u{7F}", "ä€", 2),
    ("\u{1B}[200~a\nb\tc\r\nd\re\u{1B}[201~", "a\nb\tc\nd\ne", 9),
    ("one two\u{1B}\u{7F}", "one ", 4),
    ("x\u{1B}[A", "last", 4),
    ("x\u{1B}[A\u{1B}[A\u{1B}[A", "first", 5),
    ("x\u{1B}[A\u{1B}[B", "x", 1),
]

@Test(arguments: cases)
func `keys edit the line as they do in a shell`(_ keys: String, _ line: String, _ cursor: Int) {
    let (editor, _) = edited(keys, history: ["first", "last"])
    #expect(editor.line == line)
    #expect(editor.cursor == cursor)
}

@Test func `a character cut off between two reads is kept until its rest comes`() {
    let bytes = Array("€".utf8)
    var editor = LineEditor(history: PromptHistory())
    #expect(editor.keysPressed(Array(bytes[..<2])).isEmpty)
    #expect(editor.keysPressed([bytes[2]]) == [.redraw])
    #expect(editor.line == "€")
    #expect(editor.keysPressed([0x1B, UInt8(ascii: "[")]).isEmpty)
    #expect(editor.keysPressed([UInt8(ascii: "H")]) == [.redraw])
    #expect(editor.cursor == 0)
}

@Test func `return submits, Ctrl-C gives up, Ctrl-D ends an empty line only`() {
    #expect(edited("a\r").1 == [.redraw, .submit("a")])
    #expect(edited("a\u{03}").1 == [.redraw, .cancel])
    #expect(edited("\u{04}").1 == [.end])
    #expect(edited("a\u{04}").1 == [.redraw, .redraw])
}

@Test func `a statement is complete at its semicolon, not at one inside a string or comment`() {
    #expect(StatementEnd.isComplete("SELECT 1;"))
    #expect(StatementEnd.isComplete("SELECT 1; -- done"))
    #expect(!StatementEnd.isComplete("SELECT ';"))
    #expect(!StatementEnd.isComplete("SELECT ';'"))
    #expect(!StatementEnd.isComplete("SELECT 1 /* ; "))
    #expect(!StatementEnd.isComplete("SELECT 1"))
}

@Test func `a word is completed as far as all candidates agree`() {
    let completion = WordCompletion()
    #expect(completion.candidates(for: "sel", names: []) == .one("select "))
    #expect(completion.candidates(for: "SEL", names: []) == .one("SELECT "))
    #expect(
        completion.candidates(for: "orders_", names: ["orders_a", "orders_b"])
            == .several(shared: "orders_", ["orders_a", "orders_b"]))
    #expect(completion.candidates(for: "zzz", names: []) == .none)
    #expect(completion.candidates(for: "NA", names: ["Name"]) == .one("Name "))
    #expect(completion.candidates(for: "my", names: ["my-topic"]) == .one("\"my-topic\" "))
    #expect(completion.candidates(for: "a.", names: ["a.b"]) == .one("a.b "))
    #expect(completion.quoted(for: "my", names: ["my-topic"]) == .one("\"my-topic\" "))
    #expect(
        completion.candidates(for: "regexp_l", names: [], functions: ["regexp_like"])
            == .one("regexp_like("))
}

@Test func `backslash commands mean statements, switches and help`() {
    var commands = PromptCommands()
    #expect(commands.parse("\\q") == .quit)
    #expect(commands.parse("\\d") == .relations)
    #expect(commands.parse("\\d+ t;") == .describe("t"))
    #expect(commands.parse("\\x") == .expanded(true))
    #expect(commands.parse("\\x") == .expanded(false))
    #expect(commands.parse("\\timing on") == .message("Timing is on."))
    #expect(commands.showsTime)
    #expect(commands.parse("\\i a b") == .include("a b"))
    #expect(commands.parse("\\q;") == .quit)
    #expect(commands.parse("\\watch") == .watch(2_000))
    #expect(commands.parse("\\watch i=0.5") == .watch(500))
    #expect(commands.parse("\\set x 'a b'") == .parameter("x", "a b"))
    #expect(commands.parse("\\unset x") == .parameter("x", nil))
    #expect(commands.parse("\\pset format csv") == .output("format", "csv"))
    #expect(commands.parse("\\!ls -l") == .shell("ls -l"))
    #expect(
        commands.parse("\\copy t from a.csv csv") == .statement("COPY t from 'a.csv' csv;"))
    #expect(
        commands.parse("\\copy (SELECT a FROM t) to 'b.csv'")
            == .statement("COPY (SELECT a FROM t) to 'b.csv';"))
    #expect(commands.parse("\\copy t from stdin") == .statement("COPY t from stdin;"))
    #expect(
        commands.parse("\\tming")
            == .message("unknown command \\tming; did you mean \\timing? \\? lists all"))
}

@Test func `psql's commands that have no meaning here say what has`() {
    var commands = PromptCommands()
    for command in ["\\l", "\\c db", "\\o file", "\\g file", "\\a", "\\pset border 2"] {
        guard case .message(let text) = commands.parse(command) else {
            Issue.record("\(command) says nothing")
            continue
        }
        #expect(!text.contains("unknown"))
    }
    #expect(PromptWord("quit;") == .quit)
    #expect(PromptWord("EXIT ") == .exit)
    #expect(PromptWord("help me") == nil)
}
