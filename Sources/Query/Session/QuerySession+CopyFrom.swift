import Aggregation
import Formats
import Platform
import SQL

// COPY t FROM 'file' | STDIN: an INSERT of the rows of a text.
extension QuerySession {
    func copy(_ copy: CopyFromSyntax) throws(SQLError) -> Outcome {
        let table = try table(copy.table)
        let options = try CopySourceOptions(copy)
        var names = copy.columns
        var rows: [Batch]
        switch options.form {
        case .json(let path):
            rows = try documents(path, &names, table, copy)
        case .text(let form):
            if names.isEmpty {
                names = table.columns.indices.filter { table.definition.generated[$0] == nil }
                    .map { Name(table.columns[$0].name, isQuoted: true, copy.place) }
            }
            rows = try texts(try text(of: copy, form), names, table, copy, options)
        }
        if let condition = copy.filter { rows = try fitting(rows, table, condition, copy) }
        try checkRows(rows, table)
        try checkKeys(rows, table)
        table.append(rows)
        return Outcome(tag: "COPY \(rows.reduce(0) { $0 + $1.count })")
    }

    /// Members of JSON documents by the names of columns.
    private func documents(
        _ path: String, _ names: inout [Name], _ table: StoredTable, _ copy: CopyFromSyntax
    ) throws(SQLError) -> [Batch] {
        let place = copy.place
        var select = SelectSyntax(place)
        select.from = [.relation(RelationSyntax(.literal(path), place))]
        select.items = [SelectItem(SyntaxExpression(.star(.init()), place), alias: nil)]
        let fields = try prepare(QuerySyntax(.select(select), place)).columns
        if names.isEmpty { names = fields.map { Name($0.name, isQuoted: true, place) } }
        select.items = []
        for name in names {
            var value = SyntaxExpression(.name([name]), name.place)
            let target = table.columns[try position(of: name, in: table)].type
            let source = fields.first { $0.name == name.text }?.type ?? target
            if source.isText, !target.isText {
                // As in COPY's other formats text is read as the column's type.
                value = SyntaxExpression(
                    .cast(value, TypeName(of: target, place), isTry: false), place)
            }
            select.items.append(SelectItem(value, alias: nil))
        }
        return try newRows(QuerySyntax(.select(select), place), names, table, place)
    }

    /// The rows that a WHERE lets pass.
    private func fitting(
        _ rows: [Batch], _ table: StoredTable, _ condition: SyntaxExpression,
        _ copy: CopyFromSyntax
    ) throws(SQLError) -> [Batch] {
        let given = StoredTable(table.name, table.columns, .init())
        given.append(rows)
        var select = SelectSyntax(copy.place)
        select.items = [SelectItem(SyntaxExpression(.star(.init()), copy.place), alias: nil)]
        select.from = [.relation(RelationSyntax(.name([copy.table]), copy.table.place))]
        select.filter = condition
        let query = QuerySyntax(.select(select), copy.place)
        return try with(given, as: copy.table) { () throws(SQLError) in
            let passed = CollectedRows()
            _ = try execute(try prepare(query), passed)
            return passed.batches
        }
    }

    private func texts(
        _ text: CopyText, _ names: [Name], _ table: StoredTable, _ copy: CopyFromSyntax,
        _ options: CopySourceOptions
    ) throws(SQLError) -> [Batch] {
        var text = text
        var columns: [RelationColumn] = []
        for name in names { columns.append(table.columns[try position(of: name, in: table)]) }
        let settings = settings.settings.text
        let copied = StoredTable(QuerySession.copiedName, columns, .init())
        var builders = columns.map { ColumnBuilder($0.type, capacity: 2_048) }
        var count = 0
        func flush() {
            guard count > 0 else { return }
            copied.append([Batch(builders.map { $0.finish() }, count: count)])
            builders = columns.map { ColumnBuilder($0.type, capacity: 2_048) }
            count = 0
        }
        var isFirst = true
        while let row = try placed(copy.table.place, { () throws(SQLError) in try text.next() }) {
            defer { isFirst = false }
            if isFirst, options.hasHeader { continue }
            try check(row, columns, table, text.line)
            for (index, field) in row.enumerated() {
                guard let field else {
                    builders[index].appendNull()
                    continue
                }
                do throws(SQLError) {
                    builders[index].append(
                        try CopySourceOptions.value(field, columns[index].type, settings))
                } catch {
                    var error = error
                    let shown = String(decoding: field, as: UTF8.self)
                    error.detail =
                        "COPY \(table.name), line \(text.line), column \(columns[index].name): "
                        + "\"\(shown)\""
                    throw error
                }
            }
            count += 1
            if count == 2_048 { flush() }
        }
        flush()
        let place = copy.place
        let name = Name(QuerySession.copiedName, isQuoted: true, place)
        return try with(copied, as: name) { () throws(SQLError) in
            try newRows(QuerySyntax(.table(name), place), names, table, place, overriding: .system)
        }
    }

    private static let copiedName = "\u{1}copied"

    private func check(
        _ row: [[UInt8]?], _ columns: [RelationColumn], _ table: StoredTable, _ line: Int
    ) throws(SQLError) {
        let detail = "COPY \(table.name), line \(line)"
        if row.count > columns.count {
            throw SQLError(
                "extra data after last expected column", .badCopyFileFormat, detail: detail)
        }
        guard row.count < columns.count else { return }
        throw SQLError(
            "missing data for column \"\(columns[row.count].name)\"", .badCopyFileFormat,
            detail: detail)
    }

    private func text(
        of copy: CopyFromSyntax, _ form: CopyText.Form
    ) throws(SQLError) -> CopyText {
        if let data = copy.data { return CopyText(data, form) }
        let bytes = try CopyBytes(copy.file, most: environment.memoryMax - 1)
        return CopyText([], form) { () throws(SQLError) in try bytes.next() }
    }
}

/// What COPY ... FROM says of its input.
struct CopySourceOptions {
    enum Form {
        case json(String)
        case text(CopyText.Form)
    }

    let form: Form
    let hasHeader: Bool

    init(_ copy: CopyFromSyntax) throws(SQLError) {
        var options: [String: String] = [:]
        for option in copy.options {
            let name = option.name.text.lowercased()
            let known = [
                "format", "delimiter", "null", "header", "quote", "escape", "encoding", "freeze",
            ]
            guard known.contains(name) else {
                throw SQLError(
                    "option \"\(name)\" not recognized", .syntaxError, at: option.name.place
                ).suggesting(known, for: name)
            }
            options[name] = option.value
        }
        if let encoding = options["encoding"],
            !["utf8", "utf-8"].contains(encoding.lowercased())
        {
            throw SQLError(
                "encoding \"\(encoding)\" is not supported", .featureNotSupported, at: copy.place)
        }
        let format = (options["format"] ?? CopySourceOptions.ending(copy.file)).lowercased()
        switch options["header"]?.lowercased() {
        case nil: hasHeader = copy.file != nil && options["format"] == nil && format == "csv"
        case "true", "on", "1", "match": hasHeader = true
        default: hasHeader = false
        }
        if let path = copy.file, ["json", "ndjson", "jsonl"].contains(format) {
            form = .json(path)
            return
        }
        let isCSV = format == "csv"
        guard isCSV || ["text", "tsv", "txt"].contains(format) else {
            throw SQLError(
                "COPY format \"\(format)\" not recognized", .invalidParameterValue, at: copy.place,
                hint: "Formats are csv, text and json.")
        }
        func byte(_ name: String, _ standard: UInt8) throws(SQLError) -> UInt8 {
            guard let text = options[name] else { return standard }
            guard let byte = text.utf8.first, text.utf8.count == 1 else {
                throw SQLError(
                    "COPY \(name) must be a single one-byte character", .featureNotSupported,
                    at: copy.place)
            }
            return byte
        }
        let quote = try byte("quote", UInt8(ascii: "\""))
        form = .text(
            CopyText.Form(
                isCSV: isCSV, delimiter: try byte("delimiter", UInt8(ascii: isCSV ? "," : "\t")),
                null: Array((options["null"] ?? (isCSV ? "" : "\\N")).utf8), quote: quote,
                escape: try byte("escape", quote)))
    }

    /// The format that a file's name says; text where it says none, as PostgreSQL has it.
    private static func ending(_ file: String?) -> String {
        guard let file else { return "text" }
        var parts = file.split(separator: "/").last?.split(separator: ".").map(String.init) ?? []
        if parts.last?.lowercased() == "gz" { parts.removeLast() }
        guard parts.count > 1, let last = parts.last?.lowercased(),
            ["csv", "tsv", "txt", "json", "ndjson", "jsonl"].contains(last)
        else { return "text" }
        return last
    }

    /// A field by the input function of its column's type.
    static func value(
        _ field: [UInt8], _ type: DataType, _ settings: TextSettings
    ) throws(SQLError) -> Value {
        guard let text = String(validating: field, as: UTF8.self) else {
            throw SQLError(
                "invalid byte sequence for encoding \"UTF8\"", .characterNotInRepertoire)
        }
        let value = try TypeText.parse(text, as: type, settings)
        var most: Int32?
        switch type {
        case .varchar(let length): most = length
        case .char(let length): most = length
        default: break
        }
        if let most {
            let end = text.unicodeScalars.reversed().drop { $0 == " " }
            guard end.count <= Int(most) else {
                throw SQLError("value too long for type \(type)", .stringDataRightTruncation)
            }
        }
        return value
    }
}

extension TypeName {
    /// The type without length and precision.
    fileprivate init(of type: DataType, _ place: Range<Int>) {
        var (element, depth) = (type, 0)
        while case .array(let inner) = element { (element, depth) = (inner, depth + 1) }
        self.init("\(element.base)", arrayDepth: depth, place)
    }
}
