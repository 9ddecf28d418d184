"""Compacted topics: the last value of each key, tombstones, transactions, and readers beside it."""

import os
import struct
import time

import kafka
from confluent_kafka import Consumer, KafkaError, TopicPartition, OFFSET_BEGINNING

import wire
from clients import consumer, create, producer
from harness import Server, equal, eventually, run

NEEDS_CLIENTS = True
FAST = ("-X", "log.cleaner.backoff.ms=100")
COMPACTED = {"cleanup.policy": "compact", "segment.bytes": "20000",
             "min.cleanable.dirty.ratio": "0.01"}


def records(server, topic, isolation="read_committed", **options):
    """(offset, key, value) of all that lies in partition 0 now."""
    with consumer(server, **{"isolation.level": isolation, "enable.partition.eof": True,
                             "check.crcs": True, **options}) as c:
        c.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        found = []
        while True:
            message = c.poll(20)
            assert message is not None, f"no end of {topic} came"
            if message.error():
                equal(message.error().code(), KafkaError._PARTITION_EOF, message.error())
                return found
            found.append((message.offset(), message.key(), message.value()))


def rounds(p, topic, count, keys=50, size=100):
    """Writes each key `count` times; the last values."""
    last = {}
    for number in range(count):
        for key in range(keys):
            value = f"{number}-{key}-{os.urandom(size // 2).hex()}".encode()
            p.produce(topic, value, key=str(key), partition=0)
            last[str(key).encode()] = value
        equal(p.flush(20), 0, "left in the queue")
    return last


def as_map(found):
    result = {}
    for _, key, value in found:
        if value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def shrunk(server, topic, at_most):
    """What is left, once it is so few."""
    found = []

    def few():
        before = list(found)
        found[:] = records(server, topic)
        # Until another second changes nothing: the next run may be under way.
        if len(found) <= at_most and before != found:
            time.sleep(1.2)
        return len(found) <= at_most and before == found
    eventually(few, 30, f"fewer than {at_most} records in {topic}")
    return list(found)


def test_the_last_value_of_each_key_is_kept(topic):
    with Server(*FAST) as server:
        create(server, topic, 1, **COMPACTED)
        first = producer(server)
        first.produce(topic, b"stays", key="first", partition=0)
        equal(first.flush(20), 0, "left in the queue")
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            last = rounds(producer(server, **{"compression.type": codec}), topic, 30)
        last[b"first"] = b"stays"
        found = shrunk(server, topic, 1_200)
        equal(as_map(found), last)
        offsets = [offset for offset, _, _ in found]
        equal(offsets, sorted(set(offsets)), "offsets")
        assert "compacted " + topic + "-0: " in server.log(), server.log()
        # kafka-python sees the same, with what was written at the offsets that stayed.
        reader = kafka.KafkaConsumer(bootstrap_servers=server.address, check_crcs=True,
                                     consumer_timeout_ms=3_000, auto_offset_reset="earliest")
        reader.assign([kafka.TopicPartition(topic, 0)])
        equal([(m.offset, m.key, m.value) for m in reader], found)
        reader.close()
        # And rtd itself.
        out = run("rtd", "consume", topic, "-e", "-b", server.address, "-f", "%o %k %s\n")
        equal([line.split()[0] for line in out.text.splitlines()],
              [str(offset) for offset in offsets])
        # From an offset in a gap the next record comes.
        gap = next(o for o in range(offsets[0], offsets[-1]) if o not in set(offsets))
        after = min(o for o in offsets if o > gap)
        with consumer(server) as c:
            c.assign([TopicPartition(topic, 0, gap)])
            equal(c.poll(20).offset(), after)


def test_it_is_the_same_after_a_restart_and_the_check_finds_nothing(topic):
    with Server(*FAST) as server:
        create(server, topic, 1, **COMPACTED)
        last = rounds(producer(server, **{"enable.idempotence": True}), topic, 100)
        found = shrunk(server, topic, 800)
        server.restart()
        again = records(server, topic)
        equal(as_map(again), last)
        server.stop()
        checked = run("rtd", "serve", "--check", "--data", server.data)
        equal((checked.returncode, checked.text), (0, ""), checked.errors)
        assert found


def test_tombstones_go_after_their_time(topic):
    with Server(*FAST) as server:
        create(server, topic, 1, **COMPACTED, **{"delete.retention.ms": "500"})
        p = producer(server)
        rounds(p, topic, 5)
        for key in range(40):
            p.produce(topic, None, key=str(key), partition=0)
        p.flush(20)

        def gone():
            # Each run needs something new.
            last.update(rounds(p, topic, 4, keys=10))
            left = {key for _, key, _ in records(server, topic)}
            return not left & {str(k).encode() for k in range(10, 40)}
        last = {}
        eventually(gone, 40, "no record of the deleted keys")
        kept = as_map(records(server, topic))
        equal({k for k in kept}, {str(k).encode() for k in list(range(10)) + list(range(40, 50))})


def test_transactions_in_a_compacted_topic(topic):
    with Server(*FAST) as server:
        create(server, topic, 1, **COMPACTED, **{"delete.retention.ms": "300"})
        p = producer(server, **{"transactional.id": topic})
        p.init_transactions(30)
        last, plain = {}, producer(server)
        for number in range(60):
            p.begin_transaction()
            for key in range(20):
                value = f"{number}-{key}".encode().ljust(100, b"y")
                p.produce(topic, value, key=str(key), partition=0)
                if number % 3:
                    last[str(key).encode()] = value
            (p.commit_transaction if number % 3 else p.abort_transaction)(20)
        other = producer(server, **{"transactional.id": topic + "-open"})
        other.init_transactions(30)
        other.begin_transaction()
        other.produce(topic, b"undecided", key="0", partition=0)
        other.flush(20)
        found = shrunk(server, topic, 600)
        equal(as_map(found), last)
        # Behind the open transaction nothing is touched, however much comes.
        rounds(plain, topic, 20, keys=5)
        time.sleep(1.5)
        behind = records(server, topic, "read_uncommitted")
        plain_ones = [v for _, _, v in behind if not v.endswith(b"y") and v != b"undecided"]
        equal(len(plain_ones), 100, "records behind the open transaction")
        other.commit_transaction(20)
        eventually(lambda: as_map(records(server, topic)).get(b"0", b"").startswith(b"19-0-"), 20)
        plain = rounds(plain, topic, 30, keys=5)
        found = shrunk(server, topic, 400)
        kept = as_map(found)
        equal({k: kept[k] for k in plain}, plain)
        equal({k: v for k, v in kept.items() if int(k) >= 5},
              {k: v for k, v in last.items() if int(k) >= 5})


def test_readers_and_deletions_go_on_beside_it(topic):
    with Server(*FAST) as server:
        create(server, topic, 1, **{**COMPACTED, "cleanup.policy": "compact,delete"})
        p = producer(server)
        with consumer(server, **{"check.crcs": True}) as c:
            c.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
            seen, last = {}, {}
            for number in range(60):
                last.update(rounds(p, topic, 2))
                if number == 30:
                    reader = kafka.KafkaAdminClient(bootstrap_servers=server.address)
                    reader.delete_records({kafka.TopicPartition(topic, 0): 500})
                    reader.close()
                for message in c.consume(1_000, 0.05):
                    assert not message.error(), message.error()
                    seen[message.key()] = message.value()
            deadline = time.monotonic() + 20
            while seen != last and time.monotonic() < deadline:
                for message in c.consume(1_000, 0.2):
                    assert not message.error(), message.error()
                    seen[message.key()] = message.value()
            equal(seen, last)
        assert "compacted" in server.log()


def test_compact_and_delete_together(topic):
    with Server(*FAST, "-X", "log.retention.check.interval.ms=200") as server:
        create(server, topic, 1, **{**COMPACTED, "cleanup.policy": "compact,delete",
                                    "retention.bytes": "100000"})
        p = producer(server)
        last = rounds(p, topic, 100)
        eventually(lambda: "compacted" in server.log(), 20, "a compaction")
        found = as_map(records(server, topic))
        equal(found, last)
        # More keys than retention.bytes allows: the oldest go.
        rounds(p, topic, 1, keys=5_000)

        def few():
            reader = consumer(server)
            with reader as c:
                return c.get_watermark_offsets(TopicPartition(topic, 0), timeout=20)[0] > 0
        eventually(few, 30, "a log start above 0")


def test_transactions_are_listed_by_a_pattern(server, topic):
    """ListTransactions 2 (KIP-1152)."""
    names = [f"{topic}-{end}" for end in ("a1", "a2", "b1")]
    for name in names:
        p = producer(server, **{"transactional.id": name})
        p.init_transactions(30)

    def listed(pattern):
        body = (wire.uvarint(1) + wire.uvarint(1) + struct.pack(">q", -1)
                + (b"\0" if pattern is None else wire.compact(pattern)) + b"\0")
        with server.connect() as c:
            data = wire.call(c, 66, 2, body, flexible=True)
        return [name for name in names if name.encode() in data], data
    equal(listed(None)[0], names)
    equal(listed(f"{topic}-a.*")[0], names[:2])
    equal(listed(f"{topic}-a")[0], [], "the whole id must match")
    equal(listed(f"{topic}-(a1|b1)")[0], [names[0], names[2]])
    found, data = listed("(")
    assert found == [] and struct.pack(">h", 128) in data, data
