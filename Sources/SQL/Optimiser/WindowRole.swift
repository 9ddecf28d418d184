import Aggregation
import Formats

/// What a column says of the window that its row belongs to. Found by looking down a plan to the
/// window function, or to date_bin and date_trunc of a time column.
enum WindowRole: Equatable {
    /// The window ends so much later; nil: that is not known (a session).
    case start(Interval?)
    case end
}

extension Plan {
    /// The role of a column; nil: none.
    func windowRole(of column: Int) -> WindowRole? {
        switch node {
        case .window(let input, let window):
            let width = input.columns.count
            if column < width { return input.windowRole(of: column) }
            let isTimed = window.time.map { input.facts.timeColumns.contains($0) } ?? true
            guard isTimed || !facts.isEndless else { return nil }
            switch column - width {
            case 0: return .start(window.kind.length)
            case 1: return .end
            default: return nil
            }
        case .filter(let input, _), .unnest(let input, _, _, _), .over(let input, _),
            .sort(let input, _), .limit(let input, _, _), .distinct(let input):
            return column < input.columns.count ? input.windowRole(of: column) : nil
        case .project(let input, let list): return list[column].windowRole(over: input)
        case .aggregate(let input, let aggregate):
            guard column < aggregate.keys.count, aggregate.groupingSets == nil else { return nil }
            return aggregate.keys[column].windowRole(over: input)
        case .join(let left, let right, let join):
            let width = left.columns.count
            if column < width {
                return join.kind == .right || join.kind == .full
                    ? nil : left.windowRole(of: column)
            }
            return join.kind == .inner ? right.windowRole(of: column - width) : nil
        case .shared(let shared): return shared.plan.windowRole(of: column)
        case .union(let inputs):
            let roles = inputs.map { $0.windowRole(of: column) }
            guard let first = roles.first, roles.allSatisfy({ $0 == first }) else { return nil }
            return first
        default: return nil
        }
    }

    /// The window's end by a key that tells it: `window_end`, or `window_start` and the size.
    func windowEnd(_ keys: [Expression]) -> Expression? {
        let roles = keys.map { $0.windowRole(over: self) }
        for (key, role) in zip(keys, roles) where role == .end { return key }
        for (key, role) in zip(keys, roles) {
            guard case .start(let length)? = role else { continue }
            if let length { return key.adding(length) }
            // A session's start alone: its end stands in the same row.
            if let end = columns.indices.first(where: { windowRole(of: $0) == .end }) {
                return .column(end, columns[end].type)
            }
        }
        return nil
    }

    /// How far a column's value may lie below the watermark in rows that are not late: nothing for
    /// a time column, the window's length for its start. nil: the watermark says nothing of it.
    func timeOffset(of column: Int) -> Int64? {
        if facts.timeColumns.contains(column) { return 0 }
        if case .start(let length?)? = windowRole(of: column) { return length.fixedMicroseconds }
        return nil
    }
}

extension Expression {
    func windowRole(over input: Plan) -> WindowRole? {
        if case .column(let index, _) = self { return input.windowRole(of: index) }
        guard case .call(let function, let arguments, _) = self, arguments.count >= 2,
            case .column(let column, _) = arguments[1],
            input.facts.timeColumns.contains(column)
        else { return nil }
        switch (function.name, arguments[0]) {
        case ("date_bin", .literal(.interval(let interval), _)): return .start(interval)
        case ("date_trunc", .literal(.text(let unit), _)):
            return WindowRole.units[unit.lowercased()].map { .start($0) }
        default: return nil
        }
    }

    /// A time and a span.
    func adding(_ span: Interval) -> Expression? {
        guard let plus = try? FunctionRegistry.scalar("+", [type, .interval]) else { return nil }
        return .call(plus, [self, .literal(.interval(span), .interval)], plus.result)
    }
}

extension WindowRole {
    fileprivate static let units: [String: Interval] = [
        "second": Interval(microseconds: 1_000_000), "minute": Interval(microseconds: 60_000_000),
        "hour": Interval(microseconds: 3_600_000_000), "day": Interval(days: 1),
        "week": Interval(days: 7), "month": Interval(months: 1), "quarter": Interval(months: 3),
        "year": Interval(months: 12),
    ]
}

extension WindowAssignment.Kind {
    /// From a window's start to its end at most.
    fileprivate var length: Interval? {
        switch self {
        case .tumble(let size, _), .hop(_, let size, _): Interval(microseconds: size)
        case .cumulate, .session: nil
        }
    }
}
