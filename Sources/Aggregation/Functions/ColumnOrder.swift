import Formats

/// The order of values of any type, as the comparison operators, ORDER BY, MIN and MAX see it.
public enum ColumnOrder {
    /// Negative, 0 or positive. Neither row is null; within arrays and records a null is greater
    /// than all else and equal to itself.
    public static func compare(
        _ a: Column, _ row: Int, _ b: Column, _ other: Int
    ) throws(SQLError) -> Int {
        let (i, j) = (row & a.indexMask, other & b.indexMask)
        switch (a.storage, b.storage) {
        case (.integer(let x), .integer(let y)): return order(x[i], y[j])
        case (.boolean(let x), .boolean(let y)): return order(x[i], y[j])
        case (.double(let x), .double(let y)):
            return ComparisonKernels.isLess(x[i], y[j])
                ? -1 : ComparisonKernels.isLess(y[j], x[i]) ? 1 : 0
        case (.numeric(let x), .numeric(let y)): return x[i].compare(y[j])
        case (.interval(let x), .interval(let y)): return order(x[i], y[j])
        case (.string(let x, _), .string(let y, _)):
            if a.type == .jsonb, b.type == .jsonb { return try JSONTree.compare(x[i], y[j]) }
            return StringView.compare(x[i], y[j])
        case (.array(let x, let p), .array(let y, let q)):
            return try arrays((x[i], x[i + 1]), p, (y[j], y[j + 1]), q)
        case (.record(let x), .record(let y)): return try records(x, i, y, j)
        default:
            throw SQLError(
                "cannot compare \(a.type.baseName) with \(b.type.baseName)", .datatypeMismatch)
        }
    }

    private static func order<T: Comparable>(_ a: T, _ b: T) -> Int { a < b ? -1 : a == b ? 0 : 1 }

    /// Nulls compare as the greatest.
    private static func compareNullable(
        _ a: Column, _ row: Int, _ b: Column, _ other: Int
    ) throws(SQLError) -> Int {
        switch (a.isNull(row), b.isNull(other)) {
        case (true, true): 0
        case (true, false): 1
        case (false, true): -1
        case (false, false): try compare(a, row, b, other)
        }
    }

    private static func arrays(
        _ a: (Int32, Int32), _ p: Column, _ b: (Int32, Int32), _ q: Column
    ) throws(SQLError) -> Int {
        let (left, right) = (Int(a.1 - a.0), Int(b.1 - b.0))
        for index in 0..<min(left, right) {
            let result = try compareNullable(p, Int(a.0) + index, q, Int(b.0) + index)
            if result != 0 { return result }
        }
        return left - right
    }

    private static func records(
        _ a: [Column], _ i: Int, _ b: [Column], _ j: Int
    ) throws(SQLError) -> Int {
        guard a.count == b.count else {
            throw SQLError(
                "cannot compare record types with different numbers of columns", .datatypeMismatch)
        }
        for index in a.indices {
            let result = try compareNullable(a[index], i, b[index], j)
            if result != 0 { return result }
        }
        return 0
    }
}
