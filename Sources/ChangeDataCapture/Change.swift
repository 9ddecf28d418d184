import Bytes
import Formats

/// A position in PostgreSQL's write-ahead log, printed as `16/B374D848`.
public struct LogSequenceNumber: Comparable, Hashable, Sendable, CustomStringConvertible {
    public let value: UInt64

    public init(_ value: UInt64) { self.value = value }

    public static func < (left: Self, right: Self) -> Bool { left.value < right.value }

    public var description: String {
        String(value >> 32, radix: 16, uppercase: true) + "/"
            + String(value & 0xFFFF_FFFF, radix: 16, uppercase: true)
    }
}

/// The transaction that a change belongs to. Snapshot rows have one too: its `commit` and `end` are
/// the slot's consistent point.
public struct SourceTransaction: Sendable {
    public let xid: UInt32
    /// Where the commit record begins (pgoutput's finalLsn or commitLsn).
    public let commit: LogSequenceNumber
    /// Where the commit record ends: what is stored and acknowledged. It is known at the commit
    /// only: before, in `begin` and with the changes, it is the same as `commit`, which tells a
    /// change that was sent before from a new one (records do not overlap) and is what encoders
    /// print.
    public let end: LogSequenceNumber
    /// Microseconds since 1970.
    public let time: Int64

    public init(xid: UInt32, commit: LogSequenceNumber, end: LogSequenceNumber, time: Int64) {
        self.xid = xid
        self.commit = commit
        self.end = end
        self.time = time
    }
}

extension SourceTransaction {
    /// A message outside of transactions has no time of its own: that at which it was met.
    func time(orNow now: Int64) -> Int64 { xid == 0 && time == 0 ? now : time }
}

/// Where in a snapshot a row stands, as Debezium's `source.snapshot` tells it.
public enum SnapshotMark: Sendable {
    case none, first, middle, last
    /// Of a backfill.
    case incremental
}

/// One change of one row, or one event of the stream, whose tuples are ranges of the message's
/// bytes. It is valid only while an encoder is called with it.
///
/// A tuple is pgoutput's TupleData as it came: a big-endian UInt16 count of columns, then for each
/// 'n' (null), 'u' (an unchanged TOASTed value), or 't' with a UInt32 length and text. Rows of a
/// snapshot (COPY's text) are brought into the same form, so that both give the same bytes. A tuple
/// has been checked before: it lies in the message and has as many columns as its table.
public struct Change: Sendable {
    public enum Kind: Sendable {
        /// A row that the snapshot read (`r`).
        case read
        case insert
        case update
        case delete
        case truncate
        /// `pg_logical_emit_message`; `table` is nil, see `message`.
        case message
    }

    public var kind: Kind
    /// nil for a logical message.
    public var table: CapturedTable?
    /// The old row ('O', REPLICA IDENTITY FULL) or the old key ('K': columns that are no part of
    /// the identity are null then).
    public var before: Range<Int>?
    public var beforeIsKey: Bool
    /// The new row.
    public var after: Range<Int>?
    /// A logical message's prefix and content, as ranges of the message's bytes.
    public var message: (prefix: Range<Int>, content: Range<Int>)?
    /// The change's own position: many changes may share one.
    public var position: LogSequenceNumber
    public var transaction: SourceTransaction
    /// Place in the transaction, from 1; and among the changes of its table there, from 1.
    public var order: Int
    public var tableOrder: Int
    public var snapshot: SnapshotMark
    /// Of a truncate: the next change is a table of the same statement; it restarts sequences.
    public var truncatesMore = false
    public var restartsIdentity = false

    public init(
        kind: Kind, table: CapturedTable?, before: Range<Int>? = nil, beforeIsKey: Bool = false,
        after: Range<Int>? = nil, message: (prefix: Range<Int>, content: Range<Int>)? = nil,
        position: LogSequenceNumber, transaction: SourceTransaction, order: Int = 1,
        tableOrder: Int = 1, snapshot: SnapshotMark = .none
    ) {
        self.kind = kind
        self.table = table
        self.before = before
        self.beforeIsKey = beforeIsKey
        self.after = after
        self.message = message
        self.position = position
        self.transaction = transaction
        self.order = order
        self.tableOrder = tableOrder
        self.snapshot = snapshot
    }
}

extension Change {
    /// The tables are emptied, as one statement does it: a new snapshot follows what an output has
    /// of an older one.
    public static func truncates(
        of tables: [CapturedTable], at position: LogSequenceNumber
    ) -> [Change] {
        let transaction = SourceTransaction(xid: 0, commit: position, end: position, time: 0)
        return tables.enumerated().map { index, table in
            var change = Change(
                kind: .truncate, table: table, position: position, transaction: transaction,
                order: index + 1)
            change.truncatesMore = index < tables.count - 1
            return change
        }
    }
}

/// What turns changes into bytes: one implementation for each `--format`.
///
/// It is called on one thread, in the order of the stream: `begin`, the changes, `commit` for each
/// transaction, `schema` when a table's description is new. What it appends to `output` is whole
/// lines for the text formats. A record for a topic has a key and a value, apart.
public protocol ChangeEncoder {
    /// Microseconds since 1970 at which the changes that follow were received; set by the owner
    /// once a read, so that no encoder asks the clock.
    var now: Int64 { get set }
    /// True: an update that gives a row another key is to be given as `Change.halves`.
    var splitsKeyChanges: Bool { get }
    /// What the value of a transaction's last change has before its closing brace; empty: nothing.
    var lastChangeMark: StaticString { get }
    /// Appends the value of `change` (for a line format: without its line end), and says whether
    /// there is one: a format may leave out what it cannot express.
    mutating func value(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer)
        -> Bool
    /// Appends the record's key, and says whether there is one (no key: null).
    mutating func key(_ change: Change, of bytes: RawSpan, into output: inout OutputBuffer) -> Bool
    /// Appends what the format writes at a transaction's begin and commit, if anything.
    mutating func begin(_ transaction: SourceTransaction, into output: inout OutputBuffer) -> Bool
    mutating func commit(
        _ transaction: SourceTransaction, changes: Int, into output: inout OutputBuffer
    ) -> Bool
    /// Why what was appended since is of no use; it never goes away. nil: nothing is wrong.
    var failure: SchemaRegistrationError? { get }
    /// Appends the key of a record about a transaction's begin or end.
    mutating func transactionKey(
        _ transaction: SourceTransaction, into output: inout OutputBuffer)
    /// Appends what the format writes when a table's description is seen or has changed.
    mutating func schema(
        _ table: CapturedTable, at position: LogSequenceNumber, into output: inout OutputBuffer
    ) -> Bool
    /// Appends what the format writes of a statement that changed the schema.
    mutating func statement(
        _ statement: SourceStatement, at position: LogSequenceNumber,
        in transaction: SourceTransaction, into output: inout OutputBuffer
    ) -> Bool
}

// Most formats write changes only.
extension ChangeEncoder {
    public var lastChangeMark: StaticString { "" }
    public var failure: SchemaRegistrationError? { nil }

    public mutating func transactionKey(
        _ transaction: SourceTransaction, into output: inout OutputBuffer
    ) {
        output.append(utf8: "{\"id\":\"\(transaction.identifier)\"}")
    }

    public mutating func begin(
        _ transaction: SourceTransaction, into output: inout OutputBuffer
    ) -> Bool { false }

    public mutating func commit(
        _ transaction: SourceTransaction, changes: Int, into output: inout OutputBuffer
    ) -> Bool { false }

    public mutating func schema(
        _ table: CapturedTable, at position: LogSequenceNumber, into output: inout OutputBuffer
    ) -> Bool { false }

    public mutating func statement(
        _ statement: SourceStatement, at position: LogSequenceNumber,
        in transaction: SourceTransaction, into output: inout OutputBuffer
    ) -> Bool { false }
}
