import Aggregation
import Formats
import SQL

/// What CREATE TABLE makes: the table, and the sequences of its serial and identity columns.
struct MadeTable {
    var table: StoredTable
    var sequences: [StoredSequence]
}

// CREATE TABLE and CREATE SEQUENCE.
extension QuerySession {
    func createTable(
        _ definition: TableDefinition, as query: QuerySyntax
    ) throws(SQLError) -> Outcome {
        let rows = CollectedRows()
        let prepared = try prepare(query)
        var names: [Name] = []
        for case .column(let column) in definition.elements { names.append(column.name) }
        guard names.count <= prepared.columns.count else {
            throw SQLError(
                "too many column names were specified", .syntaxError,
                at: names[prepared.columns.count].place)
        }
        let count = definition.isWithoutData ? 0 : try execute(prepared, rows)
        var copy = TableDefinition(definition.name, definition.place)
        for (index, field) in prepared.columns.enumerated() {
            let name =
                index < names.count
                ? names[index] : Name(field.name, isQuoted: true, definition.place)
            var column = ColumnDefinition(name)
            column.resolvedType = field.type.stored
            copy.elements.append(.column(column))
        }
        let made = try make(copy)
        made.table.append(rows.batches)
        catalog.define(made.table.name, .table(made.table))
        return Outcome(tag: definition.isWithoutData ? "CREATE TABLE AS" : "SELECT \(count)")
    }

    /// An empty table. What is written short (serial, PRIMARY KEY behind a column) is written out
    /// in its `syntax`, so that ALTER TABLE can change that and make it anew.
    func make(_ definition: TableDefinition) throws(SQLError) -> MadeTable {
        var definition = definition
        let sequences = try writeOut(&definition)
        var columns: [RelationColumn] = []
        var facts = StoredTable.TableDefinitionFacts()
        var keyNames: [Name]?
        for element in definition.elements {
            switch element {
            case .column(let column): try add(column, to: &columns, &facts)
            case .primaryKey(let names):
                guard keyNames == nil else {
                    throw SQLError(
                        "multiple primary keys for table \"\(definition.name.text)\" are not "
                            + "allowed",
                        .invalidTableDefinition, at: names.first?.place)
                }
                keyNames = names
            case .star, .watermark, .unique, .check, .like: continue
            }
        }
        facts.keyName = definition.keyName?.text
        if let keyNames {
            var key: [Int] = []
            for name in keyNames { key.append(try position(of: name, in: columns)) }
            facts.key = key
            facts.notNull.formUnion(key)
        }
        try declareConstraints(of: &definition, columns, &facts)
        try declareGenerated(of: definition, columns, &facts)
        facts.syntax = definition
        return MadeTable(
            table: StoredTable(definition.name.text, columns, facts), sequences: sequences)
    }

    private func add(
        _ column: ColumnDefinition, to columns: inout [RelationColumn],
        _ facts: inout StoredTable.TableDefinitionFacts
    ) throws(SQLError) {
        guard let type = try column.storedType(in: catalog) else {
            throw SQLError(
                "column \"\(column.name.text)\" has no type", .syntaxError, at: column.name.place)
        }
        let domain = column.type?.domain(in: catalog)
        facts.domains[columns.count] = domain
        facts.defaults[columns.count] = column.defaultValue ?? domain?.defaultValue
        if let name = column.type, let digits = name.modifiers.first, name.arrayDepth == 0,
            TimePrecision.function(type, digits: digits) != nil
        {
            facts.digits[columns.count] = digits
        }
        guard !columns.contains(where: { $0.name == column.name.text }) else {
            throw SQLError(
                "column \"\(column.name.text)\" specified more than once",
                .duplicateColumn, at: column.name.place)
        }
        if column.isNotNull { facts.notNull.insert(columns.count) }
        columns.append(RelationColumn(column.name.text, type))
    }

    /// Generated columns see those that are not generated.
    private func declareGenerated(
        of definition: TableDefinition, _ columns: [RelationColumn],
        _ facts: inout StoredTable.TableDefinitionFacts
    ) throws(SQLError) {
        let binder = Binder(catalog: catalog, settings: settings.settings)
        let fields = columns.map { Field($0.name, $0.type) }
        var index = 0
        for case .column(let column) in definition.elements {
            defer { index += 1 }
            guard let syntax = column.generated else { continue }
            facts.generated[index] = try binder.generated(
                syntax, definition.name.text, fields, fields[index])
        }
        for (index, expression) in facts.generated {
            guard let other = expression.columns.first(where: { facts.generated[$0] != nil })
            else { continue }
            throw SQLError(
                "cannot use generated column \"\(columns[other].name)\" in column generation "
                    + "expression", .invalidTableDefinition,
                detail: other == index
                    ? "This would cause the generated column to depend on its own value."
                    : "A generated column cannot reference another generated column.")
        }
    }

    /// serial and identity become sequences with a DEFAULT.
    private func writeOut(_ definition: inout TableDefinition) throws(SQLError) -> [StoredSequence]
    {
        var sequences: [StoredSequence] = []
        var keys: [TableDefinition.Element] = []
        for index in definition.elements.indices {
            guard case .column(var column) = definition.elements[index] else { continue }
            if column.isPrimaryKey {
                column.isPrimaryKey = false
                column.isNotNull = true
                keys.append(.primaryKey([column.name]))
            }
            if column.ownedSequence == nil,
                let sequence = try ownedSequence(
                    of: &column, definition.name.text, sequences.map(\.name))
            {
                sequences.append(sequence)
            }
            definition.elements[index] = .column(column)
        }
        definition.elements += keys
        for case .primaryKey(let names) in definition.elements {
            for (index, element) in definition.elements.enumerated() {
                guard case .column(var column) = element,
                    names.contains(where: { $0.means(column.name.text) })
                else { continue }
                column.isNotNull = true
                definition.elements[index] = .column(column)
            }
        }
        return sequences
    }

    private func ownedSequence(
        of column: inout ColumnDefinition, _ table: String, _ taken: [String]
    ) throws(SQLError) -> StoredSequence? {
        let place = column.name.place
        var options = SequenceSyntax(column.name, place)
        let type: DataType
        if let serial = column.type.flatMap({ QuerySession.serials[$0.name] }),
            column.identity == nil
        {
            type = serial
            column.type = nil
            column.resolvedType = serial
        } else if let identity = column.identity {
            guard let own = try column.storedType(in: catalog), own.isInteger else {
                throw SQLError(
                    "identity column type must be smallint, integer, or bigint",
                    .invalidParameterValue, at: place)
            }
            guard column.defaultValue == nil else {
                throw SQLError(
                    "both default and identity specified for column \"\(column.name.text)\" of "
                        + "table \"\(table)\"", .syntaxError, at: place)
            }
            type = own
            options = identity.sequence
            options.name = column.name
        } else {
            return nil
        }
        let stem = "\(table)_\(column.name.text)_seq"
        var name = stem
        var number = 1
        while catalog.entries[name] != nil || taken.contains(name) {
            name = "\(stem)\(number)"
            number += 1
        }
        column.ownedSequence = name
        column.isNotNull = true
        let text = SyntaxExpression(.string("\"\(name)\""), place)
        let call = CallSyntax(Name("nextval", isQuoted: false, place), [text])
        column.defaultValue = SyntaxExpression(.call(call), place)
        return try StoredSequence(name, options, type: type)
    }

    private static let serials: [String: DataType] = [
        "smallserial": .smallint, "serial2": .smallint, "serial": .integer, "serial4": .integer,
        "bigserial": .bigint, "serial8": .bigint,
    ]

    func define(_ made: MadeTable) {
        for sequence in made.sequences { catalog.define(sequence.name, .sequence(sequence)) }
        catalog.define(made.table.name, .table(made.table))
    }

    func create(_ sequence: SequenceSyntax) throws(SQLError) -> Outcome {
        if let found = try catalog.find(sequence.name) {
            guard sequence.ifNotExists else {
                throw SQLError(
                    "relation \"\(found)\" already exists", .duplicateRelation,
                    at: sequence.name.place)
            }
            environment.note("relation \"\(found)\" already exists, skipping")
            return Outcome(tag: "CREATE SEQUENCE")
        }
        let name = catalog.created(sequence.name).text
        catalog.define(name, .sequence(try StoredSequence(name, sequence)))
        return Outcome(tag: "CREATE SEQUENCE")
    }

    func alter(_ options: SequenceSyntax) throws(SQLError) -> Outcome {
        guard let found = try catalog.find(options.name), let entry = catalog.entries[found] else {
            if options.ifNotExists {
                environment.note("relation \"\(options.name.text)\" does not exist, skipping")
                return Outcome(tag: "ALTER SEQUENCE")
            }
            throw catalog.missing(options.name)
        }
        guard case .sequence(let sequence) = entry else {
            throw SQLError(
                "\"\(found)\" is not a sequence", .wrongObjectType, at: options.name.place)
        }
        // A new one, so that ROLLBACK finds the old one.
        let changed = StoredSequence(found, like: sequence)
        try changed.apply(options)
        catalog.define(found, .sequence(changed))
        return Outcome(tag: "ALTER SEQUENCE")
    }
}

extension Name {
    /// `public.t` is t.
    var withoutPublic: Name {
        guard text.lowercased().hasPrefix("public."), text.utf8.count > 7 else { return self }
        return Name(String(text.dropFirst(7)), isQuoted: isQuoted, place)
    }
}

extension ColumnDefinition {
    fileprivate func storedType(in catalog: any Catalog) throws(SQLError) -> DataType? {
        if let resolvedType { return resolvedType }
        return try type?.resolved(in: catalog)
    }
}
