import Aggregation
import Formats

/// Rewrites a bound plan into one that gives the same rows with less work. A sequence of passes
/// over the tree; each takes a plan and gives an equal one. Called once a statement, between binder
/// and plan compiler.
public struct Optimiser {
    let settings: SessionSettings

    public init(settings: SessionSettings = SessionSettings()) {
        self.settings = settings
    }

    public func optimise(_ plan: Plan) throws(SQLError) -> Plan {
        var plan = folded(try Decorrelator(plan, settings).run(plan))
        plan = try FilterPusher().run(plan)
        plan = try JoinOrderer().run(plan)
        plan = folded(try FilterPusher().run(plan))
        plan = try TimeBounds.run(plan)
        plan = try ColumnPruner.run(plan)
        return try ScanSharing.run(plan)
    }

    /// What is known before any row is read as literals.
    func folded(_ plan: Plan) -> Plan {
        let folded = try? plan.rewrite(depth: 0) { (expression, _) throws(SQLError) in
            if expression.hasSubquery { return nil }
            return expression.folded(settings)
        }
        return folded ?? plan
    }
}
