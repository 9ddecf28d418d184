import Formats

/// The `schema` of Kafka Connect's JSON converter: made once a table, written before each payload.
struct DebeziumSchemas {
    private let settings: EnvelopeSettings
    private var message: [UInt8] = []

    init(_ settings: EnvelopeSettings) { self.settings = settings }

    /// Appends `{"schema":...,"payload":`.
    func appendValue(_ plan: TablePlan, into output: inout OutputBuffer) {
        if !plan.valueSchema.isEmpty { return output.append(plan.valueSchema) }
        let name = topic(plan.table)
        let rows = ["before", "after"].map { field in
            "{\"type\":\"struct\",\"fields\":[\(fields(plan, keyOnly: false))],"
                + "\"optional\":true,\"name\":\"\(Self.escaped(name)).Value\","
                + "\"field\":\"\(field)\"}"
        }
        let text = envelope(name, rows)
        plan.valueSchema = Array(text.utf8)
        output.append(utf8: text)
    }

    func appendKey(_ plan: TablePlan, into output: inout OutputBuffer) {
        if !plan.keySchema.isEmpty { return output.append(plan.keySchema) }
        let text =
            "{\"schema\":{\"type\":\"struct\",\"fields\":[\(fields(plan, keyOnly: true))],"
            + "\"optional\":false,\"name\":\"\(Self.escaped(topic(plan.table))).Key\"},"
            + "\"payload\":"
        plan.keySchema = Array(text.utf8)
        output.append(utf8: text)
    }

    mutating func appendMessage(into output: inout OutputBuffer) {
        if message.isEmpty {
            let block =
                "{\"type\":\"struct\",\"fields\":[\(Self.plain("string", "prefix", true)),"
                + "\(Self.plain("bytes", "content", true))],\"optional\":true,"
                + "\"name\":\"io.debezium.connector.postgresql.MessageValue\","
                + "\"field\":\"message\"}"
            message = Array(envelope(settings.topicPrefix + ".message", [block]).utf8)
        }
        output.append(message)
    }

    private func topic(_ table: CapturedTable) -> String {
        "\(settings.topicPrefix).\(table.schema).\(table.name)"
    }

    private func envelope(_ name: String, _ rows: [String]) -> String {
        let times = ["ts_ms", "ts_us", "ts_ns"].map { Self.plain("int64", $0, true) }
        let transaction =
            "{\"type\":\"struct\",\"fields\":[\(Self.plain("string", "id", false)),"
            + "\(Self.plain("int64", "total_order", false)),"
            + "\(Self.plain("int64", "data_collection_order", false))],\"optional\":true,"
            + "\"name\":\"event.block\",\"version\":1,\"field\":\"transaction\"}"
        let fields =
            rows + [Self.source, Self.plain("string", "op", false)] + times + [transaction]
        return "{\"schema\":{\"type\":\"struct\",\"fields\":[\(fields.joined(separator: ","))],"
            + "\"optional\":false,\"name\":\"\(Self.escaped(name)).Envelope\",\"version\":2},"
            + "\"payload\":"
    }

    private static let source: String = {
        let fields = [
            plain("string", "version", false), plain("string", "connector", false),
            plain("string", "name", false), plain("int64", "ts_ms", false),
            plain("int64", "ts_us", true), plain("int64", "ts_ns", true),
            "{\"type\":\"string\",\"optional\":true,\"name\":\"io.debezium.data.Enum\","
                + "\"version\":1,\"parameters\":{\"allowed\":\"true,first,"
                + "first_in_data_collection,last_in_data_collection,last,false,incremental\"},"
                + "\"default\":\"false\",\"field\":\"snapshot\"}",
            plain("string", "db", false), plain("string", "sequence", true),
            plain("string", "schema", false), plain("string", "table", false),
            plain("int64", "txId", true), plain("int64", "lsn", true), plain("int64", "xmin", true),
        ]
        return "{\"type\":\"struct\",\"fields\":[\(fields.joined(separator: ","))],"
            + "\"optional\":false,\"name\":\"io.debezium.connector.postgresql.Source\","
            + "\"version\":1,\"field\":\"source\"}"
    }()

    private static func plain(_ type: String, _ field: String, _ isOptional: Bool) -> String {
        "{\"type\":\"\(type)\",\"optional\":\(isOptional),\"field\":\"\(field)\"}"
    }

    private static func escaped(_ text: String) -> String {
        var buffer = OutputBuffer(capacity: 64)
        buffer.append(jsonString: text)
        return String(buffer.bytes.string.dropFirst().dropLast())
    }

    private func fields(_ plan: TablePlan, keyOnly: Bool) -> String {
        let chosen = keyOnly ? plan.table.key : Array(plan.columns.indices)
        return chosen.filter { plan.columns[$0].form.kind != .dropped }.map { index in
            let column = plan.table.columns[index]
            let isOptional = column.isNullable && !plan.columns[index].isKey
            return "{\(self.type(plan.columns[index].form, column, plan)),"
                + "\"optional\":\(isOptional),\"field\":\"\(Self.escaped(column.name))\"}"
        }.joined(separator: ",")
    }

    private static func semantic(_ type: String, _ name: String, _ version: Int = 1) -> String {
        "\"type\":\"\(type)\",\"name\":\"\(name)\",\"version\":\(version)"
    }

    /// Literal and semantic type of a form.
    private func type(
        _ form: ValueForm, _ column: CapturedColumn, _ plan: TablePlan
    ) -> String {
        let type = column.type
        switch form.kind {
        case .boolean, .bit: return "\"type\":\"boolean\""
        case .integer:
            switch type.oid {
            case 21: return "\"type\":\"int16\""
            case 23: return "\"type\":\"int32\""
            default: return "\"type\":\"int64\""
            }
        case .number: return type.oid == 700 ? "\"type\":\"float\"" : "\"type\":\"double\""
        case .decimalDouble: return "\"type\":\"double\""
        case .decimalPrecise:
            return Self.semantic("bytes", "org.apache.kafka.connect.data.Decimal")
                + ",\"parameters\":{\"scale\":\"\(form.modifier)\""
                + "\(Self.precision(column))}"
        case .decimalVariable:
            return Self.semantic("struct", "io.debezium.data.VariableScaleDecimal")
                + ",\"fields\":[\(Self.plain("int32", "scale", false)),"
                + "\(Self.plain("bytes", "value", false))]"
        case .money: return self.type(plan.forms[Int(form.element)], column, plan)
        case .base64: return "\"type\":\"bytes\""
        case .bits:
            // One without a length may have any.
            let length = column.modifier > 0 ? Int(column.modifier) : Int(Int32.max)
            return Self.semantic("bytes", "io.debezium.data.Bits")
                + ",\"parameters\":{\"length\":\"\(length)\"}"
        case .length: return "\"type\":\"int64\""
        case .point:
            return Self.semantic("struct", "io.debezium.data.geometry.Point")
                + ",\"fields\":[\(Self.plain("double", "x", false)),"
                + "\(Self.plain("double", "y", false)),"
                + "\(Self.plain("bytes", "wkb", true)),\(Self.plain("int32", "srid", true))]"
        case .array:
            let element = CapturedColumn(
                name: column.name, type: type.element ?? type, modifier: column.modifier)
            return "\"type\":\"array\",\"items\":{"
                + self.type(plan.forms[Int(form.element)], element, plan)
                + ",\"optional\":true}"
        case .hstore:
            return "\"type\":\"map\",\"keys\":{\"type\":\"string\",\"optional\":false},"
                + "\"values\":{\"type\":\"string\",\"optional\":true}"
        case .hstoreText: return Self.semantic("string", "io.debezium.data.Json")
        case .text, .plain, .json, .jsonb: return Self.text(type)
        default: return time(form, isConnect: settings.times == .connect)
        }
    }

    private static func precision(_ column: CapturedColumn) -> String {
        let isNumeric = [1700, 1231].contains(column.type.oid)
        guard isNumeric, column.modifier >= 4 else { return "" }
        return ",\"connect.decimal.precision\":\"\((column.modifier - 4) >> 16 & 0xFFFF)\""
    }

    private static func text(_ type: ColumnType) -> String {
        if type.category == .enumeration {
            return semantic("string", "io.debezium.data.Enum")
                + ",\"parameters\":{\"allowed\":\"\(escaped(type.labels.joined(separator: ",")))\"}"
        }
        switch type.oid {
        case 114, 3802: return semantic("string", "io.debezium.data.Json")
        case 142: return semantic("string", "io.debezium.data.Xml")
        case 2950: return semantic("string", "io.debezium.data.Uuid")
        case 3614: return semantic("string", "io.debezium.data.Tsvector")
        case _ where type.name == "ltree": return semantic("string", "io.debezium.data.Ltree")
        default: return "\"type\":\"string\""
        }
    }

    private func time(_ form: ValueForm, isConnect: Bool) -> String {
        let connect = "org.apache.kafka.connect.data."
        let isMilliseconds = form.modifier == 1_000
        let isNanoseconds = form.modifier == 1_000_000_000
        switch form.kind {
        case .dateDays:
            return Self.semantic("int32", isConnect ? connect + "Date" : "io.debezium.time.Date")
        case .dateISO: return Self.semantic("string", "io.debezium.time.IsoDate")
        case .timeNumber:
            if isConnect { return Self.semantic("int32", connect + "Time") }
            if isMilliseconds { return Self.semantic("int32", "io.debezium.time.Time") }
            return Self.semantic(
                "int64", "io.debezium.time.\(isNanoseconds ? "Nano" : "Micro")Time")
        case .timeISO: return Self.semantic("string", "io.debezium.time.IsoTime")
        case .timetzUTC: return Self.semantic("string", "io.debezium.time.ZonedTime")
        case .timestampNumber:
            if isConnect { return Self.semantic("int64", connect + "Timestamp") }
            if isMilliseconds { return Self.semantic("int64", "io.debezium.time.Timestamp") }
            return Self.semantic(
                "int64", "io.debezium.time.\(isNanoseconds ? "Nano" : "Micro")Timestamp")
        case .timestampISO: return Self.semantic("string", "io.debezium.time.IsoTimestamp")
        case .timestamptz: return Self.semantic("string", "io.debezium.time.ZonedTimestamp")
        case .intervalNumber: return Self.semantic("int64", "io.debezium.time.MicroDuration")
        case .intervalISO: return Self.semantic("string", "io.debezium.time.Interval")
        default: return "\"type\":\"string\""
        }
    }
}
