import Formats

/// Runs a function that gives one value a row; constants are computed once.
enum RowLoop {
    /// `body` appends one value to the builder for each live row.
    static func build(
        _ arguments: [Column], _ context: KernelContext,
        _ body: (Int, ColumnBuilder) throws(SQLError) -> Void
    ) throws(SQLError) -> Column {
        let isConstant = arguments.allSatisfy(\.isConstant) && !arguments.isEmpty
        let rows = isConstant ? min(1, context.count) : context.count
        let builder = ColumnBuilder(context.type, capacity: rows)
        for row in 0..<rows {
            if context.isLive(row) { try body(row, builder) } else { builder.appendNull() }
        }
        let column = builder.finish()
        guard isConstant, rows == 1 else { return column }
        return Column(
            context.type, count: context.count, column.storage, validity: column.validity,
            isConstant: true)
    }

    static func booleans(
        _ arguments: [Column], _ context: KernelContext,
        _ body: (Int) throws(SQLError) -> Bool
    ) throws(SQLError) -> Column {
        let isConstant = arguments.allSatisfy(\.isConstant) && !arguments.isEmpty
        let rows = isConstant ? min(1, context.count) : context.count
        let target = Buffer<UInt8>(repeating: 0, count: max(rows, 1))
        for row in 0..<rows where context.isLive(row) { target[row] = try body(row) ? 1 : 0 }
        return Column(
            .boolean, count: context.count, .boolean(target), isConstant: isConstant && rows == 1)
    }
}
