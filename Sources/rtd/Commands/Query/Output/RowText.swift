import Formats
import Query

/// Rows as lines of JSON, CSV or TSV; made once a query.
struct RowText {
    private let form: LinesOutput.Form
    private let names: [String]
    /// JSON: what stands before each value: `{"a":`, `,"b":`.
    private let leads: [[UInt8]]
    private let settings: TextSettings

    init(_ form: LinesOutput.Form, names: [String], _ settings: TextSettings) {
        self.form = form
        self.names = names
        self.settings = settings
        leads = names.enumerated().map { index, name in
            var buffer = OutputBuffer(capacity: 64)
            buffer.append(UInt8(ascii: index == 0 ? "{" : ","))
            buffer.append(jsonString: name)
            buffer.append(UInt8(ascii: ":"))
            return (0..<buffer.count).map { buffer.bytes.byte(at: $0) }
        }
    }

    /// Names with `_1`, `_2` behind those that stand more than once.
    static func distinct(_ names: [String]) -> [String] {
        var taken = Set(names)
        var seen: Set<String> = []
        return names.map { name in
            if seen.insert(name).inserted { return name }
            var number = 1
            while taken.contains("\(name)_\(number)") { number += 1 }
            let distinct = "\(name)_\(number)"
            taken.insert(distinct)
            seen.insert(distinct)
            return distinct
        }
    }

    /// The line of names, where the form has one.
    func header(into buffer: inout OutputBuffer) {
        switch form {
        case .json, .csv(_, _, false), .tsv(_, false): return
        case .csv(let separator, _, true):
            for (index, name) in names.enumerated() {
                if index > 0 { buffer.append(separator) }
                Self.quote(Array(name.utf8), separator, isForced: false, into: &buffer)
            }
        case .tsv(_, true):
            for (index, name) in names.enumerated() {
                if index > 0 { buffer.append(UInt8(ascii: "\t")) }
                Self.escape(Array(name.utf8), into: &buffer)
            }
        }
        buffer.append(UInt8(ascii: "\n"))
    }

    func append(_ batch: Batch, into buffer: inout OutputBuffer) {
        switch form {
        case .json: appendJSON(batch, into: &buffer)
        case .csv(let separator, let null, _):
            let null = Array(null.utf8)
            appendCells(batch, separator, null, into: &buffer) { text, buffer in
                // An empty text is told from NULL by its quotes.
                Self.quote(text, separator, isForced: text == null, into: &buffer)
            }
        case .tsv(let null, _):
            appendCells(batch, UInt8(ascii: "\t"), Array(null.utf8), into: &buffer) {
                Self.escape($0, into: &$1)
            }
        }
    }

    private func appendJSON(_ batch: Batch, into buffer: inout OutputBuffer) {
        let writers = batch.columns.map { JSONWriter($0, settings) }
        for row in 0..<batch.count {
            for _ in 0..<max(0, batch.weight(row)) {
                if writers.isEmpty { buffer.append(UInt8(ascii: "{")) }
                for (index, writer) in writers.enumerated() {
                    buffer.append(leads[index])
                    writer.append(row, to: &buffer)
                }
                buffer.append("}\n")
            }
        }
    }

    private func appendCells(
        _ batch: Batch, _ separator: UInt8, _ null: [UInt8], into buffer: inout OutputBuffer,
        _ cell: ([UInt8], inout OutputBuffer) -> Void
    ) {
        let writers = batch.columns.map { TextWriter($0, settings) }
        var scratch = OutputBuffer(capacity: 256)
        for row in 0..<batch.count {
            for _ in 0..<max(0, batch.weight(row)) {
                for (index, writer) in writers.enumerated() {
                    if index > 0 { buffer.append(separator) }
                    if batch.columns[index].isNull(row) {
                        buffer.append(null)
                        continue
                    }
                    scratch.removeAll()
                    writer.append(row, to: &scratch)
                    cell((0..<scratch.count).map { scratch.bytes.byte(at: $0) }, &buffer)
                }
                buffer.append(UInt8(ascii: "\n"))
            }
        }
    }

    /// RFC 4180.
    private static func quote(
        _ text: [UInt8], _ separator: UInt8, isForced: Bool, into buffer: inout OutputBuffer
    ) {
        let isPlain = !text.contains {
            $0 == UInt8(ascii: "\"") || $0 == separator || $0 == 0x0A || $0 == 0x0D
        }
        if isPlain, !isForced, !text.isEmpty { return buffer.append(text) }
        buffer.append(UInt8(ascii: "\""))
        for byte in text {
            if byte == UInt8(ascii: "\"") { buffer.append(byte) }
            buffer.append(byte)
        }
        buffer.append(UInt8(ascii: "\""))
    }

    /// As PostgreSQL's COPY.
    private static func escape(_ text: [UInt8], into buffer: inout OutputBuffer) {
        for byte in text {
            switch byte {
            case UInt8(ascii: "\\"): buffer.append("\\\\")
            case UInt8(ascii: "\t"): buffer.append("\\t")
            case UInt8(ascii: "\n"): buffer.append("\\n")
            case UInt8(ascii: "\r"): buffer.append("\\r")
            default: buffer.append(byte)
            }
        }
    }

    /// A cell as a person reads it; nil for NULL.
    static func text(_ column: Column, _ row: Int, _ settings: TextSettings) -> String? {
        if column.isNull(row) { return nil }
        var buffer = OutputBuffer(capacity: 64)
        TextWriter(column, settings).append(row, to: &buffer)
        return buffer.bytes.text(0..<buffer.count)
    }
}
