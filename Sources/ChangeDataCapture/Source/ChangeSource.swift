/// Gives the changes of a database to a sink until its end or `stop`.
///
/// `run` works on the thread that calls it and blocks; everything else comes from any thread.
public protocol ChangeSource: AnyObject, Sendable {
    /// Reads the snapshot and the stream. Throws what the sink throws as it is, and `CaptureError`
    /// for what is wrong at the source.
    func run(into sink: any ChangeSink) throws -> CaptureEnd
    /// Ends `run` soon, between two changes.
    func stop()
    /// How far it is, for people and metrics.
    var progress: CaptureProgress { get }
}

public enum CaptureEnd: Sendable {
    /// The position that was asked for, or the snapshot's last row.
    case reached
    case stopped
}

/// Where changes go. All calls but `durable` come on the thread that runs the source, in the order
/// of the database's log; each may block, during which the source reads no further but keeps the
/// connection alive.
///
/// A transaction is `begin`, its changes, `commit`. The rows of a snapshot come between
/// `snapshotBegan` and `snapshotEnded`, without begin and commit. A logical message outside of
/// transactions is a transaction of its own with xid 0. `schema` comes before a table's first
/// change and whenever its description differs, inside a transaction or before a snapshot's rows.
public protocol ChangeSink: AnyObject {
    /// Positions that are given from here on are of this server's log: to be kept with them.
    func follows(_ server: SourceServer)
    /// And what of a publication that was given: the same.
    func follows(_ tables: FollowedTables)
    /// Positions at or behind `position` that the output has from before are of another log.
    func snapshotBegan(_ tables: [CapturedTable], at position: LogSequenceNumber) throws
    /// Whether a snapshot may be kept in pieces.
    var keepsSnapshotPieces: Bool { get }
    /// Whether the rows so far are so many that the output would rather keep them now, tables that
    /// are whole without those that are missing, than all at once at the end.
    var endsSnapshotPiece: Bool { get }
    /// Whether they are so many, or have taken so long, that it would keep a part of a table.
    var dividesTable: Bool { get }
    /// All rows but those of `rest` are given; if the output keeps that, a capture that starts
    /// behind it goes on with `rest` beside the stream.
    func snapshotPieceEnded(rest: [BackfillState], at position: LogSequenceNumber) throws
    func snapshotEnded(at position: LogSequenceNumber) throws
    func schema(_ table: CapturedTable, at position: LogSequenceNumber) throws
    func begin(_ transaction: SourceTransaction) throws
    /// A statement that changed the schema, inside a transaction.
    func statement(
        _ statement: SourceStatement, at position: LogSequenceNumber,
        in transaction: SourceTransaction
    ) throws
    /// `bytes` are valid during the call only. After a reconnection the source goes on in the
    /// middle of a transaction: nothing is given twice, and `begin` is not called again.
    func change(_ change: Change, of bytes: RawSpan) throws
    /// `changes` counts all of the transaction, also those that the output had before.
    func commit(_ transaction: SourceTransaction, changes: Int) throws
    /// How far backfills are with what is given of this transaction: kept with its position.
    func backfills(_ states: [BackfillState]) throws
    /// The source has nothing more to give right now: what is gathered should be written. Called
    /// often. Nothing is in flight when `position` is not nil: the log up to there has no changes
    /// that were not given.
    func pause(at position: LogSequenceNumber?) throws
    /// The source ends, at a position as above.
    func finishing(at position: LogSequenceNumber?) throws
    /// Whether the output may have rows of the table from before this capture began.
    func mayHold(_ table: CapturedTable) -> Bool
    /// Whether changes of different keys reach readers in different orders (in partitions).
    func tellsKeysApart(_ table: CapturedTable) -> Bool
    /// Whether the output's rows are the last ones of each key, so that rows under keys of other
    /// columns would stay beside those under new ones.
    var holdsRowsByKey: Bool { get }
    /// Whether the output is there for later readers, who want rows as they are in the table.
    var keepsRows: Bool { get }
    /// The end of the last transaction that the output keeps whatever happens, or a position that
    /// `pause` has told and that it keeps. It never goes back but to a new snapshot, and is asked
    /// from another thread while a call blocks: it must not wait for that.
    var durable: LogSequenceNumber { get }
    /// Something that people should know and that is no error, without a full stop.
    func notice(_ message: String)
}

extension ChangeSink {
    public func follows(_ server: SourceServer) {}
    public func follows(_ tables: FollowedTables) {}
    public var keepsSnapshotPieces: Bool { false }
    public var endsSnapshotPiece: Bool { false }
    public var holdsRowsByKey: Bool { false }
    public var keepsRows: Bool { false }
    public var dividesTable: Bool { false }
    public func snapshotPieceEnded(
        rest: [BackfillState], at position: LogSequenceNumber
    ) throws {}
    public func backfills(_ states: [BackfillState]) throws {}
    public func finishing(at position: LogSequenceNumber?) throws { try pause(at: position) }
    public func mayHold(_ table: CapturedTable) -> Bool { false }
    public func statement(
        _ statement: SourceStatement, at position: LogSequenceNumber,
        in transaction: SourceTransaction
    ) throws {}
    public func tellsKeysApart(_ table: CapturedTable) -> Bool { false }
}

/// A moment of a capture.
public struct CaptureProgress: Sendable, Equatable {
    public enum Phase: Sendable {
        case connecting, snapshot, streaming
    }

    public var phase = Phase.connecting
    /// Rows that the snapshot has read; how many the server's statistics expect; tables done and
    /// all.
    public var snapshotRows: Int64 = 0
    public var snapshotRowsExpected: Int64 = 0
    public var snapshotTables = 0
    public var snapshotTablesDone = 0
    /// Rows that backfills have given, and what they are at; empty when there is none.
    public var backfillRows: Int64 = 0
    public var backfill = ""
    /// Of the one it is at: rows that were given, and how many the server's statistics expect; 0
    /// where they tell nothing.
    public var backfillDone: Int64 = 0
    public var backfillExpected: Int64 = 0
    public var backfillsWaiting = 0
    public var isBackfillPaused = false
    /// Transactions that are prepared and wait for their end.
    public var prepared = 0
    /// Of the stream.
    public var changes: Int64 = 0
    public var transactions: Int64 = 0
    public var bytes: Int64 = 0
    /// What was given to the sink last, what the server was told is durable, and where the server's
    /// log ended when it last said so.
    public var position = LogSequenceNumber(0)
    public var acknowledged = LogSequenceNumber(0)
    public var serverPosition = LogSequenceNumber(0)
    /// Commit time of the last transaction, microseconds since 1970; 0 before the first.
    public var commitMicroseconds: Int64 = 0

    public init() {}
}
