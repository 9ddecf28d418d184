import Bytes
import Formats

/// Maxwell's lines: `database`, `table`, `type`, `ts`, `xid`, `xoffset`, `data`, `old` (old values
/// of changed columns), with PostgreSQL's `schema` beside them; the last of a transaction says
/// `commit`. Rows of a snapshot are `bootstrap-insert`.
final class MaxwellEncoder: ChangeEncoder {
    var now: Int64 = 0
    let splitsKeyChanges = false
    let lastChangeMark: StaticString = ",\"commit\":true"

    private let settings: EnvelopeSettings
    private var rows = RowWriter()
    private var plans = TablePlans()

    init(_ settings: EnvelopeSettings) { self.settings = settings }

    private func plan(_ table: CapturedTable) -> TablePlan {
        plans.plan(table) { table in
            var buffer = OutputBuffer(capacity: 128)
            buffer.append("{\"database\":")
            buffer.append(jsonString: settings.database)
            buffer.append(",\"schema\":")
            buffer.append(jsonString: table.schema)
            buffer.append(",\"table\":")
            buffer.append(jsonString: table.name)
            return TablePlan(table, settings, isReadable: true, fragment: buffer.bytes.copied())
        }
    }

    func value(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool {
        guard let table = change.table, !settings.skips(change.kind) else { return false }
        let plan = plan(table)
        output.append(plan.fragment)
        switch change.kind {
        case .read: output.append(",\"type\":\"bootstrap-insert\"")
        case .truncate: output.append(",\"type\":\"table-truncate\"")
        default:
            output.append(",\"type\":\"")
            output.append(change.kind.word)
            output.append(UInt8(ascii: "\""))
        }
        output.append(",\"ts\":")
        output.append(decimal: change.transaction.time.floorDivided(by: 1_000_000).quotient)
        output.append(",\"xid\":")
        output.append(decimal: Int64(change.transaction.xid))
        if change.kind != .read {
            output.append(",\"xoffset\":")
            output.append(decimal: Int64(change.order - 1))
        }
        appendRows(change, of: bytes, plan, into: &output)
        output.append(UInt8(ascii: "}"))
        return true
    }

    private func appendRows(
        _ change: Change, of bytes: RawSpan, _ plan: TablePlan, into output: inout OutputBuffer
    ) {
        guard let row = change.after ?? change.before else { return }
        let isOldKey = change.after == nil && change.beforeIsKey
        output.append(",\"data\":")
        rows.object(
            row, of: bytes, plan,
            settings.image == .keys ? .key : isOldKey ? .identity : .all,
            full: change.beforeIsKey ? nil : change.before,
            placeholder: settings.unavailablePlaceholder, into: &output)
        if settings.unavailablePlaceholder == nil { rows.appendUnavailable(plan, into: &output) }
        guard change.kind == .update, let before = change.before, let after = change.after,
            settings.image == .both || settings.image == .old
        else { return }
        output.append(",\"old\":")
        rows.differences(before, isKey: change.beforeIsKey, after, of: bytes, plan, into: &output)
    }

    func key(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool {
        guard let table = change.table, !table.key.isEmpty,
            let tuple = change.after ?? change.before
        else { return false }
        rows.key(tuple, of: bytes, plan(table), into: &output)
        return true
    }
}
