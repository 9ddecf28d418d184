import Aggregation
import Formats

/// Finds when the rows that a join keeps can be freed: a comparison of a time column of one side
/// with the other side's row says until when a match may still come (interval joins, and windows
/// that are equal). Runs over joins whose conditions lie at their place, inputs first: where
/// nothing frees rows, their times say nothing to what lies above (`LateTimes`).
struct TimeBounds {
    /// `isUTC`: the session's zone is UTC.
    static func run(_ plan: Plan, isUTC: Bool) throws(SQLError) -> Plan {
        let inner = try plan.mapChildren { (child, _) throws(SQLError) in
            try run(child, isUTC: isUTC)
        }
        guard case .join(let left, let right, var join) = inner.node, !join.isLookup else {
            return try inner.withoutLateTimes()
        }
        if join.bounds.isEmpty, join.time == nil {
            let bounds = TimeBounds(left: left, right: right, isUTC: isUTC)
            join.bounds = [true, false].compactMap { bounds.bound(join, keepsLeft: $0) }
        }
        join.keepsForEver = [true, false].map { join.keepsForEver($0, left, right) }
        return try inner.with(.join(left, right, join)).withoutLateTimes()
    }

    let left: Plan
    let right: Plan
    let isUTC: Bool
    private var width: Int { left.columns.count }

    /// One bound a side: the first that is found.
    private func bound(_ join: JoinPlan, keepsLeft: Bool) -> JoinPlan.TimeBound? {
        for (a, b) in zip(join.leftKeys, join.rightKeys) {
            let (kept, other) = keepsLeft ? (a, b) : (b, a)
            if let expression = limit(kept, other, keepsLeft: keepsLeft) {
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
                let expression = limit(kept, other, keepsLeft: keepsLeft)
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
    private func limit(
        _ kept: Expression, _ time: Expression, keepsLeft: Bool
    ) -> Expression? {
        if kept.type.isNumber { return numberLimit(kept, time, keepsLeft: keepsLeft) }
        let other = keepsLeft ? right : left
        guard kept.type.isTime, let (column, distance) = time.timeAndDistance(over: other, isUTC),
            let offset = other.timeOffset(of: column)
        else { return nil }
        let (span, overflow) = offset.subtractingReportingOverflow(distance)
        if overflow { return nil }
        return span == 0 ? kept : kept.adding(Interval(microseconds: span))
    }

    /// The same where times are numbers, and so are their distances, of the column's unit.
    private func numberLimit(
        _ kept: Expression, _ time: Expression, keepsLeft: Bool
    ) -> Expression? {
        let (own, other) = keepsLeft ? (left, right) : (right, left)
        guard let (column, distance) = time.numberAndDistance,
            other.moment(ofNumber: column) != nil, let unit = other.facts.epochUnit
        else { return nil }
        let base = kept.columns.sorted().first { own.moment(ofNumber: $0) != nil }
        return EpochTime.bound(
            kept, base: base.map { .column($0, own.columns[$0].type) } ?? kept, shift: distance,
            unit)
    }
}

extension Expression {
    /// `column`, `column + interval`, `column - interval`.
    fileprivate func timeAndDistance(
        over plan: Plan, _ isUTC: Bool
    ) -> (column: Int, distance: Int64)? {
        if case (.column(let index, _), _)? = EpochTime.source(self) {
            return plan.moment(ofNumber: index)?.isSame(as: self) == true ? (index, 0) : nil
        }
        switch self {
        case .column(let index, let type): return type.isTime ? (index, 0) : nil
        case .cast(let inner, let type, _):
            // Only where the instant stays the same: dates of times do not.
            guard type.isTime, inner.type != .date || type == .timestamp, type != .date,
                isUTC || (inner.type == .timestamptz) == (type == .timestamptz)
            else { return nil }
            return inner.timeAndDistance(over: plan, isUTC)
        case .call(let function, let sides, _):
            guard sides.count == 2,
                let (column, distance) = sides[0].timeAndDistance(over: plan, isUTC),
                case .literal(.interval(let interval), _) = sides[1],
                let span = interval.fixedMicroseconds,
                isUTC || interval.days == 0 || sides[0].type != .timestamptz
            else { return nil }
            switch function.name {
            case "+": return (column, distance &+ span)
            case "-": return (column, distance &- span)
            default: return nil
            }
        default: return nil
        }
    }

    /// `column`, `column + number`, `column - number`, and how much more than the column another
    /// number may be that this does not pass.
    fileprivate var numberAndDistance: (column: Int, distance: Expression)? {
        switch self {
        case .column(let index, let type):
            return type.isNumber ? (index, .literal(.integer(0), .bigint)) : nil
        case .cast(let inner, let type, _):
            // Only where the value stays the same.
            guard inner.type.isInteger else { return nil }
            switch type {
            case .bigint, .double, .numeric(precision: nil, _): return inner.numberAndDistance
            default: return nil
            }
        case .call(let function, let sides, _):
            guard sides.count == 2, case .column(let index, _) = sides[0].withoutWidening,
                case .literal(.integer(let value), let type) = sides[1], type.isInteger,
                value != .min
            else { return nil }
            switch function.name {
            case "+": return (index, .literal(.integer(-value), .bigint))
            case "-": return (index, .literal(.integer(value), .bigint))
            default: return nil
            }
        default: return nil
        }
    }

    private var withoutWidening: Expression {
        if case .cast(let inner, .bigint, _) = self, inner.type.isInteger { return inner }
        return self
    }
}

extension TimeZone {
    /// Its times are those of UTC, always.
    var isUTC: Bool { transitions.isEmpty && rule == nil && firstOffset == 0 }
}
