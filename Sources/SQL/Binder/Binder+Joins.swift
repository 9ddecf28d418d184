import Aggregation
import Formats

extension Binder {
    func join(_ syntax: JoinSyntax, _ context: QueryContext) throws(SQLError) -> BoundRelation {
        let outer = "an outer join"
        let kind = JoinPlan.Kind(syntax.kind)
        let isLeftOuter = kind == .right || kind == .full
        var left = try withoutRecursion(in: isLeftOuter ? outer : nil) { () throws(SQLError) in
            try item(syntax.left, context)
        }
        let isRightOuter = kind == .left || kind == .full || kind == .asofLeft
        var right = try withoutRecursion(in: isRightOuter ? outer : nil) { () throws(SQLError) in
            try rightSide(syntax.right, of: left, context)
        }
        let isLookup = try isLookup(syntax)
        var join = JoinPlan(kind)
        join.isLookup = isLookup
        if isLookup, join.kind != .inner, join.kind != .left {
            throw SQLError(
                "FOR SYSTEM_TIME AS OF needs an INNER or LEFT JOIN", .featureNotSupported,
                at: syntax.place)
        }
        let names = wanted?.rowNames ?? []
        if [.left, .full, .asofLeft].contains(join.kind), !isLookup {
            right = right.marked(for: names)
        }
        if [.right, .full].contains(join.kind) { left = left.marked(for: names) }
        switch syntax.condition {
        case .none:
            if syntax.match == nil { return try joined(left, right, join, syntax.place) }
            return try conditional(left, right, join, nil, syntax, context)
        case .on(let condition):
            return try conditional(left, right, join, condition, syntax, context)
        case .using(let names, let alias):
            return try merged(left, right, join, names, alias, syntax, context)
        case .natural:
            let names = left.columns.filter { column in
                !column.isHidden
                    && right.columns.contains { !$0.isHidden && $0.name == column.name }
            }.map { Name($0.name, isQuoted: true, syntax.place) }
            return try merged(left, right, join, names, nil, syntax, context)
        }
    }

    private func isLookup(_ syntax: JoinSyntax) throws(SQLError) -> Bool {
        guard case .relation(let relation) = syntax.right, let time = relation.asOf else {
            return false
        }
        if case .call(let call) = time.node, call.functionName == "proctime" { return true }
        throw SQLError(
            "only FOR SYSTEM_TIME AS OF PROCTIME() is supported", .featureNotSupported,
            at: time.place, hint: "Use ASOF JOIN for the version at a row's own time.")
    }

    private func conditional(
        _ left: BoundRelation, _ right: BoundRelation, _ join: JoinPlan,
        _ condition: SyntaxExpression?, _ syntax: JoinSyntax, _ context: QueryContext
    ) throws(SQLError) -> BoundRelation {
        let binder = conditionBinder(left, right, context)
        var parts: [Expression] = []
        if let condition {
            parts += try binder.condition(condition, "JOIN/ON").conjuncts
        }
        if let match = syntax.match {
            parts += try binder.condition(match, "MATCH_CONDITION").conjuncts
        }
        parts.removeAll { $0.isTrue }
        var join = join
        let width = left.plan.columns.count
        if join.kind == .asof || join.kind == .asofLeft {
            try takeTime(&parts, &join, width, syntax.match?.place ?? syntax.place)
        }
        if !right.plan.outerColumns().isEmpty {
            join.condition = .all(parts)
        } else {
            join.take(parts, leftWidth: width)
        }
        return try joined(left, right, join, syntax.right.place)
    }

    /// Both sides' names are seen; where they lie is known before the join is made.
    private func conditionBinder(
        _ left: BoundRelation, _ right: BoundRelation, _ context: QueryContext
    ) -> ExpressionBinder {
        var both = left
        let moved = right.shifted(left.plan.columns.count)
        both.tables += moved.tables
        both.columns += moved.columns
        let scope = both.scope(parent: context.scope)
        return ExpressionBinder(self, context.inside(scope), .on)
    }

    /// The one comparison of times that an ASOF join looks for.
    private func takeTime(
        _ parts: inout [Expression], _ join: inout JoinPlan, _ width: Int, _ place: Range<Int>
    ) throws(SQLError) {
        func isLeft(_ expression: Expression) -> Bool {
            expression.columns.allSatisfy { $0 < width } && !expression.columns.isEmpty
        }
        func isRight(_ expression: Expression) -> Bool {
            expression.columns.allSatisfy { $0 >= width } && !expression.columns.isEmpty
        }
        for (index, part) in parts.enumerated() {
            guard case .call(let function, let sides, _) = part, sides.count == 2,
                ["<", "<=", ">", ">="].contains(function.name)
            else { continue }
            let isForward: Bool
            let (a, b): (Expression, Expression)
            if isLeft(sides[0]), isRight(sides[1]) {
                (a, b, isForward) = (sides[0], sides[1], function.name.hasPrefix("<"))
            } else if isRight(sides[0]), isLeft(sides[1]) {
                (a, b, isForward) = (sides[1], sides[0], function.name.hasPrefix(">"))
            } else {
                continue
            }
            join.time = JoinPlan.AsofBound(
                left: a, right: b.mapColumns { $0 - width }, isStrict: function.name.count == 1,
                isForward: isForward)
            parts.remove(at: index)
            return
        }
        throw SQLError(
            "ASOF JOIN needs one comparison (<=, <, >=, >) of a column of each side",
            .syntaxError, at: place)
    }

    /// USING and NATURAL: equal columns, seen once.
    private func merged(
        _ left: BoundRelation, _ right: BoundRelation, _ join: JoinPlan, _ names: [Name],
        _ alias: Name?, _ syntax: JoinSyntax, _ context: QueryContext
    ) throws(SQLError) -> BoundRelation {
        let width = left.plan.columns.count
        let binder = ExpressionBinder(self, QueryContext(), .on)
        var parts: [Expression] = []
        var merged: [ScopeColumn] = []
        var (leftUsed, rightUsed): (Set<Int>, Set<Int>) = ([], [])
        let moved = right.shifted(width)
        for name in names {
            let a = try usingColumn(name, left.columns, "left")
            let b = try usingColumn(name, moved.columns, "right")
            leftUsed.insert(a)
            rightUsed.insert(b)
            let (x, y) = (left.columns[a].expression, moved.columns[b].expression)
            let type = try placed(name.place) { () throws(SQLError) in
                try FunctionRegistry.commonType([x.type, y.type], for: "JOIN/USING")
            }
            parts.append(try binder.apply("=", [x, y], name.place))
            let (p, q) = (
                try binder.coerce(x, to: type, name.place),
                try binder.coerce(y, to: type, name.place)
            )
            let value: Expression =
                switch join.kind {
                case .right: q
                case .full: .coalesce([p, q], type)
                default: p
                }
            merged.append(ScopeColumn(name: left.columns[a].name, expression: value))
        }
        var join = join
        if join.kind == .asof || join.kind == .asofLeft {
            if let match = syntax.match {
                parts += try conditionBinder(left, right, context)
                    .condition(match, "MATCH_CONDITION").conjuncts
            }
            try takeTime(&parts, &join, width, syntax.match?.place ?? syntax.place)
        }
        if !right.plan.outerColumns().isEmpty {
            join.condition = .all(parts)
        } else {
            join.take(parts, leftWidth: width)
        }
        var result = try joined(left, right, join, syntax.right.place)
        result.columns =
            merged
            + left.columns.enumerated().filter { !leftUsed.contains($0.offset) }.map(\.element)
            + moved.columns.enumerated().filter { !rightUsed.contains($0.offset) }.map(\.element)
        if let alias { result.tables.append(ScopeTable(alias: alias.text, columns: merged)) }
        return result
    }

    private func usingColumn(
        _ name: Name, _ columns: [ScopeColumn], _ side: String
    ) throws(SQLError) -> Int {
        switch NameMatch(name, in: columns.lazy.map(\.name)) {
        case .one(let index): return index
        case .none:
            throw SQLError(
                "column \"\(name.text)\" specified in USING clause does not exist in \(side) "
                    + "table", .undefinedColumn, at: name.place
            ).suggesting(columns.map(\.name), for: name.text)
        case .ambiguous:
            throw SQLError(
                "common column name \"\(name.text)\" appears more than once in \(side) table",
                .ambiguousName, at: name.place)
        }
    }
}

extension JoinPlan.Kind {
    fileprivate init(_ kind: JoinSyntax.Kind) {
        self =
            switch kind {
            case .inner, .cross: .inner
            case .left: .left
            case .right: .right
            case .full: .full
            case .asof: .asof
            case .asofLeft: .asofLeft
            }
    }
}

extension JoinPlan {
    /// Takes conditions over both sides: equalities of the sides become keys.
    mutating func take(_ conjuncts: [Expression], leftWidth: Int) {
        var rest = condition.map { [$0] } ?? []
        for part in conjuncts {
            if let (a, b) = part.sides(leftWidth) {
                leftKeys.append(a)
                rightKeys.append(b)
            } else {
                rest.append(part)
            }
        }
        condition = .all(rest)
    }
}

extension Expression {
    /// An equality of the two sides of a join, each over its own columns.
    func sides(_ leftWidth: Int) -> (Expression, Expression)? {
        guard case .call(let function, let list, _) = self, function.name == "=", list.count == 2,
            list[0].isDeterministic, list[1].isDeterministic
        else { return nil }
        func lies(_ expression: Expression, left: Bool) -> Bool {
            let columns = expression.columns
            return !columns.isEmpty && columns.allSatisfy { ($0 < leftWidth) == left }
                && !expression.hasSubquery && !expression.isCorrelated
        }
        if lies(list[0], left: true), lies(list[1], left: false) {
            return (list[0], list[1].mapColumns { $0 - leftWidth })
        }
        if lies(list[1], left: true), lies(list[0], left: false) {
            return (list[1], list[0].mapColumns { $0 - leftWidth })
        }
        return nil
    }
}
