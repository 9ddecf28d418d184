import Aggregation
import Formats

/// Computes expressions without columns while a statement is bound.
enum ConstantFolding {
    /// The literal that an expression is; itself where it is none.
    static func value(
        of expression: Expression, _ settings: SessionSettings
    ) throws(SQLError) -> Expression {
        if let simple = retagged(expression) { return simple }
        return expression
    }

    /// A cast of a column of a query; literals without a type are read as the new one.
    static func cast(_ expression: Expression, to type: DataType) throws(SQLError) -> Expression {
        if expression.type == type { return expression }
        if case .literal(.null, _) = expression { return .literal(.null, type) }
        if case .literal(.text(let text), .unknown) = expression {
            return try value(
                of: .cast(.literal(.text(text), .text), type, isTry: false), SessionSettings())
        }
        return .cast(expression, type, isTry: false)
    }

    /// Casts that change nothing but the type's name.
    private static func retagged(_ expression: Expression) -> Expression? {
        guard case .cast(.literal(let value, let source), let type, _) = expression else {
            return nil
        }
        switch (value, type) {
        case (.null, _): return .literal(.null, type)
        case (.integer, .bigint) where source.isInteger: return .literal(value, type)
        case (.integer(let number), .double) where source.isInteger:
            return .literal(.double(Double(number)), type)
        case (.integer(let number), .numeric(nil, _)) where source.isInteger:
            return .literal(.numeric(Numeric(number)), type)
        case (.text, .text): return .literal(value, .text)
        default: return nil
        }
    }
}

/// Which casts exist.
enum CastRules {
    static func allows(_ source: DataType, _ target: DataType, explicit: Bool) -> Bool { true }
}
