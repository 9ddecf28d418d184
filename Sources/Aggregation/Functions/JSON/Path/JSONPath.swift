import Formats

/// SQL/JSON's path language as PostgreSQL has it: what a text of type jsonpath says. A value,
/// parsed by `JSONPathParser` and run over a jsonb by `JSONPathRun`.
struct JSONPath {
    /// Arrays are unwrapped and what is missing is nothing; strict: it is an error.
    var isLax: Bool
    var root: Expression

    indirect enum Expression {
        /// `$`
        case root
        /// `@`, inside a filter.
        case current
        /// `last`, inside subscripts.
        case last
        case literal(JSONTree)
        case variable(String)
        case access(Expression, Step)
        case signed(isNegative: Bool, Expression)
        case arithmetic(Arithmetic, Expression, Expression)
        /// true, false or null for unknown.
        case predicate(Predicate)
    }

    enum Arithmetic: String {
        case add = "+", subtract = "-", multiply = "*", divide = "/"
        case remainder = "%"
    }

    enum Step {
        case member(String)
        case anyMember
        case anyElement
        case subscripts([(from: Expression, to: Expression?)])
        /// Levels below; nil: the deepest, which have none below them.
        case descendants(from: Int?, to: Int?)
        case filter(Predicate)
        case method(Method)
    }

    enum Method: String, CaseIterable {
        case abs, size, type, floor, double, ceiling, keyvalue, datetime
    }

    enum Comparison: String {
        case equal = "==", notEqual = "!=", less = "<", lessOrEqual = "<=", greater = ">"
        case greaterOrEqual = ">="
    }

    indirect enum Predicate {
        case comparison(Comparison, Expression, Expression)
        case and(Predicate, Predicate)
        case or(Predicate, Predicate)
        case not(Predicate)
        case isUnknown(Predicate)
        case exists(Expression)
        case startsWith(Expression, Expression)
        case matches(Expression, pattern: String, RegexOptions)
    }
}

extension JSONPath.Expression {
    /// Behind `.**` what is missing is nothing, also in strict mode.
    var reachesDeep: Bool {
        guard case .access(let base, let step) = self else { return false }
        if case .descendants = step { return true }
        return base.reachesDeep
    }
}
