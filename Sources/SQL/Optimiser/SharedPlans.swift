import Aggregation
import Formats

/// The plans that several places of another read (queries that WITH names), each once, and those
/// inside another before it.
///
/// To a walk over a plan a shared one is a leaf: a query that names the one before it twice, which
/// does the same, would else be walked through twice as often with each level. Whoever has to see
/// all of a query goes over the shared plans by this.
struct SharedPlans {
    private(set) var list: [SharedPlan] = []
    private var seen: Set<Int> = []

    init(in plan: Plan) { add(plan) }

    private mutating func add(_ plan: Plan) {
        if case .shared(let shared) = plan.node {
            guard seen.insert(shared.id).inserted else { return }
            add(shared.plan)
            list.append(shared)
            return
        }
        for child in plan.children { add(child) }
        for subquery in plan.subqueries { add(subquery) }
    }

    /// A pass over a plan and over each of those that it shares, by themselves.
    static func rewrite(
        _ plan: Plan, _ pass: (Plan) throws(SQLError) -> Plan
    ) throws(SQLError) -> Plan {
        let shared = SharedPlans(in: plan).list
        var done: [Int: SharedPlan] = [:]
        for one in shared {
            let plan = try pass(one.plan.relinked { done[$0.id].map(Plan.reading) })
            done[one.id] = SharedPlan(id: one.id, name: one.name, plan: plan)
        }
        return try pass(plan.relinked { done[$0.id].map(Plan.reading) })
    }
}

extension Plan {
    /// The rows of a shared plan.
    static func reading(_ shared: SharedPlan) -> Plan {
        .make(.shared(shared), shared.plan.columns)
    }

    /// The same plan with others in the places of those that it shares; nil leaves one.
    func relinked(_ replace: (SharedPlan) -> Plan?) -> Plan {
        if case .shared(let shared) = node {
            return replace(shared)?.renamed(columns.map(\.name)) ?? self
        }
        let mapped = try? mapChildren { (child, _) throws(SQLError) in child.relinked(replace) }
            .mapExpressions { (expression) throws(SQLError) in
                guard expression.hasSubquery else { return expression }
                return expression.replacing { inner, _ in
                    guard case .subquery(var subquery) = inner else { return nil }
                    subquery.plan = subquery.plan.relinked(replace)
                    if case .any(let condition) = subquery.kind, condition.hasSubquery {
                        let list = Plan.make(.project(.oneRow, [condition]), [])
                        if case .project(_, let linked) = list.relinked(replace).node {
                            subquery.kind = .any(linked[0])
                        }
                    }
                    return .subquery(subquery)
                }
            }
        return mapped ?? self
    }

    /// The plans of the subqueries in the expressions of this operation.
    var subqueries: [Plan] {
        var found: [Plan] = []
        func search(_ expression: Expression) {
            _ = expression.contains {
                guard case .subquery(let subquery) = $0 else { return false }
                found.append(subquery.plan)
                if case .any(let condition) = subquery.kind { search(condition) }
                return false
            }
        }
        for expression in expressions { search(expression) }
        return found
    }

    /// Whether the test holds for an operation of the plan or of those that it shares; subqueries
    /// in expressions are not looked into.
    func containsOperation(where test: (Plan) -> Bool) -> Bool {
        var seen: Set<Int> = []
        return contains(test, &seen)
    }

    private func contains(_ test: (Plan) -> Bool, _ seen: inout Set<Int>) -> Bool {
        if test(self) { return true }
        if case .shared(let shared) = node {
            return seen.insert(shared.id).inserted && shared.plan.contains(test, &seen)
        }
        for child in children where child.contains(test, &seen) { return true }
        return false
    }
}
