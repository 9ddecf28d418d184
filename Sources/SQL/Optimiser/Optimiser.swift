import Aggregation
import Formats

/// Rewrites a bound plan into one that gives the same rows with less work. A sequence of passes
/// over the tree; each takes a plan and gives an equal one. Called once a statement, between binder
/// and plan compiler.
public struct Optimiser {
    let settings: SessionSettings
    /// Watermarks are wanted, whether an operation closes by them or not.
    public var keepsTimes = false

    public init(settings: SessionSettings = SessionSettings()) {
        self.settings = settings
    }

    public func optimise(_ plan: Plan) throws(SQLError) -> Plan {
        var plan = try timed(plan)
        let decorrelator = Decorrelator(plan, settings)
        try pass(&plan) { (plan) throws(SQLError) in folded(try decorrelator.run(plan)) }
        try pass(&plan) { (plan) throws(SQLError) in try FilterPusher().run(plan) }
        try pass(&plan) { (plan) throws(SQLError) in try JoinOrderer().run(plan) }
        try pass(&plan) { (plan) throws(SQLError) in folded(try FilterPusher().run(plan)) }
        try pass(&plan) { (plan) throws(SQLError) in try Simplifier().run(plan) }
        try pass(&plan) { (plan) throws(SQLError) in
            try TimeBounds.run(plan, isUTC: settings.timeZone.isUTC)
        }
        try pass(&plan) { (plan) throws(SQLError) in try VolatileValues.run(plan) }
        plan = try ColumnPruner.run(plan, keepsTimes: keepsTimes)
        return try ScanSharing.run(plan)
    }

    /// Over the plan, and over each plan that is shared in it once.
    private func pass(
        _ plan: inout Plan, _ rewrite: (Plan) throws(SQLError) -> Plan
    ) throws(SQLError) {
        plan = try SharedPlans.rewrite(plan, rewrite)
    }

    /// now() is the statement's start; over inputs that do not end it would stand still, so there
    /// it stands only in comparisons of WHERE with a time, by which rows come and go.
    private func timed(_ plan: Plan) throws(SQLError) -> Plan {
        let isEndless = plan.facts.isEndless
        return try SharedPlans.rewrite(plan) { (plan) throws(SQLError) in
            if isEndless { try checkClock(plan) }
            return try plan.rewrite(depth: 0) { (expression, _) throws(SQLError) in
                guard case .now(let type) = expression, !isEndless else { return nil }
                return .literal(.integer(settings.now), type)
            }
        }
    }

    private func checkClock(_ plan: Plan) throws(SQLError) {
        var expressions = plan.expressions
        if case .filter(_, let condition) = plan.node {
            expressions = condition.conjuncts.filter { ClockCondition($0) == nil }
        }
        for expression in expressions where expression.readsClock {
            throw SQLError(
                "now() over an input that does not end stands only in a comparison with a time",
                .featureNotSupported,
                hint: "For example WHERE ts > now() - INTERVAL '5 minutes'; or read what is there "
                    + "now by leaving out STREAM.")
        }
        for child in plan.children { try checkClock(child) }
    }

    /// What is known before any row is read as literals.
    func folded(_ plan: Plan) -> Plan {
        let folded = try? plan.rewrite(depth: 0) { (expression, _) throws(SQLError) in
            if expression.hasSubquery { return nil }
            return expression.folded(settings).factored.cheaper
        }
        return folded ?? plan
    }
}
