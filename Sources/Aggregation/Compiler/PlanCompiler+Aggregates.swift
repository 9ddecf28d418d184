import Formats

// GROUP BY and the window functions.
extension PlanCompiler {
    mutating func build(
        _ child: Plan, _ aggregate: AggregatePlan, _ plan: Plan
    ) throws(SQLError) -> Output {
        if aggregate.window != nil { timedAbove += 1 }
        defer { if aggregate.window != nil { timedAbove -= 1 } }
        if let fused = try buildOverWindow(child, aggregate, plan) { return fused }
        let input = try build(child)
        let judge = judge(of: aggregate, child)
        let maySpill = input.isAppendOnly && !aggregate.keys.isEmpty
        let node = try AggregateOperator(
            aggregate, input: child, isAppendOnly: input.isAppendOnly,
            spill: maySpill ? takeSpillBudget() : nil,
            idleLimit: isSingleStep ? nil : idleLimit, isJudgedBelow: judge != nil,
            settings: settings)
        if aggregate.handsOutLateRows {
            query.lateOutputs.append(judge.map { ($0.0, $0.1) } ?? (node, child.columns))
        }
        return try add(node, [input], plan, isAppendOnly: leavesOnce(aggregate, input))
    }

    /// Has the operator of HOP or CUMULATE that was just built below judge which rows are late,
    /// with the columns that its rows have; nil: there is none, or others read it too.
    private func judge(
        of aggregate: AggregatePlan, _ child: Plan
    ) -> (WindowOperator, [Field])? {
        guard aggregate.window != nil else { return nil }
        var plan = child
        while true {
            switch plan.node {
            case .filter(let below, _), .project(let below, _): plan = below
            case .window(let below, let window):
                guard window.time != nil, WindowGeometry(window.kind)?.isTumbling == false else {
                    return nil
                }
                let node = query.operators.lazy.compactMap { $0 as? WindowOperator }.last
                guard let node else { return nil }
                if case .update(let grace) = aggregate.lateRows {
                    node.judgeLateRows(grace: grace)
                } else {
                    node.judgeLateRows(grace: 0)
                }
                return (node, below.columns)
            default: return nil
            }
        }
    }

    /// True if no group that has left is taken back.
    private func leavesOnce(_ aggregate: AggregatePlan, _ input: Output) -> Bool {
        if case .update = aggregate.lateRows, aggregate.window != nil { return false }
        if isSingleStep && input.isAppendOnly { return true }
        return aggregate.window?.emitsOnClose == true
    }

    /// An aggregation directly over a window function whose groups leave once: rows are added to
    /// panes or sessions, without being written out for each window.
    private mutating func buildOverWindow(
        _ child: Plan, _ aggregate: AggregatePlan, _ plan: Plan
    ) throws(SQLError) -> Output? {
        let (source, aggregate) = aggregate.overProjection(child)
        guard case .window(let below, let window) = source.node, let time = window.time,
            aggregate.window?.emitsOnClose == true, aggregate.groupingSets == nil,
            case .drop = aggregate.lateRows, !aggregate.calls.contains(where: \.isDistinct),
            let split = WindowKey.split(aggregate.keys, width: below.columns.count),
            aggregate.calls.allSatisfy({ $0.reads(below: below.columns.count) })
        else { return nil }
        let type = source.columns[below.columns.count].type
        let times = Expression.column(time, below.columns[time].type)
        guard let geometry = WindowGeometry(window.kind) else {
            return try buildSessions(below, window, aggregate, split, times, type, plan)
        }
        // Panes are merged by their times, and what goes by arrival would be mixed up.
        guard geometry.isTumbling || !aggregate.calls.contains(where: \.function.followsArrival)
        else { return nil }
        let input = try build(below)
        try aggregate.refuseRetraction(input.isAppendOnly)
        let node = try WindowAggregateOperator(
            aggregate, split, geometry, time: times, type: type, input: input.types,
            isAppendOnly: input.isAppendOnly, spill: input.isAppendOnly ? takeSpillBudget() : nil,
            settings: settings)
        if aggregate.handsOutLateRows { query.lateOutputs.append((node, below.columns)) }
        return try add(node, [input], plan, isAppendOnly: true)
    }

    private mutating func buildSessions(
        _ below: Plan, _ window: WindowAssignment, _ aggregate: AggregatePlan,
        _ split: (kinds: [WindowKey], plain: [Expression]), _ time: Expression, _ type: DataType,
        _ plan: Plan
    ) throws(SQLError) -> Output? {
        guard case .session(let gap, let partition) = window.kind else { return nil }
        let node = try SessionAggregateOperator(
            aggregate, split, gap: gap, partition: partition, time: time,
            columns: below.columns.map(\.type), type: type, settings: settings)
        guard let node else { return nil }
        if aggregate.handsOutLateRows { query.lateOutputs.append((node, below.columns)) }
        return try add(node, [try build(below)], plan, isAppendOnly: true)
    }

    /// A window function whose rows are asked for.
    mutating func build(
        _ child: Plan, _ window: WindowAssignment, _ plan: Plan
    ) throws(SQLError) -> Output {
        if case .session = window.kind { timedAbove += 1 }
        defer { if case .session = window.kind { timedAbove -= 1 } }
        let input = try build(child)
        let type = plan.columns[child.columns.count].type
        guard let time = window.time else {
            guard let geometry = WindowGeometry(window.kind) else {
                throw SQLError(
                    "SESSION over PROCTIME() is not supported", .featureNotSupported,
                    hint: "Name a time column of the rows.")
            }
            guard input.isAppendOnly else {
                throw SQLError(
                    "windows over PROCTIME() need rows that are only inserted",
                    .featureNotSupported)
            }
            let node = WindowProcessingTimeOperator(geometry, type: type, settings: settings)
            return try add(node, [input], plan, isAppendOnly: input.isAppendOnly)
        }
        if let geometry = WindowGeometry(window.kind) {
            let node = WindowOperator(geometry, time: time, type: type)
            return try add(node, [input], plan, isAppendOnly: input.isAppendOnly)
        }
        guard case .session(let gap, let partition) = window.kind else {
            preconditionFailure("a window without panes is a session")
        }
        let node = SessionWindowOperator(
            gap: gap, partition: partition, time: time, types: input.types, type: type)
        return try add(node, [input], plan, isAppendOnly: true)
    }
}

extension AggregatePlan {
    /// The same aggregation without the projection that lies between it and a window function.
    fileprivate func overProjection(_ child: Plan) -> (Plan, AggregatePlan) {
        // random() stands for one value of the row, wherever it is read.
        guard case .project(let below, let list) = child.node, case .window = below.node,
            !list.contains(where: \.isVolatile)
        else { return (child, self) }
        var copy = self
        copy.keys = keys.map { $0.substituting(list) }
        copy.calls = calls.map { call in
            var call = call
            call.arguments = call.arguments.map { $0.substituting(list) }
            call.filter = call.filter?.substituting(list)
            for index in call.order.indices {
                call.order[index].expression = call.order[index].expression.substituting(list)
            }
            return call
        }
        copy.window?.end = window?.end.substituting(list) ?? .literal(.null, .bigint)
        return (below, copy)
    }

    /// Sketches cannot take rows back.
    func refuseRetraction(_ isAppendOnly: Bool) throws(SQLError) {
        guard !isAppendOnly, let call = calls.first(where: { !$0.function.canRetract }) else {
            return
        }
        throw SQLError(
            "\(call.function.name) cannot take rows back, and its input changes",
            .featureNotSupported,
            hint: "Use an exact function, or aggregate rows that are only inserted.")
    }
}

extension AggregateCall {
    /// True if only columns below `width` are read.
    fileprivate func reads(below width: Int) -> Bool {
        let all = arguments + order.map(\.expression) + (filter.map { [$0] } ?? [])
        return all.allSatisfy { $0.columns.allSatisfy { $0 < width } }
    }
}

extension Expression {
    /// The same expression with each column replaced by what a projection makes it of.
    fileprivate func substituting(_ list: [Expression]) -> Expression {
        if case .column(let index, _) = self { return list[index] }
        return mapChildren { $0.substituting(list) }
    }
}
