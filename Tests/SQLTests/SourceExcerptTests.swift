import Testing

@testable import SQL

@Suite struct SourceExcerptTests {
    private func excerpt(_ text: String, at offset: Int) -> SourceExcerpt {
        SourceExcerpt(Array(text.utf8), at: offset)
    }

    @Test func `the caret stands under the place`() {
        let excerpt = excerpt("SHOW\n  TOPICS nosuch;\n", at: 14)
        #expect(excerpt.line == 2)
        #expect(excerpt.text == "LINE 2:   TOPICS nosuch;")
        #expect(excerpt.caret == "                 ^")
    }

    @Test func `characters are counted, not bytes`() {
        let excerpt = excerpt("DESCRIBE \"é\" x", at: 14)
        #expect(excerpt.text == "LINE 1: DESCRIBE \"é\" x")
        #expect(excerpt.caret == String(repeating: " ", count: 21) + "^")
    }

    @Test func `wide characters take two columns, marks on others none`() {
        let text = "SELECT '日本', 'e\u{301}', '👨‍👩‍👧', nope"
        let excerpt = excerpt(text, at: text.utf8.count - 4)
        #expect(excerpt.text == "LINE 1: " + text)
        // Two for each of 日, 本 and the family.
        #expect(excerpt.caret == String(repeating: " ", count: 8 + 26) + "^")
    }

    @Test func `a long line of wide characters is cut to the columns there are`() {
        let text = String(repeating: "日", count: 100)
        let excerpt = excerpt(text, at: 150)
        #expect(excerpt.text == "LINE 1: ..." + String(repeating: "日", count: 36) + "...")
        #expect(excerpt.caret == String(repeating: " ", count: 11 + 36) + "^")
    }

    @Test func `tabs and control characters become spaces`() {
        let excerpt = excerpt("\ta\u{1B}[1m\r\nb", at: 1)
        #expect(excerpt.text == "LINE 1:  a [1m")
    }

    @Test func `a long line is cut on both sides`() {
        let excerpt = excerpt(
            String(repeating: "a", count: 100) + "!" + String(repeating: "b", count: 100), at: 100)
        #expect(excerpt.text.hasPrefix("LINE 1: ...a"))
        #expect(excerpt.text.hasSuffix("b..."))
        let column = excerpt.caret.count - 1
        #expect(Array(excerpt.text)[column] == "!")
    }

    @Test func `a line that fits is not cut`() {
        let text = String(repeating: "a", count: 70)
        #expect(excerpt(text, at: 69).text == "LINE 1: \(text)")
    }

    @Test func `the end of the script is a place`() {
        #expect(excerpt("SHOW", at: 4).caret == "            ^")
        #expect(excerpt("", at: 0).text == "LINE 1: ")
        #expect(excerpt("SHOW\n", at: 5).line == 2)
    }
}
