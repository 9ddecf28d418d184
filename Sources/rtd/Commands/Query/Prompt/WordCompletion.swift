import Platform
import SQL

/// What Tab offers for a word: those of the names, functions and keywords that begin as it does,
/// with whatever case.
struct WordCompletion {
    enum Found: Equatable {
        case none
        case one(String)
        case several(shared: String, [String])
    }

    private static let keywords = [
        "ALL", "AND", "AS", "ASC", "BETWEEN", "BY", "CASE", "CAST", "CHANGES", "CLOSE",
        "COPY", "CREATE", "CROSS", "CUMULATE", "DELETE", "DESC", "DESCRIBE", "DISTINCT",
        "DROP", "ELSE", "EMIT", "END", "EXCEPT", "EXISTS", "EXPLAIN", "FILTER", "FROM", "FULL",
        "GROUP", "HAVING", "HOP", "ILIKE", "INSERT", "INTERSECT", "INTERVAL", "INTO", "IS", "JOIN",
        "LEFT", "LIKE", "LIMIT", "NOT", "NULL", "OFFSET", "ON", "OR", "ORDER", "OVER", "PARTITION",
        "SELECT", "SESSION", "SET", "SHOW", "SOURCE", "STREAM", "TABLE", "THEN", "TOPIC",
        "TOPICS", "TUMBLE", "UNION", "UPDATE", "USING", "VALUES", "VIEW", "WATERMARK", "WHEN",
        "WHERE", "WINDOW", "WITH",
    ]

    /// Behind a backslash, and behind a command: words that are no SQL.
    func command(for word: String, among all: [String] = PromptCommands.names) -> Found {
        Self.offer(all.filter { $0.hasPrefix(word) }.map { $0 + " " })
    }

    /// Nothing but names is offered where nothing was typed yet.
    func candidates(
        for word: String, names: [String], functions: [String] = [], hasKeywords: Bool = true
    ) -> Found {
        var found = Self.matching(word, names).map { Self.written($0) + " " }
        guard !word.isEmpty else { return Self.offer(found) }
        let isUpper = word.contains { $0.isUppercase }
        func spelled(_ text: String) -> String { isUpper ? text.uppercased() : text.lowercased() }
        found += Self.matching(word, functions).map { spelled($0) + "(" }
        if hasKeywords { found += Self.matching(word, Self.keywords).map { spelled($0) + " " } }
        return Self.offer(found)
    }

    /// For a name whose opening quote was typed.
    func quoted(for word: String, names: [String]) -> Found {
        Self.offer(names.filter { $0.hasPrefix(word) }.sorted().map { Self.quoted($0) + " " })
    }

    private static func matching(_ word: String, _ all: [String]) -> [String] {
        let folded = word.lowercased()
        return Set(all.filter { $0.lowercased().hasPrefix(folded) }).sorted()
    }

    /// Names that SQL reads as others, or not at all, stand in quotes; those with dots are read as
    /// they are.
    private static func written(_ name: String) -> String {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.allSatisfy(isPlain) ? name : quoted(name)
    }

    private static func isPlain(_ part: Substring) -> Bool {
        guard let first = part.utf8.first, first < 0x30 || first > 0x39 else { return false }
        return Parser.isName(String(part))
            && part.utf8.allSatisfy {
                ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39)
                    || $0 == 0x5F
            }
    }

    private static func quoted(_ name: String) -> String {
        var text = "\""
        for character in name {
            if character == "\"" { text.append(character) }
            text.append(character)
        }
        return text + "\""
    }

    /// Texts with the space that goes behind them when they are the only ones.
    private static func offer(_ found: [String]) -> Found {
        guard let first = found.first else { return .none }
        if found.count == 1 { return .one(first) }
        var shared = first
        for other in found { shared = Self.common(shared, other) }
        return .several(
            shared: shared.hasSuffix(" ") ? String(shared.dropLast()) : shared,
            found.map { $0.hasSuffix(" ") ? String($0.dropLast()) : $0 })
    }

    static func common(_ a: String, _ b: String) -> String {
        var result = ""
        for (x, y) in zip(a, b) {
            guard x == y else { break }
            result.append(x)
        }
        return result
    }
}

/// The files that a path may go on as: in quotes in SQL, as it is behind `\\i`.
enum PathCompletion {
    /// What was typed since the quote that is open; nil: none is.
    static func openPath(in text: String) -> String? {
        let pieces = text.split(separator: "'", omittingEmptySubsequences: false)
        guard pieces.count % 2 == 0, let last = pieces.last else { return nil }
        return String(last)
    }

    static func found(_ path: String, closing: String = "'") -> WordCompletion.Found {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { String(path[...$0]) } ?? ""
        let start = slash.map { String(path[path.index(after: $0)...]) } ?? path
        let system = POSIXFileSystem()
        let names = ((try? system.list(folder.isEmpty ? "." : folder)) ?? []).filter {
            $0.hasPrefix(start) && ($0.first != "." || start.first == ".")
        }
        let paths = names.sorted().map { name in
            folder + name + (system.isDirectory(folder + name) ? "/" : "")
        }
        guard let first = paths.first else { return .none }
        if paths.count == 1 { return .one(first.hasSuffix("/") ? first : first + closing) }
        var shared = first
        for other in paths { shared = WordCompletion.common(shared, other) }
        return .several(shared: shared, paths)
    }
}
