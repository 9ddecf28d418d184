import PostgresProtocol

/// A slot of the same server that another capture may use.
public struct OtherSlot: Sendable {
    public let name: String
    public let database: String
    /// `schema.table` of those that its own publications have; nil: not to be told.
    public var tables: Set<String>?
}

extension Capture {
    /// The slots of pgoutput beside that of the configuration. None of a server that cannot be
    /// asked: `run` tells why.
    public static func otherSlots(_ configuration: CaptureConfiguration) -> [OtherSlot] {
        guard case .durable(let own) = configuration.slot,
            let connection = try? PostgresConnection.open(configuration.address)
        else { return [] }
        defer { connection.close() }
        let rows = try? connection.rows(
            """
            SELECT s.slot_name, s.database, p.pubname, t.schemaname, t.tablename
            FROM pg_replication_slots s LEFT JOIN pg_publication p
            ON s.database = current_database()
            AND p.pubname IN (s.slot_name, left(s.slot_name, 55) || '_inserts')
            LEFT JOIN pg_publication_tables t ON t.pubname = p.pubname
            WHERE s.plugin = 'pgoutput' AND s.slot_name <> \(quotedText(own)) ORDER BY 1
            """, doing: "look for other slots")
        var slots: [OtherSlot] = []
        for row in rows ?? [] {
            let name = row[0] ?? ""
            if slots.last?.name != name {
                slots.append(OtherSlot(name: name, database: row[1] ?? ""))
            }
            guard row[2] != nil, var last = slots.popLast() else { continue }
            var tables = last.tables ?? []
            if let schema = row[3], let table = row[4] { tables.insert("\(schema).\(table)") }
            last.tables = tables
            slots.append(last)
        }
        return slots
    }
}
