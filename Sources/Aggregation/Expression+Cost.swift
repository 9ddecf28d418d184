import Formats

// What an expression costs a row, and whether it may fail, for the order of conditions.
extension Expression {
    /// Conditions of AND or OR with those first that cost little and cannot fail, so that the
    /// others are asked for fewer rows. What may fail is never asked for a row that an earlier
    /// condition has kept from it.
    public static func cheapFirst(_ conditions: [Expression]) -> [Expression] {
        guard let costly = conditions.firstIndex(where: \.isCostly) else { return conditions }
        let behind = conditions[costly...]
        let cheap = behind.filter { !$0.isCostly && $0.isSafe }
        return Array(conditions[..<costly]) + cheap + behind.filter { $0.isCostly || !$0.isSafe }
    }

    /// It matches regular expressions, or reads JSON.
    private var isCostly: Bool {
        if case .call(let function, _, _) = self, Expression.isCostly(function.name) { return true }
        return children.contains(where: \.isCostly)
    }

    private static func isCostly(_ name: String) -> Bool {
        name.hasPrefix("regexp_") || ["~", "~*", "!~", "!~*"].contains(name)
    }

    /// It throws for no input.
    private var isSafe: Bool {
        switch self {
        case .column, .literal, .isNull, .not, .and, .or, .isIn, .coalesce, .member, .choice:
            children.allSatisfy(\.isSafe)
        case .call(let function, let arguments, _):
            CallNode.safeFunctions.contains(function.name) && arguments.allSatisfy(\.isSafe)
        default: false
        }
    }
}
