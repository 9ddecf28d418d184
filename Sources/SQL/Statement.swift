/// A name as written. Without quotes it means the exact spelling, else the only one that differs
/// in nothing but case.
public struct Name: Sendable, Equatable {
    public let text: String
    public let isQuoted: Bool
    public let place: Range<Int>

    public init(_ text: String, isQuoted: Bool, _ place: Range<Int>) {
        self.text = text
        self.isQuoted = isQuoted
        self.place = place
    }
}

/// A number as written, checked to be a bigint.
public struct IntegerLiteral: Sendable, Equatable {
    public let value: Int64
    public let place: Range<Int>
}

/// `name = value` in parentheses; the value as the text that Kafka takes.
public struct OptionAssignment: Sendable, Equatable {
    public let name: Name
    public let value: String
    public let valuePlace: Range<Int>
}

/// A statement, as its text says it; names are not looked up yet.
public enum Statement: Sendable {
    case administration(AdministrationStatement)
    case query(QuerySyntax)
    indirect case explain(ExplainSyntax)
    case createTable(TableDefinition)
    case createView(ViewDefinition)
    /// TABLE, SOURCE, VIEW, MATERIALIZED VIEW, SEQUENCE or SCHEMA, by `kind`.
    case dropRelations(kind: String, [Name], ifExists: Bool, cascades: Bool)
    case createSchema(Name, ifNotExists: Bool)
    /// REFRESH MATERIALIZED VIEW
    case refresh(Name)
    /// FLUSH, which waits until changes can be seen: here they can at once.
    case flush
    /// ANALYZE, CHECKPOINT or VACUUM, by the word, of tables or of all.
    case maintenance(String, [Name])
    case alterTable(AlterTableSyntax)
    case createSequence(SequenceSyntax)
    case createType(TypeDefinition)
    case alterSequence(SequenceSyntax)
    case insert(InsertSyntax)
    case update(UpdateSyntax)
    case delete(DeleteSyntax)
    case merge(MergeSyntax)
    /// With `restartsIdentity` sequences of identity columns begin anew.
    case truncate([Name], restartsIdentity: Bool)
    case copyFrom(CopyFromSyntax)
    case transaction(TransactionStatement)
    indirect case prepare(PrepareSyntax)
    case execute(ExecuteSyntax)
    /// nil: all.
    case deallocate(Name?)
    case copy(CopySyntax)
    case set(SettingSyntax)
    case show(SettingSyntax)
    /// SHOW TABLES, SHOW VIEWS, by the word in upper case.
    case showRelations(String)
    /// DESCRIBE of a file, a function or a query; of a name it is administration's.
    case describe(RelationSyntax)

    /// What PostgreSQL calls the command tag.
    public var tag: String {
        switch self {
        case .administration(let statement): statement.tag
        case .query: "SELECT"
        case .explain: "EXPLAIN"
        case .createTable(let table): table.isSource ? "CREATE SOURCE" : "CREATE TABLE"
        case .createView(let view):
            view.isMaterialized ? "CREATE MATERIALIZED VIEW" : "CREATE VIEW"
        case .createSchema: "CREATE SCHEMA"
        case .refresh: "REFRESH MATERIALIZED VIEW"
        case .flush: "FLUSH"
        case .maintenance(let word, _): word
        case .dropRelations(let kind, _, _, _): "DROP \(kind)"
        case .alterTable(let alter): "ALTER \(alter.kind)"
        case .createSequence: "CREATE SEQUENCE"
        case .createType(let definition):
            if case .domain = definition.kind { "CREATE DOMAIN" } else { "CREATE TYPE" }
        case .alterSequence: "ALTER SEQUENCE"
        case .insert: "INSERT"
        case .update: "UPDATE"
        case .delete: "DELETE"
        case .truncate: "TRUNCATE TABLE"
        case .merge: "MERGE"
        case .copy, .copyFrom: "COPY"
        case .transaction(let statement): statement.tag
        case .prepare: "PREPARE"
        case .execute: "EXECUTE"
        case .deallocate(let name): name == nil ? "DEALLOCATE ALL" : "DEALLOCATE"
        case .set: "SET"
        case .show, .showRelations: "SHOW"
        case .describe: "DESCRIBE"
        }
    }
}

/// A statement on the topics and groups of a cluster. `DESCRIBE name` is a relation of the session
/// first, a topic else.
public enum AdministrationStatement: Sendable, Equatable {
    /// With `all` those that the cluster keeps for itself too.
    case showTopics(all: Bool)
    case showGroups
    case showConfigs(ConfigOwner)
    case describeTopic(Name)
    case describeGroup(Name)
    case createTopic(Name, ifNotExists: Bool, [OptionAssignment])
    case alterTopic(Name, ifExists: Bool, TopicChange)
    case dropTopics([Name], ifExists: Bool)
    case dropGroups([Name], ifExists: Bool)
    case resetOffsets(GroupOffsetReset)
    /// DELETE FROM a topic by `_offset` and `_partition`, which moves the start of its log. The
    /// same text may mean a table of the session, so the parser gives it only where every column of
    /// its WHERE is one of these two, and the session decides.
    case deleteRecords(RecordDeletion)

    public var tag: String {
        switch self {
        case .showTopics, .showGroups, .showConfigs: "SHOW"
        case .describeTopic, .describeGroup: "DESCRIBE"
        case .createTopic: "CREATE TOPIC"
        case .alterTopic: "ALTER TOPIC"
        case .dropTopics: "DROP TOPIC"
        case .dropGroups: "DROP GROUP"
        case .resetOffsets: "ALTER GROUP"
        case .deleteRecords: "DELETE"
        }
    }
}

/// Whose configs are meant.
public enum ConfigOwner: Sendable, Equatable {
    case topic(Name)
    /// nil: any one broker.
    case broker(IntegerLiteral?)
}

/// What ALTER TOPIC does.
public enum TopicChange: Sendable, Equatable {
    case set([OptionAssignment])
    case reset([Name])
    case addPartitions(IntegerLiteral)
}

/// ALTER GROUP ... RESET OFFSETS.
public struct GroupOffsetReset: Sendable, Equatable {
    public enum Target: Sendable, Equatable {
        case earliest
        case latest
        /// The text of the time, as written.
        case timestamp(String, Range<Int>)
        case offset(IntegerLiteral)
    }

    public var group: Name
    public var target: Target
    /// nil: all topics that the group has offsets for.
    public var topic: Name?
    /// nil: all.
    public var partition: IntegerLiteral?
}

/// DELETE FROM a topic: its records below an offset, in one partition or in all.
public struct RecordDeletion: Sendable, Equatable {
    public var topic: Name
    public var partition: IntegerLiteral?
    /// The first that stays; nil: none stays.
    public var before: IntegerLiteral?
}
