import Formats

/// A watermark: no row with a smaller time will come, but late ones. In microseconds since 1970.
public enum Watermark {
    /// Nothing is known yet.
    public static let none = Int64.min
    /// The input has ended.
    public static let end = Int64.max
}

/// A node of a running query. It takes batches and watermarks from its inputs and hands others to
/// its outputs, at once and on the caller's thread; it sees no clock, file or thread.
///
/// A query advances in steps: batches and watermarks run through the whole graph, then `endStep` is
/// called on all operators, inputs first. What can still change leaves a stateful operator only at
/// the end of a step, as the net change; what cannot change leaves at once. Only between steps is
/// state written. End of input is `advance(Watermark.end)`, and that is all an operator learns of
/// finiteness.
open class Operator {
    public let name: String
    private var outputs: [(Operator, input: Int)] = []
    /// Rows that have left, for EXPLAIN ANALYZE.
    public private(set) var rowsOut = 0
    /// Rows that are in no window, as they have no time.
    public var rowsWithoutTime = 0
    /// Rows that came after what they belong to was closed, of operators that close no windows.
    public internal(set) var lateRowsLeftOut = 0
    /// Keys whose state was let go because nothing touched it (--state-ttl).
    public internal(set) var idleKeysFreed = 0
    /// Rows that have come in.
    public private(set) var rowsIn = 0
    /// Nanoseconds spent in this operator itself, where a meter is set.
    public fileprivate(set) var nanoseconds: Int64 = 0
    /// Set by whoever wants the time of each operator of a query; one for all of them.
    public var meter: OperatorMeter?

    /// Set by whoever wants to end a query while an operator is busy.
    public var stopCheck: (any StopCheck)?

    /// What it hands out has left before: it goes nowhere.
    var isMuted = false

    /// Set where nothing may grow past the memory of the query.
    var memoryGuard: MemoryGuard?

    /// A watermark that waits for the rows that belong before it.
    private var heldWatermark = Watermark.none

    public init(_ name: String) { self.name = name }

    public func connect(to target: Operator, input: Int) { outputs.append((target, input)) }

    open func push(_ batch: Batch, input: Int) throws(SQLError) {
        preconditionFailure("\(name) takes no batches")
    }

    /// The watermark of an input; it never falls.
    open func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        preconditionFailure("\(name) takes no watermarks")
    }

    open func endStep() throws(SQLError) {}

    /// Bytes of state held.
    open var memory: Int { 0 }

    /// False: it holds what `write` does not write, so its query cannot go on in another process.
    open var keepsState: Bool { true }
    open func write(_ state: inout OutputBuffer) {}
    open func read(_ state: inout StateReader) throws(SQLError) {}

    /// Takes the state of the same operator of the same query, whose rows had narrower types.
    /// False: it cannot, and is not used.
    open func carry(from old: Operator, _ widening: ColumnWidening) throws(SQLError) -> Bool {
        false
    }

    /// False once nothing that comes can change the result (LIMIT is reached): sources may stop.
    open var wantsMore: Bool { outputs.contains { $0.0.wantsMore } }

    /// What EXPLAIN says beside the name.
    open var details: String { "" }

    /// Hands a batch on; an empty one is dropped.
    public final func emit(_ batch: Batch) throws(SQLError) {
        guard batch.count > 0, !isMuted else { return }
        rowsOut += batch.count
        if let stopCheck { try stopCheck.look() }
        if let memoryGuard { try memoryGuard.look() }
        for (target, input) in outputs {
            target.rowsIn += batch.count
            guard let meter else {
                try target.push(batch, input: input)
                continue
            }
            let caller = meter.enter(target)
            defer { meter.leave(to: caller) }
            try target.push(batch, input: input)
        }
    }

    /// Charges this operator with the time of what a driver does with it.
    public final func charged(_ body: () throws(SQLError) -> Void) throws(SQLError) {
        guard let meter else { return try body() }
        let caller = meter.enter(self)
        defer { meter.leave(to: caller) }
        try body()
    }

    /// In place of `emitWatermark`, by an operator that still holds rows which came before this
    /// watermark: a window above would else close without them. `emitHeldWatermark` lets it go
    /// behind the changes of the step.
    final func holdWatermark(_ watermark: Int64) { heldWatermark = max(heldWatermark, watermark) }

    final func emitHeldWatermark() throws(SQLError) {
        guard heldWatermark != Watermark.none else { return }
        let watermark = heldWatermark
        heldWatermark = Watermark.none
        try emitWatermark(watermark)
    }

    public final func emitWatermark(_ watermark: Int64) throws(SQLError) {
        for (target, input) in outputs {
            guard let meter else {
                try target.advance(watermark, input: input)
                continue
            }
            let caller = meter.enter(target)
            defer { meter.leave(to: caller) }
            try target.advance(watermark, input: input)
        }
    }
}

/// Ends a query whose operators are busy for long without coming back to its driver. Looked at on
/// the query's thread whenever rows are handed on.
public protocol StopCheck: AnyObject {
    func look() throws(SQLError)
}

/// Charges the time of a query to its operators, each without those that it calls. The clock comes
/// from whoever drives the query, on whose thread all of this runs.
public final class OperatorMeter {
    private let now: () -> Int64
    private var current: Operator?
    private var since: Int64

    public init(nanoseconds now: @escaping () -> Int64) {
        self.now = now
        since = now()
    }

    /// Time from here on is the operator's; gives the one whose it was.
    public func enter(_ target: Operator?) -> Operator? {
        let time = now()
        current?.nanoseconds += time - since
        since = time
        let caller = current
        current = target
        return caller
    }

    public func leave(to caller: Operator?) { _ = enter(caller) }
}
