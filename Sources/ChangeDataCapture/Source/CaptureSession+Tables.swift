import Platform
import PostgresProtocol

// Tables that are new, or whose identity is: the publications of a capture's own follow them.
extension CaptureSession {
    /// A table that is not where its changes belong.
    private struct Stray {
        let oid: String
        let name: String
        let quoted: String
        let only: String
        let hasIdentity: Bool
        let isPublished: Bool
        let isInsertsOnly: Bool
    }

    private static let doing = "look for new tables"

    /// Looks now and then, beside the stream.
    func lookForTables() throws {
        let now = SystemClock().monotonicNanoseconds
        guard now >= nextLook else { return }
        nextLook = now + Limits.tablesIntervalNanoseconds
        do throws(CaptureError) {
            if let publication = configuration.publication {
                requested += try followPublication(
                    publication, marks: configuration.snapshot != .never, isStart: false)
                return
            }
            requested += try publishNewTables(marks: true, isTold: true)
            requested += try followTables(marks: true, isTold: true)
        } catch {
            guard error.isPassing else { throw error }
            // The stream notices by itself when the server is gone.
            try? openStatements()
        }
    }

    /// Puts tables where they belong, and gives how many are published anew. With `marks` each of
    /// them begins with one in the stream, behind which its rows are read.
    func publishNewTables(marks: Bool, isTold: Bool) throws(CaptureError) -> Int {
        var count = 0
        for stray in try strays() where !ignoredTables.contains(stray.name) {
            do throws(CaptureError) {
                let isNew = try place(stray, marks: marks)
                if isNew { count += 1 }
                if isTold { tell(stray, isNew: isNew, reads: marks) }
            } catch {
                if error.isPassing { throw error }
                // Somebody holds it: next time.
                if case .server(_, let state) = error, state == "55P03" { continue }
                if case .server(_, let state) = error, state == "42P01" { continue }
                ignoredTables.insert(stray.name)
                sink.notice("table \(stray.name) is not captured: \(error)")
            }
        }
        return count
    }

    /// The selected tables that are not published as their identity lets them.
    private func strays() throws(CaptureError) -> [Stray] {
        let connection = try statements()
        let partitions = connection.version >= 130_000 ? "AND NOT c.relispartition" : ""
        let kinds = connection.version >= 130_000 ? "'r', 'p'" : "'r'"
        func isIn(_ publication: String) -> String {
            "EXISTS (SELECT 1 FROM pg_publication_rel r JOIN pg_publication p "
                + "ON p.oid = r.prpubid WHERE r.prrelid = c.oid AND p.pubname = "
                + "\(quotedText(publication)))"
        }
        let rows = try connection.rows(
            """
            SELECT * FROM (SELECT n.nspname, c.relname, c.relkind,
            \(TableIdentity.condition(version: connection.version)) AS identity,
            \(isIn(slotName)) AS published, \(isIn(insertsPublication)) AS inserts, c.oid
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN (\(kinds)) AND c.relpersistence = 'p' \(partitions)
            AND n.nspname NOT IN ('pg_catalog', 'information_schema')
            AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%') t
            WHERE published <> identity OR inserts = identity ORDER BY 1, 2
            """, doing: Self.doing)
        return rows.compactMap { row in
            guard let schema = row[0], let name = row[1],
                configuration.tables.selects(schema: schema, table: name)
            else { return nil }
            return Stray(
                oid: row[6] ?? "", name: "\(schema).\(name)",
                quoted: "\(quotedName(schema)).\(quotedName(name))",
                only: row[2] == "r" ? "ONLY " : "", hasIdentity: row[3] == "t",
                isPublished: row[4] == "t", isInsertsOnly: row[5] == "t")
        }
    }

    /// Says whether changes of it are published that were not before.
    private func place(_ stray: Stray, marks: Bool) throws(CaptureError) -> Bool {
        let wanted = stray.hasIdentity ? slotName : insertsPublication
        guard publications.contains(wanted) else {
            throw .setting(
                CaptureReport(
                    "it has no primary key, and the slot is older than publication \"\(wanted)\""))
        }
        var statements: [String] = []
        if stray.isPublished, !stray.hasIdentity {
            statements.append(change(slotName, "DROP", stray))
        }
        if stray.isInsertsOnly, stray.hasIdentity {
            statements.append(change(insertsPublication, "DROP", stray))
        }
        let isThere = stray.hasIdentity ? stray.isPublished : stray.isInsertsOnly
        if !isThere { statements.append(change(wanted, "ADD", stray)) }
        // What was captured whole goes on with its inserts.
        let isNew = !(stray.isPublished || (stray.isInsertsOnly && !stray.hasIdentity))
        if isNew, marks {
            statements.append(
                StreamMark(.table, slot: slotName, stray.name).statement(isTransactional: true))
        }
        // Its name is written down with that: from here on another one is a change.
        var next = memory
        next.names[stray.oid] = stray.name
        if isNew {
            next.keys[stray.oid] = nil
            next.columns[stray.oid] = nil
        }
        if isNew, marks { note(BackfillRequest(table: stray.name), in: &next) }
        try keep(next, with: statements)
        memory = next
        return isNew
    }

    private func change(_ publication: String, _ verb: String, _ stray: Stray) -> String {
        let condition = verb == "ADD" ? filters[stray.name] : nil
        return "ALTER PUBLICATION \(quotedName(publication)) \(verb) TABLE "
            + "\(stray.only)\(stray.quoted)" + (condition.map { " WHERE (\($0))" } ?? "")
    }

    /// As one transaction that waits for nobody for long.
    func run(_ statements: [String]) throws(CaptureError) {
        let connection = try self.statements()
        let doing = "change the publication"
        let all =
            [
                "BEGIN", "SET LOCAL synchronous_commit = local",
                "SET LOCAL lock_timeout = \(Limits.lockMilliseconds)",
            ] + statements + ["COMMIT"]
        do throws(CaptureError) {
            try connection.execute(all.joined(separator: "; "), doing: doing)
        } catch {
            try? connection.execute("ROLLBACK", doing: doing)
            throw error
        }
    }

    private func tell(_ stray: Stray, isNew: Bool, reads: Bool) {
        if !isNew {
            guard !stray.hasIdentity else { return }
            return sink.notice(
                "of \(stray.name) only inserts are captured from now on: it has no primary key "
                    + "and no REPLICA IDENTITY any more")
        }
        sink.notice(
            reads
                ? "table \(stray.name) is captured from now on, and its rows are read"
                : "captured from now on, without the rows that they have: \(stray.name)")
    }
}
