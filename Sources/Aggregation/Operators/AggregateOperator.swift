import Bytes
import Formats

/// An operator that closes windows; the driver reads it for its report on late rows, for
/// `--explain-wait`, and to know how far a silent input's watermark must be moved.
public protocol WindowedOperator: AnyObject {
    /// Rows that came after their last window had ended.
    var lateRows: Int { get }
    /// Where rows that came too late go on (LATE ROWS TO); nil: nowhere.
    var lateTarget: Operator? { get set }
    /// The ends of the first and the last open window; nil: none is open.
    var openEnds: (first: Int64, last: Int64)? { get }
    /// Groups of open windows.
    var openGroups: Int { get }
    /// Open windows whose rows leave when they close; at the end of the input they do.
    var windowsToClose: Int { get }
}

/// GROUP BY, with grouping sets, FILTER and DISTINCT.
///
/// Without a window, or with one whose changes are asked for, the net change of each step leaves at
/// its end. With a window that emits on close, its groups leave once, when the watermark reaches
/// its end, and are freed; with LATE ROWS UPDATE they are kept for so long and leave again when
/// they change.
final class AggregateOperator: Operator, WindowedOperator, ProcessingTimeOperator {
    private let plan: AggregatePlan
    private let inputs: AggregateInputs
    private var sets: [AggregateGroups] = []
    private let isAppendOnly: Bool
    private(set) var lateRows = 0
    var lateTarget: Operator?
    /// Late rows are counted and handed out below, where each is one row.
    private let isJudgedBelow: Bool
    /// Of the input.
    private var watermark = Watermark.none
    private let input: Plan
    private let settings: SessionSettings
    /// Where rows go whose groups do not fit; nil: all groups stay in memory.
    private let spill: SpillBudget?
    /// One a set, once the memory was full.
    private var spilled: [SpilledGroups] = []
    /// Groups when the memory was looked at last, and batches since.
    private var groupsSeen = 0
    private var batchesUnseen = 0
    /// Works on what was spilled.
    private var part: Operator?
    /// Without a window groups are let go when they are idle; nil: never.
    private let idle: IdleClock?

    /// `input`: the plan of the rows that come.
    init(
        _ plan: AggregatePlan, input: Plan, isAppendOnly: Bool, spill: SpillBudget? = nil,
        idleLimit: Int64? = nil, isJudgedBelow: Bool = false, settings: SessionSettings
    ) throws(SQLError) {
        self.plan = plan
        self.isJudgedBelow = isJudgedBelow
        // A row that is taken back must find its group.
        idle = plan.window == nil && isAppendOnly ? idleLimit.map { IdleClock($0) } : nil
        self.input = input
        self.spill = spill
        self.settings = settings
        self.isAppendOnly = isAppendOnly
        inputs = try AggregateInputs(
            keys: plan.keys, calls: plan.calls, end: plan.window?.end, settings: settings)
        super.init("aggregate")
        try plan.refuseRetraction(isAppendOnly)
        for set in plan.groupingSets ?? [Array(plan.keys.indices)] {
            let shape = AggregateGroups.Shape(
                plan: plan, set: set, appendOnly: isAppendOnly,
                times: AggregateOperator.times(plan, set, input), idle: idle)
            sets.append(
                AggregateGroups(shape) { [unowned self] (columns, count, weight) throws(SQLError) in
                    let weights = weight == 1 ? nil : Buffer(repeating: weight, count: count)
                    try self.emit(Batch(columns, count: count, weights: weights))
                })
        }
    }

    /// The keys of a set that are time columns of the input.
    static func times(
        _ plan: AggregatePlan, _ set: [Int], _ input: Plan
    ) -> [(index: Int, unit: Int64)] {
        set.enumerated().compactMap { position, index in
            guard case .column(let column, let type) = plan.keys[index], type.isTime,
                input.facts.timeColumns.contains(column)
            else { return nil }
            return (position, type == .date ? 86_400_000_000 : 1)
        }
    }

    /// Groups leave when their window closes, not at the end of the input.
    var hasWindow: Bool { plan.window != nil }

    private var grace: Int64 {
        if case .update(let grace) = plan.lateRows { return grace }
        return 0
    }

    /// True: nothing leaves at the end of a step.
    private var emitsOnlyOnClose: Bool { plan.window?.emitsOnClose == true && grace == 0 }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        precondition(batch.count <= Batch.rowsMax, "a batch has at most 2,048 rows")
        try inputs.evaluate(batch)
        var rows = batch
        if let end = inputs.end, let kept = keep(end, batch) {
            if !isJudgedBelow { lateRows += batch.count - kept.count }
            if let lateTarget, !isJudgedBelow {
                let taken = Set(kept)
                let late = (0..<Int32(batch.count)).filter { !taken.contains($0) }
                try lateTarget.push(batch.gather(late), input: 0)
            }
            guard !kept.isEmpty else { return }
            rows = batch.gather(kept)
            try inputs.evaluate(rows)
        }
        try spillIfLarge()
        for (index, set) in sets.enumerated() {
            if index < spilled.count {
                try add(rows, to: set, or: spilled[index])
                if index + 1 < sets.count { try inputs.evaluate(rows) }
                continue
            }
            try set.add(
                inputs, count: rows.count, weights: rows.weights, notes: !emitsOnlyOnClose)
        }
    }

    /// From the moment when the memory is full, new groups go to disk.
    private func spillIfLarge() throws(SQLError) {
        // Groups on disk would lose the watermark that their rows came after.
        guard let spill, spilled.isEmpty, !hasWindow || watermark == Watermark.none else { return }
        batchesUnseen += 1
        guard openGroups - groupsSeen >= Limits.groupsUnseenMax || batchesUnseen >= 32 else {
            return
        }
        (groupsSeen, batchesUnseen) = (openGroups, 0)
        guard try spill.isExceeded(by: self) else { return }
        for set in plan.groupingSets ?? [Array(plan.keys.indices)] {
            var part = plan
            if plan.groupingSets != nil { part.groupingSets = [set] }
            spilled.append(try SpilledGroups(part, set: set, input: input, settings, spill))
        }
    }

    /// Rows of groups that are there are added; the others go to disk.
    private func add(
        _ batch: Batch, to set: AggregateGroups, or spilled: SpilledGroups
    ) throws(SQLError) {
        let (known, unknown, keys) = set.split(inputs, count: batch.count)
        if !unknown.isEmpty {
            try spilled.add(batch.gather(unknown), keys: keys.map { $0.gather(unknown) })
            if known.isEmpty { return }
            let rest = batch.gather(known)
            try inputs.evaluate(rest)
            return try set.add(
                inputs, count: rest.count, weights: rest.weights, notes: !emitsOnlyOnClose)
        }
        try set.add(
            inputs, count: batch.count, weights: batch.weights, notes: !emitsOnlyOnClose)
    }

    private func finishSpilled() throws(SQLError) {
        guard !spilled.isEmpty else { return }
        // What was in memory has left.
        sets = []
        for set in spilled { try set.finish(of: self) { self.part = $0 } }
        spilled = []
    }

    /// The rows that are not late; nil: all.
    private func keep(_ end: Column, _ batch: Batch) -> [Int32]? {
        let ends = unsafe end.integers
        let mask = end.indexMask
        let closed = watermark == Watermark.none ? watermark : watermark.saturatingMinus(grace)
        if batch.watermarks == nil {
            var least = Int64.max
            var row = 0
            let count = end.isConstant ? 1 : batch.count
            while row < count {
                least = unsafe min(least, ends[row])
                row &+= 1
            }
            if least > closed { return nil }
        }
        var kept: [Int32] = []
        for row in 0..<batch.count {
            let bound = end.isNull(row) ? Int64.max : unsafe ends[row & mask]
            let own = batch.watermarks.map { $0[row] } ?? Watermark.none
            let isLate = own != Watermark.none && bound <= own.saturatingMinus(grace)
            if !isLate && (bound > closed || bound == .max) { kept.append(Int32(row)) }
        }
        return kept.count == batch.count ? nil : kept
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        guard watermark > self.watermark else { return }
        self.watermark = watermark
        idle?.advance(watermark: watermark)
        if watermark == Watermark.end {
            try flush()
            try finishSpilled()
            return try emitWatermark(watermark)
        }
        guard plan.window?.emitsOnClose == true else { return }
        for set in sets { try set.close(upTo: watermark, keeping: grace > 0) }
        if emitsOnlyOnClose, spilled.isEmpty { try emitWatermark(output) }
    }

    /// No row will leave with a smaller time in its keys.
    private var output: Int64 { sets.reduce(watermark) { min($0, $1.hold) } }

    /// Emits what is left to emit, and frees what can no longer change.
    private func flush() throws(SQLError) {
        if plan.window?.emitsOnClose == true {
            for set in sets { try set.close(upTo: watermark, keeping: grace > 0) }
        }
        if !emitsOnlyOnClose { for set in sets { try set.emitChanges() } }
        if plan.window != nil, watermark != Watermark.none {
            let freed = watermark == .max ? watermark : watermark.saturatingMinus(grace)
            for set in sets { set.free(upTo: freed) }
        }
    }

    override func endStep() throws(SQLError) {
        guard !emitsOnlyOnClose, watermark != Watermark.end else { return }
        try flush()
        if let idle, idle.takeSweep() {
            for set in sets { idleKeysFreed += set.freeIdle() }
        }
        if watermark != Watermark.none { try emitWatermark(output) }
    }

    var goesByClock: Bool { idle != nil }

    func advanceTime(to now: Int64) throws(SQLError) { idle?.advance(clock: now) }

    var openEnds: (first: Int64, last: Int64)? {
        let all = sets.compactMap(\.openEnds)
        guard let first = all.map(\.first).min(), let last = all.map(\.last).max() else {
            return nil
        }
        return (first, last)
    }

    var windowsToClose: Int {
        guard plan.window?.emitsOnClose == true else { return 0 }
        return sets.reduce(0) { $0 + $1.openWindows(after: watermark) }
    }

    var openGroups: Int { sets.reduce(0) { $0 + $1.count } }

    override var memory: Int { sets.reduce(part?.memory ?? 0) { $0 + $1.memory } }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard let old = old as? AggregateOperator, old.spilled.isEmpty, old.part == nil,
            sets.count == old.sets.count
        else { return false }
        for (set, before) in zip(sets, old.sets) {
            guard try set.carry(from: before, widening) else { return false }
        }
        watermark = old.watermark
        lateRows = old.lateRows
        if let idle, let other = old.idle { idle.follow(other) }
        return true
    }

    override func write(_ state: inout OutputBuffer) {
        state.append(bigEndian: watermark)
        state.append(bigEndian: Int64(lateRows))
        idle?.write(&state)
        for set in sets { set.write(&state) }
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        watermark = try state.integer(Int64.self)
        lateRows = Int(try state.integer(Int64.self))
        try idle?.read(&state)
        for set in sets { try set.read(&state) }
    }
}

extension Int64 {
    /// Without leaving the range; the ends of time stay.
    func saturatingMinus(_ other: Int64) -> Int64 {
        if self == .min || self == .max { return self }
        let (value, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other > 0 ? .min : .max) : value
    }
}
