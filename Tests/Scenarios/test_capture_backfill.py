"""`rtd cdc --backfill`: rows read anew while the stream goes on, beside writers, killed and continued."""

import json
import pathlib
import random
import subprocess
import sys
import threading
import time

import harness
from harness import equal
from test_cdc import cdc, database, free, lines, server_of, slots, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402

TABLE = """
CREATE TABLE t (a int, b text, v int, filler text, PRIMARY KEY (b, a));
INSERT INTO t SELECT i, 'k' || i % 5, 0, repeat('x', 20) FROM generate_series(1, 20000) i;
"""


class Writer:
    """Changes rows all the time, from a thread of its own."""

    def __init__(self, name, seed):
        self.name, self.chance, self.ended, self.error = name, random.Random(seed), False, None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            while not self.ended:
                n = self.chance.randrange(1, 20000)
                server_of().sql("\n".join([
                    f"UPDATE t SET v = v + 1 WHERE a BETWEEN {n} AND {n + 200};",
                    f"UPDATE t SET b = b || 'm' WHERE a = {n} AND length(b) < 20;",
                    f"DELETE FROM t WHERE a = {n + 300};",
                    f"INSERT INTO t VALUES ({n + 300}, 'new', 7, '') ON CONFLICT DO NOTHING;",
                    f"BEGIN; UPDATE t SET v = -1 WHERE a = {n}; ROLLBACK;"]), self.name)
        except Exception as error:
            self.error = error

    def end(self):
        self.ended = True
        self.thread.join()
        if self.error:
            raise self.error


def replayed(changes):
    """The rows that upserts by the key give."""
    rows = {}
    for change in changes:
        if change["action"] == "truncate":
            rows.clear()
            continue
        new, old = change["columns"], change.get("changes") or {}
        key = (new["b"], new["a"])
        if change["action"] == "delete":
            rows.pop(key, None)
            continue
        if change["action"] == "update" and old:
            rows.pop((old.get("b", new["b"]), old.get("a", new["a"])), None)
        rows[key] = new
    return rows


def check(name, changes):
    real = {(r["b"], r["a"]): r for r in map(json.loads, server_of().sql(
        "SELECT to_jsonb(t) FROM t", name).splitlines())}
    got = replayed(changes)
    wrong = [key for key in set(real) | set(got) if real.get(key) != got.get(key)]
    equal(len(wrong), 0, f"{wrong[:3]}: {[(real.get(k), got.get(k)) for k in wrong[:3]]}")


def test_rows_that_are_read_beside_writers_are_never_older_than_the_stream():
    name = database(TABLE)
    print(f"     seed {harness.seed}")
    with Home() as home:
        out = home.path / "out"
        options = ["--to", str(out), "--format", "flat", "--snapshot", "never"]
        cdc(home, name, *options, "--until", "now")
        writer = Writer(name, harness.seed)
        try:
            done = home.rtd("cdc", server_of().source(name), *options, "--until", "now", "--backfill", "t",
                            "-X", "incremental.snapshot.chunk.size=500", seconds=100)
            equal(done.returncode, 0, done.errors)
            assert "backfill of public.t is done" in done.errors, done.errors
        finally:
            writer.end()
        cdc(home, name, *options, "--until", "now")
        changes = lines(out.read_text())
        check(name, changes)
        assert any(c["action"] == "read" for c in changes)
        assert not any(c["action"] == "message" for c in changes)


def test_a_backfill_that_is_killed_goes_on_in_file_and_topics():
    for target in ("file", "topics"):
        name = database(TABLE)
        with Home() as home:
            out = home.path / "out"
            options = ["--to", str(out) if target == "file" else "topics", "--format", "flat", "--snapshot",
                       "never", "-X", "incremental.snapshot.chunk.size=300"]
            cdc(home, name, *options, "--until", "now")
            done = home.rtd("cdc", server_of().source(name), "--backfill", "t", "--request")
            equal((done.returncode, done.text, done.errors), (0, "", ""))
            chance = random.Random(harness.seed)
            for _ in range(4):
                process = home.start("cdc", server_of().source(name), *options)
                time.sleep(0.2 + chance.random() * 0.5)
                process.kill()
                process.wait()
                server_of().sql("UPDATE t SET v = v + 1 WHERE a % 100 = 3", name)
                free(name)
            cdc(home, name, *options, "--until", "now")
            if target == "file":
                changes = lines(out.read_text())
            else:
                records = [json.loads(line) for line in home.rtd(
                    "consume", "-J", f"{name}.public.t", "-e", seconds=60).text.splitlines()]
                changes = [json.loads(r["value"]) for r in records if r["value"] is not None]
            check(name, changes)
            reads = [(c["keys"]["b"], c["keys"]["a"]) for c in changes if c["action"] == "read"]
            equal(len(reads), len(set(reads)), "no chunk is given twice")
            equal(reads, sorted(reads), "in the order of the key")


def test_a_condition_selects_rows_and_sql_replaces_them():
    name = database(TABLE)
    copy = database(TABLE.split("INSERT")[0] + "INSERT INTO t VALUES (1, 'k1', 99, 'old');")
    with Home() as home:
        text = cdc(home, name, "--snapshot", "never", "--until", "now", "--format", "sql", "-q",
                   "--backfill", "t:a <= 10 AND v = 0")
        server_of().sql(text, copy)
        equal(server_of().sql("SELECT count(*), sum(v), min(filler) FROM t", copy),
              f"10|0|{'x' * 20}\n")
        text = cdc(home, name, "--snapshot", "never", "--until", "now", "-q", "--backfill", "t:a = 1")
        equal([(c["op"], c["source"]["snapshot"], c["after"]["a"]) for c in lines(text)],
              [("r", "incremental", 1)])
        equal(slots(name), [])


def test_what_cannot_be_read_anew_is_said():
    name = database(TABLE + "CREATE TABLE keyless (x int);")
    source = server_of().source(name)
    with Home() as home:
        for options, status, words in (
                (["--backfill", "nosuch"], 2, "no such table is captured"),
                (["--backfill", "keyless"], 2, "has no primary key"),
                (["--backfill", "t", "--request"], 1, f'has no slot "rtd_{name}"'),
                (["--request"], 2, "--request goes with --backfill")):
            done = home.rtd("cdc", source, *options, "--until", "now", "--snapshot", "never", "-q")
            equal((done.returncode, words in done.errors), (status, True), done.errors)
        done = home.rtd("cdc", source, "--backfill", "t:nosuch > 1", "--until", "now", "--snapshot",
                        "never", "--format", "flat")
        equal(done.returncode, 1)
        assert 'column "nosuch" does not exist' in done.errors, done.errors
