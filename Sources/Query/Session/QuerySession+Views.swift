import Aggregation
import Formats
import SQL

// INSERT, UPDATE and DELETE of views that show the rows of one table.
extension QuerySession {
    /// nil: the name is not a view's. `verb` as errors say it: insert into, update, delete from.
    func updatableView(_ name: Name, _ verb: String) throws(SQLError) -> UpdatableView? {
        guard let found = try catalog.find(name), case .view? = catalog.entries[found] else {
            return nil
        }
        var views: [ViewDefinition] = []
        var next = found
        while case .view(let view)? = catalog.entries[next] {
            var refusal = view.refusal
            var below: String?
            if refusal == nil, case .select(let select) = view.query.body,
                case .relation(let relation)? = select.from.first,
                case .name(let parts) = relation.kind
            {
                let isQuoted = parts.contains { $0.isQuoted }
                let text = parts.map(\.text).joined(separator: ".")
                below = try catalog.find(Name(text, isQuoted: isQuoted, view.name.place))
                switch below.flatMap({ catalog.entries[$0] }) {
                case .table, .view: break
                default:
                    refusal =
                        "Views that do not select from a single table or view are not "
                        + "automatically updatable."
                }
            }
            guard refusal == nil, views.count < 64, let below else {
                throw SQLError(
                    "cannot \(verb) view \"\(view.name.text)\"", .objectNotReady,
                    at: name.place, detail: refusal)
            }
            views.append(view)
            next = below
        }
        let table =
            try verb == "insert into"
            ? self.table(Name(next, isQuoted: true, name.place))
            : changeableTable(Name(next, isQuoted: true, name.place))
        return UpdatableView(
            views: views, table: table, columns: columns(of: views[...], over: table))
    }

    /// The columns of the first view.
    private func columns(
        of views: ArraySlice<ViewDefinition>, over table: StoredTable
    ) -> [(name: String, base: Int?)] {
        guard let view = views.first, case .select(let select) = view.query.body else {
            return table.columns.enumerated().map { ($0.element.name, $0.offset) }
        }
        let below = columns(of: views.dropFirst(), over: table)
        var list: [(name: String, base: Int?)] = []
        for item in select.items {
            switch item.expression.node {
            case .star: list += below
            case .name(let parts):
                let index = parts.last.flatMap { name in
                    below.firstIndex { $0.name == name.text }
                        ?? below.firstIndex { name.means($0.name) }
                }
                let own = index.map { below[$0] }
                list.append(
                    (item.alias?.text ?? own?.name ?? item.expression.columnName, own?.base))
            default: list.append((item.alias?.text ?? item.expression.columnName, nil))
            }
        }
        for (index, name) in view.columns.enumerated() where index < list.count {
            list[index].name = name.text
        }
        // Of a column that stands twice one can be set.
        var seen: Set<Int> = []
        for index in list.indices {
            guard let base = list[index].base else { continue }
            if !seen.insert(base).inserted { list[index].base = nil }
        }
        return list
    }

    func insert(
        _ insert: InsertSyntax, through view: UpdatableView, _ output: any ResultOutput
    ) throws(SQLError) -> Outcome {
        guard insert.conflict?.assignments.isEmpty ?? true else {
            throw SQLError(
                "ON CONFLICT DO UPDATE of a view is not supported", .featureNotSupported,
                at: insert.table.place, hint: "Name the table: \(view.table.name).")
        }
        var inner = insert
        var names = insert.columns
        if names.isEmpty, insert.query != nil {
            var given = view.columns.count
            if case .values(let rows, _)? = insert.query?.body { given = rows.first?.count ?? 0 }
            names = view.columns.prefix(given).map {
                Name($0.name, isQuoted: true, insert.table.place)
            }
        }
        inner.columns = []
        for name in names {
            let base = try view.base(of: name, to: "insert into")
            inner.columns.append(Name(view.table.columns[base].name, isQuoted: true, name.place))
        }
        if let conflict = insert.conflict {
            inner.conflict?.columns = []
            for name in conflict.columns {
                let base = try view.base(of: name, to: "insert into")
                inner.conflict?.columns.append(
                    Name(view.table.columns[base].name, isQuoted: true, name.place))
            }
        }
        let isListed = !insert.columns.isEmpty
        let count = try self.insert(inner, into: view.table, isListed: isListed) {
            (changed, before) throws(SQLError) in
            try finish(
                view, changed, before, insert.returning, insert.alias ?? insert.table,
                insert.with, output)
        }
        return Outcome(tag: "INSERT 0 \(count)")
    }

    func update(
        _ update: UpdateSyntax, through view: UpdatableView, _ output: any ResultOutput
    ) throws(SQLError) -> Outcome {
        let qualifier = update.alias ?? update.table
        guard update.from.isEmpty || update.returning.isEmpty else {
            throw SQLError(
                "UPDATE of a view with FROM and RETURNING is not supported", .featureNotSupported,
                at: update.table.place, hint: "Name the table: \(view.table.name).")
        }
        var assignments: [(Name, SyntaxExpression)] = []
        for (name, value) in update.assignments {
            let base = try view.base(of: name, to: "update")
            assignments.append(
                (Name(view.table.columns[base].name, isQuoted: true, name.place), value))
        }
        let items = try items(assignments, view.table, qualifier, update.place) { index, _ in
            UpdatableView.secret(index)
        }
        let found = try rows(
            through: view, qualifier, update.from, items, where: update.filter, update.place,
            assigns: true, with: update.with)
        let before = view.table.batches
        let changed = try replace(found, in: view.table)
        try finish(
            view, changed, before, update.returning, qualifier, update.with, output)
        return Outcome(tag: "UPDATE \(changed.reduce(0) { $0 + $1.count })")
    }

    func delete(
        _ delete: DeleteSyntax, through view: UpdatableView, _ output: any ResultOutput
    ) throws(SQLError) -> Outcome {
        let found = try rows(
            through: view, delete.alias ?? delete.table, delete.using, delete.returning,
            where: delete.filter, delete.place, assigns: false, with: delete.with)
        if !delete.returning.isEmpty {
            try output.begin(found.columns, isChangelog: false, key: nil)
            for batch in found.batches { try output.write(batch) }
            try output.end()
        }
        view.table.replace(view.table.without(found.numbers))
        return Outcome(tag: "DELETE \(found.numbers.count)")
    }

    /// `SELECT items FROM view, others WHERE condition`, with the numbers of the table's rows.
    private func rows(
        through view: UpdatableView, _ qualifier: Name, _ others: [FromItem],
        _ items: [SelectItem], where condition: SyntaxExpression?, _ place: Range<Int>,
        assigns: Bool, with: WithSyntax
    ) throws(SQLError) -> FoundRows {
        let table = view.table
        let (select, number) = select(from: view, qualifier, items: items, place)
        var complete = select
        complete.items = [number] + items
        complete.role = assigns ? .update : .returning
        complete.from += others
        complete.filter = condition
        let query = QuerySyntax(.select(complete), with, place)
        let all = view.views.map { _ in true }
        return try self.with(view, table.numbered, filtered: all, place) {
            () throws(SQLError) -> FoundRows in
            let prepared =
                assigns
                ? try prepare(
                    query, assigning: [.bigint] + table.columns.map(\.type),
                    names: [StoredTable.rowNumber] + table.columns.map(\.name))
                : try prepare(query)
            let rows = CollectedRows()
            _ = try execute(prepared, rows)
            return FoundRows(prepared.columns, rows.batches)
        }
    }

    private func select(
        from view: UpdatableView, _ qualifier: Name, items: [SelectItem], _ place: Range<Int>
    ) -> (SelectSyntax, number: SelectItem) {
        var select = SelectSyntax(place)
        select.items = items
        var relation = RelationSyntax(.name([view.names(place)[0]]), qualifier.place)
        relation.alias = qualifier
        select.from = [.relation(relation)]
        let number = Name(StoredTable.rowNumber, isQuoted: true, place)
        return (
            select,
            SelectItem(SyntaxExpression(.name([qualifier, number]), place), alias: nil)
        )
    }

    /// CHECK OPTION and RETURNING for rows that are changed; if one fails they are as before.
    private func finish(
        _ view: UpdatableView, _ changed: [Batch], _ before: [Batch], _ returning: [SelectItem],
        _ qualifier: Name, _ tables: WithSyntax, _ output: any ResultOutput
    ) throws(SQLError) {
        let rows = StoredTable(view.table.name, view.table.columns, view.table.definition)
        rows.append(changed)
        do throws(SQLError) {
            for index in view.checked { try check(view, index, rows, qualifier.place) }
        } catch {
            view.table.replace(before)
            throw error
        }
        guard !returning.isEmpty else { return }
        var (select, _) = select(from: view, qualifier, items: returning, qualifier.place)
        select.role = .returning
        let query = QuerySyntax(.select(select), tables, qualifier.place)
        let none = view.views.map { _ in false }
        try view.table.seen(as: before) { () throws(SQLError) in
            try with(view, rows.numbered, filtered: none, qualifier.place) {
                () throws(SQLError) in
                _ = try execute(try prepare(query), output)
            }
        }
    }

    /// Whether the WHERE of one of the views holds for all rows.
    private func check(
        _ view: UpdatableView, _ index: Int, _ rows: StoredTable, _ place: Range<Int>
    ) throws(SQLError) {
        let only = view.views.indices.map { $0 == index }
        let qualifier = Name("v", isQuoted: true, place)
        var (select, number) = select(from: view, qualifier, items: [], place)
        select.items = [number]
        let query = QuerySyntax(.select(select), place)
        let passed = CollectedRows()
        try with(view, rows.numbered, filtered: only, place) { () throws(SQLError) in
            _ = try execute(try prepare(query), passed)
        }
        var numbers: Set<Int64> = []
        for batch in passed.batches {
            for row in 0..<batch.count {
                if case .integer(let number) = batch.columns[0].value(row) {
                    numbers.insert(number)
                }
            }
        }
        var first: Int64 = 0
        for batch in rows.batches {
            for row in 0..<batch.count where !numbers.contains(first + Int64(row)) {
                throw SQLError(
                    "new row violates check option for view \"\(view.views[index].name.text)\"",
                    .checkOptionViolation, detail: failing(batch, row))
            }
            first += Int64(batch.count)
        }
    }

    /// While `body` runs the views are there over these rows, under names of their own.
    private func with<T>(
        _ view: UpdatableView, _ rows: StoredTable, filtered: [Bool], _ place: Range<Int>,
        _ body: () throws(SQLError) -> T
    ) throws(SQLError) -> T {
        let names = view.names(place)
        for definition in view.definitions(place, filtered: filtered) {
            catalog.define(definition.name.text, .view(definition))
        }
        catalog.define(names[names.count - 1].text, .table(rows))
        defer { for name in names { catalog.remove(name.text) } }
        return try body()
    }
}
