import PostgresProtocol

/// A table as the catalog describes it: what encoders see, the body that the stream would announce
/// for it, and what a COPY of its rows needs.
struct CatalogTable: Sendable {
    let table: CapturedTable
    let relation: LogicalRelation
    /// `r`, or `p` for the root of partitions.
    let kind: UInt8
    let rowsExpected: Int64
    /// Indices of the primary key's columns, in its order.
    var primaryKey: [Int] = []
    /// How the key's index orders its columns, by their indices; empty if nobody has asked.
    var keyColumns: [Int: KeyColumn] = [:]
    /// Of the publication; nil without one.
    var filter: String?
    /// As statements name it: the one whose rows are wanted.
    var partition: String?

    var name: String { "\(table.schema).\(table.name)" }
    var quoted: String { "\(quotedName(table.schema)).\(quotedName(table.name))" }

    /// Some columns are computed from others, and published: COPY by name leaves these out.
    var hasGenerated = false

    /// Whether updates and deletes of it can be published: it has what tells its rows apart, and so
    /// has each partition of it.
    var hasIdentity = true

    /// What tells rows apart, also in the changes of the stream.
    var rowKey: [Int] {
        // Of a key that changes do not carry whole, the rest may be what tells rows apart.
        guard hasIdentity else { return [] }
        return table.identity == .index ? identityColumns : primaryKey
    }

    var identityColumns: [Int] {
        table.columns.indices.filter { table.columns[$0].isIdentity }
    }

    /// Whether deletes and updates of it carry the columns of the key that was chosen.
    var carriesKey: Bool {
        table.identity == .full || !hasIdentity || Set(table.key).isSubset(of: identityColumns)
    }

    /// The statement that reads the next rows in the order of the key.
    func copy(_ state: BackfillState, key: [Int], limit: Int) -> String {
        let columns = table.columns.map { quotedName($0.name) }.joined(separator: ", ")
        let ordered = key.map { keyColumns[$0] ?? KeyColumn(table.columns[$0]) }
        let order = KeyColumn.order(ordered) + " LIMIT \(limit)"
        let only = kind == UInt8(ascii: "r") ? "ONLY " : ""
        let row = state.request.row
        var condition = state.request.condition
        // Of a row whose key has other columns now, all rows are read.
        if row != nil { condition = row.flatMap { KeyColumn.row($0, ordered) } }
        if partition != nil { condition = nil }
        let source = partition.map { "ONLY \($0)" } ?? "\(only)\(quoted)"
        // Behind a row of another order nothing is known to be given.
        let after = state.key.isEmpty || state.key == self.order(of: key) ? state.after : nil
        let parts = KeyColumn.behind(after, ordered).map { behind in
            let conditions = [filter, condition, behind].compactMap { $0 }.map { "(\($0))" }
            let selected =
                conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ")
            return "SELECT \(columns) FROM \(source)\(selected)\(order)"
        }
        if parts.count == 1 { return "COPY (\(parts[0])) TO STDOUT" }
        return "COPY (SELECT * FROM ((\(parts.joined(separator: ") UNION ALL (")))) AS parts"
            + "\(order)) TO STDOUT"
    }

    /// What the order of a key's rows rests on.
    func order(of key: [Int]) -> [String] {
        key.map { "\(table.columns[$0].name) \(table.columns[$0].type.oid)" }
    }

    /// The statement that reads a part of its rows.
    func copy(_ part: SnapshotPart) -> String {
        let columns = table.columns.map { quotedName($0.name) }.joined(separator: ", ")
        let conditions = (filter.map { ["(\($0))"] } ?? []) + part.conditions
        let selected =
            conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ")
        return "COPY (SELECT \(columns) FROM ONLY \(part.relation)\(selected)) TO STDOUT"
    }

    /// The statement that reads its rows. Only a table without a filter that holds its own rows,
    /// and nothing that is computed from them, can be copied by name.
    var copy: String {
        let columns = table.columns.map { quotedName($0.name) }.joined(separator: ", ")
        if kind == UInt8(ascii: "r"), filter == nil, !columns.isEmpty, !hasGenerated {
            return "COPY \(quoted) (\(columns)) TO STDOUT"
        }
        let only = kind == UInt8(ascii: "r") ? "ONLY " : ""
        let condition = filter.map { " WHERE \($0)" } ?? ""
        return "COPY (SELECT \(columns) FROM \(only)\(quoted)\(condition)) TO STDOUT"
    }
}

/// Asks the server's catalog for tables and types, and keeps the types.
///
/// Belongs to the thread of the capture; its connection may be inside a snapshot's transaction.
final class Catalog {
    private let connection: PostgresConnection
    private let keys: [String: [String]]
    private var types: [UInt32: ColumnType] = [:]
    /// What a domain adds to its base type, by the domain's OID.
    private var domainModifiers: [UInt32: Int32] = [:]

    init(_ connection: PostgresConnection, keys: [String: [String]]) {
        self.connection = connection
        self.keys = keys
    }

    private static let doing = "read the catalog"

    private func rows(_ sql: String) throws(CaptureError) -> [[String?]] {
        try connection.rows(sql, doing: Self.doing)
    }

    /// The permanent tables of users, ordered by name; partitions are part of their root where the
    /// server can publish them so.
    func tables(_ selection: TableSelection) throws(CaptureError) -> [CatalogTable] {
        let partitions = connection.version >= 130_000 ? "AND NOT c.relispartition" : ""
        let kinds = connection.version >= 130_000 ? "'r', 'p'" : "'r'"
        return try describe(
            where: """
                c.relkind IN (\(kinds)) AND c.relpersistence = 'p' \(partitions)
                AND n.nspname NOT IN ('pg_catalog', 'information_schema')
                AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'
                """, selection)
    }

    /// The tables of a publication, with its filters and columns.
    func tables(publishedBy publication: String, _ selection: TableSelection)
        throws(CaptureError) -> [CatalogTable]
    {
        // The view is looked at once for all tables, not for each of their columns.
        let published = "FROM pg_publication_tables WHERE pubname = \(quotedText(publication))"
        var filters: [String: String] = [:]
        var columns = ""
        if connection.version >= 150_000 {
            for row in try rows(
                "SELECT schemaname, tablename, rowfilter \(published) AND rowfilter IS NOT NULL")
            {
                filters["\(row[0] ?? "").\(row[1] ?? "")"] = row[2]
            }
            columns = """
                AND (n.nspname, c.relname, a.attname) IN
                (SELECT schemaname, tablename, unnest(attnames) \(published))
                """
        }
        // Since 18 a publication may have what is computed from other columns.
        let found = try describe(
            where: "(n.nspname, c.relname) IN (SELECT schemaname, tablename \(published))",
            selection, columns: columns, withGenerated: connection.version >= 180_000)
        return found.map { table in
            var table = table
            table.filter = filters[table.name]
            return table
        }
    }

    /// A relation that the stream announces, with what only the catalog knows of it.
    func table(_ relation: LogicalRelation, version: Int) throws(CaptureError)
        -> CapturedTable
    {
        let known = try describe(
            where: "c.oid = \(relation.oid)", TableSelection(),
            withGenerated: connection.version >= 180_000
        ).first
        let columns = Dictionary(
            (known?.table.columns ?? []).map { ($0.name, $0) },
            uniquingKeysWith: { first, _ in first })
        let keyNames = known.map { known in
            known.primaryKey.map { known.table.columns[$0].name }
        }
        return try makeTable(
            relation, key: keyNames ?? [], version: version
        ) { (columns[$0]?.isNullable ?? true, columns[$0]?.isAlwaysGenerated ?? false) }
    }

    private func describe(
        where condition: String, _ selection: TableSelection, columns: String = "",
        withGenerated: Bool = false
    ) throws(CaptureError) -> [CatalogTable] {
        let hasGenerated = connection.version >= 120_000
        let generated = hasGenerated && !withGenerated ? "AND a.attgenerated = ''" : ""
        let keyCount = connection.version >= 110_000 ? "i.indnkeyatts" : "i.indnatts"
        let found = try rows(
            """
            SELECT c.oid, n.nspname, c.relname, c.relreplident, c.relkind,
            greatest(c.reltuples, 0)::int8, a.attname, a.atttypid, a.atttypmod, a.attnotnull,
            coalesce((SELECT k.o FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k(n, o)
              WHERE i.indrelid = c.oid AND i.indisprimary AND k.n = a.attnum
              AND k.o <= \(keyCount)), 0),
            EXISTS (SELECT 1 FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k(n, o)
              WHERE i.indrelid = c.oid AND i.indisreplident AND k.n = a.attnum
              AND k.o <= \(keyCount)),
            EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary
              AND i.indimmediate AND i.indisvalid),
            \(TableIdentity.condition(version: connection.version)), a.attidentity,
            \(hasGenerated ? "a.attgenerated <> ''" : "false")
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
            AND NOT a.attisdropped \(generated) \(columns)
            WHERE \(condition)\(selection.condition)
            ORDER BY n.nspname, c.relname, c.oid, a.attnum
            """)
        var tables: [CatalogTable] = []
        var start = 0
        while start < found.count {
            var end = start + 1
            while end < found.count, found[end][0] == found[start][0] { end += 1 }
            let group = found[start..<end]
            start = end
            if let first = group.first, let schema = first[1], let name = first[2],
                selection.selects(schema: schema, table: name)
            {
                tables.append(try makeTable(Array(group)))
            }
        }
        return tables
    }

    private func makeTable(_ rows: [[String?]]) throws(CaptureError) -> CatalogTable {
        let first = rows[0]
        let identity = first[3]?.utf8.first ?? UInt8(ascii: "d")
        let columns = rows.filter { $0[6] != nil }
        let described = columns.map { row in
            let isIdentity =
                switch identity {
                case UInt8(ascii: "f"): true
                case UInt8(ascii: "n"): false
                case UInt8(ascii: "i"): row[11] == "t"
                default: (row[10] ?? "0") != "0" && row[12] == "t"
                }
            return LogicalRelation.Column(
                isIdentity: isIdentity, name: row[6] ?? "",
                type: row[7].flatMap { UInt32($0) } ?? 0,
                modifier: row[8].flatMap { Int32($0) } ?? -1)
        }
        let relation = LogicalRelation(
            oid: first[0].flatMap { UInt32($0) } ?? 0, schema: first[1] ?? "",
            name: first[2] ?? "", identity: identity, columns: described)
        let key = columns.compactMap { row -> (Int, String)? in
            guard let place = row[10].flatMap({ Int($0) }), place > 0 else { return nil }
            return (place, row[6] ?? "")
        }
        let keyNames = key.sorted { $0.0 < $1.0 }.map(\.1)
        let notNull = Set(columns.filter { $0[9] == "t" }.compactMap { $0[6] })
        let generated = Set(columns.filter { $0[14] == "a" }.compactMap { $0[6] })
        let table = try makeTable(relation, key: keyNames, version: 1) {
            (!notNull.contains($0), generated.contains($0))
        }
        return CatalogTable(
            table: table, relation: relation, kind: first[4]?.utf8.first ?? UInt8(ascii: "r"),
            rowsExpected: first[5].flatMap { Int64($0) } ?? 0,
            primaryKey: keyNames.compactMap { name in
                relation.columns.firstIndex { $0.name == name }
            }, hasGenerated: columns.contains { $0[15] == "t" }, hasIdentity: first[13] == "t")
    }

    /// The columns of a relation's key. The stream may be behind the catalog, whose key is that of
    /// now: what it marks as the identity is what changes carry.
    private static func key(of relation: LogicalRelation, _ names: [String]) -> [Int] {
        let named = names.compactMap { name in relation.columns.firstIndex { $0.name == name } }
        // A part of a key (the rest is not published) is none.
        let known = named.count == names.count ? named : []
        let marked = relation.columns.indices.filter { relation.columns[$0].isIdentity }
        switch relation.identity {
        case UInt8(ascii: "i"):
            let isCovered = !known.isEmpty && Set(known).isSubset(of: marked)
            return isCovered ? known : marked
        case UInt8(ascii: "f"), UInt8(ascii: "n"): return known
        default:
            if marked.isEmpty || Set(known) == Set(marked) { return known }
            let isPart = marked.count < names.count && Set(marked).isSubset(of: named)
            return isPart ? [] : marked
        }
    }

    private func makeTable(
        _ relation: LogicalRelation, key: [String], version: Int,
        what: (String) -> (isNullable: Bool, isAlwaysGenerated: Bool)
    ) throws(CaptureError) -> CapturedTable {
        try learn(Set(relation.columns.map(\.type)))
        let columns = relation.columns.map { column in
            let (isNullable, isAlwaysGenerated) = what(column.name)
            return CapturedColumn(
                name: column.name, type: type(column.type),
                modifier: domainModifiers[column.type] ?? column.modifier,
                isIdentity: column.isIdentity, isNullable: isNullable,
                isAlwaysGenerated: isAlwaysGenerated)
        }
        let chosen = keys["\(relation.schema).\(relation.name)"]
        let indices =
            chosen?.compactMap { name in columns.firstIndex { $0.name == name } }
            ?? Self.key(of: relation, key)
        if let chosen, indices.count < chosen.count {
            throw .usage(
                CaptureReport(
                    "table \(relation.schema).\(relation.name) lacks a column of its key "
                        + chosen.joined(separator: ",")))
        }
        return CapturedTable(
            oid: relation.oid, schema: relation.schema, name: relation.name, columns: columns,
            identity: CapturedTable.ReplicaIdentity(rawValue: relation.identity) ?? .standard,
            key: indices, version: version)
    }

    /// A type that may have changed: it is asked for again.
    func forget(type oid: UInt32) {
        guard let known = types.removeValue(forKey: oid) else { return }
        // A domain is known as its base type.
        types[known.oid] = nil
        if let element = known.element { types[element.oid] = nil }
    }

    private func type(_ oid: UInt32) -> ColumnType {
        types[oid] ?? ColumnType(oid: oid, name: "unknown")
    }

    /// Resolves types that are not known yet, with what they are made of.
    private func learn(_ wanted: Set<UInt32>) throws(CaptureError) {
        var found: [UInt32: [String?]] = [:]
        var missing = wanted.filter { types[$0] == nil }
        if missing.isEmpty { return }
        if types.count > Limits.typesMax { types = [:] }
        while !missing.isEmpty {
            let list = missing.map { "\($0)" }.joined(separator: ", ")
            let rows = try rows(
                """
                SELECT t.oid, t.typname, n.nspname, t.typtype, t.typbasetype, t.typtypmod,
                CASE WHEN e.typarray = t.oid THEN e.oid ELSE 0 END,
                (SELECT string_agg(l.enumlabel, E'\\x01' ORDER BY l.enumsortorder)
                  FROM pg_enum l WHERE l.enumtypid = t.oid), t.typdelim
                FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
                LEFT JOIN pg_type e ON e.oid = t.typelem
                WHERE t.oid IN (\(list))
                """)
            missing = []
            for row in rows {
                guard let oid = row[0].flatMap({ UInt32($0) }) else { continue }
                found[oid] = row
                for part in [row[4], row[6]] {
                    if let part = part.flatMap({ UInt32($0) }), part != 0, types[part] == nil,
                        found[part] == nil
                    {
                        missing.insert(part)
                    }
                }
            }
        }
        for oid in wanted { _ = resolve(oid, found, depth: 0) }
    }

    private func resolve(_ oid: UInt32, _ found: [UInt32: [String?]], depth: Int) -> ColumnType {
        if let known = types[oid] { return known }
        guard let row = found[oid], depth < 32 else { return type(oid) }
        let element = row[6].flatMap { UInt32($0) } ?? 0
        let made: ColumnType
        if row[3] == "d", let base = row[4].flatMap({ UInt32($0) }) {
            made = resolve(base, found, depth: depth + 1)
            // A domain over a domain: the outer one has no modifier of its own.
            let modifier = row[5].flatMap { Int32($0) } ?? -1
            domainModifiers[oid] = modifier >= 0 ? modifier : domainModifiers[base] ?? -1
        } else {
            made = ColumnType(
                oid: oid, name: row[1] ?? "", schema: row[2] ?? "",
                category: Self.category(row[3] ?? "b", isArray: element != 0),
                element: element == 0 ? nil : resolve(element, found, depth: depth + 1),
                labels: (row[7] ?? "").split(separator: "\u{1}").map(String.init),
                delimiter: row[8]?.utf8.first)
        }
        types[oid] = made
        return made
    }

    private static func category(_ kind: String, isArray: Bool) -> ColumnType.Category {
        if isArray { return .array }
        return switch kind {
        case "e": .enumeration
        case "c": .composite
        case "r": .range
        case "m": .multirange
        default: .base
        }
    }
}
