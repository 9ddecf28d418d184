"""kill -9 at random instants under load: what was acknowledged is there, once, in order.

Each cycle starts `rtd serve` on the same directory, checks everything that earlier cycles were
told is safe, lets an idempotent producer (acks=all) and a committing group run, and kills the
server at a random instant. The last line is JSON; the exit status is 1 when a promise was broken.
"""

import argparse
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
QUIET = {"log_level": 0, "broker.address.family": "v4"}


class Ledger:
    """What the server has promised: acknowledged values by place, the highest commit, violations."""

    def __init__(self):
        self.acknowledged = [{} for _ in range(PARTITIONS)]
        self.sent = set()
        self.verified = [0] * PARTITIONS
        self.seen = {}
        self.committed = [0] * PARTITIONS
        self.violations = []

    def violation(self, text):
        self.violations.append(text)
        print(f"VIOLATION {text}", flush=True)

    def delivered(self, error, message):
        if error is None:
            place = self.acknowledged[message.partition()]
            if place.setdefault(message.offset(), message.value()) != message.value():
                self.violation(f"offset {message.partition()}/{message.offset()} was given twice")

    def commit_answered(self, error, places):
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
    return Consumer({**options, "socket.timeout.ms": 5000, "bootstrap.servers": server.address, "group.id": GROUP, **QUIET,
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
            if offset != following[partition]:
                ledger.violation(f"{partition}: {following[partition]} is followed by {offset}")
            following[partition] = offset + 1
            if offset < ends[partition]:
                ledger.read(partition, offset, message.value())
            else:
                following[partition] = ends[partition]
    if following != ends:
        ledger.violation(f"read up to {following}, the log ends at {ends}")


def load(server, ledger, rng, cycle, seconds):
    """Produces and commits until a timer kills the server, `seconds` from now on."""
    p = Producer({"bootstrap.servers": server.address, "enable.idempotence": True, "acks": "all",
                  "linger.ms": rng.choice((0, 1, 5)), "message.timeout.ms": 1500, **QUIET,
                  "compression.type": rng.choice(("none", "lz4", "zstd")),
                  "request.timeout.ms": 1000, "reconnect.backoff.max.ms": 50})
    c, number, commit_at = consumer(server, on_commit=ledger.commit_answered), 0, 0
    killer = threading.Timer(seconds, server.kill)
    killer.start()
    while killer.is_alive():
        for _ in range(rng.choice((1, 20, 200))):
            value = b"%d-%d-" % (cycle, number) + b"x" * rng.choice((0, 10, 100, 1000))
            ledger.sent.add(value)
            number += 1
            try:
                p.produce(TOPIC, value, partition=rng.randrange(PARTITIONS),
                          on_delivery=ledger.delivered)
            except BufferError:
                break
        p.poll(0.002)
        if time.monotonic() > commit_at:
            # Places that only grow; once a commit was answered, it may not go back.
            c.commit(offsets=[TopicPartition(TOPIC, p, len(ledger.acknowledged[p]))
                              for p in range(PARTITIONS)], asynchronous=True)
            commit_at = time.monotonic() + 0.02
        c.poll(0)
    killer.join()
    # What was acknowledged before the kill is in the clients' queues still.
    p.poll(0.05)
    c.poll(0.01)
    p.purge()
    p.flush(2)
    c.close()


def create(server):
    from clients import create as create_topic
    create_topic(server, TOPIC, PARTITIONS, **{"segment.bytes": "1000000"})


def run(options):
    rng, violations, records, restarts = random.Random(options.seed), [], 0, []
    begin, done = time.monotonic(), 0
    while done < options.cycles and not violations:
        server, ledger = harness.Server("-X", "log.segment.bytes=1048576"), Ledger()
        try:
            for cycle in range(min(CYCLES_A_DIRECTORY, options.cycles - done)):
                started = time.monotonic()
                server.start()
                restarts.append(time.monotonic() - started)
                if cycle == 0:
                    create(server)
                verify(server, ledger, whole=cycle % 10 == 9)
                load(server, ledger, rng, cycle, rng.uniform(0.005, options.span))
                done += 1
            server.start()
            verify(server, ledger, whole=True)
            server.stop()
        except Exception as error:
            ledger.violation(f"cycle {done}: {error!r}")
        check = harness.run("rtd", "serve", "--check", "--data", server.data, seconds=120)
        if check.returncode != 0:
            ledger.violation(f"serve --check: {check.returncode} {check.text} {check.errors}")
        violations += ledger.violations
        records += sum(map(len, ledger.acknowledged))
        if ledger.violations and options.keep:
            print(f"kept: {server.home}", file=sys.stderr)
            server.kill()
        else:
            server.discard()
    seconds = time.monotonic() - begin
    restarts.sort()
    return {"test": "kill", "seed": options.seed, "cycles": done, "acknowledged": records,
            "violations": len(violations), "seconds": round(seconds, 1),
            "cycles_per_second": round(done / seconds, 2),
            "restart_ms_median": round(1000 * restarts[len(restarts) // 2]) if restarts else None,
            "restart_ms_max": round(1000 * restarts[-1]) if restarts else None}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rtd", required=True)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--span", type=float, default=0.8, help="the longest time under load, s")
    parser.add_argument("--keep", action="store_true", help="keep the directory of a violation")
    options = parser.parse_args()
    harness.rtd = os.path.abspath(options.rtd)
    outcome = run(options)
    print(json.dumps(outcome), flush=True)
    # Threads of clients may be waiting for a server that is gone.
    os._exit(1 if outcome["violations"] or outcome["cycles"] < options.cycles else 0)


if __name__ == "__main__":
    main()
