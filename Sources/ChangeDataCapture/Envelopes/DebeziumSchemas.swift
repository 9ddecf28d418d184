import Formats

/// The `schema` of Kafka Connect's JSON converter: made once a table, written before each payload.
struct DebeziumSchemas {
    private let schemas: ConnectSchemas
    private var message: [UInt8] = []

    init(_ settings: EnvelopeSettings) { schemas = ConnectSchemas(settings: settings) }

    /// Appends `{"schema":...,"payload":`.
    func appendValue(_ plan: TablePlan, into output: inout OutputBuffer) {
        if plan.valueSchema.isEmpty {
            plan.valueSchema = Self.lead(schemas.envelope(plan, Array(plan.columns.indices)))
        }
        output.append(plan.valueSchema)
    }

    func appendKey(_ plan: TablePlan, into output: inout OutputBuffer) {
        if plan.keySchema.isEmpty { plan.keySchema = Self.lead(schemas.key(plan)) }
        output.append(plan.keySchema)
    }

    mutating func appendMessage(into output: inout OutputBuffer) {
        if message.isEmpty { message = Self.lead(schemas.message) }
        output.append(message)
    }

    private static func lead(_ schema: ConnectSchema) -> [UInt8] {
        Array("{\"schema\":\(schema.json),\"payload\":".utf8)
    }
}
