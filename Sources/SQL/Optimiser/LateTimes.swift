import Aggregation
import Formats

// Times that the watermark says nothing of, over input without end: a join that keeps rows for ever
// hands them on whenever a partner comes, however old they are by then. Windows over them would
// close without such rows, and count them as late.
extension JoinPlan {
    /// Whether rows of the side stay as long as the query runs, for the other side has no end and
    /// no bound frees them. Once `bounds` are found.
    func keepsForEver(_ isLeft: Bool, _ left: Plan, _ right: Plan) -> Bool {
        guard !isLookup, (isLeft ? right : left).facts.isEndless else { return false }
        // A row that may be taken back has to be found again, so nothing frees it.
        guard left.onlyGrows, right.onlyGrows else { return true }
        if let time {
            // Left rows wait until the right watermark has passed what they are compared with.
            return !left.isTimeColumn(time.left) || !right.isTimeColumn(time.right)
        }
        return !bounds.contains { $0.keepsLeft == isLeft }
    }

    /// Whether what leaves is final, though left or right rows may stand without a partner.
    fileprivate var isFinalInTime: Bool {
        func isBound(left: Bool) -> Bool { bounds.contains { $0.keepsLeft == left } }
        switch kind {
        case .inner, .semi, .asof: return true
        case .left, .anti, .mark, .single: return isBound(left: true)
        case .asofLeft: return !keepsForEver[0]
        case .right: return isBound(left: false)
        case .full: return isBound(left: true) && isBound(left: false)
        }
    }
}

extension Plan {
    fileprivate func isTimeColumn(_ expression: Expression) -> Bool {
        guard case .column(let index, let type) = expression else { return false }
        return type.isTime && facts.timeColumns.contains(index)
    }

    /// Whether no row is taken back, over many steps and once the bounds of joins are known.
    fileprivate var onlyGrows: Bool {
        if facts.isAppendOnly { return true }
        switch node {
        case .filter(let input, let condition): return !condition.readsClock && input.onlyGrows
        case .project(let input, _), .unnest(let input, _, _, _), .window(let input, _),
            .distinct(let input):
            return input.onlyGrows
        case .union(let inputs): return inputs.allSatisfy(\.onlyGrows)
        case .shared(let shared): return shared.plan.onlyGrows
        case .join(let left, let right, let join):
            return left.onlyGrows && right.onlyGrows && (join.isLookup || join.isFinalInTime)
        case .aggregate(let input, let aggregate):
            return aggregate.window?.emitsOnClose == true && !aggregate.updatesLateRows
                && input.onlyGrows
        default: return false
        }
    }

    /// Whether rows may come whose value of the column lies anywhere below the watermark.
    func leavesLate(_ column: Int) -> Bool {
        var known: [SharedColumn: Bool] = [:]
        return leavesLate(column, &known)
    }

    private func leavesLate(_ column: Int, _ known: inout [SharedColumn: Bool]) -> Bool {
        guard facts.isEndless else { return false }
        switch node {
        case .project(let input, let list): return input.leavesLate(list[column], &known)
        case .filter(let input, _), .unnest(let input, _, _, _), .over(let input, _),
            .sort(let input, _), .limit(let input, _, _), .distinct(let input):
            return column < input.columns.count && input.leavesLate(column, &known)
        case .window(let input, let window):
            let source = column < input.columns.count ? column : window.time
            return source.map { input.leavesLate($0, &known) } ?? false
        case .aggregate(let input, let aggregate):
            guard column < aggregate.keys.count else { return false }
            return input.leavesLate(aggregate.keys[column], &known)
        case .join(let left, let right, let join):
            let width = left.columns.count
            if column < width { return join.keepsForEver[0] || left.leavesLate(column, &known) }
            return join.keepsForEver[1] || right.leavesLate(column - width, &known)
        case .union(let inputs): return inputs.contains { $0.leavesLate(column, &known) }
        case .shared(let shared):
            let key = SharedColumn(id: shared.id, column: column)
            if let isLate = known[key] { return isLate }
            let isLate = shared.plan.leavesLate(column, &known)
            known[key] = isLate
            return isLate
        default: return false
        }
    }

    private func leavesLate(
        _ expression: Expression, _ known: inout [SharedColumn: Bool]
    ) -> Bool {
        expression.columns.sorted().contains { leavesLate($0, &known) }
    }

    /// The same plan, in which nothing goes by times that come late: aggregates over windows of
    /// them keep their groups. Where windows would have to close that is an error.
    func withoutLateTimes() throws(SQLError) -> Plan {
        guard facts.isEndless else { return self }
        var result = self
        result.facts.timeColumns.removeAll { leavesLate($0) }
        switch node {
        case .window(let input, let window):
            guard case .session = window.kind, let time = window.time, input.leavesLate(time) else {
                return result
            }
            throw Self.neverCloses
        case .aggregate(let input, var aggregate):
            guard let window = aggregate.window,
                window.end.columns.contains(where: { input.leavesLate($0) })
            else { return result }
            if window.emitsOnClose { throw Self.neverCloses }
            aggregate.window = nil
            return result.with(.aggregate(input, aggregate))
        default: return result
        }
    }

    private static let neverCloses = SQLError(
        "the windows would never close: a join, IN or EXISTS below them keeps its rows for ever, "
            + "and these may leave at any time", .featureNotSupported,
        hint: "Give it a bound by time, such as AND b.ts BETWEEN a.ts - INTERVAL '1 minute' AND "
            + "a.ts + INTERVAL '1 minute', with watermarks on both sides; or use EMIT CHANGES with "
            + "TUMBLE, HOP or CUMULATE, which keeps all windows.")
}
