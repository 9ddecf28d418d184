import Bytes
import Formats

/// CSV lines: `action,schema,table,commit_lsn,ordinal`, then the table's columns as the server
/// writes them. A line of names stands before a table's first line and where its columns change.
/// Null is nothing, an empty text is `""`; a delete has the values that the stream carries.
final class CSVEncoder: ChangeEncoder {
    var now: Int64 = 0
    let splitsKeyChanges = false

    private let settings: EnvelopeSettings
    private var plans = TablePlans()
    private var plain = PlainValue()

    init(_ settings: EnvelopeSettings) { self.settings = settings }

    private func plan(_ table: CapturedTable) -> TablePlan {
        plans.plan(table) { table in
            var buffer = OutputBuffer(capacity: 64)
            buffer.append(cell: Array(table.schema.utf8).rawSpan)
            buffer.append(UInt8(ascii: ","))
            buffer.append(cell: Array(table.name.utf8).rawSpan)
            return TablePlan(table, settings, isReadable: true, fragment: buffer.bytes.copied())
        }
    }

    func value(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool {
        guard let table = change.table, !settings.skips(change.kind) else { return false }
        let plan = plan(table)
        if !plan.isAnnounced {
            plan.isAnnounced = true
            appendNames(plan, into: &output)
        }
        output.append(change.kind.word)
        output.append(UInt8(ascii: ","))
        output.append(plan.fragment)
        output.append(UInt8(ascii: ","))
        output.append(lsn: change.transaction.commit)
        output.append(UInt8(ascii: ","))
        output.append(decimal: Int64(change.order))
        appendRow(change, of: bytes, plan, into: &output)
        return true
    }

    private func appendNames(_ plan: TablePlan, into output: inout OutputBuffer) {
        output.append("action,schema,table,commit_lsn,ordinal")
        for (index, column) in plan.table.columns.enumerated()
        where plan.columns[index].form.kind != .dropped {
            output.append(UInt8(ascii: ","))
            output.append(cell: Array(column.name.utf8).rawSpan)
        }
        output.append(UInt8(ascii: "\n"))
    }

    private func appendRow(
        _ change: Change, of bytes: RawSpan, _ plan: TablePlan, into output: inout OutputBuffer
    ) {
        let row = change.after ?? change.before
        var cursor = TupleCursor(bytes, row ?? 0..<0)
        let full = change.beforeIsKey ? nil : change.before
        for index in plan.columns.indices {
            var field = index < cursor.count ? cursor.next() : .null
            let form = plan.columns[index].form
            guard form.kind != .dropped else { continue }
            output.append(UInt8(ascii: ","))
            if case .unchanged = field, let full {
                field = TupleCursor.field(index, of: full, in: bytes)
            }
            guard case .text(let start, let end) = field else { continue }
            plain.appendCell(bytes.extracting(start..<end), form, plan, into: &output)
        }
    }

    func key(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool {
        false
    }
}

extension OutputBuffer {
    /// Appends a cell of CSV, in quotes where it must be (RFC 4180); an empty one always.
    mutating func append(cell text: RawSpan) {
        let needsQuotes = (0..<text.byteCount).contains { index in
            switch text.peek(at: index) {
            case UInt8(ascii: ","), UInt8(ascii: "\""), 0x0A, 0x0D: true
            default: false
            }
        }
        if text.byteCount > 0 && !needsQuotes { return append(text) }
        append(UInt8(ascii: "\""))
        append(text, doubling: UInt8(ascii: "\""))
        append(UInt8(ascii: "\""))
    }
}

/// `--format none`: nothing is written; for measuring what comes before.
final class NothingEncoder: ChangeEncoder {
    var now: Int64 = 0
    let splitsKeyChanges = false

    func value(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool {
        false
    }
    func key(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool {
        false
    }
}

extension EnvelopeFormat {
    /// Avro's alone takes a registry, and must have one.
    public func encoder(
        _ settings: EnvelopeSettings, _ registry: (any SchemaRegistry)? = nil
    ) -> any ChangeEncoder {
        switch self {
        case .avro:
            guard let registry else {
                preconditionFailure("nobody gives the schemas of Avro their numbers")
            }
            return AvroEncoder(settings, registry)
        case .debezium: return DebeziumEncoder(settings)
        case .flat: return FlatEncoder(settings)
        case .maxwell: return MaxwellEncoder(settings)
        case .wal2json: return WAL2JSONEncoder(settings)
        case .sql: return SQLEncoder(settings)
        case .csv: return CSVEncoder(settings)
        case .none: return NothingEncoder()
        }
    }
}
