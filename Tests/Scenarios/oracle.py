#!/usr/bin/env python3
"""Random schemas, rows and queries on PostgreSQL and on `rtd query`: the same rows, the same types.

oracle.py --rtd BINARY --postgres DSN [--seed N] [--rounds N] [--queries N] [--kind KIND]

Prints its seed. A query on which they differ is made smaller as long as they still do.
"""

import argparse
import dataclasses
import os
import random
import sys
import time

from slt import Failed, PostgresSession, RtdSession, compare_rows

TYPES = ["integer", "bigint", "smallint", "numeric", "numeric(12,3)", "double precision", "text",
         "boolean", "date", "timestamp", "timestamptz", "interval", "time", "integer[]", "text[]",
         "real", "jsonb", "varchar(4)", "char(4)", "uuid", "bytea"]
NUMBERS = ("integer", "bigint", "smallint", "numeric", "double precision")


# MARK: Expressions

@dataclasses.dataclass
class Node:
    """`text` with `{}` for each of `parts`; of type `type`."""
    type: str
    text: str
    parts: list = dataclasses.field(default_factory=list)

    def sql(self):
        return self.text.format(*[part.sql() for part in self.parts])

    def copy(self):
        return Node(self.type, self.text, [part.copy() for part in self.parts])


# What gives a type: template and the types of its parts. `T` is any type, twice the same.
FORMS = {
    "integer": [
        ("({} + {})", "integer", "integer"), ("({} - {})", "integer", "integer"),
        ("({} * {})", "smallint", "integer"), ("({} / NULLIF({}, 0))", "integer", "integer"),
        ("({} % NULLIF({}, 0))", "integer", "integer"), ("(- {})", "integer"),
        ("abs({})", "integer"), ("length({})", "text"), ("char_length({})", "text"),
        ("octet_length({})", "text"), ("strpos({}, {})", "text", "text"), ("ascii({})", "text"),
        ("({} - {})", "date", "date"), ("({})::integer", "boolean"),
        ("round({})::integer", "numeric(12,3)"), ("({} & {})", "integer", "integer"),
        ("({} | {})", "integer", "integer"), ("({} # {})", "integer", "integer"), ("(~ {})", "integer"),
        ("({} >> 2)", "integer"), ("extract(year FROM {})::integer", "date"),
        ("extract(dow FROM {})::integer", "timestamp"), ("cardinality({})", "integer[]"),
        ("array_length({}, 1)", "text[]"), ("({})[1]", "integer[]"), ("({})[2]", "integer[]"),
        ("array_position({}, {})", "integer[]", "integer"), ("mod({}, 7)", "integer"),
        ("width_bucket({}, 0.0, 100.0, 5)", "numeric(12,3)"), ("bit_length({})", "text"),
        ("position('a' IN {})", "text"), ("sign({})::integer", "numeric"),
        ("regexp_count({}, '[a-m]+')", "text"), ("num_nulls({}, {})", "integer", "text"),
    ],
    "smallint": [("({})::smallint", "smallint"), ("({} / 3::smallint)", "smallint"),
                 ("abs({})", "smallint")],
    "bigint": [
        ("({} + {})", "bigint", "integer"), ("({} - {})", "bigint", "bigint"),
        ("({} * {})", "bigint", "smallint"), ("({} / NULLIF({}, 0))", "bigint", "bigint"),
        ("({} % NULLIF({}, 0))", "bigint", "integer"), ("({})::bigint", "integer"),
        ("({})::bigint", "numeric(12,3)"), ("abs({})", "bigint"), ("({} & {})", "bigint", "bigint"),
        ("({} << 3)", "bigint"), ("gcd({}, {})", "bigint", "bigint"),
        ("(extract(epoch FROM {}))::bigint", "timestamp"),
    ],
    "numeric": [
        ("({} + {})", "numeric", "numeric"), ("({} - {})", "numeric", "integer"),
        ("({} * {})", "numeric", "numeric(12,3)"), ("({} / NULLIF({}, 0))", "numeric", "numeric"),
        ("({} / NULLIF({}, 0))", "bigint", "numeric(12,3)"), ("round({})", "numeric"),
        ("round({}, 2)", "numeric"), ("round({}, -1)", "numeric"), ("trunc({})", "numeric"),
        ("trunc({}, 1)", "numeric"), ("ceil({})", "numeric"), ("floor({})", "numeric"),
        ("abs({})", "numeric"), ("({})::numeric", "integer"), ("({})::numeric", "bigint"),
        ("({})::numeric", "double precision"), ("mod({}, {})", "numeric", "numeric(12,3)+"),
        ("sqrt(abs({}))", "numeric"), ("div({}, {})", "numeric", "numeric(12,3)+"),
        ("extract(epoch FROM {})", "interval"), ("extract(second FROM {})", "timestamp"),
        ("({})::numeric(14,2)", "numeric"), ("sign({})", "numeric"), ("(- {})", "numeric"),
        ("power({}, 2)", "numeric(12,3)"), ("extract(month FROM {})", "date"),
        ("date_part('hour', {})::numeric", "timestamp"), ("ln(abs({}) + 1)", "numeric(12,3)"),
        ("exp({} / 1000000)", "numeric(12,3)"), ("trim_scale({})", "numeric"),
        ("to_number(({})::text, '9999999999')", "integer+"),
    ],
    "numeric(12,3)": [("({})::numeric(12,3)", "integer")],
    "double precision": [
        ("({} + {})", "double precision", "double precision"),
        ("({} * {})", "double precision", "integer"), ("({} - {})", "double precision", "numeric"),
        ("({} / NULLIF({}, 0))", "double precision", "double precision"),
        ("sqrt(abs({}))", "double precision"), ("floor({})", "double precision"),
        ("round({})", "double precision"), ("ceil({})", "double precision"),
        ("({})::double precision", "integer"), ("({})::double precision", "numeric"),
        ("abs({})", "double precision"), ("sin({})", "double precision"),
        ("atan2({}, {})", "double precision", "double precision"), ("degrees({})", "double precision"),
        ("trunc({})", "double precision"), ("power(abs({}), 0.5)", "double precision"),
        ("ln(abs({}) + 1)", "double precision"), ("cbrt({})", "double precision"),
        ("date_part('day', {})", "timestamp"), ("sign({})", "double precision"),
    ],
    "text": [
        ("({} || {})", "text", "text"), ("upper({})", "text"), ("lower({})", "text"),
        ("substr({}, 2, 3)", "text"), ("substring({} FROM 2)", "text"), ("left({}, {})", "text", "small"),
        ("right({}, {})", "text", "small"), ("replace({}, {}, 'x')", "text", "text"),
        ("trim({})", "text"), ("ltrim({}, 'ab ')", "text"), ("rtrim({}, 'z ')", "text"),
        ("lpad({}, 8, '*-')", "text"), ("rpad({}, 6)", "text"), ("reverse({})", "text"),
        ("repeat({}, 2)", "text"), ("initcap({})", "text"), ("split_part({}, 'a', 2)", "text"),
        ("concat({}, {}, {})", "text", "integer", "boolean"),
        ("concat_ws(',', {}, {})", "text", "date"), ("md5({})", "text"),
        ("translate({}, 'abc', 'xy')", "text"), ("({})::text", "integer"), ("({})::text", "numeric"),
        ("({})::text", "double precision"), ("({})::text", "boolean"), ("({})::text", "date"),
        ("({})::text", "timestamp"), ("({})::text", "timestamptz"), ("({})::text", "interval"),
        ("({})::text", "time"), ("({})::text", "integer[]"), ("({})::text", "text[]"),
        ("to_char({}, 'YYYY-MM-DD HH24:MI:SS.MS')", "timestamp"),
        ("to_char({}, 'Dy DD Mon IYYY IW Q')", "timestamp"), ("to_char({}, 'FM999,990.00')", "numeric(12,3)"),
        ("to_char({}, '0000009')", "integer"), ("regexp_replace({}, '[aeiou]', '#', 'g')", "text"),
        ("({} || {})", "text", "integer"), ("overlay({} placing 'zz' from 2 for 1)", "text"),
        ("array_to_string({}, '-')", "integer[]"), ("array_to_string({}, ',', '?')", "text[]"),
        ("({})[1]", "text[]"), ("format('%s/%s', {}, {})", "text", "integer"), ("quote_literal({})", "text"),
        ("quote_ident({})", "text"), ("substring({} FROM '[a-c]+')", "text"), ("btrim({}, ' a')", "text"),
        ("(regexp_match({}, '(.)(.)'))[2]", "text"), ("chr(65 + abs({} % 26))", "smallint"),
        ("to_hex({})", "integer"), ("encode(({})::bytea, 'hex')", "plain"), ("({})::varchar(3)", "text"),
        ("({})::char(5)::text", "text"),
    ],
    "boolean": [
        ("({} AND {})", "boolean", "boolean"), ("({} OR {})", "boolean", "boolean"), ("(NOT {})", "boolean"),
        ("({} IS TRUE)", "boolean"), ("({} IS NOT FALSE)", "boolean"), ("({} IS UNKNOWN)", "boolean"),
        ("({} LIKE '%a%')", "text"), ("({} LIKE {})", "text", "text"), ("({} ILIKE 'A_%')", "text"),
        ("({} ~ '^[a-f]+')", "text"), ("({} !~* 'B|c')", "text"), ("starts_with({}, 'a')", "text"),
        ("({} SIMILAR TO '(a|b)%')", "text"),
        ("({} = ANY ({}))", "integer", "integer[]"), ("({} <> ALL ({}))", "text", "text[]"),
        ("({} @> {})", "integer[]", "integer[]"), ("({} && {})", "text[]", "text[]"),
        ("({} IN (1, 2, {}))", "integer", "integer"), ("({} NOT IN ('a', {}))", "text", "text"),
        ("(({}, {}) < ({}, {}))", "integer", "text", "integer", "text"),
        ("({} BETWEEN {} AND {})", "integer", "integer", "bigint"),
        ("({} BETWEEN SYMMETRIC {} AND {})", "numeric", "integer", "numeric"),
        ("(({}, {}) OVERLAPS ({}, {}))", "date", "date", "date", "date"),
        ("({} < {})", "integer", "numeric"), ("({} >= {})", "bigint", "double precision"),
        ("({} = {})", "date", "timestamp"), ("({} < {})", "timestamp", "timestamptz"),
    ] + [form for type in TYPES for form in (
        ("({} = {})", type, type), ("({} < {})", type, type), ("({} <> {})", type, type),
        ("({} IS NULL)", type), ("({} IS DISTINCT FROM {})", type, type), ("({} >= {})", type, type))],
    "date": [
        ("({} + {})", "date", "small"), ("({} - {})", "date", "small"), ("({})::date", "timestamp"),
        ("({})::date", "timestamptz"), ("date_trunc('month', {})::date", "timestamp"),
        ("make_date(2000 + {}, 2, 28)", "small"), ("to_date(({})::text, 'YYYY-MM-DD')", "date"),
    ],
    "timestamp": [
        ("({} + {})", "timestamp", "interval"), ("({} - {})", "timestamp", "interval"),
        ("({} + {})", "date", "interval"), ("({} + {})", "date", "time"), ("({})::timestamp", "date"),
        ("date_trunc('hour', {})", "timestamp"), ("date_trunc('week', {})", "timestamp"),
        ("date_trunc('quarter', {})", "timestamp"), ("({} AT TIME ZONE 'UTC')", "timestamptz"),
        ("({} AT TIME ZONE 'America/New_York')", "timestamptz"), ("({})::timestamp", "timestamptz"),
        ("date_bin('15 minutes', {}, '2001-01-01')", "timestamp"), ("({})::timestamp(0)", "timestamp"),
        ("make_timestamp(2020, 1 + abs({} % 12), 15, 10, 30, 5.5)", "small"),
    ],
    "timestamptz": [
        ("({} + {})", "timestamptz", "interval"), ("({} AT TIME ZONE 'Europe/Berlin')", "timestamp"),
        ("({})::timestamptz", "timestamp"), ("date_trunc('day', {})", "timestamptz"),
        ("to_timestamp({})", "small"), ("date_trunc('day', {}, 'Asia/Tokyo')", "timestamptz"),
    ],
    "interval": [
        ("({} - {})", "timestamp", "timestamp"), ("({} + {})", "interval", "interval"),
        ("({} - {})", "interval", "interval"), ("({} * {})", "interval", "small"),
        ("(- {})", "interval"), ("({} - {})", "time", "time"), ("justify_hours({})", "interval"),
        ("justify_days({})", "interval"), ("make_interval(days => {})", "small"), ("age({}, {})", "timestamp", "timestamp"),
        ("({} / 2)", "interval"), ("date_trunc('hour', {})", "interval"), ("({})::interval", "time"),
    ],
    "time": [("({})::time", "timestamp"), ("({} + {})", "time", "interval"), ("make_time(8, abs({} % 60), 1.5)", "small")],
    "integer[]": [
        ("ARRAY[{}, {}]", "integer", "integer"), ("array_append({}, {})", "integer[]", "integer"),
        ("({} || {})", "integer[]", "integer[]"), ("array_remove({}, {})", "integer[]", "integer"),
        ("({})[1:2]", "integer[]"), ("array_prepend({}, {})", "integer", "integer[]"),
    ],
    "text[]": [
        ("ARRAY[{}, {}]", "text", "text"), ("string_to_array({}, 'a')", "text"),
        ("regexp_split_to_array({}, '[ab]')", "text"), ("array_replace({}, {}, 'q')", "text[]", "text"),
    ],
}
FORMS["small"] = [("({} % 50)", "small")]
FORMS["integer"] += [
    ("CASE WHEN jsonb_typeof({0}) = 'array' THEN jsonb_array_length({0}) END", "jsonb"),
    ("({})::integer", "real"), ("regexp_instr({}, '[b-z]')", "text"),
    ("extract(isodow FROM {})::integer", "date"), ("extract(week FROM {})::integer", "date"),
    ("extract(doy FROM {})::integer", "date"), ("get_byte({} || 'x'::bytea, 0)", "bytea"),
    ("length({})", "bytea"), ("cardinality({})", "text[]"), ("bit_count({})::integer", "bytea"),
    ("lcm({} % 100, 7)", "integer"), ("({0} - {0} / 10 * 10)", "integer"),
    ("array_position({}, {})", "text[]", "text"), ("length({})", "char(4)"),
    ("num_nonnulls({}, {}, {})", "date", "real", "uuid"), ("({} << 2)", "smallint"),
    ("width_bucket({}, 0, 100, 10)", "double precision")]
FORMS["bigint"] += [("factorial(abs({} % 15))::bigint", "integer"), ("({} # {})", "bigint", "bigint"),
                    ("(extract(epoch FROM {}))::bigint", "interval"),                    ("({})::bigint", "double precision")]
FORMS["numeric"] += [
    ("({})::numeric", "real"), ("round({}, {})", "numeric", "small"), ("scale({})::numeric", "numeric"),
    ("min_scale({})::numeric", "numeric"), ("log(abs({}) + 1)", "numeric(12,3)"),
    ("({})::text::numeric", "numeric"), ("extract(epoch FROM {})", "timestamptz"),
    ("extract(julian FROM {})", "date"), ("extract(century FROM {})", "timestamp"),
    ("extract(milliseconds FROM {})", "time"), ("({} % NULLIF({}, 0))", "numeric", "numeric"),
    ("(({})->>'n')::numeric", "jsonb"), ("({})::numeric(6,1)", "small"), ("power({}, 0.5)", "numeric(12,3)+"),
    ("gcd({}, {})", "numeric", "numeric"), ("random() * 0 + {}", "numeric(12,3)")][:-1]
FORMS["double precision"] += [
    ("({})::double precision", "real"), ("({} * {})", "real", "double precision"), ("exp({} / 1e9)", "double precision"),
    ("extract(epoch FROM {})::double precision", "interval"), ("tanh({})", "double precision"),
    ("({})::text::double precision", "double precision"), ("acos(1 / (1 + abs({})))", "double precision"),
    ("log(abs({}) + 1)", "double precision"), ("radians({})", "double precision")]
FORMS["real"] = [("({} + {})", "real", "real"), ("({} * {})", "real", "real"), ("(- {})", "real"), ("abs({})", "real"),
                 ("({})::real", "integer"), ("({})::real", "double precision"), ("({})::real", "numeric(12,3)"),
                 ("({} / NULLIF({}, 0))", "real", "real"), ("({})::text::real", "real")]
FORMS["jsonb"] = [
    ("({} -> 'a')", "jsonb"), ("({} -> 0)", "jsonb"), ("({} -> -1)", "jsonb"), ("({} #> '{{b,0}}')", "jsonb"),
    ("to_jsonb({})", "integer"), ("to_jsonb({})", "text"), ("to_jsonb({})", "numeric"), ("to_jsonb({})", "integer[]"),
    ("to_jsonb({})", "timestamp"), ("to_jsonb({})", "double precision"), ("to_jsonb({})", "boolean"),
    ("jsonb_build_object('k', {}, 'a', {})", "text", "date"), ("jsonb_build_array({}, {})", "numeric", "jsonb"),
    ("({} || {})", "jsonb", "jsonb"), ("CASE WHEN jsonb_typeof({0}) = 'object' THEN {0} - 'a' END", "jsonb"),
    ("jsonb_strip_nulls({})", "jsonb"), ("({})::text::jsonb", "jsonb"),
    ("CASE WHEN jsonb_typeof({0}) = 'object' THEN jsonb_set({0}, '{{a}}', {1}) END", "jsonb", "jsonb"),
    ("jsonb_object(ARRAY['p', {}])", "text"), ("({})::json::jsonb", "jsonb")]
FORMS["varchar(4)"] = [("({})::varchar(4)", "text"), ("({})::varchar(4)", "integer"), ("({})::varchar(4)", "char(4)")]
FORMS["char(4)"] = [("({})::char(4)", "text"), ("({})::char(4)", "boolean")]
FORMS["uuid"] = [("md5({})::uuid", "text"), ("({})::text::uuid", "uuid")]
FORMS["bytea"] = [("({} || {})", "bytea", "bytea"), ("sha256({})", "bytea"), ("convert_to({}, 'UTF8')", "text"),
                  ("decode(md5({}), 'hex')", "text"), ("substring({} FROM 2 FOR 2)", "bytea"), ("({})::text::bytea", "bytea")]
FORMS["text"] += [
    ("({} ->> 'a')", "jsonb"), ("({} #>> '{{b}}')", "jsonb"), ("({})::text", "jsonb"), ("jsonb_typeof({})", "jsonb"),
    ("({})::text", "real"), ("({})::text", "uuid"), ("({})::text", "bytea"), ("({})::text", "varchar(4)"),
    ("({})::text", "char(4)"), ("({} || {})", "varchar(4)", "char(4)"), ("encode({}, 'base64')", "bytea"),
    ("encode({}, 'escape')", "bytea"), ("jsonb_pretty({})", "jsonb"), ("to_char({}, 'HH12:MI:SS AM TZ')", "timestamptz"),
    ("to_char({}, 'S9G999D99')", "double precision"), ("to_char({}, 'RN')", "integer"),
    ("to_char({}, 'FMMonth FMDD, FMYYYY')", "date"), ("to_char({}, 'DDD J WW CC')", "date"),
    ("regexp_substr({}, '[a-z]+', 1, 2)", "text"), ("regexp_replace({}, '(.)a', '<\\1>')", "text"),
    ("string_to_table_count", )][:-1] + [
    ("format('%L %I %s', {}, coalesce({}, 'n'), {})", "text", "text", "numeric"), ("format('%5s|%-6s|', {}, {})", "text", "integer"),
    ("quote_nullable({})", "text"),
    ("ltrim({})", "char(4)"), ("left({}, -1)", "text"),
    ("array_to_string({} || {}, '+', '*')", "text[]", "text[]"), ("({})::date::text", "timestamptz"),
    ("split_part({}, ' ', -1)", "text"), ("trim(BOTH 'ab' FROM {})", "text"), ("trim(LEADING FROM {})", "text"),
    ("overlay({} placing {} from 3)", "text", "text"), ("pg_typeof({})::text", "small"), ("repeat({}, {})", "text", "small")]
FORMS["boolean"] += [
    ("({} @> {})", "jsonb", "jsonb"), ("({} ? 'a')", "jsonb"), ("({} <@ {})", "jsonb", "jsonb"),
    ("({} ?| ARRAY['a', 'x'])", "jsonb"), ("({} LIKE 'a%\\_')", "text"), ("({} LIKE 'a#_%' ESCAPE '#')", "text"),
    ("({} = {})", "varchar(4)", "text"), ("({} = {})", "char(4)", "text"), ("({} = {})", "char(4)", "varchar(4)"),
    ("({} <@ {})", "integer[]", "integer[]"), ("({} < {})", "real", "double precision"), ("({} = {})", "real", "numeric"),
    ("({} IN (SELECT x FROM (VALUES (1), (2), (NULL)) v(x)))", "integer"), ("(({}, {}) = ({}, {}))", "integer", "date", "bigint", "date"),
    ("({} ^@ 'a')", "text"), ("({})::boolean", "integer"), ("isfinite({})", "date"), ("({} !~~ '%b')", "text"),
    ("({} > ANY ({}))", "integer", "integer[]"), ("({} <= ALL ({}))", "numeric", "integer[]"), ("({})::text::boolean", "boolean"),
    ("(({}, {}) IS NULL)", "integer", "text"), ("(({}, {}) IS NOT NULL)", "date", "real"), ("(ROW({}, {}) IS DISTINCT FROM ROW({}, {}))", "integer", "text", "integer", "text")]
FORMS["date"] += [("({})::text::date", "date"), ("to_date(to_char({}, 'DD Mon YYYY'), 'DD Mon YYYY')", "date"),
                  ("({} + {})::date", "date", "interval"), ("greatest({}, {}, {})", "date", "date", "date")]
FORMS["timestamp"] += [("({})::text::timestamp", "timestamp"), ("to_timestamp(to_char({}, 'YYYYMMDD HH24MISS'), 'YYYYMMDD HH24MISS') AT TIME ZONE 'UTC'", "timestamp"),
                       ("({})::timestamp(2)", "timestamp"), ("date_trunc('decade', {})", "timestamp"), ("({} AT TIME ZONE interval '03:30')", "timestamptz"),
                       ("date_bin('1 day 2 hours', {}, {})", "timestamp", "timestamp")]
FORMS["timestamptz"] += [("({})::text::timestamptz", "timestamptz"), ("({} - {})", "timestamptz", "interval"), ("({})::timestamptz", "date"),
                         ("date_trunc('month', {}, 'Australia/Sydney')", "timestamptz"), ("({})::timestamptz(1)", "timestamptz")]
FORMS["interval"] += [("({})::text::interval", "interval"), ("({} - {})", "timestamptz", "timestamptz"), ("({} * {})", "interval", "real"),
                      ("justify_interval({})", "interval"), ("make_interval(years => {}, secs => {})", "small", "real"), ("({} / {})", "interval", "numeric(12,3)+"),
                      ("age({})", "timestamp"), ("({})::interval(1)", "interval")][:-2] + [("({})::interval(1)", "interval")]
FORMS["time"] += [("({})::text::time", "time"), ("({} - {})", "time", "interval"), ("({})::time", "timestamptz"), ("({})::time", "interval"), ("({})::time(0)", "time")]
FORMS["integer[]"] += [("array_cat({}, {})", "integer[]", "integer[]"), ("array_replace({}, {}, {})", "integer[]", "integer", "integer"), ("({})[2:]", "integer[]"),
                       ("trim_array({} || 1, 1)", "integer[]"), ("array_positions({}, {})", "integer[]", "integer"), ("ARRAY(SELECT g FROM generate_series(1, {}) g)", "small"),
                       ("({})::text::integer[]", "integer[]"), ("({})::integer[]", "text[]")][:-1]
FORMS["text[]"] += [("({})::text[]", "integer[]"), ("regexp_match({}, '([a-c])(.)?')", "text"), ("string_to_array({}, NULL)", "text"), ("string_to_array({}, 'a', 'bc')", "text"),
                    ("({} || {})", "text[]", "text"), ("({})::text::text[]", "text[]"), ("array_fill({}, ARRAY[2])", "text")]

# Paths of jsonb, lax and strict; what fails in a predicate or quietly is null.
FORMS["jsonb"] += [("jsonb_path_query_array({}, '" + path + "')", "jsonb") for path in (
    "$.*", "$[*]", "$.**", "$.b[*] ? (@ > 1)", "$[*] ? (@ != null)", "$[0 to last]", "$[*].type()",
    "$.bb.c", "$ ? (exists(@.a)).a", "$[*] ? (@ >= 2 || @ == 1)", "$.**{{1}}", "$.a ? (@ starts with \"x\")",
    "$.size()", "$[*] ? ((@ > 1) is unknown)", "$.keyvalue().key")][:-1]
# An addition fails where there is no single number, and PostgreSQL leaves out what nobody reads: quietly.
FORMS["jsonb"] += [("jsonb_path_query_array({}, '$.n + 1', '{{}}', true)", "jsonb"),
                   ("jsonb_path_query_first({}, '$.b[last]')", "jsonb"),
                   ("jsonb_path_query_first({}, 'strict $.a', '{{}}', true)", "jsonb"),
                   ("jsonb_path_query_array({}, '$[*] ? (@ > $x)', jsonb_build_object('x', {}))", "jsonb", "integer")]
FORMS["boolean"] += [("({} @? '$.a')", "jsonb"), ("({} @? 'strict $.a')", "jsonb"), ("({} @? '$[*] ? (@ > 1)')", "jsonb"),
                     ("({} @@ '$.n > 1')", "jsonb"), ("({} @@ '$[*] == 2')", "jsonb"), ("({} @@ 'exists($.bb)')", "jsonb"),
                     ("jsonb_path_exists({}, '$.b[*] ? (@ == null)')", "jsonb"), ("jsonb_path_match({}, '$.type() == \"array\"')", "jsonb"),
                     ("({} IN ('1.00', '[1, 2.0, 3]', {}))", "jsonb", "jsonb"), ("({} IS NFC NORMALIZED)", "text"),
                     ("(normalize({}, NFD) = normalize({}))", "text", "text")]
FORMS["integer"] += [("cardinality('{{{{1,2}},{{3,4}}}}'::integer[]) + {}", "small")]

ORDERED = [t for t in TYPES]
AGGREGATES = {
    "bigint": [("count(*)",), ("count({})", "text"), ("count(DISTINCT {})", "integer"), ("sum({})", "integer"),
               ("count({}) FILTER (WHERE {})", "date", "boolean"), ("count(DISTINCT {})", "text"),
               ("regr_count({}, {})", "double precision", "double precision")],
    "numeric": [("sum({})", "bigint"), ("sum({})", "numeric"), ("avg({})", "integer"), ("avg({})", "numeric(12,3)"),
                ("sum(DISTINCT {})", "numeric"), ("avg({}) FILTER (WHERE {})", "bigint", "boolean"),
                ("variance({})", "integer"), ("stddev_pop({})", "numeric(12,3)")],
    "double precision": [("avg({})", "double precision"), ("max({})", "double precision"),
                         ("percentile_cont(0.5) WITHIN GROUP (ORDER BY {})", "double precision"),
                         ("round((stddev({0}) / (1 + max(abs({0}))))::numeric, 6)::double precision", "double precision")],
    "integer": [("max({})", "integer"), ("min({})", "integer"), ("bit_and({})", "integer"), ("bit_or({})", "integer"),
                ("mode() WITHIN GROUP (ORDER BY {})", "integer"),
                ("percentile_disc(0.3) WITHIN GROUP (ORDER BY {})", "integer")],
    "text": [("max({})", "text"), ("min({})", "text"), ("string_agg({0}, ',' ORDER BY {0})", "text"),
             ("string_agg(DISTINCT {0}, '|' ORDER BY {0})", "text")],
    "boolean": [("bool_and({})", "boolean"), ("bool_or({})", "boolean"), ("every({})", "boolean")],
    "date": [("max({})", "date"), ("min({})", "date")],
    "timestamp": [("max({})", "timestamp"), ("min({})", "timestamp")],
    "timestamptz": [("min({})", "timestamptz")],
    "interval": [("sum({})", "interval"), ("max({})", "interval"), ("avg({})", "interval")],
    "time": [("max({})", "time")],
    "integer[]": [("array_agg({0} ORDER BY {0})", "integer"), ("array_agg(DISTINCT {0} ORDER BY {0} DESC)", "integer")],
    "text[]": [("array_agg({0} ORDER BY {0} NULLS FIRST)", "text")],
}
# Where a row that is not there would stand.
AGGREGATES["bigint"] += [("rank(2) WITHIN GROUP (ORDER BY {})", "integer"), ("dense_rank(2) WITHIN GROUP (ORDER BY {} DESC)", "integer"),
                         ("rank('b', 1) WITHIN GROUP (ORDER BY {} NULLS FIRST, {} DESC)", "text", "integer"),
                         ("dense_rank(date '2010-01-01') WITHIN GROUP (ORDER BY {})", "date"), ("count(DISTINCT {})", "jsonb")]
AGGREGATES["double precision"] += [("percent_rank(2) WITHIN GROUP (ORDER BY {})", "integer"), ("cume_dist('b') WITHIN GROUP (ORDER BY {} DESC)", "text"),
                                   ("cume_dist(NULL) WITHIN GROUP (ORDER BY {})", "integer")]
WORDS = ["", "a", "abc", "b", "Banana", "zebra", " pad ", "aXa", "ünï", "日本", "a%b_c", "it's", "10", "ABC", "x y z"]


class Generator:
    """Makes schemas and queries from a seed."""

    def __init__(self, seed, kind=None):
        self.random, self.kind = random.Random(seed), kind
        self.tables = []

    def pick(self, items):
        return self.random.choice(items)

    def chance(self, share):
        return self.random.random() < share

    # Schemas

    def schema(self):
        statements = []
        for number in range(self.random.randint(2, 3)):
            types = ["integer", "text"] + [self.pick(TYPES) for _ in range(self.random.randint(1, 4))]
            self.random.shuffle(types)
            columns = [(f"c{i}", type) for i, type in enumerate(types)]
            name = f"t{number}"
            self.tables.append((name, columns))
            definition = ", ".join(f"{n} {t}" for n, t in columns)
            statements.append(f"CREATE TABLE {name} ({definition})")
            count = self.pick([0, 1, 5, 12, 30])
            if count:
                rows = ", ".join("(" + ", ".join(self.constant(t, 0.2) for _, t in columns) + ")"
                                 for _ in range(count))
                statements.append(f"INSERT INTO {name} VALUES {rows}")
        return statements

    def constant(self, type, nulls=0.05):
        r = self.random
        if self.chance(nulls):
            return f"NULL::{type}" if type not in ("small", "plain") else "3" if type == "small" else "'p'"
        if type.endswith("+"):
            return str(r.randint(1, 90)) if type == "integer+" else f"{r.randint(1, 500)}.{r.randint(0, 999):03}"
        if type == "small":
            return str(r.randint(-9, 9))
        if type == "plain":
            return self.pick(["'abc'", "'xyz '", "'q'"])
        if type in ("integer", "bigint", "smallint"):
            value = self.pick([0, 1, -1, 2, 7, 42, -100, 1000, r.randint(-50, 50), r.randint(-3000, 3000)])
            if type == "bigint" and self.chance(0.2):
                value = self.pick([3000000000, -5000000000, 123456789012])
            return f"({value})" + ("" if type == "integer" else f"::{type}")
        if type == "numeric":
            return f"({self.pick(['0', '1.5', '-2.25', '100', '0.001', '12345.6789', '-0.5', '99999999999.99', str(r.randint(-999, 999) / 8)])})::numeric"
        if type == "numeric(12,3)":
            return f"({r.randint(-99999, 99999)}.{r.randint(0, 999):03})::numeric(12,3)"
        if type == "double precision":
            return f"({self.pick(['0', '1.5', '-2.25', '1e10', '0.1', '3.14159', '-1e-5', '100', '2.5', '-0.5'])})::double precision"
        if type == "text":
            return "'" + self.pick(WORDS).replace("'", "''") + "'::text"
        if type == "boolean":
            return self.pick(["true", "false"])
        if type == "date":
            return f"date '{r.randint(1995, 2024)}-{r.randint(1, 12):02}-{r.randint(1, 28):02}'"
        if type in ("timestamp", "timestamptz"):
            fraction = self.pick(["", "", ".5", ".123456"])
            text = (f"{r.randint(1999, 2024)}-{r.randint(1, 12):02}-{r.randint(1, 28):02} "
                    f"{r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.randint(0, 59):02}{fraction}")
            return f"{type} '{text}'"
        if type == "interval":
            return "interval '" + self.pick(["1 day", "2 hours", "-3 days 04:05:06", "1 mon", "1 year 2 mons 3 days",
                                             "00:00:01.5", "90 minutes", "36:00:00"]) + "'"
        if type == "time":
            return f"time '{r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.randint(0, 59):02}'"
        if type == "real":
            return f"({self.pick(['0', '1.5', '-2.25', '0.1', '3.25', '16777216', '-0.5', '1e-3'])})::real"
        if type == "jsonb":
            return self.pick(["""'{"a": 1, "b": [1, 2.50, null], "n": 1.5}'""", "'[1, 2, 3]'", "'null'", "'1.0'", "'1'",
                              """'"a"'""", "'{}'", """'{"a": null, "bb": {"c": true}}'""", "'[]'", "'true'",
                              """'[{"a": "x y"}, -1e2]'"""]) + "::jsonb"
        if type in ("varchar(4)", "char(4)"):
            return self.pick(["'ab'", "'ab  '", "'abcd'", "''", "'z'"]) + "::" + type
        if type == "uuid":
            return self.pick(["'00000000-0000-0000-0000-000000000001'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"]) + "::uuid"
        if type == "bytea":
            return self.pick(["'\\x00ff'", "'abc'", "''", "'\\x5c41'"]) + "::bytea"
        if type == "integer[]":
            return self.pick(["'{}'::integer[]", "ARRAY[1, 2, 3]", "ARRAY[5, NULL, 1]", "ARRAY[7]", "ARRAY[2, 2]"])
        return self.pick(["'{}'::text[]", "ARRAY['a', 'b']", "ARRAY['x y', NULL, 'c,d']", "ARRAY['abc']"])

    # Expressions

    def expression(self, type, scope, depth):
        columns = [name for name, t in scope if t == type or (t, type) == ("numeric(12,3)", "numeric")]
        if columns and self.chance(0.45 if depth > 0 else 0.8):
            return Node(type, self.pick(columns))
        base = type.rstrip("+")
        if depth <= 0 or type.endswith("+") or type == "plain" or self.chance(0.12):
            return Node(type, self.constant(type).replace("{", "{{").replace("}", "}}"))
        if self.chance(0.12):
            return self.general(base, scope, depth)
        form = self.pick(FORMS[base])
        return Node(type, form[0], [self.expression(t, scope, depth - 1) for t in form[1:]])

    def general(self, type, scope, depth):
        """CASE, COALESCE and the like, which every type has."""
        part = lambda t=type: self.expression(t, scope, depth - 1)
        if type == "small":
            return part()
        kind = self.random.randint(0, 5)
        if kind == 0:
            return Node(type, "CASE WHEN {} THEN {} ELSE {} END", [part("boolean"), part(), part()])
        if kind == 1:
            return Node(type, "coalesce({}, {})", [part(), part()])
        if kind == 2:
            return Node(type, "nullif({}, {})", [part(), part()])
        if kind == 3:
            return Node(type, "greatest({}, {})", [part(), part()])
        if kind == 4:
            return Node(type, "least({}, {})", [part(), part()])
        return Node(type, "CASE {} WHEN {} THEN {} END", [part("integer"), part("integer"), part()])

    def condition(self, scope, depth=2):
        if self.chance(0.12):
            return self.subquery_condition(scope)
        return self.expression("boolean", scope, depth)

    def subquery_condition(self, scope):
        name, columns = self.pick(self.tables)
        inner = [(f"s.{n}", t) for n, t in columns]
        type = self.pick(["integer", "text"])
        mine, theirs = self.expression(type, scope, 0), self.expression(type, inner, 0)
        filter = self.expression("boolean", inner + scope, 1)
        if self.chance(0.5):
            negation = self.pick(["", "NOT "])
            return Node("boolean", negation + f"EXISTS (SELECT 1 FROM {name} s WHERE {{}} = {{}} AND {{}})",
                        [mine, theirs, filter])
        return Node("boolean", f"({{}} {self.pick(['IN', 'NOT IN'])} (SELECT {{}} FROM {name} s WHERE {{}}))",
                    [mine, theirs, filter])

    def scalar_subquery(self, type, scope):
        name, columns = self.pick(self.tables)
        inner = [(f"s.{n}", t) for n, t in columns]
        forms = [f for f in AGGREGATES.get(type, []) if len(f) == 2]
        if not forms:
            return self.expression(type, scope, 1)
        form = self.pick(forms)
        return Node(type, f"(SELECT {form[0]} FROM {name} s WHERE {{1}})" if "{0}" in form[0]
                    else f"(SELECT {form[0].replace('{}', '{0}')} FROM {name} s WHERE {{1}})",
                    [self.expression(form[1], inner, 1), self.expression("boolean", inner + scope, 1)])

    # Queries

    def source(self, level):
        """FROM with its scope."""
        parts, scope = [], []
        for number in range(self.pick([1, 1, 1, 2, 2, 3])):
            alias = f"r{level}{number}"
            if self.chance(0.2) and level < 2:
                inner = self.query(level + 1)
                text, columns = Node("", "({}) " + alias, [inner]), [(f"{alias}.x{i}", t) for i, t in enumerate(inner.columns)]
            else:
                name, own = self.pick(self.tables)
                text, columns = Node("", f"{name} {alias}"), [(f"{alias}.{n}", t) for n, t in own]
            if not parts:
                parts.append(text)
                scope += columns
                continue
            kind = self.pick(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN", ","])
            if kind == "CROSS JOIN" or kind == ",":
                joined = Node("", f"{{}} CROSS JOIN {{}}", [parts[0], text])
            else:
                shared = self.pick(["integer", "text"])
                equal = Node("boolean", "{} = {}", [self.expression(shared, scope, 0), self.expression(shared, columns, 0)])
                # PostgreSQL's FULL JOIN wants conditions that it can hash.
                if kind != "FULL JOIN" and self.chance(0.4):
                    equal = Node("boolean", "{} AND {}", [equal, self.expression("boolean", scope + columns, 1)])
                joined = Node("", f"{{}} {kind} {{}} ON {{}}", [parts[0], text, equal])
                if kind == "FULL JOIN":
                    a = [n for n, t in scope if t == shared]
                    b = [n for n, t in columns if t == shared]
                    joined.parts[2] = Node("boolean", f"{self.pick(a)} = {self.pick(b)}") if a and b else Node("boolean", "true")
                    if not (a and b):
                        joined.text = "{} CROSS JOIN {}"
                        joined.parts.pop()
            parts = [joined]
            scope += columns
        return parts[0], scope

    def query(self, level=0):
        kind = self.kind if self.kind and level == 0 else self.pick(
            ["plain", "plain", "plain", "group", "group", "window", "set", "cte", "distinct", "top", "lateral"])
        return getattr(self, kind)(level)

    def select(self, columns, source, filter=None, tail="", head="SELECT"):
        """A Query of (type, node) columns; every clause can be dropped by the shrinker."""
        return Query(head, columns, source, filter, tail)

    def plain(self, level):
        source, scope = self.source(level)
        items = []
        for _ in range(self.random.randint(1, 4)):
            type = self.pick(TYPES)
            items.append(self.scalar_subquery(type, scope) if self.chance(0.07) else self.expression(type, scope, 3))
        filter = self.condition(scope) if self.chance(0.6) else None
        return Query("SELECT", items, source, filter)

    def distinct(self, level):
        query = self.plain(level)
        query.head = "SELECT DISTINCT"
        return query

    def group(self, level):
        source, scope = self.source(level)
        keys = [self.expression(self.pick(["integer", "text", "boolean", "date", "numeric", "bigint"]), scope, 1)
                for _ in range(self.random.randint(0, 2))]
        # A constant as a key would be a position.
        keys = [k for k in keys if k.parts or not any(ch.isdigit() and k.text.startswith("(") for ch in k.text)]
        keys = [Node(k.type, "coalesce({}, {})", [k, k.copy()]) if not k.parts else k for k in keys]
        items = list(keys)
        for _ in range(self.random.randint(1, 4)):
            items.append(self.aggregate(scope))
        query = Query("SELECT", items, source, self.condition(scope) if self.chance(0.4) else None)
        if keys:
            query.group = keys
            query.grouping = self.pick(["", "", "", "", "ROLLUP", "CUBE", "GROUPING SETS"])
            if query.grouping and self.chance(0.5):
                texts = [Node("integer", "grouping({})", [self.pick(keys).copy()])]
                query.items += texts
            if self.chance(0.2):
                query.having = Node("boolean", "count(*) > {}", [Node("integer", str(self.random.randint(0, 2)))])
        return query

    def aggregate(self, scope):
        type = self.pick(list(AGGREGATES))
        form = self.pick(AGGREGATES[type])
        return Node(type, form[0], [self.expression(t, scope, 1) for t in form[1:]])

    def window(self, level):
        source, scope = self.source(level)
        items = [self.expression(self.pick(TYPES), scope, 1) for _ in range(2)]
        every = [n for n, _ in scope if "[]" not in _]
        # All columns, so that the order is total but for equal rows.
        order = ", ".join(self.random.sample(every, len(every)))
        part = self.pick([n for n, t in scope if t in ("integer", "text", "boolean")] or ["1"])
        for _ in range(self.random.randint(1, 2)):
            over = f"(PARTITION BY {part} ORDER BY {order}"
            frame = self.pick(["", "", " ROWS BETWEEN 2 PRECEDING AND CURRENT ROW",
                               " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
                               " ROWS BETWEEN 1 FOLLOWING AND 3 FOLLOWING", " GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
                               " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW"])
            form = self.pick([("bigint", "rank()"), ("bigint", "dense_rank()"), ("integer", "ntile(3)"),
                              ("double precision", "percent_rank()"), ("double precision", "cume_dist()"),
                              ("integer", "lag({})", "integer"), ("text", "lead({}, 1)", "text"),
                              ("bigint", "sum({})", "integer"), ("numeric", "avg({})", "integer"),
                              ("bigint", "count(*)"), ("integer", "max({})", "integer"), ("text", "min({})", "text"),
                              ("integer", "first_value({})", "integer"), ("text", "last_value({})", "text"),
                              ("integer", "nth_value({}, 2)", "integer")])
            # What depends on the order of equal rows would differ by chance.
            items.append(Node(form[0], form[1] + " OVER " + over + frame + ")",
                              [self.column(t, scope) for t in form[2:]]))
        query = Query("SELECT", items, source, self.condition(scope) if self.chance(0.3) else None)
        return query

    def column(self, type, scope):
        names = [n for n, t in scope if t == type]
        return Node(type, self.pick(names)) if names else Node(type, self.constant(type))

    def set(self, level):
        types = [self.pick(TYPES) for _ in range(self.random.randint(1, 2))]
        sides = []
        for _ in range(2):
            source, scope = self.source(level + 1)
            sides.append(Query("SELECT", [self.expression(t, scope, 1) for t in types], source,
                               self.condition(scope) if self.chance(0.4) else None))
        word = self.pick(["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"])
        return Pair(word, sides, types)

    def top(self, level):
        """Sorted by all columns, so that the first rows are known; sometimes DISTINCT ON."""
        query = self.plain(level)
        query.items = [i for i in query.items if i.type not in ("small", "plain")] or [Node("integer", "(1 + 1)", [])]
        order = ", ".join(f"{i + 1}" + self.pick(["", " DESC", " NULLS FIRST", " DESC NULLS LAST"])
                          for i in range(len(query.items)))
        count = self.random.randint(0, 6)
        query.tail = f" ORDER BY {order}" + self.pick(
            [f" LIMIT {count}", f" LIMIT {count} OFFSET 2", f" OFFSET {count}", f" FETCH FIRST {count} ROWS WITH TIES",
             f" LIMIT ALL"])
        if self.chance(0.2):
            query.head = "SELECT DISTINCT"
        return query

    def lateral(self, level):
        """A relation that looks at its left."""
        name, columns = self.pick(self.tables)
        alias, inner = f"q{level}", f"l{level}"
        scope = [(f"{alias}.{n}", t) for n, t in columns]
        other, theirs = self.pick(self.tables)
        own = [(f"s.{n}", t) for n, t in theirs]
        word = self.pick(["CROSS JOIN", "LEFT JOIN", "JOIN"])
        on = "" if word == "CROSS JOIN" else " ON true"
        kind = self.random.randint(0, 3)
        if kind == 0:
            arrays = [n for n, t in scope if t == "integer[]"] or ["ARRAY[3, 1]"]
            source = Node("", f"{name} {alias} {word} LATERAL unnest({self.pick(arrays)}) WITH ORDINALITY AS {inner}(x0, x1){on}")
            scope += [(f"{inner}.x0", "integer"), (f"{inner}.x1", "bigint")]
        elif kind == 1:
            source = Node("", f"{name} {alias} {word} LATERAL generate_series(1, {{}}) AS {inner}(x0){on}",
                          [Node("small", "({} % 4)", [self.expression("integer", scope, 0)])])
            scope += [(f"{inner}.x0", "integer")]
        else:
            shared = self.pick(["integer", "text"])
            a = self.pick([n for n, t in scope if t == shared])
            b = self.pick([n for n, t in own if t == shared])
            items = [self.expression(self.pick(TYPES), own + scope, 1) for _ in range(2)]
            tail = ""
            if kind == 3:
                everything = ", ".join(str(i + 1) for i in range(len(items)))
                tail = f" ORDER BY {everything} LIMIT 2"
            sub = Query("SELECT", items, Node("", f"{other} s"),
                        Node("boolean", f"{a} {self.pick(['=', '=', '<', '<>'])} {b}"), tail)
            source = Node("", f"{name} {alias} {word} LATERAL ({{}}) {inner}{on}", [sub])
            scope += [(f"{inner}.x{i}", t.type) for i, t in enumerate(items)]
        items = [self.expression(self.pick(TYPES), scope, 2) for _ in range(2)]
        return Query("SELECT", items, source, self.condition(scope) if self.chance(0.4) else None)

    def cte(self, level):
        inner = self.pick([self.plain, self.group, self.distinct])(level + 1)
        name = f"w{level}"
        scope = [(f"{name}.x{i}", t) for i, t in enumerate(inner.columns)]
        other, theirs = self.pick(self.tables)
        source = Node("", name)
        if self.chance(0.4):
            source = Node("", f"{name} CROSS JOIN {other} o")
            scope += [(f"o.{n}", t) for n, t in theirs]
        outer = Query("SELECT", [self.expression(self.pick(TYPES), scope, 2) for _ in range(2)], source,
                      self.condition(scope) if self.chance(0.5) else None)
        outer.ctes = (name, inner)
        return outer


class Query:
    """A SELECT whose parts can be taken away."""
    type = ""

    def __init__(self, head, items, source, filter=None, tail=""):
        self.head, self.items, self.source, self.filter, self.tail = head, items, source, filter, tail
        self.group, self.grouping, self.having, self.ctes = [], "", None, None

    @property
    def columns(self):
        return ["numeric" if i.type.endswith("+") else i.type for i in self.items]

    parts = property(lambda self: [n for n in [*self.items, self.source, self.filter, self.having] if n])

    def sql(self):
        text = ""
        if self.ctes:
            text = f"WITH {self.ctes[0]} AS ({self.ctes[1].sql()}) "
        text += self.head + " " + ", ".join(f"{n.sql()} AS x{i}" for i, n in enumerate(self.items))
        text += " FROM " + self.source.sql()
        if self.filter:
            text += " WHERE " + self.filter.sql()
        if self.group:
            keys = ", ".join(k.sql() for k in self.group)
            if self.grouping == "GROUPING SETS":
                keys = f"({keys}), ({self.group[0].sql()}), ()"
            text += " GROUP BY " + (f"{self.grouping} ({keys})" if self.grouping else keys)
        if self.having:
            text += " HAVING " + self.having.sql()
        return text + self.tail

    def copy(self):
        other = Query(self.head, [i.copy() for i in self.items], self.source.copy(),
                      self.filter and self.filter.copy(), self.tail)
        other.group, other.grouping = [k.copy() for k in self.group], self.grouping
        other.having = self.having and self.having.copy()
        other.ctes = self.ctes and (self.ctes[0], self.ctes[1].copy())
        return other

    def smaller(self):
        for name in ("filter", "having", "grouping"):
            if getattr(self, name):
                other = self.copy()
                setattr(other, name, None if name != "grouping" else "")
                yield other
        if self.head != "SELECT":
            other = self.copy()
            other.head = "SELECT"
            yield other
        for i in range(len(self.items)):
            if len(self.items) > 1 and i >= len(self.group):
                other = self.copy()
                del other.items[i]
                yield other
        for i, item in enumerate(self.items):
            if i < len(self.group):
                continue
            for less in smaller_nodes(item):
                other = self.copy()
                other.items[i] = less
                yield other
        for name in ("filter", "source"):
            if getattr(self, name):
                for less in smaller_nodes(getattr(self, name)):
                    other = self.copy()
                    setattr(other, name, less)
                    yield other
        if self.ctes:
            for less in self.ctes[1].smaller():
                other = self.copy()
                other.ctes = (self.ctes[0], less)
                yield other


class Pair:
    """Two queries and the word between them."""
    type = ""

    def __init__(self, word, sides, columns):
        self.word, self.sides, self.columns = word, sides, columns
        self.parts = sides

    def sql(self):
        return f"({self.sides[0].sql()}) {self.word} ({self.sides[1].sql()})"

    def copy(self):
        return Pair(self.word, [s.copy() for s in self.sides], self.columns)

    def smaller(self):
        yield from self.sides
        for i, side in enumerate(self.sides):
            for less in side.smaller():
                if len(less.items) == len(side.items):
                    other = self.copy()
                    other.sides[i] = less
                    other.parts = other.sides
                    yield other


def smaller_nodes(node):
    if isinstance(node, (Query, Pair)):
        yield from node.smaller()
        return
    for part in node.parts:
        if part.type == node.type and isinstance(part, Node):
            yield part.copy()
    if node.parts and node.type and node.type != "boolean" or node.type and node.text.startswith("r"):
        base = {"small": "integer", "plain": "text"}.get(node.type, node.type.rstrip("+"))
        if node.parts:
            yield Node(node.type, f"NULL::{base}")
    if node.type == "boolean" and node.parts:
        yield Node("boolean", "true")
    for i, part in enumerate(node.parts):
        for less in smaller_nodes(part):
            other = node.copy()
            other.parts[i] = less
            yield other


# MARK: Comparing

def outcomes(session, queries):
    """Rows and types of each query, or Failed."""
    statements = []
    for sql, width in queries:
        statements += [sql, types_query(sql, width)]
    found = session.run(statements)
    return list(zip(found[::2], found[1::2]))


def types_query(sql, width):
    names = ", ".join(f"pg_typeof(x{i})" for i in range(width))
    return f"SELECT {names} FROM ({sql}) q LIMIT 1"


def differ(mine, theirs):
    """None, or how rtd's outcome differs from PostgreSQL's."""
    (rows, types), (expected, expected_types) = mine, theirs
    if isinstance(expected, Failed):
        code = expected.args[0][:5]
        # Whether a row that fails is reached depends on the plan; what cannot be bound does not.
        if code.startswith("42") and not isinstance(rows, Failed):
            return f"no error, expected {expected}"
        if isinstance(rows, Failed) and "crash" in rows.args[0]:
            return str(rows)
        return None
    if isinstance(rows, Failed):
        return str(rows)[:400]
    wrong = compare_rows(rows, expected, ordered=False)
    if wrong:
        return wrong
    if isinstance(expected_types, Failed):
        return None
    if isinstance(types, Failed):
        return f"pg_typeof: {types}"
    return None if types == expected_types else f"types {types}, expected {expected_types}"


class Round:
    """A schema on both sides, and the queries on it."""

    def __init__(self, options, seed):
        self.options = options
        self.generator = Generator(seed, options.kind)
        self.schema = self.generator.schema()
        self.postgres = PostgresSession(options.postgres, f"oracle_{os.getpid()}")
        self.rtd = RtdSession(options.rtd)

    def run(self, count):
        """Failures as (sql, what, smaller sql)."""
        for outcome, sql in zip(self.postgres.run(self.schema), self.schema):
            assert not isinstance(outcome, Failed), (sql, outcome)
        self.rtd.changes = list(self.schema)
        for outcome, sql in zip(RtdSession(self.options.rtd).run(self.schema), self.schema):
            if isinstance(outcome, Failed):
                return [(sql, str(outcome), sql)]
        queries = [self.generator.query() for _ in range(count)]
        texts = [(q.sql(), len(q.columns)) for q in queries]
        theirs, mine = outcomes(self.postgres, texts), outcomes(self.rtd, texts)
        failures = []
        self.refused = sum(isinstance(t[0], Failed) for t in theirs)
        for query, a, b in zip(queries, mine, theirs):
            wrong = differ(a, b)
            if wrong:
                less, wrong = self.shrink(query, wrong) if len(failures) < self.options.shrunk else (query, wrong)
                failures.append((query.sql(), wrong, less.sql()))
        self.postgres.close()
        return failures

    def shrink(self, query, wrong):
        deadline, progress = time.monotonic() + self.options.shrink_seconds, True
        while progress and time.monotonic() < deadline:
            progress = False
            for less in query.smaller():
                if time.monotonic() > deadline:
                    break
                if len(less.sql()) >= len(query.sql()):
                    continue
                text = [(less.sql(), len(less.columns))]
                found = differ(outcomes(self.rtd, text)[0], outcomes(self.postgres, text)[0])
                if found and found[:12] == wrong[:12]:
                    query, wrong, progress = less, found, True
                    break
        return query, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rtd", required=True)
    parser.add_argument("--postgres", required=True, metavar="DSN")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--queries", type=int, default=100, help="a round")
    parser.add_argument("--kind", help="plain, group, window, set, cte, distinct, top or lateral only")
    parser.add_argument("--shrunk", type=int, default=6, help="failures a round to make smaller")
    parser.add_argument("--shrink-seconds", type=float, default=5)
    parser.add_argument("--show-all", action="store_true")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    failed = passed = refused = 0
    for number in range(options.rounds):
        round = Round(options, f"{options.seed}-{number}")
        failures = round.run(options.queries)
        failed += len(failures)
        passed += options.queries - len(failures)
        refused += getattr(round, "refused", 0)
        for index, (sql, wrong, less) in enumerate(failures):
            if index < options.shrunk or options.show_all:
                print(f"round {number}: {wrong}\n  {less}")
    print(f"{passed} passed, {failed} failed, {refused} refused by PostgreSQL")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
