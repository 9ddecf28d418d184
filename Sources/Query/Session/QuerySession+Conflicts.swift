import Aggregation
import Formats
import SQL

/// What becomes of the rows of an INSERT: those that are new, and those whose key the table has,
/// with the numbers of its rows.
struct InsertedRows {
    var inserted: [Batch]
    var conflicts: [(batch: Batch, numbers: [Int])]?
}

// INSERT ... ON CONFLICT.
extension QuerySession {
    /// Tells new rows from those whose key is there.
    func resolved(
        _ batches: [Batch], _ table: StoredTable, _ insert: InsertSyntax
    ) throws(SQLError) -> InsertedRows {
        guard let conflict = insert.conflict else { return InsertedRows(inserted: batches) }
        let keys = try keys(of: conflict, table)
        guard !keys.isEmpty else { return InsertedRows(inserted: batches) }
        var known = KnownKeys<Int>(keys)
        var first = 0
        for batch in table.batches {
            for row in 0..<batch.count { known.add(batch, row, first + row) }
            first += batch.count
        }
        let updates = !conflict.assignments.isEmpty
        var inserted: [Batch] = []
        var conflicts: [(batch: Batch, numbers: [Int])] = []
        // What this statement has inserted or changed.
        var touched = KnownKeys<Bool>(keys)
        for batch in batches {
            var fresh: [Int32] = []
            var taken: [Int32] = []
            var numbers: [Int] = []
            for row in 0..<batch.count {
                let isTouched = touched.find(batch, row) != nil
                guard !isTouched || !updates else {
                    throw SQLError(
                        "ON CONFLICT DO UPDATE command cannot affect row a second time",
                        .cardinalityViolation,
                        hint: "Ensure that no rows proposed for insertion within the same "
                            + "command have duplicate constrained values.")
                }
                if let number = known.find(batch, row) {
                    taken.append(Int32(row))
                    numbers.append(number)
                    if updates { touched.add(batch, row, true) }
                } else if !isTouched {
                    fresh.append(Int32(row))
                    touched.add(batch, row, true)
                }
            }
            inserted.append(batch.gather(fresh))
            conflicts.append((batch.gather(taken), numbers))
        }
        return InsertedRows(inserted: inserted, conflicts: updates ? conflicts : nil)
    }

    /// The keys that the statement means; none: it names none, and the table has none.
    private func keys(
        of conflict: ConflictSyntax, _ table: StoredTable
    ) throws(SQLError) -> [[Int]] {
        let all = table.uniqueKeys
        if let constraint = conflict.constraint {
            guard let found = all.first(where: { $0.name == constraint.text }) else {
                throw SQLError(
                    "constraint \"\(constraint.text)\" for table \"\(table.name)\" does not "
                        + "exist", .undefinedObject, at: constraint.place)
            }
            return [found.columns]
        }
        guard !conflict.columns.isEmpty else { return all.map(\.columns) }
        var meant: Set<Int> = []
        for name in conflict.columns { meant.insert(try position(of: name, in: table.columns)) }
        guard let found = all.first(where: { Set($0.columns) == meant }) else {
            throw SQLError(
                "there is no unique or exclusion constraint matching the ON CONFLICT "
                    + "specification", .invalidColumnReference, at: conflict.place)
        }
        return [found.columns]
    }

    /// DO UPDATE: the table's rows joined with those that were to be inserted, as `excluded`.
    func updated(
        _ conflicts: [(batch: Batch, numbers: [Int])], _ table: StoredTable, _ insert: InsertSyntax
    ) throws(SQLError) -> [Batch] {
        guard let conflict = insert.conflict else { return [] }
        let place = conflict.place
        let excluded = Name("excluded", isQuoted: true, place)
        let proposed = StoredTable(
            excluded.text,
            table.columns + [RelationColumn(StoredTable.rowNumber, .bigint, isHidden: true)],
            .init())
        proposed.append(
            conflicts.map { batch, numbers in
                let column = Column.make(.bigint, numbers.map { Value.integer(Int64($0)) })
                return Batch(batch.columns + [column], count: batch.count)
            })
        let qualifier = insert.alias ?? insert.table
        func number(_ relation: Name) -> SyntaxExpression {
            SyntaxExpression(
                .name([relation, Name(StoredTable.rowNumber, isQuoted: true, place)]), place)
        }
        var condition = SyntaxExpression(
            .binary("=", number(qualifier), number(excluded)), place)
        if let filter = conflict.filter {
            condition = SyntaxExpression(.and(condition, filter), place)
        }
        let items = try items(conflict.assignments, table, qualifier, place)
        let before = catalog.entries[excluded.text]
        catalog.define(excluded.text, .table(proposed))
        defer {
            if let before {
                catalog.define(excluded.text, before)
            } else {
                catalog.remove(excluded.text)
            }
        }
        let found = try rows(
            of: table, insert.table, insert.alias,
            [.relation(RelationSyntax(.name([excluded]), place))], items, where: condition, place,
            with: insert.with)
        return try replace(found, in: table)
    }
}
