import Glibc
import Testing

@testable import rtd

@Suite struct HistorySearchTests {
    private let past = ["SELECT 1", "SHOW TOPICS", "SELECT 22", "SELECT 3"]

    private func line(_ keys: String) -> String {
        var history = PromptHistory()
        for entry in past { history.add(entry) }
        var editor = LineEditor(history: history)
        _ = editor.keysPressed(Array(keys.utf8))
        return editor.line
    }

    @Test func `Ctrl-R finds the last entry that holds what is typed`() {
        #expect(line("\u{12}SEL") == "SELECT 3")
        #expect(line("\u{12}SEL\u{12}") == "SELECT 22")
        #expect(line("\u{12}SEL\u{12}\u{12}") == "SELECT 1")
        #expect(line("\u{12}SEL\u{12}\u{12}\u{13}") == "SELECT 22")
        #expect(line("\u{12}TOP") == "SHOW TOPICS")
        // More of it goes on from what was found, less of it begins anew.
        #expect(line("\u{12}SELECT\u{12} 2") == "SELECT 22")
        #expect(line("\u{12}22\u{7F}\u{7F}SELECT 1") == "SELECT 1")
    }

    @Test func `what is found can be edited, and Ctrl-G goes back`() {
        #expect(line("\u{12}22\u{05}3") == "SELECT 223")
        #expect(line("abc\u{12}22\u{07}d") == "abcd")
        #expect(line("\u{12}TOP\u{1B}[A") == "SELECT 1")
    }

    @Test func `the prompt says what is searched, and that it is not there`() {
        var history = PromptHistory()
        history.add("SELECT 1")
        var editor = LineEditor(history: history)
        _ = editor.keysPressed(Array("\u{12}SEL".utf8))
        #expect(editor.searchPrompt == "(reverse-i-search)`SEL': ")
        _ = editor.keysPressed(Array("x".utf8))
        #expect(editor.searchPrompt == "(failed reverse-i-search)`SELx': ")
        #expect(editor.line == "SELECT 1")
        #expect(editor.keysPressed([0x0D]) == [.submit("SELECT 1")])
        #expect(editor.searchPrompt == nil)
    }
}

@Test func `a history that has grown is cut to its newest entries`() throws {
    let path = "/tmp/rtd-history-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    defer { unlink(path) }
    let file = PromptHistoryFile(path: path)
    for number in 0..<2_100 { file.append("SELECT \(number);") }
    #expect(file.read().entries.count == 1_000)
    file.append("SELECT\n'last';")
    let again = file.read().entries
    #expect(again.last == "SELECT\n'last';")
    #expect(again[again.count - 2] == "SELECT 2099;")
    // Too long to be kept.
    file.append(String(repeating: "x", count: 100_000))
    #expect(file.read().entries.last == "SELECT\n'last';")
}
