import Aggregation
import Formats

/// Takes the correlated conditions out of a plan's filters, where nothing else in it is correlated
/// and nothing between them and the top depends on what they let through.
enum CorrelationPuller {
    static func pull(_ plan: Plan) -> PulledPlan? {
        guard !plan.outerColumns().isEmpty else { return PulledPlan(plan: plan) }
        switch plan.node {
        case .filter(let input, let condition): return filter(plan, input, condition)
        case .project(let input, let list): return project(plan, input, list)
        case .join(let left, let right, let join): return self.join(plan, left, right, join)
        case .aggregate(let input, let aggregate): return self.aggregate(plan, input, aggregate)
        case .distinct(let input):
            // Rows are told apart by the columns that the conditions have added too.
            guard var pulled = pull(input),
                pulled.conditions.allSatisfy({ $0.domainEquality?.inner.columnIndex != nil })
            else { return nil }
            pulled.plan = pulled.plan.with(.distinct(pulled.plan))
            return pulled
        case .sort(let input, let sort)
        where sort.limit == nil && sort.offset == nil && !sort.appendsRowNumber:
            return pull(input)
        default: return nil
        }
    }

    private static func filter(
        _ plan: Plan, _ input: Plan, _ condition: Expression
    ) -> PulledPlan? {
        guard var pulled = pull(input) else { return nil }
        let parts = condition.conjuncts
        let own = parts.filter { $0.outerColumns().isEmpty }
        pulled.conditions += parts.filter { !$0.outerColumns().isEmpty }
        pulled.plan = pulled.plan.filtered(.all(own))
        return pulled
    }

    private static func project(
        _ plan: Plan, _ input: Plan, _ list: [Expression]
    ) -> PulledPlan? {
        guard list.allSatisfy({ $0.outerColumns().isEmpty }), let pulled = pull(input) else {
            return nil
        }
        var output = list
        var names = plan.columns.map(\.name)
        let conditions = pulled.conditions.map { condition in
            condition.replacing { inner, depth in
                guard depth == 0, case .column(let index, let type) = inner else { return nil }
                if let place = output.firstIndex(where: { $0.isSame(as: inner) }) {
                    return .column(place, type)
                }
                output.append(inner)
                names.append(pulled.plan.columns[index].name)
                return .column(output.count - 1, type)
            }
        }
        return PulledPlan(plan: pulled.plan.projected(output, names), conditions: conditions)
    }

    private static func join(
        _ plan: Plan, _ left: Plan, _ right: Plan, _ join: JoinPlan
    ) -> PulledPlan? {
        let others = join.leftKeys + join.rightKeys + join.bounds.map(\.expression)
        guard others.allSatisfy({ $0.outerColumns().isEmpty }), join.time == nil,
            let a = pull(left)
        else { return nil }
        var join = join
        var open: [Expression] = []
        if join.kind == .inner {
            let parts = join.condition?.conjuncts ?? []
            open = parts.filter { !$0.outerColumns().isEmpty }
            join.condition = .all(parts.filter { $0.outerColumns().isEmpty })
        } else if join.condition?.outerColumns().isEmpty == false {
            return nil
        }
        var b = PulledPlan(plan: right)
        switch join.kind {
        case .inner:
            guard let pulled = pull(right) else { return nil }
            b = pulled
        case .left, .semi, .anti, .mark, .single:
            guard right.outerColumns().isEmpty else { return nil }
        default: return nil
        }
        return assemble(plan, (left, a), (right, b), join, open)
    }

    /// The join over sides that may have grown, with its own columns first.
    private static func assemble(
        _ plan: Plan, _ left: (Plan, PulledPlan), _ right: (Plan, PulledPlan), _ join: JoinPlan,
        _ open: [Expression]
    ) -> PulledPlan {
        let (old, new) = (left.0.columns.count, left.1.plan.columns.count)
        func moved(_ index: Int) -> Int { index < old ? index : index - old + new }
        func over(_ expression: Expression, _ place: (Int) -> Int) -> Expression {
            expression.replacing { inner, depth in
                guard depth == 0, case .column(let index, let type) = inner else { return nil }
                return .column(place(index), type)
            }
        }
        var join = join
        join.condition = join.condition.map { over($0, moved) }
        let added = plan.columns.count - old
        let rightWidth = right.1.plan.columns.count
        let isWide = [.inner, .left, .single].contains(join.kind)
        let fields =
            left.1.plan.columns
            + (isWide ? right.1.plan.columns : Array(plan.columns.suffix(added)))
        let joined = Plan.make(.join(left.1.plan, right.1.plan, join), fields)
        // Own columns of the left, of the right, then what was added to each.
        var order = Array(0..<old) + (0..<added).map { new + $0 } + Array(old..<new)
        if isWide { order += (added..<max(added, rightWidth)).map { new + $0 } }
        let columns = joined.columnExpressions
        let result = joined.projected(
            order.map { columns[$0] }, order.map { fields[$0].name })
        var back: [Int: Int] = [:]
        for (place, index) in order.enumerated() { back[index] = place }
        let conditions =
            left.1.conditions.map { over($0) { back[$0] ?? $0 } }
            + right.1.conditions.map { over($0) { back[$0 + new] ?? $0 } }
            + open.map { over($0) { back[moved($0)] ?? $0 } }
        return PulledPlan(plan: result, conditions: conditions)
    }

    /// Equal to an outer value is grouped by instead.
    private static func aggregate(
        _ plan: Plan, _ input: Plan, _ aggregate: AggregatePlan
    ) -> PulledPlan? {
        guard !aggregate.keys.isEmpty, aggregate.groupingSets == nil,
            plan.expressions.allSatisfy({ $0.outerColumns().isEmpty }),
            let pulled = pull(input)
        else { return nil }
        var grouped = aggregate
        var conditions: [Expression] = []
        let old = aggregate.keys.count
        for condition in pulled.conditions {
            guard let (inner, outer, function) = condition.domainEquality else { return nil }
            var place = grouped.keys.firstIndex { $0.isSame(as: inner) }
            if place == nil {
                grouped.keys.append(inner)
                place = grouped.keys.count - 1
            }
            conditions.append(
                .call(function, [.column(place ?? 0, inner.type), outer], .boolean))
        }
        let added = grouped.keys.count - old
        let fields =
            Array(plan.columns.prefix(old)) + grouped.keys.dropFirst(old).map { Field("", $0.type) }
            + plan.columns.dropFirst(old)
        let result = Plan.make(.aggregate(pulled.plan, grouped), fields)
        let order =
            Array(0..<old) + ((old + added)..<fields.count) + (old..<(old + added))
        let columns = result.columnExpressions
        let reordered = result.projected(order.map { columns[$0] }, order.map { fields[$0].name })
        let moved = conditions.map { condition in
            condition.replacing { inner, depth in
                guard depth == 0, case .column(let index, let type) = inner else { return nil }
                return .column(order.firstIndex(of: index) ?? index, type)
            }
        }
        return PulledPlan(plan: reordered, conditions: moved)
    }
}

extension Expression {
    /// An equality of something of this level and something of further out alone.
    fileprivate var domainEquality: (inner: Expression, outer: Expression, ScalarFunction)? {
        guard case .call(let function, let sides, _) = self, function.name == "=",
            sides.count == 2
        else { return nil }
        func isInner(_ side: Expression) -> Bool {
            side.outerColumns().isEmpty && !side.columns.isEmpty && !side.hasSubquery
        }
        func isOuter(_ side: Expression) -> Bool { side.columns.isEmpty && !side.hasSubquery }
        if isInner(sides[0]), isOuter(sides[1]) { return (sides[0], sides[1], function) }
        if isInner(sides[1]), isOuter(sides[0]) { return (sides[1], sides[0], function) }
        return nil
    }
}

/// `(SELECT f(agg(...)) FROM ... WHERE inner = outer)`: one row whatever the input. Grouped by the
/// inner side, outer values without rows have no group, so for them the result over no rows stands
/// in.
struct ScalarAggregate {
    /// Like the subquery, with a `true` behind its column, and one key that makes it grouped.
    let grouped: Plan
    private let type: DataType
    private let empty: Expression

    var width: Int { 2 }

    init?(_ plan: Plan, _ settings: SessionSettings) {
        var list = plan.columnExpressions
        var below = plan
        if case .project(let input, let projected) = plan.node {
            (list, below) = (projected, input)
        }
        guard case .aggregate(let input, let aggregate) = below.node, aggregate.keys.isEmpty,
            aggregate.groupingSets == nil, list[0].outerColumns().isEmpty
        else { return nil }
        let none = list[0].replacing { inner, depth in
            guard depth == 0, case .column(let index, let type) = inner else { return nil }
            let isCount = ScalarAggregate.counts.contains(aggregate.calls[index].function.name)
            return .literal(isCount ? .integer(0) : .null, type)
        }
        empty = none.folded(settings)
        type = list[0].type
        // A constant key keeps the aggregation from giving a row for no input.
        var keyed = aggregate
        keyed.keys = [.boolean(true)]
        let grouped = Plan.make(
            .aggregate(input, keyed), [Field("", .boolean)] + below.columns)
        let moved = list[0].movingColumns(by: 1)
        self.grouped = grouped.projected(
            [moved, .boolean(true)], [plan.columns[0].name, "matched"])
    }

    private static let counts: Set<String> = ["count", "regr_count", "approx_count_distinct"]

    /// The value behind a join whose left side has `width` columns.
    func value(_ width: Int) -> Expression {
        let value = Expression.column(width, type)
        if empty.isNullLiteral { return value }
        let isMissing = Expression.isNull(.column(width + 1, .boolean))
        return .choice([.init(isMissing, empty)], otherwise: value, type)
    }
}
