import Aggregation
import Formats
import SQL

extension [CommonTable] {
    /// INSERT, UPDATE or DELETE in WITH.
    var hasChanges: Bool { contains { $0.change != nil } }
}

// WITH name AS (INSERT | UPDATE | DELETE ... RETURNING ...): every part of such a statement sees
// the tables as they were before it, and of the others only what they return.
extension QuerySession {
    /// INSERT, UPDATE, DELETE with such parts or without.
    func change(
        _ statement: Statement, _ output: any ResultOutput
    ) throws(SQLError) -> Outcome {
        guard statement.with.hasChanges else { return try changePlainly(statement, output) }
        return try run(statement.with) { (tables) throws(SQLError) in
            var statement = statement
            statement.with = tables
            return try changePlainly(statement, output)
        }
    }

    private func changePlainly(
        _ statement: Statement, _ output: any ResultOutput
    ) throws(SQLError) -> Outcome {
        switch statement {
        case .insert(let insert): try self.insert(insert, output)
        case .update(let update): try self.update(update, output)
        case .delete(let delete): try self.delete(delete, output)
        default: Outcome(tag: statement.tag)
        }
    }

    /// Does the changes, and gives `body` a WITH in which what they returned are tables.
    func run(
        _ tables: [CommonTable], _ body: ([CommonTable]) throws(SQLError) -> Outcome
    ) throws(SQLError) -> Outcome {
        let before = snapshot()
        var merged = MergedChanges(before)
        var done: [CommonTable] = []
        do throws(SQLError) {
            for (index, table) in tables.enumerated() {
                guard let change = table.change else {
                    done.append(table)
                    continue
                }
                let name = Name("\u{1}with\(index)", isQuoted: true, table.name.place)
                let returned = try run(change, done, name.text)
                try take(&merged, before)
                catalog.define(name.text, .table(returned))
                let query = QuerySyntax(.table(name), table.name.place)
                done.append(
                    CommonTable(table.name, columns: table.columns, isMaterialized: nil, query))
            }
            let outcome = try body(done)
            try take(&merged, before)
            catalog.restore(before.entries)
            for (table, batches) in merged.rows { table.replace(batches) }
            return outcome
        } catch {
            restore(before)
            throw error
        }
    }

    /// What a change returns, as a table of that name.
    private func run(
        _ change: CommonTable.Change, _ tables: [CommonTable], _ name: String
    ) throws(SQLError) -> StoredTable {
        let rows = ReturnedRows()
        var statement = change.statement
        if try updatableView(statement.changedTable, "update") == nil {
            _ = try table(statement.changedTable)
        }
        statement.with = tables + statement.with
        _ = try changePlainly(statement, rows)
        let columns = rows.columns.map { RelationColumn($0.name, $0.type.stored) }
        let returned = StoredTable(name, columns, .init())
        returned.append(rows.collected.batches)
        return returned
    }

    /// Keeps what has been changed, and lets the tables be as they were.
    private func take(
        _ merged: inout MergedChanges, _ before: SessionSnapshot
    ) throws(SQLError) {
        for (index, (table, old)) in before.rows.enumerated() {
            try merged.take(table, index, old) { (added) throws(SQLError) in
                try checkKeys(added, table)
            }
            table.replace(old)
        }
    }
}

/// The rows of the tables with the changes of all parts of a statement.
private struct MergedChanges {
    private(set) var rows: [(table: StoredTable, batches: [Batch])]
    /// Tables of which a part has removed or replaced rows.
    private var rewritten: Set<Int> = []

    init(_ before: SessionSnapshot) { rows = before.rows }

    /// `check` is asked whether rows may be added to the table, which then has its merged rows.
    mutating func take(
        _ table: StoredTable, _ index: Int, _ old: [Batch],
        _ check: ([Batch]) throws(SQLError) -> Void
    ) throws(SQLError) {
        let new = table.batches
        let isAppended =
            new.count >= old.count && zip(old, new).allSatisfy { $0 === $1 }
        if isAppended, new.count == old.count { return }
        let merged = rows[index].batches
        let isUntouched =
            merged.count == old.count && zip(old, merged).allSatisfy { $0 === $1 }
        if isUntouched {
            if !isAppended { rewritten.insert(index) }
            rows[index].batches = new
            return
        }
        if isAppended {
            let added = Array(new[old.count...])
            table.replace(merged)
            try check(added)
            rows[index].batches = merged + added
            return
        }
        guard rewritten.insert(index).inserted else {
            throw SQLError(
                "rows of \"\(table.name)\" are changed by two parts of a statement",
                .featureNotSupported, hint: "Write two statements.")
        }
        let added = Array(merged[old.count...])
        try check(added)
        rows[index].batches = new + added
    }
}

/// The rows that RETURNING gives, with their columns.
private final class ReturnedRows: ResultOutput {
    let collected = CollectedRows()
    private(set) var columns: [Field] = []
    var isClosed: Bool { false }
    var mayBeginAgain: Bool { true }

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) {
        self.columns = columns
        collected.begin(columns, isChangelog: isChangelog, key: key)
    }

    func write(_ batch: Batch) { collected.write(batch) }
    func endStep() {}
    func flush() {}
    func end() {}
}

extension CommonTable.Change {
    fileprivate var statement: Statement {
        switch self {
        case .insert(let insert): .insert(insert)
        case .update(let update): .update(update)
        case .delete(let delete): .delete(delete)
        }
    }
}

extension Statement {
    /// The table that an INSERT, UPDATE or DELETE changes.
    fileprivate var changedTable: Name {
        switch self {
        case .insert(let insert): insert.table
        case .update(let update): update.table
        case .delete(let delete): delete.table
        default: Name("", isQuoted: true, 0..<0)
        }
    }

    /// WITH of an INSERT, UPDATE or DELETE.
    fileprivate var with: [CommonTable] {
        get {
            switch self {
            case .insert(let insert): insert.query?.with ?? insert.with.tables
            case .update(let update): update.with.tables
            case .delete(let delete): delete.with.tables
            default: []
            }
        }
        set {
            switch self {
            case .insert(var insert):
                // WITH inside the query is its own.
                let shared = Set(insert.with.tables.map(\.name.text))
                let own = Set((insert.query?.with ?? []).map(\.name.text)).subtracting(shared)
                insert.query?.with = newValue
                insert.with.tables = newValue.filter { !own.contains($0.name.text) }
                self = .insert(insert)
            case .update(var update):
                update.with.tables = newValue
                self = .update(update)
            case .delete(var delete):
                delete.with.tables = newValue
                self = .delete(delete)
            default: break
            }
        }
    }
}
