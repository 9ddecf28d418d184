"""Captured topics as relations: the rows of a database in SQL, several tables at one cut, while
`rtd cdc` writes them, is killed and goes on."""

import json
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time

import harness
from harness import contains, equal
from test_cdc import cdc, database, free, server_of, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402

SHOP = """
CREATE TABLE orders (id int PRIMARY KEY, customer int, total numeric(10,2), note text, doc text);
CREATE TABLE customers (id int PRIMARY KEY, name text);
CREATE TABLE empty (id int PRIMARY KEY, v text);
ALTER TABLE orders ALTER doc SET STORAGE EXTERNAL;
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bob'), (3, 'Cyd');
INSERT INTO orders SELECT i, i % 3 + 1, i * 1.5, 'n' || i, repeat(md5(i::text), 200)
    FROM generate_series(1, 30) i;
"""
CHANGES = """
UPDATE orders SET note = 'changed' WHERE id % 4 = 0;
UPDATE orders SET id = id + 100 WHERE id <= 3;
DELETE FROM orders WHERE id BETWEEN 20 AND 24;
BEGIN; DELETE FROM customers WHERE id = 3; INSERT INTO customers VALUES (3, 'Cid'), (4, 'Dan'); COMMIT;
UPDATE orders SET doc = 'short' WHERE id = 10;
"""


def ask(home, sql, *options):
    done = home.rtd("query", "--format", "json", *options, "-c", sql)
    equal((done.returncode, done.errors), (0, ""), sql)
    return [json.loads(line) for line in done.text.splitlines()]


def rows(name, table):
    text = server_of().sql(f"SELECT to_jsonb(t) FROM {table} t ORDER BY 1", name)
    return sorted((json.loads(line) for line in text.splitlines()), key=lambda row: row["id"])


def assert_same(home, name, *tables, prefix=None):
    for table in tables:
        found = ask(home, f"SELECT * FROM {prefix or name}.public.{table} ORDER BY id")
        wanted = rows(name, table)
        equal([row["id"] for row in found], [row["id"] for row in wanted], table)
        for one, other in zip(found, wanted):
            equal(one, other, f"{prefix or name} {table}")


def test_a_captured_topic_is_the_table():
    name = database(SHOP)
    with Home() as home:
        for options in ([], ["--topic-prefix", f"{name}.many", "--partitions", "3"],
                        ["--topic-prefix", f"{name}s", "--schemas"]):
            prefix = options[1] if options else name
            capture = ["--to", "topics", "--until", "now", *options]
            cdc(home, name, *capture)
            if "--partitions" in options:
                # What a row keeps when its key takes it to another partition is not known there.
                server_of().sql("UPDATE orders SET doc = id::text WHERE id <= 3", name)
            server_of().sql(CHANGES, name)
            cdc(home, name, *capture)
            assert_same(home, name, "orders", "customers", prefix=prefix)
            equal(ask(home, f"SELECT count(*) AS n FROM {prefix}.public.empty"), [{"n": 0}])
            server_of().sql("TRUNCATE orders, empty; INSERT INTO orders VALUES (7, 1, 1, 'new', 'd')",
                            name)
            cdc(home, name, *capture)
            assert_same(home, name, "orders", prefix=prefix)
            server_of().sql("TRUNCATE customers, orders;" + SHOP[SHOP.index("INSERT"):], name)


def test_its_columns_are_named_as_in_postgresql_and_it_has_no_changes():
    name = database(SHOP)
    with Home() as home:
        cdc(home, name, "--to", "topics", "--until", "now")
        equal(ask(home, f"SELECT customers.name, count(orders.id) AS n, public.customers.id "
                        f"FROM {name}.public.orders JOIN {name}.public.customers "
                        "ON orders.customer = customers.id GROUP BY 1, 3 ORDER BY 3"),
              [{"name": "Ada", "n": 10, "id": 1}, {"name": "Bob", "n": 10, "id": 2},
               {"name": "Cyd", "n": 10, "id": 3}])
        equal(ask(home, f"SELECT orders.* EXCLUDE (doc) FROM {name}.public.orders WHERE id = 2"),
              [{"id": 2, "customer": 3, "total": 3.0, "note": "n2"}])
        # Sketches take no changes: it is a table.
        equal(ask(home, f"SELECT approx_count_distinct(id) > 25 AS many FROM {name}.public.orders"),
              [{"many": True}])
        raw = ask(home, f"SELECT op, count(*) AS n FROM 'kafka:///{name}.public.orders' GROUP BY op")
        equal(raw, [{"op": "r", "n": 30}], "the changes themselves")
        done = home.rtd("query", "--verify", "-c", f"SELECT customer, count(*) FROM {name}.public.orders "
                                                   "GROUP BY customer")
        equal(done.returncode, 0, done.errors)


def test_rows_without_key_and_other_formats():
    name = database("CREATE TABLE log (line text); INSERT INTO log VALUES ('a'), ('a'), ('b');"
                    "CREATE TABLE kept (a int, b text); ALTER TABLE kept REPLICA IDENTITY FULL;"
                    "INSERT INTO kept VALUES (1, 'x'), (1, 'x'), (2, NULL);")
    with Home() as home:
        capture = ["--to", "topics", "--until", "now"]
        cdc(home, name, *capture)
        server_of().sql("INSERT INTO log VALUES ('c'); UPDATE kept SET b = 'y' WHERE a = 2;"
                        "DELETE FROM kept WHERE ctid = '(0,1)'; INSERT INTO kept VALUES (3, 'z');", name)
        cdc(home, name, *capture)
        equal(ask(home, f"SELECT line, count(*) AS n FROM {name}.public.log GROUP BY 1 ORDER BY 1"),
              [{"line": "a", "n": 2}, {"line": "b", "n": 1}, {"line": "c", "n": 1}])
        equal(ask(home, f"SELECT * FROM {name}.public.kept ORDER BY a"),
              [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 3, "b": "z"}])
        cdc(home, name, *capture, "--topic-prefix", "flat", "--format", "flat", "--slot", "flat")
        equal(ask(home, "SELECT action, count(*) AS n FROM flat.public.log GROUP BY 1"),
              [{"action": "read", "n": 4}])


def test_what_has_no_cut_yet_is_said():
    with Home() as home:
        home.shell("rtd query 'CREATE TOPIC \"shop.cuts\" WITH (partitions = 1)'; echo '{\"a\":1}' | rtd produce shop.public.t")
        done = home.rtd("query", "-c", "SELECT * FROM shop.public.t")
        equal(done.returncode, 1)
        contains(done.errors, "shop.cuts has no cut of all rows yet")
        home.shell("echo '{\"b\":1}' | rtd produce shop.cuts")
        equal(ask(home, "SELECT * FROM shop.public.t"), [{"a": 1}], "a topic of somebody else")


ACCOUNTS = """
CREATE TABLE left_side (id int PRIMARY KEY, v int NOT NULL);
CREATE TABLE right_side (id int PRIMARY KEY, v int NOT NULL);
INSERT INTO left_side SELECT i, 100 FROM generate_series(1, 50) i;
INSERT INTO right_side SELECT i, 100 FROM generate_series(1, 50) i;
"""
SUM = 10000


class Transfers:
    """Clients that move value between two tables, and move rows between them."""

    def __init__(self, name, seed, clients=2):
        self.done = threading.Event()
        self.count = 0
        self.threads = [threading.Thread(target=self.work, args=(name, random.Random(seed + n)))
                        for n in range(clients)]

    def work(self, name, chance):
        while not self.done.is_set():
            script = []
            for _ in range(chance.randrange(1, 30)):
                a, b, n = chance.randrange(1, 51), chance.randrange(1, 51), chance.randrange(1, 20)
                one, two = chance.sample(["left_side", "right_side"], 2)
                script.append("BEGIN; LOCK left_side, right_side IN SHARE ROW EXCLUSIVE MODE;" + chance.choice([
                    f"WITH t AS (UPDATE {one} SET v = v - {n} WHERE id = {a} RETURNING 1) "
                    f"UPDATE {two} SET v = v + {n} WHERE id = {b} AND EXISTS (SELECT 1 FROM t);"
                    f"UPDATE {one} SET v = v + {SUM} - (SELECT sum(v) FROM (TABLE left_side UNION ALL "
                    f"TABLE right_side) s) WHERE id = (SELECT min(id) FROM {one});",
                    f"WITH t AS (DELETE FROM {one} WHERE id = {a} AND (SELECT count(*) FROM {one}) > 9 "
                    f"RETURNING v) INSERT INTO {two} SELECT (SELECT max(id) + 1 FROM {two}), v FROM t;",
                    f"UPDATE {one} SET id = id + 1000 WHERE id = {a} "
                    f"AND NOT EXISTS (SELECT 1 FROM {one} WHERE id = {a} + 1000);",
                ]) + chance.choice(["COMMIT;", "COMMIT;", "COMMIT;", "ROLLBACK;"]))
            server_of().sql("\n".join(script), name)
            self.count += len(script)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join()


def both(name, stream=""):
    return (f"SELECT sum(v) AS total, count(*) AS n FROM (SELECT v FROM {name}.public.left_side {stream} "
            f"UNION ALL SELECT v FROM {name}.public.right_side {stream}) t")


def test_every_query_sees_whole_transactions_while_the_capture_is_killed():
    name = database(ACCOUNTS)
    chance = random.Random(harness.seed)
    print(f"     seed {harness.seed}")
    with Home() as home:
        options = ["--to", "topics", "--partitions", "2"]
        cdc(home, name, *options, "--until", "now")
        equal(ask(home, both(name)), [{"total": SUM, "n": 100}])
        process = home.start("cdc", server_of().source(name), *options)
        queries, seen = 0, set()
        with Transfers(name, harness.seed) as transfers:
            deadline = time.monotonic() + (60 if harness.is_long else 12)
            while time.monotonic() < deadline:
                found = ask(home, both(name))
                equal(found[0]["total"], SUM, f"query {queries}, {transfers.count} transfers")
                queries += 1
                seen.add(found[0]["n"])
                if chance.random() < 0.15:
                    process.kill()
                    process.wait()
                    process = home.start("cdc", server_of().source(name), *options)
        process.kill()
        process.wait()
        free(name)
        cdc(home, name, *options, "--until", "now")
        assert_same(home, name, "left_side", "right_side")
        print(f"     {queries} queries beside {transfers.count} transactions, {len(seen)} states of rows")


def test_a_query_without_end_goes_from_cut_to_cut():
    name = database(ACCOUNTS)
    with Home() as home:
        options = ["--to", "topics", "--partitions", "2"]
        cdc(home, name, *options, "--until", "now")
        total = home.start("query", "--format", "json", "-c",
                           f"SELECT sum(v) AS total FROM (SELECT v FROM {name}.public.left_side STREAM "
                           f"UNION ALL SELECT v FROM {name}.public.right_side STREAM) t EMIT CHANGES")
        marks = home.start("query", "--format", "json", "-c",
                           f"SELECT id, v FROM {name}.public.left_side STREAM WHERE id = -1")
        equal(json.loads(total.stdout.readline()), {"_op": "c", "total": SUM})
        process = home.start("cdc", server_of().source(name), *options)
        with Transfers(name, harness.seed):
            time.sleep(3)
            process.kill()
            process.wait()
            process = home.start("cdc", server_of().source(name), *options)
            time.sleep(2)
        server_of().sql("INSERT INTO left_side VALUES (-1, 1)", name)
        # Nothing came between: the sum was the same at every cut.
        got = json.loads(total.stdout.readline())
        assert got in ({"_op": "d", "total": SUM}, {"_op": "u", "total": SUM + 1}), got
        equal(json.loads(marks.stdout.readline()), {"_op": "c", "id": -1, "v": 1})
        for query in (total, marks, process):
            query.send_signal(signal.SIGINT)
            query.wait(20)


def test_a_kept_query_goes_on_behind_its_cut():
    name = database(ACCOUNTS)
    chance = random.Random(harness.seed)
    with Home() as home:
        options = ["--to", "topics"]
        cdc(home, name, *options, "--until", "now")
        out = home.path / "out"
        sql = (f"SELECT sum(v) AS total, count(*) AS n FROM (SELECT v FROM {name}.public.left_side STREAM "
               f"UNION ALL SELECT v FROM {name}.public.right_side STREAM) t EMIT CHANGES")
        process = home.start("cdc", server_of().source(name), *options)
        with Transfers(name, harness.seed):
            for _ in range(4):
                with open(out, "ab") as file:
                    query = subprocess.Popen(
                        [harness.rtd, "query", "--format", "json", "--state", str(home.path / "kept"),
                         "-c", sql], stdout=file, cwd=home.path, env=home.environment())
                    time.sleep(0.5 + chance.random())
                    query.kill()
                    query.wait()
        process.send_signal(signal.SIGINT)
        process.wait(20)
        totals = {json.loads(line)["total"] for line in out.read_text().splitlines()}
        equal(totals, {SUM})


def test_a_relation_with_a_number_that_is_none_is_read_to_its_end():
    """`before` and `after` are one row's columns: what one of them is read as the other is too."""
    name = database("CREATE TABLE f (id int PRIMARY KEY, f float8);"
                    "INSERT INTO f SELECT g, g FROM generate_series(1, 3000) g;"
                    "CREATE TABLE k (k float8 PRIMARY KEY, v int); INSERT INTO k VALUES ('NaN', 1), ('-0', 2);"
                    "CREATE TABLE c (id int PRIMARY KEY, v int); INSERT INTO c SELECT g, g FROM generate_series(1, 3000) g")
    with Home() as home:
        cdc(home, name, "--to", "topics", "--until", "now")
        server_of().sql("INSERT INTO f VALUES (10001, 'NaN'), (10002, 'Infinity'); UPDATE f SET f = 0 WHERE id = 10001;"
                        "UPDATE k SET v = 5; UPDATE k SET k = 1 WHERE k = 0;"
                        "ALTER TABLE c ALTER v TYPE text; UPDATE c SET v = 'abc' WHERE id = 3", name)
        cdc(home, name, "--to", "topics", "--until", "now")

        def rows(table, columns="*"):
            done = home.rtd("query", f'SELECT {columns} FROM "{name}.public.{table}" ORDER BY 1')
            equal(done.returncode, 0, done.errors)
            return [json.loads(line) for line in done.text.splitlines()]
        equal([str(row["f"]) for row in rows("f") if row["id"] > 10000], ["0", "Infinity"])
        equal(rows("k", "count(*) AS n"), [{"n": 2}])
        equal([str(row["v"]) for row in rows("c") if row["id"] < 5], ["1", "2", "abc", "4"])
