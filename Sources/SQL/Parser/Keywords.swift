/// Which words may stand as which names: PostgreSQL 15's list (its kwlist.h), and the words of
/// streams, which are no aliases unless AS announces them. All other words are names everywhere.
enum Keywords {
    /// Never a name without quotes, but behind AS or a dot.
    static let reserved: Set<String> = [
        "ALL", "ANALYSE", "ANALYZE", "AND", "ANY", "ARRAY", "AS", "ASC", "ASYMMETRIC", "BOTH",
        "CASE", "CAST", "CHECK", "COLLATE", "COLUMN", "CONSTRAINT", "CREATE", "CURRENT_CATALOG",
        "CURRENT_DATE", "CURRENT_ROLE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_USER",
        "DEFAULT", "DEFERRABLE", "DESC", "DISTINCT", "DO", "ELSE", "END", "EXCEPT", "FALSE",
        "FETCH", "FOR", "FOREIGN", "FROM", "GRANT", "GROUP", "HAVING", "IN", "INITIALLY",
        "INTERSECT", "INTO", "LATERAL", "LEADING", "LIMIT", "LOCALTIME", "LOCALTIMESTAMP", "NOT",
        "NULL", "OFFSET", "ON", "ONLY", "OR", "ORDER", "PLACING", "PRIMARY", "REFERENCES",
        "RETURNING", "SELECT", "SESSION_USER", "SOME", "SYMMETRIC", "TABLE", "THEN", "TO",
        "TRAILING", "TRUE", "UNION", "UNIQUE", "USER", "USING", "VARIADIC", "WHEN", "WHERE",
        "WINDOW", "WITH",
    ]

    /// A function's or a type's name, but no column's or table's.
    static let functionsOnly: Set<String> = [
        "AUTHORIZATION", "BINARY", "COLLATION", "CONCURRENTLY", "CROSS", "CURRENT_SCHEMA", "FREEZE",
        "FULL", "ILIKE", "INNER", "IS", "ISNULL", "JOIN", "LEFT", "LIKE", "NATURAL", "NOTNULL",
        "OUTER", "OVERLAPS", "RIGHT", "SIMILAR", "TABLESAMPLE", "VERBOSE",
    ]

    /// A column's or table's name, but no function's: each has a syntax of its own.
    static let columnsOnly: Set<String> = [
        "BETWEEN", "BIGINT", "BIT", "BOOLEAN", "CHAR", "CHARACTER", "COALESCE", "DEC", "DECIMAL",
        "EXISTS", "EXTRACT", "FLOAT", "GREATEST", "GROUPING", "INOUT", "INT", "INTEGER", "INTERVAL",
        "LEAST", "NATIONAL", "NCHAR", "NONE", "NORMALIZE", "NULLIF", "NUMERIC", "OUT", "OVERLAY",
        "POSITION", "PRECISION", "REAL", "ROW", "SETOF", "SMALLINT", "SUBSTRING", "TIME",
        "TIMESTAMP", "TREAT", "TRIM", "VALUES", "VARCHAR", "XMLATTRIBUTES", "XMLCONCAT",
        "XMLELEMENT", "XMLEXISTS", "XMLFOREST", "XMLNAMESPACES", "XMLPARSE", "XMLPI", "XMLROOT",
        "XMLSERIALIZE", "XMLTABLE",
    ]

    /// No alias of a select item without AS.
    static let noBareLabels: Set<String> = [
        "ARRAY", "AS", "ASOF", "CHAR", "CHARACTER", "CREATE", "DAY", "EMIT", "EXCEPT", "FETCH",
        "FILTER", "FOR", "FROM", "GRANT", "GROUP", "HAVING", "HOUR", "INTERSECT", "INTO", "ISNULL",
        "LIMIT", "MINUTE", "MONTH", "NOTNULL", "OFFSET", "ON", "ORDER", "OVER", "OVERLAPS",
        "PRECISION", "QUALIFY", "RETURNING", "SECOND", "STREAM", "TO", "UNION", "VARYING",
        "WATERMARK", "WHERE", "WINDOW", "WITH", "WITHIN", "WITHOUT", "YEAR",
    ]

    /// No alias of a relation without AS.
    static let noBareAliases: Set<String> = [
        "ASOF", "EMIT", "MATCH_RECOGNIZE", "PIVOT", "QUALIFY", "STREAM", "UNPIVOT", "WATERMARK",
    ]

    /// Values that are written as one word.
    static let values: Set<String> = [
        "CURRENT_CATALOG", "CURRENT_DATE", "CURRENT_ROLE", "CURRENT_SCHEMA", "CURRENT_TIME",
        "CURRENT_TIMESTAMP", "CURRENT_USER", "LOCALTIME", "LOCALTIMESTAMP", "SESSION_USER",
        "USER",
    ]

    /// What may open a clause behind FROM, for hints.
    static let clauses = [
        "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "UNION", "INTERSECT",
        "EXCEPT", "JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "WINDOW", "QUALIFY", "EMIT",
        "FETCH",
    ]

    static func isColumnName(_ word: String) -> Bool {
        !reserved.contains(word) && !functionsOnly.contains(word)
    }

    static func isFunctionName(_ word: String) -> Bool {
        !reserved.contains(word) && !columnsOnly.contains(word)
    }
}
