import Formats

extension FunctionRegistry {
    /// Functions that give rows.
    static func addTables(_ list: inout FunctionList) {
        for type in [DataType.integer, .bigint] {
            for extra in [[], [type]] {
                list.add(
                    table: "generate_series", ([type, type] + extra).map { .type($0) }
                ) { types in
                    table("generate_series", types, type, SeriesFunctions.integers)
                }
            }
        }
        let n = DataType.anyNumeric
        for types in [[n, n], [n, n, n]] {
            list.add(table: "generate_series", types.map { .type($0) }) { types in
                table("generate_series", types, n, SeriesFunctions.numerics)
            }
        }
        for type in [DataType.timestamp, .timestamptz] {
            list.add(
                table: "generate_series", [.type(type), .type(type), .type(.interval)]
            ) { types throws(SQLError) in
                let plus = try scalar("+", [type, .interval])
                return table("generate_series", types, type) {
                    arguments, rows, context throws(SQLError) in
                    try SeriesFunctions.times(plus, type, arguments, rows, context)
                }
            }
        }
        addArrayTables(&list)
    }

    private static func addArrayTables(_ list: inout FunctionList) {
        list.add(table: "unnest", [.anyArray]) { types throws(SQLError) in
            guard case .array(var element) = types[0] else {
                throw SQLError("unnest takes an array", .datatypeMismatch)
            }
            while case .array(let inner) = element { element = inner }
            var columns = [Field("unnest", element)]
            if case .record(let fields) = element { columns = fields }
            return TableFunction("unnest", types, columns) { arguments, rows, _ throws(SQLError) in
                try SeriesFunctions.unnest(arguments, rows)
            }
        }
        for extra: [Overload.Parameter] in [[], [.type(.boolean)]] {
            list.add(
                table: "generate_subscripts", [.anyArray, .type(.integer)] + extra
            ) { types in
                table(
                    "generate_subscripts", types, .integer, SeriesFunctions.subscripts)
            }
        }
        for types: [DataType] in [[.text, .text], [.text, .text, .text]] {
            list.add(table: "string_to_table", types.map { .type($0) }) { types in
                table("string_to_table", types, .text, SeriesFunctions.split)
            }
        }
    }

    /// A function of one column that is named after it.
    static func table(
        _ name: String, _ types: [DataType], _ result: DataType,
        _ expand:
            @escaping @Sendable ([Value], [ColumnBuilder], KernelContext) throws(SQLError) -> Int
    ) -> TableFunction {
        TableFunction(name, types, [Field(name, result)], expand: expand)
    }
}

/// generate_series of integers, as many at a time as are asked for.
struct IntegerSeries {
    private var next: Int64?
    private let last: Int64
    private let step: Int64

    /// nil: an argument is null, so there are no rows.
    init?(_ arguments: [Value]) throws(SQLError) {
        guard case .integer(let start) = arguments[0], case .integer(let last) = arguments[1]
        else { return nil }
        var step: Int64 = 1
        if arguments.count > 2 {
            guard case .integer(let given) = arguments[2] else { return nil }
            step = given
        }
        if step == 0 { throw SeriesFunctions.zeroStep }
        next = start
        self.last = last
        self.step = step
    }

    /// Appends the next numbers; gives how many.
    mutating func fill(_ builder: ColumnBuilder, atMost most: Int) -> Int {
        var count = 0
        while count < most, let value = next, step > 0 ? value <= last : value >= last {
            builder.append(integer: value)
            count += 1
            let (following, overflow) = value.addingReportingOverflow(step)
            next = overflow ? nil : following
        }
        return count
    }
}

extension TableFunction {
    /// Its rows can be made as they are wanted (`IntegerSeries`).
    var isIntegerSeries: Bool {
        guard name == "generate_series", columns.count == 1 else { return false }
        return columns[0].type == .bigint || columns[0].type == .integer
    }
}

/// Rows of generate_series, unnest and their kin.
enum SeriesFunctions {
    static let zeroStep = SQLError("step size cannot equal zero", .invalidParameterValue)

    static func integers(
        _ arguments: [Value], _ rows: [ColumnBuilder], _ context: KernelContext
    ) throws(SQLError) -> Int {
        guard var series = try IntegerSeries(arguments) else { return 0 }
        return series.fill(rows[0], atMost: .max)
    }

    static func numerics(
        _ arguments: [Value], _ rows: [ColumnBuilder], _ context: KernelContext
    ) throws(SQLError) -> Int {
        var values: [Numeric] = []
        for (argument, name) in zip(arguments, ["start", "stop", "step size"]) {
            guard case .numeric(let value) = argument else { return 0 }
            if value.isNaN {
                throw SQLError("\(name) value cannot be NaN", .invalidParameterValue)
            }
            if !value.isFinite {
                throw SQLError("\(name) value cannot be infinity", .invalidParameterValue)
            }
            values.append(value)
        }
        let step = values.count > 2 ? values[2] : .one
        if step.signum == 0 { throw zeroStep }
        var value = values[0]
        var count = 0
        while step.signum > 0 ? value <= values[1] : value >= values[1] {
            rows[0].append(numeric: value)
            count += 1
            value = value + step
        }
        return count
    }

    static func times(
        _ plus: ScalarFunction, _ type: DataType, _ arguments: [Value], _ rows: [ColumnBuilder],
        _ context: KernelContext
    ) throws(SQLError) -> Int {
        guard case .integer(let start) = arguments[0], case .integer(let stop) = arguments[1],
            case .interval(let step) = arguments[2]
        else { return 0 }
        let sign = step.comparable.signum()
        if sign == 0 { throw zeroStep }
        let interval = Column.constant(arguments[2], .interval, count: 1)
        let inner = KernelContext(count: 1, type: type, session: context.session)
        var value = start
        var count = 0
        while sign > 0 ? value <= stop : value >= stop {
            rows[0].append(integer: value)
            count += 1
            let column = Column.make(type, [.integer(value)])
            guard case .integer(let next) = try plus.kernel([column, interval], inner).value(0)
            else { break }
            value = next
        }
        return count
    }

    static func unnest(_ arguments: [Value], _ rows: [ColumnBuilder]) throws(SQLError) -> Int {
        guard case .array(let values) = arguments[0] else { return 0 }
        var count = 0
        for value in values {
            // All dimensions are laid out.
            if case .array = value {
                count += try unnest([value], rows)
                continue
            }
            count += 1
            guard rows.count > 1 || isRecord(value) else {
                rows[0].append(value)
                continue
            }
            if case .record(let members) = value {
                for (member, row) in zip(members, rows) { row.append(member) }
            } else {
                for row in rows { row.appendNull() }
            }
        }
        return count
    }

    private static func isRecord(_ value: Value) -> Bool {
        if case .record = value { return true }
        return false
    }

    static func subscripts(
        _ arguments: [Value], _ rows: [ColumnBuilder], _ context: KernelContext
    ) throws(SQLError) -> Int {
        guard case .array(var values) = arguments[0],
            case .integer(let dimension) = arguments[1], dimension >= 1
        else { return 0 }
        for _ in 1..<min(dimension, 7) {
            guard case .array(let inner)? = values.first else { return 0 }
            values = inner
        }
        let isReversed = arguments.count > 2 && arguments[2] == .boolean(true)
        for index in 0..<values.count {
            rows[0].append(integer: Int64(isReversed ? values.count - index : index + 1))
        }
        return values.count
    }

    static func split(
        _ arguments: [Value], _ rows: [ColumnBuilder], _ context: KernelContext
    ) throws(SQLError) -> Int {
        let columns = arguments.map { Column.constant($0, .text, count: 1) }
        let inner = KernelContext(count: 1, type: .array(.text), session: context.session)
        guard case .array(let parts) = try ArrayTextKernels.split(columns, inner).value(0) else {
            return 0
        }
        for part in parts { rows[0].append(part) }
        return parts.count
    }
}
