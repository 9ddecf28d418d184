/// An expression as its text says it: names are not looked up, operators not resolved.
public struct SyntaxExpression: Sendable {
    public var node: Node
    /// The bytes of the script it came from; for an operator those of the operator.
    public var place: Range<Int>

    public init(_ node: Node, _ place: Range<Int>) {
        self.node = node
        self.place = place
    }

    public indirect enum Node: Sendable {
        case null
        case boolean(Bool)
        /// Digits of any length.
        case integer(String)
        /// With a fraction or an exponent: numeric.
        case decimal(String)
        case string(String)
        case bits(String)
        case hexBits(String)
        /// `INTERVAL '10' SECOND`: `fields` as written, in upper case ("SECOND", "DAY TO HOUR").
        case interval(String, fields: String?)
        /// `a`, `a.b`, `a.b.c`: a column, or a member of one.
        case name([Name])
        /// `*`, `a.*`, with EXCLUDE and REPLACE; in a select list and as count(*).
        case star(Star)
        /// `$1`
        case parameter(Int)
        /// `:name`, given by --param
        case namedParameter(String)
        /// A symbol operator, or a word one in upper case (LIKE, ILIKE, "SIMILAR TO", AND ... are
        /// nodes of their own where they are).
        case unary(String, SyntaxExpression)
        case binary(String, SyntaxExpression, SyntaxExpression)
        case and(SyntaxExpression, SyntaxExpression)
        case or(SyntaxExpression, SyntaxExpression)
        case not(SyntaxExpression)
        /// LIKE, ILIKE, SIMILAR TO
        case like(Like)
        /// IS [NOT] NULL / TRUE / FALSE / UNKNOWN (`test` in upper case) and IS JSON.
        case isTest(SyntaxExpression, String, isNegated: Bool)
        case isDistinct(SyntaxExpression, SyntaxExpression, isNegated: Bool)
        case between(
            SyntaxExpression, SyntaxExpression, SyntaxExpression,
            isSymmetric: Bool, isNegated: Bool)
        case inList(SyntaxExpression, [SyntaxExpression], isNegated: Bool)
        case inQuery(SyntaxExpression, QuerySyntax, isNegated: Bool)
        /// `a op ANY (query)`; SOME is ANY.
        case quantifiedQuery(SyntaxExpression, String, isAll: Bool, QuerySyntax)
        /// `a op ANY (array)`
        case quantifiedArray(SyntaxExpression, String, isAll: Bool, SyntaxExpression)
        case exists(QuerySyntax)
        case scalarQuery(QuerySyntax)
        /// One of so many columns of a query of one row: of `(a, b) = (SELECT ...)` in UPDATE.
        case queryColumn(QuerySyntax, Int, of: Int)
        /// What a column becomes by `a[i][j] = value`: the column, the subscripts, the value.
        case assignedPart(SyntaxExpression, [SyntaxExpression], SyntaxExpression)
        case arrayQuery(QuerySyntax)
        /// ARRAY[...], nested ones too
        case array([SyntaxExpression])
        /// ROW(...) or (a, b)
        case row([SyntaxExpression])
        case choice(
            operand: SyntaxExpression?, [(SyntaxExpression, SyntaxExpression)],
            otherwise: SyntaxExpression?)
        /// CAST, `::`, TRY_CAST and `type 'literal'`
        case cast(SyntaxExpression, TypeName, isTry: Bool)
        case call(CallSyntax)
        case subscripted(SyntaxExpression, SyntaxExpression)
        /// `a[low:high]`
        case sliced(SyntaxExpression, SyntaxExpression?, SyntaxExpression?)
        /// `(expression).name`
        case member(SyntaxExpression, Name)
        case collate(SyntaxExpression, Name)
        case atTimeZone(SyntaxExpression, SyntaxExpression)
        /// GROUPING(a, b)
        case grouping([SyntaxExpression])
        /// CURRENT_DATE, CURRENT_TIMESTAMP, LOCALTIME, CURRENT_USER ..., in upper case
        case keywordValue(String, precision: Int?)
    }

    public struct Star: Sendable {
        /// `a.*`; empty for `*`.
        public var qualifier: [Name]
        public var excluded: [Name]
        public var replaced: [SelectItem]
        /// `(x).*`, where x is no name.
        public var operand: SyntaxExpression?

        public init(qualifier: [Name] = [], excluded: [Name] = [], replaced: [SelectItem] = []) {
            self.qualifier = qualifier
            self.excluded = excluded
            self.replaced = replaced
        }
    }

    public struct Like: Sendable {
        public enum Kind: Sendable { case like, ilike, similar }
        public var kind: Kind
        public var operand: SyntaxExpression
        public var pattern: SyntaxExpression
        public var escape: SyntaxExpression?
        public var isNegated: Bool

        public init(
            _ kind: Kind, _ operand: SyntaxExpression, _ pattern: SyntaxExpression,
            escape: SyntaxExpression?, isNegated: Bool
        ) {
            self.kind = kind
            self.operand = operand
            self.pattern = pattern
            self.escape = escape
            self.isNegated = isNegated
        }
    }
}

/// A call of a function. EXTRACT(f FROM x), SUBSTRING(x FROM a FOR b), POSITION(a IN b), OVERLAY,
/// TRIM are calls of `extract`, `substring`, `position`, `overlay`, `btrim`/`ltrim`/`rtrim` with
/// the arguments in the order of the plain function (extract: the field's name as a string first).
public struct CallSyntax: Sendable {
    public var name: Name
    public var arguments: [SyntaxExpression]
    /// `name => value`, in the order written, behind the plain ones.
    public var namedArguments: [(Name, SyntaxExpression)] = []
    public var isDistinct = false
    /// count(*)
    public var isStar = false
    public var isVariadic = false
    public var order: [OrderItem] = []
    /// WITHIN GROUP (ORDER BY ...)
    public var withinGroup: [OrderItem] = []
    public var filter: SyntaxExpression?
    /// IGNORE NULLS
    public var ignoresNulls = false
    public var over: WindowReference?

    public init(_ name: Name, _ arguments: [SyntaxExpression]) {
        self.name = name
        self.arguments = arguments
    }
}

public enum WindowReference: Sendable {
    case named(Name)
    case inline(WindowSyntax)
}

/// What stands in OVER ( ) or WINDOW w AS ( ).
public struct WindowSyntax: Sendable {
    public var base: Name?
    public var partition: [SyntaxExpression] = []
    public var order: [OrderItem] = []
    public var frame: FrameSyntax?
    public var place: Range<Int>

    public init(_ place: Range<Int>) { self.place = place }
}

public struct FrameSyntax: Sendable {
    public enum Unit: Sendable { case rows, range, groups }
    public enum Bound: Sendable {
        case unboundedPreceding
        case preceding(SyntaxExpression)
        case currentRow
        case following(SyntaxExpression)
        case unboundedFollowing
    }
    public enum Exclusion: Sendable { case none, currentRow, group, ties }

    public var unit: Unit
    public var start: Bound
    public var end: Bound
    public var exclusion: Exclusion
    public var place: Range<Int>

    public init(
        _ unit: Unit, _ start: Bound, _ end: Bound, exclusion: Exclusion, _ place: Range<Int>
    ) {
        self.unit = unit
        self.start = start
        self.end = end
        self.exclusion = exclusion
        self.place = place
    }
}

public struct OrderItem: Sendable {
    public var expression: SyntaxExpression
    public var isDescending: Bool
    /// nil: not said.
    public var nullsFirst: Bool?
    /// ORDER BY ALL
    public var isAll = false

    public init(_ expression: SyntaxExpression, isDescending: Bool, nullsFirst: Bool?) {
        self.expression = expression
        self.isDescending = isDescending
        self.nullsFirst = nullsFirst
    }
}

/// A type as written: `numeric(10, 2)`, `timestamp(3) with time zone`, `text[]`,
/// `STRUCT(a bigint, b text)`. The name in lower case, its words by one space ("double precision",
/// "timestamp with time zone").
public struct TypeName: Sendable {
    public var name: String
    public var modifiers: [Int]
    /// Levels of [].
    public var arrayDepth: Int
    /// Of a struct or row type.
    public var members: [(Name, TypeName)]
    public var place: Range<Int>

    public init(
        _ name: String, modifiers: [Int] = [], arrayDepth: Int = 0,
        members: [(Name, TypeName)] = [], _ place: Range<Int>
    ) {
        self.name = name
        self.modifiers = modifiers
        self.arrayDepth = arrayDepth
        self.members = members
        self.place = place
    }
}
