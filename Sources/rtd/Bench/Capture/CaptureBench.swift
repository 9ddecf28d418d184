import ArgumentParsing
import ChangeDataCapture
import Formats
import Platform

/// `rtd bench cdc`: drains the same changes of a database in several ways, and measures how long a
/// commit takes to its reader. Runs on the main thread.
struct CaptureBench {
    let options: BenchOptions
    let id: String
    let interruption: Interruption
    /// Starts a server for the topics.
    let server: () throws(CommandFailure) -> PrivateServer

    static let changesDefault = 200_000
    static let rateDefault = 200
    static let latencySecondsDefault: Int64 = 3

    func run() throws(CommandFailure) -> Int32 {
        let stop: StopSignal
        do throws(SystemError) { stop = try StopSignal() } catch { throw CommandFailure(error) }
        interruption.handle { stop.set() }
        do {
            let source = try CaptureBenchSource(options.source ?? "", id: id, stop: stop)
            defer { source.remove() }
            let figures = try measure(source, stop)
            guard !stop.isSet else { return 0 }
            return HelpCommand.print(figures.text(options.format))
        } catch let error as CaptureError {
            throw CommandFailure(error)
        } catch let error as CommandFailure {
            throw error
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    private func measure(_ source: CaptureBenchSource, _ stop: StopSignal) throws -> CaptureFigures
    {
        let count = options.count ?? Self.changesDefault
        say("writing \(count) changes")
        try source.fill(count, stop: stop)
        var figures = CaptureFigures()
        let way = source.address.host.hasPrefix("/") ? "a Unix socket" : "TCP"
        figures.source = "PostgreSQL \(source.version), \(source.address.description), \(way)"
        figures.backlog =
            "\(count) inserts in transactions of \(CaptureBenchSource.rowsInTransaction), "
            + "\(ProgressLine.scaled(Double(source.logBytes)))B of log"
        for (name, format) in [
            ("receive", nil), ("parse", EnvelopeFormat.none), ("json", .debezium),
        ] where !stop.isSet {
            say(name)
            figures.figures.append(try drain(source, name, format, stop))
        }
        let latency = CaptureLatency(
            source: source, rate: options.rate ?? Self.rateDefault,
            nanoseconds: options.duration?.nanosecondsClamped
                ?? Self.latencySecondsDefault * 1_000_000_000,
            stop: stop)
        for name in ["stdout", "topics"] where !stop.isSet {
            say("latency to \(name)")
            let histogram =
                name == "stdout" ? try latency.toOutput() : try latency.toTopics(server)
            figures.latencies.append((name, latency.rate, histogram))
        }
        return figures
    }

    private func say(_ what: String) {
        let reporting = options.reporting
        guard reporting.showsProgress ?? (StandardError.isTerminal && !reporting.isQuiet) else {
            return
        }
        StandardError.write(line: "rtd: \(what)")
    }

    /// Reads all changes; without a format they are received only.
    private func drain(
        _ source: CaptureBenchSource, _ name: String, _ format: EnvelopeFormat?, _ stop: StopSignal
    ) throws -> CaptureFigure {
        let slot = try source.copySlot(name)
        let watch = WalsenderWatch(source, slot: slot)
        let clock = SystemClock()
        let before = (clock.monotonicNanoseconds, ProcessUsage.current().cpuNanoseconds)
        let counted: (changes: Int, bytes: Int)
        if let format {
            counted = try capture(source, slot, format, stop)
        } else {
            let meter = try StreamMeter.count(
                source.address, slot: slot, publication: source.schema, until: source.end,
                stop: stop)
            counted = (meter.changes, meter.bytes)
        }
        let after = (clock.monotonicNanoseconds, ProcessUsage.current().cpuNanoseconds)
        let walsender = watch.end()
        try source.drop(slot: slot)
        return CaptureFigure(
            name: name, changes: counted.changes, bytes: counted.bytes,
            nanoseconds: after.0 - before.0, clientNanoseconds: after.1 - before.1,
            walsenderNanoseconds: walsender)
    }

    private func capture(
        _ source: CaptureBenchSource, _ slot: String, _ format: EnvelopeFormat, _ stop: StopSignal
    ) throws -> (changes: Int, bytes: Int) {
        let sink = LineSink(
            DiscardedLines(), format, CaptureBench.settings(source), notices: { _ in })
        let capture = try Capture(
            CaptureConfiguration(
                source.address, slot: .durable(name: slot), publication: source.schema,
                snapshot: .never, end: .position(source.end)))
        interruption.handle {
            stop.set()
            capture.stop()
        }
        _ = try capture.run(into: sink)
        return (Int(capture.progress.changes), Int(capture.progress.bytes))
    }

    static func settings(_ source: CaptureBenchSource) -> EnvelopeSettings {
        var settings = EnvelopeSettings()
        settings.version = Program.version
        settings.database = source.address.database
        settings.topicPrefix = source.schema
        return settings
    }
}

/// Lines that go nowhere.
final class DiscardedLines: LineTarget {
    var backfills: [BackfillState] = []
    let isKept = false
    let continues = false

    func write(_ bytes: borrowing OutputBuffer) throws(CaptureOutputError) {}

    func reached(
        _ position: LogSequenceNumber, isLast: Bool
    ) throws(CaptureOutputError) -> LogSequenceNumber { position }
}
