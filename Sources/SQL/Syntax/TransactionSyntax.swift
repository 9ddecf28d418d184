/// BEGIN and what ends it.
public enum TransactionStatement: Sendable, Equatable {
    /// With `isStart` it was written as START TRANSACTION.
    case begin(TransactionModes, isStart: Bool)
    case commit(chains: Bool)
    case rollback(chains: Bool)
    case savepoint(Name)
    case release(Name)
    case rollbackTo(Name)
    /// SET TRANSACTION
    case setModes(TransactionModes)

    public var tag: String {
        switch self {
        case .begin(_, let isStart): isStart ? "START TRANSACTION" : "BEGIN"
        case .commit: "COMMIT"
        case .rollback, .rollbackTo: "ROLLBACK"
        case .savepoint: "SAVEPOINT"
        case .release: "RELEASE"
        case .setModes: "SET"
        }
    }
}

/// What nobody said is nil.
public struct TransactionModes: Sendable, Equatable {
    public var isReadOnly: Bool?
    /// In lower case, such as "repeatable read".
    public var isolation: String?

    public init() {}
}

/// PREPARE name [(types)] AS statement
public struct PrepareSyntax: Sendable {
    public var name: Name
    public var types: [TypeName]
    public var statement: Statement
    /// The highest `$n` in it.
    public var parameterMax: Int
}

/// EXECUTE name [(values)]
public struct ExecuteSyntax: Sendable {
    public var name: Name
    public var arguments: [SyntaxExpression]
}

/// MERGE INTO t USING source ON condition WHEN ...
public struct MergeSyntax: Sendable {
    public var with = WithSyntax()
    public var table: Name
    public var alias: Name?
    public var source: RelationSyntax
    public var condition: SyntaxExpression
    public var clauses: [Clause] = []
    public var place: Range<Int>

    public struct Clause: Sendable {
        public var isMatched: Bool
        /// WHEN MATCHED AND condition
        public var condition: SyntaxExpression?
        public var action: Action
        public var place: Range<Int>
    }

    public enum Action: Sendable {
        case nothing
        case delete
        case update([(Name, SyntaxExpression)])
        /// No values: DEFAULT VALUES.
        case insert([Name], [SyntaxExpression])
    }
}

/// CREATE SEQUENCE and ALTER SEQUENCE: what is not said is nil.
public struct SequenceSyntax: Sendable {
    public var name: Name
    public var ifNotExists = false
    public var type: TypeName?
    public var start: Int64?
    public var increment: Int64?
    /// `.some(nil)`: NO MINVALUE.
    public var minimum: Int64??
    public var maximum: Int64??
    public var cycles: Bool?
    /// RESTART [WITH n]
    public var restart: Int64??
    public var place: Range<Int>

    public init(_ name: Name, _ place: Range<Int>) {
        self.name = name
        self.place = place
    }
}

/// ALTER TABLE, and ALTER VIEW ... RENAME TO.
public struct AlterTableSyntax: Sendable {
    /// TABLE, VIEW or SEQUENCE
    public var kind: String
    public var name: Name
    public var ifExists = false
    public var actions: [Action] = []
    public var place: Range<Int>

    public init(_ kind: String, _ name: Name, _ place: Range<Int>) {
        self.kind = kind
        self.name = name
        self.place = place
    }

    public enum Action: Sendable {
        case renameTo(Name)
        case renameColumn(Name, to: Name)
        case renameConstraint(Name, to: Name)
        /// The column, and the constraints written with it.
        case addColumn([TableDefinition.Element], ifNotExists: Bool)
        case dropColumn(Name, ifExists: Bool, cascades: Bool)
        case setType(Name, TypeName, using: SyntaxExpression?)
        /// nil: DROP DEFAULT
        case setDefault(Name, SyntaxExpression?)
        case setNotNull(Name, Bool)
        case addConstraint(TableDefinition.Element, name: Name?)
        case dropConstraint(Name, ifExists: Bool)
    }
}

/// COPY t [(columns)] FROM 'file' | STDIN
public struct CopyFromSyntax: Sendable {
    public var table: Name
    public var columns: [Name]
    /// nil: STDIN
    public var file: String?
    /// What follows the statement in the script up to a line `\.`; nil: standard input.
    public var data: [UInt8]?
    public var options: [OptionAssignment] = []
    /// WHERE, over the columns of the table.
    public var filter: SyntaxExpression?
    public var place: Range<Int>
}
