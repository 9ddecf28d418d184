import Platform

/// Where the prompt's lines are kept between calls: `$XDG_STATE_HOME/rtd/history`, else
/// `~/.local/state/rtd/history`, readable by its owner only. A history that cannot be kept is not.
struct PromptHistoryFile {
    private let path: String?
    private static let bytesMax = 1 << 20

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
            history.add(String(line))
        }
        return history
    }

    func append(_ entry: String) {
        guard let path else { return }
        PrivateFile.append(entry + "\n", to: path)
    }
}
