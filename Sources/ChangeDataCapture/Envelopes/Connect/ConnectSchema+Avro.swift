import Formats

// As Confluent's Avro converter (AvroData) writes it.
extension ConnectSchema {
    /// Without Connect's parameter Avro's decimals have so many digits.
    private static let decimalPrecision = 64
    static let decimalName = "org.apache.kafka.connect.data.Decimal"
    static let precisionParameter = "connect.decimal.precision"

    var avro: AvroSchema {
        guard isOptional else { return plainAvro }
        let null = AvroSchema.primitive(.null)
        // A default is one of the first branch.
        return .union(defaultText == nil ? [null, plainAvro] : [plainAvro, null])
    }

    private var plainAvro: AvroSchema {
        switch kind {
        case .boolean: .primitive(.boolean, properties())
        case .int16: .primitive(.int, properties(connectType: "int16"))
        case .int32: .primitive(.int, properties())
        case .int64: .primitive(.long, properties())
        case .float: .primitive(.float, properties())
        case .double: .primitive(.double, properties())
        case .string: .primitive(.string, properties())
        case .bytes: .primitive(.bytes, properties())
        case .array(let items): .array(items.avro, properties())
        case .arrays(let items, let dimensions):
            .array(items.elements(dimensions), properties())
        case .map: .map(.union([.primitive(.null), .primitive(.string)]), properties())
        case .structure(let fields): record(fields)
        }
    }

    /// Null, an element, or an array of one dimension less.
    private func elements(_ dimensions: Int) -> AvroSchema {
        let branches = [.primitive(.null), plainAvro]
        guard dimensions > 1 else { return .union(branches) }
        return .union(branches + [.array(elements(dimensions - 1))])
    }

    private func record(_ fields: [Field]) -> AvroSchema {
        let parts = (name ?? "ConnectDefault").split(separator: ".").map(String.init)
        return .record(
            namespace: parts.dropLast().joined(separator: "."), name: parts.last ?? "",
            fields.map { field in
                let schema = field.schema
                let value = schema.defaultText.map(Self.json) ?? (schema.isOptional ? "null" : nil)
                return AvroSchema.Field(field.name, schema.avro, defaultJSON: value)
            }, properties())
    }

    private func properties(connectType: String? = nil) -> [AvroSchema.Property] {
        var all: [AvroSchema.Property] = []
        func add(_ name: String, _ json: String?) {
            if let json { all.append(AvroSchema.Property(name, json: json)) }
        }
        if name == Self.decimalName {
            let precision = parameter(Self.precisionParameter) ?? "\(Self.decimalPrecision)"
            add("scale", parameter("scale"))
            add("precision", precision)
        }
        add("connect.doc", documentation.map(Self.json))
        add("connect.version", version.map(String.init))
        if !parameters.isEmpty {
            var buffer = OutputBuffer(capacity: 128)
            buffer.append(parameters: parameters)
            add("connect.parameters", String(decoding: buffer.array, as: UTF8.self))
        }
        add("connect.default", defaultText.map(Self.json))
        add("connect.name", name.map(Self.json))
        add("connect.type", connectType.map(Self.json))
        add("logicalType", logicalType.map(Self.json))
        return all
    }

    private func parameter(_ name: String) -> String? {
        parameters.first { $0.name == name }?.value
    }

    private var logicalType: String? {
        switch name {
        case Self.decimalName: "decimal"
        case "org.apache.kafka.connect.data.Date": "date"
        case "org.apache.kafka.connect.data.Time": "time-millis"
        case "org.apache.kafka.connect.data.Timestamp": "timestamp-millis"
        default: nil
        }
    }

    private static func json(_ text: String) -> String {
        var buffer = OutputBuffer(capacity: 64)
        buffer.append(jsonString: text)
        return String(decoding: buffer.array, as: UTF8.self)
    }
}
