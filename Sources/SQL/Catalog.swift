import Aggregation
import Formats

/// What names mean: the session's tables and views, files, topics, stdin.
///
/// The binder asks it once a name; making a relation may read a sample of the data to learn the
/// columns, so it may take time and may fail.
public protocol Catalog: AnyObject {
    /// `wanted` are the names that the query speaks of, for the sample to look for; nil: all (`*`).
    func relation(
        _ reference: RelationReference, wanted: Set<String>?
    ) throws(SQLError) -> CatalogEntry

    /// The columns of a table that the session has made; nil: there is none of the name.
    func rowType(_ name: String) -> [Field]?

    /// What CREATE TYPE or CREATE DOMAIN has made under a name; nil: nothing.
    func userType(_ name: String) -> UserType?
}

extension Catalog {
    public func rowType(_ name: String) -> [Field]? { nil }
    public func userType(_ name: String) -> UserType? { nil }
}

public struct RelationReference: Sendable {
    public enum Kind: Sendable {
        /// Parts of a dotted name, with their quoting.
        case name([Name])
        /// A path or URL in quotes.
        case literal(String)
        /// read_json('...'), read_csv('...', header => false), read_debezium(stdin), kafka(...):
        /// the name in lower case, the arguments evaluated.
        case function(String, [Value], named: [(String, Value)])
    }

    public var kind: Kind
    public var isStream: Bool
    /// STREAM BOUNDED: it ends even where all are followed.
    public var isBounded = false
    /// WATERMARK FOR written at the query: column and delay in microseconds.
    public var watermark: (column: Name, delay: Int64, idle: Int64?)?
    /// Names that the query asks of this relation only: where rows are still to come, what has not
    /// been seen yet is null.
    public var expected: Set<String> = []
    /// Members of its columns that the query asks of it only, from the column's name on.
    public var expectedPaths: Set<[String]> = []
    public var place: Range<Int>

    public init(
        _ kind: Kind, isStream: Bool = false,
        watermark: (column: Name, delay: Int64, idle: Int64?)? = nil, _ place: Range<Int>
    ) {
        self.kind = kind
        self.isStream = isStream
        self.watermark = watermark
        self.place = place
    }
}

public enum CatalogEntry {
    case relation(any Relation)
    /// A view: bound in place of its name; its names resolve in the catalog only.
    case view(name: String, columns: [Name], QuerySyntax)
    /// A source or table with generated columns or a declared watermark over a relation: `columns`
    /// nil means `*` and then the generated ones.
    case derived(any Relation, TableDefinition)
}
