import Aggregation
import Formats

// GROUP BY: keys and grouping sets.
extension Binder {
    /// nil: no grouping, and no aggregate either.
    func grouping(
        _ select: SelectSyntax, _ binder: ExpressionBinder, _ parts: SelectParts
    ) throws(SQLError) -> SelectParts.Grouping? {
        guard let group = select.group else {
            return select.having == nil ? nil : SelectParts.Grouping()
        }
        var grouping = SelectParts.Grouping()
        if group.isAll {
            for item in parts.items where !item.hasPlaceholder {
                _ = grouping.add(try binder.groupable(item, group.place))
            }
            return grouping
        }
        var sets: [[Int]] = [[]]
        for element in group.elements {
            let own = try self.sets(element, binder, parts, &grouping)
            sets = sets.flatMap { set in own.map { set + $0 } }
            guard sets.count <= 4096 else {
                throw SQLError(
                    "too many grouping sets present (maximum 4096)", .statementTooComplex,
                    at: group.place)
            }
        }
        var unique = sets.map { set in Array(Set(set)).sorted() }
        if group.isDistinct {
            var seen: Set<[Int]> = []
            unique = unique.filter { seen.insert($0).inserted }
        }
        if unique != [Array(grouping.keys.indices)] { grouping.sets = unique }
        return grouping
    }

    private func sets(
        _ element: GroupSyntax.Element, _ binder: ExpressionBinder, _ parts: SelectParts,
        _ grouping: inout SelectParts.Grouping
    ) throws(SQLError) -> [[Int]] {
        func keys(_ list: [SyntaxExpression]) throws(SQLError) -> [Int] {
            var indices: [Int] = []
            for syntax in list {
                indices.append(grouping.add(try key(syntax, binder, parts)))
            }
            return indices
        }
        switch element {
        case .empty: return [[]]
        case .expression(let expression):
            if case .row(let list) = expression.node { return [try keys(list)] }
            return [try keys([expression])]
        case .list(let list): return [try keys(list)]
        case .rollup(let lists):
            var groups: [[Int]] = []
            for list in lists { groups.append(try keys(list)) }
            return (0...groups.count).reversed().map { groups.prefix($0).flatMap { $0 } }
        case .cube(let lists):
            guard lists.count <= 12 else {
                throw SQLError("CUBE is limited to 12 elements", .tooManyColumns)
            }
            var groups: [[Int]] = []
            for list in lists { groups.append(try keys(list)) }
            return (0..<(1 << groups.count)).reversed().map { bits in
                groups.indices.filter { bits >> (groups.count - 1 - $0) & 1 == 1 }
                    .flatMap { groups[$0] }
            }
        case .sets(let elements):
            var all: [[Int]] = []
            for inner in elements { all += try sets(inner, binder, parts, &grouping) }
            return all
        }
    }

    /// A column of FROM first, then an alias of the select list, then a position.
    private func key(
        _ syntax: SyntaxExpression, _ binder: ExpressionBinder, _ parts: SelectParts
    ) throws(SQLError) -> Expression {
        var groupBinder = binder
        groupBinder.clause = .group
        groupBinder.aliases = []
        // A use as a key is no use outside of aggregates.
        groupBinder.inAggregate = true
        let index: Int?
        if case .name(let path) = syntax.node, path.count == 1 {
            let isColumn = try parts.from.scope(parent: nil).find(path) != nil
            index = isColumn ? nil : try outputColumn(syntax, parts.names, "GROUP BY")
        } else {
            index = try outputColumn(syntax, parts.names, "GROUP BY")
        }
        guard let index else {
            if syntax.isNonIntegerConstant {
                throw SQLError("non-integer constant in GROUP BY", .syntaxError, at: syntax.place)
            }
            try refuseCalls(syntax)
            return try groupBinder.groupable(try groupBinder.bind(syntax), syntax.place)
        }
        let item = parts.items[index]
        if item.has(Placeholder.aggregate) {
            throw SQLError(
                "aggregate functions are not allowed in GROUP BY", .groupingError,
                at: syntax.place)
        }
        if item.has(Placeholder.window) {
            throw SQLError(
                "window functions are not allowed in GROUP BY", .windowingError, at: syntax.place)
        }
        return try binder.groupable(item, syntax.place)
    }

    /// Aggregates in a key are refused with the text for their clause, not as nested ones.
    private func refuseCalls(_ syntax: SyntaxExpression) throws(SQLError) {
        if case .call(let call) = syntax.node, call.over == nil,
            FunctionRegistry.isAggregate(call.functionName)
        {
            throw SQLError(
                "aggregate functions are not allowed in GROUP BY", .groupingError,
                at: syntax.place)
        }
        if case .call(let call) = syntax.node, call.over != nil {
            throw SQLError(
                "window functions are not allowed in GROUP BY", .windowingError, at: syntax.place)
        }
        for child in syntax.children { try refuseCalls(child) }
    }
}

extension SelectParts.Grouping {
    /// The place of a key, which is added if no other computes the same.
    mutating func add(_ key: Expression) -> Int {
        if let index = keys.firstIndex(where: { $0.isWritten(as: key) }) { return index }
        keys.append(key)
        return keys.count - 1
    }
}

extension Expression {
    var hasPlaceholder: Bool {
        contains {
            if case .column(let index, _) = $0 { index >= Placeholder.aggregate } else { false }
        }
    }

    func has(_ kind: Int) -> Bool {
        contains {
            if case .column(let index, _) = $0 { return Placeholder.kind(index) == kind }
            return false
        }
    }
}
