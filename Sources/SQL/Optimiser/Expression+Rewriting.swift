import Aggregation
import Formats

extension Expression {
    /// Replaces expressions from the outside in, those of subqueries too: where `replace` gives
    /// one, it stands. `depth` tells how many levels of subqueries lie around: at depth d a column
    /// of the level where this began is `outer(i, depth: d)`.
    func rewrite(
        depth: Int = 0, _ replace: (Expression, Int) throws(SQLError) -> Expression?
    ) throws(SQLError) -> Expression {
        if let replaced = try replace(self, depth) { return replaced }
        guard case .subquery(var subquery) = self else {
            return try mapChildren { (child) throws(SQLError) in
                try child.rewrite(depth: depth, replace)
            }
        }
        subquery.plan = try subquery.plan.rewrite(depth: depth + 1, replace)
        if case .any(let condition) = subquery.kind {
            subquery.kind = .any(try condition.rewrite(depth: depth + 1, replace))
        }
        return .subquery(subquery)
    }

    /// The same for replacements that cannot fail.
    func replacing(depth: Int = 0, _ replace: (Expression, Int) -> Expression?) -> Expression {
        let result = try? rewrite(depth: depth) { (inner, level) throws(SQLError) in
            replace(inner, level)
        }
        return result ?? self
    }

    /// The expression as a query `levels` further in writes it.
    func seenFromInside(_ levels: Int) -> Expression {
        guard levels > 0 else { return self }
        return replacing { expression, depth in
            switch expression {
            case .column(let index, let type) where depth == 0:
                .outer(index, depth: levels, type)
            case .outer(let index, depth: let level, let type) where level >= max(depth, 1):
                .outer(index, depth: level + levels, type)
            default: nil
            }
        }
    }

    /// The expression one level further out: what was `outer` there is a column here.
    var seenFromOutside: Expression {
        replacing { expression, depth in
            guard case .outer(let index, depth: let level, let type) = expression, level > depth
            else { return nil }
            if level == 1 { return .column(index, type) }
            return .outer(index, depth: level - 1, type)
        }
    }

    /// Whether it or a subquery in it reads a column from further out than itself.
    var isCorrelated: Bool { !outerColumns(anyLevel: true).isEmpty }

    /// Columns of the next level out (or of any) that are read, with their types.
    func outerColumns(anyLevel: Bool = false, depth: Int = 0) -> [Int: DataType] {
        var found = OuterColumns(anyLevel: anyLevel)
        collectOuter(depth, &found)
        return found.types
    }

    fileprivate func collectOuter(_ depth: Int, _ found: inout OuterColumns) {
        switch self {
        case .outer(let index, depth: let level, let type):
            if found.anyLevel ? level > depth : level == depth + 1 { found.types[index] = type }
        case .subquery(let subquery):
            subquery.plan.collectOuter(depth + 1, &found)
            if case .any(let condition) = subquery.kind {
                condition.collectOuter(depth + 1, &found)
            }
        default: for child in children { child.collectOuter(depth, &found) }
        }
    }

    /// Whether an expression for which `test` holds is in it; subqueries are not searched.
    func contains(_ test: (Expression) -> Bool) -> Bool {
        test(self) || children.contains { $0.contains(test) }
    }

    var hasSubquery: Bool {
        contains { if case .subquery = $0 { true } else { false } }
    }

    /// The parts that must all hold.
    var conjuncts: [Expression] {
        if case .and(let list) = self { return list.flatMap(\.conjuncts) }
        return [self]
    }

    static func all(_ conjuncts: [Expression]) -> Expression? {
        switch conjuncts.count {
        case 0: nil
        case 1: conjuncts[0]
        default: .and(conjuncts)
        }
    }

    static func boolean(_ value: Bool) -> Expression { .literal(.boolean(value), .boolean) }

    var isTrue: Bool {
        if case .literal(.boolean(true), _) = self { return true }
        return false
    }

    /// Gives the same for the same row, within a statement.
    var isDeterministic: Bool {
        !contains {
            if case .call(let function, _, _) = $0 { return function.volatility == .volatile }
            return false
        }
    }

    /// No column, nothing from outside.
    var isConstant: Bool {
        !contains {
            switch $0 {
            case .column, .outer, .subquery: true
            case .call(let function, _, _): function.volatility == .volatile
            default: false
            }
        }
    }
}

/// Columns of further out that were found, while a plan is walked through.
private struct OuterColumns {
    let anyLevel: Bool
    var types: [Int: DataType] = [:]
    /// Shared plans at their depths.
    var seen: Set<[Int]> = []

    init(anyLevel: Bool) { self.anyLevel = anyLevel }
}

extension Plan {
    func rewrite(
        depth: Int, _ replace: (Expression, Int) throws(SQLError) -> Expression?
    ) throws(SQLError) -> Plan {
        try mapChildren { (child, isInner) throws(SQLError) in
            try child.rewrite(depth: isInner ? depth + 1 : depth, replace)
        }.mapExpressions { (expression) throws(SQLError) in
            try expression.rewrite(depth: depth, replace)
        }
    }

    func replacing(depth: Int, _ replace: (Expression, Int) -> Expression?) -> Plan {
        let result = try? rewrite(depth: depth) { (inner, level) throws(SQLError) in
            replace(inner, level)
        }
        return result ?? self
    }

    /// A plan that was bound inside a scope whose columns it does not use, without that level.
    var withoutLevel: Plan {
        replacing(depth: 1) { expression, depth in
            guard case .outer(let index, depth: let level, let type) = expression, level > depth
            else { return nil }
            return .outer(index, depth: level - 1, type)
        }
    }

    /// A plan that is used `levels` further in than where it was bound.
    func movedInside(_ levels: Int) -> Plan {
        guard levels > 0 else { return self }
        return replacing(depth: 0) { expression, depth in
            guard case .outer(let index, depth: let level, let type) = expression, level > depth
            else { return nil }
            return .outer(index, depth: level + levels, type)
        }
    }

    /// Columns of the next level out (or of any) that the plan reads.
    func outerColumns(anyLevel: Bool = false) -> [Int: DataType] {
        var found = OuterColumns(anyLevel: anyLevel)
        collectOuter(0, &found)
        return found.types
    }

    var isCorrelated: Bool { !outerColumns(anyLevel: true).isEmpty }

    /// At depth 0 the next level out is `outer(depth: 1)`.
    fileprivate func collectOuter(_ depth: Int, _ found: inout OuterColumns) {
        if case .shared(let shared) = node {
            // What the decorrelator shares may look further out.
            if found.seen.insert([shared.id, depth]).inserted {
                shared.plan.collectOuter(depth, &found)
            }
            return
        }
        for expression in expressions { expression.collectOuter(depth, &found) }
        for child in children.enumerated() {
            var level = depth
            if case .apply = node, child.offset == 1 { level += 1 }
            child.element.collectOuter(level, &found)
        }
    }
}

extension Expression {
    /// Whether both compute the same from the same columns; volatile ones never do.
    func isSame(as other: Expression) -> Bool { matches(other, isWritten: false) }

    /// Whether both are written the same: what is computed for one stands for the other where SQL
    /// names it once more (ORDER BY and GROUP BY of an item), volatile calls too.
    func isWritten(as other: Expression) -> Bool { matches(other, isWritten: true) }

    private func matches(_ other: Expression, isWritten: Bool) -> Bool {
        switch (self, other) {
        case (.column(let a, _), .column(let b, _)): a == b
        case (.outer(let a, let d, _), .outer(let b, let e, _)): a == b && d == e
        case (.literal(let a, let s), .literal(let b, let t)): a.isIdentical(to: b) && s == t
        case (.call(let f, let a, let s), .call(let g, let b, let t)):
            f.name == g.name && f.parameters == g.parameters && s == t
                && (isWritten || f.volatility != .volatile
                    || f.instance != 0 && f.instance == g.instance)
                && Expression.areSame(a, b, isWritten)
        case (.cast(let a, let s, let p), .cast(let b, let t, let q)):
            s == t && p == q && a.matches(b, isWritten: isWritten)
        case (.choice(let a, let x, _), .choice(let b, let y, _)):
            a.count == b.count
                && zip(a, b).allSatisfy {
                    $0.condition.matches($1.condition, isWritten: isWritten)
                        && $0.result.matches($1.result, isWritten: isWritten)
                } && Expression.areSame([x].compactMap { $0 }, [y].compactMap { $0 }, isWritten)
        case (.coalesce(let a, _), .coalesce(let b, _)), (.and(let a), .and(let b)),
            (.or(let a), .or(let b)), (.array(let a, _), .array(let b, _)),
            (.record(let a, _), .record(let b, _)):
            Expression.areSame(a, b, isWritten)
        case (.not(let a), .not(let b)), (.isNull(let a), .isNull(let b)):
            a.matches(b, isWritten: isWritten)
        case (.isDistinct(let a, let x), .isDistinct(let b, let y)):
            a.matches(b, isWritten: isWritten) && x.matches(y, isWritten: isWritten)
        case (.isIn(let a, let x, let m), .isIn(let b, let y, let n)):
            m == n && x == y && a.matches(b, isWritten: isWritten)
        case (.member(let a, let i, _), .member(let b, let j, _)):
            i == j && a.matches(b, isWritten: isWritten)
        case (.now(let a), .now(let b)): a == b
        case (.subquery(let a), .subquery(let b)):
            a.id != 0 && a.id == b.id && outerReferences == other.outerReferences
                || isWritten && PlanText(self).text == PlanText(other).text
        default: false
        }
    }

    /// Columns of further out in the order in which they stand: index and level.
    private var outerReferences: [[Int]] {
        var found: [[Int]] = []
        _ = replacing { expression, depth in
            if case .outer(let index, depth: let level, _) = expression, level > depth {
                found.append([index, level - depth])
            } else if case .column(let index, _) = expression, depth == 0 {
                found.append([index, 0])
            }
            return nil
        }
        return found
    }

    static func areSame(
        _ a: [Expression], _ b: [Expression], _ isWritten: Bool = false
    ) -> Bool {
        a.count == b.count && zip(a, b).allSatisfy { $0.matches($1, isWritten: isWritten) }
    }
}
