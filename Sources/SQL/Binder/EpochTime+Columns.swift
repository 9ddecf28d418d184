import Aggregation
import Formats

extension EpochTime {
    /// A time column as a date or timestamp; `name` stands in the error.
    static func time(
        _ expression: Expression, _ name: String, _ unit: EpochUnit = .byMagnitude
    ) throws(SQLError) -> Expression {
        if expression.type.isTime { return expression }
        guard expression.type.isNumber else {
            throw SQLError(
                "time column \"\(name)\" must be a date, timestamp or number, not "
                    + expression.type.typeName, .datatypeMismatch)
        }
        return time(number: expression, unit)
    }
}
