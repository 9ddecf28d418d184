"""How a query runs: --verify, --memory, --temp, --explain-wait, --idle."""

import json
import os
import subprocess
import sys
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
import harness  # noqa: E402
from harness import Skip, contains, equal  # noqa: E402
from home import Home  # noqa: E402
from pipes import Pipe, query  # noqa: E402


def numbers(count, keys=1 << 30):
    return "".join(f'{{"i":{n},"k":{n * 7919 % keys},"t":"text {n % 1000}"}}\n' for n in range(count))


# MARK: --verify

def test_verify_prints_no_rows_and_says_what_it_has_done():
    with Home() as home:
        (home.path / "n.ndjson").write_text(numbers(5000))
        for emit in ("", " EMIT CHANGES", " EMIT FINAL", " EMIT PERIODIC INTERVAL '1 s'"):
            done = home.rtd("query", "--verify",
                            "SELECT t, COUNT(*), SUM(k) FROM 'n.ndjson' GROUP BY t" + emit)
            equal((done.returncode, done.text), (0, ""), done.errors)
            contains(done.errors, "rtd: verified: 1000 rows, the same in one step and in")


def test_verify_reads_a_pipe_twice():
    with Home() as home:
        done = home.rtd("query", "--verify", "SELECT k % 10 AS d, MAX(i) FROM stdin GROUP BY 1",
                        input=numbers(3000))
        equal((done.returncode, done.text), (0, ""), done.errors)
        contains(done.errors, "verified: 10 rows")


def test_verify_refuses_input_without_end():
    with Home() as home:
        done = home.rtd("query", "--verify", "SELECT * FROM stdin STREAM", input='{"a":1}\n')
        equal(done.returncode, 1)
        contains(done.errors, "--verify needs input that ends")
        contains(done.errors, "Leave STREAM out.")


# MARK: --memory and --temp

QUERIES = ["SELECT i, k, t FROM 'n.ndjson' ORDER BY k, i",
           "SELECT k, COUNT(*) AS n, MAX(t) AS m FROM 'n.ndjson' GROUP BY k",
           "SELECT a.i, b.t FROM 'n.ndjson' a JOIN 'n.ndjson' b ON a.k = b.i"]


def test_a_query_over_its_memory_gives_the_same_rows():
    with Home() as home:
        (home.path / "n.ndjson").write_text(numbers(60_000, keys=50_021))
        (home.path / "tmp").mkdir()
        for sql in QUERIES:
            whole = home.rtd("query", sql).text.splitlines()
            done = home.rtd("query", "--memory", "1MiB", "--temp", "tmp", sql, seconds=110)
            equal((done.returncode, done.errors), (0, ""))
            rows = done.text.splitlines()
            equal(len(rows), len(whole))
            assert sorted(rows) == sorted(whole), sql
            if "ORDER BY" in sql:
                assert rows == whole
            equal(list((home.path / "tmp").iterdir()), [])


def test_temporary_files_have_no_name_while_they_are_used():
    with Home() as home:
        (home.path / "tmp").mkdir()
        process = home.start("query", "--memory", "1MiB", "--temp", "tmp", QUERIES[0].replace(
            "'n.ndjson'", "stdin"), stdin=subprocess.PIPE)
        process.stdin.write(numbers(60_000).encode())
        process.stdin.flush()
        opened = []
        for _ in range(200):
            folder = pathlib.Path(f"/proc/{process.pid}/fd")
            opened = [os.readlink(f) for f in folder.iterdir()] if folder.exists() else []
            if any("rtd-query-" in name and "deleted" in name for name in opened):
                break
            import time
            time.sleep(0.02)
        assert any("rtd-query-" in name and "deleted" in name for name in opened), opened
        equal(list((home.path / "tmp").iterdir()), [])
        process.kill()
        process.communicate()


def test_a_full_disk_is_worded_as_postgresql_does():
    with Home() as home:
        tmp = home.path / "small"
        tmp.mkdir()
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp],
                              capture_output=True)
        if made.returncode:
            raise Skip("no right to mount a small file system")
        try:
            (home.path / "n.ndjson").write_text(numbers(120_000))
            done = home.rtd("query", "--memory", "1MiB", "--temp", "small", QUERIES[0])
            equal(done.returncode, 1)
            contains(done.errors, 'could not write to file "small/rtd-query-')
            contains(done.errors, ": No space left on device")
            contains(done.errors, "53100")
        finally:
            subprocess.run(["umount", tmp], check=True)


def test_an_endless_query_stops_past_its_memory_with_the_cure():
    with Home() as home:
        done = home.rtd("query", "--memory", "1MiB",
                        "SELECT k, COUNT(*) FROM stdin STREAM GROUP BY k", "--format", "none",
                        input=numbers(200_000))
        equal(done.returncode, 1)
        contains(done.errors, "and may hold 1048576 (53200)")
        contains(done.errors, "Most is in aggregate")
        contains(done.errors, "A window or a time bound frees what is kept")


# MARK: Waiting

def test_explain_wait_names_the_window_the_watermark_and_who_holds_it():
    with Pipe("--explain-wait", "--time", "ts", "--delay", "5s", "-c",
              "SELECT window_end, COUNT(*) FROM TUMBLE(stdin, ts, INTERVAL '10 s') "
              "GROUP BY window_end") as pipe:
        pipe.write({"ts": "2024-01-01T00:00:01"}, {"ts": "2024-01-01T00:00:03"})
        assert pipe.is_silent(2.5)
        pipe.finish()
        said = "\n".join(pipe.said)
        contains(said, "rtd: waiting: 1 group in open windows, the first of which closes at watermark "
                       "2024-01-01 00:00:10")
        contains(said, "the watermark is 2023-12-31 23:59:58, held by stdin (silent for ")


def test_silence_closes_the_windows_after_timeout():
    with Pipe("--time", "ts", "-c", "SELECT COUNT(*) AS n FROM TUMBLE(stdin, ts, INTERVAL '100 ms') "
              "GROUP BY window_end") as pipe:
        pipe.write({"ts": "2024-01-01T00:00:01"}, {"ts": "2024-01-01T00:00:01.05"})
        equal(pipe.row(), {"n": 2})
        pipe.write({"ts": "2024-01-01T00:00:02"})
        equal(pipe.row(), {"n": 1})
        equal(pipe.finish(), ([], 0))


def test_timeout_zero_turns_it_off():
    with Pipe("--time", "ts", "-c", "SELECT COUNT(*) AS n FROM TUMBLE(stdin, ts, INTERVAL '100 ms') "
              "GROUP BY window_end EMIT ON WINDOW CLOSE WITH TIMEOUT INTERVAL '0 s'") as pipe:
        pipe.write({"ts": "2024-01-01T00:00:01"})
        assert pipe.is_silent(1.6)
        equal(pipe.finish(), ([{"n": 1}], 0))


def test_idle_leaves_a_silent_partition_out():
    with Home() as home:
        home.rtd("query", "CREATE TOPIC t WITH (partitions = 2)")
        home.rtd("produce", "t", "-p", "1", input='{"ts":"2024-01-01T00:00:01","p":1}\n')
        home.rtd("produce", "t", "-p", "0", input='{"ts":"2024-01-01T00:00:01","p":0}\n'
                 '{"ts":"2024-01-01T00:00:25","p":0}\n')
        process = home.start("query", "--format", "json", "--time", "ts", "--idle", "300ms",
                             "SELECT COUNT(*) AS n FROM TUMBLE(t STREAM, ts, INTERVAL '10 s') "
                             "GROUP BY window_end EMIT ON WINDOW CLOSE WITH TIMEOUT INTERVAL '0 s'")
        equal(json.loads(process.stdout.readline()), {"n": 2})
        process.kill()
        process.communicate()


def test_a_statement_has_a_time():
    """statement_timeout ends whatever runs, also a wait for rows and a function that works for long."""
    for sql in ("SELECT COUNT(*) FROM generate_series(1, 20000000000) g", "SELECT pg_sleep(60)",
                "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 0 FROM t) SELECT COUNT(*) FROM t"):
        done = query("SET statement_timeout = '300ms'; " + sql, check=1).done
        contains(done.errors, "canceling statement due to statement timeout")
        contains(done.errors, "57014")
    with Pipe("-c", "SET statement_timeout = 300; SELECT COUNT(*) AS n FROM stdin") as pipe:
        equal(pipe.remaining(), ([], 1))
    equal(query("SET statement_timeout = '90 s'; SHOW statement_timeout")[0]["statement_timeout"], "90s")
    equal(list(query("SET statement_timeout = '30s'; SELECT 1 AS a; SET statement_timeout = 0; SELECT 2 AS a")),
          [{"a": 1}, {"a": 2}])
    contains(query("SET statement_timeout = 'soon'", check=1).errors, "22023")


def test_large_values_have_a_limit():
    unit = "repeat('x', 10000)"
    for sql, error in ((f"length(repeat({unit}, 110000))", "requested length too large"),
                       ("cardinality(array_fill(1, ARRAY[1000000000]))", "array size exceeds the maximum allowed")):
        errors = query(f"SELECT {sql}", check=1).errors
        contains(errors, error)
        contains(errors, "54000")
    for sql in (f"length(repeat({unit}, 30000))", f"length(repeat({unit}, 300) || repeat({unit}, 300))"):
        contains(query(f"SELECT {sql} AS n", None, "--memory", "4M", check=1).errors, "53200")
