import Aggregation
import Platform

/// How far a running query is.
public struct QueryProgress: Sendable {
    public var rowsRead: Int
    public var rowsWritten: Int
    public var lateRows: Int
    /// Since the query has begun.
    public var nanoseconds: Int64
    /// The query has ended.
    public var isLast = false
}

/// Tells whoever asked how far a query is, several times a second; on the query's thread.
struct ProgressReports {
    private let report: @Sendable (QueryProgress) -> Void
    private let lateRows: () -> Int
    private let sink: ResultSink
    private let start: Int64
    private var last: Int64

    private static let intervalNanoseconds: Int64 = 250_000_000

    init(
        _ report: @escaping @Sendable (QueryProgress) -> Void, _ lateRows: @escaping () -> Int,
        _ sink: ResultSink, now: Int64
    ) {
        self.report = report
        self.lateRows = lateRows
        self.sink = sink
        start = now
        last = now
    }

    mutating func tick(_ now: Int64, rowsRead: Int) {
        guard now - last >= Self.intervalNanoseconds else { return }
        last = now
        report(progress(now, rowsRead))
    }

    func end(_ now: Int64, rowsRead: Int) {
        var progress = progress(now, rowsRead)
        progress.isLast = true
        report(progress)
    }

    private func progress(_ now: Int64, _ rowsRead: Int) -> QueryProgress {
        QueryProgress(
            rowsRead: rowsRead, rowsWritten: sink.rows, lateRows: lateRows(),
            nanoseconds: now - start)
    }
}
