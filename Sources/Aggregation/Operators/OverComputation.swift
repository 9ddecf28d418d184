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
        /// Which of the states it goes on from; nil: from none.
        var state: Int?
    }

    private var calls: [Call] = []
    /// Beside the input's columns, what is kept of each row.
    private(set) var computed: [Expression] = []
    let resultTypes: [DataType]
    /// Rows before a change so many places at most have other results; nil: any may.
    let rowsChangedBefore: Int?
    /// Rows of equal keys change together.
    let goesByPeers: Bool
    /// So many rows before one are looked at; nil: all of its partition.
    let rowsLookedBackAt: Int?
    /// Rows before a place are stood for by what is kept of them.
    let goesOnFromStates: Bool
    /// Frames begin at a distance that is no number of rows.
    let findsFrames: Bool

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
        let looks = over.calls.map(\.lookBack)
        let looksAtAll = looks.contains(.all)
        var states = 0
        for index in calls.indices where looks[index] == .state && !looksAtAll {
            guard calls[index].aggregate != nil else { continue }
            calls[index].state = states
            states += 1
        }
        self.calls = calls
        self.computed = computed
        resultTypes = over.calls.map(\.type)
        rowsChangedBefore = over.rowsChangedBefore
        goesByPeers = over.calls.contains(where: \.goesByPeers)
        goesOnFromStates = looks.contains(.state) && !looksAtAll
        findsFrames = looks.contains(.frame) && !looksAtAll
        rowsLookedBackAt =
            looksAtAll
            ? nil
            : looks.reduce(0) { most, look in
                if case .rows(let count) = look { max(most, count) } else { most }
            }
    }

    func makeStates() -> OverStates {
        OverStates(
            calls.filter { $0.state != nil }.compactMap { $0.aggregate?.makeAccumulator() })
    }

    /// The frames of each call that has some; nil: some may begin before the rows at hand.
    func frames(_ rows: OverRows, _ column: (Int) -> Column) -> [OverFrames?]? {
        var list: [OverFrames?] = []
        for call in calls {
            let frames = call.frame?.frames(rows, column)
            list.append(frames)
            guard findsFrames, let frames, call.call.lookBack == .frame else { continue }
            for (index, slice) in rows.slices.enumerated() where slice.first > 0 {
                let start = rows.partitionStarts[index]
                for row in slice.wanted..<rows.partitionStarts[index + 1]
                where Int(frames.starts[row]) <= start {
                    return nil
                }
            }
        }
        return list
    }

    /// One column a call; `column` gives a kept column of the rows.
    func results(
        _ rows: OverRows, _ frames: [OverFrames?], _ states: OverStates? = nil,
        keeping: [OverKeeping] = [], _ column: (Int) -> Column
    ) throws(SQLError) -> [Column] {
        var results: [Column] = []
        for (call, frames) in zip(calls, frames) {
            let arguments = call.arguments.map(column)
            let result: Column
            if let states, let state = call.state, let frames, let aggregate = call.aggregate {
                result = try aggregate.column(
                    rows, frames, arguments, filter: call.filter.map(column),
                    from: (states.accumulators[state], states.limit), keeping: keeping)
            } else {
                result = try self.result(call, rows, frames, arguments, column)
            }
            let type = call.call.type
            results.append(result.type == type ? result : result.retyped(type))
        }
        return results
    }

    private func result(
        _ call: Call, _ rows: OverRows, _ frames: OverFrames?, _ arguments: [Column],
        _ column: (Int) -> Column
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
            guard let frames else { preconditionFailure("the call has a frame") }
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
