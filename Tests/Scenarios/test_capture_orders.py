"""`rtd cdc`: what a capture that runs is told and asked, and values that updates leave out."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import harness
from harness import equal
from test_cdc import cdc, database, follow, lines, server_of, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402


def sql(text, name):
    return server_of().sql(text, name)


class Errors:
    """stderr of a process, in a file that can be read while it runs."""

    def __init__(self, home, name, *options):
        self.path = home.path / "errors"
        self.file = open(self.path, "wb")
        self.process = subprocess.Popen(
            [harness.rtd, "cdc", server_of().source(name), *options], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=self.file, cwd=home.path, env=home.environment())

    def has(self, text):
        return text in self.path.read_text()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.file.close()


def streams(name):
    return sql(f"SELECT count(*) FROM pg_replication_slots WHERE active AND database = '{name}'", name) == "1\n"


def test_a_backfill_is_paused_resumed_and_cancelled():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int PRIMARY KEY); "
                    "INSERT INTO t SELECT i, 'x' FROM generate_series(1, 3000) i; INSERT INTO u VALUES (1);")
    with Home() as home:
        out, source = home.path / "out", server_of().source(name)
        capture = Errors(home, name, "--to", str(out), "--snapshot", "never", "--format", "flat", "-X",
                         "incremental.snapshot.chunk.size=100")
        until(lambda: streams(name), "the stream")

        def told(*options):
            done = home.rtd("cdc", source, *options)
            equal((done.returncode, done.text, done.errors), (0, "", ""))
        told("--pause")
        until(lambda: capture.has("backfills are paused"), "the pause")
        told("--backfill", "t", "--request")
        told("--backfill", "u", "--request")
        sql("INSERT INTO t VALUES (0, 'y')", name)
        until(lambda: lines(out.read_text()), "a change")

        def says(text):
            # What it was at a moment before.
            os.kill(capture.process.pid, signal.SIGUSR1)
            return capture.has(text)
        until(lambda: says("backfill of public.t is paused: 0 rows, 1 more wait"), "what it says")
        until(lambda: says("rtd: streaming: 1 changes in"), "what it says of the stream")
        told("--backfill", "t", "--cancel")
        until(lambda: capture.has("backfill of public.t is cancelled behind 0 rows"), "the end of one")
        equal([change["action"] for change in lines(out.read_text())], ["insert"])
        told("--resume")
        until(lambda: capture.has("backfill of public.u is done: 1 rows"), "the other one")
        capture.end()
        equal([change["action"] for change in lines(out.read_text())], ["insert", "read"])
        done = home.rtd("cdc", source, "--cancel")
        equal((done.returncode, "--cancel goes with --backfill TABLE" in done.errors), (2, True))


def test_lines_become_messages_among_the_changes():
    name = database("CREATE TABLE t (id int PRIMARY KEY);")
    with Home() as home:
        out = home.path / "out"
        options = ["--to", str(out), "--format", "flat"]
        cdc(home, name, *options, "--until", "now")
        sql("INSERT INTO t VALUES (1)", name)
        data = "".join(f"line {i}\n" for i in range(2_500)).encode() + b"\n'it''s \xc3\xa4\\\nno end"
        done = home.rtd("cdc", server_of().source(name), "--emit", "it's", input=data)
        equal((done.returncode, done.text, done.errors), (0, "", ""))
        sql("INSERT INTO t VALUES (2)", name)
        cdc(home, name, *options, "--until", "now")
        changes = lines(out.read_text())
        equal([changes[0]["columns"], changes[-1]["columns"]], [{"id": 1}, {"id": 2}])
        found = changes[1:-1]
        equal({message["prefix"] for message in found}, {"it's"})
        equal([message["content"] for message in found], data.decode().split("\n"))
        positions = [change["metadata"]["commit_lsn"] for change in changes[1:-1]]
        equal(len(set(positions)), len(positions), "each its own transaction")


def test_values_that_an_update_leaves_out_are_looked_up():
    name = database("""CREATE EXTENSION citext; CREATE SCHEMA other; CREATE EXTENSION ltree SCHEMA other;
        CREATE TABLE t (k citext, l other.ltree, big text, more text, n int, PRIMARY KEY (k, l));
        ALTER TABLE t ALTER COLUMN big SET STORAGE EXTERNAL; ALTER TABLE t ALTER COLUMN more SET STORAGE EXTERNAL;""")
    with Home() as home:
        out = home.path / "out"
        options = ["--to", str(out), "--format", "debezium", "--until", "now"]
        cdc(home, name, *options)
        sql("""INSERT INTO t VALUES ('Aa', 'x.y', repeat('b', 9000), repeat('c', 9000), 1);
            UPDATE t SET n = 2;
            BEGIN; INSERT INTO t VALUES ('Bb', 'x', repeat('d', 9000), NULL, 1); UPDATE t SET n = 3 WHERE k = 'bb';
            COMMIT;
            UPDATE t SET more = 'new' WHERE k = 'aa';
            INSERT INTO t VALUES ('gone', 'x', repeat('e', 9000), NULL, 1); UPDATE t SET n = 4 WHERE k = 'gone';
            DELETE FROM t WHERE k = 'gone';""", name)
        cdc(home, name, *options, "--fill-unchanged")
        updates = [change["after"] for change in lines(out.read_text()) if change["op"] == "u"]
        equal([(row["k"], row["n"], row.get("big", "")[:1], (row.get("more") or "")[:3]) for row in updates],
              [("Aa", 2, "b", "new"), ("Bb", 3, "d", ""), ("Aa", 2, "b", "new"), ("gone", 4, "", "")])


def test_a_row_that_moves_without_its_large_value_is_read_again_whatever_its_key_is():
    name = database("""CREATE SCHEMA other; CREATE EXTENSION citext SCHEMA other; CREATE EXTENSION ltree SCHEMA other;
        CREATE TABLE c (k other.citext PRIMARY KEY, big text); CREATE TABLE l (k other.ltree PRIMARY KEY, big text);
        ALTER TABLE c ALTER COLUMN big SET STORAGE EXTERNAL; ALTER TABLE l ALTER COLUMN big SET STORAGE EXTERNAL;
        INSERT INTO c VALUES ('a', repeat('c', 9000)); INSERT INTO l VALUES ('a', repeat('l', 9000));""")
    with Home() as home:
        options = ["--to", "topics", "--partitions", "3", "--until", "now"]
        cdc(home, name, *options)
        sql("UPDATE c SET k = 'B'; UPDATE l SET k = 'b.c';", name)
        done = home.rtd("cdc", server_of().source(name), *options)
        equal((done.returncode, done.errors), (0, ""))
        for table, key in (("c", "B"), ("l", "b.c")):
            records = [json.loads(line) for line in home.rtd(
                "consume", "-J", f"{name}.public.{table}", "-e", seconds=60).text.splitlines()]
            reads = [json.loads(r["value"])["after"] for r in records if r["value"] and '"op":"r"' in r["value"]]
            assert {"k": key, "big": table * 9000} in reads, reads


def test_an_enum_that_gets_a_label_has_it_in_its_schema():
    name = database("CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (id int PRIMARY KEY, m mood); "
                    "INSERT INTO t VALUES (1, 'a');")
    with Home() as home:
        process = follow(home, name, "--schemas")
        first = json.loads(process.stdout.readline())
        sql("ALTER TYPE mood ADD VALUE 'b'; INSERT INTO t VALUES (2, 'b')", name)
        second = json.loads(process.stdout.readline())

        def allowed(line):
            fields = [field for side in line["schema"]["fields"] if side.get("field") == "after"
                      for field in side["fields"] if field["field"] == "m"]
            return fields[0]["parameters"]["allowed"]
        equal((second["payload"]["after"]["m"], allowed(first), allowed(second)), ("b", "a", "a,b"))
        process.terminate()
        process.wait(20)
