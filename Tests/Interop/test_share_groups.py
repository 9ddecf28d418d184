"""Share groups of KIP-932 with librdkafka's share consumer, and rtd's own beside it."""

import collections
import json
import socket
import struct
import subprocess
import threading
import time
import uuid

from confluent_kafka import AcknowledgeType, Producer, ShareConsumer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

import harness
import wire
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


class RawMember:
    """A member of a share group on a connection of its own, which says what no client would."""

    def __init__(self, server, group, topic):
        self.group, self.member, self.epoch = group, str(uuid.uuid4()), 0
        host, port = server.address.rsplit(":", 1)
        self.connection = socket.create_connection((host, int(port)), 10)
        self.call(76, 1, self.names() + struct.pack(">i", 0) + b"\0"
                  + compact_array([wire.compact(topic)]) + b"\0")
        self.topic = topic_id(self.connection, topic)

    def names(self):
        return wire.compact(self.group) + wire.compact(self.member)

    def call(self, key, version, body):
        answer = wire.call(self.connection, key, version, body, flexible=True)
        assert answer[0] == 0, "tags of the header"
        return answer[1:]

    def partitions(self, batches):
        batches = [struct.pack(">qq", first, last) + wire.uvarint(len(verdicts) + 1)
                   + bytes(verdicts) + b"\0" for first, last, verdicts in batches]
        partition = struct.pack(">i", 0) + compact_array(batches) + b"\0"
        return compact_array([self.topic + compact_array([partition]) + b"\0"])

    def fetch(self, batches=(), renews=False, records=10, version=2):
        """The answer's error, and its partition's error and acquired records."""
        limits = (0, 0, 0, 0) if renews else (500, 1, 1 << 20, records)
        body = self.names() + struct.pack(">i", self.epoch) + struct.pack(">iiii", *limits)
        body += struct.pack(">i", 0)
        if version >= 2:
            body += struct.pack(">b?", 1, renews)
        data = self.call(78, version, body + self.partitions(batches) + b"\1\0")
        error, = struct.unpack_from(">h", data, 4)
        if error:
            return error, None, None
        self.epoch += 1
        # error message, lock timeout, topics, topic, partitions, number, error, message
        at = 4 + 2 + 1 + 4
        if data[at] == 1:
            return 0, 0, []
        at += 1 + 16 + 1 + 4 + 2 + 1
        told, = struct.unpack_from(">h", data, at)
        at += 2 + 1 + 8 + 1
        size, at = uvarint_at(data, at)
        at += max(0, size - 1)
        count, at = uvarint_at(data, at)
        acquired = []
        for _ in range(count - 1):
            acquired.append(struct.unpack_from(">qqh", data, at))
            at += 19
        return 0, told, acquired

    def acknowledge(self, batches, renews=False):
        body = self.names() + struct.pack(">i?", self.epoch, renews)
        data = self.call(79, 2, body + self.partitions(batches) + b"\0")
        error, = struct.unpack_from(">h", data, 4)
        if error == 0:
            self.epoch += 1
        return error


def compact_array(items):
    return wire.uvarint(len(items) + 1) + b"".join(items)


def uvarint_at(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def topic_id(connection, topic):
    """The id that Metadata 12 gives for a topic, 16 bytes."""
    body = compact_array([bytes(16) + wire.compact(topic) + b"\0"]) + b"\0\0\0"
    data = wire.call(connection, wire.METADATA, 12, body, flexible=True)
    at = data.index(wire.compact(topic)) + len(wire.compact(topic))
    return data[at:at + 16]


def offsets(connection, group, topic=None, partitions=()):
    """DescribeShareGroupOffsets 1: the group's error, and {partition: (start, lag, error)}."""
    topics = b"\0" if topic is None else compact_array(
        [wire.compact(topic) + compact_array([struct.pack(">i", p) for p in partitions]) + b"\0"])
    body = compact_array([wire.compact(group) + topics + b"\0"]) + b"\0"
    data = wire.call(connection, 90, 1, body, flexible=True)
    at, found = 1 + 4 + 1 + len(wire.compact(group)), {}
    topics, at = uvarint_at(data, at)
    for _ in range(topics - 1):
        size, at = uvarint_at(data, at)
        at += size - 1 + 16
        count, at = uvarint_at(data, at)
        for _ in range(count - 1):
            number, start, _, lag, error = struct.unpack_from(">iqiqh", data, at)
            size, at = uvarint_at(data, at + 26)
            at += max(0, size - 1) + 1
            found[number] = (start, lag, error)
        at += 1
    return struct.unpack_from(">h", data, at)[0], found


def alter(connection, group, topic, starts):
    """AlterShareGroupOffsets 0: the group's error."""
    partitions = [struct.pack(">iq", p, start) + b"\0" for p, start in starts.items()]
    body = wire.compact(group) + compact_array(
        [wire.compact(topic) + compact_array(partitions) + b"\0"]) + b"\0"
    return struct.unpack_from(">h", wire.call(connection, 91, 0, body, flexible=True), 5)[0]


def delete(connection, group, topic):
    """DeleteShareGroupOffsets 0: the group's error."""
    body = wire.compact(group) + compact_array([wire.compact(topic) + b"\0"]) + b"\0"
    return struct.unpack_from(">h", wire.call(connection, 92, 0, body, flexible=True), 5)[0]


def test_records_behind_a_damaged_batch_are_not_put_into_hands_that_do_not_get_them(topic):
    with Server(*QUICK) as server:
        create(server, topic, 1)
        begin_at_earliest(server, topic)
        for i in range(10):
            produce_all(server, topic, [b"%d" % i])
        server.stop()
        log = max(server.data.glob("topics/*/0/*.log"),
                  key=lambda path: (not path.parts[-3].startswith("0"), path.stat().st_size))
        data = bytearray(log.read_bytes())
        data[3 * len(data) // 10 + 65] ^= 1
        log.write_bytes(data)
        server.start()
        member = RawMember(server, topic, topic)
        answers = []
        eventually(lambda: answers.append(member.fetch()) or answers[-1][2], 20, "records")
        equal(answers[-1], (0, 0, [(0, 2, 1)]), "what lies before the damage")
        equal(member.fetch([(0, 2, [1])])[:2], (0, 0), "the word for it")
        host, port = server.address.rsplit(":", 1)
        admin_side = socket.create_connection((host, int(port)), 10)
        equal(offsets(admin_side, topic)[1][0], (3, 7, 0), "what is done")


def test_offsets_of_a_group_are_told_changed_and_deleted(server, topic):
    with Server(*QUICK) as server:
        create(server, topic, 2)
        begin_at_earliest(server, topic)
        produce_all(server, topic, [b"%d" % i for i in range(100)], partition=0)
        member = RawMember(server, topic, topic)
        eventually(lambda: member.fetch()[2], 20, "records")
        equal(member.acknowledge([(0, 3, [1]), (6, 9, [3])]), 0, "a word")
        host, port = server.address.rsplit(":", 1)
        admin_side = socket.create_connection((host, int(port)), 10)
        equal(offsets(admin_side, topic), (0, {0: (4, 92, 0), 1: (0, 0, 0)}), "offsets")
        equal(offsets(admin_side, topic, topic, [1, 7]), (0, {1: (0, 0, 0), 7: (-1, -1, 3)}),
              "offsets of some")
        equal(offsets(admin_side, "nosuch"), (69, {}), "a group that is not there")
        equal(alter(admin_side, topic, topic, {0: 50}), 68, "of a group that is not empty")
        equal(delete(admin_side, topic, topic), 68, "of a group that is not empty")
        member.call(76, 1, member.names() + struct.pack(">i", -1) + b"\0\0\0")
        equal(alter(admin_side, topic, topic, {0: 50}), 0, "of an empty group")
        equal(offsets(admin_side, topic)[1][0], (50, 50, 0), "where it goes on")
        server.kafka = server.address
        server.kill()
        server.start()
        admin_side = socket.create_connection((host, int(port)), 10)
        equal(offsets(admin_side, topic)[1][0], (50, 50, 0), "after a kill")
        got = run("rtd", "consume", topic, "-g", topic, "--protocol", "share", "-e",
                  "-b", server.address, check=0)
        equal(got.text.split(), [str(i) for i in range(50, 100)], "records from there")
        equal(delete(admin_side, topic, topic), 0, "deletion")
        equal(offsets(admin_side, topic), (0, {}), "what is left")


def test_a_lock_is_renewed_and_ends_with_the_connection(server, topic):
    with Server(*QUICK, "-X", "group.share.record.lock.duration.ms=3000") as server:
        create(server, topic, 1)
        begin_at_earliest(server, topic)
        produce_all(server, topic, [b"%d" % i for i in range(10)], partition=0)
        first, second = (RawMember(server, topic, topic) for _ in range(2))
        got = eventually(lambda: first.fetch(records=4)[2], 20, "records")
        equal(got, [(0, 3, 1)], "records of the first: no more than it asked for")
        equal(first.acknowledge([(0, 3, [4])]), 42, "a renewal that is not announced")
        equal(first.fetch([(0, 3, [4])], renews=True)[:2], (0, 0), "a renewal")
        equal(first.acknowledge([(0, 1, [4]), (2, 3, [1])], renews=True), 0, "a renewal")
        equal(second.fetch([(0, 1, [4])], renews=True)[0], 42, "words in a first request")
        equal(second.fetch(records=100)[2], [(4, 9, 1)], "records of the second")
        first.connection.close()
        got = eventually(lambda: second.fetch(records=100)[2], 2.5, "what the first held")
        equal(got, [(0, 1, 2)], "what the first held")


def test_a_group_begins_so_long_ago(server, topic):
    now = int(time.time() * 1000)
    create(server, topic, 1)
    p = Producer({"bootstrap.servers": server.address, **QUIET})
    for value, ago in ((b"old", 7200_000), (b"new", 60_000), (b"newest", 0)):
        p.produce(topic, value, timestamp=now - ago)
    p.flush()
    begin_at_earliest(server, topic, **{"share.auto.offset.reset": "by_duration:PT1H"})
    worker = Worker(server, topic, topic)
    eventually(lambda: len(worker.values) == 2, 30, f"two records, not {worker.values}")
    finish([worker])
    equal(sorted(worker.values), [b"new", b"newest"])


def test_a_group_may_want_committed_records_only(server, topic):
    create(server, topic, 1)
    begin_at_earliest(server, topic, **{"share.isolation.level": "read_committed"})
    begin_at_earliest(server, topic + "-all")
    p = Producer({"bootstrap.servers": server.address, "transactional.id": topic, **QUIET})
    p.init_transactions()
    for number in range(6):
        p.begin_transaction()
        for part in range(3):
            p.produce(topic, f"{number}-{part}".encode())
            p.flush()
        (p.abort_transaction if number % 2 else p.commit_transaction)()
    good = [f"{n}-{part}".encode() for n in (0, 2, 4) for part in range(3)]
    committed, everything = Worker(server, topic, topic), Worker(server, topic, topic + "-all")
    eventually(lambda: len(committed.values) >= 9 and len(everything.values) >= 18, 30,
               f"all records: {committed.values} {everything.values}")
    p.begin_transaction()
    p.produce(topic, b"open")
    p.flush()
    p.produce(topic, b"open too")
    p.flush()
    eventually(lambda: len(everything.values) == 20, 30, "uncommitted records")
    equal(sorted(committed.values), good)
    p.commit_transaction()
    eventually(lambda: len(committed.values) == 11, 30, f"{committed.values}")
    finish([committed, everything])
    equal(sorted(committed.values), good + [b"open", b"open too"])


def test_what_a_group_sets_itself_is_described_and_checked(topic):
    with Server("-X", "group.share.min.session.timeout.ms=6000",
                "-X", "group.consumer.min.heartbeat.interval.ms=300") as server:
        check_what_a_group_sets_itself(server, topic)


def check_what_a_group_sets_itself(server, topic):
    begin_at_earliest(server, topic, **{"share.session.timeout.ms": "6000",
                                        "consumer.heartbeat.interval.ms": "300"})
    resource = ConfigResource(ConfigResource.Type.GROUP, topic)
    found = list(admin(server).describe_configs([resource]).values())[0].result(20)
    values = {name: entry.value for name, entry in found.items()}
    equal({k: values[k] for k in ("share.session.timeout.ms", "consumer.heartbeat.interval.ms",
                                  "consumer.session.timeout.ms", "share.isolation.level")},
          {"share.session.timeout.ms": "6000", "consumer.heartbeat.interval.ms": "300",
           "consumer.session.timeout.ms": "45000", "share.isolation.level": "read_uncommitted"})
    for name, value in (("share.isolation.level", "dirty"), ("share.auto.offset.reset", "by_duration"),
                        ("share.auto.offset.reset", "by_duration:1h"), ("consumer.x", "1"),
                        ("consumer.session.timeout.ms", "44999"),
                        ("share.session.timeout.ms", "5999"),
                        ("share.record.lock.duration.ms", "60001")):
        try:
            begin_at_earliest(server, topic, **{name: value})
        except Exception:
            continue
        raise AssertionError(f"{name}={value} was taken")
