import Aggregation
import Formats
import SQL

/// A view whose rows are those of one table, so that changes of it are changes of the table
/// (PostgreSQL's automatically updatable views). Made for a statement.
struct UpdatableView {
    /// From the one that the statement names down to the one over the table.
    let views: [ViewDefinition]
    let table: StoredTable
    /// Columns of the view, and the table's that they are; nil: they are computed.
    let columns: [(name: String, base: Int?)]

    var name: String { views[0].name.text }

    /// The column of the table that a column of the view is.
    func base(
        of name: Name, to verb: String
    ) throws(SQLError) -> Int {
        let exact = columns.firstIndex { $0.name == name.text }
        guard let index = exact ?? columns.firstIndex(where: { name.means($0.name) }) else {
            throw SQLError(
                "column \"\(name.text)\" of relation \"\(self.name)\" does not exist",
                .undefinedColumn, at: name.place
            ).suggesting(columns.map(\.name), for: name.text)
        }
        guard let base = columns[index].base else {
            throw SQLError(
                "cannot \(verb) column \"\(columns[index].name)\" of view \"\(self.name)\"",
                .featureNotSupported, at: name.place,
                detail: "View columns that are not columns of their base relation are not "
                    + "updatable.")
        }
        return base
    }

    /// Under these names stand the views while a statement is at work, over other rows of the
    /// table; the last is that of the rows.
    func names(_ place: Range<Int>) -> [Name] {
        (0...views.count).map { Name("\u{1}view\($0)", isQuoted: true, place) }
    }

    static func secret(_ column: Int) -> String { "\u{1}\(column)" }

    /// The views over rows with numbers, which they hand on with the table's columns beside their
    /// own, none of them part of `*`. `filtered`: for each view, whether its WHERE holds.
    func definitions(_ place: Range<Int>, filtered: [Bool]) -> [ViewDefinition] {
        let names = names(place)
        return views.indices.map { index in
            var view = views[index]
            view.name = names[index]
            guard case .select(var select) = view.query.body,
                case .relation(var relation)? = select.from.first,
                case .name(let parts) = relation.kind
            else { return view }
            let isLast = index == views.count - 1
            let alias = relation.alias ?? parts[parts.count - 1]
            relation.kind = .name([names[index + 1]])
            relation.alias = alias
            if !filtered[index] { select.filter = nil }
            func item(_ column: String, as name: String) -> SelectItem {
                let path = [alias, Name(column, isQuoted: true, place)]
                return SelectItem(
                    SyntaxExpression(.name(path), place), alias: Name(name, isQuoted: true, place))
            }
            select.from = [.relation(relation)]
            select.items.append(item(StoredTable.rowNumber, as: StoredTable.rowNumber))
            for (position, column) in table.columns.enumerated() {
                let secret = Self.secret(position)
                select.items.append(item(isLast ? column.name : secret, as: secret))
            }
            view.query.body = .select(select)
            return view
        }
    }

    /// Views whose WHERE new rows have to fulfil, the innermost first.
    var checked: [Int] {
        var list: [Int] = []
        var cascades = false
        for (index, view) in views.enumerated() {
            if view.checkOption == .cascaded { cascades = true }
            if view.checkOption != nil || cascades { list.append(index) }
        }
        return list.reversed()
    }
}

extension ViewDefinition {
    /// Why changes of it are no changes of one table; nil: they may be.
    var refusal: String? {
        let not = "are not automatically updatable."
        func containing(_ what: String) -> String { "Views containing \(what) \(not)" }
        if isMaterialized { return "Materialized views \(not)" }
        if !query.with.isEmpty { return containing("WITH") }
        if query.limit != nil || query.offset != nil { return containing("LIMIT or OFFSET") }
        guard case .select(let select) = query.body else {
            if case .set = query.body { return containing("UNION, INTERSECT, or EXCEPT") }
            return "Views that do not select from a single table or view \(not)"
        }
        if case .all = select.distinct {} else { return containing("DISTINCT") }
        if select.group != nil { return containing("GROUP BY") }
        if select.having != nil { return containing("HAVING") }
        for item in select.items {
            if let calls = item.expression.kindOfCalls {
                return "Views that return \(calls) functions \(not)"
            }
        }
        guard select.from.count == 1, case .relation(let relation) = select.from[0],
            case .name = relation.kind, relation.stream == nil, relation.columnAliases.isEmpty,
            select.qualify == nil, query.emit == nil
        else { return "Views that do not select from a single table or view \(not)" }
        return nil
    }
}

extension SyntaxExpression {
    /// Calls in it that are not of one row.
    fileprivate var kindOfCalls: String? {
        if case .call(let call) = node {
            let name = call.functionName
            if call.over != nil { return "window" }
            if FunctionRegistry.isAggregate(name) { return "aggregate" }
            if FunctionRegistry.isTable(name), !FunctionRegistry.isScalar(name) {
                return "set-returning"
            }
        }
        return children.lazy.compactMap(\.kindOfCalls).first
    }
}
