"""`rtd cdc --format avro` to a file or a pipe: an Avro object container file of one table's changes."""

import io
import json
import pathlib
import random
import signal
import sys

import harness
from harness import contains, equal
from test_cdc import cdc, database, follow, free, server_of, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402

NEEDS_CLIENTS = True
AVRO = ["--format", "avro", "--tables", "t"]


def read(data):
    import fastavro
    return list(fastavro.reader(io.BytesIO(data)))


def replayed(changes):
    """The rows that the changes leave, by their keys."""
    rows = {}
    for change in changes:
        if change["op"] == "t":
            rows = {}
        elif change["op"] == "d":
            del rows[change["before"]["id"]]
        else:
            rows[change["after"]["id"]] = change["after"]
    return rows


def table(name):
    text = server_of().sql("SELECT to_jsonb(q) FROM (SELECT id, v, n::text FROM t) q", name)
    return {row["id"]: row for row in map(json.loads, text.splitlines())}


def test_a_file_has_the_changes_of_a_table_and_goes_on():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text, n numeric(10,2));"
                    "INSERT INTO t SELECT i, 'v' || i, i FROM generate_series(1, 3000) i;")
    with Home() as home:
        out = home.path / "t.avro"
        options = [*AVRO, "--to", str(out), "--until", "now"]
        cdc(home, name, *options)
        changes = read(out.read_bytes())
        equal((len(changes), changes[0]["op"], changes[0]["source"]["table"]), (3000, "r", "t"))
        equal(changes[2999]["after"], {"id": 3000, "v": "v3000", "n": "3000.00"})
        server_of().sql("UPDATE t SET v = 'new' WHERE id = 1; UPDATE t SET id = 0 WHERE id = 2;"
                        "DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (5000, NULL, NULL);"
                        # What is no table's has no place in it.
                        "SELECT pg_logical_emit_message(true, 'p', 'x')", name)
        cdc(home, name, *options)
        changes = read(out.read_bytes())
        equal([change["op"] for change in changes[3000:]], ["u", "d", "c", "d", "c"])
        equal(replayed(changes), table(name))
        # Without more changes the file stays as it is.
        before = out.read_bytes()
        cdc(home, name, *options)
        equal(out.read_bytes(), before)


def test_a_file_has_each_change_once_whenever_it_is_killed():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text, n numeric(10,2));"
                    "INSERT INTO t SELECT i, repeat('v', 50), i FROM generate_series(1, 5000) i;")
    chance = random.Random(harness.seed)
    print(f"     seed {harness.seed}")
    with Home() as home:
        out = home.path / "t.avro"
        options = [*AVRO, "--to", str(out)]
        for attempt in range(5):
            process = home.start("cdc", server_of().source(name), *options)
            for number in range(chance.randrange(30)):
                first = 10_000 + attempt * 1_000 + number * 10
                server_of().sql(f"BEGIN; INSERT INTO t SELECT i, 'n', 0 FROM generate_series({first}, {first + 9}) i;"
                                f"DELETE FROM t WHERE id = {chance.randrange(5000)}; COMMIT", name)
            process.kill()
            process.wait()
            free(name)
        cdc(home, name, *options, "--until", "now")
        changes = read(out.read_bytes())
        equal(replayed(changes), table(name))
        keys = [change["after"]["id"] for change in changes if change["op"] in "rc"]
        equal(len(keys), len(set(keys)))


def test_a_pipe_has_it_too_as_changes_come():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a');")
    with Home() as home:
        process = follow(home, name, *AVRO)
        out = bytearray()

        def come(count):
            out.extend(process.stdout.read1(65536))
            return out.startswith(b"Obj\x01") and len(read(bytes(out))) == count

        until(lambda: come(1), "the row of the snapshot")
        server_of().sql("INSERT INTO t VALUES (2, 'b')", name)
        until(lambda: come(2), "the change")
        process.send_signal(signal.SIGINT)
        equal(process.wait(20), -signal.SIGINT)
        equal([change["after"]["id"] for change in read(bytes(out) + process.stdout.read())], [1, 2])


def test_one_schema_is_one_table_with_the_columns_that_it_has():
    name = database("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);"
                    "CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1);")
    with Home() as home:
        out = home.path / "t.avro"
        source = server_of().source(name)
        done = home.rtd("cdc", source, "--format", "avro", "--until", "now")
        equal((done.returncode, done.text), (1, ""))
        contains(done.errors, "an Avro file has the changes of one table")
        contains(done.errors, "--tables TABLE names one, and --to topics takes all")
        options = [*AVRO, "--to", str(out), "--until", "now"]
        cdc(home, name, *options)
        server_of().sql("INSERT INTO t VALUES (2); ALTER TABLE t ADD v int; INSERT INTO t VALUES (3, 3)", name)
        for _ in range(2):
            done = home.rtd("cdc", source, *options)
            equal(done.returncode, 1)
            contains(done.errors, "the columns of public.t are not what they were")
            # What came before stays, and the file is whole.
            equal([change["after"]["id"] for change in read(out.read_bytes())], [1, 2])
        more = home.path / "more.avro"
        cdc(home, name, *AVRO, "--to", str(more), "--slot", f"{name}_more", "--until", "now")
        equal([change["after"] for change in read(more.read_bytes())],
              [{"id": 1, "v": None}, {"id": 2, "v": None}, {"id": 3, "v": 3}])
        # A file of another format is not gone on with.
        text = home.path / "t.json"
        cdc(home, name, "--tables", "t", "--to", str(text), "--slot", f"{name}_text", "--until", "now")
        done = home.rtd("cdc", source, *AVRO, "--to", str(text), "--slot", f"{name}_text", "--until", "now")
        equal(done.returncode, 1)
        contains(done.errors, "was written in another format")
