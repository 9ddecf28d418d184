import Formats

/// CASE: a branch's condition is evaluated for the rows that no earlier one took, its result for
/// the rows that it takes.
final class ChoiceNode: ExpressionNode {
    private let branches: [(condition: ExpressionNode, result: ExpressionNode)]
    private let otherwise: ExpressionNode?

    init(
        _ branches: [(condition: ExpressionNode, result: ExpressionNode)],
        otherwise: ExpressionNode?, _ type: DataType
    ) {
        self.branches = branches
        self.otherwise = otherwise
        let all = branches.flatMap { [$0.condition, $0.result] } + (otherwise.map { [$0] } ?? [])
        super.init(
            type, isConstant: all.allSatisfy { $0.isConstant },
            isSafe: all.allSatisfy { $0.isSafe })
    }

    override func compute(_ frame: Frame) throws(SQLError) -> Column {
        var merge = RowMerge(type, count: frame.count)
        var left: [Int32]?
        for (condition, result) in branches {
            if let left, left.isEmpty { break }
            let taken = try condition.select(frame, left)
            try merge.add(result, frame, taken ?? left)
            guard let taken else { return merge.finish() }
            left = RowSelection.without(taken, left, count: frame.count)
        }
        if let otherwise { try merge.add(otherwise, frame, left) }
        return merge.finish()
    }
}

/// COALESCE: a later value is evaluated for the rows where all earlier ones are null.
final class CoalesceNode: ExpressionNode {
    private let values: [ExpressionNode]

    init(_ values: [ExpressionNode], _ type: DataType) {
        self.values = values
        super.init(
            type, isConstant: values.allSatisfy { $0.isConstant },
            isSafe: values.allSatisfy { $0.isSafe })
    }

    override func compute(_ frame: Frame) throws(SQLError) -> Column {
        var merge = RowMerge(type, count: frame.count)
        var left: [Int32]?
        for value in values {
            if let left, left.isEmpty { break }
            let part = left.map { frame.narrowed(to: $0) } ?? frame
            let column = try value.column(part)
            guard column.validity != nil else {
                merge.add(column, at: left)
                return merge.finish()
            }
            var missing: [Int32] = []
            for row in 0..<part.count where column.isNull(row) {
                missing.append(left?[row] ?? Int32(row))
            }
            merge.add(column, at: left)
            left = missing
        }
        return merge.finish()
    }
}

/// A column that is put together from columns for some of its rows; a row that is given twice has
/// the later value, one that is never given is null.
struct RowMerge {
    private let type: DataType
    private let count: Int
    private var parts: [Part] = []

    private struct Part {
        let column: Column
        /// nil: all rows.
        let rows: [Int32]?
        /// Element i of the column is for row i, not for `rows[i]`.
        let isAligned: Bool
    }

    init(_ type: DataType, count: Int) {
        self.type = type
        self.count = count
    }

    /// Values for `rows` (nil: all), in that order.
    mutating func add(_ column: Column, at rows: [Int32]?) {
        parts.append(Part(column: column, rows: rows, isAligned: rows == nil))
    }

    /// The value of `node` for `rows` of the frame, and for no other.
    mutating func add(
        _ node: ExpressionNode, _ frame: Frame, _ rows: [Int32]?
    ) throws(SQLError) {
        guard let rows else { return add(try node.column(frame), at: nil) }
        if rows.isEmpty { return }
        if node is ColumnNode || node.isConstant {
            let column = try node.column(frame)
            parts.append(Part(column: column, rows: rows, isAligned: true))
        } else {
            add(try node.column(frame.narrowed(to: rows)), at: rows)
        }
    }

    func finish() -> Column {
        if parts.count == 1, parts[0].rows == nil {
            let column = parts[0].column
            return column.type == type ? column : column.retyped(type)
        }
        let validity = mergedValidity()
        switch type.layout {
        case .boolean: return unsafe column(.boolean(merged(0) { unsafe $0.booleans }), validity)
        case .integer: return unsafe column(.integer(merged(0) { unsafe $0.integers }), validity)
        case .double: return unsafe column(.double(merged(0) { unsafe $0.doubles }), validity)
        case .interval:
            return unsafe column(.interval(merged(Interval()) { unsafe $0.intervals }), validity)
        case .string:
            var owners: [AnyObject] = []
            for part in parts {
                if case .string(_, let more) = part.column.storage { owners += more }
            }
            return unsafe column(
                .string(merged(StringView()) { unsafe $0.strings }, owners: owners), validity)
        case .numeric: return column(.numeric(mergedNumerics()), validity)
        case .array, .record: return nested(validity)
        }
    }

    private func column(_ storage: Column.Storage, _ validity: Bitmap?) -> Column {
        Column(type, count: count, storage, validity: validity)
    }

    /// Calls `body` with each row that a part gives and the element that it gives for it.
    @inline(__always)
    private func each(_ part: Part, _ body: (_ row: Int, _ element: Int) -> Void) {
        let mask = part.column.indexMask
        guard let rows = part.rows else {
            for row in 0..<count { body(row, row & mask) }
            return
        }
        for index in rows.indices {
            let row = Int(rows[index])
            body(row, (part.isAligned ? row : index) & mask)
        }
    }

    private func merged<T>(
        _ empty: T, _ pointer: (Column) -> UnsafePointer<T>
    ) -> Buffer<T> {
        let target = Buffer<T>(repeating: empty, count: count)
        for part in parts {
            let source = unsafe pointer(part.column)
            each(part) { row, element in unsafe target.base[row] = unsafe source[element] }
        }
        return target
    }

    private func mergedNumerics() -> [Numeric] {
        var target = [Numeric](repeating: Numeric(0), count: count)
        for part in parts {
            let source = part.column.numerics
            each(part) { row, element in target[row] = source[element] }
        }
        return target
    }

    private func mergedValidity() -> Bitmap? {
        let validity = Bitmap(repeating: 0, count: (count + 63) / 64)
        for part in parts {
            let bits = part.column.validity
            each(part) { row, element in
                if bits?.isSet(element) ?? true { validity.set(row) } else { validity.clear(row) }
            }
        }
        for row in 0..<count where !validity.isSet(row) { return validity }
        return nil
    }

    private func nested(_ validity: Bitmap?) -> Column {
        var sources = [(part: Int, element: Int)](repeating: (-1, 0), count: count)
        for (index, part) in parts.enumerated() {
            each(part) { row, element in sources[row] = (index, element) }
        }
        let builder = ColumnBuilder(type, capacity: count)
        for (part, element) in sources {
            if part < 0 {
                builder.appendNull()
            } else {
                builder.append(from: parts[part].column, element)
            }
        }
        return builder.finish()
    }
}
