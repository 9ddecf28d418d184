"""kill -9 at random instants under transactions: each is seen whole or not at all, once, in order.

Several transactional producers of librdkafka write, commit and abort all the time, some with
offsets of a group; sometimes one takes the transactional id of another. `rtd produce --txn-every`
writes beside them, and is killed now and then. Between them and the server some ends of transactions are held back, or come when their client is gone. A reader of
committed records follows, another asks for the committed offsets. The server is killed again and
again and starts on the same directory and port; sometimes it is only stopped for a while. In the
end the history of what every producer was told is held against what is in the log. The last line
is JSON; exit status 1 when a promise was broken.
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
from late import LateEnds  # noqa: E402
from confluent_kafka import (Consumer, KafkaException, Producer, TopicPartition,  # noqa: E402
                             OFFSET_BEGINNING, OFFSET_INVALID)

TOPIC, PARTITIONS = "history", 3
SOURCE = "source"  # what the group's offsets are of: a partition a worker
QUIET = {"log_level": 0, "broker.address.family": "v4", "socket.timeout.ms": 5000,
         "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 50, "retry.backoff.ms": 10}
COMMITTED, ABORTED, UNKNOWN = "committed", "aborted", "unknown"


class History:
    """What the producers were told: {(worker, number): (records, fate)}."""

    def __init__(self):
        self.lock = threading.Lock()
        self.fates = {}
        self.positions = collections.defaultdict(dict)  # of a worker: {number: fate}
        self.live = [{} for _ in range(PARTITIONS)]
        self.violations = []

    def note(self, worker, number, count, fate, has_position):
        with self.lock:
            self.fates[worker, number] = (count, fate)
            if has_position:
                self.positions[worker][number] = fate

    def violation(self, text):
        self.violations.append(text)
        print(f"VIOLATION {text}", flush=True)


class Worker(threading.Thread):
    """One transactional producer, which outlives the server and whoever takes its id."""

    def __init__(self, address, history, number, ids, rng, wanted, group):
        super().__init__(daemon=True)
        self.address, self.history, self.number, self.rng = address, history, number, rng
        self.group = group
        self.ids, self.wanted, self.producer = ids, wanted, None
        self.errors = collections.Counter()

    def renew(self):
        """Takes an id, which aborts what it has open and fences who has it."""
        while True:
            try:
                self.producer = Producer({
                    "bootstrap.servers": self.address, "linger.ms": self.rng.choice((0, 2)),
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
            count, has_position = self.rng.choice((1, 1, 2, 5, 30)), self.rng.random() < 0.5
            fate = self.transact(number, count, has_position)
            self.history.note(self.number, number, count, fate, has_position)
            if self.rng.random() < 0.03:
                self.renew()

    def transact(self, number, count, has_position):
        """Writes one transaction; what became of it, as far as anybody has told."""
        fate = ABORTED
        try:
            self.producer.begin_transaction()
            for index in range(count):
                value = f"{self.number}-{number}-{index}-{count}"
                self.producer.produce(TOPIC, value, partition=self.rng.randrange(PARTITIONS))
            if has_position:
                place = TopicPartition(SOURCE, self.number, number + 1)
                self.producer.send_offsets_to_transaction([place], self.group, 20)
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


class CommandWorker(threading.Thread):
    """`rtd produce` with a transaction every few lines, again and again."""

    def __init__(self, address, history, number, rng, wanted):
        super().__init__(daemon=True)
        self.address, self.history, self.number, self.rng = address, history, number, rng
        self.wanted, self.errors = wanted, collections.Counter()

    def run(self):
        number = 0
        while number < self.wanted:
            numbers = range(number, min(number + self.rng.randrange(1, 30), self.wanted))
            number = numbers.stop
            count = self.rng.choice((1, 2, 5))
            fate = self.produce(numbers, count)
            for each in numbers:
                self.history.note(self.number, each, count, fate, False)

    def produce(self, numbers, count):
        lines = "".join(f"{self.number}-{number}-{index}-{count}\n"
                        for number in numbers for index in range(count))
        command = subprocess.Popen(
            [harness.rtd, "produce", "-b", self.address, TOPIC, "--txn", "command",
             "--txn-every", str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=harness.environment())
        killer = None
        if self.rng.random() < 0.1:
            killer = threading.Timer(self.rng.uniform(0, 0.5), command.kill)
            killer.start()
        errors = command.communicate(lines.encode())[1].decode()
        if killer:
            killer.cancel()
        if command.returncode == 0:
            return COMMITTED
        if " connection " in errors and "; 0 of " in errors:
            return ABORTED  # the first contact, with a server that was killed just then
        if command.returncode > 0:
            self.history.violation(f"rtd produce gave up: {errors.strip()}")
        return UNKNOWN


def consumer(address):
    return Consumer({**QUIET, "bootstrap.servers": address, "group.id": "history",
                     "enable.auto.commit": False, "auto.offset.reset": "earliest",
                     "isolation.level": "read_committed", "fetch.wait.max.ms": 20,
                     "check.crcs": True})


def follow(address, history, ended):
    """Reads what is committed while it comes; offsets grow, and no place changes."""
    c = consumer(address)
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


def watch_positions(address, workers, history, ended):
    """Asks for the group's offsets all the time; none goes back. The last ones are kept."""
    c = consumer(address)
    places = [TopicPartition(SOURCE, n) for n in range(workers)]
    history.last = [OFFSET_INVALID] * workers
    is_last = False
    while not is_last:
        is_last = ended.wait(0.05)
        try:
            found = c.committed(places, timeout=30 if is_last else 5)
        except KafkaException:
            if is_last:
                history.violation("the group's offsets cannot be read")
            continue
        for place in found:
            if place.offset < history.last[place.partition] and not place.error:
                history.violation(f"the offset of worker {place.partition} went back from "
                                  f"{history.last[place.partition]} to {place.offset}")
            history.last[place.partition] = max(history.last[place.partition], place.offset)
    c.close()


def check_positions(history):
    """The offset of a worker is that of its last committed transaction which had one."""
    for worker, fates in history.positions.items():
        right = {OFFSET_INVALID}
        for number, fate in sorted(fates.items()):
            if fate == COMMITTED:
                right = {number + 1}
            elif fate == UNKNOWN:
                there = any(value.startswith(f"{worker}-{number}-") for value in history.seen)
                right = {number + 1} if there else right
        at = history.last[worker]
        if at not in right:
            history.violation(f"the offset of worker {worker} is {at}, not one of {right}")


def whole_log(address, history):
    """All that is committed, by partition, in order."""
    c = consumer(address)
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
    history.seen = counts
    for value, times in counts.items():
        if times > 1:
            history.violation(f"{value} is there {times} times")
    for (worker, number), (count, fate) in history.fates.items():
        there = len(seen.get((worker, number), ()))
        right = {COMMITTED: (count,), ABORTED: (0,), UNKNOWN: (0, count)}[fate]
        if there not in right:
            history.violation(f"transaction {worker}-{number}: {fate}, {there} of {count} there")


def disturb(server, rng):
    """Ends the server at once and starts it again; or lets it stand still for a while."""
    if rng.random() < 0.2:
        os.kill(server.pid(), signal.SIGSTOP)
        time.sleep(rng.uniform(0.05, 1.5))
        os.kill(server.pid(), signal.SIGCONT)
        return "pauses"
    server.kill()
    server.start()
    return "kills"


def close_all(address, ids):
    """Ends what is open: the first thing that the next producer of an id does."""
    for name in ids:
        last = Producer({"bootstrap.servers": address, "transactional.id": name, **QUIET})
        while True:
            try:
                last.init_transactions(30)
                break
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise


def run(options, rng):
    proxy = LateEnds(options.late, rng.random())
    server = harness.Server("--advertise", proxy.address)
    history, ended, done = History(), threading.Event(), collections.Counter()
    server.start()
    server.kafka, proxy.target = server.address, server.port
    from clients import create
    create(server, TOPIC, PARTITIONS, **{"segment.bytes": "1000000"})
    create(server, SOURCE, options.workers)
    ids = [f"id{n}" for n in range(options.workers)]
    share = -(-options.transactions // (options.workers + 1))
    group = consumer(proxy.address)
    workers = []
    for n in range(options.workers):
        own = ids if n == options.workers - 1 else [ids[n]]  # the last one takes others' ids
        workers.append(Worker(proxy.address, history, n, own, random.Random(rng.random()), share,
                              group.consumer_group_metadata()))
    readers = [
        threading.Thread(target=follow, args=(proxy.address, history, ended), daemon=True),
        threading.Thread(target=watch_positions, daemon=True,
                         args=(proxy.address, options.workers, history, ended))]
    workers.append(CommandWorker(proxy.address, history, options.workers,
                                 random.Random(rng.random()), share))
    for thread in (*workers, *readers):
        thread.start()
    deadline = time.monotonic() + 120 + 2 * options.transactions
    try:
        while any(worker.is_alive() for worker in workers):
            if time.monotonic() > deadline:
                stuck = {w.number: dict(w.errors) for w in workers if w.is_alive()}
                history.violation(f"producers do not get on: {stuck}; {server.log()[-500:]}")
                break
            alive = [worker for worker in workers if worker.is_alive()]
            if alive:
                alive[0].join(rng.uniform(0.1, options.span))
            done[disturb(server, rng)] += 1
        close_all(proxy.address, [*ids, "command"])
        ended.set()
        for reader in readers:
            reader.join(40)
        check(history, whole_log(proxy.address, history))
        check_positions(history)
    finally:
        server.discard()
    done.update({"held ends": proxy.held, "orphaned ends": proxy.orphaned})
    fates = collections.Counter(fate for _, fate in history.fates.values())
    errors = sum((worker.errors for worker in workers), collections.Counter())
    return history, done, fates, errors


def run_here(options):
    """One share, in this process; what came of it, to be printed."""
    begin = time.monotonic()
    history, done, fates, errors = run(options, random.Random(options.seed))
    return {"transactions": len(history.fates), **fates, **done, "errors": dict(errors),
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
             "--workers", str(options.workers), "--span", str(options.span), "--late", str(options.late),
             "--seed", str(seed)],
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
    parser.add_argument("--late", type=float, default=0.05, help="share of ends held back")
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
