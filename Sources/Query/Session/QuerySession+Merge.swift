import Aggregation
import Formats
import SQL

// MERGE: the source is joined with the table once, and each joined row has the number of the clause
// that is done for it; then each clause is a query over those rows.
extension QuerySession {
    func merge(_ merge: MergeSyntax) throws(SQLError) -> Outcome {
        let table = try changeableTable(merge.table)
        var merge = merge
        merge.source.alias = merge.source.alias ?? merge.source.givenName
        guard merge.source.alias?.text != (merge.alias ?? merge.table).text else {
            throw SQLError(
                "name \"\(merge.source.alias?.text ?? "")\" specified more than once",
                .duplicateAlias, at: merge.source.place,
                detail: "The name is used both as MERGE target table and data source.")
        }
        let joined = try joinedRows(merge, table)
        var gone = try numbers(of: joined, merge)
        var changed: [Batch] = []
        var inserted: [Batch] = []
        var count = gone.deleted.count
        for (index, clause) in merge.clauses.enumerated() {
            switch clause.action {
            case .nothing, .delete: continue
            case .update(let assignments):
                let items = try items(
                    assignments, table, merge.alias ?? merge.table, clause.place)
                let found = try with(joined, as: MergeNames.source(clause.place)) {
                    () throws(SQLError) in
                    try rows(
                        of: table, merge.table, merge.alias, [merge.actionSource(clause.place)],
                        items, where: merge.condition(index, clause.place), clause.place)
                }
                for batch in found.batches { changed.append(try completed(batch, table)) }
                gone.updated += found.numbers
                count += found.numbers.count
            case .insert(let names, let values):
                let rows = try insertedRows(merge, index, clause, names, values, joined, table)
                inserted += rows
                count += rows.reduce(0) { $0 + $1.count }
            }
        }
        try replace(gone.deleted + gone.updated, with: changed + inserted, in: table)
        return Outcome(tag: "MERGE \(count)")
    }

    /// The source's columns, the number of the table's row (null: none fits) and of the clause.
    private func joinedRows(
        _ merge: MergeSyntax, _ table: StoredTable
    ) throws(SQLError) -> StoredTable {
        let place = merge.place
        var target = RelationSyntax(.name([merge.table]), merge.table.place)
        target.alias = merge.alias
        let join = JoinSyntax(
            .left, .relation(merge.source), .relation(target), .on(merge.condition), place)
        var select = SelectSyntax(place)
        let star = SyntaxExpression.Star(
            qualifier: [merge.source.alias ?? Name("", isQuoted: true, place)])
        let row = SyntaxExpression(
            .name([merge.alias ?? merge.table, Name(StoredTable.rowNumber, isQuoted: true, place)]),
            place)
        select.items = [
            SelectItem(SyntaxExpression(.star(star), place), alias: nil),
            SelectItem(row, alias: nil),
            SelectItem(merge.choice(row), alias: nil),
        ]
        select.from = [.join(join)]
        var query = QuerySyntax(.select(select), place)
        query.with = merge.with.tables
        query.isRecursive = merge.with.isRecursive
        return try with(table.numbered, as: merge.table) { () throws(SQLError) in
            let prepared = try prepare(query)
            let rows = CollectedRows()
            _ = try execute(prepared, rows)
            var columns = prepared.columns.map { RelationColumn($0.name, $0.type) }
            columns[columns.count - 2] = RelationColumn(MergeNames.row, .bigint, isHidden: true)
            columns[columns.count - 1] = RelationColumn(
                MergeNames.action, .integer, isHidden: true)
            let joined = StoredTable(MergeNames.sourceText, columns, .init())
            joined.append(rows.batches)
            return joined
        }
    }

    /// The rows of the table that are deleted; none may be changed twice.
    private func numbers(
        of joined: StoredTable, _ merge: MergeSyntax
    ) throws(SQLError) -> (deleted: [Int], updated: [Int]) {
        var seen: Set<Int64> = []
        var deleted: [Int] = []
        let width = joined.columns.count
        for batch in joined.batches {
            for row in 0..<batch.count {
                guard case .integer(let number) = batch.columns[width - 2].value(row),
                    case .integer(let action) = batch.columns[width - 1].value(row), action >= 0
                else { continue }
                switch merge.clauses[Int(action)].action {
                case .nothing, .insert: continue
                case .delete: deleted.append(Int(number))
                case .update: break
                }
                guard seen.insert(number).inserted else {
                    throw SQLError(
                        "MERGE command cannot affect row a second time", .cardinalityViolation,
                        hint: "Ensure that not more than one source row matches any one target row."
                    )
                }
            }
        }
        return (deleted, [])
    }

    private func insertedRows(
        _ merge: MergeSyntax, _ index: Int, _ clause: MergeSyntax.Clause, _ names: [Name],
        _ values: [SyntaxExpression], _ joined: StoredTable, _ table: StoredTable
    ) throws(SQLError) -> [Batch] {
        var targets = Array(table.columns.indices)
        if !names.isEmpty {
            targets = []
            for name in names { targets.append(try position(of: name, in: table)) }
        }
        guard values.count <= targets.count else {
            throw SQLError(
                "INSERT has more expressions than target columns", .syntaxError,
                at: values[targets.count].place)
        }
        var given = zip(targets, values).filter { !$1.isDefault }
        if given.isEmpty {
            // All are DEFAULT: one of them is written, so that there are rows.
            let plain = table.columns.indices.first { table.definition.generated[$0] == nil } ?? 0
            let word = SyntaxExpression(.keywordValue("DEFAULT", precision: nil), clause.place)
            given = [(plain, TableDefaults(table, clause.place).filled(word, plain))]
        }
        var select = SelectSyntax(clause.place)
        select.items = given.map { SelectItem($1, alias: nil) }
        let names = given.map { Name(table.columns[$0.0].name, isQuoted: true, clause.place) }
        select.from = [merge.actionSource(clause.place)]
        select.filter = merge.isAction(index, clause.place)
        let query = QuerySyntax(.select(select), clause.place)
        return try with(joined, as: MergeNames.source(clause.place)) { () throws(SQLError) in
            try newRows(
                query, names, table, clause.place, overriding: values.isEmpty ? .system : nil)
        }
    }

    private func replace(
        _ numbers: [Int], with rows: [Batch], in table: StoredTable
    ) throws(SQLError) {
        let before = table.batches
        table.replace(table.without(numbers))
        do throws(SQLError) {
            try checkRows(rows, table)
            try checkKeys(rows, table)
        } catch {
            table.replace(before)
            throw error
        }
        table.append(rows)
    }
}

/// Names that no statement can write.
private enum MergeNames {
    static let sourceText = "\u{1}source"
    static let row = "\u{1}merged row"
    static let action = "\u{1}action"

    static func source(_ place: Range<Int>) -> Name { Name(sourceText, isQuoted: true, place) }
}

extension MergeSyntax {
    /// The joined rows under the source's name.
    fileprivate func actionSource(_ place: Range<Int>) -> FromItem {
        var relation = RelationSyntax(.name([MergeNames.source(place)]), place)
        relation.alias = source.alias
        return .relation(relation)
    }

    private func column(_ name: String, _ place: Range<Int>) -> SyntaxExpression {
        let alias = source.alias ?? Name("", isQuoted: true, place)
        return SyntaxExpression(.name([alias, Name(name, isQuoted: true, place)]), place)
    }

    fileprivate func isAction(_ index: Int, _ place: Range<Int>) -> SyntaxExpression {
        let number = SyntaxExpression(.integer("\(index)"), place)
        return SyntaxExpression(.binary("=", column(MergeNames.action, place), number), place)
    }

    /// The table's row and the clause are those of the joined row.
    fileprivate func condition(_ index: Int, _ place: Range<Int>) -> SyntaxExpression {
        let target = SyntaxExpression(
            .name([alias ?? table, Name(StoredTable.rowNumber, isQuoted: true, place)]), place)
        let same = SyntaxExpression(.binary("=", target, column(MergeNames.row, place)), place)
        return SyntaxExpression(.and(same, isAction(index, place)), place)
    }

    /// The number of the first clause that fits a joined row, else -1.
    fileprivate func choice(_ row: SyntaxExpression) -> SyntaxExpression {
        let branches = clauses.enumerated().map { index, clause in
            var condition = SyntaxExpression(
                .isTest(row, "NULL", isNegated: clause.isMatched), clause.place)
            if let more = clause.condition {
                condition = SyntaxExpression(.and(condition, more), clause.place)
            }
            return (condition, SyntaxExpression(.integer("\(index)"), clause.place))
        }
        let none = SyntaxExpression(.unary("-", SyntaxExpression(.integer("1"), place)), place)
        return SyntaxExpression(.choice(operand: nil, branches, otherwise: none), place)
    }
}

extension RelationSyntax {
    /// What it is called without an alias.
    fileprivate var givenName: Name? {
        switch kind {
        case .name(let parts): parts.last
        case .functions(let calls, _): calls.first?.name
        default: Name("source", isQuoted: true, place)
        }
    }
}
