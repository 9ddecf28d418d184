import Aggregation
import Formats

/// A right side without correlation, and what must hold between it and the left: over its own
/// columns, with the left's as `outer`. Columns may have been added behind its own.
struct PulledPlan {
    var plan: Plan
    var conditions: [Expression] = []
}

extension Decorrelator {
    /// Joins a right side that may look at the left one. `condition` is ANY's, over the right
    /// columns. Columns behind the join's own may be added.
    func dependent(
        _ left: Plan, _ right: Plan, _ join: JoinPlan, _ condition: [Expression]
    ) throws(SQLError) -> Plan {
        if right.outerColumns().isEmpty {
            return attach(left, PulledPlan(plan: right), join, condition)
        }
        if let pulled = CorrelationPuller.pull(right) {
            return attach(left, pulled, join, condition)
        }
        return try magic(left, right, join, condition)
    }

    /// The join of a left side and a right one that is no longer correlated.
    func attach(
        _ left: Plan, _ right: PulledPlan, _ join: JoinPlan, _ condition: [Expression]
    ) -> Plan {
        let width = left.columns.count
        func over(_ expression: Expression) -> Expression {
            expression.replacing { inner, depth in
                switch inner {
                case .column(let index, let type) where depth == 0:
                    .column(index + width, type)
                case .outer(let index, let level, let type) where level == depth + 1:
                    depth == 0 ? .column(index, type) : .outer(index, depth: depth, type)
                case .outer(let index, let level, let type) where level > depth + 1:
                    .outer(index, depth: level - 1, type)
                default: nil
                }
            }
        }
        var join = join
        let tests = condition.map(over)
        var links = right.conditions.map(over)
        if join.kind == .mark {
            join.take(tests, leftWidth: width)
            join.nullAwareKeys = join.leftKeys.count
            // Which rows are looked at is never unknown.
            links = links.map {
                $0.sides(width) == nil ? .not(.isDistinct($0, .boolean(true))) : $0
            }
            join.take(links, leftWidth: width)
        } else {
            join.take(tests + links, leftWidth: width)
        }
        return joined(left, right.plan.withoutLevel, join)
    }

    private func joined(_ left: Plan, _ right: Plan, _ join: JoinPlan) -> Plan {
        var join = join
        let fields: [Field]
        switch join.kind {
        case .semi, .anti: fields = left.columns
        case .mark: fields = left.columns + [Field("mark", .boolean)]
        default: fields = left.columns + right.columns
        }
        // What has at most one match by its key is an outer join.
        if join.kind == .single, right.isUnique(on: join.rightKeys) { join.kind = .left }
        return .make(.join(left, right, join), fields)
    }

    /// The right side computed for all distinct outer values at once, then joined with the left.
    private func magic(
        _ left: Plan, _ right: Plan, _ join: JoinPlan, _ condition: [Expression]
    ) throws(SQLError) -> Plan {
        let outer = right.outerColumns().sorted { $0.key < $1.key }
        // A left side that looks further out itself is none that is computed once.
        let isShared = !left.isCorrelated
        let shared =
            isShared
            ? Plan.make(.shared(SharedPlan(id: nextID(), name: "outer", plan: left)), left.columns)
            : left
        // The domain lies inside the right side, one level further in.
        let source = isShared ? shared : left.movedInside(1)
        // Values that are equal and yet can be told apart are looked at apart, by their text.
        let texts = outer.filter { !$0.value.hasOneFormOfEqualValues }
        let values = source.projected(
            outer.map { .column($0.key, $0.value) }
                + texts.map { .cast(.column($0.key, $0.value), .text, isTry: false) },
            (outer + texts).map { left.columns[$0.key].name })
        let domain = values.with(.distinct(values))
        let pusher = DomainPusher(domain, outer.map(\.key))
        guard let pushed = try pusher.push(right) else {
            if left.facts.isEndless || right.facts.isEndless {
                throw SQLError(
                    "this LATERAL subquery needs an end of the input", .featureNotSupported,
                    hint: "Read what is there now by leaving out STREAM.")
            }
            throw SQLError("this correlated subquery is not supported", .featureNotSupported)
        }
        let width = right.columns.count
        var pulled = PulledPlan(plan: pushed)
        var columns: [(Expression, Expression)] = []
        for (index, column) in outer.enumerated() {
            columns.append(
                (
                    .outer(column.key, depth: 1, column.value),
                    .column(width + index, column.value)
                ))
        }
        for (index, column) in texts.enumerated() {
            columns.append(
                (
                    .cast(.outer(column.key, depth: 1, column.value), .text, isTry: false),
                    .column(width + outer.count + index, .text)
                ))
        }
        pulled.conditions = try columns.flatMap { (pair) throws(SQLError) in
            try NullSafeKeys.conditions(pair.1, pair.0)
        }
        return attach(shared, pulled, join, condition)
    }
}

extension Array {
    fileprivate func flatMap<T>(
        _ transform: (Element) throws(SQLError) -> [T]
    ) throws(SQLError) -> [T] {
        var result: [T] = []
        for element in self { result += try transform(element) }
        return result
    }
}

/// Equality in which null equals null, as conditions that can be keys of a join.
enum NullSafeKeys {
    static func conditions(_ a: Expression, _ b: Expression) throws(SQLError) -> [Expression] {
        guard let value = zero(a.type) else { return [.not(.isDistinct(a, b))] }
        func equal(_ x: Expression, _ y: Expression) throws(SQLError) -> Expression {
            let function = try FunctionRegistry.scalar("=", [x.type, y.type])
            return .call(function, [x, y], .boolean)
        }
        let standIn = Expression.literal(value, a.type)
        return [
            try equal(.isNull(a), .isNull(b)),
            try equal(.coalesce([a, standIn], a.type), .coalesce([b, standIn], b.type)),
        ]
    }

    /// Any value of the type: nulls are told apart by the other key.
    private static func zero(_ type: DataType) -> Value? {
        switch type.layout {
        case .boolean: .boolean(false)
        case .integer: .integer(0)
        case .double: .double(0)
        case .numeric: .numeric(Numeric(0))
        case .interval: .interval(Interval())
        case .string:
            switch type {
            case .text, .varchar, .char: .text("")
            case .bytea: .bytes([])
            default: nil
            }
        case .array, .record: nil
        }
    }
}
