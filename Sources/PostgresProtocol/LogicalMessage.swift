import Bytes

/// A message of the output plugin pgoutput. Ranges lie in the bytes that it was read from; times
/// are microseconds since 1970.
public enum LogicalMessage: Sendable {
    case begin(LogicalBegin)
    case commit(LogicalCommit)
    case origin(name: String)
    case relation(LogicalRelation)
    case type(oid: UInt32, schema: String, name: String)
    case row(LogicalRow)
    case truncate(LogicalTruncate)
    case message(LogicalContent)
    /// A piece of a transaction that is not committed yet; all up to `streamStop` belongs to it.
    case streamStart(xid: UInt32, isFirst: Bool)
    case streamStop
    case streamCommit(xid: UInt32, LogicalCommit)
    /// A transaction (both are equal) or a subtransaction of it is rolled back.
    case streamAbort(xid: UInt32, subxid: UInt32)
    case beginPrepare(LogicalPrepare)
    case prepare(LogicalPrepare)
    case commitPrepared(xid: UInt32, LogicalCommit, gid: String)
    case rollbackPrepared(xid: UInt32, prepareEnd: UInt64, end: UInt64, gid: String)
    case streamPrepare(LogicalPrepare)
}

public struct LogicalBegin: Equatable, Sendable {
    /// Where the commit record begins.
    public let final: UInt64
    public let time: Int64
    public let xid: UInt32
}

public struct LogicalCommit: Equatable, Sendable {
    public let commit: UInt64
    /// Where the commit record ends.
    public let end: UInt64
    public let time: Int64

    public init(commit: UInt64, end: UInt64, time: Int64) {
        self.commit = commit
        self.end = end
        self.time = time
    }
}

public struct LogicalPrepare: Equatable, Sendable {
    public let prepare: UInt64
    public let end: UInt64
    public let time: Int64
    public let xid: UInt32
    public let gid: String
}

/// A change of one row. Tuples have been walked: they lie in the message and are well formed.
public struct LogicalRow: Equatable, Sendable {
    public enum Kind: Sendable { case insert, update, delete }

    public let kind: Kind
    /// The (sub)transaction, in a stream only.
    public let xid: UInt32?
    public let relation: UInt32
    public let before: Range<Int>?
    public let beforeIsKey: Bool
    public let after: Range<Int>?
    /// Columns of the tuples; both have as many.
    public let columns: Int
}

public struct LogicalRelation: Equatable, Sendable {
    public struct Column: Equatable, Sendable {
        public let isIdentity: Bool
        public let name: String
        public let type: UInt32
        public let modifier: Int32

        public init(isIdentity: Bool, name: String, type: UInt32, modifier: Int32) {
            self.isIdentity = isIdentity
            self.name = name
            self.type = type
            self.modifier = modifier
        }
    }

    public let xid: UInt32?
    public let oid: UInt32
    public let schema: String
    public let name: String
    public let identity: UInt8
    public let columns: [Column]

    public init(
        xid: UInt32? = nil, oid: UInt32, schema: String, name: String, identity: UInt8,
        columns: [Column]
    ) {
        self.xid = xid
        self.oid = oid
        self.schema = schema
        self.name = name
        self.identity = identity
        self.columns = columns
    }
}

public struct LogicalTruncate: Equatable, Sendable {
    public let xid: UInt32?
    public let cascades: Bool
    public let restartsIdentity: Bool
    public let relations: [UInt32]
}

public struct LogicalContent: Equatable, Sendable {
    public let xid: UInt32?
    public let isTransactional: Bool
    public let position: UInt64
    public let prefix: Range<Int>
    public let content: Range<Int>
}
