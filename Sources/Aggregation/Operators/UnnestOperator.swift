import Formats

/// For each row the rows of table functions, side by side, behind its columns. A function that
/// gives fewer rows than another is filled with nulls.
final class UnnestOperator: Operator {
    private struct Call {
        var function: TableFunction
        var arguments: RowExpressions
    }
    private let calls: [Call]
    private let withOrdinality: Bool
    private let keepsEmpty: Bool
    private let settings: SessionSettings
    /// Bytes of the rows that a long list makes, until they are handed on.
    private var held = 0

    override var memory: Int { held }

    init(
        _ calls: [TableFunctionCall], withOrdinality: Bool, keepsEmpty: Bool,
        _ settings: SessionSettings
    ) throws(SQLError) {
        var prepared: [Call] = []
        for call in calls {
            prepared.append(
                Call(
                    function: call.function,
                    arguments: try RowExpressions(call.arguments, settings)))
        }
        self.calls = prepared
        self.withOrdinality = withOrdinality
        self.keepsEmpty = keepsEmpty
        self.settings = settings
        super.init("table functions")
    }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        try carryAsWritten(from: old)
    }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        var arguments: [[Column]] = []
        for call in calls { arguments.append(try call.arguments.columns(batch)) }
        let builders = calls.map { $0.function.columns.map { ColumnBuilder($0.type) } }
        let ordinals = ColumnBuilder(.bigint)
        var rows: [Int32] = []
        let context = KernelContext(count: 1, type: .unknown, session: settings)
        let isSeries = calls.count == 1 && calls[0].function.isIntegerSeries
        for row in 0..<batch.count {
            if isSeries {
                let values = arguments[0].map { $0.value(row) }
                try series(values, row, batch, &rows, builders, ordinals)
                continue
            }
            let longest = try expand(row, arguments, builders, context)
            for number in 0..<longest {
                rows.append(Int32(row))
                ordinals.append(integer: Int64(number + 1))
            }
            if longest == 0 { keepEmpty(row, &rows, builders, ordinals) }
            if rows.count >= Batch.rowsMax {
                try flush(batch, &rows, builders, ordinals)
            }
        }
        try flush(batch, &rows, builders, ordinals)
        held = 0
    }

    /// A row without rows of its own stays, where that is asked for.
    private func keepEmpty(
        _ row: Int, _ rows: inout [Int32], _ builders: [[ColumnBuilder]], _ ordinals: ColumnBuilder
    ) {
        guard keepsEmpty else { return }
        for builder in builders.joined() { builder.appendNull() }
        ordinals.appendNull()
        rows.append(Int32(row))
    }

    /// A series is handed on a batch at a time, however long it is.
    private func series(
        _ arguments: [Value], _ row: Int, _ batch: Batch, _ rows: inout [Int32],
        _ builders: [[ColumnBuilder]], _ ordinals: ColumnBuilder
    ) throws(SQLError) {
        var number = 0
        if var series = try IntegerSeries(arguments) {
            while wantsMore {
                let count = series.fill(builders[0][0], atMost: Batch.rowsMax - rows.count)
                for _ in 0..<count {
                    number += 1
                    rows.append(Int32(row))
                    ordinals.append(integer: Int64(number))
                }
                guard rows.count >= Batch.rowsMax else { break }
                try flush(batch, &rows, builders, ordinals)
            }
        }
        if number == 0 { keepEmpty(row, &rows, builders, ordinals) }
        if rows.count >= Batch.rowsMax { try flush(batch, &rows, builders, ordinals) }
    }

    /// Appends the rows of one input row; gives how many there are.
    private func expand(
        _ row: Int, _ arguments: [[Column]], _ builders: [[ColumnBuilder]],
        _ context: KernelContext
    ) throws(SQLError) -> Int {
        var counts: [Int] = []
        for (index, call) in calls.enumerated() {
            let values = arguments[index].map { $0.value(row) }
            counts.append(try call.function.expand(values, builders[index], context))
        }
        let longest = counts.max() ?? 0
        if longest > Batch.rowsMax {
            let columns = builders.reduce(1) { $0 + $1.count }
            held = longest * columns * 16
            for argument in arguments.joined() { held += argument.value(row).bytes }
            try memoryGuard?.lookNow()
        }
        for (index, count) in counts.enumerated() {
            for _ in count..<longest { for builder in builders[index] { builder.appendNull() } }
        }
        return longest
    }

    private func flush(
        _ batch: Batch, _ rows: inout [Int32], _ builders: [[ColumnBuilder]],
        _ ordinals: ColumnBuilder
    ) throws(SQLError) {
        guard !rows.isEmpty else { return }
        var made = builders.joined().map { $0.finish() }
        let numbers = ordinals.finish()
        if withOrdinality { made.append(numbers) }
        for part in parts(rows, batch) {
            let own = Array(rows[part])
            let isOne = own.count > 1 && own.first == own.last
            let columns = batch.columns.map { column in
                guard isOne, column.isNested, !column.isConstant else { return column.gather(own) }
                return column.gather([own[0]]).constant(count: own.count)
            }
            let weights = batch.weights.map { all in Buffer(own.map { all[Int($0)] }) }
            try emit(
                rows: columns + made.map { $0.slice(part) }, count: own.count, weights: weights)
        }
        rows = []
    }

    /// The rows of one input row by themselves where they are many and it holds an array, which
    /// they then have in common: a copy for each would cost the square of its length.
    private func parts(_ rows: [Int32], _ batch: Batch) -> [Range<Int>] {
        guard batch.columns.contains(where: { $0.isNested && !$0.isConstant }) else {
            return [0..<rows.count]
        }
        var parts: [Range<Int>] = []
        var (start, index) = (0, 0)
        while index < rows.count {
            var end = index + 1
            while end < rows.count, rows[end] == rows[index] { end += 1 }
            if end - index >= UnnestOperator.commonMin {
                if start < index { parts.append(start..<index) }
                parts.append(index..<end)
                start = end
            }
            index = end
        }
        if start < rows.count { parts.append(start..<rows.count) }
        return parts
    }

    private static let commonMin = 16

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        try emitWatermark(watermark)
    }
}

extension Column {
    fileprivate var isNested: Bool {
        switch storage {
        case .array, .record: true
        default: false
        }
    }

    /// The one row, as so many.
    fileprivate func constant(count: Int) -> Column {
        Column(type, count: count, storage, validity: validity, isConstant: true)
    }
}

extension Value {
    /// What the value takes in memory, about.
    fileprivate var bytes: Int {
        switch self {
        case .text(let text): text.utf8.count + 32
        case .bytes(let bytes): bytes.count + 32
        case .array(let list), .record(let list): list.reduce(32) { $0 + $1.bytes }
        default: 16
        }
    }
}
