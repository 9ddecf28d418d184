/// One value of any type, boxed: for literals, tests and whatever does not run per row of a hot
/// loop. Which type it has is said beside it by a `DataType`.
public indirect enum Value: Sendable {
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

extension Value: Hashable {
    /// As SQL tells values apart: texts by their bytes, where Swift's strings are equal if they
    /// mean the same characters (an accent of its own and a letter that has it); NaN is itself.
    public static func == (a: Value, b: Value) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.boolean(let x), .boolean(let y)): x == y
        case (.integer(let x), .integer(let y)): x == y
        case (.double(let x), .double(let y)): x == y || x.isNaN && y.isNaN
        case (.numeric(let x), .numeric(let y)): x == y
        case (.interval(let x), .interval(let y)): x == y
        case (.text(let x), .text(let y)): x.hasBytes(of: y)
        case (.bytes(let x), .bytes(let y)): x == y
        case (.array(let x), .array(let y)), (.record(let x), .record(let y)): x == y
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .boolean(let value): hasher.combine(value)
        case .integer(let value): hasher.combine(value)
        case .double(let value): hasher.combine(value.isNaN ? .nan : value)
        case .numeric(let value): hasher.combine(value)
        case .interval(let value): hasher.combine(value)
        case .text(var text):
            text.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        case .bytes(let value): hasher.combine(value)
        case .array(let values), .record(let values): hasher.combine(values)
        }
    }
}

extension String {
    /// Equal byte by byte.
    public func hasBytes(of other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
