import Aggregation
import Formats

// EMIT, and when windows leave.
extension Binder {
    func bindEmit(_ syntax: EmitSyntax) throws(SQLError) -> BoundEmit {
        func span(_ syntax: SyntaxExpression?) throws(SQLError) -> Int64? {
            try syntax.then { (expression) throws(SQLError) in try self.span(expression) }
        }
        func silence(_ syntax: SyntaxExpression?) throws(SQLError) -> Int64? {
            try syntax.then { (expression) throws(SQLError) in try self.silence(expression) }
        }
        let kind: BoundEmit.Kind
        switch syntax.kind {
        case .changes: kind = .changes
        case .onWindowClose(let delay, let timeout):
            kind = .onWindowClose(delay: try span(delay), timeout: try silence(timeout))
        case .final: kind = .final
        case .periodic(let interval): kind = .periodic(try self.silence(interval))
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

    /// Finds the window that an aggregation groups by, in each of its sets if there are several.
    func bindWindowBound(_ input: Plan, _ aggregate: inout AggregatePlan) {
        let keys = aggregate.keysOfAllSets.map { aggregate.keys[$0] }
        guard let end = input.windowEnd(keys) else { return }
        let emitsOnClose: Bool
        switch emit?.kind {
        case .changes?, .onUpdate?, .periodic?: emitsOnClose = false
        default: emitsOnClose = true
        }
        aggregate.window = .init(end: end, emitsOnClose: emitsOnClose)
        switch emit?.late {
        case .update(let span)?: aggregate.lateRows = .update(span)
        case .to?: aggregate.handsOutLateRows = true
        case .drop?, nil: break
        }
    }

    /// DISTINCT over windows is an aggregation without calls.
    func distinct(_ plan: Plan) -> Plan {
        let keys = plan.columnExpressions
        guard plan.windowEnd(keys) != nil else { return plan.with(.distinct(plan)) }
        var aggregate = AggregatePlan(keys: keys, calls: [])
        bindWindowBound(plan, &aggregate)
        return plan.with(.aggregate(plan, aggregate))
    }
}

extension Plan {
    var hasWindowedAggregate: Bool {
        containsOperation {
            if case .aggregate(_, let aggregate) = $0.node {
                aggregate.window != nil
            } else {
                false
            }
        }
    }
}
