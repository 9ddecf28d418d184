import Formats

/// CAST and TRY_CAST.
final class CastNode: ExpressionNode {
    private let inner: ExpressionNode
    private let kernel: ScalarFunction.Kernel
    private let isTry: Bool

    init(
        _ inner: ExpressionNode, _ type: DataType, isTry: Bool,
        _ kernel: @escaping ScalarFunction.Kernel
    ) {
        self.inner = inner
        self.kernel = kernel
        self.isTry = isTry
        super.init(type, isConstant: inner.isConstant, isSafe: isTry && inner.isSafe)
    }

    override func compute(_ frame: Frame) throws(SQLError) -> Column {
        let column = try inner.column(frame)
        guard column.isConstant else { return try cast(column, frame.session) }
        let one = try cast(column.repeated(1), frame.session)
        return Column(
            one.type, count: frame.count, one.storage, validity: one.validity, isConstant: true)
    }

    private func cast(_ column: Column, _ session: SessionSettings) throws(SQLError) -> Column {
        let context = KernelContext(
            count: column.count, type: type, live: column.validity, session: session)
        do {
            return try kernel([column], context).clearing(column.validity)
        } catch {
            guard isTry else { throw error }
            return try castEach(column, session)
        }
    }

    /// Row by row, null where the cast fails.
    private func castEach(
        _ column: Column, _ session: SessionSettings
    ) throws(SQLError) -> Column {
        let builder = ColumnBuilder(type, capacity: column.count)
        let context = KernelContext(count: 1, type: type, session: session)
        for row in 0..<column.count {
            if column.isNull(row) {
                builder.appendNull()
                continue
            }
            do {
                let one = column.isConstant ? column.repeated(1) : column.gather([Int32(row)])
                builder.append(from: try kernel([one], context), 0)
            } catch {
                builder.appendNull()
            }
        }
        return builder.finish()
    }
}
