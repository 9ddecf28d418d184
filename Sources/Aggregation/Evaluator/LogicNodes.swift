import Formats

/// Three-valued truth of rows: 0 false, 1 true, 2 unknown.
struct Truth {
    private(set) var codes: [UInt8]

    init(_ column: Column) {
        let values = unsafe column.booleans
        let mask = column.indexMask
        codes = unsafe [UInt8](unsafeUninitializedCapacity: column.count) { target, used in
            for row in 0..<column.count { unsafe target[row] = unsafe values[row & mask] }
            used = column.count
        }
        guard column.validity != nil else { return }
        for row in 0..<column.count where column.isNull(row) { codes[row] = 2 }
    }

    /// `decisive`: the value that decides alone, 0 for AND and 1 for OR.
    mutating func combine(_ other: Truth, decisive: UInt8) {
        for row in codes.indices {
            codes[row] = Truth.combined(codes[row], other.codes[row], decisive)
        }
    }

    mutating func combine(_ other: Truth, at rows: [Int32], decisive: UInt8) {
        for (index, row) in rows.enumerated() {
            codes[Int(row)] = Truth.combined(codes[Int(row)], other.codes[index], decisive)
        }
    }

    @inline(__always)
    private static func combined(_ a: UInt8, _ b: UInt8, _ decisive: UInt8) -> UInt8 {
        a == decisive || b == decisive ? decisive : max(a, b)
    }

    /// The rows that are not decided yet.
    func open(decisive: UInt8) -> [Int32] {
        var rows: [Int32] = []
        for row in codes.indices where codes[row] != decisive { rows.append(Int32(row)) }
        return rows
    }

    var column: Column {
        let values = Buffer<UInt8>(capacity: codes.count)
        var validity: Bitmap?
        for row in codes.indices {
            values[row] = codes[row] & 1
            if codes[row] == 2 {
                let bits = validity ?? Bitmap.allSet(codes.count)
                bits.clear(row)
                validity = bits
            }
        }
        return Column(.boolean, count: codes.count, .boolean(values), validity: validity)
    }
}

/// AND or OR of conditions; the later ones are evaluated only for the rows that are still open.
final class JunctionNode: ExpressionNode {
    private let conditions: [ExpressionNode]
    private let isAnd: Bool

    init(_ conditions: [ExpressionNode], isAnd: Bool) {
        self.conditions = conditions
        self.isAnd = isAnd
        super.init(
            .boolean, isConstant: conditions.allSatisfy { $0.isConstant },
            isSafe: conditions.allSatisfy { $0.isSafe })
    }

    override func compute(_ frame: Frame) throws(SQLError) -> Column {
        let decisive: UInt8 = isAnd ? 0 : 1
        guard let first = conditions.first else {
            return Column.constant(.boolean(isAnd), .boolean, count: frame.count)
        }
        var truth = Truth(try first.column(frame))
        for condition in conditions.dropFirst() {
            if condition.isSafe {
                truth.combine(Truth(try condition.column(frame)), decisive: decisive)
                continue
            }
            let open = truth.open(decisive: decisive)
            if open.isEmpty { break }
            let part = Truth(try condition.column(frame.narrowed(to: open)))
            truth.combine(part, at: open, decisive: decisive)
        }
        return truth.column
    }

    override func select(_ frame: Frame, _ rows: [Int32]?) throws(SQLError) -> [Int32]? {
        isAnd ? try selectAll(frame, rows) : try selectAny(frame, rows)
    }

    private func selectAll(_ frame: Frame, _ rows: [Int32]?) throws(SQLError) -> [Int32]? {
        var left = rows
        for condition in conditions {
            if let left, left.isEmpty { return [] }
            left = try condition.select(frame, left)
        }
        return left
    }

    private func selectAny(_ frame: Frame, _ rows: [Int32]?) throws(SQLError) -> [Int32]? {
        var found: [Int32] = []
        var left = rows
        for condition in conditions {
            if let left, left.isEmpty { break }
            guard let part = try condition.select(frame, left) else { return rows }
            left = RowSelection.without(part, left, count: frame.count)
            found = found.isEmpty ? part : RowSelection.union(found, part)
        }
        return found.count == frame.count ? nil : found
    }
}

/// NOT.
final class NotNode: ExpressionNode {
    private let inner: ExpressionNode

    init(_ inner: ExpressionNode) {
        self.inner = inner
        super.init(.boolean, isConstant: inner.isConstant, isSafe: inner.isSafe)
    }

    override func compute(_ frame: Frame) throws(SQLError) -> Column {
        let column = try inner.column(frame)
        let values = unsafe column.booleans
        let mask = column.indexMask
        let count = column.isConstant ? 1 : column.count
        let target = Buffer<UInt8>(capacity: count)
        for row in 0..<count { unsafe target.base[row] = unsafe values[row & mask] ^ 1 }
        return Column(
            .boolean, count: column.count, .boolean(target), validity: column.validity,
            isConstant: column.isConstant)
    }
}

/// IS NULL.
final class IsNullNode: ExpressionNode {
    private let inner: ExpressionNode

    init(_ inner: ExpressionNode) {
        self.inner = inner
        super.init(.boolean, isConstant: inner.isConstant, isSafe: inner.isSafe)
    }

    override func compute(_ frame: Frame) throws(SQLError) -> Column {
        let column = try inner.column(frame)
        if case .record = column.type { return records(column) }
        guard column.validity != nil, !column.isConstant else {
            let isNull = column.count > 0 && column.isNull(0)
            return Column.constant(.boolean(isNull), .boolean, count: column.count)
        }
        let target = Buffer<UInt8>(capacity: column.count)
        for row in 0..<column.count { unsafe target.base[row] = column.isNull(row) ? 1 : 0 }
        return Column(.boolean, count: column.count, .boolean(target))
    }

    /// A record is null also if all of its members are.
    private func records(_ column: Column) -> Column {
        let flat = column.flat
        let members = flat.members
        let target = Buffer<UInt8>(capacity: column.count)
        for row in 0..<column.count {
            let isNull = flat.isNull(row) || members.allSatisfy { $0.isNull(row) }
            unsafe target.base[row] = isNull ? 1 : 0
        }
        return Column(.boolean, count: column.count, .boolean(target))
    }
}

/// IS DISTINCT FROM: never null.
final class IsDistinctNode: ExpressionNode {
    private let left: ExpressionNode
    private let right: ExpressionNode

    init(_ left: ExpressionNode, _ right: ExpressionNode) {
        self.left = left
        self.right = right
        super.init(
            .boolean, isConstant: left.isConstant && right.isConstant,
            isSafe: left.isSafe && right.isSafe)
    }

    override func compute(_ frame: Frame) throws(SQLError) -> Column {
        let a = try left.column(frame)
        let b = try right.column(frame)
        let target = Buffer<UInt8>(capacity: frame.count)
        for row in 0..<frame.count {
            let isDistinct =
                switch (a.isNull(row), b.isNull(row)) {
                case (true, true): false
                case (false, false): try ColumnOrder.compare(a, row, b, row) != 0
                default: true
                }
            unsafe target.base[row] = isDistinct ? 1 : 0
        }
        return Column(.boolean, count: frame.count, .boolean(target))
    }
}
