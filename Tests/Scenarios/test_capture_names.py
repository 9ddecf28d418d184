"""`rtd cdc`: which rows, keys, topics and outputs belong together, and what is refused because they would not."""

import json
import pathlib
import subprocess
import sys

from harness import contains, equal
from test_cdc import cdc, checksum, database, follow, lines, publications, server_of, slots, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402


def records(home, topic):
    return lines(home.rtd("consume", "-J", topic, "-e").text)


def keys(home, topic):
    return [json.loads(r["key"]) if r["key"] else None for r in records(home, topic)]


def test_updates_of_users_go_on_whatever_the_identity_of_their_tables():
    name = database("""
        CREATE TABLE deferred (id int PRIMARY KEY DEFERRABLE, v text); INSERT INTO deferred VALUES (1, 'a');
        CREATE TABLE root (id int, v text) PARTITION BY RANGE (id);
        CREATE TABLE leaf PARTITION OF root FOR VALUES FROM (0) TO (10);
        ALTER TABLE root REPLICA IDENTITY FULL; INSERT INTO root VALUES (1, 'a');
        CREATE TABLE good (id int PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE good_leaf PARTITION OF good FOR VALUES FROM (0) TO (10);""")
    with Home() as home:
        process = follow(home, name, "--format", "flat")
        server_of().sql("UPDATE deferred SET v = 'b'; DELETE FROM deferred; UPDATE root SET v = 'b';"
                        "DELETE FROM root; INSERT INTO good VALUES (1); UPDATE good SET id = 2", name)
        got = [json.loads(process.stdout.readline()) for _ in range(4)]
        equal([(c["action"], c["table"]) for c in got],
              [("read", "deferred"), ("read", "root"), ("insert", "good"), ("update", "good")])
        process.terminate()
        contains(process.communicate()[1].decode(), "only inserts are captured")
        done = home.rtd("cdc", "--check", server_of().source(name))
        equal(done.returncode, 0, done.text)
        contains(done.text, "public.deferred, public.root")


def test_a_slot_serves_one_output():
    name = database("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);")
    with Home() as home:
        one, other = home.path / "one", home.path / "other"

        def capture(target, *more):
            return home.rtd("cdc", server_of().source(name), "--to", str(target), "--until", "now", "--format",
                            "flat", "-q", *more)
        for target in (one, other, one):
            equal(capture(target).returncode, 0)
            server_of().sql("INSERT INTO t SELECT max(id) + 1 FROM t", name)
        done = capture(other)
        equal(done.returncode, 1)
        contains(done.errors, "another output uses it")
        contains(done.errors, "--slot NAME")
        equal(capture(one).returncode, 0)
        equal([c["keys"]["id"] for c in lines(one.read_text())], [1, 2, 3, 4])
        # A log that goes on without changes for the output is not taken for that.
        for _ in range(3):
            server_of().sql("CREATE TABLE x (a int); DROP TABLE x", "postgres")
            equal(capture(one).returncode, 0)
            equal(capture("topics", "--slot", f"{name}_own").returncode, 0)
        server_of().sql("INSERT INTO t VALUES (9)", name)
        equal(capture("topics", "--slot", f"{name}_own").returncode, 0)
        confirmed = server_of().sql(
            f"SELECT pg_current_wal_lsn() - confirmed_flush_lsn < 100000 FROM pg_replication_slots "
            f"WHERE slot_name = '{name}_own'")
        equal(confirmed, "t\n", "an idle log is released")
        done = home.rtd("cdc", server_of().source(name), "--slot", "Not-A-Name", "--until", "now")
        equal((done.returncode, publications(name)),
              (2, sorted(slot + more for slot in (f"rtd_{name}", f"{name}_own") for more in ("", "_inserts"))))


def test_a_file_has_one_writer():
    name = database("CREATE TABLE t (id int PRIMARY KEY);")
    with Home() as home:
        out = home.path / "out"
        options = ["--to", str(out), "--format", "flat"]
        process = follow(home, name, *options)
        for n in range(3):
            server_of().sql(f"INSERT INTO t VALUES ({n})", name)
            done = home.rtd("cdc", server_of().source(name), *options)
            equal(done.returncode, 1)
            contains(done.errors, "is being written by another rtd cdc")
        until(lambda: out.read_text().count("\n") == 3, "the rows")
        process.terminate()
        process.wait()
        equal([c["keys"]["id"] for c in lines(out.read_text())], [0, 1, 2])
        process = follow(home, name, "--to", "topics")
        second = subprocess.Popen(["true"])
        second.wait()
        server_of().sql("INSERT INTO t VALUES (7)", name)
        until(lambda: records(home, f"{name}.public.t") != [], "the row")
        equal(process.poll(), None)
        process.terminate()
        process.wait()


def test_descriptions_that_change_are_those_of_their_table():
    name, copy = database("CREATE TABLE t (id int PRIMARY KEY, c0 int); CREATE TABLE u (id int PRIMARY KEY, x text);"), \
        database("CREATE TABLE t (id int PRIMARY KEY, c0 int); CREATE TABLE u (id int PRIMARY KEY, x text);")
    with Home() as home:
        for form in ("sql", "csv", "debezium", "wal2json"):
            cdc(home, name, "--to", str(home.path / form), "--format", form, "--slot", f"{name}_{form}", "--until",
                "now", *(["--schemas"] if form == "debezium" else []))
        both = []
        for i in range(1, 21):
            old, new = ("x", "y") if i % 2 else ("y", "x")
            ddl = f"ALTER TABLE t ADD COLUMN c{i} int; ALTER TABLE u RENAME COLUMN {old} TO {new};"
            rows = f"INSERT INTO t (id, c0, c{i}) VALUES ({i}, {i}, {i}); INSERT INTO u VALUES ({i}, 'u{i}');"
            server_of().sql(ddl + rows, name)
            both.append((ddl, rows))
        texts = {}
        for form in ("sql", "csv", "debezium", "wal2json"):
            cdc(home, name, "--to", str(home.path / form), "--format", form, "--slot", f"{name}_{form}", "--until",
                "now", *(["--schemas"] if form == "debezium" else []))
            texts[form] = (home.path / form).read_text()
        inserts = [line for line in texts["sql"].splitlines() if line.startswith("INSERT")]
        equal(len(inserts), 40)
        for i, (ddl, _) in enumerate(both):
            server_of().sql(ddl + "\n".join(inserts[2 * i:2 * i + 2]), copy)
        equal(checksum(copy, "tu"), checksum(name, "tu"))
        equal(texts["csv"].count("action,schema"), 40)
        for line in lines(texts["debezium"]):
            fields = next(f for f in line["schema"]["fields"] if f["field"] == "after")["fields"]
            equal([f["field"] for f in fields], list(line["payload"]["after"]))


def test_the_key_is_what_the_changes_carry():
    name = database("""
        CREATE TABLE renamed (id int PRIMARY KEY, v text); CREATE TABLE dropped (id int PRIMARY KEY);
        CREATE TABLE indexed (a int PRIMARY KEY, b int NOT NULL); CREATE UNIQUE INDEX i ON indexed (b);
        ALTER TABLE indexed REPLICA IDENTITY USING INDEX i; CREATE TABLE chosen (id int PRIMARY KEY, c int);""")
    with Home() as home:
        capture = ["--to", "topics", "--until", "now", "-q"]
        cdc(home, name, *capture)
        server_of().sql("""
            INSERT INTO renamed VALUES (1, 'a'), (2, 'b'); DELETE FROM renamed WHERE id = 2;
            INSERT INTO dropped VALUES (1); DELETE FROM dropped; DROP TABLE dropped;
            ALTER TABLE renamed RENAME id TO key; INSERT INTO renamed VALUES (3, 'c');
            INSERT INTO indexed VALUES (1, 10), (2, 20); DELETE FROM indexed WHERE a = 1;
            UPDATE indexed SET a = 5 WHERE a = 2; UPDATE indexed SET b = 30 WHERE a = 5""", name)
        cdc(home, name, *capture)
        # Behind the changes all rows are said anew under the new key.
        equal(keys(home, f"{name}.public.renamed"),
              [{"id": 1}, {"id": 2}, {"id": 2}, {"id": 2}, {"key": 3}, None, {"key": 1}, {"key": 3}])
        equal(keys(home, f"{name}.public.dropped"), [{"id": 1}] * 3)
        equal(keys(home, f"{name}.public.indexed"),
              [{"b": 10}, {"b": 20}, {"b": 10}, {"b": 10}, {"b": 20}, {"b": 20}, {"b": 20}, {"b": 30}])
        done = home.rtd("query", "--format", "json", "-c", f'SELECT a, b FROM "{name}.public.indexed"')
        equal(lines(done.text), [{"a": 5, "b": 30}], done.errors)
        done = home.rtd("cdc", server_of().source(name), "--key", "chosen=c", "--until", "now")
        equal((done.returncode, done.text), (1, ""))
        contains(done.errors, "public.chosen do not carry the columns of its --key; ALTER TABLE")
        equal(slots(name), [f"rtd_{name}"])


def test_two_tables_are_never_one_topic():
    name = database('CREATE TABLE "Ä" (id int PRIMARY KEY); CREATE TABLE "Ö" (id int PRIMARY KEY);')
    with Home() as home:
        done = home.rtd("cdc", server_of().source(name), "--to", "topics", "--until", "now")
        equal(done.returncode, 1)
        contains(done.errors, f'tables public.Ä and public.Ö would both be topic "{name}.public.__"')
        equal((slots(name), publications(name)), ([], []))
        cdc(home, name, "--to", "topics", "--until", "now", "--exclude", "Ö")


def test_a_new_snapshot_replaces_the_old_one():
    name = database("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2);")
    with Home() as home:
        out = home.path / "out"
        options = (["--to", "topics"], ["--to", str(out), "--format", "sql", "--slot", f"{name}_file"])
        for option in options:
            cdc(home, name, *option, "--until", "now")
        server_of().sql("DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (3)", name)
        for option in options:
            cdc(home, name, *option, "--until", "now", "--snapshot", "always")
        done = home.rtd("query", "--format", "json", "-c", f'SELECT id FROM "{name}.public.t" ORDER BY id')
        equal(lines(done.text), [{"id": 2}, {"id": 3}])
        copy = database("CREATE TABLE t (id int PRIMARY KEY);")
        server_of().sql(out.read_text(), copy)
        equal(server_of().sql("SELECT id FROM t ORDER BY 1", copy), "2\n3\n")


def test_decimals_of_captured_tables_are_numeric():
    name = database("CREATE TABLE t (id int PRIMARY KEY, price numeric(10,2), f float8);"
                    "INSERT INTO t SELECT g, 0.10, 0.5 FROM generate_series(1, 3) g;")
    with Home() as home:
        cdc(home, name, "--to", "topics", "--until", "now")
        done = home.rtd("query", "--format", "csv", "--no-header", "-c",
                        f'SELECT pg_typeof(price), sum(price), sum(price) = 0.3, sum(f) FROM "{name}.public.t" '
                        "GROUP BY 1")
        equal(done.text, "numeric,0.30,t,1.5\n")


def test_now_has_what_was_committed_without_waiting_for_the_disk():
    name = database("CREATE TABLE t (id int PRIMARY KEY);")
    with Home() as home:
        out = home.path / "out"
        for n in range(5):
            server_of().sql(f"SET synchronous_commit = off; INSERT INTO t VALUES ({n})", name)
            cdc(home, name, "--to", str(out), "--until", "now")
            equal(len(out.read_text().splitlines()), n + 1)


def test_rows_without_key_are_found_by_the_text_that_the_server_sends():
    schema = """CREATE TABLE t (id int, c char(5), i inet, x xml, p point);
                ALTER TABLE t REPLICA IDENTITY FULL;"""
    name, copy = database(schema), database(schema)
    with Home() as home:
        process = follow(home, name, "--format", "sql")
        server_of().sql("""
            INSERT INTO t VALUES (1, 'ab', '10.0.0.1', '<?xml version="1.0"?><a/>', '(1,2)'),
                (2, NULL, '::1', '<b>1</b>', NULL), (3, 'c', '10.0.0.0/8', NULL, '(0,0)');
            UPDATE t SET id = id + 10; DELETE FROM t WHERE id = 12; CREATE TABLE done (id int PRIMARY KEY)""", name)
        text = ""
        while "DELETE" not in text:
            text += process.stdout.readline().decode()
        process.terminate()
        process.wait()
        server_of().sql(text + "COMMIT;", copy)
        equal(checksum(copy, "t"), checksum(name, "t"))


def test_a_message_outside_of_transactions_is_none():
    name = database("CREATE TABLE t (id int PRIMARY KEY);")
    with Home() as home:
        out = home.path / "out"
        options = ["--to", str(out), "--until", "now", "-X", "provide.transaction.metadata=true"]
        cdc(home, name, *options)
        server_of().sql("BEGIN; INSERT INTO t VALUES (1); SELECT pg_logical_emit_message(false, 'p', 'c'); COMMIT",
                        name)
        cdc(home, name, *options)
        changes = lines(out.read_text())
        message = next(c for c in changes if c.get("op") == "m")
        assert message["source"]["ts_ms"] > 1_600_000_000_000, message
        equal(message["transaction"], None)
        row = next(c for c in changes if c.get("op") == "c")
        marks = [c for c in changes if "status" in c]
        equal([c["status"] for c in marks], ["BEGIN", "END"])
        equal({c["id"] for c in marks}, {row["transaction"]["id"]})
        assert row["source"]["ts_ms"] > 1_600_000_000_000, row


def test_a_mask_leaves_rows_apart():
    name = database("""
        CREATE TABLE e (email text PRIMARY KEY, n int NOT NULL);
        INSERT INTO e VALUES ('a@x', 1), ('b@x', 2), ('c@xx', 3);
    """)
    with Home() as home:
        for how in ("len", "drop", "truncate:2"):
            for options in (["--to", "topics"], ["--snapshot", "only"], []):
                done = home.rtd("cdc", server_of().source(name), "--until", "now", *options, "--mask",
                                f"e.email={how}")
                equal((done.returncode, "email is part of their key" in done.errors), (2, True),
                      done.errors)
        equal(slots(name), [])
        cdc(home, name, "--to", "topics", "--until", "now", "--mask", "email=sha256:s", "--mask", "n=len")
        equal(len({key["email"] for key in keys(home, f"{name}.public.e")}), 3)
