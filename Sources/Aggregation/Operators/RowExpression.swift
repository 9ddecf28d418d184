import Formats

/// An expression over the rows that pass an operator: a plain column is handed on as the object it
/// is, all else is computed.
struct RowExpression {
    private enum Form {
        case column(Int)
        case constant(Column)
    }
    private let form: Form

    init(_ expression: Expression, _ settings: SessionSettings) throws(SQLError) {
        switch expression {
        case .column(let index, _): form = .column(index)
        case .literal(let value, let type): form = .constant(.constant(value, type, count: 1))
        default: throw SQLError("this expression is not computed yet", .featureNotSupported)
        }
    }

    /// The column of the input that this is, if it is one.
    var plainColumn: Int? {
        if case .column(let index) = form { return index }
        return nil
    }

    func column(_ batch: Batch) throws(SQLError) -> Column {
        switch form {
        case .column(let index): batch.columns[index]
        case .constant(let column): column.repeated(batch.count)
        }
    }
}

/// Several of them.
struct RowExpressions {
    let list: [RowExpression]

    init(_ expressions: [Expression], _ settings: SessionSettings) throws(SQLError) {
        var list: [RowExpression] = []
        for expression in expressions { list.append(try RowExpression(expression, settings)) }
        self.list = list
    }

    func columns(_ batch: Batch) throws(SQLError) -> [Column] {
        var result: [Column] = []
        result.reserveCapacity(list.count)
        for expression in list { result.append(try expression.column(batch)) }
        return result
    }
}

/// A condition over the rows that pass an operator.
struct RowCondition {
    private let expression: RowExpression

    init(_ expression: Expression, _ settings: SessionSettings) throws(SQLError) {
        self.expression = try RowExpression(expression, settings)
    }

    /// The rows for which it is true, in order; nil: all.
    func select(_ batch: Batch) throws(SQLError) -> [Int32]? {
        let column = try expression.column(batch)
        let values = unsafe column.booleans
        var rows: [Int32] = []
        for row in 0..<batch.count
        where unsafe values[row & column.indexMask] != 0 && !column.isNull(row) {
            rows.append(Int32(truncatingIfNeeded: row))
        }
        return rows.count == batch.count ? nil : rows
    }
}

/// The value of an expression without columns.
func constantValue(
    _ expression: Expression, _ settings: SessionSettings
) throws(SQLError) -> Value {
    if case .literal(let value, _) = expression { return value }
    return try RowExpression(expression, settings).column(Batch([], count: 1)).value(0)
}
