import Formats

/// A typed expression over the columns of one input, as the binder makes it and the optimiser
/// rewrites it. `Evaluator` turns it into kernels.
public indirect enum Expression: Sendable {
    /// Column `index` of the input.
    case column(Int, DataType)
    case literal(Value, DataType)
    case call(ScalarFunction, [Expression], DataType)
    /// `isTry`: what cannot be cast is null.
    case cast(Expression, DataType, isTry: Bool)
    /// The first branch whose condition is true; else `otherwise` (nil: null). Branches are
    /// evaluated only for the rows that reach them.
    case choice([Branch], otherwise: Expression?, DataType)
    /// The first that is not null; the later are evaluated only for the rows that reach them.
    case coalesce([Expression], DataType)
    /// Three-valued; the later are evaluated only for the rows that the earlier leave open.
    case and([Expression])
    case or([Expression])
    case not(Expression)
    case isNull(Expression)
    case isDistinct(Expression, Expression)
    /// IN over constants, null among them or not: a set that is built once.
    case isIn(Expression, [Value], hasNull: Bool)
    /// Member `index` of a record.
    case member(Expression, Int, DataType)
    case array([Expression], DataType)
    case record([Expression], DataType)
    /// A column of the query `depth` levels further out (1: the next). Gone after decorrelation.
    case outer(Int, depth: Int, DataType)
    /// Gone after decorrelation, or run once beforehand where nothing in it is correlated.
    case subquery(Subquery)
    /// The statement's start: `now()`. Replaced by a literal when a finite query starts.
    case now(DataType)

    public struct Branch: Sendable {
        public var condition: Expression
        public var result: Expression

        public init(_ condition: Expression, _ result: Expression) {
            self.condition = condition
            self.result = result
        }
    }

    public struct Subquery: Sendable {
        public enum Kind: Sendable {
            case scalar
            case exists
            /// Three-valued: whether the condition holds for any row. It is over the subquery's
            /// columns; the operand of IN stands in it as `outer`. ALL is NOT ANY(NOT ...).
            case any(Expression)
            case array
        }

        public var kind: Kind
        public var plan: Plan
        public var type: DataType
        /// By which copies of one subquery of the text know each other; 0: none.
        public var id: Int

        public init(_ kind: Kind, _ plan: Plan, _ type: DataType, id: Int = 0) {
            self.kind = kind
            self.plan = plan
            self.type = type
            self.id = id
        }
    }
}

extension Expression {
    public var type: DataType {
        switch self {
        case .column(_, let type), .literal(_, let type), .call(_, _, let type),
            .cast(_, let type, _), .choice(_, _, let type), .coalesce(_, let type),
            .member(_, _, let type), .array(_, let type), .record(_, let type),
            .outer(_, _, let type), .now(let type):
            type
        case .and, .or, .not, .isNull, .isDistinct, .isIn: .boolean
        case .subquery(let subquery): subquery.type
        }
    }

    /// The expressions directly inside, over the same input; so none of a subquery.
    public var children: [Expression] {
        switch self {
        case .column, .literal, .outer, .now, .subquery: []
        case .call(_, let arguments, _): arguments
        case .cast(let inner, _, _), .not(let inner), .isNull(let inner),
            .isIn(let inner, _, _), .member(let inner, _, _):
            [inner]
        case .choice(let branches, let otherwise, _):
            branches.flatMap { [$0.condition, $0.result] } + (otherwise.map { [$0] } ?? [])
        case .coalesce(let list, _), .and(let list), .or(let list), .array(let list, _),
            .record(let list, _):
            list
        case .isDistinct(let a, let b): [a, b]
        }
    }

    /// The same expression with `transform` applied to each direct child.
    public func mapChildren<Failure: Error>(
        _ transform: (Expression) throws(Failure) -> Expression
    ) throws(Failure) -> Expression {
        func all(_ list: [Expression]) throws(Failure) -> [Expression] {
            var result: [Expression] = []
            for item in list { result.append(try transform(item)) }
            return result
        }
        switch self {
        case .column, .literal, .outer, .now, .subquery: return self
        case .call(let function, let arguments, let type):
            return .call(function, try all(arguments), type)
        case .cast(let inner, let type, let isTry):
            return .cast(try transform(inner), type, isTry: isTry)
        case .choice(let branches, let otherwise, let type):
            var mapped: [Branch] = []
            for branch in branches {
                mapped.append(
                    Branch(try transform(branch.condition), try transform(branch.result)))
            }
            var rest: Expression?
            if let otherwise { rest = try transform(otherwise) }
            return .choice(mapped, otherwise: rest, type)
        case .coalesce(let list, let type): return .coalesce(try all(list), type)
        case .and(let list): return .and(try all(list))
        case .or(let list): return .or(try all(list))
        case .not(let inner): return .not(try transform(inner))
        case .isNull(let inner): return .isNull(try transform(inner))
        case .isDistinct(let a, let b): return .isDistinct(try transform(a), try transform(b))
        case .isIn(let inner, let values, let hasNull):
            return .isIn(try transform(inner), values, hasNull: hasNull)
        case .member(let inner, let index, let type):
            return .member(try transform(inner), index, type)
        case .array(let list, let type): return .array(try all(list), type)
        case .record(let list, let type): return .record(try all(list), type)
        }
    }

    /// The columns of the input that are read.
    public var columns: Set<Int> {
        if case .column(let index, _) = self { return [index] }
        return children.reduce(into: []) { $0.formUnion($1.columns) }
    }

    /// The same expression over an input whose columns lie elsewhere.
    public func mapColumns(_ transform: (Int) -> Int) -> Expression {
        if case .column(let index, let type) = self { return .column(transform(index), type) }
        return mapChildren { $0.mapColumns(transform) }
    }
}
