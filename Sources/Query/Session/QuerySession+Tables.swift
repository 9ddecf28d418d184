import Aggregation
import Formats
import SQL

// Tables that live as long as the session.
extension QuerySession {
    func create(_ definition: TableDefinition) throws(SQLError) -> Outcome {
        let tag = definition.isSource ? "CREATE SOURCE" : "CREATE TABLE"
        if let found = try catalog.find(definition.name) {
            if definition.ifNotExists {
                environment.note("relation \"\(found)\" already exists, skipping")
                return Outcome(tag: tag)
            }
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
        define(try make(definition))
        return Outcome(tag: tag)
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
        catalog.define(view.name.withoutPublic.text, .view(view))
        return Outcome(tag: "CREATE VIEW")
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

    func truncate(_ names: [Name], restarts: Bool) throws(SQLError) -> Outcome {
        var tables: [StoredTable] = []
        for name in names { tables.append(try table(name)) }
        for table in tables {
            table.replace([])
            guard restarts else { continue }
            for name in table.ownedSequences {
                if case .sequence(let sequence)? = catalog.entries[name] { sequence.restart() }
            }
        }
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
    var mayBeginAgain: Bool { true }

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) { batches = [] }

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
