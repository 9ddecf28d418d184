"""`rtd cdc`: snapshots that are killed in their middle, statements on several tables at once, and
transactions in two phases."""

import collections
import json
import pathlib
import sys

import harness
from harness import equal
from test_cdc import cdc, checksum, database, free, lines, server_of, slots, until

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


def test_a_file_whose_first_rows_were_cut_off_begins_anew():
    name = database(LARGE)
    with Home() as home:
        out = home.path / "out"
        options = ["--to", str(out), "--format", "flat"]
        process = home.start("cdc", server_of().source(name), *options)
        until(lambda: out.exists() and out.stat().st_size > 0, "the first bytes")
        process.kill()
        process.wait()
        free(name)
        change_all(name)
        cdc(home, name, *options, "--until", "now", "-q")
        check(name, lines(out.read_text()))


# Rows of 10 kB that take 2 kB in the table's file, which is read in two parts: the first is more than an output
# leaves without a position behind it.
WIDE = """
CREATE TABLE w (id int PRIMARY KEY, v int, filler text, padding text); ALTER TABLE w ALTER padding SET STORAGE plain;
INSERT INTO w SELECT (i * 7919) % 10007, 0, repeat('x', 8000), repeat('y', 1900) FROM generate_series(1, 10000) i;
CREATE TABLE x_behind (id int PRIMARY KEY, v int); INSERT INTO x_behind VALUES (1, 1);
"""


def test_a_large_table_goes_on_behind_its_last_part_in_a_file():
    large_table_goes_on("file")


def test_a_large_table_goes_on_behind_its_last_part_in_topics():
    large_table_goes_on("topics")


def large_table_goes_on(target):
    name = database(WIDE)
    with Home() as home:
        out = home.path / "out"
        options = ["--to", str(out) if target == "file" else "topics", "--format", "flat", "-q"]
        process = home.start("cdc", server_of().source(name), *options)

        def rest():
            if target == "file":
                position = home.path / "out.position"
                return position.read_text() if position.exists() else ""
            return home.rtd("consume", f"{name}.cuts", "-e").text
        until(lambda: "pg_relation_filenode" in rest(), "a part of the table", 100)
        process.kill()
        process.wait()
        free(name)
        if target == "topics":
            assert '"public.x_behind":{' in rest(), rest()
        server_of().sql("""
            UPDATE w SET v = v + 1 WHERE id % 10 = 3; DELETE FROM w WHERE id % 100 = 7;
            UPDATE w SET id = -id WHERE id % 1000 = 1; INSERT INTO w VALUES (20000, 5, '', '');
            VACUUM w""", name)
        cdc(home, name, *options, "--until", "now", seconds=110)
        cdc(home, name, *options, "--until", "now")
        if target == "file":
            changes = lines(out.read_text())
        else:
            text = home.rtd("consume", f"{name}.public.w", "-e", seconds=60).text
            changes = [json.loads(line) for line in text.splitlines() if line.strip()]
        rows, reads, written = {}, collections.Counter(), set()
        for change in changes:
            if change["table"] != "w":
                continue
            key, old = change["keys"]["id"], (change.get("changes") or {}).get("id")
            if change["action"] == "read":
                reads[key] += 1
            else:
                written.add(key)
            before = rows.pop(key if old is None else old, {})
            if change["action"] != "delete":
                rows[key] = {**(before if change["action"] == "update" else {}), **change["columns"]}
        real = {row["id"]: row for row in map(json.loads, server_of().sql(
            "SELECT json_build_object('id', id, 'v', v, 'n', length(filler)) FROM w", name).splitlines())}
        got = {k: {"id": r["id"], "v": r["v"], "n": len(r["filler"])} for k, r in rows.items()}
        equal(got == real, True, f"{target}: {len(got)} and {len(real)} rows")
        again = {key for key, count in reads.items() if count > 1}
        assert again <= written, "only what was written meanwhile is read again"


def test_a_table_that_waits_for_its_turn_cannot_be_rewritten():
    name = database("""CREATE TABLE a (id int PRIMARY KEY, t text);
        INSERT INTO a SELECT i, repeat('x', 1000) FROM generate_series(1, 3000) i;
        CREATE TABLE z (id int PRIMARY KEY, n int); INSERT INTO z VALUES (1, 1), (2, 2);""")
    with Home() as home:
        process = home.start("cdc", server_of().source(name), "--until", "now", "--format", "flat", "-q")
        process.stdout.readline()
        try:
            server_of().sql("SET lock_timeout = '300ms'; ALTER TABLE z ALTER n TYPE bigint", name)
            raise AssertionError("the table is not held")
        except AssertionError as error:
            assert "lock timeout" in str(error), error
        rest = lines(process.stdout.read().decode())
        process.wait()
        equal([c["columns"] for c in rest if c["table"] == "z"], [{"id": 1, "n": 1}, {"id": 2, "n": 2}])
        equal((process.returncode, slots(name)), (0, []))


def test_several_connections_read_a_table_and_its_partitions_at_once():
    name = database("""
        CREATE TABLE big (id int PRIMARY KEY, t text);
        INSERT INTO big SELECT i, repeat('z', 900) FROM generate_series(1, 40000) i;
        CREATE TABLE parted (id int, k int, t text, PRIMARY KEY (k, id)) PARTITION BY LIST (k);
        CREATE TABLE p1 PARTITION OF parted FOR VALUES IN (1);
        CREATE TABLE p2 (t text, k int NOT NULL, gone int, id int NOT NULL); ALTER TABLE p2 DROP gone;
        ALTER TABLE parted ATTACH PARTITION p2 FOR VALUES IN (2);
        INSERT INTO parted SELECT i, 1 + i % 2, repeat('q', 900) FROM generate_series(1, 30000) i;
        CREATE TABLE small (id int PRIMARY KEY); INSERT INTO small VALUES (1);""")
    with Home() as home:
        for options in (["--snapshot", "only"], ["--until", "now"],
                        ["--until", "now", "-X", "snapshot.max.threads=3"]):
            if "-X" not in options:
                options = [*options, "--snapshot-workers", "3"]
            changes = lines(cdc(home, name, "--format", "flat", *options))
            for table, count in (("big", 40000), ("parted", 30000), ("small", 1)):
                found = [c for c in changes if c["table"] == table]
                equal(sorted(c["columns"]["id"] for c in found), list(range(1, count + 1)), table)
            assert all(c["columns"]["k"] == 1 + c["columns"]["id"] % 2 and c["columns"]["t"] == "q" * 900
                       for c in changes if c["table"] == "parted")
        equal(slots(name), [])
        done = home.shell(f"rtd cdc '{server_of().source(name)}' --snapshot-workers 2 | head -1 | wc -l")
        equal(done.text, "1\n")
        equal(home.rtd("cdc", server_of().source(name), "--snapshot-workers", "0").returncode, 2)


def test_a_transaction_of_kafka_has_its_time():
    name = database("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE keyless (x text);"
                    "INSERT INTO keyless SELECT repeat('x', 2000) FROM generate_series(1, 60000);")
    with Home() as home:
        done = home.rtd("cdc", server_of().source(name), "--to", "topics", "--until", "now", "-X",
                        "transaction.timeout.ms=3600000")
        equal(done.returncode, 1)
        assert "transaction.max.timeout.ms" in done.errors, done.errors
        # Rows without a key cannot be read in parts, and these take longer than that.
        done = home.rtd("cdc", server_of().source(name), "--to", "topics", "--until", "now", "-X",
                        "transaction.timeout.ms=60")
        equal(done.returncode, 1)
        assert "takes longer than the 60 ms of a Kafka transaction" in done.errors, done.errors
        cdc(home, name, "--to", "topics", "--until", "now", "-q", "-X", "transaction.timeout.ms=600000")
        equal(len(home.rtd("consume", f"{name}.public.keyless", "-e").text.splitlines()), 60000)


def test_maxwell_marks_the_last_change_of_a_transaction():
    name = database("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);")
    script = ("BEGIN; INSERT INTO t VALUES (2); INSERT INTO t VALUES (3); COMMIT; INSERT INTO t VALUES (4);"
              "BEGIN; DELETE FROM t; COMMIT; TRUNCATE t")
    wanted = [("bootstrap-insert", False), ("insert", False), ("insert", True), ("insert", True),
              ("delete", False), ("delete", False), ("delete", False), ("delete", True),
              ("table-truncate", True)]
    with Home() as home:
        out = home.path / "out"
        for target in (str(out), "topics"):
            cdc(home, name, "--to", target, "--format", "maxwell", "--until", "now", "--topic-prefix",
                f"{name}{'f' if target != 'topics' else 't'}")
        server_of().sql(script, name)
        for target in (str(out), "topics"):
            cdc(home, name, "--to", target, "--format", "maxwell", "--until", "now", "--topic-prefix",
                f"{name}{'f' if target != 'topics' else 't'}")
        got = [(line["type"], line.get("commit", False)) for line in lines(out.read_text())]
        equal(got, wanted)
        records = lines(home.rtd("consume", "-J", f"{name}t.public.t", "-e").text)
        got = [json.loads(r["value"]) for r in records if r["value"] is not None]
        equal([(line["type"], line.get("commit", False)) for line in got], wanted)
        keys = [json.loads(r["key"])["id"] for r in records if r["value"] is None]
        equal(keys, [1, 2, 3, 4], "tombstones")


def test_of_several_servers_the_right_one_is_taken():
    name = database("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);")
    here = server_of().directory
    with Home() as home:
        def capture(text):
            return home.rtd("cdc", text, "--until", "now", "--format", "flat")
        for more in ("", "target_session_attrs=read-write", "target_session_attrs=prefer-standby",
                     "load_balance_hosts=random"):
            done = capture(f"host=/nowhere,{here} user=postgres dbname={name} {more}")
            equal((done.returncode, done.errors, len(done.text.splitlines())), (0, "", 1), more)
        done = capture(f"host={here},/nowhere user=postgres dbname={name} target_session_attrs=standby")
        equal((done.returncode, done.text), (1, ""))
        assert f"{here}/.s.PGSQL.5432 is not standby; cannot reach /nowhere" in done.errors, done.errors


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
