import Aggregation
import Formats
import SQL

// UPDATE ... FROM ... RETURNING: what is returned sees the new row of the table and the rows of the
// others that it was made with.
extension QuerySession {
    func update(
        _ update: UpdateSyntax, _ items: [SelectItem], _ table: StoredTable,
        _ output: any ResultOutput
    ) throws(SQLError) -> Outcome {
        var others: [Name] = []
        for item in update.from { others += try item.qualifiers }
        var fields: [[Field]] = []
        for other in others { fields.append(try columns(of: other, update)) }
        let found = try rows(update, items, others, table, fields)
        let width = table.columns.count
        var own = found
        own.columns = Array(found.columns[..<width])
        own.batches = found.batches.map { batch in
            Batch(Array(batch.columns[..<width]), count: batch.count)
        }
        let before = table.batches
        let changed = try replace(own, in: table)
        let target = StoredTable(table.name, table.columns, table.definition)
        target.append(changed)
        var relations = [(qualifier: update.alias ?? update.table, table: target)]
        var start = width
        for (other, list) in zip(others, fields) {
            let end = start + list.count
            let columns = list.map { RelationColumn($0.name, $0.type) }
            let relation = StoredTable(other.text, columns, StoredTable.TableDefinitionFacts())
            relation.append(
                found.batches.map { batch in
                    Batch(Array(batch.columns[start..<end]), count: batch.count)
                })
            relations.append((other, relation))
            start = end
        }
        try table.seen(as: before) { () throws(SQLError) in
            try give(update.returning, relations, update.place, output, update.with)
        }
        return Outcome(tag: "UPDATE \(changed.reduce(0) { $0 + $1.count })")
    }

    /// `other.*` as it is bound beside the table.
    private func columns(of other: Name, _ update: UpdateSyntax) throws(SQLError) -> [Field] {
        try prepare(query(update, [other.star])).columns
    }

    private func query(_ update: UpdateSyntax, _ items: [SelectItem]) -> QuerySyntax {
        var select = SelectSyntax(update.place)
        select.items = items
        select.role = .update
        var relation = RelationSyntax(.name([update.table]), update.table.place)
        relation.alias = update.alias
        select.from = [.relation(relation)] + update.from
        select.filter = update.filter
        return QuerySyntax(.select(select), update.with, update.place)
    }

    /// The table's new columns and those of the others, for the rows that are found.
    private func rows(
        _ update: UpdateSyntax, _ items: [SelectItem], _ others: [Name], _ table: StoredTable,
        _ fields: [[Field]]
    ) throws(SQLError) -> FoundRows {
        let qualifier = update.alias ?? update.table
        let number = Name(StoredTable.rowNumber, isQuoted: true, update.place)
        let first = SelectItem(
            SyntaxExpression(.name([qualifier, number]), update.place), alias: nil)
        let query = query(update, [first] + items + others.map(\.star))
        let more = fields.flatMap { $0 }
        return try with(table.numbered, as: update.table) { () throws(SQLError) in
            let prepared = try prepare(
                query, assigning: [.bigint] + table.columns.map(\.type) + more.map(\.type),
                names: [StoredTable.rowNumber] + table.columns.map(\.name) + more.map(\.name))
            let rows = CollectedRows()
            _ = try execute(prepared, rows)
            return FoundRows(prepared.columns, rows.batches)
        }
    }

    /// The items over relations whose rows belong together one by one.
    private func give(
        _ items: [SelectItem], _ relations: [(qualifier: Name, table: StoredTable)],
        _ place: Range<Int>, _ output: any ResultOutput, _ tables: WithSyntax
    ) throws(SQLError) {
        var select = SelectSyntax(place)
        select.items = items
        select.role = .returning
        let number = Name(StoredTable.rowNumber, isQuoted: true, place)
        func numbered(_ qualifier: Name) -> SyntaxExpression {
            SyntaxExpression(.name([qualifier, number]), place)
        }
        var names: [Name] = []
        for (index, relation) in relations.enumerated() {
            names.append(Name("\u{1}changed\(index)", isQuoted: true, place))
            var syntax = RelationSyntax(.name([names[index]]), place)
            syntax.alias = relation.qualifier
            select.from.append(.relation(syntax))
            guard index > 0 else { continue }
            let same = SyntaxExpression(
                .binary(
                    "=", numbered(relations[0].qualifier), numbered(relation.qualifier)), place)
            select.filter = select.filter.map { SyntaxExpression(.and($0, same), place) } ?? same
        }
        let query = QuerySyntax(.select(select), tables, place)
        try with(relations.map(\.table.numbered), as: names) { () throws(SQLError) in
            _ = try execute(try prepare(query), output)
        }
    }

    private func with(
        _ tables: [StoredTable], as names: [Name], _ body: () throws(SQLError) -> Void
    ) throws(SQLError) {
        guard let table = tables.first, let name = names.first else { return try body() }
        try with(table, as: name) { () throws(SQLError) in
            try with(Array(tables.dropFirst()), as: Array(names.dropFirst()), body)
        }
    }
}

extension Name {
    /// `name.*`
    fileprivate var star: SelectItem {
        let star = SyntaxExpression.Star(qualifier: [self])
        return SelectItem(SyntaxExpression(.star(star), place), alias: nil)
    }
}

extension FromItem {
    /// How the relations in it are called.
    fileprivate var qualifiers: [Name] {
        get throws(SQLError) {
            switch self {
            case .join(let join): return try join.left.qualifiers + join.right.qualifiers
            case .relation(let relation):
                if let alias = relation.alias { return [alias] }
                switch relation.kind {
                case .name(let names): return Array(names.suffix(1))
                case .functions(let calls, _) where calls.count == 1: return [calls[0].name]
                case .nested(let inner): return try inner.qualifiers
                default:
                    throw SQLError(
                        "RETURNING needs a name for each relation of FROM",
                        .featureNotSupported, at: relation.place,
                        hint: "Write an alias behind it.")
                }
            }
        }
    }
}
