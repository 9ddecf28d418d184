import Platform

/// How far a command is.
struct ProgressSample: Sendable {
    var records = 0
    var bytes = 0
    /// 0 to 1, where the end is known.
    var fraction: Double?
    /// More for the line, such as "lag 12 k".
    var detail: String?
}

/// Records, bytes, rate, share and time left on stderr: one line that is drawn over on a terminal,
/// a line a second elsewhere. On the loop's thread.
final class ProgressLine: @unchecked Sendable {
    private static let terminalIntervalNanoseconds: Int64 = 250_000_000
    private static let logIntervalNanoseconds: Int64 = 1_000_000_000

    private let loop: any EventLoop
    private let sample: @Sendable () -> ProgressSample
    private let drawsOver = StandardError.isTerminal
    private let start: Int64
    private var lastTime: Int64
    private var last = ProgressSample()
    private var isFinished = false
    private var hasDrawn = false

    /// Nil when no progress is to be shown: by default it is on a terminal.
    init?(
        _ reporting: ReportingOptions, on loop: any EventLoop,
        sample: @escaping @Sendable () -> ProgressSample
    ) {
        let isWanted = reporting.showsProgress ?? (StandardError.isTerminal && !reporting.isQuiet)
        guard isWanted else { return nil }
        self.loop = loop
        self.sample = sample
        start = loop.clock.monotonicNanoseconds
        lastTime = start
    }

    /// Draws from now on, until `finish`.
    func begin() {
        loop.after(
            drawsOver ? Self.terminalIntervalNanoseconds : Self.logIntervalNanoseconds
        ) { [weak self] in
            guard let self, !isFinished else { return }
            draw(rateSince: lastTime, last)
            begin()
        }
    }

    /// Draws the whole course once more and leaves the line.
    func finish() {
        guard !isFinished else { return }
        isFinished = true
        draw(rateSince: start, ProgressSample())
        if drawsOver { StandardError.write("\n") }
    }

    /// Clears the line on a terminal, so that a message can take its place.
    func clear() {
        if drawsOver, hasDrawn { StandardError.write("\r\u{1B}[K") }
    }

    private func draw(rateSince time: Int64, _ before: ProgressSample) {
        let now = loop.clock.monotonicNanoseconds
        let current = sample()
        let seconds = max(Double(now - time) / 1e9, 1e-9)
        let rate = Double(current.records - before.records) / seconds
        let byteRate = Double(current.bytes - before.bytes) / seconds
        var parts = [
            "\(current.records) records", "\(Self.scaled(Double(current.bytes)))B",
            "\(Self.scaled(rate))records/s", "\(Self.scaled(byteRate))B/s",
        ]
        if let fraction = current.fraction, fraction > 0 {
            parts.append("\(Int(min(fraction, 1) * 100)) %")
            let elapsed = Double(now - start) / 1e9
            let left = elapsed / fraction - elapsed
            if left >= 1, left < 1e7 { parts.append("\(Int(left)) s left") }
        }
        if let detail = current.detail { parts.append(detail) }
        let text = "rtd: " + parts.joined(separator: ", ")
        StandardError.write(drawsOver ? "\r\u{1B}[K" + clipped(text) : text + "\n")
        hasDrawn = true
        last = current
        lastTime = now
    }

    /// A longer line would wrap and could not be drawn over.
    private func clipped(_ text: String) -> String {
        guard let columns = StandardError.columns, columns > 1 else { return text }
        return String(text.prefix(columns - 1))
    }

    /// Three digits and the power of 1000: "999 ", "12.3 k", "4.56 M".
    static func scaled(_ value: Double) -> String {
        var rest = value
        for unit in ["", "k", "M", "G"] {
            if rest < 999.5 || unit == "G" { return digits(rest, unit.isEmpty) + " " + unit }
            rest /= 1_000
        }
        return digits(rest, false) + " T"
    }

    private static func digits(_ value: Double, _ isWhole: Bool) -> String {
        if isWhole || value >= 99.95 { return "\(Int(value.rounded()))" }
        let places = value >= 9.995 ? 1 : 2
        let factor = places == 1 ? 10 : 100
        let scaled = Int((value * Double(factor)).rounded())
        let rest = "\(scaled % factor)"
        let zeros = String(repeating: "0", count: places - rest.utf8.count)
        return "\(scaled / factor).\(zeros)\(rest)"
    }
}
