"""What endless input means: when rows leave, windows, watermarks, late rows, changelogs, joins."""

import collections
import datetime
import json
import os
import random
import select
import signal
import subprocess
import time as time_of_day

import harness
from harness import contains, equal
from pipes import Pipe, query


def at(seconds, **more):
    minutes, rest = divmod(seconds, 60)
    return {"ts": f"2024-01-01T00:{int(minutes):02}:{rest:06.3f}", **more}


def time(seconds):
    return at(seconds)["ts"][:19]


def windows(rows, *names):
    """Rows as tuples, times cut to seconds."""
    return [tuple(row[n][:19].replace(" ", "T") if n in ("window_start", "window_end") else row[n]
                  for n in names) for row in rows]


TIMED = ("--time", "ts")


# MARK: When rows leave

def test_a_row_leaves_while_the_pipe_is_open():
    with Pipe("-c", "SELECT a + 1 AS b FROM stdin WHERE a > 1") as pipe:
        pipe.write({"a": 1}, {"a": 2})
        equal(pipe.row(), {"b": 3})
        pipe.write({"a": 5})
        equal(pipe.row(), {"b": 6})
        equal(pipe.finish(), ([], 0))


def test_limit_ends_the_query_on_an_open_pipe():
    with Pipe("-c", "SELECT a FROM stdin LIMIT 2") as pipe:
        pipe.write({"a": 1}, {"a": 2}, {"a": 3})
        equal(pipe.remaining(), ([{"a": 1}, {"a": 2}], 0))


def test_an_aggregate_over_a_pipe_leaves_once_at_its_end():
    with Pipe("-c", "SELECT k, COUNT(*) AS n FROM stdin GROUP BY k ORDER BY k") as pipe:
        pipe.write({"k": "b"}, {"k": "a"}, {"k": "b"})
        assert pipe.is_silent()
        equal(pipe.finish(), ([{"k": "a", "n": 1}, {"k": "b", "n": 2}], 0))


def test_ctrl_c_is_the_end_of_the_input():
    with Pipe("-c", "SELECT COUNT(*) AS n FROM stdin") as pipe:
        pipe.write({"k": 1}, {"k": 2})
        assert pipe.is_silent()
        pipe.process.send_signal(signal.SIGINT)
        equal(pipe.row(), {"n": 2})


def test_stdin_that_is_not_named_is_not_read():
    with Pipe("-c", "SELECT 1 AS one") as pipe:
        equal(pipe.remaining(), ([{"one": 1}], 0))


# MARK: Times that are numbers

def test_an_interval_join_on_times_that_are_numbers():
    join = ("FROM stdin a JOIN stdin b ON a.k = b.k AND a.id < b.id AND b.ts BETWEEN a.ts AND a.ts + {} "
            "ORDER BY 1, 2")
    for unit, short, scale in [("seconds", "s", 1), ("milliseconds", "ms", 1_000),
                               ("microseconds", "us", 1_000_000), ("nanoseconds", "ns", 1_000_000_000)]:
        rows = [{"id": i, "ts": (1764170000 + i) * scale, "k": i % 3} for i in range(60)]
        expected = query(f"SELECT a.id AS a, b.id AS b {join.format(10 * scale)}", rows)
        assert len(expected) > 100, expected
        for span in [10 * scale, "INTERVAL '10 s'"]:
            found = query(f"SELECT a.id AS a, b.id AS b {join.format(span)}", rows, *TIMED)
            equal(list(found), list(expected))
            contains(found.errors, f'"ts" is read as {unit} since 1970')
        named = query(f"SELECT a.id AS a, b.id AS b {join.format(10 * scale)}", rows, "--time", f"ts:{short}")
        equal(list(named), list(expected))
        assert "is read as" not in named.errors, named.errors


def test_a_unit_that_is_named_is_taken():
    sql = "SELECT window_start FROM TUMBLE(stdin, ts, INTERVAL '1 s') GROUP BY 1"
    for unit, start in [("s", "1970-01-02"), ("ms", "1970-01-01")]:
        rows = query(sql, [{"ts": 100_000}], "--time", f"ts:{unit}")
        contains(rows[0]["window_start"], start)


def test_seconds_with_a_fraction_are_not_rounded_into_the_next_window():
    rows = query("SELECT window_start, COUNT(*) AS n FROM TUMBLE(stdin, ts, INTERVAL '1 minute') "
                 "GROUP BY 1 ORDER BY 1", [{"ts": 1704067259.7}, {"ts": 1704067260.2}], *TIMED)
    equal(windows(rows, "window_start", "n"), [("2024-01-01T00:00:00", 1), ("2024-01-01T00:01:00", 1)])


# MARK: Windows

def test_a_window_closes_when_time_has_passed_its_end():
    with Pipe(*TIMED, "-c", "SELECT window_start, window_end, COUNT(*) AS n FROM "
              "TUMBLE(stdin, ts, INTERVAL '10' SECOND) GROUP BY window_start, window_end") as pipe:
        pipe.write(at(1), at(9.999))
        assert pipe.is_silent()
        pipe.write(at(12))
        equal(windows([pipe.row()], "window_start", "window_end", "n"), [(time(0), time(10), 2)])
        rest, status = pipe.finish()
        equal((windows(rest, "window_start", "n"), status), ([(time(10), 1)], 0))


def test_delay_holds_a_window_open():
    with Pipe(*TIMED, "--delay", "5s", "-c", "SELECT window_end, COUNT(*) AS n FROM "
              "TUMBLE(stdin, ts, INTERVAL '10' SECOND) GROUP BY window_end") as pipe:
        pipe.write(at(1), at(14.999), at(9))
        assert pipe.is_silent()
        pipe.write(at(15))
        equal(windows([pipe.row()], "window_end", "n"), [(time(10), 2)])


def test_the_delay_of_emit_holds_a_window_open_beyond_that_of_the_time():
    with Pipe(*TIMED, "--delay", "1s", "-c", "SELECT window_end, COUNT(*) AS n FROM "
              "TUMBLE(stdin, ts, INTERVAL '10' SECOND) GROUP BY window_end "
              "EMIT ON WINDOW CLOSE WITH DELAY INTERVAL '4' SECOND") as pipe:
        pipe.write(at(1), at(14.999), at(9))
        assert pipe.is_silent()
        pipe.write(at(15))
        equal(windows([pipe.row()], "window_end", "n"), [(time(10), 2)])


def test_late_rows_are_counted_and_left_out():
    rows = query("SELECT window_end, COUNT(*) AS n FROM TUMBLE(stdin, ts, INTERVAL '10' SECOND) "
                 "GROUP BY window_end ORDER BY window_end", [at(1), at(21), at(2), at(25), at(12)], *TIMED)
    equal(windows(rows, "window_end", "n"), [(time(10), 1), (time(30), 2)])
    contains(rows.errors, "2")
    contains(rows.errors, "came after")


def test_a_late_row_corrects_its_window_at_once():
    with Pipe(*TIMED, "-c", "SELECT window_end, COUNT(*) AS n FROM TUMBLE(stdin, ts, INTERVAL '10' SECOND) "
              "GROUP BY window_end EMIT ON WINDOW CLOSE LATE ROWS UPDATE FOR INTERVAL '20 s'") as pipe:
        pipe.write(at(1), at(11))
        equal(windows([pipe.row()], "_op", "window_end", "n"), [("c", time(10), 1)])
        pipe.write(at(5))
        equal(windows([pipe.row()], "_op", "window_end", "n"), [("u", time(10), 2)])
        pipe.write(at(31), at(6))
        equal(windows([pipe.row()], "_op", "window_end", "n"), [("c", time(20), 1)])
        rest, status = pipe.finish()
        equal((windows(rest, "_op", "window_end", "n"), status), ([("c", time(40), 1)], 0))
    contains("\n".join(pipe.said), "1 row came after its window had closed and was left out")


def test_a_signal_says_how_many_windows_it_has_closed():
    with Pipe(*TIMED, "-c", "SELECT k, window_end, COUNT(*) AS n FROM TUMBLE(stdin, ts, INTERVAL '10' SECOND) "
              "GROUP BY k, window_end") as pipe:
        pipe.write(at(1, k="a"), at(2, k="b"), at(13, k="a"))
        pipe.rows(2)
        pipe.process.send_signal(signal.SIGINT)
        equal(pipe.row()["n"], 1)
        pipe.process.wait(10)
        pipe.listener.join(5)
    contains("\n".join(pipe.said), "1 window was still open, and closed by the signal")


def test_input_without_a_watermark_has_no_late_rows():
    rows = query("SELECT window_end, COUNT(*) AS n FROM TUMBLE(stdin, ts, INTERVAL '10' SECOND) "
                 "GROUP BY window_end ORDER BY window_end", [at(1), at(21), at(2)])
    equal(windows(rows, "window_end", "n"), [(time(10), 2), (time(30), 1)])


def test_hop_begins_before_the_first_row():
    rows = query("SELECT window_start, window_end, COUNT(*) AS n FROM "
                 "HOP(stdin, ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND) GROUP BY 1, 2 ORDER BY 1",
                 [{"ts": "2024-01-01T00:00:12"}, {"ts": "2024-01-01T00:00:17"}])
    equal(windows(rows, "window_start", "window_end", "n"),
          [(time(5), time(15), 1), (time(10), time(20), 2), (time(15), time(25), 1)])


def test_cumulate_grows_to_its_size():
    rows = query("SELECT window_start, window_end, COUNT(*) AS n FROM "
                 "CUMULATE(stdin, ts, INTERVAL '5' SECOND, INTERVAL '15' SECOND) GROUP BY 1, 2 ORDER BY 1, 2",
                 [at(1), at(7)])
    equal(windows(rows, "window_start", "window_end", "n"),
          [(time(0), time(5), 1), (time(0), time(10), 2), (time(0), time(15), 2)])


def test_a_sessions_gap_is_inclusive():
    rows = query("SELECT k, window_start, window_end, COUNT(*) AS n FROM "
                 "SESSION(stdin PARTITION BY k, ts, INTERVAL '10' SECOND) GROUP BY 1, 2, 3 ORDER BY 1, 2",
                 [at(0, k="a"), at(10, k="a"), at(20.001, k="a"), at(5, k="b")])
    equal(windows(rows, "k", "window_start", "window_end", "n"),
          [("a", time(0), time(20), 2), ("a", time(20), time(30), 1), ("b", time(5), time(15), 1)])


def test_a_group_by_date_bin_of_the_time_column_is_windowed():
    with Pipe(*TIMED, "-c", "SELECT date_bin('10 seconds', ts, '2001-01-01') AS w, SUM(v) AS s "
              "FROM stdin GROUP BY 1 EMIT ON WINDOW CLOSE") as pipe:
        pipe.write(at(1, v=2), at(3, v=5), at(10, v=1))
        equal(pipe.row()["s"], 7)
        equal([r["s"] for r in pipe.finish()[0]], [1])


def test_window_offset_shifts_the_windows():
    rows = query("SELECT window_start, COUNT(*) AS n FROM "
                 "TUMBLE(stdin, ts, INTERVAL '10' SECOND, INTERVAL '3' SECOND) GROUP BY 1 ORDER BY 1",
                 [at(1), at(3), at(12.9)])
    equal(windows(rows, "window_start", "n"), [("2023-12-31T23:59:53", 1), (time(3), 2)])


def test_a_watermark_is_declared_in_the_query():
    rows = query("SELECT window_end, COUNT(*) AS n FROM TUMBLE(stdin WATERMARK FOR ts AS ts - "
                 "INTERVAL '2' SECOND, ts, INTERVAL '10' SECOND) GROUP BY 1 ORDER BY 1",
                 [at(1), at(11.9), at(2), at(12), at(3)])
    equal(windows(rows, "window_end", "n"), [(time(10), 2), (time(20), 2)])


def test_flinks_spelling_means_the_same():
    rows = query("SELECT window_end, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE stdin, DESCRIPTOR(ts), "
                 "INTERVAL '10' SECOND)) GROUP BY window_start, window_end ORDER BY 1", [at(1), at(2)])
    equal(windows(rows, "window_end", "n"), [(time(10), 2)])


# MARK: Changelogs

def replayed(rows, key):
    state = {}
    for row in rows:
        operation = row.pop("_op")
        name = tuple(row[k] for k in key)
        if operation == "d":
            equal(state.pop(name), row)
        elif operation == "c":
            assert name not in state, row
            state[name] = row
        else:
            equal(operation, "u")
            assert name in state, row
            state[name] = row
    return sorted(state.values(), key=str)


def test_emit_changes_tells_each_change_and_its_replay_is_the_table():
    source = random.Random(harness.seed)
    data = [{"k": source.choice("abc"), "v": source.randint(0, 9)} for _ in range(200)]
    sql = "SELECT k, COUNT(*) AS n, SUM(v) AS s FROM stdin GROUP BY k"
    final = sorted(query(sql, data), key=str)
    with Pipe("-c", sql + " EMIT CHANGES") as pipe:
        changes = []
        for row in data:
            pipe.write(row)
        changes += pipe.finish()[0]
    equal(replayed(changes, ["k"]), final)


def test_a_change_leaves_at_once():
    with Pipe("-c", "SELECT k, COUNT(*) AS n FROM stdin GROUP BY k EMIT CHANGES") as pipe:
        pipe.write({"k": "a"})
        equal(pipe.row(), {"_op": "c", "k": "a", "n": 1})
        pipe.write({"k": "a"})
        equal(pipe.row(), {"_op": "u", "k": "a", "n": 2})


def test_a_maintained_top_n_replays_to_the_final_one():
    source = random.Random(harness.seed + 1)
    data = [{"k": source.choice("abcdefgh")} for _ in range(150)]
    sql = "SELECT k, COUNT(*) AS n FROM stdin GROUP BY k ORDER BY n DESC, k LIMIT 3"
    final = sorted(query(sql, data), key=str)
    changes = list(query(sql + " EMIT CHANGES", data))
    equal(replayed(changes, ["k"]), final)


def refused(sql, code, *parts, options=()):
    done = harness.run("rtd", "query", *options, "-c", sql, input=json.dumps(at(1, k=1)) + "\n",
                       check=1, RTD_AUTOSTART="0")
    equal(done.text, "")
    for part in (code, *parts):
        contains(done.errors, part)


def test_what_never_ends_is_refused_with_the_cure():
    refused("SELECT * FROM stdin STREAM ORDER BY k", "0A000", "LIMIT")
    refused("SELECT COUNT(*) FROM stdin EMIT ON WINDOW CLOSE", "42601")


# MARK: Joins of streams

def test_an_interval_join_finds_pairs_in_time(path):
    orders = [at(s, id=i) for i, s in enumerate((0, 10, 20))]
    payments = [at(s, order_id=i) for i, s in ((0, 5), (1, 40), (2, 25), (2, 20), (9, 1))]
    for name, rows in (("orders", orders), ("payments", payments)):
        (path / f"{name}.json").write_text("".join(json.dumps(r) + "\n" for r in rows))
    rows = query(f"SELECT o.id, EXTRACT(EPOCH FROM p.ts - o.ts)::integer AS took FROM '{path}/orders.json' o "
                 f"JOIN '{path}/payments.json' p ON p.order_id = o.id AND p.ts BETWEEN o.ts AND "
                 "o.ts + INTERVAL '15 seconds' ORDER BY 1, 2")
    equal([(r["id"], r["took"]) for r in rows], [(0, 5), (2, 0), (2, 5)])


def test_an_asof_join_takes_the_newest_before(path):
    (path / "rates.csv").write_text("ts,currency,rate\n2024-01-01T00:00:00,EUR,1.1\n"
                                    "2024-01-01T00:01:00,EUR,1.2\n2024-01-01T00:00:30,USD,1\n")
    rows = query(f"SELECT o.v, r.rate FROM stdin o ASOF LEFT JOIN '{path}/rates.csv' r "
                 "ON r.currency = o.c AND r.ts <= o.ts ORDER BY o.v",
                 [at(59, v=1, c="EUR"), at(60, v=2, c="EUR"), at(5, v=3, c="USD")])
    equal([(r["v"], r["rate"]) for r in rows], [(1, 1.1), (2, 1.2), (3, None)])


def test_a_stream_is_enriched_from_a_file_at_once(path):
    (path / "tiers.csv").write_text("id,tier\n1,gold\n2,basic\n")
    with Pipe("-c", f"SELECT s.id, c.tier FROM stdin s LEFT JOIN '{path}/tiers.csv' FOR SYSTEM_TIME AS OF "
              "PROCTIME() AS c ON s.id = c.id") as pipe:
        pipe.write({"id": 2}, {"id": 7})
        equal(pipe.rows(2), [{"id": 2, "tier": "basic"}, {"id": 7, "tier": None}])


def test_what_is_looked_up_is_read_first_however_long_it_is(path):
    (path / "one.json").write_text('{"id":2}\n')
    (path / "tiers.csv").write_text("id,tier\n" + "".join(f"{i},t{i}\n" for i in range(5_000)))
    rows = query(f"SELECT o.id, c.tier FROM '{path}/one.json' o JOIN '{path}/tiers.csv' "
                 "FOR SYSTEM_TIME AS OF PROCTIME() AS c ON o.id = c.id")
    equal(list(rows), [{"id": 2, "tier": "t2"}])


# MARK: Cuts

def test_any_cut_of_the_input_gives_the_same_rows():
    source = random.Random(harness.seed + 2)
    data = [at(i / 10 + source.random() * 3, k=source.choice("ab"), v=source.randint(0, 99))
            for i in range(600)]
    text = "".join(json.dumps(row) + "\n" for row in data)
    sql = ("SELECT k, window_start, COUNT(*) AS n, SUM(v) AS s, MIN(v) AS low FROM "
           "HOP(stdin, ts, INTERVAL '2' SECOND, INTERVAL '6' SECOND) GROUP BY 1, 2")
    expected = collections.Counter(map(str, query(sql, None, *TIMED, "--delay", "1s", input=text)))
    assert len(expected) > 20
    for _ in range(3):
        with Pipe(*TIMED, "--delay", "1s", "-c", sql) as pipe:
            start = 0
            while start < len(text):
                end = start + source.choice((1, 7, 100, 4000))
                pipe.write(text[start:end])
                start = end
            rows, status = pipe.finish()
        equal((collections.Counter(map(str, rows)), status), (expected, 0))


# MARK: Silence and late rows

WINDOWS = ("SELECT window_end, COUNT(*) AS n FROM TUMBLE(stdin, ts, INTERVAL '10' SECOND) "
           "GROUP BY window_end EMIT ON WINDOW CLOSE")


def test_a_timeout_closes_windows_of_a_silent_pipe():
    with Pipe(*TIMED, "-c", WINDOWS + " WITH TIMEOUT INTERVAL '100 milliseconds'") as pipe:
        pipe.write(at(1), at(2))
        equal(windows([pipe.row()], "window_end", "n"), [(time(10), 2)])
        pipe.write(at(3), at(11))
        equal(windows([pipe.row()], "window_end", "n"), [(time(20), 1)])
        pipe.finish()
        contains("\n".join(pipe.said), "1 row came after")
    with Pipe(*TIMED, "-c", WINDOWS + " WITH TIMEOUT INTERVAL '0 s'") as pipe:
        pipe.write(at(1))
        assert pipe.is_silent(0.5)


def test_late_rows_go_to_a_table_or_a_topic(server, topic):
    data = [at(1, v=1), at(21, v=2), at(2, v=3), at(25, v=4), at(3, v=5)]
    rows = query(WINDOWS + " LATE ROWS TO late; SELECT v, ts FROM late ORDER BY v", data, *TIMED)
    equal([row["n"] for row in rows[:2]], [1, 2])
    equal([row["v"] for row in rows[2:]], [3, 5])
    assert "were left out" not in rows.errors
    harness.run("rtd", "query", "-b", server.address, "-c", f'CREATE TOPIC "{topic}"', check=0)
    url = f"kafka://{server.address}/{topic}"
    query(f"{WINDOWS} LATE ROWS TO '{url}'", data, *TIMED)
    equal([row["v"] for row in query(f"SELECT v FROM '{url}' ORDER BY v")], [3, 5])
    contains(query("SELECT v FROM stdin EMIT CHANGES LATE ROWS TO late", data, check=1).errors, "42601")


def test_a_row_is_late_once_and_only_for_its_last_window():
    """Above HOP and CUMULATE it is a row for each of its windows; the third is late for the first of them."""
    data = [at(1, id=1), at(21, id=2), at(13, id=3), at(2, id=4), at(24, id=5), at(6, id=6)]
    hop = "HOP({}, ts, INTERVAL '5 s', INTERVAL '15 s')"
    steps = "CUMULATE({}, ts, INTERVAL '5 s', INTERVAL '15 s')"
    forms = ["SELECT window_start, window_end, count(*) FROM {} GROUP BY 1, 2 EMIT ON WINDOW CLOSE",
             "SELECT window_start, window_end, count(DISTINCT id) FROM {} GROUP BY 1, 2 EMIT ON WINDOW CLOSE",
             "SELECT window_start, window_end, count(*) FROM {} GROUP BY 1, 2 EMIT CHANGES",
             "SELECT window_end, id % 2, count(*) FROM {} GROUP BY GROUPING SETS ((1), (1, 2)) EMIT ON WINDOW CLOSE",
             "SELECT window_end, count(*) FROM (SELECT id, window_end FROM {} WHERE window_end > '2024-01-01') q "
             "GROUP BY 1 EMIT ON WINDOW CLOSE"]
    for window, late in ((hop, [4, 6]), (steps, [3, 4, 6])):
        for form in forms:
            sql = form.format(window.format("stdin"))
            rows = query(f"{sql} LATE ROWS TO late; SELECT id AS late FROM late", data, *TIMED)
            equal([row["late"] for row in rows if "late" in row], late, sql)
            contains(query(sql, data, *TIMED).errors, f"{len(late)} rows came after their windows had closed")


def test_a_deletion_is_no_late_row():
    changes = [{"before": None, "after": at(1, id=1), "op": "c"}, {"before": None, "after": at(61, id=2), "op": "c"},
               {"before": at(1, id=1), "after": None, "op": "d"}, {"before": None, "after": at(3, id=3), "op": "c"}]
    rows = query("SELECT window_end, count(*) FROM TUMBLE((SELECT * FROM read_debezium(stdin, key => 'id')), ts, "
                 "INTERVAL '10 s') GROUP BY 1 EMIT ON WINDOW CLOSE LATE ROWS TO late; SELECT id AS late FROM late",
                 changes, *TIMED)
    equal([row["late"] for row in rows if "late" in row], [3])


def test_names_of_another_relation_are_not_waited_for(path):
    (path / "tiers.csv").write_text("id,tier\n1,gold\n2,basic\n")
    for sql in (f"SELECT s.id, tier AS t FROM stdin s JOIN '{path}/tiers.csv' c ON s.id = c.id ORDER BY t LIMIT 1",
                f"SELECT s.id, c.tier AS t FROM '{path}/tiers.csv' c JOIN stdin AS s ON s.id = c.id"):
        with Pipe("-v", "-c", sql) as pipe:
            pipe.write({"id": 2})
            pipe.finish()
            assert not any("waiting for rows" in line for line in pipe.said), pipe.said


def test_a_column_that_has_not_come_is_null_until_it_does():
    with Pipe("-c", "SELECT a, b FROM stdin") as pipe:
        pipe.write({"a": 1})
        equal(pipe.row(), {"a": 1, "b": None})
        pipe.write({"a": 2, "b": [3]})
        equal(pipe.row(), {"a": 2, "b": [3]})
        pipe.finish()
        contains("\n".join(pipe.said), 'no row of stdin has had "b" yet')


def test_rows_come_and_go_by_the_clock():
    def clock(seconds):
        moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        return moment.isoformat().replace("+00:00", "Z")

    with Pipe("-c", "SELECT k FROM stdin STREAM WHERE ts > now() - INTERVAL '1 s' AND ts <= now() AND k > 0") as pipe:
        pipe.write({"k": 1, "ts": clock(0)}, {"k": 2, "ts": clock(-9)}, {"k": 3, "ts": clock(0.4)}, {"k": 0, "ts": clock(0)})
        equal(pipe.rows(4), [{"_op": "c", "k": 1}, {"_op": "c", "k": 3}, {"_op": "d", "k": 1}, {"_op": "d", "k": 3}])
    refused("SELECT now() AS n, k FROM stdin STREAM", "0A000", "comparison with a time")


def test_progress_is_told_on_stderr():
    with Pipe("--progress", *TIMED, "-c", WINDOWS) as pipe:
        pipe.write(at(1), at(21), at(2))
        pipe.row()
        harness.eventually(lambda: any("3 rows in" in line and "1 late" in line for line in list(pipe.said)))
        pipe.finish()


def test_members_that_the_sample_has_not_seen_are_never_lost():
    with Pipe("--strict", "-c", "SELECT type, payload, payload->>'action' AS a FROM stdin") as pipe:
        pipe.write({"type": "Push", "payload": {"size": 2}})
        equal(pipe.row(), {"type": "Push", "payload": {"size": 2}, "a": None})
        pipe.write({"type": "Watch", "payload": {"action": "started"}})
        equal(pipe.row(), {"type": "Watch", "payload": {"action": "started"}, "a": "started"})
    with Pipe("-c", "SELECT p.a, p.b, p.u.x FROM stdin") as pipe:
        pipe.write({"p": {"a": 1, "u": {}}})
        equal(pipe.row(), {"a": 1, "b": None, "x": None})
        pipe.write({"p": {"a": 2, "b": [3], "u": {"x": 4}}})
        equal(pipe.row(), {"a": 2, "b": [3], "x": 4})
        pipe.finish()
        contains("\n".join(pipe.said), 'no row of stdin has had "p.b"')


def test_an_empty_topic_has_any_types(server, topic):
    def run(*arguments, check=0):
        return harness.run("rtd", "query", "-b", server.address, "-c", *arguments, check=check)

    run(f'CREATE TOPIC "{topic}"')
    done = run(f'SELECT SUM(v) AS s, COUNT(*) AS n FROM "{topic}"')
    equal(json.loads(done.text), {"s": None, "n": 0})
    contains(done.errors, "has no rows")
    sql = f'SELECT k, SUM(v) AS s FROM "{topic}" STREAM GROUP BY k LIMIT 1'
    with Pipe("-b", server.address, "-c", sql) as pipe:
        harness.eventually(lambda: any("waiting for records" in line for line in list(pipe.said)))
        run(f"""INSERT INTO "{topic}" SELECT 'a' AS k, 2 AS v""")
        equal(pipe.row(), {"_op": "c", "k": "a", "s": 2})


def test_a_busy_pipe_is_told_what_is_waited_for():
    with Pipe("-c", "SELECT h, COUNT(*) AS n FROM stdin GROUP BY h") as pipe:
        for _ in range(70):
            pipe.write({"h": 1})
            time_of_day.sleep(0.1)
        harness.eventually(lambda: any("EMIT CHANGES" in line for line in list(pipe.said)))
        equal(pipe.finish(), ([{"h": 1, "n": 70}], 0))


def test_a_time_of_tomorrow_closes_no_window_of_a_pipe():
    now = int(time_of_day.time()) // 60 * 60
    rows = [{"ts": now}, {"ts": now + 86400}] + [{"ts": now + i} for i in range(1, 5)]
    with Pipe("--time", "ts", "-c", "SELECT window_start, COUNT(*) AS n "
              "FROM TUMBLE(stdin, ts, INTERVAL '1 m') GROUP BY 1 ORDER BY 1") as pipe:
        pipe.write(*rows)
        rows, status = pipe.finish()
        equal([row["n"] for row in rows], [5, 1])
        said = "\n".join(pipe.said)
        contains(said, "1 row was more than 5 minutes ahead")
        assert "came after" not in said


def test_a_terminal_shows_what_stands_while_rows_come():
    main, terminal = os.openpty()
    command = [harness.rtd, "query", "--format", "table",
               "SELECT h, COUNT(*) AS n FROM stdin GROUP BY h ORDER BY n DESC, h"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=terminal, stderr=subprocess.DEVNULL,
                          env=harness.environment(RTD_AUTOSTART="0")) as process:
        os.close(terminal)
        shown = b""
        for i in range(40):
            process.stdin.write(json.dumps({"h": i % 3 % 2}).encode() + b"\n")
            process.stdin.flush()
            time_of_day.sleep(0.05)
            while select.select([main], [], [], 0)[0]:
                shown += os.read(main, 65536)
        assert b"\x1b[J" in shown, shown
        process.stdin.close()
        process.wait(20)
        while select.select([main], [], [], 0.2)[0]:
            try:
                shown += os.read(main, 65536)
            except OSError:
                break
    last = shown.decode().split("\x1b[J")[-1].split()
    equal(last, ["h", "|", "n", "---+----", "0", "|", "27", "1", "|", "13", "(2", "rows)"])


def test_a_terminal_draws_a_chart_again_while_rows_come():
    main, terminal = os.openpty()
    command = [harness.rtd, "query", "--format", "chart",
               "SELECT h, COUNT(*) AS n FROM stdin GROUP BY h ORDER BY n DESC, h"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=terminal, stderr=subprocess.DEVNULL,
                          env=harness.environment(RTD_AUTOSTART="0")) as process:
        os.close(terminal)
        shown, rows = b"", 0
        while b"\x1b[J" not in shown and rows < 3000:
            process.stdin.write(json.dumps({"h": "ab"[rows % 3 % 2]}).encode() + b"\n")
            process.stdin.flush()
            rows += 1
            while select.select([main], [], [], 0.02)[0]:
                shown += os.read(main, 65536)
        assert b"\x1b[J" in shown, shown
        process.stdin.write(b'{"h":"b"}\n' * 5000)
        process.stdin.close()
        while True:
            try:
                more = os.read(main, 65536)
            except OSError:
                break
            if not more:
                break
            shown += more
        process.wait(20)
    last = [line.split() for line in shown.decode().split("\x1b[J")[-1].splitlines() if line.strip()]
    equal([(line[0], line[1]) for line in last[-2:]],
          [("b", str(5000 + (rows + 1) // 3)), ("a", str(rows - (rows + 1) // 3))])


def test_grouping_sets_of_windows_close_with_them():
    sql = ("SELECT window_start AS w, k, COUNT(*) AS n FROM TUMBLE(stdin, ts, INTERVAL '10' SECOND) "
           "GROUP BY window_start, ROLLUP (k)")
    with Pipe(*TIMED, "-c", sql + " EMIT ON WINDOW CLOSE") as pipe:
        pipe.write(at(1, k="a"), at(2, k="b"), at(12, k="a"))
        equal(sorted((row["k"] or "", row["n"]) for row in pipe.rows(3)), [("", 2), ("a", 1), ("b", 1)])
        pipe.write(at(3, k="a"))
        rows, status = pipe.finish()
        equal((sorted((row["k"] or "", row["n"]) for row in rows), status), ([("", 1), ("a", 1)], 0))
    contains("\n".join(pipe.said), "1 row came after its window had closed and was left out")


def ascending(path, count=3000):
    lines = [json.dumps(at(i, k=i % 7, v=i % 13)) for i in range(count)]
    (path / "asc.nd").write_text("\n".join(lines) + "\n")
    (path / "dim.nd").write_text('{"y":1,"z":1}\n{"y":2,"z":2}\n')
    return f"TUMBLE('{path}/asc.nd'{{}}, ts, INTERVAL '1 minute')"


WATERMARK = " WATERMARK FOR ts AS ts - INTERVAL '2 s'"


def test_windows_wait_for_what_is_held_below_them(path):
    source = ascending(path)
    for inner in ["SELECT *, rank() OVER (PARTITION BY window_end ORDER BY v) AS r FROM {}",
                  "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY window_end, k ORDER BY v) AS r "
                  "FROM {}) y WHERE r <= 2",
                  "SELECT *, 1 AS r FROM {} ORDER BY v LIMIT 2000",
                  "SELECT DISTINCT ON (k, window_end) *, 1 AS r FROM {} ORDER BY k, window_end, v",
                  f"SELECT a.*, 1 AS r FROM {{}} a LEFT JOIN '{path}/dim.nd' b ON a.k = b.y",
                  f"SELECT *, 1 AS r FROM {{}} a WHERE k NOT IN (SELECT y FROM '{path}/dim.nd')"]:
        sql = f"SELECT window_end, COUNT(*) AS n, SUM(r) AS s FROM ({inner}) x GROUP BY window_end ORDER BY 1"
        expected = query(sql.format(source.format("")))
        assert len(expected) > 10, inner
        found = query(sql.format(source.format(WATERMARK)))
        equal(list(found), list(expected))
        assert "came after" not in found.errors, f"{inner}\n{found.errors}"


def test_windows_over_joins_that_change_close_with_their_rows(path):
    source = ascending(path).format(WATERMARK)
    for inner, count in [("a LEFT JOIN '{}/dim.nd' b ON a.k = b.y", 3000),
                         ("a WHERE a.k NOT IN (SELECT y FROM '{}/dim.nd')", 2142),
                         ("a WHERE 0 = (SELECT COUNT(*) FROM '{}/dim.nd' d WHERE d.y = a.k)", 2142)]:
        found = query(f"SELECT window_end, COUNT(*) AS n FROM (SELECT a.window_end FROM {source} "
                      + inner.format(path) + ") x GROUP BY window_end EMIT ON WINDOW CLOSE")
        equal(sum(row["n"] for row in found), count)
        assert "came after" not in found.errors, found.errors


def test_days_of_a_zone_close_when_they_are_over():
    sql = "SELECT date_trunc('day', ts, 'America/New_York') AS d, COUNT(*) AS n FROM stdin GROUP BY 1"
    with Pipe(*TIMED, "-c", sql) as pipe:
        # The day that the clock is set back has 25 hours.
        for moment in ["03T04:30", "03T12:30", "04T04:10", "04T04:40", "04T05:10", "05T05:10"]:
            pipe.write({"ts": f"2024-11-{moment}:00Z"})
        equal(pipe.row()["n"], 4)
        equal([row["n"] for row in pipe.finish()[0]], [1, 1])
    assert not any("came after" in line for line in pipe.said), pipe.said


def test_an_interval_join_of_local_and_other_times_loses_nothing(path):
    start = datetime.datetime(2024, 1, 1)
    with open(path / "l.nd", "w") as left, open(path / "r.nd", "w") as right:
        for i in range(4000):
            moment = start + datetime.timedelta(seconds=10 * i)
            left.write(json.dumps({"k": i % 50, "tz": moment.isoformat() + "Z"}) + "\n")
            local = moment + datetime.timedelta(hours=9, seconds=1)
            right.write(json.dumps({"k": i % 50, "ts": local.isoformat()}) + "\n")
    sql = ("SET TimeZone = 'Asia/Tokyo'; SELECT COUNT(*) AS n FROM '{0}/l.nd'{1} a JOIN '{0}/r.nd'{2} b ON a.k = b.k "
           "AND b.ts::timestamptz <= a.tz AND b.ts::timestamptz >= a.tz - INTERVAL '1 min'")
    marks = [f" WATERMARK FOR {c} AS {c} - INTERVAL '1 s'" for c in ("tz", "ts")]
    equal(query(sql.format(path, *marks)), query(sql.format(path, "", "")))


def test_rows_with_nan_stand_in_what_changes():
    changes = ['{"before":null,"after":{"id":1,"x":"NaN"},"op":"c"}\n',
               '{"before":null,"after":{"id":2,"x":"1.5"},"op":"c"}\n']
    rows = query("SELECT id, x::float8 AS x FROM read_debezium(stdin, key => 'id') ORDER BY id",
                 input="".join(changes))
    equal([row["id"] for row in rows], [1, 2])


def test_top_rows_of_windows_are_freed_and_late_rows_told():
    rows = [at(1, v=5), at(2, v=6), at(25, v=7), at(3, v=9), at(4, v=5), at(41, v=7)]
    for inner in ["row_number() OVER (PARTITION BY window_end ORDER BY v DESC)",
                  "rank() OVER (PARTITION BY window_end ORDER BY v DESC)"]:
        sql = (f"SELECT window_end, v FROM (SELECT *, {inner} AS rn FROM "
               "TUMBLE(stdin, ts, INTERVAL '10 s')) x WHERE rn <= 1 ORDER BY window_end")
        whole = query(sql, rows, *TIMED)
        equal(windows(whole, "window_end", "v"), [(time(10), 6), (time(30), 7), (time(50), 7)])
        contains(whole.errors, "2 rows came after their windows had closed and were left out")
        with Pipe(*TIMED, "-c", sql) as pipe:
            for row in rows:
                pipe.write(row)
            equal(windows(pipe.finish()[0], "window_end", "v"), windows(whole, "window_end", "v"))
    # Rows of 30,000 windows that were kept would not fit.
    many = "".join(json.dumps({"ts": (datetime.datetime(2024, 1, 1) + datetime.timedelta(seconds=10 * i)).isoformat(),
                               "v": i * 7919 % 1000003, "pad": "x" * 100}) + "\n" for i in range(30000))
    found = query("SELECT window_end, v, pad FROM (SELECT *, row_number() OVER (PARTITION BY window_end "
                  "ORDER BY v DESC) AS rn FROM TUMBLE(stdin, ts, INTERVAL '10 s')) x WHERE rn <= 1 EMIT CHANGES",
                  None, *TIMED, "--memory", "2M", input=many)
    equal(len(found), 30000)


# MARK: State that is idle

IDLE = "is let go (--state-ttl)"


def test_idle_groups_and_keys_are_let_go():
    with Pipe(*TIMED, "--state-ttl", "10s", "-c",
              "SELECT k, COUNT(*) AS n, COUNT(DISTINCT v) AS d FROM stdin GROUP BY k EMIT CHANGES") as pipe:
        for second, key, count in [(0, "a", 1), (1, "a", 2), (30, "b", 1), (45, "b", 2), (46, "a", 1), (47, "a", 2)]:
            pipe.write(at(second, k=key, v=second))
            row = pipe.row()
            equal((row["k"], row["n"], row["d"]), (key, count, count))
        equal(pipe.finish(), ([], 0))
    equal(sum(IDLE in line for line in pipe.said), 1)
    join = "SELECT x.v AS x, y.v AS y FROM stdin x JOIN stdin y ON x.k = y.k AND x.v < y.v EMIT CHANGES"
    with Pipe(*TIMED, "--state-ttl", "10s", "-c", join) as pipe:
        pipe.write(at(0, k="a", v=1))
        for second, pairs in [(30, [(30, 31)]), (45, [(30, 45), (30, 46), (31, 45), (31, 46), (45, 46)])]:
            pipe.write(at(second, k="b", v=second), at(second, k="b", v=second + 1))
            equal(sorted((row["x"], row["y"]) for row in pipe.rows(len(pairs))), pairs)
        pipe.write(at(46, k="a", v=2), at(47, k="a", v=3))
        row = pipe.row()
        equal((row["x"], row["y"]), (2, 3))
        equal(pipe.finish(), ([], 0))
    contains("\n".join(pipe.said), IDLE)


def test_state_is_idle_by_the_clock_where_no_time_is_declared():
    with Pipe("--state-ttl", "50ms", "-c", "SELECT k, COUNT(*) AS n FROM stdin GROUP BY k EMIT CHANGES") as pipe:
        pipe.write({"k": "a"})
        equal(pipe.row()["n"], 1)
        while not any(IDLE in line for line in pipe.said):
            pipe.write({"k": "b"})
            equal(pipe.row()["k"], "b")
        pipe.write({"k": "a"})
        row = pipe.row()
        equal((row["k"], row["n"]), ("a", 1))


def test_idle_keys_of_other_operators_are_let_go():
    """What has left for a key stays; it begins anew when it comes again."""
    ranked = ("SELECT k, v, r FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) AS r FROM stdin) q "
              "WHERE r <= {} EMIT CHANGES")
    for sql, first, again in (
            ("SELECT DISTINCT k FROM stdin EMIT CHANGES", {"k": "a"}, {"k": "a"}),
            ("SELECT k, count(*) OVER (PARTITION BY k ORDER BY v) AS n FROM stdin EMIT CHANGES",
             {"k": "a", "n": 1}, {"k": "a", "n": 1}),
            (ranked.format(1), {"k": "a", "v": 0, "r": 1}, {"k": "a", "v": 90, "r": 1}),
            (ranked.format(100), {"k": "a", "v": 0, "r": 1}, {"k": "a", "v": 90, "r": 1}),
            ("SELECT k FROM stdin INTERSECT SELECT k FROM stdin WHERE v >= 0 EMIT CHANGES", {"k": "a"}, {"k": "a"})):
        with Pipe(*TIMED, "--state-ttl", "10s", "-c", sql) as pipe:
            pipe.write(at(0, k="a", v=0))
            row = pipe.row()
            equal({name: row[name] for name in first}, first, sql)
            for second in (30, 45, 60):
                pipe.write(at(second, k=f"b{second}", v=second))
                equal(pipe.row()["k"], f"b{second}")
            pipe.write(at(60, k="a", v=90))
            row = pipe.row()
            equal({name: row[name] for name in again}, again, sql)
            equal(pipe.finish(), ([], 0))
        contains("\n".join(pipe.said), IDLE)


def test_right_rows_of_an_asof_join_are_let_go():
    """Those that are older than the span and not the last of them, and those of idle keys."""
    join = ("SELECT x.v AS x, y.v AS y FROM stdin x ASOF LEFT JOIN (SELECT * FROM stdin WHERE v % 2 = 0) y "
            "ON x.k = y.k AND x.ts >= y.ts EMIT CHANGES")
    with Pipe(*TIMED, "--state-ttl", "10s", "-c", join) as pipe:
        pipe.write(at(0, k="a", v=2), at(1, k="a", v=3), at(2, k="c", v=4))
        found = []
        for second, rows in ((30, 3), (45, 1), (60, 1)):
            pipe.write(at(second, k="b", v=second + second % 2))
            found += pipe.rows(rows)
        pipe.write(at(61, k="a", v=5), at(61, k="b", v=7), at(70, k="d", v=9))
        found += pipe.rows(3)
        partners = {row["x"]: row["y"] for row in found}
        equal((partners[3], partners[7], partners[5]), (2, 60, None))
    contains("\n".join(pipe.said), IDLE)


def test_state_of_keys_that_do_not_come_again_stays_small():
    # How many rows are looked at before what is idle goes depends on how fast they come: long lines
    # are few at a time on any machine.
    count = 400_000
    many = "".join(json.dumps(at(i // 200, k=i, pad="x" * 200)) + "\n" for i in range(count))
    for sql, memory in [("SELECT k, COUNT(*) AS n FROM stdin GROUP BY k EMIT CHANGES", "8M"),
                        ("SELECT DISTINCT k FROM stdin EMIT CHANGES", "12M"),
                        ("SELECT x.k FROM stdin x JOIN stdin y ON x.k = y.k EMIT CHANGES", "48M")]:
        kept = query(sql, None, *TIMED, "--memory", memory, input=many, check=1)
        contains(kept.errors, "--state-ttl what is idle")
        equal(len(query(sql, None, *TIMED, "--memory", memory, "--state-ttl", "20s", input=many)), count)


def test_each_use_of_a_file_has_its_own_watermark(path):
    rows = [at(1), at(2), at(25), at(3), at(4), at(41)]
    (path / "late.nd").write_text("".join(json.dumps(row) + "\n" for row in rows))
    def part(name, span):
        return (f"SELECT '{name}' AS w, window_end AS e, COUNT(*) AS n FROM TUMBLE('{path}/late.nd' "
                f"WATERMARK FOR ts AS ts - INTERVAL '{span}', ts, INTERVAL '10 s') GROUP BY window_end")
    a, b = part("a", "0 s"), part("b", "1 minute")
    expected = sorted(map(str, query(a) + query(b)))
    assert len(expected) == 6, expected
    for sql in (f"{a} UNION ALL {b}", f"{b} UNION ALL {a}"):
        equal(sorted(map(str, query(sql))), expected)
    error = query(f"{a} UNION ALL {b}".replace(f"'{path}/late.nd'", "stdin"), rows, check=1).errors
    contains(error, "stdin is read once, and so with one watermark")


def test_what_is_kept_as_long_as_the_query_runs_is_named(path):
    """And whether --state-ttl frees it; what is bounded is not named."""
    (path / "a.ndjson").write_text("".join(json.dumps(at(n, k=n % 3, v=n)) + "\n" for n in range(9)))
    a = f"'{path}/a.ndjson' STREAM"
    last = "ASOF JOIN {} y ON x.k = y.k AND x.ts >= y.ts".format(a)
    ranked = f"SELECT * FROM (SELECT k, v, row_number() OVER (PARTITION BY k ORDER BY v) rn FROM {a}) q WHERE rn <= 2"
    for sql, words, ttl in (
            (f"SELECT k, count(*) FROM {a} GROUP BY k", "the aggregate keeps every group", True),
            (f"SELECT x.v FROM {a} x JOIN {a} y ON x.k = y.k AND x.v < y.v", "the join keeps all rows of both", True),
            (f"SELECT DISTINCT k FROM {a}", "DISTINCT keeps every row", True),
            (f"SELECT k FROM {a} UNION SELECT v FROM {a}", "DISTINCT keeps every row", True),
            (f"SELECT sum(v) OVER (PARTITION BY k ORDER BY v) FROM {a}", "the window functions keep all rows", True),
            (f"SELECT sum(v) OVER (ORDER BY v) FROM {a}", "the window functions keep all rows", False),
            (ranked, "the first rows of each group are kept", True),
            (f"SELECT k FROM {a} EXCEPT SELECT v FROM {a}", "EXCEPT keeps all rows of both sides", True),
            (f"SELECT x.v FROM {a} x {last}", "the ASOF join keeps all rows of its right side", True)):
        for options in ((), ("--state-ttl", "1h")):
            process = subprocess.Popen([harness.rtd, "query", *options, sql], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       env=harness.environment(RTD_AUTOSTART="0"))
            try:
                if options and ttl:
                    continue
                said = next((line for line in process.stderr if words.encode() in line), b"nothing").decode()
                contains(said, words)
                contains(said, "or --state-ttl would free it" if ttl else "--state-ttl does not")
            finally:
                process.kill()
                process.communicate()


def test_rows_that_changes_may_take_back_count_as_memory():
    lines = "".join(f'{{"before":null,"after":{{"id":{n},"v":"value {n}"}},"op":"c"}}\n' for n in range(70_000))
    for sql in ("SELECT id, v FROM read_debezium(stdin, key => 'id') WHERE id < 0 EMIT CHANGES",
                "SELECT id, v FROM read_debezium(stdin, key => 'id')"):
        contains(query(sql, None, "--memory", "8M", input=lines, check=1).errors, "53200")
        query(sql, None, "--memory", "512M", input=lines)


def test_a_batch_of_updates_leaves_at_its_interval():
    sql = "SELECT k, count(*) AS n FROM stdin GROUP BY k EMIT ON UPDATE WITH BATCH INTERVAL '{}'"
    with Pipe("-c", sql.format("100 days")) as pipe:
        for n in range(6):
            pipe.write({"k": n % 2})
        assert pipe.is_silent()
        equal(sorted((row["_op"], row["k"], row["n"]) for row in pipe.finish()[0]), [("c", 0, 3), ("c", 1, 3)])
    with Pipe("-c", sql.format("1 ms")) as pipe:
        pipe.write({"k": 1})
        equal(pipe.row(), {"_op": "c", "k": 1, "n": 1})
        pipe.write({"k": 1})
        equal(pipe.row(), {"_op": "u", "k": 1, "n": 2})
