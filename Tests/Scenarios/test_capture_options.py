"""`rtd cdc`: which rows, columns and messages are captured, also by the names of Debezium's properties."""

import json
import pathlib
import sys

from harness import contains, equal
from test_cdc import cdc, database, follow, lines, publications, server_of, slots, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402


def test_a_condition_selects_rows_of_the_snapshot_and_the_stream():
    name = database("""
        CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 5), (20, 6);
        CREATE TABLE f (id int PRIMARY KEY, v int); ALTER TABLE f REPLICA IDENTITY FULL; INSERT INTO f VALUES (1, 5);""")
    with Home() as home:
        out = home.path / "out"
        options = ["--to", str(out), "--until", "now", "--format", "flat", "--where", "t=id > 10",
                   "--where", "public.f=v > 5"]
        cdc(home, name, *options)
        server_of().sql("INSERT INTO t VALUES (2, 1), (30, 1); UPDATE f SET v = 9; UPDATE f SET v = 1", name)
        cdc(home, name, *options)
        equal([(c["action"], c["table"], c["keys"]["id"]) for c in lines(out.read_text())],
              [("read", "t", 20), ("insert", "t", 30), ("insert", "f", 1), ("delete", "f", 1)])
        for options, status, words in (
                (["--where", "t=v > 1"], 1, "column v is not in its replica identity"),
                (["--where", "none=id > 1"], 2, "no such table is captured"),
                (["--where", "t=id >"], 1, "syntax error"),
                (["--where", "t=id > 1", "--publication", "p"], 2, "--where goes into a publication"),
                (["--where", "t"], 2, "wants TABLE=CONDITION")):
            done = home.rtd("cdc", server_of().source(name), "--slot", "other", "--until", "now", *options)
            equal((done.returncode, words in done.errors), (status, True), done.errors)
        equal((slots(name), publications(name)), ([f"rtd_{name}"], [f"rtd_{name}", f"rtd_{name}_inserts"]))
        # Its users' statements are none of our business.
        server_of().sql("UPDATE t SET v = 2; DELETE FROM t; DELETE FROM f", name)


def test_properties_of_debezium_say_what_options_say():
    name = database("""
        CREATE TABLE orders (id int PRIMARY KEY, n int, note text, secret text, email text, card text);
        INSERT INTO orders VALUES (1, 2, 'long text', 's', 'a@b', '1234'); CREATE TABLE other (id int PRIMARY KEY);
        CREATE SCHEMA hidden; CREATE TABLE hidden.orders (id int PRIMARY KEY); INSERT INTO hidden.orders VALUES (1);""")
    with Home() as home:
        text = cdc(home, name, "--until", "now", "-X", r"table.include.list=public\.ord.*,hidden.orders",
                   "-X", "schema.exclude.list=hidden", "-X", "column.exclude.list=public.orders.(secret|x)",
                   "-X", "column.truncate.to.4.chars=public.orders.note", "-X", "message.key.columns=public.orders:id",
                   "-X", r"column.mask.with.3.chars=.*\.card", "-X", "snapshot.mode=initial", "-X", "plugin.name=pgoutput",
                   "-X", "column.mask.hash.v2.SHA-256.with.salt.x=public.ORDERS.email")
        after = lines(text)[0]["after"]
        email = after.pop("email")
        equal((len(lines(text)), after, len(email)), (1, {"id": 1, "n": 2, "note": "long", "card": "***"}, 64))
        text = cdc(home, name, "--until", "now", "-X", "column.include.list=public.orders.n", "--tables", "~public[.]orders")
        equal(lines(text)[0]["after"], {"id": 1, "n": 2})
        text = cdc(home, name, "-X", "snapshot.mode=initial_only", "--mask", "card=stars:2", "--format", "csv",
                   "--tables", "public.orders")
        contains(text, "**")
        for option, words in (
                ("snapshot.mode=custom", "snapshot.mode wants always"), ("table.include.list=(", "regular expressions"),
                ("database.hostname=x", "the operand SOURCE says it"), ("signal.kafka.topic=x", "--request"),
                ("heartbeat.interval.ms=100", "no heartbeat is written"), ("table.include.lis=x", "did you mean table.include.list"),
                ("value.converter=io.confluent.connect.protobuf.ProtobufConverter", "JSON, or Avro")):
            done = home.rtd("cdc", server_of().source(name), "-X", option)
            equal((done.returncode, words in done.errors), (2, True), done.errors)


def test_tables_that_nothing_selects_are_named():
    name = database("SELECT 1;")
    with Home() as home:
        def errors():
            done = home.rtd("cdc", server_of().source(name), "--tables", "ordrs", "--until", "now")
            equal(done.returncode, 2, done.errors)
            return done.errors
        contains(errors(), f'database "{name}" has no tables; postgres://HOST/DATABASE')
        server_of().sql("CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE items (id int)", name)
        contains(errors(), "is selected; it has public.items, public.orders")


def test_messages_are_selected_by_their_prefix():
    name = database("CREATE TABLE t (id int PRIMARY KEY);")
    with Home() as home:
        process = follow(home, name, "-X", "message.prefix.include.list=a.*", "-X", "message.prefix.exclude.list=ab")
        for prefix in ("b", "ab", "ac", "a"):
            server_of().sql(f"SELECT pg_logical_emit_message(true, '{prefix}', 'x')", name)
        got = [json.loads(process.stdout.readline())["message"]["prefix"] for _ in range(2)]
        equal(got, ["ac", "a"])
        process.terminate()
        process.wait()


def test_a_slot_to_a_pipe_is_continued():
    name = database("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2);")
    with Home() as home:
        options = ["--slot", f"kept_{name}", "--until", "now", "--format", "flat", "-q"]
        equal([c["action"] for c in lines(cdc(home, name, *options))], ["read", "read"])
        server_of().sql("DELETE FROM t WHERE id = 1", name)
        equal([c["action"] for c in lines(cdc(home, name, *options))], ["delete"])
        # Killed before all rows were read: they are read again.
        server_of().sql(f"COMMENT ON PUBLICATION kept_{name} IS 'rtd: its rows are not read yet'", name)
        equal([c["action"] for c in lines(cdc(home, name, *options))], ["read"])
        equal(lines(cdc(home, name, *options)), [])


def test_arrays_have_the_delimiter_of_their_type():
    name = database("""
        CREATE TYPE mytxt;
        CREATE FUNCTION mytxt_in(cstring) RETURNS mytxt AS 'textin' LANGUAGE internal IMMUTABLE STRICT;
        CREATE FUNCTION mytxt_out(mytxt) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT;
        CREATE TYPE mytxt (INPUT = mytxt_in, OUTPUT = mytxt_out, LIKE = text, DELIMITER = ':');
        CREATE TABLE ty (id int PRIMARY KEY, v mytxt[]);
        INSERT INTO ty VALUES (1, ARRAY['a:b', 'c"d', 'e,f', 'NULL', NULL]::mytxt[]);""")
    with Home() as home:
        text = cdc(home, name, "--until", "now")
        equal(lines(text)[0]["after"]["v"], ["a:b", 'c"d', "e,f", "NULL", None])


def test_a_table_that_is_renamed_is_read_under_its_new_name():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b');")
    with Home() as home:
        process = follow(home, name, "--to", "topics")
        # The stream must have seen it under the name before.
        server_of().sql("UPDATE t SET v = 'c' WHERE id = 1; ALTER TABLE t RENAME TO u; UPDATE u SET v = 'd' WHERE id = 1",
                        name)
        query = f'SELECT id, v FROM "{name}.public.u" ORDER BY id'
        until(lambda: home.rtd("query", query).text == '{"id":1,"v":"d"}\n{"id":2,"v":"b"}\n', "its rows")
        process.terminate()
        contains(process.communicate()[1].decode(), "had another name before")


def test_statements_that_change_the_schema_are_events():
    name = database("CREATE TABLE t (id int PRIMARY KEY);")
    triggers = "SELECT count(*) FROM pg_event_trigger"
    with Home() as home:
        process = follow(home, name, "--format", "flat", "--ddl", "-q")
        server_of().sql("BEGIN; INSERT INTO t VALUES (1); ALTER TABLE t ADD v text; INSERT INTO t VALUES (2, 'x'); COMMIT;"
                        "BEGIN; ALTER TABLE t ADD w text; ROLLBACK; CREATE TEMP TABLE tmp (a int);"
                        "DROP TABLE t", name)
        got = [json.loads(process.stdout.readline()) for _ in range(4)]
        equal([(c["action"], c.get("tag"), c.get("objects")) for c in got],
              [("insert", None, None), ("ddl", "ALTER TABLE", ["public.t"]), ("insert", None, None),
               ("ddl", "DROP TABLE", ["public.t"])])
        contains(got[1]["ddl"], "ADD v text")
        process.terminate()
        process.wait()
        equal(server_of().sql(triggers, name), "0\n")
        server_of().sql("CREATE TABLE u (id int PRIMARY KEY)", name)
        options = ["--to", "topics", "--until", "now", "--ddl", "-q"]
        cdc(home, name, *options)
        server_of().sql("ALTER TABLE u ADD v text", name)
        cdc(home, name, *options)
        got = [json.loads(json.loads(line)["value"]) for line in home.rtd("consume", "-J", name, "-e").text.splitlines()]
        equal([(e["ddl"], e["tag"], e["databaseName"]) for e in got], [("ALTER TABLE u ADD v text", "ALTER TABLE", name)])
        equal(home.rtd("cdc", "--slots", server_of().source(name), "--drop", f"rtd_{name}").returncode, 0)
        equal(server_of().sql(triggers, name), "0\n")


def test_a_slot_of_a_given_publication_that_is_killed_while_it_reads_leaves_nothing_out():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION p FOR TABLE t; "
                    "INSERT INTO t SELECT i, repeat('x', 300) FROM generate_series(1, 20000) i;")
    with Home() as home:
        options = ["--publication", "p", "--slot", f"{name}_late", "--format", "flat"]
        process = home.start("cdc", server_of().source(name), *options)
        until(lambda: process.stdout.read(1), "the first rows")
        process.kill()
        process.wait()
        count = f"SELECT count(*) FROM pg_replication_slots WHERE database = '{name}'"
        until(lambda: server_of().sql(count) == "0\n", "the end of its slot")
        text = cdc(home, name, *options, "--until", "now")
        equal(len(lines(text)), 20_000)
        server_of().sql("INSERT INTO t VALUES (0, 'y')", name)
        text = cdc(home, name, *options, "--until", "now")
        equal([change["columns"]["id"] for change in lines(text)], [0])
        server_of().sql(f"SELECT pg_drop_replication_slot('{name}_late')")
