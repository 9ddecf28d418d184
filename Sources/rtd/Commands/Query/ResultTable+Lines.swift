import Formats

/// The forms of an answer that programs read: a row a line.
extension ResultTable {
    /// An object a row.
    func appendJSON(to buffer: inout OutputBuffer) {
        for row in rows {
            var isFirst = true
            for (column, cell) in zip(columns, row) {
                buffer.append(UInt8(ascii: isFirst ? "{" : ","))
                isFirst = false
                buffer.append(jsonString: column.name)
                buffer.append(UInt8(ascii: ":"))
                cell.appendJSON(to: &buffer)
            }
            buffer.append("}\n")
        }
    }

    /// RFC 4180 with a line of names and "\n" at the ends; NULL is nothing, an empty text is `""`.
    func appendCSV(to buffer: inout OutputBuffer) {
        appendLine(columns.map { ResultTable.csv($0.name) }, ",", to: &buffer)
        for row in rows {
            appendLine(row.map { $0.text.map(ResultTable.csv) ?? "" }, ",", to: &buffer)
        }
    }

    /// As PostgreSQL's COPY, with a line of names: `\N` for NULL; tabs, line ends and backslashes
    /// escaped.
    func appendTSV(to buffer: inout OutputBuffer) {
        appendLine(columns.map { ResultTable.tsv($0.name) }, "\t", to: &buffer)
        for row in rows {
            appendLine(row.map { $0.text.map(ResultTable.tsv) ?? "\\N" }, "\t", to: &buffer)
        }
    }

    private func appendLine(
        _ fields: [String], _ separator: String, to buffer: inout OutputBuffer
    ) {
        buffer.append(utf8: fields.joined(separator: separator))
        buffer.append(UInt8(ascii: "\n"))
    }

    private static func csv(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            ![0x22, 0x2C, 0x0A, 0x0D].contains(byte)
        }
        if isPlain, !text.isEmpty { return text }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" { quoted += "\"" }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }

    private static func tsv(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\t": escaped += "\\t"
            case "\n": escaped += "\\n"
            case "\r": escaped += "\\r"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

extension ResultTable.Cell {
    fileprivate func appendJSON(to buffer: inout OutputBuffer) {
        switch self {
        case .null: buffer.append("null")
        case .text(let text): buffer.append(jsonString: text)
        case .integer(let number): buffer.append(decimal: number)
        case .boolean(let flag): buffer.append(utf8: flag ? "true" : "false")
        case .integers(let numbers):
            buffer.append(utf8: "[" + numbers.map(String.init).joined(separator: ",") + "]")
        }
    }
}
