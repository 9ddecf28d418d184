import Formats

extension Expression {
    /// The same expression, with what is known before any row is read put as literals: immutable
    /// functions and casts of literals, branches that are never or always taken. What fails stays,
    /// so that it fails when a row reaches it.
    public func folded(_ settings: SessionSettings) -> Expression {
        let inner = mapChildren { $0.folded(settings) }
        switch inner {
        case .call(let function, let arguments, let type):
            // As PostgreSQL has it, what else the call takes is not computed then.
            if function.isStrict, arguments.contains(where: { $0.literalValue == .null }) {
                return .literal(.null, type)
            }
            guard function.volatility == .immutable, arguments.allSatisfy({ $0.isLiteral }) else {
                return inner
            }
            return inner.evaluated(settings)
        case .cast(let operand, let type, _):
            if operand.type == type { return operand }
            return operand.isLiteral ? inner.evaluated(settings) : inner
        case .not(let operand), .isNull(let operand), .isIn(let operand, _, _):
            return operand.isLiteral ? inner.evaluated(settings) : inner
        case .isDistinct(let a, let b):
            return a.isLiteral && b.isLiteral ? inner.evaluated(settings) : inner
        case .and(let list): return Expression.junction(list, isAnd: true)
        case .or(let list): return Expression.junction(list, isAnd: false)
        case .choice(let branches, let otherwise, let type):
            return Expression.choice(simplified: branches, otherwise, type)
        case .coalesce(let list, let type): return Expression.coalesce(simplified: list, type)
        default: return inner
        }
    }

    public var isLiteral: Bool {
        if case .literal = self { return true }
        return false
    }

    private var literalValue: Value? {
        if case .literal(let value, _) = self { return value }
        return nil
    }

    private func evaluated(_ settings: SessionSettings) -> Expression {
        guard let value = try? Evaluator.value(self, settings: settings) else { return self }
        return .literal(value, type)
    }

    private static func junction(_ list: [Expression], isAnd: Bool) -> Expression {
        let neutral = Value.boolean(isAnd)
        let decisive = Value.boolean(!isAnd)
        var open: [Expression] = []
        for item in list {
            if item.literalValue == decisive { return .literal(decisive, .boolean) }
            if item.literalValue == neutral { continue }
            switch item {
            case .and(let more) where isAnd: open += more
            case .or(let more) where !isAnd: open += more
            default: open.append(item)
            }
        }
        if open.isEmpty { return .literal(neutral, .boolean) }
        return open.count == 1 ? open[0] : isAnd ? .and(open) : .or(open)
    }

    private static func choice(
        simplified branches: [Branch], _ otherwise: Expression?, _ type: DataType
    ) -> Expression {
        var open: [Branch] = []
        for branch in branches {
            switch branch.condition.literalValue {
            case .boolean(true)?:
                return open.isEmpty
                    ? branch.result : .choice(open, otherwise: branch.result, type)
            case .boolean(false)?, .null?: continue
            default: open.append(branch)
            }
        }
        if open.isEmpty { return otherwise ?? .literal(.null, type) }
        return .choice(open, otherwise: otherwise, type)
    }

    private static func coalesce(simplified list: [Expression], _ type: DataType) -> Expression {
        var open: [Expression] = []
        for item in list {
            if let value = item.literalValue {
                if value.isNull { continue }
                open.append(item)
                break
            }
            open.append(item)
        }
        if open.isEmpty { return .literal(.null, type) }
        return open.count == 1 ? open[0] : .coalesce(open, type)
    }
}
