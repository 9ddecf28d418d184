/// A query as its text says it: WITH, a body, ORDER BY, LIMIT, EMIT.
public struct QuerySyntax: Sendable {
    public var with: [CommonTable] = []
    public var isRecursive = false
    public var body: Body
    public var order: [OrderItem] = []
    /// nil: none, or LIMIT ALL.
    public var limit: SyntaxExpression?
    public var offset: SyntaxExpression?
    public var withTies = false
    public var emit: EmitSyntax?
    /// FOR UPDATE and the like, from the word FOR on.
    public var locks: [LockSyntax] = []
    public var place: Range<Int>

    public init(_ body: Body, _ place: Range<Int>) {
        self.body = body
        self.place = place
    }

    /// With the WITH of a change.
    public init(_ body: Body, _ with: WithSyntax, _ place: Range<Int>) {
        self.init(body, place)
        (self.with, isRecursive) = (with.tables, with.isRecursive)
    }

    public indirect enum Body: Sendable {
        case select(SelectSyntax)
        case values([[SyntaxExpression]], Range<Int>)
        /// TABLE name
        case table(Name)
        case set(SetSyntax)
        /// In parentheses, with clauses of its own.
        case query(QuerySyntax)
    }

    public struct SetSyntax: Sendable {
        public enum Kind: Sendable { case union, intersect, except }
        public var kind: Kind
        public var all: Bool
        public var left: Body
        public var right: Body
        /// Of the word UNION, INTERSECT or EXCEPT.
        public var place: Range<Int>

        public init(_ kind: Kind, all: Bool, _ left: Body, _ right: Body, _ place: Range<Int>) {
            self.kind = kind
            self.all = all
            self.left = left
            self.right = right
            self.place = place
        }
    }
}

/// FOR UPDATE, FOR NO KEY UPDATE, FOR SHARE or FOR KEY SHARE.
public struct LockSyntax: Sendable {
    /// Without FOR.
    public var strength: String
    /// OF: relations of FROM; none: all.
    public var relations: [Name] = []
    public var place: Range<Int>
}

public struct CommonTable: Sendable {
    public var name: Name
    public var columns: [Name]
    /// AS [NOT] MATERIALIZED
    public var isMaterialized: Bool?
    public var query: QuerySyntax
    /// Instead of the query, which then is empty: the rows are what it returns.
    public var change: Change?

    public enum Change: Sendable {
        case insert(InsertSyntax)
        case update(UpdateSyntax)
        case delete(DeleteSyntax)
    }

    public init(_ name: Name, columns: [Name], isMaterialized: Bool?, _ query: QuerySyntax) {
        self.name = name
        self.columns = columns
        self.isMaterialized = isMaterialized
        self.query = query
    }
}

public struct SelectSyntax: Sendable {
    public enum Distinct: Sendable {
        case all
        case distinct
        case on([SyntaxExpression])
    }

    public var distinct = Distinct.all
    public var items: [SelectItem] = []
    public var role = Role.query
    /// SELECT ... INTO: the table that the rows make.
    public var into: Into?
    public var from: [FromItem] = []
    public var filter: SyntaxExpression?
    public var group: GroupSyntax?
    public var having: SyntaxExpression?
    /// WINDOW name AS (...)
    public var windows: [(Name, WindowSyntax)] = []
    public var qualify: SyntaxExpression?
    public var place: Range<Int>

    public init(_ place: Range<Int>) { self.place = place }

    /// What its items are: those of a query, of RETURNING, or the columns that SET makes.
    public enum Role: Sendable { case query, returning, update }

    public struct Into: Sendable {
        public var table: Name
        public var isTemporary: Bool
    }
}

public struct SelectItem: Sendable {
    public var expression: SyntaxExpression
    public var alias: Name?

    public init(_ expression: SyntaxExpression, alias: Name?) {
        self.expression = expression
        self.alias = alias
    }
}

public struct GroupSyntax: Sendable {
    public indirect enum Element: Sendable {
        case expression(SyntaxExpression)
        /// ()
        case empty
        case rollup([[SyntaxExpression]])
        case cube([[SyntaxExpression]])
        case sets([Element])
        /// (a, b) inside GROUPING SETS or as one element
        case list([SyntaxExpression])
    }

    public var elements: [Element]
    /// GROUP BY ALL
    public var isAll: Bool
    /// GROUP BY DISTINCT
    public var isDistinct: Bool
    public var place: Range<Int>

    public init(
        _ elements: [Element], isAll: Bool = false, isDistinct: Bool = false, _ place: Range<Int>
    ) {
        self.elements = elements
        self.isAll = isAll
        self.isDistinct = isDistinct
        self.place = place
    }
}

public indirect enum FromItem: Sendable {
    case relation(RelationSyntax)
    case join(JoinSyntax)
}

/// Something in FROM with its alias.
public struct RelationSyntax: Sendable {
    public indirect enum Kind: Sendable {
        /// A table, view, topic, CTE or stdin: dots joined by the parts' names.
        case name([Name])
        /// `'file.json'`, `'kafka://...'`, `'-'`
        case literal(String)
        /// One function, or several side by side (ROWS FROM).
        case functions([CallSyntax], withOrdinality: Bool)
        case window(WindowTableSyntax)
        case query(QuerySyntax)
        /// MATCH_RECOGNIZE is recognised, and refused until patterns exist.
        case nested(FromItem)
    }

    public var kind: Kind
    public var isLateral = false
    public var stream: StreamModifiers?
    /// FOR SYSTEM_TIME AS OF expression
    public var asOf: SyntaxExpression?
    public var alias: Name?
    public var columnAliases: [Name] = []
    /// Functions with `AS (a int, b text)`.
    public var columnDefinitions: [(Name, TypeName)] = []
    /// TABLESAMPLE: recognised and refused.
    public var place: Range<Int>

    public init(_ kind: Kind, _ place: Range<Int>) {
        self.kind = kind
        self.place = place
    }
}

/// STREAM [BOUNDED] and WATERMARK FOR behind a relation.
public struct StreamModifiers: Sendable {
    public var isStream = false
    public var isBounded = false
    public var watermark: WatermarkSyntax?
    public var place: Range<Int>

    public init(_ place: Range<Int>) { self.place = place }
}

/// WATERMARK FOR column [AS expression] [IDLE TIMEOUT interval]
public struct WatermarkSyntax: Sendable {
    public var column: Name
    public var expression: SyntaxExpression?
    public var idle: SyntaxExpression?

    public init(_ column: Name, expression: SyntaxExpression?, idle: SyntaxExpression?) {
        self.column = column
        self.expression = expression
        self.idle = idle
    }
}

/// TUMBLE, HOP, CUMULATE, SESSION in FROM.
public struct WindowTableSyntax: Sendable {
    public enum Kind: String, Sendable { case tumble, hop, cumulate, session }
    public enum Time: Sendable {
        case column([Name])
        /// PROCTIME()
        case processing
    }

    public var kind: Kind
    public var data: RelationSyntax
    /// PARTITION BY of a session.
    public var partition: [[Name]]
    public var time: Time
    /// As written: size; slide, size; step, size; gap; then the offset, if there is one.
    public var spans: [SyntaxExpression]
    public var place: Range<Int>

    public init(
        _ kind: Kind, _ data: RelationSyntax, partition: [[Name]], time: Time,
        spans: [SyntaxExpression], _ place: Range<Int>
    ) {
        self.kind = kind
        self.data = data
        self.partition = partition
        self.time = time
        self.spans = spans
        self.place = place
    }
}

public struct JoinSyntax: Sendable {
    public enum Kind: Sendable { case inner, left, right, full, cross, asof, asofLeft }
    public enum Condition: Sendable {
        case none
        case on(SyntaxExpression)
        case using([Name], alias: Name?)
        case natural
    }

    public var kind: Kind
    public var left: FromItem
    public var right: FromItem
    public var condition: Condition
    /// MATCH_CONDITION (...)
    public var match: SyntaxExpression?
    public var place: Range<Int>

    public init(
        _ kind: Kind, _ left: FromItem, _ right: FromItem, _ condition: Condition,
        match: SyntaxExpression? = nil, _ place: Range<Int>
    ) {
        self.kind = kind
        self.left = left
        self.right = right
        self.condition = condition
        self.match = match
        self.place = place
    }
}

/// EMIT: when rows leave.
public struct EmitSyntax: Sendable {
    public enum Kind: Sendable {
        case changes
        case onWindowClose(delay: SyntaxExpression?, timeout: SyntaxExpression?)
        case final
        case periodic(SyntaxExpression)
        case onUpdate(batch: SyntaxExpression?)
    }
    public enum Late: Sendable {
        case drop
        /// UPDATE [FOR interval]
        case update(SyntaxExpression?)
        case to(Name)
    }

    public var kind: Kind
    public var late: Late?
    public var place: Range<Int>

    public init(_ kind: Kind, late: Late?, _ place: Range<Int>) {
        self.kind = kind
        self.late = late
        self.place = place
    }
}
