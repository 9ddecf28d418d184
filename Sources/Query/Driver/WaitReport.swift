import Aggregation
import Formats
import Platform

/// Tells people what a query waits for while its inputs are silent. It belongs to one run and is
/// called by its thread.
///
/// Without `--explain-wait` it speaks once, when nothing was printed for five seconds, whether rows
/// come or not; with it after a second of silence, then every ten, and when what holds the query
/// back has changed. Rows that come too late are told while it runs.
final class WaitReport {
    private unowned let run: QueryRun
    private let sink: ResultSink
    private let explains: Bool
    private let leavesAtEnd: Bool
    private let note: @Sendable (String) -> Void
    private var lastNote: Int64?
    private var lastHolder = ""
    private var hasSpoken = false
    private let start: Int64
    private var lastLook: Int64
    private let lateRows: () -> Int
    private var lateToldAt: Int64?
    private var lateTold = 0

    private static let second: Int64 = 1_000_000_000

    /// `leavesAtEnd`: no row leaves before the inputs have ended. `lateRows`: those left out yet.
    init(
        _ run: QueryRun, _ sink: ResultSink, explains: Bool, leavesAtEnd: Bool,
        lateRows: @escaping () -> Int = { 0 }, note: @escaping @Sendable (String) -> Void
    ) {
        self.lateRows = lateRows
        start = run.clock.monotonicNanoseconds
        lastLook = start
        self.run = run
        self.sink = sink
        self.explains = explains
        self.leavesAtEnd = leavesAtEnd
        self.note = note
    }

    /// The inputs have been silent for so many nanoseconds.
    func waiting(_ silence: Int64) {
        let now = run.clock.monotonicNanoseconds
        tellLate(now)
        if explains { return explain(silence) }
        look(now, silence)
    }

    /// A batch has come.
    func busy(_ now: Int64) {
        guard now - lastLook >= WaitReport.second else { return }
        lastLook = now
        tellLate(now)
        look(now, 0)
    }

    private func look(_ now: Int64, _ silence: Int64) {
        guard !hasSpoken, sink.rows == 0, now - start >= 5 * WaitReport.second,
            run.openSources.contains(where: \.maySleep), leavesAtEnd || hasOpenWindow
        else { return }
        hasSpoken = true
        note(leavesAtEnd ? endSentence : windowSentence(silence))
    }

    /// At most once a minute, and only where the end, which counts them all, may be far.
    private func tellLate(_ now: Int64) {
        let late = lateRows()
        guard late > lateTold, now - (lateToldAt ?? .min / 2) >= 60 * WaitReport.second,
            run.openSources.contains(where: \.maySleep)
        else { return }
        (lateTold, lateToldAt) = (late, now)
        note(
            late == 1
                ? "1 row came after its window had closed and was left out so far"
                : "\(late) rows came after their windows had closed and were left out so far")
    }

    private func explain(_ silence: Int64) {
        // A new silence is told after a second.
        if let last = lastNote, silence < last { lastNote = nil }
        guard silence >= WaitReport.second else { return }
        let holder = run.holder.map(\.name) ?? ""
        if let last = lastNote, silence - last < 10 * WaitReport.second, holder == lastHolder {
            return
        }
        lastNote = silence
        lastHolder = holder
        note(windowSentence(silence))
    }

    private var hasOpenWindow: Bool {
        run.operators.contains { ($0 as? any WindowedOperator)?.openEnds != nil }
    }

    private var endSentence: String {
        let names = run.openSources.map { $0.name(ofPartition: 0) }.joined(separator: " and ")
        return "waiting for \(names): the rows of this query leave at the end of its input; "
            + "EMIT CHANGES lets changes leave as they come"
    }

    /// Which windows are open, when the first closes, and what holds it back.
    private func windowSentence(_ silence: Int64) -> String {
        var parts: [String] = []
        let open = run.operators.compactMap { $0 as? any WindowedOperator }
        let ends = open.compactMap(\.openEnds)
        if let first = ends.map(\.first).min() {
            let groups = open.reduce(0) { $0 + $1.openGroups }
            parts.append(
                "\(count(groups, "group")) in open windows, the first of which closes at "
                    + "watermark \(time(first))")
        } else if leavesAtEnd {
            parts.append("the rows leave at the end of the input")
        } else {
            parts.append("no window is open")
        }
        let bytes = run.operators.reduce(0) { $0 + $1.memory }
        parts.append("\(count((bytes + 1023) / 1024, "KiB", plural: "KiB")) of rows and state held")
        parts.append(holderSentence(silence))
        return "waiting: " + parts.joined(separator: "; ")
    }

    private func holderSentence(_ silence: Int64) -> String {
        guard let holder = run.holder else {
            let names = run.openSources.map { $0.name(ofPartition: 0) }.joined(separator: ", ")
            guard silence >= WaitReport.second else {
                return "\(names) has no watermark (--time COLUMN declares one)"
            }
            return "\(names) silent for \(seconds(silence)) without a watermark"
        }
        let silent = "\(holder.name) (silent for \(seconds(holder.silence)))"
        let idle =
            holder.leftOut > 0
            ? "; \(count(holder.leftOut, "idle partition")) left out" : ""
        guard holder.watermark != Watermark.none else {
            return "no row has come from \(silent), so there is no watermark" + idle
        }
        return "the watermark is \(time(holder.watermark)), held by \(silent)" + idle
    }

    private func time(_ microseconds: Int64) -> String {
        TypeText.text(.integer(microseconds), .timestamp) ?? ""
    }

    private func seconds(_ nanoseconds: Int64) -> String { "\(nanoseconds / WaitReport.second) s" }

    private func count(_ number: Int, _ noun: String, plural: String? = nil) -> String {
        number == 1 ? "1 \(noun)" : "\(number) \(plural ?? noun + "s")"
    }
}

extension QueryRun {
    /// The partition whose watermark is the lowest of those that count.
    struct Holder {
        var name: String
        var watermark: Int64
        /// Nanoseconds of waiting since its last rows.
        var silence: Int64
        /// Partitions of its source that are left out as idle.
        var leftOut: Int
    }

    var openSources: [any Source] {
        readings.filter { !$0.hasEnded }.map(\.input.source)
    }

    /// nil where no open input declares a time.
    var holder: Holder? {
        var least: Holder?
        for reading in readings where !reading.hasEnded && reading.input.time != nil {
            let all = 0..<reading.tracker.partitionCount
            let leftOut = all.filter { !reading.tracker.counts($0) }.count
            for partition in all where reading.tracker.counts(partition) || leftOut == all.count {
                let watermark = reading.tracker.watermark(of: partition)
                guard watermark != Watermark.end else { continue }
                if let known = least, known.watermark <= watermark { continue }
                least = Holder(
                    name: reading.input.source.name(ofPartition: partition), watermark: watermark,
                    silence: reading.silence(partition, waited: waited), leftOut: leftOut)
            }
        }
        return least
    }
}
