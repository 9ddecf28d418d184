import Aggregation
import Formats

/// Rows being read: a file, stdin, a topic, a table. Made by opening a `SourceRelation`, used by
/// the one thread that drives the query; what blocks (stdin, the network) has a reader thread of
/// its own behind it.
public protocol Source: AnyObject {
    /// The next rows, or that there are none now, or none any more. Reading a file may block; a
    /// source that can be silent must not: it gives `.idle` and signals when it has something.
    func next() throws(SQLError) -> SourceEvent

    /// Stops reading; nothing is called afterwards.
    func close()

    /// The query was stopped before it began: what was read to learn its columns is all that there
    /// is, and the end follows it. False: nothing was.
    func endWithWhatHasCome() -> Bool

    /// How many partitions the rows come from, each with a watermark of its own.
    var partitionCount: Int { get }

    /// Rows, lines or records that were left out because they could not be read.
    var skippedCount: Int { get }

    /// True if it may be silent for as long as it likes (a pipe, a followed topic): then IDLE and
    /// TIMEOUT count.
    var maySleep: Bool { get }

    /// What people call a partition: "orders/2".
    func name(ofPartition partition: Int) -> String

    /// True if reading can go on behind a position in another run.
    var isResumable: Bool { get }

    /// Where reading goes on: behind all rows that were handed out. nil while the source is in
    /// between; then the next rows bring it further.
    var position: [UInt8]? { get }

    /// Goes on behind a position of an earlier run. Called before the first `next`.
    func resume(at position: [UInt8]) throws(SQLError)

    /// False while rows were handed out of which more belong together, as those of a transaction:
    /// no step ends there.
    var isAtBoundary: Bool { get }

    /// Rows that belong together are handed out in several batches; else any record is a boundary.
    var hasTransactions: Bool { get }

    /// The driver has seen that all sources are at a boundary, and ended a step if one was due.
    func passBoundary()

    /// After `.misfit`, and where another source of the same input gave it: goes on with the
    /// columns of `scan`, whose types have widened; nil: in the types it has.
    func goOn(with scan: ScanPlan?)

    /// Bytes of the rows that it keeps to take them back later, and of what it has read ahead, as
    /// far as that is not bounded.
    var memory: Int { get }

    /// The position as offsets of topics, for those who watch how far a query is; none where it
    /// reads something else.
    var readOffsets: [ReadOffset] { get }
}

extension Source {
    public var partitionCount: Int { 1 }
    public func endWithWhatHasCome() -> Bool { false }
    public var skippedCount: Int { 0 }
    public var maySleep: Bool { false }
    public func name(ofPartition partition: Int) -> String { "\(partition)" }
    public var isResumable: Bool { false }
    public var isAtBoundary: Bool { true }
    public var hasTransactions: Bool { false }
    public var memory: Int { 0 }
    public func passBoundary() {}
    public func goOn(with scan: ScanPlan?) {}
    public var readOffsets: [ReadOffset] { [] }
    public var position: [UInt8]? { nil }
    public func resume(at position: [UInt8]) throws(SQLError) {
        throw SQLError("this input cannot be read from a position", .featureNotSupported)
    }
}

public enum SourceEvent {
    /// Rows of one partition, in its order. The driver derives their watermark.
    case batch(Batch, partition: Int)
    /// Nothing now.
    case idle
    /// The next value does not fit its column's type, and rows have left: reading goes on once
    /// `goOn` was called.
    case misfit
    /// A partition has no more rows; the others go on.
    case partitionEnd(Int)
    case end
}

/// A relation that can be opened.
public protocol SourceRelation: Relation {
    /// The batches have the columns of the scan, in its order (`ScanPlan.columns`: whole columns or
    /// members inside them). Its time is the driver's.
    func open(_ scan: ScanPlan, context: SourceContext) throws(SQLError) -> any Source

    /// Whether its rows may be long in coming: a pipe, a file or topic that is followed.
    var mayWait: Bool { get }

    /// For --on-error skip: columns of values of several kinds get the type of most of them, and
    /// rows with others are left out; false if there are none.
    func narrowClashes() -> Bool
}

extension SourceRelation {
    public func narrowClashes() -> Bool { false }
    public var mayWait: Bool { isEndless }
}

/// What a source is given by the query that reads it.
public struct SourceContext: Sendable {
    /// To be signalled whenever a source that was idle has something again.
    public var signal: SourceSignal
    /// What to do with input that cannot be read as rows.
    public var onError: ErrorPolicy
    public var settings: SessionSettings
    /// Notes for people, a line each, without "rtd: ".
    public var note: @Sendable (String) -> Void

    /// False once rows have left the query: then its inputs cannot be read again.
    public var mayRestart: @Sendable () -> Bool = { false }
    /// The query can go on over wider types where its inputs cannot be read again.
    public var mayGoOn = false
    /// --strict: what does not fit the sampled types fails.
    public var isStrict = false
    /// The same input is opened once more after this reading (`--verify`).
    public var isReadAgain = false

    public enum ErrorPolicy: Sendable { case fail, skip }

    public init(
        signal: SourceSignal, onError: ErrorPolicy, settings: SessionSettings,
        note: @escaping @Sendable (String) -> Void
    ) {
        self.signal = signal
        self.onError = onError
        self.settings = settings
        self.note = note
    }

    /// The rest of an input cannot be read. With --on-error skip it is left out, which counts as a
    /// line.
    func passOver(_ damage: SQLError) throws(SQLError) -> Int {
        guard onError == .skip else { throw damage }
        note("\(damage.message); what stands before was read")
        return 1
    }
}
