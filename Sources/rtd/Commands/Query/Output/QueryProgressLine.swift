import Platform
import Query

/// How far a query is, on stderr: one line that is drawn over on a terminal, a line a second
/// elsewhere. By default it is shown where stderr is a terminal and the rows go somewhere else.
/// Called on the query's thread and, to clear it, on any.
final class QueryProgressLine: @unchecked Sendable {
    private let drawsOver = StandardError.isTerminal
    private let lock = Lock()
    private var hasDrawn = false
    private var lastLine: Int64 = 0

    /// Queries that are done by then show none.
    private static let silentNanoseconds: Int64 = 400_000_000
    private static let lineNanoseconds: Int64 = 1_000_000_000

    /// nil: not wanted.
    init?(_ reporting: ReportingOptions) {
        let isDefault =
            StandardError.isTerminal && !StandardOutput.isTerminal && !reporting.isQuiet
        guard reporting.showsProgress ?? isDefault else { return nil }
    }

    func show(_ progress: QueryProgress) {
        lock.withLock {
            guard hasDrawn || progress.nanoseconds >= Self.silentNanoseconds else { return }
            let isDue = progress.nanoseconds - lastLine >= Self.lineNanoseconds
            guard drawsOver || isDue || progress.isLast else { return }
            lastLine = progress.nanoseconds
            hasDrawn = true
            let text = QueryProgressLine.text(progress)
            StandardError.write(drawsOver ? "\r\u{1B}[K" + clipped(text) : text + "\n")
            guard drawsOver, progress.isLast else { return }
            StandardError.write("\n")
            hasDrawn = false
        }
    }

    /// Makes room for a message.
    func clear() {
        lock.withLock {
            if drawsOver, hasDrawn { StandardError.write("\r\u{1B}[K") }
        }
    }

    static func text(_ progress: QueryProgress) -> String {
        let seconds = max(Double(progress.nanoseconds) / 1e9, 1e-9)
        let rate = ProgressLine.scaled(Double(progress.rowsRead) / seconds)
        var text = "rtd: \(progress.rowsRead) rows in, \(rate)rows/s, \(progress.rowsWritten) out"
        if progress.lateRows > 0 { text += ", \(progress.lateRows) late" }
        return text
    }

    /// A longer line would wrap and could not be drawn over.
    private func clipped(_ text: String) -> String {
        guard let columns = StandardError.columns, columns > 1 else { return text }
        return String(text.prefix(columns - 1))
    }
}
