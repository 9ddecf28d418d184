/// A type as PostgreSQL's catalog names it: `pg_type` by OID, resolved once for each connection.
///
/// A domain is resolved to its base type, so `oid` never names a domain; `element` is set for
/// arrays, `labels` for enums.
public final class ColumnType: Sendable {
    /// What `pg_type.typtype` and `typelem` say of it.
    public enum Category: Sendable { case base, array, enumeration, composite, range, multirange }

    public let oid: UInt32
    /// `pg_type.typname` without its schema, such as `int4` or `order_state`.
    public let name: String
    public let schema: String
    public let category: Category
    /// The element of an array.
    public let element: ColumnType?
    /// An enum's labels in their order.
    public let labels: [String]
    /// What stands between the elements of its arrays.
    public let delimiter: UInt8

    public init(
        oid: UInt32, name: String, schema: String = "pg_catalog", category: Category = .base,
        element: ColumnType? = nil, labels: [String] = [], delimiter: UInt8? = nil
    ) {
        self.oid = oid
        // Of those that there are, box (603) is the only one that has another.
        self.delimiter = delimiter ?? UInt8(ascii: oid == 603 ? ";" : ",")
        self.name = name
        self.schema = schema
        self.category = category
        self.element = element
        self.labels = labels
    }

    func isSame(as other: ColumnType) -> Bool {
        let hasSameElement =
            element.map { one in other.element.map { one.isSame(as: $0) } ?? false }
            ?? (other.element == nil)
        return oid == other.oid && name == other.name && schema == other.schema
            && labels == other.labels && hasSameElement
    }
}

/// A column of a captured table, in the order in which tuples carry it.
public struct CapturedColumn: Sendable {
    public let name: String
    public let type: ColumnType
    /// `pg_attribute.atttypmod`: precision and scale of numeric, digits of a time; -1 without.
    public let modifier: Int32
    /// Part of the replica identity: what a 'K' tuple carries.
    public let isIdentity: Bool
    public let isNullable: Bool
    /// GENERATED ALWAYS AS IDENTITY: PostgreSQL refuses to set it by an UPDATE.
    public let isAlwaysGenerated: Bool

    public init(
        name: String, type: ColumnType, modifier: Int32 = -1, isIdentity: Bool = false,
        isNullable: Bool = true, isAlwaysGenerated: Bool = false
    ) {
        self.name = name
        self.type = type
        self.modifier = modifier
        self.isIdentity = isIdentity
        self.isNullable = isNullable
        self.isAlwaysGenerated = isAlwaysGenerated
    }
}

/// A table as one version of its schema describes it. A new one is made when the stream announces
/// another body for the same OID; encoders keep what they prepare for a table by its identity.
public final class CapturedTable: Sendable {
    /// `pg_class.relreplident`.
    public enum ReplicaIdentity: UInt8, Sendable {
        case standard = 0x64  // d
        case nothing = 0x6E  // n
        case full = 0x66  // f
        case index = 0x69  // i
    }

    public let oid: UInt32
    public let schema: String
    public let name: String
    public let columns: [CapturedColumn]
    public let identity: ReplicaIdentity
    /// Indices into `columns` of the primary key (or of the key that the user chose), in its order;
    /// empty for a table without one.
    public let key: [Int]
    /// 1 for the first body seen of this OID, one more for each that differs.
    public let version: Int

    public init(
        oid: UInt32, schema: String, name: String, columns: [CapturedColumn],
        identity: ReplicaIdentity = .standard, key: [Int] = [], version: Int = 1
    ) {
        self.oid = oid
        self.schema = schema
        self.name = name
        self.columns = columns
        self.identity = identity
        self.key = key
        self.version = version
    }

    func with(version: Int) -> CapturedTable {
        CapturedTable(
            oid: oid, schema: schema, name: name, columns: columns, identity: identity, key: key,
            version: version)
    }
}
