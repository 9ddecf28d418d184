import Formats

/// Where the characters of a prompt and of what is typed behind it stand on a terminal so wide: a
/// line that is full goes on in the next, and a wide character that has no room left at the edge
/// stands there whole.
struct InputLayout {
    /// What is written, from the column 0 of the first line.
    private(set) var text = ""
    /// Counted from the first line.
    private(set) var lastRow = 0
    private(set) var cursorRow = 0
    private(set) var cursorColumn = 0

    private let columns: Int
    private var row = 0
    /// `columns`: the line is full, and the terminal wraps when the next character comes.
    private var column = 0

    private static let tabColumns = 8

    /// `cursor` is an index of `typed`. Its lines behind the first begin with `continuation`.
    init(
        prompt: String, continuation: String, typed: [Character], cursor: Int, columns: Int
    ) {
        self.columns = columns
        write(prompt)
        for (index, character) in typed.enumerated() {
            if index == cursor { markCursor() }
            switch character {
            case "\n", "\r\n":
                beginLine()
                write(continuation)
            case "\t":
                let end = (column / Self.tabColumns + 1) * Self.tabColumns
                write(String(repeating: " ", count: end - column))
            default: write(DisplayText(String(character)).text)
            }
        }
        // A full line ends only with the next character: the cursor stands before that.
        if column == columns { beginLine() }
        if cursor >= typed.count { markCursor() }
        lastRow = row
    }

    private mutating func markCursor() {
        let isFull = column == columns
        (cursorRow, cursorColumn) = (isFull ? row + 1 : row, isFull ? 0 : column)
    }

    private mutating func beginLine() {
        text += "\n"
        (row, column) = (row + 1, 0)
    }

    private mutating func write(_ more: String) {
        for character in more {
            let width = DisplayWidth.columns(of: character)
            if column + width > columns { (row, column) = (row + 1, 0) }
            column += width
            text.append(character)
        }
    }
}
