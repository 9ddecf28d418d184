"""SQL over topics whose records name Avro schemas of a registry: captured tables, and what any
producer writes in Confluent's wire format."""

import base64
import datetime
import decimal
import io
import json
import pathlib
import random
import signal
import socket
import struct
import sys
import uuid

import harness
from harness import contains, equal
from registry import Registry
from test_cdc import cdc, database, follow, server_of, until
from test_relations import CHANGES, SHOP, rows

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Interop"))
from certificates import Authority  # noqa: E402
from home import Home  # noqa: E402

NEEDS_CLIENTS = True


def of(registry):
    return ["-X", f"schema.registry.url={registry.url}"]


def ask(home, sql, *options, status=0, errors="", **more):
    done = home.rtd("query", "--format", "json", *options, "-c", sql, **more)
    equal((done.returncode, done.errors), (status, errors), sql)
    return [json.loads(line) for line in done.text.splitlines()]


def framed(number, body):
    return struct.pack(">bI", 0, number) + body


def avro(number, schema, value):
    """As Confluent's AvroSerializer writes it."""
    import fastavro
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), value)
    return framed(number, body.getvalue())


def produce(home, topic, *records, **more):
    """Values, or pairs of key and value, as bytes; None is none."""
    lines = []
    for record in records:
        key, value = record if isinstance(record, tuple) else (None, record)
        line = {name: None if part is None else base64.b64encode(part).decode()
                for name, part in (("key_b64", key), ("value_b64", value))}
        lines.append(json.dumps({name: part for name, part in line.items() if part is not None}))
    done = home.rtd("produce", "-J", topic, input="\n".join(lines) + "\n", **more)
    equal((done.returncode, done.errors), (0, ""))


def test_a_captured_table_is_the_same_as_from_json():
    name = database(SHOP)
    registry = Registry()
    with Home() as home:
        for number, options in enumerate((["--partitions", "1"], ["--partitions", "3"],
                                          ["-X", "decimal.handling.mode=precise"])):
            prefix = f"{name}{number}"
            capture = ["--to", "topics", "--until", "now", "--topic-prefix", prefix, "--format", "avro",
                       *of(registry), *options]
            cdc(home, name, *capture)
            if number == 1:
                # What a row keeps when its key takes it to another partition is not known there.
                server_of().sql("UPDATE orders SET doc = id::text WHERE id <= 3", name)
            server_of().sql(CHANGES, name)
            cdc(home, name, *capture)
            for table in ("orders", "customers"):
                found = ask(home, f"SELECT * FROM {prefix}.public.{table} ORDER BY id", *of(registry))
                equal(found, rows(name, table), prefix)
            equal(ask(home, f"SELECT count(*) AS n FROM {prefix}.public.empty", *of(registry)), [{"n": 0}])
            equal(ask(home, f"SELECT sum(total) + 0.05 AS t, count(*) AS n FROM {prefix}.public.orders o "
                      f"JOIN {prefix}.public.customers c ON c.id = customer WHERE c.id = 2", *of(registry)),
                  ask_database(name, "SELECT sum(total) + 0.05 AS t, count(*) AS n FROM orders WHERE customer = 2"))
            # The changes themselves.
            equal(ask(home, f"SELECT count(*) AS n FROM read_debezium('{prefix}.public.customers')",
                      *of(registry)), [{"n": 4}])
            server_of().sql("TRUNCATE customers, orders, empty;" + SHOP[SHOP.index("INSERT"):], name)


def ask_database(name, sql):
    text = server_of().sql(f"SELECT to_jsonb(q) FROM ({sql}) q", name)
    return [json.loads(line) for line in text.splitlines()]


def test_columns_have_the_types_of_the_database():
    name = database("""CREATE EXTENSION hstore;
        CREATE TABLE t (id int PRIMARY KEY, n numeric, m numeric(12,4) NOT NULL, f float4, d date NOT NULL,
        ts timestamp, tz timestamptz NOT NULL, ti time, b bytea, u uuid NOT NULL, j jsonb NOT NULL, l text[],
        w interval, o boolean, h hstore, money money NOT NULL);
        INSERT INTO t VALUES (1, 12345678901234567890.123, -1.5, 0.1, '2024-02-29', '2024-02-29 01:02:03.000004',
        '2024-02-29 01:02:03+02', '10:20:30.5', '\\x00ff', '00000000-0000-0000-0000-0000000000ff',
        E'{"a": "x\\\\ny", "b": [1, 2.50]}', '{a,NULL}', '1 day 2 s', true, 'k=>v', 12.34);
        INSERT INTO t (id, m, d, tz, u, j, money) VALUES (2, 0, '2024-01-01', '2024-01-01 00:00Z',
        '00000000-0000-0000-0000-000000000000', 'null', 0);""")
    registry = Registry()
    with Home() as home:
        for mode in ("string", "precise"):
            prefix = f"{name}_{mode}"
            capture = ["--to", "topics", "--until", "now", "--topic-prefix", prefix, "--format", "avro",
                       *of(registry), "-X", f"decimal.handling.mode={mode}"]
            cdc(home, name, *capture)
            # The old row of a deletion has nothing but its key, and fillers where nothing may be missing.
            server_of().sql("UPDATE t SET id = 3 WHERE id = 2", name)
            cdc(home, name, *capture)
            names = "id n m f d ts tz ti b u j l w o h money".split()
            typed, = ask(home, f"SELECT {', '.join(f'pg_typeof({one})::text AS {one}' for one in names)} "
                         f"FROM {prefix}.public.t LIMIT 1", *of(registry))
            equal(list(typed.values()), [
                "bigint", "numeric", "numeric", "double precision", "date", "timestamp without time zone",
                "timestamp with time zone", "time without time zone", "bytea", "uuid", "json", "text[]",
                "interval", "boolean", "json", "numeric"])
            first, second = ask(home, f"SELECT *, j->'b' AS jb, n + 0.1 AS more FROM {prefix}.public.t "
                                "ORDER BY id", *of(registry))
            equal((first["m"], first["f"], first["d"], first["ts"], first["tz"], first["ti"]),
                  (-1.5, 0.1, "2024-02-29", "2024-02-29T01:02:03.000004", "2024-02-28T23:02:03Z", "10:20:30.5"))
            equal((first["b"], first["u"], first["j"], first["l"], first["jb"], first["h"], first["money"]),
                  ("AP8=", "00000000-0000-0000-0000-0000000000ff", {"a": "x\ny", "b": [1, 2.5]}, ["a", None],
                   [1, 2.5], {"k": "v"}, 12.34))
            equal((first["o"], second["id"], second["n"], second["j"], second["l"]), (True, 3, None, None, None))
            text = home.rtd("query", *of(registry), "--format", "csv", "--no-header",
                            f"SELECT n, n + 0.1, w FROM {prefix}.public.t WHERE id = 1").text
            equal(text, "12345678901234567890.123,12345678901234567890.223,24:00:02\n")
            server_of().sql("UPDATE t SET id = 2 WHERE id = 3", name)


def test_a_followed_table_goes_from_cut_to_cut():
    name = database("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1), (2, 2);")
    registry = Registry()
    with Home() as home:
        capture = follow(home, name, "--to", "topics", "--format", "avro", *of(registry))
        until(lambda: registry.schemas(f"{name}.public.t-value"), "the schema")
        until(lambda: home.rtd("query", *of(registry), f"SELECT * FROM {name}.public.t").returncode == 0,
              "the cut")
        query = home.start("query", "--format", "json", *of(registry),
                           f"SELECT sum(v) AS s FROM {name}.public.t STREAM EMIT CHANGES")
        equal(json.loads(query.stdout.readline()), {"_op": "c", "s": 3})
        # A column that came later does not disturb.
        server_of().sql("ALTER TABLE t ADD w text DEFAULT 'x'; INSERT INTO t VALUES (3, 10, 'y')", name)
        found = json.loads(query.stdout.readline())
        while found.get("s") != 13:
            found = json.loads(query.stdout.readline())
        for process in (query, capture):
            process.send_signal(signal.SIGINT)
            equal(process.wait(20), -signal.SIGINT)


INNER = {"type": "record", "name": "Inner", "fields": [
    {"name": "x", "type": "double"}, {"name": "next", "type": ["null", "Inner"], "default": None}]}
EVENT = {"type": "record", "name": "Event", "namespace": "com.example", "fields": [
    {"name": "id", "type": "long"},
    {"name": "note", "type": ["null", "string"], "default": None},
    {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 3}},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "local", "type": {"type": "long", "logicalType": "local-timestamp-micros"}},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "clock", "type": {"type": "long", "logicalType": "time-micros"}},
    {"name": "u", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
    {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 4}},
    {"name": "raw", "type": "bytes"},
    {"name": "tags", "type": {"type": "array", "items": "string"}},
    {"name": "counts", "type": {"type": "map", "values": "int"}},
    {"name": "mixed", "type": ["null", "int", "string", {"type": "array", "items": "int"}]},
    {"name": "inner", "type": INNER},
    {"name": "flag", "type": "boolean"}, {"name": "small", "type": "float"}]}


def event(number, **changes):
    moment = datetime.datetime(2024, 5, 1, 10, 20, 30, 500_000, datetime.timezone.utc)
    return {"id": number, "note": "n\n\"q\"", "price": decimal.Decimal("-12.340"), "at": moment,
            "local": moment.replace(tzinfo=None), "day": moment.date(), "clock": datetime.time(1, 2, 3),
            "u": uuid.UUID(int=255), "kind": "B", "hash": b"\0\1\2\3", "raw": b"\xff",
            "tags": ["a", "b"], "counts": {"k": 7}, "mixed": "text",
            "inner": {"x": 1.5, "next": {"x": 2.0, "next": None}}, "flag": True, "small": 0.25, **changes}


def test_what_any_producer_writes():
    registry = Registry()
    number = registry.add("events-value", EVENT)
    key = registry.add("events-key", "\"string\"")
    with Home() as home:
        produce(home, "events",
                (avro(key, "string", "k1"), avro(number, EVENT, event(1))),
                # Keys of other serializers: text, and a long whose first byte is zero.
                (b"plain", avro(number, EVENT, event(2, note=None, mixed=[1, 2], tags=[], counts={}))),
                (struct.pack(">q", 42), avro(number, EVENT, event(3, mixed=5))), (b"gone", None))
        first, second, third = ask(home, "SELECT * FROM events ORDER BY id", *of(registry))
        equal(first, {"id": 1, "note": "n\n\"q\"", "price": -12.34, "at": "2024-05-01T10:20:30.5Z",
                      "local": "2024-05-01T10:20:30.5", "day": "2024-05-01", "clock": "01:02:03",
                      "u": str(uuid.UUID(int=255)), "kind": "B", "hash": "AAECAw==", "raw": "/w==",
                      "tags": ["a", "b"], "counts": {"k": 7}, "mixed": "text",
                      "inner": {"x": 1.5, "next": {"x": 2, "next": None}}, "flag": True, "small": 0.25})
        equal((second["note"], second["mixed"], second["tags"], second["counts"], third["mixed"]),
              (None, [1, 2], [], {}, 5))
        equal(ask(home, "SELECT _key AS k FROM events WHERE id < 3 ORDER BY id", *of(registry)),
              [{"k": "k1"}, {"k": "plain"}])
        # The types of a schema, not what a sample looks like.
        equal(ask(home, "SELECT price * 2 AS p, at + INTERVAL '1 s' AS later, day - 1 AS before, inner.x AS x, "
                  "counts->>'k' AS k, tags[2] AS t, octet_length(raw) AS r, mixed->>0 AS m FROM events "
                  "WHERE day = DATE '2024-05-01' AND u = '00000000-0000-0000-0000-0000000000ff' ORDER BY id LIMIT 1",
                  *of(registry)),
              [{"p": -24.68, "later": "2024-05-01T10:20:31.5Z", "before": "2024-04-30", "x": 1.5, "k": "7",
                "t": "b", "r": 1, "m": None}])
        done = home.rtd("query", *of(registry), "SELECT nte FROM events")
        equal(done.returncode, 1)
        contains(done.errors, "column \"nte\" does not exist")
        # As a topic of another cluster, by a source, and with the setting in a file.
        config = home.path / "client.properties"
        config.write_text(f"schema.registry.url={registry.url}\n")
        equal(ask(home, "SELECT count(*) AS n FROM kafka('events', format => 'avro')", RTD_CONFIG=config),
              [{"n": 3}])
        equal(ask(home, "SELECT count(*) AS n FROM 'kafka:///events'", "-F", config), [{"n": 3}])
        for source in (f"WITH (connector = 'kafka', topic = 'events') FORMAT PLAIN ENCODE AVRO "
                       f"(schema.registry = '{registry.url}')",
                       f"WITH ('connector' = 'kafka', 'topic' = 'events', 'value.format' = 'avro-confluent', "
                       f"'value.avro-confluent.url' = '{registry.url}')"):
            equal(ask(home, f"CREATE SOURCE s (id bigint, kind text) {source}; "
                      "SELECT kind, count(*) AS n FROM s GROUP BY 1"), [{"kind": "B", "n": 3}])
        done = home.rtd("query", f"CREATE TABLE s (id bigint) {source}; INSERT INTO s VALUES (1)")
        equal(done.returncode, 1)
        contains(done.errors, "rows are written to topics as JSON")


def test_schemas_that_change_and_schemas_of_several_parts():
    registry = Registry()
    old = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}
    new = {"type": "record", "name": "R", "fields": [
        {"name": "a", "type": "long"}, {"name": "b", "type": "string", "default": "none"},
        {"name": "c", "type": ["null", "string"], "default": None}]}
    with Home() as home:
        one = registry.add("r-value", old)
        produce(home, "r", avro(one, old, {"a": 1}))
        equal(ask(home, "SELECT * FROM r", *of(registry)), [{"a": 1}])
        two = registry.add("r-value", new)
        equal(ask(home, "SELECT * FROM r", *of(registry)), [{"a": 1, "b": "none", "c": None}])
        produce(home, "r", avro(two, new, {"a": 1 << 40, "b": "x", "c": "y"}), avro(one, old, {"a": 3}))
        equal(ask(home, "SELECT * FROM r ORDER BY a", *of(registry)),
              [{"a": 1, "b": "none", "c": None}, {"a": 3, "b": "none", "c": None},
               {"a": 1 << 40, "b": "x", "c": "y"}])
        # A type of another subject.
        point = {"type": "record", "name": "Point", "namespace": "geo", "fields": [{"name": "x", "type": "int"}]}
        registry.add("point/v", point)
        line = {"type": "record", "name": "Line", "fields": [{"name": "from", "type": "geo.Point"}]}
        whole = {"type": "record", "name": "Line", "fields": [{"name": "from", "type": point}]}
        number = registry.add("lines-value", line,
                              references=[{"name": "geo.Point", "subject": "point%2Fv", "version": 1}])
        registry.subjects["point%252Fv"] = registry.subjects["point/v"]
        produce(home, "lines", avro(number, whole, {"from": {"x": 5}}))
        equal(ask(home, 'SELECT (l."from").x AS x FROM lines l', *of(registry)), [{"x": 5}])
        # Values that are no records, and those of Confluent's JSON serializer.
        number = registry.add("words-value", "\"string\"")
        produce(home, "words", avro(number, "string", "a"), avro(number, "string", "b"))
        equal(ask(home, "SELECT _value AS v FROM words ORDER BY 1", *of(registry)), [{"v": "a"}, {"v": "b"}])
        number = registry.add("json-value", "{}", kind="JSON")
        produce(home, "json", framed(number, b'{"a": 1,\n "b": "x"}'))
        equal(ask(home, "SELECT * FROM json", *of(registry)), [{"a": 1, "b": "x"}])
        number = registry.add("proto-value", "syntax = \"proto3\";", kind="PROTOBUF")
        produce(home, "proto", framed(number, b"\0"))
        done = home.rtd("query", *of(registry), "SELECT * FROM proto")
        equal((done.returncode, done.text), (1, ""))
        contains(done.errors, "is PROTOBUF, which is not read")


def test_without_a_registry_it_is_said_at_once_what_is_missing():
    name = database("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);")
    registry = Registry()
    with Home() as home:
        cdc(home, name, "--to", "topics", "--until", "now", "--format", "avro", *of(registry))
        topic = f"{name}.public.t"
        for relation in (topic, f"{topic} STREAM", f"kafka('{topic}')", f"read_debezium('{topic}')"):
            done = home.rtd("query", f"SELECT * FROM {relation}")
            equal((done.returncode, done.text), (1, ""), relation)
            for words in (f'topic "{topic}" partition 0 offset 0', "schema 169", "schema registry",
                          "-X schema.registry.url=http://HOST:8081"):
                contains(done.errors, words)
        done = home.rtd("query", f"CREATE SOURCE s (id int) WITH (connector = 'kafka', topic = '{topic}') "
                        "FORMAT PLAIN ENCODE AVRO; SELECT * FROM s")
        equal(done.returncode, 1)
        contains(done.errors, "are in a registry that is not known")
        registry.stop()
        done = home.rtd("query", *of(registry), f"SELECT * FROM {topic}")
        equal((done.returncode, done.text), (1, ""))
        contains(done.errors, f"cannot reach the schema registry at {registry.url}")
        done = home.rtd("query", "-X", "schema.registry.url=nowhere", f"SELECT * FROM {topic}")
        equal(done.returncode, 1)
        contains(done.errors, "wants http://HOST:PORT")
        # A topic that gets its first record later.
        equal(home.rtd("query", "CREATE TOPIC later WITH (partitions = 1)").returncode, 0)
        query = home.start("query", "SELECT a FROM later STREAM")
        produce(home, "later", framed(7, b"\2"))
        _, errors = query.communicate(timeout=60)
        equal(query.returncode, 1, errors)
        contains(errors.decode(), 'topic "later" partition 0 offset 0: the record names schema 7')


def test_what_is_broken_has_its_place_and_can_be_skipped():
    registry = Registry()
    schema = {"type": "record", "name": "R", "fields": [
        {"name": "id", "type": "int"}, {"name": "next", "type": ["null", "R"]},
        {"name": "many", "type": {"type": "array", "items": ["null", "string", "R"]}},
        {"name": "when", "type": {"type": "long", "logicalType": "timestamp-micros"}}]}
    number = registry.add("r-value", schema)
    good = [avro(number, schema, {"id": i, "next": None, "many": [], "when": 0}) for i in (1, 2)]
    with Home() as home:
        produce(home, "r", good[0], framed(number, b"\2"), framed(99, b"\2"), good[1] + b"\0", good[1])
        done = home.rtd("query", *of(registry), "--format", "json", "SELECT id FROM r")
        equal(done.returncode, 1)
        contains(done.errors, f'topic "r" partition 0 offset 1: the value is not what schema {number} describes')
        done = home.rtd("query", *of(registry), "--format", "json", "--on-error", "skip", "SELECT id FROM r")
        equal((done.returncode, [json.loads(line)["id"] for line in done.text.splitlines()]), (3, [1, 2]))
        contains(done.errors, "3 lines were skipped")
        # Bytes of anybody's.
        bytes_of = random.Random(7)
        bad = [framed(number, bytes(bytes_of.choice((0, 2, 4, bytes_of.randrange(256)))
                                    for _ in range(bytes_of.randrange(60)))) for _ in range(500)]
        produce(home, "wild", *bad, good[0])
        registry.add("wild-value", schema)
        done = home.rtd("query", *of(registry), "--format", "json", "--on-error", "skip",
                        "SELECT count(*) AS n FROM wild")
        assert done.returncode in (0, 3), done.errors
        assert 1 <= json.loads(done.text)["n"] <= 501, done.text


def silent(registry, port=None):
    """A server in the registry's place that takes connections and says nothing."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port or registry.port))
    listener.listen(8)
    return listener


def test_a_signal_ends_what_waits_for_the_registry():
    name = database("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);")
    with Home() as home:
        authority = Authority(home.path / "authority")
        registry = Registry(certificate=authority.issue("server", "IP:127.0.0.1"))
        options = [*of(registry), "-X", f"schema.registry.ssl.ca.location={authority.ca}"]
        capture = follow(home, name, "--to", "topics", "--format", "avro", *options)
        topic = f"{name}.public.t"
        until(lambda: home.rtd("query", *options, f"SELECT * FROM {topic}").returncode == 0, "the rows")
        registry.stop()
        with silent(registry) as listener:
            server_of().sql("ALTER TABLE t ADD v int; INSERT INTO t VALUES (2, 2)", name)
            asked, _ = listener.accept()
            # It has begun to shake hands.
            assert asked.recv(1)
            capture.terminate()
            equal(capture.wait(30), -signal.SIGTERM)
            query = home.start("query", *options, f"SELECT * FROM {topic}")
            other, _ = listener.accept()
            assert other.recv(1)
            query.send_signal(signal.SIGINT)
            equal(query.wait(30), -signal.SIGINT)
