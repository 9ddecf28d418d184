"""`rtd cdc`: another server where the captured one was: set up anew, brought back from a backup, promoted."""

import json
import pathlib
import shutil
import subprocess
import sys

from harness import contains, equal
from postgres import Postgres
from test_cdc import lines

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402

SCHEMA = "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);"


def fill(server, count):
    """Makes its log longer by so many files."""
    for _ in range(count):
        server.sql("SELECT 1 FROM pg_switch_wal(); CREATE TABLE x AS SELECT 1; DROP TABLE x")


def end(server):
    server.call("pg_ctl", "-D", f"{server.directory}/data", "-m", "fast", "-w", "stop")


def begin(server, promotes=False):
    data = server.directory / "data"
    if promotes:
        (data / "standby.signal").touch()
        if server.user:
            shutil.chown(data / "standby.signal", server.user)
    server.call("pg_ctl", "-D", str(data), "-l", f"{server.directory}/log", "-w", "-o",
                f"-k {server.directory} -h '' -c wal_level=logical -c fsync=off", "start")
    if promotes:
        server.call("pg_ctl", "-D", str(data), "-w", "promote")


def capture(home, server, target, *options):
    return home.rtd("cdc", server.source(), "--to", target, "--format", "flat", "--slot", "s", "--topic-prefix", "p",
                    "--until", "now", "-q", *options)


def ids(home, target):
    if target == "topics":
        records = lines(home.rtd("consume", "-J", "p.public.t", "-e").text)
        changes = [json.loads(record["value"]) for record in records if record["value"] is not None]
    else:
        changes = lines(pathlib.Path(target).read_text())
    return [c["columns"]["id"] for c in changes if c["action"] != "truncate" and c["table"] == "t"]


def test_the_log_of_another_server_is_not_gone_on_with():
    one, other = Postgres(wal_level="logical"), Postgres(wal_level="logical")
    with Home() as home, Home() as elsewhere:
        for server in (one, other):
            server.sql(SCHEMA)
        # The other one has a slot of the name, which stands before what the output has.
        equal(capture(elsewhere, other, "topics").returncode, 0)
        fill(one, 4)
        for target in ("topics", str(home.path / "out")):
            equal(capture(home, one, target).returncode, 0)
        fill(other, 9)
        for target in ("topics", str(home.path / "out")):
            done = capture(home, other, target)
            equal(done.returncode, 1, done.errors)
            contains(done.errors, "it is of another server (system identifier")
            contains(done.errors, "--snapshot always")
            equal(capture(home, other, target, "--snapshot", "always").returncode, 0)
            other.sql("INSERT INTO t SELECT max(id) + 1 FROM t")
            done = capture(home, other, target)
            equal(done.returncode, 0, done.errors)
        equal((ids(home, "topics"), ids(home, str(home.path / "out"))), ([1, 1, 2], [1, 1, 2, 3]))
    for server in (one, other):
        server.stop()


def test_a_promoted_server_goes_on_but_one_that_has_lost_the_end_of_the_log_does_not():
    server = Postgres(wal_level="logical")
    server.sql(SCHEMA)
    with Home() as home:
        for target in ("topics", str(home.path / "out")):
            shutil.rmtree(server.directory / "copy", ignore_errors=True)
            slots = server.sql("SELECT count(pg_drop_replication_slot(slot_name)) FROM pg_replication_slots")
            equal(capture(home, server, target).returncode, 0, slots)
            end(server)
            begin(server, promotes=True)
            server.sql("INSERT INTO t SELECT max(id) + 1 FROM t")
            done = capture(home, server, target)
            equal(done.returncode, 0, done.errors)
            end(server)
            # What comes now is in the output, and not in the copy.
            subprocess.run(["cp", "-a", server.directory / "data", server.directory / "copy"], check=True)
            begin(server)
            fill(server, 2)
            server.sql("INSERT INTO t SELECT max(id) + 1 FROM t")
            equal(capture(home, server, target).returncode, 0)
            before = ids(home, target)
            end(server)
            shutil.rmtree(server.directory / "data")
            (server.directory / "copy").rename(server.directory / "data")
            begin(server, promotes=True)
            fill(server, 5)
            done = capture(home, server, target)
            equal((done.returncode, ids(home, target)), (1, before), done.errors)
            contains(done.errors, "the server has left its timeline")
            equal(capture(home, server, target, "--snapshot", "always").returncode, 0)
    server.stop()
