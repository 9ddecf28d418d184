import Formats

/// Evaluates expressions over batches. An operator owns one and calls it from its own thread.
///
/// Several expressions over the same input go into one evaluator, so that what they have in common
/// is computed once a batch.
public final class Evaluator {
    private let nodes: [ExpressionNode]
    private let settings: SessionSettings
    private let slots: Int

    /// Error 54001 for an expression that is nested too deeply.
    public init(_ expressions: [Expression], settings: SessionSettings) throws(SQLError) {
        var compiler = ExpressionCompiler(settings)
        var nodes: [ExpressionNode] = []
        for expression in expressions { nodes.append(try compiler.compile(expression)) }
        self.nodes = nodes
        self.settings = settings
        slots = compiler.slots
    }

    public convenience init(
        _ expression: Expression, settings: SessionSettings
    ) throws(SQLError) {
        try self.init([expression], settings: settings)
    }

    /// True if all rows of all batches have the same results.
    public var isConstant: Bool { nodes.allSatisfy { $0.isConstant } }

    /// The results of the first expression, a row for each row of the batch.
    public func evaluate(_ batch: Batch) throws(SQLError) -> Column {
        try nodes[0].column(Frame(batch, session: settings, slots: slots))
    }

    /// The results of all expressions.
    public func evaluateAll(_ batch: Batch) throws(SQLError) -> [Column] {
        let frame = Frame(batch, session: settings, slots: slots)
        var columns: [Column] = []
        columns.reserveCapacity(nodes.count)
        for node in nodes { columns.append(try node.column(frame)) }
        return columns
    }

    /// The value of an expression that reads no columns.
    public static func value(
        _ expression: Expression, settings: SessionSettings
    ) throws(SQLError) -> Value {
        try Evaluator(expression, settings: settings).evaluate(Batch([], count: 1)).value(0)
    }
}

/// Selects the rows of a batch for which a condition is true.
public final class Predicate {
    private let node: ExpressionNode
    private let settings: SessionSettings
    private let slots: Int

    public init(_ condition: Expression, settings: SessionSettings) throws(SQLError) {
        var compiler = ExpressionCompiler(settings)
        node = try compiler.compile(condition)
        self.settings = settings
        slots = compiler.slots
    }

    /// The rows where the condition is true (not false, not null), ascending; nil: all rows.
    public func select(_ batch: Batch) throws(SQLError) -> [Int32]? {
        try node.select(Frame(batch, session: settings, slots: slots), nil)
    }
}
