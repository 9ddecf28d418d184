// Rounding, always half away from zero as PostgreSQL does.
extension Numeric {
    /// The value with `target` digits behind the point, rounded or cut; zeros are added where there
    /// were fewer. A negative target counts places before the point, and none are shown behind it.
    public func rescaled(_ target: Int, rounds: Bool = true) -> Numeric {
        if case .finite(let coefficient, let scale) = self, target >= 0 {
            let drop = Int(scale) - target
            if drop == 0 { return self }
            if drop > 38 { return .finite(0, scale: Int16(target)) }
            if drop > 0 {
                let unit = Numeric.power(drop)
                return .finite(
                    rounds ? Numeric.roundedQuotient(coefficient, unit) : coefficient / unit,
                    scale: Int16(target))
            }
            if target <= FormatLimits.numericScaleMax, let wide = Numeric.scaled(coefficient, -drop)
            {
                return .finite(wide, scale: Int16(target))
            }
        }
        guard let decimal else { return self }
        let result = decimal.rescaled(target, rounds: rounds)
        return Numeric(target < 0 ? result.rescaled(0) : result)
    }

    /// round(value, digits)
    public func rounded(_ digits: Int = 0) -> Numeric {
        rescaled(min(max(digits, -2000), 2000))
    }

    /// trunc(value, digits)
    public func truncated(_ digits: Int = 0) -> Numeric {
        rescaled(min(max(digits, -2000), 2000), rounds: false)
    }

    public var floor: Numeric {
        let whole = rescaled(0, rounds: false)
        return whole > self ? whole - .one : whole
    }

    public var ceiling: Numeric {
        let whole = rescaled(0, rounds: false)
        return whole < self ? whole + .one : whole
    }

    /// The value as `numeric(precision, scale)` holds it.
    public func fitted(precision: Int16?, scale: Int16) throws(SQLError) -> Numeric {
        guard let precision else { return self }
        // Most have the scale already, and digits to spare.
        if case .finite(let coefficient, scale: scale) = self,
            coefficient.magnitude < UInt128(Numeric.shortPower(min(Int(precision), 18)))
        {
            return self
        }
        let digits = Int(precision) - Int(scale)
        guard isFinite else {
            if isNaN { return self }
            throw Numeric.fieldOverflow(precision, scale, "cannot hold an infinite value.")
        }
        let result = rescaled(Int(scale))
        if result.signum != 0, result.exponent >= digits {
            let bound = digits == 0 ? "1" : "10^\(digits)"
            throw Numeric.fieldOverflow(
                precision, scale, "must round to an absolute value less than \(bound).")
        }
        return result
    }

    /// The position of the first digit: 0 for units, -1 for tenths.
    public var exponent: Int {
        switch self {
        case .finite(let coefficient, let scale):
            Numeric.digitCount(coefficient.magnitude) - 1 - Int(scale)
        case .big(let big): big.exponent
        case .nan, .infinity, .negativeInfinity: 0
        }
    }

    private static func fieldOverflow(
        _ precision: Int16, _ scale: Int16, _ rest: String
    ) -> SQLError {
        SQLError(
            "numeric field overflow", .numericValueOutOfRange,
            detail: "A field with precision \(precision), scale \(scale) \(rest)")
    }
}

extension Numeric {
    /// The nearest integer; nil outside 64 bits and for NaN and infinities.
    public var integer: Int64? {
        guard case .finite(let coefficient, let scale) = self else {
            if case .big = self, case .finite(let whole, _) = rescaled(0) {
                return Int64(exactly: whole)
            }
            return nil
        }
        if scale == 0 { return Int64(exactly: coefficient) }
        guard case .finite(let whole, _) = rescaled(0) else { return nil }
        return Int64(exactly: whole)
    }

    /// The nearest integer of a type, or PostgreSQL's error.
    public func integer(as type: DataType) throws(SQLError) -> Int64 {
        switch self {
        case .nan: throw SQLError("cannot convert NaN to \(type)", .featureNotSupported)
        case .infinity, .negativeInfinity:
            throw SQLError("cannot convert infinity to \(type)", .featureNotSupported)
        case .finite, .big: break
        }
        let range = type.integerRange
        guard let integer, range.contains(integer) else {
            throw SQLError("\(type) out of range", .numericValueOutOfRange)
        }
        return integer
    }
}

extension DataType {
    /// What an integer type holds; of other types all of 64 bits.
    public var integerRange: ClosedRange<Int64> {
        switch self {
        case .smallint: Int64(Int16.min)...Int64(Int16.max)
        case .integer: Int64(Int32.min)...Int64(Int32.max)
        default: .min ... .max
        }
    }
}
