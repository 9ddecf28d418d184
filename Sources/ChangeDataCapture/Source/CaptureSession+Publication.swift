import PostgresProtocol

// The publication.
extension CaptureSession {
    private static let doing = "make the publication"

    /// Finds or makes what the stream publishes, and gives its tables. A publication must be older
    /// than its slot.
    func preparePublication(isNewSlot: Bool) throws(CaptureError) -> [CatalogTable] {
        let tables = try publishedTables(isNewSlot: isNewSlot)
        if let outbox = configuration.outbox,
            !tables.contains(where: {
                TableSelection.matches(outbox, schema: $0.table.schema, table: $0.table.name)
            })
        {
            throw .usage(CaptureReport("no table that is captured is the outbox \"\(outbox)\""))
        }
        for table in tables where configuration.keys[table.name] != nil && !table.carriesKey {
            throw .setting(
                CaptureReport(
                    "updates and deletes of \(table.name) do not carry the columns of its --key",
                    hint: "ALTER TABLE \(table.quoted) REPLICA IDENTITY FULL brings them"))
        }
        try checkMasks(tables)
        return tables
    }

    /// Rows with different keys must not become rows with one.
    func checkMasks(_ tables: [CatalogTable]) throws(CaptureError) {
        for table in tables.map(\.table) {
            for column in table.key.map({ table.columns[$0] }) {
                let mask = configuration.masks.first { $0.covers(column, of: table) }
                guard let mask, !mask.keepsApart else { continue }
                throw .usage(
                    CaptureReport(
                        "--mask \(mask.pattern) hides what tells the rows of \(table.schema)."
                            + "\(table.name) apart: \(column.name) is part of their key",
                        hint: "sha256 keeps them apart; --key names another key"))
            }
        }
    }

    /// Nothing is selected of the tables that there are.
    private func noTables(_ all: [String]) -> CaptureReport {
        let database = "database \"\(configuration.address.database)\""
        guard !all.isEmpty else {
            return CaptureReport(
                "\(database) has no tables", hint: "postgres://HOST/DATABASE names another")
        }
        let more = all.count > 8 ? " and \(all.count - 8) more" : ""
        return CaptureReport(
            "no table of \(database) is selected",
            hint: "it has \(all.prefix(8).joined(separator: ", "))\(more)")
    }

    private func publishedTables(isNewSlot: Bool) throws(CaptureError) -> [CatalogTable] {
        guard let catalog else { throw .connection(CaptureReport("not connected")) }
        if let name = configuration.publication {
            let tables = try catalog.tables(publishedBy: name, configuration.tables)
            try checkExists(name, isEmpty: tables.isEmpty)
            publications = [name]
            return tables
        }
        var tables = try catalog.tables(configuration.tables)
        try filter(&tables)
        guard !tables.isEmpty else {
            throw .usage(noTables(try catalog.tables(TableSelection()).map(\.name)))
        }
        if isTemporary { try dropStale() }
        try make(slotName, tables.filter(\.hasIdentity), publishes: nil, isNewSlot)
        let withoutIdentity = tables.filter { !$0.hasIdentity }
        if !withoutIdentity.isEmpty {
            sink.notice(
                "of "
                    + withoutIdentity.prefix(5).map(\.name).joined(separator: ", ")
                    + (withoutIdentity.count > 5 ? ", ..." : "")
                    + " only inserts are captured: no primary key and no REPLICA IDENTITY")
        }
        // Published with the others, the server would refuse their users' updates. It is there for
        // those too that are made later: a publication must be older than the slot.
        try make(insertsPublication, withoutIdentity, publishes: "insert, truncate", isNewSlot)
        return tables
    }

    private func checkExists(_ name: String, isEmpty: Bool) throws(CaptureError) {
        let found = try statements().value(
            "SELECT 1 FROM pg_publication WHERE pubname = \(quotedText(name))",
            doing: "look for publication \"\(name)\"")
        guard found != nil else {
            throw .setting(
                CaptureReport(
                    "publication \"\(name)\" does not exist in database "
                        + "\"\(configuration.address.database)\"",
                    hint: "CREATE PUBLICATION makes it, before the slot"))
        }
        if isEmpty { sink.notice("publication \"\(name)\" has none of the selected tables") }
    }

    /// Makes a publication of the tables for a new slot; for one that is there it was made then.
    private func make(
        _ name: String, _ tables: [CatalogTable], publishes: String?, _ isNewSlot: Bool
    ) throws(CaptureError) {
        let connection = try statements()
        let isPresent =
            try connection.value(
                "SELECT 1 FROM pg_publication WHERE pubname = \(quotedText(name))",
                doing: Self.doing) != nil
        if isPresent, !isNewSlot { return publications.append(name) }
        // Slots of older captures have no such.
        if !isNewSlot, name == insertsPublication { return }
        if !isPresent, !isNewSlot, connection.version >= 180_000 {
            // Older servers end a stream that is older than its publication; this one passes over
            // what was changed before.
            throw .slotLost(
                CaptureReport(
                    "publication \"\(name)\" is gone, and with it what its slot has not sent yet",
                    hint: "drop the slot (rtd cdc URL --slots --drop \(slotName)) and begin with a "
                        + "new snapshot, or name a publication with --publication"))
        }
        publications.append(name)
        if isPresent {
            try connection.execute(
                "DROP PUBLICATION \(quotedName(name))", doing: "replace the publication")
        }
        try create(name, tables, publishes: publishes, isNewSlot: isNewSlot)
    }

    private func create(
        _ name: String, _ tables: [CatalogTable], publishes: String?, isNewSlot: Bool
    ) throws(CaptureError) {
        let connection = try statements()
        var options: [String] = []
        if let publishes { options.append("publish = '\(publishes)'") }
        if connection.version >= 130_000 { options.append("publish_via_partition_root = true") }
        let list = tables.map { table in
            (table.kind == UInt8(ascii: "r") ? "ONLY " : "") + table.quoted
                + (table.filter.map { " WHERE (\($0))" } ?? "")
        }
        let target = tables.isEmpty ? "" : " FOR TABLE " + list.joined(separator: ", ")
        let with = options.isEmpty ? "" : " WITH (\(options.joined(separator: ", ")))"
        if isTemporary {
            // Held as long as this session lives, so that others see it is not forgotten.
            try hold(publication: name, connection)
            temporaryPublications.append(name)
        }
        // One transaction: nobody finds it without what tells whose it is.
        var statement = "CREATE PUBLICATION \(quotedName(name))\(target)\(with)"
        if !isTemporary {
            statement += "; " + OwnPublications.comment(name, OwnPublications.hasRows)
        }
        if tables.contains(where: { $0.filter != nil && publishes == nil }) {
            try connection.execute("BEGIN; \(statement)", doing: Self.doing)
            do throws(CaptureError) { try checkFilters(of: name) } catch {
                try connection.execute("ROLLBACK", doing: Self.doing)
                throw error
            }
            try connection.execute("COMMIT", doing: Self.doing)
        } else {
            try connection.execute(statement, doing: Self.doing)
        }
        // It goes again if its slot cannot be made.
        if isNewSlot, !isTemporary { unusedPublications.append(name) }
    }

    func hold(publication name: String, _ connection: PostgresConnection) throws(CaptureError) {
        try connection.execute(
            "SELECT pg_advisory_lock(hashtext(\(quotedText(name))))", doing: Self.doing)
    }

    /// Puts the conditions of the configuration to their tables.
    func filter(_ tables: inout [CatalogTable]) throws(CaptureError) {
        guard !configuration.filters.isEmpty else { return }
        guard try statements().version >= 150_000 else {
            throw .setting(CaptureReport("--where needs PostgreSQL 15, which filters rows itself"))
        }
        for (name, condition) in configuration.filters {
            guard let index = tables.firstIndex(where: { $0.name == name }) else {
                throw .usage(CaptureReport("--where \(name): no such table is captured"))
            }
            tables[index].filter = condition
        }
    }

    /// With a condition on other columns than those of the identity the server would refuse its
    /// users' own updates and deletes.
    private func checkFilters(of publication: String) throws(CaptureError) {
        let rows = try statements().rows(
            """
            SELECT c.oid::regclass, a.attname FROM pg_publication_rel r
            JOIN pg_publication p ON p.oid = r.prpubid JOIN pg_class c ON c.oid = r.prrelid
            CROSS JOIN LATERAL regexp_matches(r.prqual::text, ':varattno (\\d+)', 'g') v
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = v[1]::int
            WHERE p.pubname = \(quotedText(publication)) AND c.relreplident <> 'f'
            AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid
              AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END
              AND a.attnum = ANY (i.indkey::int2[]))
            """, doing: Self.doing)
        guard let row = rows.first else { return }
        throw .setting(
            CaptureReport(
                "--where of \(row[0] ?? ""): column \(row[1] ?? "") is not in its replica "
                    + "identity, and the table's own updates would fail",
                hint: "ALTER TABLE \(row[0] ?? "") REPLICA IDENTITY FULL allows it"))
    }

    /// Publications of captures that were killed: nobody holds their lock.
    private func dropStale() throws(CaptureError) {
        let connection = try statements()
        let stale = try connection.rows(
            """
            SELECT pubname FROM pg_publication WHERE pubname LIKE 'rtd\\_tmp\\_%'
            AND pg_try_advisory_xact_lock(hashtext(pubname))
            """, doing: "look for forgotten publications")
        for row in stale {
            // Another user's may not be dropped; that is no reason to fail.
            try? connection.execute(
                "DROP PUBLICATION IF EXISTS \(quotedName(row[0] ?? ""))",
                doing: "drop a forgotten publication")
        }
        // What --ddl has made goes the same way.
        let triggers = try connection.rows(
            """
            SELECT left(evtname, -4) FROM pg_event_trigger WHERE evtname LIKE 'rtd\\_tmp\\_%\\_ddl'
            AND pg_try_advisory_xact_lock(hashtext(left(evtname, -4)))
            """, doing: "look for forgotten event triggers")
        for row in triggers {
            try? connection.execute(
                StatementTrigger(slot: row[0] ?? "").removal, doing: "drop event triggers")
        }
    }
}
