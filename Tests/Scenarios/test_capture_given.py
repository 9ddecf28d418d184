"""`rtd cdc --publication`: tables that come and go in a publication of the user's own; and rows that are still to be
read for a pipe."""

import json
import pathlib
import signal
import subprocess
import sys

from harness import contains, equal
from test_capture_tables import agrees, ended, rows, running, sql
from test_cdc import cdc, database, follow, free, lines, server_of, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402

TABLES = "".join(f"CREATE TABLE {name} (id int PRIMARY KEY); INSERT INTO {name} VALUES (1);" for name in "ab")
GIVEN = ["--publication", "p"]


def start(home, name, *options):
    return home.rtd("cdc", server_of().source(name), *GIVEN, "--to", "topics", "--until", "now", *options)


def good(home, name, *options):
    done = start(home, name, *options)
    equal(done.returncode, 0, done.errors)
    return done.errors


def test_tables_that_the_options_leave_out_are_not_lost():
    name = database(TABLES + "CREATE PUBLICATION p FOR ALL TABLES;")
    with Home() as home:
        out = home.path / "out"
        for target in (["--to", "topics"], ["--to", str(out), "--slot", f"{name}_f", "--format", "flat"]):
            cdc(home, name, *GIVEN, *target, "--until", "now")
            done = home.rtd("cdc", server_of().source(name), *GIVEN, *target, "--until", "now", "--tables", "a")
            equal((done.returncode, "captures public.b, which" in done.errors), (2, True), done.errors)
            cdc(home, name, *GIVEN, *target, "--until", "now", "--tables", "a", "--drop-tables", "b")
            sql("UPDATE b SET id = id + 1; UPDATE a SET id = id + 1", name)
            cdc(home, name, *GIVEN, *target, "--until", "now", "--tables", "a")
            sql("UPDATE a SET id = id + 1", name)
            done = home.rtd("cdc", server_of().source(name), *GIVEN, *target, "--until", "now")
            contains(done.errors, "table public.b is captured from now on; the rows that it has are read")
            if "topics" in target:
                agrees(home, name, *GIVEN)
                equal(rows(home, name, "b"), [{"id": 2}])
        actions = [(c["action"], c["columns"]["id"]) for c in lines(out.read_text()) if c["table"] == "b"
                   and c["action"] != "truncate"]
        equal((actions[0], actions[-1]), (("read", 2), ("read", 3)))
        equal(sql("SELECT puballtables, pubname FROM pg_publication WHERE pubname NOT LIKE 'rtd%'", name), "t|p\n")


def test_a_table_that_is_made_again_is_another_one():
    name = database(TABLES + "CREATE PUBLICATION p FOR ALL TABLES;")
    with Home() as home:
        good(home, name)
        sql("DROP TABLE a; CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (7); CREATE TABLE c (id int);"
            "INSERT INTO c VALUES (1), (2)", name)
        contains(good(home, name), "table public.a was made again; the rows that it has are read")
        agrees(home, name, *GIVEN, "--exclude", "c")
        # All changes of a table that is new are in the stream: they are there once.
        equal(len(home.rtd("consume", f"{name}.public.c", "-e").text.splitlines()), 2)
        process = running(home, name, *GIVEN)
        sql("DROP TABLE b; CREATE TABLE b (id int PRIMARY KEY, v text); INSERT INTO b VALUES (8, 'x')", name)
        agrees(home, name, *GIVEN, "--exclude", "c")
        ended(process)
        equal(good(home, name), "")


def test_a_table_that_was_out_of_the_publication_comes_back_with_its_rows():
    name = database(TABLES + "CREATE PUBLICATION p FOR TABLE a, b;")
    with Home() as home:
        good(home, name)
        sql("ALTER PUBLICATION p DROP TABLE b; UPDATE b SET id = 2; INSERT INTO a VALUES (2)", name)
        contains(good(home, name), "table public.b is not in the publication any more")
        equal(good(home, name), "")
        sql("INSERT INTO b VALUES (3); ALTER PUBLICATION p ADD TABLE b", name)
        contains(good(home, name), "table public.b is captured from now on; the rows that it has are read")
        agrees(home, name, *GIVEN)
        sql("ALTER TABLE b RENAME TO c", name)
        contains(good(home, name), "table public.c was public.b before; the rows that it has are read")
        agrees(home, name, *GIVEN)
        equal(sql("SELECT tablename FROM pg_publication_tables WHERE pubname = 'p' ORDER BY 1", name), "a\nc\n")


def test_rows_that_a_pipe_has_not_got_come_at_the_next_start():
    name = database("CREATE TABLE t (id int PRIMARY KEY);")
    with Home() as home:
        options = ["--slot", f"{name}_pipe", "--format", "flat", "-q"]
        cdc(home, name, *options, "--until", "now")
        writer = subprocess.Popen(
            [str(server_of().programs / "psql"), "-XqAt", "-h", str(server_of().directory), "-U", "postgres",
             "-d", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        # The rows of a new table are read when this transaction has ended.
        writer.stdin.write("BEGIN; INSERT INTO t VALUES (1); SELECT 1;\n")
        writer.stdin.flush()
        writer.stdout.readline()
        sql("CREATE TABLE n (id int PRIMARY KEY); INSERT INTO n VALUES (1), (2)", name)
        process = follow(home, name, *options)
        until(lambda: "n\n" in sql("SELECT tablename FROM pg_publication_tables", name), "the new table")
        here = sql("SELECT pg_current_wal_lsn()", name).strip()
        sql("INSERT INTO t VALUES (10)", name)
        equal(json.loads(process.stdout.readline())["keys"], {"id": 10})
        # What asks for the rows is not sent again.
        until(lambda: sql(f"SELECT confirmed_flush_lsn >= '{here}' FROM pg_replication_slots "
                          f"WHERE slot_name = '{name}_pipe'", name) == "t\n", "what is acknowledged")
        process.send_signal(signal.SIGTERM)
        equal(process.communicate()[0].decode(), "")
        free(name)
        writer.communicate("COMMIT;\n")
        for wanted in ([1, 2], []):
            changes = lines(cdc(home, name, *options, "--until", "now"))
            equal([c["keys"]["id"] for c in changes if c["table"] == "n"], wanted)
        sql(f"SELECT pg_drop_replication_slot('{name}_pipe')", name)
