import Platform
import PostgresProtocol

// Tables that get another name, and partitions that are attached: nothing in the stream tells of
// the rows that they have.
extension CaptureSession {
    private static let doing = "look at the tables"

    /// One that is published and is new or has another name than before, or a leaf of one.
    private struct Finding {
        let oid: String
        let name: String
        /// As statements name it.
        var relation = ""
        /// By what the output tells its rows apart.
        var key = ""
        /// Another text when its columns are others.
        var shape = ""
        /// REPLICA IDENTITY FULL.
        var carriesAll = false
        /// Of a partition: what ties it to its root, and whether it is published by itself.
        var link = ""
        var publications: [String] = []
        var partition = ""
        var isEmpty = false
        var hasIdentity = true

        /// The statements that take it out of what publishes it by itself.
        var removals: [String] {
            publications.map { "ALTER PUBLICATION \(quotedName($0)) DROP TABLE \(relation)" }
        }
    }

    /// Whether what is new can be read beside the stream, behind a mark in it.
    private var canMark: Bool { (sql?.version ?? 0) >= 140_000 }

    /// At the start, before the slot is made or where nobody has written it down: what is there is
    /// known.
    func rememberTables() throws(CaptureError) {
        _ = try unlessRefused { () throws(CaptureError) in
            var memory = SourceMemory()
            memory.filters = filters
            var removals: [String] = []
            let findings = try tableFindings()
            shapes = [:]
            let now = Self.shapes(findings)
            let looks = try self.looks(at: now)
            for finding in findings {
                // One that has got another name, which is not selected.
                if !isSelected(finding.name) {
                    removals += finding.removals
                } else {
                    memory.names[finding.oid] = finding.name
                    memory.keys[finding.oid] = finding.key
                    memory.columns[finding.oid] = looks[finding.oid]?.columns.text
                }
            }
            for finding in try partitionFindings(known: [:], isFirst: true) {
                memory.partitions[finding.oid] = finding.link
            }
            self.memory = memory
            keepsMemory = !isTemporary && publications.contains(insertsPublication)
            try keep(memory, with: removals)
            shapes = now
            return 0
        }
    }

    /// Without a right that is needed the capture goes on, and follows nothing.
    private func unlessRefused(
        _ body: () throws(CaptureError) -> Int
    ) throws(CaptureError) -> Int {
        guard !isBlind else { return 0 }
        do throws(CaptureError) { return try body() } catch {
            if error.isPassing { throw error }
            // Somebody holds a table, or it is gone: next time.
            if case .server(_, let state) = error, state == "55P03" || state == "42P01" {
                return 0
            }
            isBlind = true
            sink.notice("new names of tables and new partitions are not followed: \(error)")
            return 0
        }
    }

    /// At the start with a slot that is there: what was known when it was read last.
    func recallTables() throws(CaptureError) -> Bool {
        guard configuration.publication == nil, !isTemporary else { return false }
        let comment = try statements().value(
            """
            SELECT obj_description(oid, 'pg_publication') FROM pg_publication
            WHERE pubname = \(quotedText(insertsPublication))
            """, doing: Self.doing)
        guard let known = SourceMemory(comment: comment) else { return false }
        memory = known
        keepsMemory = true
        for (table, condition) in configuration.filters where known.filters[table] != condition {
            let was = known.filters[table].map { "it takes \($0)" } ?? "it takes all rows"
            throw .usage(
                CaptureReport(
                    "--where \(table)=\(condition) is not what slot \"\(slotName)\" was made with: "
                        + was, hint: "rtd cdc URL --slots --drop \(slotName) lets it begin anew"))
        }
        filters = known.filters
        return true
    }

    /// Looks for tables with other names and for partitions that were attached, and gives how many
    /// requests it has put into the stream for their rows.
    func followTables(marks: Bool, isTold: Bool) throws(CaptureError) -> Int {
        guard configuration.publication == nil, canMark else { return 0 }
        return try unlessRefused { () throws(CaptureError) in
            try follow(marks: marks, isTold: isTold)
        }
    }

    /// What a look has found: what to write down, and what it asks of the stream.
    private struct Findings {
        var next: SourceMemory
        var statements: [String] = []
        /// Of rows that are read for it.
        var notices: [String] = []
        var told: [String] = []
        /// Whose rows the output has otherwise.
        var outdated: Set<String> = []
        var count = 0
    }

    private func follow(marks: Bool, isTold: Bool) throws(CaptureError) -> Int {
        var found = Findings(next: memory)
        let inheritance = try inheritanceNow()
        let findings = try tableFindings()
        let shapes = Self.shapes(findings)
        let looks = try self.looks(at: shapes)
        for finding in findings { follow(finding, looks[finding.oid], &found) }
        let isSame = inheritance == self.inheritance
        for finding in isSame ? [] : try partitionFindings(known: memory.partitions) {
            followPartition(finding, &found)
        }
        guard found.next != memory else {
            self.inheritance = inheritance
            self.shapes = shapes
            return 0
        }
        if !marks {
            found.statements.removeAll { !$0.hasPrefix("ALTER") }
            found.count = 0
            found.next.pending = memory.pending
        }
        try keep(found.next, with: found.statements)
        memory = found.next
        filters = found.next.filters
        self.inheritance = inheritance
        self.shapes = shapes
        if marks { outdated.formUnion(found.outdated) }
        if isTold {
            found.told.forEach(sink.notice)
            for notice in found.notices {
                sink.notice(
                    marks
                        ? "\(notice); the rows that it has are read"
                        : "\(notice); the rows that it has are not read")
            }
        }
        return found.count
    }

    private static func shapes(_ findings: [Finding]) -> [String: String] {
        Dictionary(findings.map { ($0.oid, $0.shape) }, uniquingKeysWith: { first, _ in first })
    }

    /// `look`: its columns, if they may be others than before.
    private func follow(
        _ finding: Finding, _ look: TableColumns.Look?, _ found: inout Findings
    ) {
        let known = found.next.names.updateValue(finding.name, forKey: finding.oid)
        let key = found.next.keys.updateValue(finding.key, forKey: finding.oid)
        let columns = found.next.columns[finding.oid].flatMap { TableColumns($0) }
        if let look { found.next.columns[finding.oid] = look.columns.text }
        guard let known else { return }
        if known == finding.name {
            // Rows under its old key would stay beside those under the new one.
            let change = key.flatMap {
                rekeying(from: $0, to: finding.key, carriesAll: finding.carriesAll)
            }
            guard let change, !isOutbox(finding.name) else {
                if let look, let columns { follow(finding, look, since: columns, &found) }
                return
            }
            guard change == .rekeyed else {
                return readAnew(finding, "table \(finding.name) has no key any more", &found)
            }
            found.outdated.insert(finding.name)
            found.notices.append("table \(finding.name) has another key than before")
        } else {
            found.next.filters[finding.name] = found.next.filters[known]
            guard isSelected(finding.name) else {
                // Under its old name it would be new, and so it is when it comes back.
                found.next.forget(finding.oid)
                found.statements += finding.removals
                found.told.append(
                    "table \(finding.name), which was \(known) before, is not selected: it is "
                        + "not captured any more")
                return
            }
            found.notices.append("table \(finding.name) was \(known) before")
        }
        found.statements.append(
            StreamMark(.table, slot: slotName, finding.name).statement(isTransactional: true))
        note(BackfillRequest(table: finding.name), in: &found.next)
        found.count += 1
    }

    /// The name and the key of the table are what they were.
    private func follow(
        _ finding: Finding, _ look: TableColumns.Look, since known: TableColumns,
        _ found: inout Findings
    ) {
        let difference = TableColumns.difference(look, since: known)
        guard let difference, readsChangedRows, !isOutbox(finding.name) else {
            found.next.columns[finding.oid] = look.columns.keeping(known).text
            if let difference, !isOutbox(finding.name) {
                found.told.append(advice(on: finding.name, difference))
            }
            return
        }
        readAnew(finding, "table \(finding.name) \(difference)", &found)
    }

    private func readAnew(_ finding: Finding, _ notice: String, _ found: inout Findings) {
        found.outdated.insert(finding.name)
        found.notices.append(notice)
        found.statements.append(readingAnew(finding.name))
        note(BackfillRequest(table: finding.name), in: &found.next)
        found.count += 1
    }

    /// Whether a table, and why, is not what is known of it.
    func alterationOfOwn(_ oid: String) throws(CaptureError) -> Alteration? {
        guard let finding = try tableFindings(only: oid).first,
            memory.names[oid] == finding.name
        else { return nil }
        if let key = memory.keys[oid],
            let change = rekeying(from: key, to: finding.key, carriesAll: finding.carriesAll)
        {
            return change
        }
        guard let known = memory.columns[oid].flatMap({ TableColumns($0) }),
            let look = try looks(at: [oid: finding.shape])[oid]
        else { return nil }
        return TableColumns.difference(look, since: known).map { _ in .otherColumns }
    }

    private func followPartition(_ finding: Finding, _ found: inout Findings) {
        found.next.partitions[finding.oid] = finding.link
        // It was a table by itself: its changes are its root's now.
        found.statements += finding.removals
        found.next.forget(finding.oid)
        guard !finding.isEmpty, isSelected(finding.name) else { return }
        guard finding.hasIdentity else {
            found.notices.append(
                "the rows that partition \(finding.partition) has are not read: "
                    + "\(finding.name) has no primary key")
            return
        }
        found.notices.append("partition \(finding.partition) of \(finding.name) is new")
        let request = BackfillRequest(table: finding.name, partition: finding.oid)
        found.statements.append(
            StreamMark(.backfill, slot: slotName, request.text).statement(isTransactional: true))
        note(request, in: &found.next)
        found.count += 1
    }

    func isSelected(_ name: String) -> Bool { configuration.tables.selects(name) }

    /// Writes it down in one transaction with what it tells of.
    func keep(_ memory: SourceMemory, with more: [String]) throws(CaptureError) {
        let statements = more + writing(memory)
        if !statements.isEmpty { try run(statements) }
    }

    /// The statement that writes it down, where it is.
    func writing(_ memory: SourceMemory) -> [String] {
        keepsMemory ? [OwnPublications.comment(insertsPublication, memory.comment)] : []
    }

    private var ownPublications: String {
        [slotName, insertsPublication].map(quotedText).joined(separator: ", ")
    }

    /// `oid`: of the one that is wanted, nil for all.
    private func tableFindings(only oid: String? = nil) throws(CaptureError) -> [Finding] {
        let connection = try statements()
        let rows = try connection.rows(
            """
            SELECT c.oid, n.nspname, c.relname,
            CASE c.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END || c.oid::regclass,
            string_agg(p.pubname, ','),
            \(Self.keyColumns(version: connection.version)),
            \(Self.shape(version: connection.version)), c.relreplident = 'f'
            FROM pg_publication p
            JOIN pg_publication_rel r ON r.prpubid = p.oid JOIN pg_class c ON c.oid = r.prrelid
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE p.pubname IN (\(ownPublications)) AND NOT c.relispartition
            \(oid.map { "AND c.oid = \($0)" } ?? "")
            GROUP BY c.oid, n.nspname, c.relname, c.relkind, c.relreplident, c.relfilenode
            """, doing: Self.doing)
        return rows.map { row in
            let row = row.map { $0 ?? "" }
            return Finding(
                oid: row[0], name: "\(row[1]).\(row[2])", relation: row[3],
                key: key(of: row[2], in: row[1], columns: row[5]), shape: row[6],
                carriesAll: row[7] == "t",
                publications: row[4].split(separator: ",").map(String.init))
        }
    }

    /// Another text when something was attached or detached.
    private func inheritanceNow() throws(CaptureError) -> String? {
        try statements().value(
            """
            SELECT count(*) || ':'
            || coalesce(sum(hashtextextended(inhrelid || ':' || xmin, 0)), 0) FROM pg_inherits
            """, doing: Self.doing)
    }

    /// Leaves of what is published, that are not known with what ties them to their roots.
    private func partitionFindings(
        known: [String: String], isFirst: Bool = false
    ) throws(CaptureError) -> [Finding] {
        let connection = try statements()
        guard connection.version >= 130_000 else { return [] }
        let rows = try connection.rows(
            """
            SELECT l.relid::oid, n.nspname, c.relname, l.relid,
            (SELECT string_agg(i.inhrelid || ':' || i.xmin, ',' ORDER BY i.inhrelid)
              FROM pg_inherits i WHERE i.inhrelid IN
              (SELECT a.relid FROM pg_partition_ancestors(l.relid) a)),
            (SELECT string_agg(o.pubname, ',') FROM pg_publication o
              JOIN pg_publication_rel m ON m.prpubid = o.oid
              WHERE m.prrelid = l.relid AND o.pubname IN (\(ownPublications)))
            FROM (SELECT DISTINCT r.prrelid FROM pg_publication p
              JOIN pg_publication_rel r ON r.prpubid = p.oid
              WHERE p.pubname IN (\(ownPublications))) r
            JOIN pg_class c ON c.oid = r.prrelid AND c.relkind = 'p' AND NOT c.relispartition
            JOIN pg_namespace n ON n.oid = c.relnamespace
            CROSS JOIN LATERAL pg_partition_tree(c.oid) l WHERE l.isleaf
            """, doing: Self.doing)
        var found: [Finding] = []
        for row in rows {
            guard let oid = row[0], let link = row[4], known[oid] != link else { continue }
            var finding = Finding(oid: oid, name: "\(row[1] ?? "").\(row[2] ?? "")")
            finding.link = link
            finding.partition = row[3] ?? ""
            finding.relation = "ONLY \(finding.partition)"
            finding.publications = (row[5] ?? "").split(separator: ",").map(String.init)
            // At the start all of them are just written down.
            if !isFirst {
                finding.isEmpty = try isEmpty(finding.partition)
                finding.hasIdentity = try hasKey(finding.name)
            }
            found.append(finding)
        }
        return found
    }

    private func isEmpty(_ partition: String) throws(CaptureError) -> Bool {
        try statements().value("SELECT 1 FROM ONLY \(partition) LIMIT 1", doing: Self.doing) == nil
    }

    private func hasKey(_ name: String) throws(CaptureError) -> Bool {
        try table(named: name).map { !$0.rowKey.isEmpty } ?? false
    }

    /// As statements name a partition that is still one; nil: it is gone.
    func partition(_ oid: String) throws(CaptureError) -> String? {
        guard UInt32(oid) != nil else { return nil }
        return try statements().value(
            "SELECT oid::regclass FROM pg_class WHERE oid = \(oid) AND relispartition "
                + "AND relkind = 'r'", doing: Self.doing)
    }
}
