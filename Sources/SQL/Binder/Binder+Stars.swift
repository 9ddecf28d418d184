import Aggregation
import Formats

// `*`, `t.*`, `s.*` with EXCLUDE and REPLACE.
extension Binder {
    func star(
        _ star: SyntaxExpression.Star, _ place: Range<Int>, _ binder: ExpressionBinder,
        _ from: BoundRelation
    ) throws(SQLError) -> [(String, Expression)] {
        var columns = try starColumns(star, place, binder, from)
        for name in star.excluded {
            let matches = columns.indices.filter { name.means(columns[$0].0) }
            guard !matches.isEmpty else { throw missing(name, columns) }
            for index in matches.reversed() { columns.remove(at: index) }
        }
        for item in star.replaced {
            guard let alias = item.alias else {
                throw SQLError(
                    "an expression in REPLACE needs a name", .syntaxError,
                    at: item.expression.place)
            }
            let matches = columns.indices.filter { alias.means(columns[$0].0) }
            guard !matches.isEmpty else { throw missing(alias, columns) }
            let bound = try binder.bind(item.expression)
            for index in matches { columns[index].1 = bound }
        }
        return columns
    }

    /// By its name, or by the end of a dotted one that means nothing else.
    private func starTable(
        _ qualifier: [Name], in scope: Scope, _ binder: ExpressionBinder
    ) throws(SQLError) -> ScopeTable? {
        if let table = try scope.table(named: qualifier) { return table }
        guard (try? binder.column(qualifier)) == nil else { return nil }
        return try scope.table(endingIn: qualifier)
    }

    private func missing(_ name: Name, _ columns: [(String, Expression)]) -> SQLError {
        SQLError(
            "column \"\(name.text)\" does not exist", .undefinedColumn, at: name.place
        ).suggesting(columns.map(\.0), for: name.text)
    }

    private func starColumns(
        _ star: SyntaxExpression.Star, _ place: Range<Int>, _ binder: ExpressionBinder,
        _ from: BoundRelation
    ) throws(SQLError) -> [(String, Expression)] {
        if let operand = star.operand {
            let base = try binder.bind(operand)
            guard case .record(let fields) = base.type else {
                throw SQLError(
                    "type \(base.type.typeName) is not composite", .wrongObjectType,
                    at: operand.place)
            }
            return zip(fields, base.members(fields)).map { ($0.name, $1) }
        }
        guard !star.qualifier.isEmpty else {
            guard !from.tables.isEmpty else {
                throw SQLError(
                    "SELECT * with no tables specified is not valid", .syntaxError, at: place)
            }
            return from.columns.filter { !$0.isHidden }.map { column in
                binder.noteUse(column.expression, column.name, place)
                return (column.name, column.expression)
            }
        }
        if let scope = binder.scope, let table = try starTable(star.qualifier, in: scope, binder) {
            return table.columns.filter { !$0.isHidden }.map { column in
                binder.noteUse(column.expression, "\(table.alias).\(column.name)", place)
                return (column.name, column.expression)
            }
        }
        // A struct, or a relation of a query around.
        guard let base = try? binder.column(star.qualifier) else {
            throw SQLError(
                "missing FROM-clause entry for table \"\(star.qualifier.dotted)\"",
                .undefinedRelation, at: star.qualifier.place
            ).suggesting(from.tables.map(\.alias), for: star.qualifier.dotted)
        }
        guard case .record(let fields) = base.type else {
            throw SQLError(
                "type \(base.type.typeName) is not composite", .wrongObjectType,
                at: star.qualifier.place)
        }
        return zip(fields, base.members(fields)).map { ($0.name, $1) }
    }
}

extension ExpressionBinder {
    fileprivate func noteUse(_ expression: Expression, _ name: String, _ place: Range<Int>) {
        guard let calls else { return }
        for column in expression.columns where calls.uses[column] == nil {
            calls.uses[column] = (name, place)
        }
    }
}
