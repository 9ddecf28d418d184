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
}
