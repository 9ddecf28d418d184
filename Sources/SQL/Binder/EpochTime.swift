import Aggregation
import Formats

/// Times that are numbers: seconds, milliseconds, microseconds or nanoseconds since 1970, told
/// apart by their magnitude (QUERY.md §2).
enum EpochTime {
    /// A time column as a date or timestamp; `name` stands in the error.
    static func time(_ expression: Expression, _ name: String) throws(SQLError) -> Expression {
        if expression.type.isTime { return expression }
        if expression.type.isInteger { return .call(fromInteger, [expression], .timestamptz) }
        if expression.type.isNumber {
            return .call(fromInteger, [.cast(expression, .bigint, isTry: false)], .timestamptz)
        }
        throw SQLError(
            "time column \"\(name)\" must be a date, timestamp or number, not "
                + expression.type.typeName, .datatypeMismatch)
    }

    static let fromInteger = ScalarFunction("epoch_time", [.bigint], .timestamptz) {
        (arguments, context) throws(SQLError) in
        let source = arguments[0]
        let builder = ColumnBuilder(.timestamptz, capacity: context.count)
        for row in 0..<context.count {
            switch source.value(row) {
            case .integer(let value): builder.append(.integer(microseconds(value)))
            default: builder.append(.null)
            }
        }
        return builder.finish()
    }

    /// Seconds reach 1e11 in the year 5138, milliseconds are below that until 1973.
    static func microseconds(_ value: Int64) -> Int64 {
        switch value.magnitude {
        case ..<100_000_000_000: value &* 1_000_000
        case ..<100_000_000_000_000: value &* 1_000
        case ..<100_000_000_000_000_000: value
        default: value / 1_000
        }
    }
}
