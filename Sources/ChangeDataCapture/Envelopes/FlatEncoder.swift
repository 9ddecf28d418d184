import Bytes
import Formats

/// One flat object a change, made for jq and for people: `action`, `schema`, `table`, `keys`,
/// `columns`, `changes` (old values of what changed), `metadata` with the commit's position and the
/// change's ordinal, which together name a change for ever.
final class FlatEncoder: ChangeEncoder {
    var now: Int64 = 0
    let splitsKeyChanges = false

    private let settings: EnvelopeSettings
    private var rows = RowWriter()
    private var plans = TablePlans()
    private let database: [UInt8]
    /// `"xid":...,"commit_lsn":...,"commit_timestamp":...` of the transaction being written.
    private var transaction: LogSequenceNumber?
    private var xid: UInt32 = 0
    private var fragment: [UInt8] = []

    init(_ settings: EnvelopeSettings) {
        self.settings = settings
        var buffer = OutputBuffer(capacity: 64)
        buffer.append(",\"metadata\":{\"database\":")
        buffer.append(jsonString: settings.database)
        buffer.append(",\"lsn\":\"")
        database = buffer.bytes.copied()
    }

    private func plan(_ table: CapturedTable) -> TablePlan {
        plans.plan(table) { table in
            var buffer = OutputBuffer(capacity: 128)
            buffer.append("\"schema\":")
            buffer.append(jsonString: table.schema)
            buffer.append(",\"table\":")
            buffer.append(jsonString: table.name)
            return TablePlan(table, settings, isReadable: true, fragment: buffer.bytes.copied())
        }
    }

    func value(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool {
        guard !settings.skips(change.kind) else { return false }
        output.append("{\"action\":\"")
        output.append(change.kind.word)
        output.append("\",")
        if let table = change.table {
            let plan = plan(table)
            output.append(plan.fragment)
            appendRows(change, of: bytes, plan, into: &output)
        } else if let message = change.message {
            output.append("\"prefix\":")
            output.append(anyString: bytes.extracting(message.prefix))
            output.append(",\"content\":")
            appendContent(bytes.extracting(message.content), into: &output)
        }
        appendMetadata(change, into: &output)
        return true
    }

    private func appendRows(
        _ change: Change, of bytes: RawSpan, _ plan: TablePlan, into output: inout OutputBuffer
    ) {
        guard let tuple = change.after ?? change.before else { return }
        output.append(",\"keys\":")
        if plan.table.key.isEmpty {
            output.append("null")
        } else {
            rows.key(tuple, of: bytes, plan, into: &output)
        }
        guard settings.image != .keys else { return }
        let row = settings.image == .old ? change.before : tuple
        output.append(",\"columns\":")
        if let row {
            let isOldKey = change.beforeIsKey && (change.after == nil || settings.image == .old)
            rows.object(
                row, of: bytes, plan, isOldKey ? .identity : .all,
                full: change.beforeIsKey || settings.image == .old ? nil : change.before,
                placeholder: settings.unavailablePlaceholder, into: &output)
        } else {
            output.append("null")
        }
        let leavesOut = settings.unavailablePlaceholder == nil
        if leavesOut { rows.appendUnavailable(plan, into: &output) }
        guard change.kind == .update, settings.image != .new, let after = change.after else {
            return
        }
        output.append(",\"changes\":")
        if let before = change.before {
            rows.differences(
                before, isKey: change.beforeIsKey, after, of: bytes, plan, into: &output)
        } else {
            output.append("null")
        }
    }

    /// Text as it is, anything else as base64 in an object.
    private func appendContent(_ content: RawSpan, into output: inout OutputBuffer) {
        if output.append(jsonString: content) { return }
        output.append("{\"b64\":\"")
        Base64.encode(content, into: &output)
        output.append("\"}")
    }

    private func appendMetadata(_ change: Change, into output: inout OutputBuffer) {
        prepare(change.transaction)
        output.append(database)
        output.append(lsn: change.position)
        output.append(fragment)
        output.append(",\"ordinal\":")
        output.append(decimal: Int64(change.order))
        output.append(change.snapshot == .none ? ",\"snapshot\":false}}" : ",\"snapshot\":true}}")
    }

    private func prepare(_ transaction: SourceTransaction) {
        // A message outside of transactions may end where a transaction's commit begins.
        guard transaction.commit != self.transaction || transaction.xid != xid else { return }
        self.transaction = transaction.commit
        xid = transaction.xid
        var buffer = OutputBuffer(capacity: 128)
        buffer.append("\",\"xid\":")
        buffer.append(decimal: Int64(transaction.xid))
        buffer.append(",\"commit_lsn\":\"")
        buffer.append(lsn: transaction.commit)
        buffer.append("\",\"commit_timestamp\":\"")
        var day = DayText()
        buffer.append(timestamp: transaction.time(orNow: now), separator: UInt8(ascii: "T"), &day)
        buffer.append("Z\"")
        fragment = buffer.bytes.copied()
    }

    func statement(
        _ statement: SourceStatement, at position: LogSequenceNumber,
        in transaction: SourceTransaction, into output: inout OutputBuffer
    ) -> Bool {
        output.append("{\"action\":\"ddl\",\"tag\":")
        output.append(jsonString: statement.tag)
        output.append(",\"ddl\":")
        output.append(jsonString: statement.text)
        output.append(",\"objects\":")
        output.append(objectsOf: statement)
        output.append(database)
        output.append(lsn: position)
        output.append("\",\"xid\":")
        output.append(decimal: Int64(transaction.xid))
        output.append("}}")
        return true
    }

    func schema(
        _ table: CapturedTable, at position: LogSequenceNumber, into output: inout OutputBuffer
    ) -> Bool {
        guard settings.writesSchemas else { return false }
        output.append("{\"action\":\"schema\",")
        output.append(plan(table).fragment)
        output.append(",\"version\":")
        output.append(decimal: Int64(table.version))
        output.append(",\"keys\":")
        output.append(keyNamesOf: table)
        output.append(",\"columns\":[")
        for (index, column) in table.columns.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            output.append("{\"name\":")
            output.append(jsonString: column.name)
            output.append(",\"type\":")
            output.append(jsonString: column.typeExpression)
            output.append(column.isNullable ? ",\"optional\":true}" : ",\"optional\":false}")
        }
        output.append("]")
        output.append(database)
        output.append(lsn: position)
        output.append("\"}}")
        return true
    }

    func key(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool {
        guard let table = change.table, !table.key.isEmpty,
            let tuple = change.after ?? change.before
        else { return false }
        rows.key(tuple, of: bytes, plan(table), into: &output)
        return true
    }
}

extension Change.Kind {
    /// As people name it.
    var word: StaticString {
        switch self {
        case .read: "read"
        case .insert: "insert"
        case .update: "update"
        case .delete: "delete"
        case .truncate: "truncate"
        case .message: "message"
        }
    }
}

extension OutputBuffer {
    /// Appends `16/B374D848`.
    mutating func append(lsn position: LogSequenceNumber) {
        append(upperHex: position.value >> 32)
        append(UInt8(ascii: "/"))
        append(upperHex: position.value & 0xFFFF_FFFF)
    }

    private mutating func append(upperHex value: UInt64) {
        let digits = max(1, (67 - value.leadingZeroBitCount) / 4)
        for place in (0..<digits).reversed() {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(place * 4)) & 15
            append(digit < 10 ? digit + 48 : digit + 55)
        }
    }
}
