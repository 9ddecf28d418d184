import Platform

/// Where the prompt's lines are kept between calls: `$XDG_STATE_HOME/rtd/history`, else
/// `~/.local/state/rtd/history`, readable by its owner only. A history that cannot be kept is not.
struct PromptHistoryFile {
    private let path: String?
    private static let bytesMax = 1 << 20
    /// Stands for a line break within an entry, as in psql's history.
    private static let lineBreak: Character = "\u{1}"

    init() {
        if let state = ProcessEnvironment.value("XDG_STATE_HOME"), state.hasPrefix("/") {
            path = "\(state)/rtd/history"
        } else if let home = ProcessEnvironment.value("HOME"), home.hasPrefix("/") {
            path = "\(home)/.local/state/rtd/history"
        } else {
            path = nil
        }
    }

    func read() -> PromptHistory {
        var history = PromptHistory()
        guard let path, let bytes = try? StandardInput.readAll(path: path, limit: Self.bytesMax)
        else { return history }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            history.add(String(line.map { $0 == Self.lineBreak ? "\n" : $0 }))
        }
        return history
    }

    func append(_ entry: String) {
        guard let path else { return }
        let line = String(entry.map { $0.isNewline ? Self.lineBreak : $0 })
        PrivateFile.append(line + "\n", to: path)
    }
}
