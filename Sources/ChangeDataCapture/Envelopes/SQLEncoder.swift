import Bytes
import Formats

/// Statements that make the same changes in another database, a line each: `rtd cdc A --format sql
/// | psql B` is a replica. A transaction stands between BEGIN and COMMIT.
///
/// A row is found by its replica identity; without one (REPLICA IDENTITY FULL, no primary key) by
/// all its values, and then one row at most is changed, as PostgreSQL's own replication does.
final class SQLEncoder: ChangeEncoder {
    var now: Int64 = 0
    let splitsKeyChanges = false

    private let settings: EnvelopeSettings
    private var plans = TablePlans()
    private var plain = PlainValue()
    /// Names of the tables of a truncate that goes on.
    private var truncated: [UInt8] = []

    init(_ settings: EnvelopeSettings) { self.settings = settings }

    private func prepare(_ table: CapturedTable) -> (TablePlan, TableStatements) {
        let plan = plans.plan(table) {
            TablePlan($0, settings, isReadable: true, fragment: [])
        }
        if let known = plan.statements { return (plan, known) }
        let name = "\(table.schema.sqlIdentifier).\(table.name.sqlIdentifier)"
        let columns = table.columns.map(\.name.sqlIdentifier)
        let written = columns.indices.filter { plan.columns[$0].form.kind != .dropped }
        let list = written.map { columns[$0] }.joined(separator: ", ")
        var identity = columns.indices.filter { table.columns[$0].isIdentity }
        if table.identity == .full || table.identity == .nothing { identity = table.key }
        // What the source has not let anybody change is as it was.
        let rest = written.filter {
            !identity.contains($0) && !table.columns[$0].isAlwaysGenerated
        }.map { "\(columns[$0]) = EXCLUDED.\(columns[$0])" }
        let key = identity.map { columns[$0] }.joined(separator: ", ")
        let action =
            rest.isEmpty ? "DO NOTHING" : "DO UPDATE SET \(rest.joined(separator: ", "))"
        let made = TableStatements(
            name: Array(name.utf8),
            insert: Array(
                "INSERT INTO \(name)".utf8)
                + Array(
                    (written.isEmpty
                        ? " DEFAULT VALUES" : " (\(list)) OVERRIDING SYSTEM VALUE VALUES (").utf8),
            onConflict: identity.isEmpty ? [] : Array(" ON CONFLICT (\(key)) \(action)".utf8),
            columns: columns.map { Array($0.utf8) }, identity: identity)
        plan.statements = made
        return (plan, made)
    }

    func value(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool {
        guard let table = change.table, !settings.skips(change.kind) else { return false }
        let (plan, made) = prepare(table)
        switch change.kind {
        case .read, .insert:
            guard let after = change.after else { return false }
            insert(after, of: bytes, plan, made, into: &output)
            // The replica may have the row already.
            if change.snapshot == .incremental { output.append(made.onConflict) }
        case .update: return update(change, of: bytes, plan, made, into: &output)
        case .delete:
            guard let before = change.before else { return false }
            output.append("DELETE FROM ")
            output.append(made.name)
            filter(before, of: bytes, plan, made, into: &output)
        case .truncate:
            // Tables that refer to each other can only be emptied by one statement.
            truncated += truncated.isEmpty ? made.name : Array(", ".utf8) + made.name
            if change.truncatesMore { return false }
            output.append("TRUNCATE TABLE ")
            output.append(truncated)
            truncated = []
            if change.restartsIdentity { output.append(" RESTART IDENTITY") }
        case .message: return false
        }
        output.append(UInt8(ascii: ";"))
        return true
    }

    private func insert(
        _ row: Range<Int>, of bytes: RawSpan, _ plan: TablePlan, _ made: TableStatements,
        into output: inout OutputBuffer
    ) {
        output.append(made.insert)
        if made.insert.last != UInt8(ascii: "(") { return }
        var cursor = TupleCursor(bytes, row)
        var isFirst = true
        for index in 0..<min(cursor.count, plan.columns.count) {
            let field = cursor.next()
            guard plan.columns[index].form.kind != .dropped else { continue }
            if !isFirst { output.append(", ") }
            isFirst = false
            literal(field, of: bytes, index, plan, into: &output)
        }
        output.append(UInt8(ascii: ")"))
    }

    /// Sets what is new. Without an old row the identity has not changed, and is left alone.
    private func update(
        _ change: Change, of bytes: RawSpan, _ plan: TablePlan, _ made: TableStatements,
        into output: inout OutputBuffer
    ) -> Bool {
        guard let after = change.after else { return false }
        let mark = output.count
        let moved = generated(change, of: bytes, plan)
        for index in moved { output.alter(made, index, "BY DEFAULT") }
        output.append("UPDATE ")
        output.append(made.name)
        output.append(" SET ")
        var new = TupleCursor(bytes, after)
        var old = TupleCursor(bytes, change.before ?? after)
        let isFull = change.before != nil && !change.beforeIsKey
        var isFirst = true
        for index in 0..<min(new.count, plan.columns.count) {
            let (field, was) = (new.next(), old.next())
            let column = plan.columns[index]
            guard column.form.kind != .dropped else { continue }
            if case .unchanged = field { continue }
            if column.isIdentity || isFull, !RowWriter.differs(was, field, in: bytes) { continue }
            if plan.table.columns[index].isAlwaysGenerated, !moved.contains(index) { continue }
            if !isFirst { output.append(", ") }
            isFirst = false
            output.append(made.columns[index])
            output.append(" = ")
            literal(field, of: bytes, index, plan, into: &output)
        }
        if isFirst {
            output.truncate(to: mark)
            return false
        }
        filter(change.before ?? after, of: bytes, plan, made, into: &output)
        output.append(UInt8(ascii: ";"))
        for index in moved { output.alter(made, index, "ALWAYS") }
        return true
    }

    /// Columns that are GENERATED ALWAYS AS IDENTITY and are known to have got a new value all the
    /// same (SET ... = DEFAULT). Of one that the old row does not tell it is taken that it has not.
    private func generated(_ change: Change, of bytes: RawSpan, _ plan: TablePlan) -> [Int] {
        guard let after = change.after, let before = change.before else { return [] }
        return plan.table.columns.indices.filter { index in
            let column = plan.table.columns[index]
            return column.isAlwaysGenerated && (column.isIdentity || !change.beforeIsKey)
                && plan.columns[index].form.kind != .dropped
                && RowWriter.differs(
                    TupleCursor.field(index, of: before, in: bytes),
                    TupleCursor.field(index, of: after, in: bytes), in: bytes)
        }
    }

    private func filter(
        _ row: Range<Int>, of bytes: RawSpan, _ plan: TablePlan, _ made: TableStatements,
        into output: inout OutputBuffer
    ) {
        let usesAll = made.identity.isEmpty
        output.append(" WHERE ")
        if usesAll {
            output.append("ctid = (SELECT ctid FROM ")
            output.append(made.name)
            output.append(" WHERE ")
        }
        var cursor = TupleCursor(bytes, row)
        var isFirst = true
        for index in 0..<min(cursor.count, plan.columns.count) {
            let field = cursor.next()
            guard usesAll || made.identity.contains(index) else { continue }
            if case .unchanged = field { continue }
            // The replica does not have it.
            if plan.columns[index].form.kind == .dropped { continue }
            if !isFirst { output.append(" AND ") }
            isFirst = false
            if case .null = field {
                output.append(made.columns[index])
                output.append(" IS NULL")
                continue
            }
            if usesAll {
                compared(made.columns[index], plan.table.columns[index].type, into: &output)
            } else {
                output.append(made.columns[index])
            }
            output.append(" = ")
            literal(field, of: bytes, index, plan, quotesAll: usesAll, into: &output)
        }
        if isFirst { output.append("true") }
        if usesAll { output.append(" LIMIT 1)") }
    }

    /// Not every type has an operator of equality (json, point), but each has a text. Of a few a
    /// cast gives another one than the server sends.
    private func compared(
        _ name: [UInt8], _ type: ColumnType, into output: inout OutputBuffer
    ) {
        switch type.oid {
        // char(n) and inet compare by themselves.
        case 1042, 869: output.append(name)
        case 142:
            output.append("format('%s', ")
            output.append(name)
            output.append(UInt8(ascii: ")"))
        default:
            output.append(name)
            output.append("::text")
        }
    }

    private func literal(
        _ field: TupleCursor.Field, of bytes: RawSpan, _ index: Int, _ plan: TablePlan,
        quotesAll: Bool = false, into output: inout OutputBuffer
    ) {
        guard case .text(let start, let end) = field else { return output.append("NULL") }
        let form = plan.columns[index].form
        let text = bytes.extracting(start..<end)
        switch form.kind {
        case .integer where !quotesAll: output.append(text)
        case .boolean:
            let isTrue = text.peek(at: 0) == UInt8(ascii: "t")
            if quotesAll {
                output.append(isTrue ? "'true'" : "'false'")
            } else {
                output.append(isTrue ? "true" : "false")
            }
        default:
            plain.appendLiteral(text, form, plan, into: &output)
        }
    }

    func key(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool {
        false
    }

    func begin(_ transaction: SourceTransaction, into output: inout OutputBuffer) -> Bool {
        guard transaction.xid != 0 else { return false }
        output.append("BEGIN;")
        return true
    }

    func commit(
        _ transaction: SourceTransaction, changes: Int, into output: inout OutputBuffer
    ) -> Bool {
        guard transaction.xid != 0 else { return false }
        output.append("COMMIT;")
        return true
    }
}

/// What the statements of `--format sql` expect of the session that they are run in.
public enum ReplaySession {
    /// The texts of values mean what they meant in the session that they come from, as those of
    /// pg_dump do.
    ///
    /// Triggers of the replica, with them its foreign keys, are not to act: what those of the
    /// source did is in the stream, and rows come in the order of tables. As PostgreSQL's own
    /// replication has it. It needs a superuser there; for others all goes on without.
    public static let statement: [UInt8] = Array(
        """
        SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET TimeZone = 'UTC'; \
        SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'; \
        SET extra_float_digits = 3; SET lc_monetary = 'C'; SET xmloption = content; \
        SET array_nulls = on; SET quote_all_identifiers = off; SET statement_timeout = 0; \
        SET lock_timeout = 0;
        DO $$BEGIN PERFORM set_config('session_replication_role', 'replica', false); EXCEPTION \
        WHEN insufficient_privilege THEN RAISE NOTICE 'triggers and foreign keys act'; END$$;

        """.utf8)
}

/// What is the same in every statement of a table.
struct TableStatements {
    /// `"public"."orders"`.
    let name: [UInt8]
    /// `INSERT INTO "public"."orders" ("id", "total") OVERRIDING SYSTEM VALUE VALUES (`.
    let insert: [UInt8]
    /// ` ON CONFLICT ("id") DO UPDATE SET "total" = EXCLUDED."total"`; empty without a key.
    let onConflict: [UInt8]
    /// `"id"` of each column.
    let columns: [[UInt8]]
    /// Columns that tell a row from others; empty: all of them must.
    let identity: [Int]
}

/// A value as text, behind its mask.
struct PlainValue: ~Copyable {
    private var buffer = OutputBuffer(capacity: 256)
    private var writer = ValueWriter()

    /// In single quotes, as SQL wants it.
    mutating func appendLiteral(
        _ text: RawSpan, _ form: ValueForm, _ plan: TablePlan, into output: inout OutputBuffer
    ) {
        set(text, form, plan)
        output.append(UInt8(ascii: "'"))
        output.append(buffer.bytes, doubling: UInt8(ascii: "'"))
        output.append(UInt8(ascii: "'"))
    }

    /// As a cell of CSV.
    mutating func appendCell(
        _ text: RawSpan, _ form: ValueForm, _ plan: TablePlan, into output: inout OutputBuffer
    ) {
        set(text, form, plan)
        output.append(cell: buffer.bytes)
    }

    mutating func text(_ text: RawSpan, _ form: ValueForm, _ plan: TablePlan) -> [UInt8] {
        set(text, form, plan)
        return buffer.bytes.copied()
    }

    private mutating func set(_ text: RawSpan, _ form: ValueForm, _ plan: TablePlan) {
        buffer.removeAll()
        switch form.kind {
        case .truncate: buffer.append(text.prefix(characters: Int(form.modifier)))
        case .length: buffer.append(decimal: Int64(text.characterCount))
        case .stars: for _ in 0..<form.modifier { buffer.append(UInt8(ascii: "*")) }
        case .sha256:
            writer.append(text, 0, text.byteCount, form, plan, into: &buffer)
            buffer.truncate(to: buffer.count - 1)
            buffer.removeFirst(1)
        default: buffer.append(text)
        }
    }
}

extension OutputBuffer {
    /// Lets a column be set, or not any more.
    fileprivate mutating func alter(
        _ made: TableStatements, _ index: Int, _ generation: StaticString
    ) {
        append("ALTER TABLE ")
        append(made.name)
        append(" ALTER COLUMN ")
        append(made.columns[index])
        append(" SET GENERATED ")
        append(generation)
        append(UInt8(ascii: ";"))
    }

    /// Appends text with every `mark` in it written twice.
    mutating func append(_ text: RawSpan, doubling mark: UInt8) {
        var start = 0
        while let hit = ByteScan.firstIndex(of: mark, in: text, from: start) {
            append(text, start..<hit + 1)
            append(mark)
            start = hit + 1
        }
        append(text, start..<text.byteCount)
    }
}
