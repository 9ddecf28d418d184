import Formats

/// A node of a compiled expression. `Evaluator` and `Predicate` own trees of them and call them
/// with one frame at a time, on their own thread.
class ExpressionNode {
    let type: DataType
    /// Of `ExpressionCompiler`: the same number means the same expression.
    var identity = 0
    /// Where the result is kept within a frame, if several places ask for it; else -1.
    var slot = -1
    /// The same for all rows and batches of a statement.
    let isConstant: Bool
    /// It throws for no input, so it may be computed for rows that do not need it.
    let isSafe: Bool

    init(_ type: DataType, isConstant: Bool, isSafe: Bool) {
        self.type = type
        self.isConstant = isConstant
        self.isSafe = isSafe
    }

    /// A column of `frame.count` rows.
    func compute(_ frame: Frame) throws(SQLError) -> Column {
        preconditionFailure("\(Swift.type(of: self)) computes")
    }

    final func column(_ frame: Frame) throws(SQLError) -> Column {
        guard slot >= 0 else { return try compute(frame) }
        if let known = frame.sharedResult(slot) { return known }
        let result = try compute(frame)
        frame.keep(result, slot: slot)
        return result
    }

    /// Those of `rows` (nil: all) for which the node, a condition, is true; nil: all.
    func select(_ frame: Frame, _ rows: [Int32]?) throws(SQLError) -> [Int32]? {
        guard let rows else { return RowSelection.trueRows(try column(frame)) }
        if isSafe && rows.count * 4 >= frame.count {
            return RowSelection.trueRows(try column(frame), of: rows)
        }
        let found = RowSelection.trueRows(try column(frame.narrowed(to: rows)))
        return found.map { list in list.map { rows[Int($0)] } } ?? rows
    }
}

/// Picking row numbers by a column of booleans.
enum RowSelection {
    /// The rows that are true; nil: all.
    static func trueRows(_ column: Column) -> [Int32]? {
        let values = unsafe column.booleans
        let count = column.count
        if column.isConstant {
            return unsafe count == 0 || (!column.isNull(0) && values[0] != 0) ? nil : []
        }
        let found = unsafe [Int32](unsafeUninitializedCapacity: count) { target, used in
            var row = 0
            var next = 0
            if let validity = column.validity {
                while row < count {
                    unsafe target[next] = Int32(truncatingIfNeeded: row)
                    unsafe next &+= validity.isSet(row) && values[row] != 0 ? 1 : 0
                    row &+= 1
                }
            } else {
                while row < count {
                    unsafe target[next] = Int32(truncatingIfNeeded: row)
                    unsafe next &+= Int(values[row])
                    row &+= 1
                }
            }
            used = next
        }
        return found.count == count ? nil : found
    }

    static func trueRows(_ column: Column, of rows: [Int32]) -> [Int32] {
        let values = unsafe column.booleans
        let mask = column.indexMask
        return rows.filter { row in
            unsafe values[Int(row) & mask] != 0 && !column.isNull(Int(row))
        }
    }

    /// The rows below `count` (or of `rows`) that are not among `taken`; both ascend.
    static func without(_ taken: [Int32], _ rows: [Int32]?, count: Int) -> [Int32] {
        var result: [Int32] = []
        result.reserveCapacity((rows?.count ?? count) - taken.count)
        var next = 0
        func visit(_ row: Int32) {
            if next < taken.count && taken[next] == row {
                next += 1
            } else {
                result.append(row)
            }
        }
        if let rows {
            for row in rows { visit(row) }
        } else {
            for row in 0..<Int32(count) { visit(row) }
        }
        return result
    }

    /// Two ascending lists as one.
    static func union(_ a: [Int32], _ b: [Int32]) -> [Int32] {
        var result: [Int32] = []
        result.reserveCapacity(a.count + b.count)
        var (i, j) = (0, 0)
        while i < a.count && j < b.count {
            if a[i] < b[j] {
                result.append(a[i])
                i += 1
            } else {
                result.append(b[j])
                j += 1
            }
        }
        result += a[i...]
        result += b[j...]
        return result
    }
}

/// A column of the input.
final class ColumnNode: ExpressionNode {
    let index: Int

    init(_ index: Int, _ type: DataType) {
        self.index = index
        super.init(type, isConstant: false, isSafe: true)
    }

    override func compute(_ frame: Frame) throws(SQLError) -> Column { frame.column(index) }
}

/// A literal.
final class LiteralNode: ExpressionNode {
    let value: Value
    private let one: Column

    init(_ value: Value, _ type: DataType) {
        self.value = value
        one = Column.constant(value, type, count: 1)
        super.init(type, isConstant: true, isSafe: true)
    }

    override func compute(_ frame: Frame) throws(SQLError) -> Column { one.repeated(frame.count) }
}

/// A member of a record.
final class MemberNode: ExpressionNode {
    private let record: ExpressionNode
    private let index: Int

    init(_ record: ExpressionNode, _ index: Int, _ type: DataType) {
        self.record = record
        self.index = index
        super.init(type, isConstant: record.isConstant, isSafe: record.isSafe)
    }

    override func compute(_ frame: Frame) throws(SQLError) -> Column {
        let column = try record.column(frame)
        guard !column.isConstant else {
            let value = column.count == 0 ? .null : column.value(0)
            if case .record(let values) = value {
                return Column.constant(values[index], type, count: frame.count)
            }
            return Column.constant(.null, type, count: frame.count)
        }
        return column.members[index].clearing(column.validity)
    }
}

/// ROW(...).
final class RecordNode: ExpressionNode {
    private let members: [ExpressionNode]

    init(_ members: [ExpressionNode], _ type: DataType) {
        self.members = members
        super.init(
            type, isConstant: members.allSatisfy { $0.isConstant },
            isSafe: members.allSatisfy { $0.isSafe })
    }

    override func compute(_ frame: Frame) throws(SQLError) -> Column {
        var columns: [Column] = []
        for member in members { columns.append(try member.column(frame).flat) }
        return Column(type, count: frame.count, .record(columns))
    }
}

/// ARRAY[...].
final class ArrayNode: ExpressionNode {
    private let elements: [ExpressionNode]

    init(_ elements: [ExpressionNode], _ type: DataType) {
        self.elements = elements
        super.init(
            type, isConstant: elements.allSatisfy { $0.isConstant },
            isSafe: elements.allSatisfy { $0.isSafe })
    }

    override func compute(_ frame: Frame) throws(SQLError) -> Column {
        var columns: [Column] = []
        for element in elements { columns.append(try element.column(frame)) }
        let builder = ColumnBuilder(type, capacity: frame.count)
        for row in 0..<frame.count {
            builder.appendArray { target in
                for column in columns { append(column, row, to: target) }
            }
        }
        return builder.finish()
    }
}

extension ArrayNode {
    /// An array among the elements of an array of its own type is laid out: arrays have one
    /// dimension.
    private func append(_ column: Column, _ row: Int, to target: ColumnBuilder) {
        guard column.type.layout == .array, target.type.layout != .array else {
            return target.append(from: column, row)
        }
        guard let range = ArrayKernels.range(column, row) else { return }
        for element in range { unsafe target.append(from: column.arrays.elements, element) }
    }
}

extension Column {
    /// The same values, with the rows also null where `live` has no bit.
    func clearing(_ live: Bitmap?) -> Column {
        guard let live else { return self }
        guard let validity else {
            return Column(type, count: count, storage, validity: live, isConstant: isConstant)
        }
        let merged = Bitmap(capacity: (count + 63) / 64)
        for word in 0..<(count + 63) / 64 { merged[word] = validity[word] & live[word] }
        return Column(type, count: count, storage, validity: merged, isConstant: isConstant)
    }
}
