import Formats

/// The groups of an aggregation that did not fit the memory: their rows lie on disk, parted by the
/// hash of their keys, and are aggregated part by part when the input has ended. Groups that were
/// there before stay in memory and take their rows there, so each group is in one place.
final class SpilledGroups {
    private let plan: AggregatePlan
    private let input: Plan
    private let settings: SessionSettings
    private let budget: SpillBudget
    private let rows: SpilledRows

    /// `plan`: with the one grouping set that this is of.
    init(
        _ plan: AggregatePlan, set: [Int], input: Plan, _ settings: SessionSettings,
        _ budget: SpillBudget
    ) throws(SQLError) {
        self.plan = plan
        self.input = input
        self.settings = settings
        self.budget = budget
        rows = try SpilledRows(
            input.columns.map(\.type), keys: set.map { plan.keys[$0].type }, budget)
    }

    func add(_ batch: Batch, keys: [Column]) throws(SQLError) {
        try rows.add(batch, keys: keys)
    }

    /// Parts without rows are left out: not even the one group of a set without keys leaves.
    func finish(of owner: AggregateOperator, hold: (Operator?) -> Void) throws(SQLError) {
        try owner.finish([(rows, 0)], hold: hold) { () throws(SQLError) in
            try AggregateOperator(
                plan, input: input, isAppendOnly: true, spill: budget.deeper, settings: settings)
        }
    }
}
