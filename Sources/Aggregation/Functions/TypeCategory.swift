import Formats

/// PostgreSQL's groups of types, which decide between overloads (its pg_type.typcategory).
enum TypeCategory: Sendable {
    case boolean, string, number, dateTime, timeSpan, array, user, composite, enumeration
    case unknown
}

extension DataType {
    var category: TypeCategory {
        switch self {
        case .unknown: .unknown
        case .boolean: .boolean
        case .smallint, .integer, .bigint, .real, .double, .numeric: .number
        case .text, .varchar, .char: .string
        case .date, .time, .timestamp, .timestamptz: .dateTime
        case .interval: .timeSpan
        case .bytea, .uuid, .json, .jsonb: .user
        case .enumeration: .enumeration
        case .array: .array
        case .record: .composite
        }
    }

    /// The type that others of its category are rather cast to.
    var isPreferred: Bool {
        switch self {
        case .boolean, .double, .text, .timestamptz, .interval: true
        default: false
        }
    }

    /// character(n): blanks at the end do not count in comparisons.
    var isBlankPadded: Bool {
        if case .char = self { return true }
        return false
    }

    /// Without length, precision and scale, which do not tell overloads apart.
    public var base: DataType {
        switch self {
        case .numeric: .anyNumeric
        case .varchar: .varchar(nil)
        case .char: .char(nil)
        case .array(let element): .array(element.base)
        default: self
        }
    }

    /// The name without length, precision and scale, as errors about calls say it.
    var baseName: String {
        switch self {
        case .char: "character"
        case .array(let element): "\(element.baseName)[]"
        default: "\(base)"
        }
    }

    func isSameBase(as other: DataType) -> Bool {
        if case .record = self, case .record = other { return true }
        return base == other.base
    }

    /// True if a value of this type is one of `target` without being asked to be cast.
    func becomes(_ target: DataType) -> Bool {
        self == .unknown || isSameBase(as: target)
            || Cast.context(from: self, to: target) == .implicit
    }
}
