import Formats
import Platform
import SQL

/// A piece of SQL with the name under which errors speak of it.
struct QueryScript: Sendable, Equatable {
    /// nil for SQL from the command line.
    let name: String?
    let text: [UInt8]

    /// What the options name, else standard input.
    static func read(_ sources: [QueryOptions.Source]) throws(CommandFailure) -> [QueryScript] {
        guard !sources.isEmpty else { return [try read(path: "-")] }
        var scripts: [QueryScript] = []
        for source in sources {
            switch source {
            case .sql(let text): scripts.append(QueryScript(name: nil, text: Array(text.utf8)))
            case .file(let path): scripts.append(try read(path: path))
            }
        }
        return scripts
    }

    private static func read(path: String) throws(CommandFailure) -> QueryScript {
        let limit = SQL.Limits.scriptBytesMax
        do throws(SystemError) {
            if path == "-" {
                return QueryScript(
                    name: "stdin", text: try StandardInput.readAll(limit: limit))
            }
            return QueryScript(
                name: path, text: try StandardInput.readAll(path: path, limit: limit))
        } catch {
            throw CommandFailure(error)
        }
    }

    /// What stderr says, behind `rtd: `, of an error in this script: the message, then the line and
    /// a caret under the place, then detail and hint.
    func report(_ error: SQLError) -> String {
        let file = name.map { "\($0): " } ?? ""
        // An error in the input or the output has its place there, not in the script.
        let isInputs =
            error.place == nil
            && (error.state == .invalidJSONText || error.state == .inputOutputError)
        var lines = [isInputs ? error.message : "\(file)\(error.message) (\(error.state.rawValue))"]
        if let place = error.place {
            let excerpt = SourceExcerpt(text, at: place.lowerBound)
            lines += [excerpt.text, excerpt.caret]
        }
        if let detail = error.detail { lines.append("DETAIL:  \(detail)") }
        let hint = quoting(error) ?? error.fullHint ?? wayOut(error)
        if let hint { lines.append("HINT:  \(hint)") }
        return lines.joined(separator: "\n")
    }
}
