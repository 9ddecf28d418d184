import Formats

/// What a number that is a time counts since 1970.
public enum EpochUnit: String, Sendable, Equatable, CaseIterable {
    /// Told by each value's magnitude (QUERY.md §2).
    case byMagnitude = ""
    case seconds = "s"
    case milliseconds = "ms"
    case microseconds = "us"
    case nanoseconds = "ns"

    public var name: String {
        switch self {
        case .byMagnitude: "a unit by magnitude"
        case .seconds: "seconds"
        case .milliseconds: "milliseconds"
        case .microseconds: "microseconds"
        case .nanoseconds: "nanoseconds"
        }
    }

    /// The unit of a value. Seconds reach 1e11 in the year 5138, milliseconds are below that until
    /// 1973.
    public func of(_ magnitude: UInt64) -> EpochUnit {
        guard self == .byMagnitude else { return self }
        switch magnitude {
        case ..<100_000_000_000: return .seconds
        case ..<100_000_000_000_000: return .milliseconds
        case ..<100_000_000_000_000_000: return .microseconds
        default: return .nanoseconds
        }
    }

    /// Of a unit that is known: a whole number as microseconds. Past the range it stays at its end.
    func microseconds(_ value: Int64) -> Int64 {
        let scale: Int64
        switch self {
        case .nanoseconds: return value >= 0 ? value / 1_000 : (value &- 999) / 1_000
        case .microseconds, .byMagnitude: return value
        case .milliseconds: scale = 1_000
        case .seconds: scale = 1_000_000
        }
        let (product, overflow) = value.multipliedReportingOverflow(by: scale)
        return overflow ? (value < 0 ? .min + 1 : .max - 1) : product
    }

    func microseconds(_ value: Double) -> Int64 {
        let scaled: Double =
            switch self {
            case .nanoseconds: value / 1_000
            case .microseconds, .byMagnitude: value
            case .milliseconds: value * 1_000
            case .seconds: value * 1_000_000
            }
        if let exact = Int64(exactly: scaled.rounded(.toNearestOrEven)) { return exact }
        return scaled > 0 ? .max - 1 : .min + 1
    }
}

/// Times that are numbers: the functions that make timestamps of them. The binder puts them over
/// time columns that are numbers, the optimiser over the bounds of joins; no name means them.
public enum EpochTime {
    /// The moment that a number means.
    public static func time(number: Expression, _ unit: EpochUnit) -> Expression {
        let type = layout(number.type)
        return .call(function(unit, type), [number.as(type)], .timestamptz)
    }

    /// The number that `time(number:)` made a moment of; nil: the expression is no such.
    public static func source(_ expression: Expression) -> (number: Expression, EpochUnit)? {
        guard case .call(let function, let arguments, .timestamptz) = expression,
            function.name.hasPrefix(prefix), arguments.count == 1,
            let unit = EpochUnit(rawValue: String(function.name.dropFirst(prefix.count)))
        else { return nil }
        if case .cast(let inner, _, false) = arguments[0], inner.type.isNumber {
            return (inner, unit)
        }
        return (arguments[0], unit)
    }

    /// The moment, at the earliest, after which no number of `unit` up to `limit` + `shift` can
    /// come. By magnitude the unit is that of `base`, a number that `limit` is computed from.
    public static func bound(
        _ limit: Expression, base: Expression, shift: Expression, _ unit: EpochUnit
    ) -> Expression {
        let isWhole = [limit, base, shift].allSatisfy { $0.type.isInteger }
        let type = isWhole ? DataType.bigint : .double
        let arguments = [limit, base, shift].map { $0.as(type) }
        return .call(bound(unit, type), arguments, .timestamptz)
    }

    private static let prefix = "epoch_time"

    private static func layout(_ type: DataType) -> DataType { type.isInteger ? .bigint : .double }

    private static func function(_ unit: EpochUnit, _ type: DataType) -> ScalarFunction {
        ScalarFunction(prefix + unit.rawValue, [type], .timestamptz) {
            arguments, context throws(SQLError) in
            let source = arguments[0]
            if type == .double {
                return try TimeKernels.integers(context, .timestamptz) {
                    (row) throws(SQLError) in
                    let value = unsafe source.doubles[row & source.indexMask]
                    return unit.of(magnitude(value)).microseconds(value)
                }
            }
            return try TimeKernels.integers(context, .timestamptz) {
                (row) throws(SQLError) in
                let value = unsafe source.integers[row & source.indexMask]
                return unit.of(value.magnitude).microseconds(value)
            }
        }
    }

    private static func bound(_ unit: EpochUnit, _ type: DataType) -> ScalarFunction {
        ScalarFunction("epoch_bound" + unit.rawValue, [type, type, type], .timestamptz) {
            arguments, context throws(SQLError) in
            let (limit, base, shift) = (arguments[0], arguments[1], arguments[2])
            if type == .double {
                return try TimeKernels.integers(context, .timestamptz) {
                    (row) throws(SQLError) in
                    let unit = unsafe unit.of(magnitude(base.doubles[row & base.indexMask]))
                    let sum =
                        unsafe limit.doubles[row & limit.indexMask]
                        + shift.doubles[row & shift.indexMask]
                    // What was rounded may lie a microsecond off.
                    return unit.microseconds(sum) &+ 1
                }
            }
            return try TimeKernels.integers(context, .timestamptz) {
                (row) throws(SQLError) in
                let unit = unsafe unit.of(base.integers[row & base.indexMask].magnitude)
                let value = unsafe limit.integers[row & limit.indexMask]
                let (sum, overflow) = unsafe value.addingReportingOverflow(
                    shift.integers[row & shift.indexMask])
                return unit.microseconds(overflow ? (value < 0 ? .min : .max) : sum)
            }
        }
    }

    private static func magnitude(_ value: Double) -> UInt64 {
        UInt64(exactly: abs(value).rounded(.towardZero)) ?? .max
    }
}

extension Expression {
    fileprivate func `as`(_ type: DataType) -> Expression {
        self.type == type ? self : .cast(self, type, isTry: false)
    }
}
