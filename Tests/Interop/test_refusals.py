"""What the server answers to records and requests that it does not take, read off the wire."""

import struct

import wire
from harness import contains, equal
from hostile import create_compacted


def refusal(data, topic):
    """Code, offset, record errors and message of a Produce answer, version 8."""
    at = 4 + 2 + len(topic) + 4 + 4
    code, offset = struct.unpack_from(">hq", data, at)
    at += 10 + 8 + 8
    count, = struct.unpack_from(">i", data, at)
    at += 4
    errors = []
    for _ in range(count):
        index, size = struct.unpack_from(">ih", data, at)
        errors.append((index, data[at + 6:at + 6 + size].decode()))
        at += 6 + max(size, 0)
    size, = struct.unpack_from(">h", data, at)
    return code, offset, errors, None if size < 0 else data[at + 2:at + 2 + size].decode()


def produce(server, topic, records, version=8):
    body = wire.string(None) + struct.pack(">hi", -1, 5000)
    body += wire.array([wire.string(topic)
                        + wire.array([struct.pack(">ii", 0, len(records)) + records])])
    with server.connect() as connection:
        return wire.call(connection, wire.PRODUCE, version, body)


def test_records_without_a_key_are_named_in_the_answer(server, topic):
    create_compacted(server, topic)
    records = [wire.record(0, b"v", b"k"), wire.record(1, b"v"), wire.record(2, b"v", b"k"),
               wire.record(3, b"v")]
    code, offset, errors, message = refusal(produce(server, topic, wire.batch(records)), topic)
    text = f"Compacted topic cannot accept message without key in topic partition {topic}-0"
    equal((code, offset, errors), (87, -1, [(1, text), (3, text)]))
    contains(message, "One or more records have been rejected due to 2 record errors")
    equal(refusal(produce(server, topic, wire.batch(records[:1])), topic)[:3], (0, 0, []))


def test_old_formats_and_old_versions_have_kafkas_codes(server, topic):
    with server.connect() as connection:
        wire.metadata_v0(connection, topic)
        good = [wire.record(0, b"v")]
        for magic, code in ((0, 87), (1, 87), (3, 2)):
            equal(wire.produce(connection, topic, wire.batch(good, magic=magic))[0], code,
                  f"magic {magic}")
        zstd = wire.batch([b"\x28\xb5\x2f\xfd\0\x58\1\0\0"], count=1, attributes=4)
        for version in (3, 5, 6):
            equal(wire.produce(connection, topic, zstd, version=version)[0], 76, version)
        equal(wire.produce(connection, topic, zstd, version=7)[0], 0)


def test_a_fetch_out_of_range_says_nothing_of_the_log(server, topic):
    with server.connect() as connection:
        wire.metadata_v0(connection, topic)
        equal(wire.produce(connection, topic, wire.batch([wire.record(0, b"v")]))[0], 0)
        body = struct.pack(">iiiibii", -1, 100, 1, 1 << 20, 0, 0, -1)
        body += wire.array([wire.string(topic) + wire.array(
            [struct.pack(">iiqqi", 0, -1, 99, -1, 1 << 20)])])
        body += wire.array([]) + wire.string("")
        data = wire.call(connection, wire.FETCH, 11, body)
    at = 4 + 2 + 4 + 4 + 2 + len(topic) + 4
    equal(struct.unpack_from(">ihqqq", data, at), (0, 1, -1, -1, -1))


def list_offsets(server, topic, timestamp, isolation=0, version=10):
    body = struct.pack(">ib", -1, isolation) + b"\2" + wire.compact(topic)
    body += b"\2" + struct.pack(">iiq", 0, -1, timestamp) + b"\0\0" + b"\0"
    if version >= 10:
        body = body[:-1] + struct.pack(">i", 1000) + b"\0"
    with server.connect() as connection:
        data = wire.call(connection, wire.LIST_OFFSETS, version, body, flexible=True)
    at = 1 + 4 + 1 + 1 + len(topic) + 1
    return struct.unpack_from(">ihqq", data, at)


def test_special_timestamps_need_their_version(server, topic):
    with server.connect() as connection:
        wire.metadata_v0(connection, topic)
        data = wire.batch([wire.record(0, b"v")], first_time=1000, max_time=1000)
        equal(wire.produce(connection, topic, data)[0], 0)
    for timestamp, version, code in ((-3, 6, 35), (-3, 7, 0), (-4, 7, 35), (-4, 8, 0), (-5, 8, 35),
                                     (-5, 9, 0), (-6, 10, 35), (-7, 10, 35), (-2, 6, 0)):
        equal(list_offsets(server, topic, timestamp, version=version)[1], code,
              f"{timestamp} in version {version}")


def test_what_a_transaction_may_still_take_back_is_not_told(server, topic):
    """A time that only an open transaction has records of has no offset for read_committed."""
    from confluent_kafka import Producer

    from clients import QUIET

    with server.connect() as connection:
        wire.metadata_v0(connection, topic)
        data = wire.batch([wire.record(0, b"v")], first_time=1000, max_time=1000)
        equal(wire.produce(connection, topic, data)[0], 0)
    p = Producer({"bootstrap.servers": server.address, "transactional.id": topic, **QUIET})
    p.init_transactions()
    p.begin_transaction()
    p.produce(topic, b"open", partition=0, timestamp=5000)
    p.flush()
    equal(list_offsets(server, topic, 2000)[2:], (5000, 1))
    for timestamp in (2000, -3):
        equal(list_offsets(server, topic, timestamp, isolation=1)[2:], (-1, -1), timestamp)
    equal(list_offsets(server, topic, 500, isolation=1)[2:], (1000, 0))
    p.commit_transaction()
    equal(list_offsets(server, topic, 2000, isolation=1)[2:], (5000, 1))


def test_a_topic_that_is_not_there_is_named(server, topic):
    data = produce(server, topic, wire.batch([wire.record(0, b"v")]))
    equal(refusal(data, topic), (3, -1, [], f"Topic '{topic}' does not exist."))


def test_offsets_of_what_is_not_there_cannot_be_deleted(server, topic):
    with server.connect() as connection:
        wire.metadata_v0(connection, topic)
        commit = wire.string(topic) + struct.pack(">i", -1) + wire.string("")
        commit += struct.pack(">q", -1) + wire.array([wire.string(topic) + wire.array(
            [struct.pack(">iq", 0, 5) + wire.string("")])])
        wire.call(connection, 8, 2, commit)
        body = wire.string(topic)
        body += wire.array([
            wire.string(topic) + wire.array([struct.pack(">i", 0), struct.pack(">i", 9)]),
            wire.string("nope") + wire.array([struct.pack(">i", 0)])])
        data = wire.call(connection, 47, 0, body)
    code, at = struct.unpack_from(">h", data)[0], 2 + 4 + 4 + 2 + len(topic) + 4
    first = struct.unpack_from(">ihih", data, at)
    other = struct.unpack_from(">ih", data, at + 12 + 2 + len("nope") + 4)
    equal((code, first, other), (0, (0, 0, 9, 3), (0, 3)))
