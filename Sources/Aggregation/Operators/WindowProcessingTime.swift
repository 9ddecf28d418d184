import Bytes
import Formats

/// An operator that goes by the clock. Whoever drives the query tells it the time between steps, so
/// that a replay can repeat what it was told.
public protocol ProcessingTimeOperator: AnyObject {
    /// In microseconds; it never falls.
    func advanceTime(to now: Int64) throws(SQLError)
    /// False: it need not be told.
    var goesByClock: Bool { get }
}

extension ProcessingTimeOperator {
    public var goesByClock: Bool { true }
}

/// TUMBLE, HOP and CUMULATE over PROCTIME(): each row lies in the windows that are open when it
/// comes. The time starts with the statement; as it advances, it is the watermark of what leaves.
final class WindowProcessingTimeOperator: Operator, ProcessingTimeOperator {
    private let geometry: WindowGeometry
    private let type: DataType
    private var now: Int64
    private var hasEnded = false

    init(_ geometry: WindowGeometry, type: DataType, settings: SessionSettings) {
        self.geometry = geometry
        self.type = type
        now = settings.now
        super.init("window by the clock")
    }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        guard var end = geometry.firstEnd(now, after: Watermark.none) else { return }
        while end <= geometry.lastEnd(now) {
            let window = [geometry.start(end), end, end - windowTimeGap].map {
                Column.constant(.integer($0), type, count: batch.count)
            }
            // No row is late: the watermarks of the input speak of another time.
            try emit(
                Batch(batch.columns + window, count: batch.count, weights: batch.weights))
            end += geometry.slide
        }
    }

    func advanceTime(to time: Int64) throws(SQLError) {
        guard time > now, !hasEnded else { return }
        now = time
        try emitWatermark(geometry.leastStart(now))
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        guard watermark == Watermark.end else { return }
        hasEnded = true
        try emitWatermark(watermark)
    }

    override func write(_ state: inout OutputBuffer) { state.append(bigEndian: now) }
    override func read(_ state: inout StateReader) throws(SQLError) {
        now = try state.integer(Int64.self)
    }
}

extension CompiledQuery {
    /// The operators that close windows.
    public var windowed: [any WindowedOperator] {
        operators.compactMap { $0 as? any WindowedOperator }
    }

    /// True if, in a single step, some rows leave only when the inputs have ended.
    public var leavesAtEnd: Bool {
        operators.contains { node in
            node is SortOperator || node is TopOperator || node is OrderedTopOperator
                || node is OverOperator || (node as? AggregateOperator)?.hasWindow == false
        }
    }

    /// Rows that came too late, over all operators.
    public var lateRows: Int {
        windowed.reduce(0) { $0 + $1.lateRows } + operators.reduce(0) { $0 + $1.lateRowsLeftOut }
    }

    /// Keys whose state was let go as idle.
    public var idleKeysFreed: Int { operators.reduce(0) { $0 + $1.idleKeysFreed } }

    /// Tells the operators that go by the clock the time.
    public func advanceTime(to now: Int64) throws(SQLError) {
        for node in operators {
            if let timed = node as? any ProcessingTimeOperator { try timed.advanceTime(to: now) }
        }
    }
}
