import Aggregation
import Formats

/// Finds when the rows that a join keeps can be freed: a comparison of a time column of one side
/// with the other side's row says until when a match may still come (interval joins, and windows
/// that are equal). Runs over joins whose conditions lie at their place.
struct TimeBounds {
    static func run(_ plan: Plan) throws(SQLError) -> Plan {
        let inner = try plan.mapChildren { (child, _) throws(SQLError) in try run(child) }
        guard case .join(let left, let right, var join) = inner.node, join.bounds.isEmpty,
            join.time == nil, !join.isLookup
        else { return inner }
        let bounds = TimeBounds(left: left, right: right)
        join.bounds = [bounds.bound(join, keepsLeft: true), bounds.bound(join, keepsLeft: false)]
            .compactMap { $0 }
        guard !join.bounds.isEmpty else { return inner }
        return inner.with(.join(left, right, join))
    }

    let left: Plan
    let right: Plan
    private var width: Int { left.columns.count }

    /// One bound a side: the first that is found.
    private func bound(_ join: JoinPlan, keepsLeft: Bool) -> JoinPlan.TimeBound? {
        for (a, b) in zip(join.leftKeys, join.rightKeys) {
            let (kept, other) = keepsLeft ? (a, b) : (b, a)
            if let expression = limit(kept, other, keepsLeft ? right : left) {
                return .init(keepsLeft: keepsLeft, expression: expression)
            }
        }
        for part in join.condition?.conjuncts ?? [] {
            guard case .call(let function, let sides, _) = part, sides.count == 2 else { continue }
            let (low, high): (Expression, Expression)
            switch function.name {
            case "<", "<=": (low, high) = (sides[0], sides[1])
            case ">", ">=": (low, high) = (sides[1], sides[0])
            default: continue
            }
            // The lower is the time that comes, the higher says until when.
            guard let kept = own(high, left: keepsLeft), let other = own(low, left: !keepsLeft),
                let expression = limit(kept, other, keepsLeft ? right : left)
            else { continue }
            return .init(keepsLeft: keepsLeft, expression: expression)
        }
        return nil
    }

    /// The expression over the columns of one side alone.
    private func own(_ expression: Expression, left isLeft: Bool) -> Expression? {
        let columns = expression.columns
        guard !columns.isEmpty, columns.allSatisfy({ ($0 < width) == isLeft }) else { return nil }
        return isLeft ? expression : expression.mapColumns { $0 - width }
    }

    /// A kept row's value, after which no row of the other side can still reach it: the time of the
    /// other side is a column and a distance.
    private func limit(_ kept: Expression, _ time: Expression, _ other: Plan) -> Expression? {
        guard kept.type.isTime, let (column, distance) = time.timeAndDistance,
            let offset = other.timeOffset(of: column)
        else { return nil }
        let (span, overflow) = offset.subtractingReportingOverflow(distance)
        if overflow { return nil }
        return span == 0 ? kept : kept.adding(Interval(microseconds: span))
    }
}

extension Expression {
    /// `column`, `column + interval`, `column - interval`.
    fileprivate var timeAndDistance: (column: Int, distance: Int64)? {
        switch self {
        case .column(let index, let type): return type.isTime ? (index, 0) : nil
        case .cast(let inner, let type, _):
            // Only where the instant stays the same: dates of times do not.
            guard type.isTime, inner.type != .date || type == .timestamp, type != .date else {
                return nil
            }
            return inner.timeAndDistance
        case .call(let function, let sides, _):
            guard sides.count == 2, let (column, distance) = sides[0].timeAndDistance,
                case .literal(.interval(let interval), _) = sides[1],
                let span = interval.fixedMicroseconds
            else { return nil }
            switch function.name {
            case "+": return (column, distance &+ span)
            case "-": return (column, distance &- span)
            default: return nil
            }
        default: return nil
        }
    }
}
