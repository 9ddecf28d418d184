import Bytes
import Formats

/// SESSION: what rows and whole sessions do to the states of a subclass, in the order of the rows.
/// Sessions leave when the watermark passes their end, which is the last row's time and the gap.
class SessionOperator: Operator, WindowedOperator {
    let tracker: SessionTracker
    private(set) var lateRows = 0
    var lateTarget: Operator?
    private var watermark = Watermark.none

    init(_ name: String, gap: Int64, types: [DataType]) {
        tracker = SessionTracker(gap: gap, types: types)
        super.init(name)
    }

    /// Evaluates a batch; gives its partition keys and times.
    func prepare(_ batch: Batch) throws(SQLError) -> (keys: [Column], times: Column) {
        preconditionFailure("\(name) lacks a method")
    }

    /// Adds rows of the batch to their sessions.
    func take(_ batch: Batch, rows: [Int32], sessions: [Int32]) throws(SQLError) {
        preconditionFailure("\(name) lacks a method")
    }

    func grow(to count: Int) {}
    func merge(_ source: Int32, into target: Int32) throws(SQLError) {}
    func reset(_ session: Int32) {}
    /// Hands out sessions that have ended.
    func close(_ sessions: [Int32]) throws(SQLError) {}

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        if let weights = batch.weights,
            (0..<batch.count).contains(where: { weights[$0] < 0 })
        {
            throw SQLError(
                "SESSION needs rows that are only inserted", .featureNotSupported,
                hint: "Rows that are taken back would split sessions that have been merged.")
        }
        let (keys, times) = try prepare(batch)
        let ids = Buffer<Int32>(capacity: batch.count)
        unsafe tracker.table.find(keys, count: batch.count, into: ids.base, inserting: true)
        tracker.growKeys()
        var rows: [Int32] = []
        var sessions: [Int32] = []
        var late: [Int32] = []
        let values = unsafe times.integers
        for row in 0..<batch.count {
            let time = unsafe values[row & times.indexMask]
            // Neither null nor an infinity.
            guard !times.isNull(row), time.magnitude < UInt64(Int64.max) / 2 else {
                rowsWithoutTime += 1
                continue
            }
            let own = batch.watermarks.map { $0[row] } ?? Watermark.none
            switch tracker.add(ids[row], time, own) {
            case .isLate:
                lateRows += 1
                late.append(Int32(row))
                continue
            case .joins(let session): sessions.append(session)
            case .merges(let target, let others):
                // What came before goes to its sessions first: the order of rows stays.
                try flush(batch, &rows, &sessions)
                for other in others {
                    try merge(other, into: target)
                    reset(other)
                }
                sessions.append(target)
            }
            rows.append(Int32(row))
        }
        try flush(batch, &rows, &sessions)
        if let lateTarget, !late.isEmpty { try lateTarget.push(batch.gather(late), input: 0) }
    }

    private func flush(
        _ batch: Batch, _ rows: inout [Int32], _ sessions: inout [Int32]
    ) throws(SQLError) {
        grow(to: tracker.bound)
        guard !rows.isEmpty else { return }
        try take(batch, rows: rows, sessions: sessions)
        rows.removeAll(keepingCapacity: true)
        sessions.removeAll(keepingCapacity: true)
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        guard watermark > self.watermark else { return }
        self.watermark = watermark
        let closing = tracker.due(watermark)
        var start = 0
        while start < closing.count {
            let part = Array(closing[start..<min(start + Batch.rowsMax, closing.count)])
            try close(part)
            for session in part { reset(session) }
            start += part.count
        }
        tracker.forget(closing)
        let isEnd = watermark == Watermark.end
        try emitWatermark(isEnd ? watermark : tracker.hold(watermark))
    }

    var openEnds: (first: Int64, last: Int64)? { tracker.openEnds }
    var openGroups: Int { tracker.count }
    var windowsToClose: Int { tracker.count }
    override var memory: Int { tracker.memory }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard let old = old as? SessionOperator, try tracker.carry(from: old.tracker, widening)
        else { return false }
        watermark = old.watermark
        lateRows = old.lateRows
        grow(to: tracker.bound)
        return true
    }

    override func write(_ state: inout OutputBuffer) {
        state.append(bigEndian: watermark)
        state.append(bigEndian: Int64(lateRows))
        tracker.write(&state)
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        watermark = try state.integer(Int64.self)
        lateRows = Int(try state.integer(Int64.self))
        try tracker.read(&state)
        grow(to: tracker.bound)
    }
}

/// SESSION where rows themselves are asked for: they are kept until their session ends and leave
/// with its window, session by session.
final class SessionWindowOperator: SessionOperator {
    private let time: Int
    private let partition: [Int]
    private let type: DataType
    private let bag: RowBag

    init(gap: Int64, partition: [Int], time: Int, types: [DataType], type: DataType) {
        self.time = time
        self.partition = partition
        self.type = type
        bag = RowBag(types)
        super.init("session", gap: gap, types: partition.map { types[$0] })
    }

    override func prepare(_ batch: Batch) throws(SQLError) -> (keys: [Column], times: Column) {
        (partition.map { batch.columns[$0] }, batch.columns[time].microseconds)
    }

    override func take(_ batch: Batch, rows: [Int32], sessions: [Int32]) throws(SQLError) {
        for (row, session) in zip(rows, sessions) {
            bag.add(batch.columns, Int(row), session, weight: batch.weight(Int(row)))
        }
    }

    override func grow(to count: Int) { bag.grow(to: count) }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        bag.merge(source, into: target)
    }

    override func reset(_ session: Int32) { bag.reset(session) }

    override func close(_ sessions: [Int32]) throws(SQLError) {
        for session in sessions {
            let rows = bag.rows(session)
            let (start, end) = (tracker.start(session), tracker.end(session))
            var from = 0
            while from < rows.count {
                let part = Array(rows[from..<min(from + Batch.rowsMax, rows.count)])
                let window = [start, end, end - windowTimeGap].map {
                    Column.constant(.integer($0), type, count: part.count)
                }
                let columns = bag.columns.map { $0.column(part) }
                try emit(Batch(columns + window, count: part.count))
                from += part.count
            }
        }
    }

    override var memory: Int { super.memory + bag.memory }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard let old = old as? SessionWindowOperator,
            try super.carry(from: old, widening)
        else { return false }
        return try bag.carry(from: old.bag, tracker.sessions, widening)
    }

    override func write(_ state: inout OutputBuffer) {
        super.write(&state)
        bag.write(&state)
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        try super.read(&state)
        try bag.read(&state)
        bag.grow(to: tracker.bound)
    }
}

/// GROUP BY the partition keys and the window directly over SESSION: a state a session.
final class SessionAggregateOperator: SessionOperator {
    private let kinds: [WindowKey]
    /// For each plain key its place among the partition keys.
    private let places: [Int]
    private let type: DataType
    private let inputs: AggregateInputs
    private let states: AggregateStates

    /// nil: the keys are not those of the partition. `split`: see `WindowKey.split`.
    init?(
        _ plan: AggregatePlan, _ split: (kinds: [WindowKey], plain: [Expression]),
        gap: Int64, partition: [Int], time: Expression, columns: [DataType], type: DataType,
        settings: SessionSettings
    ) throws(SQLError) {
        var places: [Int] = []
        for key in split.plain {
            guard case .column(let index, _) = key, let place = partition.firstIndex(of: index)
            else { return nil }
            places.append(place)
        }
        guard Set(places).count == Set(partition).count else { return nil }
        self.places = places
        self.type = type
        kinds = split.kinds
        let keys = partition.map { Expression.column($0, columns[$0]) }
        inputs = try AggregateInputs(keys: keys, calls: plan.calls, end: time, settings: settings)
        states = AggregateStates(plan.calls, appendOnly: true)
        super.init("session aggregate", gap: gap, types: keys.map(\.type))
    }

    override func prepare(_ batch: Batch) throws(SQLError) -> (keys: [Column], times: Column) {
        try inputs.evaluate(batch)
        guard let times = inputs.end else { preconditionFailure("a session has a time") }
        return (inputs.keys, times.microseconds)
    }

    override func take(_ batch: Batch, rows: [Int32], sessions: [Int32]) throws(SQLError) {
        var part = batch
        if rows.count < batch.count {
            part = batch.gather(rows)
            try inputs.evaluate(part)
        }
        try states.update(
            inputs, groups: Buffer(sessions), count: rows.count, weights: part.weights)
    }

    override func grow(to count: Int) { states.grow(to: count) }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        try states.merge(source, into: target)
    }

    override func reset(_ session: Int32) { states.reset(session) }

    override func close(_ sessions: [Int32]) throws(SQLError) {
        let keys = tracker.table.keys(sessions.map { tracker.owner($0) })
        let starts = Buffer(sessions.map { tracker.start($0) })
        let ends = Buffer(sessions.map { tracker.end($0) })
        let columns = WindowKey.columns(
            kinds, places.map { keys[$0] }, type: type,
            starts: Column(.bigint, count: sessions.count, .integer(starts)),
            ends: Column(.bigint, count: sessions.count, .integer(ends)))
        try emit(Batch(columns + (try states.results(sessions)), count: sessions.count))
    }

    override var memory: Int { super.memory + states.memory }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard let old = old as? SessionAggregateOperator,
            try super.carry(from: old, widening)
        else { return false }
        return try states.carry(from: old.states, tracker.sessions, widening)
    }

    override func write(_ state: inout OutputBuffer) {
        super.write(&state)
        states.write(&state)
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        try super.read(&state)
        try states.read(&state)
    }
}
