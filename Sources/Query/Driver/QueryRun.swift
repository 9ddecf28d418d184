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
    /// After some batches, with the inputs read in any order, by this seed: any such cut gives the
    /// same rows.
    case drawn(seed: UInt64)
}

/// Drives a running query: reads its sources, pushes their batches and watermarks through the
/// operators and ends the steps. One thread, the caller's, does all of it.
///
/// Sources that end are drained first, those that are looked up before all, then the smallest, so
/// that a join of finite inputs keeps one side only, the branches of a UNION ALL in their order;
/// the others are read together, the one with the lowest watermark first, in turn with those that
/// have none.
public final class QueryRun {
    public struct Input {
        public var source: any Source
        public var entry: Operator
        public var isEndless: Bool
        /// Read before the others, if it ends.
        public var isLookedUp: Bool
        /// For the order; nil: not known.
        public var estimatedRows: Int?
        /// The first of the inputs that are read in turn with it, as branches of a UNION ALL are.
        public var unionStart: Int?
        /// The time of each row, over the batch; nil: no watermark.
        public var time: TimeOfRows?
        /// Of the columns of its batches, where they are saved.
        var types: [DataType] = []

        public init(
            source: any Source, entry: Operator, time: TimeOfRows?,
            isEndless: Bool, isLookedUp: Bool = false, estimatedRows: Int?
        ) {
            self.source = source
            self.entry = entry
            self.time = time
            self.isEndless = isEndless
            self.isLookedUp = isLookedUp
            self.estimatedRows = estimatedRows
        }
    }

    /// The time of each row (date, timestamp or timestamptz), how far rows may be out of order, and
    /// for how long a partition may be silent before the others go on without it; microseconds.
    public struct TimeOfRows {
        public var of: (Batch) throws(SQLError) -> Column
        public var delay: Int64
        public var idle: Int64?

        public init(
            delay: Int64, idle: Int64? = nil, of: @escaping (Batch) throws(SQLError) -> Column
        ) {
            self.delay = delay
            self.idle = idle
            self.of = of
        }
    }

    /// How a run came to its end.
    public enum Ending: Sendable {
        /// All that can leave has left.
        case finished
        /// It was asked to stop between two steps; its state goes on in another run.
        case paused
        /// A value does not fit its column: the run goes on, in other operators (`replace`) or in
        /// these, when it is called again.
        case misfit
    }

    var readings: [InputReading]
    /// Those that have not ended.
    private var open: [Int]
    /// All operators, inputs first.
    private(set) var operators: [Operator]
    /// Those that go by the clock.
    private var timed: [any ProcessingTimeOperator]
    /// A source has given a value that does not fit.
    private var hasMisfit = false
    let policy: StepPolicy
    let clock: any Clock
    private let signal: SourceSignal
    let sink: ResultSink
    private var batchesInStep = 0
    /// Batches that were read.
    private var turns = 0
    private var stepStart: Int64
    private var numbers: SeededRandom?
    /// Set from any thread: take what has come as the end of input.
    private let stop: StopFlag
    /// Rows of all inputs.
    public private(set) var rowsRead = 0
    /// Called with the time, often.
    var onTick: ((Int64) -> Void)?
    /// Called with the time after each batch.
    var whileBusy: ((Int64) -> Void)?
    /// Called when the sources have nothing, with the nanoseconds since something came.
    public var whileWaiting: ((Int64) -> Void)?
    /// Called between steps; true: the run pauses here.
    public var betweenSteps: (() throws(SQLError) -> Bool)?
    /// The sources had nothing when they were asked last.
    private(set) var isQuiet = false
    /// For how many nanoseconds `betweenSteps` can wait to be called again if nothing comes.
    var betweenStepsWithin = Int64.max
    /// Is told all that is done to the operators.
    var recorder: StepRecorder?
    /// Cancels what does not come back between batches after a stop.
    var busyStop: BusyStop?
    /// What `stop` asks for is a pause, not the end of input.
    public var pausesWhenStopped = false
    /// Told, when a stop is the end of the input, how many windows were open and have closed by it.
    public var whenStopped: ((Int) -> Void)?
    /// Nanoseconds after which silence of all sources closes the open windows; nil: never.
    public var timeout: Int64?
    /// Bytes that the operators may hold; past it the run fails.
    public var memoryMax = Int.max
    /// Steps that have ended.
    public private(set) var steps = 0
    /// Nanoseconds spent waiting, in all and since rows came last.
    private(set) var waited: Int64 = 0
    private var silent: Int64 = 0
    private var silentSince: Int64?

    public init(
        inputs: [Input], operators: [Operator], sink: ResultSink, policy: StepPolicy,
        signal: SourceSignal, stop: StopFlag, clock: any Clock
    ) {
        readings = inputs.map { InputReading($0) }
        open = Array(inputs.indices)
        self.operators = operators
        timed = QueryRun.timed(operators)
        self.sink = sink
        self.policy = policy
        self.signal = signal
        self.stop = stop
        self.clock = clock
        stepStart = clock.monotonicNanoseconds
        if case .drawn(let seed) = policy { numbers = SeededRandom(seed: seed) }
    }

    private static func timed(_ operators: [Operator]) -> [any ProcessingTimeOperator] {
        operators.compactMap { $0 as? any ProcessingTimeOperator }.filter(\.goesByClock)
    }

    /// Returns when all inputs have ended, a LIMIT is reached, or it was stopped.
    @discardableResult
    public func run() throws(SQLError) -> Ending {
        var ending = Ending.finished
        defer { if ending == .finished { close() } }
        open = readings.indices.filter { !readings[$0].hasEnded }
        hasMisfit = false
        if numbers == nil { try drainFinite() }
        while !open.isEmpty, !sink.isClosed {
            if hasMisfit {
                if policy != .once, isAtBoundary { try endStep() }
                ending = .misfit
                return ending
            }
            if stop.isSet {
                if let cancellation = stop.cancellation { throw cancellation }
                busyStop?.isEnding = true
                if pausesWhenStopped {
                    try reachBoundary()
                    try sink.flush()
                    ending = .paused
                    return ending
                }
                if turns == 0 { try takeWhatHasCome() }
                try reachCut()
                let open = operators.reduce(0) {
                    $0 + (($1 as? any WindowedOperator)?.windowsToClose ?? 0)
                }
                try endAll()
                if open > 0 { whenStopped?(open) }
                break
            }
            isQuiet = try !advanceOnce() && !open.isEmpty
            if hasMisfit { continue }
            try endStepIfDue(isQuiet: isQuiet)
            if isQuiet {
                if isAtBoundary { try sink.flush() }
            } else {
                (silentSince, silent) = (nil, 0)
            }
            if batchesInStep == 0, !open.isEmpty, let betweenSteps, try betweenSteps() {
                ending = .paused
                return ending
            }
            if isQuiet { try wait() }
        }
        guard !sink.isClosed else { return ending }
        try endStep()
        try sink.flush()
        return ending
    }

    /// Goes on in other operators, which have the state of those before.
    func replace(inputs: [Input], operators: [Operator]) {
        for index in readings.indices { readings[index].input = inputs[index] }
        self.operators = operators
        timed = QueryRun.timed(operators)
    }

    private func close() {
        for reading in readings where !reading.hasEnded { reading.input.source.close() }
    }

    /// With one input there is nothing to order.
    private func drainFinite() throws(SQLError) {
        guard open.count > 1 else { return }
        let order = open.filter { !readings[$0].input.isEndless }
            .sorted { rank($0).lexicographicallyPrecedes(rank($1)) }
        // The largest finite input is read together with the endless ones.
        let hasEndless = open.contains { readings[$0].input.isEndless }
        for index in hasEndless ? order[...] : order.dropLast() {
            while !stop.isSet, !sink.isClosed {
                guard let wantsWait = try readOnce(index) else { break }
                if hasMisfit { return open.removeAll { readings[$0].hasEnded } }
                if wantsWait { _ = signal.wait(nanoseconds: 100_000_000) }
            }
        }
        open.removeAll { readings[$0].hasEnded }
    }

    private func rank(_ index: Int) -> [Int] {
        let input = readings[index].input
        guard !input.isLookedUp else { return [-1, index] }
        guard let start = input.unionStart else { return [input.estimatedRows ?? .max, index] }
        let largest = readings.lazy.filter { $0.input.unionStart == start }
            .map { $0.input.estimatedRows ?? .max }.max()
        return [largest ?? .max, start, index]
    }

    /// Reads one batch from the input that is furthest behind and has something; false if none has.
    private func advanceOnce() throws(SQLError) -> Bool {
        for index in readingOrder {
            guard let wantsWait = try readOnce(index) else {
                open.removeAll { $0 == index }
                return true
            }
            if !wantsWait || hasMisfit { return true }
        }
        return false
    }

    private var readingOrder: [Int] {
        if open.count == 1 { return open }
        if numbers != nil { return numbers?.shuffled(open) ?? open }
        let timed = open.filter { readings[$0].input.time != nil }.sorted { a, b in
            let (x, y) = (readings[a], readings[b])
            return x.watermark != y.watermark ? x.watermark < y.watermark : x.turn < y.turn
        }
        let others = open.filter { readings[$0].input.time == nil }
            .sorted { readings[$0].turn < readings[$1].turn }
        // Neither kind waits for the other to have nothing.
        guard let a = timed.first, let b = others.first else { return timed + others }
        return readings[a].turn < readings[b].turn ? timed + others : others + timed
    }

    /// nil: the input has ended; true: it has nothing now.
    private func readOnce(_ index: Int) throws(SQLError) -> Bool? {
        let input = readings[index].input
        guard input.entry.wantsMore else {
            input.source.close()
            try end(index)
            return nil
        }
        switch try next(input) {
        case .batch(let batch, let partition):
            try push(batch, partition, index)
            batchesInStep += 1
            turns += 1
            readings[index].turn = turns
            rowsRead += batch.count
            if policy == .once {
                try tellTime()
                if turns & 31 == 0 { try checkHeldRows() }
            }
            let now = clock.monotonicNanoseconds
            if isAtBoundary { try sink.flushIfDue(now) }
            onTick?(now)
            whileBusy?(now)
            return false
        case .idle: return true
        case .misfit:
            hasMisfit = true
            return true
        case .partitionEnd(let partition):
            readings[index].tracker.end(partition)
            if input.time != nil { try advance(index, readings[index].tracker.watermark) }
            return false
        case .end:
            try end(index)
            return nil
        }
    }

    /// Reading and decoding are the scan's own time.
    private func next(_ input: Input) throws(SQLError) -> SourceEvent {
        guard input.entry.meter != nil else { return try input.source.next() }
        var event = SourceEvent.idle
        try input.entry.charged { () throws(SQLError) in event = try input.source.next() }
        return event
    }

    private func push(_ batch: Batch, _ partition: Int, _ index: Int) throws(SQLError) {
        let input = readings[index].input
        guard let time = input.time else {
            recorder?.push(batch, index)
            return try input.entry.charged { () throws(SQLError) in
                try input.entry.push(batch, input: 0)
            }
        }
        readings[index].saw(partition, waited: waited)
        // What is written while it is read, be it a pipe, has no times of tomorrow.
        if input.isEndless || input.source.maySleep {
            readings[index].tracker.now = clock.wallMilliseconds * 1_000
        }
        let times = try time.of(batch)
        let marked = readings[index].tracker.observe(batch, times, partition: partition)
        recorder?.push(marked, index)
        try input.entry.charged { () throws(SQLError) in
            try input.entry.push(marked, input: 0)
        }
        try advance(index, readings[index].tracker.watermark)
    }

    private func end(_ index: Int) throws(SQLError) {
        readings[index].hasEnded = true
        batchesInStep += 1
        try advance(index, Watermark.end)
    }

    private func advance(_ index: Int, _ watermark: Int64) throws(SQLError) {
        guard watermark > readings[index].watermark else { return }
        readings[index].watermark = watermark
        recorder?.advance(watermark, index)
        let entry = readings[index].input.entry
        try entry.charged { () throws(SQLError) in try entry.advance(watermark, input: 0) }
    }

    /// Stopped before anything was read: rows that were waited for to learn their columns count.
    private func takeWhatHasCome() throws(SQLError) {
        for index in open where readings[index].input.source.endWithWhatHasCome() {
            while let isIdle = try readOnce(index) {
                if let cancellation = stop.cancellation { throw cancellation }
                if isIdle { break }
            }
        }
        open.removeAll { readings[$0].hasEnded }
    }

    /// Ctrl-C is end of input.
    private func endAll() throws(SQLError) {
        for index in open {
            readings[index].input.source.close()
            try end(index)
        }
        open = []
    }

    /// What belongs together has been read from all inputs.
    private var isAtBoundary: Bool {
        for index in open where !readings[index].input.source.isAtBoundary { return false }
        return true
    }

    /// Reads on until all that belongs together is there.
    private func reachCut() throws(SQLError) {
        while !isAtBoundary {
            var hasRead = false
            for index in open where !readings[index].input.source.isAtBoundary {
                if try readOnce(index) == false { hasRead = true }
            }
            open.removeAll { readings[$0].hasEnded }
            if let cancellation = stop.cancellation { throw cancellation }
            if !hasRead { _ = signal.wait(nanoseconds: 100_000_000) }
        }
    }

    private func endStepIfDue(isQuiet: Bool) throws(SQLError) {
        guard isAtBoundary else { return }
        defer { for index in open { readings[index].input.source.passBoundary() } }
        switch policy {
        case .once: return
        case .everyBatch: if batchesInStep > 0 { try endStep() }
        case .drawn:
            if batchesInStep > 0, numbers?.chance(1, in: 3) ?? true { try endStep() }
        case .frequent:
            guard batchesInStep > 0 else { return }
            let elapsed = clock.monotonicNanoseconds - stepStart
            if isQuiet || batchesInStep >= 64 || elapsed >= 5_000_000 { try endStep() }
        case .periodic(let interval):
            if clock.monotonicNanoseconds - stepStart >= interval { try endStep() }
        }
    }

    private func endStep() throws(SQLError) {
        try tellTime()
        recorder?.endStep()
        for node in operators { try node.charged { () throws(SQLError) in try node.endStep() } }
        try sink.endStep()
        batchesInStep = 0
        stepStart = clock.monotonicNanoseconds
        steps += 1
        // What runs in a single step spills instead.
        if policy != .once { try checkMemory() }
    }

    /// In a single step too, else all rows would come at its start.
    private func tellTime() throws(SQLError) {
        guard !timed.isEmpty else { return }
        let now = clock.wallMilliseconds * 1_000
        recorder?.tellTime(now)
        for node in timed { try node.advanceTime(to: now) }
    }
}

// Waiting: IDLE, TIMEOUT and what people are told meanwhile.
extension QueryRun {
    private func wait() throws(SQLError) {
        let before = clock.monotonicNanoseconds
        let since = silentSince ?? before
        silentSince = since
        whileWaiting?(before - since)
        onTick?(before)
        _ = signal.wait(nanoseconds: waitNanoseconds(before))
        let spent = clock.monotonicNanoseconds - before
        waited += spent
        silent += spent
        try passSilence()
    }

    /// How long nothing may happen before the driver must look again.
    private func waitNanoseconds(_ now: Int64) -> Int64 {
        var longest = min(100_000_000, max(0, betweenStepsWithin))
        if case .periodic(let interval) = policy {
            longest = min(longest, max(1_000_000, interval - (now - stepStart)))
        }
        return longest
    }

    /// Silent partitions hold nothing back after IDLE; when all sources were silent for TIMEOUT,
    /// the open windows close.
    private func passSilence() throws(SQLError) {
        if !timed.isEmpty {
            try tellTime()
            batchesInStep += 1
        }
        for index in open where readings[index].passSilent(waited: waited) {
            batchesInStep += 1
            try advance(index, readings[index].tracker.watermark)
        }
        guard let timeout, silent >= timeout, let last = lastOpenEnd,
            open.allSatisfy({ readings[$0].input.source.maySleep })
        else { return }
        for index in open where readings[index].input.time != nil {
            // A time too far ahead of the clock is not believed here either.
            let ahead = clock.wallMilliseconds * 1_000 + WatermarkTracker.aheadMax
            let input = readings[index].input
            let isLive = input.isEndless || input.source.maySleep
            let target = isLive ? min(last, ahead) : last
            guard target > readings[index].watermark else { continue }
            batchesInStep += 1
            readings[index].tracker.raise(to: target)
            try advance(index, target)
        }
    }

    private var lastOpenEnd: Int64? {
        operators.compactMap { ($0 as? any WindowedOperator)?.openEnds?.last }
            .filter { $0 < Watermark.end }.max()
    }
}

// State, between two steps.
extension QueryRun {
    /// Reads on until every source can say where it is, and ends the step.
    public func reachBoundary() throws(SQLError) {
        for index in open {
            while !readings[index].hasEnded, readings[index].input.source.position == nil {
                guard let wantsWait = try readOnce(index) else { break }
                if wantsWait { _ = signal.wait(nanoseconds: 100_000_000) }
            }
        }
        open.removeAll { readings[$0].hasEnded }
        if batchesInStep > 0 { try endStep() }
    }

    /// Positions and watermarks of the inputs.
    public func write(_ state: inout OutputBuffer) throws(SQLError) {
        state.append(bigEndian: Int64(readings.count))
        for reading in readings { try reading.write(&state) }
    }

    /// Rows whose time was too far ahead of the clock to move a watermark.
    var rowsAhead: Int { readings.reduce(0) { $0 + $1.tracker.aheadCount } }

    /// How far topics were read.
    var readOffsets: [ReadOffset] { readings.flatMap { $0.input.source.readOffsets } }

    /// What an earlier run of the same query wrote. `resuming`: the sources are new ones.
    func read(
        _ state: inout StateReader, resuming: Bool, version: UInt32 = Snapshot.version
    ) throws(SQLError) {
        let count = try state.integer(Int64.self)
        guard count == Int64(readings.count) else {
            throw SQLError("the saved state belongs to another query", .internalError)
        }
        for index in readings.indices {
            try readings[index].read(&state, resuming: resuming, version: version)
        }
    }
}

// State that is saved as what was done since.
extension QueryRun {
    private var keepers: [(index: Int, source: any RowKeepingSource)] {
        readings.indices.compactMap { index in
            (readings[index].input.source as? any RowKeepingSource).map { (index, $0) }
        }
    }

    /// All that is done is told to `recorder` from now on.
    func record(to recorder: StepRecorder) {
        self.recorder = recorder
        for (index, source) in keepers { source.record(to: recorder, input: index) }
    }

    /// The rows that sources keep.
    func writeRows(_ state: inout OutputBuffer) {
        for (_, source) in keepers { source.writeRows(&state) }
    }

    func readRows(_ state: inout StateReader) throws(SQLError) {
        for (_, source) in keepers { try source.readRows(&state) }
    }

    /// Does once more what a recorder was told. `start`: lets rows out that need no source.
    func replay(_ recorded: [UInt8], start: () throws(SQLError) -> Void) throws(SQLError) {
        let types = readings.map { $0.input.types }
        var reader = StateReader(recorded)
        while reader.remaining > 0 {
            switch StepRecorder.Call(rawValue: try reader.integer(UInt8.self)) {
            case .start: try start()
            case .push:
                let index = try input(&reader)
                let batch = try reader.batch(types[index])
                try readings[index].input.entry.push(batch, input: 0)
            case .advance:
                let index = try input(&reader)
                let watermark = try reader.integer(Int64.self)
                try readings[index].input.entry.advance(watermark, input: 0)
            case .time:
                let now = try reader.integer(Int64.self)
                for node in timed { try node.advanceTime(to: now) }
            case .endStep: for node in operators { try node.endStep() }
            case .sourceChange:
                let index = try input(&reader)
                guard let source = readings[index].input.source as? any RowKeepingSource else {
                    throw QueryRun.foreignCalls
                }
                try source.repeatChange(&reader)
            case nil: throw QueryRun.foreignCalls
            }
        }
    }

    private func input(_ reader: inout StateReader) throws(SQLError) -> Int {
        let index = Int(try reader.integer(Int32.self))
        guard readings.indices.contains(index) else { throw QueryRun.foreignCalls }
        return index
    }

    private static let foreignCalls = SQLError(
        "the saved steps belong to another query", .internalError)
}
