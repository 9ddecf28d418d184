/// What a person types at the prompt, edited key by key: takes bytes of the terminal, gives
/// actions. It knows no terminal.
///
/// Keys as in every shell: arrows, Home, End, Ctrl-A/E/B/F/P/N, Alt-B/F, Backspace, Delete,
/// Ctrl-D/H/K/U/W/Y/T, Ctrl-L, Tab, Alt-Backspace, bracketed paste, and Ctrl-R and Ctrl-S, which
/// search the history.
struct LineEditor {
    enum Action: Equatable {
        case redraw
        case clearScreen
        case complete
        case submit(String)
        /// Ctrl-C: the input is given up.
        case cancel
        /// Ctrl-D on an empty line.
        case end
        case beep
    }

    /// Line breaks in it came with a paste or from the history.
    private(set) var text: [Character] = []
    private(set) var cursor = 0
    private var search: HistorySearch?
    private var history: PromptHistory
    /// Where Up and Down are; `history.count` is the line being typed.
    private var historyIndex: Int
    private var typed: [Character] = []
    private var killed: [Character] = []
    private var pending: [UInt8] = []
    private var isPasting = false
    /// The last that was pasted is a carriage return: a line feed behind it is the same line end.
    private var endsLine = false

    init(history: PromptHistory) {
        self.history = history
        historyIndex = history.entries.count
    }

    var line: String { String(text) }

    mutating func remember(_ entry: String) {
        history.add(entry)
        historyIndex = history.entries.count
    }

    var entries: [String] { history.entries }

    /// What stands in the place of the prompt while the history is searched.
    var searchPrompt: String? { search?.prompt }

    mutating func clear() {
        search = nil
        text = []
        cursor = 0
        historyIndex = history.entries.count
    }

    /// Puts `word` in the place of the `count` characters before the cursor.
    mutating func replace(_ count: Int, with word: String) {
        text.removeSubrange(cursor - count..<cursor)
        cursor -= count
        insert(Array(word))
    }

    /// Keys behind Tab and Return wait for the next call: what they do depends on what those did.
    mutating func keysPressed(_ bytes: [UInt8]) -> [Action] {
        pending += bytes
        var actions: [Action] = []
        while !pending.isEmpty {
            guard let key = takeKey() else { break }
            guard let action = pressed(key) else { continue }
            actions.append(action)
            switch action {
            case .complete, .submit: return actions
            case .redraw, .clearScreen, .cancel, .end, .beep: continue
            }
        }
        return actions
    }

    private enum Key {
        case characters([Character])
        case control(UInt8)
        /// The end of an escape sequence: "[A", "[3~", "b".
        case escape(String)
    }

    /// nil: more bytes are needed.
    private mutating func takeKey() -> Key? {
        let first = pending[0]
        if first == 0x1B { return takeEscape() }
        if first < 0x20 || first == 0x7F {
            pending.removeFirst()
            return .control(first)
        }
        // All printable bytes up to the next control, as far as they are whole characters.
        var end = pending.firstIndex { $0 < 0x20 || $0 == 0x7F } ?? pending.count
        while end > 0 {
            if let text = String(validating: pending[..<end], as: UTF8.self) {
                pending.removeFirst(end)
                return .characters(Array(text))
            }
            // The last character may be cut off.
            guard end == pending.count, pending.count - end < 4 else { break }
            end -= 1
        }
        if pending.count >= 4 {
            pending.removeFirst()
            return .characters(["\u{FFFD}"])
        }
        return nil
    }

    private mutating func takeEscape() -> Key? {
        guard pending.count > 1 else {
            pending.removeFirst()
            return .escape("")
        }
        guard pending[1] == UInt8(ascii: "[") || pending[1] == UInt8(ascii: "O") else {
            let letter = pending[1]
            pending.removeFirst(2)
            return .escape(String(UnicodeScalar(letter)))
        }
        var index = 2
        while index < pending.count, !(0x40...0x7E).contains(pending[index]) { index += 1 }
        guard index < pending.count else { return nil }
        let sequence = String(decoding: pending[1...index], as: UTF8.self)
        pending.removeFirst(index + 1)
        return .escape(sequence)
    }

    private mutating func pressed(_ key: Key) -> Action? {
        if search != nil, let action = searched(key) { return action }
        switch key {
        case .characters(let characters):
            endsLine = false
            insert(characters)
            return .redraw
        case .escape(let sequence): return escape(sequence)
        case .control(let byte): return control(byte)
        }
    }

    private mutating func control(_ byte: UInt8) -> Action? {
        if isPasting { return pasted(byte) }
        switch byte {
        case 0x01: cursor = 0
        case 0x02: cursor = max(0, cursor - 1)
        case 0x03: return .cancel
        case 0x04:
            if text.isEmpty { return .end }
            deleteForward()
        case 0x05: cursor = text.count
        case 0x06: cursor = min(text.count, cursor + 1)
        case 0x08, 0x7F:
            guard cursor > 0 else { return .beep }
            cursor -= 1
            text.remove(at: cursor)
        case 0x09: return .complete
        case 0x0A, 0x0D: return .submit(line)
        case 0x0B: kill(cursor..<text.count)
        case 0x0C: return .clearScreen
        case 0x0E: move(1)
        case 0x10: move(-1)
        case 0x12: return beginSearch()
        case 0x14: transpose()
        case 0x15: kill(0..<cursor)
        case 0x17: kill(wordStart()..<cursor)
        case 0x19: insert(killed)
        default: return .beep
        }
        return .redraw
    }

    private mutating func escape(_ sequence: String) -> Action? {
        switch sequence {
        case "[A", "OA": move(-1)
        case "[B", "OB": move(1)
        case "[C", "OC": cursor = min(text.count, cursor + 1)
        case "[D", "OD": cursor = max(0, cursor - 1)
        case "[H", "OH", "[1~", "[7~": cursor = 0
        case "[F", "OF", "[4~", "[8~": cursor = text.count
        case "[3~": deleteForward()
        case "b", "[1;5D", "[1;3D": cursor = wordStart()
        case "f", "[1;5C", "[1;3C": cursor = wordEnd()
        case "d": kill(cursor..<wordEnd())
        case "\u{7F}", "\u{08}": kill(wordStart()..<cursor)
        case "[200~": isPasting = true
        case "[201~": isPasting = false
        default: return nil
        }
        return .redraw
    }

    private mutating func pasted(_ byte: UInt8) -> Action? {
        switch byte {
        case 0x0A where endsLine: break
        case 0x0A, 0x0D: insert(["\n"])
        case 0x09: insert(["\t"])
        default: break
        }
        endsLine = byte == 0x0D
        return .redraw
    }

    // The search.

    private mutating func beginSearch() -> Action {
        search = HistorySearch(text, cursor, end: history.entries.count)
        return .redraw
    }

    /// nil: the key ends the search, keeps what was found and means what it means else.
    private mutating func searched(_ key: Key) -> Action? {
        guard var search else { return nil }
        switch key {
        case .characters(let characters): search.type(characters, in: history.entries)
        case .control(0x12): search.move(-1, in: history.entries)
        case .control(0x13): search.move(1, in: history.entries)
        case .control(0x08), .control(0x7F): search.shorten(in: history.entries)
        case .control(0x07):
            (text, cursor) = (search.textBefore, search.cursorBefore)
            self.search = nil
            return .redraw
        default:
            self.search = nil
            return nil
        }
        self.search = search
        if let index = search.found {
            historyIndex = index
            text = Array(history.entries[index])
            cursor = search.place(in: text)
        }
        return .redraw
    }

    private mutating func insert(_ characters: [Character]) {
        text.insert(contentsOf: characters, at: cursor)
        cursor += characters.count
    }

    private mutating func deleteForward() {
        if cursor < text.count { text.remove(at: cursor) }
    }

    private mutating func kill(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        killed = Array(text[range])
        text.removeSubrange(range)
        cursor = range.lowerBound
    }

    private mutating func transpose() {
        guard cursor > 0, text.count > 1 else { return }
        let right = min(cursor, text.count - 1)
        text.swapAt(right - 1, right)
        cursor = right + 1
    }

    private func wordStart() -> Int {
        var index = cursor
        while index > 0, !isWord(text[index - 1]) { index -= 1 }
        while index > 0, isWord(text[index - 1]) { index -= 1 }
        return index
    }

    private func wordEnd() -> Int {
        var index = cursor
        while index < text.count, !isWord(text[index]) { index += 1 }
        while index < text.count, isWord(text[index]) { index += 1 }
        return index
    }

    private func isWord(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_"
    }

    /// Up and Down through the history; the line being typed is kept at its end.
    private mutating func move(_ step: Int) {
        let target = historyIndex + step
        guard target >= 0, target <= history.entries.count else { return }
        if historyIndex == history.entries.count { typed = text }
        historyIndex = target
        text = target == history.entries.count ? typed : Array(history.entries[target])
        cursor = text.count
    }
}

/// What was entered before, oldest first; without repeats of the last.
struct PromptHistory {
    static let entriesMax = 1_000
    private(set) var entries: [String] = []

    mutating func add(_ entry: String) {
        guard !entry.isEmpty, entry != entries.last else { return }
        entries.append(entry)
        if entries.count > Self.entriesMax { entries.removeFirst() }
    }
}
