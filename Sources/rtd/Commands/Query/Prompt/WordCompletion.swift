import Platform

/// What Tab offers: keywords and the names of relations that begin as the word does.
struct WordCompletion {
    enum Found: Equatable {
        case none
        case one(String)
        case several(shared: String, [String])
    }

    private static let keywords = [
        "ALL", "AND", "AS", "ASC", "AVG", "BETWEEN", "BY", "CASE", "CAST", "CHANGES", "CLOSE",
        "COPY", "COUNT", "CREATE", "CROSS", "CUMULATE", "DELETE", "DESC", "DESCRIBE", "DISTINCT",
        "DROP", "ELSE", "EMIT", "END", "EXCEPT", "EXISTS", "EXPLAIN", "FILTER", "FROM", "FULL",
        "GROUP", "HAVING", "HOP", "ILIKE", "INSERT", "INTERSECT", "INTERVAL", "INTO", "IS", "JOIN",
        "LEFT", "LIKE", "LIMIT", "NOT", "NULL", "OFFSET", "ON", "OR", "ORDER", "OVER", "PARTITION",
        "SELECT", "SESSION", "SET", "SHOW", "SOURCE", "STREAM", "SUM", "TABLE", "THEN", "TOPIC",
        "TOPICS", "TUMBLE", "UNION", "UPDATE", "USING", "VALUES", "VIEW", "WATERMARK", "WHEN",
        "WHERE", "WINDOW", "WITH",
    ]

    private static let commands = ["?", "d", "dt", "dv", "i", "q", "timing", "x"]

    /// Behind a backslash.
    func command(for word: String) -> Found {
        offer(Self.commands.filter { $0.hasPrefix(word) })
    }

    func candidates(for word: String, names: [String]) -> Found {
        guard !word.isEmpty else { return .none }
        let isLower = word.allSatisfy { $0.isLowercase || !$0.isLetter }
        let folded = word.uppercased()
        var found = names.filter { $0.hasPrefix(word) }
        found += Self.keywords.filter { $0.hasPrefix(folded) }
            .map { isLower ? $0.lowercased() : $0 }
        return offer(found)
    }

    private func offer(_ found: [String]) -> Found {
        guard let first = found.first else { return .none }
        if found.count == 1 { return .one(first + " ") }
        var shared = first
        for other in found { shared = Self.common(shared, other) }
        return .several(shared: shared, found)
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

/// The files that a path in quotes may go on as.
enum PathCompletion {
    /// What was typed since the quote that is open; nil: none is.
    static func openPath(in text: String) -> String? {
        let pieces = text.split(separator: "'", omittingEmptySubsequences: false)
        guard pieces.count % 2 == 0, let last = pieces.last else { return nil }
        return String(last)
    }

    static func found(_ path: String) -> WordCompletion.Found {
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
        if paths.count == 1 { return .one(first.hasSuffix("/") ? first : first + "'") }
        var shared = first
        for other in paths { shared = WordCompletion.common(shared, other) }
        return .several(shared: shared, paths)
    }
}
