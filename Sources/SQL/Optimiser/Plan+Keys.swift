import Aggregation
import Formats

extension Plan {
    /// True if no two rows that stand at the same time agree in these columns, as far as can be
    /// seen. It sees more than `facts.key`, which is made of columns as they are: through casts
    /// that keep values apart, and that the columns of a join which are equal are one.
    public func isUnique(in columns: Set<Int>) -> Bool {
        if let key = facts.key, key.allSatisfy({ columns.contains($0) }) { return true }
        switch node {
        case .project(let input, let list):
            return input.isUnique(in: Set(columns.compactMap { list[$0].columnKeptApart }))
        case .filter(let input, _), .limit(let input, _, _):
            return input.isUnique(in: columns)
        case .distinct(let input):
            guard case .project(_, let list) = input.node else {
                return input.isUnique(in: columns)
            }
            // A constant tells no rows apart.
            let others = list.indices.filter { !list[$0].isLiteral }
            return others.allSatisfy { columns.contains($0) } || input.isUnique(in: columns)
        case .over(let input, _), .sort(let input, _):
            // What they add stands behind.
            return input.isUnique(in: columns.filter { $0 < input.columns.count })
        case .window(let input, let window):
            let width = input.columns.count
            switch window.kind {
            case .tumble, .session: break
            // A row has several of them.
            case .hop: guard columns.contains(where: { $0 >= width }) else { return false }
            case .cumulate: guard columns.contains(where: { $0 > width }) else { return false }
            }
            return input.isUnique(in: columns.filter { $0 < width })
        case .shared(let shared): return shared.plan.isUnique(in: columns)
        case .join(let left, let right, let join):
            return Plan.isUnique(left, right, join, in: columns)
        default: return false
        }
    }

    private static func isUnique(
        _ left: Plan, _ right: Plan, _ join: JoinPlan, in columns: Set<Int>
    ) -> Bool {
        let width = left.columns.count
        var ofLeft = columns.filter { $0 < width }
        var ofRight = Set(columns.filter { $0 >= width }.map { $0 - width })
        switch join.kind {
        case .semi, .anti, .mark, .single, .asof, .asofLeft: return left.isUnique(in: ofLeft)
        case .full: return false
        case .inner, .left, .right: break
        }
        let leftKeys = join.leftKeys.map(\.columnKeptApart)
        let rightKeys = join.rightKeys.map(\.columnKeptApart)
        for case (let a?, let b?) in zip(leftKeys, rightKeys) {
            // A row without a partner has nulls on one side, so only the other's value is its own.
            if join.kind != .right, ofLeft.contains(a) { ofRight.insert(b) }
            if join.kind != .left, ofRight.contains(b) { ofLeft.insert(a) }
        }
        let (leftIsUnique, rightIsUnique) =
            (left.isUnique(in: ofLeft), right.isUnique(in: ofRight))
        if leftIsUnique, rightIsUnique { return true }
        if leftIsUnique, join.kind != .right {
            return right.isUnique(in: Set(rightKeys.compactMap { $0 }))
        }
        if rightIsUnique, join.kind != .left {
            return left.isUnique(in: Set(leftKeys.compactMap { $0 }))
        }
        return false
    }
}

extension Expression {
    /// The column whose values are different wherever those of the expression are: itself, or cast
    /// to a type that has all of them.
    fileprivate var columnKeptApart: Int? {
        switch self {
        case .column(let index, _): return index
        case .cast(let inner, let type, isTry: false):
            return inner.type.staysApart(as: type) ? inner.columnKeptApart : nil
        default: return nil
        }
    }
}

extension DataType {
    /// No two values of it become one of the other type; what does not fit is an error.
    fileprivate func staysApart(as other: DataType) -> Bool {
        if self == other { return true }
        switch (self, other) {
        case (_, .numeric(nil, _)): return isInteger
        case (.uuid, .text), (.date, .text), (.boolean, .text): return true
        case (.text, .varchar(nil)), (.varchar, .text), (.varchar, .varchar(nil)): return true
        case (_, .text), (_, .varchar(nil)): return isInteger
        default: return isInteger && other.isInteger
        }
    }
}
