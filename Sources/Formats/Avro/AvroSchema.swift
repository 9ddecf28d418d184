/// A schema of Avro 1.11 with properties that Avro itself has no meaning for.
public indirect enum AvroSchema: Sendable {
    public enum Primitive: String, Sendable {
        case null, boolean, int, long, float, double, bytes, string
    }

    /// `"name":json`, beside the type.
    public struct Property: Sendable {
        public let name: String
        public let json: String

        public init(_ name: String, json: String) {
            self.name = name
            self.json = json
        }
    }

    public struct Field: Sendable {
        public let name: String
        public let schema: AvroSchema
        /// The default as JSON; nil: none.
        public let defaultJSON: String?

        public init(_ name: String, _ schema: AvroSchema, defaultJSON: String? = nil) {
            self.name = name
            self.schema = schema
            self.defaultJSON = defaultJSON
        }
    }

    case primitive(Primitive, [Property] = [])
    case array(AvroSchema, [Property] = [])
    case map(AvroSchema, [Property] = [])
    /// Named by a namespace and a name in it. One that comes again is written as its name.
    case record(namespace: String, name: String, [Field], [Property] = [])
    case union([AvroSchema])
}

extension AvroSchema {
    /// As Avro's Java library prints it, which registries compare.
    public var json: String {
        var buffer = OutputBuffer(capacity: 1_024)
        var known: Set<String> = []
        append(to: &buffer, in: "", &known)
        return String(decoding: buffer.array, as: UTF8.self)
    }

    private func append(
        to output: inout OutputBuffer, in enclosing: String, _ known: inout Set<String>
    ) {
        switch self {
        case .primitive(let type, let properties):
            if properties.isEmpty { return output.append(jsonString: type.rawValue) }
            output.append("{\"type\":")
            output.append(jsonString: type.rawValue)
            output.append(properties)
        case .array(let items, let properties):
            output.append("{\"type\":\"array\",\"items\":")
            items.append(to: &output, in: enclosing, &known)
            output.append(properties)
        case .map(let values, let properties):
            output.append("{\"type\":\"map\",\"values\":")
            values.append(to: &output, in: enclosing, &known)
            output.append(properties)
        case .union(let branches):
            for (index, branch) in branches.enumerated() {
                output.append(UInt8(ascii: index == 0 ? "[" : ","))
                branch.append(to: &output, in: enclosing, &known)
            }
            output.append(UInt8(ascii: "]"))
        case .record(let namespace, let name, let fields, let properties):
            let full = namespace.isEmpty ? name : "\(namespace).\(name)"
            guard known.insert(full).inserted else {
                return output.append(jsonString: namespace == enclosing ? name : full)
            }
            output.append("{\"type\":\"record\",\"name\":")
            output.append(jsonString: name)
            if namespace != enclosing {
                output.append(",\"namespace\":")
                output.append(jsonString: namespace)
            }
            output.append(",\"fields\":[")
            for (index, field) in fields.enumerated() {
                output.append(index == 0 ? "{\"name\":" : ",{\"name\":")
                output.append(jsonString: field.name)
                output.append(",\"type\":")
                field.schema.append(to: &output, in: namespace, &known)
                if let value = field.defaultJSON {
                    output.append(",\"default\":")
                    output.append(utf8: value)
                }
                output.append(UInt8(ascii: "}"))
            }
            output.append(UInt8(ascii: "]"))
            output.append(properties)
        }
    }
}

extension OutputBuffer {
    /// And the end of the object that they are in.
    fileprivate mutating func append(_ properties: [AvroSchema.Property]) {
        for property in properties {
            append(UInt8(ascii: ","))
            append(jsonString: property.name)
            append(UInt8(ascii: ":"))
            append(utf8: property.json)
        }
        append(UInt8(ascii: "}"))
    }
}
