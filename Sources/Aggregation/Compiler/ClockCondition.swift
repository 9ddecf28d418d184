import Formats

/// A comparison of a time of the row with now(), or with now() moved by a fixed span.
public struct ClockCondition {
    /// Over the row, without now().
    public let time: Expression
    /// now() and constants.
    let clock: Expression
    /// It holds until the clock has passed the time; else from then on.
    let isUntil: Bool
    let isInclusive: Bool

    /// nil: not of that form.
    public init?(_ expression: Expression) {
        guard case .call(let function, let sides, _) = expression, sides.count == 2,
            ["<", "<=", ">", ">="].contains(function.name)
        else { return nil }
        let isFlipped = sides[0].readsClock
        let (time, clock) = isFlipped ? (sides[1], sides[0]) : (sides[0], sides[1])
        guard clock.readsClock, clock.columns.isEmpty, !time.readsClock, !time.columns.isEmpty,
            time.type.isTime, clock.type.isTime
        else { return nil }
        self.time = time
        self.clock = clock
        // time > now() - span holds until the clock is past the time.
        isUntil = function.name.hasPrefix(">") != isFlipped
        isInclusive = function.name.hasSuffix("=")
    }

    /// What is added to now(), in microseconds.
    func distance(_ settings: SessionSettings) throws(SQLError) -> Int64 {
        guard case .integer(let value) = try Evaluator.value(clock, settings: settings) else {
            return 0
        }
        return (clock.type == .date ? value &* 86_400_000_000 : value) &- settings.now
    }
}

extension Expression {
    /// Whether now() is part of it.
    public var readsClock: Bool {
        if case .now = self { return true }
        return children.contains { $0.readsClock }
    }
}
