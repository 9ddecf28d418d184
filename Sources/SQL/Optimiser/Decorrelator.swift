import Aggregation
import Formats

/// Turns subqueries in expressions, and LATERAL, into joins. The first pass of the optimiser; after
/// it no `outer` and no `subquery` is left in a plan.
///
/// Where the correlation lies in filters it is pulled up into the join's condition
/// (`CorrelationPuller`). Else the subquery is computed for all distinct outer values at once
/// (`DomainPusher`; Neumann and Kemper, Unnesting Arbitrary Queries, 2015).
final class Decorrelator {
    let settings: SessionSettings
    private var lastID: Int

    init(_ plan: Plan, _ settings: SessionSettings) {
        self.settings = settings
        lastID = plan.maximumID
    }

    func nextID() -> Int {
        lastID += 1
        return lastID
    }

    /// From the leaves up, so that what is joined is itself without subqueries.
    func run(_ plan: Plan) throws(SQLError) -> Plan {
        let inner = try plan.mapChildren { (child, _) throws(SQLError) in try run(child) }
        switch inner.node {
        case .apply(let left, let right, let kind):
            return try lateral(left, right, kind, inner.columns)
        case .filter(let input, let condition) where condition.hasSubquery:
            return try filter(input, condition)
        case .project(let input, let list) where list.contains(where: \.hasSubquery):
            let (extended, replaced) = try extend(input, list)
            return .make(.project(extended, replaced), inner.columns)
        case .join(let left, let right, let join) where join.condition?.hasSubquery == true:
            return try self.join(left, right, join, inner.columns)
        default: break
        }
        guard inner.expressions.contains(where: \.hasSubquery) else { return inner }
        return try other(inner)
    }

    /// Operations that hand their input's columns on, or aggregate them.
    private func other(_ plan: Plan) throws(SQLError) -> Plan {
        guard let input = plan.children.first, plan.children.count == 1 else {
            throw SQLError("a subquery cannot stand here", .featureNotSupported)
        }
        var extended = input
        let replaced = try plan.mapExpressions { (expression) throws(SQLError) in
            guard expression.hasSubquery else { return expression }
            let (wider, list) = try extend(extended, [expression])
            extended = wider
            return list[0]
        }
        let added = extended.columns.count - input.columns.count
        if case .aggregate = replaced.node {
            return try replaced.mapChildren { (_, _) throws(SQLError) in extended }
        }
        // The new columns lie between the input's and those that the operation adds.
        let fields =
            extended.columns + plan.columns.dropFirst(input.columns.count)
        var wide = try replaced.mapChildren { (_, _) throws(SQLError) in extended }
        wide = .make(wide.node, Array(fields))
        let kept = wide.columnExpressions.enumerated().filter {
            $0.offset < input.columns.count || $0.offset >= input.columns.count + added
        }
        return wide.projected(kept.map(\.element), plan.columns.map(\.name))
    }

    /// WHERE: a subquery that must hold is a semi join, one that must not an anti join.
    private func filter(_ input: Plan, _ condition: Expression) throws(SQLError) -> Plan {
        let conjuncts = condition.conjuncts
        var plan = input.filtered(.all(conjuncts.filter { !$0.hasSubquery }))
        var rest: [Expression] = []
        for part in conjuncts where part.hasSubquery {
            switch part {
            case .subquery(let subquery) where subquery.isTest && !subquery.hasInnerOperand:
                plan = try test(plan, subquery, .semi)
            case .not(.subquery(let subquery)) where subquery.isExists:
                plan = try test(plan, subquery, .anti)
            default: rest.append(part)
            }
        }
        guard !rest.isEmpty else { return plan }
        let (extended, replaced) = try extend(plan, rest)
        return extended.filtered(.all(replaced)).projected(
            Array(extended.columnExpressions.prefix(input.columns.count)),
            input.columns.map(\.name))
    }

    private func join(
        _ left: Plan, _ right: Plan, _ join: JoinPlan, _ fields: [Field]
    ) throws(SQLError) -> Plan {
        let parts = join.condition?.conjuncts ?? []
        var plain = join
        plain.condition = .all(parts.filter { !$0.hasSubquery })
        let open = parts.filter { $0.hasSubquery }
        if join.kind == .inner {
            let joined = Plan.make(.join(left, right, plain), fields)
            return try filter(joined, .all(open) ?? .boolean(true))
        }
        // Of the right side alone it is known before the join.
        let width = left.columns.count
        guard join.kind == .left,
            open.allSatisfy({ $0.outerFreeColumns.allSatisfy { $0 >= width } })
        else { return try extendedJoin(left, right, plain, open, fields) }
        let moved = Expression.all(open)?.movingColumns(by: -width)
        let filtered = try filter(right, moved ?? .boolean(true))
        return .make(.join(left, filtered, plain), fields)
    }

    /// An outer join whose condition has subqueries over one side each: they are columns of that
    /// side, which are gone behind the join.
    private func extendedJoin(
        _ left: Plan, _ right: Plan, _ plain: JoinPlan, _ open: [Expression], _ fields: [Field]
    ) throws(SQLError) -> Plan {
        let width = left.columns.count
        let ofLeft = open.filter { $0.outerFreeColumns.allSatisfy { $0 < width } }
        let ofRight = open.filter {
            let columns = $0.outerFreeColumns
            return !columns.isEmpty && columns.allSatisfy { $0 >= width }
        }
        guard ofLeft.count + ofRight.count == open.count else {
            return try lookingJoin(left, right, plain, open, fields)
        }
        let (wideLeft, leftTests) = try extend(left, ofLeft)
        let (wideRight, rightTests) = try extend(
            right, ofRight.map { $0.movingColumns(by: -width) })
        let added = wideLeft.columns.count - width
        var join = plain
        let own = plain.condition?.mapColumns { $0 < width ? $0 : $0 + added }
        join.condition = .all(
            [own].compactMap(\.self) + leftTests
                + rightTests.map { $0.movingColumns(by: wideLeft.columns.count) })
        let wide = Plan.make(
            .join(wideLeft, wideRight, join), wideLeft.columns + wideRight.columns)
        let kept = wide.columnExpressions.enumerated().filter {
            $0.offset < width
                || ($0.offset >= width + added
                    && $0.offset < width + added + right.columns.count)
        }
        return wide.projected(kept.map(\.element), fields.map(\.name))
    }

    /// An outer join whose condition has subqueries over both sides: each row of the kept side
    /// meets those of the other that pass them.
    private func lookingJoin(
        _ left: Plan, _ right: Plan, _ plain: JoinPlan, _ open: [Expression], _ fields: [Field]
    ) throws(SQLError) -> Plan {
        let (l, r) = (left.columns.count, right.columns.count)
        if plain.kind == .right {
            let swapped = try lookingJoin(
                right, left, plain.turned(l, r), open.map { $0.turned(l, r) },
                Array(fields[l...] + fields[..<l]))
            let columns = swapped.columnExpressions
            return swapped.projected(Array(columns[r...] + columns[..<r]), fields.map(\.name))
        }
        guard plain.kind == .left else {
            throw SQLError(
                "FULL JOIN is only supported with merge-joinable or hash-joinable join conditions",
                .featureNotSupported)
        }
        let inside = open.map { test in
            test.seenFromInside(1).replacing { inner, depth in
                guard case .outer(let index, depth: depth + 1, let type) = inner, index >= l
                else { return nil }
                return depth == 0
                    ? .column(index - l, type) : .outer(index - l, depth: depth, type)
            }
        }
        let met = try filter(right.movedInside(1), .all(inside) ?? .boolean(true))
        let joined = try dependent(left, met, plain, [])
        return .make(trimmed(joined, fields.count).node, fields)
    }

    /// The plan with a column behind it for each subquery in the expressions, which read it then.
    func extend(
        _ plan: Plan, _ list: [Expression]
    ) throws(SQLError) -> (Plan, [Expression]) {
        var wide = plan
        let replaced = try list.mapAll { (expression) throws(SQLError) in
            try expression.rewrite { (inner, depth) throws(SQLError) in
                guard depth == 0, case .subquery(let subquery) = inner else { return nil }
                let (extended, value) = try self.value(wide, subquery)
                wide = extended
                return value
            }
        }
        return (wide, replaced)
    }

    private func value(
        _ plan: Plan, _ subquery: Expression.Subquery
    ) throws(SQLError) -> (Plan, Expression) {
        switch subquery.kind {
        case .exists, .any:
            let marked = try test(plan, subquery, .mark)
            return (marked, .column(plan.columns.count, .boolean))
        case .scalar: return try scalar(plan, try run(subquery.plan))
        case .array: return try array(plan, try run(subquery.plan), subquery.type)
        }
    }

    private func array(
        _ plan: Plan, _ inner: Plan, _ type: DataType
    ) throws(SQLError) -> (Plan, Expression) {
        var input = inner
        var order: [SortKey] = []
        if case .sort(let sorted, let sort) = inner.node, sort.limit == nil, sort.offset == nil {
            input = sorted
            order = sort.keys
        } else if case .project(let below, let list) = inner.node,
            case .sort(let sorted, let sort) = below.node, sort.limit == nil, sort.offset == nil
        {
            // ORDER BY something that is not selected.
            input = Plan.make(.project(sorted, list), inner.columns)
            let fields = sorted.columns
            input = .make(
                .project(sorted, list + sorted.columnExpressions), inner.columns + fields)
            order = try sort.keys.mapExpressions { (key) throws(SQLError) in
                key.movingColumns(by: list.count)
            }
        }
        let column = Expression.column(0, inner.columns[0].type)
        let function = try FunctionRegistry.aggregate(
            "array_agg", [column.type], isStar: false)
        let call = AggregateCall(function, [column], order: order, type: function.result)
        let aggregate = AggregatePlan(keys: [], calls: [call])
        let gathered = Plan.make(
            .aggregate(input, aggregate), [Field("array", function.result)])
        let (extended, value) = try scalar(plan, gathered)
        return (extended, .coalesce([value, .literal(.array([]), type)], type))
    }

    private func scalar(_ left: Plan, _ right: Plan) throws(SQLError) -> (Plan, Expression) {
        let width = left.columns.count
        let type = right.columns[0].type
        if !right.outerColumns().isEmpty,
            let aggregate = ScalarAggregate(right, settings),
            let pulled = CorrelationPuller.pull(aggregate.grouped)
        {
            let joined = attach(left, pulled, JoinPlan(.single), [])
            let value = aggregate.value(width)
            return (trimmed(joined, width + aggregate.width), value)
        }
        let joined = try dependent(left, right, JoinPlan(.single), [])
        return (trimmed(joined, width + 1), .column(width, type))
    }

    /// EXISTS and ANY as semi, anti or mark joins.
    private func test(
        _ left: Plan, _ subquery: Expression.Subquery, _ kind: JoinPlan.Kind
    ) throws(SQLError) -> Plan {
        var right = try run(subquery.plan)
        var condition: [Expression] = []
        if case .any(let test) = subquery.kind { condition = test.conjuncts }
        // Whether there is a row does not depend on their order or on duplicates.
        right = right.withoutOrder
        guard condition.contains(where: \.hasSubquery) else {
            return try dependent(left, right, JoinPlan(kind), condition)
        }
        // Of the operand: columns of the left side, which are gone behind the join.
        var wide = left
        condition = try condition.mapAll { (part) throws(SQLError) in
            try part.rewrite { (inner, depth) throws(SQLError) in
                guard depth == 0, case .subquery = inner else { return nil }
                let (extended, value) = try extend(wide, [inner.seenFromOutside])
                wide = extended
                return value[0].seenFromInside(1)
            }
        }
        let joined = try dependent(wide, right, JoinPlan(kind), condition)
        let (own, added) = (left.columns.count, wide.columns.count)
        let kept = joined.columnExpressions.enumerated().filter {
            $0.offset < own || $0.offset == added
        }
        return joined.projected(
            kept.map(\.element), kept.map { joined.columns[$0.offset].name })
    }

    private func lateral(
        _ left: Plan, _ right: Plan, _ kind: JoinPlan.Kind, _ fields: [Field]
    ) throws(SQLError) -> Plan {
        let joined = try dependent(left, right, JoinPlan(kind), [])
        return .make(trimmed(joined, fields.count).node, fields)
    }

    private func trimmed(_ plan: Plan, _ width: Int) -> Plan {
        guard plan.columns.count > width else { return plan }
        return plan.projected(
            Array(plan.columnExpressions.prefix(width)),
            plan.columns.prefix(width).map(\.name))
    }
}

extension Expression.Subquery {
    fileprivate var isExists: Bool { if case .exists = kind { true } else { false } }

    fileprivate var isTest: Bool {
        switch kind {
        case .exists, .any: true
        case .scalar, .array: false
        }
    }

    fileprivate var hasInnerOperand: Bool {
        if case .any(let condition) = kind { return condition.hasSubquery }
        return false
    }
}

extension Expression {
    /// Columns of this level that are read, by subqueries inside too.
    var outerFreeColumns: Set<Int> {
        var found = columns
        _ = contains { inner in
            if case .subquery(let subquery) = inner {
                found.formUnion(subquery.plan.outerColumns().keys)
                if case .any(let condition) = subquery.kind {
                    found.formUnion(condition.outerColumns().keys)
                }
            }
            return false
        }
        return found
    }

    /// `mapColumns` for expressions with subqueries.
    func movingColumns(by distance: Int) -> Expression {
        replacing { inner, depth in
            switch inner {
            case .column(let index, let type) where depth == 0: .column(index + distance, type)
            case .outer(let index, depth: depth, let type) where depth > 0:
                .outer(index + distance, depth: depth, type)
            default: nil
            }
        }
    }
}

extension Expression {
    /// Over the row of a join whose sides of `l` and `r` columns have changed places.
    fileprivate func turned(_ l: Int, _ r: Int) -> Expression {
        func place(_ index: Int) -> Int { index < l ? index + r : index - l }
        return replacing { inner, depth in
            switch inner {
            case .column(let index, let type) where depth == 0: .column(place(index), type)
            case .outer(let index, depth: depth, let type) where depth > 0:
                .outer(place(index), depth: depth, type)
            default: nil
            }
        }
    }
}

extension JoinPlan {
    /// A right join as the left join of its sides in the other order.
    fileprivate func turned(_ l: Int, _ r: Int) -> JoinPlan {
        var turned = JoinPlan(.left)
        (turned.leftKeys, turned.rightKeys) = (rightKeys, leftKeys)
        turned.condition = condition?.turned(l, r)
        return turned
    }
}

extension Plan {
    /// Without ORDER BY at the top, where no LIMIT depends on it.
    var withoutOrder: Plan {
        switch node {
        case .sort(let input, let sort)
        where sort.limit == nil && sort.offset == nil && !sort.appendsRowNumber:
            input.withoutOrder
        case .project(let input, let list): with(.project(input.withoutOrder, list))
        default: self
        }
    }

    /// The largest number of a shared or recursive plan.
    var maximumID: Int {
        let shared = SharedPlans(in: self).list
        return shared.reduce(ownMaximumID) { max($0, $1.id, $1.plan.ownMaximumID) }
    }

    private var ownMaximumID: Int {
        var largest = 0
        switch node {
        case .recursive(let id, _, _, _), .recursion(let id): largest = id
        default: break
        }
        for child in children + subqueries { largest = max(largest, child.ownMaximumID) }
        return largest
    }
}
