import Aggregation
import Formats

/// Binds the expressions of one clause: looks names up in a scope, resolves operators and
/// functions, inserts casts. Made by the binder for each clause.
struct ExpressionBinder {
    let binder: Binder
    let context: QueryContext
    var clause: Clause
    /// Where aggregates, window and table functions are gathered; nil: the clause has none.
    var calls: SelectCalls?
    /// Names of the select list, tried where no column has the name.
    var aliases: [(name: String, expression: Expression)] = []
    /// Inside the arguments of an aggregate or a window function.
    var inAggregate = false
    var inWindow = false

    init(
        _ binder: Binder, _ context: QueryContext, _ clause: Clause, calls: SelectCalls? = nil
    ) {
        self.binder = binder
        self.context = context
        self.clause = clause
        self.calls = calls
    }

    /// Where an expression stands, as PostgreSQL's errors say it.
    enum Clause: String {
        case select = "SELECT"
        case returning = "RETURNING"
        case update = "UPDATE"
        case filter = "WHERE"
        case group = "GROUP BY"
        case having = "HAVING"
        case qualify = "QUALIFY"
        case order = "ORDER BY"
        case on = "JOIN conditions"
        case from = "functions in FROM"
        case values = "VALUES"
        case limit = "LIMIT"
        case offset = "OFFSET"
        case callFilter = "FILTER"
        case windowPartition = "window definitions"
        case windowFrame = "window frame definitions"
        case generated = "column generation expressions"
        case check = "check constraints"
        case execute = "EXECUTE parameters"

        var allowsAggregates: Bool {
            switch self {
            case .select, .having, .qualify, .order, .windowPartition: true
            default: false
            }
        }

        var allowsWindows: Bool { self == .select || self == .order || self == .qualify }
    }

    var scope: Scope? { context.scope }

    func bind(_ expression: SyntaxExpression) throws(SQLError) -> Expression {
        try placed(expression.place) { () throws(SQLError) in try unplaced(expression) }
    }

    func bind(_ list: [SyntaxExpression]) throws(SQLError) -> [Expression] {
        var bound: [Expression] = []
        for expression in list { bound.append(try bind(expression)) }
        return bound
    }

    /// A condition.
    func condition(
        _ expression: SyntaxExpression, _ construct: String
    ) throws(SQLError) -> Expression {
        let bound = try bind(expression)
        guard bound.type == .boolean || bound.type == .unknown else {
            throw SQLError(
                "argument of \(construct) must be type boolean, not type \(bound.type.typeName)",
                .datatypeMismatch, at: expression.start)
        }
        return try coerce(bound, to: .boolean, expression.place)
    }

    private func unplaced(_ expression: SyntaxExpression) throws(SQLError) -> Expression {
        let place = expression.place
        switch expression.node {
        case .null, .boolean, .integer, .decimal, .string, .bits, .hexBits, .interval, .parameter,
            .namedParameter, .keywordValue:
            return try literal(expression)
        case .name(let parts): return try column(parts)
        case .star(let star): return try starRow(star, place)
        case .unary(let symbol, let operand):
            return try unary(symbol, operand, place)
        case .binary(let symbol, let a, let b):
            if case .row(let list) = a.node, case .scalarQuery(let query) = b.node {
                let row = try rowQuery(query, count: list.count, b.place)
                return try apply(symbol, [try bind(a), row], place)
            }
            let sides = [try bind(a), try bind(b)]
            var areRows = false
            if case .row = a.node, case .row = b.node { areRows = true }
            if !areRows, let same = try sameRecords(symbol, sides, place) { return same }
            return try apply(symbol, sides, place, at: [a.place, b.place])
        case .and, .or: return try logic(expression)
        case .not(let operand): return .not(try condition(operand, "NOT"))
        case .like(let like): return try pattern(like, place)
        case .isTest(let operand, let test, let isNegated):
            return try isTest(operand, test, isNegated, place)
        case .isDistinct(let a, let b, let isNegated):
            return try isDistinct(a, b, isNegated, place)
        case .between: return try between(expression)
        case .inList(let operand, let list, let isNegated):
            return try inList(operand, list, isNegated, place)
        case .inQuery, .quantifiedQuery, .exists, .scalarQuery, .queryColumn, .arrayQuery:
            return try subquery(expression)
        case .quantifiedArray(let operand, let symbol, let isAll, let array):
            return try quantifiedArray(operand, symbol, isAll, array, place)
        case .array(let list): return try array(list, place)
        case .row(let list): return row(try members(list))
        case .choice(let operand, let branches, let otherwise):
            return try choice(operand, branches, otherwise, place)
        case .cast(let operand, let type, let isTry):
            return try cast(operand, type, isTry, place)
        case .call(let call): return try self.call(call, place)
        case .subscripted(let base, let index): return try subscripted(base, index, place)
        case .sliced(let base, let low, let high): return try sliced(base, low, high, place)
        case .assignedPart(let base, let steps, let value):
            return try assignedPart(base, steps, value)
        case .member(let operand, let name): return try member(try bind(operand), name)
        case .collate(let operand, let name): return try collated(operand, name, place)
        case .atTimeZone(let operand, let zone):
            return try apply("timezone", [try bind(zone), try bind(operand)], place)
        case .grouping(let list): return try grouping(list, place)
        }
    }
}

// Names.
extension ExpressionBinder {
    func column(_ parts: [Name]) throws(SQLError) -> Expression {
        guard let found = try scope?.find(parts) else {
            if parts.count == 1, let alias = try alias(parts[0]) { return alias }
            if parts.count == 1, let row = try scope?.wholeRow(parts[0]) { return row }
            if let scope { throw scope.missing(parts) }
            throw SQLError(
                "column \"\(parts.dotted)\" does not exist", .undefinedColumn, at: parts.place)
        }
        if found.depth > 0 || !inAggregate { note(found, parts) }
        var expression = found.expression
        for name in parts[found.parts...] { expression = try member(expression, name) }
        return expression
    }

    /// Remembers where the columns of an expression stand, at the query whose they are.
    private func note(_ found: Scope.Found, _ parts: [Name]) {
        var owner = scope
        for _ in 0..<found.depth { owner = owner?.parent }
        guard let owner, let calls = found.depth == 0 ? calls : owner.calls,
            let place = parts.place
        else { return }
        var columns = found.expression.columns
        if found.depth > 0 {
            columns = []
            _ = found.expression.contains {
                if case .outer(let index, _, _) = $0 { columns.insert(index) }
                return false
            }
        }
        for column in columns where calls.uses[column] == nil {
            calls.uses[column] = (owner.qualifiedName(of: column) ?? parts.dotted, place)
        }
    }

    /// What a column of the select list is called that has no alias: a column's name as its
    /// relation spells it.
    func label(_ syntax: SyntaxExpression) -> String {
        guard case .name(let parts) = syntax.node, let found = try? scope?.find(parts) else {
            return syntax.columnName
        }
        if found.parts == parts.count { return found.name }
        var type = found.expression.type
        var name = found.name
        for part in parts[found.parts...] {
            guard case .record(let fields) = type,
                case .one(let index) = NameMatch(part, in: fields.lazy.map(\.name))
            else { return part.text }
            (name, type) = (fields[index].name, fields[index].type)
        }
        return name
    }

    private func alias(_ name: Name) throws(SQLError) -> Expression? {
        switch NameMatch(name, in: aliases.lazy.map(\.name)) {
        case .one(let index): return aliases[index].expression
        case .none: return nil
        case .ambiguous:
            throw SQLError(
                "column reference \"\(name.text)\" is ambiguous", .ambiguousName, at: name.place)
        }
    }

    /// A member of a struct, or of a JSON document.
    func member(_ base: Expression, _ name: Name) throws(SQLError) -> Expression {
        switch base.type {
        case .record(let fields):
            switch NameMatch(name, in: fields.lazy.map(\.name)) {
            case .one(let index):
                if case .record(let list, _) = base { return list[index] }
                return .member(base, index, fields[index].type)
            case .ambiguous:
                throw SQLError(
                    "column reference \"\(name.text)\" is ambiguous", .ambiguousName,
                    at: name.place)
            case .none:
                throw SQLError(
                    "column \"\(name.text)\" not found in data type record", .undefinedColumn,
                    at: name.place, hint: ExpressionBinder.members(fields)
                ).suggesting(fields.map(\.name), for: name.text)
            }
        case .json, .jsonb:
            return try apply("->", [base, .literal(.text(name.text), .unknown)], name.place)
        default:
            throw SQLError(
                "column notation .\(name.text) applied to type \(base.type.typeName), "
                    + "which is not a composite type", .wrongObjectType, at: name.place)
        }
    }

    /// What there is in place of a member that is not there.
    private static func members(_ fields: [Field]) -> String {
        let shown = fields.prefix(12).map(\.name).joined(separator: ", ")
        return "It has \(shown)\(fields.count > 12 ? ", ..." : "")."
    }

    /// `t.*` inside an expression is the row.
    private func starRow(
        _ star: SyntaxExpression.Star, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        if let operand = star.operand { return try bind(operand) }
        guard star.qualifier.count == 1,
            let row = try scope?.wholeRow(star.qualifier[0])
        else {
            throw SQLError("row expansion via \"*\" is not supported here", .syntaxError, at: place)
        }
        return row
    }

    /// What stands in ROW(...): `t.*` is its columns.
    private func members(_ list: [SyntaxExpression]) throws(SQLError) -> [Expression] {
        var members: [Expression] = []
        for item in list {
            let bound = try bind(item)
            if case .star = item.node, case .record(let fields) = bound.type {
                members += bound.members(fields)
            } else {
                members.append(bound)
            }
        }
        return members
    }

    func row(_ list: [Expression]) -> Expression {
        let fields = list.enumerated().map { Field("f\($0.offset + 1)", $0.element.type) }
        return .record(list, .record(fields))
    }

    private func collated(
        _ operand: SyntaxExpression, _ name: Name, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        let known = ["C", "POSIX", "default", "ucs_basic", "C.UTF-8", "C.UTF8", "en_US.UTF-8"]
        guard known.contains(where: { name.means($0) }) else {
            throw SQLError(
                "collation \"\(name.text)\" for encoding \"UTF8\" does not exist",
                .undefinedObject, at: place)
        }
        let bound = try bind(operand)
        guard bound.type.isText else {
            throw SQLError(
                "collations are not supported by type \(bound.type.typeName)", .datatypeMismatch,
                at: name.place)
        }
        return try coerce(bound, to: bound.type == .unknown ? .text : bound.type, operand.place)
    }
}

extension SyntaxExpression {
    /// Where the whole expression begins: `place` of an operator is the operator's.
    var start: Range<Int> {
        let first = children.map(\.start.lowerBound).min() ?? place.lowerBound
        return first < place.lowerBound ? first..<place.upperBound : place
    }
}

extension DataType {
    /// The type without modifiers, as errors about types name it.
    var typeName: String {
        switch self {
        case .numeric: "numeric"
        case .varchar: "character varying"
        case .char: "character"
        default: description
        }
    }
}
