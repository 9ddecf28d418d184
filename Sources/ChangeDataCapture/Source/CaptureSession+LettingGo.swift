import PostgresProtocol

// Tables that the slot has captured until now and that are not selected any more. The slot goes on,
// and what changes in them would be gone for ever.
extension CaptureSession {
    private static let doing = "look at the captured tables"

    /// At the start with a slot that is there: lets go of the tables that are given up explicitly,
    /// and refuses to lose others. One that comes back later is new: its rows are read anew.
    func letGoOfTables() throws(CaptureError) {
        guard configuration.publication == nil, !isTemporary else { return }
        let lost = try publishedTables().filter { !$0.isSelected && !$0.isRenamed }
        let given = lost.filter { isGivenUp($0.name) }
        let others = lost.map(\.name).filter { !isGivenUp($0) }
        guard others.isEmpty else { throw refusal(others) }
        try checkGivenUp()
        guard !given.isEmpty else { return }
        var next = memory
        for table in given { next.forget(table.oid) }
        try keep(next, with: given.map(\.removal))
        memory = next
        sink.notice("not captured any more: \(Self.names(given.map(\.name)))")
    }

    /// One of the capture's own publications has it.
    private struct PublishedTable {
        let oid: String
        let schema: String
        let table: String
        /// The statement that takes it out.
        let removal: String
        var isSelected = false
        /// It was selected under the name that it had before.
        var isRenamed = false

        var name: String { "\(schema).\(table)" }
    }

    private func publishedTables() throws(CaptureError) -> [PublishedTable] {
        let rows = try statements().rows(
            """
            SELECT c.oid, n.nspname, c.relname, CASE c.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END,
            c.oid::regclass, p.pubname FROM pg_publication p
            JOIN pg_publication_rel r ON r.prpubid = p.oid JOIN pg_class c ON c.oid = r.prrelid
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE p.pubname IN (\(quotedText(slotName)), \(quotedText(insertsPublication)))
            AND NOT c.relispartition ORDER BY 2, 3, 6
            """, doing: Self.doing)
        return rows.map { row in
            let row = row.map { $0 ?? "" }
            var table = PublishedTable(
                oid: row[0], schema: row[1], table: row[2],
                removal: "ALTER PUBLICATION \(quotedName(row[5])) DROP TABLE \(row[3])\(row[4])")
            table.isSelected = configuration.tables.selects(
                schema: table.schema, table: table.table)
            table.isRenamed =
                memory.names[table.oid].map { $0 != table.name && isSelected($0) } ?? false
            return table
        }
    }

    func isGivenUp(_ name: String) -> Bool {
        !configuration.givenUp.isEmpty
            && TableSelection(included: configuration.givenUp).selects(name)
    }

    /// What is given up cannot be selected, too.
    func checkGivenUp() throws(CaptureError) {
        guard !configuration.givenUp.isEmpty, let catalog else { return }
        let given = TableSelection(included: configuration.givenUp)
        for table in try catalog.tables(configuration.tables).map(\.table)
        where given.selects(schema: table.schema, table: table.name) {
            throw .usage(
                CaptureReport(
                    "--drop-tables gives up \(table.schema).\(table.name), which is selected",
                    hint: "--exclude leaves it out"))
        }
    }

    private static func names(_ tables: [String]) -> String {
        let some = tables.prefix(5).joined(separator: ", ")
        return some + (tables.count > 5 ? " and \(tables.count - 5) more" : "")
    }

    func refusal(_ tables: [String]) -> CaptureError {
        .usage(
            CaptureReport(
                "slot \"\(slotName)\" captures \(Self.names(tables)), which the options leave out "
                    + "now: what changes there would be lost",
                hint: "--drop-tables gives them up, and --slot or --topic-prefix NAME begins a "
                    + "capture of its own"))
    }
}
