"""`rtd cdc --to topics`: tables whose rows are told apart by other columns than before, and names with every sign."""

import json
import pathlib
import sys

from harness import contains, equal
from test_capture_tables import agrees, ended, rows, running, sql
from test_cdc import cdc, database, free, lines, server_of, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402

TABLES = """
CREATE TABLE named (id int PRIMARY KEY, v text); INSERT INTO named VALUES (1, 'a'), (2, 'b');
CREATE TABLE moved (id int PRIMARY KEY, k int NOT NULL); INSERT INTO moved VALUES (1, 10), (2, 20);
CREATE TABLE parts (id int, k int, PRIMARY KEY (id, k)) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (10); INSERT INTO parts VALUES (1, 1), (2, 2);
"""
CHANGES = """
ALTER TABLE named RENAME id TO k; UPDATE named SET v = 'c' WHERE k = 1;
ALTER TABLE moved DROP CONSTRAINT moved_pkey; ALTER TABLE moved ADD PRIMARY KEY (k);
UPDATE moved SET id = 5 WHERE k = 10; DELETE FROM moved WHERE k = 20; INSERT INTO moved VALUES (5, 30);
ALTER TABLE parts RENAME k TO m; UPDATE parts SET m = 7 WHERE id = 1;
"""


def start(home, name, *options):
    done = home.rtd("cdc", server_of().source(name), "--to", "topics", "--until", "now", *options)
    equal(done.returncode, 0, done.errors)
    return done.errors


def test_rows_are_told_apart_by_the_key_that_a_table_has_now():
    for runs in (True, False):
        name = database(TABLES)
        with Home() as home:
            start(home, name)
            process = running(home, name) if runs else None
            sql(CHANGES, name)
            if process:
                agrees(home, name)
                ended(process)
            text = start(home, name)
            equal("table public.named has another key than before; the rows that it has are read" in text, not runs,
                  text)
            agrees(home, name)
            equal(rows(home, name, "named", "k, v"), [{"k": 1, "v": "c"}, {"k": 2, "v": "b"}])
            equal(rows(home, name, "moved"), [{"id": 5, "k": 10}, {"id": 5, "k": 30}])
            equal("another key" in start(home, name), False)


def test_another_key_or_mask_of_a_key_is_another_key():
    name = database("CREATE TABLE t (id int PRIMARY KEY, k int); INSERT INTO t VALUES (1, 10), (2, 20);"
                    "ALTER TABLE t REPLICA IDENTITY FULL;")
    with Home() as home:
        for options, count in (([], 0), (["--key", "t=id,k"], 1), (["--key", "t=id,k"], 0),
                               (["--mask", "t.id=sha256:a"], 1), (["--mask", "t.id=sha256:b"], 1),
                               (["--mask", "t.id=sha256:b", "--mask", "t.k=len"], 0), ([], 1)):
            sql("UPDATE t SET k = k + 1", name)
            text = start(home, name, *options)
            equal(text.count("public.t has another key than before; the rows"), count, f"{options} {text}")
            equal(home.rtd("query", f'SELECT count(*) n FROM "{name}.public.t"').text, '{"n":2}\n')
        comment = sql("SELECT string_agg(obj_description(oid, 'pg_publication'), '') FROM pg_publication", name)
        assert "sha256" not in comment, comment


def test_a_file_is_in_the_order_of_changes_whatever_the_key():
    name = database(TABLES)
    with Home() as home:
        options = ["--to", str(home.path / "out"), "--format", "flat", "--until", "now"]
        cdc(home, name, *options)
        sql(CHANGES, name)
        cdc(home, name, *options)
        actions = [c["action"] for c in lines((home.path / "out").read_text())]
        # The columns of two of them have other names.
        equal((actions.count("read"), actions.count("truncate")), (6 + 4, 0))


def test_what_is_left_of_a_snapshot_is_found_by_names_with_every_sign():
    names = ['a0', 'a:b', 'A"q.x', "it's, \\t"]
    quoted = ['"' + one.replace('"', '""') + '"' for one in names]
    name = database("".join(f"CREATE TABLE {one} (id int PRIMARY KEY, filler text);"
                            f"INSERT INTO {one} SELECT i, repeat('x', 1000000) FROM generate_series(1, 40) i;"
                            for one in quoted))
    with Home() as home:
        out, position = home.path / "out", home.path / "out.position"
        options = ["--to", str(out), "--format", "flat", "-q"]
        process = home.start("cdc", server_of().source(name), *options)
        until(lambda: position.exists() and "backfills" in position.read_text(), "a piece")
        process.kill()
        process.wait()
        free(name)
        contains(position.read_text(), "a:b")
        cdc(home, name, *options, "--until", "now")
        changes = lines(out.read_text())
        for one in names:
            equal(sorted(c["keys"]["id"] for c in changes if c["table"] == one), list(range(1, 41)), one)
        done = home.rtd("cdc", server_of().source(name), *options, "--until", "now", "--backfill",
                        '"public.a:b":id < 3', "--backfill", "a0:id = 1")
        equal(done.returncode, 0, done.errors)
        equal(len(lines(out.read_text())), 163)


LOST = """
CREATE TABLE t (id int PRIMARY KEY, v int); ALTER TABLE t REPLICA IDENTITY FULL; INSERT INTO t VALUES (1, 1), (2, 2);
"""


def test_a_table_that_loses_its_key_is_one_without():
    for given in ([], ["--publication", "p"]):
        for runs in (True, False):
            name = database(LOST + "CREATE PUBLICATION p FOR ALL TABLES;")
            with Home() as home:
                start(home, name, *given)
                process = running(home, name, *given) if runs else None
                sql("ALTER TABLE t DROP CONSTRAINT t_pkey; INSERT INTO t VALUES (1, 1), (3, 3); UPDATE t SET v = 9 "
                    "WHERE id = 2; DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t WHERE id = 1)", name)
                if process:
                    agrees(home, name, *given)
                    ended(process)
                text = start(home, name, *given)
                if not runs:
                    contains(text, "public.t has no key any more; the rows that it has are read")
                agrees(home, name, *given)
                wanted = [{"id": 1, "v": 1}, {"id": 2, "v": 9}, {"id": 3, "v": 3}]
                equal(rows(home, name, "t"), wanted)
                sql("DELETE FROM t WHERE id = 3; ALTER TABLE t ADD PRIMARY KEY (v); UPDATE t SET id = 5 WHERE v = 9",
                    name)
                contains(start(home, name, *given), "public.t has another key than before; the rows")
                agrees(home, name, *given)
                equal(rows(home, name, "t"), [{"id": 1, "v": 1}, {"id": 5, "v": 9}])


def test_no_cut_is_whole_that_has_rows_under_two_keys():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL); INSERT INTO t SELECT i, -i "
                    "FROM generate_series(1, 50) i;")
    with Home() as home:
        for key, options in (("v", []), ("id", ["-X", "incremental.snapshot.chunk.size=5"])):
            process = running(home, name, *options)
            sql(f"BEGIN; ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY ({key});"
                f"UPDATE t SET {'id' if key == 'v' else 'v'} = {'-v' if key == 'v' else '-id'}; COMMIT", name)
            agrees(home, name)
            ended(process)
        cuts = [json.loads(json.loads(line)["value"])
                for line in home.rtd("consume", "-J", f"{name}.cuts", "-e").text.splitlines()]
        records = [json.loads(line) for line in home.rtd("consume", "-J", f"{name}.public.t", "-e").text.splitlines()]
        seen = set()
        for cut in cuts:
            rows = {}
            for record in records:
                if record["offset"] >= cut["offsets"].get(f"{name}.public.t-0", 0):
                    break
                event = json.loads(record["value"]) if record["value"] else None
                if event and event["op"] == "t":
                    rows = {}
                elif event and event["op"] != "d":
                    rows[record["key"]] = event
                else:
                    rows.pop(record["key"], None)
            if "backfills" not in cut and rows:
                equal(len(rows), 50, cut)
                kinds = {name for key in rows for name in json.loads(key)}
                equal(len(kinds), 1, cut)
                seen |= kinds
        equal(seen, {"id", "v"})
