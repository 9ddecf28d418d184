import Formats
import Testing

@testable import rtd

@Suite struct ResultTableTests {
    private static let table: ResultTable = {
        var table = ResultTable([.init("name"), .number("n"), .init("list")])
        table.rows = [
            [.text("a"), .integer(1), .integers([1, 2])],
            [.text("é日\u{1B}[1m\n"), .integer(-1000), .null],
            [.text(""), .null, .boolean(true)],
        ]
        return table
    }()

    @Test func `numbers stand to the right and nothing steers the terminal`() {
        #expect(
            AlignedTable().text(ResultTableTests.table) == """
                 name           |     n | list
                ----------------+-------+-------
                 a              |     1 | {1,2}
                 é日\\u{1b}[1m\\n | -1000 | NULL
                                |  NULL | t
                (3 rows)

                """)
    }

    @Test func `a line that is too wide loses the ends of its widest columns`() {
        var table = ResultTable([.init("name"), .number("n")])
        table.rows = [[.text(String(repeating: "ab", count: 30)), .integer(12)]]
        let text = AlignedTable(columns: 20).text(table)
        for line in text.split(separator: "\n") { #expect(line.count <= 20) }
        #expect(text.contains("abababababab… | 12\n"))
        #expect(AlignedTable(columns: 3).text(table).contains("ababa…"))
    }

    @Test func `numbers are never cut, and what rows share stands below`() {
        var table = ResultTable([
            .number("a_long_name"), .init("text"), .shared("kept"), .number("n"),
        ])
        table.rows = [[.integer(12_345_678), .text("abcdefghij"), .text("x"), .integer(1)]]
        #expect(
            AlignedTable(columns: 24).text(table) == """
                 a_long_… | text    | n
                ----------+---------+---
                 12345678 | abcdef… | 1
                (1 row)
                kept: x

                """)
    }

    @Test func `NULL is dimmed where colours are wanted`() {
        var table = ResultTable([.init("a")])
        table.rows = [[.null], [.text("NULL")]]
        let text = AlignedTable(isColoured: true).text(table)
        #expect(text.contains(" \u{1B}[2mNULL\u{1B}[0m\n NULL\n"))
    }

    @Test func `a row is a JSON object`() {
        var buffer = OutputBuffer()
        ResultTableTests.table.appendJSON(to: &buffer)
        #expect(
            buffer.bytes.text(0..<buffer.count) == #"""
                {"name":"a","n":1,"list":[1,2]}
                {"name":"é日\u001b[1m\n","n":-1000,"list":null}
                {"name":"","n":null,"list":true}

                """#)
    }

    @Test func `CSV tells NULL from an empty text and quotes what it must`() {
        var table = ResultTable([.init("a"), .init("b\"")])
        table.rows = [[.text("x,y"), .text("")], [.null, .text("l\r\n\"q\"")]]
        var buffer = OutputBuffer()
        table.appendCSV(to: &buffer)
        #expect(
            buffer.bytes.text(0..<buffer.count)
                == "a,\"b\"\"\"\n\"x,y\",\"\"\n,\"l\r\n\"\"q\"\"\"\n")
    }

    @Test func `TSV escapes as COPY does`() {
        var table = ResultTable([.init("a"), .init("b")])
        table.rows = [[.text("x\ty\\\r\n"), .null]]
        var buffer = OutputBuffer()
        table.appendTSV(to: &buffer)
        #expect(buffer.bytes.text(0..<buffer.count) == "a\tb\nx\\ty\\\\\\r\\n\t\\N\n")
    }
}
