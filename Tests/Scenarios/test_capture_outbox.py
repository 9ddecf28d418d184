"""`rtd cdc`: outbox tables, transaction metadata, schema changes and logical messages, from a real
PostgreSQL into topics."""

import json
import pathlib
import sys

from harness import equal
from test_cdc import ORDERS, cdc, database, lines, server_of

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402

OUTBOX = """
CREATE TABLE outbox (id uuid PRIMARY KEY, aggregatetype text, aggregateid text, type text, payload jsonb);
INSERT INTO outbox VALUES ('00000000-0000-0000-0000-000000000001', 'order', '7', 'Created', '{"n": 1}');
"""


def records(home, topic):
    return [json.loads(line) for line in home.rtd("consume", "-J", topic, "-e").text.splitlines()]


def test_an_outbox_becomes_messages_in_topics():
    name = database(OUTBOX + ORDERS)
    with Home() as home:
        options = ["--to", "topics", "--outbox", "outbox", "--until", "now", "-X",
                   "table.fields.additional.placement=type:header:eventType"]
        cdc(home, name, *options)
        server_of().sql("""
            BEGIN; UPDATE orders SET note = 'paid' WHERE id = 1;
            INSERT INTO outbox VALUES ('00000000-0000-0000-0000-000000000002', 'order', '7', 'Paid', '{"n": 2}'),
              ('00000000-0000-0000-0000-000000000003', 'mail', 'x', 'Sent', NULL);
            DELETE FROM outbox; COMMIT""", name)
        cdc(home, name, *options)
        got = records(home, "outbox.event.order")
        equal([(r["key"], r["value"], r["headers"]) for r in got], [
            ("7", '{"n": 1}', [["id", "00000000-0000-0000-0000-000000000001"], ["eventType", "Created"]]),
            ("7", '{"n": 2}', [["id", "00000000-0000-0000-0000-000000000002"], ["eventType", "Paid"]])])
        equal([(r["key"], r["value"]) for r in records(home, "outbox.event.mail")], [("x", None)])
        equal(len(records(home, f"{name}.public.orders")), 4)
        done = home.rtd("consume", f"{name}.public.outbox", "-e")
        assert "does not exist" in done.errors, done.errors


def test_transactions_count_the_events_that_there_are():
    name = database("CREATE TABLE outbox (id int PRIMARY KEY, aggregatetype text, aggregateid text, payload text);"
                    "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2);")
    with Home() as home:
        options = ["--to", "topics", "--until", "now", "--outbox", "outbox", "-X", "provide.transaction.metadata=true"]
        cdc(home, name, *options)
        server_of().sql("INSERT INTO outbox VALUES (1, 'a', 'b', 'c'); DELETE FROM outbox;"
                        "BEGIN; INSERT INTO t VALUES (3); INSERT INTO outbox VALUES (2, 'a', 'b', 'c'); COMMIT", name)
        cdc(home, name, *options, "--backfill", "t")
        got = [json.loads(r["value"]) for r in records(home, f"{name}.transaction")]
        equal([(r["status"], r["event_count"]) for r in got], [("BEGIN", None), ("END", 1)])
        changes = [json.loads(r["value"]) for r in records(home, f"{name}.public.t")]
        equal([c["op"] for c in changes], ["r", "r", "c", "r", "r", "r"])
        assert json.loads(changes[-1]["source"]["sequence"])[0] is not None


def test_an_outbox_in_a_pipe_is_lines_for_produce():
    name = database(OUTBOX)
    with Home() as home:
        text = cdc(home, name, "--outbox", "public.outbox", "--until", "now")
        equal([(r["topic"], r["key"], r["value"]) for r in lines(text)],
              [("outbox.event.order", "7", '{"n": 1}')])
        done = home.shell(f"rtd cdc '{server_of().source(name)}' --outbox outbox --until now | "
                          "rtd produce -J sent && rtd consume sent -e")
        equal((done.returncode, done.text), (0, '{"n": 1}\n'), done.errors)
        done = home.rtd("cdc", server_of().source(name), "--outbox", "nosuch", "--until", "now")
        equal((done.returncode, done.errors),
              (2, 'rtd: cdc: no table that is captured is the outbox "nosuch"\n'))
        done = home.rtd("cdc", server_of().source(name), "--outbox", "outbox", "--until", "now",
                        "-X", "route.by.field=kind")
        equal(done.returncode, 1)
        assert 'the outbox public.outbox has no column "kind"' in done.errors, done.errors


def test_transactions_schemas_and_messages_have_topics_of_their_own():
    name = database(ORDERS)
    with Home() as home:
        options = ["--to", "topics", "--until", "now", "--schema-changes", "-X",
                   "provide.transaction.metadata=true"]
        cdc(home, name, *options)
        server_of().sql("""
            BEGIN; INSERT INTO orders VALUES (10, 1, ''); SELECT pg_logical_emit_message(true, 'app', 'in');
            UPDATE orders SET id = 11 WHERE id = 10; COMMIT;
            ALTER TABLE orders ADD COLUMN extra int; DELETE FROM orders WHERE id = 11;
            SELECT pg_logical_emit_message(false, 'app', 'out');""", name)
        # Nothing else writes a message out that no commit follows.
        server_of().sql("SELECT pg_switch_wal()", name)
        cdc(home, name, *options)
        marks = records(home, f"{name}.transaction")
        values = [json.loads(r["value"]) for r in marks]
        equal([json.loads(r["key"])["id"] for r in marks], [v["id"] for v in values])
        first = [v for v in values if v["id"] == values[0]["id"]]
        equal([(v["status"], v["event_count"]) for v in first], [("BEGIN", None), ("END", 4)])
        equal(first[1]["data_collections"], [{"data_collection": "public.orders", "event_count": 3}])
        schemas = [json.loads(r["value"]) for r in records(home, name)]
        columns = [[c["name"] for c in s["tableChanges"][0]["table"]["columns"]] for s in schemas]
        equal(columns[0], ["id", "total", "note"])
        equal(columns[-1], ["id", "total", "note", "extra"])
        messages = [json.loads(r["value"]) for r in records(home, f"{name}.message")]
        equal([(m["op"], m["message"]["prefix"]) for m in messages], [("m", "app"), ("m", "app")])
