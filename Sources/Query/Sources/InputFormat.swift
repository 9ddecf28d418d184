import Formats

/// How the rows of a file or of stdin are written.
public enum InputFormat: Sendable, Equatable {
    case json
    /// nil: found from the first rows.
    case csv(separator: UInt8?, hasHeader: Bool?)
    /// Each line as it is: `line` and `line_number`.
    case lines
    case logfmt

    /// The format that a user names: json, csv, tsv, lines, logfmt.
    public init?(named name: String) {
        switch name.lowercased() {
        case "json", "ndjson", "jsonl": self = .json
        case "csv": self = .csv(separator: nil, hasHeader: nil)
        case "tsv": self = .csv(separator: 0x09, hasHeader: nil)
        case "lines", "line": self = .lines
        case "logfmt": self = .logfmt
        default: return nil
        }
    }

    public static let names = ["json", "csv", "tsv", "lines", "logfmt"]

    /// What the end of a path says; nil: nothing.
    static func of(path: String) -> InputFormat? {
        var name = path.lowercased()
        if name.hasSuffix(".gz") { name.removeLast(3) }
        for ending in ["json", "ndjson", "jsonl", "csv", "tsv", "logfmt"]
        where name.hasSuffix("." + ending) {
            return InputFormat(named: ending)
        }
        return nil
    }
}

/// What is said of an input beside its name.
public struct InputOptions: Sendable {
    /// nil: found from its name and its first bytes.
    public var format: InputFormat?
    /// --strict: a value that does not fit the sampled type fails at once.
    public var isStrict = false
    /// Lines that cannot be read are left out.
    public var skipsErrors = false
    /// Names that the query speaks of, for the sample to look for; nil: all.
    public var wanted: Set<String>?
    /// Names that can be columns of this input only: they are null until they come.
    public var expected: Set<String> = []
    /// The same of members of its columns.
    public var expectedPaths: Set<[String]> = []
    /// The types of columns of an input without rows, where they were tried before.
    public var emptyTypes: [String: DataType] = [:]
    /// The rows are Debezium's envelopes of changes.
    public var readsEnvelopes = false
    /// What the columns were when the state of the query was begun.
    var known: KnownColumns?

    public init() {}
}

/// How an input is decoded, once its first bytes were seen.
enum InputForm: Sendable, Equatable {
    case json(JSONFraming)
    case csv(separator: UInt8, hasHeader: Bool)
    case lines
    case logfmt
}
