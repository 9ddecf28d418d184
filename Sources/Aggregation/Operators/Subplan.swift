import Formats

/// Rows in memory that a subplan reads as a relation: what was collected once, or the rows of the
/// last round of a recursion. Used by the operator that runs the subplan, on its thread.
final class CollectedRelation: Relation, @unchecked Sendable {
    let name: String
    let columns: [RelationColumn]
    let time: TimeDeclaration? = nil
    let isEndless = false
    let isAppendOnly: Bool
    let key: [Int]? = nil
    let estimatedRows: Int? = nil
    var batches: [Batch] = []

    init(_ name: String, _ columns: [Field], isAppendOnly: Bool = true) {
        self.name = name
        self.columns = columns.map { RelationColumn($0.name, $0.type) }
        self.isAppendOnly = isAppendOnly
    }

    var rows: Int { batches.reduce(0) { $0 + $1.count } }

    /// A scan of it in place of a plan of the same columns.
    func scan(like plan: Plan) -> Plan {
        var copy = plan
        copy.node = .scan(
            self, ScanPlan(columns.enumerated().map { ScanColumn($0.offset, $0.element.type) }))
        return copy
    }
}

/// A plan that is run as often as needed: its parts that stay the same come as inputs of the
/// operator that owns it, and are kept.
struct Subplan {
    private(set) var plan: Plan
    /// The parts that stay the same, with the relations that stand in their places.
    private(set) var collected: [(plan: Plan, relation: CollectedRelation)] = []
    let settings: SessionSettings

    /// `varies` tells the plans that do not stay the same by themselves (`depth`: levels of outer
    /// columns further in); `replacing` may put another in the place of one.
    init(
        _ plan: Plan, _ settings: SessionSettings, varies: (Plan, _ depth: Int) -> Bool,
        replacing: (Plan) -> Plan?
    ) {
        self.settings = settings
        self.plan = plan
        var found: [(plan: Plan, relation: CollectedRelation)] = []
        var shared: [Int: Plan] = [:]
        var known: [Int: Bool] = [:]
        func cut(_ plan: Plan, _ depth: Int) -> Plan {
            guard case .shared(let one) = plan.node else { return cutAnew(plan, depth) }
            if let done = shared[one.id] { return done }
            let done = cutAnew(plan, depth)
            shared[one.id] = done
            return done
        }
        func cutAnew(_ plan: Plan, _ depth: Int) -> Plan {
            if let other = replacing(plan) { return other }
            guard Subplan.anyVaries(plan, depth, varies, &known) else {
                // Constant rows are as quick to make again.
                if case .values = plan.node { return plan }
                let relation = CollectedRelation("rows", plan.columns)
                found.append((plan, relation))
                return relation.scan(like: plan)
            }
            return plan.replacing(parts: plan.parts.map { cut($0.plan, depth + $0.depth) })
        }
        self.plan = cut(plan, 0)
        collected = found
    }

    /// `known` are the answers of shared plans, which look at nothing further out.
    private static func anyVaries(
        _ plan: Plan, _ depth: Int, _ varies: (Plan, Int) -> Bool, _ known: inout [Int: Bool]
    ) -> Bool {
        guard case .shared(let shared) = plan.node else {
            if varies(plan, depth) { return true }
            for part in plan.parts
            where anyVaries(part.plan, depth + part.depth, varies, &known) { return true }
            return false
        }
        if let answer = known[shared.id] { return answer }
        let answer = varies(plan, depth) || anyVaries(shared.plan, depth, varies, &known)
        known[shared.id] = answer
        return answer
    }

    /// Runs a plan over relations in memory; gives the batches of its result.
    static func run(_ plan: Plan, _ settings: SessionSettings) throws(SQLError) -> [Batch] {
        var compiler = PlanCompiler(settings: settings)
        compiler.isSingleStep = true
        let sink = BatchCollector()
        let query = try compiler.compile(plan, into: sink)
        try query.start()
        let inputs = query.inputs.compactMap { input in
            (input.relation as? CollectedRelation).map { (relation: $0, entry: input.entry) }
        }
        for input in inputs.sorted(by: { $0.relation.rows < $1.relation.rows }) {
            for batch in input.relation.batches where input.entry.wantsMore {
                try input.entry.push(batch, input: 0)
            }
            try input.entry.advance(Watermark.end, input: 0)
        }
        try query.endStep()
        return sink.batches
    }
}

/// Keeps the batches of a subplan's result.
private final class BatchCollector: Operator {
    var batches: [Batch] = []

    init() { super.init("collector") }

    override var wantsMore: Bool { true }
    override func push(_ batch: Batch, input: Int) throws(SQLError) { batches.append(batch) }
    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {}
}
