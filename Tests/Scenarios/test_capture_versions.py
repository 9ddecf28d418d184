"""`rtd cdc` and what PostgreSQL's versions do differently. RTD_PG_BIN names the programs of one to try."""

import pathlib
import sys

from harness import Skip, contains, equal, eventually
from test_cdc import cdc, database, follow, lines, server_of

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402


def sql(text, name="postgres"):
    return server_of().sql(text, name)


def since(version):
    if int(sql("SHOW server_version_num")) // 10_000 < version:
        raise Skip(f"needs PostgreSQL {version} (RTD_PG_BIN names its programs)")


def rows(text):
    return [(change["action"], change.get("columns")) for change in lines(text)]


def test_what_a_publication_has_of_computed_columns_is_in_snapshot_stream_and_backfill():
    name = database()
    since(18)
    sql("""CREATE TABLE t (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED,
          thrice int GENERATED ALWAYS AS (a * 3) VIRTUAL);
        INSERT INTO t VALUES (1, 1);
        CREATE PUBLICATION all_of_it FOR TABLE t WITH (publish_generated_columns = stored);
        CREATE PUBLICATION listed FOR TABLE t (id, twice);
        CREATE PUBLICATION plain FOR TABLE t;""", name)
    for publication, columns in (("all_of_it", ["id", "a", "twice"]), ("listed", ["id", "twice"]),
                                 ("plain", ["id", "a"])):
        sql("UPDATE t SET a = 1", name)

        def row(a):
            values = {"id": 1, "a": a, "twice": a * 2}
            return {column: values[column] for column in columns}
        with Home() as home:
            options = ["--publication", publication, "--slot", f"{name}_{publication}", "--to", str(home.path / "out"),
                       "--format", "flat", "--until", "now", "-q"]
            cdc(home, name, *options)
            sql("UPDATE t SET a = 2", name)
            cdc(home, name, *options, "--backfill", "t")
            equal(rows((home.path / "out").read_text()),
                  [("read", row(1)), ("update", row(2)), ("read", row(2))])
        sql(f"SELECT pg_drop_replication_slot('{name}_{publication}')", name)


def test_changes_without_their_publication_end_the_capture():
    name = database("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE t;")
    with Home() as home:
        for options in (["--slot", f"{name}_own"], ["--slot", f"{name}_given", "--publication", "p"]):
            publication = "p" if "p" in options else options[1]
            out = home.path / options[1]
            options = [*options, "--to", str(out), "--format", "flat"]
            process = follow(home, name, *options)
            sql("INSERT INTO t VALUES (1)", name)
            eventually(lambda: rows(out.read_text()) == [("insert", {"id": 1})], what="the row")
            sql(f"DROP PUBLICATION {publication}", name)
            sql("INSERT INTO t VALUES (2)", name)
            sql(f"CREATE PUBLICATION {publication} FOR TABLE t", name)
            equal(process.wait(60), 1)
            contains(process.stderr.read().decode(), "it must be older than the slot")
            done = home.rtd("cdc", server_of().source(name), *options, "--until", "now")
            equal((done.returncode, rows(out.read_text())), (1, [("insert", {"id": 1})]), done.errors)
            sql(f"SELECT pg_drop_replication_slot('{options[1]}'); TRUNCATE t;", name)


def test_a_slot_that_the_server_gave_up_says_why():
    name = database("CREATE TABLE t (id int PRIMARY KEY);")
    since(18)
    with Home() as home:
        options = ["--slot", name, "--format", "flat", "--until", "now"]
        cdc(home, name, *options)
        sql("ALTER SYSTEM SET idle_replication_slot_timeout = '1s'")
        sql("SELECT pg_reload_conf()")
        # A checkpoint looks for them.
        eventually(lambda: sql("CHECKPOINT; SELECT invalidation_reason FROM pg_replication_slots "
                               f"WHERE slot_name = '{name}'") == "idle_timeout\n", seconds=60, what="its end")
        sql("ALTER SYSTEM RESET idle_replication_slot_timeout")
        sql("SELECT pg_reload_conf()")
        for arguments, status in ((options, 1), (["--slot", name, "--check"], 1), (["--slots"], 0)):
            done = home.rtd("cdc", server_of().source(name), *arguments)
            equal(done.returncode, status, done.errors)
            contains(done.text + done.errors, "lost (idle_timeout)" if arguments == ["--slots"] else
                     "nobody read it for idle_replication_slot_timeout")
        equal(home.rtd("cdc", server_of().source(name), "--slots", "--drop", name).returncode, 0)


def test_rows_of_a_key_without_overlaps_are_read_beside_the_stream():
    name = database()
    since(18)
    table = """(at daterange, id int4range, v text, PRIMARY KEY (id, at WITHOUT OVERLAPS));
        ALTER TABLE {0} ALTER v SET STORAGE EXTERNAL;
        INSERT INTO {0} VALUES ('[2024-01-01,2024-02-01)', '[1,2)', repeat('a', 3000)),
          ('[2024-03-01,2024-04-01)', '[1,2)', repeat('b', 3000)), ('[2024-01-01,)', '[2,3)', repeat('c', 3000));"""
    sql("CREATE TABLE one " + table.format("one"), name)
    with Home() as home:
        out = home.path / "out"
        options = ["--slot", name, "--to", str(out), "--format", "flat", "--until", "now", "--fill-unchanged",
                   "-X", "incremental.snapshot.chunk.size=2"]
        cdc(home, name, *options)
        sql("CREATE TABLE two " + table.format("two"), name)
        sql("UPDATE one SET at = '[2024-05-01,2024-06-01)' WHERE v LIKE 'b%'", name)
        cdc(home, name, *options, "--backfill", "one")
        found = [(c["action"], c["table"], c["columns"]["v"][:1]) for c in lines(out.read_text()) if "columns" in c]
        equal(sorted(found), sorted(
            [("read", "one", v) for v in "aabbcc"] + [("update", "one", "b")] + [("read", "two", v) for v in "abc"]))
        assert "unavailable" not in out.read_text()
    sql(f"SELECT pg_drop_replication_slot('{name}')", name)
