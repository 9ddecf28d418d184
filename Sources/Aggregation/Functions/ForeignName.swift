/// Functions and operators that other databases have, with what PostgreSQL has in their place.
enum ForeignName {
    static func hint(_ name: String) -> String? {
        table[name].map { "PostgreSQL, whose dialect this is, has \($0)." }
    }

    private static let table: [String: String] = [
        "==": "= instead",
        "ifnull": "coalesce(a, b)", "nvl": "coalesce(a, b)", "isnull": "coalesce(a, b)",
        "iif": "CASE WHEN a THEN b ELSE c END", "if": "CASE WHEN a THEN b ELSE c END",
        "len": "length(text)", "ucase": "upper(text)", "lcase": "lower(text)",
        "instr": "strpos(text, part)", "charindex": "strpos(text, part)",
        "locate": "strpos(text, part)", "regexp_extract": "regexp_substr(text, pattern)",
        "group_concat": "string_agg(text, ',')", "listagg": "string_agg(text, ',')",
        "getdate": "now()", "sysdate": "now()", "curdate": "current_date",
        "curtime": "current_time", "unix_timestamp": "extract(epoch FROM time)",
        "from_unixtime": "to_timestamp(seconds)", "date_format": "to_char(time, 'YYYY-MM-DD')",
        "strftime": "to_char(time, 'YYYY-MM-DD')", "dateadd": "time + INTERVAL '1 day'",
        "date_add": "time + INTERVAL '1 day'", "date_sub": "time - INTERVAL '1 day'",
        "datediff": "the difference of two dates or times", "year": "extract(year FROM time)",
        "month": "extract(month FROM time)", "day": "extract(day FROM time)",
        "hour": "extract(hour FROM time)", "rand": "random()",
        "json_extract": "document -> 'member' and ->> 'member'",
        "json_value": "document ->> 'member'",
        "countif": "count(*) FILTER (WHERE a)", "sumif": "sum(a) FILTER (WHERE b)",
    ]
}
