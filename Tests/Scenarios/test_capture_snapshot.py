"""`rtd cdc`: snapshots that are killed in their middle, statements on several tables at once, and
transactions in two phases."""

import json
import pathlib
import sys

import harness
from harness import equal
from test_cdc import cdc, checksum, database, lines, server_of, slots, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402

# Tables of 40 MB each: a piece of a snapshot is kept when it has 32.
LARGE = "CREATE TABLE keyless (x int); INSERT INTO keyless VALUES (1), (2);" + "".join(f"""
CREATE TABLE t{n} (id int PRIMARY KEY, v int, filler text);
INSERT INTO t{n} SELECT i, 0, repeat('x', 1000000) FROM generate_series(1, 40) i;
""" for n in range(4))


def check(name, changes):
    """The changes give the rows, and each row of the snapshot was given once."""
    reads = [(c["table"], (c["keys"] or c["columns"])["id" if c["keys"] else "x"])
             for c in changes if c["action"] == "read"]
    equal(len(reads), len(set(reads)), "each row is read once")
    for n in range(4):
        rows = {}
        for change in changes:
            if change["table"] == f"t{n}":
                if change["action"] == "delete":
                    rows.pop(change["keys"]["id"], None)
                else:
                    rows[change["keys"]["id"]] = change["columns"]["v"]
        real = dict(json.loads(row) for row in server_of().sql(
            f"SELECT json_build_array(id, v) FROM t{n}", name).splitlines())
        equal(rows, real, f"t{n}")


def free(name):
    until(lambda: server_of().sql("SELECT count(*) FROM pg_replication_slots WHERE active "
                                  f"AND database = '{name}'") == "0\n", "the slot")


def change_all(name):
    for n in range(4):
        server_of().sql(f"UPDATE t{n} SET v = v + 1 WHERE id % 3 = 0; DELETE FROM t{n} WHERE id = 7;"
                        f"INSERT INTO t{n} VALUES (100, 5, '') ON CONFLICT (id) DO UPDATE SET v = 9", name)


def test_a_snapshot_that_is_killed_goes_on_where_its_file_ends():
    name = database(LARGE)
    with Home() as home:
        out = home.path / "out"
        position = home.path / "out.position"
        options = ["--to", str(out), "--format", "flat"]
        process = home.start("cdc", server_of().source(name), *options)
        until(lambda: position.exists() and "backfills" in position.read_text(), "a piece")
        process.kill()
        process.wait()
        free(name)
        assert "public.t3" in position.read_text(), position.read_text()
        change_all(name)
        cdc(home, name, *options, "--until", "now", "-q")
        change_all(name)
        cdc(home, name, *options, "--until", "now", "-q")
        check(name, lines(out.read_text()))
        assert "backfills" not in position.read_text(), position.read_text()


def test_a_snapshot_into_topics_shows_whole_tables_and_goes_on():
    name = database(LARGE)
    with Home() as home:
        options = ["--to", "topics", "--format", "flat"]
        process = home.start("cdc", server_of().source(name), *options)

        def cuts():
            text = home.rtd("consume", f"{name}.cuts", "-e").text
            return [json.loads(line) for line in text.splitlines()]

        until(lambda: any("backfills" in cut for cut in cuts()), "a piece")
        process.terminate()
        process.wait()
        free(name)
        assert slots(name) == [f"rtd_{name}"], "the slot stays"
        rest = [table for table in cuts()[-1].get("backfills", [])]
        for n in range(4):
            done = home.rtd("consume", f"{name}.public.t{n}", "-e", seconds=60)
            equal(len(done.text.splitlines()) if done.returncode == 0 else 0,
                  0 if f"public.t{n}" in rest else 40, f"t{n}: all or nothing")
        change_all(name)
        cdc(home, name, *options, "--until", "now", "-q")
        changes = []
        for table in ["keyless", "t0", "t1", "t2", "t3"]:
            for line in home.rtd("consume", "-J", f"{name}.public.{table}", "-e",
                                 seconds=60).text.splitlines():
                value = json.loads(line)["value"]
                if value is not None:
                    changes.append(json.loads(value))
        check(name, changes)


def test_tables_that_refer_to_each_other_are_truncated_together():
    schema = """
        CREATE TABLE parent (id serial PRIMARY KEY); CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES parent);
        CREATE TABLE other (id int PRIMARY KEY);"""
    name, copy = database(schema), database(schema)
    with Home() as home:
        out = home.path / "out"
        options = ["--to", str(out), "--format", "sql", "--until", "now"]
        cdc(home, name, *options)
        server_of().sql("""
            INSERT INTO parent DEFAULT VALUES; INSERT INTO child VALUES (1, 1); INSERT INTO other VALUES (1);
            TRUNCATE parent, child RESTART IDENTITY; TRUNCATE other; INSERT INTO parent DEFAULT VALUES;
            INSERT INTO parent DEFAULT VALUES; TRUNCATE parent CASCADE;
            INSERT INTO parent VALUES (8)""", name)
        cdc(home, name, *options)
        text = out.read_text()
        assert "RESTART IDENTITY" in text, text
        server_of().sql(text, copy)
        for table in ("parent", "child", "other"):
            equal(checksum(copy, [table]), checksum(name, [table]), table)


def test_a_transaction_in_two_phases_comes_when_it_is_committed():
    name = database("CREATE TABLE t (id int PRIMARY KEY);")
    if server_of().sql("SHOW max_prepared_transactions").strip() == "0":
        raise harness.Skip("the server prepares no transactions")
    with Home() as home:
        out = home.path / "out"
        options = ["--to", str(out), "--format", "flat", "--until", "now"]
        cdc(home, name, *options)
        server_of().sql(f"BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'one{name}';"
                        f"BEGIN; INSERT INTO t VALUES (2); PREPARE TRANSACTION 'two{name}';"
                        "INSERT INTO t VALUES (3);", name)
        cdc(home, name, *options)
        equal([c["keys"]["id"] for c in lines(out.read_text())], [3])
        server_of().sql(f"COMMIT PREPARED 'one{name}'; ROLLBACK PREPARED 'two{name}'", name)
        cdc(home, name, *options)
        equal([c["keys"]["id"] for c in lines(out.read_text())], [3, 1])


def test_avro_is_refused_with_the_reason():
    with Home() as home:
        done = home.rtd("cdc", "postgres://localhost/shop", "--format", "avro")
        equal(done.returncode, 2)
        assert "schema registry" in done.errors, done.errors
