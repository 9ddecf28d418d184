import Aggregation
import Formats

// Other expressions that give the same with less work.
extension Expression {
    var cheaper: Expression {
        let inner = mapChildren { (child: Expression) -> Expression in child.cheaper }
        switch inner {
        case .call(let function, let arguments, _):
            return Expression.integerComparison(function, arguments)
                ?? Expression.groupOfMatch(function, arguments) ?? inner
        case .and(let list): return .and(Expression.cheapFirst(list))
        case .or(let list): return .or(Expression.cheapFirst(list))
        default: return inner
        }
    }

    /// `0.908 * n > 1000000` of an integer n as n > 1101321: a decimal times an integer is compared
    /// with another decimal as the integer is with their quotient, rounded to the right side.
    private static func integerComparison(
        _ function: ScalarFunction, _ arguments: [Expression]
    ) -> Expression? {
        guard arguments.count == 2, ["<", "<=", ">", ">="].contains(function.name) else {
            return nil
        }
        var isLess = function.name.hasPrefix("<")
        let holdsEqual = function.name.hasSuffix("=")
        let (operand, bound): (Expression, Numeric)
        if let value = arguments[1].decimal {
            (operand, bound) = (arguments[0], value)
        } else if let value = arguments[0].decimal {
            (operand, bound) = (arguments[1], value)
            isLess.toggle()
        } else {
            return nil
        }
        guard let (integer, factor) = operand.scaledInteger, factor.signum != 0 else { return nil }
        if factor.signum < 0 { isLess.toggle() }
        // n < q and n >= q where q is no integer are so for the next larger one.
        guard let limit = bound.quotient(by: factor, roundsUp: isLess != holdsEqual),
            let comparison = try? FunctionRegistry.scalar(
                (isLess ? "<" : ">") + (holdsEqual ? "=" : ""), [.bigint, .bigint])
        else { return nil }
        let whole =
            integer.type == .bigint ? integer : .cast(integer, .bigint, isTry: false)
        return .call(comparison, [whole, .literal(.integer(limit), .bigint)], .boolean)
    }

    /// A numeric literal that is finite.
    private var decimal: Numeric? {
        guard case .literal(.numeric(let value), .numeric) = self, value.isFinite else {
            return nil
        }
        return value
    }

    /// An integer cast to numeric, and the literal that it is multiplied by.
    private var scaledInteger: (integer: Expression, factor: Numeric)? {
        switch self {
        case .cast(let inner, .numeric(nil, _), _):
            switch inner.type {
            case .smallint, .integer, .bigint: return (inner, .one)
            default: return nil
            }
        case .call(let function, let arguments, .numeric(nil, _)):
            guard function.name == "*", arguments.count == 2 else { return nil }
            if let factor = arguments[0].decimal, let found = arguments[1].scaledInteger {
                return (found.integer, factor * found.factor)
            }
            guard let factor = arguments[1].decimal, let found = arguments[0].scaledInteger else {
                return nil
            }
            return (found.integer, factor * found.factor)
        default: return nil
        }
    }

    /// One group of the first match without the array of all of them:
    /// `(regexp_match(text, pattern))[1]`.
    private static func groupOfMatch(
        _ function: ScalarFunction, _ arguments: [Expression]
    ) -> Expression? {
        guard function.name == "[]", arguments.count == 2,
            case .call(let match, let operands, _) = arguments[0],
            match.name == "regexp_match", operands.count == 2,
            case .literal(.integer(let group), _) = arguments[1], group > 0
        else { return nil }
        let function = FunctionRegistry.matchedGroup
        return .call(function, operands + [.literal(.integer(group), .integer)], .text)
    }
}

extension Numeric {
    /// The integer next to the quotient of two finite numbers; nil beyond 64 bits.
    fileprivate func quotient(by divisor: Numeric, roundsUp: Bool) -> Int64? {
        guard let whole = try? wholeQuotient(by: divisor), let towardsZero = whole.integer else {
            return nil
        }
        let rest = self - whole * divisor
        if rest.signum == 0 { return towardsZero }
        let isPositive = rest.signum == divisor.signum
        let step: Int64 = isPositive && roundsUp ? 1 : !isPositive && !roundsUp ? -1 : 0
        let (result, overflow) = towardsZero.addingReportingOverflow(step)
        return overflow ? nil : result
    }
}
