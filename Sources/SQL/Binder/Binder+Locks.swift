import Aggregation
import Formats

// FOR UPDATE and the like. A session's tables are its own, so there is nobody to keep out: what is
// left of the clause is where it may stand.
extension Binder {
    func checkLocks(
        _ locks: [LockSyntax], _ select: SelectSyntax, _ parts: SelectParts
    ) throws(SQLError) {
        for lock in locks {
            if let reason = hindrance(select, parts) { throw notAllowed(lock, "with \(reason)") }
            for name in lock.relations
            where !parts.from.tables.contains(where: { name.means($0.alias) }) {
                throw SQLError(
                    "relation \"\(name.text)\" in FOR \(lock.strength) clause not found in FROM "
                        + "clause", .undefinedRelation, at: name.place)
            }
        }
    }

    /// Of what is no SELECT.
    func checkLocks(_ locks: [LockSyntax], _ body: QuerySyntax.Body) throws(SQLError) {
        guard let lock = locks.first else { return }
        switch body {
        case .set: throw notAllowed(lock, "with UNION/INTERSECT/EXCEPT")
        case .values:
            throw SQLError(
                "FOR \(lock.strength) cannot be applied to VALUES", .featureNotSupported,
                at: lock.place)
        case .query(let query): try checkLocks(locks, query.body)
        case .select, .table: break
        }
    }

    private func notAllowed(_ lock: LockSyntax, _ reason: String) -> SQLError {
        SQLError(
            "FOR \(lock.strength) is not allowed \(reason)", .featureNotSupported, at: lock.place)
    }

    /// What makes rows that are no table's.
    private func hindrance(_ select: SelectSyntax, _ parts: SelectParts) -> String? {
        if case .all = select.distinct {} else { return "DISTINCT clause" }
        if select.group != nil { return "GROUP BY clause" }
        if select.having != nil { return "HAVING clause" }
        if !parts.calls.aggregates.isEmpty { return "aggregate functions" }
        if !parts.calls.windows.isEmpty { return "window functions" }
        return parts.calls.tables.isEmpty
            ? nil : "set-returning functions in the target list"
    }
}
