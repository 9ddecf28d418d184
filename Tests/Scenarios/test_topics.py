"""Topics as relations: how records become rows, whatever batches and pieces they come in."""

import itertools
import json
import random

import harness
from harness import contains, equal


def produce(server, topic, records, *options):
    """Records as `rtd produce -J` takes them."""
    text = "".join(json.dumps(record) + "\n" for record in records)
    harness.run("rtd", "produce", "-J", "-b", server.address, *options, topic, input=text, check=0)


def select(server, sql, *options, check=0):
    done = harness.run("rtd", "query", "-b", server.address, "--format", "json", *options, "-c", sql, check=check)
    return [json.loads(line) for line in done.text.splitlines()], done.errors


def drawn(count):
    """Values of all sizes, some over several lines, some null; keys and headers here and there."""
    numbers = random.Random(2611)
    print("seed 2611")
    for n in range(count):
        size = 300_000 if n == count // 2 else numbers.choice([0, 0, 0, 0, 7, 100, 1_000])
        value = json.dumps({"n": n, "t": "é" * (size // 2)}, ensure_ascii=False, indent=numbers.choice([None, None, 1]))
        yield {
            "timestamp": 1_700_000_000_000 + n,
            "key": numbers.choice([None, f"k{n}"]),
            "value": None if n % 97 == 5 else value,
            "headers": [["a", f"{n}"]] if n % 3 == 0 else [],
        }


SQL = 'SELECT n, length(t) AS t, _offset AS o, _key AS k, _partition AS p, _headers AS h, ' \
      'EXTRACT(EPOCH FROM _timestamp)::bigint AS s FROM "{}" ORDER BY _offset'
# Without headers records are taken many at a time.
WITHOUT_HEADERS = SQL.replace("_headers AS h, ", "")


def test_rows_keep_their_records_facts_in_any_batches(server):
    records = list(drawn(5_000))
    expected = [
        {"n": n, "t": len(json.loads(record["value"])["t"]), "o": n, "k": record["key"], "p": 0,
         "h": record["headers"], "s": record["timestamp"] // 1_000}
        for n, record in enumerate(records) if record["value"] is not None]
    # EXTRACT rounds half up to whole seconds.
    for row, n in zip(expected, (r["n"] for r in expected)):
        row["s"] = (records[n]["timestamp"] + 500) // 1_000
    for codec, bytes in itertools.product(["none", "lz4", "zstd", "gzip", "snappy"], ["4k", "1M"]):
        topic = f"facts-{codec}-{bytes}"
        produce(server, topic, records, "-z", codec, "--batch-bytes", bytes)
        rows, _ = select(server, SQL.format(topic))
        equal(rows, expected)
        rows, _ = select(server, WITHOUT_HEADERS.format(topic))
        equal(rows, [{name: row[name] for name in row if name != "h"} for row in expected])
        rows, _ = select(server, f'SELECT COUNT(*) AS n, MAX(_partition) AS p FROM "{topic}"')
        equal(rows, [{"n": len(expected), "p": 0}])


def test_rows_behind_broken_records_keep_their_offsets(server, topic):
    values = [f'{{"n":{n}}}' if n % 50 or n == 0 else ["oops", "", '{"n":', "1 2"][n // 50 % 4] for n in range(5_000)]
    produce(server, topic, ({"value": value} for value in values))
    sql = f'SELECT n, _offset AS o FROM "{topic}" WHERE n IS NOT NULL'
    rows, errors = select(server, sql, "--on-error", "skip", check=3)
    equal(rows, [{"n": n, "o": n} for n in range(5_000) if n % 50 or n == 0])
    contains(errors, "skipped")
    rows, errors = select(server, sql, check=1)
    contains(errors, f'topic "{topic}" line 101: invalid JSON')


def test_values_that_are_no_json_are_text(server, topic):
    lines = [f"line {n} " + "x" * (n % 300) for n in range(5_000)]
    harness.run("rtd", "produce", "-b", server.address, topic, input="".join(l + "\n" for l in lines), check=0)
    rows, _ = select(server, f'SELECT _value AS v, _offset AS o FROM "{topic}" ORDER BY _offset')
    equal(rows, [{"v": line, "o": n} for n, line in enumerate(lines)])


def test_a_read_begins_in_the_middle_of_a_batch(server, topic):
    produce(server, topic, ({"value": f'{{"n":{n}}}'} for n in range(3_000)))
    harness.run("rtd", "query", "-b", server.address, "-c", f'DELETE FROM "{topic}" WHERE _offset < 1234', check=0)
    rows, _ = select(server, f'SELECT COUNT(*) AS c, MIN(_offset) AS o, MIN(n) AS n FROM "{topic}"')
    equal(rows, [{"c": 1_766, "o": 1_234, "n": 1_234}])
