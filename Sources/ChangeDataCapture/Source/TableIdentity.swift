/// What tells the rows of a published table apart, as the server sees it.
public enum TableIdentity {
    /// SQL that is true for a table `c` of `pg_class` whose updates and deletes the server
    /// publishes; those of any other it would refuse to its own users. What counts for a row is the
    /// partition that it is in.
    public static func condition(version: Int) -> String {
        guard version >= 130_000 else { return condition(of: "c") }
        return """
            CASE c.relkind WHEN 'p' THEN coalesce((SELECT bool_and(\(condition(of: "l")))
            FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid
            WHERE t.isleaf AND l.relkind = 'r'), true) ELSE \(condition(of: "c")) END
            """
    }

    /// A deferrable key is no identity.
    private static func condition(of relation: String) -> String {
        """
        CASE \(relation).relreplident WHEN 'f' THEN true WHEN 'n' THEN false ELSE
        EXISTS (SELECT 1 FROM pg_index x WHERE x.indrelid = \(relation).oid AND x.indimmediate
        AND x.indisvalid AND CASE \(relation).relreplident WHEN 'i' THEN x.indisreplident
        ELSE x.indisprimary END) END
        """
    }
}
