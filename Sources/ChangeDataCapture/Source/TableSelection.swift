/// Which tables are captured, by patterns over `schema.table`.
///
/// A pattern is a name with `*` and `?`; one without a dot is a table of any schema; behind `~` it
/// is a regular expression that matches all of `schema.table`, in letters of either case. No
/// include pattern selects all; a table that an exclude pattern matches is left out.
public struct TableSelection: Sendable, Equatable {
    public var included: [String]
    public var excluded: [String]

    /// `schema.table`, which is no pattern.
    private var name: String?

    public init(included: [String] = [], excluded: [String] = []) {
        self.included = included
        self.excluded = excluded
    }

    init(exactly name: String) {
        self.init()
        self.name = name
    }

    public var selectsAll: Bool { included.isEmpty && excluded.isEmpty && name == nil }

    /// What it adds to a condition on a class `c` of namespace `n`, so that of many tables only the
    /// one that is named is looked at.
    var condition: String {
        name.map { " AND n.nspname || '.' || c.relname = \(quotedText($0))" } ?? ""
    }

    public func selects(schema: String, table: String) -> Bool {
        if let name { return name == "\(schema).\(table)" }
        let matches = { (pattern: String) in
            Self.matches(pattern, schema: schema, table: table)
        }
        return (included.isEmpty || included.contains(where: matches))
            && !excluded.contains(where: matches)
    }

    /// Of a name whose dot may be any of its dots.
    func selects(_ name: String) -> Bool {
        Self.splits(name).contains { selects(schema: $0.schema, table: $0.table) }
    }

    static func splits(_ name: String) -> [(schema: String, table: String)] {
        name.indices.filter { name[$0] == "." }.map {
            (String(name[..<$0]), String(name[name.index(after: $0)...]))
        }
    }

    static func matches(_ pattern: String, schema: String, table: String) -> Bool {
        if let expression = NamePattern.expression(in: pattern) {
            return NamePattern.matches(expression: expression, "\(schema).\(table)")
        }
        let name = pattern.utf8.contains(UInt8(ascii: ".")) ? "\(schema).\(table)" : table
        return isMatch(Array(pattern.utf8)[...], Array(name.utf8)[...])
    }

    /// Wildcards without recursion into each other: only the last `*` is gone back to, which is
    /// enough and keeps the time a product of the lengths.
    private static func isMatch(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        var (at, index) = (pattern.startIndex, name.startIndex)
        var retry: (at: Int, index: Int)?
        while index < name.endIndex {
            if at < pattern.endIndex, pattern[at] == UInt8(ascii: "*") {
                retry = (at + 1, index)
                at += 1
            } else if at < pattern.endIndex,
                pattern[at] == UInt8(ascii: "?") || pattern[at] == name[index]
            {
                at += 1
                index += 1
            } else if let last = retry {
                retry = (last.at, last.index + 1)
                (at, index) = (last.at, last.index + 1)
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
