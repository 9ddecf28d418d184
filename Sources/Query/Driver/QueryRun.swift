import Aggregation
import Formats
import Platform

/// When the steps of a query end.
public enum StepPolicy: Sendable, Equatable {
    /// One step: what can still change leaves when all inputs have ended.
    case once
    /// Whenever the sources are empty, else after 5 ms or 64 batches.
    case frequent
    /// After each batch.
    case everyBatch
    /// By the clock, in nanoseconds.
    case periodic(Int64)
}

/// Drives a running query: reads its sources, pushes their batches and watermarks through the
/// operators and ends the steps. One thread, the caller's, does all of it.
///
/// Sources that end are drained first, the smallest first, so that a join of finite inputs keeps
/// one side only; the others are read together, the one with the lowest watermark first.
public final class QueryRun {
    public struct Input {
        public var source: any Source
        public var entry: Operator
        public var isEndless: Bool
        /// For the order; nil: not known.
        public var estimatedRows: Int?
        /// The time of each row, over the batch; nil: no watermark.
        public var time: TimeOfRows?

        public init(
            source: any Source, entry: Operator, time: TimeOfRows?,
            isEndless: Bool, estimatedRows: Int?
        ) {
            self.source = source
            self.entry = entry
            self.time = time
            self.isEndless = isEndless
            self.estimatedRows = estimatedRows
        }
    }

    /// The time of each row (date, timestamp or timestamptz), and how far rows may be out of order
    /// in microseconds.
    public struct TimeOfRows {
        public var of: (Batch) throws(SQLError) -> Column
        public var delay: Int64

        public init(delay: Int64, of: @escaping (Batch) throws(SQLError) -> Column) {
            self.delay = delay
            self.of = of
        }
    }

    private struct Live {
        var input: Input
        var watermark = Watermark.none
        var tracker: WatermarkTracker

        init(_ input: Input) {
            self.input = input
            tracker = WatermarkTracker(
                delay: input.time?.delay ?? 0, partitionCount: input.source.partitionCount)
        }
    }

    private var live: [Live]
    /// All operators, inputs first.
    private let operators: [Operator]
    private let policy: StepPolicy
    private let clock: any Clock
    private let signal: SourceSignal
    private let sink: ResultSink
    private var batchesInStep = 0
    private var stepStart: Int64
    /// Set from any thread: take what has come as the end of input.
    private let stop: StopFlag
    /// Called when the sources have nothing, with the nanoseconds since something came.
    public var whileWaiting: ((Int64) -> Void)?

    public init(
        inputs: [Input], operators: [Operator], sink: ResultSink, policy: StepPolicy,
        signal: SourceSignal, stop: StopFlag, clock: any Clock
    ) {
        live = inputs.map { Live($0) }
        self.operators = operators
        self.sink = sink
        self.policy = policy
        self.signal = signal
        self.stop = stop
        self.clock = clock
        stepStart = clock.monotonicNanoseconds
    }

    /// Returns when all inputs have ended, a LIMIT is reached, or it was stopped.
    public func run() throws(SQLError) {
        defer { for entry in live { entry.input.source.close() } }
        try drainFinite()
        var silentSince: Int64?
        while !live.isEmpty, !sink.isClosed {
            if stop.isSet { try endAll() }
            if try advanceOnce() {
                silentSince = nil
                try endStepIfDue(isQuiet: false)
                continue
            }
            if live.isEmpty { break }
            try endStepIfDue(isQuiet: true)
            try sink.flush()
            let now = clock.monotonicNanoseconds
            let since = silentSince ?? now
            silentSince = since
            whileWaiting?(now - since)
            _ = signal.wait(nanoseconds: waitNanoseconds(now))
        }
        guard !sink.isClosed else { return }
        try endStep()
        try sink.flush()
    }

    /// With one input there is nothing to order.
    private func drainFinite() throws(SQLError) {
        guard live.count > 1 else { return }
        let order = live.indices.filter { !live[$0].input.isEndless }
            .sorted { rank(live[$0]) < rank(live[$1]) }
        // The largest finite input is read together with the endless ones.
        let drained = live.contains { $0.input.isEndless } ? order[...] : order.dropLast()
        for index in drained {
            while !stop.isSet, !sink.isClosed {
                guard let wantsWait = try readOnce(&live[index]) else { break }
                if wantsWait { _ = signal.wait(nanoseconds: 100_000_000) }
            }
        }
        let finished = Set(drained.filter { live[$0].watermark == Watermark.end })
        live = live.indices.filter { !finished.contains($0) }.map { live[$0] }
    }

    private func rank(_ entry: Live) -> Int { entry.input.estimatedRows ?? .max }

    /// Reads one batch from the input that is furthest behind and has something; false if none has.
    private func advanceOnce() throws(SQLError) -> Bool {
        let order = live.indices.sorted { live[$0].watermark < live[$1].watermark }
        for index in order {
            guard let wantsWait = try readOnce(&live[index]) else {
                live.remove(at: index)
                return true
            }
            if !wantsWait { return true }
        }
        return false
    }

    /// nil: the input has ended; true: it has nothing now.
    private func readOnce(_ entry: inout Live) throws(SQLError) -> Bool? {
        guard entry.input.entry.wantsMore else {
            entry.input.source.close()
            try advance(&entry, Watermark.end)
            return nil
        }
        switch try entry.input.source.next() {
        case .batch(let batch, let partition):
            try push(batch, partition, &entry)
            batchesInStep += 1
            try sink.flushIfDue(clock.monotonicNanoseconds)
            return false
        case .idle: return true
        case .partitionEnd(let partition):
            entry.tracker.end(partition)
            if entry.input.time != nil { try advance(&entry, entry.tracker.watermark) }
            return false
        case .end:
            try advance(&entry, Watermark.end)
            return nil
        }
    }

    private func push(
        _ batch: Batch, _ partition: Int, _ entry: inout Live
    ) throws(SQLError) {
        guard let time = entry.input.time else {
            return try entry.input.entry.push(batch, input: 0)
        }
        if entry.input.isEndless { entry.tracker.now = clock.wallMilliseconds * 1_000 }
        let times = try time.of(batch)
        let marked = entry.tracker.observe(batch, times, partition: partition)
        try entry.input.entry.push(marked, input: 0)
        try advance(&entry, entry.tracker.watermark)
    }

    private func advance(_ entry: inout Live, _ watermark: Int64) throws(SQLError) {
        guard watermark > entry.watermark else { return }
        entry.watermark = watermark
        try entry.input.entry.advance(watermark, input: 0)
    }

    /// Ctrl-C is end of input.
    private func endAll() throws(SQLError) {
        for index in live.indices {
            live[index].input.source.close()
            try advance(&live[index], Watermark.end)
        }
        live = []
    }

    private func endStepIfDue(isQuiet: Bool) throws(SQLError) {
        switch policy {
        case .once: return
        case .everyBatch: if batchesInStep > 0 { try endStep() }
        case .frequent:
            guard batchesInStep > 0 else { return }
            let elapsed = clock.monotonicNanoseconds - stepStart
            if isQuiet || batchesInStep >= 64 || elapsed >= 5_000_000 { try endStep() }
        case .periodic(let interval):
            if clock.monotonicNanoseconds - stepStart >= interval { try endStep() }
        }
    }

    private func endStep() throws(SQLError) {
        let now = clock.wallMilliseconds * 1_000
        for node in operators {
            if let timed = node as? any ProcessingTimeOperator { try timed.advanceTime(to: now) }
            try node.endStep()
        }
        try sink.endStep()
        batchesInStep = 0
        stepStart = clock.monotonicNanoseconds
    }

    /// How long nothing may happen before the driver must look again.
    private func waitNanoseconds(_ now: Int64) -> Int64? {
        var longest: Int64 = 100_000_000
        if case .periodic(let interval) = policy {
            longest = min(longest, max(1_000_000, interval - (now - stepStart)))
        }
        return longest
    }
}
