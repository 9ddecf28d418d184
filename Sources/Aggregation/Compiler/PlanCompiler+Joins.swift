import Formats

extension PlanCompiler {
    mutating func build(
        _ plan: Plan, _ leftPlan: Plan, _ rightPlan: Plan, _ join: JoinPlan
    ) throws(SQLError) -> Output {
        let mayIdle = idleLimit != nil && !isSingleStep
        if !mayIdle, let chain = SharedKeyChain(leftPlan, rightPlan, join) {
            var inputs: [Output] = []
            for input in chain.inputs { inputs.append(try build(input)) }
            let node = try SharedKeyJoinOperator(
                chain, times: chain.inputs.map { times($0) }, spill: takeSpillBudget(), settings)
            return try add(node, inputs, plan, isAppendOnly: true)
        }
        let (left, right) = try buildSides(leftPlan, rightPlan, join)
        if join.kind == .asof || join.kind == .asofLeft {
            return try buildAsof(plan, join, left, right, [leftPlan, rightPlan])
        }
        let shape = try JoinShape(
            join, left: left, right: right, times: [times(leftPlan), times(rightPlan)],
            isEndless: [leftPlan.facts.isEndless, rightPlan.facts.isEndless],
            isSingleStep: isSingleStep, settings)
        let maySpill = shape.isAppendOnly && !shape.isLookup && !join.leftKeys.isEmpty
        let node: Operator
        if !mayIdle, shape.isByKeyAlone, join.nullAwareKeys <= 1 {
            node = try ExistenceJoinOperator(
                shape, join, spill: maySpill ? takeSpillBudget() : nil, settings)
        } else {
            node = JoinOperator(
                shape, spill: maySpill && !shape.keyTypes.isEmpty ? takeSpillBudget() : nil,
                idleLimit: mayIdle && left.isAppendOnly && right.isAppendOnly ? idleLimit : nil)
        }
        return try add(node, [left, right], plan, isAppendOnly: shape.isAppendOnly)
    }

    /// Constant rows leave in the order in which they are built here: the smaller side first, so
    /// that the larger need not be kept.
    private mutating func buildSides(
        _ left: Plan, _ right: Plan, _ join: JoinPlan
    ) throws(SQLError) -> (Output, Output) {
        if join.isLookup || right.facts.rows <= left.facts.rows {
            let before = query.inputs.count
            let second = try build(right)
            if join.isLookup {
                for index in before..<query.inputs.count { query.inputs[index].isLookedUp = true }
            }
            return (try build(left), second)
        }
        let first = try build(left)
        return (first, try build(right))
    }

    private mutating func buildAsof(
        _ plan: Plan, _ join: JoinPlan, _ left: Output, _ right: Output, _ sides: [Plan]
    ) throws(SQLError) -> Output {
        guard let bound = join.time else {
            throw SQLError("an ASOF join compares two times", .internalError)
        }
        guard join.condition == nil else {
            throw SQLError(
                "an ASOF join takes no conditions but equalities and one comparison",
                .featureNotSupported, hint: "Put the others into WHERE.")
        }
        let onlyGrows = left.isAppendOnly && right.isAppendOnly
        let isTimed = [follows(bound.left, sides[0]), follows(bound.right, sides[1])]
        let isAppendOnly = onlyGrows && (isSingleStep || isTimed[1])
        let node = try AsofOperator(
            join, bound, left: left.types, right: right.types, isAppendOnly: isAppendOnly,
            isTimed: isTimed, rowTimes: join.keepsForEver[0] ? [] : times(sides[0]),
            idle: onlyGrows ? idleTimes(left) : nil, settings)
        return try add(node, [left, right], plan, isAppendOnly: isAppendOnly)
    }

    /// True if the watermark speaks of the expression.
    private func follows(_ time: Expression, _ plan: Plan) -> Bool {
        guard case .column(let index, _) = time else { return false }
        return timeColumns(plan).contains(index)
    }

    mutating func build(
        _ plan: Plan, id: Int, _ initial: Plan, _ step: Plan, all: Bool
    ) throws(SQLError) -> Output {
        let working = CollectedRelation("recursion", plan.columns)
        let subplan = Subplan(
            step, settings, varies: { inner, _ in inner.reads(recursion: id) },
            replacing: { inner in
                if case .recursion(id) = inner.node { return working.scan(like: inner) }
                return nil
            })
        var inputs = [try build(initial)]
        for part in subplan.collected { inputs.append(try build(part.plan)) }
        let node = RecursiveOperator(
            subplan, working: working, types: plan.columns.map(\.type), all: all)
        try requireGrowing(inputs)
        return try add(node, inputs, plan, isAppendOnly: true)
    }

    mutating func build(
        _ plan: Plan, apply left: Plan, _ right: Plan, _ kind: JoinPlan.Kind
    ) throws(SQLError) -> Output {
        let subplan = Subplan(
            right, settings,
            varies: { inner, depth in
                inner.expressions.contains { $0.readsOuter(from: depth + 1) }
            }, replacing: { _ in nil })
        var inputs = [try build(left)]
        for part in subplan.collected { inputs.append(try build(part.plan)) }
        let node = ApplyOperator(
            subplan, kind, left: inputs[0].types, right: right.columns.map(\.type),
            outer: right.outerColumns())
        try requireGrowing(inputs)
        return try add(node, inputs, plan, isAppendOnly: true)
    }

    /// Subplans that are run again and again read what is complete.
    private func requireGrowing(_ inputs: [Output]) throws(SQLError) {
        guard inputs.allSatisfy(\.isAppendOnly) else {
            throw SQLError(
                "WITH RECURSIVE and correlated LATERAL are not supported over changing input",
                .featureNotSupported)
        }
    }

    /// What the watermark speaks of, numbers as the moments that they mean.
    func times(_ plan: Plan) -> [Expression] {
        plan.facts.timeColumns.filter { plan.columns.indices.contains($0) }.map { index in
            let column = Expression.column(index, plan.columns[index].type)
            return column.type.isTime
                ? column : EpochTime.time(number: column, plan.facts.epochUnit ?? .byMagnitude)
        }
    }

    private func timeColumns(_ plan: Plan) -> [Int] {
        plan.facts.timeColumns.filter {
            plan.columns.indices.contains($0) && plan.columns[$0].type.isTime
        }
    }
}

extension Expression {
    /// True if a column of a query at least `depth` levels further out is read.
    fileprivate func readsOuter(from depth: Int) -> Bool {
        if case .outer(_, let level, _) = self { return level >= depth }
        return children.contains { $0.readsOuter(from: depth) }
    }
}

extension JoinShape {
    /// True if whether a left row has a partner follows from the keys alone.
    fileprivate var isByKeyAlone: Bool {
        switch kind {
        case .semi, .anti, .mark:
            bounds[0] == nil && bounds[1] == nil && !isLookup && hasPlainKeys
        default: false
        }
    }

    /// Keys of a join over the columns of their sides; equality of keys may hold for nulls too.
    private struct Keys {
        var left: [Expression]
        var right: [Expression]
        var nullsMatch: [Bool]
        var rest: Expression?

        /// Takes `a IS NOT DISTINCT FROM b` out of the condition as keys.
        init(_ join: JoinPlan, leftCount: Int) {
            left = Array(join.leftKeys.dropFirst(join.nullAwareKeys))
            right = Array(join.rightKeys.dropFirst(join.nullAwareKeys))
            nullsMatch = left.map { _ in false }
            guard let condition = join.condition else { return }
            var parts: [Expression] = []
            for part in Keys.conjuncts(condition) {
                guard case .not(.isDistinct(let a, let b)) = part,
                    a.type.layout == b.type.layout,
                    let (x, y) = Keys.sides(a, b, leftCount) ?? Keys.sides(b, a, leftCount)
                else {
                    parts.append(part)
                    continue
                }
                left.append(x)
                right.append(y.mapColumns { $0 - leftCount })
                nullsMatch.append(true)
            }
            rest = parts.isEmpty ? nil : parts.count == 1 ? parts[0] : .and(parts)
        }

        private static func conjuncts(_ condition: Expression) -> [Expression] {
            if case .and(let list) = condition { return list.flatMap(conjuncts) }
            return [condition]
        }

        private static func sides(
            _ a: Expression, _ b: Expression, _ leftCount: Int
        ) -> (Expression, Expression)? {
            guard !a.columns.isEmpty, !b.columns.isEmpty,
                a.columns.allSatisfy({ $0 < leftCount }),
                b.columns.allSatisfy({ $0 >= leftCount })
            else { return nil }
            return (a, b)
        }
    }

    init(
        _ join: JoinPlan, left: PlanCompiler.Output, right: PlanCompiler.Output,
        times: [[Expression]], isEndless: [Bool],
        isSingleStep: Bool, _ settings: SessionSettings
    ) throws(SQLError) {
        kind = join.kind
        types = [left.types, right.types]
        var rowTimes: [[RowExpression]] = []
        for list in times {
            var row: [RowExpression] = []
            for time in list { row.append(try RowExpression(time, settings)) }
            rowTimes.append(row)
        }
        self.times = rowTimes
        isTimed = [0, 1].map { side in
            !rowTimes[side].isEmpty && !join.keepsForEver[side]
                && (side == 0 || join.kind == .inner && !join.isLookup)
        }
        isLookup = join.isLookup && left.isAppendOnly
        self.isEndless = isEndless
        let keys = Keys(join, leftCount: left.types.count)
        for (a, b) in zip(join.leftKeys, join.rightKeys) where a.type.layout != b.type.layout {
            throw SQLError(
                "the keys of a join are of types \(a.type) and \(b.type)", .internalError)
        }
        self.keys = [
            try RowExpressions(keys.left, settings), try RowExpressions(keys.right, settings),
        ]
        keyTypes = keys.left.map(\.type)
        nullsMatch = keys.nullsMatch
        hasPlainKeys = keys.rest == nil && !keys.nullsMatch.contains(true)
        truth = try JoinTruth(join, rest: keys.rest, leftCount: left.types.count, settings)
        // A row that may be taken back has to be found again, so it is not freed by time.
        let onlyGrows = left.isAppendOnly && right.isAppendOnly
        var bounds: [RowExpression?] = [nil, nil]
        if onlyGrows {
            for bound in join.bounds where bounds[bound.keepsLeft ? 0 : 1] == nil {
                bounds[bound.keepsLeft ? 0 : 1] = try RowExpression(bound.expression, settings)
            }
        }
        self.bounds = bounds
        let isFinalInTime =
            switch join.kind {
            case .inner, .semi, .asof: true
            case .left, .anti, .mark, .single, .asofLeft: bounds[0] != nil
            case .right: bounds[1] != nil
            case .full: bounds[0] != nil && bounds[1] != nil
            }
        isAppendOnly = isLookup || onlyGrows && (isSingleStep || isFinalInTime)
    }
}

extension JoinTruth {
    /// nil where equal keys suffice.
    init?(
        _ join: JoinPlan, rest: Expression?, leftCount: Int, _ settings: SessionSettings
    ) throws(SQLError) {
        let isMark = join.kind == .mark
        guard rest != nil || isMark && join.nullAwareKeys > 0 else { return nil }
        var condition: Predicate?
        var value: RowExpression?
        if let rest {
            if isMark {
                value = try RowExpression(rest, settings)
            } else {
                condition = try Predicate(rest, settings: settings)
            }
        }
        var equalities: [(left: RowExpression, right: RowExpression, SortKeyCodec)] = []
        for index in 0..<(isMark ? join.nullAwareKeys : 0) {
            let a = join.leftKeys[index]
            let b = join.rightKeys[index].mapColumns { $0 + leftCount }
            equalities.append(
                (
                    try RowExpression(a, settings), try RowExpression(b, settings),
                    SortKeyCodec(types: [a.type])
                ))
        }
        self.condition = condition
        self.value = value
        self.equalities = equalities
    }
}
