import Formats
import Platform
import SQL

extension QueryScript {
    /// What a person meant whose script is no SQL at all: data, a file's name, a command of the
    /// prompt. nil: it may be SQL.
    func wayOut(_ error: SQLError) -> String? {
        guard error.state == .syntaxError, let place = error.place,
            text[..<min(place.lowerBound, text.count)].allSatisfy({ $0 <= 0x20 })
        else { return nil }
        let line = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline).first
        var words = String(line ?? "")
        while let last = words.last, last.isWhitespace || last == ";" { words.removeLast() }
        while let first = words.first, first.isWhitespace { words.removeFirst() }
        if words.first == "\\" {
            return "Commands with a backslash are the prompt's; here SHOW TOPICS, SHOW TABLES and "
                + "DESCRIBE name say what there is."
        }
        if name == "stdin" {
            return "Without SQL stdin is read as SQL; data that comes through it is queried by "
                + "rtd query 'SELECT * FROM stdin'."
        }
        guard name == nil, !words.contains(where: \.isWhitespace) else { return nil }
        if words == "help" { return "rtd help query explains it; without SQL a prompt begins." }
        guard POSIXFileSystem().exists(words) else { return nil }
        return words.hasSuffix(".sql")
            ? "rtd query -f \(words) runs the file."
            : "rtd query \"SELECT * FROM '\(words)'\" reads the file."
    }

    /// MySQL's quotes stand before the place, or at it.
    func quoting(_ error: SQLError) -> String? {
        guard error.state == .syntaxError || error.state == .undefinedFunction,
            let place = error.place,
            text[..<min(place.lowerBound + 1, text.count)].contains(UInt8(ascii: "`"))
        else { return nil }
        return "Names are quoted by double quotes: \"name\"."
    }
}
