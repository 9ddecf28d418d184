import Formats

/// The calls of an OVER clause, prepared: which columns of the input's rows they read, and how
/// their results are computed for rows in order.
struct OverComputation {
    private struct Call {
        var call: OverCall
        /// Indices of kept columns.
        var arguments: [Int]
        var filter: Int?
        var frame: OverFrameBounds?
        var aggregate: OverAggregate?
    }

    private var calls: [Call] = []
    /// Beside the input's columns, what is kept of each row.
    private(set) var computed: [Expression] = []
    let resultTypes: [DataType]

    init(
        _ over: OverPlan, inputTypes: [DataType], _ settings: SessionSettings
    ) throws(SQLError) {
        var computed: [Expression] = []
        func keep(_ expression: Expression) -> Int {
            if case .column(let index, _) = expression { return index }
            computed.append(expression)
            return inputTypes.count + computed.count - 1
        }
        var calls: [Call] = []
        for call in over.calls {
            var prepared = Call(
                call: call, arguments: call.arguments.map(keep), filter: call.filter.map(keep))
            switch call.function {
            case .firstValue, .lastValue, .nthValue, .aggregate:
                prepared.frame = try OverFrameBounds(
                    call.frame, over.order, settings, keep: keep)
            default: break
            }
            if case .aggregate(let function) = call.function {
                prepared.aggregate = OverAggregate(function, call.arguments, call.type)
            }
            calls.append(prepared)
        }
        self.calls = calls
        self.computed = computed
        resultTypes = over.calls.map(\.type)
    }

    /// One column a call; `column` gives a kept column of the rows.
    func results(_ rows: OverRows, _ column: (Int) -> Column) throws(SQLError) -> [Column] {
        var results: [Column] = []
        for call in calls {
            let arguments = call.arguments.map(column)
            let result = try result(call, rows, arguments, column)
            let type = call.call.type
            results.append(result.type == type ? result : result.retyped(type))
        }
        return results
    }

    private func result(
        _ call: Call, _ rows: OverRows, _ arguments: [Column], _ column: (Int) -> Column
    ) throws(SQLError) -> Column {
        switch call.call.function {
        case .rowNumber, .rank, .denseRank:
            return OverFunctions.ranks(call.call.function, rows)
        case .percentRank, .cumeDist: return OverFunctions.shares(call.call.function, rows)
        case .ntile: return try OverFunctions.ntile(rows, arguments[0], call.call.type)
        case .lag, .lead:
            let sign: Int64 = if case .lag = call.call.function { -1 } else { 1 }
            return OverFunctions.shifted(rows, arguments, sign: sign, places(call, rows, arguments))
        case .firstValue, .lastValue, .nthValue, .aggregate:
            guard let frame = call.frame else { preconditionFailure("the call has a frame") }
            let frames = frame.frames(rows, column)
            guard let aggregate = call.aggregate else {
                return try OverFunctions.framed(
                    call.call.function, rows, frames, arguments, places(call, rows, arguments))
            }
            return try aggregate.column(
                rows, frames, arguments, filter: call.filter.map(column))
        }
    }

    private func places(_ call: Call, _ rows: OverRows, _ arguments: [Column]) -> ValuePlaces? {
        call.call.ignoresNulls ? ValuePlaces(arguments[0], count: rows.count) : nil
    }
}
