import Aggregation
import Formats
import SQL

// ALTER TABLE: the table is made anew from the statement that would make it so, and its rows come
// from a query over the old one.
extension QuerySession {
    func alter(_ alter: AlterTableSyntax) throws(SQLError) -> Outcome {
        let outcome = Outcome(tag: "ALTER \(alter.kind)")
        guard let found = try catalog.find(alter.name), let entry = catalog.entries[found] else {
            guard !alter.ifExists else {
                environment.note("relation \"\(alter.name.text)\" does not exist, skipping")
                return outcome
            }
            throw catalog.missing(alter.name)
        }
        if case .renameTo(let name)? = alter.actions.first {
            try rename(found, entry, to: name, alter.kind)
            return outcome
        }
        guard alter.kind == "TABLE", case .table(let table) = entry else {
            guard alter.kind == entry.kind else {
                throw SQLError(
                    "\"\(found)\" is not a \(alter.kind.lowercased())", .wrongObjectType,
                    at: alter.name.place)
            }
            throw SQLError(
                "ALTER \(alter.kind) of this kind is not supported", .featureNotSupported,
                at: alter.place, hint: "Drop it and create it anew.")
        }
        let before = catalog.entries
        var current = table
        do throws(SQLError) {
            for action in alter.actions {
                current = try altered(current, action)
                catalog.define(found, .table(current))
            }
            try checkDependents(of: found, alter)
        } catch {
            catalog.restore(before)
            throw error
        }
        return outcome
    }

    private func rename(
        _ old: String, _ entry: SessionCatalog.Entry, to name: Name, _ kind: String
    ) throws(SQLError) {
        guard entry.kind == kind || kind == "TABLE" else {
            throw SQLError(
                "\"\(old)\" is not a \(kind.lowercased())", .wrongObjectType, at: name.place)
        }
        if let taken = try catalog.find(name), taken != old {
            throw SQLError(
                "relation \"\(taken)\" already exists", .duplicateRelation, at: name.place)
        }
        if let view = dependents(of: [old]).first {
            throw SQLError(
                "cannot rename \(old) while view \(view.view) uses it", .featureNotSupported,
                at: name.place, hint: "Drop the view and create it anew.")
        }
        catalog.remove(old)
        switch entry {
        case .table(let table):
            var facts = table.definition
            facts.syntax?.name = name
            // What was named after the table keeps its name.
            facts.keyName = table.uniqueKeys.first.flatMap { facts.key == nil ? nil : $0.name }
            let renamed = StoredTable(name.text, table.columns, facts)
            renamed.append(table.batches)
            catalog.define(name.text, .table(renamed))
        case .view(var view):
            view.name = name
            catalog.define(name.text, .view(view))
        case .source(var source):
            source.name = name
            catalog.define(name.text, .source(source))
        case .type: catalog.define(name.text, entry)
        case .sequence(let sequence):
            catalog.define(name.text, .sequence(StoredSequence(name.text, like: sequence)))
        }
    }

    /// Views that no longer go with the table.
    private func checkDependents(of name: String, _ alter: AlterTableSyntax) throws(SQLError) {
        for (view, _) in dependents(of: [name]) {
            guard case .view(let definition)? = catalog.entries[view] else { continue }
            do throws(SQLError) {
                _ = try prepare(definition.query)
            } catch {
                var (verb, what) = ("alter", "table \(name)")
                if case .dropColumn(let column, _, _)? = alter.actions.first {
                    (verb, what) = ("drop", "column \(column.text) of table \(name)")
                }
                throw SQLError(
                    "cannot \(verb) \(what) because other objects depend on it",
                    .dependentObjectsExist, at: alter.name.place,
                    hint: "Drop the view, and create it anew behind the change.",
                    detail: "view \(view) depends on \(what)")
            }
        }
    }

    private func altered(
        _ table: StoredTable, _ action: AlterTableSyntax.Action
    ) throws(SQLError) -> StoredTable {
        var change = TableChange(table)
        switch action {
        case .renameTo: break
        case .renameColumn(let old, let new):
            try change.rename(try position(of: old, in: table), to: new)
        case .renameConstraint(let old, let new): try change.renameConstraint(old, to: new)
        case .addColumn(let elements, let ifNotExists):
            if try change.add(elements, ifNotExists: ifNotExists) {
                environment.note("column of relation \"\(table.name)\" already exists, skipping")
                return table
            }
        case .dropColumn(let name, let ifExists, let cascades):
            if ifExists, (try? position(of: name, in: table)) == nil {
                environment.note(
                    "column \"\(name.text)\" of relation \"\(table.name)\" does not exist, skipping"
                )
                return table
            }
            try change.drop(try position(of: name, in: table), name, cascades: cascades)
        case .setType(let name, let type, let expression):
            change.setType(try position(of: name, in: table), type, using: expression)
        case .setDefault(let name, let value):
            change.column(try position(of: name, in: table)) {
                $0.defaultValue = value
                $0.expressionText = nil
            }
        case .setNotNull(let name, let isNotNull):
            let index = try position(of: name, in: table)
            if !isNotNull, table.definition.key?.contains(index) == true {
                throw SQLError(
                    "column \"\(name.text)\" is in a primary key", .invalidTableDefinition,
                    at: name.place)
            }
            change.column(index) { $0.isNotNull = isNotNull }
        case .addConstraint(let element, let name):
            change.definition.elements.append(element)
            if let name { change.definition.keyName = name }
        case .dropConstraint(let name, let ifExists):
            if try change.dropConstraint(name, ifExists: ifExists) {
                environment.note(
                    "constraint \"\(name.text)\" of relation \"\(table.name)\" does not exist, "
                        + "skipping")
                return table
            }
        }
        return try rebuilt(table, change)
    }

    private func rebuilt(
        _ table: StoredTable, _ change: TableChange
    ) throws(SQLError) -> StoredTable {
        let made = try make(change.definition)
        for sequence in made.sequences { catalog.define(sequence.name, .sequence(sequence)) }
        let new = made.table
        var rows = table.batches
        if change.changesRows {
            rows = []
            for batch in try values(change, table, new) { rows.append(try completed(batch, new)) }
        }
        try checkExisting(rows, new)
        new.append(rows)
        return new
    }

    /// The columns of the new table over the rows of the old one.
    private func values(
        _ change: TableChange, _ table: StoredTable, _ new: StoredTable
    ) throws(SQLError) -> [Batch] {
        let place = change.definition.place
        var select = SelectSyntax(place)
        let name = Name(table.name, isQuoted: true, place)
        for (index, source) in change.sources.enumerated() {
            let value: SyntaxExpression
            switch source {
            case .old(let old):
                value = SyntaxExpression(
                    .name([name, Name(table.columns[old].name, isQuoted: true, place)]), place)
            case .standard:
                value = new.definition.defaults[index] ?? SyntaxExpression(.null, place)
            case .expression(let expression): value = expression
            }
            select.items.append(SelectItem(value, alias: nil))
        }
        select.from = [.relation(RelationSyntax(.name([name]), place))]
        do throws(SQLError) {
            let prepared = try prepare(
                QuerySyntax(.select(select), place), assigning: new.columns.map(\.type),
                names: new.columns.map(\.name))
            let rows = CollectedRows()
            _ = try execute(prepared, rows)
            return rows.batches
        } catch {
            guard error.state == .datatypeMismatch, let retyped = change.retyped else {
                throw error
            }
            let column = new.columns[retyped]
            if case .expression = change.sources[retyped] {
                throw SQLError(
                    "result of USING clause for column \"\(column.name)\" cannot be cast "
                        + "automatically to type \(column.type)", .datatypeMismatch,
                    hint: "You might need to add an explicit cast.")
            }
            throw SQLError(
                "column \"\(column.name)\" cannot be cast automatically to type \(column.type)",
                .datatypeMismatch,
                hint: "You might need to specify \"USING \(column.name)::\(column.type)\".")
        }
    }

    /// Rows that break a rule which is new.
    private func checkExisting(_ rows: [Batch], _ table: StoredTable) throws(SQLError) {
        do throws(SQLError) {
            try checkRows(rows, table)
            try checkKeys(rows, table)
        } catch {
            let name = error.message.split(separator: "\"").dropFirst().last.map(String.init) ?? ""
            switch error.state {
            case .notNullViolation:
                let column = error.message.split(separator: "\"").dropFirst().first ?? ""
                throw SQLError(
                    "column \"\(column)\" of relation \"\(table.name)\" contains null values",
                    .notNullViolation)
            case .checkViolation:
                throw SQLError(
                    "check constraint \"\(name)\" of relation \"\(table.name)\" is violated by "
                        + "some row", .checkViolation)
            case .uniqueViolation:
                let detail = error.detail?.replacingEnd("already exists.", "is duplicated.")
                throw SQLError(
                    "could not create unique index \"\(name)\"", .uniqueViolation, detail: detail)
            default: throw error
            }
        }
    }
}

/// The statement that a table would be made with, being changed, and where its columns come from.
private struct TableChange {
    enum Source {
        case old(Int)
        /// DEFAULT
        case standard
        case expression(SyntaxExpression)
    }

    let table: StoredTable
    var definition: TableDefinition
    var sources: [Source]
    var changesRows = false
    /// A column that has another type.
    var retyped: Int?

    init(_ table: StoredTable) {
        self.table = table
        let place = 0..<0
        definition =
            table.definition.syntax
            ?? TableDefinition(Name(table.name, isQuoted: true, place), place)
        sources = table.columns.indices.map { .old($0) }
    }

    /// Where the column stands among the elements.
    private func element(_ column: Int) -> Int {
        var index = -1
        for (position, element) in definition.elements.enumerated() {
            if case .column = element { index += 1 }
            if index == column { return position }
        }
        return 0
    }

    mutating func column(_ index: Int, _ change: (inout ColumnDefinition) -> Void) {
        let position = element(index)
        guard case .column(var column) = definition.elements[position] else { return }
        change(&column)
        definition.elements[position] = .column(column)
    }

    mutating func rename(_ index: Int, to new: Name) throws(SQLError) {
        let old = table.columns[index].name
        guard !table.columns.contains(where: { $0.name == new.text }) else {
            throw SQLError(
                "column \"\(new.text)\" of relation \"\(table.name)\" already exists",
                .duplicateColumn, at: new.place)
        }
        func renamed(_ names: [Name]) -> [Name] {
            names.map { name in
                let isMeant =
                    name.text == old
                    || (!name.isQuoted && name.text.lowercased() == old.lowercased())
                return isMeant ? Name(new.text, isQuoted: true, name.place) : name
            }
        }
        definition.elements = definition.elements.map { element in
            switch element {
            case .primaryKey(let names): return .primaryKey(renamed(names))
            case .unique(let names, let name): return .unique(renamed(names), name: name)
            case .check(let condition, let name):
                return .check(condition.renaming(old, to: new), name: name)
            case .column(var column):
                column.generated = column.generated?.renaming(old, to: new)
                return .column(column)
            case .star, .watermark, .like: return element
            }
        }
        column(index) { $0.name = new }
    }

    mutating func renameConstraint(_ old: Name, to new: Name) throws(SQLError) {
        if definition.keyName?.text == old.text {
            definition.keyName = new
            return
        }
        for (index, element) in definition.elements.enumerated() {
            switch element {
            case .unique(let names, let name?) where name.text == old.text:
                definition.elements[index] = .unique(names, name: new)
                return
            case .check(let condition, let name?) where name.text == old.text:
                definition.elements[index] = .check(condition, name: new)
                return
            default: continue
            }
        }
        throw missingConstraint(old, "table")
    }

    private func missingConstraint(_ name: Name, _ kind: String) -> SQLError {
        SQLError(
            "constraint \"\(name.text)\" \(kind == "table" ? "for table" : "of relation") "
                + "\"\(table.name)\" does not exist", .undefinedObject, at: name.place)
    }

    /// True if there is such a column already, and that is no error.
    mutating func add(
        _ elements: [TableDefinition.Element], ifNotExists: Bool
    ) throws(SQLError) -> Bool {
        for case .column(let column) in elements
        where table.columns.contains(where: { $0.name == column.name.text }) {
            if ifNotExists { return true }
            throw SQLError(
                "column \"\(column.name.text)\" of relation \"\(table.name)\" already exists",
                .duplicateColumn, at: column.name.place)
        }
        definition.elements += elements
        sources.append(.standard)
        changesRows = true
        return false
    }

    /// With the constraints that speak of it.
    mutating func drop(_ index: Int, _ name: Name, cascades: Bool) throws(SQLError) {
        let old = table.columns[index].name
        func isMeant(_ name: Name) -> Bool {
            name.text == old || (!name.isQuoted && name.text.lowercased() == old.lowercased())
        }
        var gone: Set<Int> = [index]
        for (number, column) in table.columnDefinitions.enumerated()
        where number != index && column.generated?.names(old) == true {
            guard cascades else {
                throw SQLError(
                    "cannot drop column \(old) of table \(table.name) because other objects depend "
                        + "on it", .dependentObjectsExist, at: name.place,
                    hint: "Use DROP ... CASCADE to drop the dependent objects too.",
                    detail: "column \(column.name.text) of table \(table.name) depends on column "
                        + "\(old) of table \(table.name)")
            }
            gone.insert(number)
        }
        var number = -1
        definition.elements = definition.elements.filter { element in
            switch element {
            case .column:
                number += 1
                return !gone.contains(number)
            case .primaryKey(let names), .unique(let names, _):
                return !names.contains(where: isMeant)
            case .check(let condition, _): return !condition.names(old)
            case .star, .watermark, .like: return true
            }
        }
        if !definition.elements.contains(where: { if case .primaryKey = $0 { true } else { false } }
        ) {
            definition.keyName = nil
        }
        sources = sources.indices.filter { !gone.contains($0) }.map { sources[$0] }
        changesRows = true
    }

    mutating func setType(_ index: Int, _ type: TypeName, using expression: SyntaxExpression?) {
        column(index) {
            $0.type = type
            $0.resolvedType = nil
        }
        if let expression { sources[index] = .expression(expression) }
        changesRows = true
        retyped = index
    }

    /// True if there is none, and that is no error.
    mutating func dropConstraint(_ name: Name, ifExists: Bool) throws(SQLError) -> Bool {
        let before = definition.elements.count
        let isKey = definition.keyName?.text == name.text
        definition.elements.removeAll { element in
            switch element {
            case .primaryKey: isKey
            case .unique(_, let own), .check(_, let own): own?.text == name.text
            case .star, .column, .watermark, .like: false
            }
        }
        if isKey { definition.keyName = nil }
        guard definition.elements.count == before else { return false }
        if ifExists { return true }
        throw missingConstraint(name, "relation")
    }
}

extension String {
    fileprivate func replacingEnd(_ end: String, _ other: String) -> String {
        hasSuffix(end) ? String(dropLast(end.count)) + other : self
    }
}
