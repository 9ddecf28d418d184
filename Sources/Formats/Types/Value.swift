/// One value of any type, boxed: for literals, tests and whatever does not run per row of a hot
/// loop. Which type it has is said beside it by a `DataType`.
public indirect enum Value: Sendable, Hashable {
    case null
    case boolean(Bool)
    /// Integers, dates and times, in the units of `DataType.Layout.integer`.
    case integer(Int64)
    case double(Double)
    case numeric(Numeric)
    case interval(Interval)
    /// text, varchar, char, json, jsonb
    case text(String)
    /// bytea, uuid
    case bytes([UInt8])
    case array([Value])
    case record([Value])

    public var isNull: Bool { self == .null }

    /// Tells values apart that are equal but are shown in two ways: 1.0 and 1.00, 0 and -0, one
    /// day and 24 hours. Empty where there is nothing to tell.
    public var form: String {
        switch self {
        case .double(let value): value == 0 && value.sign == .minus ? "-" : ""
        case .numeric(let value): value.description
        case .interval(let value): "\(value.months) \(value.days)"
        case .array(let values), .record(let values):
            values.map(\.form).joined(separator: ",")
        default: ""
        }
    }

    /// Equal, and shown in the same way.
    public func isIdentical(to other: Value) -> Bool { self == other && form == other.form }
}
