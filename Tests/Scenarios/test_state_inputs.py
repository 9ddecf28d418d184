"""--state over files that are followed and over changes: what is kept of them."""

import base64
import collections
import json
import os
import random
import signal
import subprocess
import time

import harness
from harness import contains, equal, eventually, run


class Kept:
    """A query with --state into a file; it can be killed and started again."""

    def __init__(self, path, sql, *options):
        self.path, self.sql, self.options = path, sql, options
        self.output, self.process = path / "out.ndjson", None

    def start(self):
        self.before = self.snapshots()
        with open(self.output, "ab") as target, open(self.path / "errors", "ab") as errors:
            self.process = subprocess.Popen(
                [harness.rtd, "query", "--state", "kept", "--format", "json", *self.options,
                 self.sql], stdin=subprocess.DEVNULL, stdout=target, stderr=errors, cwd=self.path,
                env=harness.environment())
        return self

    def snapshots(self):
        return sorted(file.name for file in (self.path / "kept").glob("*.snapshot"))

    def begun(self):
        """It has read its state, so what the output holds from now on counts."""
        eventually(lambda: self.snapshots() != self.before or self.process.poll() is not None, 30,
                   "a snapshot")
        equal(self.process.poll(), None, self.errors())
        return self

    def errors(self):
        return (self.path / "errors").read_text()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)

    def rows(self):
        return [json.loads(line) for line in self.output.read_text().splitlines() if line[-1:] == "}"]

    def wait_for(self, is_done):
        eventually(lambda: is_done(self.rows()), 40, "the rows")


def write(file, text, mode="a"):
    with open(file, mode) as target:
        target.write(text)


def test_lines_of_a_followed_file_come_once_over_kills_and_rotation(path):
    rng = random.Random(harness.seed)
    log, sent = path / "app.log", 0

    def more(count):
        nonlocal sent
        write(log, "".join(f'{{"n":{n}}}\n' for n in range(sent, sent + count)))
        sent += count

    more(5)
    kept = Kept(path, f"SELECT n FROM read_json('{log}') STREAM", "-q")
    kept.start().begun()
    for turn in range(12):
        more(rng.randrange(1, 4000))
        if rng.random() < 0.5:
            time.sleep(rng.random() * 0.3)
        kept.kill()
        if rng.random() < 0.6:
            # While nobody reads: the name is another file's, sometimes twice.
            for _ in range(rng.choice((1, 1, 2))):
                os.rename(log, path / f"app.log.{turn}-{sent}")
                time.sleep(0.02)
                more(rng.randrange(1, 500))
        kept.start()
    kept.begun()
    kept.wait_for(lambda rows: len(rows) >= sent)
    kept.stop()
    equal([row["n"] for row in kept.rows()], list(range(sent)))


def test_groups_of_a_followed_csv_file_go_on(path):
    """A rotated file begins with the line of names again, which is no row."""
    log = path / "sales.csv"
    write(log, "shop,amount\n" + "".join(f"s{n % 3},{n}\n" for n in range(30)))
    kept = Kept(path, "SELECT shop, COUNT(*) AS n, SUM(amount) AS s FROM 'sales.csv' STREAM GROUP BY shop")
    kept.start().begun()
    last = lambda: {r["shop"]: (r["n"], r["s"]) for r in kept.rows() if r["_op"] != "d"}
    kept.wait_for(lambda _: sum(n for n, _ in last().values()) == 30)
    os.rename(log, path / "sales.csv.1")
    write(log, "shop,amount\n" + "".join(f"s{n % 3},1\n" for n in range(30)))
    kept.wait_for(lambda _: sum(n for n, _ in last().values()) == 60)
    kept.kill()
    os.rename(log, path / "sales.csv.2")
    write(log, "shop,amount\ns0,5\n")
    kept.start().begun()
    kept.wait_for(lambda _: sum(n for n, _ in last().values()) == 61)
    kept.stop()
    expected = {f"s{k}": (20, sum(range(k, 30, 3)) + 10) for k in range(3)}
    n, s = expected["s0"]
    expected["s0"] = (n + 1, s + 5)
    equal(last(), expected)


def test_a_followed_file_that_is_gone_is_told(path):
    log = path / "app.log"
    write(log, '{"n":1}\n')
    kept = Kept(path, f"SELECT n FROM read_json('{log}') STREAM")
    kept.start().begun()
    kept.wait_for(lambda rows: len(rows) == 1)
    kept.stop()
    os.rename(log, path / "elsewhere")
    os.mkdir(path / "away")
    os.rename(path / "elsewhere", path / "away" / "app.log")
    write(log, '{"n":2}\n')
    equal(kept.start().process.wait(30), 1)
    contains(kept.errors(), "was when the state was saved is gone; 8 bytes of it were read")
    kept.options = ("--on-error", "skip")
    kept.start().begun()
    kept.wait_for(lambda rows: [r["n"] for r in rows] == [1, 2])
    # Cut while nobody reads, and written anew.
    kept.stop()
    write(log, '{"n":3}\n{"n":4}\n', "w")
    kept.start().begun()
    kept.wait_for(lambda rows: [r["n"] for r in rows] == [1, 2, 3, 4])
    kept.stop()
    contains(kept.errors(), "was cut since")


def change(op, before, after):
    return json.dumps({"before": before, "after": after, "op": op}) + "\n"


def test_rows_of_changes_go_on_over_kills(path):
    """The rows that stand are kept, so that what changes later takes them back."""
    for keyed in (False, True):
        rng = random.Random(harness.seed)
        folder = path / str(keyed)
        folder.mkdir()
        log, table, total = folder / "changes.json", {}, 0

        def more(count):
            text = ""
            for _ in range(count):
                key = rng.randrange(40)
                old = table.get(key)
                if old and rng.random() < 0.3:
                    text += change("d", old, None)
                    del table[key]
                else:
                    new = {"id": key, "g": f"g{rng.randrange(3)}", "v": rng.randrange(9)}
                    before = None if keyed else old
                    text += change("u" if old else "c", before, new)
                    table[key] = new
            write(log, text)

        more(50)
        key = ", key => 'id'" if keyed else ""
        kept = Kept(folder, f"SELECT g, COUNT(*) AS n, SUM(v) AS s "
                    f"FROM read_debezium('{log}'{key}) STREAM GROUP BY g")
        kept.start().begun()
        for _ in range(6):
            more(200)
            time.sleep(rng.random() * 0.4)
            kept.kill()
            kept.start()
        kept.begun()

        def standing():
            rows = {}
            for row in kept.rows():
                if row["_op"] == "d":
                    rows.pop(row["g"], None)
                else:
                    rows[row["g"]] = (row["n"], row["s"])
            return rows

        expected = collections.defaultdict(lambda: (0, 0))
        for row in table.values():
            n, s = expected[row["g"]]
            expected[row["g"]] = (n + 1, s + row["v"])
        eventually(lambda: standing() == dict(expected), 30, "the table")
        kept.stop()


def envelope(before, after, op, schema):
    return json.dumps({"schema": schema, "payload": {"before": before, "after": after, "op": op}}) + "\n"


def number(value, size=None):
    size = size or (value.bit_length() // 8 + 1)
    return base64.b64encode(value.to_bytes(size, "big", signed=True)).decode()


def test_encoded_columns_are_what_their_schema_says(path):
    connect = "org.apache.kafka.connect.data."
    columns = [
        ("id", "int32", None, {}), ("d", "int32", "io.debezium.time.Date", {}),
        ("t", "int64", "io.debezium.time.MicroTimestamp", {}),
        ("m", "int64", "io.debezium.time.Timestamp", {}),
        ("n", "int64", "io.debezium.time.NanoTimestamp", {}),
        ("c", "int32", connect + "Time", {}), ("z", "string", "io.debezium.time.ZonedTimestamp", {}),
        ("price", "bytes", connect + "Decimal", {"scale": "2", "connect.decimal.precision": "10"}),
        ("big", "bytes", connect + "Decimal", {"scale": "0"}),
        ("raw", "bytes", None, {}), ("span", "int64", "io.debezium.time.MicroDuration", {}),
        ("never", "int32", "io.debezium.time.Date", {})]
    row = {"type": "struct", "optional": True, "name": "s.public.t.Value", "fields": [
        {"type": kind, "optional": True, "field": field, **({"name": name} if name else {}),
         **({"parameters": parameters} if parameters else {})}
        for field, kind, name, parameters in columns]}
    schema = {"type": "struct", "name": "s.public.t.Envelope", "fields": [
        {**row, "field": "before"}, {**row, "field": "after"},
        {"type": "string", "optional": False, "field": "op"}]}
    first = {"id": 1, "d": 19_782, "t": 1_709_210_096_123_456, "m": 1_709_210_096_123,
             "n": 1_709_210_096_123_456_789, "c": 3_723_000, "z": "2024-02-29T12:34:56.5Z",
             "price": number(-12345), "big": number(2**200 + 7), "raw": base64.b64encode(b"\0\xff").decode(),
             "span": 90_000_000, "never": None}
    second = {**first, "id": 2, "price": number(5), "big": number(-(2**130)), "d": -1}
    log = path / "t.json"
    log.write_text(envelope(None, first, "c", schema) + envelope(None, second, "c", schema)
                   + envelope(first, {**first, "price": number(99, 8)}, "u", schema))
    sql = f"SELECT * FROM read_debezium('{log}', key => 'id') ORDER BY id"
    a, b = [json.loads(line, parse_float=str, parse_int=str)
            for line in run("rtd", "query", sql, check=0).text.splitlines()]
    equal(a["d"], "2024-02-29")
    equal(a["t"].replace("T", " ")[:26], "2024-02-29 12:34:56.123456")
    equal(a["m"].replace("T", " ")[:23], "2024-02-29 12:34:56.123")
    equal(a["n"].replace("T", " ")[:26], "2024-02-29 12:34:56.123456")
    equal(a["c"], "01:02:03")
    equal((a["price"], b["price"]), ("0.99", "0.05"))
    equal((a["big"], b["big"]), (str(2**200 + 7), str(-(2**130))))
    equal((a["raw"], a["never"], b["d"]), ("AP8=", None, "1969-12-31"))
    done = run("rtd", "query", "--format", "csv", "--no-header",
               f"SELECT d + 1, EXTRACT(hour FROM t), SUM(price) OVER (), span > INTERVAL '1 minute' "
               f"FROM read_debezium('{log}', key => 'id') WHERE id = 1", check=0)
    equal(done.text.strip(), "2024-03-01,12,0.99,t")


def test_a_topic_of_encoded_changes(server, topic):
    schema = {"type": "struct", "fields": [
        {"type": "struct", "field": side, "fields": [
            {"type": "int32", "field": "id"},
            {"type": "int32", "name": "io.debezium.time.Date", "field": "d"}]}
        for side in ("before", "after")]}
    run("rtd", "produce", "-b", server.address, topic, check=0, input="".join(
        envelope(None, {"id": n, "d": 19_000 + n}, "c", schema) for n in range(3)))
    made = (f"CREATE TABLE t (id int PRIMARY KEY, d date) WITH (connector = 'kafka', "
            f"topic = '{topic}') FORMAT DEBEZIUM ENCODE JSON; SELECT MAX(d) AS d FROM t")
    done = run("rtd", "query", "-b", server.address, "--format", "json", made, check=0)
    equal(done.text, '{"d":"2022-01-10"}\n')
