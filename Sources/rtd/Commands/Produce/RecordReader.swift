import Bytes
import Formats
import Platform

/// How the reading of the input has ended.
enum ReadingEnd: Sendable, Equatable {
    /// All inputs were read to their end, or `-c` records have come.
    case finished
    /// `--timeout` has passed without a record.
    case timedOut
    /// A signal has stopped it.
    case stopped
    /// A delivery or stdout has failed.
    case halted
    /// An input cannot be read.
    case failed(String)
    /// A record of an input is bad.
    case bad(String)
}

/// Reads the inputs of `rtd produce` in turn, parses them and fills a sink; on a thread of its own,
/// which blocks while nothing comes.
struct RecordReader: ~Copyable {
    private let settings: ProduceSettings
    private let delivery: Delivery
    private let stop: StopSignal
    private var buffer = InputBuffer(capacity: ProduceLimits.readBytes)
    private var file: InputFile?
    /// Of the inputs, the one that is read.
    private var current = 0
    /// What reading gave before the sink was there; nil once it is used.
    private var early: Step?
    /// Monotonic nanoseconds of the last chunk that held a record.
    private var lastRecord: Int64 = 0
    private let clock = SystemClock()

    /// What an attempt to read gives.
    private enum Step {
        case bytes(Int)
        case end
        case stop(ReadingEnd)
    }

    init(_ settings: ProduceSettings, _ delivery: Delivery, _ stop: StopSignal) {
        self.settings = settings
        self.delivery = delivery
        self.stop = stop
        lastRecord = clock.monotonicNanoseconds
    }

    /// Opens the first input and reads what is there, before it is known where records go.
    mutating func readAhead() {
        early = open(settings.inputs[0])
        guard early == nil else { return }
        if let file, case .timedOut = file.wait(nanoseconds: settings.idleNanosecondsMax, or: stop)
        {
            early = .stop(.timedOut)
        } else {
            early = fill()
        }
    }

    /// Counts the records in what was read ahead, for the message that none could be sent.
    mutating func count() -> Int {
        var sink = CountingSink()
        guard var parser = try? RecordParser(settings.parserForInput) else { return 0 }
        var atEnd = true
        if case .bytes? = early, file?.size == nil { atEnd = false }
        try? parser.parse(buffer.bytes, atEnd: atEnd, into: &sink)
        return sink.count
    }

    /// Reads all inputs into the sink.
    mutating func run<Sink: ProduceSink & ~Copyable>(
        _ options: RecordParser.Options, into sink: inout Sink
    ) -> ReadingEnd {
        defer { sink.flush() }
        while current < settings.inputs.count {
            sink.began(input: settings.inputs[current].name)
            let end = readOne(options, &sink)
            file?.close()
            file = nil
            guard case .finished = end, !sink.isFull else { return end }
            buffer.removeFirst(buffer.count)
            current += 1
        }
        return .finished
    }

    private mutating func readOne<Sink: ProduceSink & ~Copyable>(
        _ options: RecordParser.Options, _ sink: inout Sink
    ) -> ReadingEnd {
        // Lines are counted, and CSV has its names, in each file anew.
        var parser: RecordParser
        do throws(RecordTextError) {
            parser = try RecordParser(options)
        } catch {
            return .failed("\(error)")
        }
        while true {
            switch step(&sink) {
            case .bytes(let count):
                sink.chunkBegan(bytes: count)
                if let end = parse(&parser, false, &sink) { return end }
            case .end:
                sink.chunkBegan(bytes: 0)
                return parse(&parser, true, &sink) ?? .finished
            case .stop(let end): return end
            }
        }
    }

    private mutating func step<Sink: ProduceSink & ~Copyable>(_ sink: inout Sink) -> Step {
        if let early {
            self.early = nil
            return early
        }
        if file == nil, let problem = open(settings.inputs[current]) { return problem }
        if let end = awaitInput(&sink) { return .stop(end) }
        return fill()
    }

    /// Opens an input. What is given is all that can be read from it: a failure, or `-m`.
    private mutating func open(_ input: InputSource) -> Step? {
        switch input {
        case .standardInput: file = .standardInput()
        case .file(let path):
            do throws(SystemError) {
                file = try .open(path)
            } catch {
                return .stop(.failed(error.description))
            }
        case .messages(let texts):
            settings.append(texts, to: &buffer)
            return .end
        }
        return nil
    }

    private mutating func fill() -> Step {
        guard let file else { return .end }
        do throws(SystemError) {
            // The buffer's free bytes are written within the call only.
            let count = try unsafe buffer.fill { target throws(SystemError) in
                try unsafe file.read(into: target)
            }
            return count > 0 ? .bytes(count) : .end
        } catch {
            return .stop(.failed(error.description))
        }
    }

    /// Waits for input; what the sink holds leaves when its time has come.
    private mutating func awaitInput<Sink: ProduceSink & ~Copyable>(
        _ sink: inout Sink
    ) -> ReadingEnd? {
        guard let file else { return nil }
        while true {
            let delay = sink.flushDelay()
            var timeout = delay
            if let most = settings.idleNanosecondsMax {
                let left = max(0, lastRecord + most - clock.monotonicNanoseconds)
                timeout = min(delay ?? left, left)
            }
            switch file.wait(nanoseconds: timeout, or: stop) {
            case .ready: return nil
            case .stopped: return .stopped
            case .timedOut:
                if delay == 0 { sink.paused() }
                if sink.isHalted { return .halted }
                guard let most = settings.idleNanosecondsMax,
                    clock.monotonicNanoseconds - lastRecord >= most
                else { continue }
                return .timedOut
            }
        }
    }

    /// Parses what the buffer holds; gives an end if it is one.
    private mutating func parse<Sink: ProduceSink & ~Copyable>(
        _ parser: inout RecordParser, _ atEnd: Bool, _ sink: inout Sink
    ) -> ReadingEnd? {
        let before = sink.count
        defer { if sink.count > before { lastRecord = clock.monotonicNanoseconds } }
        while true {
            do throws(RecordTextError) {
                try parser.parse(buffer.bytes, atEnd: atEnd, into: &sink)
                buffer.removeFirst(parser.consumed)
                sink.chunkEnded()
                if sink.isHalted { return .halted }
                return sink.isFull ? .finished : nil
            } catch {
                buffer.removeFirst(parser.consumed)
                if sink.isHalted { return .halted }
                if sink.isFull { return .finished }
                let text = "\(settings.inputs[current].name) \(error)"
                guard settings.skipsBadRecords else { return .bad(text) }
                delivery.skipped(text)
                if settings.reporting.isVerbose {
                    StandardError.write(line: "rtd: \(text); skipped")
                }
                if parser.consumed == 0 { return atEnd ? .finished : nil }
            }
        }
    }
}

extension ProduceSettings {
    /// Writes the texts of `-m` as the parser's format frames records.
    func append(_ texts: [String], to buffer: inout InputBuffer) {
        for text in texts {
            var bytes = Array(text.utf8)
            switch parser.format {
            case .lines, .lengthPrefixed:
                let size = UInt32(clamping: bytes.count)
                bytes = (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * $0)) } + bytes
            case .json, .csv, .template: bytes.append(0x0a)
            }
            buffer.append(bytes.rawSpan)
        }
    }

    /// A text of `-m` is a record whatever it holds, so lines are framed by their length.
    var parserForInput: RecordParser.Options {
        var options = parser
        if case .messages? = inputs.first, case .lines = options.format {
            options.format = .lengthPrefixed
        }
        return options
    }
}

/// Counts records and keeps none.
private struct CountingSink: RecordSink, ~Copyable {
    var count = 0

    mutating func append(_ record: ParsedRecord, in bytes: RawSpan) throws(RecordTextError) {
        count += 1
    }
}
