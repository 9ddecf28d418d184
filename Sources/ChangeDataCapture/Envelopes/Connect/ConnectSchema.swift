import Formats

/// A schema as Kafka Connect has it, which Debezium describes its events with. JSON's converter
/// writes it as it is, Avro's makes a schema of Avro of it.
struct ConnectSchema: Sendable {
    indirect enum Kind: Sendable {
        case boolean, int16, int32, int64, float, double, string, bytes
        case array(ConnectSchema)
        /// Of at most so many dimensions: for Avro, Connect itself has no such type.
        case arrays(ConnectSchema, dimensions: Int)
        /// Of strings to strings or null.
        case map
        case structure([Field])
    }

    struct Field: Sendable {
        let name: String
        let schema: ConnectSchema

        init(_ name: String, _ schema: ConnectSchema) {
            self.name = name
            self.schema = schema
        }
    }

    var kind: Kind
    var isOptional = false
    /// What the type means, such as `io.debezium.time.Date`; of a structure its own.
    var name: String?
    var version: Int?
    var documentation: String?
    var parameters: [(name: String, value: String)] = []
    /// Of a string.
    var defaultText: String?

    init(_ kind: Kind, _ name: String? = nil, version: Int? = nil) {
        self.kind = kind
        self.name = name
        self.version = version
    }

    /// A type with a meaning of its own; Debezium's and Connect's are of version 1.
    static func semantic(_ kind: Kind, _ name: String) -> ConnectSchema {
        ConnectSchema(kind, name, version: 1)
    }

    var optional: ConnectSchema { optional(true) }

    func optional(_ isOptional: Bool) -> ConnectSchema {
        var schema = self
        schema.isOptional = isOptional
        return schema
    }
}

// As the `schema` of Connect's JSON converter.
extension ConnectSchema {
    var json: String {
        var buffer = OutputBuffer(capacity: 1_024)
        append(to: &buffer, field: nil)
        return String(decoding: buffer.array, as: UTF8.self)
    }

    private func append(to output: inout OutputBuffer, field: String?) {
        output.append("{\"type\":\"")
        output.append(typeName)
        output.append(UInt8(ascii: "\""))
        appendParts(to: &output)
        output.append(isOptional ? ",\"optional\":true" : ",\"optional\":false")
        if let name {
            output.append(",\"name\":")
            output.append(jsonString: name)
        }
        if let version {
            output.append(",\"version\":")
            output.append(decimal: Int64(version))
        }
        if let documentation {
            output.append(",\"doc\":")
            output.append(jsonString: documentation)
        }
        if !parameters.isEmpty {
            output.append(",\"parameters\":")
            output.append(parameters: parameters)
        }
        if let defaultText {
            output.append(",\"default\":")
            output.append(jsonString: defaultText)
        }
        if let field {
            output.append(",\"field\":")
            output.append(jsonString: field)
        }
        output.append(UInt8(ascii: "}"))
    }

    private func appendParts(to output: inout OutputBuffer) {
        switch kind {
        case .array(let items), .arrays(let items, _):
            output.append(",\"items\":")
            items.append(to: &output, field: nil)
        case .map:
            output.append(",\"keys\":{\"type\":\"string\",\"optional\":false}")
            output.append(",\"values\":{\"type\":\"string\",\"optional\":true}")
        case .structure(let fields):
            output.append(",\"fields\":[")
            for (index, field) in fields.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                field.schema.append(to: &output, field: field.name)
            }
            output.append(UInt8(ascii: "]"))
        default: break
        }
    }

    private var typeName: StaticString {
        switch kind {
        case .boolean: "boolean"
        case .int16: "int16"
        case .int32: "int32"
        case .int64: "int64"
        case .float: "float"
        case .double: "double"
        case .string: "string"
        case .bytes: "bytes"
        case .array, .arrays: "array"
        case .map: "map"
        case .structure: "struct"
        }
    }
}

extension OutputBuffer {
    /// An object of strings.
    mutating func append(parameters: [(name: String, value: String)]) {
        var separator = UInt8(ascii: "{")
        for (name, value) in parameters {
            append(separator)
            separator = UInt8(ascii: ",")
            append(jsonString: name)
            append(UInt8(ascii: ":"))
            append(jsonString: value)
        }
        append(UInt8(ascii: "}"))
    }
}
