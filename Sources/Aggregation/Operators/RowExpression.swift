import Formats

/// Expressions over the rows that pass an operator. Where all are plain columns these are handed
/// on as the objects they are, without an evaluator.
struct RowExpressions {
    private let plain: [Int]?
    private let evaluator: Evaluator?

    init(_ expressions: [Expression], _ settings: SessionSettings) throws(SQLError) {
        var indices: [Int] = []
        for expression in expressions {
            if case .column(let index, _) = expression { indices.append(index) }
        }
        plain = indices.count == expressions.count ? indices : nil
        evaluator = plain == nil ? try Evaluator(expressions, settings: settings) : nil
    }

    func columns(_ batch: Batch) throws(SQLError) -> [Column] {
        if let evaluator { return try evaluator.evaluateAll(batch) }
        return (plain ?? []).map { batch.columns[$0] }
    }
}

/// One of them.
struct RowExpression {
    private let expressions: RowExpressions

    init(_ expression: Expression, _ settings: SessionSettings) throws(SQLError) {
        expressions = try RowExpressions([expression], settings)
    }

    func column(_ batch: Batch) throws(SQLError) -> Column {
        try expressions.columns(batch)[0]
    }
}
