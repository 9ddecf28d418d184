import PostgresProtocol

// A publication that its user has made and alters: which of its tables are captured.
extension CaptureSession {
    private static let doing = "look at the publication"

    /// Compares what is published and selected with what the output has followed until now, at the
    /// start and now and then. Gives how many requests for rows it has put into the stream: for
    /// tables that were made again, have another name, or come back.
    func followPublication(
        _ publication: String, marks: Bool, isStart: Bool
    ) throws(CaptureError) -> Int {
        guard !isTemporary else { return 0 }
        var now = try tables(of: publication)
        guard let known = followed else {
            followed = now
            sink.follows(now)
            return 0
        }
        try keepThoseLeft(of: known, in: &now)
        if isStart { try checkLosses(known) }
        guard now != known else { return 0 }
        var statements: [String] = []
        for (oid, name) in now.captured.sorted(by: { $0.key < $1.key }) {
            guard let change = Self.change(of: oid, named: name, known) else { continue }
            sink.notice(
                "table \(name) \(change); the rows that it has are \(marks ? "" : "not ")read")
            statements.append(
                StreamMark(.table, slot: slotName, name).statement(isTransactional: true))
        }
        if marks, !statements.isEmpty { try run(statements) }
        // Told behind that: killed in between, it asks again.
        followed = now
        sink.follows(now)
        return marks ? statements.count : 0
    }

    private static func change(
        of oid: String, named name: String, _ known: FollowedTables
    ) -> String? {
        if let was = known.captured[oid] { return was == name ? nil : "was \(was) before" }
        if known.left[oid] != nil { return "is captured from now on" }
        return known.captured.values.contains(name) ? "was made again" : nil
    }

    private func tables(of publication: String) throws(CaptureError) -> FollowedTables {
        let rows = try statements().rows(
            """
            SELECT c.oid, n.nspname, c.relname FROM pg_publication_tables t
            JOIN pg_namespace n ON n.nspname = t.schemaname
            JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
            WHERE t.pubname = \(quotedText(publication))
            """, doing: Self.doing)
        var tables = FollowedTables()
        for row in rows.map({ $0.map { $0 ?? "" } }) {
            let name = "\(row[1]).\(row[2])"
            if configuration.tables.selects(schema: row[1], table: row[2]) {
                tables.captured[row[0]] = name
            } else {
                tables.left[row[0]] = name
            }
        }
        return tables
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
