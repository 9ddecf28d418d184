"""`rtd cdc`: tables that are made, remade or get a key while it runs, rows that move between partitions."""

import json
import pathlib
import signal
import subprocess
import sys

from harness import contains, equal
from test_cdc import cdc, database, follow, lines, publications, server_of, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402


def sql(text, name):
    return server_of().sql(text, name)


def rows(home, name, table, columns="*", order="1"):
    done = home.rtd("query", f'SELECT {columns} FROM "{name}.public.{table}" ORDER BY {order}', seconds=60)
    # While some are read anew there is no cut of all of them.
    if "are still being captured" in done.errors:
        return []
    assert done.returncode == 0, done.errors
    return lines(done.text)


def verified(home, name, *options):
    done = home.rtd("cdc", server_of().source(name), "--verify", *options, seconds=60)
    return done.returncode == 0, done.text + done.errors


def agrees(home, name, *options):
    """Waits until the topics are what the tables are."""
    last = [""]

    def equal_now():
        same, last[0] = verified(home, name, *options)
        return same
    try:
        until(equal_now, "topics like the tables", 40)
    except AssertionError:
        raise AssertionError(last[0])


def running(home, name, *options):
    return follow(home, name, "--to", "topics", "-q", *options)


def ended(process):
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    equal(process.stderr.read().decode(), "")


def test_tables_that_are_made_while_it_runs_are_captured():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b');")
    with Home() as home:
        process = running(home, name)
        # One more, one without a key, one under the name of another.
        sql("CREATE TABLE n (id int PRIMARY KEY, v text); INSERT INTO n VALUES (1, 'x');"
            "CREATE TABLE keyless (v text); INSERT INTO keyless VALUES ('p'), ('q'), ('q');"
            "DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, v text, w int); INSERT INTO t VALUES (7, 'c', 1)",
            name)
        until(lambda: sql("SELECT count(*) FROM pg_publication_tables WHERE pubname = "
                          f"'rtd_{name}'", name) == "2\n", "new tables")
        sql("UPDATE n SET v = 'y'; INSERT INTO n VALUES (2, 'z'); UPDATE t SET w = 2;"
            "INSERT INTO keyless VALUES ('r')", name)
        agrees(home, name)
        equal(rows(home, name, "t"), [{"id": 7, "v": "c", "w": 2}])
        equal([r["v"] for r in rows(home, name, "keyless")], ["p", "q", "q", "r"])
        ended(process)
        # The same when nobody looks.
        sql("CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (1); DROP TABLE n;"
            "CREATE TABLE n (id int PRIMARY KEY, u int); INSERT INTO n VALUES (5, 5)", name)
        cdc(home, name, "--to", "topics", "--until", "now")
        equal((rows(home, name, "later"), rows(home, name, "n", "id, u")), ([{"id": 1}], [{"id": 5, "u": 5}]))
        agrees(home, name)


def test_changes_of_transactions_that_were_open_are_not_lost():
    name = database("CREATE TABLE t (id int PRIMARY KEY);")
    with Home() as home:
        process = running(home, name)
        sql("CREATE TABLE n (id int PRIMARY KEY, v text)", name)
        writer = subprocess.Popen(
            [str(server_of().programs / "psql"), "-XqAt", "-h", str(server_of().directory), "-U", "postgres",
             "-d", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        writer.stdin.write("BEGIN; INSERT INTO n VALUES (1, 'early'); SELECT 1;\n")
        writer.stdin.flush()
        writer.stdout.readline()
        until(lambda: sql("SELECT count(*) FROM pg_publication_tables WHERE pubname = "
                          f"'rtd_{name}'", name) == "2\n", "the new table")
        sql("INSERT INTO n VALUES (2, 'late')", name)
        writer.communicate("INSERT INTO n VALUES (3, 'after'); UPDATE n SET v = v || '!' WHERE id = 1; COMMIT;\n")
        agrees(home, name)
        equal([r["v"] for r in rows(home, name, "n")], ["early!", "late", "after"])
        ended(process)


def test_a_table_that_gets_a_key_is_captured_whole_and_one_that_loses_it_stays_writable():
    name = database("CREATE TABLE gets (a int); CREATE TABLE loses (a int PRIMARY KEY); INSERT INTO loses VALUES (1);")
    with Home() as home:
        process = running(home, name)
        sql("INSERT INTO gets VALUES (1), (4); ALTER TABLE gets ADD PRIMARY KEY (a); UPDATE gets SET a = 2 WHERE a = 1;"
            "ALTER TABLE loses DROP CONSTRAINT loses_pkey", name)
        until(lambda: sql("SELECT pubname || tablename FROM pg_publication_tables ORDER BY 1", name).split()
              == sorted([f"rtd_{name}gets", f"rtd_{name}_insertsloses"]), "publications that follow")
        sql("DELETE FROM gets WHERE a = 4; INSERT INTO gets VALUES (9); UPDATE loses SET a = 3; "
            "INSERT INTO loses VALUES (5)", name)
        until(lambda: [r["a"] for r in rows(home, name, "gets", "a")] == [2, 9], "rows by their key")
        ended(process)


def test_a_pipe_shows_new_tables_too():
    name = database("CREATE TABLE t (id int PRIMARY KEY);")
    with Home() as home:
        process = follow(home, name, "--format", "flat")
        sql("CREATE TABLE n (id int PRIMARY KEY); INSERT INTO n VALUES (1), (2)", name)
        got = [json.loads(process.stdout.readline()) for _ in range(2)]
        equal([(c["action"], c["table"], c["keys"]) for c in got],
              [("read", "n", {"id": 1}), ("read", "n", {"id": 2})])
        process.terminate()
        contains(process.communicate()[1].decode(), "public.n is captured from now on")
        equal(publications(name), [])


def test_rows_that_move_between_partitions_keep_their_large_values():
    name = database("""
        CREATE TABLE t (id int PRIMARY KEY, b text, big text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
        INSERT INTO t SELECT g, 'b', repeat('x' || g, 3000) FROM generate_series(1, 12) g;""")
    with Home() as home:
        options = ["--to", "topics", "--until", "now"]
        cdc(home, name, *options, "--partitions", "3")
        sql("UPDATE t SET id = id + 100 WHERE id < 5; UPDATE t SET id = id - 50 WHERE id > 100;"
            "BEGIN; UPDATE t SET id = -id WHERE id IN (10, 11);"
            "UPDATE t SET id = CASE id WHEN -10 THEN 11 ELSE 10 END WHERE id < 0; COMMIT", name)
        cdc(home, name, *options)
        wanted = [json.loads(r) for r in sql(
            "SELECT json_build_object('id', id, 'big', left(big, 3)) FROM t ORDER BY id", name).splitlines()]
        equal(rows(home, name, "t", "id, left(big, 3) AS big"), wanted)
        equal(verified(home, name)[0], True)
        # An update that is not in a cut yet is no difference.
        equal(home.rtd("query", f'SELECT count(*) n FROM "{name}.public.t"').text, '{"n":12}\n')


def test_a_row_of_several_megabytes_fits_its_topic():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text);")
    with Home() as home:
        options = ["--to", "topics", "--until", "now"]
        cdc(home, name, *options)
        sql("INSERT INTO t SELECT 1, string_agg(md5(g::text), '') FROM generate_series(1, 200000) g", name)
        cdc(home, name, *options)
        equal(rows(home, name, "t", "length(v) AS n"), [{"n": 6400000}])
        home.rtd("query", f'ALTER TOPIC "{name}.public.t" SET (max.message.bytes = 100000)')
        sql("UPDATE t SET v = v || 'x'", name)
        done = home.rtd("cdc", server_of().source(name), *options)
        equal(done.returncode, 1)
        contains(done.errors, "rtd query 'ALTER TOPIC")
        cure = done.errors[done.errors.index("rtd query '") + len("rtd query '"):].split("'")[0]
        equal(home.rtd("query", cure).returncode, 0)
        cdc(home, name, *options)
        equal(rows(home, name, "t", "length(v) AS n"), [{"n": 6400001}])


def test_a_replica_by_statements_has_foreign_keys_and_triggers():
    schema = """
        CREATE TABLE z (id int PRIMARY KEY); CREATE TABLE a (id int PRIMARY KEY, z int REFERENCES z);
        CREATE TABLE log (n int);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (1); RETURN NEW; END';
        CREATE TRIGGER g AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION f();"""
    name, copy = database(schema + "INSERT INTO z VALUES (1); INSERT INTO a VALUES (1, 1);"), database(schema)
    with Home() as home:
        out = home.path / "out.sql"
        for _ in range(2):
            cdc(home, name, "--to", str(out), "--format", "sql", "--until", "now")
            sql("BEGIN; INSERT INTO z VALUES (2); INSERT INTO a VALUES (2, 2); COMMIT", name)
            sql("DELETE FROM a WHERE id = 2; DELETE FROM z WHERE id = 2", name)
        cdc(home, name, "--to", str(out), "--format", "sql", "--until", "now")
        sql(out.read_text(), copy)
        for table in ("a", "z", "log"):
            count = f"SELECT string_agg(t::text, ' ' ORDER BY t::text) FROM {table} t"
            equal(sql(count, copy), sql(count, name), table)


def test_verify_counts_what_lies_behind_the_cut_only():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a');")
    with Home() as home:
        process = running(home, name)
        sql("INSERT INTO t VALUES (2, 'b')", name)
        until(lambda: len(rows(home, name, "t")) == 2, "the row")
        process.kill()
        process.wait()
        # The slot stands before the cut, whose changes are in the topics.
        until(lambda: verified(home, name)[0], "the end of the walsender")
        sql("UPDATE t SET v = 'c'", name)
        same, text = verified(home, name)
        equal(same, False)
        contains(text, "no capture reads slot")


def test_check_looks_at_what_is_captured():
    name = database("""
        CREATE TABLE mine (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE mine;
        CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE hidden (id int PRIMARY KEY); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
        CREATE POLICY x ON hidden USING (id > 5);
        DO $$BEGIN CREATE ROLE reader LOGIN REPLICATION; EXCEPTION WHEN duplicate_object THEN END$$;
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;""")
    with Home() as home:
        source = server_of().source(name).replace("user=postgres", "user=reader")
        done = home.rtd("cdc", "--check", source, "--publication", "p")
        equal(done.returncode, 0, done.text)
        contains(done.text, "p exists")
        done = home.rtd("cdc", "--check", source, "--publication", "none")
        equal((done.returncode, "none does not exist" in done.text), (1, True))
        done = home.rtd("cdc", "--check", source)
        equal(done.returncode, 1)
        contains(done.text, "policies would hide rows of public.hidden")
        contains(done.text, "DETACH and DROP of a partition of public.parts")


def test_a_key_that_changes_do_not_carry_is_none():
    name = database("""
        CREATE TABLE d (x int, k int GENERATED ALWAYS AS (x * 10) STORED PRIMARY KEY); INSERT INTO d VALUES (1);""")
    with Home() as home:
        done = home.rtd("cdc", "--check", server_of().source(name))
        contains(done.text, "only inserts are captured of public.d")
        cdc(home, name, "--to", "topics", "--until", "now")
        equal(rows(home, name, "d", "x"), [{"x": 1}])
