"""Changes in and out: Debezium's envelopes, upserts, charts, topics of other clusters."""

import json
import os
import random
import subprocess

import harness
from harness import contains, equal
from pipes import Pipe, query


def change(op, before=None, after=None, **more):
    return {"before": before, "after": after, "source": {"table": "t"}, "op": op, "ts_ms": 1, **more}


def person(id, city, age=30):
    return {"id": id, "city": city, "age": age}


HISTORY = [
    change("r", after=person(1, "Rome")), change("r", after=person(2, "Oslo")),
    change("c", after=person(3, "Rome", 41)),
    change("u", person(1, "Rome"), person(1, "Oslo")),
    change("d", person(2, "Oslo")), None,
    change("u", person(3, "Rome", 41), person(3, "Rome", 42)),
]
FINAL = [person(1, "Oslo"), person(3, "Rome", 42)]


def text(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_rows_of_a_finite_history_are_those_that_stand():
    equal(list(query("SELECT * FROM read_debezium(stdin) ORDER BY id", input=text(HISTORY))), FINAL)
    equal(list(query("SELECT city, COUNT(*) AS n, SUM(age) AS s, MAX(age) AS m FROM read_debezium(stdin) "
                     "GROUP BY city ORDER BY city", input=text(HISTORY))),
          [{"city": "Oslo", "n": 1, "s": 30, "m": 30}, {"city": "Rome", "n": 1, "s": 42, "m": 42}])
    equal(list(query("SELECT id FROM read_debezium(stdin) WHERE city = 'Rome'", input=text(HISTORY))), [{"id": 3}])


def test_a_payload_beside_its_schema_is_the_same(path):
    file = path / "changes.jsonl"
    file.write_text(text({"schema": {"type": "struct"}, "payload": row} for row in HISTORY if row))
    equal(list(query(f"SELECT * FROM read_debezium('{file}') ORDER BY id")), FINAL)


def test_a_key_makes_up_for_images_that_are_missing():
    bare = [change("r", after=person(1, "Rome")), change("u", after=person(1, "Oslo")),
            change("c", after=person(2, "Bern")), change("d", {"id": 2, "city": None, "age": None})]
    equal(list(query("SELECT * FROM read_debezium(stdin, key => 'id')", input=text(bare))), [person(1, "Oslo")])
    contains(query("SELECT * FROM read_debezium(stdin)", input=text(bare), check=1).errors, "key => 'id'")


def test_changes_leave_as_they_come():
    with Pipe("-c", "SELECT city, COUNT(*) AS n FROM read_debezium(stdin) GROUP BY city EMIT CHANGES") as pipe:
        pipe.write(HISTORY[0])
        equal(pipe.row(), {"_op": "c", "city": "Rome", "n": 1})
        pipe.write(change("u", person(1, "Rome"), person(1, "Oslo")))
        rows = sorted(pipe.rows(2), key=lambda row: row["_op"])
        equal(rows, [{"_op": "c", "city": "Oslo", "n": 1}, {"_op": "d", "city": "Rome", "n": 1}])


def test_random_histories_give_their_final_rows():
    source = random.Random(harness.seed)
    for with_images in (True, False):
        table, history = {}, []
        for _ in range(400):
            id = source.randint(1, 40)
            old = table.get(id)
            if old and source.random() < 0.3:
                history.append(change("d", old if with_images else {"id": id}))
                del table[id]
                continue
            table[id] = {"id": id, "k": source.choice("abc"), "v": source.randint(0, 99)}
            history.append(change("u" if old else "c", old if with_images else None, table[id]))
        key = "" if with_images else ", key => 'id'"
        equal(list(query(f"SELECT * FROM read_debezium(stdin{key}) ORDER BY id", input=text(history))),
              [table[id] for id in sorted(table)])
        sums = {}
        for row in table.values():
            sums[row["k"]] = sums.get(row["k"], 0) + row["v"]
        for emit in ("", " EMIT CHANGES"):
            rows = query(f"SELECT k, SUM(v) AS s FROM read_debezium(stdin{key}) GROUP BY k{emit}",
                         input=text(history))
            final = {}
            for row in rows:
                final[row["k"]] = row["s"] if row.get("_op") != "d" else None
            equal({k: v for k, v in final.items() if v is not None}, sums)


def test_what_is_no_envelope_is_told():
    contains(query("SELECT * FROM read_debezium(stdin)", [{"a": 1}], check=1).errors, "no Debezium envelopes")
    contains(query("SELECT * FROM read_debezium(stdin, key => 'idd')", input=text(HISTORY), check=1).errors,
             '"id"')


# MARK: Out

def parsed(lines):
    return [json.loads(line) for line in lines]


def test_a_result_as_debezium_envelopes():
    row, = parsed(query("SELECT k, COUNT(*) AS n FROM stdin GROUP BY k EMIT CHANGES", [{"k": "a"}],
                        format="debezium"))
    equal((row["before"], row["after"], row["op"]), (None, {"k": "a", "n": 1}, "c"))
    equal((row["source"]["connector"], row["source"]["table"], row["transaction"]), ("rtd", "query", None))
    equal(row["ts_us"], row["ts_ms"] * 1000)


def test_updates_and_deletes_as_debezium_envelopes():
    sql = "SELECT city, COUNT(*) AS n FROM read_debezium(stdin) GROUP BY city EMIT CHANGES"
    with Pipe("-c", sql, format="debezium") as pipe:
        pipe.write(change("c", after=person(1, "Rome")))
        equal(pipe.row()["op"], "c")
        pipe.write(change("c", after=person(2, "Rome")))
        row = pipe.row()
        equal((row["op"], row["before"], row["after"]),
              ("u", {"city": "Rome", "n": 1}, {"city": "Rome", "n": 2}))
        pipe.write(change("d", person(2, "Rome")), change("d", person(1, "Rome")))
        row = pipe.row()
        while row["op"] == "u":
            row = pipe.row()
        equal((row["op"], row["after"]), ("d", None))


def test_debezium_out_and_in_again_is_the_result():
    source = random.Random(harness.seed + 1)
    data = [{"k": source.choice("abcd"), "v": source.randint(0, 9)} for _ in range(300)]
    sql = "SELECT k, COUNT(*) AS n, SUM(v) AS s FROM stdin GROUP BY k"
    changes = query(sql + " EMIT CHANGES", data, format="debezium").done.text
    equal(list(query("SELECT * FROM read_debezium(stdin) ORDER BY k", input=changes)),
          sorted(query(sql, data), key=lambda row: row["k"]))


def test_upserts_have_keys_and_null_deletes():
    sql = "SELECT city, COUNT(*) AS n FROM read_debezium(stdin) GROUP BY city EMIT CHANGES"
    with Pipe("-c", sql, format="upsert") as pipe:
        pipe.write(change("c", after=person(1, "Rome")))
        equal(pipe.row(), {"key": {"city": "Rome"}, "value": {"city": "Rome", "n": 1}})
        pipe.write(change("d", person(1, "Rome")))
        equal(pipe.row(), {"key": {"city": "Rome"}, "value": None})
    equal(parsed(query("SELECT k, SUM(v) AS s FROM stdin GROUP BY k", [{"k": 1, "v": 2}, {"k": 1, "v": 3}],
                       format="upsert")), [{"key": {"k": 1}, "value": {"k": 1, "s": 5}}])


def test_upserts_without_a_key_are_refused():
    done = query("SELECT v FROM stdin", [{"v": 2}], format="upsert", check=1)
    contains(done.errors, "42P10")
    contains(done.errors, "GROUP BY")
    contains(query("SELECT COUNT(*) AS n FROM stdin GROUP BY k", [{"k": 2}], format="upsert",
                   check=1).errors, "42P10")


# MARK: Charts

def test_a_chart_of_names_and_numbers():
    rows = [{"page": "/a", "n": 4}, {"page": "/about", "n": 8}, {"page": "猫", "n": 0}]
    lines = query("SELECT page, n FROM stdin", rows, format="chart")
    equal([line.split()[:2] for line in lines], [["/a", "4"], ["/about", "8"], ["猫", "0"]])
    blocks = [line.count("█") for line in lines]
    assert blocks[0] > 4 and abs(blocks[1] - 2 * blocks[0]) <= 1 and blocks[2] == 0, blocks


def test_a_chart_of_times_and_names_is_a_line_each():
    rows = [{"t": f"2024-01-01T00:00:0{i}", "host": host, "v": i * i} for i in range(5) for host in "ab"]
    lines = query("SELECT t, host, v FROM stdin", rows, format="chart")
    equal([line.split() for line in lines], [
        ["a", "▁▁▃▅█", "16"], ["b", "▁▁▃▅█", "16"],
        ["2024-01-01", "00:00:00", "to", "2024-01-01", "00:00:04"]])


def test_a_chart_needs_numbers():
    contains(query("SELECT a FROM stdin", [{"a": "x"}], format="chart", check=1).errors, "42804")


def test_a_chart_of_a_pipe_is_a_line_a_row():
    with Pipe("-c", "SELECT k, COUNT(*) AS n FROM stdin GROUP BY k EMIT CHANGES", format="chart") as pipe:
        pipe.write({"k": "a"})
        equal(pipe.line().split()[:2], ["a", "1"])
        pipe.write({"k": "a"})
        equal(pipe.line().split()[:2], ["a", "2"])


# MARK: Topics of another cluster

def rtd(*arguments, **options):
    return harness.run("rtd", *arguments, RTD_AUTOSTART="0", **options)


def rows_of(sql, *options):
    return [json.loads(line) for line in rtd("query", *options, "-c", sql, check=0).text.splitlines()]


def test_topics_of_two_clusters_meet_in_a_query(server, topic):
    with harness.Server() as other:
        rtd("produce", topic, "-b", server.address, input='{"id":1}\n{"id":2}\n', check=0)
        rtd("produce", "names", "-b", other.address, input='{"id":2,"name":"two"}\n', check=0)
        here, there = f"'kafka://{server.address}/{topic}'", f"'kafka://{other.address}/names'"
        equal(rows_of(f"SELECT a.id, b.name FROM {here} a LEFT JOIN {there} b ON b.id = a.id ORDER BY a.id"),
              [{"id": 1, "name": None}, {"id": 2, "name": "two"}])
        rtd("query", "-b", other.address, "-c", "CREATE TOPIC copied", check=0)
        target = f"'kafka://{other.address}/copied'"
        rtd("query", "-b", server.address, "-c", f"INSERT INTO {target} SELECT id * 10 AS tens FROM \"{topic}\"",
            check=0)
        rtd("query", "-c", f"COPY (SELECT 7 AS tens) TO {target}", check=0)
        equal(sorted(row["tens"] for row in rows_of(f"SELECT tens FROM {target}")), [7, 10, 20])
        contains(rtd("query", "-c", f"SELECT * FROM 'kafka://{other.address}/nosuch'", check=1).errors, "42P01")
    contains(rtd("query", "-c", "SELECT * FROM 'kafka://127.0.0.1:1/x'", check=1).errors, "127.0.0.1:1")
    contains(rtd("query", "-c", "SELECT * FROM 'kafka://127.0.0.1:1'", check=1).errors, "names no topic")


def test_records_of_a_topic_are_not_updated(server, topic):
    rtd("query", "-b", server.address, "-c", f'CREATE TOPIC "{topic}"', check=0)
    done = rtd("query", "-b", server.address, "-c", f'UPDATE "{topic}" SET a = 1', check=1)
    contains(done.errors, f'"{topic}" is a topic, whose records are not changed (42809)')


def test_a_table_over_a_topic_takes_and_gives_upserts(server, topic):
    made = (f"CREATE TABLE t (id int PRIMARY KEY, n int) WITH (connector = 'kafka', topic = '{topic}', "
            f"properties.bootstrap.server = '{server.address}') FORMAT UPSERT ENCODE JSON; ")
    rtd("query", "-b", server.address, "-c", f'CREATE TOPIC "{topic}"', check=0)
    history = [change("c", after={"id": 1, "n": 1}), change("c", after={"id": 2, "n": 2}),
               change("u", {"id": 1, "n": 1}, {"id": 1, "n": 5}), change("d", {"id": 2, "n": 2})]
    rtd("query", "-c", made + "INSERT INTO t SELECT id, SUM(n) AS n FROM read_debezium(stdin) GROUP BY id "
        "EMIT CHANGES", input=text(history), check=0)
    equal(rows_of(made + "SELECT * FROM t"), [{"id": 1, "n": 5}])
    records = [json.loads(line) for line in
               rtd("consume", "-J", topic, "-e", "-b", server.address, check=0).text.splitlines()]
    last = {json.loads(r["key"])["id"]: r["value"] and json.loads(r["value"])["n"] for r in records}
    equal({id: n for id, n in last.items() if n is not None}, {1: 5})


def test_a_topic_of_envelopes_is_a_table(server, topic):
    lines = [{"key": json.dumps({"id": 1}), "value": json.dumps(change("c", after={"id": 1, "v": 1}))},
             {"key": json.dumps({"id": 1}), "value": json.dumps(change("u", None, {"id": 1, "v": 2}))},
             {"key": json.dumps({"id": 2}), "value": json.dumps(change("c", after={"id": 2, "v": 3}))},
             {"key": json.dumps({"id": 2}), "value": json.dumps(change("d", {"id": 2, "v": None}))},
             {"key": json.dumps({"id": 2}), "value": None}]
    rtd("produce", "-J", topic, "-b", server.address, input=text(lines), check=0)
    equal(rows_of(f'SELECT * FROM read_debezium("{topic}")', "-b", server.address), [{"id": 1, "v": 2}])
    equal(rows_of(f"SELECT SUM(v) AS s FROM read_debezium('kafka://{server.address}/{topic}')"), [{"s": 2}])
    made = (f"CREATE SOURCE s WITH (connector = 'kafka', topic = '{topic}') FORMAT DEBEZIUM ENCODE JSON; ")
    equal(rows_of(made + "SELECT v FROM s", "-b", server.address), [{"v": 2}])


def test_a_source_names_a_file_or_topic_and_its_metadata(server, topic, path):
    rtd("produce", "-J", topic, "-b", server.address, input='{"key":"k","value":"{\\"a\\":1}"}\n', check=0)
    made = f"CREATE SOURCE s (a int) INCLUDE KEY AS k WITH (connector = 'kafka', topic = '{topic}'); "
    equal(rows_of(made + "SELECT a, k FROM s", "-b", server.address), [{"a": 1, "k": "k"}])
    (path / "x.csv").write_text("1;2\n")
    equal(rows_of(f"CREATE SOURCE f (x int, y int) WITH (connector = 'file', path = '{path}/x.csv', header = false, "
                  "delimiter = ';'); SELECT x + y AS s FROM f"), [{"s": 3}])
    contains(rtd("query", "-c", "CREATE SOURCE s WITH (connector = 'mqtt')", check=1).errors, "Connectors: file, kafka")


def test_a_topic_without_records_has_no_rows_and_says_so(server, topic):
    rtd("query", "-b", server.address, "-c", f'CREATE TOPIC "{topic}x"', check=0)
    done = rtd("query", "-b", server.address, "-c", f'SELECT a FROM "{topic}x"', check=0)
    equal(done.text, "")
    contains(done.errors, "has no rows")


def test_a_delivery_guarantee_that_nobody_knows(server):
    made = ("CREATE TABLE t (a int) WITH (connector = 'kafka', topic = 'x', "
            "\"sink.delivery-guarantee\" = 'twice'); SELECT a FROM t")
    contains(rtd("query", "-b", server.address, "-c", made, check=1).errors,
             'sink.delivery-guarantee "twice" is not known')


def test_a_row_that_goes_behind_the_one_in_its_place_is_one_update():
    """The new first row of a group stands before the old one among the changes of their step."""
    changes = [{"before": None, "after": {"id": 15, "g": 6, "v": 7}, "op": "c"},
               {"before": {"id": 15, "g": 6, "v": 7}, "after": {"id": 15, "g": 6, "v": -2}, "op": "u"}]
    sql = "SELECT DISTINCT ON (g) g, id, v FROM read_debezium(stdin) ORDER BY g, v EMIT CHANGES"
    for form, last in (("upsert", {"key": {"g": 6}, "value": {"g": 6, "id": 15, "v": -2}}), ("debezium", "u")):
        with Pipe("-c", sql, format=form) as pipe:
            pipe.write(changes[0])
            pipe.row()
            pipe.write(changes[1])
            row = pipe.row()
            equal(row if form == "upsert" else row["op"], last)
            equal(pipe.finish(), ([], 0))


# MARK: Rows that come and go within a step

def few_keys(source, count):
    """Changes of few keys, and the rows that stand after them."""
    table, history = {}, []
    for _ in range(count):
        id = source.randint(1, 3)
        old, new = table.pop(id, None), None
        if not old or source.random() < 0.5:
            table[id] = new = {"id": id, "v": source.randint(0, 2)}
        history.append(change("d" if not new else "u" if old else "c", old, new))
    return [table[id] for id in sorted(table)], history


def replayed(form, lines):
    """The rows that stand after lines of changes, each of which must fit those before it."""
    rows = {}
    for line in map(json.loads, lines):
        if form == "upsert":
            id, before, after = line["key"]["id"], None, line["value"]
            assert after or id in rows, f"{line} deletes nothing"
        elif form == "debezium":
            before, after = line["before"], line["after"]
            id = (after or before)["id"]
            equal((before, line["op"]), (rows.get(id), "d" if not after else "u" if before else "c"))
        else:
            op, after, id = line.pop("_op"), line, line["id"]
            equal(op in "ud", id in rows, f"whether {id} stands before {op}")
            if op == "d":
                equal(rows[id], line)
                after = None
        rows[id] = after
        if not after:
            del rows[id]
    return [rows[id] for id in sorted(rows)]


STANDING = "SELECT id, v FROM read_debezium(stdin, key => 'id') EMIT CHANGES"


def test_what_comes_and_goes_within_a_step_does_not_stay():
    source = random.Random(harness.seed)
    for _ in range(6):
        final, history = few_keys(source, source.randint(2, 60))
        for form in ("json", "upsert", "debezium"):
            whole = query(STANDING, input=text(history), format=form).done.text.splitlines()
            equal(replayed(form, whole), final, form)
            with Pipe("-c", STANDING, format=form) as pipe:
                while history:
                    count = source.randint(1, 9)
                    pipe.write(*history[:count])
                    history = history[count:]
                rows, _ = pipe.finish()
            equal(replayed(form, map(json.dumps, rows)), final, form)
            final, history = few_keys(source, source.randint(2, 60))


def test_a_terminal_shows_no_row_that_came_and_went_within_a_step():
    source = random.Random(harness.seed)
    for form in ("table", "chart"):
        final, history = few_keys(source, 41)
        while not final:
            final, history = few_keys(source, 41)
        main, terminal = os.openpty()
        with subprocess.Popen([harness.rtd, "query", "--format", form, STANDING], stdin=subprocess.PIPE,
                              stdout=terminal, stderr=subprocess.DEVNULL,
                              env=harness.environment(RTD_AUTOSTART="0", COLUMNS="80")) as process:
            os.close(terminal)
            process.stdin.write(text(history).encode())
            process.stdin.close()
            shown = b""
            try:
                while more := os.read(main, 65536):
                    shown += more
            except OSError:
                pass
        os.close(main)
        lines = shown.decode().split("\x1b[J")[-1].replace("\r", "").splitlines()
        if form == "table":
            found = sorted(tuple(map(int, line.split("|"))) for line in lines if line.strip()[:1].isdigit())
        else:
            found = sorted((int(line.split()[0]), int(line.split()[1])) for line in lines if line.strip())
        equal(found, [(row["id"], row["v"]) for row in final], form)


def test_a_topic_keeps_no_row_that_came_and_went_within_a_step(server, topic):
    source = random.Random(harness.seed)
    for form in ("UPSERT", "DEBEZIUM"):
        made = (f"CREATE TABLE t (id int PRIMARY KEY, v int) WITH (connector = 'kafka', topic = '{topic}{form}', "
                f"properties.bootstrap.server = '{server.address}') FORMAT {form} ENCODE JSON; ")
        rtd("query", "-b", server.address, "-c", f'CREATE TOPIC "{topic}{form}"', check=0)
        final, history = few_keys(source, 60)
        rtd("query", "-c", made + "INSERT INTO t " + STANDING, input=text(history), check=0)
        equal(sorted(rows_of(made + "SELECT * FROM t"), key=lambda row: row["id"]), final, form)


def test_a_primary_key_that_several_rows_may_have_is_refused_where_rows_are_taken_back(server, topic):
    """The deletion of one of the rows would delete the key that the other one has too."""
    at = f"properties.bootstrap.server = '{server.address}'"

    def table(name, columns):
        rtd("query", "-b", server.address, "-c", f'CREATE TOPIC "{topic}{name}"', check=0)
        return (f"CREATE TABLE {name} ({columns}) WITH (connector = 'kafka', topic = '{topic}{name}', {at}) "
                "FORMAT UPSERT ENCODE JSON; ")

    made = (table("src", "id int PRIMARY KEY, n int") + table("dim", "n int PRIMARY KEY, name text")
            + table("snk", "k int PRIMARY KEY, v int"))
    rows = [{"key": json.dumps({"id": i}), "value": json.dumps({"id": i, "n": i % 2})} for i in (1, 2, 3)]
    rtd("produce", "-J", topic + "src", "-b", server.address, input=text(rows), check=0)
    names = [{"key": json.dumps({"n": n}), "value": json.dumps({"n": n, "name": str(n)})} for n in (0, 1)]
    rtd("produce", "-J", topic + "dim", "-b", server.address, input=text(names), check=0)
    for select in ("SELECT id % 2 AS k, id AS v FROM src", "SELECT n AS k, id AS v FROM src",
                   "SELECT b.n AS k, a.id AS v FROM src a JOIN dim b ON a.n = b.n",
                   "SELECT max(id)::int AS k, n AS v FROM src GROUP BY n"):
        done = rtd("query", "-c", f"{made} INSERT INTO snk {select} EMIT CHANGES", check=1)
        contains(done.errors, "the primary key (k) may be that of several rows")
        contains(done.errors, "42P10")
    for select, expected in (
            ("SELECT id AS k, n AS v FROM src", {1: 1, 2: 0, 3: 1}),
            ("SELECT a.id AS k, b.name::int AS v FROM src a LEFT JOIN dim b ON a.n = b.n", {1: 1, 2: 0, 3: 1}),
            ("SELECT b.n AS k, count(*)::int AS v FROM src a JOIN dim b ON a.n = b.n GROUP BY 1", {0: 1, 1: 2, 2: 0, 3: 1}),
            ("SELECT DISTINCT n AS k, 7 AS v FROM src", {0: 7, 1: 7, 2: 0, 3: 1})):
        rtd("query", "-c", f"{made} INSERT INTO snk {select} EMIT CHANGES", check=0)
        equal({row["k"]: row["v"] for row in rows_of(made + "SELECT * FROM snk")}, expected, select)
    # What is only inserted is written as it comes, the last of a key counts.
    rtd("query", "-c", made + "INSERT INTO snk SELECT n % 2 AS k, n AS v FROM stdin",
        input=text([{"n": 5}, {"n": 7}]), check=0)
    equal({row["k"]: row["v"] for row in rows_of(made + "SELECT * FROM snk")}, {0: 7, 1: 7, 2: 0, 3: 1})
