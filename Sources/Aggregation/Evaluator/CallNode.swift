import Formats

/// A call of a function.
class CallNode: ExpressionNode {
    let function: ScalarFunction
    let arguments: [ExpressionNode]
    /// The result, where it is constant.
    private var constant: Column?

    init(_ function: ScalarFunction, _ arguments: [ExpressionNode], _ type: DataType) {
        self.function = function
        self.arguments = arguments
        super.init(
            type,
            isConstant: function.volatility != .volatile && arguments.allSatisfy { $0.isConstant },
            isSafe: CallNode.safeFunctions.contains(function.name)
                && arguments.allSatisfy { $0.isSafe })
    }

    /// Functions that throw for no arguments, by name (all overloads).
    static let safeFunctions: Set<String> = [
        "=", "<>", "<", "<=", ">", ">=", "lower", "upper", "length", "btrim", "ltrim", "rtrim",
        "starts_with", "left", "right", "||", "split_part",
    ]

    override func compute(_ frame: Frame) throws(SQLError) -> Column {
        if let constant { return constant.repeated(frame.count) }
        var columns: [Column] = []
        columns.reserveCapacity(arguments.count)
        for argument in arguments { columns.append(try argument.column(frame)) }
        let isOnce =
            function.volatility != .volatile && columns.allSatisfy { $0.isConstant }
        guard isOnce else { return try apply(columns, frame.count, frame.session) }
        let ones = columns.map { $0.repeated(1) }
        let one = try apply(ones, 1, frame.session)
        let result = Column(
            one.type, count: frame.count, one.storage, validity: one.validity, isConstant: true)
        // Within a row of a branch constants of the frame are not constants of the statement.
        if isConstant { constant = result }
        return result
    }

    private func apply(
        _ columns: [Column], _ count: Int, _ session: SessionSettings
    ) throws(SQLError) -> Column {
        var context = KernelContext(count: count, type: type, session: session)
        guard function.isStrict else { return typed(try function.kernel(columns, context)) }
        for column in columns where column.isConstant && column.count > 0 && column.isNull(0) {
            return Column.constant(.null, type, count: count)
        }
        context.live = CallNode.live(columns, count)
        return typed(try function.kernel(columns, context).clearing(context.live))
    }

    private func typed(_ column: Column) -> Column {
        column.type == type ? column : column.retyped(type)
    }

    /// The rows where no argument is null; nil: all.
    static func live(_ columns: [Column], _ count: Int) -> Bitmap? {
        var live: Bitmap?
        var isOwn = false
        for column in columns where !column.isConstant {
            guard let validity = column.validity else { continue }
            guard let known = live else {
                live = validity
                continue
            }
            let target = isOwn ? known : Bitmap(capacity: (count + 63) / 64)
            for word in 0..<(count + 63) / 64 { target[word] = known[word] & validity[word] }
            live = target
            isOwn = true
        }
        return live
    }
}

/// A comparison of integers, doubles or strings with a constant: rows are selected directly.
final class ComparisonNode: CallNode {
    private let comparison: Comparison
    private let operand: ExpressionNode
    private let constantSide: ExpressionNode

    init?(_ function: ScalarFunction, _ arguments: [ExpressionNode]) {
        guard let comparison = Comparison(rawValue: function.name), arguments.count == 2,
            arguments[0].isConstant != arguments[1].isConstant
        else { return nil }
        for argument in arguments {
            switch argument.type {
            // Their values are not their bytes.
            case .char, .jsonb: return nil
            default: break
            }
            switch argument.type.layout {
            case .integer, .double, .string: break
            default: return nil
            }
        }
        let isRight = arguments[1].isConstant
        self.comparison = isRight ? comparison : comparison.flipped
        operand = arguments[isRight ? 0 : 1]
        constantSide = arguments[isRight ? 1 : 0]
        super.init(function, arguments, .boolean)
    }

    override func select(_ frame: Frame, _ rows: [Int32]?) throws(SQLError) -> [Int32]? {
        // A gathered operand would be computed for rows that do not reach it.
        if rows != nil && !operand.isSafe { return try super.select(frame, rows) }
        let column = try operand.column(frame)
        let one = try constantSide.column(frame)
        if frame.count == 0 { return nil }
        if one.isNull(0) { return [] }
        let found: [Int32]
        switch column.storage {
        case .integer(let buffer):
            found = unsafe integers(buffer.base, one.integers[0], column, rows)
        case .double(let buffer):
            found = unsafe doubles(buffer.base, one.doubles[0], column, rows)
        case .string(let buffer, _):
            found = unsafe strings(buffer.base, one.strings[0], column, rows)
        default: return try super.select(frame, rows)
        }
        return found.count == frame.count ? nil : found
    }

    private func integers(
        _ x: UnsafePointer<Int64>, _ y: Int64, _ column: Column, _ rows: [Int32]?
    ) -> [Int32] {
        switch comparison {
        case .equal: unsafe pick(x, column, rows) { $0 == y }
        case .notEqual: unsafe pick(x, column, rows) { $0 != y }
        case .less: unsafe pick(x, column, rows) { $0 < y }
        case .lessOrEqual: unsafe pick(x, column, rows) { $0 <= y }
        case .greater: unsafe pick(x, column, rows) { $0 > y }
        case .greaterOrEqual: unsafe pick(x, column, rows) { $0 >= y }
        }
    }

    private func doubles(
        _ x: UnsafePointer<Double>, _ y: Double, _ column: Column, _ rows: [Int32]?
    ) -> [Int32] {
        switch comparison {
        case .equal: unsafe pick(x, column, rows) { $0 == y || ($0 != $0 && y != y) }
        case .notEqual: unsafe pick(x, column, rows) { $0 != y && ($0 == $0 || y == y) }
        case .less: unsafe pick(x, column, rows) { ComparisonKernels.isLess($0, y) }
        case .lessOrEqual: unsafe pick(x, column, rows) { !ComparisonKernels.isLess(y, $0) }
        case .greater: unsafe pick(x, column, rows) { ComparisonKernels.isLess(y, $0) }
        case .greaterOrEqual: unsafe pick(x, column, rows) { !ComparisonKernels.isLess($0, y) }
        }
    }

    private func strings(
        _ x: UnsafePointer<StringView>, _ y: StringView, _ column: Column, _ rows: [Int32]?
    ) -> [Int32] {
        switch comparison {
        case .equal: unsafe pick(x, column, rows) { $0 == y }
        case .notEqual: unsafe pick(x, column, rows) { !($0 == y) }
        default:
            unsafe pick(x, column, rows) { [comparison] in
                comparison.holds(StringView.compare($0, y))
            }
        }
    }

    @inline(__always)
    private func pick<T>(
        _ x: UnsafePointer<T>, _ column: Column, _ rows: [Int32]?, _ test: (T) -> Bool
    ) -> [Int32] {
        let mask = column.indexMask
        let validity = column.validity
        let total = rows?.count ?? column.count
        return unsafe [Int32](unsafeUninitializedCapacity: total) { target, used in
            var next = 0
            var index = 0
            if let rows {
                while index < total {
                    let row = Int(rows[index])
                    unsafe target[next] = rows[index]
                    unsafe next &+= test(x[row & mask]) && !column.isNull(row) ? 1 : 0
                    index &+= 1
                }
            } else if let validity {
                let bits = column.isConstant ? 0 : -1
                while index < total {
                    unsafe target[next] = Int32(truncatingIfNeeded: index)
                    unsafe next &+= test(x[index & mask]) && validity.isSet(index & bits) ? 1 : 0
                    index &+= 1
                }
            } else {
                while index < total {
                    unsafe target[next] = Int32(truncatingIfNeeded: index)
                    unsafe next &+= test(x[index & mask]) ? 1 : 0
                    index &+= 1
                }
            }
            used = next
        }
    }
}
