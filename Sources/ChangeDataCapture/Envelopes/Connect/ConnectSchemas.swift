import Formats

/// What rows have held that the catalog does not tell of their columns, by index: a row may be
/// older than the catalog's word.
struct RowFindings {
    /// Columns that may not hold null, and have.
    var nulls: Set<Int> = []
    /// Arrays of several dimensions: how many.
    var dimensions: [Int: Int] = [:]
}

/// Makes Connect's schemas of Debezium's events, from the settings of an encoder.
struct ConnectSchemas {
    let settings: EnvelopeSettings
    /// For Avro: names are such as it takes, vectors are arrays, and what the stream did not carry
    /// is named in the envelope.
    var isForAvro = false

    /// `PREFIX.SCHEMA.TABLE`, which the names of a table's schemas begin with.
    private func namespace(_ table: CapturedTable) -> String {
        adjusted("\(settings.topicPrefix).\(table.schema).\(table.name)")
    }

    private func adjusted(_ name: String) -> String { isForAvro ? AvroName.full(name) : name }

    func fieldName(_ column: CapturedColumn) -> String {
        isForAvro ? AvroName.field(column.name) : column.name
    }

    /// Of `columns`, those that are written.
    func envelope(
        _ plan: TablePlan, _ columns: [Int], _ findings: RowFindings = RowFindings()
    ) -> ConnectSchema {
        let namespace = namespace(plan.table)
        let row = ConnectSchema(
            .structure(fields(plan, columns, findings)), namespace + ".Value"
        ).optional
        return envelope(namespace, [.init("before", row), .init("after", row)])
    }

    func key(_ plan: TablePlan, _ findings: RowFindings = RowFindings()) -> ConnectSchema {
        ConnectSchema(
            .structure(fields(plan, plan.table.key, findings)), namespace(plan.table) + ".Key")
    }

    private func fields(
        _ plan: TablePlan, _ columns: [Int], _ findings: RowFindings
    ) -> [ConnectSchema.Field] {
        columns.filter { plan.columns[$0].form.kind != .dropped }.map { index in
            let column = plan.table.columns[index]
            return ConnectSchema.Field(fieldName(column), schema(index, plan, findings))
        }
    }

    /// Of a column; optional if it may hold null.
    func schema(_ index: Int, _ plan: TablePlan, _ findings: RowFindings) -> ConnectSchema {
        let column = plan.table.columns[index]
        var schema = schema(plan.columns[index].form, column, plan)
        if let dimensions = findings.dimensions[index], case .array(let items) = schema.kind {
            schema.kind = .arrays(items, dimensions: dimensions)
        }
        let mayBeNull = column.isNullable && !plan.columns[index].isKey
        return schema.optional(mayBeNull || findings.nulls.contains(index))
    }

    private func envelope(_ name: String, _ rows: [ConnectSchema.Field]) -> ConnectSchema {
        let times = ["ts_ms", "ts_us", "ts_ns"].map {
            ConnectSchema.Field($0, ConnectSchema(.int64).optional)
        }
        var fields =
            rows + [.init("source", Self.source), .init("op", ConnectSchema(.string))] + times
        fields.append(.init("transaction", Self.block.optional))
        if isForAvro {
            fields.append(
                .init("unavailable", ConnectSchema(.array(ConnectSchema(.string))).optional))
        }
        return ConnectSchema(.structure(fields), name + ".Envelope", version: 2)
    }

    private static let block = ConnectSchema(
        .structure([
            .init("id", ConnectSchema(.string)), .init("total_order", ConnectSchema(.int64)),
            .init("data_collection_order", ConnectSchema(.int64)),
        ]), "event.block", version: 1)

    private static let source: ConnectSchema = {
        let (text, number) = (ConnectSchema(.string), ConnectSchema(.int64))
        var snapshot = ConnectSchema.semantic(.string, "io.debezium.data.Enum").optional
        snapshot.parameters = [
            (
                "allowed",
                "true,first,first_in_data_collection,last_in_data_collection,last,false,"
                    + "incremental"
            )
        ]
        snapshot.defaultText = "false"
        return ConnectSchema(
            .structure([
                .init("version", text), .init("connector", text), .init("name", text),
                .init("ts_ms", number), .init("ts_us", number.optional),
                .init("ts_ns", number.optional), .init("snapshot", snapshot), .init("db", text),
                .init("sequence", text.optional), .init("schema", text), .init("table", text),
                .init("txId", number.optional), .init("lsn", number.optional),
                .init("xmin", number.optional),
            ]), "io.debezium.connector.postgresql.Source", version: 1)
    }()

    /// Of a logical message.
    var message: ConnectSchema {
        let block = ConnectSchema(
            .structure([
                .init("prefix", ConnectSchema(.string).optional),
                .init("content", ConnectSchema(.bytes).optional),
            ]), "io.debezium.connector.postgresql.MessageValue"
        ).optional
        return envelope(adjusted(settings.topicPrefix + ".message"), [.init("message", block)])
    }

    static let messageKey = ConnectSchema(
        .structure([.init("prefix", ConnectSchema(.string).optional)]),
        "io.debezium.connector.postgresql.MessageKey")

    /// Of the begin and the end of a transaction.
    static let transaction: ConnectSchema = {
        let count = ConnectSchema(
            .structure([
                .init("data_collection", ConnectSchema(.string)),
                .init("event_count", ConnectSchema(.int64)),
            ]), "event.collection", version: 1)
        return ConnectSchema(
            .structure([
                .init("status", ConnectSchema(.string)), .init("id", ConnectSchema(.string)),
                .init("event_count", ConnectSchema(.int64).optional),
                .init("data_collections", ConnectSchema(.array(count)).optional),
                .init("ts_ms", ConnectSchema(.int64)),
            ]), "io.debezium.connector.common.TransactionMetadataValue", version: 1)
    }()

    static let transactionKey = ConnectSchema(
        .structure([.init("id", ConnectSchema(.string))]),
        "io.debezium.connector.common.TransactionMetadataKey", version: 1)
}
