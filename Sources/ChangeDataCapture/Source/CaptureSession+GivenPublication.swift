import PostgresProtocol

// A publication that its user has made and alters: which of its tables are captured.
extension CaptureSession {
    private static let doing = "look at the publication"

    /// Compares what is published and selected with what the output has followed until now, at the
    /// start and now and then. Gives how many requests for rows it has put into the stream: for
    /// tables that were made again, have another name, come back, or have other columns.
    func followPublication(
        _ publication: String, marks: Bool, isStart: Bool
    ) throws(CaptureError) -> Int {
        guard !isTemporary else { return 0 }
        var (now, shapes) = try tables(of: publication)
        let looks = try self.looks(at: shapes)
        var statements: [String] = []
        var columns = self.columns.merging(looks.mapValues(\.columns)) { $1 }
        if let known = followed {
            try keepThoseLeft(of: known, in: &now)
            if isStart { try checkLosses(known) }
            statements = statementsForNew(now, since: known, marks: marks)
            statements += follow(looks, of: now, since: known, &columns, marks: marks)
        }
        now.columns = columns.filter { now.captured[$0.key] != nil }
            .mapValues { ColumnsDigest($0).text }
        if marks, !statements.isEmpty { try run(statements) }
        self.columns = columns
        self.shapes = shapes
        guard now != followed else { return 0 }
        // Told behind that: killed in between, it asks again.
        followed = now
        sink.follows(now)
        return marks ? statements.count : 0
    }

    private func statementsForNew(
        _ now: FollowedTables, since known: FollowedTables, marks: Bool
    ) -> [String] {
        var statements: [String] = []
        for (oid, name) in now.captured.sorted(by: { $0.key < $1.key }) {
            guard let change = Self.change(of: oid, named: name, known) else { continue }
            sink.notice(
                "table \(name) \(change); the rows that it has are \(marks ? "" : "not ")read")
            statements.append(
                StreamMark(.table, slot: slotName, name).statement(isTransactional: true))
        }
        return statements
    }

    /// Of tables that are what they were, but for their columns or what tells their rows apart.
    private func follow(
        _ looks: [String: TableColumns.Look], of now: FollowedTables, since known: FollowedTables,
        _ columns: inout [String: TableColumns], marks: Bool
    ) -> [String] {
        var statements: [String] = []
        for (oid, look) in looks.sorted(by: { $0.key < $1.key }) {
            guard let name = now.captured[oid], known.captured[oid] == name else { continue }
            let (found, kept) = difference(look, of: oid, since: known)
            columns[oid] = kept
            guard let (change, text) = found, !isOutbox(name) else { continue }
            if marks, change != .otherColumns || readsChangedRows {
                columns[oid] = look.columns
                outdated.insert(name)
                sink.notice("table \(name) \(text); the rows that it has are read")
                statements.append(
                    change == .rekeyed
                        ? StreamMark(.table, slot: slotName, name).statement(isTransactional: true)
                        : readingAnew(name))
            } else if change == .otherColumns, !readsChangedRows {
                sink.notice(advice(on: name, text))
            }
        }
        return statements
    }

    /// What is different, in words, too; and what is to be known if the rows stay as they are.
    private func difference(
        _ look: TableColumns.Look, of oid: String, since known: FollowedTables
    ) -> ((Alteration, String)?, TableColumns) {
        let digest = known.columns[oid].flatMap { ColumnsDigest($0) }
        guard let key = columns[oid]?.key ?? digest?.key else { return (nil, look.columns) }
        let kept =
            columns[oid].map { look.columns.keeping($0) }
            ?? digest.map { look.columns.keeping($0) } ?? look.columns
        let none = TableColumns.hash("")
        if sink.holdsRowsByKey, key != look.columns.key {
            if look.columns.key != none {
                return ((.rekeyed, "has another key than before"), kept)
            }
            if look.carriesAll { return ((.unkeyed, "has no key any more"), kept) }
        }
        let text =
            columns[oid].map { TableColumns.difference(look, since: $0) }
            ?? digest?.difference(look)
        return (text.map { (.otherColumns, $0) }, kept)
    }

    /// Whether a table, and why, is not what is known of it.
    func alteration(
        of oid: String, publishedBy publication: String
    ) throws(CaptureError) -> Alteration? {
        let (now, shapes) = try tables(of: publication)
        guard let known = followed, let shape = shapes[oid],
            now.captured[oid] == known.captured[oid],
            let look = try looks(at: [oid: shape])[oid]
        else { return nil }
        return difference(look, of: oid, since: known).0?.0
    }

    private static func change(
        of oid: String, named name: String, _ known: FollowedTables
    ) -> String? {
        if let was = known.captured[oid] { return was == name ? nil : "was \(was) before" }
        if known.left[oid] != nil { return "is captured from now on" }
        return known.captured.values.contains(name) ? "was made again" : nil
    }

    /// And the shapes of those that are captured, by OID.
    private func tables(
        of publication: String
    ) throws(CaptureError) -> (FollowedTables, [String: String]) {
        let connection = try statements()
        let lists = connection.version >= 150_000 ? " || t.attnames::text" : ""
        let shape = Self.shape(version: connection.version)
        let key = Self.keyColumns(version: connection.version)
        let rows = try connection.rows(
            """
            SELECT c.oid, n.nspname, c.relname, \(shape) || ':' || c.relreplident::text
            || ':' || coalesce(\(key), '')\(lists)
            FROM pg_publication_tables t
            JOIN pg_namespace n ON n.nspname = t.schemaname
            JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
            WHERE t.pubname = \(quotedText(publication))
            """, doing: Self.doing)
        var tables = FollowedTables()
        var shapes: [String: String] = [:]
        for row in rows.map({ $0.map { $0 ?? "" } }) {
            let name = "\(row[1]).\(row[2])"
            if configuration.tables.selects(schema: row[1], table: row[2]) {
                tables.captured[row[0]] = name
                shapes[row[0]] = row[3]
            } else {
                tables.left[row[0]] = name
            }
        }
        return (tables, shapes)
    }

    /// What was taken out of the publication may come back.
    private func keepThoseLeft(
        of known: FollowedTables, in now: inout FollowedTables
    ) throws(CaptureError) {
        let gone = known.captured.merging(known.left) { first, _ in first }
            .filter { now.captured[$0.key] == nil && now.left[$0.key] == nil }
        let oids = gone.keys.filter { UInt32($0) != nil }
        guard !oids.isEmpty else { return }
        let rows = try statements().rows(
            """
            SELECT c.oid, n.nspname, c.relname FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.oid IN (\(oids.joined(separator: ", ")))
            """, doing: Self.doing)
        for row in rows.map({ $0.map { $0 ?? "" } }) {
            let name = "\(row[1]).\(row[2])"
            now.left[row[0]] = name
            if known.captured[row[0]] != nil {
                sink.notice("table \(name) is not in the publication any more")
            }
        }
    }

    /// Tables that the options leave out now.
    private func checkLosses(_ known: FollowedTables) throws(CaptureError) {
        let lost = known.captured.values.filter { !isSelected($0) && !isGivenUp($0) }.sorted()
        guard lost.isEmpty else { throw refusal(lost) }
        try checkGivenUp()
    }
}
