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
    private var rows = RowWriter()
    private var plans = TablePlans()
    private var schemas: DebeziumSchemas
    /// `,"source":{"version":...,"name":...,`.
    private let head: [UInt8]
    /// `"snapshot":"false","db":"shop","sequence":"[`, behind the mark of the snapshot.
    private let database: [UInt8]
    private var processing = DebeziumEncoder.times(0)
    /// Fragments of the transaction that is being written.
    private var transaction: LogSequenceNumber?
    private var xid: UInt32 = 0
    private var transactionTimes: [UInt8] = []
    private var identifier: [UInt8] = []
    private var lastCommit: [UInt8] = Array("null".utf8)
    /// Second halves in this transaction: each is one event more.
    private var splits = 0

    init(_ settings: EnvelopeSettings) {
        self.settings = settings
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
        // A message outside of transactions may end where a transaction's commit begins.
        guard transaction.commit != self.transaction || transaction.xid != xid else { return }
        self.transaction = transaction.commit
        xid = transaction.xid
        transactionTimes = Self.times(transaction.time(orNow: now))
        identifier = Array("\(transaction.xid):\(transaction.commit.value)".utf8)
        splits = 0
    }

    func value(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool {
        guard !settings.skips(change.kind) else { return false }
        prepare(change.transaction)
        guard let table = change.table else {
            return message(change, of: bytes, into: &output)
        }
        let plan = plan(table)
        if settings.hasSchemas { schemas.appendValue(plan, into: &output) }
        output.append("{\"before\":")
        appendBefore(change, of: bytes, plan, into: &output)
        output.append(",\"after\":")
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
        appendSource(change, plan, into: &output)
        appendEnd(change, plan, into: &output)
        if settings.hasSchemas { output.append(UInt8(ascii: "}")) }
        return true
    }

    private func appendBefore(
        _ change: Change, of bytes: RawSpan, _ plan: TablePlan, into output: inout OutputBuffer
    ) {
        guard let before = change.before, change.kind != .insert, settings.image != .new else {
            return output.append("null")
        }
        let choice: ColumnChoice =
            settings.image == .keys ? .key : change.beforeIsKey ? .identity : .all
        rows.object(before, of: bytes, plan, choice, into: &output)
    }

    private func appendSource(
        _ change: Change, _ plan: TablePlan?, into output: inout OutputBuffer
    ) {
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
        let position = Int64(truncatingIfNeeded: change.position.value)
        output.append(decimal: position)
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
        output.append(decimal: position)
        output.append(",\"xmin\":null}")
    }

    private func appendEnd(
        _ change: Change, _ plan: TablePlan?, into output: inout OutputBuffer
    ) {
        switch change.kind {
        case .read: output.append(",\"op\":\"r\",")
        case .insert: output.append(",\"op\":\"c\",")
        case .update: output.append(",\"op\":\"u\",")
        case .delete: output.append(",\"op\":\"d\",")
        case .truncate: output.append(",\"op\":\"t\",")
        case .message: output.append(",\"op\":\"m\",")
        }
        output.append(processing)
        output.append(",\"transaction\":")
        if change.kind == .read || change.transaction.xid == 0 {
            return output.append("null}")
        }
        output.append("{\"id\":\"")
        output.append(identifier)
        output.append("\",\"total_order\":")
        if change.isSecondHalf { splits += 1 }
        output.append(decimal: Int64(change.order + splits))
        output.append(",\"data_collection_order\":")
        output.append(decimal: Int64(tableOrder(change, plan)))
        output.append("}}")
    }

    private func tableOrder(_ change: Change, _ plan: TablePlan?) -> Int {
        guard let plan else { return change.tableOrder }
        if plan.transaction != transaction {
            plan.transaction = transaction
            plan.splits = 0
        }
        if change.isSecondHalf { plan.splits += 1 }
        plan.events = change.tableOrder + plan.splits
        return plan.events
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
        appendSource(change, nil, into: &output)
        appendEnd(change, nil, into: &output)
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
        if settings.hasSchemas { schemas.appendKey(plan, into: &output) }
        rows.key(tuple, of: bytes, plan, into: &output)
        if settings.hasSchemas { output.append(UInt8(ascii: "}")) }
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
        guard settings.writesTransactions else { return false }
        output.append("{\"status\":\"END\",\"id\":\"")
        output.append(identifier)
        output.append("\",\"event_count\":")
        output.append(decimal: Int64(changes + splits))
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

extension Change {
    /// It was made by `halves` and creates the row under its new key.
    var isSecondHalf: Bool { kind == .insert && before != nil }

    /// True for an update that gave the row another key.
    public func movesKey(in bytes: RawSpan) -> Bool {
        guard kind == .update, let table, let before, let after else { return false }
        return table.key.contains { index in
            RowWriter.differs(
                TupleCursor.field(index, of: before, in: bytes),
                TupleCursor.field(index, of: after, in: bytes), in: bytes)
        }
    }

    /// An update that moves the key as a delete and an insert, as Debezium and every keyed topic
    /// want it. nil for any other change, and for one whose new row lacks values that the stream
    /// does not carry: an insert would lose them, while the update leaves them where they are.
    public func halves(of bytes: RawSpan) -> (old: Change, new: Change)? {
        guard before != nil, movesKey(in: bytes), !beforeIsKey || isComplete(in: bytes) else {
            return nil
        }
        var (old, new) = (self, self)
        old.kind = .delete
        old.after = nil
        new.kind = .insert
        return (old, new)
    }

    private func isComplete(in bytes: RawSpan) -> Bool {
        guard let after else { return true }
        var cursor = TupleCursor(bytes, after)
        for _ in 0..<cursor.count {
            if case .unchanged = cursor.next() { return false }
        }
        return true
    }
}
