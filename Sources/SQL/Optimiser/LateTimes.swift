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
    func leavesLate(_ column: Int) -> Bool { lateCause(column) != nil }

    /// Why that is; nil: no such rows come.
    private func lateCause(_ column: Int) -> LateCause? {
        var known: [SharedColumn: LateCause?] = [:]
        return lateCause(column, &known)
    }

    private func lateCause(
        _ column: Int, _ known: inout [SharedColumn: LateCause?]
    ) -> LateCause? {
        guard facts.isEndless else { return nil }
        switch node {
        case .project(let input, let list): return input.lateCause(list[column], &known)
        case .filter(let input, _), .unnest(let input, _, _, _), .distinct(let input):
            return column < input.columns.count ? input.lateCause(column, &known) : nil
        case .over(let input, let over):
            guard column < input.columns.count else { return nil }
            return input.lateCause(column, &known)
                ?? (over.settles(column, of: input) ? nil : .changedRows)
        case .sort(let input, let sort):
            guard column < input.columns.count else { return nil }
            return input.lateCause(column, &known)
                ?? (sort.settles(column, of: input) ? nil : .changedRows)
        case .limit(let input, _, _):
            return input.lateCause(column, &known) ?? (input.onlyGrows ? nil : .changedRows)
        case .window(let input, let window):
            let source = column < input.columns.count ? column : window.time
            return source.flatMap { input.lateCause($0, &known) }
        case .aggregate(let input, let aggregate):
            guard column < aggregate.keys.count else { return nil }
            return input.lateCause(aggregate.keys[column], &known)
        case .join(let left, let right, let join):
            let width = left.columns.count
            let isLeft = column < width
            if join.keepsForEver[isLeft ? 0 : 1] { return .keptRows }
            return isLeft
                ? left.lateCause(column, &known) : right.lateCause(column - width, &known)
        case .union(let inputs):
            for input in inputs { if let cause = input.lateCause(column, &known) { return cause } }
            return nil
        case .shared(let shared):
            let key = SharedColumn(id: shared.id, column: column)
            if let cause = known[key] { return cause }
            let cause = shared.plan.lateCause(column, &known)
            known[key] = .some(cause)
            return cause
        default: return nil
        }
    }

    private func lateCause(
        _ expression: Expression, _ known: inout [SharedColumn: LateCause?]
    ) -> LateCause? {
        for column in expression.columns.sorted() {
            if let cause = lateCause(column, &known) { return cause }
        }
        return nil
    }

    /// The same plan, in which nothing goes by times that come late: aggregates over windows of
    /// them keep their groups. Where windows would have to close that is an error.
    func withoutLateTimes() throws(SQLError) -> Plan {
        guard facts.isEndless else { return self }
        var result = self
        result.facts.timeColumns.removeAll { leavesLate($0) }
        switch node {
        case .window(let input, let window):
            guard case .session = window.kind, let time = window.time,
                let cause = input.lateCause(time)
            else { return result }
            throw cause.error
        case .aggregate(let input, var aggregate):
            guard let window = aggregate.window,
                let cause = window.end.columns.sorted().lazy.compactMap({ input.lateCause($0) })
                    .first
            else { return result }
            if window.emitsOnClose { throw cause.error }
            aggregate.window = nil
            return result.with(.aggregate(input, aggregate))
        default: return result
        }
    }
}

/// Why rows come whose times lie anywhere below the watermark.
private enum LateCause {
    /// A join keeps rows for ever, and hands them on when a partner comes.
    case keptRows
    /// Rows that have left are taken back, or come in for others, whatever their age.
    case changedRows

    var error: SQLError {
        let closing =
            "or use EMIT CHANGES with TUMBLE, HOP or CUMULATE, which keeps all windows."
        switch self {
        case .keptRows:
            return SQLError(
                "the windows would never close: a join, IN or EXISTS below them keeps its rows for "
                    + "ever, and these may leave at any time", .featureNotSupported,
                hint: "Give it a bound by time, such as AND b.ts BETWEEN a.ts - INTERVAL '1 "
                    + "minute' AND a.ts + INTERVAL '1 minute', with watermarks on both sides; "
                    + closing)
        case .changedRows:
            return SQLError(
                "the windows would never close: OVER, LIMIT or DISTINCT ON below them may change "
                    + "rows of any age", .featureNotSupported,
                hint: "Let it look back only, in the order of the time column (ORDER BY ts, no "
                    + "frame that goes on behind the current row), or PARTITION BY window_end; "
                    + closing)
        }
    }
}
