import Bytes
import Formats

/// Debezium's envelopes in Avro, as Confluent's converter writes them for a schema registry: a
/// zero, the number of the schema in four bytes, the value in Avro's binary encoding. The schemas
/// are those of `ConnectSchemas`, registered before the first record that needs them.
///
/// What the registry or Avro refuse stays in `failure`, and what is written from then on is of no
/// use. The rules for changes are `DebeziumEncoder`'s; decimals that are JSON numbers there are
/// strings here. A value that the stream did not carry is Debezium's placeholder where the type has
/// room for it, and its field is named in `unavailable`.
final class AvroEncoder: ChangeEncoder {
    var now: Int64 = 0
    let splitsKeyChanges = true
    private(set) var failure: SchemaRegistrationError?

    private let settings: EnvelopeSettings
    private let schemas: ConnectSchemas
    private let registry: any SchemaRegistry
    private var rows: AvroRowWriter
    private var plans = TablePlans()
    private var numbers = EventNumbers()
    private var lastCommit: LogSequenceNumber?
    /// Fragments of the transaction that is being written: its name, and what stands before the
    /// position in `source.sequence`.
    private var identifier = ""
    private var sequence = ""
    /// `version`, `connector` and `name` of the source.
    private let head: [UInt8]
    /// Schemas of topics that are no table's: their numbers.
    private var others: [Other: UInt32] = [:]

    private enum Other { case message, messageKey, transaction, transactionKey }

    init(_ settings: EnvelopeSettings, _ registry: any SchemaRegistry) {
        var settings = settings
        // Avro has no number that holds them.
        if settings.decimals == .number { settings.decimals = .string }
        self.settings = settings
        self.registry = registry
        schemas = ConnectSchemas(settings: settings, isForAvro: true)
        rows = AvroRowWriter(
            placeholder: settings.unavailablePlaceholder ?? "__debezium_unavailable_value")
        var buffer = OutputBuffer(capacity: 128)
        buffer.append(avroString: settings.version)
        buffer.append(avroString: "postgresql")
        buffer.append(avroString: settings.topicPrefix)
        head = buffer.array
    }

    private func prepare(_ transaction: SourceTransaction) {
        guard numbers.begins(transaction) else { return }
        identifier = transaction.identifier
        sequence = lastCommit.map { "[\"\($0.value)\",\"" } ?? "[null,\""
    }

    private func plan(_ table: CapturedTable) -> TablePlan {
        plans.plan(table) { table in
            var buffer = OutputBuffer(capacity: 64)
            buffer.append(avroString: table.schema)
            buffer.append(avroString: table.name)
            return TablePlan(table, settings, isReadable: false, fragment: buffer.array)
        }
    }

    private func avro(_ plan: TablePlan) -> AvroTable {
        if let avro = plan.avro { return avro }
        let avro = AvroTable(plan, schemas)
        plan.avro = avro
        if let (one, other, field) = avro.sharedName(plan.table) {
            fail(
                "columns \"\(one)\" and \"\(other)\" of \(plan.table.schema).\(plan.table.name) "
                    + "would both be field \"\(field)\" in Avro; --mask leaves one out, as in "
                    + "--mask '\(other)=drop'")
        }
        return avro
    }

    private func fail(_ reason: String) { failure = failure ?? .failed(reason) }

    /// The number of a schema; 0 after a failure.
    private func id(of schema: String, topic: [String], isKey: Bool) -> UInt32 {
        guard failure == nil else { return 0 }
        do throws(SchemaRegistrationError) {
            return try registry.id(
                of: schema, topic: [settings.topicPrefix] + topic, isKey: isKey)
        } catch {
            failure = error
            return 0
        }
    }

    private func valueID(_ plan: TablePlan, _ avro: AvroTable) -> UInt32 {
        if let id = avro.valueID { return id }
        let table = plan.table
        let id = id(of: avro.valueSchema, topic: [table.schema, table.name], isKey: false)
        avro.valueID = id
        return id
    }

    private func keyID(_ plan: TablePlan, _ avro: AvroTable) -> UInt32 {
        if let id = avro.keyID { return id }
        let table = plan.table
        let id = id(of: avro.keySchema, topic: [table.schema, table.name], isKey: true)
        avro.keyID = id
        return id
    }

    private func id(
        _ other: Other, _ schema: ConnectSchema, topic: String, isKey: Bool
    ) -> UInt32 {
        if let id = others[other] { return id }
        let id = id(of: schema.avro.json, topic: [topic], isKey: isKey)
        others[other] = id
        return id
    }

    /// Has the table described anew, with room for what a row holds.
    private func widen(_ plan: TablePlan, _ change: (inout RowFindings) -> Void) {
        var findings = plan.avro?.findings ?? RowFindings()
        change(&findings)
        plan.avro = AvroTable(plan, schemas, findings)
    }

    /// Writes with `body` until the table's description has a place for every value.
    private func write(
        _ plan: TablePlan, into output: inout OutputBuffer,
        _ body: (AvroTable, inout OutputBuffer) throws(AvroFault) -> Void
    ) {
        let mark = output.count
        while failure == nil {
            do throws(AvroFault) {
                return try body(avro(plan), &output)
            } catch {
                output.truncate(to: mark)
                switch error {
                case .null(let column): widen(plan) { $0.nulls.insert(column) }
                case .dimensions(let column, let count):
                    widen(plan) { $0.dimensions[column] = count }
                case .value(let column): refuse(column, plan)
                }
            }
        }
    }

    private func refuse(_ column: Int, _ plan: TablePlan) {
        let name = plan.table.columns[column].name
        let place = "column \"\(name)\" of \(plan.table.schema).\(plan.table.name)"
        switch plan.columns[column].form.kind {
        case .decimalPrecise, .decimalVariable:
            fail(
                "\(place) holds NaN or an infinity, which decimal.handling.mode=precise has no "
                    + "value for; string and double have")
        default:
            fail(
                "\(place) holds a value that its type in Avro does not have; "
                    + "--mask '\(name)=drop' leaves the column out")
        }
    }
}

// Changes.
extension AvroEncoder {
    func value(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool {
        guard !settings.skips(change.kind) else { return false }
        prepare(change.transaction)
        guard let table = change.table else {
            return message(change, of: bytes, into: &output)
        }
        let plan = plan(table)
        write(plan, into: &output) { avro, output throws(AvroFault) in
            if avro.valueID == nil {
                // A schema that has no room for the row is not registered.
                var trial = OutputBuffer(capacity: 1_024)
                try appendRows(change, of: bytes, plan, avro, into: &trial)
            }
            let id = valueID(plan, avro)
            if registry.framesValues { output.append(confluent: id) }
            try appendRows(change, of: bytes, plan, avro, into: &output)
        }
        appendRest(change, plan, into: &output)
        appendUnavailable(plan, into: &output)
        return true
    }

    private func appendRows(
        _ change: Change, of bytes: RawSpan, _ plan: TablePlan, _ avro: AvroTable,
        into output: inout OutputBuffer
    ) throws(AvroFault) {
        rows.begin()
        let isKeyOnly = settings.image == .keys
        if let before = change.before, change.kind != .insert, settings.image != .new {
            output.append(avroLong: 1)
            try rows.record(
                before, of: bytes, plan, avro,
                isKeyOnly ? .key : change.beforeIsKey ? .identity : .all, into: &output)
        } else {
            output.append(avroLong: 0)
        }
        if let after = change.after, settings.image != .old {
            output.append(avroLong: 1)
            try rows.record(
                after, of: bytes, plan, avro, isKeyOnly ? .key : .all,
                full: change.beforeIsKey ? nil : change.before, into: &output)
        } else {
            output.append(avroLong: 0)
        }
    }

    /// The source, the operation, the times and the transaction.
    private func appendRest(
        _ change: Change, _ plan: TablePlan?, into output: inout OutputBuffer
    ) {
        let position = change.position.value
        let transaction = change.transaction
        output.append(head)
        output.append(times: transaction.time(orNow: now), isFirstOptional: false)
        output.append(avroLong: 0)
        output.append(avroString: change.snapshot.word)
        output.append(avroString: settings.database)
        output.append(avroLong: 1)
        output.append(avroString: "\(sequence)\(position)\"]")
        if let plan {
            output.append(plan.fragment)
        } else {
            output.append(avroString: "")
            output.append(avroString: "")
        }
        output.append(avroOptional: transaction.xid == 0 ? nil : Int64(transaction.xid))
        output.append(avroOptional: Int64(truncatingIfNeeded: position))
        output.append(avroOptional: nil)
        output.append(avroString: change.kind.letter)
        output.append(times: now, isFirstOptional: true)
        guard change.isNumbered else { return output.append(avroLong: 0) }
        let number = numbers.next(change, plan)
        output.append(avroLong: 1)
        output.append(avroString: identifier)
        output.append(avroLong: Int64(number.total))
        output.append(avroLong: Int64(number.ofTable))
    }

    private func appendUnavailable(_ plan: TablePlan?, into output: inout OutputBuffer) {
        guard let plan, let avro = plan.avro, !rows.unavailable.isEmpty else {
            return output.append(avroLong: 0)
        }
        output.append(avroLong: 1)
        output.append(avroLong: Int64(rows.unavailable.count))
        for index in rows.unavailable { output.append(avroString: avro.fieldNames[index]) }
        output.append(avroLong: 0)
    }

    private func message(
        _ change: Change, of bytes: RawSpan, into output: inout OutputBuffer
    ) -> Bool {
        guard registry.framesValues, let message = change.message else { return false }
        output.append(confluent: id(.message, schemas.message, topic: "message", isKey: false))
        output.append(avroLong: 1)
        output.append(avroLong: 1)
        output.append(avroText: bytes.extracting(message.prefix))
        output.append(avroLong: 1)
        output.append(avroBytes: bytes.extracting(message.content))
        appendRest(change, nil, into: &output)
        appendUnavailable(nil, into: &output)
        return true
    }

    func key(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool {
        if let message = change.message {
            output.append(
                confluent: id(
                    .messageKey, ConnectSchemas.messageKey, topic: "message", isKey: true))
            output.append(avroLong: 1)
            output.append(avroText: bytes.extracting(message.prefix))
            return true
        }
        guard let table = change.table, !table.key.isEmpty,
            let tuple = change.after ?? change.before
        else { return false }
        let plan = plan(table)
        write(plan, into: &output) { avro, output throws(AvroFault) in
            if avro.keyID == nil {
                var trial = OutputBuffer(capacity: 256)
                try rows.key(tuple, of: bytes, plan, avro, into: &trial)
            }
            output.append(confluent: keyID(plan, avro))
            try rows.key(tuple, of: bytes, plan, avro, into: &output)
        }
        return true
    }
}

// Begin and end of transactions.
extension AvroEncoder {
    func transactionKey(_ transaction: SourceTransaction, into output: inout OutputBuffer) {
        output.append(
            confluent: id(
                .transactionKey, ConnectSchemas.transactionKey, topic: "transaction", isKey: true))
        output.append(avroString: transaction.identifier)
    }

    private func appendMarker(
        _ status: String, _ transaction: SourceTransaction, into output: inout OutputBuffer
    ) {
        output.append(
            confluent: id(
                .transaction, ConnectSchemas.transaction, topic: "transaction", isKey: false))
        output.append(avroString: status)
        output.append(avroString: transaction.identifier)
    }

    func begin(_ transaction: SourceTransaction, into output: inout OutputBuffer) -> Bool {
        prepare(transaction)
        guard registry.framesValues, settings.writesTransactions, transaction.xid != 0 else {
            return false
        }
        appendMarker("BEGIN", transaction, into: &output)
        output.append(avroLong: 0)
        output.append(avroLong: 0)
        output.append(avroLong: transaction.time.floorDivided(by: 1_000).quotient)
        return true
    }

    func commit(
        _ transaction: SourceTransaction, changes: Int, into output: inout OutputBuffer
    ) -> Bool {
        guard transaction.xid != 0 else { return false }
        prepare(transaction)
        lastCommit = transaction.commit
        guard registry.framesValues, settings.writesTransactions, numbers.events > 0 else {
            return false
        }
        appendMarker("END", transaction, into: &output)
        output.append(avroOptional: Int64(numbers.events))
        let counts = plans.counts(of: transaction.commit)
        output.append(avroLong: 1)
        if !counts.isEmpty { output.append(avroLong: Int64(counts.count)) }
        for (name, count) in counts {
            output.append(avroString: name)
            output.append(avroLong: Int64(count))
        }
        output.append(avroLong: 0)
        output.append(avroLong: transaction.time.floorDivided(by: 1_000).quotient)
        return true
    }
}

extension OutputBuffer {
    /// What Confluent's readers find a schema by.
    fileprivate mutating func append(confluent id: UInt32) {
        append(0)
        append(bigEndian: id)
    }

    fileprivate mutating func append(avroOptional value: Int64?) {
        append(avroLong: value == nil ? 0 : 1)
        if let value { append(avroLong: value) }
    }

    /// In milliseconds, microseconds and nanoseconds; all but the first are optional in any case.
    fileprivate mutating func append(times microseconds: Int64, isFirstOptional: Bool) {
        if isFirstOptional { append(avroLong: 1) }
        append(avroLong: microseconds.floorDivided(by: 1_000).quotient)
        append(avroOptional: microseconds)
        append(avroOptional: microseconds &* 1_000)
    }
}

extension SnapshotMark {
    /// As `source.snapshot` has it.
    fileprivate var word: String {
        switch self {
        case .none: "false"
        case .first: "first"
        case .middle: "true"
        case .last: "last"
        case .incremental: "incremental"
        }
    }
}

extension Change.Kind {
    fileprivate var letter: String {
        switch self {
        case .read: "r"
        case .insert: "c"
        case .update: "u"
        case .delete: "d"
        case .truncate: "t"
        case .message: "m"
        }
    }
}
