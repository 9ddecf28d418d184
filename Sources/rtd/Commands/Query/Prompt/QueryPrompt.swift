import Formats
import Platform
import SQL

/// The prompt of `rtd query` on a terminal: reads statements, each up to its semicolon, and runs
/// them one after another; an error ends a statement, not the prompt. Used on the main thread.
final class QueryPrompt {
    private let run: StatementSequence
    private let terminal: Terminal
    private var editor: LineEditor
    private let historyFile: PromptHistoryFile
    /// Lines of the statement that is not complete yet.
    private var lines: [String] = []
    /// What \g runs once more.
    private var last = ""
    private let completion: StatementCompletion
    private var commands = PromptCommands()
    /// Screen lines between the first of the input and the cursor.
    private var cursorLine = 0

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
            terminal.leaveRawMode()
            run.forgetInterruption()
        }
        while let line = try readLine() {
            if lines.isEmpty, line.allSatisfy(\.isWhitespace) { continue }
            if let start = PromptLine.commandStart(in: line, statement: lines) {
                let command = String(line[start...])
                add(String(line[..<start]))
                remember(command)
                guard perform(command) else { return }
            } else {
                add(line)
            }
        }
    }

    /// A line, or what stands in it before a backslash command; runs what it completes.
    private func add(_ line: String) {
        guard !lines.isEmpty || !line.allSatisfy(\.isWhitespace) else { return }
        lines.append(line)
        let text = lines.joined(separator: "\n")
        guard StatementEnd.isComplete(text) else { return }
        lines = []
        remember(text)
        last = text
        execute(text)
    }

    private func remember(_ entry: String) {
        editor.remember(entry)
        historyFile.append(entry)
    }

    private func execute(_ text: String) {
        run.forgetInterruption()
        let script = QueryScript(name: nil, text: Array(text.utf8))
        let clock = SystemClock()
        let start = clock.monotonicNanoseconds
        do throws(CommandFailure) {
            _ = try run.run(script)
        } catch {
            StandardError.write(line: "rtd: \(error.message)")
        }
        guard commands.showsTime else { return }
        let microseconds = (clock.monotonicNanoseconds - start) / 1_000
        let fraction = String(microseconds % 1_000)
        let padding = String(repeating: "0", count: 3 - fraction.count)
        StandardError.write(line: "Time: \(microseconds / 1_000).\(padding)\(fraction) ms")
    }

    /// False when the prompt shall end.
    private func perform(_ line: String) -> Bool {
        switch commands.parse(line) {
        case .quit: return false
        case .message(let text): StandardError.write(line: text)
        case .statement(let sql): execute(sql)
        case .expanded(let isOn):
            run.expands = isOn
            StandardError.write(line: "Expanded display is \(isOn ? "on" : "off").")
        case .include(let path): include(path)
        case .execute(let expanded): executeTyped(expanded: expanded)
        case .reset:
            lines = []
            StandardError.write(line: "The statement is forgotten.")
        case .printBuffer:
            let text = lines.joined(separator: "\n")
            StandardError.write(line: lines.isEmpty ? "No statement was begun." : text)
        }
        return true
    }

    /// What was typed without its semicolon, else the statement before.
    private func executeTyped(expanded: Bool) {
        let text = lines.isEmpty ? last : lines.joined(separator: "\n") + ";"
        guard !text.isEmpty else { return StandardError.write(line: "No statement was begun.") }
        if !lines.isEmpty { remember(text) }
        lines = []
        last = text
        let before = run.expands
        if expanded { run.expands = true }
        execute(text)
        run.expands = before
    }

    private func include(_ path: String) {
        run.forgetInterruption()
        do throws(CommandFailure) {
            for script in try QueryScript.read([.file(path)]) { _ = try run.run(script) }
        } catch {
            StandardError.write(line: "rtd: \(error.message)")
        }
    }

    // The terminal is raw only while a line is typed, so that Ctrl-C stops a running query.
    /// nil at the end of input.
    private func readLine() throws(CommandFailure) -> String? {
        terminal.enterRawMode()
        defer { terminal.leaveRawMode() }
        editor.clear()
        cursorLine = 0
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
                    cursorLine = 0
                    redraw()
                case .complete: complete()
                case .beep: write("\u{07}")
                case .end:
                    write("\n")
                    return nil
                case .cancel:
                    write("^C\n")
                    lines = []
                    editor.clear()
                    cursorLine = 0
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
                cursorLine = 0
            }
            redraw()
        }
    }

    private var prompt: String { lines.isEmpty ? "rtd> " : "  -> " }

    /// Draws the prompt and the line anew and puts the cursor where it belongs.
    private func redraw() {
        let columns = max(20, StandardError.columns ?? 80)
        let shown = DisplayText(editor.line)
        let before = DisplayText(String(editor.text[..<editor.cursor]))
        var out = cursorLine > 0 ? "\u{1B}[\(cursorLine)A" : ""
        out += "\r\u{1B}[J" + prompt + shown.text
        let total = prompt.count + shown.width
        let at = prompt.count + before.width
        // A terminal wraps only when the next character comes.
        if total > 0, total % columns == 0 { out += "\n" }
        let up = total / columns - at / columns
        if up > 0 { out += "\u{1B}[\(up)A" }
        out += "\r"
        if at % columns > 0 { out += "\u{1B}[\(at % columns)C" }
        cursorLine = at / columns
        write(out)
    }

    private func moveBehindInput() {
        let columns = max(20, StandardError.columns ?? 80)
        let total = prompt.count + DisplayText(editor.line).width
        let down = total / columns - cursorLine
        write((down > 0 ? "\u{1B}[\(down)B" : "") + "\r\n")
        cursorLine = 0
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
