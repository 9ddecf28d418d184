"""Files that never end: followed as they grow, are replaced and cut; and those that COPY writes."""

import gzip
import json
import os
import subprocess

import harness
from harness import contains, equal, eventually
from pipes import Pipe, query


def append(file, *rows, end="\n"):
    with open(file, "a") as target:
        target.write("\n".join(json.dumps(row) for row in rows) + end)


def said(pipe, part):
    eventually(lambda: any(part in line for line in list(pipe.said)), 10, f"the note {part!r}")


def test_what_is_appended_comes_line_by_line(path):
    log = path / "log.jsonl"
    append(log, {"a": 1})
    with Pipe("-c", f"SELECT a FROM '{log}' STREAM WHERE a <> 2") as pipe:
        equal(pipe.row(), {"a": 1})
        append(log, {"a": 2}, {"a": 3})
        equal(pipe.row(), {"a": 3})
        append(log, {"a": 4}, end="")
        assert pipe.is_silent()
        append(log)
        equal(pipe.row(), {"a": 4})


def test_a_file_that_takes_the_name_is_read_from_its_start(path):
    log = path / "log.jsonl"
    append(log, {"a": 1})
    with Pipe("-c", f"SELECT a FROM '{log}' STREAM") as pipe:
        equal(pipe.row(), {"a": 1})
        append(log, {"a": 2})
        os.rename(log, path / "log.1")
        append(log, {"a": 3})
        equal(pipe.rows(2), [{"a": 2}, {"a": 3}])
        said(pipe, "another file now")
        os.rename(log, path / "log.2")
        said(pipe, "log.jsonl is gone")
        append(log, {"a": 4})
        equal(pipe.row(), {"a": 4})


def test_a_line_that_the_old_file_left_open_ends_there(path):
    log = path / "log.jsonl"
    append(log, {"a": 1})
    with Pipe("-c", f"SELECT a FROM '{log}' STREAM") as pipe:
        equal(pipe.row(), {"a": 1})
        append(log, {"a": 2}, end="")
        assert pipe.is_silent()
        os.rename(log, path / "log.1")
        append(log, {"a": 3})
        equal(pipe.rows(2), [{"a": 2}, {"a": 3}])


def test_a_file_that_is_cut_is_read_from_its_start(path):
    log = path / "log.jsonl"
    append(log, {"a": 1}, {"a": 2})
    with Pipe("-c", f"SELECT a FROM '{log}' STREAM") as pipe:
        equal(pipe.rows(2), [{"a": 1}, {"a": 2}])
        log.write_text('{"a":9}\n')
        equal(pipe.row(), {"a": 9})
        said(pipe, "was cut to")


def test_a_file_that_is_not_there_is_waited_for(path):
    log = path / "log.jsonl"
    with Pipe("-c", f"SELECT a FROM '{log}' STREAM") as pipe:
        said(pipe, "is not there yet; waiting for it")
        append(log, {"a": 1})
        equal(pipe.row(), {"a": 1})


def test_follow_makes_all_files_endless_but_bounded_ones(path):
    log, names = path / "log.jsonl", path / "names.csv"
    append(log, {"id": 1})
    names.write_text("id,name\n1,one\n2,two\n")
    with Pipe("--follow", "-c", f"SELECT n.name FROM '{log}' l JOIN '{names}' STREAM BOUNDED n "
              "ON n.id = l.id") as pipe:
        equal({k: v for k, v in pipe.row().items() if k != "_op"}, {"name": "one"})
        append(log, {"id": 2})
        equal(pipe.row()["name"], "two")


def test_groups_of_a_followed_file_change(path):
    log = path / "log.jsonl"
    append(log, {"k": "a"})
    with Pipe("-c", f"SELECT k, COUNT(*) AS n FROM '{log}' STREAM GROUP BY k") as pipe:
        equal(pipe.row(), {"_op": "c", "k": "a", "n": 1})
        append(log, {"k": "a"})
        equal(pipe.row(), {"_op": "u", "k": "a", "n": 2})


def test_several_files_or_a_compressed_one_are_not_followed(path):
    append(path / "a.json", {"a": 1})
    append(path / "b.json", {"a": 1})
    contains(query(f"SELECT a FROM '{path}/*.json' STREAM", check=1).errors, "0A000")
    subprocess.run(["gzip", path / "a.json"], check=True)
    contains(query(f"SELECT a FROM '{path}/a.json.gz' STREAM", check=1).errors,
             "is compressed and cannot be followed")


def test_a_named_pipe_is_read_once(path):
    fifo = path / "fifo"
    os.mkfifo(fifo)
    writer = subprocess.Popen(["bash", "-c", f"printf '{{\"a\":1}}\\n{{\"a\":2}}\\n' > {fifo}"])
    equal(list(query(f"SELECT SUM(a) AS s FROM '{fifo}'")), [{"s": 3}])
    writer.wait(10)
    done = harness.shell(f"{harness.rtd} query --format csv \"SELECT a FROM '\"<(echo '{{\"a\":7}}')\"'\"",
                         RTD_AUTOSTART="0", check=0)
    equal(done.text, "a\n7\n")


def copy(path, sql, *options, check=0):
    return harness.run("rtd", "query", *options, "-c", sql, check=check, RTD_AUTOSTART="0", cwd=path)


def test_copy_leaves_its_target_alone_until_it_has_all_rows(path):
    kept = '{"kept":1}\n'
    for name in ("o.txt", "o.json", "o.csv"):
        (path / name).write_text(kept)
    failing = "(SELECT 1 / (3 - g) FROM generate_series(1, 5) g)"
    for sql, code in (("(SELECT 1) TO 'o.txt'", "0A000"), ("(SELECT 1 / 0) TO 'o.json'", "22012"),
                      (failing + " TO 'o.json'", "22012"), ("(SELECT a) TO 'o.csv'", "42703"),
                      ("(SELECT 1) TO 'o.csv' (format parquet)", "0A000"),
                      (failing + " TO 'o.json' (format debezium)", "22012"),
                      (failing + " TO 'new.csv'", "22012")):
        contains(copy(path, "COPY " + sql, check=1).errors, code)
    equal({file.name: file.read_text() for file in path.iterdir()},
          {"o.txt": kept, "o.json": kept, "o.csv": kept})


def test_copy_can_write_what_it_reads(path):
    file = path / "o.csv"
    file.write_text("a,b\n" + "".join(f"{n},x{n}\n" for n in range(20_000)))
    os.chmod(file, 0o640)
    os.symlink("o.csv", path / "link.csv")
    copy(path, "COPY (SELECT a + 1 AS a, b FROM 'o.csv') TO 'link.csv'")
    lines = file.read_text().splitlines()
    equal((lines[:2], lines[-1], len(lines)), (["a,b", "1,x0"], "20000,x19999", 20_001))
    equal((oct(file.stat().st_mode & 0o777), sorted(os.listdir(path))),
          ("0o640", ["link.csv", "o.csv"]))
    # What is no file is written itself.
    copy(path, "COPY (SELECT 1) TO '/dev/null' (format csv)")
    assert not os.path.isfile("/dev/null")


def test_rows_that_are_long_in_coming_are_in_the_file_as_they_come(path):
    (path / "o.json").write_text("before")
    append(path / "log.jsonl", {"a": 1})
    sql = f"COPY (SELECT a FROM '{path}/log.jsonl' STREAM) TO '{path}/o.json'"
    with Pipe("-c", sql):
        eventually(lambda: (path / "o.json").read_text() == '{"a":1}\n', 10, "the first row")


def test_options_of_copy_without_effect_are_refused(path):
    for options, code in (("force_quote *", "0A000"), ("nope 1", "42601"), ("quote '$'", "0A000"),
                          ("encoding 'latin1'", "0A000"), ("delimiter 'ab'", "0A000"),
                          ("header maybe", "42601"), ("freeze", "0A000")):
        contains(copy(path, f"COPY (SELECT 1) TO 'o.csv' (format csv, {options})", check=1).errors,
                 code)
    contains(copy(path, "COPY (SELECT 1) TO 'o.json' (header)", check=1).errors, "0A000")
    equal(list(path.iterdir()), [])
    copy(path, "COPY (SELECT 1 AS a, NULL, '') TO 'o.csv' (format csv, header off, delimiter ';', "
         "null '-', quote '\"', encoding 'UTF8')")
    equal((path / "o.csv").read_text(), "1;-;\"\"\n")


def test_the_time_zone_of_the_session_is_that_of_its_text(path):
    sql = ("SET timezone = 'America/New_York'; SELECT t, ARRAY[t] AS a, t::text AS x "
           "FROM (VALUES (timestamptz '2024-07-01 12:00+00')) v(t)")
    text = "2024-07-01 08:00:00-04"
    equal(copy(path, sql, "--format", "csv").text, f't,a,x\n{text},"{{""{text}""}}",{text}\n')
    equal(copy(path, sql, "--format", "tsv", "--no-header").text,
          f'{text}\t{{"{text}"}}\t{text}\n')
    contains(copy(path, sql, "--format", "table").text, f' {text} | {{"{text}"}} | {text}')
    # JSON has its times in UTC.
    equal(json.loads(copy(path, sql).text),
          {"t": "2024-07-01T12:00:00Z", "a": ["2024-07-01T12:00:00Z"], "x": text})
    copy(path, sql.replace("SELECT", "COPY (SELECT") + ") TO 'o.csv'")
    contains((path / "o.csv").read_text(), f"\n{text},")
    equal(copy(path, "SELECT timestamptz '0044-03-15 00:00Z BC' AS t").text,
          '{"t":"0044-03-15T00:00:00Z BC"}\n')


def test_settings_that_would_change_nothing_are_refused(path):
    for setting in ("datestyle = 'German'", "datestyle = ISO, DMY", "intervalstyle = 'iso_8601'",
                    "bytea_output = 'escape'", "extra_float_digits = 0",
                    "client_encoding = 'latin1'", "standard_conforming_strings = off"):
        contains(copy(path, f"SET {setting}", check=1).errors, "0A000")
    contains(copy(path, "SET server_version = '16'", check=1).errors, "55P02")
    for setting in ("datestyle = 'ISO'", "datestyle = iso, mdy", "intervalstyle = postgres",
                    "bytea_output = 'hex'", "extra_float_digits = 3", "statement_timeout = 0",
                    "client_encoding = 'UTF8'", "application_name = 'x'", "datestyle TO DEFAULT"):
        copy(path, f"SET {setting}")


def test_a_row_that_breaks_a_constraint_is_shown(path):
    made = "CREATE TABLE t (a int PRIMARY KEY, b varchar(3) NOT NULL, CHECK (a < 5)); INSERT INTO t "
    for rows, code, detail in (
            ("VALUES (7, 'x')", "23514", "Failing row contains (7, x)."),
            ("VALUES (1, NULL)", "23502", "Failing row contains (1, null)."),
            ("VALUES (1, 'x'), (1, 'y')", "23505", "Key (a)=(1) already exists."),
            ("VALUES (1, 'wxyz')", "22001", "value too long for type character varying(3)")):
        errors = copy(path, made + rows, check=1).errors
        contains(errors, code)
        contains(errors, detail)
    contains(copy(path, "CREATE SOURCE s (a int CHECK (a > 0)) WITH (connector = 'file', path = 'x')",
                  check=1).errors, "0A000")


def test_what_a_long_list_makes_counts_as_memory():
    line = json.dumps({"f": ["1"] * 200_000}) + "\n"
    error = query("SELECT COUNT(*) FROM stdin, unnest(f) x", None, "--memory", "1M", input=line, check=1).errors
    contains(error, "may hold 1000000 (53200)")
    contains(error, "Most is in table functions")


def test_a_copy_to_a_gz_file_is_compressed(path):
    copy(path, "COPY (SELECT g, repeat('x', 50) AS t FROM generate_series(1, 20000) g) "
         "TO 'x.csv.gz'")
    text = gzip.decompress((path / "x.csv.gz").read_bytes()).decode()
    equal(text.count("\n"), 20001)
    assert text.startswith("g,t\n1,xxx"), text[:20]
    unpacked = subprocess.run(["gzip", "-dc", path / "x.csv.gz"], check=True, capture_output=True)
    equal(unpacked.stdout.decode(), text)
    equal(copy(path, f"SELECT count(*) AS n, sum(g) AS s FROM '{path}/x.csv.gz'", check=0).text,
          '{"n":20000,"s":200010000}\n')
    copy(path, f"COPY (SELECT 1 AS a WHERE false) TO '{path}/e.ndjson.gz'", check=0)
    equal(gzip.decompress((path / "e.ndjson.gz").read_bytes()), b"")
    # What stood there stays where the query fails.
    contains(copy(path, f"COPY (SELECT 1 / (g - 5) FROM generate_series(1, 9) g) TO '{path}/x.csv.gz'",
                   check=1).errors, "division by zero")
    equal(gzip.decompress((path / "x.csv.gz").read_bytes()).decode(), text)


def piped(file, sql, options="", check=0):
    return harness.shell(f"cat {file} | {harness.rtd} query {options} '{sql}'",
                         RTD_AUTOSTART="0", check=check)


def test_a_gzip_file_is_not_held_in_memory(path):
    row = b'{"a": 1, "b": "some text that is long enough to be worth a line"}\n'
    rows = (200 << 20) // len(row)
    with gzip.open(path / "large.nd.gz", "wb", compresslevel=1) as file:
        for _ in range(rows // 1000):
            file.write(row * 1000)
    for source in (f"'{path}/large.nd.gz'", "stdin"):
        with open(path / "large.nd.gz", "rb") as stdin:
            process = subprocess.Popen(
                [harness.rtd, "query", f"SELECT count(*) AS n FROM {source}"], stdin=stdin,
                stdout=subprocess.PIPE, env=harness.environment())
            output = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
        equal((status, output), (0, b'{"n":%d}\n' % (rows // 1000 * 1000)), source)
        assert usage.ru_maxrss < 140 << 10, f"{source} took {usage.ru_maxrss} KiB"


def test_copy_reads_a_file_in_pieces(path):
    # Rows of many lengths, some across several lines, so that pieces end anywhere in them.
    fields = [f'"{"x" * (n * 37 % 500)}\n""{n}"""' for n in range(4000)]
    text = "".join(f"{n},{field}\n" for n, field in enumerate(fields)) + '4000,"last"'
    (path / "c.csv").write_text(text)
    (path / "c.csv.gz").write_bytes(gzip.compress(text.encode()))
    lines = "".join(f"{n}\t{'y' * (n * 31 % 400)}\\\n{n}\n" for n in range(4001)) + "\\.\nrest\n"
    (path / "c.txt").write_text(lines)
    (path / "c.txt.gz").write_bytes(gzip.compress(lines.encode()))
    for name, options in (("c.csv", "(FORMAT csv)"), ("c.csv.gz", "(FORMAT csv)"),
                          ("c.txt", ""), ("c.txt.gz", "")):
        sql = ("CREATE TABLE t (n int, t text); COPY t FROM '{}' " + options + "; "
               "SELECT count(*) AS c, sum(n) AS s, sum(length(t)) AS l, max(length(t)) AS m FROM t")
        texts = [field[1:-1].replace('""', '"') for field in fields] + ["last"] \
            if "csv" in name else [f"{'y' * (n * 31 % 400)}\n{n}" for n in range(4001)]
        expected = json.dumps({"c": 4001, "s": 4000 * 4001 // 2, "l": sum(map(len, texts)),
                               "m": max(map(len, texts))}, separators=(",", ":")) + "\n"
        equal(copy(path, sql.format(path / name), check=0).text, expected, name)
        if "csv" in name:
            equal(piped(path / name, sql.replace("'{}'", "STDIN")).text, expected, name)
    (path / "cut.csv.gz").write_bytes(gzip.compress(text.encode())[:-100])
    contains(copy(path, f"CREATE TABLE t (n int, t text); COPY t FROM '{path}/cut.csv.gz'", check=1).errors,
             "cut.csv.gz ends in the middle of a gzip stream (22P04)")


def test_a_gzip_file_that_is_cut_short_gives_its_rows(path):
    rows = "".join(json.dumps({"a": n, "b": f"{n * 7919 % 10007}"}) + "\n" for n in range(20000))
    whole = gzip.compress(rows.encode())
    for name, end in (("cut.nd.gz", len(whole) // 2), ("small.nd.gz", 60), ("tail.nd.gz", -4)):
        file = path / name
        file.write_bytes(whole[:end])
        done = copy(path, f"SELECT a FROM '{file}'", check=1)
        got = [json.loads(line)["a"] for line in done.text.splitlines()]
        equal(got, list(range(len(got))), name)
        assert len(got) > {"cut.nd.gz": 5000, "small.nd.gz": -1, "tail.nd.gz": 19999}[name], name
        equal(done.errors.count("rtd:"), 1, done.errors)
        contains(done.errors, f"{name} ends in the middle of a gzip stream (22P04)")
        done = copy(path, f"SELECT count(*) AS n FROM '{file}'", "--on-error", "skip", check=3)
        equal(done.text, f'{{"n":{len(got)}}}\n', name)
        contains(done.errors, "ends in the middle of a gzip stream; what stands before was read")
        contains(done.errors, "1 line was skipped")
        # The same by a pipe.
        done = piped(file, "SELECT a FROM stdin", check=1)
        equal(done.text.count("\n"), len(got), name)
        contains(done.errors, "ends in the middle of a gzip stream")
        done = piped(file, "SELECT count(*) AS n FROM stdin", "--on-error skip", check=3)
        equal(done.text, f'{{"n":{len(got)}}}\n', name)
    # A row that is cut is none, also where it would look like one.
    (path / "c.csv.gz").write_bytes(gzip.compress(b"a,b\n1,100\n2,200\n3,300\n", 0)[:-13])
    done = copy(path, f"SELECT * FROM '{path}/c.csv.gz'", check=1)
    equal(done.text, '{"a":1,"b":100}\n{"a":2,"b":200}\n')
    (path / "bad.nd.gz").write_bytes(b"\x1f\x8bno gzip at all, not even the header of one")
    contains(copy(path, f"SELECT * FROM '{path}/bad.nd.gz'", check=1).errors,
             "bad.nd.gz is no valid gzip file (22P04)")


def test_formats_that_come_later_say_so(path):
    for sql, message, caret in (
            ("SELECT * FROM read_parquet('x.parquet')", "read_parquet is not supported yet", 14),
            ("SELECT * FROM 'x.parquet'", "Parquet files are not supported yet", 14),
            ("SELECT mad_zscore(1) OVER ()", "mad_zscore is not supported yet", 7)):
        lines = copy(path, sql, check=1).errors.splitlines()
        equal(lines[0], f"rtd: {message} (0A000)")
        equal(lines[2].index("^"), len("LINE 1: ") + caret, sql)
