import Aggregation
import Formats
import SQL

/// What a query over a table found of its rows, each row once: their numbers in the table, and the
/// values that the query gave for them.
struct FoundRows {
    var columns: [Field]
    var numbers: [Int]
    var batches: [Batch]
}

// The rows that a statement changes are found by a query over the table with a column more.
extension QuerySession {
    /// `SELECT items FROM table, others WHERE condition`; of several rows of the others that fit
    /// one of the table the first counts. The items are cast to the table's columns.
    func rows(
        of table: StoredTable, _ name: Name, _ alias: Name?, _ others: [FromItem],
        _ items: [SelectItem], where condition: SyntaxExpression?, _ place: Range<Int>,
        keepsTypes: Bool = false, with: WithSyntax = WithSyntax()
    ) throws(SQLError) -> FoundRows {
        var select = SelectSyntax(place)
        let qualifier = alias ?? name
        let number = SyntaxExpression(
            .name([qualifier, Name(StoredTable.rowNumber, isQuoted: true, place)]), place)
        select.items = [SelectItem(number, alias: nil)] + items
        select.role = keepsTypes ? .returning : .update
        var relation = RelationSyntax(.name([name]), name.place)
        relation.alias = alias
        select.from = [.relation(relation)] + others
        select.filter = condition
        let query = QuerySyntax(.select(select), with, place)
        return try self.with(table.numbered, as: name) { () throws(SQLError) in
            let prepared =
                keepsTypes
                ? try prepare(query)
                : try prepare(
                    query, assigning: [.bigint] + table.columns.map(\.type),
                    names: [StoredTable.rowNumber] + table.columns.map(\.name))
            let rows = CollectedRows()
            _ = try execute(prepared, rows)
            return FoundRows(prepared.columns, rows.batches)
        }
    }

    /// While `body` runs the name stands for another table.
    func with<T>(
        _ table: StoredTable, as name: Name, _ body: () throws(SQLError) -> T
    ) throws(SQLError) -> T {
        let key = try catalog.find(name) ?? name.text
        let entry = catalog.entries[key]
        catalog.define(key, .table(table))
        defer {
            if let entry { catalog.define(key, entry) } else { catalog.remove(key) }
        }
        return try body()
    }

    /// Puts new rows in place of those found; the table stays as it was if they break a rule.
    func replace(_ found: FoundRows, in table: StoredTable) throws(SQLError) -> [Batch] {
        var changed: [Batch] = []
        for batch in found.batches { changed.append(try completed(batch, table)) }
        let before = table.batches
        table.replace(table.without(found.numbers))
        do throws(SQLError) {
            try checkRows(changed, table)
            try checkKeys(changed, table)
        } catch {
            table.replace(before)
            throw error
        }
        table.append(changed)
        return changed
    }

    /// RETURNING over the rows that an INSERT or UPDATE has made.
    func give(
        _ items: [SelectItem], _ rows: [Batch], _ table: StoredTable, _ name: Name,
        _ alias: Name?, _ output: any ResultOutput, with: WithSyntax = WithSyntax()
    ) throws(SQLError) {
        guard !items.isEmpty else { return }
        let changed = StoredTable(table.name, table.columns, table.definition)
        changed.append(rows)
        var select = SelectSyntax(name.place)
        select.items = items
        select.role = .returning
        // A name of their own: subqueries that name the table mean the table.
        let own = Name("\u{1}changed", isQuoted: true, name.place)
        var relation = RelationSyntax(.name([own]), name.place)
        relation.alias = alias ?? name
        select.from = [.relation(relation)]
        let query = QuerySyntax(.select(select), with, name.place)
        try self.with(changed, as: own) { () throws(SQLError) in
            _ = try execute(try prepare(query), output)
        }
    }

    /// Rows as the table keeps them: with its precision of times, and generated columns computed.
    func completed(_ batch: Batch, _ table: StoredTable) throws(SQLError) -> Batch {
        let batch = fitted(batch, table)
        let generated = table.definition.generated.sorted { $0.key < $1.key }
        guard !generated.isEmpty, batch.count > 0 else { return batch }
        let evaluator = try Evaluator(generated.map(\.value), settings: settings.settings)
        var columns = batch.columns
        for ((index, _), column) in zip(generated, try evaluator.evaluateAll(batch)) {
            columns[index] = column
        }
        return fitted(batch.replacing(columns), table)
    }

    /// timestamp(3) and the like: a table keeps no more digits.
    func fitted(_ batch: Batch, _ table: StoredTable) -> Batch {
        guard !table.definition.digits.isEmpty else { return batch }
        let session = settings.settings
        let columns = batch.columns.enumerated().map { index, column -> Column in
            guard let digits = table.definition.digits[index],
                let function = TimePrecision.function(column.type, digits: digits)
            else { return column }
            let context = KernelContext(
                count: batch.count, type: column.type, live: column.validity, session: session)
            guard let rounded = try? function.kernel([column], context) else { return column }
            return Column(
                column.type, count: batch.count, rounded.storage, validity: column.validity,
                isConstant: rounded.isConstant)
        }
        return batch.replacing(columns)
    }

    /// INSERT's and SET's columns.
    func position(of name: Name, in table: StoredTable) throws(SQLError) -> Int {
        do throws(SQLError) {
            return try position(of: name, in: table.columns)
        } catch {
            throw SQLError(
                "column \"\(name.text)\" of relation \"\(table.name)\" does not exist",
                .undefinedColumn, at: name.place
            ).suggesting(table.columns.map(\.name), for: name.text)
        }
    }

    func checkTargets(_ targets: [Int], _ names: [Name]) throws(SQLError) {
        for (index, target) in targets.enumerated() where targets[..<index].contains(target) {
            throw SQLError(
                "column \"\(names[index].text)\" specified more than once", .duplicateColumn,
                at: names[index].place)
        }
    }
}

extension FoundRows {
    /// From batches whose first column numbers the table's rows.
    init(_ columns: [Field], _ batches: [Batch]) {
        self.columns = Array(columns.dropFirst())
        numbers = []
        self.batches = []
        var seen: Set<Int64> = []
        for batch in batches {
            var first: [Int32] = []
            for row in 0..<batch.count {
                guard case .integer(let number) = batch.columns[0].value(row),
                    seen.insert(number).inserted
                else { continue }
                numbers.append(Int(number))
                first.append(Int32(row))
            }
            let rest = Batch(Array(batch.columns.dropFirst()), count: batch.count)
            self.batches.append(rest.gather(first))
        }
    }
}

extension StoredTable {
    /// The column that numbers the rows of `numbered`; no name that can be written.
    static let rowNumber = "\u{1}row"

    /// The same rows with their numbers, not part of `*`.
    var numbered: StoredTable {
        let table = StoredTable(
            name, columns + [RelationColumn(StoredTable.rowNumber, .bigint, isHidden: true)],
            definition)
        var first = 0
        table.append(
            batches.map { batch in
                let numbers = (first..<first + batch.count).map { Value.integer(Int64($0)) }
                first += batch.count
                return Batch(batch.columns + [Column.make(.bigint, numbers)], count: batch.count)
            })
        return table
    }

    /// The batches without the rows of these numbers.
    func without(_ numbers: [Int]) -> [Batch] {
        let gone = Set(numbers)
        var first = 0
        var kept: [Batch] = []
        for batch in batches {
            let rows = (0..<batch.count).filter { !gone.contains(first + $0) }.map { Int32($0) }
            first += batch.count
            if rows.count == batch.count {
                kept.append(batch)
            } else if !rows.isEmpty {
                kept.append(batch.gather(rows))
            }
        }
        return kept
    }
}
