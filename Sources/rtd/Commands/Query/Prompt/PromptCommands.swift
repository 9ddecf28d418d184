/// The backslash commands of the prompt, after psql's.
struct PromptCommands {
    enum Meaning: Equatable {
        case quit
        case message(String)
        case statement(String)
        case expanded(Bool)
        case include(String)
        /// Run what was typed so far, `expanded` or as it is.
        case execute(expanded: Bool)
        /// Forget what was typed so far.
        case reset
        case printBuffer
    }

    static let names = [
        "?", "d", "dT", "dt", "dv", "g", "gx", "i", "p", "q", "r", "timing", "x",
    ]

    private(set) var showsTime = false
    private var isExpanded = false

    private static let help = """
        \\d [NAME]   tables and views, or the columns of NAME
        \\dt         topics; \\dT types
        \\g         run the statement typed so far; \\gx shows its rows as \\x does
        \\i FILE     run the statements of FILE
        \\p          show the statement typed so far
        \\r          forget it
        \\timing     show how long statements take, or stop it
        \\x          show rows as lists of columns, or stop it
        \\q          leave
        Statements end with a semicolon. A backslash command may stand in the
        middle of one, which goes on behind it. Tab completes names.
        """

    mutating func parse(_ line: String) -> Meaning {
        let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
        let argument = parts.count > 1 ? trimmed(parts[1]) : ""
        switch parts.first ?? "" {
        case "\\q", "\\quit": return .quit
        case "\\g": return .execute(expanded: false)
        case "\\gx": return .execute(expanded: true)
        case "\\r", "\\reset": return .reset
        case "\\p", "\\print": return .printBuffer
        case "\\?", "\\h", "\\help": return .message(Self.help)
        case "\\d":
            return .statement(argument.isEmpty ? "SHOW TABLES;" : "DESCRIBE \(argument);")
        case "\\dT": return .statement("SHOW TYPES;")
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
