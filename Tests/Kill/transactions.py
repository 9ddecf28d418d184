"""kill -9 at random instants under transactions: each is seen whole or not at all, once, in order.

Several transactional producers of librdkafka write, commit and abort all the time, sometimes one
takes the transactional id of another, and a reader of committed records follows. The server is
killed again and again and starts on the same directory and port. In the end the history of what
every producer was told is held against what is in the log. The last line is JSON; exit status 1
when a promise was broken.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Interop"))
import harness  # noqa: E402
from confluent_kafka import (Consumer, KafkaException, Producer, TopicPartition,  # noqa: E402
                             OFFSET_BEGINNING)

TOPIC, PARTITIONS = "history", 3
QUIET = {"log_level": 0, "broker.address.family": "v4", "socket.timeout.ms": 5000,
         "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 50, "retry.backoff.ms": 10}
COMMITTED, ABORTED, UNKNOWN = "committed", "aborted", "unknown"


class History:
    """What the producers were told: {(worker, number): (records, fate)}."""

    def __init__(self):
        self.lock = threading.Lock()
        self.fates = {}
        self.live = [{} for _ in range(PARTITIONS)]
        self.violations = []

    def note(self, worker, number, count, fate):
        with self.lock:
            self.fates[worker, number] = (count, fate)

    def violation(self, text):
        self.violations.append(text)
        print(f"VIOLATION {text}", flush=True)


class Worker(threading.Thread):
    """One transactional producer, which outlives the server and whoever takes its id."""

    def __init__(self, server, history, number, ids, rng, wanted):
        super().__init__(daemon=True)
        self.server, self.history, self.number, self.rng = server, history, number, rng
        self.ids, self.wanted, self.producer = ids, wanted, None
        self.errors = collections.Counter()

    def renew(self):
        """Takes an id, which aborts what it has open and fences who has it."""
        while True:
            try:
                self.producer = Producer({
                    "bootstrap.servers": self.server.address, "linger.ms": self.rng.choice((0, 2)),
                    "transactional.id": self.rng.choice(self.ids), "message.timeout.ms": 20_000,
                    "transaction.timeout.ms": 30_000, **QUIET})
                self.producer.init_transactions(20)
                return
            except KafkaException as error:
                self.failed(error)

    def failed(self, error):
        self.errors[error.args[0].name()] += 1

    def run(self):
        self.renew()
        for number in range(self.wanted):
            count = self.rng.choice((1, 1, 2, 5, 30))
            self.history.note(self.number, number, count, self.transact(number, count))
            if self.rng.random() < 0.03:
                self.renew()

    def transact(self, number, count):
        """Writes one transaction; what became of it, as far as anybody has told."""
        fate = ABORTED
        try:
            self.producer.begin_transaction()
            for index in range(count):
                value = f"{self.number}-{number}-{index}-{count}"
                self.producer.produce(TOPIC, value, partition=self.rng.randrange(PARTITIONS))
            if self.rng.random() < 0.3:
                self.producer.abort_transaction(20)
                return ABORTED
            fate = UNKNOWN
            while True:
                try:
                    self.producer.commit_transaction(20)
                    return COMMITTED
                except KafkaException as error:
                    if not error.args[0].retriable():
                        raise
                    self.failed(error)
        except KafkaException as error:
            self.failed(error)
            if error.args[0].txn_requires_abort():
                try:
                    self.producer.abort_transaction(20)
                    return ABORTED
                except KafkaException as again:
                    self.failed(again)
            # The next producer of the id aborts what is open; a commit may have gone through.
            self.renew()
            return fate


def consumer(server):
    return Consumer({**QUIET, "bootstrap.servers": server.address, "group.id": "history",
                     "enable.auto.commit": False, "auto.offset.reset": "earliest",
                     "isolation.level": "read_committed", "fetch.wait.max.ms": 20,
                     "check.crcs": True})


def follow(server, history, ended):
    """Reads what is committed while it comes; offsets grow, and no place changes."""
    c = consumer(server)
    c.assign([TopicPartition(TOPIC, p, OFFSET_BEGINNING) for p in range(PARTITIONS)])
    last = [-1] * PARTITIONS
    while not ended.is_set():
        for message in c.consume(5_000, 0.05):
            if message.error():
                continue
            partition, offset = message.partition(), message.offset()
            if offset <= last[partition]:
                history.violation(f"{partition}/{offset} came after {last[partition]}")
            last[partition] = offset
            history.live[partition][offset] = message.value().decode()
    c.close()


def whole_log(server, history):
    """All that is committed, by partition, in order."""
    c = consumer(server)
    places = [TopicPartition(TOPIC, p, OFFSET_BEGINNING) for p in range(PARTITIONS)]
    stable = [c.get_watermark_offsets(p, timeout=20)[1] for p in places]
    c.assign(places)
    found, deadline = [{} for _ in range(PARTITIONS)], time.monotonic() + 60
    while time.monotonic() < deadline:
        for message in c.consume(10_000, 0.2):
            if not message.error():
                found[message.partition()][message.offset()] = message.value().decode()
        at = [p.offset for p in c.position(places)]
        if all(here >= end for here, end in zip(at, stable)):
            break
    else:
        history.violation(f"read up to {at}, the log ends at {stable}")
    c.close()
    return found


def check(history, found):
    """The anomalies: lost, twice, torn, aborted but read, out of order, taken back."""
    counts, order = collections.Counter(), {}
    seen = collections.defaultdict(set)
    for partition, records in enumerate(found):
        for offset, value in sorted(records.items()):
            worker, number, index, count = map(int, value.split("-"))
            counts[value] += 1
            seen[worker, number].add(index)
            place = order.get((partition, worker), (-1, -1))
            if (number, index) <= place:
                history.violation(f"{partition}/{offset}: {value} comes after {place}")
            order[partition, worker] = (number, index)
        for offset, value in history.live[partition].items():
            if records.get(offset) != value:
                history.violation(f"{partition}/{offset}: {value} was read and is gone")
    for value, times in counts.items():
        if times > 1:
            history.violation(f"{value} is there {times} times")
    for (worker, number), (count, fate) in history.fates.items():
        there = len(seen.get((worker, number), ()))
        right = {COMMITTED: (count,), ABORTED: (0,), UNKNOWN: (0, count)}[fate]
        if there not in right:
            history.violation(f"transaction {worker}-{number}: {fate}, {there} of {count} there")


def run(options, rng):
    server, history, ended = harness.Server(), History(), threading.Event()
    server.start()
    server.kafka = server.address
    from clients import create
    create(server, TOPIC, PARTITIONS, **{"segment.bytes": "1000000"})
    ids = [f"id{n}" for n in range(options.workers)]
    share = -(-options.transactions // options.workers)
    workers = []
    for n in range(options.workers):
        own = ids if n == options.workers - 1 else [ids[n]]  # the last one takes others' ids
        workers.append(
            Worker(server, history, n, own, random.Random(rng.random()), share))
    reader = threading.Thread(target=follow, args=(server, history, ended), daemon=True)
    kills = 0
    for thread in (*workers, reader):
        thread.start()
    deadline = time.monotonic() + 120 + options.transactions
    try:
        while any(worker.is_alive() for worker in workers):
            if time.monotonic() > deadline:
                stuck = {w.number: dict(w.errors) for w in workers if w.is_alive()}
                history.violation(f"producers do not get on: {stuck}; {server.log()[-500:]}")
                break
            alive = [worker for worker in workers if worker.is_alive()]
            if alive:
                alive[0].join(rng.uniform(0.1, options.span))
            server.kill()
            kills += 1
            server.start()
        for name in ids:  # closes what is open
            last = Producer({"bootstrap.servers": server.address, "transactional.id": name,
                             **QUIET})
            last.init_transactions(30)
        ended.set()
        reader.join(30)
        check(history, whole_log(server, history))
    finally:
        server.discard()
    fates = collections.Counter(fate for _, fate in history.fates.values())
    errors = sum((worker.errors for worker in workers), collections.Counter())
    return history, kills, fates, errors


def run_here(options):
    """One share, in this process; what came of it, to be printed."""
    begin = time.monotonic()
    history, kills, fates, errors = run(options, random.Random(options.seed))
    return {"transactions": len(history.fates), **fates, "kills": kills, "errors": dict(errors),
            "violations": len(history.violations),
            "seconds": round(time.monotonic() - begin, 1)}


def run_in_shares(options):
    """Shares one after another, each in a process and on a server of its own.

    The client library is the judge, and has faults too: after hundreds of fenced producers in one
    process its heap may break. A share that a signal ended has no history; it is counted as such
    and run again under the next seed.
    """
    total, seed, aborted = collections.Counter(), options.seed, 0
    while total["transactions"] < options.transactions and aborted < 5:
        share = min(options.share, options.transactions - total["transactions"])
        child = subprocess.Popen(
            [sys.executable, __file__, "--rtd", harness.rtd, "--transactions", str(share),
             "--workers", str(options.workers), "--span", str(options.span), "--seed", str(seed)],
            stdout=subprocess.PIPE, text=True, start_new_session=True)
        output = child.communicate()[0]
        lines = output.splitlines()
        for line in lines[:-1]:
            print(f"seed {seed}: {line}", flush=True)
        if child.returncode in (0, 1):
            told = json.loads(lines[-1])
            total.update({**told.pop("errors"), **{k: v for k, v in told.items()
                                                   if k not in ("test", "seed")}})
        else:
            os.killpg(child.pid, signal.SIGKILL)  # its server
            aborted += 1
            print(f"seed {seed}: ended with {child.returncode} after {lines[-1:]}", flush=True)
        seed += 1
    if total["transactions"] < options.transactions:
        print("VIOLATION the shares do not come to their end", flush=True)
        total["violations"] += 1
    return {"shares": seed - options.seed - aborted, "aborted shares": aborted, **total}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rtd", required=True)
    parser.add_argument("--transactions", type=int, default=600)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--span", type=float, default=0.8, help="longest time between kills, s")
    parser.add_argument("--share", type=int, default=2500, help="transactions of one process")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    harness.rtd = str(pathlib.Path(options.rtd).resolve())
    shared = options.transactions > options.share
    told = run_in_shares(options) if shared else run_here(options)
    print(json.dumps({"test": "transactions", "seed": options.seed, **told}))
    sys.stdout.flush()
    # Threads of clients may be waiting for a server that is gone.
    os._exit(1 if told["violations"] else 0)


main()
