import Aggregation
import Formats

// What cannot have a row, so that nothing of its input is read: PostgreSQL's "One-Time Filter:
// false".
extension Plan {
    /// Known to have no row.
    var isEmpty: Bool {
        if case .values(let rows) = node { return rows.isEmpty }
        return false
    }

    /// The same columns without a row.
    var emptied: Plan { Plan.make(.values([]), columns) }

    /// True if no row can leave this operation, by what its inputs and conditions are. An
    /// aggregation of nothing without keys still has its row.
    var givesNothing: Bool {
        switch node {
        case .filter(let input, let condition): input.isEmpty || condition.isNeverTrue
        case .project(let input, _), .unnest(let input, _, _, _), .window(let input, _),
            .over(let input, _), .distinct(let input), .recursive(_, let input, _, _):
            input.isEmpty
        case .sort(let input, let sort): input.isEmpty || (sort.limit?.isZero ?? false)
        case .limit(let input, let count, _): input.isEmpty || (count?.isZero ?? false)
        case .aggregate(let input, let aggregate):
            input.isEmpty && aggregate.groupingSets == nil && !aggregate.keys.isEmpty
        case .join(let left, let right, let join):
            join.kind.givesNothing(left.isEmpty, right.isEmpty)
                || join.kind.wantsMatch && (join.condition?.isNeverTrue ?? false)
        case .apply(let left, let right, let kind):
            kind.givesNothing(left.isEmpty, right.isEmpty)
        case .union(let inputs): inputs.allSatisfy(\.isEmpty)
        case .setOperation(.intersect, _, let left, let right): left.isEmpty || right.isEmpty
        case .setOperation(.except, _, let left, _): left.isEmpty
        case .shared(let shared): shared.plan.isEmpty
        case .scan, .values, .recursion: false
        }
    }

    /// The same rows without inputs that add none: branches of a union, and the side of a join
    /// of which no row can match.
    var withoutEmptyInputs: Plan {
        switch node {
        case .union(let inputs) where inputs.contains(where: \.isEmpty):
            return with(.union(inputs.filter { !$0.isEmpty }))
        case .join(let left, let right, var join) where join.condition?.isNeverTrue ?? false:
            let isLeft = join.kind == .left || join.kind == .anti
            guard isLeft || join.kind == .right else { return self }
            join.condition = nil
            return with(
                .join(isLeft ? left : left.emptied, isLeft ? right.emptied : right, join))
        default: return self
        }
    }
}

extension JoinPlan.Kind {
    /// Rows leave only where both sides have some.
    fileprivate var wantsMatch: Bool { self == .inner || self == .semi || self == .asof }

    fileprivate func givesNothing(_ isLeftEmpty: Bool, _ isRightEmpty: Bool) -> Bool {
        switch self {
        case .inner, .semi, .asof: isLeftEmpty || isRightEmpty
        case .left, .anti, .mark, .single, .asofLeft: isLeftEmpty
        case .right: isRightEmpty
        case .full: isLeftEmpty && isRightEmpty
        }
    }
}

extension Expression {
    /// False or null for every row, as a condition.
    var isNeverTrue: Bool {
        switch self {
        case .literal(let value, _): value == .boolean(false) || value == .null
        case .and(let parts): parts.contains(where: \.isNeverTrue)
        case .or(let parts): parts.allSatisfy(\.isNeverTrue)
        default: false
        }
    }

    fileprivate var isZero: Bool {
        if case .literal(.integer(0), _) = self { return true }
        return false
    }
}
