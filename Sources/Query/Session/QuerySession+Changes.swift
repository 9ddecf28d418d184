import Aggregation
import Formats
import SQL

// INSERT, UPDATE and DELETE: each is a query over the table whose result becomes its rows.
extension QuerySession {
    func insert(_ insert: InsertSyntax, _ output: any ResultOutput) throws(SQLError) -> Outcome {
        if try catalog.find(insert.table) == nil, let outcome = try insertIntoTopic(insert) {
            return outcome
        }
        let table = try table(insert.table)
        guard insert.returning.isEmpty else {
            throw SQLError(
                "RETURNING is not supported yet", .featureNotSupported, at: insert.place)
        }
        var targets = Array(table.columns.indices)
        if !insert.columns.isEmpty {
            targets = []
            for name in insert.columns {
                targets.append(try position(of: name, in: table.columns))
            }
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
        let rows = CollectedRows()
        _ = try execute(prepared, rows)
        let missing = Set(table.columns.indices).subtracting(
            targets.prefix(prepared.columns.count))
        let defaults = try values(of: missing, table, insert.place)
        let whole = rows.batches.map { batch in
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
        try check(whole, table)
        table.append(whole)
        return Outcome(tag: "INSERT 0 \(rows.count)")
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

    private func insertIntoTopic(_ insert: InsertSyntax) throws(SQLError) -> Outcome? {
        guard let query = insert.query, let topics = environment.topics else { return nil }
        let prepared = try prepare(query)
        guard let target = try topics.output(insert.table.text, columns: prepared.columns) else {
            return nil
        }
        let count = try executeKept(prepared, target)
        return Outcome(tag: "INSERT 0 \(count)")
    }

    /// NOT NULL and the primary key.
    private func check(_ added: [Batch], _ table: StoredTable) throws(SQLError) {
        for column in table.definition.notNull.sorted() {
            for batch in added {
                for row in 0..<batch.count where batch.columns[column].isNull(row) {
                    throw SQLError(
                        "null value in column \"\(table.columns[column].name)\" of relation "
                            + "\"\(table.name)\" violates not-null constraint", .notNullViolation)
                }
            }
        }
        guard let key = table.definition.key else { return }
        var seen: Set<[Value]> = []
        for batch in table.batches + added {
            for row in 0..<batch.count {
                let values = key.map { batch.columns[$0].value(row) }
                guard seen.insert(values).inserted else {
                    throw SQLError(
                        "duplicate key value violates unique constraint \"\(table.name)_pkey\"",
                        .uniqueViolation)
                }
            }
        }
    }

    func update(_ update: UpdateSyntax, _ output: any ResultOutput) throws(SQLError) -> Outcome {
        let table = try table(update.table)
        guard update.from.isEmpty, update.returning.isEmpty else {
            throw SQLError(
                "UPDATE ... FROM and RETURNING are not supported yet", .featureNotSupported,
                at: update.place)
        }
        var assigned: [Int: SyntaxExpression] = [:]
        for (name, value) in update.assignments {
            let column = try position(of: name, in: table.columns)
            guard assigned.updateValue(value, forKey: column) == nil else {
                throw SQLError(
                    "multiple assignments to same column \"\(name.text)\"", .syntaxError,
                    at: name.place)
            }
        }
        let place = update.place
        let condition = update.filter ?? SyntaxExpression(.boolean(true), place)
        let defaults = TableDefaults(table, place)
        let items = table.columns.enumerated().map { index, column -> SelectItem in
            let old = SyntaxExpression(.name([Name(column.name, isQuoted: true, place)]), place)
            let new = assigned[index].map { defaults.filled($0, index) }
            return SelectItem(new ?? old, alias: nil)
        }
        let changed = try rows(
            of: table, update.table, update.alias, items, where: condition, place)
        let kept = try rows(
            of: table, update.table, update.alias, [star(place)],
            where: isNotTrue(condition, place), place)
        let before = table.batches
        table.replace(kept.batches)
        do throws(SQLError) {
            try check(changed.batches, table)
        } catch {
            table.replace(before)
            throw error
        }
        table.append(changed.batches)
        return Outcome(tag: "UPDATE \(changed.count)")
    }

    func delete(_ delete: DeleteSyntax, _ output: any ResultOutput) throws(SQLError) -> Outcome {
        let table = try table(delete.table)
        guard delete.using.isEmpty, delete.returning.isEmpty else {
            throw SQLError(
                "DELETE ... USING and RETURNING are not supported yet", .featureNotSupported,
                at: delete.place)
        }
        let before = table.estimatedRows ?? 0
        guard let filter = delete.filter else {
            table.replace([])
            return Outcome(tag: "DELETE \(before)")
        }
        let kept = try rows(
            of: table, delete.table, delete.alias, [star(delete.place)],
            where: isNotTrue(filter, delete.place), delete.place)
        table.replace(kept.batches)
        return Outcome(tag: "DELETE \(before - kept.count)")
    }

    /// `SELECT items FROM table WHERE condition`, as the table's types.
    private func rows(
        of table: StoredTable, _ name: Name, _ alias: Name?, _ items: [SelectItem],
        where condition: SyntaxExpression, _ place: Range<Int>
    ) throws(SQLError) -> CollectedRows {
        var select = SelectSyntax(place)
        select.items = items
        var relation = RelationSyntax(.name([name]), name.place)
        relation.alias = alias
        select.from = [.relation(relation)]
        select.filter = condition
        let rows = CollectedRows()
        let prepared = try prepare(
            QuerySyntax(.select(select), place), assigning: table.columns.map(\.type),
            names: table.columns.map(\.name))
        _ = try execute(prepared, rows)
        return rows
    }

    private func star(_ place: Range<Int>) -> SelectItem {
        SelectItem(SyntaxExpression(.star(.init()), place), alias: nil)
    }

    private func isNotTrue(_ condition: SyntaxExpression, _ place: Range<Int>) -> SyntaxExpression {
        SyntaxExpression(.isTest(condition, "TRUE", isNegated: true), place)
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
