import Aggregation
import Formats
import SQL

// INSERT, UPDATE and DELETE: each is a query over the table whose result becomes its rows.
extension QuerySession {
    func insert(_ insert: InsertSyntax, _ output: any ResultOutput) throws(SQLError) -> Outcome {
        if let target = try topicTarget(insert), let outcome = try self.insert(insert, target) {
            return outcome
        }
        let table = try table(insert.table)
        var targets = Array(table.columns.indices)
        if !insert.columns.isEmpty {
            targets = []
            for name in insert.columns { targets.append(try position(of: name, in: table)) }
            try checkTargets(targets, insert.columns)
        }
        let query = TableDefaults(table, insert.place).filled(insert.query, targets)
        let types = targets.map { table.columns[$0].type }
        let prepared = try prepare(
            query, assigning: types, names: targets.map { table.columns[$0].name })
        guard prepared.columns.count <= targets.count else {
            throw SQLError(
                "INSERT has more expressions than target columns", .syntaxError, at: insert.place)
        }
        guard insert.columns.isEmpty || prepared.columns.count == targets.count else {
            throw SQLError(
                "INSERT has more target columns than expressions", .syntaxError, at: insert.place)
        }
        let given = CollectedRows()
        _ = try execute(prepared, given)
        let missing = Set(table.columns.indices).subtracting(
            targets.prefix(prepared.columns.count))
        let defaults = try values(of: missing, table, insert.place)
        let whole = given.batches.map { batch in
            batch.replacing(
                table.columns.indices.map { column in
                    guard !missing.contains(column), let source = targets.firstIndex(of: column)
                    else {
                        let value = defaults[column] ?? .null
                        return .constant(value, table.columns[column].type, count: batch.count)
                    }
                    return batch.columns[source]
                })
        }
        let rows = whole.map { fitted($0, table) }
        try checkRows(rows, table)
        let changes = try resolved(rows, table, insert)
        try checkKeys(changes.inserted, table)
        table.append(changes.inserted)
        var changed = changes.inserted
        if let conflicts = changes.conflicts { changed += try updated(conflicts, table, insert) }
        try give(insert.returning, changed, table, insert.table, insert.alias, output)
        return Outcome(tag: "INSERT 0 \(changed.reduce(0) { $0 + $1.count })")
    }

    /// The DEFAULT of columns that an INSERT does not name; evaluated once a statement.
    private func values(
        of columns: Set<Int>, _ table: StoredTable, _ place: Range<Int>
    ) throws(SQLError) -> [Int: Value] {
        var values: [Int: Value] = [:]
        for column in columns {
            guard let expression = table.definition.defaults[column] else { continue }
            let query = QuerySyntax(.values([[expression]], place), place)
            let prepared = try prepare(
                query, assigning: [table.columns[column].type],
                names: [table.columns[column].name])
            let rows = CollectedRows()
            _ = try execute(prepared, rows)
            values[column] = rows.batches.first?.columns[0].value(0)
        }
        return values
    }

    func update(_ update: UpdateSyntax, _ output: any ResultOutput) throws(SQLError) -> Outcome {
        let table = try table(update.table)
        let items = try items(
            update.assignments, table, update.alias ?? update.table, update.place)
        if !update.from.isEmpty, !update.returning.isEmpty {
            return try self.update(update, items, table, output)
        }
        let found = try rows(
            of: table, update.table, update.alias, update.from, items, where: update.filter,
            update.place)
        let changed = try replace(found, in: table)
        try give(update.returning, changed, table, update.table, update.alias, output)
        return Outcome(tag: "UPDATE \(changed.reduce(0) { $0 + $1.count })")
    }

    /// The columns of a table as an UPDATE's SET makes them.
    func items(
        _ assignments: [(Name, SyntaxExpression)], _ table: StoredTable, _ qualifier: Name,
        _ place: Range<Int>
    ) throws(SQLError) -> [SelectItem] {
        var assigned: [Int: SyntaxExpression] = [:]
        for (name, value) in assignments {
            let column = try position(of: name, in: table)
            guard assigned.updateValue(value, forKey: column) == nil else {
                throw SQLError(
                    "multiple assignments to same column \"\(name.text)\"", .syntaxError,
                    at: name.place)
            }
        }
        let defaults = TableDefaults(table, place)
        return table.columns.enumerated().map { index, column -> SelectItem in
            let name = [qualifier, Name(column.name, isQuoted: true, place)]
            let new = assigned[index].map { defaults.filled($0, index) }
            return SelectItem(new ?? SyntaxExpression(.name(name), place), alias: nil)
        }
    }

    func delete(_ delete: DeleteSyntax, _ output: any ResultOutput) throws(SQLError) -> Outcome {
        let table = try table(delete.table)
        let before = table.estimatedRows ?? 0
        if delete.filter == nil, delete.using.isEmpty, delete.returning.isEmpty {
            table.replace([])
            return Outcome(tag: "DELETE \(before)")
        }
        let found = try rows(
            of: table, delete.table, delete.alias, delete.using, delete.returning,
            where: delete.filter, delete.place, keepsTypes: true)
        if !delete.returning.isEmpty {
            try output.begin(found.columns, isChangelog: false, key: nil)
            for batch in found.batches { try output.write(batch) }
            try output.end()
        }
        table.replace(table.without(found.numbers))
        return Outcome(tag: "DELETE \(found.numbers.count)")
    }
}

/// Puts the DEFAULT of a table's columns where the word stands.
private struct TableDefaults {
    private let table: StoredTable
    private let place: Range<Int>

    init(_ table: StoredTable, _ place: Range<Int>) {
        self.table = table
        self.place = place
    }

    func filled(_ expression: SyntaxExpression, _ column: Int) -> SyntaxExpression {
        guard case .keywordValue("DEFAULT", _) = expression.node else { return expression }
        return table.definition.defaults[column] ?? SyntaxExpression(.null, expression.place)
    }

    /// The rows of VALUES; without a query (DEFAULT VALUES) one row.
    func filled(_ query: QuerySyntax?, _ targets: [Int]) -> QuerySyntax {
        guard var query else {
            let word = SyntaxExpression(.keywordValue("DEFAULT", precision: nil), place)
            let row = targets.map { filled(word, $0) }
            return QuerySyntax(.values([row], place), place)
        }
        guard case .values(let rows, let place) = query.body else { return query }
        let complete = rows.map { row in
            row.enumerated().map { index, value in
                index < targets.count ? filled(value, targets[index]) : value
            }
        }
        query.body = .values(complete, place)
        return query
    }
}
