"""`rtd cdc --format sql` into databases whose settings are others, and captures of servers that are."""

import json
import pathlib
import sys

from harness import equal
from postgres import Postgres
from test_cdc import cdc, database, follow, lines, server_of, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402

SCHEMA = """
CREATE TABLE k (n int, ts timestamptz, b bytea, i interval, f float8); ALTER TABLE k REPLICA IDENTITY FULL;
CREATE TABLE g (id int PRIMARY KEY, n bigint GENERATED ALWAYS AS IDENTITY, v text);
CREATE TABLE e (); ALTER TABLE e REPLICA IDENTITY FULL;
CREATE TABLE m (id int PRIMARY KEY, t text, price money);
"""


def sql(text, name):
    return server_of().sql(text, name)


def encoded(encoding, schema):
    """A database of another encoding than the server's."""
    name = database()
    sql(f"DROP DATABASE {name}", "postgres")
    sql(f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0", "postgres")
    sql("SET client_encoding = 'UTF8'; " + schema, name)
    return name


def test_a_replica_with_other_settings_is_one():
    name, copy = database(SCHEMA), encoded("LATIN1", SCHEMA)
    for setting in ("timezone = 'Europe/Berlin'", "datestyle = 'SQL, DMY'", "intervalstyle = 'iso_8601'",
                    "bytea_output = 'escape'", "extra_float_digits = 0"):
        sql(f"ALTER DATABASE {copy} SET {setting}", copy)
    with Home() as home:
        out = home.path / "out"
        options = ["--format", "sql", "--to", str(out), "--until", "now", "-q"]
        sql(r"""INSERT INTO k VALUES (1, '2024-01-02 03:04:05Z', '\x0102', '1 day 02:00', 0.1 + 0.2);
            INSERT INTO e DEFAULT VALUES; INSERT INTO e DEFAULT VALUES;
            INSERT INTO g(id, v) VALUES (1, 'a'), (2, 'b'); INSERT INTO m VALUES (1, 'Äö\', '1234.11');""", name)
        cdc(home, name, *options)
        sql("""UPDATE k SET n = 2; UPDATE g SET v = 'c' WHERE id = 1;
            DELETE FROM e WHERE ctid = (SELECT min(ctid) FROM e);
            ALTER TABLE g REPLICA IDENTITY FULL; UPDATE g SET n = DEFAULT WHERE id = 2;
            UPDATE m SET t = t || 'ß';""", name)
        cdc(home, name, *options)
        sql(out.read_text(), copy)
        for table, key in (("k", "n"), ("g", "id"), ("m", "id")):
            text = (
                "SET client_encoding = 'UTF8'; SET timezone = 'UTC'; SET datestyle = 'ISO'; SET bytea_output = 'hex'; "
                "SET intervalstyle = 'postgres'; SET extra_float_digits = 3; "
                f"SELECT * FROM {table} ORDER BY {key};")
            equal(sql(text, copy), sql(text, name))
        equal(sql("SELECT count(*) FROM e", copy), "1\n")


def test_names_of_a_database_of_another_encoding_come_through():
    name = encoded("LATIN1", 'CREATE TABLE "tür" (id int PRIMARY KEY, v text); INSERT INTO "tür" VALUES (1, \'ö\');')
    with Home() as home:
        out = home.path / "out"
        options = ["--to", str(out), "--format", "flat", "--ddl"]
        cdc(home, name, *options, "--until", "now")
        sql('SET client_encoding = \'UTF8\'; CREATE TABLE "neü" (id int PRIMARY KEY, v text); '
            'INSERT INTO "neü" VALUES (1, \'ü\'); ALTER TABLE "tür" ADD COLUMN "ß" text;', name)
        done = home.rtd("cdc", server_of().source(name), "--backfill", "tür:v = 'ö'", "--request")
        equal(done.returncode, 0, done.errors)
        process = home.start("cdc", server_of().source(name), *options)

        def found():
            changes = lines(out.read_text())
            reads = {(c["table"], c["columns"]["v"]) for c in changes if c["action"] == "read"}
            return {("neü", "ü"), ("tür", "ö")} <= reads and sum('"ß"' in json.dumps(
                c, ensure_ascii=False).replace("\\", "") for c in changes if "columns" not in c) >= 1
        until(found, "rows and statements")
        process.terminate()
        process.wait(20)
        assert sum(c["action"] == "read" and c["table"] == "tür" for c in lines(out.read_text())) >= 2


def test_bytes_that_are_no_text_are_repaired():
    name = encoded("SQL_ASCII", "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, E'a\\xfcb');")
    with Home() as home:
        text = cdc(home, name, "--until", "now", "--format", "flat")
        equal([change["columns"]["v"] for change in lines(text)], ["a\ufffdb"])


def test_a_server_that_was_set_up_anew_is_captured_anew():
    first = database("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'old');")
    sql("SELECT 1 FROM pg_switch_wal(); CREATE TABLE x AS SELECT 1; SELECT 1 FROM pg_switch_wal();", first)
    second = Postgres(wal_level="logical")
    second.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (2, 'new');")
    equal(second.sql("SELECT pg_current_wal_lsn() < '" + sql("SELECT pg_current_wal_lsn()", first).strip() + "'"), "t\n")
    for target in ("file", "topics"):
        with Home() as home:
            out = home.path / "out"
            options = ["--to", str(out) if target == "file" else "topics", "--format", "flat", "--slot", "moved",
                       "--topic-prefix", "p", "--until", "now"]

            def capture(source, *more):
                return home.rtd("cdc", source, *options, *more)

            def ids():
                if target == "file":
                    return [c["columns"]["id"] for c in lines(out.read_text()) if c["action"] != "truncate" and c["table"] == "t"]
                text = home.rtd("consume", "-J", "p.public.t", "-e", seconds=60).text
                values = [json.loads(json.loads(line)["value"]) for line in text.splitlines()]
                return [value["columns"]["id"] for value in values if value["action"] != "truncate"]
            equal(capture(server_of().source(first)).returncode, 0)
            done = capture(second.source())
            equal((done.returncode, "--snapshot always" in done.errors), (1, True), done.errors)
            done = capture(second.source(), "--snapshot", "always")
            equal(done.returncode, 0, done.errors)
            second.sql(f"INSERT INTO t VALUES ({3 if target == 'file' else 4}, 'newer')")
            done = capture(second.source())
            equal(done.returncode, 0, done.errors)
            equal(ids(), [1, 2, 3] if target == "file" else [1, 2, 3, 4])
            # Back at the first one, whose slot is there: the output is of another log.
            second.sql("SELECT pg_drop_replication_slot('moved')")
            sql("SELECT pg_drop_replication_slot('moved')", first)
    second.stop()


def test_an_output_that_is_ahead_of_the_server_is_not_continued():
    name = database("CREATE TABLE t (id int PRIMARY KEY);")
    with Home() as home:
        out = home.path / "out"
        cdc(home, name, "--to", str(out), "--until", "now")
        position = pathlib.Path(f"{out}.position")
        state = json.loads(position.read_text())
        position.write_text(json.dumps({**state, "lsn": "FFFF/0"}))
        done = home.rtd("cdc", server_of().source(name), "--to", str(out), "--until", "now")
        equal((done.returncode, "behind the end of the server's log" in done.errors), (1, True), done.errors)
        cdc(home, name, "--to", str(out), "--until", "now", "--snapshot", "always")
        sql("INSERT INTO t VALUES (1)", name)
        cdc(home, name, "--to", str(out), "--until", "now")
        assert json.loads(position.read_text())["lsn"] < "FFFF", position.read_text()
        equal(len(lines(out.read_text())), 2)
