import Formats

/// The six comparison operators.
enum Comparison: String, CaseIterable, Sendable {
    case equal = "="
    case notEqual = "<>"
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="

    /// The operator with its operands exchanged.
    var flipped: Comparison {
        switch self {
        case .equal, .notEqual: self
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        }
    }

    /// What the operator makes of a three-way comparison.
    @inline(__always)
    func holds(_ order: Int) -> Bool {
        switch self {
        case .equal: order == 0
        case .notEqual: order != 0
        case .less: order < 0
        case .lessOrEqual: order <= 0
        case .greater: order > 0
        case .greaterOrEqual: order >= 0
        }
    }
}

/// Comparing columns of one layout, row by row, into booleans.
enum ComparisonKernels {
    static func compare(
        _ comparison: Comparison, _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        var (a, b) = (arguments[0], arguments[1])
        var comparison = comparison
        if a.isConstant && !b.isConstant {
            (a, b) = (b, a)
            comparison = comparison.flipped
        }
        let target = Buffer<UInt8>(capacity: context.count)
        let out = unsafe target.base
        switch (a.storage, b.storage) {
        case (.integer, .integer):
            unsafe integers(comparison, a, b, context.count, out)
        case (.double, .double): unsafe doubles(comparison, a, b, context.count, out)
        case (.string, .string) where a.type != .jsonb:
            unsafe strings(comparison, a, b, context.count, out)
        default: unsafe try others(comparison, a, b, context, out)
        }
        return Column(.boolean, count: context.count, .boolean(target))
    }

    private static func integers(
        _ comparison: Comparison, _ a: Column, _ b: Column, _ count: Int,
        _ out: UnsafeMutablePointer<UInt8>
    ) {
        let x = unsafe a.integers
        let y = unsafe b.integers
        let mask = b.indexMask
        switch comparison {
        case .equal: unsafe loop(x, y, mask, count, out) { $0 == $1 }
        case .notEqual: unsafe loop(x, y, mask, count, out) { $0 != $1 }
        case .less: unsafe loop(x, y, mask, count, out) { $0 < $1 }
        case .lessOrEqual: unsafe loop(x, y, mask, count, out) { $0 <= $1 }
        case .greater: unsafe loop(x, y, mask, count, out) { $0 > $1 }
        case .greaterOrEqual: unsafe loop(x, y, mask, count, out) { $0 >= $1 }
        }
    }

    /// NaN is equal to itself and greater than all else.
    private static func doubles(
        _ comparison: Comparison, _ a: Column, _ b: Column, _ count: Int,
        _ out: UnsafeMutablePointer<UInt8>
    ) {
        let x = unsafe a.doubles
        let y = unsafe b.doubles
        let mask = b.indexMask
        switch comparison {
        case .equal: unsafe loop(x, y, mask, count, out) { $0 == $1 || ($0 != $0 && $1 != $1) }
        case .notEqual: unsafe loop(x, y, mask, count, out) { $0 != $1 && ($0 == $0 || $1 == $1) }
        case .less: unsafe loop(x, y, mask, count, out) { isLess($0, $1) }
        case .lessOrEqual: unsafe loop(x, y, mask, count, out) { !isLess($1, $0) }
        case .greater: unsafe loop(x, y, mask, count, out) { isLess($1, $0) }
        case .greaterOrEqual: unsafe loop(x, y, mask, count, out) { !isLess($0, $1) }
        }
    }

    @inline(__always)
    static func isLess(_ a: Double, _ b: Double) -> Bool { a < b || (b != b && a == a) }

    private static func strings(
        _ comparison: Comparison, _ a: Column, _ b: Column, _ count: Int,
        _ out: UnsafeMutablePointer<UInt8>
    ) {
        if a.type.isBlankPadded || b.type.isBlankPadded {
            return unsafe blankPadded(comparison, a, b, count, out)
        }
        let x = unsafe a.strings
        let y = unsafe b.strings
        let mask = b.indexMask
        switch comparison {
        case .equal: unsafe loop(x, y, mask, count, out) { $0 == $1 }
        case .notEqual: unsafe loop(x, y, mask, count, out) { !($0 == $1) }
        case .less: unsafe loop(x, y, mask, count, out) { StringView.compare($0, $1) < 0 }
        case .lessOrEqual: unsafe loop(x, y, mask, count, out) { StringView.compare($0, $1) <= 0 }
        case .greater: unsafe loop(x, y, mask, count, out) { StringView.compare($0, $1) > 0 }
        case .greaterOrEqual:
            unsafe loop(x, y, mask, count, out) { StringView.compare($0, $1) >= 0 }
        }
    }

    /// Blanks at the end of character(n) do not count.
    private static func blankPadded(
        _ comparison: Comparison, _ a: Column, _ b: Column, _ count: Int,
        _ out: UnsafeMutablePointer<UInt8>
    ) {
        let x = unsafe a.strings
        let y = unsafe b.strings
        unsafe loop(x, y, b.indexMask, count, out) { left, right in
            unsafe comparison.holds(
                left.withBytes { p in
                    unsafe right.withBytes { q in
                        unsafe compareBytes(withoutBlanks(p), withoutBlanks(q))
                    }
                })
        }
    }

    /// Equal up to blanks at the end.
    static func equalPadded(_ a: StringView, _ b: StringView) -> Bool {
        unsafe a.withBytes { p in
            unsafe b.withBytes { q in
                unsafe compareBytes(withoutBlanks(p), withoutBlanks(q)) == 0
            }
        }
    }

    private static func withoutBlanks(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var end = bytes.count
        while end > 0, unsafe bytes[end - 1] == 0x20 { end -= 1 }
        return unsafe UnsafeRawBufferPointer(rebasing: bytes[..<end])
    }

    @inline(__always)
    private static func loop<T>(
        _ x: UnsafePointer<T>, _ y: UnsafePointer<T>, _ mask: Int, _ count: Int,
        _ out: UnsafeMutablePointer<UInt8>, _ test: (T, T) -> Bool
    ) {
        var row = 0
        if mask == 0 {
            let right = unsafe y[0]
            let step = count == 0 ? 0 : 1
            while row < count {
                unsafe out[row] = unsafe test(x[row], right) ? 1 : 0
                row &+= step
            }
        } else {
            while row < count {
                unsafe out[row] = unsafe test(x[row], y[row]) ? 1 : 0
                row &+= 1
            }
        }
    }

    private static func others(
        _ comparison: Comparison, _ a: Column, _ b: Column, _ context: KernelContext,
        _ out: UnsafeMutablePointer<UInt8>
    ) throws(SQLError) {
        for row in 0..<context.count where context.isLive(row) {
            unsafe out[row] = comparison.holds(try ColumnOrder.compare(a, row, b, row)) ? 1 : 0
        }
    }
}

extension FunctionRegistry {
    /// `= <> < <= > >=` and `!=` for every type that has an order.
    static func addComparisons(_ list: inout FunctionList) {
        for comparison in Comparison.allCases {
            let kernel: ScalarFunction.Kernel = { arguments, context throws(SQLError) in
                try ComparisonKernels.compare(comparison, arguments, context)
            }
            let name = comparison.rawValue
            for a in integerTypes {
                for b in integerTypes { list.add(name, [a, b], .boolean, kernel) }
            }
            for a in [DataType.real, .double] {
                for b in [DataType.real, .double] { list.add(name, [a, b], .boolean, kernel) }
            }
            for type in comparedTypes { list.add(name, [type, type], .boolean, kernel) }
            list.add(name, any: [.anyArray, .anyArray], result: { _ in .boolean }, kernel)
            list.add(name, any: [.anyEnum, .anyEnum], result: { _ in .boolean }, kernel)
            list.add(name, any: [.anyRecord, .anyRecord], result: { _ in .boolean }, kernel)
        }
    }

    private static let comparedTypes: [DataType] = [
        .anyNumeric, .text, .char(1), .boolean, .bytea, .date, .time, .timestamp, .timestamptz,
        .interval, .uuid, .jsonb,
    ]
}
