/// The backslash commands of the prompt, after psql's.
struct PromptCommands {
    enum Meaning: Equatable {
        case quit
        case message(String)
        case statement(String)
        case expanded(Bool)
        case include(String)
    }

    private(set) var showsTime = false
    private var isExpanded = false

    private static let help = """
        \\d [NAME]   tables and views, or the columns of NAME
        \\dt         topics
        \\i FILE     run the statements of FILE
        \\timing     show how long statements take, or stop it
        \\x          show rows as lists of columns, or stop it
        \\q          leave
        Statements end with a semicolon.
        """

    mutating func parse(_ line: String) -> Meaning {
        let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
        let argument = parts.count > 1 ? trimmed(parts[1]) : ""
        switch parts.first ?? "" {
        case "\\q", "\\quit": return .quit
        case "\\?", "\\h", "\\help": return .message(Self.help)
        case "\\d":
            return .statement(argument.isEmpty ? "SHOW TABLES;" : "DESCRIBE \(argument);")
        case "\\dt": return .statement("SHOW TOPICS;")
        case "\\dv": return .statement("SHOW VIEWS;")
        case "\\timing":
            showsTime = switched(showsTime, argument)
            return .message("Timing is \(showsTime ? "on" : "off").")
        case "\\x":
            isExpanded = switched(isExpanded, argument)
            return .expanded(isExpanded)
        case "\\i":
            guard !argument.isEmpty else { return .message("\\i wants a FILE") }
            return .include(argument)
        case let other: return .message("unknown command \(other); \\? lists all")
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
        return text
    }
}
