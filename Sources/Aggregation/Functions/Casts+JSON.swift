import Formats

extension Cast {
    /// Between json and jsonb, and from either to numbers and boolean.
    static func json(_ from: DataType, _ to: DataType) -> Kernel? {
        switch (from, to) {
        case (.jsonb, .json): return { column, _ throws(SQLError) in column.retyped(to) }
        case (.json, .jsonb):
            return { column, context throws(SQLError) in try parse(column, context, to) }
        case (.json, _), (.jsonb, _):
            return { column, context throws(SQLError) in try scalar(column, context, to) }
        default: return nil
        }
    }

    private static func scalar(
        _ column: Column, _ context: KernelContext, _ type: DataType
    ) throws(SQLError) -> Column {
        let views = unsafe column.strings
        let builder = ColumnBuilder(type, capacity: elements(column))
        for row in 0..<elements(column) {
            if isLive(column, context, row) {
                builder.append(try unsafe scalar(views[row].string, type, context.session.text))
            } else {
                builder.appendNull()
            }
        }
        let result = builder.finish()
        return Column(
            type, count: column.count, result.storage, validity: result.validity,
            isConstant: column.isConstant)
    }

    private static func scalar(
        _ text: String, _ type: DataType, _ settings: TextSettings
    ) throws(SQLError) -> Value {
        let kind: String
        switch text.utf8.first(where: { $0 > 0x20 }) {
        case UInt8(ascii: "{"): kind = "object"
        case UInt8(ascii: "["): kind = "array"
        case UInt8(ascii: "\""): kind = "string"
        case UInt8(ascii: "n"): kind = "null"
        case UInt8(ascii: "t"), UInt8(ascii: "f"):
            if type == .boolean { return try TypeText.parse(text, as: .boolean, settings) }
            kind = "boolean"
        default:
            if type != .boolean { return try number(text, type) }
            kind = "numeric"
        }
        throw SQLError("cannot cast jsonb \(kind) to type \(type.baseName)", .invalidParameterValue)
    }

    private static func number(_ text: String, _ type: DataType) throws(SQLError) -> Value {
        let value = try Numeric.parse(text)
        switch type {
        case .numeric(let precision, let scale):
            return .numeric(try value.fitted(precision: precision, scale: scale))
        case .real, .double: return try TypeText.parse("\(value)", as: type)
        default: return .integer(try value.integer(as: type))
        }
    }
}
