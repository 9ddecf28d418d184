"""Values wider than their column's type, when rows have left already: what has left stays, later rows
have the wider type, and what the query keeps goes on in it."""

import json

import harness
from harness import contains, equal
from pipes import Pipe, query


def said(pipe, text):
    pipe.listener.join(5)
    contains("\n".join(pipe.said), text)


def test_rows_behind_a_wider_value_have_the_wider_type():
    with Pipe("-c", "SELECT a, pg_typeof(a) AS t FROM stdin") as pipe:
        pipe.write({"a": 1})
        equal(pipe.row(), {"a": 1, "t": "bigint"})
        pipe.write({"a": 2.5}, {"a": 3})
        equal(pipe.rows(2), [{"a": 2.5, "t": "double precision"}, {"a": 3, "t": "double precision"}])
        pipe.write({"a": "x"}, {"a": 4})
        equal([pipe.row()["a"], pipe.row()["a"]], ["x", 4])
        equal(pipe.finish(), ([], 0))
        said(pipe, 'stdin line 2, column "a": "2.5" is no bigint; from here on the column is read as double')
        said(pipe, 'stdin line 4, column "a"')


def test_a_wider_value_far_down_a_file_that_has_printed_rows(path):
    (path / "f.ndjson").write_text('{"a":1}\n' * 20000 + '{"a":2.5}\n' + '{"a":3}\n' * 3000)
    rows = query(f"SELECT a FROM '{path}/f.ndjson'")
    equal(len(rows), 23001)
    equal([row["a"] for row in rows[19999:20003]], [1, 2.5, 3, 3])
    contains(rows.errors, 'line 20001, column "a": "2.5" is no bigint; from here on')
    (path / "g.csv").write_text("k,a\n" + "x,1\n" * 20000 + 'y,"b ""c"""\n' + "z,3\n" * 3000)
    rows = query(f"SELECT k, a FROM '{path}/*.csv'")
    equal([(row["k"], row["a"]) for row in rows[19999:20002]], [("x", 1), ("y", 'b "c"'), ("z", "3")])
    equal(len(rows), 23001)


def test_values_that_are_looked_at_once_a_batch_is_full(path):
    """Dates, exact numbers and nested values: the rows of the batch are read once more."""
    for fitting, wider, shown in (('"2024-01-01"', '"n/a"', "n/a"), ("12345678901234567890", '"x"', "x"),
                                  ("[1]", '["a"]', ["a"]), ('"2024-01-01"', "5", 5)):
        with Pipe("-c", "SELECT n, d FROM stdin") as pipe:
            pipe.write(f'{{"n":1,"d":{fitting}}}\n')
            equal(pipe.row(), {"n": 1, "d": json.loads(fitting)})
            pipe.write(f'{{"n":2,"d":{fitting}}}\n{{"n":3,"d":{wider}}}\n{{"n":4,"d":{fitting}}}\n')
            equal(pipe.rows(3), [{"n": 2, "d": json.loads(fitting)}, {"n": 3, "d": shown},
                                 {"n": 4, "d": json.loads(fitting)}])
            equal(pipe.finish(), ([], 0))


def test_aggregates_go_on_with_what_they_have():
    sql = ("SELECT k, COUNT(*) AS n, SUM(a) AS s, AVG(a) AS m, MIN(a) AS lo, MAX(a) AS hi, COUNT(DISTINCT a) AS d, "
           "array_agg(a) AS l, first(a) AS f FROM stdin GROUP BY k EMIT CHANGES")
    with Pipe("-c", sql) as pipe:
        pipe.write({"k": "x", "a": 1}, {"k": "x", "a": 2}, {"k": "y", "a": 9007199254740993})
        pipe.rows(2)
        pipe.write({"k": "x", "a": 2.5})
        equal(pipe.row(), {"_op": "u", "k": "x", "n": 3, "s": 5.5, "m": 5.5 / 3, "lo": 1, "hi": 2.5, "d": 3,
                           "l": [1, 2, 2.5], "f": 1})
        pipe.write({"k": "x", "a": 1}, {"k": "y", "a": 1})
        rows = sorted(pipe.rows(2), key=lambda row: row["k"])
        equal([(row["n"], row["s"], row["d"]) for row in rows], [(4, 6.5, 3), (2, 9007199254740994, 2)])
        equal(pipe.finish(), ([], 0))


def test_a_group_is_the_same_group_in_a_wider_type():
    with Pipe("-c", "SELECT a, COUNT(*) AS n FROM stdin GROUP BY a EMIT CHANGES") as pipe:
        pipe.write({"a": 1}, {"a": 2}, {"a": None})
        pipe.rows(3)
        pipe.write({"a": 1.0})
        equal(pipe.row(), {"_op": "u", "a": 1, "n": 2})
        pipe.write({"a": 2}, {"a": 1.5})
        equal(sorted((row["a"], row["n"]) for row in pipe.rows(2)), [(1.5, 1), (2, 2)])
        pipe.write({"a": None})
        equal(pipe.row(), {"_op": "u", "a": None, "n": 2})
        equal(pipe.finish(), ([], 0))


def test_a_distinct_row_comes_once_in_whatever_type():
    with Pipe("-c", "SELECT DISTINCT k, a FROM stdin") as pipe:
        pipe.write({"k": "x", "a": 1}, {"k": "y", "a": None}, {"k": "x", "a": 1})
        pipe.rows(2)
        pipe.write({"k": "x", "a": 1.5}, {"k": "x", "a": 1.0}, {"k": "y", "a": None}, {"k": "y", "a": 1})
        equal(pipe.rows(2), [{"k": "x", "a": 1.5}, {"k": "y", "a": 1}])
        equal(pipe.finish(), ([], 0))
    with Pipe("-c", "SELECT DISTINCT a FROM stdin") as pipe:
        pipe.write({"a": 1}, {"a": None})
        pipe.rows(2)
        pipe.write({"a": 1.5}, {"a": 1.0}, {"a": None}, {"a": 2})
        equal(pipe.rows(2), [{"a": 1.5}, {"a": 2}])
        equal(pipe.finish(), ([], 0))


def test_open_windows_keep_their_rows():
    sql = ("SELECT k, window_end, SUM(a) AS s FROM TUMBLE(stdin, ts, INTERVAL '10' SECOND) "
           "GROUP BY k, window_end")
    for name in ("TUMBLE(stdin, ts, INTERVAL '10' SECOND)",
                 "HOP(stdin, ts, INTERVAL '10' SECOND, INTERVAL '10' SECOND)",
                 "SESSION(stdin PARTITION BY k, ts, INTERVAL '5' SECOND)"):
        with Pipe("--time", "ts", "-c", f"SELECT k, SUM(a) AS s FROM {name} GROUP BY k, window_start, window_end") as pipe:
            pipe.write({"ts": "2024-01-01T00:00:01", "k": "x", "a": 1}, {"ts": "2024-01-01T00:00:19", "k": "x", "a": 5})
            equal(pipe.row(), {"k": "x", "s": 1})
            pipe.write({"ts": "2024-01-01T00:00:19", "k": "x", "a": 0.25})
            pipe.write({"ts": "2024-01-01T00:00:40", "k": "x", "a": 7})
            equal(pipe.row(), {"k": "x", "s": 5.25}, name)
            equal(pipe.finish(), ([{"k": "x", "s": 7}], 0))


def test_a_maintained_top_n_and_a_join_go_on(path):
    (path / "b.ndjson").write_text('{"k":1,"v":"one"}\n{"k":2,"v":"two"}\n')
    with Pipe("-c", f"SELECT s.a, b.v FROM stdin s JOIN '{path}/b.ndjson' b ON b.k = s.a") as pipe:
        pipe.write({"a": 1})
        equal(pipe.row(), {"a": 1, "v": "one"})
        pipe.write({"a": 2.5}, {"a": 2.0})
        equal(pipe.row(), {"a": 2, "v": "two"})
        equal(pipe.finish(), ([], 0))
    with Pipe("-c", "SELECT a FROM stdin ORDER BY a DESC LIMIT 2 EMIT CHANGES") as pipe:
        pipe.write({"a": 1}, {"a": 3})
        pipe.rows(2)
        pipe.write({"a": 2.5})
        equal(sorted((row["_op"], row["a"]) for row in pipe.rows(2)), [("c", 2.5), ("d", 1)])
        equal(pipe.finish(), ([], 0))


def test_what_cannot_go_on_names_the_value():
    """Sums of text there are none; and the saved state of --state has the types it began with."""
    with Pipe("-c", "SELECT SUM(a) AS s FROM stdin EMIT CHANGES") as pipe:
        pipe.write({"a": 1})
        equal(pipe.row(), {"_op": "c", "s": 1})
        pipe.write({"a": "x"})
        equal(pipe.finish(), ([], 1))
        said(pipe, '22P02')
        said(pipe, 'stdin line 2, column "a"')


def test_a_skipped_row_does_not_end_a_query_that_cannot_go_on():
    with Pipe("--on-error", "skip", "-c", "SELECT SUM(a) AS s FROM stdin EMIT CHANGES") as pipe:
        pipe.write({"a": 1})
        pipe.row()
        pipe.write({"a": "x"}, {"a": 2})
        equal(pipe.row(), {"_op": "u", "s": 3})
        equal(pipe.finish(), ([], 3))


def test_a_table_made_of_a_pipe_has_one_type():
    rows = query("CREATE TABLE t AS SELECT a FROM stdin; SELECT SUM(a) AS s, pg_typeof(MAX(a)) AS t FROM t",
                 input='{"a":1}\n' * 5000 + '{"a":0.5}\n')
    equal(list(rows), [{"s": 5000.5, "t": "double precision"}])


def produce(server, topic, text):
    harness.run("rtd", "produce", topic, "-b", server.address, input=text, check=0)


def test_a_topic_is_read_again_or_goes_on(server, topic):
    produce(server, topic, '{"a":1}\n' * 3000 + '{"a":0.5}\n')
    rows = query(f'SELECT SUM(a) AS s, pg_typeof(MAX(a)) AS t FROM "{topic}"', None, "-b", server.address)
    equal(list(rows), [{"s": 3000.5, "t": "double precision"}])
    rows = query(f'SELECT a, _offset AS o FROM "{topic}"', None, "-b", server.address)
    equal((rows[2998:], len(rows)), ([{"a": 1, "o": 2998}, {"a": 1, "o": 2999}, {"a": 0.5, "o": 3000}], 3001))
    contains(rows.errors, f'topic "{topic}" partition 0 offset 3000, column "a": "0.5" is no bigint')


def test_a_topic_without_end_goes_on(server, topic):
    produce(server, topic, '{"a":1}\n{"a":2}\n')
    with Pipe("-b", server.address, "-c", f'SELECT SUM(a) AS s, COUNT(*) AS n FROM "{topic}" STREAM') as pipe:
        while pipe.row()["n"] < 2:
            pass
        produce(server, topic, '{"a":3}\n{"a":0.5}\n{"a":4}\n')
        while (row := pipe.row())["n"] < 5:
            pass
        equal(row["s"], 10.5)
