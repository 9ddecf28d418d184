"""kill -9 while a log is compacted: the last value of each key is there, and nothing else changes.

An idempotent producer writes, overwrites and deletes a few keys of a compacted topic with small
segments as fast as it can, so that the server compacts nearly all the time. Each cycle kills the
server at a random instant and starts it on the same directory and port; then what each key holds is
held against what was acknowledged, and every fifth time `rtd serve --check` reads all files. The
last line is JSON; exit status 1 when a promise was broken.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Interop"))
import harness  # noqa: E402
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

TOPIC, KEYS = "compacted", 300
QUIET = {"log_level": 0, "broker.address.family": "v4", "socket.timeout.ms": 5000,
         "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 50}


class Writer(threading.Thread):
    """Puts and deletes keys; knows of each what was sent, and what is acknowledged of it."""

    def __init__(self, server, rng):
        super().__init__(daemon=True)
        self.rng, self.lock, self.ended = rng, threading.Lock(), threading.Event()
        self.sent = {}
        self.acknowledged = {}
        self.failures = []
        self.number = 0
        self.producer = Producer({
            **QUIET, "bootstrap.servers": server.address, "enable.idempotence": True,
            "linger.ms": 1, "message.timeout.ms": 120_000, "queue.buffering.max.messages": 5_000,
            "compression.type": rng.choice(("none", "lz4", "zstd"))})

    def run(self):
        while not self.ended.is_set():
            key = f"k{self.rng.randrange(KEYS)}"
            self.number += 1
            number = self.number
            value = None if self.rng.random() < 0.1 else f"{number}-" + "v" * 60
            with self.lock:
                self.sent.setdefault(key, {})[number] = value
            try:
                self.producer.produce(
                    TOPIC, value, key=key, partition=0,
                    on_delivery=lambda e, m, k=key, n=number: self.delivered(e, m, k, n))
            except BufferError:
                with self.lock:
                    del self.sent[key][number]
                self.producer.poll(0.2)
            self.producer.poll(0)
        self.producer.flush(60)

    def delivered(self, error, message, key, number):
        if error is not None:
            self.failures.append(str(error))
            return
        with self.lock:
            self.acknowledged[key] = max(self.acknowledged.get(key, 0), number)

    def floors(self):
        """The number of what was acknowledged last, by key."""
        with self.lock:
            return {key: self.acknowledged.get(key, 0) for key in self.sent}

    def accepts(self, key, value, floor):
        """Whether the key may hold that, if `floor` was acknowledged before it was read."""
        with self.lock:
            sent = self.sent.get(key, {})
            if value is not None:
                number = int(value.split("-")[0])
                return number >= floor and sent.get(number) == value
            return floor == 0 or any(n >= floor and v is None for n, v in sent.items())


def read(server):
    """The map of the log up to the end that it has now; offsets must grow."""
    c = Consumer({**QUIET, "bootstrap.servers": server.address, "group.id": "none",
                  "enable.auto.commit": False, "enable.partition.eof": True, "check.crcs": True})
    place = TopicPartition(TOPIC, 0, 0)
    end = c.get_watermark_offsets(place, timeout=20)[1]
    c.assign([place])
    found, last, problems, deadline = {}, -1, [], time.monotonic() + 60
    while last < end - 1:
        if time.monotonic() > deadline:
            problems.append(f"offset {end} was not reached")
            break
        for message in c.consume(5_000, 0.2):
            if message.error():
                # The last offsets may be a marker's, or compacted.
                if message.error().code() == KafkaError._PARTITION_EOF:
                    last = max(last, message.offset() - 1)
                continue
            if message.offset() <= last:
                problems.append(f"offset {message.offset()} came after {last}")
            last = message.offset()
            found[message.key().decode()] = message.value() and message.value().decode()
    c.close()
    return found, problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rtd", required=True)
    parser.add_argument("--cycles", type=int, default=60)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1 << 30)
    print(f"seed {seed}", flush=True)
    rng = random.Random(seed)
    harness.rtd = options.rtd
    violations, compactions, checks = [], 0, 0
    with harness.Server("-X", "log.cleaner.backoff.ms=0") as server:
        server.kafka = server.address
        admin = AdminClient({**QUIET, "bootstrap.servers": server.address})
        admin.create_topics([NewTopic(
            TOPIC, 1, 1, config={
                "cleanup.policy": "compact", "segment.bytes": "60000",
                "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "500"})]
        )[TOPIC].result(20)
        writer = Writer(server, rng)
        writer.start()
        for cycle in range(options.cycles):
            time.sleep(rng.uniform(0.3, 2.5))
            server.kill()
            if cycle % 5 == 4:
                checks += 1
                done = subprocess.run(
                    [options.rtd, "serve", "--check", "--data", server.data],
                    capture_output=True, text=True)
                if done.returncode != 0:
                    violations.append(f"cycle {cycle}: {done.stdout}{done.stderr}")
            server.restart()
            # What is sent from here on may be there, what is acknowledged by now must be.
            floors = writer.floors()
            found, problems = read(server)
            violations += [f"cycle {cycle}: {text}" for text in problems]
            for key, floor in floors.items():
                if not writer.accepts(key, found.get(key), floor):
                    violations.append(
                        f"cycle {cycle}: {key} holds {found.get(key)!r}, not {floor} or later")
            for text in violations[-5:]:
                print("VIOLATION", text, flush=True)
        writer.ended.set()
        writer.join(90)
        violations += writer.failures
        compactions = (server.home / "stderr").read_text().count(f"compacted {TOPIC}-0")
    print(json.dumps({"test": "compaction", "seed": seed, "cycles": options.cycles,
                      "records": writer.number, "compactions": compactions, "checks": checks,
                      "violations": len(violations)}))
    sys.exit(1 if violations or compactions == 0 else 0)


if __name__ == "__main__":
    main()
