import Formats
import SQL

/// What Tab does with a statement that is being typed: finds what the word at the cursor may go on
/// as. The names come from the session and its cluster, when they are asked for.
struct StatementCompletion {
    /// The names that there are.
    struct Names {
        var relations: () -> [String] = { [] }
        /// Columns of a query.
        var columns: (String) -> [Field] = { _ in [] }
        var settings: () -> [String] = { [] }
        var functions: [String] = []
        /// Functions of FROM.
        var tables: [String] = []
    }

    /// What stands in the place of the `count` characters before the cursor.
    struct Replacement: Equatable {
        let count: Int
        let found: WordCompletion.Found
    }

    let names: Names
    private let words = WordCompletion()

    init(_ names: Names) { self.names = names }

    /// `statement` are the lines before; `line` is cut by the cursor into `before` and `behind`.
    func complete(statement: [String], before: String, behind: String) -> Replacement {
        let typed = (statement + [before]).joined(separator: "\n")
        if let command = PromptLine.command(in: before, statement: statement) {
            return complete(command: command)
        }
        if let path = PathCompletion.openPath(in: before) {
            return Replacement(count: path.count, found: PathCompletion.found(path))
        }
        if let start = Self.openQuote(in: typed) {
            return complete(quoted: start, typed, behind)
        }
        let word = String(typed.reversed().prefix(while: Self.isWord).reversed())
        // A topic's name may have dashes and dots.
        let long = String(
            typed.reversed().prefix { Self.isWord($0) || $0 == "-" || $0 == "." }.reversed())
        if long != word, !long.isEmpty {
            let context = CompletionContext(
                before: String(typed.dropLast(long.count)), behind: behind)
            if context.wanted == .relations {
                let found = words.candidates(
                    for: long, names: names.relations(), hasKeywords: false)
                if found != .none { return Replacement(count: long.count, found: found) }
            }
        }
        let context = CompletionContext(
            before: String(typed.dropLast(word.count)), behind: behind)
        return Replacement(count: word.count, found: found(word, context))
    }

    private static func isWord(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_"
    }

    /// What stands behind the double quote that is open; nil: none is.
    private static func openQuote(in text: String) -> String? {
        guard var lexer = try? Lexer(Array(text.utf8)) else { return nil }
        while true {
            do throws(SQLError) {
                if try lexer.next().kind == .end { return nil }
            } catch {
                guard error.message.hasPrefix("unterminated quoted identifier"),
                    let quote = text.lastIndex(of: "\"")
                else { return nil }
                return String(text[text.index(after: quote)...])
            }
        }
    }

    private func complete(quoted word: String, _ typed: String, _ behind: String) -> Replacement {
        let context = CompletionContext(
            before: String(typed.dropLast(word.count + 1)), behind: behind)
        let known: [String] =
            switch context.wanted {
            case .relations: names.relations() + context.commonTables
            case .members(let name): members(of: name, context)
            case .expressions: columns(context) + context.aliases
            case .settings: []
            }
        return Replacement(
            count: word.count + 1, found: words.quoted(for: word, names: known))
    }

    private func complete(command: String) -> Replacement {
        guard let space = command.firstIndex(of: " ") else {
            let name = String(command.dropFirst())
            return Replacement(count: name.count, found: words.command(for: name))
        }
        let argument = String(command[space...].drop { $0 == " " })
        let found: WordCompletion.Found =
            switch command[..<space] {
            case "\\i", "\\e": PathCompletion.found(argument, closing: "")
            case "\\df": words.command(for: argument, among: names.functions.sorted())
            case "\\pset":
                words.command(for: argument, among: ["expanded", "format", "null", "pager"])
            case "\\d":
                words.candidates(for: argument, names: names.relations(), hasKeywords: false)
            case "\\x", "\\timing": words.command(for: argument, among: ["off", "on"])
            default: .none
            }
        return Replacement(count: argument.count, found: found)
    }

    private func found(_ word: String, _ context: CompletionContext) -> WordCompletion.Found {
        switch context.wanted {
        case .relations:
            let known = words.candidates(
                for: word, names: names.relations() + context.commonTables,
                functions: names.tables, hasKeywords: false)
            return known == .none && !word.isEmpty ? words.candidates(for: word, names: []) : known
        case .members(let name):
            return words.candidates(
                for: word, names: members(of: name, context), hasKeywords: false)
        case .settings: return words.candidates(for: word, names: names.settings())
        case .expressions:
            return words.candidates(
                for: word, names: columns(context) + context.aliases, functions: names.functions)
        }
    }

    /// Columns of all relations at hand, and the names that tell them apart.
    private func columns(_ context: CompletionContext) -> [String] {
        context.items.flatMap { item in
            names.columns(context.query(for: item)).map(\.name) + (item.name.map { [$0] } ?? [])
        }
    }

    /// The columns of a relation, or the members of a column.
    private func members(of name: String, _ context: CompletionContext) -> [String] {
        let folded = name.lowercased()
        var structs: [String] = []
        for item in context.items {
            let fields = names.columns(context.query(for: item))
            if item.name?.lowercased() == folded { return fields.map(\.name) }
            for field in fields where field.name.lowercased() == folded {
                if case .record(let members) = field.type { structs += members.map(\.name) }
            }
        }
        return structs
    }
}

/// A line of the prompt with a backslash command in it.
enum PromptLine {
    /// Where a command begins in `line`, which follows `statement`; nil: there is none. A backslash
    /// is no part of SQL but in quotes and comments.
    static func commandStart(in line: String, statement: [String]) -> String.Index? {
        guard line.contains("\\") else { return nil }
        let before = statement.map { $0 + "\n" }.joined()
        let text = Array((before + line).utf8)
        guard var lexer = try? Lexer(text) else { return nil }
        while true {
            do throws(SQLError) {
                if try lexer.next().kind == .end { return nil }
            } catch {
                guard let at = error.place?.lowerBound, at < text.count,
                    text[at] == UInt8(ascii: "\\"), at >= before.utf8.count
                else { return nil }
                return line.utf8.index(line.startIndex, offsetBy: at - before.utf8.count)
            }
        }
    }

    static func command(in line: String, statement: [String]) -> String? {
        commandStart(in: line, statement: statement).map { String(line[$0...]) }
    }
}
