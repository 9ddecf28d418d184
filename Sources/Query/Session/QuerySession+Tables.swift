import Aggregation
import Formats
import SQL

// Tables that live as long as the session.
extension QuerySession {
    func create(_ definition: TableDefinition) throws(SQLError) -> Outcome {
        let tag = definition.isSource ? "CREATE SOURCE" : "CREATE TABLE"
        if let found = try catalog.find(definition.name) {
            if definition.ifNotExists { return Outcome(tag: tag) }
            throw SQLError(
                "relation \"\(found)\" already exists", .duplicateRelation,
                at: definition.name.place)
        }
        if let query = definition.query { return try createTable(definition, as: query) }
        guard definition.options.isEmpty else {
            var definition = definition
            definition.takeIncludes()
            _ = try SourceDefinition(definition)
            catalog.define(definition.name.text, .source(definition))
            return Outcome(tag: tag)
        }
        guard !definition.isSource else {
            throw SQLError(
                "a source needs a connector", .invalidParameterValue, at: definition.place,
                hint: "Write WITH (connector = 'file', path = '...') or WITH (connector = 'kafka', "
                    + "topic = '...').")
        }
        catalog.define(definition.name.text, .table(try emptyTable(definition)))
        return Outcome(tag: tag)
    }

    private func createTable(
        _ definition: TableDefinition, as query: QuerySyntax
    ) throws(SQLError) -> Outcome {
        let rows = CollectedRows()
        let prepared = try prepare(query)
        let count = try execute(prepared, rows)
        let columns = prepared.columns.map { RelationColumn($0.name, $0.type.stored) }
        let table = StoredTable(definition.name.text, columns, .init())
        table.append(rows.batches)
        catalog.define(definition.name.text, .table(table))
        return Outcome(tag: "SELECT \(count)")
    }

    private func emptyTable(_ definition: TableDefinition) throws(SQLError) -> StoredTable {
        var columns: [RelationColumn] = []
        var facts = StoredTable.TableDefinitionFacts()
        var keyNames: [Name] = []
        for element in definition.elements {
            switch element {
            case .column(let column):
                guard let type = column.type else {
                    throw SQLError(
                        "column \"\(column.name.text)\" has no type", .syntaxError,
                        at: column.name.place)
                }
                guard column.generated == nil else {
                    throw SQLError(
                        "generated columns of tables are not supported yet",
                        .featureNotSupported, at: column.name.place)
                }
                facts.defaults[columns.count] = column.defaultValue
                let resolved = try type.resolved()
                if let digits = type.modifiers.first, type.arrayDepth == 0,
                    TimePrecision.function(resolved, digits: digits) != nil
                {
                    facts.digits[columns.count] = digits
                }
                guard !columns.contains(where: { $0.name == column.name.text }) else {
                    throw SQLError(
                        "column \"\(column.name.text)\" specified more than once",
                        .duplicateColumn, at: column.name.place)
                }
                if column.isNotNull || column.isPrimaryKey { facts.notNull.insert(columns.count) }
                if column.isPrimaryKey { keyNames = [column.name] }
                columns.append(RelationColumn(column.name.text, resolved))
            case .primaryKey(let names): keyNames = names
            case .star, .watermark, .unique, .check: continue
            }
        }
        facts.keyName = definition.keyName?.text
        if !keyNames.isEmpty {
            var key: [Int] = []
            for name in keyNames { key.append(try position(of: name, in: columns)) }
            facts.key = key
            facts.notNull.formUnion(key)
        }
        try declareConstraints(of: definition, columns, &facts)
        return StoredTable(definition.name.text, columns, facts)
    }

    func position(of name: Name, in columns: [RelationColumn]) throws(SQLError) -> Int {
        if let exact = columns.firstIndex(where: { $0.name == name.text }) { return exact }
        if !name.isQuoted {
            let folded = name.text.lowercased()
            let matches = columns.indices.filter { columns[$0].name.lowercased() == folded }
            if matches.count == 1 { return matches[0] }
        }
        throw SQLError(
            "column \"\(name.text)\" does not exist", .undefinedColumn, at: name.place
        ).suggesting(columns.map(\.name), for: name.text)
    }

    func create(_ view: ViewDefinition) throws(SQLError) -> Outcome {
        if let found = try catalog.find(view.name) {
            if view.ifNotExists { return Outcome(tag: "CREATE VIEW") }
            guard view.orReplace, case .view? = catalog.entries[found] else {
                throw SQLError(
                    "relation \"\(found)\" already exists", .duplicateRelation,
                    at: view.name.place)
            }
            catalog.remove(found)
        }
        catalog.define(view.name.text, .view(view))
        return Outcome(tag: "CREATE VIEW")
    }

    func drop(
        _ kind: String, _ names: [Name], ifExists: Bool
    ) throws(SQLError) -> Outcome {
        for name in names {
            guard let found = try catalog.find(name), let entry = catalog.entries[found] else {
                if ifExists {
                    environment.note(
                        "\(kind.lowercased()) \"\(name.text)\" does not exist, skipping")
                    continue
                }
                throw SQLError(
                    "\(kind.lowercased()) \"\(name.text)\" does not exist", .undefinedRelation,
                    at: name.place
                ).suggesting(catalog.entries.keys.sorted(), for: name.text)
            }
            let isView = if case .view = entry { true } else { false }
            guard isView == (kind == "VIEW") else {
                throw SQLError(
                    "\"\(found)\" is not a \(kind.lowercased())", .wrongObjectType, at: name.place,
                    hint: "Use DROP \(isView ? "VIEW" : "TABLE").")
            }
            catalog.remove(found)
        }
        return Outcome(tag: "DROP \(kind)")
    }

    /// The stored table of that name.
    func table(_ name: Name) throws(SQLError) -> StoredTable {
        guard let found = try catalog.find(name) else {
            let topics = environment.topics?.names() ?? []
            let folded = name.text.lowercased()
            if let topic = topics.first(where: {
                $0 == name.text || !name.isQuoted && $0.lowercased() == folded
            }) {
                throw SQLError(
                    "\"\(topic)\" is a topic, whose records are not changed", .wrongObjectType,
                    at: name.place, hint: "INSERT INTO a topic appends records to it.")
            }
            throw catalog.missing(name)
        }
        guard case .table(let table)? = catalog.entries[found] else {
            throw SQLError(
                "\"\(found)\" is not a table that can be changed", .wrongObjectType,
                at: name.place)
        }
        return table
    }

    func truncate(_ names: [Name]) throws(SQLError) -> Outcome {
        var tables: [StoredTable] = []
        for name in names { tables.append(try table(name)) }
        for table in tables { table.replace([]) }
        return Outcome(tag: "TRUNCATE TABLE")
    }
}

extension DataType {
    /// A column keeps text where a query's type was left open.
    var stored: DataType { self == .unknown ? .text : self }
}

/// Keeps the rows of a query.
final class CollectedRows: ResultOutput {
    private(set) var batches: [Batch] = []
    var count: Int { batches.reduce(0) { $0 + $1.count } }
    var isClosed: Bool { false }

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) {}

    /// A row of weight n is n rows.
    func write(_ batch: Batch) {
        guard let weights = batch.weights else { return batches.append(batch) }
        var rows: [Int32] = []
        for row in 0..<batch.count {
            for _ in 0..<max(0, weights[row]) { rows.append(Int32(row)) }
        }
        let picked = batch.gather(rows)
        batches.append(Batch(picked.columns, count: picked.count))
    }

    func endStep() {}
    func flush() {}
    func end() {}
}

extension TableDefinition {
    /// INCLUDE KEY AS k is a column METADATA FROM 'key'.
    fileprivate mutating func takeIncludes() {
        let hasColumns = elements.contains { element in
            switch element {
            case .star, .column: true
            case .watermark, .primaryKey, .unique, .check: false
            }
        }
        if !includes.isEmpty, !hasColumns { elements.insert(.star, at: 0) }
        for include in includes {
            let word = include.what.lowercased()
            let name = include.alias ?? Name("_" + word, isQuoted: true, place)
            var column = ColumnDefinition(name)
            column.metadata = word
            elements.append(.column(column))
        }
        includes = []
    }
}
