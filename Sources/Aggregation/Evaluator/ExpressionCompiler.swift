import Formats

/// Turns expressions into nodes; equal expressions become one node, whose result is then computed
/// once a batch.
struct ExpressionCompiler {
    private let session: SessionSettings
    private var nodes: [Key: ExpressionNode] = [:]
    private var nextIdentity = 1
    /// Results that are kept in a frame.
    private(set) var slots = 0

    /// What makes two nodes the same, given that their children are.
    private struct Key: Hashable {
        enum Kind: Hashable {
            case column, literal, call, cast, tryCast, choice, coalesce, and, or, not, isNull
            case isDistinct, isIn, member, array, record
        }

        var kind: Kind
        var type: DataType
        var children: [Int] = []
        var name = ""
        var parameters: [DataType] = []
        var index = 0
        var values: [Value] = []
    }

    init(_ session: SessionSettings) { self.session = session }

    mutating func compile(
        _ expression: Expression, depth: Int = 0
    ) throws(SQLError) -> ExpressionNode {
        guard depth < Limits.expressionDepth else {
            throw SQLError(
                "stack depth limit exceeded", .statementTooComplex,
                hint: "The expression is nested more than \(Limits.expressionDepth) levels deep.")
        }
        var children: [ExpressionNode] = []
        for child in expression.children {
            children.append(try compile(child, depth: depth + 1))
        }
        guard let key = key(expression, children.map(\.identity)) else {
            return identified(try node(expression, children))
        }
        if let known = nodes[key] {
            if known.slot < 0, !known.isConstant, !(known is ColumnNode) {
                known.slot = slots
                slots += 1
            }
            return known
        }
        let new = identified(try node(expression, children))
        nodes[key] = new
        return new
    }

    private mutating func identified(_ node: ExpressionNode) -> ExpressionNode {
        node.identity = nextIdentity
        nextIdentity += 1
        return node
    }

    /// nil where two that look alike are not the same.
    private func key(_ expression: Expression, _ children: [Int]) -> Key? {
        let type = expression.type
        switch expression {
        case .column(let index, _): return Key(kind: .column, type: type, index: index)
        case .literal(let value, _):
            return Key(kind: .literal, type: type, name: value.form, values: [value])
        case .call(let function, _, _):
            if function.volatility == .volatile, function.instance == 0 { return nil }
            return Key(
                kind: .call, type: type, children: children, name: function.name,
                parameters: function.parameters, index: function.instance)
        case .cast(_, _, let isTry):
            return Key(kind: isTry ? .tryCast : .cast, type: type, children: children)
        case .choice(let branches, let otherwise, _):
            return Key(
                kind: .choice, type: type, children: children,
                index: branches.count * 2 + (otherwise == nil ? 0 : 1))
        case .coalesce: return Key(kind: .coalesce, type: type, children: children)
        case .and: return Key(kind: .and, type: type, children: children)
        case .or: return Key(kind: .or, type: type, children: children)
        case .not: return Key(kind: .not, type: type, children: children)
        case .isNull: return Key(kind: .isNull, type: type, children: children)
        case .isDistinct: return Key(kind: .isDistinct, type: type, children: children)
        case .isIn(_, let values, let hasNull):
            return Key(
                kind: .isIn, type: type, children: children, index: hasNull ? 1 : 0,
                values: values)
        case .member(_, let index, _):
            return Key(kind: .member, type: type, children: children, index: index)
        case .array: return Key(kind: .array, type: type, children: children)
        case .record: return Key(kind: .record, type: type, children: children)
        case .outer, .subquery, .now: return nil
        }
    }

    private func node(
        _ expression: Expression, _ children: [ExpressionNode]
    ) throws(SQLError) -> ExpressionNode {
        switch expression {
        case .column(let index, let type): return ColumnNode(index, type)
        case .literal(let value, let type): return LiteralNode(value, type)
        case .call(let function, _, let type):
            return ComparisonNode(function, children) ?? CallNode(function, children, type)
        case .cast(let inner, let type, let isTry):
            return CastNode(
                children[0], type, isTry: isTry, try CastLookup.kernel(inner.type, type))
        case .choice(let branches, let otherwise, let type):
            let pairs = branches.indices.map { (children[2 * $0], children[2 * $0 + 1]) }
            return ChoiceNode(pairs, otherwise: otherwise == nil ? nil : children.last, type)
        case .coalesce(_, let type): return CoalesceNode(children, type)
        case .and: return JunctionNode(children, isAnd: true)
        case .or: return JunctionNode(children, isAnd: false)
        case .not: return NotNode(children[0])
        case .isNull: return IsNullNode(children[0])
        case .isDistinct: return IsDistinctNode(children[0], children[1])
        case .isIn(_, let values, let hasNull):
            return InSetNode(children[0], values, hasNull: hasNull)
        case .member(_, let index, let type): return MemberNode(children[0], index, type)
        case .array(_, let type): return ArrayNode(children, type)
        case .record(_, let type): return RecordNode(children, type)
        case .now(let type): return LiteralNode(.integer(session.now), type)
        case .outer, .subquery:
            throw SQLError("a subquery is left in an expression", .internalError)
        }
    }
}
