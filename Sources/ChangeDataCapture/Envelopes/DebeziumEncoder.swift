import Bytes
import Formats

/// Debezium's envelopes as JSON (`before`, `after`, `source`, `op`, `ts_*`, `transaction`), the
/// default format; with `hasSchemas` inside `payload` beside their `schema`.
///
/// It keeps to Debezium 3 but for what its users complain of: decimals are numbers, a TOASTed value
/// that did not change is left out and named in `unavailable`, and truncates are told. A `c` whose
/// `before` is set is the second half of an update that changed the key (`Change.halves`): the old
/// row fills in what the stream did not carry, and is not written.
final class DebeziumEncoder: ChangeEncoder {
    var now: Int64 = 0 { didSet { if now != oldValue { processing = Self.times(now) } } }
    let splitsKeyChanges = true

    private let settings: EnvelopeSettings
    private let hasKeySchemas: Bool
    private var rows = RowWriter()
    private var plans = TablePlans()
    private var schemas: DebeziumSchemas
    /// `,"source":{"version":...,"name":...,`.
    private let head: [UInt8]
    /// `"snapshot":"false","db":"shop","sequence":"[`, behind the mark of the snapshot.
    private let database: [UInt8]
    private var processing = DebeziumEncoder.times(0)
    /// Fragments of the transaction that is being written.
    private var numbers = EventNumbers()
    private var transactionTimes: [UInt8] = []
    private var identifier: [UInt8] = []
    private var lastCommit: [UInt8] = Array("null".utf8)
    /// Of the change before, if it was in this transaction; and what the next ones may copy.
    private var last: DebeziumFragments.Place?
    private var fragments: DebeziumFragments?

    init(_ settings: EnvelopeSettings) {
        self.settings = settings
        hasKeySchemas = settings.hasKeySchemas ?? settings.hasSchemas
        schemas = DebeziumSchemas(settings)
        var buffer = OutputBuffer(capacity: 256)
        buffer.append(",\"source\":{\"version\":")
        buffer.append(jsonString: settings.version)
        buffer.append(",\"connector\":\"postgresql\",\"name\":")
        buffer.append(jsonString: settings.topicPrefix)
        buffer.append(",")
        head = buffer.bytes.copied()
        buffer.removeAll()
        buffer.append(",\"db\":")
        buffer.append(jsonString: settings.database)
        buffer.append(",\"sequence\":\"[")
        database = buffer.bytes.copied()
    }

    private static func times(_ microseconds: Int64) -> [UInt8] {
        var buffer = OutputBuffer(capacity: 128)
        buffer.append("\"ts_ms\":")
        buffer.append(decimal: microseconds.floorDivided(by: 1_000).quotient)
        buffer.append(",\"ts_us\":")
        buffer.append(decimal: microseconds)
        buffer.append(",\"ts_ns\":")
        buffer.append(decimal: microseconds &* 1_000)
        return buffer.bytes.copied()
    }

    private func plan(_ table: CapturedTable) -> TablePlan {
        plans.plan(table) { table in
            var buffer = OutputBuffer(capacity: 128)
            buffer.append("\"schema\":")
            buffer.append(jsonString: table.schema)
            buffer.append(",\"table\":")
            buffer.append(jsonString: table.name)
            return TablePlan(
                table, settings, isReadable: false, fragment: buffer.bytes.copied())
        }
    }

    private func prepare(_ transaction: SourceTransaction) {
        guard numbers.begins(transaction) else { return }
        transactionTimes = Self.times(transaction.time(orNow: now))
        identifier = Array(transaction.identifier.utf8)
        (last, fragments) = (nil, nil)
    }

    func value(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool {
        guard !settings.skips(change.kind) else { return false }
        prepare(change.transaction)
        guard let table = change.table else {
            return message(change, of: bytes, into: &output)
        }
        let plan = plan(table)
        if settings.hasSchemas { schemas.appendValue(plan, into: &output) }
        appendBefore(change, of: bytes, plan, into: &output)
        if let after = change.after, settings.image != .old {
            rows.object(
                after, of: bytes, plan, settings.image == .keys ? .key : .all,
                full: change.beforeIsKey ? nil : change.before,
                placeholder: settings.unavailablePlaceholder, into: &output)
            if settings.unavailablePlaceholder == nil {
                rows.appendUnavailable(plan, into: &output)
            }
        } else {
            output.append("null")
        }
        appendRest(change, plan, into: &output)
        if settings.hasSchemas { output.append(UInt8(ascii: "}")) }
        return true
    }

    private func appendBefore(
        _ change: Change, of bytes: RawSpan, _ plan: TablePlan, into output: inout OutputBuffer
    ) {
        guard let before = change.before, change.kind != .insert, settings.image != .new else {
            return output.append("{\"before\":null,\"after\":")
        }
        let choice: ColumnChoice =
            settings.image == .keys ? .key : change.beforeIsKey ? .identity : .all
        output.append("{\"before\":")
        rows.object(before, of: bytes, plan, choice, into: &output)
        output.append(",\"after\":")
    }

    /// Appends what follows the rows.
    private func appendRest(
        _ change: Change, _ plan: TablePlan?, into output: inout OutputBuffer
    ) {
        let position = Int64(truncatingIfNeeded: change.position.value)
        if let plan, let fragments, fragments.place.covers(change, plan) {
            let bytes = fragments.bytes.rawSpan
            output.append(bytes, 0..<fragments.middle)
            let start = output.count
            output.append(decimal: position)
            let digits = start..<output.count
            output.append(bytes, fragments.middle..<fragments.operation)
            output.append(again: digits)
            output.append(bytes, fragments.operation..<fragments.identifier)
            output.append(processing)
            output.append(bytes, fragments.identifier..<bytes.byteCount)
        } else {
            appendLead(change, into: &output)
            output.append(decimal: position)
            appendMiddle(change, plan, into: &output)
            output.append(decimal: position)
            appendOperation(change, into: &output)
            output.append(processing)
            appendIdentifier(change, into: &output)
            if let plan { remember(change, plan) }
        }
        if change.isNumbered { appendOrder(change, plan, into: &output) }
    }

    /// Where two changes have come more may.
    private func remember(_ change: Change, _ plan: TablePlan) {
        guard let last, last.covers(change, plan) else {
            last = DebeziumFragments.Place(plan, change)
            return
        }
        var buffer = OutputBuffer(capacity: 512)
        appendLead(change, into: &buffer)
        let middle = buffer.count
        appendMiddle(change, plan, into: &buffer)
        let operation = buffer.count
        appendOperation(change, into: &buffer)
        let identifier = buffer.count
        appendIdentifier(change, into: &buffer)
        fragments = DebeziumFragments(
            place: last, bytes: buffer.array, middle: middle, operation: operation,
            identifier: identifier)
    }

    /// Up to the position as it stands in the sequence.
    private func appendLead(_ change: Change, into output: inout OutputBuffer) {
        output.append(head)
        output.append(transactionTimes)
        switch change.snapshot {
        case .none: output.append(",\"snapshot\":\"false\"")
        case .first: output.append(",\"snapshot\":\"first\"")
        case .middle: output.append(",\"snapshot\":\"true\"")
        case .last: output.append(",\"snapshot\":\"last\"")
        case .incremental: output.append(",\"snapshot\":\"incremental\"")
        }
        output.append(database)
        output.append(lastCommit)
        output.append(",\\\"")
    }

    /// From there up to `lsn`.
    private func appendMiddle(
        _ change: Change, _ plan: TablePlan?, into output: inout OutputBuffer
    ) {
        output.append("\\\"]\",")
        if let plan {
            output.append(plan.fragment)
        } else {
            output.append("\"schema\":\"\",\"table\":\"\"")
        }
        output.append(",\"txId\":")
        if change.transaction.xid == 0 {
            output.append("null")
        } else {
            output.append(decimal: Int64(change.transaction.xid))
        }
        output.append(",\"lsn\":")
    }

    private func appendOperation(_ change: Change, into output: inout OutputBuffer) {
        output.append(",\"xmin\":null}")
        switch change.kind {
        case .read: output.append(",\"op\":\"r\",")
        case .insert: output.append(",\"op\":\"c\",")
        case .update: output.append(",\"op\":\"u\",")
        case .delete: output.append(",\"op\":\"d\",")
        case .truncate: output.append(",\"op\":\"t\",")
        case .message: output.append(",\"op\":\"m\",")
        }
    }

    /// The transaction; of one whose changes are numbered up to the number.
    private func appendIdentifier(_ change: Change, into output: inout OutputBuffer) {
        guard change.isNumbered else { return output.append(",\"transaction\":null}") }
        output.append(",\"transaction\":{\"id\":\"")
        output.append(identifier)
        output.append("\",\"total_order\":")
    }

    private func appendOrder(
        _ change: Change, _ plan: TablePlan?, into output: inout OutputBuffer
    ) {
        let number = numbers.next(change, plan)
        output.append(decimal: Int64(number.total))
        output.append(",\"data_collection_order\":")
        output.append(decimal: Int64(number.ofTable))
        output.append("}}")
    }

    /// A logical message: its content is base64.
    private func message(
        _ change: Change, of bytes: RawSpan, into output: inout OutputBuffer
    ) -> Bool {
        guard let message = change.message else { return false }
        if settings.hasSchemas { schemas.appendMessage(into: &output) }
        output.append("{\"message\":{\"prefix\":")
        output.append(anyString: bytes.extracting(message.prefix))
        output.append(",\"content\":\"")
        Base64.encode(bytes.extracting(message.content), into: &output)
        output.append("\"}")
        appendRest(change, nil, into: &output)
        if settings.hasSchemas { output.append(UInt8(ascii: "}")) }
        return true
    }

    func key(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool {
        if let message = change.message {
            output.append("{\"prefix\":")
            output.append(anyString: bytes.extracting(message.prefix))
            output.append(UInt8(ascii: "}"))
            return true
        }
        guard let table = change.table, !table.key.isEmpty,
            let tuple = change.after ?? change.before
        else { return false }
        let plan = plan(table)
        if hasKeySchemas { schemas.appendKey(plan, into: &output) }
        rows.key(tuple, of: bytes, plan, into: &output)
        if hasKeySchemas { output.append(UInt8(ascii: "}")) }
        return true
    }

    func begin(_ transaction: SourceTransaction, into output: inout OutputBuffer) -> Bool {
        prepare(transaction)
        guard settings.writesTransactions, transaction.xid != 0 else { return false }
        output.append("{\"status\":\"BEGIN\",\"id\":\"")
        output.append(identifier)
        output.append("\",\"event_count\":null,\"data_collections\":null,\"ts_ms\":")
        output.append(decimal: transaction.time.floorDivided(by: 1_000).quotient)
        output.append(UInt8(ascii: "}"))
        return true
    }

    func commit(
        _ transaction: SourceTransaction, changes: Int, into output: inout OutputBuffer
    ) -> Bool {
        guard transaction.xid != 0 else { return false }
        prepare(transaction)
        lastCommit = Array("\\\"\(transaction.commit.value)\\\"".utf8)
        (last, fragments) = (nil, nil)
        guard settings.writesTransactions, numbers.events > 0 else { return false }
        output.append("{\"status\":\"END\",\"id\":\"")
        output.append(identifier)
        output.append("\",\"event_count\":")
        output.append(decimal: Int64(numbers.events))
        output.append(",\"data_collections\":")
        var separator = UInt8(ascii: "[")
        for (name, count) in plans.counts(of: transaction.commit) {
            output.append(separator)
            separator = UInt8(ascii: ",")
            output.append("{\"data_collection\":")
            output.append(jsonString: name)
            output.append(",\"event_count\":")
            output.append(decimal: Int64(count))
            output.append(UInt8(ascii: "}"))
        }
        if separator == UInt8(ascii: "[") { output.append(separator) }
        output.append("],\"ts_ms\":")
        output.append(decimal: transaction.time.floorDivided(by: 1_000).quotient)
        output.append(UInt8(ascii: "}"))
        return true
    }

    /// A statement as Debezium's connectors with a history write it.
    func statement(
        _ statement: SourceStatement, at position: LogSequenceNumber,
        in transaction: SourceTransaction, into output: inout OutputBuffer
    ) -> Bool {
        prepare(transaction)
        output.append("{\"source\":{\"version\":")
        output.append(jsonString: settings.version)
        output.append(",\"connector\":\"postgresql\",\"name\":")
        output.append(jsonString: settings.topicPrefix)
        output.append(",")
        output.append(transactionTimes)
        output.append(",\"db\":")
        output.append(jsonString: settings.database)
        output.append(",\"txId\":")
        output.append(decimal: Int64(transaction.xid))
        output.append(",\"lsn\":")
        output.append(decimal: Int64(truncatingIfNeeded: position.value))
        output.append("},")
        output.append(processing)
        output.append(",\"databaseName\":")
        output.append(jsonString: settings.database)
        output.append(",\"schemaName\":null,\"ddl\":")
        output.append(jsonString: statement.text)
        output.append(",\"tag\":")
        output.append(jsonString: statement.tag)
        output.append(",\"objects\":")
        output.append(objectsOf: statement)
        output.append(",\"tableChanges\":[]}")
        return true
    }

    /// A schema change as Debezium's connectors with a history write it, and the description's
    /// version.
    func schema(
        _ table: CapturedTable, at position: LogSequenceNumber, into output: inout OutputBuffer
    ) -> Bool {
        guard settings.writesSchemas else { return false }
        output.append("{\"source\":{\"version\":")
        output.append(jsonString: settings.version)
        output.append(",\"connector\":\"postgresql\",\"name\":")
        output.append(jsonString: settings.topicPrefix)
        output.append(",\"db\":")
        output.append(jsonString: settings.database)
        output.append(",")
        output.append(plan(table).fragment)
        output.append(",\"lsn\":")
        output.append(decimal: Int64(truncatingIfNeeded: position.value))
        output.append("},")
        output.append(processing)
        output.append(",\"databaseName\":")
        output.append(jsonString: settings.database)
        output.append(",\"schemaName\":")
        output.append(jsonString: table.schema)
        output.append(",\"ddl\":null,\"tableChanges\":[{\"type\":\"")
        output.append(table.version == 1 ? "CREATE" : "ALTER")
        output.append("\",\"id\":")
        output.append(
            jsonString: [settings.database, table.schema, table.name].map { "\"\($0)\"" }
                .joined(separator: "."))
        output.append(",\"table\":{\"defaultCharsetName\":null,\"primaryKeyColumnNames\":")
        output.append(keyNamesOf: table)
        output.append(",\"columns\":")
        output.append(columnDescriptionsOf: table)
        output.append(",\"comment\":null}}],\"version\":")
        output.append(decimal: Int64(table.version))
        output.append(UInt8(ascii: "}"))
        return true
    }
}

extension EnvelopeSettings {
    func skips(_ kind: Change.Kind) -> Bool {
        guard !skippedOperations.isEmpty else { return false }
        switch kind {
        case .read: return false
        case .insert: return skippedOperations.contains("c")
        case .update: return skippedOperations.contains("u")
        case .delete: return skippedOperations.contains("d")
        case .truncate: return skippedOperations.contains("t")
        case .message: return skippedOperations.contains("m")
        }
    }
}
