import Formats
import Platform
import SQL

/// The prompt of `rtd query` on a terminal: reads statements, each up to its semicolon, and runs
/// them one after another; an error ends a statement, not the prompt. Used on the main thread.
final class QueryPrompt {
    let run: StatementSequence
    private let terminal: Terminal
    private var editor: LineEditor
    let historyFile: PromptHistoryFile
    /// Lines of the statement that is not complete yet.
    var lines: [String] = []
    /// What \g runs once more.
    var last = ""
    let completion: StatementCompletion
    var commands = PromptCommands()
    /// What stands on the screen; nil: nothing yet.
    private var drawn: (prompt: String, text: [Character], cursor: Int)?

    /// nil when stdin is no terminal.
    init?(_ run: StatementSequence) {
        guard let terminal = Terminal() else { return nil }
        self.run = run
        self.terminal = terminal
        historyFile = PromptHistoryFile()
        editor = LineEditor(history: historyFile.read())
        completion = StatementCompletion(run.names)
        run.becomeInteractive()
    }

    func loop() throws(CommandFailure) {
        StandardError.write(line: "rtd \(Program.version); \\? for help, \\q or Ctrl-D to leave")
        defer {
            terminal.restore()
            run.forgetInterruption()
        }
        while let input = try readLine() {
            for line in input.split(separator: "\n", omittingEmptySubsequences: false) {
                guard take(String(line)) else { return }
            }
        }
    }

    /// False when the prompt shall end.
    private func take(_ line: String) -> Bool {
        if lines.isEmpty, line.allSatisfy(\.isWhitespace) { return true }
        if let word = PromptWord(line) {
            guard lines.isEmpty else {
                StandardError.write(line: word.note)
                add(line)
                return true
            }
            return perform(word.command)
        }
        guard let start = PromptLine.commandStart(in: line, statement: lines) else {
            add(line)
            return true
        }
        let command = String(line[start...])
        let before = String(line[..<start])
        if !before.allSatisfy(\.isWhitespace) { add(before) }
        remember(command)
        return perform(command)
    }

    /// A line, or what stands in it before a backslash command; runs what it completes.
    func add(_ line: String) {
        guard !lines.isEmpty || !line.allSatisfy(\.isWhitespace) else { return }
        lines.append(line)
        let text = lines.joined(separator: "\n")
        guard StatementEnd.isComplete(text) else { return }
        lines = []
        remember(text)
        last = text
        execute(text)
    }

    func remember(_ entry: String) {
        editor.remember(entry)
        historyFile.append(entry)
    }

    var history: [String] { editor.entries }

    // The terminal is raw only while a line is typed, so that Ctrl-C stops a running query.
    /// nil at the end of input.
    private func readLine() throws(CommandFailure) -> String? {
        terminal.enterRawMode()
        // Pastes come in brackets, so that a tab in one is no request to complete.
        write("\u{1B}[?2004h")
        defer {
            write("\u{1B}[?2004l")
            terminal.leaveRawMode()
        }
        editor.clear()
        drawn = nil
        redraw()
        // Keys that were typed ahead come first.
        var keys: [UInt8] = []
        while true {
            let actions = editor.keysPressed(keys)
            keys = []
            if actions.isEmpty {
                do throws(SystemError) {
                    keys = try terminal.readKeys()
                } catch {
                    throw CommandFailure(error)
                }
                guard !keys.isEmpty else { return nil }
            }
            for action in actions {
                switch action {
                case .redraw: redraw()
                case .clearScreen:
                    write("\u{1B}[H\u{1B}[2J")
                    drawn = nil
                    redraw()
                case .complete: complete()
                case .beep: write("\u{07}")
                case .end:
                    write("\n")
                    return nil
                case .cancel:
                    write("^C")
                    moveBehindInput()
                    lines = []
                    editor.clear()
                    drawn = nil
                    redraw()
                case .submit(let line):
                    moveBehindInput()
                    return line
                }
            }
        }
    }

    private func complete() {
        let found = completion.complete(
            statement: lines, before: String(editor.text[..<editor.cursor]),
            behind: String(editor.text[editor.cursor...]))
        insert(found.found, found.count)
    }

    /// Puts what was found in the place of `count` characters.
    private func insert(_ found: WordCompletion.Found, _ count: Int) {
        switch found {
        case .none: write("\u{07}")
        case .one(let text):
            // Before what is there already no space is wanted.
            let isAtEnd = editor.cursor == editor.text.count
            editor.replace(
                count, with: isAtEnd || text.last != " " ? text : String(text.dropLast()))
            redraw()
        case .several(let shared, let all):
            if shared.count > count {
                editor.replace(count, with: shared)
            } else {
                moveBehindInput()
                write(CandidateList(all).text(columns: StandardError.columns ?? 80))
                drawn = nil
            }
            redraw()
        }
    }

    private static let continuation = "  -> "

    private var prompt: String {
        editor.searchPrompt ?? (lines.isEmpty ? "rtd> " : Self.continuation)
    }

    /// At the width that the terminal has now: it may have been another when that was drawn, and
    /// terminals fold their lines anew.
    private var drawnLayout: InputLayout? {
        drawn.map { layout($0.prompt, $0.text, $0.cursor) }
    }

    private func layout(_ prompt: String, _ text: [Character], _ cursor: Int) -> InputLayout {
        InputLayout(
            prompt: prompt, continuation: Self.continuation, typed: text, cursor: cursor,
            columns: max(20, StandardError.columns ?? 80))
    }

    /// Draws the prompt and the line anew and puts the cursor where it belongs.
    private func redraw() {
        let row = drawnLayout?.cursorRow ?? 0
        let layout = layout(prompt, editor.text, editor.cursor)
        var out = "\r" + (row > 0 ? "\u{1B}[\(row)A" : "") + "\u{1B}[J" + layout.text + "\r"
        let up = layout.lastRow - layout.cursorRow
        if up > 0 { out += "\u{1B}[\(up)A" }
        if layout.cursorColumn > 0 { out += "\u{1B}[\(layout.cursorColumn)C" }
        drawn = (prompt, editor.text, editor.cursor)
        write(out)
    }

    private func moveBehindInput() {
        let down = drawnLayout.map { $0.lastRow - $0.cursorRow } ?? 0
        write((down > 0 ? "\u{1B}[\(down)B" : "") + "\r\n")
        drawn = nil
    }

    private func write(_ text: String) { StandardError.write(text) }
}

/// Whether what was typed ends a statement: its last token is a semicolon.
enum StatementEnd {
    static func isComplete(_ text: String) -> Bool {
        guard var lexer = try? Lexer(Array(text.utf8)) else { return true }
        var last = Token(.end, 0..<0)
        while true {
            do throws(SQLError) {
                let token = try lexer.next()
                if token.kind == .end { return last.isSymbol(";") }
                last = token
            } catch {
                // An open string, quoted name or comment goes on in the next line.
                return !error.message.hasPrefix("unterminated")
            }
        }
    }
}
