import Formats

extension TypeName {
    /// The type that the name means.
    public func resolved() throws(SQLError) -> DataType {
        var type = try element()
        for _ in 0..<arrayDepth { type = .array(type) }
        return type
    }

    private func element() throws(SQLError) -> DataType {
        if !members.isEmpty {
            var fields: [Field] = []
            for (name, type) in members { fields.append(Field(name.text, try type.resolved())) }
            return .record(fields)
        }
        switch name {
        case "numeric", "decimal", "dec": return try numeric()
        case "varchar", "character varying", "char varying": return .varchar(try length())
        case "char", "character", "nchar", "bpchar":
            if name == "bpchar", modifiers.isEmpty { return .char(nil) }
            return .char(try length() ?? 1)
        case "float":
            guard let bits = modifiers.first else { return .double }
            guard bits >= 1, bits <= 53 else {
                throw SQLError(
                    bits < 1
                        ? "precision for type float must be at least 1 bit"
                        : "precision for type float must be less than 54 bits",
                    .invalidParameterValue, at: place)
            }
            return bits <= 24 ? .real : .double
        default: break
        }
        guard let type = TypeName.plain[name] else {
            throw SQLError("type \"\(name)\" does not exist", .undefinedObject, at: place)
                .suggesting(Array(TypeName.plain.keys), for: name)
        }
        return type
    }

    private func length() throws(SQLError) -> Int32? {
        guard let length = modifiers.first else { return nil }
        let type = name.hasPrefix("v") || name.hasSuffix("varying") ? "varchar" : "char"
        guard length >= 1 else {
            throw SQLError(
                "length for type \(type) must be at least 1", .invalidParameterValue, at: place)
        }
        guard length <= 10_485_760 else {
            throw SQLError(
                "length for type \(type) cannot exceed 10485760", .invalidParameterValue,
                at: place)
        }
        return Int32(length)
    }

    private func numeric() throws(SQLError) -> DataType {
        guard let precision = modifiers.first else { return .anyNumeric }
        guard precision >= 1, precision <= 1000 else {
            throw SQLError(
                "NUMERIC precision \(precision) must be between 1 and 1000",
                .invalidParameterValue, at: place)
        }
        let scale = modifiers.count > 1 ? modifiers[1] : 0
        guard scale >= -1000, scale <= 1000 else {
            throw SQLError(
                "NUMERIC scale \(scale) must be between -1000 and 1000", .invalidParameterValue,
                at: place)
        }
        return .numeric(precision: Int16(precision), scale: Int16(scale))
    }

    private static let plain: [String: DataType] = [
        "boolean": .boolean, "bool": .boolean,
        "smallint": .smallint, "int2": .smallint, "tinyint": .smallint,
        "integer": .integer, "int": .integer, "int4": .integer,
        "bigint": .bigint, "int8": .bigint, "long": .bigint,
        "real": .real, "float4": .real,
        "double precision": .double, "double": .double, "float8": .double,
        "text": .text, "string": .text, "name": .text,
        "bytea": .bytea, "bytes": .bytea, "varbinary": .bytea,
        "date": .date, "time": .time, "time without time zone": .time,
        "timestamp": .timestamp, "timestamp without time zone": .timestamp,
        "timestamp_ntz": .timestamp,
        "timestamptz": .timestamptz, "timestamp with time zone": .timestamptz,
        "timestamp_ltz": .timestamptz, "timestamp with local time zone": .timestamptz,
        "interval": .interval, "uuid": .uuid, "json": .json, "jsonb": .jsonb,
        // A path is read when it is run.
        "jsonpath": .text,
    ]
}

extension DataType {
    /// What a column is called that is a cast to this type and nothing else (PostgreSQL's
    /// internal names).
    var internalName: String {
        switch self {
        case .boolean: "bool"
        case .smallint: "int2"
        case .integer: "int4"
        case .bigint: "int8"
        case .real: "float4"
        case .double: "float8"
        case .numeric: "numeric"
        case .varchar: "varchar"
        case .char: "bpchar"
        case .time: "time"
        case .timestamp: "timestamp"
        case .timestamptz: "timestamptz"
        case .array(let element): element.internalName
        case .record: "row"
        default: description
        }
    }
}
