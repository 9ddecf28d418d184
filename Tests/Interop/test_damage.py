"""Bits that flip on the disk and files that lose their end: found, named, and isolated."""

import random

from confluent_kafka import KafkaError, TopicPartition

from clients import consumer, create, produce_all
from harness import Server, contains, equal, run

NEEDS_CLIENTS = True
METADATA, OFFSETS = "00000000000000000000000072746401", "00000000000000000000000072746402"


def filled():
    """A server with two topics of ten batches each and a group's offsets; stopped."""
    server = Server().start()
    for name in ("one", "two"):
        create(server, name, 1)
        for i in range(10):
            produce_all(server, name, [b"%d" % i])
    with consumer(server, "group") as c:
        for offset in range(1, 6):
            c.commit(offsets=[TopicPartition("one", 0, offset)], asynchronous=False)
    server.stop()
    return server


def segments(server, topic=None):
    """The segments of an internal topic's id, or of the topics that the test made."""
    found = [p for p in sorted(server.data.glob("topics/*/*/*.log")) if p.stat().st_size]
    if topic:
        return [p for p in found if p.parts[-3] == topic]
    return [p for p in found if p.parts[-3] not in (METADATA, OFFSETS)]


def damages(data):
    """Copies of a file's bytes with a flipped bit, or without their end."""
    for at in sorted({random.randrange(len(data)) for _ in range(6)}):
        yield f"bit of byte {at}", data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1:]
    yield "end cut", data[:-random.randrange(1, min(60, len(data)))]


def test_damage_in_internal_topics_does_not_keep_the_server_down():
    server = filled()
    for topic in (METADATA, OFFSETS):
        path = segments(server, topic)[0]
        whole = path.read_bytes()
        for what, data in damages(whole):
            path.write_bytes(data)
            server.start()
            with consumer(server, "group") as c:
                offset = c.committed([TopicPartition("one", 0)], timeout=10)[0].offset
                assert offset in (-1001, 1, 2, 3, 4, 5), f"{what}: offset {offset}"
                names = set(c.list_topics(timeout=10).topics)
                assert names <= {"one", "two", "__consumer_offsets", "__rtd_metadata",
                                  "__transaction_state", "__share_group_state"}, names
            server.stop()
            path.write_bytes(whole)
            equal(len(segments(server)), 2, f"{what}: topics on the disk")
    server.discard()


def test_a_damaged_batch_is_named_and_the_others_are_read():
    server = filled()
    path = segments(server)[0]
    whole = path.read_bytes()
    for what, data in damages(whole):
        path.write_bytes(data)
        server.start()
        readable, broken = [], []
        for name in ("one", "two"):
            values = read_with_gaps(server, name)
            (readable if len(values) == 10 else broken).append(name)
            assert all(v == b"%d" % i for i, v in values.items()), f"{what}: wrong values"
            assert len(values) >= 9, f"{what}: {10 - len(values)} records of {name} are lost"
        equal((len(readable), len(broken)), (1, 1), what)
        server.stop()
        path.write_bytes(whole)
        for index in path.parent.glob("*.index"):
            index.unlink()
    server.discard()


def read_with_gaps(server, topic):
    """{offset: value}: every record that can be read; a damaged batch is an error of its own."""
    found, offset = {}, 0
    with consumer(server, **{"check.crcs": True, "enable.partition.eof": True}) as c:
        end = c.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1]
        while offset < end:
            c.assign([TopicPartition(topic, 0, offset)])
            message = c.poll(10)
            if message is None or message.error():
                assert message is None or message.error().code() != KafkaError._PARTITION_EOF
                offset += 1
                continue
            found[message.offset()] = message.value()
            offset = message.offset() + 1
    return found


def test_check_names_file_and_offset():
    server = filled()
    equal(run("rtd", "serve", "--check", "--data", server.data).returncode, 0)
    path = segments(server)[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = run("rtd", "serve", "--check", "--data", server.data, check=1)
    contains(done.text + done.errors, path.name)
    contains(done.text + done.errors, "offset")
    server.start()
    equal(sorted(len(read_with_gaps(server, name)) for name in ("one", "two")), [9, 10])
    server.discard()
