import Aggregation
import Formats

/// Where the rows of a query go: standard output in some form, a file, a topic, a test. It is
/// called by the thread that drives the query.
public protocol ResultOutput: AnyObject {
    /// Before a statement: what the text of its values depends on, as SET has it.
    func use(_ settings: TextSettings)
    /// Before all else: whether rows may be long in coming, so that what is there is shown, and
    /// whether they never end.
    func prepare(mayWait: Bool, isEndless: Bool)
    /// Before `begin`: the order of rows that stand, where the query has one.
    func sort(by order: [ResultOrder])
    /// Before the first rows. `key` are the columns that tell rows apart, where they are known.
    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) throws(SQLError)
    /// Rows; with weights where some are taken back or stand for several.
    func write(_ batch: Batch) throws(SQLError)
    /// The changes of a step are complete.
    func endStep() throws(SQLError)
    /// What was written leaves for good.
    func flush() throws(SQLError)
    /// After the last rows.
    func end() throws(SQLError)
    /// In place of `end`: the statement has failed.
    func discard()
    /// The reader has left: nothing more is wanted.
    var isClosed: Bool { get }
    /// It shows the rows of a result that changes as they stand.
    var showsWhatStands: Bool { get }
    /// Something waits to be shown by another `flush`.
    var isBehind: Bool { get }
    /// Rows may go on with other types than `begin` has told.
    var takesOtherTypes: Bool { get }
    /// Nothing of what was written has left: `begin` may be called again.
    var mayBeginAgain: Bool { get }
    /// Bytes of rows that it holds until the query ends.
    var memory: Int { get }

    /// Sees that what was flushed is kept, and says where it ends; nil: it cannot be cut back.
    func mark() throws(SQLError) -> OutputMark?
    /// After `begin`: goes on behind a mark of an earlier run; nil: that had none. `isWhole`: that
    /// run has written nothing behind it, so what is there is another's. Gives how many bytes were
    /// cut off.
    func resume(at mark: OutputMark?, isWhole: Bool) throws(SQLError) -> Int64
}

extension ResultOutput {
    public func mark() throws(SQLError) -> OutputMark? { nil }
    public func resume(at mark: OutputMark?, isWhole: Bool) throws(SQLError) -> Int64 { 0 }
}

extension ResultOutput {
    public func use(_ settings: TextSettings) {}
    public func sort(by order: [ResultOrder]) {}
    public var isBehind: Bool { false }
    public var showsWhatStands: Bool { false }
    public func discard() {}
    public var takesOtherTypes: Bool { false }
    public var mayBeginAgain: Bool { false }
    public var memory: Int { 0 }
    public func prepare(mayWait: Bool, isEndless: Bool) {}
}

/// A column of a result that its rows are ordered by.
public struct ResultOrder: Sendable {
    public var column: Int
    public var isDescending: Bool
    public var nullsFirst: Bool
}

/// The last operator of a query: hands rows to the output and sees that they leave soon.
public final class ResultSink: Operator {
    private(set) var output: any ResultOutput
    private var hasUnflushed = false
    /// An output may hold rows of a changelog back until their step ends.
    private var hasRowsOfStep = false
    /// Set with the first row; from then on no input can be read again.
    let hasWritten = StopFlag()
    private var lastFlush: Int64 = 0
    /// Rows written.
    public private(set) var rows = 0
    /// What comes has left in an earlier run.
    var isMuted = false

    public init(_ output: any ResultOutput) {
        self.output = output
        super.init("result")
    }

    /// Before the first row: rows leave at the end, without those that were taken back.
    func holdToEnd() { output = NetOutput(output) }

    public override var wantsMore: Bool { !output.isClosed }
    public var isClosed: Bool { output.isClosed }

    public override func push(_ batch: Batch, input: Int) throws(SQLError) {
        guard !isMuted else { return }
        rows += batch.count
        hasUnflushed = true
        hasRowsOfStep = true
        try output.write(batch)
        if !output.mayBeginAgain { hasWritten.set() }
    }

    public override func advance(_ watermark: Int64, input: Int) throws(SQLError) {}

    public override func endStep() throws(SQLError) {
        try output.endStep()
        hasUnflushed = hasUnflushed || hasRowsOfStep
        hasRowsOfStep = false
    }

    /// Rows that wait longer than 5 ms leave, however busy the sources are.
    func flushIfDue(_ now: Int64) throws(SQLError) {
        if hasUnflushed, now - lastFlush >= 5_000_000 {
            lastFlush = now
            try flush()
        }
    }

    func flush() throws(SQLError) {
        guard hasUnflushed else { return }
        try output.flush()
        hasUnflushed = output.isBehind
        if !output.mayBeginAgain { hasWritten.set() }
    }
}
