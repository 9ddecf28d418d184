/// What tells the rows of a published table apart, as the server sees it.
public enum TableIdentity {
    /// SQL that is true for a table `c` of `pg_class` whose updates and deletes the server
    /// publishes; those of any other it would refuse to its own users. What counts for a row is the
    /// partition that it is in.
    public static func condition(version: Int) -> String {
        guard version >= 130_000 else { return condition(of: "c", version) }
        return """
            CASE c.relkind WHEN 'p' THEN coalesce((SELECT bool_and(\(condition(of: "l", version)))
            FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid
            WHERE t.isleaf AND l.relkind = 'r'), true) ELSE \(condition(of: "c", version)) END
            """
    }

    /// A deferrable key is no identity, and of one with generated columns changes would not carry
    /// these.
    private static func condition(of relation: String, _ version: Int) -> String {
        let carried =
            version < 120_000
            ? ""
            : "AND NOT EXISTS (SELECT 1 FROM pg_attribute g WHERE g.attrelid = x.indrelid "
                + "AND g.attnum = ANY (x.indkey::int2[]) AND g.attgenerated <> '')"
        return """
            CASE \(relation).relreplident WHEN 'f' THEN true WHEN 'n' THEN false ELSE
            EXISTS (SELECT 1 FROM pg_index x WHERE x.indrelid = \(relation).oid AND x.indimmediate
            AND x.indisvalid \(carried)
            AND CASE \(relation).relreplident WHEN 'i' THEN x.indisreplident
            ELSE x.indisprimary END) END
            """
    }
}
