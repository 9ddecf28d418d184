import Aggregation
import Formats
import SQL

/// What a transaction can go back to: the session's tables with their rows, its views and settings.
/// Batches are immutable, so it costs no more than their references.
struct SessionSnapshot {
    let entries: [String: SessionCatalog.Entry]
    let rows: [(table: StoredTable, batches: [Batch])]
    let settings: SessionVariables
    let schemas: Set<String>
}

/// BEGIN without its end.
struct OpenTransaction {
    var start: SessionSnapshot
    var savepoints: [(name: String, snapshot: SessionSnapshot)] = []
    /// A statement has failed: nothing but its end is done.
    var isFailed = false
    var isReadOnly = false
}

// BEGIN, COMMIT, ROLLBACK and savepoints over what the session keeps. Topics and files have no part
// in it: what would write to them and could not be taken back is refused inside.
extension QuerySession {
    public var isInTransaction: Bool { transaction != nil }

    func run(_ statement: TransactionStatement) throws(SQLError) -> Outcome {
        switch statement {
        case .begin(let modes, _): begin(modes)
        case .commit(let chains):
            let isFailed = transaction?.isFailed == true
            try end(keeps: !isFailed, chains: chains, "COMMIT")
            if isFailed { return Outcome(tag: "ROLLBACK") }
        case .rollback(let chains): try end(keeps: false, chains: chains, "ROLLBACK")
        case .savepoint(let name):
            try require("SAVEPOINT", name)
            transaction?.savepoints.append((name.text.lowercased(), snapshot()))
        case .release(let name):
            let index = try savepoint(name, "RELEASE SAVEPOINT")
            transaction?.savepoints.removeSubrange(index...)
        case .rollbackTo(let name):
            let index = try savepoint(name, "ROLLBACK TO SAVEPOINT")
            guard let saved = transaction?.savepoints[index].snapshot else { break }
            transaction?.savepoints.removeSubrange((index + 1)...)
            transaction?.isFailed = false
            restore(saved)
        case .setModes(let modes):
            guard transaction != nil else {
                environment.note("SET TRANSACTION can only be used in transaction blocks")
                break
            }
            apply(modes)
        }
        return Outcome(tag: statement.tag)
    }

    private func begin(_ modes: TransactionModes) {
        guard transaction == nil else {
            environment.note("there is already a transaction in progress")
            return
        }
        transaction = OpenTransaction(start: snapshot())
        settings.transactionStart = settings.now
        apply(modes)
    }

    private func apply(_ modes: TransactionModes) {
        if let isReadOnly = modes.isReadOnly {
            transaction?.isReadOnly = isReadOnly
            settings.setLocal("transaction_read_only", isReadOnly ? "on" : "off")
        }
        if let isolation = modes.isolation { settings.setLocal("transaction_isolation", isolation) }
    }

    private func end(keeps: Bool, chains: Bool, _ word: String) throws(SQLError) {
        guard let open = transaction else {
            guard !chains else {
                throw SQLError(
                    "\(word) AND CHAIN can only be used in transaction blocks",
                    .noActiveTransaction)
            }
            environment.note("there is no transaction in progress")
            return
        }
        if keeps { settings.endLocals() } else { restore(open.start) }
        transaction = nil
        settings.transactionStart = nil
        guard chains else { return }
        var modes = TransactionModes()
        if open.isReadOnly { modes.isReadOnly = true }
        begin(modes)
    }

    private func require(_ word: String, _ name: Name) throws(SQLError) {
        guard transaction == nil else { return }
        throw SQLError(
            "\(word) can only be used in transaction blocks", .noActiveTransaction, at: name.place)
    }

    private func savepoint(_ name: Name, _ word: String) throws(SQLError) -> Int {
        try require(word, name)
        let folded = name.text.lowercased()
        guard let index = transaction?.savepoints.lastIndex(where: { $0.name == folded }) else {
            throw SQLError(
                "savepoint \"\(name.text)\" does not exist", .invalidSavepoint, at: name.place)
        }
        return index
    }

    func snapshot() -> SessionSnapshot {
        var rows: [(table: StoredTable, batches: [Batch])] = []
        for case .table(let table) in catalog.entries.values { rows.append((table, table.batches)) }
        return SessionSnapshot(
            entries: catalog.entries, rows: rows, settings: settings,
            schemas: catalog.schemas)
    }

    func restore(_ snapshot: SessionSnapshot) {
        catalog.restore(snapshot.entries)
        catalog.schemas = snapshot.schemas
        for (table, batches) in snapshot.rows { table.replace(batches) }
        let start = settings
        settings = snapshot.settings
        settings.keepTimes(of: start)
    }

    /// Before a statement: whether the transaction that is open lets it run.
    func checkTransaction(_ statement: Statement) throws(SQLError) {
        guard let transaction else { return }
        if transaction.isFailed {
            switch statement {
            case .transaction(.commit), .transaction(.rollback), .transaction(.rollbackTo): return
            default:
                throw SQLError(
                    "current transaction is aborted, commands ignored until end of transaction "
                        + "block", .failedTransaction)
            }
        }
        if transaction.isReadOnly, statement.changesTables {
            throw SQLError(
                "cannot execute \(statement.tag) in a read-only transaction", .readOnlyTransaction)
        }
    }

    /// What is done at once and for good stands outside of transactions.
    public func refuseInTransaction(_ what: String) throws(SQLError) {
        guard transaction != nil else { return }
        throw SQLError(
            "\(what) cannot run inside a transaction block", .activeTransaction,
            hint: "What is written to topics is not taken back by ROLLBACK.")
    }
}

extension Statement {
    fileprivate var changesTables: Bool {
        switch self {
        case .createTable, .createView, .dropRelations, .insert, .update, .delete, .truncate,
            .merge, .copyFrom, .alterTable, .createSequence, .createType, .alterSequence,
            .createSchema, .refresh:
            true
        case .query(let query): query.with.hasChanges
        default: false
        }
    }
}
