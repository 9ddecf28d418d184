import Aggregation
import Formats
import SQL

/// information_schema, and what of pg_catalog tools ask for, as tables made when a query names
/// them. Used by the session's thread.
final class SystemCatalog {
    private unowned let session: QuerySession
    /// While views are bound for their columns.
    private var isOpen = false

    init(_ session: QuerySession) { self.session = session }

    /// A relation of the session.
    private struct Entry {
        /// Without its schema.
        var name: String
        var schema = "public"
        var entry: SessionCatalog.Entry
        var columns: [Field]
        var definitions: [ColumnDefinition] = []
        var notNull: Set<Int> = []
        var oid: Int64
    }

    /// nil: no such relation.
    func relation(_ parts: [Name]) throws(SQLError) -> StoredTable? {
        let folded = parts.map { $0.text.lowercased() }
        guard let name = folded.last, folded.count <= 2 else { return nil }
        switch folded.count == 2 ? folded[0] : "" {
        case "information_schema":
            switch name {
            case "schemata": return schemata()
            case "tables": return tables()
            case "views": return views()
            case "columns": return columns()
            case "sequences": return sequences()
            default: return nil
            }
        case "pg_catalog": return catalogRelation(name)
        case "": return name.hasPrefix("pg_") ? catalogRelation(name) : nil
        default: return nil
        }
    }

    private func catalogRelation(_ name: String) -> StoredTable? {
        switch name {
        case "pg_tables": pgTables()
        case "pg_views": pgViews(isMaterialized: false)
        case "pg_matviews": pgViews(isMaterialized: true)
        case "pg_class": pgClass()
        case "pg_namespace": pgNamespace()
        case "pg_attribute": pgAttribute()
        case "pg_type": pgType()
        case "pg_settings": pgSettings()
        case "pg_prepared_statements": prepared()
        default: nil
        }
    }

    private var entries: [Entry] {
        let all = session.catalog.entries.sorted { $0.key < $1.key }
        guard !isOpen else { return [] }
        isOpen = true
        defer { isOpen = false }
        return all.enumerated().map { index, pair in
            var entry = Entry(
                name: pair.key, entry: pair.value, columns: [], oid: 16_384 + Int64(index))
            if let schema = session.catalog.schema(of: pair.key) {
                entry.schema = schema
                entry.name = String(pair.key.dropFirst(schema.count + 1))
            }
            switch pair.value {
            case .table(let table):
                entry.columns = table.columns.map { Field($0.name, $0.type) }
                entry.definitions = table.columnDefinitions
                entry.notNull = table.definition.notNull
            case .view(let view):
                entry.columns = (try? session.prepare(view.query).columns) ?? []
                for (position, name) in view.columns.enumerated()
                where position < entry.columns.count {
                    entry.columns[position].name = name.text
                }
            case .source(let source):
                entry.columns = source.elements.compactMap { element in
                    guard case .column(let column) = element,
                        let type = try? column.type?.resolved(in: session.catalog)
                    else { return nil }
                    return Field(column.name.text, type)
                }
            case .type: break
            case .sequence(let sequence):
                entry.columns = sequence.relation.columns.map { Field($0.name, $0.type) }
            }
            return entry
        }
    }

    /// Columns as `name type`, types by one letter: t text, i integer, l bigint, b boolean.
    private func table(_ name: String, _ columns: String, _ rows: [[Value]]) -> StoredTable {
        let list = columns.split(separator: " ").map { word -> RelationColumn in
            let parts = word.split(separator: ":")
            let types: [Substring: DataType] = ["i": .integer, "l": .bigint, "b": .boolean]
            return RelationColumn(
                String(parts[0]), parts.count > 1 ? types[parts[1]] ?? .text : .text)
        }
        let made = StoredTable(name, list, .init())
        guard !rows.isEmpty else { return made }
        for start in stride(from: 0, to: rows.count, by: Batch.rowsMax) {
            let part = rows[start..<min(start + Batch.rowsMax, rows.count)]
            let columns = list.indices.map { index in
                Column.make(list[index].type, part.map { $0[index] })
            }
            made.append([Batch(columns, count: part.count)])
        }
        return made
    }

    private func text(_ value: String?) -> Value { value.map { .text($0) } ?? .null }
    private func yesNo(_ value: Bool) -> Value { .text(value ? "YES" : "NO") }
    private func number(_ value: Int?) -> Value { value.map { .integer(Int64($0)) } ?? .null }
}

// information_schema.
extension SystemCatalog {
    private func schemata() -> StoredTable {
        table(
            "schemata",
            "catalog_name schema_name schema_owner default_character_set_catalog "
                + "default_character_set_schema default_character_set_name sql_path",
            namespaces.map(\.1).sorted().map {
                [.text("rtd"), .text($0), .text("rtd"), .null, .null, .null, .null]
            })
    }

    private func tables() -> StoredTable {
        let rows = entries.compactMap { entry -> [Value]? in
            let kind = entry.entry.kind
            guard kind != "SEQUENCE" else { return nil }
            // PostgreSQL's information_schema has no materialized views.
            guard kind != "MATERIALIZED VIEW" else { return nil }
            let isView = kind == "VIEW"
            return [
                .text("rtd"), .text(entry.schema), .text(entry.name),
                .text(isView ? "VIEW" : "BASE TABLE"), yesNo(!isView), .text("NO"),
            ]
        }
        return table(
            "tables",
            "table_catalog table_schema table_name table_type is_insertable_into is_typed", rows)
    }

    private func views() -> StoredTable {
        let rows = entries.compactMap { entry -> [Value]? in
            guard case .view(let view) = entry.entry, !view.isMaterialized else { return nil }
            return [
                .text("rtd"), .text(entry.schema), .text(entry.name), .text(view.queryText),
                .text("NONE"), .text("NO"), .text("NO"),
            ]
        }
        return table(
            "views",
            "table_catalog table_schema table_name view_definition check_option is_updatable "
                + "is_insertable_into", rows)
    }

    private func sequences() -> StoredTable {
        let rows = entries.compactMap { entry -> [Value]? in
            guard case .sequence(let sequence) = entry.entry else { return nil }
            return [
                .text("rtd"), .text(entry.schema), .text(entry.name),
                .text("\(sequence.type)"), text("\(sequence.start)"), text("\(sequence.minimum)"),
                text("\(sequence.maximum)"), text("\(sequence.increment)"),
                yesNo(sequence.cycles),
            ]
        }
        return table(
            "sequences",
            "sequence_catalog sequence_schema sequence_name data_type start_value minimum_value "
                + "maximum_value increment cycle_option", rows)
    }

    private func columns() -> StoredTable {
        var rows: [[Value]] = []
        for entry in entries
        where !["SEQUENCE", "MATERIALIZED VIEW"].contains(entry.entry.kind) {
            for (index, field) in entry.columns.enumerated() {
                rows.append(column(entry, index, field))
            }
        }
        return table(
            "columns",
            "table_catalog table_schema table_name column_name ordinal_position:i column_default "
                + "is_nullable data_type character_maximum_length:i character_octet_length:i "
                + "numeric_precision:i numeric_precision_radix:i numeric_scale:i "
                + "datetime_precision:i udt_catalog udt_schema udt_name is_identity "
                + "identity_generation is_generated generation_expression is_updatable", rows)
    }

    private func column(_ entry: Entry, _ index: Int, _ field: Field) -> [Value] {
        let definition = index < entry.definitions.count ? entry.definitions[index] : nil
        let shape = field.type.shapeFacts
        let isGenerated = definition?.generated != nil
        let identity = definition?.identity
        let standard = identity == nil && !isGenerated ? definition?.shownDefault : nil
        return [
            .text("rtd"), .text(entry.schema), .text(entry.name), .text(field.name),
            number(index + 1), text(standard), yesNo(!entry.notNull.contains(index)),
            .text(shape.name), number(shape.length),
            number(shape.length.map { $0 * 4 } ?? shape.octets),
            number(shape.precision), number(shape.radix), number(shape.scale),
            number(shape.digits), .text("rtd"), .text("pg_catalog"),
            .text(field.type.catalogName), yesNo(identity != nil),
            text(identity.map { $0.isAlways ? "ALWAYS" : "BY DEFAULT" }),
            .text(isGenerated ? "ALWAYS" : "NEVER"),
            text(isGenerated ? definition?.expressionText : nil),
            yesNo(entry.entry.kind == "TABLE"),
        ]
    }
}

// pg_catalog.
extension SystemCatalog {
    private var namespaces: [(Int64, String)] {
        let own = session.catalog.schemas.sorted().enumerated().map { index, schema in
            (Int64(15_000 + index), schema)
        }
        return [(11, "pg_catalog"), (2200, "public"), (13_000, "information_schema")] + own
    }

    private func pgNamespace() -> StoredTable {
        table(
            "pg_namespace", "oid:l nspname nspowner:l",
            namespaces.map { [.integer($0.0), .text($0.1), .integer(10)] })
    }

    private func pgTables() -> StoredTable {
        let rows = entries.compactMap { entry -> [Value]? in
            guard ["TABLE", "SOURCE"].contains(entry.entry.kind) else { return nil }
            return [
                .text(entry.schema), .text(entry.name), .text("rtd"), .null, .boolean(false),
                .boolean(false), .boolean(false), .boolean(false),
            ]
        }
        return table(
            "pg_tables",
            "schemaname tablename tableowner tablespace hasindexes:b hasrules:b hastriggers:b "
                + "rowsecurity:b", rows)
    }

    private func pgViews(isMaterialized: Bool) -> StoredTable {
        let rows = entries.compactMap { entry -> [Value]? in
            guard case .view(let view) = entry.entry, view.isMaterialized == isMaterialized
            else { return nil }
            let definition = [Value.text(view.queryText)]
            guard !isMaterialized else {
                return [
                    .text(entry.schema), .text(entry.name), .text("rtd"), .null, .boolean(false),
                    .boolean(true),
                ] + definition
            }
            return [.text(entry.schema), .text(entry.name), .text("rtd")] + definition
        }
        return isMaterialized
            ? table(
                "pg_matviews",
                "schemaname matviewname matviewowner tablespace hasindexes:b ispopulated:b "
                    + "definition", rows)
            : table("pg_views", "schemaname viewname viewowner definition", rows)
    }

    private func pgClass() -> StoredTable {
        let schemas = Dictionary(namespaces.map { ($0.1, $0.0) }) { first, _ in first }
        let rows = entries.map { entry -> [Value] in
            let kinds = ["VIEW": "v", "MATERIALIZED VIEW": "m", "SEQUENCE": "S"]
            var count: Int64 = -1
            if case .table(let table) = entry.entry { count = Int64(table.estimatedRows ?? 0) }
            return [
                .integer(entry.oid), .text(entry.name),
                .integer(schemas[entry.schema] ?? 2200), .integer(10),
                .text(kinds[entry.entry.kind] ?? "r"), .integer(count),
                .integer(Int64(entry.columns.count)), .boolean(false), .text("p"),
            ]
        }
        return table(
            "pg_class",
            "oid:l relname relnamespace:l relowner:l relkind reltuples:l relnatts:i "
                + "relhasindex:b relpersistence", rows)
    }

    private func pgAttribute() -> StoredTable {
        var rows: [[Value]] = []
        for entry in entries {
            for (index, field) in entry.columns.enumerated() {
                let definition = index < entry.definitions.count ? entry.definitions[index] : nil
                let identity = definition?.identity.map { $0.isAlways ? "a" : "d" } ?? ""
                rows.append([
                    .integer(entry.oid), .text(field.name), .integer(field.type.oid),
                    number(index + 1), .boolean(entry.notNull.contains(index)),
                    .boolean(definition?.defaultValue != nil), .text(identity),
                    .text(definition?.generated == nil ? "" : "s"), .boolean(false),
                ])
            }
        }
        return table(
            "pg_attribute",
            "attrelid:l attname atttypid:l attnum:i attnotnull:b atthasdef:b attidentity "
                + "attgenerated attisdropped:b", rows)
    }

    private func pgType() -> StoredTable {
        let rows = DataType.catalogTypes.map { oid, name, category -> [Value] in
            [.integer(oid), .text(name), .integer(11), .integer(10), .text("b"), .text(category)]
        }
        return table("pg_type", "oid:l typname typnamespace:l typowner:l typtype typcategory", rows)
    }

    private func pgSettings() -> StoredTable {
        table(
            "pg_settings", "name setting short_desc",
            session.settings.all.map { [.text($0.0), .text($0.1), .text($0.2)] })
    }

    private func prepared() -> StoredTable {
        let rows = session.preparedStatements.sorted { $0.key < $1.key }.map { name, statement in
            [
                Value.text(name), .integer(Int64(statement.parameterCount)), .boolean(true),
            ]
        }
        return table("pg_prepared_statements", "name parameters:i from_sql:b", rows)
    }
}

extension ColumnDefinition {
    /// DEFAULT as information_schema has it.
    fileprivate var shownDefault: String? {
        if let ownedSequence { return "nextval('\(ownedSequence)'::regclass)" }
        return expressionText
    }
}

extension DataType {
    /// What information_schema.columns says of a type.
    fileprivate struct ShapeFacts {
        var name: String
        var length: Int?
        var octets: Int?
        var precision: Int?
        var radix: Int?
        var scale: Int?
        var digits: Int?
    }

    fileprivate var shapeFacts: ShapeFacts {
        var facts = ShapeFacts(name: "\(base)")
        switch self {
        case .smallint: (facts.precision, facts.radix, facts.scale) = (16, 2, 0)
        case .integer: (facts.precision, facts.radix, facts.scale) = (32, 2, 0)
        case .bigint: (facts.precision, facts.radix, facts.scale) = (64, 2, 0)
        case .real: (facts.precision, facts.radix) = (24, 2)
        case .double: (facts.precision, facts.radix) = (53, 2)
        case .numeric(let precision, let scale):
            facts.radix = 10
            if let precision { (facts.precision, facts.scale) = (Int(precision), Int(scale)) }
        case .text: facts.octets = 1_073_741_824
        case .varchar(let length):
            facts.length = length.map(Int.init)
            if length == nil { facts.octets = 1_073_741_824 }
        case .char(let length):
            facts.name = "character"
            facts.length = length.map(Int.init)
        case .date: facts.digits = 0
        case .time, .timestamp, .timestamptz, .interval: facts.digits = 6
        case .array: facts.name = "ARRAY"
        case .enumeration: facts.name = "USER-DEFINED"
        default: break
        }
        return facts
    }

    /// oid, name and category of the types that there are.
    fileprivate static let catalogTypes: [(Int64, String, String)] = [
        (16, "bool", "B"), (17, "bytea", "U"), (20, "int8", "N"), (21, "int2", "N"),
        (23, "int4", "N"), (25, "text", "S"), (114, "json", "U"), (700, "float4", "N"),
        (701, "float8", "N"), (1000, "_bool", "A"), (1001, "_bytea", "A"), (1005, "_int2", "A"),
        (1007, "_int4", "A"), (1009, "_text", "A"), (1015, "_varchar", "A"), (1016, "_int8", "A"),
        (1021, "_float4", "A"), (1022, "_float8", "A"), (1042, "bpchar", "S"),
        (1043, "varchar", "S"), (1082, "date", "D"), (1083, "time", "D"),
        (1114, "timestamp", "D"), (1184, "timestamptz", "D"), (1186, "interval", "T"),
        (1231, "_numeric", "A"), (1700, "numeric", "N"), (2249, "record", "P"),
        (2950, "uuid", "U"), (3802, "jsonb", "U"),
    ]

    /// As pg_type names it.
    fileprivate var catalogName: String {
        switch self {
        case .boolean: "bool"
        case .smallint: "int2"
        case .integer: "int4"
        case .bigint: "int8"
        case .real: "float4"
        case .double: "float8"
        case .numeric: "numeric"
        case .varchar: "varchar"
        case .char: "bpchar"
        case .time: "time"
        case .timestamp: "timestamp"
        case .timestamptz: "timestamptz"
        case .array(let element): "_" + element.catalogName
        default: description
        }
    }

    fileprivate var oid: Int64 {
        DataType.catalogTypes.first { $0.1 == catalogName }?.0 ?? 0
    }
}
