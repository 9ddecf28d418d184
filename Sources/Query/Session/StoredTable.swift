import Aggregation
import Bytes
import Formats
import SQL

/// A table that lives as long as the session: CREATE TABLE, and what INSERT, UPDATE and DELETE made
/// of it. Used by the session's thread only; a query that reads it sees the rows of its start.
public final class StoredTable: SourceRelation, @unchecked Sendable {
    public let name: String
    public let columns: [RelationColumn]
    public let definition: TableDefinitionFacts
    public private(set) var batches: [Batch] = []

    /// UNIQUE (columns).
    public struct Unique: Sendable {
        public var name: String
        public var columns: [Int]
    }

    /// CHECK (condition), which false breaks and null does not.
    public struct Check: Sendable {
        public var name: String
        public var condition: Expression
    }

    /// What beside names and types is declared of the columns.
    public struct TableDefinitionFacts: Sendable {
        public var notNull: Set<Int> = []
        public var key: [Int]?
        /// Of the primary key's constraint; nil: after the table's.
        public var keyName: String?
        /// UNIQUE, where nulls are no values.
        public var uniques: [Unique] = []
        /// CHECK, by name.
        public var checks: [Check] = []
        public var time: TimeDeclaration?
        /// Of columns that are of one.
        public var domains: [Int: Domain] = [:]
        /// DEFAULT of columns that have one.
        public var defaults: [Int: SyntaxExpression] = [:]
        /// Generated columns, over all columns of the table.
        var generated: [Int: Expression] = [:]
        /// The statement that would make the table as it is now.
        var syntax: TableDefinition?
        /// Digits of the second of timestamp(3) and the like.
        public var digits: [Int: Int] = [:]

        public init() {}
    }

    public init(_ name: String, _ columns: [RelationColumn], _ facts: TableDefinitionFacts) {
        self.name = name
        self.columns = columns
        definition = facts
    }

    public var identity: String {
        let rows = SHA256.digest(of: Array(PlanText(batches).text.utf8))
        return "table \(name) \(rows)"
    }

    public var time: TimeDeclaration? { definition.time }
    public var isEndless: Bool { false }
    public var isAppendOnly: Bool { true }
    public var key: [Int]? { definition.key }
    public var isInMemory: Bool { true }
    public var estimatedRows: Int? { batches.reduce(0) { $0 + $1.count } }

    /// Sequences of serial and identity columns.
    var ownedSequences: [String] {
        columnDefinitions.compactMap(\.ownedSequence)
    }

    /// The columns as they would be written.
    var columnDefinitions: [ColumnDefinition] {
        (definition.syntax?.elements ?? []).compactMap { element in
            if case .column(let column) = element { return column }
            return nil
        }
    }

    public func append(_ more: [Batch]) { batches += more }
    public func replace(_ all: [Batch]) { batches = all }

    /// Runs what still sees the rows from before a change: subqueries of RETURNING. If it fails,
    /// the statement has changed nothing.
    func seen(
        as before: [Batch], _ body: () throws(SQLError) -> Void
    ) throws(SQLError) {
        let after = batches
        batches = before
        try body()
        batches = after
    }

    public func open(_ scan: ScanPlan, context: SourceContext) throws(SQLError) -> any Source {
        StoredBatches(
            batches.map { batch in
                batch.replacing(scan.columns.map { batch.columns[$0.index].member($0.path) })
            })
    }
}

/// Batches in memory as a source.
public final class StoredBatches: Source {
    private var rest: ArraySlice<Batch>
    /// Batches that were handed out.
    private var taken = 0

    public init(_ batches: [Batch]) { rest = batches[...] }

    public func next() throws(SQLError) -> SourceEvent {
        guard let batch = rest.popFirst() else { return .end }
        taken += 1
        return .batch(batch, partition: 0)
    }

    public func close() { rest = [] }

    public let isResumable = true

    public var position: [UInt8]? {
        var state = OutputBuffer(capacity: 8)
        state.append(bigEndian: Int64(taken))
        return unsafe state.bytes.withUnsafeBytes { unsafe Array($0) }
    }

    public func resume(at position: [UInt8]) throws(SQLError) {
        var reader = StateReader(position)
        taken = Int(try reader.integer(Int64.self))
        rest = rest.dropFirst(taken)
    }
}

extension StoredSequence {
    /// SELECT * FROM a sequence.
    var relation: StoredTable {
        let columns = [
            RelationColumn("last_value", .bigint), RelationColumn("log_cnt", .bigint),
            RelationColumn("is_called", .boolean),
        ]
        let table = StoredTable(name, columns, .init())
        let row: [Value] = [.integer(value), .integer(0), .boolean(isCalled)]
        let made = zip(columns, row).map { Column.make($0.type, [$1]) }
        table.append([Batch(made, count: 1)])
        return table
    }
}
