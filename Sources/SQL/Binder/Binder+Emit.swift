import Aggregation
import Formats

// EMIT, and when windows leave.
extension Binder {
    func bindEmit(_ syntax: EmitSyntax) throws(SQLError) -> BoundEmit {
        func span(_ syntax: SyntaxExpression?) throws(SQLError) -> Int64? {
            try syntax.then { (expression) throws(SQLError) in try self.span(expression) }
        }
        let kind: BoundEmit.Kind
        switch syntax.kind {
        case .changes: kind = .changes
        case .onWindowClose(let delay, let timeout):
            kind = .onWindowClose(delay: try span(delay), timeout: try span(timeout))
        case .final: kind = .final
        case .periodic(let interval): kind = .periodic(try self.span(interval))
        case .onUpdate(let batch): kind = .onUpdate(batch: try span(batch))
        }
        var late: BoundEmit.Late?
        switch syntax.late {
        case .drop: late = .drop
        case .update(let interval): late = .update(try span(interval) ?? Int64.max)
        case .to(let name): late = .to(name)
        case nil: break
        }
        return BoundEmit(kind, late: late)
    }

    /// EMIT ON WINDOW CLOSE needs a windowed aggregate (QUERY.md §1).
    func checkWindowClose(_ plan: Plan, _ emit: EmitSyntax) throws(SQLError) {
        guard case .onWindowClose = emit.kind, !plan.hasWindowedAggregate else { return }
        throw SQLError(
            "EMIT ON WINDOW CLOSE needs a windowed aggregate", .syntaxError, at: emit.place,
            hint: "Group by window_start or window_end of TUMBLE, HOP, CUMULATE or SESSION, or by "
                + "date_bin or date_trunc of the time column.")
    }

    /// Finds the window that an aggregation groups by.
    func bindWindowBound(_ input: Plan, _ aggregate: inout AggregatePlan) {
        guard aggregate.groupingSets == nil, let end = windowEnd(input, aggregate.keys) else {
            return
        }
        let emitsOnClose: Bool
        switch emit?.kind {
        case .changes?, .onUpdate?, .periodic?: emitsOnClose = false
        default: emitsOnClose = true
        }
        aggregate.window = .init(end: end, emitsOnClose: emitsOnClose)
        if case .update(let span)? = emit?.late { aggregate.lateRows = .update(span) }
    }

    private func windowEnd(_ input: Plan, _ keys: [Expression]) -> Expression? {
        for key in keys {
            if case .column(let index, _) = key, let end = input.windowEnd(of: index) {
                return end
            }
            if let end = key.bucketEnd(input.facts.timeColumns) { return end }
        }
        return nil
    }

    /// DISTINCT over windows is an aggregation without calls.
    func distinct(_ plan: Plan) -> Plan {
        let keys = plan.columnExpressions
        guard windowEnd(plan, keys) != nil else { return plan.with(.distinct(plan)) }
        var aggregate = AggregatePlan(keys: keys, calls: [])
        bindWindowBound(plan, &aggregate)
        return plan.with(.aggregate(plan, aggregate))
    }
}

extension Plan {
    var hasWindowedAggregate: Bool {
        if case .aggregate(_, let aggregate) = node, aggregate.window != nil { return true }
        return children.contains { $0.hasWindowedAggregate }
    }

    /// Whether a column is `window_start` or `window_end`; then the column of the end, in
    /// microseconds of the same row.
    func windowEnd(of column: Int) -> Expression? {
        switch node {
        case .window(let input, let window):
            let width = input.columns.count
            guard column == width || column == width + 1 else {
                return column < width ? input.windowEnd(of: column) : nil
            }
            guard
                window.time == nil || input.facts.timeColumns.contains(window.time ?? -1)
                    || !facts.isEndless
            else { return nil }
            return .column(width + 1, columns[width + 1].type)
        case .filter(let input, _), .unnest(let input, _, _, _), .over(let input, _):
            return column < input.columns.count ? input.windowEnd(of: column) : nil
        case .project(let input, let list):
            guard case .column(let source, _) = list[column],
                case .column(let end, let type)? = input.windowEnd(of: source)
            else { return nil }
            let kept = list.firstIndex {
                if case .column(end, _) = $0 { return true }
                return false
            }
            return kept.map { .column($0, type) }
        case .join(let left, let right, let join):
            let width = left.columns.count
            if column < width { return left.windowEnd(of: column) }
            guard join.kind == .inner else { return nil }
            return right.windowEnd(of: column - width)?.mapColumns { $0 + width }
        case .aggregate(let input, let aggregate):
            // An aggregation of windows: its windows are those below.
            guard aggregate.window != nil, column < aggregate.keys.count,
                case .column(let source, _) = aggregate.keys[column],
                case .column(let end, let type)? = input.windowEnd(of: source)
            else { return nil }
            let kept = aggregate.keys.firstIndex {
                if case .column(end, _) = $0 { return true }
                return false
            }
            return kept.map { .column($0, type) }
        case .shared(let shared): return shared.plan.windowEnd(of: column)
        default: return nil
        }
    }
}

extension Expression {
    /// The end of the bucket where this is date_bin or date_trunc of a time column.
    func bucketEnd(_ timeColumns: [Int]) -> Expression? {
        guard case .call(let function, let arguments, let type) = self, arguments.count >= 2,
            case .column(let column, _) = arguments[1], timeColumns.contains(column)
        else { return nil }
        let span: Interval
        switch (function.name, arguments[0]) {
        case ("date_bin", .literal(.interval(let interval), _)): span = interval
        case ("date_trunc", .literal(.text(let unit), _)):
            guard let interval = Expression.unitSpans[unit.lowercased()] else { return nil }
            span = interval
        default: return nil
        }
        guard
            let plus = try? FunctionRegistry.scalar("+", [type, .interval])
        else { return nil }
        return .call(plus, [self, .literal(.interval(span), .interval)], type)
    }

    private static let unitSpans: [String: Interval] = [
        "second": Interval(microseconds: 1_000_000), "minute": Interval(microseconds: 60_000_000),
        "hour": Interval(microseconds: 3_600_000_000), "day": Interval(days: 1),
        "week": Interval(days: 7), "month": Interval(months: 1), "quarter": Interval(months: 3),
        "year": Interval(months: 12),
    ]
}
