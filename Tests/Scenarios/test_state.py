"""--state: a query that is killed at random moments gives each result once."""

import collections
import json
import random
import signal
import subprocess
import sys
import pathlib
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
import harness  # noqa: E402
from harness import contains, equal  # noqa: E402
from home import Home  # noqa: E402

FILTER = "SELECT id, v * 2 AS w FROM events STREAM WHERE v % 3 <> 0"
COUNTS = "SELECT k, COUNT(*) AS n, SUM(v) AS s FROM events STREAM GROUP BY k"
WINDOWS = ("SELECT window_end, k, COUNT(*) AS n FROM TUMBLE(events STREAM, ts, INTERVAL '10 s') "
           "GROUP BY window_end, k EMIT ON WINDOW CLOSE WITH TIMEOUT INTERVAL '0 s'")
JOIN = ("SELECT x.id, y.id AS other FROM events STREAM x JOIN events STREAM y ON x.k = y.k AND "
        "y.ts BETWEEN x.ts AND x.ts + INTERVAL '2 s' AND x.id <> y.id")


def event(number, generator):
    seconds = number * 0.25 + 10 - generator.random() * 4
    minutes, rest = divmod(seconds, 60)
    return {"id": number, "k": f"k{generator.randrange(4)}", "v": generator.randrange(100),
            "ts": f"2024-01-01T00:{int(minutes):02}:{rest:06.3f}"}


def lines(events):
    return "".join(json.dumps(e) + "\n" for e in events)


class Keeper:
    """A query with --state whose stdout is a file; it can be killed and started again."""

    def __init__(self, home, sql, *options, topic="events", form="json"):
        self.home, self.sql, self.options, self.form = home, sql, options, form
        self.output = home.path / "out.ndjson"
        self.process = None

    def start(self):
        self.before = self.snapshots()
        with open(self.output, "ab") as target:
            self.process = subprocess.Popen(
                [harness.rtd, "query", "--state", "kept", *self.options, "--format", self.form,
                 self.sql], stdin=subprocess.DEVNULL, stdout=target, stderr=subprocess.PIPE,
                cwd=self.home.path, env=self.home.environment())

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def stop(self):
        """Ctrl-C; what it said."""
        self.process.send_signal(signal.SIGINT)
        said = self.process.communicate(timeout=30)[1].decode()
        contains(said, "the state is kept in kept")
        return said

    def rows(self):
        text = self.output.read_text()
        return [json.loads(line) for line in text.splitlines() if line.endswith("}")]

    def snapshots(self):
        return sorted(file.name for file in (self.home.path / "kept").glob("*.snapshot"))

    def wait_for_snapshot(self, seconds=40):
        """It has begun, so that Ctrl-C is a pause."""
        deadline = time.monotonic() + seconds
        while self.snapshots() == self.before:
            assert self.process.poll() is None, self.process.stderr.read().decode()
            assert time.monotonic() < deadline, "no snapshot"
            time.sleep(0.02)

    def wait_for(self, is_done, seconds=40):
        deadline = time.monotonic() + seconds
        while not is_done(self.rows()):
            assert self.process.poll() is None, self.process.stderr.read().decode()
            assert time.monotonic() < deadline, f"{len(self.rows())} rows"
            time.sleep(0.02)


def storm(sql, is_done, *options, kills=12, count=3000):
    """Feeds a topic while the query is killed again and again; its rows, and the events."""
    generator = random.Random(harness.seed)
    with Home() as home:
        home.rtd("query", "CREATE TOPIC events WITH (partitions = 3)")
        events = [event(number, generator) for number in range(count)]
        # What the columns are is learnt from the first records.
        home.rtd("produce", "events", "-p", "0", input=lines(events[:10]))
        keeper = Keeper(home, sql, *options)
        sent = 10
        for turn in range(kills):
            keeper.start()
            more = count * (turn + 1) // kills - sent
            home.rtd("produce", "events", "-p", str(turn % 3), input=lines(events[sent:sent + more]))
            sent += more
            time.sleep(generator.random() * 0.4)
            keeper.kill()
        keeper.start()
        # Until it has begun, what an earlier run wrote behind its last snapshot is there still.
        keeper.wait_for_snapshot()
        keeper.wait_for(lambda rows: is_done(rows, events))
        keeper.stop()
        return keeper.rows(), events


def replayed(rows, *key):
    """The table that a changelog comes to, and the ops that do not fit it."""
    table = {}
    for row in rows:
        values = {n: v for n, v in row.items() if n != "_op"}
        name = tuple(values[k] for k in key)
        if row["_op"] == "d":
            equal(table.pop(name), values, "what is taken back stands")
        else:
            equal(name in table, row["_op"] == "u", f"{row}")
            table[name] = values
    return table


def test_rows_of_a_filter_come_once_each():
    expected = lambda events: {e["id"]: e["v"] * 2 for e in events if e["v"] % 3}
    rows, events = storm(FILTER, lambda rows, events: len(rows) >= len(expected(events)))
    equal(collections.Counter(r["id"] for r in rows).most_common(1)[0][1], 1, "a row came twice")
    equal({r["id"]: r["w"] for r in rows}, expected(events))


def test_a_changelog_comes_to_the_table():
    def expected(events):
        table = collections.defaultdict(lambda: [0, 0])
        for e in events:
            table[e["k"]][0] += 1
            table[e["k"]][1] += e["v"]
        return {(k,): {"k": k, "n": n, "s": s} for k, (n, s) in table.items()}

    def is_done(rows, events):
        last = {row["k"]: row["n"] for row in rows if row["_op"] != "d"}
        return sum(last.values()) == len(events)

    rows, events = storm(COUNTS, is_done)
    equal(replayed(rows, "k"), expected(events))


def test_pairs_of_a_join_come_once_each():
    generator = random.Random(harness.seed)
    count = 600

    def expected(events):
        found = set()
        for x in events:
            for y in events:
                if x["k"] == y["k"] and x["id"] != y["id"] and \
                        0 <= seconds(y["ts"]) - seconds(x["ts"]) <= 2.0000001:
                    found.add((x["id"], y["id"]))
        return found

    def seconds(text):
        return float(text[14:16]) * 60 + float(text[17:])

    rows, events = storm(JOIN, lambda rows, events: len(rows) >= len(expected(events)), count=count)
    pairs = collections.Counter((r["id"], r["other"]) for r in rows)
    equal([p for p, n in pairs.items() if n > 1], [], "a pair came twice")
    equal(set(pairs), expected(events))


def test_windows_close_once_over_kills_of_a_file():
    generator = random.Random(harness.seed)
    events = [event(number, generator) for number in range(40000)]
    for number, e in enumerate(events):
        e["ts"] = f"2024-01-{1 + number // 10000:02}T{number // 3600 % 24:02}" \
                  f":{number // 60 % 60:02}:{number % 60:02}"
    events.sort(key=lambda e: e["ts"])
    sql = ("SELECT window_end, k, COUNT(*) AS n FROM TUMBLE('events.ndjson', ts, INTERVAL '10 s') "
           "GROUP BY window_end, k")
    with Home() as home:
        (home.path / "events.ndjson").write_text(lines(events))
        whole = home.rtd("query", "--time", "ts", sql)
        expected = sorted(whole.text.splitlines())
        keeper = Keeper(home, sql, "--time", "ts")
        for _ in range(8):
            keeper.start()
            time.sleep(generator.random() * 0.3)
            keeper.kill()
        keeper.start()
        said = keeper.process.communicate(timeout=60)[1].decode()
        equal(keeper.process.returncode, 0)
        # A fast one had ended before the last kill.
        assert said == "" or "has ended and its rows were" in said or "were cut off it" in said, said
        equal(sorted(keeper.output.read_text().splitlines()), expected)
        # It has ended; the next start says so and writes nothing.
        keeper.start()
        contains(keeper.process.communicate(timeout=60)[1].decode(), "has ended and its rows were")
        equal(sorted(keeper.output.read_text().splitlines()), expected)


# MARK: What is refused

def test_the_state_of_another_query_is_refused_with_the_way_out():
    with Home() as home:
        (home.path / "e.csv").write_text("k,v\na,1\nb,2\n")
        home.rtd("query", "--state", "s", "SELECT k FROM 'e.csv'")
        done = home.rtd("query", "--state", "s", "SELECT v FROM 'e.csv'")
        equal(done.returncode, 1)
        contains(done.errors, "rtd: the state in s is of another query")
        contains(done.errors, "remove s to begin anew")


IN = "SELECT v FROM 'e.ndjson' WHERE v IN (" + ", ".join(map(str, range(30))) + ", {})"
ONE_AND_ANOTHER = [
    (IN.format(50), IN.format(77)),
    ("SELECT a.v FROM 'e.ndjson' a JOIN (VALUES (1, 'a'), (2, 'b')) x (n, s) ON a.v = x.n",
     "SELECT a.v FROM 'e.ndjson' a JOIN (VALUES (1, 'z'), (3, 'b')) x (n, s) ON a.v = x.n"),
    ("SELECT window_end, count(*) FROM TUMBLE('e.ndjson', ts, INTERVAL '10 s') GROUP BY 1",
     "SELECT window_end, count(*) FROM TUMBLE('e.ndjson', ts, INTERVAL '10 s', INTERVAL '7 s') GROUP BY 1"),
    ("SELECT k, sum(v) OVER (ORDER BY v ROWS 2 PRECEDING) s FROM 'e.ndjson' EMIT CHANGES",
     "SELECT k, sum(v) OVER (ORDER BY v ROWS 9 PRECEDING) s FROM 'e.ndjson' EMIT CHANGES"),
    ("CREATE TABLE t AS VALUES (1), (2); SELECT a.v FROM 'e.ndjson' a JOIN t ON a.v = t.column1",
     "CREATE TABLE t AS VALUES (1), (3); SELECT a.v FROM 'e.ndjson' a JOIN t ON a.v = t.column1"),
    ("SET TimeZone = 'UTC'; SELECT ts::timestamptz AS t FROM 'e.ndjson'",
     "SET TimeZone = 'Europe/Berlin'; SELECT ts::timestamptz AS t FROM 'e.ndjson'"),
]


def test_the_state_of_a_query_that_only_looks_the_same_is_refused():
    with Home() as home:
        (home.path / "e.ndjson").write_text(lines(
            {"k": "a", "v": n, "ts": f"2024-01-01T00:00:{n:02}"} for n in range(9)))
        for number, (one, another) in enumerate(ONE_AND_ANOTHER):
            options = ("--state", f"s{number}", "--time", "ts")
            equal(home.rtd("query", *options, one).returncode, 0)
            done = home.rtd("query", *options, another)
            equal((done.returncode, done.text), (1, ""), another)
            contains(done.errors, f"the state in s{number} is of another query")
            contains(home.rtd("query", *options, one).errors, "has ended and its rows were")


def test_the_state_of_a_topic_of_another_cluster_is_refused(server):
    with Home() as home, harness.Server() as other:
        for address in (server.address, other.address):
            home.rtd("produce", "-b", address, "same", input='{"v":1}\n')
            done = home.rtd("query", "--state", "s", "-b", address, "SELECT v FROM same")
        contains(done.errors, "the state in s is of another query")
        url = f"'kafka://{server.address}/same'"
        contains(home.rtd("query", "--state", "s", f"SELECT v FROM {url}").errors, "has ended and its rows were")


def crc32c(data):
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def test_a_state_of_the_format_before_goes_on_where_it_surely_is_of_the_query():
    """It has the words of EXPLAIN, which leave out the offsets of windows and more."""
    plain = "SELECT k, count(*) AS n FROM 'e.ndjson' GROUP BY k EMIT CHANGES"
    with Home() as home:
        (home.path / "e.ndjson").write_text(lines(
            {"k": "a", "v": n, "ts": f"2024-01-01T00:00:{n:02}"} for n in range(9)))
        for number, (sql, said) in enumerate([
                (plain, "has ended and its rows were"),
                (ONE_AND_ANOTHER[2][0], "does not say whether it is of this query"),
                (ONE_AND_ANOTHER[5][0], "does not say whether it is of this query")]):
            options = ("--state", f"s{number}", "--time", "ts", sql)
            equal(home.rtd("query", *options).returncode, 0)
            for file in (home.path / f"s{number}").glob("*.snapshot"):
                whole = file.read_bytes()
                end = 12 + 8 + int.from_bytes(whole[12:20], "big")
                behind = end + 8 + int.from_bytes(whole[end:end + 8], "big")
                equal(behind - end, 8 + 32, "the hash of the query")
                old = whole[:8] + (3).to_bytes(4, "big") + whole[12:end] + whole[behind:-4]
                file.write_bytes(old + crc32c(old).to_bytes(4, "big"))
            contains(home.rtd("query", *options).errors, said)
        contains(home.rtd("query", "--state", "s0", "--time", "ts", plain.replace("count(*)", "sum(v)")).errors,
                 "is of another query")


def test_a_kept_join_goes_on_when_its_topics_have_grown():
    """The plan, which says whose state it is, does not hang on how much a topic holds."""
    sql = ("SELECT a.v, b.w, c.w AS w2 FROM a STREAM a JOIN b STREAM b ON a.k = b.k "
           "JOIN b STREAM c ON a.v = c.k")
    with Home() as home:
        home.rtd("query", "CREATE TOPIC a WITH (partitions = 1); CREATE TOPIC b WITH (partitions = 1)")
        home.rtd("produce", "a", input='{"k": 1, "v": 1}\n')
        home.rtd("produce", "b", input="".join(f'{{"k": {n}, "w": 1}}\n' for n in range(1, 6)))
        keeper = Keeper(home, sql)
        for expected, grows in ((1, 20), (6, 0)):
            keeper.start()
            keeper.wait_for(lambda rows: len(rows) >= expected)
            keeper.wait_for_snapshot()
            keeper.stop()
            home.rtd("produce", "a", input="".join(
                f'{{"k": {n}, "v": {n}}}\n' for n in range(1, grows + 1)))
        equal(sorted(row["v"] for row in keeper.rows()), [1, 1, 2, 3, 4, 5])


def test_a_damaged_snapshot_is_passed_over():
    with Home() as home:
        (home.path / "e.csv").write_text("k,v\na,1\nb,2\n")
        sql = "SELECT k, COUNT(*) AS n FROM 'e.csv' GROUP BY k EMIT CHANGES"
        home.rtd("query", "--state", "s", sql)
        for file in (home.path / "s").glob("*.snapshot"):
            bytes_ = bytearray(file.read_bytes())
            bytes_[len(bytes_) // 2] ^= 1
            file.write_bytes(bytes_)
        done = home.rtd("query", "--state", "s", sql)
        contains(done.errors, ".snapshot is damaged and was passed over")
        equal(done.returncode, 0)


def test_what_cannot_be_kept_is_named():
    with Home() as home:
        (home.path / "e.csv").write_text("k,v\na,1\n")
        for sql, words in [
                ("SELECT * FROM stdin", "stdin cannot be read again"),
                ("SELECT k, COUNT(*) FROM 'e.csv' GROUP BY k", "leave at the end"),
                ("SELECT k FROM 'e.csv'; SELECT v FROM 'e.csv'", "--state keeps one query")]:
            done = home.rtd("query", "--state", "s" + str(len(words)), sql, input="{\"a\":1}\n")
            equal(done.returncode, 1, sql)
            contains(done.errors, words)
        equal(home.rtd("query", "--verify", "--state", "s", "SELECT 1").returncode, 2)


def test_a_state_is_one_process_s():
    with Home() as home:
        home.rtd("query", "CREATE TOPIC events")
        home.rtd("produce", "events", input=lines([event(1, random.Random(1))]))
        keeper = Keeper(home, FILTER)
        keeper.start()
        keeper.wait_for_snapshot()
        done = home.rtd("query", "--state", "kept", FILTER)
        equal(done.returncode, 1)
        contains(done.errors, "in use by another rtd query")
        keeper.stop()


# MARK: Types, formats and journals

def sizes(home, ending):
    return {f.name: f.stat().st_size for f in (home.path / "kept").glob("*" + ending)}


def test_types_are_those_that_the_state_was_begun_with():
    """A start does not look at the first rows again: they say something else than later ones."""
    with Home() as home:
        log = home.path / "e.ndjson"
        # The sample ends before the column widens; nothing has left, so it is read anew.
        log.write_text("".join(f'{{"id":{n},"v":{n}}}\n' for n in range(20000)) +
                       '{"id":20000,"v":0.5}\n')
        keeper = Keeper(home, f"SELECT id, v FROM read_json('{log}') STREAM WHERE id >= 20000")
        keeper.start()
        keeper.wait_for(lambda rows: len(rows) == 1)
        keeper.kill()
        for number, value in enumerate((30000.5, 7)):
            with open(log, "a") as target:
                target.write(f'{{"id":{20001 + number},"v":{value}}}\n')
            keeper.start()
            keeper.wait_for_snapshot()
            keeper.wait_for(lambda rows: len(rows) == number + 2)
            keeper.kill()
        equal([row["v"] for row in keeper.rows()], [0.5, 30000.5, 7])
        # Without them it is another query.
        (home.path / "kept" / "columns").unlink()
        keeper.start()
        contains(keeper.process.communicate(timeout=60)[1].decode(), "is of another query")


def test_a_value_that_does_not_fit_is_told_after_a_start_as_before_it():
    with Home() as home:
        home.rtd("query", "CREATE TOPIC events")
        home.rtd("produce", "events", input='{"id":1,"v":1}\n')
        keeper = Keeper(home, "SELECT id, v + 1 AS w FROM events STREAM")
        keeper.start()
        keeper.wait_for(lambda rows: len(rows) == 1)
        keeper.stop()
        # Looked at anew, `v` would be text.
        home.rtd("produce", "events", input='{"id":2,"v":2}\n{"id":3,"v":"x"}\n')
        keeper.start()
        said = keeper.process.communicate(timeout=60)[1].decode()
        contains(said, 'topic "events"')
        contains(said, 'invalid input syntax for type bigint: "x"')
        equal([r["w"] for r in keeper.rows()], [2, 3])


def test_steps_behind_a_snapshot_are_done_again():
    """The journal is read, cut or not; it begins anew when it is longer than the state."""
    with Home() as home:
        home.rtd("query", "CREATE TOPIC events")
        rows = lambda start, count: "".join(
            f'{{"k":{n % 3000},"v":{n}}}\n' for n in range(start, start + count))
        home.rtd("produce", "events", input=rows(0, 6000))
        keeper = Keeper(home, "SELECT k, COUNT(*) AS n, SUM(v) AS s FROM events STREAM GROUP BY k")
        total = lambda rows: sum({r["k"]: r["n"] for r in rows}.values())
        keeper.start()
        keeper.wait_for(lambda found: total(found) == 6000)
        sent, cut = 6000, 0
        for turn in range(6):
            for _ in range(3):
                home.rtd("produce", "events", input=rows(sent, 200))
                sent += 200
                keeper.wait_for(lambda found: total(found) == sent)
                time.sleep(0.15)
            keeper.kill()
            assert len(sizes(home, ".snapshot")) <= 2 and len(sizes(home, ".journal")) <= 2
            journals = sizes(home, ".journal")
            if journals and turn % 2 == 0:
                # As a machine leaves it that lost power: the last step is not whole.
                name = max(journals)
                file = home.path / "kept" / name
                file.write_bytes(file.read_bytes()[:-random.randrange(1, 40)])
                cut += 1
            keeper.start()
            keeper.wait_for_snapshot()
            keeper.wait_for(lambda found: total(found) == sent)
        keeper.stop()
        assert cut > 0, "no journal was written"
        expected = {}
        for n in range(sent):
            count, amount = expected.get(n % 3000, (0, 0))
            expected[n % 3000] = (count + 1, amount + n)
        equal({k[0]: (r["n"], r["s"]) for k, r in replayed(keeper.rows(), "k").items()}, expected)


def test_a_state_of_another_format_is_refused():
    with Home() as home:
        (home.path / "e.csv").write_text("k,v\na,1\n")
        sql = "SELECT k FROM 'e.csv'"
        home.rtd("query", "--state", "s", sql)
        for file in (home.path / "s").glob("*.snapshot"):
            bytes_ = bytearray(file.read_bytes())
            bytes_[11] = 1
            file.write_bytes(bytes_)
        done = home.rtd("query", "--state", "s", sql)
        equal(done.returncode, 1)
        contains(done.errors, "the state in s has format 1, and this rtd reads formats 2 to 4")
        contains(done.errors, "name another directory to begin anew")


def test_what_others_have_written_behind_a_clean_end_stays():
    """And what a killed run wrote behind its last saved step is cut off, which is said."""
    for form in ("json", "debezium", "upsert"):
        with Home() as home:
            (home.path / "in.ndjson").write_text('{"a":1}\n')
            keeper = Keeper(home, "SELECT a, COUNT(*) AS n FROM 'in.ndjson' STREAM GROUP BY a", form=form)
            keeper.start()
            keeper.wait_for(lambda rows: len(rows) == 1)
            keeper.stop()
            with open(keeper.output, "a") as out:
                out.write('{"done":true}\n')
            keeper.start()
            keeper.wait_for_snapshot()
            contains(keeper.stop(), "the state is kept")
            equal(len(keeper.rows()), 2, form)
            equal(keeper.rows()[1], {"done": True})
            keeper.start()
            keeper.wait_for_snapshot()
            keeper.kill()
            with open(keeper.output, "a") as out:
                out.write('{"torn":true}\n')
            keeper.start()
            keeper.wait_for_snapshot()
            contains(keeper.stop(), "14 bytes that the output had behind the last saved step were cut off it")
            equal(len(keeper.rows()), 2, form)


def test_partitions_that_a_topic_gets_are_read_from_their_start():
    """While the query runs, and those that it got while the query did not."""
    soon = ("-X", "metadata.max.age.ms=20")
    sql = "SELECT id, _partition AS p, count(*) AS n FROM events STREAM GROUP BY 1, 2"
    with Home() as home:
        def produce(*ids):
            for id in ids:
                home.rtd("produce", "events", "-p", id % 8, input=lines([{"id": id}]))

        def ids(rows):
            return sorted(row["id"] for row in rows)

        home.rtd("query", "CREATE TOPIC events WITH (partitions = 1)")
        produce(0)
        keeper = Keeper(home, sql, *soon)
        keeper.start()
        keeper.wait_for_snapshot()
        keeper.wait_for(lambda rows: len(rows) == 1)
        home.rtd("query", "ALTER TOPIC events ADD PARTITIONS 3")
        produce(3, 1, 2)
        keeper.wait_for(lambda rows: ids(rows) == [0, 1, 2, 3])
        keeper.stop()
        home.rtd("query", "ALTER TOPIC events ADD PARTITIONS 2")
        produce(5, 4, 11, 8)
        keeper.start()
        keeper.wait_for(lambda rows: ids(rows) == [0, 1, 2, 3, 4, 5, 8, 11])
        home.rtd("query", "ALTER TOPIC events ADD PARTITIONS 2")
        produce(7, 6)
        keeper.wait_for(lambda rows: ids(rows) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 11])
        keeper.kill()
        keeper.start()
        produce(15, 13)
        keeper.wait_for(lambda rows: set(ids(rows)) == {0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 13, 15})
        keeper.stop()
        table = replayed(keeper.rows(), "id", "p")
        equal({id: (p, row["n"]) for (id, p), row in table.items()},
              {id: (id % 8, 1) for id in (0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 13, 15)})
