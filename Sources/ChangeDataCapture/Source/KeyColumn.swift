/// A column of the key by which chunks of a table are read, with the operators by which the key's
/// index orders it.
///
/// Statements run with an empty search_path. There the operators of a type of another schema are
/// not found by their signs, or those of a type that it can become are: for citext those of text,
/// in whose order upper case comes first, while the index passes over case.
struct KeyColumn: Sendable {
    let name: String
    let type: ColumnType
    /// `OPERATOR(schema.<)` and so on.
    var less = "OPERATOR(pg_catalog.<)"
    var equal = "OPERATOR(pg_catalog.=)"
    var greater = "OPERATOR(pg_catalog.>)"
    /// The index's, quoted, if it is not the column's.
    var collation: String?

    private var ordered: String {
        quotedName(name) + (collation.map { " COLLATE \($0)" } ?? "")
    }

    /// A composite type has no text form that an operator could guess.
    private func literal(_ value: String) -> String {
        "\(quotedText(value))::\(quotedName(type.schema)).\(quotedName(type.name))"
    }

    /// What selects the row of a key; nil for a key of other columns than now.
    static func row(_ key: [String: String], _ columns: [KeyColumn]) -> String? {
        guard key.count == columns.count else { return nil }
        let conditions = columns.compactMap { column in
            key[column.name].map { "\(column.ordered) \(column.equal) \(column.literal($0))" }
        }
        return conditions.count == columns.count ? conditions.joined(separator: " AND ") : nil
    }

    /// ` ORDER BY ...`.
    static func order(_ columns: [KeyColumn]) -> String {
        " ORDER BY "
            + columns.map { "\($0.ordered) USING \($0.less)" }.joined(separator: ", ")
    }

    /// What selects the rows behind one, as conditions of which exactly one is true for each such
    /// row: an index serves each of them. No values: all rows, nil.
    static func behind(_ values: [String]?, _ columns: [KeyColumn]) -> [String?] {
        // A key of other columns than now: its rows are read again.
        guard let values, values.count == columns.count else { return [nil] }
        let pairs = zip(columns, values).map { ($0, $0.literal($1)) }
        if Set(columns.map(\.greater)).count == 1 {
            let names = columns.map(\.ordered).joined(separator: ", ")
            let row = pairs.map { $1 }.joined(separator: ", ")
            return ["(\(names)) \(columns[0].greater) (\(row))"]
        }
        return pairs.indices.reversed().map { place in
            let (column, value) = pairs[place]
            let same = pairs[..<place].map { "\($0.ordered) \($0.equal) \($1)" }
            let behind = "\(column.ordered) \(column.greater) \(value)"
            return (same + [behind]).joined(separator: " AND ")
        }
    }

    /// Asks for the columns of a table's key, by their indices in the table.
    static func read(
        _ table: CapturedTable, _ connection: PostgresConnection
    ) throws(CaptureError) -> [Int: KeyColumn] {
        let index = table.identity == .index ? "i.indisreplident" : "i.indisprimary"
        let rows = try connection.rows(
            """
            SELECT a.attname, m.amopstrategy,
            'OPERATOR(' || quote_ident(n.nspname) || '.' || o.oprname || ')',
            quote_ident(s.nspname) || '.' || quote_ident(l.collname)
            FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[],
              i.indcollation::oid[]) WITH ORDINALITY k(attribute, class, locale, place)
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attribute
            JOIN pg_opclass c ON c.oid = k.class
            JOIN pg_amop m ON m.amopfamily = c.opcfamily AND m.amoplefttype = c.opcintype
              AND m.amoprighttype = c.opcintype AND m.amopstrategy IN (1, 3, 5)
            JOIN pg_operator o ON o.oid = m.amopopr JOIN pg_namespace n ON n.oid = o.oprnamespace
            LEFT JOIN pg_collation l ON l.oid = k.locale AND l.oid <> a.attcollation
            LEFT JOIN pg_namespace s ON s.oid = l.collnamespace
            WHERE i.indrelid = \(table.oid) AND \(index) AND k.place <= i.indnkeyatts
            AND c.opcmethod = \(Self.btree)
            """, doing: "read the order of \(table.name)")
        var columns: [Int: KeyColumn] = [:]
        for row in rows {
            guard let name = row[0], let sign = row[2],
                let place = table.columns.firstIndex(where: { $0.name == name })
            else { continue }
            var column = columns[place] ?? KeyColumn(table.columns[place])
            column.collation = row[3]
            switch row[1] {
            case "1": column.less = sign
            case "3": column.equal = sign
            default: column.greater = sign
            }
            columns[place] = column
        }
        // A key WITHOUT OVERLAPS (since 18) has a GiST index, which orders nothing: its types do.
        if columns.isEmpty {
            for place in table.columns.indices where table.columns[place].isIdentity {
                columns[place] = KeyColumn(table.columns[place])
            }
        }
        return columns
    }

    /// The access method's OID.
    private static let btree = 403

    /// With the operators of the server's own types.
    init(_ column: CapturedColumn) {
        name = column.name
        type = column.type
    }
}
