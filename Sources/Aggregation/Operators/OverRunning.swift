import Formats

// Which rows of a partition have other results once one of them has come or gone, and what else
// has to be looked at to know them. Most window functions of streams look back only: a row that
// comes behind all others changes nothing before it.
extension OverCall {
    /// Of the rows before a change so many at most have other results; nil: any may.
    var rowsChangedBefore: Int? {
        switch function {
        case .rowNumber, .rank, .denseRank: return 0
        case .percentRank, .cumeDist, .ntile: return nil
        case .lag, .lead:
            guard let offset = shift else { return nil }
            let isBehind = if case .lead = function { offset } else { -offset }
            if ignoresNulls { return isBehind <= 0 ? 0 : nil }
            return Int(clamping: max(isBehind, 0))
        case .firstValue, .lastValue, .nthValue, .aggregate:
            switch frame.end {
            case .unboundedPreceding, .preceding, .currentRow: return 0
            case .following(let distance):
                guard frame.unit == .rows, let count = distance.count else { return nil }
                return count
            case .unboundedFollowing: return nil
            }
        }
    }

    /// Rows of equal keys have something in common: all of them change with one.
    var goesByPeers: Bool {
        switch function {
        case .rowNumber, .lag, .lead: false
        case .rank, .denseRank, .percentRank, .cumeDist, .ntile: true
        case .firstValue, .lastValue, .nthValue, .aggregate:
            frame.unit != .rows || frame.exclusion == .group || frame.exclusion == .ties
        }
    }

    /// How many rows before one its result is made of.
    enum LookBack: Equatable {
        case rows(Int)
        /// Until the frames do not begin with what is looked at.
        case frame
        /// A state that goes from row to row stands for those before (`OverStates`).
        case state
        case all
    }

    var lookBack: LookBack {
        switch function {
        case .rowNumber, .rank: return .rows(0)
        case .denseRank: return .state
        case .percentRank, .cumeDist, .ntile: return .all
        case .lag, .lead:
            guard let offset = shift, !ignoresNulls else { return .all }
            let before = if case .lag = function { offset } else { -offset }
            return .rows(Int(clamping: max(before, 0)))
        case .firstValue, .lastValue, .nthValue: return frameLookBack(isState: false)
        case .aggregate(let function):
            return frameLookBack(isState: OverAggregate.isMergeable(function))
        }
    }

    private func frameLookBack(isState: Bool) -> LookBack {
        if ignoresNulls { return .all }
        switch frame.start {
        case .unboundedPreceding:
            // A state stands for all rows before one, not for those before an earlier one.
            if case .preceding = frame.end { return .all }
            return isState && frame.exclusion == .none ? .state : .all
        case .preceding(let distance):
            if frame.unit == .rows, let count = distance.count { return .rows(count) }
            return .frame
        // Peers are looked at together.
        case .currentRow, .following, .unboundedFollowing: return .rows(0)
        }
    }

    /// The constant distance of lag and lead; nil: it differs from row to row.
    private var shift: Int64? {
        guard arguments.count > 1 else { return 1 }
        guard case .literal(.integer(let offset), _) = arguments[1], abs(offset) < 1 << 30 else {
            return nil
        }
        return offset
    }
}

extension Expression {
    /// A constant number of rows.
    fileprivate var count: Int? {
        guard case .literal(.integer(let count), _) = self, count >= 0, count < 1 << 30 else {
            return nil
        }
        return Int(count)
    }
}

extension OverPlan {
    /// Rows before a change so many places at most have other results; nil: any may.
    public var rowsChangedBefore: Int? {
        calls.reduce(0) { most, call in
            guard let most, let count = call.rowsChangedBefore else { return nil }
            return max(most, count)
        }
    }
}
