import ChangeDataCapture
import Platform

/// How far a capture is, on stderr: one line that is drawn over on a terminal, a line a second
/// elsewhere. On a thread of its own.
final class CaptureProgressLine: @unchecked Sendable {
    private let capture: Capture
    private let drawsOver = StandardError.isTerminal
    private let clock = SystemClock()
    private let start: Int64
    private let lock = Lock()
    private let changed = Condition()
    private var isFinished = false
    private var last = CaptureProgress()
    private var lastTime: Int64

    /// nil when no progress is to be shown: by default it is on a terminal, unless stdout is one
    /// too.
    init?(_ reporting: ReportingOptions, _ capture: Capture) {
        let isWanted =
            reporting.showsProgress
            ?? (StandardError.isTerminal && !StandardOutput.isTerminal && !reporting.isQuiet)
        guard isWanted else { return nil }
        self.capture = capture
        start = clock.monotonicNanoseconds
        lastTime = start
        Thread.start { [self] in run() }
    }

    func finish() {
        let isFirst = lock.withLock {
            defer { isFinished = true }
            changed.broadcast()
            return !isFinished
        }
        guard isFirst else { return }
        draw(lastTime: start, CaptureProgress())
        if drawsOver { StandardError.write("\n") }
    }

    private func run() {
        let interval: Int64 = drawsOver ? 250_000_000 : 1_000_000_000
        while true {
            let goesOn = lock.withLock {
                if !isFinished { _ = lock.wait(changed, nanoseconds: interval) }
                return !isFinished
            }
            guard goesOn else { return }
            draw(lastTime: lastTime, last)
        }
    }

    private func draw(lastTime before: Int64, _ earlier: CaptureProgress) {
        let now = clock.monotonicNanoseconds
        let progress = capture.progress
        let seconds = max(Double(now - before) / 1e9, 1e-9)
        let text = "rtd: " + Self.text(progress, earlier, seconds, clock.wallMilliseconds)
        let columns = StandardError.columns ?? 80
        StandardError.write(
            drawsOver ? "\r\u{1B}[K" + text.prefix(max(1, columns - 1)) : text + "\n")
        last = progress
        lastTime = now
    }

    private static func share(_ done: Int64, of all: Int64, _ rate: Double) -> [String] {
        guard all > 0 else { return [] }
        var parts = ["\(Int(min(Double(done) / Double(all), 1) * 100)) %"]
        let left = all - done
        if rate > 0, left > 0 { parts.append("\(Int(Double(left) / rate)) s left") }
        return parts
    }

    static func text(
        _ progress: CaptureProgress, _ earlier: CaptureProgress, _ seconds: Double,
        _ wallMilliseconds: Int64
    ) -> String {
        switch progress.phase {
        case .connecting: return "connecting"
        case .snapshot:
            let rate = Double(progress.snapshotRows - earlier.snapshotRows) / seconds
            var parts = [
                "snapshot \(progress.snapshotRows) rows", "\(ProgressLine.scaled(rate))rows/s",
                "\(progress.snapshotTablesDone) of \(progress.snapshotTables) tables",
            ]
            parts += share(progress.snapshotRows, of: progress.snapshotRowsExpected, rate)
            return parts.joined(separator: ", ")
        case .streaming:
            let rate = Double(progress.changes - earlier.changes) / seconds
            // The rows that came before them are not forgotten.
            var parts = progress.snapshotRows > 0 ? ["\(progress.snapshotRows) rows read"] : []
            parts += [
                "\(progress.changes) \(progress.changes == 1 ? "change" : "changes")",
                "\(ProgressLine.scaled(rate))changes/s",
                "\(progress.transactions) transaction\(progress.transactions == 1 ? "" : "s")",
                "at \(progress.position)",
                "lag \(ProgressLine.scaled(Double(progress.lagBytes)))B",
                "\(Int(progress.lagSeconds(wallMilliseconds: wallMilliseconds))) s",
            ]
            if !progress.backfill.isEmpty {
                let rate = Double(progress.backfillRows - earlier.backfillRows) / seconds
                parts.append(
                    "backfill \(progress.backfill): \(progress.backfillDone) rows, "
                        + "\(ProgressLine.scaled(rate))rows/s")
                parts += share(progress.backfillDone, of: progress.backfillExpected, rate)
            }
            return parts.joined(separator: ", ")
        }
    }
}
