import Testing

@testable import rtd

@Suite struct InputLayoutTests {
    private func layout(_ typed: String, _ cursor: Int, columns: Int = 10) -> InputLayout {
        InputLayout(
            prompt: "rtd> ", continuation: "  -> ", typed: Array(typed), cursor: cursor,
            columns: columns)
    }

    @Test func `a full line goes on in the next`() {
        let whole = layout("abcdefg", 7)
        #expect(whole.text == "rtd> abcdefg")
        #expect((whole.lastRow, whole.cursorRow, whole.cursorColumn) == (1, 1, 2))
        let early = layout("abcdefg", 4)
        #expect((early.cursorRow, early.cursorColumn) == (0, 9))
        #expect((layout("abcdefg", 5).cursorRow, layout("abcdefg", 5).cursorColumn) == (1, 0))
        // The terminal stands at the edge then, not in the next line.
        #expect(layout("abcde", 5).text == "rtd> abcde\n")
        #expect((layout("abcde", 5).lastRow, layout("abcde", 5).cursorColumn) == (1, 0))
    }

    @Test func `a wide character without room at the edge stands in the next line`() {
        // Columns 5, 7 and then 9, where one is left.
        let wide = layout("日本語x", 4)
        #expect((wide.cursorRow, wide.cursorColumn) == (1, 3))
        #expect((layout("日本語x", 2).cursorRow, layout("日本語x", 2).cursorColumn) == (0, 9))
        #expect((layout("日本語x", 3).cursorRow, layout("日本語x", 3).cursorColumn) == (1, 2))
    }

    @Test func `lines stand below one another, and tabs go to the next stop`() {
        let lines = layout("a\n\tb\nc", 6, columns: 40)
        #expect(lines.text == "rtd> a\n  ->    b\n  -> c")
        #expect((lines.lastRow, lines.cursorRow, lines.cursorColumn) == (2, 2, 6))
        #expect((layout("a\n\tb", 3, columns: 40).cursorRow) == 1)
        #expect((layout("a\n\tb", 3, columns: 40).cursorColumn) == 8)
    }

    @Test func `what would steer the terminal is written as an escape`() {
        #expect(layout("\u{1B}x", 2, columns: 40).text == "rtd> \\u{1b}x")
    }
}
