import Bytes
import Formats
import Platform

/// `rtd bench query --live`: a query on a pipe that gets rows at a steady rate. Measures how long
/// the first row takes from the start of the process, how long a row takes from being written to
/// coming out, and how long a window takes from its end (the first row beyond it is written) to
/// its row. The main thread reads what comes out, another writes.
struct LiveBench {
    private let rate: Int
    private let nanoseconds: Int64
    private let interruption: Interruption

    /// Microseconds of a window.
    private static let windowMilliseconds: Int64 = 100

    init(_ options: BenchOptions, _ interruption: Interruption) {
        rate = options.rate.flatMap { $0 > 0 ? $0 : nil } ?? BenchLimits.liveRate
        nanoseconds = options.duration?.nanosecondsClamped ?? BenchLimits.liveNanoseconds
        self.interruption = interruption
    }

    func run() throws(CommandFailure) -> LiveFigure {
        var figure = LiveFigure(rate: rate)
        for _ in 0..<BenchLimits.liveStarts { figure.firstRow.record(try firstRow()) }
        try rows(&figure)
        try windows(&figure)
        return figure
    }

    private func start(_ sql: String) throws(CommandFailure) -> ChildProcess {
        do throws(SystemError) {
            return try ChildProcess.start(
                Processes.executablePath, ["query", "--format", "json", "-c", sql],
                input: .pipe, output: .pipe)
        } catch {
            throw CommandFailure(error)
        }
    }

    /// From the start of the process, whose pipe has one row, to the first byte that comes out.
    private func firstRow() throws(CommandFailure) -> Int64 {
        let clock = SystemClock()
        let start = clock.monotonicNanoseconds
        let process = try self.start("SELECT ts, user_id, url, latency FROM stdin")
        guard let input = process.input, let output = process.output else { return 0 }
        var lines = WebEventGenerator(seed: 1)
        var row = OutputBuffer(capacity: 512)
        lines.append(0, to: &row)
        try? input.write(row.bytes)
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = output.read(into: &buffer)
        let taken = clock.monotonicNanoseconds - start
        input.close()
        _ = output.readAll(limit: 0)
        output.close()
        let ending = process.wait()
        guard count > 0, ending.status == 0 else {
            throw CommandFailure("the query has ended with status \(ending.status)")
        }
        return taken
    }

    private func rows(_ figure: inout LiveFigure) throws(CommandFailure) {
        let process = try start("SELECT ts, user_id, url, latency FROM stdin WHERE latency >= 0")
        let feed = LiveFeed(rate: rate, nanoseconds: nanoseconds, process.input)
        feed.start()
        let clock = SystemClock()
        var row = 0
        try read(process, feed) { line in
            figure.steady.record(clock.monotonicNanoseconds - feed.writtenAt(row))
            row += 1
        }
        figure.rows = row
        figure.sent = feed.rows
    }

    private func windows(_ figure: inout LiveFigure) throws(CommandFailure) {
        let process = try start(
            "SELECT (EXTRACT(EPOCH FROM window_end) * 1000)::bigint AS ends, COUNT(*) AS n "
                + "FROM TUMBLE(stdin WATERMARK FOR ts AS ts, ts, "
                + "INTERVAL '\(Self.windowMilliseconds) milliseconds') "
                + "GROUP BY window_end EMIT ON WINDOW CLOSE")
        let feed = LiveFeed(rate: rate, nanoseconds: nanoseconds, process.input)
        feed.start()
        let clock = SystemClock()
        try read(process, feed) { line in
            // {"ends":1767225600100,...
            guard let end = line.integer(8..<21), let written = feed.writtenAt(milliseconds: end)
            else { return }
            figure.windowClose.record(clock.monotonicNanoseconds - written)
        }
    }

    /// Calls `body` with each line that comes out, until the end.
    private func read(
        _ process: ChildProcess, _ feed: LiveFeed, _ body: (RawSpan) -> Void
    ) throws(CommandFailure) {
        guard let output = process.output else { return }
        interruption.handle { feed.stop() }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var rest: [UInt8] = []
        while true {
            let count = output.read(into: &buffer)
            guard count > 0 else { break }
            rest += buffer[..<count]
            rest.removeFirst(Self.eachLine(of: rest.rawSpan, body))
        }
        output.close()
        let ending = process.wait()
        guard ending.status == 0 else {
            throw CommandFailure("the query has ended with status \(ending.status)")
        }
    }

    /// Gives how many bytes the whole lines take.
    private static func eachLine(of bytes: RawSpan, _ body: (RawSpan) -> Void) -> Int {
        var start = 0
        while let end = ByteScan.firstIndex(of: UInt8(ascii: "\n"), in: bytes, from: start) {
            body(bytes.extracting(start..<end))
            start = end + 1
        }
        return start
    }
}

/// Writes rows at a steady rate to a pipe, on a thread of its own, and remembers when.
private final class LiveFeed: @unchecked Sendable {
    private struct Tick {
        /// The number of the first row that is not in it.
        let end: Int
        let wallMilliseconds: Int64
        let nanoseconds: Int64
    }

    private let lock = Lock()
    private let rate: Int
    private let duration: Int64
    private let pipe: PipeEnd?
    private var ticks: [Tick] = []
    private var isStopped = false

    init(rate: Int, nanoseconds: Int64, _ pipe: PipeEnd?) {
        self.rate = rate
        duration = nanoseconds
        self.pipe = pipe
    }

    func start() {
        Thread.start { [self] in
            write()
            pipe?.close()
        }
    }

    func stop() { lock.withLock { isStopped = true } }

    var rows: Int { lock.withLock { ticks.last?.end ?? 0 } }

    private func write() {
        let clock = SystemClock()
        let start = clock.monotonicNanoseconds
        var lines = WebEventGenerator(seed: 1)
        var sent = 0
        var buffer = OutputBuffer(capacity: 1 << 18)
        while !lock.withLock({ isStopped }) {
            let now = clock.monotonicNanoseconds
            guard now - start < duration else { return }
            let due = Int(Double(now - start) * Double(rate) / 1e9) + 1
            if due > sent {
                let wall = clock.wallMilliseconds
                buffer.removeAll()
                for event in sent..<due {
                    lines.append(event, milliseconds: wall, to: &buffer)
                }
                sent = due
                let tick = Tick(end: due, wallMilliseconds: wall, nanoseconds: now)
                lock.withLock { ticks.append(tick) }
                guard (try? pipe?.write(buffer.bytes)) != nil else { return }
            }
            Processes.pause(milliseconds: 1)
        }
    }

    /// When the row of that number was written.
    func writtenAt(_ row: Int) -> Int64 {
        first { $0.end > row } ?? 0
    }

    /// When the first row at or beyond that time was written.
    func writtenAt(milliseconds: Int64) -> Int64? {
        first { $0.wallMilliseconds >= milliseconds }
    }

    /// The time of the first tick for which `isAtOrBeyond`; ticks ascend.
    private func first(_ isAtOrBeyond: (Tick) -> Bool) -> Int64? {
        lock.withLock {
            var low = 0
            var high = ticks.count
            while low < high {
                let middle = (low + high) / 2
                if isAtOrBeyond(ticks[middle]) { high = middle } else { low = middle + 1 }
            }
            return low < ticks.count ? ticks[low].nanoseconds : nil
        }
    }
}

/// What a live query has given.
struct LiveFigure {
    let rate: Int
    var sent = 0
    var rows = 0
    var firstRow = Histogram()
    var steady = Histogram()
    var windowClose = Histogram()

    init(rate: Int) { self.rate = rate }
}

/// Latencies as people and programs read them.
enum LiveFigureText {
    static func text(_ figure: LiveFigure, _ format: BenchOptions.Format?) -> String {
        let fields = fields(figure)
        switch format {
        case .json: return ResultText.json(fields) + "\n"
        case .csv: return ResultText.csvHeader(fields) + ResultText.csvRow(fields)
        case nil:
            return "\(figure.sent) rows sent at \(figure.rate) a second, \(figure.rows) came out\n"
                + line("first row   ", figure.firstRow) + line("a row       ", figure.steady)
                + line("window close", figure.windowClose)
        }
    }

    private static func milliseconds(_ histogram: Histogram, _ fraction: Double) -> String {
        Decimal.text(Double(histogram.value(at: fraction)) / 1e6, digits: 3)
    }

    private static func line(_ name: String, _ histogram: Histogram) -> String {
        "\(name)  p50 \(milliseconds(histogram, 0.5)), p99 \(milliseconds(histogram, 0.99)), "
            + "max \(milliseconds(histogram, 1)) ms\n"
    }

    private static func fields(
        _ figure: LiveFigure
    ) -> [(name: String, value: String?, isText: Bool)] {
        var fields: [(name: String, value: String?, isText: Bool)] = [
            ("rate", "\(figure.rate)", false), ("sent", "\(figure.sent)", false),
            ("rows", "\(figure.rows)", false),
        ]
        let histograms = [
            ("first_row", figure.firstRow), ("row", figure.steady),
            ("window_close", figure.windowClose),
        ]
        for (name, histogram) in histograms {
            for (key, fraction) in [("p50", 0.5), ("p99", 0.99), ("max", 1)] {
                fields.append(("\(name)_\(key)_ms", milliseconds(histogram, fraction), false))
            }
        }
        return fields
    }
}
