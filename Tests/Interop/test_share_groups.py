"""Share groups of KIP-932 with librdkafka's share consumer, and rtd's own beside it."""

import collections
import json
import subprocess
import threading

from confluent_kafka import AcknowledgeType, ShareConsumer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

import harness
from clients import QUIET, admin, create, produce_all, result
from harness import Server, environment, equal, eventually, run

NEEDS_CLIENTS = True
QUICK = ("-X", "group.share.heartbeat.interval.ms=200")


def begin_at_earliest(server, group, **more):
    values = {"share.auto.offset.reset": "earliest", **more}
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
               for name, value in values.items()]
    resource = ConfigResource(ConfigResource.Type.GROUP, group, incremental_configs=entries)
    result(admin(server).incremental_alter_configs([resource]))


def share_consumer(server, group, **options):
    return ShareConsumer({"bootstrap.servers": server.address, "group.id": group, **QUIET,
                          **options})


class Worker(threading.Thread):
    """A share consumer on its own thread, which accepts what it gets unless told otherwise."""

    def __init__(self, server, topic, group, verdict=None):
        super().__init__(daemon=True)
        self.server, self.topic, self.group, self.verdict = server, topic, group, verdict
        self.values, self.errors, self.stopping = [], [], threading.Event()
        self.start()

    def run(self):
        mode = {} if self.verdict is None else {"share.acknowledgement.mode": "explicit"}
        c = share_consumer(self.server, self.group, **mode)
        c.subscribe([self.topic])
        try:
            while not self.stopping.is_set():
                for message in c.poll(timeout=0.2):
                    if message.error():
                        self.errors.append(message.error().name())
                        continue
                    self.values.append(message.value())
                    if self.verdict is not None:
                        c.acknowledge(message, self.verdict(message))
        except Exception as error:
            self.errors.append(repr(error))
        c.close()


def finish(workers):
    for worker in workers:
        worker.stopping.set()
    for worker in workers:
        worker.join(30)
        equal(worker.errors, [], "errors")


def test_more_members_than_partitions_share_the_records(server, topic):
    with Server(*QUICK) as server:
        create(server, topic, 1)
        begin_at_earliest(server, topic)
        workers = [Worker(server, topic, topic) for _ in range(4)]
        produce_all(server, topic, [b"%d" % i for i in range(20000)], partition=0)
        eventually(lambda: sum(len(w.values) for w in workers) >= 20000, 40, "all records")
        finish(workers)
        counts = collections.Counter(int(v) for w in workers for v in w.values)
        equal(sorted(counts), list(range(20000)), "records")
        equal(max(counts.values()), 1, "deliveries of one record")
        assert sum(1 for w in workers if w.values) >= 2, [len(w.values) for w in workers]


def test_released_and_rejected_records(server, topic):
    """Every tenth is rejected, every seventh released twice."""
    seen = collections.Counter()
    lock = threading.Lock()

    def verdict(message):
        number = int(message.value())
        with lock:
            seen[number] += 1
            if number % 10 == 0:
                return AcknowledgeType.REJECT
            if number % 7 == 0 and seen[number] < 3:
                return AcknowledgeType.RELEASE
        return AcknowledgeType.ACCEPT

    with Server(*QUICK) as server:
        create(server, topic, 2)
        begin_at_earliest(server, topic)
        produce_all(server, topic, [b"%d" % i for i in range(300)], key=lambda v: v)
        workers = [Worker(server, topic, topic, verdict) for _ in range(2)]
        wanted = {i: 3 if i % 7 == 0 and i % 10 else 1 for i in range(300)}
        eventually(lambda: dict(seen) == wanted, 30, "all records as often as they should")
        finish(workers)
        equal(dict(seen), wanted, "deliveries")


def test_what_was_acknowledged_outlives_kill_9(server, topic):
    with Server(*QUICK, "-X", "group.share.record.lock.duration.ms=2000") as server:
        create(server, topic, 2)
        begin_at_earliest(server, topic)
        produce_all(server, topic, [b"%d" % i for i in range(1000)], key=lambda v: v)
        first = run("rtd", "consume", topic, "-g", topic, "--protocol", "share", "-c", 400,
                    "-b", server.address, check=0)
        equal(len(first.text.splitlines()), 400, "records of the first")
        server.kafka = server.address
        server.kill()
        server.start()
        second = run("rtd", "consume", topic, "-g", topic, "--protocol", "share", "-e",
                     "-b", server.address, check=0)
        both = first.text.splitlines() + second.text.splitlines()
        equal(sorted(map(int, both)), list(range(1000)), "records of both")


def test_a_record_that_nobody_accepts_is_handed_out_so_often(server, topic):
    with Server(*QUICK, "-X", "group.share.delivery.count.limit=3") as server:
        create(server, topic, 1)
        produce_all(server, topic, [b"poison", b"good"], partition=0)
        seen = []
        for _ in range(4):
            done = run("rtd", "consume", topic, "-g", topic, "--protocol", "share", "--ack",
                       "release", "-c", 2, "--timeout", "2s", "-b", server.address)
            seen.append(done.text.splitlines())
        equal(seen, [["poison", "good"]] * 3 + [[]], "records of four tries")


def test_a_lock_runs_out_and_another_gets_the_records(server, topic):
    with Server(*QUICK, "-X", "group.share.record.lock.duration.ms=1000") as server:
        create(server, topic, 1)
        begin_at_earliest(server, topic)
        produce_all(server, topic, [b"%d" % i for i in range(10)], partition=0)
        keeps = share_consumer(server, topic, **{"share.acknowledgement.mode": "explicit"})
        keeps.subscribe([topic])
        had = eventually(lambda: keeps.poll(timeout=0.2), 20, "records")
        equal(len(had), 10, "records in the first one's hands")
        other = run("rtd", "consume", topic, "-g", topic, "--protocol", "share", "-c", 10, "-J",
                    "-b", server.address, check=0, seconds=30)
        equal([json.loads(line)["offset"] for line in other.text.splitlines()], list(range(10)),
              "offsets")
        keeps.close()


def test_rtd_and_librdkafka_share_a_topic(server, topic):
    with Server(*QUICK) as server:
        create(server, topic, 3)
        begin_at_earliest(server, topic)
        worker_process = subprocess.Popen(
            [harness.rtd, "consume", topic, "-g", topic, "--protocol", "share",
             "-b", server.address], stdout=subprocess.PIPE, env=environment())
        lines = []
        reader = threading.Thread(
            target=lambda: lines.extend(worker_process.stdout), daemon=True)
        reader.start()
        worker = Worker(server, topic, topic)
        sent = 0

        def both_have_some():
            nonlocal sent
            produce_all(server, topic, [b"%d" % i for i in range(sent, sent + 300)],
                        key=lambda v: v)
            sent += 300
            return lines and worker.values

        eventually(both_have_some, 30, "records for both")
        eventually(lambda: len(lines) + len(worker.values) >= sent, 30, "all records")
        finish([worker])
        worker_process.terminate()
        worker_process.wait(20)
        reader.join(20)
        got = sorted(int(v) for v in lines + worker.values)
        equal(got, list(range(sent)), "records")
