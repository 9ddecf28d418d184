import Formats

// Which times of rows are settled though window functions and top-n take rows back: a row below the
// watermark does not change any more. So it is where a partition is one moment's, and where rows
// are in the order of their time and each one's result looks back only.

extension OverPlan {
    /// Whether rows whose value of the input's column lies below the watermark are final.
    public func settles(_ column: Int, of input: Plan) -> Bool {
        if partition.settles(column, of: input) { return true }
        guard let time = orderTime(of: input) else { return false }
        return time == column || input.hasOneTime
    }

    /// The time column that rows are ordered by, where those before another one's place do not
    /// change with it; nil: there is none.
    public func orderTime(of input: Plan) -> Int? {
        rowsChangedBefore == 0 ? order.first?.risingTime(of: input) : nil
    }
}

extension SortPlan {
    /// The same of the first rows; an order alone changes none.
    public func settles(_ column: Int, of input: Plan) -> Bool {
        if limit == nil && offset == nil && !appendsRowNumber { return true }
        if partition.settles(column, of: input) { return true }
        guard let time = orderTime(of: input) else { return false }
        return time == column || input.hasOneTime
    }

    public func orderTime(of input: Plan) -> Int? { keys.first?.risingTime(of: input) }
}

extension SortKey {
    fileprivate func risingTime(of input: Plan) -> Int? {
        // Rows without a time may come at any time; they stand behind the others.
        guard !isDescending, !nullsFirst, case .column(let column, let type) = expression,
            type.isTime, input.facts.timeColumns.contains(column)
        else { return nil }
        return column
    }
}

extension [Expression] {
    /// A partition's own time, or its window's where the column is another one of that.
    fileprivate func settles(_ column: Int, of input: Plan) -> Bool {
        let columns = compactMap { expression -> Int? in
            if case .column(let index, _) = expression { return index }
            return nil
        }
        if columns.contains(column) { return true }
        return columns.contains { input.windowSource(of: $0) != nil }
            && input.windowSource(of: column) != nil && input.hasOneTime
    }
}

extension Plan {
    /// Whether all times of a row are made of one: no join lies below.
    fileprivate var hasOneTime: Bool {
        switch node {
        case .scan: true
        case .filter(let input, _), .project(let input, _), .window(let input, _),
            .over(let input, _), .sort(let input, _), .limit(let input, _, _),
            .distinct(let input), .unnest(let input, _, _, _), .aggregate(let input, _):
            input.hasOneTime
        case .union(let inputs): inputs.allSatisfy(\.hasOneTime)
        case .shared(let shared): shared.plan.hasOneTime
        default: false
        }
    }

    /// Where a column is the start or the end of a window of a fixed size: the size.
    fileprivate func windowSource(of column: Int) -> Int64? {
        switch node {
        case .window(let input, let window):
            let width = input.columns.count
            if column < width { return input.windowSource(of: column) }
            switch window.kind {
            case .tumble(let size, _), .hop(_, let size, _), .cumulate(_, let size, _):
                return size
            case .session: return nil
            }
        case .filter(let input, _), .over(let input, _), .sort(let input, _),
            .limit(let input, _, _), .distinct(let input), .unnest(let input, _, _, _):
            return column < input.columns.count ? input.windowSource(of: column) : nil
        case .project(let input, let list):
            guard case .column(let source, _) = list[column] else { return nil }
            return input.windowSource(of: source)
        case .aggregate(let input, let aggregate):
            guard column < aggregate.keys.count,
                case .column(let source, _) = aggregate.keys[column]
            else { return nil }
            return input.windowSource(of: source)
        case .shared(let shared): return shared.plan.windowSource(of: column)
        default: return nil
        }
    }
}
