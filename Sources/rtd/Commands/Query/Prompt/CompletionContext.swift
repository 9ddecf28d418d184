import Formats
import SQL

/// What may stand at the cursor of a statement that is being typed, as its tokens tell. Made for a
/// press of Tab; it knows no session.
struct CompletionContext {
    /// A relation of FROM, JOIN, UPDATE or INTO.
    struct Item: Equatable {
        /// As FROM has it: a name, a path in quotes, a call, a query in parentheses.
        let source: String
        /// Its alias, else its own name.
        let name: String?
    }

    enum Wanted: Equatable {
        case relations
        /// Columns of what is named before a dot.
        case members(of: String)
        /// Columns, functions and keywords.
        case expressions
        /// Behind SET and SHOW.
        case settings
    }

    let wanted: Wanted
    /// The relations whose columns can be named.
    let items: [Item]
    /// What WITH defines before: its text up to the statement itself, and its names.
    let with: String
    let commonTables: [String]
    /// Aliases of the select list.
    let aliases: [String]

    /// `before` is the statement up to the word at the cursor, `behind` what follows it.
    init(before: String, behind: String) {
        var tokens = TokenList(before)
        let cursor = tokens.all.count
        tokens.append(behind)
        let list = StatementTokens(tokens, cursor: cursor)
        wanted = list.wanted
        items = list.items
        (with, commonTables) = list.commonTables
        aliases = list.aliases
    }

    /// The query that tells the columns of an item.
    func query(for item: Item) -> String { "\(with) SELECT * FROM \(item.source)" }
}

/// Tokens with their text, as far as a text can be cut into them.
private struct TokenList {
    private(set) var all: [Token] = []
    private(set) var text: [UInt8] = []

    init(_ text: String) { append(text) }

    mutating func append(_ more: String) {
        let start = text.count
        text += more.utf8
        guard var lexer = try? Lexer(Array(more.utf8)) else { return }
        while let token = try? lexer.next(), token.kind != .end {
            let place = token.place.lowerBound + start..<token.place.upperBound + start
            all.append(Token(token.kind, place))
        }
    }

    func text(_ range: Range<Int>) -> String {
        guard !range.isEmpty else { return "" }
        let end = all[range.upperBound - 1].place.upperBound
        return String(decoding: text[all[range.lowerBound].place.lowerBound..<end], as: UTF8.self)
    }
}

/// The tokens of the statement at the cursor, and what they say of it.
private struct StatementTokens {
    private let list: TokenList
    private let statement: Range<Int>
    private let cursor: Int
    /// The query at the cursor and those around it, inner ones first.
    private let levels: [Range<Int>]

    private static let windows: Set<String> = ["TUMBLE", "HOP", "CUMULATE", "SESSION"]
    private static let relationWords: Set<String> = [
        "FROM", "JOIN", "INTO", "UPDATE", "DESCRIBE", "TRUNCATE", "COPY", "TABLE", "TOPIC", "VIEW",
        "SOURCE", "USING",
    ]
    private static let clauses: Set<String> = [
        "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "WINDOW", "QUALIFY", "EMIT",
        "FETCH", "SELECT", "SET", "VALUES", "RETURNING", "UNION", "INTERSECT", "EXCEPT", "ON",
        "USING", "FORMAT", "WITH", "TO",
    ]
    private static let joins: Set<String> = [
        "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "OUTER", "ASOF", "NATURAL", "STREAM",
        "BOUNDED", "WATERMARK", "FOR", "MATCH_CONDITION", "TABLESAMPLE", "MATCH_RECOGNIZE",
    ]

    init(_ list: TokenList, cursor: Int) {
        self.list = list
        self.cursor = cursor
        let all = list.all
        let first = all[..<cursor].lastIndex { $0.isSymbol(";") }.map { $0 + 1 } ?? 0
        let end = all[cursor...].firstIndex { $0.isSymbol(";") } ?? all.count
        statement = first..<end
        levels = Self.levels(all, statement, cursor)
    }

    private func token(_ index: Int) -> Token? {
        statement.contains(index) ? list.all[index] : nil
    }

    /// What stands between the parentheses around the cursor, as far as it is a query.
    private static func levels(
        _ all: [Token], _ statement: Range<Int>, _ cursor: Int
    ) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var open = cursor
        var depth = 0
        while open > statement.lowerBound {
            open -= 1
            if all[open].isSymbol(")") { depth += 1 }
            guard all[open].isSymbol("(") else { continue }
            depth -= 1
            guard depth < 0 else { continue }
            depth = 0
            let next = open + 1 < statement.upperBound ? all[open + 1] : nil
            if next?.is("SELECT") == true || next?.is("WITH") == true {
                found.append(open + 1..<close(all, open + 1, statement.upperBound))
            }
        }
        return found + [statement]
    }

    /// Where the parenthesis that stands before `start` is closed.
    private static func close(_ all: [Token], _ start: Int, _ end: Int) -> Int {
        var depth = 0
        for index in start..<max(start, end) {
            if all[index].isSymbol("(") { depth += 1 }
            guard all[index].isSymbol(")") else { continue }
            depth -= 1
            if depth < 0 { return index }
        }
        return end
    }

    // What is wanted.

    var wanted: CompletionContext.Wanted {
        guard let last = token(cursor - 1) else { return .expressions }
        if last.isSymbol("."), let name = token(cursor - 2)?.name { return .members(of: name) }
        if isFirstWord(cursor - 1), last.is("SET") || last.is("SHOW") { return .settings }
        if last.isSymbol("("), token(cursor - 2).map(isWindow) == true { return .relations }
        if last.isSymbol(",") { return isInFrom ? .relations : .expressions }
        guard let keyword = last.keyword, Self.relationWords.contains(keyword) else {
            return .expressions
        }
        switch keyword {
        // extract(year FROM ...), JOIN ... USING (...), UPDATE of a conflict.
        case "FROM": return isInQueryLevel ? .relations : .expressions
        case "USING":
            return token(statement.lowerBound)?.is("MERGE") == true
                ? .relations : .expressions
        case "TABLE", "VIEW", "SOURCE", "TOPIC":
            return token(statement.lowerBound)?.is("CREATE") == true ? .expressions : .relations
        default: return .relations
        }
    }

    private func isFirstWord(_ index: Int) -> Bool { index == statement.lowerBound }

    private func isWindow(_ token: Token) -> Bool {
        token.keyword.map(Self.windows.contains) == true
    }

    /// The parenthesis around the cursor.
    private var opening: Int? {
        var depth = 0
        for index in statement.prefix(max(0, cursor - statement.lowerBound)).reversed() {
            if list.all[index].isSymbol(")") { depth += 1 }
            guard list.all[index].isSymbol("(") else { continue }
            depth -= 1
            if depth < 0 { return index }
        }
        return nil
    }

    private var isInQueryLevel: Bool {
        (opening.map { $0 + 1 } ?? statement.lowerBound) == levels[0].lowerBound
    }

    /// Behind a comma: the clause at the cursor is FROM.
    private var isInFrom: Bool {
        guard isInQueryLevel else { return false }
        var depth = 0
        for index in (levels[0].lowerBound..<cursor).reversed() {
            let token = list.all[index]
            if token.isSymbol(")") { depth += 1 }
            if token.isSymbol("(") { depth -= 1 }
            guard depth == 0, let keyword = token.keyword else { continue }
            if keyword == "FROM" { return true }
            if Self.clauses.contains(keyword) { return false }
        }
        return false
    }

    // Relations.

    var items: [CompletionContext.Item] {
        if let opening, isWindow(list.all[max(opening - 1, 0)]), opening > statement.lowerBound {
            // The arguments behind the first are columns of it.
            var index = opening + 1
            if token(index)?.is("TABLE") == true { index += 1 }
            if let item = item(&index, cursor) { return [item] }
        }
        return levels.flatMap(items)
    }

    private func items(_ level: Range<Int>) -> [CompletionContext.Item] {
        var found: [CompletionContext.Item] = []
        var index = level.lowerBound
        var isInFrom = false
        while index < level.upperBound {
            let token = list.all[index]
            if token.isSymbol("(") {
                index = Self.close(list.all, index + 1, level.upperBound) + 1
                continue
            }
            index += 1
            let keyword = token.keyword ?? ""
            let begins =
                ["FROM", "JOIN", "UPDATE", "INTO"].contains(keyword)
                || (keyword == "USING" && list.all[level.lowerBound].is("MERGE"))
            if begins || (isInFrom && token.isSymbol(",")) {
                isInFrom = isInFrom || keyword == "FROM"
                guard index != cursor, let item = item(&index, level.upperBound) else { continue }
                found.append(item)
            } else if Self.clauses.contains(keyword) {
                isInFrom = false
            }
        }
        return found
    }

    /// A relation and its alias; `index` is behind them then.
    private func item(_ index: inout Int, _ end: Int) -> CompletionContext.Item? {
        while let word = token(index)?.keyword, ["LATERAL", "ONLY"].contains(word) { index += 1 }
        guard index < end, let first = token(index) else { return nil }
        let start = index
        var name: String?
        if first.isSymbol("(") {
            index = Self.close(list.all, index + 1, end) + 1
        } else if first.isString {
            index += 1
        } else if first.name != nil {
            name = first.name
            index += 1
            while index + 1 < end, token(index)?.isSymbol(".") == true,
                let part = token(index + 1)?.name
            {
                name = part
                index += 2
            }
            if index < end, token(index)?.isSymbol("(") == true, isCall(start) {
                index = Self.close(list.all, index + 1, end) + 1
            }
        } else {
            return nil
        }
        guard index <= end else { return nil }
        let source = sourceText(start..<index)
        return CompletionContext.Item(source: source, name: alias(&index, end) ?? name)
    }

    /// INSERT INTO t (columns) is none.
    private func isCall(_ index: Int) -> Bool {
        token(index - 1)?.is("INTO") != true && token(index - 1)?.is("COPY") != true
    }

    /// Without STREAM: what is asked for are the columns of what is there.
    private func sourceText(_ range: Range<Int>) -> String {
        range.filter { !list.all[$0].is("STREAM") && !list.all[$0].is("BOUNDED") }
            .map { list.text($0..<$0 + 1) }.joined(separator: " ")
    }

    private func alias(_ index: inout Int, _ end: Int) -> String? {
        while index < end, let word = token(index)?.keyword, ["STREAM", "BOUNDED"].contains(word) {
            index += 1
        }
        guard index < end, index != cursor, let next = token(index) else { return nil }
        if next.is("AS") {
            guard index + 1 < end, let name = token(index + 1)?.name else { return nil }
            index += 2
            return name
        }
        if let word = next.keyword, Self.clauses.contains(word) || Self.joins.contains(word) {
            return nil
        }
        guard let name = next.name, next.keyword != "JOIN" else { return nil }
        index += 1
        return name
    }

    // Names of the statement's own.

    /// The text of WITH up to the last table that is whole and stands before the cursor.
    var commonTables: (String, [String]) {
        guard token(statement.lowerBound)?.is("WITH") == true else { return ("", []) }
        var names: [String] = []
        var index = statement.lowerBound + 1
        if token(index)?.is("RECURSIVE") == true { index += 1 }
        var end = index
        while let name = token(index)?.name {
            index += 1
            if token(index)?.isSymbol("(") == true {
                index = Self.close(list.all, index + 1, statement.upperBound) + 1
            }
            while let word = token(index)?.keyword, ["AS", "NOT", "MATERIALIZED"].contains(word) {
                index += 1
            }
            guard token(index)?.isSymbol("(") == true else { break }
            index = Self.close(list.all, index + 1, statement.upperBound) + 1
            guard index <= cursor else { break }
            names.append(name)
            end = index
            guard token(index)?.isSymbol(",") == true else { break }
            index += 1
        }
        return names.isEmpty ? ("", []) : (list.text(statement.lowerBound..<end), names)
    }

    /// Names behind AS in the select list of the query at the cursor.
    var aliases: [String] {
        var found: [String] = []
        var depth = 0
        for index in levels[0] where index + 1 < levels[0].upperBound {
            let token = list.all[index]
            if token.isSymbol("(") { depth += 1 }
            if token.isSymbol(")") { depth -= 1 }
            guard depth == 0 else { continue }
            if token.is("FROM") { break }
            if token.is("AS"), index + 1 != cursor, let name = list.all[index + 1].name {
                found.append(name)
            }
        }
        return found
    }
}

extension Token {
    /// As it names something; nil for what is no word.
    fileprivate var name: String? {
        switch kind {
        case .word(let text), .quotedName(let text): text
        default: nil
        }
    }
}
