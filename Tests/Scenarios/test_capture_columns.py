"""`rtd cdc`: columns that get other names, types and values while rows are there. The stream says nothing of those."""

import json
import pathlib
import sys

from harness import contains, equal
from test_capture_tables import agrees, ended, rows, running, sql, verified
from test_cdc import cdc, database, follow, free, lines, server_of, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402

# What each table becomes, and whether its rows look otherwise then.
CHANGES = {
    "constant": ("ADD c int DEFAULT 5", True),
    "strict": ("ADD c int NOT NULL DEFAULT 5; ALTER TABLE strict ALTER c DROP DEFAULT", True),
    "volatile": ("ADD c float8 DEFAULT random()", True),
    "numbered": ("ADD c serial", True),
    "renamed": ("RENAME v TO w", True),
    "swapped": ("RENAME n TO x; ALTER TABLE swapped RENAME v TO n; ALTER TABLE swapped RENAME x TO v", True),
    "retyped": ("ALTER k TYPE text", True),
    "scaled": ("ALTER m TYPE numeric(12,4)", True),
    "computed": ("ALTER k TYPE int USING k + 1", True),
    "again": ("DROP v; ALTER TABLE again ADD v text", True),
    "expressed": ("ALTER g DROP EXPRESSION", True),
    "domain": ("ADD c seven", True),
    "keyless": ("ADD c int DEFAULT 5", True),
    "parts": ("ADD c int DEFAULT 5", True),
    "nulls": ("ADD c int", False),
    "default_later": ("ADD c int; ALTER TABLE default_later ALTER c SET DEFAULT 5", False),
    "dropped": ("DROP v", False),
    "wider": ("ALTER s TYPE varchar(20)", False),
    "precise": ("ALTER m TYPE numeric(12,2)", False),
    "generated": ("ADD c int GENERATED ALWAYS AS (n * 2) STORED", False),
    "strictly": ("ALTER n SET NOT NULL", False),
}
COLUMNS = ("(id int PRIMARY KEY, n int, v text, s varchar(10), m numeric(10,2), k int,"
           "g int GENERATED ALWAYS AS (n * 2) STORED)")


def tables(rows=3):
    text = "CREATE DOMAIN seven AS int DEFAULT 7;"
    for name in CHANGES:
        columns = COLUMNS if name != "keyless" else COLUMNS.replace("PRIMARY KEY", "")
        text += f"CREATE TABLE {name} {columns}"
        text += (" PARTITION BY RANGE (id); CREATE TABLE part_a PARTITION OF parts FOR VALUES FROM (0) TO (2);"
                 "CREATE TABLE part_b PARTITION OF parts FOR VALUES FROM (2) TO (1000);" if name == "parts" else ";")
        text += f"INSERT INTO {name} SELECT i, i, 'v' || i, 's' || i, i + 0.5, i FROM generate_series(1, {rows}) i;"
    return text + "ALTER TABLE keyless REPLICA IDENTITY FULL;"


def altered():
    return "".join(f"ALTER TABLE {name} {change};" for name, (change, _) in CHANGES.items())


def told(text):
    return sorted(line.split(" ")[2] for line in text.splitlines() if line.endswith("the rows that it has are read"))


WANTED = sorted(f"public.{name}" for name, (_, differs) in CHANGES.items() if differs)


def start(home, name, *options):
    done = home.rtd("cdc", server_of().source(name), "--until", "now", *options)
    equal(done.returncode, 0, done.errors)
    return done.errors


def test_rows_look_as_those_of_the_table_when_its_columns_are_others():
    name = database(tables())
    with Home() as home:
        start(home, name, "--to", "topics")
        sql(altered(), name)
        text = start(home, name, "--to", "topics")
        equal(told(text), WANTED, text)
        contains(text, "table public.renamed has other columns than before (w); the rows")
        contains(text, "table public.computed was rewritten by ALTER TABLE; the rows")
        agrees(home, name)
        equal(rows(home, name, "renamed", "id, w"), [{"id": i, "w": f"v{i}"} for i in (1, 2, 3)])
        equal(rows(home, name, "parts", "id, c"), [{"id": i, "c": 5} for i in (1, 2, 3)])
        # What is the same stays; what was rewritten for other reasons, too.
        sql("VACUUM FULL wider", name)
        sql("CLUSTER generated USING generated_pkey; ALTER TABLE nulls ALTER n SET STATISTICS 10", name)
        sql("ALTER TABLE dropped ADD v text; ALTER TABLE again ADD x int", name)
        text = start(home, name, "--to", "topics")
        equal(told(text), ["public.dropped"], text)
        agrees(home, name)
        equal(start(home, name, "--to", "topics"), "")


def test_a_capture_that_runs_finds_them_by_itself():
    name = database(tables())
    with Home() as home:
        process = running(home, name)
        # Of half of them no change comes behind that.
        sql(altered() + "".join(f"UPDATE {table} SET m = m + 1;" for table in list(CHANGES)[::2]), name)
        agrees(home, name)
        sql("ALTER TABLE nulls RENAME c TO d; ALTER TABLE dropped DROP k; ALTER TABLE dropped ADD v int;", name)
        agrees(home, name)
        ended(process)
        # These rows looked the same before: it may have ended before it read them anew.
        start(home, name, "--to", "topics")
        agrees(home, name)
        equal(start(home, name, "--to", "topics"), "")


def test_a_publication_of_ones_own_is_followed_so_too():
    name = database(tables() + "CREATE PUBLICATION p FOR ALL TABLES WITH (publish_via_partition_root);"
                    "CREATE TABLE listed (id int PRIMARY KEY, a int, b int); INSERT INTO listed VALUES (1, 2, 3);"
                    "CREATE PUBLICATION q FOR TABLE listed (id, a);")
    with Home() as home:
        given = ["--publication", "p", "--to", "topics", "--exclude", "listed"]
        start(home, name, *given)
        sql(altered(), name)
        text = start(home, name, *given)
        # That nothing else than this was dropped is not written down with each cut.
        equal(told(text), sorted([*WANTED, "public.dropped"]), text)
        agrees(home, name, *given[:2], *given[4:])
        equal(start(home, name, *given), "")
        process = running(home, name, *given[:2], *given[4:])
        sql("ALTER TABLE wider DROP v; ALTER TABLE precise RENAME n TO q; ALTER TABLE nulls ADD d int DEFAULT 1", name)
        agrees(home, name, *given[:2], *given[4:])
        ended(process)
        sql("ALTER TABLE wider ADD v int", name)
        equal(told(start(home, name, *given)), ["public.wider"])
        agrees(home, name, *given[:2], *given[4:])
        given = ["--publication", "q", "--slot", f"{name}_q", "--topic-prefix", "q"]
        start(home, name, "--to", "topics", *given)
        sql("ALTER PUBLICATION q SET TABLE listed (id, b)", name)
        contains(start(home, name, "--to", "topics", *given), "public.listed has other columns than before")
        agrees(home, name, *given)


def test_a_file_gets_the_rows_and_a_pipe_is_told():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b');")
    with Home() as home:
        out = home.path / "out"
        options = ["--to", str(out), "--format", "flat"]
        start(home, name, *options)
        process = follow(home, name, "--snapshot", "never")
        sql("ALTER TABLE t ADD c int DEFAULT 7", name)
        contains(start(home, name, *options), "public.t has other columns than before (c); the rows that it has are")
        changes = lines(out.read_text())
        equal([c["action"] for c in changes], ["read"] * 4)
        equal([c["columns"] for c in changes[2:]], [{"id": 1, "v": "a", "c": 7}, {"id": 2, "v": "b", "c": 7}])
        # A change tells the pipe's capture to look.
        sql("UPDATE t SET v = 'x' WHERE id = 1", name)
        line = process.stderr.readline().decode()
        contains(line, "table public.t has other columns than before (c); rows that were given look as they did, and "
                       "--backfill public.t gives them anew")
        equal(json.loads(process.stdout.readline())["op"], "u")
        process.terminate()
        process.wait()
        equal(process.stdout.read(), b"")


def waiting(home, name):
    """The backfills that cuts name, of those that name any."""
    done = home.rtd("consume", "-J", f"{name}.cuts", "-e")
    values = [json.loads(line["value"]) for line in lines(done.text)]
    return [value["backfills"] for value in values if value.get("backfills")]


def test_rows_that_are_still_to_be_read_are_read_after_a_kill():
    name = database("CREATE TABLE t (id int PRIMARY KEY, a int, b int); INSERT INTO t SELECT i, i, -i "
                    "FROM generate_series(1, 3000) i;")
    options = ["-X", "incremental.snapshot.chunk.size=20"]
    with Home() as home:
        process = running(home, name, *options)
        seen = []
        for change in ("ADD c int DEFAULT 1", "RENAME a TO x", "ADD d text NOT NULL DEFAULT 'd'"):
            before = len(waiting(home, name))
            sql(f"ALTER TABLE t {change}; UPDATE t SET b = b - 1 WHERE id % 100 = 0", name)
            # All cuts count: it may be done with them before the last one is looked at.
            until(lambda: waiting(home, name)[before:], "rows that are read")
            seen += waiting(home, name)[before:]
            process.kill()
            process.wait()
            free(name)
            process = running(home, name, *options)
        agrees(home, name)
        ended(process)
        equal({request for states in seen for request in states}, {"public.t"})
        # A second ALTER TABLE has the first rows read once more.
        count = sum(1 for line in home.rtd("consume", f"{name}.public.t", "-e").text.splitlines()
                    if json.loads(line)["op"] == "r")
        assert count >= 6000, count
        equal(verified(home, name)[0], True)
