/// A type of SQL, with PostgreSQL's meaning.
public indirect enum DataType: Sendable, Hashable {
    /// A literal in quotes or NULL whose type the context decides (PostgreSQL's `unknown`).
    case unknown
    case boolean
    case smallint
    case integer
    case bigint
    case real
    case double
    /// Without a precision: any. `scale` digits behind the point.
    case numeric(precision: Int16?, scale: Int16)
    case text
    /// At most so many characters; nil: any number.
    case varchar(Int32?)
    /// Blank-padded to so many characters; nil: any number, and kept without the blanks at the
    /// end, which mean nothing.
    case char(Int32?)
    case bytea
    case date
    case time
    /// Without time zone.
    case timestamp
    /// With time zone: an instant.
    case timestamptz
    case interval
    case uuid
    case json
    case jsonb
    /// CREATE TYPE ... AS ENUM
    case enumeration(Enumeration)
    case array(DataType)
    /// A struct: the columns of a row type.
    case record([Field])

    /// How the values of the type lie in memory.
    public enum Layout: Sendable, Equatable {
        /// One byte: 0 or 1.
        case boolean
        /// Int64: the integers themselves; `date` in days, `time`, `timestamp` and `timestamptz` in
        /// microseconds, since 1970-01-01 UTC (`time`: since midnight). `Int64.min` and `.max`
        /// are -infinity and infinity of dates and timestamps. Of an enumeration the number of the
        /// label.
        case integer
        case double
        case numeric
        case interval
        /// `StringView`: UTF-8 of text, json and jsonb; the bytes of bytea; 16 bytes of uuid.
        case string
        case array
        case record
    }

    public var layout: Layout {
        switch self {
        case .boolean: .boolean
        case .smallint, .integer, .bigint, .date, .time, .timestamp, .timestamptz,
            .enumeration:
            .integer
        case .real, .double: .double
        case .numeric: .numeric
        case .interval: .interval
        case .unknown, .text, .varchar, .char, .bytea, .uuid, .json, .jsonb: .string
        case .array: .array
        case .record: .record
        }
    }

    public static let anyNumeric = DataType.numeric(precision: nil, scale: 0)

    /// An object, or an array: what JSON of many forms is read as.
    public var isFromJSON: Bool {
        switch self {
        case .record, .array: true
        default: false
        }
    }

    /// An object, or an array of them.
    public var holdsObjects: Bool {
        switch self {
        case .record: true
        case .array(let element): element.holdsObjects
        default: false
        }
    }

    public var isInteger: Bool {
        switch self {
        case .smallint, .integer, .bigint: true
        default: false
        }
    }

    public var isNumber: Bool {
        switch self {
        case .smallint, .integer, .bigint, .real, .double, .numeric: true
        default: false
        }
    }

    /// text, varchar, char and a literal of unknown type.
    public var isText: Bool {
        switch self {
        case .unknown, .text, .varchar, .char: true
        default: false
        }
    }

    /// The types that a watermark can be declared for.
    public var isTime: Bool {
        switch self {
        case .date, .timestamp, .timestamptz: true
        default: false
        }
    }
}

/// A named column of a row, or a member of a struct.
public struct Field: Sendable, Hashable {
    public var name: String
    public var type: DataType

    public init(_ name: String, _ type: DataType) {
        self.name = name
        self.type = type
    }
}

extension DataType: CustomStringConvertible {
    /// PostgreSQL's name, as its format_type() writes it.
    public var description: String {
        switch self {
        case .unknown: "unknown"
        case .boolean: "boolean"
        case .smallint: "smallint"
        case .integer: "integer"
        case .bigint: "bigint"
        case .real: "real"
        case .double: "double precision"
        case .numeric(nil, _): "numeric"
        case .numeric(let precision?, let scale): "numeric(\(precision),\(scale))"
        case .text: "text"
        case .varchar(nil): "character varying"
        case .varchar(let length?): "character varying(\(length))"
        case .char(nil): "bpchar"
        case .char(let length?): "character(\(length))"
        case .bytea: "bytea"
        case .date: "date"
        case .time: "time without time zone"
        case .timestamp: "timestamp without time zone"
        case .timestamptz: "timestamp with time zone"
        case .interval: "interval"
        case .uuid: "uuid"
        case .json: "json"
        case .jsonb: "jsonb"
        case .enumeration(let enumeration): enumeration.name
        case .array(let element): "\(element)[]"
        case .record: "record"
        }
    }
}
