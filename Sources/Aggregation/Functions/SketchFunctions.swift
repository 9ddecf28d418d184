import Formats

/// hll_count, quantile_value and top_k_values of a single state, where that comes out of an
/// aggregate: `quantile_value(quantile_merge(s), 0.99)`. Over the rows of a query the names mean
/// aggregates, which merge the states that they are given.
public enum SketchFunctions {
    /// The binder asks with a name in lower case.
    public static func isValue(_ name: String) -> Bool {
        ["hll_count", "quantile_value", "top_k_values"].contains(name)
    }

    /// Each row is a group of its own of the aggregate of that name.
    public static func scalar(
        _ name: String, _ types: [DataType]
    ) throws(SQLError) -> ScalarFunction {
        let aggregate = try FunctionRegistry.aggregate(name, types, isStar: false)
        let call = AggregateCall(aggregate, [], type: aggregate.result)
        return ScalarFunction(name, aggregate.parameters, aggregate.result) {
            arguments, context throws(SQLError) in
            let accumulator = aggregate.make(call, true)
            accumulator.grow(to: max(1, context.count))
            let rows = (0..<Int32(context.count)).filter { context.isLive(Int($0)) }
            if !rows.isEmpty {
                let groups = Buffer(rows)
                try unsafe accumulator.update(
                    arguments.map { $0.gather(rows) }, groups: groups.base, weights: nil,
                    count: rows.count)
            }
            return try accumulator.results(Array(0..<Int32(context.count)))
        }
    }
}
