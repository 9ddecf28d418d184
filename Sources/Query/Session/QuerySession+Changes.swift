import Aggregation
import Formats
import SQL

// INSERT, UPDATE and DELETE: each is a query over the table whose result becomes its rows.
extension QuerySession {
    func insert(_ insert: InsertSyntax, _ output: any ResultOutput) throws(SQLError) -> Outcome {
        if let target = try topicTarget(insert), let outcome = try self.insert(insert, target) {
            return outcome
        }
        if let view = try updatableView(insert.table, "insert into") {
            return try self.insert(insert, through: view, output)
        }
        let table = try table(insert.table)
        let changed = try self.insert(insert, into: table) { (changed, before) throws(SQLError) in
            try table.seen(as: before) { () throws(SQLError) in
                try give(
                    insert.returning, changed, table, insert.table, insert.alias, output,
                    with: insert.with)
            }
        }
        return Outcome(tag: "INSERT 0 \(changed)")
    }

    /// `finish` gets the new rows and those that were there before; if it fails nothing is changed.
    func insert(
        _ insert: InsertSyntax, into table: StoredTable, isListed: Bool = true,
        _ finish: (_ changed: [Batch], _ before: [Batch]) throws(SQLError) -> Void
    ) throws(SQLError) -> Int {
        let rows = try newRows(
            insert.query, insert.columns, table, insert.place, overriding: insert.overriding,
            isListed: isListed)
        try checkRows(rows, table)
        let changes = try resolved(rows, table, insert)
        let before = table.batches
        var changed = changes.inserted
        do throws(SQLError) {
            // Subqueries of SET see the table as it was.
            if let conflicts = changes.conflicts {
                changed += try updated(conflicts, table, insert)
            }
            try checkKeys(changes.inserted, table)
        } catch {
            table.replace(before)
            throw error
        }
        table.append(changes.inserted)
        try finish(changed, before)
        return changed.reduce(0) { $0 + $1.count }
    }

    /// Whole rows of the table: what the query gives for these columns (none named: for the first
    /// ones), and DEFAULT for the others. Without a query one row of DEFAULT.
    func newRows(
        _ query: QuerySyntax?, _ names: [Name], _ table: StoredTable, _ place: Range<Int>,
        overriding: InsertSyntax.Overriding? = nil, isListed: Bool = true
    ) throws(SQLError) -> [Batch] {
        var targets = Array(table.columns.indices)
        if !names.isEmpty {
            targets = []
            for name in names { targets.append(try position(of: name, in: table)) }
            try checkTargets(targets, names)
        }
        try refuseGenerated(query, targets, table, overrides: overriding != nil)
        let defaults = TableDefaults(table, place)
        let definitions = table.columnDefinitions
        // OVERRIDING USER VALUE: an identity takes its own, whatever is given.
        let rest = table.columns.indices.filter { index in
            !targets.contains(index)
                || overriding == .user && definitions[index].identity != nil
        }
        let columns = (targets + rest).map { index in
            AssignmentTargets.Column(
                table.columns[index].name, table.columns[index].type,
                standard: table.definition.defaults[index])
        }
        var assignment = AssignmentTargets(columns, givenMax: targets.count, place)
        assignment.isListed = !names.isEmpty && query != nil && isListed
        assignment.isCompleted = true
        let prepared = try prepare(defaults.filled(query, targets), assigning: assignment)
        let given = CollectedRows()
        _ = try execute(prepared, given)
        var places = Array(repeating: 0, count: table.columns.count)
        for (index, column) in (targets + rest).enumerated() { places[column] = index }
        var rows: [Batch] = []
        for batch in given.batches {
            rows.append(try completed(batch.replacing(places.map { batch.columns[$0] }), table))
        }
        return rows
    }

    /// Columns that are generated, or an identity that is ALWAYS, take DEFAULT alone.
    private func refuseGenerated(
        _ query: QuerySyntax?, _ targets: [Int], _ table: StoredTable, overrides: Bool
    ) throws(SQLError) {
        guard let query else { return }
        let columns = table.columnDefinitions
        for (index, target) in targets.enumerated() {
            guard target < columns.count, let detail = columns[target].refusal(overrides: overrides)
            else { continue }
            guard query.givesValue(index, columns: targets.count) else { continue }
            throw SQLError(
                "cannot insert a non-DEFAULT value into column \"\(table.columns[target].name)\"",
                .generatedAlways, hint: detail.hint, detail: detail.text)
        }
    }

    func update(_ update: UpdateSyntax, _ output: any ResultOutput) throws(SQLError) -> Outcome {
        if let view = try updatableView(update.table, "update") {
            return try self.update(update, through: view, output)
        }
        let table = try changeableTable(update.table)
        let items = try items(
            update.assignments, table, update.alias ?? update.table, update.place)
        if !update.from.isEmpty, !update.returning.isEmpty {
            return try self.update(update, items, table, output)
        }
        let found = try rows(
            of: table, update.table, update.alias, update.from, items, where: update.filter,
            update.place, with: update.with)
        let before = table.batches
        let changed = try replace(found, in: table)
        try table.seen(as: before) { () throws(SQLError) in
            try give(
                update.returning, changed, table, update.table, update.alias, output,
                with: update.with)
        }
        return Outcome(tag: "UPDATE \(changed.reduce(0) { $0 + $1.count })")
    }

    /// The columns of a table as an UPDATE's SET makes them.
    func items(
        _ assignments: [(Name, SyntaxExpression)], _ table: StoredTable, _ qualifier: Name,
        _ place: Range<Int>, named: (Int, String) -> String = { $1 }
    ) throws(SQLError) -> [SelectItem] {
        var assigned: [Int: SyntaxExpression] = [:]
        for (name, value) in assignments {
            let column = try position(of: name, in: table)
            try refuseUpdate(of: column, value, table, name)
            // Several parts of one column are set one after another.
            if case .assignedPart(_, let steps, let part) = value.node {
                let spelled = named(column, table.columns[column].name)
                let exact = Name(spelled, isQuoted: true, name.place)
                var base = SyntaxExpression(.name([qualifier, exact]), name.place)
                if let before = assigned[column] {
                    guard case .assignedPart = before.node else { throw repeated(name) }
                    base = before
                }
                assigned[column] = SyntaxExpression(
                    .assignedPart(base, steps, part), value.place)
                continue
            }
            guard assigned.updateValue(value, forKey: column) == nil else {
                throw repeated(name)
            }
        }
        let defaults = TableDefaults(table, place)
        return table.columns.enumerated().map { index, column -> SelectItem in
            let name = [qualifier, Name(named(index, column.name), isQuoted: true, place)]
            let new = assigned[index].map { defaults.filled($0, index) }
            return SelectItem(new ?? SyntaxExpression(.name(name), place), alias: nil)
        }
    }

    private func repeated(_ name: Name) -> SQLError {
        SQLError(
            "multiple assignments to same column \"\(name.text)\"", .syntaxError, at: name.place)
    }

    private func refuseUpdate(
        of column: Int, _ value: SyntaxExpression, _ table: StoredTable, _ name: Name
    ) throws(SQLError) {
        let columns = table.columnDefinitions
        guard column < columns.count, let detail = columns[column].refusal(overrides: false),
            !value.isDefault
        else { return }
        throw SQLError(
            "column \"\(name.text)\" can only be updated to DEFAULT", .generatedAlways,
            at: name.place, detail: detail.text)
    }

    func delete(_ delete: DeleteSyntax, _ output: any ResultOutput) throws(SQLError) -> Outcome {
        if let view = try updatableView(delete.table, "delete from") {
            return try self.delete(delete, through: view, output)
        }
        let table = try changeableTable(delete.table)
        let before = table.estimatedRows ?? 0
        if delete.filter == nil, delete.using.isEmpty, delete.returning.isEmpty, explained == nil {
            table.replace([])
            return Outcome(tag: "DELETE \(before)")
        }
        let found = try rows(
            of: table, delete.table, delete.alias, delete.using, delete.returning,
            where: delete.filter, delete.place, keepsTypes: true, with: delete.with)
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
struct TableDefaults {
    private let table: StoredTable
    private let place: Range<Int>

    init(_ table: StoredTable, _ place: Range<Int>) {
        self.table = table
        self.place = place
    }

    func filled(_ expression: SyntaxExpression, _ column: Int) -> SyntaxExpression {
        guard expression.isDefault else { return expression }
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

extension SyntaxExpression {
    var isDefault: Bool {
        if case .keywordValue("DEFAULT", _) = node { return true }
        return false
    }
}

extension QuerySyntax {
    /// False if a column of the rows is DEFAULT in all of them, or not given.
    fileprivate func givesValue(_ index: Int, columns: Int) -> Bool {
        switch body {
        case .values(let rows, _):
            return rows.contains { index < $0.count && !$0[index].isDefault }
        case .select(let select):
            let hasStar = select.items.contains {
                if case .star = $0.expression.node { true } else { false }
            }
            return hasStar || index < select.items.count
        case .set, .query, .table: return true
        }
    }
}

extension ColumnDefinition {
    /// Why no value may be given for it; nil: any may.
    fileprivate func refusal(overrides: Bool) -> (text: String, hint: String?)? {
        if generated != nil { return ("Column \"\(name.text)\" is a generated column.", nil) }
        guard identity?.isAlways == true, !overrides else { return nil }
        return (
            "Column \"\(name.text)\" is an identity column defined as GENERATED ALWAYS.",
            "Use OVERRIDING SYSTEM VALUE to override."
        )
    }
}
