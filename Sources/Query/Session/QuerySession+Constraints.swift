import Aggregation
import Formats
import SQL

// What CREATE TABLE declares of its rows, and whether rows keep to it.
extension QuerySession {
    /// UNIQUE and CHECK; constraints without a name get PostgreSQL's, and keep it in the syntax.
    func declareConstraints(
        of definition: inout TableDefinition, _ columns: [RelationColumn],
        _ facts: inout StoredTable.TableDefinitionFacts
    ) throws(SQLError) {
        let table = definition.name.text
        let binder = Binder(catalog: catalog, settings: settings.settings)
        let fields = columns.map { Field($0.name, $0.type) }
        var taken: Set<String> = []
        func choose(_ name: Name?, _ column: [Int], _ ending: String) throws(SQLError) -> String {
            if let name {
                guard taken.insert(name.text).inserted else {
                    let isCheck = ending == "check"
                    throw SQLError(
                        "\(isCheck ? "check constraint" : "relation") \"\(name.text)\" "
                            + "already exists", isCheck ? .duplicateObject : .duplicateRelation,
                        at: name.place)
                }
                return name.text
            }
            let stem = ([table] + column.map { columns[$0].name } + [ending])
                .joined(separator: "_")
            var chosen = stem
            var number = 1
            while !taken.insert(chosen).inserted {
                chosen = "\(stem)\(number)"
                number += 1
            }
            return chosen
        }
        if facts.key != nil {
            let chosen = try choose(definition.keyName, [], "pkey")
            facts.keyName = chosen
            definition.keyName = Name(chosen, isQuoted: true, definition.place)
        }
        for (index, element) in definition.elements.enumerated() {
            switch element {
            case .unique(let names, let name):
                var list: [Int] = []
                for name in names { list.append(try position(of: name, in: columns)) }
                let chosen = try choose(name, list, "key")
                facts.uniques.append(.init(name: chosen, columns: list))
                definition.elements[index] = .unique(
                    names, name: Name(chosen, isQuoted: true, definition.place))
            case .check(let condition, let name):
                let bound = try binder.check(condition, table, fields)
                let named = bound.columns.count == 1 ? bound.columns : []
                let chosen = try choose(name, named, "check")
                facts.checks.append(.init(name: chosen, condition: bound.condition))
                definition.elements[index] = .check(
                    condition, name: Name(chosen, isQuoted: true, definition.place))
            case .star, .column, .watermark, .primaryKey, .like: continue
            }
        }
        facts.checks.sort { $0.name < $1.name }
    }

    /// NOT NULL and CHECK.
    func checkRows(_ added: [Batch], _ table: StoredTable) throws(SQLError) {
        let definition = table.definition
        for (column, domain) in definition.domains.sorted(by: { $0.key < $1.key }) {
            for batch in added {
                try domain.check(batch.columns[column], count: batch.count, settings.settings)
            }
        }
        for column in definition.notNull.sorted() {
            for batch in added {
                for row in 0..<batch.count where batch.columns[column].isNull(row) {
                    throw SQLError(
                        "null value in column \"\(table.columns[column].name)\" of relation "
                            + "\"\(table.name)\" violates not-null constraint", .notNullViolation,
                        detail: failing(batch, row))
                }
            }
        }
        guard !definition.checks.isEmpty else { return }
        let evaluator = try Evaluator(
            definition.checks.map(\.condition), settings: settings.settings)
        for batch in added where batch.count > 0 {
            let results = try evaluator.evaluateAll(batch)
            for row in 0..<batch.count {
                for (check, result) in zip(definition.checks, results)
                where result.value(row) == .boolean(false) {
                    throw SQLError(
                        "new row for relation \"\(table.name)\" violates check constraint "
                            + "\"\(check.name)\"", .checkViolation, detail: failing(batch, row))
                }
            }
        }
    }

    /// The primary key and UNIQUE; the rows are not the table's yet.
    func checkKeys(_ added: [Batch], _ table: StoredTable) throws(SQLError) {
        let keys = table.uniqueKeys
        guard !keys.isEmpty else { return }
        var known = KnownKeys<Bool>(keys.map(\.columns))
        for batch in table.batches {
            for row in 0..<batch.count { known.add(batch, row, true) }
        }
        for batch in added {
            for row in 0..<batch.count {
                if let found = known.place(batch, row) {
                    throw duplicate(keys[found.key], batch, row, table)
                }
                known.add(batch, row, true)
            }
        }
    }

    private func duplicate(
        _ key: StoredTable.Unique, _ batch: Batch, _ row: Int, _ table: StoredTable
    ) -> SQLError {
        let names = key.columns.map { table.columns[$0].name }.joined(separator: ", ")
        let values = key.columns.map { text(batch.columns[$0], row) }.joined(separator: ", ")
        return SQLError(
            "duplicate key value violates unique constraint \"\(key.name)\"", .uniqueViolation,
            detail: "Key (\(names))=(\(values)) already exists.")
    }

    func failing(_ batch: Batch, _ row: Int) -> String {
        let values = batch.columns.map { column in
            let whole = text(column, row)
            guard whole.utf8.count > 64 else { return whole }
            var cut = ""
            for character in whole.unicodeScalars {
                guard cut.utf8.count + String(character).utf8.count <= 64 else { break }
                cut.unicodeScalars.append(character)
            }
            return cut + "..."
        }
        return "Failing row contains (\(values.joined(separator: ", ")))."
    }

    private func text(_ column: Column, _ row: Int) -> String {
        let value = column.value(row)
        return TypeText.text(value, column.type, settings.settings.text) ?? "null"
    }
}

extension StoredTable {
    /// What no two rows have in common: the primary key first.
    var uniqueKeys: [Unique] {
        let primary = definition.key.map {
            Unique(name: definition.keyName ?? "\(name)_pkey", columns: $0)
        }
        return (primary.map { [$0] } ?? []) + definition.uniques
    }
}
