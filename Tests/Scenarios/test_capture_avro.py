"""`rtd cdc --format avro`: Debezium's envelopes in Avro, with the schemas in a registry."""

import base64
import decimal
import json
import pathlib
import signal
import sys

import harness
from harness import contains, equal
from registry import Registry, field, records
from test_cdc import TYPES, cdc, database, follow, lines, server_of, typed_table, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Interop"))
from certificates import Authority  # noqa: E402
from home import Home  # noqa: E402

NEEDS_CLIENTS = True


def options(registry, *more):
    return ["--format", "avro", "--to", "topics", "-X", f"schema.registry.url={registry.url}", *more]


def decoded(home, registry, topic):
    return [tuple(map(registry.decode, record)) for record in records(home, topic)]


def like_json(value, other):
    """What was decoded, as Debezium's JSON has it."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list):
        return [like_json(one, two) for one, two in zip(value, other, strict=True)]
    if isinstance(value, dict):
        return {name: like_json(one, other[name]) for name, one in value.items()}
    if isinstance(value, float) and value != value:
        return "NaN"
    if isinstance(value, float) and isinstance(other, float) and abs(value - other) < 1e-6:
        return other
    return value


def test_every_type_has_the_same_bytes_in_snapshot_and_stream_and_json_s_values():
    made, inserted = typed_table()
    name = database(made)
    registry = Registry()
    with Home() as home:
        process = follow(home, name, *options(registry))
        topic = f"{name}.public.t"
        until(lambda: len(records(home, topic)) == 2, "the rows of the snapshot")
        server_of().sql(inserted, name)
        until(lambda: len(records(home, topic)) == 4, "the rows")
        process.send_signal(signal.SIGINT)
        equal(process.wait(20), -signal.SIGINT)
        found = decoded(home, registry, topic)
        equal([key for key, _ in found], [{"id": number} for number in (1, 2, 3, 4)])
        rows = [value["after"] for _, value in found]
        # Behind the schema's number, no old row, the new one and its id, up to the source.
        raw = [value[8:value.index(b"\x14postgresql")] for _, value in records(home, topic)]
        equal((raw[0] == raw[2], raw[1] == raw[3], len(raw[0]) > 500), (True, True, True), raw)
        text = cdc(home, name, "--until", "now", "--snapshot", "only").splitlines()
        for line, row in zip(text, rows, strict=True):
            # Numbers of PostgreSQL are strings in Avro: their text is to be the same.
            wanted = json.loads(line, parse_float=str)["after"]
            floats = json.loads(line)["after"]
            for index, kind in enumerate(TYPES):
                column = f"c{index}"
                value = like_json(row[column], floats[column])
                if kind.startswith(("numeric", "money")):
                    equal(value, wanted[column], kind)
                elif kind == "float4":
                    assert value is None or abs(value - floats[column]) < 1e-6, (kind, value)
                else:
                    equal(value, floats[column], kind)


CHANGES = """
CREATE TABLE "or-ders" (id int, line int8 NOT NULL, "unit price" numeric(10,2) NOT NULL,
    big text, PRIMARY KEY (id, line));
INSERT INTO "or-ders" VALUES (1, 10, 1.10, 'a');
"""


def test_changes_have_debezium_s_envelope_and_schemas_once():
    name = database(CHANGES)
    registry = Registry()
    registry.chunked = True
    with Home() as home:
        process = follow(home, name, *options(registry, "--partitions", "1"))
        sql, topic = server_of().sql, f"{name}.public.or-ders"
        until(lambda: len(records(home, topic)) == 1, "the row of the snapshot")
        sql('UPDATE "or-ders" SET big = \'b\' WHERE id = 1', name)
        sql('UPDATE "or-ders" SET line = 11 WHERE id = 1', name)
        sql('BEGIN; DELETE FROM "or-ders"; INSERT INTO "or-ders" VALUES (2, 20, 3, NULL); COMMIT', name)
        sql('TRUNCATE "or-ders"', name)
        # A new shape is registered before its first row.
        sql('ALTER TABLE "or-ders" ADD COLUMN "2nd" boolean; INSERT INTO "or-ders" VALUES (3, 1, 0, NULL, true)',
            name)
        until(lambda: len(records(home, topic)) >= 10, "the changes")
        process.terminate()
        process.wait(20)
        # A table that was emptied and got a column is read anew, for it may have been rewritten with values.
        found = decoded(home, registry, topic)[:10]
        equal([value and value["op"] for _, value in found],
              ["r", "u", "d", None, "c", "d", None, "c", "t", "c"])
        keys = [key and (key["id"], key["line"]) for key, _ in found]
        equal(keys, [(1, 10), (1, 10), (1, 10), (1, 10), (1, 11), (1, 11), (1, 11), (2, 20), None, (3, 1)])
        first, update, moved, _, created, deleted, _, inserted, truncated, last = [value for _, value in found]
        equal(first["after"], {"id": 1, "line": 10, "unit_price": "1.10", "big": "a"})
        source = first["source"]
        equal((source["connector"], source["db"], source["schema"], source["table"], source["snapshot"]),
              ("postgresql", name, "public", "or-ders", "last"))
        equal((update["before"], update["after"]["big"]), (None, "b"))
        equal(update["source"]["snapshot"], "false")
        # Of an old key nothing else is known: what may not be null is empty, as Debezium has it.
        equal(deleted["before"], {"id": 1, "line": 11, "unit_price": "", "big": None})
        equal((moved["before"]["line"], created["after"]["line"], created["unavailable"]), (10, 11, None))
        transaction = deleted["source"]["txId"]
        equal([(value["transaction"]["total_order"], value["source"]["txId"]) for value in (deleted, inserted)],
              [(1, transaction), (2, transaction)])
        contains(inserted["transaction"]["id"], f"{transaction}:")
        equal((truncated["before"], truncated["after"]), (None, None))
        equal((last["after"]["_2nd"], "_2nd" in inserted["after"]), (True, False))
        subjects = [f"{topic}-key", f"{topic}-value", f"{topic}-value"]
        # The key's schema is the same after the change of the table.
        equal(sorted(registry.registered), subjects)
        old, new = registry.schemas(f"{topic}-value")
        equal((old["name"], old["namespace"], old["connect.version"], old["connect.name"]),
              ("Envelope", f"{name}.public.or_ders", 2, f"{name}.public.or_ders.Envelope"))
        value = field(old, "before")[1]
        equal((value["name"], value["connect.name"]), ("Value", f"{name}.public.or_ders.Value"))
        equal(field(old, "after"), ["null", "Value"])
        equal((field(value, "id"), field(value, "big")), ("int", ["null", "string"]))
        key, = registry.schemas(f"{topic}-key")
        equal(key, {"type": "record", "name": "Key", "namespace": f"{name}.public.or_ders", "fields": [
            {"name": "id", "type": "int"}, {"name": "line", "type": "long"}],
            "connect.name": f"{name}.public.or_ders.Key"})


def test_messages_transactions_and_what_the_stream_does_not_carry():
    name = database("""CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL, big text, raw bytea, many int[],
        words text[] NOT NULL); ALTER TABLE t ALTER big SET STORAGE external, ALTER raw SET STORAGE external,
        ALTER many SET STORAGE external, ALTER words SET STORAGE external;
        INSERT INTO t SELECT 1, 1, repeat('x', 9000), decode(repeat('00', 9000), 'hex'),
        array_agg(i), array_agg(md5(i::text)) FROM generate_series(1, 3000) i;""")
    registry = Registry()
    with Home() as home:
        arguments = options(registry, "--until", "now", "-X", "provide.transaction.metadata=true")
        cdc(home, name, *arguments)
        server_of().sql("UPDATE t SET v = 2; SELECT pg_logical_emit_message(true, 'p', '\\x00ff'::bytea)", name)
        cdc(home, name, *arguments)
        (_, read), (_, update) = decoded(home, registry, f"{name}.public.t")
        equal((len(read["after"]["big"]), read["unavailable"]), (9000, None))
        after = update["after"]
        word = "__debezium_unavailable_value"
        equal((after["v"], after["big"], after["raw"], after["words"], after["many"]),
              (2, word, word.encode(), [word], list(word.encode())))
        equal(update["unavailable"], ["big", "raw", "many", "words"])
        (key, message), = decoded(home, registry, f"{name}.message")
        equal((key, message["op"], message["message"]),
              ({"prefix": "p"}, "m", {"prefix": "p", "content": b"\0\xff"}))
        found = decoded(home, registry, f"{name}.transaction")
        equal([(value["status"], value["event_count"]) for _, value in found],
              [("BEGIN", None), ("END", 1), ("BEGIN", None), ("END", 1)])
        equal(found[1][1]["data_collections"], [{"data_collection": "public.t", "event_count": 1}])
        equal(found[0][0]["id"], found[1][1]["id"])


def test_decimals_times_and_arrays_as_properties_have_them():
    name = database("""CREATE TABLE t (id int PRIMARY KEY, d numeric(10,2), v numeric, m money, n numeric(3,-2),
        tiny numeric(2,4), at timestamp, day date, h time, a int[], p point, hs int2 NOT NULL DEFAULT 7);
        INSERT INTO t VALUES (1, -1.10, 10.1111, '-$1,234.11', 12345, 0.0012, '2024-01-02 03:04:05.5',
        '2016-11-04', '13:51:30.1', '{{1,2},{3,NULL}}', '(1.5,-2)'), (2, 0, 0, 0, 0, 0, NULL, NULL, NULL, '{4}', NULL);""")
    registry = Registry()
    with Home() as home:
        cdc(home, name, *options(registry, "--until", "now", "-X", "decimal.handling.mode=precise",
                                 "-X", "time.precision.mode=connect"))
        topic = f"{name}.public.t"
        one, two = (value["after"] for _, value in decoded(home, registry, topic))
        equal((one["d"], one["m"], two["d"]), (decimal.Decimal("-1.10"), decimal.Decimal("-1234.11"), 0))
        equal((one["v"], one["n"], one["tiny"]),
              ({"scale": 4, "value": (101111).to_bytes(3, "big")},
               {"scale": 0, "value": (12300).to_bytes(2, "big")}, {"scale": 4, "value": b"\x0c"}))
        equal((str(one["at"])[:22], str(one["day"]), str(one["h"])),
              ("2024-01-02 03:04:05.50", "2016-11-04", "13:51:30.100000"))
        equal((one["a"], two["a"], one["p"]["x"], one["p"]["y"]), ([[1, 2], [3, None]], [4], 1.5, -2.0))
        value = field(registry.schemas(f"{topic}-value")[0], "before")[1]
        equal(field(value, "d"), ["null", {
            "type": "bytes", "scale": 2, "precision": 10, "connect.version": 1,
            "connect.parameters": {"scale": "2", "connect.decimal.precision": "10"},
            "connect.name": "org.apache.kafka.connect.data.Decimal", "logicalType": "decimal"}])
        equal(field(value, "hs"), {"type": "int", "connect.type": "int16"})
        server_of().sql("INSERT INTO t (id, v) VALUES (3, 'NaN')", name)
        done = home.rtd("cdc", server_of().source(name), *options(
            registry, "--until", "now", "-X", "decimal.handling.mode=precise"))
        equal((done.returncode, len(done.errors.splitlines())), (1, 1), done.errors)
        contains(done.errors, 'column "v" of public.t holds NaN')
        equal(len(records(home, topic)), 2)
        # Nothing was lost by it.
        cdc(home, name, *options(registry, "--until", "now"))
        equal(decoded(home, registry, topic)[2][1]["after"]["v"], "NaN")


def test_a_registry_that_is_away_is_waited_for_and_a_signal_ends_that():
    name = database("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);")
    registry = Registry()
    registry.stop()
    with Home() as home:
        source = server_of().source(name)
        done = home.rtd("cdc", source, *options(registry, "--until", "now"))
        equal((done.returncode, done.errors), (1, f"rtd: cannot reach the schema registry at {registry.url}: "
                                               "Connection refused\n"))
        # A first contact is waited for when that is asked.
        process = home.start("cdc", source, *options(registry, "--retry", "60s"))
        registry.start()
        topic = f"{name}.public.t"
        until(lambda: len(records(home, topic)) == 1, "the row")
        registry.stop()
        server_of().sql("ALTER TABLE t ADD v int; INSERT INTO t VALUES (2, 2)", name)
        until(lambda: b"is waited for" in process.stderr.readline(), "the notice")
        equal(len(records(home, topic)), 1)
        registry.start()
        until(lambda: len(records(home, topic)) == 2, "the row of the new shape")
        equal(decoded(home, registry, topic)[1][1]["after"], {"id": 2, "v": 2})
        # Errors of its own are waited out too.
        def fails_at(statement):
            """The registry has asked for patience at the schema that the statement makes."""
            registry.refusal = lambda subject: (500, 50001, "Error in the backend data store")
            before = len(registry.requests)
            server_of().sql(statement, name)
            until(lambda: len(registry.requests) > before, "the question")

        fails_at("ALTER TABLE t ADD w int; INSERT INTO t VALUES (3, 3, 3)")
        registry.refusal = lambda subject: None
        until(lambda: len(records(home, topic)) == 3, "the row")
        fails_at("ALTER TABLE t ADD x int; INSERT INTO t VALUES (4)")
        process.send_signal(signal.SIGINT)
        equal((process.wait(20), b"cannot" in process.stderr.read()), (-signal.SIGINT, False))
        registry.refusal = lambda subject: None
        # It was not lost.
        cdc(home, name, *options(registry, "--until", "now"))
        equal([value["after"]["id"] for _, value in decoded(home, registry, topic)], [1, 2, 3, 4])


def test_a_schema_that_is_refused_ends_it_with_one_line():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL); INSERT INTO t VALUES (1, 1);")
    registry = Registry()
    with Home() as home:
        arguments = options(registry, "--until", "now")
        cdc(home, name, *arguments)
        registry.refusal = lambda subject: (409, 409, "Schema being registered is incompatible\nwith 1")
        server_of().sql("ALTER TABLE t ADD w int NOT NULL DEFAULT 0; INSERT INTO t VALUES (2, 2, 2)", name)
        source, topic = server_of().source(name), f"{name}.public.t"
        done = home.rtd("cdc", source, *arguments)
        said = [line for line in done.errors.splitlines() if not line.endswith("the rows that it has are read")]
        equal((done.returncode, len(said)), (1, 1), done.errors)
        contains(done.errors, f'refuses the schema of subject "{topic}-')
        contains(done.errors, "incompatible with the one before: Schema being registered is incompatible with 1 (")
        equal(len(records(home, topic)), 1)
        registry.refusal = lambda subject: (422, 42201, "Input schema is an invalid Avro schema")
        contains(home.rtd("cdc", source, *arguments).errors, "422 Input schema is an invalid Avro schema\n")
        registry.refusal = lambda subject: None
        cdc(home, name, *arguments)
        # The row that was there has a value of the new column, so both are read.
        equal([(value["op"], value["after"]["id"]) for _, value in decoded(home, registry, topic)],
              [("r", 1), ("c", 2), ("r", 1), ("r", 2)])
        # Schemas that somebody else registers.
        server_of().sql("INSERT INTO t VALUES (3, 3, 3)", name)
        cdc(home, name, *arguments, "-X", "auto.register.schemas=false")
        server_of().sql("ALTER TABLE t ADD x int; INSERT INTO t VALUES (4, 4, 4, 4)", name)
        done = home.rtd("cdc", source, *arguments, "-X", "auto.register.schemas=false")
        equal(done.returncode, 1)
        contains(done.errors, "auto.register.schemas=false forbids to register it: Schema not found\n")


def test_who_one_is_is_in_the_url_or_in_a_file():
    name = database("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);")
    registry = Registry(user="us er:p@ss")
    with Home() as home:
        source = server_of().source(name)
        done = home.rtd("cdc", source, *options(registry, "--until", "now"))
        equal((done.returncode, len(done.errors.splitlines())), (1, 1), done.errors)
        contains(done.errors, "basic.auth.user.info")
        done = home.rtd("cdc", source, *options(registry, "-X", "basic.auth.user.info=us er:p@ss"))
        equal((done.returncode, "p@ss" in done.errors), (2, False))
        contains(done.errors, "is a secret")
        secrets = home.path / "secrets"
        secrets.write_text("basic.auth.user.info=us er:p@ss\nbasic.auth.credentials.source=USER_INFO\n")
        secrets.chmod(0o600)
        cdc(home, name, *options(registry, "--until", "now", "-F", secrets))
        server_of().sql("INSERT INTO t VALUES (2)", name)
        url = f"http://127.0.0.1:9/,http://us%20er:p%40ss@127.0.0.1:{registry.port}/"
        text = cdc(home, name, "--to", "topics", "--until", "now", "-X",
                   "value.converter=io.confluent.connect.avro.AvroConverter", "-X",
                   "key.converter=io.confluent.connect.avro.AvroConverter", "-X",
                   f"value.converter.schema.registry.url={url}")
        equal(text, "")
        equal([value["after"]["id"] for _, value in decoded(home, registry, f"{name}.public.t")], [1, 2])


def test_a_row_that_is_older_than_not_null_keeps_its_null():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v int);")
    registry = Registry()
    with Home() as home:
        arguments = options(registry, "--until", "now")
        cdc(home, name, *arguments)
        server_of().sql("INSERT INTO t VALUES (1, NULL); UPDATE t SET v = 5; ALTER TABLE t ALTER v SET NOT NULL;"
                        "UPDATE t SET v = 6", name)
        cdc(home, name, *arguments)
        equal([value["after"]["v"] for _, value in decoded(home, registry, f"{name}.public.t")], [None, 5, 6])


def test_a_registry_behind_tls():
    name = database("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);")
    with Home() as home:
        authority = Authority(home.path / "authority")
        registry = Registry(certificate=authority.issue("server", "IP:127.0.0.1"))
        source = server_of().source(name)
        done = home.rtd("cdc", source, *options(registry, "--until", "now"))
        equal((done.returncode, len(done.errors.splitlines())), (1, 1), done.errors)
        contains(done.errors, "cannot speak with the schema registry")
        cdc(home, name, *options(registry, "--until", "now", "-X", f"schema.registry.ssl.ca.location={authority.ca}"))
        equal(len(decoded(home, registry, f"{name}.public.t")), 1)


def test_a_capture_that_is_killed_gives_each_change_once():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, i FROM generate_series(1, 50) i;")
    registry = Registry()
    with Home() as home:
        topic, wanted = f"{name}.public.t", 50
        for attempt in range(5):
            process = home.start("cdc", server_of().source(name), *options(registry))
            for _ in range(20):
                wanted += 1
                server_of().sql(f"INSERT INTO t VALUES ({wanted}, 'x')", name)
            server_of().sql(f"ALTER TABLE t ADD c{attempt} int", name)
            process.kill()
            process.wait(20)
        cdc(home, name, *options(registry, "--until", "now"))
        rows = [value["after"]["id"] for _, value in decoded(home, registry, topic)]
        equal(rows, list(range(1, wanted + 1)))


def test_what_avro_cannot_do_is_said_at_once():
    name = database('CREATE TABLE t (id int PRIMARY KEY, "a-b" int, "a b" int); INSERT INTO t VALUES (1, 1, 1);')
    registry = Registry()
    with Home() as home:
        source = server_of().source(name)
        for arguments, words in (
                (["--format", "avro", "--to", "topics"], "needs a schema registry: -X schema.registry.url"),
                (["--format", "avro", "--to", "topics", "-X", "schema.registry.url=localhost:8081"], "wants http://"),
                (options(registry, "--outbox", "o"), "--outbox goes with"),
                (options(registry, "--schema-changes"), "--schema-changes goes with"),
                (["-X", "key.converter=io.confluent.connect.avro.AvroConverter"], "--format avro")):
            done = home.rtd("cdc", source, *arguments)
            equal((done.returncode, len(done.errors.splitlines())), (2, 1), (arguments, done.errors))
            contains(done.errors, words)
        done = home.rtd("cdc", source, *options(registry, "--until", "now"))
        equal(done.returncode, 1)
        contains(done.errors, 'columns "a-b" and "a b" of public.t would both be field "a_b"')
        cdc(home, name, *options(registry, "--until", "now", "--mask", "a b=drop"))
        equal(decoded(home, registry, f"{name}.public.t")[0][1]["after"], {"id": 1, "a_b": 1})
