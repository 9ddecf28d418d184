import Platform

/// Where `rtd produce` reads records.
enum InputSource: Sendable, Equatable {
    case standardInput
    case file(String)
    /// The texts of `-m`.
    case messages([String])

    static func list(_ options: ProduceOptions) -> [InputSource] {
        if !options.messages.isEmpty { return [.messages(options.messages)] }
        if options.files.isEmpty { return [.standardInput] }
        return options.files.map { $0 == "-" ? .standardInput : .file($0) }
    }

    /// As messages call it.
    var name: String {
        switch self {
        case .standardInput: "stdin"
        case .file(let path): path
        case .messages: "-m"
        }
    }

    /// Throws for a file that cannot be there, before anything is sent.
    func check() throws(CommandFailure) {
        guard case .file(let path) = self else { return }
        let system = POSIXFileSystem()
        guard system.exists(path) else {
            throw CommandFailure("cannot open \(path): No such file or directory")
        }
        if system.isDirectory(path) {
            throw CommandFailure("cannot read \(path): Is a directory")
        }
    }
}
