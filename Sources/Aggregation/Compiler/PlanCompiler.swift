import Formats

/// Turns a plan into operators that are connected.
public struct PlanCompiler {
    let settings: SessionSettings
    /// True: all inputs end and steps do not end before them, so nothing that leaves is ever taken
    /// back unless a source takes rows back.
    public var isSingleStep = false
    /// Where sorts and joins of finite queries put what does not fit `memoryMax` bytes each; nil:
    /// all stays in memory.
    public var spillStore: (any SpillStore)?
    /// Of all operators that can spill together.
    public var memoryMax = 256 << 20
    /// --state-ttl: microseconds after which state that nothing touches is let go, where steps end
    /// before the inputs do; nil: never.
    public var idleLimit: Int64?
    private var shares: SpillShares?
    var query = CompiledQuery()
    private var shared: [Int: Output] = [:]
    /// How many operators that go by time lie above what is built.
    var timedAbove = 0

    /// An operator, and what is known of the rows that leave it.
    struct Output {
        var node: Operator
        var index: Int
        var isAppendOnly: Bool
        var types: [DataType]
    }

    public init(settings: SessionSettings) { self.settings = settings }

    /// The operators of `plan`, the last of them connected to input 0 of `sink`.
    public mutating func compile(_ plan: Plan, into sink: Operator) throws(SQLError)
        -> CompiledQuery
    {
        query = CompiledQuery()
        shared = [:]
        shares = SpillShares(total: memoryMax)
        let output = try build(plan)
        output.node.connect(to: sink, input: 0)
        query.isAppendOnly = output.isAppendOnly
        if isSingleStep, spillStore != nil, memoryMax < Int.max / 2 {
            let memoryGuard = MemoryGuard(query.operators, memoryMax: memoryMax)
            for node in query.operators { node.memoryGuard = memoryGuard }
        }
        return query
    }

    /// Only what leaves at the end anyway may wait on disk. For one operator.
    func takeSpillBudget() -> SpillBudget? {
        guard isSingleStep, let spillStore, let shares else { return nil }
        shares.join()
        return SpillBudget(spillStore, shares)
    }

    /// Connects an operator behind its inputs.
    mutating func add(
        _ node: Operator, _ inputs: [Output], _ plan: Plan, isAppendOnly: Bool
    ) throws(SQLError) -> Output {
        if !inputs.allSatisfy(\.isAppendOnly), !(node is VolatileProjectOperator),
            plan.expressions.contains(where: \.isVolatile)
        {
            throw SQLError(
                "random() and the like cannot stand here, over rows that may be taken back",
                .featureNotSupported,
                hint: "Compute it in a subquery below: (SELECT *, random() AS r FROM ...); there "
                    + "each row keeps its value.")
        }
        for (index, input) in inputs.enumerated() { input.node.connect(to: node, input: index) }
        query.operators.append(node)
        query.children.append(inputs.map(\.index))
        query.plans.append(plan)
        query.types.append(plan.columns.map(\.type))
        return Output(
            node: node, index: query.operators.count - 1, isAppendOnly: isAppendOnly,
            types: plan.columns.map(\.type))
    }

    mutating func build(_ plan: Plan) throws(SQLError) -> Output {
        switch plan.node {
        case .scan(let relation, let scan):
            let node = ScanOperator(relation)
            query.inputs.append(.init(relation: relation, scan: scan, entry: node))
            return try add(node, [], plan, isAppendOnly: relation.isAppendOnly)
        case .values(let rows):
            let node = try ValuesOperator(rows, plan.columns, settings)
            query.values.append(node)
            return try add(node, [], plan, isAppendOnly: true)
        case .filter(let child, let condition):
            let input = try build(child)
            if condition.readsClock { return try build(plan, input, clock: condition) }
            let node = try FilterOperator(condition, settings)
            return try add(node, [input], plan, isAppendOnly: input.isAppendOnly)
        case .project(let child, let expressions):
            let input = try build(child)
            let node =
                input.isAppendOnly || !expressions.contains(where: \.isVolatile)
                ? try ProjectOperator(expressions, settings)
                : try VolatileProjectOperator(expressions, input.types, settings)
            return try add(node, [input], plan, isAppendOnly: input.isAppendOnly)
        case .union(let children):
            var inputs: [Output] = []
            let first = query.inputs.count
            var isEachOne = true
            var later: [Int: [ValuesOperator]] = [:]
            var mayWait = true
            for (number, child) in children.enumerated() {
                let before = (inputs: query.inputs.count, values: query.values.count)
                inputs.append(try build(child))
                isEachOne = isEachOne && query.inputs.count <= before.inputs + 1
                mayWait = mayWait && !child.facts.isEndless
                if mayWait, before.inputs > first, child.isOfValues {
                    later[number] = Array(query.values[before.values...])
                }
            }
            // Several inputs of one branch are a join, whose order is another.
            if isEachOne {
                for index in first..<query.inputs.count { query.inputs[index].unionStart = first }
            }
            return try add(
                UnionOperator(inputs: inputs.count, later), inputs, plan,
                isAppendOnly: inputs.allSatisfy(\.isAppendOnly))
        case .distinct(let child):
            let input = try build(child)
            let node = DistinctOperator(
                input.types, isAppendOnly: input.isAppendOnly,
                spill: input.isAppendOnly ? takeSpillBudget() : nil, idle: idleTimes(input))
            return try add(node, [input], plan, isAppendOnly: input.isAppendOnly)
        case .shared(let subplan): return try build(subplan, plan)
        case .join(let left, let right, let join):
            return try build(plan, left, right, join)
        case .window(let child, let window): return try build(child, window, plan)
        case .aggregate(let child, let aggregate): return try build(child, aggregate, plan)
        default: return try buildOrdered(plan)
        }
    }

    /// What does not speak of now() is asked first.
    private mutating func build(
        _ plan: Plan, _ input: Output, clock condition: Expression
    ) throws(SQLError) -> Output {
        var plain: [Expression] = []
        var clocked: [ClockCondition] = []
        let parts = if case .and(let list) = condition { list } else { [condition] }
        for part in parts {
            guard part.readsClock else {
                plain.append(part)
                continue
            }
            guard let clock = ClockCondition(part) else {
                throw SQLError("now() stands in no comparison here", .internalError)
            }
            clocked.append(clock)
        }
        var below = input
        if !plain.isEmpty {
            let node = try FilterOperator(plain.count == 1 ? plain[0] : .and(plain), settings)
            below = try add(node, [input], plan, isAppendOnly: input.isAppendOnly)
        }
        let node = try ClockFilterOperator(
            clocked, input.types, times: times(plan), settings: settings)
        return try add(node, [below], plan, isAppendOnly: false)
    }

    private mutating func build(_ subplan: SharedPlan, _ plan: Plan) throws(SQLError) -> Output {
        if let known = shared[subplan.id] { return known }
        let input = try build(subplan.plan)
        let output = try add(
            SharedOperator(subplan), [input], plan, isAppendOnly: input.isAppendOnly)
        shared[subplan.id] = output
        return output
    }

    private mutating func buildOrdered(_ plan: Plan) throws(SQLError) -> Output {
        switch plan.node {
        case .limit(let child, let count, let offset):
            let input = try build(child)
            let limit = try self.limit(count)
            let skipped = try self.offset(offset)
            if input.isAppendOnly {
                let node = LimitOperator(limit: limit, offset: skipped)
                return try add(node, [input], plan, isAppendOnly: true)
            }
            // The rows to come first, of those that stand.
            let node = try OrderedTopOperator(
                input.types, SortPlan([]), limit: limit.map { Int(clamping: $0) },
                offset: Int(clamping: skipped), isSingleStep: isSingleStep, timeColumns: [],
                holdsTime: !plan.facts.timeColumns.isEmpty, settings)
            return try add(node, [input], plan, isAppendOnly: false)
        case .sort(let child, let sort): return try build(plan, child, sort)
        case .over(let child, let over):
            let input = try build(child)
            let isOneStep = isSingleStep && input.isAppendOnly
            let node = try OverOperator(
                input.types, over, isSingleStep: isOneStep,
                timeColumns: input.isAppendOnly ? child.facts.timeColumns : [],
                orderTime: orderTime(over.orderTime(of: child), child),
                holdsTime: plan.facts.timeColumns.contains { !over.settles($0, of: child) },
                spill: isOneStep && !over.partition.isEmpty ? takeSpillBudget() : nil,
                idle: idleTimes(input), settings)
            return try add(node, [input], plan, isAppendOnly: isOneStep)
        case .setOperation(let operation, let isAll, let left, let right):
            let inputs = [try build(left), try build(right)]
            let onlyGrows = inputs.allSatisfy(\.isAppendOnly)
            let isAppendOnly = onlyGrows && (operation == .intersect || isSingleStep)
            let node = SetOperator(
                inputs[0].types, operation, isAll: isAll, isAppendOnly: isAppendOnly,
                spill: onlyGrows ? takeSpillBudget() : nil,
                idle: onlyGrows ? idleTimes(inputs[0]) : nil)
            return try add(node, inputs, plan, isAppendOnly: isAppendOnly)
        case .unnest(let child, let calls, let withOrdinality, let keepsEmpty):
            let input = try build(child)
            let node = try UnnestOperator(
                calls, withOrdinality: withOrdinality, keepsEmpty: keepsEmpty, settings)
            return try add(node, [input], plan, isAppendOnly: input.isAppendOnly)
        case .recursive(let id, let initial, let step, let all):
            return try build(plan, id: id, initial, step, all: all)
        case .apply(let left, let right, let kind):
            return try build(plan, apply: left, right, kind)
        case .recursion: throw SQLError("a recursion is read outside of it", .internalError)
        default: throw SQLError("this plan is not compiled yet", .featureNotSupported)
        }
    }

    private mutating func build(
        _ plan: Plan, _ child: Plan, _ sort: SortPlan
    ) throws(SQLError) -> Output {
        let input = try build(child)
        let limit = try limit(sort.limit)
        let skipped = try offset(sort.offset)
        let isPlain = sort.partition.isEmpty && !sort.withTies && !sort.appendsRowNumber
        let size = (limit ?? .max).addingReportingOverflow(skipped)
        let isLarge = size.overflow || size.partialValue > Int64(TopOperator.rowsMax)
        if isPlain, isSingleStep ? isLarge : limit == nil && skipped == 0 {
            let node = try SortOperator(
                input.types, sort.keys, limit: limit, offset: skipped, spill: takeSpillBudget(),
                settings)
            return try add(node, [input], plan, isAppendOnly: input.isAppendOnly)
        }
        let isAppendOnly = input.isAppendOnly && isSingleStep
        let spill = isAppendOnly && !sort.partition.isEmpty ? takeSpillBudget() : nil
        let orderTime = orderTime(sort.orderTime(of: child), child)
        let holdsTime = plan.facts.timeColumns.contains { !sort.settles($0, of: child) }
        if let limit, input.isAppendOnly, !sort.withTies, !isLarge {
            let node = try TopOperator(
                input.types, sort, limit: Int(limit), offset: Int(skipped),
                isSingleStep: isSingleStep, timeColumns: child.facts.timeColumns,
                orderTime: orderTime, holdsTime: holdsTime, spill: spill, idle: idleTimes(input),
                settings)
            return try add(node, [input], plan, isAppendOnly: isAppendOnly)
        }
        let node = try OrderedTopOperator(
            input.types, sort, limit: limit.map { Int(clamping: $0) },
            offset: Int(clamping: skipped), isSingleStep: isSingleStep,
            timeColumns: input.isAppendOnly ? child.facts.timeColumns : [],
            orderTime: orderTime, holdsTime: holdsTime, spill: spill, idle: idleTimes(input),
            settings)
        return try add(node, [input], plan, isAppendOnly: isAppendOnly)
    }

    /// --state-ttl, where no row is taken back: that would have to be found.
    func idleTimes(_ input: Output) -> IdleTimes? {
        guard !isSingleStep, input.isAppendOnly else { return nil }
        return idleLimit.map { IdleTimes(IdleClock($0)) }
    }

    /// Where windows above go by the time of rows, those that come late would change others that
    /// windows have let go.
    private func orderTime(_ column: Int?, _ input: Plan) -> Expression? {
        guard timedAbove > 0, let column else { return nil }
        return .column(column, input.columns[column].type)
    }

    /// nil: no limit.
    private func limit(_ expression: Expression?) throws(SQLError) -> Int64? {
        guard let expression,
            case .integer(let count) = try Evaluator.value(
                expression, settings: settings)
        else { return nil }
        guard count >= 0 else { throw SQLError("LIMIT must not be negative", .invalidLimit) }
        return count
    }

    private func offset(_ expression: Expression?) throws(SQLError) -> Int64 {
        guard let expression,
            case .integer(let count) = try Evaluator.value(
                expression, settings: settings)
        else { return 0 }
        guard count >= 0 else { throw SQLError("OFFSET must not be negative", .invalidOffset) }
        return count
    }
}
