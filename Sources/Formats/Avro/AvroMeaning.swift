/// What a type means beside what its bytes are: Avro's logical types, and the names and parameters
/// that Kafka Connect and Debezium write beside them.
struct AvroMeaning {
    private typealias Node = AvroReadingSchema.Node

    private var logical = ""
    /// Connect's name, such as `io.debezium.time.Date`.
    private var name = ""
    private var scale: Int32 = 0
    /// The type of the column in the database, as `column.propagate.source.type` writes it.
    private var source = ""

    private static let connect = "org.apache.kafka.connect.data."
    private static let debezium = "io.debezium."

    init(_ members: AvroMembers, _ text: RawSpan) {
        logical = members.string("logicalType", text) ?? ""
        name = members.string("connect.name", text) ?? ""
        if let place = members["scale"], let number = text.integer(place) {
            scale = Int32(clamping: number)
        }
        guard let place = members["connect.parameters"] else { return }
        let inner = text.extracting(place)
        guard let parameters = try? AvroMembers(inner) else { return }
        if members["scale"] == nil, let digits = parameters.string("scale", inner) {
            scale = Int32(digits) ?? 0
        }
        source = parameters.string("__debezium.source.column.type", inner)?.uppercased() ?? ""
    }

    /// Of an int or a long. Connect's times have no zone, Avro's own are instants.
    var integer: AvroReadingSchema.Node {
        switch name {
        case Self.debezium + "time.Date", Self.connect + "Date": return Node(.date)
        case Self.debezium + "time.Timestamp", Self.connect + "Timestamp":
            return node(.timestamp, .milliseconds)
        case Self.debezium + "time.MicroTimestamp": return node(.timestamp, .microseconds)
        case Self.debezium + "time.NanoTimestamp": return node(.timestamp, .nanoseconds)
        case Self.debezium + "time.Time", Self.connect + "Time": return node(.time, .milliseconds)
        case Self.debezium + "time.MicroTime": return node(.time, .microseconds)
        case Self.debezium + "time.NanoTime": return node(.time, .nanoseconds)
        case Self.debezium + "time.MicroDuration": return node(.duration, .microseconds)
        case Self.debezium + "time.NanoDuration": return node(.duration, .nanoseconds)
        default: break
        }
        switch logical {
        case "date": return Node(.date)
        case "time-millis": return node(.time, .milliseconds)
        case "time-micros": return node(.time, .microseconds)
        case "timestamp-millis": return node(.instant, .milliseconds)
        case "timestamp-micros": return node(.instant, .microseconds)
        case "timestamp-nanos": return node(.instant, .nanoseconds)
        case "local-timestamp-millis": return node(.timestamp, .milliseconds)
        case "local-timestamp-micros": return node(.timestamp, .microseconds)
        case "local-timestamp-nanos": return node(.timestamp, .nanoseconds)
        default: return Node(.integer)
        }
    }

    private func node(
        _ operation: AvroReadingSchema.Operation, _ unit: EnvelopeEncoding.Unit
    ) -> AvroReadingSchema.Node {
        var node = Node(operation)
        node.unit = unit
        return node
    }

    private var isDecimal: Bool { logical == "decimal" || name == Self.connect + "Decimal" }

    var bytes: AvroReadingSchema.Node {
        var node = Node(isDecimal ? .decimal : .bytes)
        node.scale = scale
        return node
    }

    func fixed(_ size: Int) -> AvroReadingSchema.Node {
        var operation = AvroReadingSchema.Operation.fixed
        if isDecimal { operation = .fixedDecimal }
        if logical == "uuid", size == 16 { operation = .fixedUUID }
        if logical == "duration", size == 12 { operation = .months }
        var node = Node(operation)
        node.size = Int32(size)
        node.scale = scale
        return node
    }

    var string: AvroReadingSchema.Node {
        switch textType {
        case .json: Node(.json)
        case .numeric: Node(.digits)
        case .text: Node(.string)
        default: Node(.word)
        }
    }

    /// Of a string.
    var textType: DataType {
        switch name {
        case Self.debezium + "data.Uuid": return .uuid
        case Self.debezium + "data.Json": return .json
        case Self.debezium + "time.ZonedTimestamp": return .timestamptz
        default: break
        }
        if logical == "uuid" { return .uuid }
        return ["NUMERIC", "DECIMAL", "MONEY"].contains(source) ? .anyNumeric : .text
    }

    var isVariableDecimal: Bool { name == Self.debezium + "data.VariableScaleDecimal" }
}
