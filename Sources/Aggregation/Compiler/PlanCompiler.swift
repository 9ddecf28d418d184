import Formats

/// Turns a plan into operators that are connected.
public struct PlanCompiler {
    let settings: SessionSettings
    /// True: all inputs end and steps do not end before them, so nothing that leaves is ever taken
    /// back unless a source takes rows back.
    public var isSingleStep = false
    var query = CompiledQuery()
    private var shared: [Int: Output] = [:]

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
        let output = try build(plan)
        output.node.connect(to: sink, input: 0)
        query.isAppendOnly = output.isAppendOnly
        return query
    }

    /// Connects an operator behind its inputs.
    mutating func add(
        _ node: Operator, _ inputs: [Output], _ plan: Plan, isAppendOnly: Bool
    ) -> Output {
        for (index, input) in inputs.enumerated() { input.node.connect(to: node, input: index) }
        query.operators.append(node)
        query.children.append(inputs.map(\.index))
        return Output(
            node: node, index: query.operators.count - 1, isAppendOnly: isAppendOnly,
            types: plan.columns.map(\.type))
    }

    mutating func build(_ plan: Plan) throws(SQLError) -> Output {
        switch plan.node {
        case .scan(let relation, let scan):
            let node = ScanOperator(relation)
            query.inputs.append(.init(relation: relation, scan: scan, entry: node))
            return add(node, [], plan, isAppendOnly: relation.isAppendOnly)
        case .values(let rows):
            let node = try ValuesOperator(rows, plan.columns, settings)
            query.values.append(node)
            return add(node, [], plan, isAppendOnly: true)
        case .filter(let child, let condition):
            let input = try build(child)
            let node = try FilterOperator(condition, settings)
            return add(node, [input], plan, isAppendOnly: input.isAppendOnly)
        case .project(let child, let expressions):
            let input = try build(child)
            let node = try ProjectOperator(expressions, settings)
            return add(node, [input], plan, isAppendOnly: input.isAppendOnly)
        case .union(let children):
            var inputs: [Output] = []
            for child in children { inputs.append(try build(child)) }
            return add(
                UnionOperator(inputs: inputs.count), inputs, plan,
                isAppendOnly: inputs.allSatisfy(\.isAppendOnly))
        case .distinct(let child):
            let input = try build(child)
            let node = DistinctOperator(input.types, isAppendOnly: input.isAppendOnly)
            return add(node, [input], plan, isAppendOnly: input.isAppendOnly)
        case .shared(let subplan): return try build(subplan, plan)
        case .join(let left, let right, let join):
            return try build(plan, left, right, join)
        case .window(let child, let window): return try build(child, window, plan)
        case .aggregate(let child, let aggregate): return try build(child, aggregate, plan)
        default: return try buildOrdered(plan)
        }
    }

    private mutating func build(_ subplan: SharedPlan, _ plan: Plan) throws(SQLError) -> Output {
        if let known = shared[subplan.id] { return known }
        let input = try build(subplan.plan)
        let output = add(
            SharedOperator(subplan), [input], plan, isAppendOnly: input.isAppendOnly)
        shared[subplan.id] = output
        return output
    }

    private mutating func buildOrdered(_ plan: Plan) throws(SQLError) -> Output {
        switch plan.node {
        case .limit(let child, let count, let offset):
            let input = try build(child)
            let node = LimitOperator(limit: try limit(count), offset: try self.offset(offset))
            return add(node, [input], plan, isAppendOnly: true)
        case .sort(let child, let sort):
            let input = try build(child)
            let node = try SortOperator(
                input.types, sort.keys, limit: try limit(sort.limit),
                offset: try offset(sort.offset), settings)
            return add(node, [input], plan, isAppendOnly: input.isAppendOnly)
        default: throw SQLError("this plan is not compiled yet", .featureNotSupported)
        }
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
