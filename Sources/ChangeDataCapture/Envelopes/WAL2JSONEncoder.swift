import Bytes
import Formats

/// The lines of wal2json with `format-version` 2: `B`, `I`, `U`, `D`, `T`, `M`, `C`, each column
/// with its name, type and value. Rows of a snapshot, which wal2json has none of, are `I`.
final class WAL2JSONEncoder: ChangeEncoder {
    var now: Int64 = 0
    let splitsKeyChanges = false

    private let settings: EnvelopeSettings
    private var plans = TablePlans()
    private var rows = RowWriter()

    init(_ settings: EnvelopeSettings) { self.settings = settings }

    private func plan(_ table: CapturedTable) -> TablePlan {
        plans.plan(table) { table in
            var buffer = OutputBuffer(capacity: 128)
            buffer.append(",\"schema\":")
            buffer.append(jsonString: table.schema)
            buffer.append(",\"table\":")
            buffer.append(jsonString: table.name)
            let plan = TablePlan(
                table, settings, isReadable: true, fragment: buffer.bytes.copied())
            // `{"name":"id","type":"integer","value":` of each column.
            plan.leads = table.columns.map { column in
                buffer.removeAll()
                buffer.append("{\"name\":")
                buffer.append(jsonString: column.name)
                buffer.append(",\"type\":")
                buffer.append(jsonString: column.type.sqlName(column.modifier))
                buffer.append(",\"value\":")
                return buffer.bytes.copied()
            }
            return plan
        }
    }

    func value(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool {
        guard !settings.skips(change.kind) else { return false }
        if let message = change.message {
            output.append("{\"action\":\"M\",\"transactional\":")
            output.append(change.transaction.xid == 0 ? "false" : "true")
            output.append(",\"prefix\":")
            output.append(anyString: bytes.extracting(message.prefix))
            output.append(",\"content\":")
            output.append(anyString: bytes.extracting(message.content))
            output.append(UInt8(ascii: "}"))
            return true
        }
        guard let table = change.table else { return false }
        let plan = plan(table)
        switch change.kind {
        case .read, .insert, .message: output.append("{\"action\":\"I\"")
        case .update: output.append("{\"action\":\"U\"")
        case .delete: output.append("{\"action\":\"D\"")
        case .truncate: output.append("{\"action\":\"T\"")
        }
        output.append(plan.fragment)
        if let after = change.after {
            output.append(",\"columns\":")
            columns(after, of: bytes, plan, .all, full: fullRow(change), into: &output)
        }
        if change.kind == .update || change.kind == .delete,
            let old = change.before ?? change.after
        {
            output.append(",\"identity\":")
            columns(old, of: bytes, plan, .identity, full: nil, into: &output)
        }
        output.append(UInt8(ascii: "}"))
        return true
    }

    private func fullRow(_ change: Change) -> Range<Int>? {
        change.beforeIsKey ? nil : change.before
    }

    private func columns(
        _ tuple: Range<Int>, of bytes: RawSpan, _ plan: TablePlan, _ choice: ColumnChoice,
        full: Range<Int>?, into output: inout OutputBuffer
    ) {
        var cursor = TupleCursor(bytes, tuple)
        var separator = UInt8(ascii: "[")
        for index in 0..<min(cursor.count, plan.columns.count) {
            var field = cursor.next()
            let column = plan.columns[index]
            guard choice.covers(column), column.form.kind != .dropped else { continue }
            if case .unchanged = field, let full {
                field = TupleCursor.field(index, of: full, in: bytes)
            }
            if case .unchanged = field { continue }
            output.append(separator)
            separator = UInt8(ascii: ",")
            output.append(plan.leads[index])
            if case .text(let start, let end) = field {
                append(bytes, start, end, index, plan, into: &output)
            } else {
                output.append("null")
            }
            output.append(UInt8(ascii: "}"))
        }
        if separator == UInt8(ascii: "[") { output.append(separator) }
        output.append(UInt8(ascii: "]"))
    }

    /// wal2json quotes whatever is neither a number nor a boolean, and writes NaN as null.
    private func append(
        _ bytes: RawSpan, _ start: Int, _ end: Int, _ index: Int, _ plan: TablePlan,
        into output: inout OutputBuffer
    ) {
        let text = bytes.extracting(start..<end)
        let form = plan.columns[index].form
        switch form.kind {
        case .boolean, .integer, .sha256, .length, .truncate, .stars:
            rows.value(bytes, start, end, index, plan, into: &output)
        case .number, .decimalPrecise, .decimalDouble, .decimalVariable:
            let mark = output.count
            output.append(number: text)
            if output.bytes.peek(at: mark) == UInt8(ascii: "\"") {
                output.truncate(to: mark)
                output.append("null")
            }
        case .base64, .base64URL, .hex: output.append(quoted: text.extracting(droppingFirst: 2))
        default: output.append(anyString: text)
        }
    }

    func key(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool {
        guard let table = change.table, !table.key.isEmpty,
            let tuple = change.after ?? change.before
        else { return false }
        rows.key(tuple, of: bytes, plan(table), into: &output)
        return true
    }

    func begin(_ transaction: SourceTransaction, into output: inout OutputBuffer) -> Bool {
        guard transaction.xid != 0 else { return false }
        output.append("{\"action\":\"B\"}")
        return true
    }

    func commit(
        _ transaction: SourceTransaction, changes: Int, into output: inout OutputBuffer
    ) -> Bool {
        guard transaction.xid != 0 else { return false }
        output.append("{\"action\":\"C\"}")
        return true
    }
}

extension ColumnType {
    /// As `format_type` names it, with what the modifier says.
    func sqlName(_ modifier: Int32) -> String {
        if category == .array, let element { return element.sqlName(modifier) + "[]" }
        guard schema == "pg_catalog" else {
            let own = name.sqlIdentifierIfNeeded
            return schema == "public" ? own : schema.sqlIdentifierIfNeeded + "." + own
        }
        func sized(_ name: String, _ size: Int32) -> String {
            size >= 0 ? "\(name)(\(size))" : name
        }
        let precision = modifier >= 0 ? "(\(modifier))" : ""
        switch name {
        case "int2": return "smallint"
        case "int4": return "integer"
        case "int8": return "bigint"
        case "float4": return "real"
        case "float8": return "double precision"
        case "bool": return "boolean"
        case "char": return "\"char\""
        case "varchar": return sized("character varying", modifier - 4)
        case "bpchar": return modifier >= 4 ? "character(\(modifier - 4))" : "bpchar"
        case "numeric":
            guard modifier >= 4 else { return "numeric" }
            let scale = (modifier - 4) & 0x7FF
            return "numeric(\((modifier - 4) >> 16 & 0xFFFF),"
                + "\(scale >= 1024 ? scale - 2048 : scale))"
        case "bit": return sized("bit", modifier)
        case "varbit": return sized("bit varying", modifier)
        case "time": return "time\(precision) without time zone"
        case "timetz": return "time\(precision) with time zone"
        case "timestamp": return "timestamp\(precision) without time zone"
        case "timestamptz": return "timestamp\(precision) with time zone"
        default: return name.sqlIdentifierIfNeeded
        }
    }
}

extension String {
    /// Quoted as an identifier of SQL.
    var sqlIdentifier: String {
        var quoted = "\""
        for character in self {
            if character == "\"" { quoted += "\"" }
            quoted.append(character)
        }
        return quoted + "\""
    }

    fileprivate var sqlIdentifierIfNeeded: String {
        let isPlain = utf8.enumerated().allSatisfy { index, byte in
            (byte >= 97 && byte <= 122) || byte == 95 || (index > 0 && byte >= 48 && byte <= 57)
        }
        return isPlain && !isEmpty ? self : sqlIdentifier
    }
}
