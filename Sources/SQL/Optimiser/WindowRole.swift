import Aggregation
import Formats

/// What a column says of the window that its row belongs to. Found by looking down a plan to the
/// window function, or to date_bin and date_trunc of a time column.
enum WindowRole: Equatable {
    /// The window ends so much later; nil: that is not known (a session).
    case start(Interval?)
    /// The same for days and more in a zone, which is not the session's.
    case zonedStart(Interval, zone: String)
    case end
}

extension Plan {
    /// The role of a column; nil: none.
    func windowRole(of column: Int) -> WindowRole? {
        var known: [SharedColumn: WindowRole?] = [:]
        return windowRole(of: column, &known)
    }

    fileprivate func windowRole(
        of column: Int, _ known: inout [SharedColumn: WindowRole?]
    ) -> WindowRole? {
        switch node {
        case .window(let input, let window):
            let width = input.columns.count
            if column < width { return input.windowRole(of: column, &known) }
            let isTimed = window.time.map { input.facts.timeColumns.contains($0) } ?? true
            guard isTimed || !facts.isEndless else { return nil }
            switch column - width {
            case 0: return .start(window.kind.length)
            case 1: return .end
            default: return nil
            }
        case .filter(let input, _), .unnest(let input, _, _, _), .over(let input, _),
            .sort(let input, _), .limit(let input, _, _), .distinct(let input):
            return column < input.columns.count ? input.windowRole(of: column, &known) : nil
        case .project(let input, let list): return list[column].windowRole(over: input, &known)
        case .aggregate(let input, let aggregate):
            guard aggregate.keysOfAllSets.contains(column) else { return nil }
            return aggregate.keys[column].windowRole(over: input, &known)
        case .join(let left, let right, let join):
            let width = left.columns.count
            if column < width {
                return join.kind == .right || join.kind == .full
                    ? nil : left.windowRole(of: column, &known)
            }
            return join.kind == .inner ? right.windowRole(of: column - width, &known) : nil
        case .shared(let shared):
            let key = SharedColumn(id: shared.id, column: column)
            if let role = known[key] { return role }
            let role = shared.plan.windowRole(of: column, &known)
            known[key] = .some(role)
            return role
        case .union(let inputs):
            guard let first = inputs.first?.windowRole(of: column, &known) else { return nil }
            for input in inputs.dropFirst() where input.windowRole(of: column, &known) != first {
                return nil
            }
            return first
        default: return nil
        }
    }

    /// The window's end by a key that tells it: `window_end`, or `window_start` and the size.
    func windowEnd(_ keys: [Expression]) -> Expression? {
        let roles = keys.map { $0.windowRole(over: self) }
        for (key, role) in zip(keys, roles) where role == .end { return key }
        for (key, role) in zip(keys, roles) {
            if case .zonedStart(let length, let zone)? = role {
                return key.adding(length, in: zone)
            }
            guard case .start(let length)? = role else { continue }
            if let length { return key.adding(length) }
            // A session's start alone: its end stands in the same row.
            if let end = columns.indices.first(where: { windowRole(of: $0) == .end }) {
                return .column(end, columns[end].type)
            }
        }
        return nil
    }

    /// A time column, or the moment of one that is a number.
    fileprivate func watermarkSpeaks(of time: Expression) -> Bool {
        if case .column(let column, _) = time { return facts.timeColumns.contains(column) }
        guard case (.column(let column, _), _)? = EpochTime.source(time) else { return false }
        return moment(ofNumber: column)?.isSame(as: time) == true
    }

    /// How far a column's value may lie below the watermark in rows that are not late: nothing for
    /// a time column, the window's length for its start. nil: the watermark says nothing of it.
    func timeOffset(of column: Int) -> Int64? {
        if facts.timeColumns.contains(column) { return 0 }
        if leavesLate(column) { return nil }
        switch windowRole(of: column) {
        case .start(let length?)?, .zonedStart(let length, _)?:
            // A day of a zone may be longer.
            let more: Int64 = length.days != 0 ? 7_200_000_000 : 0
            return length.fixedMicroseconds.map { $0 + more }
        default: return nil
        }
    }
}

extension Expression {
    func windowRole(over input: Plan) -> WindowRole? {
        var known: [SharedColumn: WindowRole?] = [:]
        return windowRole(over: input, &known)
    }

    fileprivate func windowRole(
        over input: Plan, _ known: inout [SharedColumn: WindowRole?]
    ) -> WindowRole? {
        if case .column(let index, _) = self { return input.windowRole(of: index, &known) }
        guard case .call(let function, let arguments, _) = self, arguments.count >= 2,
            input.watermarkSpeaks(of: arguments[1])
        else { return nil }
        switch (function.name, arguments[0]) {
        case ("date_bin", .literal(.interval(let interval), _)): return .start(interval)
        case ("date_trunc", .literal(.text(let unit), _)):
            guard let length = WindowRole.units[unit.lowercased()] else { return nil }
            guard arguments.count > 2, length.days != 0 || length.months != 0 else {
                return .start(length)
            }
            guard case .literal(.text(let zone), _) = arguments[2] else { return nil }
            return .zonedStart(length, zone: zone)
        default: return nil
        }
    }

    /// A moment and a span by the clock of a zone.
    fileprivate func adding(_ span: Interval, in zone: String) -> Expression? {
        func moved(_ time: Expression) -> Expression? {
            guard let function = try? FunctionRegistry.scalar("timezone", [.text, time.type])
            else { return nil }
            return .call(function, [.literal(.text(zone), .text), time], function.result)
        }
        return moved(self)?.adding(span).flatMap(moved)
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
