"""kill -9 at random instants under load: what was acknowledged is there, once, in order.

An idempotent producer (acks=all) and a committing consumer of librdkafka run all the time. Each
cycle kills the server at a random instant, starts it on the same directory and port, and checks
everything that was promised. The last line is JSON; exit status 1 when a promise was broken.
"""

import argparse
import faulthandler
import json
import os
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Interop"))
import harness  # noqa: E402
from confluent_kafka import Consumer, Producer, TopicPartition  # noqa: E402

TOPIC, GROUP, PARTITIONS = "kill", "readers", 3
CYCLES_A_DIRECTORY = 50
QUIET = {"log_level": 0, "broker.address.family": "v4", "socket.timeout.ms": 5000,
         "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 50}


class Ledger:
    """What the server has promised: values by their places, commits; and where it broke that."""

    def __init__(self):
        self.acknowledged = [{} for _ in range(PARTITIONS)]
        self.sent = set()
        self.verified = [0] * PARTITIONS
        self.seen = {}
        self.committed = [0] * PARTITIONS
        self.committing = False
        self.violations = []

    def violation(self, text):
        self.violations.append(text)
        print(f"VIOLATION {text}", flush=True)

    def delivered(self, error, message):
        if error is not None:
            self.violation(f"a record failed: {error}")
        else:
            place = self.acknowledged[message.partition()]
            if place.setdefault(message.offset(), message.value()) != message.value():
                self.violation(f"offset {message.partition()}/{message.offset()} was given twice")

    def commit_answered(self, error, places):
        self.committing = False
        for place in places:
            if error is None and place.error is None:
                self.committed[place.partition] = max(
                    self.committed[place.partition], place.offset)

    def read(self, partition, offset, value):
        """One record that is in the log after a restart."""
        expected = self.acknowledged[partition].get(offset)
        if expected is not None and expected != value:
            self.violation(f"{partition}/{offset} holds {value!r}, acknowledged was {expected!r}")
        if value not in self.sent:
            self.violation(f"{partition}/{offset} holds {value!r}, which nobody sent")
        first = self.seen.setdefault(value, (partition, offset))
        if first != (partition, offset):
            self.violation(f"{value!r} is at {first} and at {(partition, offset)}")


def consumer(server, **options):
    return Consumer({**options, **QUIET, "bootstrap.servers": server.address, "group.id": GROUP,
                     "enable.auto.commit": False, "auto.offset.reset": "error",
                     "fetch.wait.max.ms": 20, "enable.partition.eof": True, "check.crcs": True})


def verify(server, ledger, whole):
    """Reads the log (from where the last check ended, or all of it) and the group's offsets."""
    c = consumer(server)
    places = [TopicPartition(TOPIC, p) for p in range(PARTITIONS)]
    for place in c.committed(places, timeout=20):
        now, before = max(place.offset, 0), ledger.committed[place.partition]
        if now < before:
            ledger.violation(f"group offset {place.partition} went back from {before} to {now}")
        ledger.committed[place.partition] = max(now, before)
    begins = [0] * PARTITIONS if whole else list(ledger.verified)
    ends = [c.get_watermark_offsets(p, timeout=20)[1] for p in places]
    for partition in range(PARTITIONS):
        acknowledged = max(ledger.acknowledged[partition], default=-1)
        if acknowledged >= ends[partition]:
            ledger.violation(f"{partition}: {acknowledged} was acknowledged, the log ends at "
                             f"{ends[partition]}")
        if ledger.committed[partition] > ends[partition]:
            ledger.violation(f"{partition}: committed beyond the end of the log")
    read_between(c, ledger, begins, ends)
    c.close()
    ledger.verified = ends


def read_between(c, ledger, begins, ends):
    c.assign([TopicPartition(TOPIC, p, begins[p]) for p in range(PARTITIONS)])
    following, deadline = list(begins), time.monotonic() + 60
    while following != ends and time.monotonic() < deadline:
        for message in c.consume(10_000, 0.05):
            if message.error():
                continue
            partition, offset = message.partition(), message.offset()
            if offset >= ends[partition]:
                continue
            if offset != following[partition]:
                ledger.violation(f"{partition}: {following[partition]} comes before {offset}")
            following[partition] = offset + 1
            ledger.read(partition, offset, message.value())
    if following != ends:
        ledger.violation(f"read up to {following}, the log ends at {ends}")


class Load:
    """An idempotent producer (acks=all) and a committing consumer that outlive the server."""

    def __init__(self, server, ledger, rng):
        self.server, self.ledger, self.rng, self.number = server, ledger, rng, 0
        self.producer, self.producers = None, 0
        self.committer = consumer(server, on_commit=ledger.commit_answered)
        self.renew()

    def renew(self):
        """A new producer, with another setting, once the old one has got every answer."""
        if self.producer is not None:
            self.finish()
        self.producers += 1
        self.producer = Producer({
            "bootstrap.servers": self.server.address, "enable.idempotence": True, "acks": "all",
            "linger.ms": self.rng.choice((0, 1, 5)), "message.timeout.ms": 60_000, **QUIET,
            "compression.type": self.rng.choice(("none", "lz4", "zstd")), "retry.backoff.ms": 10})

    def run(self, seconds):
        """Sends and commits until the server has been killed, `seconds` from now on."""
        killer = threading.Timer(seconds, self.server.kill)
        killer.start()
        commit_at = 0
        while killer.is_alive():
            self.send(self.rng.choice((1, 20, 200)))
            self.producer.poll(0.002)
            if time.monotonic() > commit_at and not self.ledger.committing:
                # Places that only grow; once a commit was answered, it may not go back. One at a
                # time: a client that repeats a lost one after the next would set it back itself.
                self.ledger.committing = True
                self.committer.commit(asynchronous=True, offsets=[
                    TopicPartition(TOPIC, p, len(self.ledger.acknowledged[p]))
                    for p in range(PARTITIONS)])
                commit_at = time.monotonic() + 0.02
            self.committer.poll(0)
        killer.join()

    def send(self, count):
        for _ in range(count):
            value = b"%d-" % self.number + b"x" * self.rng.choice((0, 10, 100, 1000))
            try:
                self.producer.produce(TOPIC, value, partition=self.rng.randrange(PARTITIONS),
                                      on_delivery=self.ledger.delivered)
            except BufferError:
                return
            self.ledger.sent.add(value)
            self.number += 1

    def finish(self):
        """Every record must be acknowledged in the end: the server came back in time."""
        left = self.producer.flush(60)
        if left:
            self.ledger.violation(f"{left} records were never acknowledged")


def create(server):
    from clients import create as create_topic
    create_topic(server, TOPIC, PARTITIONS, **{"segment.bytes": "1000000"})


def start(server):
    """On the port of its first start, so that clients find it again; the time it took."""
    begin = time.monotonic()
    if server.address is not None:
        server.kafka = server.address
    server.start()
    return time.monotonic() - begin


def run_directory(options, rng, cycles, restarts):
    """Kills one server `cycles` times on the same directory; the ledger of what was found."""
    server, ledger = harness.Server(), Ledger()
    try:
        start(server)
        create(server)
        load = Load(server, ledger, rng)
        for cycle in range(cycles):
            load.run(rng.uniform(0.005, options.span))
            restarts.append(start(server))
            verify(server, ledger, whole=cycle % 10 == 9)
            if rng.random() < 0.1:
                load.renew()
        load.finish()
        load.committer.close()
        verify(server, ledger, whole=True)
        missing = len(ledger.sent) - len(ledger.seen)
        if missing:
            ledger.violation(f"{missing} acknowledged records are not in the log")
        server.stop()
        check = harness.run("rtd", "serve", "--check", "--data", server.data, seconds=120)
        if check.returncode != 0:
            ledger.violation(f"serve --check: {check.returncode} {check.text} {check.errors}")
    except Exception as error:
        ledger.violation(f"{error!r}; the server said: {server.log()[-500:]}")
    if ledger.violations and options.keep:
        print(f"kept: {server.home}", file=sys.stderr)
        server.kill()
    else:
        server.discard()
    return ledger


def run(options):
    rng, violations, records, restarts = random.Random(options.seed), 0, 0, []
    begin, done = time.monotonic(), 0
    while done < options.cycles and not violations:
        cycles = min(CYCLES_A_DIRECTORY, options.cycles - done)
        ledger = run_directory(options, rng, cycles, restarts)
        done += cycles
        violations += len(ledger.violations)
        records += sum(map(len, ledger.acknowledged))
    seconds = time.monotonic() - begin
    restarts.sort()
    return {"test": "kill", "seed": options.seed, "cycles": len(restarts),
            "acknowledged": records, "violations": violations, "seconds": round(seconds, 1),
            "cycles_per_second": round(len(restarts) / seconds, 2),
            "restart_ms_median": round(1000 * restarts[len(restarts) // 2]) if restarts else None,
            "restart_ms_max": round(1000 * restarts[-1]) if restarts else None}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rtd", required=True)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--span", type=float, default=0.5, help="the longest time under load, s")
    parser.add_argument("--keep", action="store_true", help="keep the directory of a violation")
    options = parser.parse_args()
    harness.rtd = os.path.abspath(options.rtd)
    faulthandler.dump_traceback_later(60 + 20 * options.cycles, exit=True)
    outcome = run(options)
    print(json.dumps(outcome), flush=True)
    # Threads of clients may be waiting for a server that is gone.
    os._exit(1 if outcome["violations"] or outcome["cycles"] < options.cycles else 0)


if __name__ == "__main__":
    main()
