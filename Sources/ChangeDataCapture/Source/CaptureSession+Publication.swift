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
        return tables
    }

    private func publishedTables(isNewSlot: Bool) throws(CaptureError) -> [CatalogTable] {
        guard let catalog else { throw .connection(CaptureReport("not connected")) }
        if let name = configuration.publication {
            let tables = try catalog.tables(publishedBy: name, configuration.tables)
            try checkExists(name, isEmpty: tables.isEmpty)
            publications = [name]
            return tables
        }
        let tables = try catalog.tables(configuration.tables)
        guard !tables.isEmpty else {
            throw .usage(
                CaptureReport(
                    configuration.tables.selectsAll
                        ? "database \"\(configuration.address.database)\" has no tables"
                        : "no table of database \"\(configuration.address.database)\" is selected"))
        }
        if isTemporary { try dropStale() }
        try make(slotName, tables.filter(\.hasIdentity), publishes: nil, isNewSlot)
        let withoutIdentity = tables.filter { !$0.hasIdentity }
        if !withoutIdentity.isEmpty {
            // Published with the others, the server would refuse their users' updates.
            sink.notice(
                "of "
                    + withoutIdentity.prefix(5).map(\.name).joined(separator: ", ")
                    + (withoutIdentity.count > 5 ? ", ..." : "")
                    + " only inserts are captured: no primary key and no REPLICA IDENTITY")
            try make(
                "\(slotName)_inserts", withoutIdentity, publishes: "insert, truncate", isNewSlot)
        }
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

    /// Makes a publication of the tables, or adds to ours those that are new.
    private func make(
        _ name: String, _ tables: [CatalogTable], publishes: String?, _ isNewSlot: Bool
    ) throws(CaptureError) {
        let connection = try statements()
        publications.append(name)
        let present = try connection.rows(
            """
            SELECT p.pubname, t.schemaname || '.' || t.tablename FROM pg_publication p
            LEFT JOIN pg_publication_tables t USING (pubname) WHERE p.pubname = \(quotedText(name))
            """, doing: Self.doing)
        if present.isEmpty || isNewSlot {
            if !present.isEmpty {
                try connection.execute(
                    "DROP PUBLICATION \(quotedName(name))", doing: "replace the publication")
            }
            try create(name, tables, publishes: publishes, isNewSlot: isNewSlot)
            return
        }
        let names = Set(present.compactMap { $0[1] })
        let missing = tables.filter { !names.contains($0.name) }
        guard !missing.isEmpty else { return }
        sink.notice(
            "captured from now on, without the rows that they have: "
                + missing.map(\.name).joined(separator: ", "))
        try connection.execute(
            "ALTER PUBLICATION \(quotedName(name)) ADD TABLE "
                + missing.map(\.quoted).joined(separator: ", "), doing: Self.doing)
    }

    private func create(
        _ name: String, _ tables: [CatalogTable], publishes: String?, isNewSlot: Bool
    ) throws(CaptureError) {
        let connection = try statements()
        var options: [String] = []
        if let publishes { options.append("publish = '\(publishes)'") }
        if connection.version >= 130_000 { options.append("publish_via_partition_root = true") }
        let list = tables.map { ($0.kind == UInt8(ascii: "r") ? "ONLY " : "") + $0.quoted }
        let target = tables.isEmpty ? "" : " FOR TABLE " + list.joined(separator: ", ")
        let with = options.isEmpty ? "" : " WITH (\(options.joined(separator: ", ")))"
        if isTemporary {
            // Held as long as this session lives, so that others see it is not forgotten.
            try connection.execute(
                "SELECT pg_advisory_lock(hashtext(\(quotedText(name))))", doing: Self.doing)
            temporaryPublications.append(name)
        } else if isNewSlot {
            // It goes again if its slot cannot be made.
            unusedPublications.append(name)
        }
        try connection.execute(
            "CREATE PUBLICATION \(quotedName(name))\(target)\(with)", doing: Self.doing)
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
    }
}
