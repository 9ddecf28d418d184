"""`rtd cdc`: partitions that are attached and tables that change places, while it runs and while it does not."""

import pathlib
import sys

from harness import contains, equal
from test_capture_tables import agrees, ended, rows, running, sql, verified
from test_cdc import cdc, database, lines, server_of, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402

PARTS = """
CREATE TABLE r (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE r1 PARTITION OF r FOR VALUES FROM (0) TO (10); INSERT INTO r VALUES (1, 'a');
CREATE TABLE s (v text, id int PRIMARY KEY); INSERT INTO s VALUES ('s', 11), ('s', 12);
"""


def told(home, name, *options):
    """Runs it to now, and gives what it says."""
    done = home.rtd("cdc", server_of().source(name), "--to", "topics", "--until", "now", *options)
    equal(done.returncode, 0, done.errors)
    return done.errors


def test_a_partition_that_is_attached_brings_its_rows():
    name = database(PARTS)
    with Home() as home:
        process = running(home, name)
        sql("ALTER TABLE r ATTACH PARTITION s FOR VALUES FROM (10) TO (20); INSERT INTO r VALUES (13, 'c')", name)
        sql("UPDATE r SET v = 'd' WHERE id = 11", name)
        # One that no capture has ever seen.
        sql("""CREATE TABLE u (LIKE r INCLUDING ALL) PARTITION BY RANGE (id);
            CREATE TABLE u1 PARTITION OF u FOR VALUES FROM (20) TO (25);
            BEGIN; INSERT INTO u VALUES (21, 'u'); ALTER TABLE r ATTACH PARTITION u FOR VALUES FROM (20) TO (30);
            COMMIT;""", name)
        until(lambda: {row["id"] for row in rows(home, name, "r")} == {1, 11, 12, 13, 21}, "all rows of r")
        ended(process)
        # Once more from elsewhere, which is another place than before.
        sql("""ALTER TABLE r DETACH PARTITION s; UPDATE s SET v = 'e' WHERE id = 12;
            ALTER TABLE r ATTACH PARTITION s FOR VALUES FROM (10) TO (20);
            CREATE TABLE w (LIKE r INCLUDING ALL); INSERT INTO w VALUES (31, 'w');
            ALTER TABLE r ATTACH PARTITION w FOR VALUES FROM (30) TO (40);
            CREATE TABLE empty PARTITION OF r FOR VALUES FROM (50) TO (60);""", name)
        text = told(home, name)
        contains(text, "partition public.s of public.r is new")
        contains(text, "partition public.w of public.r is new")
        assert "empty" not in text, text
        equal(sql("SELECT id, v FROM r ORDER BY 1", name),
              "".join(f"{row['id']}|{row['v']}\n" for row in rows(home, name, "r")))
        equal("is new" in told(home, name), False)


def test_what_may_not_be_read_of_an_attached_partition_is_said():
    name = database("""
        CREATE TABLE r (id int, v text) PARTITION BY RANGE (id);
        CREATE TABLE s (id int, v text); INSERT INTO s VALUES (11, 's');""")
    with Home() as home:
        told(home, name)
        sql("ALTER TABLE r ATTACH PARTITION s FOR VALUES FROM (10) TO (20)", name)
        contains(told(home, name), "the rows that partition public.s has are not read: public.r has no primary key")
        sql("INSERT INTO r VALUES (12, 't')", name)
        assert "public.s" not in told(home, name)
        equal([row["id"] for row in rows(home, name, "r")], [12])


def test_tables_that_change_places_are_read_under_their_new_names():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text); "
                    "INSERT INTO t SELECT i, 'old' FROM generate_series(1, 5) i;")
    swap = ("BEGIN; ALTER TABLE t RENAME TO t_old; ALTER TABLE t_new RENAME TO t; COMMIT;")
    new = ("CREATE TABLE t_new (id int PRIMARY KEY, v text); "
           "INSERT INTO t_new SELECT i, 'new' FROM generate_series(4, 8) i;")
    with Home() as home:
        process = running(home, name)
        sql(new, name)
        until(lambda: home.rtd("query", f'SELECT * FROM "{name}.public.t_new"').text.count("new") == 5, "the new one")
        # Nothing is changed in either.
        sql(swap, name)
        agrees(home, name)
        equal({row["v"] for row in rows(home, name, "t")}, {"new"})
        ended(process)
        # And while nobody looks.
        sql("DROP TABLE t_old", name)
        sql(new.replace("4, 8", "7, 9"), name)
        sql(swap, name)
        sql("INSERT INTO t VALUES (20, 'newer')", name)
        contains(told(home, name), "table public.t")
        same, text = verified(home, name)
        assert same, text


def test_where_holds_for_the_slot_that_was_made_with_it():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text); "
                    "INSERT INTO t SELECT i, 'x' FROM generate_series(1, 4) i;")
    with Home() as home:
        out = home.path / "out"
        options = ["--to", str(out), "--until", "now", "--format", "flat", "-q"]
        cdc(home, name, *options, "--where", "t=id > 2")
        done = home.rtd("cdc", server_of().source(name), *options, "--where", "t=id < 2")
        equal((done.returncode, "it takes id > 2" in done.errors), (2, True), done.errors)
        sql("INSERT INTO t VALUES (-1, 'y'), (10, 'y')", name)
        cdc(home, name, *options)
        cdc(home, name, *options, "--where", "t=id > 2", "--backfill", "t")
        found = [(change["action"], change["columns"]["id"]) for change in lines(out.read_text())]
        equal(found, [("read", 3), ("read", 4), ("insert", 10), ("read", 3), ("read", 4), ("read", 10)])
