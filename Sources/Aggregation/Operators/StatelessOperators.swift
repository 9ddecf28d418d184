import Formats

/// Where the batches of a source enter the graph; the driver pushes into it.
final class ScanOperator: Operator {
    init(_ relation: any Relation) { super.init("scan \(relation.name)") }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        try carryAsWritten(from: old)
    }

    override func push(_ batch: Batch, input: Int) throws(SQLError) { try emit(batch) }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        try emitWatermark(watermark)
    }
}

/// Hands on what several places of the plan read.
final class SharedOperator: Operator {
    init(_ plan: SharedPlan) { super.init("shared \(plan.name)") }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        try carryAsWritten(from: old)
    }

    override func push(_ batch: Batch, input: Int) throws(SQLError) { try emit(batch) }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        try emitWatermark(watermark)
    }
}

/// Rows of constant expressions; they leave when the query starts.
final class ValuesOperator: Operator {
    private let batches: [Batch]
    private var hasStarted = false
    /// Whoever has set it starts it.
    var startsLater = false

    init(
        _ rows: [[Expression]], _ columns: [Field], _ settings: SessionSettings
    ) throws(SQLError) {
        var batches: [Batch] = []
        var start = 0
        while start < rows.count {
            let part = rows[start..<min(start + Batch.rowsMax, rows.count)]
            let builders = columns.map { ColumnBuilder($0.type, capacity: part.count) }
            for row in part {
                for (builder, expression) in zip(builders, row) {
                    builder.append(try Evaluator.value(expression, settings: settings))
                }
            }
            batches.append(Batch(builders.map { $0.finish() }, count: part.count))
            start += part.count
        }
        self.batches = batches
        super.init("values")
    }

    /// Called once, by the compiled query or a union.
    func start() throws(SQLError) {
        guard !hasStarted else { return }
        hasStarted = true
        for batch in batches { try emit(batch) }
        try emitWatermark(Watermark.end)
    }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        try carryAsWritten(from: old)
    }

    override func write(_ state: inout OutputBuffer) { state.append(hasStarted ? 1 : 0) }

    override func read(_ state: inout StateReader) throws(SQLError) {
        // Whoever reads the rows has the end of this input in its own state.
        hasStarted = try state.integer(UInt8.self) != 0
    }
}

/// The rows for which a condition is true.
final class FilterOperator: Operator {
    private let condition: Predicate

    init(_ condition: Expression, _ settings: SessionSettings) throws(SQLError) {
        self.condition = try Predicate(condition, settings: settings)
        super.init("filter")
    }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        try carryAsWritten(from: old)
    }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        guard let rows = try condition.select(batch) else { return try emit(batch) }
        if !rows.isEmpty { try emit(batch.gather(rows)) }
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        try emitWatermark(watermark)
    }
}

/// Other columns of the same rows.
final class ProjectOperator: Operator {
    private let expressions: RowExpressions

    init(_ expressions: [Expression], _ settings: SessionSettings) throws(SQLError) {
        self.expressions = try RowExpressions(expressions, settings)
        super.init("project")
    }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        try carryAsWritten(from: old)
    }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        try emit(batch.replacing(try expressions.columns(batch)))
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        try emitWatermark(watermark)
    }
}

/// The first rows to come, of an input that only grows.
final class LimitOperator: Operator {
    /// nil: all.
    private var left: Int64?
    private var skip: Int64

    init(limit: Int64?, offset: Int64) {
        left = limit
        skip = offset
        super.init("limit")
    }

    override var wantsMore: Bool { left != 0 && super.wantsMore }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        try carryAsWritten(from: old)
    }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        if left == 0 { return }
        guard batch.weights == nil else { return try pushWeighted(batch) }
        if skip >= batch.count {
            skip -= Int64(batch.count)
            return
        }
        let start = Int(skip)
        skip = 0
        var end = batch.count
        if let left { end = min(end, start + Int(min(left, Int64(batch.count)))) }
        if let before = left { left = before - Int64(end - start) }
        try emit(batch.slice(start..<end))
    }

    /// A row of weight n stands for n rows.
    private func pushWeighted(_ batch: Batch) throws(SQLError) {
        var rows: [Int32] = []
        var weights: [Int64] = []
        for row in 0..<batch.count where left != 0 {
            var weight = batch.weight(row)
            let skipped = min(skip, weight)
            skip -= skipped
            weight -= skipped
            if let before = left {
                weight = min(weight, before)
                left = before - weight
            }
            guard weight > 0 else { continue }
            rows.append(Int32(row))
            weights.append(weight)
        }
        let picked = batch.gather(rows)
        try emit(Batch(picked.columns, count: rows.count, weights: Buffer(weights)))
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        try emitWatermark(watermark)
    }

    override func write(_ state: inout OutputBuffer) {
        state.append(bigEndian: left ?? -1)
        state.append(bigEndian: skip)
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        let saved = try state.integer(Int64.self)
        left = saved < 0 ? nil : saved
        skip = try state.integer(Int64.self)
    }
}

/// The rows of several inputs.
final class UnionOperator: Operator {
    private var watermarks: InputWatermarks
    /// Branches of constant rows, by their numbers, which leave when those before have ended: rows
    /// then come in the order of the text.
    private var later: [Int: [ValuesOperator]]

    init(inputs: Int, _ later: [Int: [ValuesOperator]] = [:]) {
        watermarks = InputWatermarks(inputs)
        self.later = later
        for values in later.values.joined() { values.startsLater = true }
        super.init("union")
    }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        try carryAsWritten(from: old)
    }

    override func push(_ batch: Batch, input: Int) throws(SQLError) { try emit(batch) }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        if let least = watermarks.advance(watermark, input) { try emitWatermark(least) }
        guard watermark == Watermark.end, !later.isEmpty else { return }
        for number in later.keys.sorted() {
            guard (0..<number).allSatisfy({ watermarks.hasEnded($0) }) else { break }
            for values in later.removeValue(forKey: number) ?? [] { try values.start() }
        }
    }

    override func write(_ state: inout OutputBuffer) { watermarks.write(&state) }
    override func read(_ state: inout StateReader) throws(SQLError) { try watermarks.read(&state) }
}

/// The watermarks of an operator's inputs, and their minimum.
struct InputWatermarks {
    private(set) var inputs: [Int64]
    private(set) var least = Watermark.none

    init(_ count: Int) { inputs = Array(repeating: Watermark.none, count: count) }

    subscript(input: Int) -> Int64 { inputs[input] }

    func hasEnded(_ input: Int) -> Bool { inputs[input] == Watermark.end }

    /// The new minimum, if it has risen.
    mutating func advance(_ watermark: Int64, _ input: Int) -> Int64? {
        guard watermark > inputs[input] else { return nil }
        inputs[input] = watermark
        let lowest = inputs.min() ?? Watermark.end
        guard lowest > least else { return nil }
        least = lowest
        return least
    }

    func write(_ state: inout OutputBuffer) {
        state.append(bigEndian: least)
        for watermark in inputs { state.append(bigEndian: watermark) }
    }

    mutating func read(_ state: inout StateReader) throws(SQLError) {
        least = try state.integer(Int64.self)
        for index in inputs.indices { inputs[index] = try state.integer(Int64.self) }
    }
}
