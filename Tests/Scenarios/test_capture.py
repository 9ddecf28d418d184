"""Changes of a real PostgreSQL: `rtd cdc` against what the database holds."""

import json
import os
import random
import shutil
import signal
import subprocess
import time

import harness
import postgres

TABLES = "orders items notes log mood"
ROWS_OF_LARGE = 1_000_000 if harness.is_long else 100_000


class Source(postgres.Postgres):
    """A server with logical decoding."""

    settings = "-c wal_level=logical -c max_wal_senders=20 -c max_replication_slots=20"

    def call(self, program, *arguments):
        super().call(program, *[a + " " + self.settings if a.startswith("-k ") else a
                                for a in arguments])

    def sql(self, text, database="postgres", **options):
        done = subprocess.run(
            [str(self.programs / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", str(self.directory),
             "-U", "postgres", "-d", database], input=text.encode(), capture_output=True, timeout=100,
            **options)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def url(self, database="postgres"):
        return f"postgres://postgres@/{database}?host={self.directory}"

    def hashes(self, database="postgres", tables=TABLES):
        """md5 over the rows of each table, in the order of their text."""
        return [self.sql(
            f"select '{table}', count(*), md5(coalesce(string_agg(t::text, e'\\n' order by t::text "
            f"collate \"C\"), '')) from {table} t", database) for table in tables.split()]


servers = []


def source():
    if not servers:
        servers.append(Source())
    return servers[0]


SCHEMA = """
    create type feeling as enum ('sad', 'ok', 'happy');
    create domain positive as int check (value > 0);
    create table orders (id int primary key, customer text, total numeric(10,2), at timestamptz,
        tags text[], body jsonb, raw bytea);
    create table items (order_id int, line int, name char(6), count positive,
        primary key (order_id, line));
    create table notes (id int primary key, text text, filler text);
    alter table notes replica identity full;
    create table log (line text, at timestamp);
    create table mood (who text not null, what feeling, since date);
    create unique index mood_who on mood (who);
    alter table mood replica identity using index mood_who;
    alter table notes alter column filler set storage external;
"""

SCRIPT = """
    insert into orders select g, 'c' || g % 7, g / 3.0, '2024-01-01'::timestamptz + g * interval '1 s',
        array['a', null, 'b,"\\' || g], jsonb_build_object('k', g, 'n', null), decode('00ff0a5c', 'hex')
        from generate_series(1, 200) g;
    insert into items select g % 200 + 1, g, 'ab' || g, g from generate_series(1, 300) g;
    begin; savepoint a; insert into notes values (1, 'kept', 'x'); rollback to a;
    insert into notes values (2, e'tab\\there\\nline \\\\ back', ''); savepoint b;
    update notes set text = 'changed' where id = 2; release b; commit;
    begin; insert into log values ('gone'); rollback;
    insert into log values ('one', 'infinity'), (null, null), ('', '0044-03-15 00:00:00 BC');
    update orders set total = null, tags = '{}' where id % 5 = 0;
    update orders set id = id + 10000 where id <= 20;
    update items set line = -line where order_id < 10;
    delete from orders where id between 100 and 120;
    insert into mood values ('anna', 'ok', 'today'), ('bert', 'sad', null);
    update mood set what = 'happy' where who = 'bert'; update mood set who = 'carl' where who = 'anna';
    delete from mood where who = 'bert';
    insert into notes select g, 'n', (select string_agg(md5(random()::text), '') from
        generate_series(1, 200)) from generate_series(10, 15) g;
    update notes set text = 'toast stays' where id > 11; delete from notes where id = 10;
    truncate log; insert into log values ('after', now());
    do $$ begin for i in 1..30 loop
        begin insert into notes values (100 + i, 'sub ' || i, ''); if i % 3 = 0 then
        raise exception 'no'; end if; exception when others then null; end; end loop; end $$;
"""


def rtd(*arguments, **options):
    done = subprocess.run([harness.rtd, "cdc", *map(str, arguments)], capture_output=True, timeout=100,
                          env=harness.environment(), **options)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def changes(text):
    return [json.loads(line) for line in text.splitlines()]


def fresh(name):
    """A database with the tables, and an empty twin."""
    server = source()
    for database in (name, name + "_copy"):
        server.sql(f"create database {database}")
        server.sql(SCHEMA, database)
    return server


class Running:
    """`rtd cdc` in the background."""

    def __init__(self, *arguments, **options):
        self.process = subprocess.Popen([harness.rtd, "cdc", *map(str, arguments)],
                                        stderr=subprocess.PIPE, env=harness.environment(), **options)

    def end(self, signal_number=signal.SIGTERM):
        self.process.send_signal(signal_number)
        self.process.wait(30)
        return self.process.stderr.read().decode()


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)


def streams(server, slot="rtd_tmp_%"):
    """Whether a capture is behind its snapshot."""
    return server.sql("select count(*) from pg_stat_replication r join pg_replication_slots s on "
                      f"s.active_pid = r.pid where r.state = 'streaming' and slot_name like '{slot}'"
                      ) == "1"


def assert_numbers(lines, count):
    """Each number once and in order, or where it is not so."""
    wanted = [str(n) for n in range(1, count + 1)]
    if lines == wanted:
        return
    first = next((i for i, (a, b) in enumerate(zip(lines, wanted)) if a != b), min(len(lines), count))
    raise AssertionError(f"{len(lines)} lines for {count} rows, missing {len(set(wanted) - set(lines))}, "
                         f"repeated {len(lines) - len(set(lines))}; at {first}: "
                         f"{lines[max(0, first - 2):first + 3]}")


def slots(server, name):
    return server.sql(f"select count(*) from pg_replication_slots where slot_name = '{name}'") == "1"


def replay(server, path, database):
    server.sql(path.read_text(), database)


def test_the_rows_of_a_database_and_nothing_left_behind(path):
    server = fresh("rows")
    server.sql(SCRIPT, "rows")
    status, output, errors = rtd(server.url("rows"), "--until", "now", "--format", "sql")
    assert status == 0, errors
    (path / "sql").write_text(output)
    replay(server, path / "sql", "rows_copy")
    assert server.hashes("rows") == server.hashes("rows_copy")
    assert server.sql("select count(*) from pg_publication", "rows") == "0"
    assert server.sql("select count(*) from pg_replication_slots") == "0"


def test_changes_replayed_into_an_empty_database_equal_the_source(path):
    server = fresh("replayed")
    file = path / "changes.sql"
    options = [server.url("replayed"), "--to", file, "--format", "sql", "--slot", "replayed"]
    status, _, errors = rtd(*options, "--until", "now")
    assert status == 0, errors
    server.sql(SCRIPT, "replayed")
    status, _, errors = rtd(*options, "--until", "now")
    assert status == 0, errors
    replay(server, file, "replayed_copy")
    assert server.hashes("replayed") == server.hashes("replayed_copy")
    server.sql("select pg_drop_replication_slot('replayed')")


def test_a_large_transaction_comes_whole_and_in_order(path):
    server = fresh("large")
    slot = ["--slot", "large", "--format", "flat", "--tables", "log,notes"]
    status, _, errors = rtd(server.url("large"), *slot, "--snapshot", "never", "--until", "now")
    assert status == 0, errors
    server.sql(f"""
        begin; insert into log select 'line ' || g, '2024-01-01' from generate_series(1, {ROWS_OF_LARGE}) g;
        savepoint s; insert into log select 'lost ' || g, null from generate_series(1, 50000) g;
        rollback to s; insert into notes values (1, 'between', ''); commit;
        insert into notes values (2, 'after', '');
    """, "large")
    status, output, errors = rtd(server.url("large"), *slot, "--snapshot", "never", "--until", "now")
    assert status == 0, errors
    lines = output.splitlines()
    assert len(lines) == ROWS_OF_LARGE + 2, len(lines)
    assert '"line 1"' in lines[0] and f'"line {ROWS_OF_LARGE}"' in lines[ROWS_OF_LARGE - 1]
    assert "between" in lines[-2] and "after" in lines[-1] and "lost" not in output
    server.sql("select pg_drop_replication_slot('large')")


def test_columns_that_come_and_go(path):
    server = fresh("altered")
    slot = ["--slot", "altered", "--format", "debezium", "--tables", "orders", "--snapshot", "never",
            "--until", "now"]
    assert rtd(server.url("altered"), *slot)[0] == 0
    server.sql("""
        insert into orders (id, customer) values (1, 'a');
        alter table orders add column extra int default 7; insert into orders (id) values (2);
        alter table orders rename column customer to client; update orders set client = 'b' where id = 2;
        alter table orders drop column raw; delete from orders where id = 1;
    """, "altered")
    status, output, errors = rtd(server.url("altered"), *slot)
    assert status == 0, errors
    found = changes(output)
    assert [c["op"] for c in found] == ["c", "c", "u", "d"], found
    assert "extra" not in found[0]["after"] and found[1]["after"]["extra"] == 7
    assert found[2]["after"]["client"] == "b" and "customer" not in found[2]["after"]
    assert found[3]["before"]["id"] == 1 and "raw" not in found[3]["before"]
    server.sql("select pg_drop_replication_slot('altered')")


def test_a_connection_that_is_cut_loses_and_repeats_nothing(path):
    server = fresh("cut")
    file = path / "changes.json"
    running = Running(server.url("cut"), "--to", file, "--format", "flat", "--slot", "cut",
                      "--tables", "log")
    wait_for(lambda: streams(server, "cut"))
    chance = random.Random(harness.seed)
    written = 0
    for _ in range(12):
        count = chance.randrange(1, 2000)
        server.sql(f"insert into log select g::text, null from generate_series({written + 1}, "
                   f"{written + count}) g", "cut")
        written += count
        server.sql("select pg_terminate_backend(active_pid) from pg_replication_slots "
                   "where slot_name = 'cut' and active")
        time.sleep(chance.random() * 0.2)
    wait_for(lambda: file.exists() and file.read_bytes().count(b"\n") >= written)
    running.end()
    lines = [change["columns"]["line"] for change in changes(file.read_text())]
    assert_numbers(lines, written)
    server.sql("select pg_drop_replication_slot('cut')")


def test_killed_at_any_moment_it_goes_on_where_its_file_ends(path):
    server = fresh("killed")
    file = path / "changes.json"
    options = [server.url("killed"), "--to", file, "--format", "flat", "--slot", "killed", "--tables",
               "log"]
    server.sql("insert into log select 'old ' || g, null from generate_series(1, 50) g", "killed")
    assert rtd(*options, "--until", "now")[0] == 0
    chance = random.Random(harness.seed)
    written = 0
    for _ in range(8):
        running = Running(*options)
        for _ in range(chance.randrange(1, 6)):
            count = chance.randrange(1, 3000)
            server.sql(f"insert into log select g::text, null from generate_series({written + 1}, "
                       f"{written + count}) g", "killed")
            written += count
        time.sleep(chance.random() * 0.3)
        running.end(signal.SIGKILL)
    assert rtd(*options, "--until", "now")[0] == 0
    lines = [change["columns"]["line"] for change in changes(file.read_text())]
    assert sorted(lines[:50]) == sorted(f"old {n}" for n in range(1, 51))
    assert_numbers(lines[50:], written)
    server.sql("select pg_drop_replication_slot('killed')")


def test_an_idle_slot_keeps_no_log(path):
    server = fresh("idle")
    server.sql("create database noise")
    server.sql("create table n (x text)", "noise")
    running = Running(server.url("idle"), "--to", path / "idle.json", "--slot", "idle")
    wait_for(lambda: streams(server, "idle"))
    server.sql("insert into n select md5(g::text) from generate_series(1, 200000) g", "noise")
    target = server.sql("select pg_current_wal_flush_lsn()")
    wait_for(lambda: server.sql(f"select confirmed_flush_lsn >= '{target}' from pg_replication_slots "
                                "where slot_name = 'idle'") == "t")
    running.end()
    server.sql("select pg_drop_replication_slot('idle')")


def test_a_reader_that_stalls_keeps_its_connection(path):
    server = fresh("stalled")
    server.sql("alter system set wal_sender_timeout = '3s'")
    server.sql("select pg_reload_conf()")
    try:
        running = Running(server.url("stalled"), "--format", "flat", "--tables", "log",
                          stdout=subprocess.PIPE)
        wait_for(lambda: streams(server))
        server.sql("insert into log select repeat('x', 1000), null from generate_series(1, 20000) g",
                   "stalled")
        time.sleep(7)
        assert streams(server)
        seen = 0
        while seen < 20000:
            assert running.process.stdout.readline(), running.process.stderr.read().decode()
            seen += 1
        running.process.stdout.close()
        assert running.process.wait(20) == 0
    finally:
        server.sql("alter system reset wal_sender_timeout")
        server.sql("select pg_reload_conf()")


def test_a_table_without_key_stays_writable(path):
    server = fresh("keyless")
    running = Running(server.url("keyless"), "--format", "flat", stdout=subprocess.PIPE)
    wait_for(lambda: streams(server))
    server.sql("insert into log values ('a'); update log set line = 'b'; delete from log;", "keyless")
    line = json.loads(running.process.stdout.readline())
    assert line["columns"]["line"] == "a", line
    errors = running.end()
    assert "public.log" in errors and "only inserts" in errors, errors


def test_what_is_wrong_is_said_in_a_line(path):
    server = fresh("wrong")
    cases = [
        (["postgres://postgres@/nosuch?host=" + str(server.directory)], "nosuch"),
        (["postgres://nobody@/wrong?host=" + str(server.directory)], "nobody"),
        (["postgres://postgres@127.0.0.1:1/wrong"], "Connection refused"),
        ([server.url("wrong"), "--publication", "none"], "publication \"none\" does not exist"),
        ([server.url("wrong"), "--tables", "nosuch"], "no table"),
    ]
    server.sql("create role plain login; grant select on all tables in schema public to plain", "wrong")
    cases.append((["postgres://plain@/wrong?host=" + str(server.directory)], "REPLICATION"))
    for arguments, expected in cases:
        status, output, errors = rtd(*arguments, "--until", "now")
        assert status in (1, 2) and output == "", (arguments, status, output)
        assert len(errors.splitlines()) == 1 and expected in errors, (arguments, errors)
    server.sql("select pg_create_physical_replication_slot('physical')")
    status, _, errors = rtd(server.url("wrong"), "--slot", "physical")
    assert status == 1 and "physical" in errors, errors
    server.sql("select pg_drop_replication_slot('physical')")


def test_a_slot_that_lost_its_log_says_what_helps(path):
    server = fresh("lost")
    slot = ["--slot", "lost", "--snapshot", "never", "--until", "now"]
    assert rtd(server.url("lost"), *slot)[0] == 0
    server.sql("alter system set max_slot_wal_keep_size = '1MB'")
    server.sql("select pg_reload_conf()")
    try:
        for _ in range(4):
            server.sql("insert into log select md5(g::text), null from generate_series(1, 30000) g; "
                       "select pg_switch_wal();", "lost")
        server.sql("checkpoint")
        status, _, errors = rtd(server.url("lost"), *slot)
        assert status == 1 and "--slots --drop lost" in errors, errors
    finally:
        server.sql("alter system reset max_slot_wal_keep_size")
        server.sql("select pg_reload_conf()")
        server.sql("select pg_drop_replication_slot('lost')")


def test_a_slot_that_is_used_is_waited_for(path):
    server = fresh("busy")
    running = Running(server.url("busy"), "--slot", "busy", "--to", path / "one.json")
    wait_for(lambda: streams(server, "busy"))
    second = Running(server.url("busy"), "--slot", "busy", "--to", path / "two.json", "--snapshot",
                     "never")
    time.sleep(2)
    assert second.process.poll() is None
    running.end()
    wait_for(lambda: streams(server, "busy"))
    errors = second.end()
    assert "is active for PID" in errors, errors
    server.sql("select pg_drop_replication_slot('busy')")


def test_too_much_log_gives_the_slot_up(path):
    server = fresh("guarded")
    running = Running(server.url("guarded"), "--slot", "guarded", "--max-wal", "20MB", "--format",
                      "flat", stdout=subprocess.PIPE)
    wait_for(lambda: streams(server, "guarded"))
    server.sql("insert into log select repeat('y', 500), null from generate_series(1, 80000) g",
               "guarded")
    wait_for(lambda: not slots(server, "guarded"))
    running.process.stdout.read()
    assert running.process.wait(30) == 1
    assert "was dropped" in running.process.stderr.read().decode()
    assert not slots(server, "guarded")


def test_too_much_log_gives_the_slot_up_while_rows_are_read(path):
    server = fresh("guarded2")
    server.sql("insert into log select repeat('y', 500), null from generate_series(1, 40000) g", "guarded2")
    running = Running(server.url("guarded2"), "--slot", "guarded2", "--max-wal", "20MB", "--format",
                      "flat", stdout=subprocess.PIPE)
    # Nobody reads.
    wait_for(lambda: slots(server, "guarded2"))
    server.sql("insert into log select repeat('y', 500), null from generate_series(1, 80000) g",
               "guarded2")
    wait_for(lambda: not slots(server, "guarded2"))
    running.process.stdout.read()
    assert running.process.wait(30) == 1
    assert "was dropped" in running.process.stderr.read().decode()
