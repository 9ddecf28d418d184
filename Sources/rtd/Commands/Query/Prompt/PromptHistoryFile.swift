import Platform

/// Where the prompt's lines are kept between calls: `$XDG_STATE_HOME/rtd/history`, else
/// `~/.local/state/rtd/history`, readable by its owner only. A history that cannot be kept is not.
struct PromptHistoryFile {
    private let path: String?
    private static let bytesMax = 64 << 20
    /// A file that has grown to more is cut to its newest entries, half as much of them.
    private static let keptBytesMax = 1 << 20
    /// What is longer was pasted, and is not kept.
    private static let entryBytesMax = 64 << 10
    /// Stands for a line break within an entry, as in psql's history.
    private static let lineBreak: Character = "\u{1}"

    init(path: String) { self.path = path }

    init() {
        if let state = ProcessEnvironment.value("XDG_STATE_HOME"), state.hasPrefix("/") {
            path = "\(state)/rtd/history"
        } else if let home = ProcessEnvironment.value("HOME"), home.hasPrefix("/") {
            path = "\(home)/.local/state/rtd/history"
        } else {
            path = nil
        }
    }

    /// A file beside it that an editor is given.
    var scratch: String? { path.map { "\($0)-\(Processes.currentID).sql" } }

    func read() -> PromptHistory {
        var history = PromptHistory()
        guard let path, let bytes = try? StandardInput.readAll(path: path, limit: Self.bytesMax)
        else { return history }
        var entries = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        if bytes.count > Self.keptBytesMax || entries.count > 2 * PromptHistory.entriesMax {
            entries = Self.newest(entries)
            PrivateFile.replace(entries.map { $0 + "\n" }.joined(), at: path)
        }
        for line in entries {
            history.add(String(line.map { $0 == Self.lineBreak ? "\n" : $0 }))
        }
        return history
    }

    private static func newest(_ entries: [Substring]) -> [Substring] {
        var left = keptBytesMax / 2
        let kept = entries.suffix(PromptHistory.entriesMax).reversed().prefix { entry in
            left -= entry.utf8.count + 1
            return left >= 0
        }
        return kept.reversed()
    }

    func append(_ entry: String) {
        guard let path, entry.utf8.count <= Self.entryBytesMax else { return }
        let line = String(entry.map { $0.isNewline ? Self.lineBreak : $0 })
        PrivateFile.append(line + "\n", to: path)
    }
}
