/// Ctrl-R: the search for the last entry of the history that holds what is typed.
struct HistorySearch {
    private var query: [Character] = []
    /// Where the search is: an index of the history, at first its end.
    private var index: Int
    /// The entry that was found last.
    private(set) var found: Int?
    private var failed = false
    /// What Ctrl-G goes back to.
    let textBefore: [Character]
    let cursorBefore: Int

    init(_ text: [Character], _ cursor: Int, end: Int) {
        (textBefore, cursorBefore, index) = (text, cursor, end)
    }

    var prompt: String {
        "(\(failed ? "failed " : "")reverse-i-search)`\(String(query))': "
    }

    mutating func type(_ characters: [Character], in entries: [String]) {
        query += characters
        look(from: min(index, entries.count - 1), step: -1, in: entries)
    }

    /// To the next older entry (-1), or the next younger one (1).
    mutating func move(_ step: Int, in entries: [String]) {
        look(from: index + step, step: step, in: entries)
    }

    /// The search for what is left begins anew.
    mutating func shorten(in entries: [String]) {
        guard !query.isEmpty else { return }
        query.removeLast()
        index = entries.count
        look(from: index - 1, step: -1, in: entries)
    }

    /// Where `query` stands in what was found.
    func place(in text: [Character]) -> Int { firstPlace(in: text) ?? 0 }

    private func firstPlace(in text: [Character]) -> Int? {
        guard text.count >= query.count else { return nil }
        let starts = 0...(text.count - query.count)
        return starts.first { start in text[start...].starts(with: query) }
    }

    private mutating func look(from start: Int, step: Int, in entries: [String]) {
        failed = false
        guard !query.isEmpty else { return }
        var next = start
        while entries.indices.contains(next) {
            if firstPlace(in: Array(entries[next])) != nil {
                (index, found) = (next, next)
                return
            }
            next += step
        }
        failed = true
    }
}
