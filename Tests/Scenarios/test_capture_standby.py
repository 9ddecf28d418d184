"""`rtd cdc` on a standby, and on the one that takes the place of its primary."""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import harness
from harness import Skip, contains, equal, eventually
from postgres import Postgres, programs

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402

SETTINGS = {"wal_level": "logical", "hot_standby_feedback": "on", "wal_sender_timeout": "6s"}


def primary(since):
    version = subprocess.run([programs() / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.split()[2].split(".")[0]) < since:
        raise Skip(f"needs PostgreSQL {since} (RTD_PG_BIN names its programs)")
    server = Postgres(**SETTINGS)
    server.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE PUBLICATION p FOR TABLE t;"
               "SELECT 1 FROM pg_create_physical_replication_slot('standby', true)")
    return server


class Standby(Postgres):
    """A copy of a primary that follows it."""

    def __init__(self, primary, **settings):
        self.programs, self.user = primary.programs, primary.user
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        if self.user:
            shutil.chown(self.directory, self.user)
        data = f"{self.directory}/data"
        self.call("pg_basebackup", "-D", data, "-R", "-X", "stream", "-c", "fast", "-S", "standby", "-d",
                  f"host={primary.directory} user=postgres dbname=postgres")
        self.call("pg_ctl", "-D", data, "-l", f"{self.directory}/log", "-w", "-o",
                  f"-k {self.directory} -h '' -c timezone=UTC -c fsync=off"
                  + "".join(f" -c {name}={value}" for name, value in {**SETTINGS, **settings}.items()), "start")

    def promote(self):
        self.call("pg_ctl", "-D", f"{self.directory}/data", "-w", "promote")

    def has(self, number):
        return self.sql(f"SELECT count(*) FROM t WHERE id = {number}") == "1\n"


def options(server, out):
    return ["cdc", server.source(), "--slot", "s", "--publication", "p", "--format", "flat", "--to", str(out),
            "--until", "now"]


def ids(out):
    return [json.loads(line)["columns"]["id"] for line in out.read_text().splitlines()]


def test_a_standby_is_captured_and_goes_on_as_a_primary():
    server = primary(16)
    standby = Standby(server)
    with Home() as home:
        out, errors = home.path / "out", home.path / "errors"
        done = home.rtd("cdc", standby.source())
        equal(done.returncode, 1)
        contains(done.errors, "make it on the primary")
        with open(errors, "wb") as file:
            process = subprocess.Popen([harness.rtd, *options(standby, out)], stderr=file, env=home.environment(),
                                       stdin=subprocess.DEVNULL)
            eventually(lambda: "pg_log_standby_snapshot()" in errors.read_text(), what="the cause of the wait")
            eventually(lambda: server.sql("SELECT pg_log_standby_snapshot()") and process.poll() is not None,
                       what="its end")
        equal((process.returncode, ids(out)), (0, [1]), errors.read_text())
        server.sql("INSERT INTO t VALUES (2)")
        eventually(lambda: standby.has(2), what="the row on the standby")
        done = home.rtd(*options(standby, out))
        equal((done.returncode, ids(out)), (0, [1, 2]), done.errors)
        server.sql("INSERT INTO t VALUES (3)")
        eventually(lambda: standby.has(3), what="the row on the standby")
        server.stop()
        standby.promote()
        standby.sql("INSERT INTO t VALUES (4)")
        done = home.rtd(*options(standby, out))
        equal((done.returncode, ids(out)), (0, [1, 2, 3, 4]), done.errors)
    standby.stop()


def test_a_standby_that_gives_the_slot_up_says_why():
    server = primary(16)
    standby = Standby(server, hot_standby_feedback="off")
    with Home() as home:
        out = home.path / "out"
        process = home.start(*options(standby, out)[:-2])
        eventually(lambda: server.sql("SELECT pg_log_standby_snapshot()") and out.exists() and ids(out) == [1],
                   what="the snapshot")
        eventually(lambda: standby.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == "1\n",
                   what="the stream")
        server.sql("CREATE TABLE gone (a int); DROP TABLE gone; VACUUM FULL pg_class; VACUUM pg_class;")
        equal(process.wait(60), 1)
        said = process.stderr.read().decode()
        contains(said, "conflict with recovery")
        contains(said, "begin with a new snapshot")
        done = home.rtd(*options(standby, out))
        equal(done.returncode, 1)
        contains(done.errors, "its primary has removed rows of the catalog that it needs")
    server.stop()
    standby.stop()


def take_slot(server, standby):
    """Waits until the standby has the primary's slot, whose capture runs."""
    def synced():
        # Word of transactions lets the slot need less: no more than the standby has kept.
        server.sql("SELECT pg_log_standby_snapshot()")
        standby.sql("SELECT pg_sync_replication_slots()")
        return standby.sql("SELECT 1 FROM pg_replication_slots WHERE slot_name = 's' AND synced "
                           "AND NOT temporary") == "1\n"
    eventually(synced, seconds=90, what="the slot on the standby")


def test_the_slot_is_on_the_standby_that_takes_over():
    server = primary(17)
    with Home() as home:
        out = home.path / "out"
        done = home.rtd(*options(server, out))
        equal((done.returncode, ids(out)), (0, [1]), done.errors)
        equal(server.sql("SELECT failover FROM pg_replication_slots WHERE slot_name = 's'"), "t\n")
        standby = Standby(server)
        process = home.start(*options(server, out)[:-2])
        server.sql("INSERT INTO t VALUES (2)")
        take_slot(server, standby)
        process.terminate()
        process.wait(20)
        server.sql("INSERT INTO t VALUES (3)")
        eventually(lambda: standby.has(3), what="the row on the standby")
        server.stop()
        standby.promote()
        standby.sql("INSERT INTO t VALUES (4)")
        done = home.rtd(*options(standby, out))
        equal((done.returncode, ids(out)), (0, [1, 2, 3, 4]), done.errors)
    standby.stop()


def test_a_capture_that_runs_goes_on_with_the_standby_that_takes_over():
    server = primary(17)
    standby = Standby(server)
    with Home() as home:
        out = home.path / "out"
        both = (f"host={server.directory},{standby.directory} user=postgres dbname=postgres "
                "target_session_attrs=primary")
        process = home.start("cdc", both, *options(server, out)[2:-2])
        eventually(lambda: out.exists() and ids(out) == [1], what="the snapshot")
        server.sql("INSERT INTO t VALUES (2)")
        take_slot(server, standby)
        server.sql("INSERT INTO t SELECT generate_series(3, 1000)")
        eventually(lambda: standby.has(1000), what="the rows on the standby")
        server.call("pg_ctl", "-D", f"{server.directory}/data", "-m", "immediate", "stop")
        standby.promote()
        standby.sql("INSERT INTO t SELECT generate_series(1001, 2000)")
        eventually(lambda: ids(out)[-1] == 2000, seconds=90, what="the last row")
        equal(ids(out), list(range(1, 2001)))
        process.terminate()
        process.wait(20)
    server.stop()
    standby.stop()
