"""What files and pipes may hold, and what their values become."""

import json
import os
import resource
import subprocess

import harness
from harness import contains, equal
from pipes import query


def values(rows):
    return [tuple(row.values()) for row in rows]


def test_json_comes_as_lines_documents_or_an_array():
    for text in ('{"a":1}\n{"a":2}\n', '{"a":1}{"a":2}', '[{"a":1},{"a":2}]',
                 '{\n  "a": 1\n}\n{\n  "a": 2\n}\n', '\ufeff{"a":1}\r\n{"a":2}\r\n', '[\n{"a":1}\n,{"a":2}]'):
        equal(values(query("SELECT a FROM stdin", input=text)), [(1,), (2,)], text)


def test_csv_and_tsv_are_found_from_their_first_bytes():
    equal(values(query("SELECT a, b FROM stdin", input="a,b\n1,x\n2,\"y,z\"\n")), [(1, "x"), (2, "y,z")])
    equal(values(query("SELECT a, b FROM stdin", None, "-i", "tsv", input="a\tb\n1\tx\n")), [(1, "x")])


def test_lines_and_logfmt():
    equal(values(query("SELECT line, line_number FROM stdin WHERE line LIKE '%b%'", None, "-i", "lines",
                       input="abc\nxyz\nb\n")), [("abc", 1), ("b", 3)])
    equal(values(query("SELECT level, n FROM stdin", None, "-i", "logfmt",
                       input='level=info n=3 msg="a b"\n')), [("info", 3)])


def test_files_by_name_and_by_pattern(path):
    (path / "a.json").write_text('{"v":1}\n')
    (path / "b.ndjson").write_text('{"v":2}\n')
    (path / "c.csv").write_text("v\n3\n")
    equal(values(query(f"SELECT v FROM '{path}/a.json'")), [(1,)])
    equal(values(query(f"SELECT SUM(v) AS s FROM '{path}/*.*json'")), [(3,)])
    equal(values(query(f"SELECT x.v + y.v AS s FROM '{path}/a.json' x, '{path}/c.csv' y")), [(4,)])


def test_types_are_taken_from_the_values():
    rows = query("SELECT pg_typeof(i) AS i, pg_typeof(f) AS f, pg_typeof(s) AS s, pg_typeof(b) AS b, "
                 "pg_typeof(t) AS t, pg_typeof(d) AS d, pg_typeof(big) AS big FROM stdin",
                 [{"i": 1, "f": 1.5, "s": "x", "b": True, "t": "2024-01-01T00:00:00Z", "d": "2024-01-01",
                   "big": 123456789012345678901}])
    equal(list(rows), [{"i": "bigint", "f": "double precision", "s": "text", "b": "boolean",
                        "t": "timestamp with time zone", "d": "date", "big": "numeric"}])


def test_nested_values():
    row = {"user": {"id": 7, "tags": ["a", "b"]}, "n": None}
    equal(values(query("SELECT user.id, user.tags[1] AS first, n FROM stdin", [row])), [(7, "a", None)])
    equal(values(query('SELECT "user".* FROM stdin', [row])), [(7, ["a", "b"])])
    equal(values(query("SELECT s.user FROM stdin s", [row])), [({"id": 7, "tags": ["a", "b"]},)])


def test_numbers_keep_all_their_digits():
    equal(query("SELECT a, b FROM stdin", input='{"a":12345678901234567890123,"b":0.1}\n').done.text,
          '{"a":12345678901234567890123,"b":0.1}\n')


def test_times_pass_as_they_were_written():
    equal(values(query("SELECT t FROM stdin", [{"t": "2024-01-02 03:04:05.600"}])), [("2024-01-02 03:04:05.600",)])


def test_a_column_that_is_absent_is_null():
    equal(values(query("SELECT a, b FROM stdin", [{"a": 1}, {"b": 2}, {"a": 3, "b": 4}])),
          [(1, None), (None, 2), (3, 4)])


def test_a_later_misfit_widens_with_a_note():
    data = [{"a": i} for i in range(12000)] + [{"a": 1.5}]
    rows = query("SELECT MAX(a) AS m, MIN(a) AS l, COUNT(*) AS n FROM stdin", data)
    equal(values(rows), [(11999, 0, 12001)])


def test_strict_fails_at_a_misfit():
    data = [{"a": i} for i in range(12000)] + [{"a": "x"}]
    rows = query("SELECT SUM(a) AS s FROM stdin", data, "--strict", check=1)
    contains(rows.errors, "12001")


def test_a_line_that_is_no_json_fails_or_is_skipped():
    done = query("SELECT a FROM stdin", input='{"a":1}\noops\n{"a":2}\n', check=1).done
    equal(done.text, '{"a":1}\n')
    contains(done.errors, 'stdin line 2: invalid JSON: "oops"')
    rows = query("SELECT a FROM stdin", None, "--on-error", "skip", input='{"a":1}\noops\n{"a":2}\n', check=3)
    equal(values(rows), [(1,), (2,)])


def test_empty_input_gives_no_rows():
    rows = query("SELECT a FROM stdin", input="")
    equal(list(rows), [])
    equal(values(query("SELECT COUNT(*) AS n FROM stdin", input="")), [(0,)])


def test_a_column_nobody_has_is_named_with_the_nearest(path):
    (path / "x.json").write_text('{"latency":1}\n')
    rows = query(f"SELECT latancy FROM '{path}/x.json'", check=1)
    contains(rows.errors, "42703")
    contains(rows.errors, "latency")


def test_a_file_that_is_not_there():
    contains(query("SELECT * FROM 'nosuch.json'", check=1).errors, "nosuch.json")


def test_names_differ_in_case():
    equal(values(query("SELECT dateTime, DATETIME FROM stdin", [{"dateTime": 1}])), [(1, 1)])
    contains(query("SELECT abc FROM stdin", [{"Abc": 1, "aBc": 2}], check=1).errors, "42702")
    equal(values(query('SELECT "aBc" FROM stdin', [{"Abc": 1, "aBc": 2}])), [(2,)])


def test_output_formats():
    row = [{"a": 1, "b": "x\ty", "c": None}]
    equal(query("SELECT * FROM stdin", row, format="csv").done.text, "a,b,c\n1,x\ty,\n")
    equal(query("SELECT * FROM stdin", row, format="tsv").done.text, "a\tb\tc\n1\tx\\ty\t\\N\n")
    equal(query("SELECT 1 AS x, 2 AS x", format="json").done.text, '{"x":1,"x_1":2}\n')


def test_parameters():
    equal(values(query("SELECT :a::integer + 1 AS x, $1 || '!' AS y", None, "--param", "a=4", "--param", "1=hi")),
          [(5, "hi!")])


def test_copy_writes_a_file(path):
    query(f"COPY (SELECT a FROM stdin) TO '{path}/out.csv' (FORMAT csv, HEADER)", [{"a": 1}, {"a": 2}])
    equal((path / "out.csv").read_text(), "a\n1\n2\n")


def test_a_topic_is_read_to_its_end(server, topic):
    harness.run("rtd", "produce", topic, "-b", server.address, input='{"a":1}\n{"a":2}\n{"a":3}\n', check=0)
    done = harness.run("rtd", "query", "-b", server.address, "--format", "json", "-c",
                       f'SELECT SUM(a) AS s, MAX(_offset) AS o FROM "{topic}"', check=0)
    equal(json.loads(done.text), {"s": 6, "o": 2})


# MARK: Bad input

def test_broken_json_deep_in_a_pipe_names_its_line():
    lines = [f'{{"a":{i}}}' for i in range(50_000)]
    lines[40_000] = '{"a":'
    text = "\n".join(lines) + "\n"
    rows = query("SELECT COUNT(*) AS n FROM stdin", input=text, check=1)
    contains(rows.errors, "stdin line 40001: invalid JSON")
    rows = query("SELECT COUNT(*) AS n FROM stdin", None, "--on-error", "skip", input=text, check=3)
    equal(list(rows), [{"n": 49_999}])
    contains(rows.errors, "1 line was skipped")


def test_a_clash_of_types_widens_or_fails_by_line():
    text = '{"a":1}\n{"a":"x"}\n{"a":{"b":2}}\n'
    equal(values(query("SELECT a FROM stdin", input=text)), [(1,), ("x",), ({"b": 2},)])
    contains(query("SELECT a + 1 AS b FROM stdin", input=text, check=1).errors, "operator does not exist")
    long = "".join(f'{{"a":{i}}}\n' for i in range(12_000)) + '{"a":"x"}\n'
    rows = query("SELECT a FROM stdin", None, "--strict", input=long, check=1)
    contains(rows.errors, 'stdin line 12001, column "a"')


def test_nesting_has_a_limit():
    deep = '{"a":' + "[" * 5000 + "]" * 5000 + "}\n"
    contains(query("SELECT a FROM stdin", input='{"a":1}\n' + deep, check=1).errors, "stdin line 2")
    equal(values(query("SELECT a FROM stdin", None, "--on-error", "skip", input='{"a":1}\n' + deep + '{"a":2}\n',
                       check=3)), [(1,), (2,)])


def test_numbers_that_cannot_be_computed():
    contains(query("SELECT 1 / a AS b FROM stdin", [{"a": 0}], check=1).errors, "division by zero (22012)")
    contains(query("SELECT a::integer AS b FROM stdin", [{"a": 3_000_000_000}], check=1).errors,
             "integer out of range (22003)")
    contains(query("SELECT a + 1 AS b FROM stdin", [{"a": 9223372036854775807}], check=1).errors, "22003")


def test_a_reader_that_leaves_ends_the_query():
    done = harness.shell(f"yes '{{\"a\":1}}' | {harness.rtd} query 'SELECT a FROM stdin' | head -1; "
                         "echo ${PIPESTATUS[1]}", RTD_AUTOSTART="0")
    equal(done.text, '{"a":1}\n0\n')
    equal(done.errors, "")


def test_a_file_that_shrinks_while_it_is_read(path):
    file = path / "x.jsonl"
    file.write_text("".join(f'{{"a":{i}}}\n' for i in range(400_000)))
    done = harness.shell(f"{harness.rtd} query \"SELECT a FROM '{file}'\" | (head -1; truncate -s 1000 '{file}'; "
                         "cat >/dev/null); echo ${PIPESTATUS[0]}", RTD_AUTOSTART="0")
    equal(done.text, '{"a":0}\n1\n')
    contains(done.errors, "has become shorter while it was read")


def test_a_line_has_a_limit():
    text = '{"a":1}\n{"a":"' + "x" * (17 << 20) + '"}\n{"a":2}\n'
    contains(query("SELECT a FROM stdin", input=text, check=1).errors, "16 MiB")


def test_many_columns():
    row = {f"c{i}": i for i in range(1600)}
    equal(list(query("SELECT * FROM stdin", [row])), [row])
    sums = ", ".join(f"SUM(c{i}) AS c{i}" for i in range(1600))
    equal(list(query(f"SELECT {sums} FROM stdin", [row, row])), [{k: 2 * v for k, v in row.items()}])
    equal(query("SELECT * FROM stdin", [row], format="csv").done.text,
          ",".join(row) + "\n" + ",".join(map(str, row.values())) + "\n")


def test_nested_values_become_jsonb():
    rows = [{"id": 1, "p": {"c": [{"s": 1}, {"s": 2}]}}]
    equal(values(query("SELECT jsonb_path_query(p::jsonb, '$.c[*].s') AS s FROM stdin", rows)), [(1,), (2,)])
    equal(values(query("SELECT pg_typeof(p::jsonb) AS b, pg_typeof(p::json) AS j FROM stdin", rows)),
          [("jsonb", "json")])


def test_a_long_array_is_not_copied_for_each_of_its_elements(path):
    features = [{"properties": {"n": i}, "geometry": {"coordinates": [i, i + 1]}} for i in range(8_000)]
    (path / "geo.json").write_text(json.dumps({"type": "FeatureCollection", "features": features}))

    def limited(sql):
        done = subprocess.run(
            [harness.rtd, "query", "--format", "json", "-c", sql], capture_output=True, text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)))
        equal(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    source = f"FROM '{path}/geo.json', unnest(features) f"
    equal(limited(f"SELECT count(*), sum(f.properties.n) AS s {source}"), [{"count": 8_000, "s": 31_996_000}])
    equal(limited(f"SELECT f.properties.n, cardinality(features) AS all {source} OFFSET 7999"),
          [{"n": 7_999, "all": 8_000}])


def test_a_file_without_quotes_is_named_in_the_hint(path):
    (path / "orders.csv").write_text("a\n1\n")
    done = subprocess.run([harness.rtd, "query", "SELECT * FROM orders.csv"], cwd=path, capture_output=True, text=True,
                           env={**os.environ, "RTD_DATA": str(path / "data"), "RTD_IDLE": "2s"})
    contains(done.stderr, "Files are written in quotes: 'orders.csv'.")


def test_asof_joins_take_using(path):
    (path / "t.json").write_text('{"ts":5,"sym":"a"}\n{"ts":5,"sym":"b"}\n')
    (path / "p.json").write_text('{"ts":1,"sym":"a","p":10}\n{"ts":4,"sym":"a","p":11}\n{"ts":6,"sym":"b","p":1}\n')
    source = f"'{path}/t.json' t ASOF LEFT JOIN '{path}/p.json' p MATCH_CONDITION (t.ts >= p.ts)"
    rows = [("a", 11), ("b", None)]
    equal(sorted(values(query(f"SELECT sym, p FROM {source} USING (sym)"))), rows)
    equal(sorted(values(query(f"SELECT t.sym, p.p FROM {source} ON t.sym = p.sym"))), rows)
