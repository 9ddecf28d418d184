"""`rtd cdc` and two-phase commit: slots that send transactions when they are prepared."""

import json
import pathlib
import random
import signal
import sys
import time

import harness
from harness import equal
from postgres import Postgres
from test_cdc import cdc, database, lines, server_of, slots, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a');"


def sql(text, name):
    return server_of().sql(text, name)


def ids(text):
    return [change["columns"]["id"] for change in lines(text)]


def test_a_slot_that_another_tool_made_with_two_phases_works():
    name = database(TABLE)
    sql(f"""CREATE PUBLICATION p FOR TABLE t;
        SELECT 1 FROM pg_create_logical_replication_slot('{name}', 'pgoutput', false, true);""", name)
    sql("BEGIN; INSERT INTO t VALUES (2, 'b'); PREPARE TRANSACTION 'g2';", name)
    sql("BEGIN; INSERT INTO t VALUES (3, 'c'); PREPARE TRANSACTION 'g3';", name)
    sql("INSERT INTO t VALUES (4, 'd')", name)
    with Home() as home:
        out = home.path / "out"
        options = ["--slot", name, "--publication", "p", "--snapshot", "never", "--until", "now", "--format",
                   "flat", "--to", str(out)]
        cdc(home, name, *options)
        equal(ids(out.read_text()), [4])
        sql("COMMIT PREPARED 'g2'", name)
        sql("ROLLBACK PREPARED 'g3'", name)
        cdc(home, name, *options)
        cdc(home, name, *options)
        equal(ids(out.read_text()), [4, 2])
        # A slot whose reader has been given what was prepared.
        sql("BEGIN; INSERT INTO t VALUES (5, 'e'); PREPARE TRANSACTION 'g5';", name)
        sql(f"SELECT pg_replication_slot_advance('{name}', pg_current_wal_lsn())", name)
        sql("COMMIT PREPARED 'g5'", name)
        out.unlink()
        pathlib.Path(f"{out}.position").unlink()
        done = home.rtd("cdc", server_of().source(name), *options)
        equal(done.returncode, 1)
        assert '"g5" was prepared before' in done.errors, done.errors
    sql(f"SELECT pg_drop_replication_slot('{name}')", name)


def test_prepared_transactions_come_once_whatever_is_killed():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text);")
    chance = random.Random(harness.seed)
    print(f"     seed {harness.seed}")
    numbers = iter(range(1, 100_000))
    open_ones, rolled_back = [], set()

    def work():
        for _ in range(12):
            number = next(numbers)
            kind = chance.random()
            if kind < 0.3:
                sql(f"INSERT INTO t VALUES ({number}, 'plain')", name)
            elif kind < 0.6 and len(open_ones) < 5:
                # Some are large enough to be streamed.
                rows = 3_000 if chance.random() < 0.2 else 1
                text = f"SELECT {number} * 10000 + i, repeat('x', 100) FROM generate_series(1, {rows}) i"
                sql(f"BEGIN; INSERT INTO t {text}; PREPARE TRANSACTION '{name}_{number}';", name)
                open_ones.append(f"{name}_{number}")
            elif open_ones:
                gid = open_ones.pop(chance.randrange(len(open_ones)))
                isRolledBack = chance.random() < 0.3
                sql(f"{'ROLLBACK' if isRolledBack else 'COMMIT'} PREPARED '{gid}'", name)
                if isRolledBack:
                    rolled_back.add(int(gid.split("_")[1]))

    for target in ("file", "topics"):
        with Home() as home:
            out = home.path / "out"
            slot = f"{name}_{target}"
            options = ["--two-phase", "--slot", slot, "--to", str(out) if target == "file" else "topics",
                       "--format", "flat"]
            sql("ALTER SYSTEM SET logical_decoding_work_mem = '64kB'; SELECT 1 FROM pg_reload_conf();", name)
            cdc(home, name, *options, "--until", "now")
            equal(sql(f"SELECT two_phase FROM pg_replication_slots WHERE slot_name = '{slot}'", name), "t\n")
            for _ in range(5):
                process = home.start("cdc", server_of().source(name), *options)
                until(lambda: sql(f"SELECT active FROM pg_replication_slots WHERE slot_name = '{slot}'",
                                  name) == "t\n", "the stream")
                work()
                process.kill()
                process.wait()
                work()
                until(lambda: sql(f"SELECT active FROM pg_replication_slots WHERE slot_name = '{slot}'",
                                  name) == "f\n", "the slot")
            while open_ones:
                sql(f"COMMIT PREPARED '{open_ones.pop()}'", name)
            cdc(home, name, *options, "--until", "now")
            if target == "file":
                changes = lines(out.read_text())
            else:
                changes = [json.loads(json.loads(line)["value"]) for line in home.rtd(
                    "consume", "-J", f"{name}.public.t", "-e", seconds=60).text.splitlines()]
            found = [change["columns"]["id"] for change in changes]
            equal(len(found), len(set(found)), "each once")
            rows = [int(id) for id in sql("SELECT id FROM t ORDER BY 1", name).split()]
            equal(sorted(found), rows)
            assert not {id // 10_000 for id in found} & rolled_back
    for slot in slots(name):
        sql(f"SELECT pg_drop_replication_slot('{slot}')", name)
    sql("ALTER SYSTEM RESET logical_decoding_work_mem; SELECT 1 FROM pg_reload_conf();", name)


def test_a_server_shuts_down_while_a_prepared_transaction_waits():
    server = Postgres(wal_level="logical", max_prepared_transactions=5)
    server.sql(TABLE)
    with Home() as home:
        out = home.path / "out"
        process = home.start("cdc", server.source(), "--two-phase", "--to", str(out), "--format", "flat")
        until(lambda: server.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")
              == "1\n", "the stream")
        server.sql("BEGIN; INSERT INTO t VALUES (2, 'b'); PREPARE TRANSACTION 'g2';")
        server.sql("INSERT INTO t VALUES (3, 'c')")
        until(lambda: 3 in ids(out.read_text()), "what came behind it")
        server.call("pg_ctl", "-D", f"{server.directory}/data", "-m", "fast", "-w", "stop")
        server.call("pg_ctl", "-D", f"{server.directory}/data", "-l", f"{server.directory}/log", "-w", "-o",
                    f"-k {server.directory} -h '' -c timezone=UTC -c fsync=off -c wal_level=logical "
                    "-c max_prepared_transactions=5", "start")
        server.sql("COMMIT PREPARED 'g2'")
        until(lambda: ids(out.read_text()) == [1, 3, 2], "what was prepared")
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    server.stop()
