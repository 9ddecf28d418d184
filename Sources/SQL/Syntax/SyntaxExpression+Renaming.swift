extension SyntaxExpression {
    /// The same with another name for a column; what a CHECK or a generated column may hold, so
    /// not inside of subqueries.
    public func renaming(_ old: String, to new: Name) -> SyntaxExpression {
        func map(_ expression: SyntaxExpression) -> SyntaxExpression {
            expression.renaming(old, to: new)
        }
        func all(_ list: [SyntaxExpression]) -> [SyntaxExpression] { list.map(map) }
        func means(_ name: Name) -> Bool {
            name.text == old || (!name.isQuoted && name.text.lowercased() == old.lowercased())
        }
        let renamed: Node
        switch node {
        case .name(var parts):
            if let last = parts.last, means(last) {
                parts[parts.count - 1] = Name(new.text, isQuoted: true, last.place)
            }
            renamed = .name(parts)
        case .unary(let symbol, let a): renamed = .unary(symbol, map(a))
        case .binary(let symbol, let a, let b): renamed = .binary(symbol, map(a), map(b))
        case .and(let a, let b): renamed = .and(map(a), map(b))
        case .or(let a, let b): renamed = .or(map(a), map(b))
        case .not(let a): renamed = .not(map(a))
        case .like(var like):
            like.operand = map(like.operand)
            like.pattern = map(like.pattern)
            like.escape = like.escape.map(map)
            renamed = .like(like)
        case .isTest(let a, let test, let isNegated):
            renamed = .isTest(map(a), test, isNegated: isNegated)
        case .isDistinct(let a, let b, let isNegated):
            renamed = .isDistinct(map(a), map(b), isNegated: isNegated)
        case .between(let a, let b, let c, let isSymmetric, let isNegated):
            renamed = .between(
                map(a), map(b), map(c), isSymmetric: isSymmetric, isNegated: isNegated)
        case .inList(let a, let list, let isNegated):
            renamed = .inList(map(a), all(list), isNegated: isNegated)
        case .quantifiedArray(let a, let symbol, let isAll, let b):
            renamed = .quantifiedArray(map(a), symbol, isAll: isAll, map(b))
        case .array(let list): renamed = .array(all(list))
        case .row(let list): renamed = .row(all(list))
        case .choice(let operand, let branches, let otherwise):
            renamed = .choice(
                operand: operand.map(map), branches.map { (map($0.0), map($0.1)) },
                otherwise: otherwise.map(map))
        case .cast(let a, let type, let isTry): renamed = .cast(map(a), type, isTry: isTry)
        case .call(var call):
            call.arguments = all(call.arguments)
            call.namedArguments = call.namedArguments.map { ($0.0, map($0.1)) }
            renamed = .call(call)
        case .subscripted(let a, let b): renamed = .subscripted(map(a), map(b))
        case .sliced(let a, let low, let high):
            renamed = .sliced(map(a), low.map(map), high.map(map))
        case .assignedPart(let a, let steps, let value):
            renamed = .assignedPart(map(a), all(steps), map(value))
        case .member(let a, let name): renamed = .member(map(a), name)
        case .collate(let a, let name): renamed = .collate(map(a), name)
        case .atTimeZone(let a, let b): renamed = .atTimeZone(map(a), map(b))
        case .null, .boolean, .integer, .decimal, .string, .bits, .hexBits, .interval, .star,
            .parameter, .namedParameter, .inQuery, .quantifiedQuery, .exists, .scalarQuery,
            .queryColumn, .arrayQuery, .grouping, .keywordValue:
            renamed = node
        }
        return SyntaxExpression(renamed, place)
    }

    /// Whether it names a column.
    public func names(_ column: String) -> Bool {
        if case .name(let parts) = node, let last = parts.last,
            last.text == column
                || (!last.isQuoted && last.text.lowercased() == column.lowercased())
        {
            return true
        }
        return children.contains { $0.names(column) }
    }
}
