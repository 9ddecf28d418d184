"""`rtd cdc`: what a slot captures and whose its publications are: nothing is lost because options or names change."""

import pathlib
import sys

from harness import contains, equal
from test_capture_tables import agrees, ended, rows, running, sql, verified
from test_cdc import cdc, database, lines, publications, server_of, slots, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402

TABLES = "".join(f"CREATE TABLE {name} (id int PRIMARY KEY); INSERT INTO {name} VALUES (1);" for name in "abc")


def start(home, name, *options):
    return home.rtd("cdc", server_of().source(name), "--to", "topics", "--until", "now", *options)


def published(name):
    return sql("SELECT tablename FROM pg_publication_tables ORDER BY 1", name).split()


def test_a_start_that_would_lose_tables_is_refused_until_they_are_given_up():
    name = database(TABLES + "CREATE TABLE keyless (v text);")
    with Home() as home:
        cdc(home, name, "--to", "topics", "--until", "now")
        for options in (["--tables", "a"], ["--exclude", "b,c,keyless"], ["-X", "table.include.list=public.a"],
                        ["--tables", "a", "--drop-tables", "b"], ["--tables", "a", "--snapshot", "always"]):
            done = start(home, name, *options)
            equal(done.returncode, 2, done.errors)
            equal(done.errors.count("\n"), 1)
            for words in ("public.c", "--drop-tables", "--slot or --topic-prefix NAME"):
                contains(done.errors, words)
            equal("public.b" in done.errors, "--drop-tables" not in options)
        contains(start(home, name, "--drop-tables", "b").errors, "public.b, which is selected; --exclude")
        equal(published(name), ["a", "b", "c", "keyless"])
        # Nothing is lost by a refusal.
        sql("INSERT INTO b VALUES (2); INSERT INTO a VALUES (2)", name)
        cdc(home, name, "--to", "topics", "--until", "now")
        agrees(home, name)


def test_a_table_that_was_given_up_comes_back_with_its_rows():
    name = database(TABLES + "CREATE TABLE keyless (v text);")
    with Home() as home:
        cdc(home, name, "--to", "topics", "--until", "now")
        few = ["--tables", "a,c"]
        done = start(home, name, *few, "--drop-tables", "b,keyless")
        equal(done.returncode, 0, done.errors)
        contains(done.errors, "not captured any more: public.b, public.keyless")
        equal(published(name), ["a", "c"])
        sql("INSERT INTO b VALUES (2); DELETE FROM b WHERE id = 1; INSERT INTO keyless VALUES ('x');"
            "INSERT INTO a VALUES (2)", name)
        # It need not be said again, and does no harm.
        for options in ([], ["--drop-tables", "b,keyless"]):
            equal(start(home, name, *few, *options).returncode, 0)
        sql("UPDATE b SET id = id + 1; INSERT INTO a VALUES (3)", name)
        equal(start(home, name, *few).returncode, 0)
        equal(rows(home, name, "b"), [{"id": 1}], "as it was")
        contains(start(home, name).errors, "table public.b is captured from now on, and its rows are read")
        agrees(home, name)
        equal(rows(home, name, "b"), [{"id": 3}])
        # The same while it runs.
        equal(start(home, name, *few, "--drop-tables", "*").returncode, 2)
        equal(start(home, name, *few, "--drop-tables", "b,keyless", "-q").returncode, 0)
        sql("INSERT INTO b VALUES (7)", name)
        process = running(home, name)
        sql("DELETE FROM b WHERE id = 3; INSERT INTO c VALUES (9)", name)
        agrees(home, name)
        ended(process)


def test_a_file_and_a_slot_to_stdout_keep_their_tables_too():
    name = database(TABLES)
    with Home() as home:
        for target in (["--to", str(home.path / "out")], ["--slot", f"{name}_s"]):
            options = [*target, "--format", "flat", "--until", "now", "-q"]
            cdc(home, name, *options)
            done = home.rtd("cdc", server_of().source(name), *options, "--tables", "a")
            equal((done.returncode, "captures public.b, public.c, which" in done.errors), (2, True), done.errors)
            cdc(home, name, *options, "--tables", "a", "--drop-tables", "b,c")
            sql("UPDATE b SET id = id + 1", name)
            text = cdc(home, name, *options)
            changes = lines(text or (home.path / "out").read_text())
            equal([c["columns"]["id"] for c in changes if c["table"] == "b" and c["action"] != "truncate"][-1],
                  int(sql("SELECT id FROM b", name)))


def test_a_table_that_gets_a_name_that_is_not_selected_is_let_go_and_comes_back():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a');"
                    "CREATE TABLE u (id int PRIMARY KEY);")
    with Home() as home:
        options = ["--tables", "t,u"]
        equal(start(home, name, *options).returncode, 0)
        sql("ALTER TABLE t RENAME TO old; INSERT INTO old VALUES (2, 'b'); INSERT INTO u VALUES (1)", name)
        done = start(home, name, *options)
        equal(done.returncode, 0, done.errors)
        contains(done.errors, "table public.old, which was public.t before, is not selected")
        equal(published(name), ["u"])
        equal((start(home, name, *options).errors, rows(home, name, "t")), ("", [{"id": 1, "v": "a"}]))
        sql("DELETE FROM old WHERE id = 1; ALTER TABLE old RENAME TO t", name)
        equal(start(home, name, *options).returncode, 0)
        equal(rows(home, name, "t"), [{"id": 2, "v": "b"}])
        agrees(home, name, *options)


def test_conditions_stay_with_their_table_under_another_name():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text); "
                    "INSERT INTO t SELECT i, 'x' FROM generate_series(1, 4) i;")
    with Home() as home:
        equal(start(home, name, "--where", "t=id > 2").returncode, 0)
        sql("ALTER TABLE t RENAME TO n; INSERT INTO n VALUES (0, 'y'), (5, 'y')", name)
        equal(start(home, name).returncode, 0)
        equal([row["id"] for row in rows(home, name, "n")], [3, 4, 5])
        equal(start(home, name, "--where", "n=id > 2").returncode, 0)


def test_publications_of_others_are_left_alone():
    name = database(TABLES + "CREATE PUBLICATION mine FOR TABLE a; CREATE PUBLICATION other_inserts FOR TABLE b;")
    before = sql("SELECT oid, pubname FROM pg_publication ORDER BY 1", name)
    with Home() as home:
        for slot in ("mine", "other"):
            done = start(home, name, "--slot", slot, "--topic-prefix", slot)
            equal(done.returncode, 1, done.errors)
            contains(done.errors, "and no capture has made it; --publication")
        sql("SELECT 1 FROM pg_create_logical_replication_slot('mine', 'pgoutput')", name)
        equal(start(home, name, "--slot", "mine").returncode, 1)
        equal(sql("SELECT oid, pubname FROM pg_publication ORDER BY 1", name), before)
        equal(published(name), ["a", "b"])
        done = home.rtd("cdc", server_of().source(name), "--slots", "--drop", "mine")
        equal((done.returncode, 'publication "mine" stays' in done.errors), (0, True), done.errors)
        equal(sql("SELECT oid, pubname FROM pg_publication ORDER BY 1", name), before)
        # What a capture has made goes with its slot, and is replaced when that is gone.
        equal(start(home, name, "--slot", "own", "--topic-prefix", "own").returncode, 0)
        sql("SELECT pg_drop_replication_slot('own')", name)
        equal(start(home, name, "--slot", "own", "--topic-prefix", "own2").returncode, 0)
        done = home.rtd("cdc", server_of().source(name), "--slots", "--drop", "own")
        equal((done.returncode, publications(name), slots(name)), (0, ["mine", "other_inserts"], []))


def test_a_topic_has_one_capture():
    name = database("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1);"
                    "CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1);")
    with Home() as home:
        def start(slot, *options):
            return home.rtd("cdc", server_of().source(name), "--to", "topics", "--until", "now", "--slot",
                            f"{name}_{slot}", *options)
        equal(start("one", "--tables", "a").returncode, 0)
        # Beside each other they have tables of their own.
        equal(start("two", "--tables", "b").returncode, 0)
        done = start("three")
        equal(done.returncode, 1)
        contains(done.errors, f'topic "{name}.public.a" is that of the capture of slot "{name}_one" (database '
                              f'"{name}"); --topic-prefix NAME gives this one topics of its own, and rtd cdc URL '
                              f"--slots --drop {name}_one ends the other")
        equal(slots(name), [f"{name}_one", f"{name}_two"])
        equal(home.rtd("query", f'SELECT count(*) n FROM "{name}.public.a"').text, '{"n":1}\n')
        equal(start("three", "--topic-prefix", "own").returncode, 0)
        # What one has given up is another's.
        contains(start("one", "--tables", "b", "--drop-tables", "a").errors, f'slot "{name}_two"')
        done = start("two", "--tables", "a", "--drop-tables", "b")
        equal(done.returncode, 0, done.errors)
        equal(home.rtd("query", f'SELECT count(*) n FROM "{name}.public.a"').text, '{"n":1}\n')
        for slot in ("one", "two"):
            done = home.rtd("cdc", server_of().source(name), "--slots", "--drop", f"{name}_{slot}", "-q")
            equal(done.returncode, 0, done.errors)
        done = start("four")
        equal(done.returncode, 0, done.errors)
