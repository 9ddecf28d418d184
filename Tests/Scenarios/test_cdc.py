"""`rtd cdc` on a PostgreSQL server of its own: to a pipe, a file, topics and other commands; killed,
interrupted, with a reader that leaves and a disk that is full."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time

import harness
from harness import equal
from postgres import Postgres

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402

server = None
databases = 0


def database(schema=""):
    """A new database of a server that is started once."""
    global server, databases
    server = server or Postgres(wal_level="logical", max_replication_slots=40, max_wal_senders=40,
                                wal_sender_timeout="10s", max_prepared_transactions=10)
    databases += 1
    name = f"d{databases}"
    server.sql(f"CREATE DATABASE {name}")
    server.sql(schema, name)
    return name


def server_of():
    """The server that `database` has started."""
    return server


def cdc(home, name, *options, **more):
    done = home.rtd("cdc", server.source(name), *options, **more)
    assert done.returncode == 0, done.errors
    return done.text


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def slots(name):
    return server.sql("SELECT slot_name FROM pg_replication_slots "
                      f"WHERE database = '{name}' ORDER BY 1").split()


def publications(name):
    return server.sql("SELECT pubname FROM pg_publication ORDER BY 1", name).split()


def until(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.05)


def free(name):
    """Waits until no one reads a slot of the database."""
    until(lambda: server_of().sql("SELECT count(*) FROM pg_replication_slots WHERE active "
                                  f"AND database = '{name}'") == "0\n", "the slot to be free")


ORDERS = """
CREATE TABLE orders (id int PRIMARY KEY, total numeric(10,2), note text);
INSERT INTO orders VALUES (1, 1.10, 'a'), (2, NULL, NULL), (3, 12345678.90, E'tab\\t"q"\\n');
"""


def test_the_rows_of_a_database_in_one_pipe_and_nothing_left_behind():
    name = database(ORDERS)
    with Home() as home:
        text = cdc(home, name, "--until", "now")
        equal([line["after"]["id"] for line in lines(text)], [1, 2, 3])
        equal({line["op"] for line in lines(text)}, {"r"})
        first = lines(text)[0]["source"]
        equal((first["connector"], first["db"], first["schema"], first["table"]),
              ("postgresql", name, "public", "orders"))
        equal([line["source"]["snapshot"] for line in lines(text)], ["first", "true", "last"])
        assert '"total":1.10,' in text, text
        equal((slots(name), publications(name)), ([], []))


def follow(home, name, *options):
    """A capture that holds its slot: what comes now is in its stream, and others see its reader."""
    server = server_of()
    held = f"SELECT count(*) FROM pg_replication_slots WHERE active AND database = '{name}'"
    before = int(server.sql(held))
    process = home.start("cdc", server.source(name), *options)
    until(lambda: int(server.sql(held)) > before, "the slot's reader")
    return process


def test_changes_come_as_they_are_committed_and_a_signal_leaves_nothing():
    name = database(ORDERS)
    with Home() as home:
        process = follow(home, name, "--snapshot", "never", "--format", "flat")
        server.sql("INSERT INTO orders VALUES (4, 5, 'x')", name)
        server.sql("UPDATE orders SET total = 6 WHERE id = 4", name)
        server.sql("BEGIN; DELETE FROM orders WHERE id = 4; INSERT INTO orders VALUES (5, 0, '');"
                   "COMMIT", name)
        server.sql("TRUNCATE orders", name)
        got = [json.loads(process.stdout.readline()) for _ in range(5)]
        equal([change["action"] for change in got],
              ["insert", "update", "delete", "insert", "truncate"])
        equal([change.get("keys") for change in got],
              [{"id": 4}, {"id": 4}, {"id": 4}, {"id": 5}, None])
        equal([change["metadata"]["ordinal"] for change in got], [1, 1, 1, 2, 1])
        process.send_signal(signal.SIGINT)
        equal(process.wait(20), -signal.SIGINT)
        equal((slots(name), publications(name)), ([], []))


def test_a_reader_that_leaves_ends_it_on_a_quiet_database_too():
    name = database(ORDERS)
    with Home() as home:
        done = home.shell(f"rtd cdc '{server.source(name)}' | head -1 | wc -l; "
                          "echo ${PIPESTATUS[0]}", seconds=30)
        equal((done.text.split(), done.errors), (["1", "0"], ""))
        until(lambda: slots(name) == [], "the slot to go")
        equal(publications(name), [])


def test_a_full_disk_is_status_1_and_says_so():
    name = database(ORDERS)
    with Home() as home:
        done = home.shell(f"rtd cdc '{server.source(name)}' >/dev/full", seconds=30)
        equal((done.returncode, done.errors),
              (1, "rtd: cannot write to standard output: No space left on device\n"))
        equal(slots(name), [])


TYPES = {
    "bool": "true", "int2": "-1", "int4": "2147483647", "int8": "9223372036854775807",
    "oid": "4000000000", "float4": "1.1", "float8": "'NaN'", "numeric": "10.1111",
    "numeric(20,5)": "123456789.12345", "money": "-1234.11", "bpchar(5)": "'ab'",
    "varchar(9)": "'é\"'", "text": "E'a\\\\b\\n'", "name": "'n'", '"char"': "'c'",
    "bytea": "'\\x0102ff'", "date": "'0044-03-15 BC'", "time(3)": "'13:51:30.123'",
    "time": "'24:00:00'", "timetz": "'13:51:30.123789+02'", "timestamp": "'infinity'",
    "timestamp(3)": "'2024-01-02 03:04:05.5'", "timestamptz": "'2024-01-02 03:04:05.123456+02'",
    "interval": "'-1 year 2 mons 3 days -04:05:06.78'", "bit(1)": "'1'", "bit(9)": "'101010101'",
    "varbit": "'101'", "json": "E'{\\n\"a\": [1, null]}'", "jsonb": "'{\"b\": {\"c\": 1.50}}'",
    "xml": "'<a>1</a>'", "uuid": "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "point": "'(1,2)'",
    "line": "'{1,2,3}'", "lseg": "'[(0,0),(1,1)]'", "box": "'(1,1),(0,0)'",
    "path": "'[(0,0),(1,1)]'", "polygon": "'((0,0),(1,1))'", "circle": "'<(0,0),1>'",
    "inet": "'10.0.0.1/8'", "cidr": "'10.0.0.0/8'", "macaddr": "'08:00:2b:01:02:03'",
    "macaddr8": "'08:00:2b:01:02:03:04:05'", "int4range": "'[1,6)'", "numrange": "'(1.5,)'",
    "tsrange": "'[2024-01-01,2024-01-02)'", "tstzrange": "'[2024-01-01,2024-01-02)'",
    "daterange": "'empty'", "int8multirange": "'{[1,3),[5,9)}'", "tsvector": "'a:1 b'",
    "tsquery": "'a & b'", "pg_lsn": "'16/B374D848'", "xid": "'7'", "tid": "'(0,1)'",
    "regclass": "'pg_class'", "int2vector": "'1 2'", "oidvector": "'1 2'",
    "mood": "'ok'", "positive": "5", "pair": "'(1,\"a b\")'", "hstore": "'k=>v, n=>NULL'",
    "citext": "'Ab'", "ltree": "'a.b'", "int4[]": "'{{1,2},{3,NULL}}'",
    "text[]": "E'{a,\"b,c\",\"d\\\\\"e\",NULL,\"\"}'", "timestamptz[]": "'{2024-01-02}'",
    "jsonb[]": "array['{\"a\": 1}'::jsonb]", "numeric[]": "'{1.10,NaN}'", "mood[]": "'{ok,sad}'",
    "box[]": "'{(1,1),(0,0);(2,2),(0,0)}'", "hstore[]": "array['k=>v'::hstore]",
}
MADE = """
CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;
CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TYPE pair AS (a int, b text);
"""


def typed_table():
    columns = ", ".join(f"c{index} {kind}" for index, kind in enumerate(TYPES))
    values = ", ".join(TYPES.values())
    nulls = ", ".join("NULL" for _ in TYPES)
    return (f"{MADE} CREATE TABLE t (id int PRIMARY KEY, {columns});"
            f"INSERT INTO t VALUES (1, {values}), (2, {nulls});",
            f"INSERT INTO t VALUES (3, {values}), (4, {nulls});")


def rows_of(text, form):
    """The row's text of each line, without its id."""
    name, end = {"debezium": ('"after":{', '},"source"'), "flat": ('"columns":{', '},"metadata"'),
                 "maxwell": ('"data":{', '}}'), "wal2json": ('"columns":[', ']}')}[form]
    rows = []
    for line in text.splitlines():
        line = line.replace(',"commit":true}', "}")
        if name in line:
            row = line[line.index(name) + len(name):line.rindex(end)]
            rows.append(row[row.index(',"c0"') if form != "wal2json" else row.index('"c0"'):])
    return rows


def test_snapshot_and_stream_give_the_same_bytes_for_every_type():
    made, inserted = typed_table()
    for form in ("debezium", "flat", "maxwell", "wal2json"):
        name = database(made)
        with Home() as home:
            process = follow(home, name, "--format", form)
            server.sql(inserted, name)
            text, seen = "", 0
            while seen < 4:
                line = process.stdout.readline().decode()
                assert line, process.stderr.read()
                json.loads(line)
                text += line
                seen += '"c0"' in line
            process.send_signal(signal.SIGINT)
            process.wait(20)
            rows = rows_of(text, form)
            equal(len(rows), 4)
            equal((rows[0], rows[1]), (rows[2], rows[3]), f"{form}: snapshot and stream")


def checksum(name, tables):
    return [server.sql(f"SELECT count(*), md5(string_agg(x, '|' ORDER BY x)) "
                       f"FROM (SELECT t::text AS x FROM {table} t) _", name) for table in tables]


WORK = """
CREATE TABLE a (id int PRIMARY KEY, v int, big text);
CREATE TABLE b (x int, y text); ALTER TABLE b REPLICA IDENTITY FULL;
CREATE TABLE c (k1 int, k2 text, v numeric, PRIMARY KEY (k2, k1));
INSERT INTO a SELECT i, i, repeat(md5(i::text), 200) FROM generate_series(1, 50) i;
INSERT INTO b SELECT i % 10, 'y' || i FROM generate_series(1, 40) i;
INSERT INTO c SELECT i, 'k' || i % 3, i * 1.5 FROM generate_series(1, 60) i;
"""


def work(chance, statements=60):
    """A script of random transactions."""
    script = []
    for _ in range(statements):
        n = chance.randrange(1, 200)
        script.append(chance.choice([
            f"INSERT INTO a VALUES ({n}, {n}, repeat('z', {n * 30})) ON CONFLICT DO NOTHING;",
            f"UPDATE a SET v = v + 1 WHERE id % 7 = {n % 7};",
            f"UPDATE a SET id = id + 1000 WHERE id = {n} AND NOT EXISTS "
            f"(SELECT 1 FROM a WHERE id = {n} + 1000);",
            f"DELETE FROM a WHERE id = {n};",
            f"INSERT INTO b VALUES ({n % 10}, NULL), ({n % 10}, 'y{n}');",
            f"DELETE FROM b WHERE x = {n % 10} AND y = 'y{n}';",
            f"UPDATE b SET y = y || '!' WHERE x = {n % 10};",
            f"UPDATE c SET v = -v WHERE k1 = {n};",
            f"UPDATE c SET k2 = k2 || '''' WHERE k1 = {n % 60};",
            f"BEGIN; INSERT INTO b VALUES ({n}, 'in'); SAVEPOINT s; DELETE FROM a; ROLLBACK TO s; "
            f"UPDATE a SET big = md5('{n}') WHERE id = {n}; COMMIT;",
            f"BEGIN; DELETE FROM c; ROLLBACK;",
        ]))
        if chance.random() < 0.02:
            script.append("TRUNCATE b;")
    return "\n".join(script)


def test_sql_replays_in_another_database():
    name = database(WORK)
    copy = database(WORK + "TRUNCATE a, b, c;")
    chance = random.Random(harness.seed)
    with Home() as home:
        process = follow(home, name, "--format", "sql")
        # Beside the reader: while rows are read the tables are locked against TRUNCATE.
        changes = threading.Thread(target=lambda: [server.sql(text, name) for text in (
            work(chance), "CREATE TABLE mark (id int PRIMARY KEY)",
            "INSERT INTO a VALUES (-1, 0, 'end')")])
        changes.start()
        statements = []
        while not (statements and '(-1, 0, ' in statements[-1]):
            pass_line = process.stdout.readline().decode()
            assert pass_line, process.stderr.read()
            statements.append(pass_line)
        changes.join()
        process.send_signal(signal.SIGINT)
        process.wait(20)
        server.sql("".join(statements) + "COMMIT;", copy)
    equal(checksum(copy, "abc"), checksum(name, "abc"))


def test_a_file_goes_on_behind_its_last_whole_transaction():
    name = database(WORK)
    chance = random.Random(harness.seed)
    print(f"     seed {harness.seed}")
    with Home() as home:
        out = home.path / "changes"
        options = ["--to", str(out), "--format", "flat"]
        cdc(home, name, *options, "--until", "now")
        equal(slots(name), [f"rtd_{name}"])
        for _ in range(4):
            process = home.start("cdc", server.source(name), *options)
            server.sql(work(chance, 20), name)
            time.sleep(chance.random())
            process.kill()
            process.wait()
            free(name)
        cdc(home, name, *options, "--until", "now")
        check_flat(name, lines(out.read_text()))
        done = home.rtd("cdc", server.source(name), "--slots", "--drop", f"rtd_{name}")
        equal((done.returncode, slots(name), publications(name)), (0, [], []))


def check_flat(name, changes):
    """The changes give the database's rows, and none is there twice."""
    places = [(c["metadata"]["commit_lsn"], c["metadata"]["ordinal"]) for c in changes
              if not c["metadata"]["snapshot"]]
    equal(len(places), len(set(places)), "each change once")
    tables = {"a": [], "b": [], "c": []}
    keys = {"a": ["id"], "c": ["k1", "k2"]}
    for change in changes:
        rows = tables[change["table"]]
        if change["action"] == "truncate":
            rows.clear()
            continue
        new, old = change["columns"], change.get("changes") or {}
        if change["action"] in ("insert", "read"):
            rows.append(new)
            continue
        if change["table"] in keys:
            names = keys[change["table"]]
            wanted = {n: old.get(n, new[n]) for n in names}
            found = next(r for r in rows if all(r[n] == wanted[n] for n in names))
        else:
            found = {**new, **old}
        if change["action"] == "delete":
            rows.remove(found)
        else:
            index = rows.index(found)
            rows[index] = {**found, **new}
    for table, rows in tables.items():
        real = server.sql(f"SELECT to_jsonb(t) FROM {table} t", name).splitlines()
        wanted = sorted(json.dumps(json.loads(row), sort_keys=True) for row in real)
        equal(sorted(json.dumps(row, sort_keys=True) for row in rows) == wanted, True,
              f"table {table}: {len(rows)} and {len(wanted)} rows")


def test_topics_hold_each_change_once_whenever_it_is_killed():
    name = database(WORK)
    chance = random.Random(harness.seed)
    with Home() as home:
        options = ["--to", "topics", "--format", "flat"]
        for _ in range(5):
            process = home.start("cdc", server.source(name), *options)
            server.sql(work(chance, 20), name)
            time.sleep(chance.random() * 2)
            process.kill()
            process.wait()
            free(name)
        cdc(home, name, *options, "--until", "now")
        changes, tombstones = [], 0
        for table in "abc":
            for line in home.rtd("consume", "-J", f"{name}.public.{table}", "-e").text.splitlines():
                record = json.loads(line)
                if record["value"] is None:
                    tombstones += 1
                else:
                    changes.append(json.loads(record["value"]))
        assert tombstones > 0
        check_flat(name, changes)
        cuts = [json.loads(json.loads(line)["value"])
                for line in home.rtd("consume", "-J", f"{name}.cuts", "-e").text.splitlines()]
        positions = [tuple(int(part, 16) for part in cut["lsn"].split("/")) for cut in cuts]
        equal(positions, sorted(positions))
        for table in "abc":
            assert cuts[-1]["offsets"][f"{name}.public.{table}-0"] > 0


def test_cuts_say_where_changes_end_though_others_write_to_the_topics():
    """The cut goes out with its changes, before it is known where these come to stand."""
    name = database(ORDERS)
    topic = f"{name}.public.orders"
    with Home() as home:
        def records():
            return lines(home.rtd("consume", "-J", topic, "-e").text)

        def changes():
            found = [(record["offset"], record["value"]) for record in records()]
            return {offset: json.loads(value)["columns"]["id"]
                    for offset, value in found if value.startswith("{")}

        process = follow(home, name, "--to", "topics", "--format", "flat")
        for number in range(10, 22):
            server.sql(f"INSERT INTO orders VALUES ({number}, 1, '')", name)
            until(lambda: number in changes().values(), f"row {number}")
            if number % 3 == 0:
                equal(home.rtd("produce", topic, input="not of the database\n").returncode, 0)
        process.send_signal(signal.SIGINT)
        process.wait(20)
        places = changes()
        equal(sorted(places.values()), [1, 2, 3, *range(10, 22)])
        cuts = [json.loads(json.loads(line)["value"])
                for line in home.rtd("consume", "-J", f"{name}.cuts", "-e").text.splitlines()]
        ends = [cut["offsets"][f"{topic}-0"] for cut in cuts]
        equal(ends, sorted(ends))
        equal({end - 1 for end in ends} <= set(places), True, f"{ends}, {places}")
        assert len(set(ends)) > 10


def test_debezium_topics_give_the_rows_with_keys_that_move():
    name = database(WORK)
    chance = random.Random(harness.seed)
    with Home() as home:
        options = ["--to", "topics", "--until", "now"]
        cdc(home, name, *options)
        for _ in range(3):
            server.sql(work(chance), name)
            cdc(home, name, *options)
        for table, keys in (("a", ["id"]), ("c", ["k1", "k2"])):
            rows, live, places = {}, set(), []
            for line in home.rtd("consume", "-J", f"{name}.public.{table}", "-e").text.splitlines():
                record = json.loads(line)
                if record["value"] is None:
                    live.discard(record["key"])
                    continue
                change = json.loads(record["value"])
                if change["transaction"]:
                    places.append((change["transaction"]["id"], change["transaction"]["total_order"]))
                before, after = change["before"], change["after"]
                found = {}
                if change["op"] in "ud":
                    found = rows.pop(tuple((before or after)[k] for k in keys))
                if change["op"] in "cru":
                    rows[tuple(after[k] for k in keys)] = {**found, **after}
                    live.add(record["key"])
            equal(len(places), len(set(places)), "each event once")
            real = server.sql(f"SELECT to_jsonb(t) FROM {table} t", name).splitlines()
            wanted = sorted(json.dumps(json.loads(row), sort_keys=True) for row in real)
            equal(sorted(json.dumps(row, sort_keys=True) for row in rows.values()) == wanted, True,
                  f"table {table}: {len(rows)} and {len(wanted)} rows")
            equal(len(live), len(wanted), "keys that a compacted topic keeps")


def test_a_query_reads_debezium_from_the_pipe():
    name = database(ORDERS)
    with Home() as home:
        done = home.shell(f"rtd cdc '{server.source(name)}' --until now | rtd query "
                          "\"SELECT id, total FROM read_debezium(stdin, key => 'id') "
                          "WHERE total > 2\"")
        equal((done.returncode, done.errors), (0, ""))
        equal(json.loads(done.text), {"id": 3, "total": 12345678.90})


def test_check_says_what_stands_in_the_way():
    name = database(ORDERS + "CREATE TABLE keyless (a int);")
    with Home() as home:
        done = home.rtd("cdc", "--check", server.source(name))
        equal(done.returncode, 0, done.text)
        assert "public.keyless" in done.text and "wal_level" in done.text, done.text
        done = home.rtd("cdc", "--check", server.source(name), "--exclude", "keyless")
        equal(done.returncode, 0, done.text)
        assert "public.orders" in done.text, "large values"
