import ArgumentParsing

/// The backslash commands of the prompt, after psql's.
struct PromptCommands {
    enum Meaning: Equatable {
        case quit
        case message(String)
        case statement(String)
        /// The relations of the session.
        case relations
        /// A relation's columns; of a topic its partitions too.
        case describe(String)
        case expanded(Bool)
        case include(String)
        /// Run what was typed so far, `expanded` or as it is.
        case execute(expanded: Bool)
        /// Forget what was typed so far.
        case reset
        case printBuffer
        /// Edit what was typed so far, or a file.
        case edit(String?)
        case shell(String)
        /// Run it again and again, with so many milliseconds between.
        case watch(Int)
        case connection
        case functions(String)
        case history
        /// A value for `:name`; nil takes it away.
        case parameter(String, String?)
        case parameters
        /// `\pset`: what is set, and to what.
        case output(String, String)
    }

    static let names = [
        "!", "?", "c", "conninfo", "copy", "d", "dT", "df", "dn", "dt", "dv", "e", "echo", "g",
        "gx", "i", "l", "o", "p", "pset", "q", "r", "s", "set", "timing", "unset", "watch", "x",
    ]

    private(set) var showsTime = false
    private var isExpanded = false

    private static let help = """
        \\d [NAME]    tables and views, or the columns of NAME
        \\dt          topics; \\dT types
        \\dv \\dn      views, schemas
        \\df [NAME]   functions, or those whose names begin so
        \\g           run the statement typed so far; \\gx shows its rows as \\x does
        \\watch [N]   run it again every N seconds (2) until Ctrl-C
        \\e [FILE]    edit the statement typed so far, or FILE, by $EDITOR
        \\i FILE      run the statements of FILE
        \\p           show the statement typed so far
        \\r           forget it
        \\s           show what was entered before; Ctrl-R searches it
        \\set X TEXT  give :X a value; \\unset X takes it away
        \\pset format json, csv, tsv, table or chart; \\pset null TEXT
        \\copy        as COPY: a table from a file, a query to a file
        \\timing      show how long statements take, or stop it
        \\x           show rows as lists of columns, or stop it
        \\conninfo    which cluster or directory the topics are of
        \\! COMMAND   run a command of the shell
        \\q           leave
        Statements end with a semicolon. A backslash command may stand in the
        middle of one, which goes on behind it. Tab completes names.
        """
    private static let noDatabases = """
        There are no databases: a prompt has a session of its own and the topics of one
        cluster. \\conninfo says which, \\dt lists the topics, \\d the session's tables.
        """
    private static let noOtherCluster = """
        A prompt stays with its cluster. For another start rtd query -b HOST:PORT or
        rtd query --data DIR; FROM 'kafka://HOST:PORT/topic' reads a topic of another one.
        """
    private static let noOutputFile =
        "COPY (SELECT ...) TO 'file.csv'; writes a file, and \\pset format sets the form on screen."

    mutating func parse(_ line: String) -> Meaning {
        let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
        let argument = parts.count > 1 ? trimmed(parts[1]) : ""
        var name = trimmed(parts.first ?? "")
        // psql's + asks for more; here all is shown that there is.
        if name.count > 2, name.last == "+" { name.removeLast() }
        // \!ls
        if name.hasPrefix("\\!") {
            return .shell(String(line.dropFirst(2).drop { $0 == " " }))
        }
        if let meaning = running(name, argument) ?? showing(name, argument) { return meaning }
        let typed = String(name.dropFirst())
        let near = typed.count > 1 ? nearestName(to: typed, among: Self.names) : nil
        let nearest = near.map { "did you mean \\\($0)? " } ?? ""
        return .message("unknown command \(name); \(nearest)\\? lists all")
    }

    /// Commands that run or change something.
    private mutating func running(_ name: String, _ argument: String) -> Meaning? {
        switch name {
        case "\\q", "\\quit": return .quit
        case "\\g":
            guard argument.isEmpty else { return .message(Self.noOutputFile) }
            return .execute(expanded: false)
        case "\\gx": return .execute(expanded: true)
        case "\\r", "\\reset": return .reset
        case "\\e", "\\edit": return .edit(argument.isEmpty ? nil : argument)
        case "\\watch": return watch(argument)
        case "\\copy": return .statement(PromptCopy.statement(argument))
        case "\\i", "\\include":
            return argument.isEmpty ? .message("\\i wants a FILE") : .include(argument)
        case "\\timing":
            showsTime = switched(showsTime, argument)
            return .message("Timing is \(showsTime ? "on" : "off").")
        case "\\x": return expansion(argument)
        case "\\set": return setting(argument)
        case "\\unset":
            return argument.isEmpty ? .message("\\unset wants a NAME") : .parameter(argument, nil)
        case "\\pset": return output(argument)
        case "\\a", "\\f", "\\H", "\\t":
            return .message("\\pset format sets how rows are shown: table, csv, tsv, json, chart")
        case "\\o", "\\out", "\\w", "\\write": return .message(Self.noOutputFile)
        default: return nil
        }
    }

    private func showing(_ name: String, _ argument: String) -> Meaning? {
        switch name {
        case "\\p", "\\print": .printBuffer
        case "\\?", "\\h", "\\help": .message(Self.help)
        case "\\d": argument.isEmpty ? .relations : .describe(argument)
        case "\\dt": argument.isEmpty ? .statement("SHOW TOPICS;") : .describe(argument)
        case "\\dT": .statement("SHOW TYPES;")
        case "\\dv": .statement("SHOW VIEWS;")
        case "\\dn":
            .statement("SELECT schema_name AS name FROM information_schema.schemata ORDER BY 1;")
        case "\\df": .functions(argument)
        case "\\s": .history
        case "\\l", "\\list": .message(Self.noDatabases)
        case "\\c", "\\connect": .message(Self.noOtherCluster)
        case "\\conninfo": .connection
        case "\\echo", "\\qecho": .message(argument)
        default: nil
        }
    }

    private mutating func expansion(_ argument: String) -> Meaning {
        isExpanded = switched(isExpanded, argument)
        return .expanded(isExpanded)
    }

    private func watch(_ argument: String) -> Meaning {
        // psql 16 also has i=2.
        let text = argument.hasPrefix("i=") ? String(argument.dropFirst(2)) : argument
        guard let seconds = text.isEmpty ? 2 : Double(text), seconds >= 0.1, seconds <= 86_400
        else { return .message("\\watch wants seconds, from 0.1 to 86400, not \"\(argument)\"") }
        return .watch(Int(seconds * 1_000))
    }

    private func setting(_ argument: String) -> Meaning {
        guard !argument.isEmpty else { return .parameters }
        let parts = argument.split(separator: " ", maxSplits: 1).map(String.init)
        var value = parts.count > 1 ? trimmed(parts[1]) : ""
        if value.count > 1, value.first == "'", value.last == "'" {
            value = String(value.dropFirst().dropLast())
        }
        return .parameter(parts[0], value)
    }

    private mutating func output(_ argument: String) -> Meaning {
        let parts = argument.split(separator: " ", maxSplits: 1).map(String.init)
        let value = parts.count > 1 ? trimmed(parts[1]) : ""
        switch parts.first ?? "" {
        case "expanded", "x": return expansion(value)
        case "format", "null", "pager": return .output(parts[0], value)
        default:
            return .message("\\pset knows format NAME, null TEXT, expanded and pager (on or off)")
        }
    }

    private func switched(_ now: Bool, _ argument: String) -> Bool {
        switch argument {
        case "on": true
        case "off": false
        default: !now
        }
    }

    private func trimmed(_ text: String) -> String {
        var text = text
        while let last = text.last, last.isWhitespace || last == ";" { text.removeLast() }
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        return text
    }
}

/// `\copy` as psql has it, in whose statement a file's name may stand without quotes.
enum PromptCopy {
    static func statement(_ argument: String) -> String {
        var words = argument.split(separator: " ").map(String.init)
        var depth = 0
        for (index, word) in words.enumerated() {
            depth += word.count { $0 == "(" } - word.count { $0 == ")" }
            guard depth == 0, ["from", "to"].contains(word.lowercased()), index + 1 < words.count
            else { continue }
            let file = words[index + 1]
            let isStream = ["stdin", "stdout", "pstdin", "pstdout"].contains(file.lowercased())
            if !isStream, file.first != "'" { words[index + 1] = "'\(file)'" }
            break
        }
        return "COPY " + words.joined(separator: " ") + ";"
    }
}

/// What people type who want out, or help, and do not know the commands.
enum PromptWord: String {
    case quit, exit, help

    init?(_ line: String) {
        var word = line.lowercased()
        while let last = word.last, last.isWhitespace || last == ";" { word.removeLast() }
        self.init(rawValue: word)
    }

    var command: String { self == .help ? "\\?" : "\\q" }

    /// Said within a statement, where it may be a part of it.
    var note: String {
        switch self {
        case .quit, .exit: "A statement is being typed: Ctrl-C gives it up, \\q leaves."
        case .help: "A statement is being typed: Ctrl-C gives it up, \\? lists the commands."
        }
    }
}
