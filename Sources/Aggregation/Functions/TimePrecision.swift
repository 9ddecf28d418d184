import Formats

/// `timestamp(p)`, `time(p)`, `interval(p)`: values rounded to p digits of the second, as casts to
/// these types round them. The binder asks for it; the types themselves have no precision.
public enum TimePrecision {
    /// A function of the value and the number of digits; nil: nothing is rounded.
    public static func function(_ type: DataType, digits: Int) -> ScalarFunction? {
        guard (0..<6).contains(digits) else { return nil }
        switch type {
        case .timestamp, .timestamptz, .time:
            // PostgreSQL counts from 2000, which decides where halves go.
            let origin: Int64 = type == .time ? 0 : 946_684_800_000_000
            return ScalarFunction(name(type), [type, .integer], type) {
                arguments, context throws(SQLError) in
                let values = unsafe arguments[0].integers
                let mask = arguments[0].indexMask
                return try TimeKernels.integers(context, type) { (row) throws(SQLError) in
                    let value = unsafe values[row & mask]
                    return TimeKernels.isInfinite(value)
                        ? value : origin + rounded(value - origin, digits)
                }
            }
        case .interval:
            return ScalarFunction(name(type), [type, .integer], type) {
                arguments, context throws(SQLError) in
                let values = unsafe arguments[0].intervals
                let mask = arguments[0].indexMask
                return try TimeKernels.intervals(context) { (row) throws(SQLError) in
                    let value = unsafe values[row & mask]
                    return Interval(
                        months: value.months, days: value.days,
                        microseconds: rounded(value.microseconds, digits))
                }
            }
        default: return nil
        }
    }

    private static func name(_ type: DataType) -> String {
        type.description.split(separator: " ").first.map(String.init) ?? "timestamp"
    }

    /// To a multiple of 10^(6 - digits) microseconds, halves away from nothing.
    static func rounded(_ value: Int64, _ digits: Int) -> Int64 {
        var unit: Int64 = 1
        for _ in digits..<6 { unit *= 10 }
        let (quotient, rest) = value.quotientAndRemainder(dividingBy: unit)
        let doubled = rest.magnitude * 2
        guard doubled >= UInt64(unit) else { return quotient * unit }
        // At the ends of the range there is nothing further away.
        let (rounded, overflow) = (quotient + (value < 0 ? -1 : 1))
            .multipliedReportingOverflow(by: unit)
        return overflow ? quotient * unit : rounded
    }
}
