extension SyntaxExpression {
    /// The expressions directly inside, those of a call's OVER too; not those of subqueries.
    public var children: [SyntaxExpression] {
        switch node {
        case .null, .boolean, .integer, .decimal, .string, .bits, .hexBits, .interval, .name,
            .parameter, .namedParameter, .exists, .scalarQuery, .queryColumn, .arrayQuery,
            .keywordValue:
            []
        case .star(let star):
            star.replaced.map(\.expression) + [star.operand].compactMap { $0 }
        case .assignedPart(let a, let steps, let value): [a] + steps + [value]
        case .unary(_, let a), .not(let a), .isTest(let a, _, _), .inQuery(let a, _, _),
            .quantifiedQuery(let a, _, _, _), .cast(let a, _, _), .member(let a, _),
            .collate(let a, _):
            [a]
        case .binary(_, let a, let b), .and(let a, let b), .or(let a, let b),
            .isDistinct(let a, let b, _), .quantifiedArray(let a, _, _, let b),
            .subscripted(let a, let b), .atTimeZone(let a, let b):
            [a, b]
        case .like(let like): [like.operand, like.pattern] + [like.escape].compactMap { $0 }
        case .between(let a, let b, let c, _, _): [a, b, c]
        case .inList(let a, let list, _): [a] + list
        case .array(let list), .row(let list), .grouping(let list): list
        case .choice(let operand, let branches, let otherwise):
            [operand].compactMap { $0 } + branches.flatMap { [$0.0, $0.1] }
                + [otherwise].compactMap { $0 }
        case .call(let call): call.expressions
        case .sliced(let a, let low, let high): [a] + [low, high].compactMap { $0 }
        }
    }

    /// Whether a column is named in it, subqueries aside.
    var hasName: Bool {
        if case .name = node { return true }
        return children.contains { $0.hasName }
    }

    /// The queries directly inside.
    var queries: [QuerySyntax] {
        switch node {
        case .exists(let query), .scalarQuery(let query), .queryColumn(let query, _, _),
            .arrayQuery(let query), .inQuery(_, let query, _), .quantifiedQuery(_, _, _, let query):
            [query]
        default: []
        }
    }
}

extension CallSyntax {
    var expressions: [SyntaxExpression] {
        var list = arguments + namedArguments.map(\.1)
        list += (order + withinGroup).map(\.expression)
        list += [filter].compactMap { $0 }
        if case .inline(let window)? = over { list += window.expressions }
        return list
    }
}

extension WindowSyntax {
    var expressions: [SyntaxExpression] { partition + order.map(\.expression) }
}
