import Formats

/// What CREATE SOURCE/TABLE says.
public struct TableDefinition: Sendable {
    public var name: Name
    public var ifNotExists = false
    public var isTemporary = false
    /// SOURCE: rows are only ever added.
    public var isSource = false
    /// APPEND ONLY: rows are added and stay.
    public var isAppendOnly = false
    public var elements: [Element] = []
    /// CONSTRAINT name PRIMARY KEY
    public var keyName: Name?
    public var includes: [Include] = []
    public var options: [OptionAssignment] = []
    /// FORMAT x ENCODE y, in upper case.
    public var format: String?
    public var encode: String?
    public var encodeOptions: [OptionAssignment] = []
    /// CREATE TABLE ... AS
    public var query: QuerySyntax?
    /// WITH NO DATA
    public var isWithoutData = false
    /// Behind the first column without a type, which only AS allows.
    var bareColumn: Range<Int>?
    public var place: Range<Int>

    public init(_ name: Name, _ place: Range<Int>) {
        self.name = name
        self.place = place
    }

    public enum Element: Sendable {
        /// `*`: the columns that the data have
        case star
        case column(ColumnDefinition)
        case watermark(WatermarkSyntax)
        case primaryKey([Name])
        case unique([Name], name: Name?)
        case check(SyntaxExpression, name: Name?)
        /// LIKE table INCLUDING words, in upper case
        case like(Name, including: Set<String>)
    }

    /// INCLUDE KEY AS k
    public struct Include: Sendable {
        /// KEY, OFFSET, PARTITION, TIMESTAMP, HEADERS
        public var what: String
        public var alias: Name?

        public init(_ what: String, alias: Name?) {
            self.what = what
            self.alias = alias
        }
    }
}

public struct ColumnDefinition: Sendable {
    public var name: Name
    public var type: TypeName?
    public var isNotNull = false
    public var isPrimaryKey = false
    /// AS (expression), GENERATED ALWAYS AS
    public var generated: SyntaxExpression?
    public var defaultValue: SyntaxExpression?
    /// DEFAULT's or the generation's expression as written.
    public var expressionText: String?
    /// METADATA FROM 'x'
    public var metadata: String?
    public var identity: Identity?
    /// The sequence that belongs to it, which its DEFAULT names.
    public var ownedSequence: String?
    /// Where the type is another relation's, not written.
    public var resolvedType: DataType?

    /// GENERATED ALWAYS | BY DEFAULT AS IDENTITY
    public struct Identity: Sendable {
        public var isAlways: Bool
        public var sequence: SequenceSyntax
    }

    public init(_ name: Name) { self.name = name }
}

public struct ViewDefinition: Sendable {
    public var name: Name
    public var columns: [Name] = []
    public var orReplace = false
    public var ifNotExists = false
    public var isTemporary = false
    /// MATERIALIZED VIEW: in a session it is a view, which no query finds out of date.
    public var isMaterialized = false
    /// WITH CHECK OPTION: rows that are put in must be seen through the view.
    public var checkOption: CheckOption?
    public var query: QuerySyntax
    /// The bytes of the query in the script.
    public var queryPlace: Range<Int>
    public var queryText = ""

    public init(_ name: Name, _ query: QuerySyntax, _ queryPlace: Range<Int>) {
        self.name = name
        self.query = query
        self.queryPlace = queryPlace
    }

    /// Of the view alone, or of those below it, too.
    public enum CheckOption: Sendable { case local, cascaded }
}

/// ON CONFLICT [(columns) | ON CONSTRAINT name] DO NOTHING | DO UPDATE SET ... [WHERE ...]
public struct ConflictSyntax: Sendable {
    public var columns: [Name] = []
    public var constraint: Name?
    /// None: DO NOTHING.
    public var assignments: [(Name, SyntaxExpression)] = []
    public var filter: SyntaxExpression?
    public var place: Range<Int>

    public init(_ place: Range<Int>) { self.place = place }
}

public struct InsertSyntax: Sendable {
    /// WITH before the statement, which the query has too.
    public var with = WithSyntax()
    public var table: Name
    public var alias: Name?
    public var columns: [Name] = []
    /// nil: DEFAULT VALUES. DEFAULT inside VALUES is `.keywordValue("DEFAULT")`.
    public var query: QuerySyntax?
    public var conflict: ConflictSyntax?
    /// OVERRIDING SYSTEM | USER VALUE
    public var overriding: Overriding?
    public var returning: [SelectItem] = []
    public var place: Range<Int>

    public enum Overriding: Sendable { case system, user }

    public init(_ table: Name, _ place: Range<Int>) {
        self.table = table
        self.place = place
    }
}

/// WITH before a change.
public struct WithSyntax: Sendable {
    public var tables: [CommonTable] = []
    public var isRecursive = false

    public init() {}
}

public struct UpdateSyntax: Sendable {
    public var with = WithSyntax()
    public var table: Name
    public var alias: Name?
    public var assignments: [(Name, SyntaxExpression)] = []
    public var from: [FromItem] = []
    public var filter: SyntaxExpression?
    public var returning: [SelectItem] = []
    public var place: Range<Int>

    public init(_ table: Name, _ place: Range<Int>) {
        self.table = table
        self.place = place
    }
}

public struct DeleteSyntax: Sendable {
    public var with = WithSyntax()
    public var table: Name
    public var alias: Name?
    public var using: [FromItem] = []
    public var filter: SyntaxExpression?
    public var returning: [SelectItem] = []
    public var place: Range<Int>

    public init(_ table: Name, _ place: Range<Int>) {
        self.table = table
        self.place = place
    }

    /// What a bare `DELETE FROM name` means where the name is a topic's and no table's; nil if
    /// the statement says more.
    public var recordDeletion: RecordDeletion? {
        let isBare = alias == nil && using.isEmpty && filter == nil && returning.isEmpty
        return isBare ? RecordDeletion(topic: table) : nil
    }
}

public struct CopySyntax: Sendable {
    /// `COPY name` is `SELECT * FROM name`.
    public var query: QuerySyntax
    /// nil: STDOUT
    public var file: String?
    public var options: [OptionAssignment] = []
    public var place: Range<Int>

    public init(_ query: QuerySyntax, file: String?, _ place: Range<Int>) {
        self.query = query
        self.file = file
        self.place = place
    }
}

public struct ExplainSyntax: Sendable {
    public var isAnalyze = false
    /// The columns of each operation.
    public var isVerbose = false
    /// COSTS: what is known of the rows that leave each operation.
    public var showsFacts = true
    /// TIMING, with ANALYZE.
    public var showsTimes = true
    /// SUMMARY, with ANALYZE.
    public var showsSummary = true
    /// In lower case.
    public var format = "text"
    public var statement: Statement

    public init(_ statement: Statement) { self.statement = statement }
}

/// SET name = value, RESET name, SHOW name. A value as the text that was written.
public struct SettingSyntax: Sendable {
    public var name: Name
    /// nil: DEFAULT
    public var value: String?
    /// SET LOCAL: until the transaction ends.
    public var isLocal = false
    /// SET, not SHOW.
    public var isAssignment = false
    public var tag = "SET"
    public var place: Range<Int>

    public init(_ name: Name, value: String?, _ place: Range<Int>) {
        self.name = name
        self.value = value
        self.place = place
    }
}
