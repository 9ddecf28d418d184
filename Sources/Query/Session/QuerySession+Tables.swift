import Aggregation
import Formats
import SQL

// Tables that live as long as the session.
extension QuerySession {
    func create(_ definition: TableDefinition) throws(SQLError) -> Outcome {
        let tag = definition.isSource ? "CREATE SOURCE" : "CREATE TABLE"
        var definition = definition
        definition.name = catalog.created(definition.name)
        definition.elements = try withLikes(definition.elements)
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
        var view = view
        view.name = catalog.created(view.name)
        let tag = Statement.createView(view).tag
        if let found = try catalog.find(view.name) {
            if view.ifNotExists {
                environment.note("relation \"\(found)\" already exists, skipping")
                return Outcome(tag: tag)
            }
            guard view.orReplace, case .view(let old)? = catalog.entries[found],
                !old.isMaterialized
            else {
                guard !view.orReplace else {
                    throw SQLError(
                        "\"\(found)\" is not a view", .wrongObjectType, at: view.name.place)
                }
                throw SQLError(
                    "relation \"\(found)\" already exists", .duplicateRelation,
                    at: view.name.place)
            }
            catalog.remove(found)
        }
        if view.query.with.hasChanges {
            throw SQLError(
                "views must not contain data-modifying statements in WITH", .featureNotSupported,
                at: view.name.place)
        }
        if view.checkOption != nil, let refusal = view.refusal {
            throw SQLError(
                "WITH CHECK OPTION is supported only on automatically updatable views",
                .featureNotSupported, at: view.name.place, hint: refusal)
        }
        catalog.define(view.name.text, .view(view))
        if view.isMaterialized {
            environment.note(
                "materialized view \(view.name.text) is a view of this session: each query "
                    + "computes its rows")
        }
        return Outcome(tag: tag)
    }

    /// A view has no rows of its own that could be out of date.
    func refresh(_ name: Name) throws(SQLError) -> Outcome {
        guard let found = try catalog.find(name), let entry = catalog.entries[found] else {
            throw catalog.missing(name)
        }
        guard entry.kind == "MATERIALIZED VIEW" else {
            throw SQLError(
                "\"\(found)\" is not a table or materialized view", .wrongObjectType, at: name.place
            )
        }
        return Outcome(tag: "REFRESH MATERIALIZED VIEW")
    }

    /// ANALYZE, CHECKPOINT and VACUUM: there is nothing to tidy up, but what they name exists.
    func maintain(_ word: String, _ names: [Name]) throws(SQLError) -> Outcome {
        if word == "VACUUM", transaction != nil {
            throw SQLError(
                "VACUUM cannot run inside a transaction block", .activeTransaction)
        }
        for name in names where try catalog.find(name) == nil { throw catalog.missing(name) }
        return Outcome(tag: word)
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

    /// One whose rows may be changed and removed.
    func changeableTable(_ name: Name) throws(SQLError) -> StoredTable {
        let table = try table(name)
        guard table.definition.syntax?.isAppendOnly != true else {
            throw SQLError(
                "rows of \"\(table.name)\" cannot be changed", .wrongObjectType, at: name.place,
                detail: "The table is APPEND ONLY.")
        }
        return table
    }

    func truncate(_ names: [Name], restarts: Bool) throws(SQLError) -> Outcome {
        var tables: [StoredTable] = []
        for name in names { tables.append(try changeableTable(name)) }
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
            case .watermark, .primaryKey, .unique, .check, .like: false
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
