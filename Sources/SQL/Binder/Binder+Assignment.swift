import Aggregation
import Formats

/// The columns that a query's rows are stored in, in the order in which the query gives them.
public struct AssignmentTargets: Sendable {
    public struct Column: Sendable {
        public var name: String
        public var type: DataType
        /// What the column has where the query does not give it; nil: null.
        public var standard: SyntaxExpression?

        public init(_ name: String, _ type: DataType, standard: SyntaxExpression? = nil) {
            self.name = name
            self.type = type
            self.standard = standard
        }
    }

    public var columns: [Column]
    /// So many of them the query may give; the others have their standard values.
    public var givenMax: Int
    /// The statement names the columns: the query gives all that it may.
    public var isListed = false
    /// Columns that the query does not give are added.
    public var isCompleted = false
    public var place: Range<Int>

    public init(_ columns: [Column], givenMax: Int? = nil, _ place: Range<Int>) {
        self.columns = columns
        self.givenMax = givenMax ?? columns.count
        self.place = place
    }
}

// What INSERT, UPDATE and MERGE store: values become the columns' types as PostgreSQL's assignment
// casts say it. Only literals without a type are read as the column's type.
extension Binder {
    /// Binds a query whose columns are stored in `targets`.
    public func bind(
        _ query: QuerySyntax, assigning targets: AssignmentTargets
    ) throws(SQLError) -> BoundQuery {
        want(WantedNames(query))
        emit = try query.emit.then { (syntax) throws(SQLError) in try bindEmit(syntax) }
        if query.isPlainValues { assigned = targets }
        var plan = try self.query(query, QueryContext()).plan
        assigned = nil
        let given = plan.columns.count
        guard given <= targets.givenMax else {
            throw SQLError(
                "INSERT has more expressions than target columns", .syntaxError, at: targets.place)
        }
        guard !targets.isListed || given == targets.givenMax else {
            throw SQLError(
                "INSERT has more target columns than expressions", .syntaxError, at: targets.place)
        }
        plan = try plan.retyped(
            plan.columns.enumerated().map { index, column in
                column.type == .unknown ? targets.columns[index].type.read : column.type
            }, settings)
        plan = try completed(plan, targets, query)
        if let emit = query.emit { try checkWindowClose(plan, emit) }
        return BoundQuery(plan.withSingleUsesInlined, emit: emit)
    }

    /// The columns as the targets' types, and those that the query does not give behind them.
    private func completed(
        _ plan: Plan, _ targets: AssignmentTargets, _ query: QuerySyntax
    ) throws(SQLError) -> Plan {
        var expressions: [Expression] = []
        for (index, column) in plan.columns.enumerated() {
            let place = query.body.itemPlace(index) ?? query.place
            expressions.append(
                try assign(.column(index, column.type), to: targets.columns[index], place))
        }
        var columns = targets.columns.prefix(plan.columns.count)
        if targets.isCompleted {
            let rest = targets.columns.dropFirst(plan.columns.count)
            let binder = ExpressionBinder(self, QueryContext(), .values)
            for target in rest {
                let value = try target.standard.then { (syntax) throws(SQLError) in
                    try assign(try binder.bind(syntax), to: target, syntax.place)
                }
                expressions.append(value ?? .literal(.null, target.type))
            }
            columns += rest
        }
        let isSame = zip(expressions.indices, expressions).allSatisfy {
            if case .column($0, _) = $1 { true } else { false }
        }
        let fields = columns.map { Field($0.name, $0.type) }
        guard !isSame || expressions.count != plan.columns.count else {
            var named = plan
            named.columns = fields
            return named
        }
        return Plan(.project(plan, expressions), fields, plan.facts)
    }

    /// The rows of VALUES alone, each value by itself.
    func assignedValues(
        _ rows: [[SyntaxExpression]], _ targets: AssignmentTargets, _ context: QueryContext
    ) throws(SQLError) -> [[Expression]] {
        let binder = ExpressionBinder(self, context.inside(Scope(parent: context.scope)), .values)
        var bound: [[Expression]] = []
        for row in rows {
            var values: [Expression] = []
            for (index, syntax) in row.enumerated() {
                let value = try binder.bind(syntax)
                let target = targets.columns[index]
                values.append(
                    try placed(syntax.place) { () throws(SQLError) in
                        try assign(value, to: target, syntax.start)
                    })
            }
            bound.append(values)
        }
        return bound
    }

    /// A value as what the column stores.
    func assign(
        _ value: Expression, to target: AssignmentTargets.Column, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        let type = target.type
        if value.type == type { return value }
        if value.isNullLiteral { return .literal(.null, type) }
        let context = Cast.context(from: value.type, to: type)
        guard context == .implicit || context == .assignment else {
            throw SQLError(
                "column \"\(target.name)\" is of type \(type.typeName) but expression is of type "
                    + "\(value.type.typeName)", .datatypeMismatch, at: place,
                hint: "You will need to rewrite or cast the expression.")
        }
        var source = value
        // Text that a column is too short for is refused, where a cast would cut it.
        if let check = TextLength.check(type) {
            let text = check.result
            if case .literal(let literal, .unknown) = source { source = .literal(literal, .text) }
            if source.type != text { source = .cast(source, text, isTry: false) }
            source = .call(check, [source], text)
        } else if case .literal(let literal, .unknown) = value {
            source = .literal(literal, .text)
        }
        let cast = Expression.cast(source, type, isTry: false)
        guard value.isLiteral else { return cast }
        let binder = ExpressionBinder(self, QueryContext(), .values)
        return try binder.constant(cast, place)
    }
}

// Values that statements give outside of queries.
extension Binder {
    /// A value of EXECUTE, evaluated. Without a type a literal in quotes stays one.
    public func argument(
        _ syntax: SyntaxExpression, as type: DataType?, number: Int
    ) throws(SQLError) -> Expression {
        let binder = ExpressionBinder(self, QueryContext(), .execute)
        var value = try binder.bind(syntax)
        if let type, value.type != type {
            let context = Cast.context(from: value.type, to: type)
            guard context == .implicit || context == .assignment else {
                throw SQLError(
                    "parameter $\(number) of type \(value.type.typeName) cannot be coerced to the "
                        + "expected type \(type.typeName)", .datatypeMismatch, at: syntax.start,
                    hint: "You will need to rewrite or cast the expression.")
            }
            value = try binder.explicitCast(value, to: type, false, syntax.place)
        }
        if value.isLiteral { return value }
        return .literal(try Evaluator.value(value, settings: settings), value.type)
    }

    /// An expression over the columns of a table: the value of a generated one.
    public func generated(
        _ syntax: SyntaxExpression, _ table: String, _ columns: [Field], _ target: Field
    ) throws(SQLError) -> Expression {
        let visible = columns.enumerated().map {
            ScopeColumn(name: $1.name, expression: .column($0, $1.type))
        }
        let scope = Scope(
            tables: [ScopeTable(alias: table, columns: visible)], columns: visible, parent: nil)
        let binder = ExpressionBinder(self, QueryContext(scope: scope), .generated)
        let value = try binder.bind(syntax)
        return try assign(
            value, to: AssignmentTargets.Column(target.name, target.type), syntax.start)
    }
}

extension DataType {
    /// What a literal is read as that is to be stored: the type without a length, which is checked
    /// behind it.
    fileprivate var read: DataType {
        switch self {
        case .varchar, .char: .text
        default: self
        }
    }
}

extension QuerySyntax {
    /// VALUES and nothing else.
    fileprivate var isPlainValues: Bool {
        guard case .values = body else { return false }
        return with.isEmpty && order.isEmpty && limit == nil && offset == nil
    }
}
