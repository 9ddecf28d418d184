import Aggregation
import Formats

/// Moves conditions to where their columns are made: through projections, to the sides of joins,
/// below aggregations by key. Equalities over both sides of a join become its keys, and
/// ROW_NUMBER() <= n a top-n.
struct FilterPusher {
    func run(_ plan: Plan) throws(SQLError) -> Plan { try push(plan, []) }

    /// The plan with the conditions, which are over its columns.
    private func push(_ plan: Plan, _ conditions: [Expression]) throws(SQLError) -> Plan {
        switch plan.node {
        case .filter(let input, let condition):
            // Volatile conditions stay where they were written.
            // What lies below was written to hold before what lies above is asked.
            let parts = condition.conjuncts + conditions
            let moved = parts.filter(\.isDeterministic)
            return try push(input, moved).filtered(.all(parts.filter { !$0.isDeterministic }))
        case .project(let input, let list): return try project(plan, input, list, conditions)
        case .join(let left, let right, let join):
            return try self.join(plan, left, right, join, conditions)
        case .aggregate(let input, let aggregate):
            let canMove = aggregate.groupingSets == nil && !aggregate.keys.isEmpty
            return try split(plan, conditions) { part in
                canMove && part.columns.allSatisfy { $0 < aggregate.keys.count }
                    && !part.columns.isEmpty
            } below: { (moved) throws(SQLError) in
                try push(input, moved.map { $0.substituting(aggregate.keys) })
            }
        case .window(let input, let window):
            let width = input.columns.count
            return try split(plan, conditions) { part in
                if case .session(_, let partition) = window.kind {
                    return part.columns.allSatisfy(partition.contains)
                }
                return part.columns.allSatisfy { $0 < width }
            } below: { (moved) throws(SQLError) in
                try push(input, moved)
            }
        case .unnest(let input, _, _, let keepsEmpty):
            let width = input.columns.count
            _ = keepsEmpty
            return try split(plan, conditions) {
                $0.columns.allSatisfy { $0 < width }
            } below: {
                (moved) throws(SQLError) in
                try push(input, moved)
            }
        case .over(let input, let over): return try self.over(plan, input, over, conditions)
        case .sort(let input, let sort):
            let isWhole = sort.limit == nil && sort.offset == nil && !sort.appendsRowNumber
            let partition = sort.partition.compactMap(\.columnIndex)
            return try split(plan, conditions) { part in
                isWhole || (!partition.isEmpty && part.columns.allSatisfy(partition.contains))
            } below: { (moved) throws(SQLError) in
                try push(input, moved)
            }
        case .distinct(let input): return plan.with(.distinct(try push(input, conditions)))
        case .union(let inputs):
            var pushed: [Plan] = []
            for input in inputs { pushed.append(try push(input, conditions)) }
            return plan.with(.union(pushed))
        case .setOperation(let kind, let all, let left, let right):
            return plan.with(
                .setOperation(
                    kind, all: all, try push(left, conditions), try push(right, conditions)))
        default:
            return try plan.mapChildren { (child, _) throws(SQLError) in try push(child, []) }
                .filtered(.all(conditions))
        }
    }

    /// Conditions for which `canMove` go below, the others stay on top.
    private func split(
        _ plan: Plan, _ conditions: [Expression], _ canMove: (Expression) -> Bool,
        below: ([Expression]) throws(SQLError) -> Plan
    ) throws(SQLError) -> Plan {
        let moved = conditions.filter(canMove)
        let input = try below(moved)
        let rebuilt = try plan.mapChildren { (_, _) throws(SQLError) in input }
        return rebuilt.filtered(.all(conditions.filter { !canMove($0) }))
    }

    private func project(
        _ plan: Plan, _ input: Plan, _ list: [Expression], _ conditions: [Expression]
    ) throws(SQLError) -> Plan {
        try split(plan, conditions) { part in
            part.columns.allSatisfy { list[$0].isDeterministic }
        } below: { (moved) throws(SQLError) in
            try push(input, moved.map { $0.substituting(list) })
        }
    }

    /// ROW_NUMBER() <= n is the first n of each partition.
    private func over(
        _ plan: Plan, _ input: Plan, _ over: OverPlan, _ conditions: [Expression]
    ) throws(SQLError) -> Plan {
        let width = input.columns.count
        let partition = over.partition.compactMap(\.columnIndex)
        let below = conditions.filter { part in
            !part.columns.isEmpty && part.columns.allSatisfy(partition.contains)
        }
        let above = conditions.filter { part in
            part.columns.isEmpty || !part.columns.allSatisfy(partition.contains)
        }
        let pushed = try push(input, below)
        if over.calls.count == 1, case .rowNumber = over.calls[0].function {
            for (index, part) in above.enumerated() {
                guard let (limit, isExact) = part.upperBound(of: width) else { continue }
                var sort = SortPlan(over.order)
                sort.partition = over.partition
                sort.limit = .literal(.integer(max(0, limit)), .bigint)
                sort.appendsRowNumber = true
                var rest = above
                if isExact { rest.remove(at: index) }
                return plan.with(.sort(pushed, sort)).filtered(.all(rest))
            }
        }
        return plan.with(.over(pushed, over)).filtered(.all(above))
    }
}

// Joins.
extension FilterPusher {
    private func join(
        _ plan: Plan, _ left: Plan, _ right: Plan, _ join: JoinPlan, _ conditions: [Expression]
    ) throws(SQLError) -> Plan {
        let width = left.columns.count
        var join = join
        var (toLeft, toRight, above): ([Expression], [Expression], [Expression]) = ([], [], [])
        strengthen(&join, conditions, width)
        var inside = join.condition?.conjuncts ?? []
        if join.kind == .inner {
            inside += conditions
        } else {
            for part in conditions {
                let isLeft = part.columns.allSatisfy { $0 < width }
                let isRight = part.columns.allSatisfy { $0 >= width }
                switch join.kind {
                case .left, .semi, .anti, .mark, .single, .asofLeft, .asof:
                    if isLeft { toLeft.append(part) } else { above.append(part) }
                case .right: if isRight { toRight.append(part) } else { above.append(part) }
                default: above.append(part)
                }
            }
        }
        join.condition = nil
        var rest: [Expression] = []
        for part in inside {
            switch side(part, width) {
            case .left where join.kind == .inner || join.kind == .semi || join.kind == .right:
                toLeft.append(part)
            case .right where join.kind.filtersRight:
                toRight.append(part.mapColumns { $0 - width })
            default: rest.append(part)
            }
        }
        if join.kind == .mark || join.kind == .asof || join.kind == .asofLeft {
            join.condition = .all(rest)
        } else {
            join.take(rest, leftWidth: width)
        }
        if join.kind == .right { toRight = toRight.map { $0.mapColumns { $0 - width } } }
        carryOver(join, &toLeft, &toRight)
        let sides = (try push(left, toLeft), try push(right, toRight))
        return plan.with(.join(sides.0, sides.1, join)).filtered(.all(above))
    }

    private enum Side { case left, right, both }

    private func side(_ part: Expression, _ width: Int) -> Side {
        guard part.isDeterministic, !part.columns.isEmpty else { return .both }
        if part.columns.allSatisfy({ $0 < width }) { return .left }
        return part.columns.allSatisfy { $0 >= width } ? .right : .both
    }

    /// An outer join whose missing rows a condition above drops is an inner one.
    private func strengthen(_ join: inout JoinPlan, _ conditions: [Expression], _ width: Int) {
        func drops(_ isOwn: (Int) -> Bool) -> Bool {
            conditions.contains { part in part.rejectsNulls(isOwn) }
        }
        switch join.kind {
        case .left: if drops({ $0 >= width }) { join.kind = .inner }
        case .right: if drops({ $0 < width }) { join.kind = .inner }
        case .full:
            let (left, right) = (drops { $0 < width }, drops { $0 >= width })
            join.kind = left && right ? .inner : left ? .left : right ? .right : .full
        case .asofLeft: if drops({ $0 >= width }) { join.kind = .asof }
        default: break
        }
    }

    /// What is known of a key's one side holds for the other.
    private func carryOver(
        _ join: JoinPlan, _ toLeft: inout [Expression], _ toRight: inout [Expression]
    ) {
        guard join.kind == .inner || join.kind == .semi || join.kind == .left else { return }
        func copies(
            _ parts: [Expression], _ from: [Expression], _ to: [Expression], _ known: [Expression]
        ) -> [Expression] {
            var added: [Expression] = []
            for part in parts where part.columns.count == 1 && part.holdsForEqualValues {
                for (a, b) in zip(from, to) {
                    guard let column = a.columnIndex, part.columns == [column],
                        b.columnIndex != nil, a.type == b.type
                    else { continue }
                    let copy = part.replacing { inner, _ in
                        if case .column(column, _) = inner { return b }
                        return nil
                    }
                    if !(known + added).contains(where: { $0.isSame(as: copy) }) {
                        added.append(copy)
                    }
                }
            }
            return added
        }
        let right = copies(toLeft, join.leftKeys, join.rightKeys, toRight)
        let left =
            join.kind == .left ? [] : copies(toRight, join.rightKeys, join.leftKeys, toLeft)
        toRight += right
        toLeft += left
    }
}

extension JoinPlan.Kind {
    /// Whether a condition of the join on the right side alone may filter that side first.
    fileprivate var filtersRight: Bool {
        switch self {
        case .inner, .left, .semi, .anti: true
        default: false
        }
    }
}

extension Expression {
    var columnIndex: Int? {
        if case .column(let index, _) = self { return index }
        return nil
    }

    /// The same over the input of a projection.
    func substituting(_ list: [Expression]) -> Expression {
        if case .column(let index, _) = self { return list[index] }
        return mapChildren { (child: Expression) -> Expression in child.substituting(list) }
    }

    /// `column <= n`, and whether the bound says all that it does.
    fileprivate func upperBound(of column: Int) -> (Int64, Bool)? {
        guard case .call(let function, let sides, _) = self, sides.count == 2 else { return nil }
        func number(_ side: Expression) -> Int64? {
            var inner = side
            if case .cast(let operand, _, _) = side { inner = operand }
            if case .literal(.integer(let value), _) = inner { return value }
            return nil
        }
        func isColumn(_ side: Expression) -> Bool { side.columnIndex == column }
        let name: String
        let bound: Int64
        if isColumn(sides[0]), let value = number(sides[1]) {
            (name, bound) = (function.name, value)
        } else if isColumn(sides[1]), let value = number(sides[0]) {
            let mirrored = [">=": "<=", ">": "<", "=": "="]
            guard let other = mirrored[function.name] else { return nil }
            (name, bound) = (other, value)
        } else {
            return nil
        }
        switch name {
        case "<=": return (bound, true)
        case "<": return (bound == .min ? .min : bound - 1, true)
        case "=": return (bound, bound == 1)
        default: return nil
        }
    }

    /// Whether what it says of a column also holds for another that is equal: equal numerics,
    /// floating numbers and intervals can be told apart (1.0 and 1.00, 0 and -0, one day and 24
    /// hours), but by comparisons.
    fileprivate var holdsForEqualValues: Bool {
        guard isDeterministic else { return false }
        switch self {
        case .call(let function, let sides, _) where ComparisonName.all.contains(function.name):
            if sides.count == 2, sides.allSatisfy({ $0.columnIndex != nil || $0.columns.isEmpty }) {
                return true
            }
        case .isIn(let operand, _, _): if operand.columnIndex != nil { return true }
        case .isNull(let operand), .not(.isNull(let operand)):
            if operand.columnIndex != nil { return true }
        default: break
        }
        return !contains {
            if case .column(_, let type) = $0 { !type.hasOneFormOfEqualValues } else { false }
        }
    }

    /// Never true for a row in which the columns that `isOwn` tells are null.
    func rejectsNulls(_ isOwn: (Int) -> Bool) -> Bool {
        switch self {
        case .call: isNullOf(isOwn)
        case .isIn(let operand, _, _): operand.isNullOf(isOwn)
        case .not(.isNull(let operand)): operand.isNullOf(isOwn)
        case .and(let list): list.contains { $0.rejectsNulls(isOwn) }
        case .or(let list): list.allSatisfy { $0.rejectsNulls(isOwn) }
        case .column(let index, _): isOwn(index)
        default: false
        }
    }

    /// Null where those columns are.
    private func isNullOf(_ isOwn: (Int) -> Bool) -> Bool {
        switch self {
        case .column(let index, _): isOwn(index)
        case .call(let function, let arguments, _):
            function.isStrict && arguments.contains { $0.isNullOf(isOwn) }
        case .cast(let inner, _, _), .member(let inner, _, _): inner.isNullOf(isOwn)
        default: false
        }
    }
}

private enum ComparisonName {
    static let all: Set<String> = ["=", "<>", "<", "<=", ">", ">="]
}

extension DataType {
    /// Equal values are the same.
    var hasOneFormOfEqualValues: Bool {
        switch self {
        case .boolean, .smallint, .integer, .bigint, .text, .varchar, .bytea, .date, .time,
            .timestamp, .timestamptz, .uuid:
            true
        default: false
        }
    }
}
