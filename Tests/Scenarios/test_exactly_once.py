"""--state into topics: readers of committed records see each result once, whatever is killed when."""

import collections
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
import harness  # noqa: E402
from harness import contains, equal, eventually, run  # noqa: E402

CYCLES = 200 if harness.is_long else 25
FILTER = "SELECT id, v * 2 AS w FROM events STREAM WHERE v % 3 <> 0"


def lines(events):
    return "".join(json.dumps(event) + "\n" for event in events)


class Stage:
    """A server, a topic of events that are written all the time, and a kept query."""

    def __init__(self, path, seed, partitions=3):
        self.path, self.rng = pathlib.Path(path), random.Random(seed)
        self.server = harness.Server().start()
        self.server.kafka = self.server.address
        self.process, self.events, self.done = None, [], threading.Event()
        self.rtd("query", f"CREATE TOPIC events WITH (partitions = {partitions}); "
                 f"CREATE TOPIC results WITH (partitions = {partitions})")
        # What the columns are is learnt from the first records.
        self.write(10)

    def rtd(self, *arguments, **options):
        options.setdefault("check", 0)
        return run("rtd", arguments[0], "-b", self.server.address, *arguments[1:], **options)

    def write(self, count):
        more = [{"id": len(self.events) + n, "k": f"k{self.rng.randrange(5)}",
                 "v": self.rng.randrange(100)} for n in range(count)]
        self.rtd("produce", "events", "--retry", "20s", "-p", str(self.rng.randrange(3)), input=lines(more))
        self.events += more

    def keep_writing(self, count, pause):
        """A writer of its own; joined by the caller."""
        def work():
            while not self.done.is_set():
                self.write(count)
                self.done.wait(pause)
        writer = threading.Thread(target=work)
        writer.start()
        return writer

    def start(self, sql, state="kept", *options):
        self.process = subprocess.Popen(
            [harness.rtd, "query", "-b", self.server.address, "--state", str(self.path / state),
             "--format", "json", *options, sql],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(self.path / "errors", "ab"), env=harness.environment())
        return self.process

    def errors(self):
        return (self.path / "errors").read_text()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(40)

    def kill_server(self):
        self.server.kill()
        self.server.start()

    def committed(self, topic="results", *options):
        done = self.rtd("consume", topic, "-e", "-q", "-J", *options)
        return [json.loads(line) for line in done.text.splitlines()]

    def rows(self, topic="results"):
        return [json.loads(r["value"]) for r in self.committed(topic) if r["value"] is not None]

    def wait_for(self, is_done, seconds=60):
        deadline = time.monotonic() + seconds
        while not is_done(self.rows()):
            assert self.process.poll() is None, self.errors()[-2000:]
            assert time.monotonic() < deadline, f"{len(self.rows())} rows; {self.errors()[-2000:]}"
            time.sleep(0.05)

    def close(self):
        self.done.set()
        if self.process and self.process.poll() is None:
            self.kill()
        self.server.discard()


def storm(path, sql, is_done, cycles=CYCLES, server_kills=0.25):
    """Kills the query, and now and then the server, at random instants; gives the stage."""
    seed = harness.seed
    print(f"seed {seed}")
    stage = Stage(path, seed)
    try:
        writer = stage.keep_writing(20, 0.1)
        for _ in range(cycles):
            stage.start(sql)
            time.sleep(stage.rng.random() * 0.7)
            if stage.rng.random() < server_kills:
                if stage.rng.random() < 0.5:
                    stage.kill()
                    stage.kill_server()
                    continue
                # The query goes on with the new server.
                stage.kill_server()
                time.sleep(stage.rng.random() * 0.5)
            stage.kill()
        stage.done.set()
        writer.join()
        stage.start(sql)
        stage.wait_for(lambda rows: is_done(rows, stage.events))
        stage.stop()
        # Nothing is left to come.
        stage.start(sql)
        time.sleep(0.5)
        stage.stop()
        return stage
    except BaseException:
        stage.close()
        raise


def test_rows_of_a_filter_come_once_each(path):
    stage = storm(path, "INSERT INTO results " + FILTER,
                  lambda rows, events: len(rows) >= sum(e["v"] % 3 != 0 for e in events))
    try:
        rows = stage.rows()
        counts = collections.Counter(r["id"] for r in rows)
        equal([i for i, n in counts.items() if n > 1][:10], [], "results that came twice")
        equal({r["id"]: r["w"] for r in rows},
              {e["id"]: e["v"] * 2 for e in stage.events if e["v"] % 3})
        # How far it has read is a group's.
        groups = stage.rtd("query", "--format", "json", "SHOW GROUPS").text
        contains(groups, "rtd-query-")
    finally:
        stage.close()


def test_changes_fit_each_other(path):
    """Each change of a group takes back what stood before it."""
    sql = ("CREATE TABLE t (k text, n bigint, s bigint) WITH (connector = 'kafka', "
           "topic = 'results', \"sink.delivery-guarantee\" = 'exactly-once', "
           "\"sink.transactional-id-prefix\" = 'sums') FORMAT DEBEZIUM ENCODE JSON; "
           "INSERT INTO t SELECT k, COUNT(*) AS n, SUM(v) AS s FROM events STREAM GROUP BY k")

    def is_done(rows, events):
        last = {}
        for row in rows:
            if row["after"]:
                last[row["after"]["k"]] = max(row["after"]["n"], last.get(row["after"]["k"], 0))
        return sum(last.values()) == len(events)

    stage = storm(path, sql, is_done, max(8, CYCLES // 3))
    try:
        # The changes of a group have a key, so one partition and one order.
        table = {}
        for row in stage.rows():
            key = (row["after"] or row["before"])["k"]
            equal(row["before"], table.get(key), f"what {row} takes back")
            table[key] = row["after"]
        expected = {}
        for e in stage.events:
            n, s = expected.get(e["k"], (0, 0))
            expected[e["k"]] = (n + 1, s + e["v"])
        equal({k: (row["n"], row["s"]) for k, row in table.items()}, expected)
        contains(stage.rtd("query", "--format", "json", "SHOW GROUPS").text, "sums-")
    finally:
        stage.close()


def test_a_file_that_ends_is_written_once(path):
    """Its rows are in transactions too, and a start after the end adds nothing."""
    stage = Stage(path, harness.seed)
    try:
        source = stage.path / "in.ndjson"
        source.write_text("".join(json.dumps({"id": n}) + "\n" for n in range(200_000)))
        sql = f"INSERT INTO results SELECT id FROM '{source}'"
        for _ in range(6):
            stage.start(sql)
            time.sleep(stage.rng.random() * 0.6)
            stage.kill()
        equal(stage.start(sql).wait(60), 0)
        equal(stage.start(sql).wait(60), 0)
        contains(stage.errors(), "has ended and its rows were written")
        equal(sorted(row["id"] for row in stage.rows()), list(range(200_000)))
    finally:
        stage.close()


def snapshots(stage, state="kept"):
    return len(list((stage.path / state).glob("*.snapshot")))


def snapshots(state):
    return sorted(file.name for file in state.glob("*.snapshot"))


def test_a_second_copy_takes_over(path):
    stage = Stage(path, harness.seed)
    try:
        sql = "INSERT INTO results " + FILTER
        wanted = lambda rows: len(rows) >= sum(e["v"] % 3 != 0 for e in stage.events)
        first = stage.start(sql)
        stage.wait_for(wanted)
        shutil.copytree(stage.path / "kept", stage.path / "copy",
                        ignore=shutil.ignore_patterns("lock"))
        copied = snapshots(stage.path / "copy")
        second = stage.start(sql, "copy")
        # Once it has taken over; what the first commits before that would make the copy too old.
        deadline = time.monotonic() + 40
        while snapshots(stage.path / "copy") == copied:
            assert second.poll() is None and time.monotonic() < deadline, stage.errors()
            time.sleep(0.01)
        stage.write(30)
        # The first notices when it commits.
        equal(first.wait(60), 1)
        contains(stage.errors(), 'another rtd query has taken over "rtd-query-')
        stage.wait_for(wanted)
        # Its own state is no longer the newest, and it must not write what the other has written.
        equal(stage.start(sql).wait(60), 1)
        contains(stage.errors(), "is not the one whose rows were written last")
        stage.process = second
        stage.write(30)
        # Even the attempt has fenced it; started again it goes on.
        if second.poll() is None:
            equal(second.wait(60), 1)
        stage.start(sql, "copy")
        stage.wait_for(wanted)
        stage.stop()
        counts = collections.Counter(r["id"] for r in stage.rows())
        equal(set(counts.values()), {1})
    finally:
        stage.close()


def test_what_is_open_is_given_up_when_the_query_fails(path):
    """A reader of committed records does not wait for the broker's timeout."""
    stage = Stage(path, harness.seed)
    try:
        sql = "INSERT INTO results SELECT id, 100 / (v - 200) AS x FROM events STREAM"
        stage.start(sql)
        stage.wait_for(lambda rows: len(rows) == 10)
        stage.rtd("produce", "events", "-p", "0", input=lines(
            [{"id": 10, "k": "a", "v": 1}, {"id": 11, "k": "a", "v": 200}]))
        equal(stage.process.wait(30), 1)
        contains(stage.errors(), "division by zero")
        stage.rtd("produce", "results", input='{"id":"after"}\n')
        eventually(lambda: any(row["id"] == "after" for row in stage.rows()), 20, "the next record")
        # What had left before the error is not there.
        equal([row["id"] for row in stage.rows() if row["id"] in (10, 11)], [])
    finally:
        stage.close()


def test_late_rows_go_with_the_step(path):
    """LATE ROWS TO a topic, while windows go to another or to a file."""
    stage = Stage(path, harness.seed)
    try:
        stage.rtd("query", "CREATE TOPIC times WITH (partitions = 1); CREATE TOPIC late")
        rows = [{"id": n, "ts": f"2024-01-01T00:{n // 60:02}:{n % 60:02}"} for n in range(600)]
        late = [{"id": 1000 + n, "ts": "2024-01-01T00:00:01"} for n in range(50)]
        stage.rtd("produce", "times", input=lines(rows))
        query = ("SELECT window_end, COUNT(*) AS n FROM TUMBLE(times STREAM, ts, INTERVAL '10 s') "
                 "GROUP BY window_end EMIT ON WINDOW CLOSE WITH TIMEOUT INTERVAL '0 s' "
                 "LATE ROWS TO late")
        for number, sql in enumerate(("INSERT INTO results " + query, query)):
            state = f"late{number}"
            for turn in range(4):
                stage.start(sql, state, "--time", "ts")
                if number == 0:
                    stage.rtd("produce", "times",
                              input=lines(late[turn * 10:turn * 10 + 10]))
                time.sleep(stage.rng.random() * 0.5)
                stage.kill()
            stage.start(sql, state, "--time", "ts")
            found = lambda: collections.Counter(r["id"] for r in stage.rows("late"))
            eventually(lambda: sum(found().values()) >= 40 * (number + 1), 40, "the late rows")
            stage.stop()
            equal(set(found().values()), {number + 1})
        equal(len(stage.rows()), 59)
    finally:
        stage.close()


def test_at_least_once_is_still_to_be_had(path):
    stage = Stage(path, harness.seed)
    try:
        sql = ("CREATE TABLE t (id bigint) WITH (connector = 'kafka', topic = 'results', "
               "\"sink.delivery-guarantee\" = 'at-least-once'); "
               "INSERT INTO t SELECT id FROM events STREAM")
        stage.start(sql)
        stage.wait_for(lambda rows: len(rows) == 10)
        stage.stop()
        equal(stage.rtd("query", "SHOW GROUPS").text, "")
        exactly = sql.replace("at-least", "exactly")
        done = stage.rtd("query", exactly, check=1)
        contains(done.errors, "exactly-once delivery needs the state of the query to be kept")
        contains(done.errors, "--state DIR")
        done = stage.rtd("query", "--state", stage.path / "s",
                         "COPY (SELECT id FROM events) TO 'kafka:///results'", check=1)
        contains(done.errors, "--state does not keep the rows of COPY")
    finally:
        stage.close()
