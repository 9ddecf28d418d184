import Aggregation
import Formats

/// Computes expressions without columns while a statement is bound.
enum ConstantFolding {
    /// The literal that an expression is; itself where rows or the statement's time decide.
    static func value(
        of expression: Expression, _ settings: SessionSettings
    ) throws(SQLError) -> Expression {
        if expression.isLiteral || !expression.isFixed { return expression }
        return .literal(try Evaluator.value(expression, settings: settings), expression.type)
    }

    /// A cast of a column of a query; literals without a type are read as the new one.
    static func cast(
        _ expression: Expression, to type: DataType, _ settings: SessionSettings
    ) throws(SQLError) -> Expression {
        if expression.type == type { return expression }
        if case .literal(.null, _) = expression { return .literal(.null, type) }
        if case .literal(.text(let text), .unknown) = expression {
            return try value(
                of: .cast(.literal(.text(text), .text), type, isTry: false), settings)
        }
        return .cast(expression, type, isTry: false)
    }
}

extension Expression {
    /// The same for every row and in every statement.
    fileprivate var isFixed: Bool {
        isConstant
            && !contains {
                if case .now = $0 { return true }
                return false
            }
    }
}
