import Formats

extension CapturedColumn {
    /// As SQL writes the type: `numeric(10,2)`, `varchar(9)`, `int4`, `text[]`.
    var typeExpression: String {
        if let element = type.element {
            return CapturedColumn(name: "", type: element, modifier: modifier).typeExpression + "[]"
        }
        let name = type.schema == "pg_catalog" ? type.name : "\(type.schema).\(type.name)"
        let sizes = [length, scale].compactMap { $0 }.map(String.init).joined(separator: ",")
        return sizes.isEmpty ? name : "\(name)(\(sizes))"
    }

    /// Digits, characters, bits or digits of a second; nil without a limit.
    var length: Int32? {
        guard modifier >= 0 else { return nil }
        return switch type.oid {
        case 1700: (modifier - 4) >> 16 & 0xFFFF
        case 1042, 1043: modifier - 4
        case 1560, 1562, 1083, 1114, 1184, 1266: modifier
        default: nil
        }
    }

    var scale: Int32? { type.oid == 1700 && modifier >= 4 ? (modifier - 4) & 0x7FF : nil }

    /// Of `java.sql.Types`, which Debezium's events name.
    fileprivate var jdbcType: Int64 {
        if type.category == .array { return 2003 }
        return switch type.oid {
        case 16, 1560: -7
        case 21: 5
        case 23: 4
        case 20, 26: -5
        case 700: 7
        case 701, 790: 8
        case 1700: 2
        case 1042: 1
        case 25, 1043, 19: 12
        case 17: -2
        case 1082: 91
        case 1083, 1266: 92
        case 1114, 1184: 93
        default: 1111
        }
    }
}

extension OutputBuffer {
    mutating func append(keyNamesOf table: CapturedTable) {
        append(jsonStrings: table.key.map { table.columns[$0].name })
    }

    mutating func append(objectsOf statement: SourceStatement) {
        append(jsonStrings: statement.objects)
    }

    private mutating func append(jsonStrings strings: [String]) {
        append(UInt8(ascii: "["))
        for (place, string) in strings.enumerated() {
            if place > 0 { append(UInt8(ascii: ",")) }
            append(jsonString: string)
        }
        append(UInt8(ascii: "]"))
    }

    /// The columns as Debezium's schema changes describe them.
    mutating func append(columnDescriptionsOf table: CapturedTable) {
        append(UInt8(ascii: "["))
        for (index, column) in table.columns.enumerated() {
            append(index > 0 ? ",{\"name\":" : "{\"name\":")
            append(jsonString: column.name)
            append(",\"jdbcType\":")
            append(decimal: column.jdbcType)
            append(",\"nativeType\":")
            append(decimal: Int64(column.type.oid))
            append(",\"typeName\":")
            append(jsonString: column.type.name)
            append(",\"typeExpression\":")
            append(jsonString: column.typeExpression)
            append(",\"charsetName\":null,\"length\":")
            append(number: column.length)
            append(",\"scale\":")
            append(number: column.scale)
            append(",\"position\":")
            append(decimal: Int64(index + 1))
            append(column.isNullable ? ",\"optional\":true" : ",\"optional\":false")
            append(",\"autoIncremented\":false,\"generated\":false}")
        }
        append(UInt8(ascii: "]"))
    }

    private mutating func append(number: Int32?) {
        if let number { append(decimal: Int64(number)) } else { append("null") }
    }
}
