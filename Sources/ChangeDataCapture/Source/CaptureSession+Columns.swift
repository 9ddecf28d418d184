import PostgresProtocol

/// Why rows that an output has are not those of the table any more.
enum Alteration {
    /// They stand under another key.
    case rekeyed
    /// Nothing tells one from another any more.
    case unkeyed
    case otherColumns
}

// Columns that get other names, types or values: of rows that are there already the stream says
// nothing.
extension CaptureSession {
    private static let doing = "look at the columns"

    /// SQL that is another text when the columns of a table `c` of `pg_class`, or the files of its
    /// rows, are others.
    static func shape(version: Int) -> String {
        guard version >= 140_000 else { return "''" }
        return """
            (SELECT count(*) || ':' || coalesce(sum(hashtextextended(
              a.attnum || ':' || a.xmin, 0)), 0)
              FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)
              || ':' || \(files)
            """
    }

    private static let files = """
        CASE c.relkind WHEN 'p' THEN (SELECT coalesce(sum(hashtextextended(
        t.relid::oid || ':' || pg_relation_filenode(t.relid), 0)), 0)::text
        FROM pg_partition_tree(c.oid) t WHERE t.isleaf) ELSE c.relfilenode::text END
        """

    /// The columns of those of the tables whose shape is another one than when they were looked at
    /// last; both by OID.
    func looks(at shapes: [String: String]) throws(CaptureError) -> [String: TableColumns.Look] {
        let connection = try statements()
        let oids = shapes.filter { self.shapes[$0.key] != $0.value }.keys
            .filter { UInt32($0) != nil }.sorted()
        guard connection.version >= 140_000, !oids.isEmpty else { return [:] }
        var isHidden = "a.attgenerated <> ''"
        if let publication = configuration.publication, connection.version >= 150_000 {
            // Since 18 those that are generated may be published.
            let generated = connection.version < 180_000 ? "\(isHidden) OR " : ""
            isHidden = """
                \(generated)NOT EXISTS (SELECT 1 FROM pg_publication_tables p
                WHERE p.pubname = \(quotedText(publication)) AND p.schemaname = n.nspname
                AND p.tablename = c.relname AND a.attname = ANY (p.attnames))
                """
        }
        let rows = try connection.rows(
            """
            SELECT c.oid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.xmin,
            a.attisdropped OR \(isHidden),
            a.atthasmissing OR c.relkind = 'p' AND EXISTS (
              SELECT 1 FROM pg_partition_tree(c.oid) t JOIN pg_attribute l ON l.attrelid = t.relid
              WHERE t.isleaf AND l.attname = a.attname AND l.atthasmissing), \(Self.files),
            n.nspname, c.relname, \(Self.keyColumns(version: connection.version)),
            c.relreplident = 'f'
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
            WHERE c.oid IN (\(oids.joined(separator: ", ")))
            """, doing: Self.doing)
        var looks: [String: TableColumns.Look] = [:]
        for row in rows.map({ $0.map { $0 ?? "" } }) {
            if looks[row[0]] == nil {
                var look = TableColumns.Look()
                look.columns.file = TableColumns.hash(row[8])
                look.columns.key = TableColumns.hash(
                    key(of: row[10], in: row[9], columns: row[11]))
                look.carriesAll = row[12] == "t"
                looks[row[0]] = look
            }
            looks[row[0]]?.add(row)
        }
        return looks
    }

    /// Whether the rows that the output has of a table, which the stream announces in another form,
    /// are not what the table has. What cannot be told now is found by the next look.
    /// `isFirst`: it is announced for the first time since the start.
    func alteration(of table: CapturedTable, isFirst: Bool) -> Alteration? {
        guard backfill != nil, !isBlind else { return nil }
        // The tables of a given publication are looked up all at once, which takes a while.
        if isFirst, configuration.publication != nil { return nil }
        let oid = "\(table.oid)"
        let isOutbox = isOutbox("\(table.schema).\(table.name)")
        guard !isOutbox, let found = try? lookForAlteration(of: oid) else { return nil }
        return found != .otherColumns || readsChangedRows ? found : nil
    }

    private func lookForAlteration(of oid: String) throws(CaptureError) -> Alteration? {
        if let publication = configuration.publication {
            return isTemporary ? nil : try alteration(of: oid, publishedBy: publication)
        }
        return try alterationOfOwn(oid)
    }

    /// `key`: what tells its rows apart now.
    func rekeying(from known: String, to key: String, carriesAll: Bool) -> Alteration? {
        guard sink.holdsRowsByKey, key != known else { return nil }
        if !key.isEmpty { return .rekeyed }
        // Of one whose changes carry no rows only inserts are captured from then on.
        return carriesAll ? .unkeyed : nil
    }

    /// What `key(of:in:columns:)` is given, of a table `c` of `pg_class`.
    static func keyColumns(version: Int) -> String {
        let count = version >= 110_000 ? "i.indnkeyatts" : "i.indnatts"
        return """
            (SELECT string_agg(a.attname || E'\\x02' || CASE WHEN a.atttypid IN (20, 21, 23)
              THEN 'int' WHEN a.atttypid IN (25, 1043) THEN 'text' ELSE a.atttypid::text END,
              E'\\x01' ORDER BY i.indisprimary DESC, k.place)
              FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY
                k(attribute, place)
              JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attribute
              WHERE i.indrelid = c.oid AND k.place <= \(count)
              AND (i.indisprimary OR c.relreplident = 'i' AND i.indisreplident))
            """
    }

    /// Whether rows from before are given anew where the table has others now.
    var readsChangedRows: Bool { sink.keepsRows && configuration.snapshot != .never }

    /// What people are told where they are not.
    func advice(on table: String, _ difference: String) -> String {
        "table \(table) \(difference); rows that were given look as they did, and --backfill "
            + "\(BackfillRequest(table: table).text) gives them anew"
    }

    /// The statement that asks the stream for all rows of a table.
    func readingAnew(_ table: String) -> String {
        StreamMark(.anew, slot: slotName, table).statement(isTransactional: true)
    }
}

extension TableColumns.Look {
    fileprivate mutating func add(_ row: [String]) {
        guard let number = Int(row[1]) else { return }
        columns.last = max(columns.last, number)
        guard row[6] != "t" else { return }
        columns.columns[number] = TableColumns.Column(
            name: TableColumns.hash(row[2]),
            type: TableColumns.type(UInt32(row[3]) ?? 0, modifier: Int32(row[4]) ?? -1),
            version: UInt32(row[5]) ?? 0)
        names[number] = row[2]
        if row[7] == "t" { missing.insert(number) }
    }
}
