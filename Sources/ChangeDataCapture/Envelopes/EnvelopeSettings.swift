import Formats

/// What `--format` names.
public enum EnvelopeFormat: String, CaseIterable, Sendable {
    case debezium, avro, flat, maxwell, wal2json, sql, csv, none
}

/// Which sides of a row go out: `--image`.
public enum RowImage: String, CaseIterable, Sendable {
    case keys, new, old, both
}

/// How values that JSON has no type for are written, by the names of Debezium's properties.
///
/// The defaults are Debezium's, but for decimals, which are readable and exact.
public struct EnvelopeSettings: Sendable {
    public enum Decimals: String, CaseIterable, Sendable {
        /// JSON numbers with all their digits.
        case number
        /// Base64 of the unscaled value, as Kafka Connect's Decimal.
        case precise
        case double, string
    }

    public enum Times: String, CaseIterable, Sendable {
        case adaptive
        case adaptiveTimeMicroseconds = "adaptive_time_microseconds"
        case connect, isostring, microseconds, nanoseconds
    }

    public enum Binaries: String, CaseIterable, Sendable {
        case bytes, base64
        case base64URLSafe = "base64-url-safe"
        case hex
    }

    public enum Intervals: String, CaseIterable, Sendable { case numeric, string }

    public enum HStores: String, CaseIterable, Sendable { case json, map }

    /// Of the program, for `source.version`.
    public var version = "0"
    public var database = ""
    /// `source.name`, and the first part of topics' names.
    public var topicPrefix = ""
    public var image = RowImage.both
    public var masks: [ColumnMask] = []
    /// Columns that are written, those of the key beside them; empty: all. As patterns of masks.
    public var includedColumns: [ColumnMask] = []
    /// Debezium's envelope inside `payload`, beside its `schema`.
    public var hasSchemas = false
    /// The same of keys; nil: as of values.
    public var hasKeySchemas: Bool?
    public var decimals = Decimals.number
    public var times = Times.adaptive
    public var binaries = Binaries.bytes
    public var intervals = Intervals.numeric
    public var hstores = HStores.json
    /// JSON of json and jsonb as a string that holds it; else as a value inside the row.
    public var jsonIsText = false
    /// Written for an unchanged TOASTed value; nil: the key is left out and named in `unavailable`.
    public var unavailablePlaceholder: String?
    public var writesTombstones = true
    /// Operations that are left out: `c`, `u`, `d`, `t`, `m`.
    public var skippedOperations: Set<Character> = []
    public var writesTransactions = false
    /// An event for each description of a table that is new.
    public var writesSchemas = false
    public var outbox = OutboxSettings()

    public init() {}
}

/// A property whose value is not one of those that there are.
public struct EnvelopeSettingError: Error, Equatable, Sendable {
    public let name: String
    public let value: String
    public let choices: [String]
}

extension EnvelopeSettings {
    /// Names that `set` takes.
    public static let propertyNames =
        [
            "binary.handling.mode", "decimal.handling.mode", "hstore.handling.mode",
            "include.schema.changes", "interval.handling.mode", "json.handling.mode",
            "provide.transaction.metadata", "schemas.enable", "skipped.operations",
            "time.precision.mode", "tombstones.on.delete", "topic.prefix",
            "unavailable.value.placeholder", "key.converter.schemas.enable",
            "value.converter.schemas.enable",
        ] + OutboxSettings.propertyNames

    /// Sets a property; false: the name is none of them.
    public mutating func set(
        _ name: String, _ value: String
    ) throws(EnvelopeSettingError) -> Bool {
        switch name {
        case "decimal.handling.mode": decimals = try Self.choice(name, value)
        case "time.precision.mode": times = try Self.choice(name, value)
        case "binary.handling.mode": binaries = try Self.choice(name, value)
        case "interval.handling.mode": intervals = try Self.choice(name, value)
        case "hstore.handling.mode": hstores = try Self.choice(name, value)
        case "json.handling.mode":
            jsonIsText = try Self.pick(name, value, ["string": true, "embedded": false])
        case "schemas.enable", "value.converter.schemas.enable":
            hasSchemas = try Self.boolean(name, value)
        case "key.converter.schemas.enable": hasKeySchemas = try Self.boolean(name, value)
        case "tombstones.on.delete": writesTombstones = try Self.boolean(name, value)
        case "include.schema.changes": writesSchemas = try Self.boolean(name, value)
        case "provide.transaction.metadata": writesTransactions = try Self.boolean(name, value)
        case "topic.prefix": topicPrefix = value
        case "unavailable.value.placeholder": unavailablePlaceholder = value
        case "skipped.operations":
            let names = value.split(separator: ",").map { $0.filter { $0 != " " } }
            let known = ["none", "c", "u", "d", "t", "m"]
            guard names.allSatisfy(known.contains) else {
                throw EnvelopeSettingError(
                    name: name, value: value, choices: known)
            }
            skippedOperations = Set(names.filter { $0 != "none" }.joined())
        default: return try outbox.set(name, value)
        }
        return true
    }

    static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ name: String, _ value: String
    ) throws(EnvelopeSettingError) -> Choice {
        if let choice = Choice(rawValue: value) { return choice }
        throw EnvelopeSettingError(
            name: name, value: value, choices: Choice.allCases.map(\.rawValue))
    }

    static func boolean(
        _ name: String, _ value: String
    ) throws(EnvelopeSettingError) -> Bool {
        try pick(name, value, ["true": true, "false": false])
    }

    private static func pick(
        _ name: String, _ value: String, _ choices: [String: Bool]
    ) throws(EnvelopeSettingError) -> Bool {
        if let choice = choices[value] { return choice }
        throw EnvelopeSettingError(name: name, value: value, choices: choices.keys.sorted())
    }
}

/// What `--mask COLUMN=HOW` says of a column.
public struct ColumnMask: Sendable, Equatable {
    public enum Method: Sendable, Equatable {
        /// The lower-case hexadecimal SHA-256 of the salt and the value's text.
        case sha256(salt: String)
        /// How many characters the value's text has.
        case length
        /// The first so many characters.
        case truncate(Int)
        /// So many asterisks, whatever the value is.
        case stars(Int)
        case drop
    }

    /// `column`, `table.column` or `schema.table.column`; `*` matches any run. Behind `~` a regular
    /// expression for `schema.table.column`.
    public let pattern: String
    public let method: Method

    public init(_ pattern: String, _ method: Method) {
        self.pattern = pattern
        self.method = method
    }

    /// Whether different values stay different.
    var keepsApart: Bool {
        if case .sha256 = method { true } else { false }
    }

    func covers(_ column: CapturedColumn, of table: CapturedTable) -> Bool {
        covers(column.name, of: table.name, in: table.schema)
    }

    func covers(_ column: String, of table: String, in schema: String) -> Bool {
        if let expression = NamePattern.expression(in: pattern) {
            return NamePattern.matches(expression: expression, "\(schema).\(table).\(column)")
        }
        let parts = pattern.split(separator: ".", omittingEmptySubsequences: false).count
        let name =
            switch parts {
            case 1: column
            case 2: "\(table).\(column)"
            default: "\(schema).\(table).\(column)"
            }
        return NamePattern.matches(Array(pattern.utf8)[...], Array(name.utf8)[...])
    }
}

/// Names with `*` for any run of bytes and `?` for one.
public enum NamePattern {
    /// Behind `~`.
    public static func expression(in pattern: String) -> String? {
        pattern.hasPrefix("~") ? String(pattern.dropFirst()) : nil
    }

    /// Whether a regular expression matches all of a name, in letters of either case.
    public static func matches(expression: String, _ name: String) -> Bool {
        let found = RegularExpression.names([name], matching: expression, ignoresCase: true)
        return found?.isEmpty == false
    }

    /// Whether a text is a regular expression.
    public static func isExpression(_ text: String) -> Bool {
        RegularExpression.names([], matching: text) != nil
    }

    public static func matches(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        var (pattern, name) = (pattern, name)
        var retry: (pattern: ArraySlice<UInt8>, name: ArraySlice<UInt8>)?
        while true {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                retry = (pattern, name)
            } else if let byte = name.first,
                pattern.first == byte || pattern.first == UInt8(ascii: "?")
            {
                pattern = pattern.dropFirst()
                name = name.dropFirst()
            } else if pattern.isEmpty && name.isEmpty {
                return true
            } else {
                // The last `*` takes one byte more.
                guard var last = retry, !last.name.isEmpty else { return false }
                last.name = last.name.dropFirst()
                retry = last
                (pattern, name) = last
            }
        }
    }
}
