"""Frames of a hostile peer. After each, the server answers on another socket and has not grown."""

import contextlib
import gzip
import random
import struct

import wire
from harness import equal

MEGABYTE = 1 << 20
# What one bad frame may leave behind in the process: an allocator keeps pages, so the bound is on
# the whole of a test's frames.
GROWTH_MAX = 128 * MEGABYTE


@contextlib.contextmanager
def unharmed(server):
    """The server answers before and after, is the same process, and has not grown."""
    with server.connect() as connection:
        wire.api_versions(connection)
    before, process = server.memory(), server.process
    yield
    assert server.is_running and server.process is process, f"the server died: {server.log()}"
    with server.connect(2) as connection:
        wire.api_versions(connection)
    grown = server.memory() - before
    assert grown < GROWTH_MAX, f"grew by {grown >> 20} MiB"


def send(server, data, closes=True):
    """Sends bytes on a fresh socket; the peer must end the connection, or answer."""
    with server.connect() as connection:
        with contextlib.suppress(OSError):
            connection.sendall(data)
        if closes:
            assert wire.is_closed(connection), f"not closed after {data[:60]!r}"
        else:
            connection.settimeout(2)
            with contextlib.suppress(OSError):
                connection.recv(65536)


def request(key, version, body, flexible=False):
    return wire.frame(wire.header(key, version, flexible=flexible) + body)


def test_lengths_that_cannot_be(server):
    with unharmed(server):
        for length in (-1, -2**31, 2**31 - 1, 0, 3, 101 * MEGABYTE):
            send(server, struct.pack(">i", length) + b"\0" * 64)


def test_other_protocols(server):
    with unharmed(server):
        for greeting in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"SSH-2.0-OpenSSH_9.9\r\n",
                         b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 512,
                         b"*1\r\n$4\r\nPING\r\n"):
            send(server, greeting)


def test_unknown_keys_and_versions(server):
    with unharmed(server):
        for key in (-1, 24, 71, 999, 32767, -32768):
            send(server, request(key, 0, b""))
        for key in (0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 19, 20, 22, 32, 60):
            for version in (-1, 99, 32767):
                send(server, request(key, version, b""))


def test_counts_that_the_frame_cannot_hold(server):
    """CVE-2026-111108 and CVE-2026-111115: memory is reserved for what is there, not announced."""
    with unharmed(server):
        for count in (2**31 - 16, 2**31 - 1, 10**6, -2, -2**31):
            data = struct.pack(">i", count)
            send(server, request(3, 1, data))
            send(server, request(2, 1, struct.pack(">i", -1) + data))
            send(server, request(0, 7, b"\xff\xff" + struct.pack(">hi", -1, 1000) + data))
            send(server, request(11, 2, wire.string("g") + struct.pack(">ii", 6000, 6000)
                                 + wire.string("") + wire.string("consumer") + data))
        huge = b"\xff\xff\xff\xff\x0f"
        for version in (9, 12, 13):
            send(server, request(3, version, huge, flexible=True))
        # The tagged fields of the header and of the body.
        head = wire.header(18, 3) + huge
        send(server, wire.frame(head))
        send(server, request(18, 3, b"\x02a\x02b" + huge, flexible=True), closes=False)


def test_varints_and_strings_past_their_end(server):
    with unharmed(server):
        for tail in (b"\xff" * 5, b"\xff" * 11, b"\x80" * 64):
            send(server, request(3, 9, tail, flexible=True))
        for size in (32767, -2, -32768):
            send(server, request(3, 1, struct.pack(">ih", 1, size) + b"abc"))
        send(server, wire.frame(struct.pack(">hhih", 3, 1, 7, 32767) + b"abc"))


def test_every_truncation_of_every_request(server):
    """A request that ends early is refused; it must not take the server with it."""
    whole = {
        0: request(0, 7, wire.string(None) + struct.pack(">hi", -1, 1000) + wire.array(
            [wire.string("t") + wire.array([struct.pack(">ii", 0, 61) + b"\0" * 61])])),
        1: request(1, 11, struct.pack(">iiiibii", -1, 0, 1, 1000, 0, 0, -1)
                   + wire.array([wire.string("t") + wire.array([b"\0" * 28])])
                   + wire.array([]) + wire.string("")),
        2: request(2, 5, struct.pack(">ib", -1, 0)
                   + wire.array([wire.string("t") + wire.array([b"\0" * 16])])),
        11: request(11, 5, wire.string("g") + struct.pack(">ii", 6000, 6000) + wire.string("")
                    + wire.string(None) + wire.string("consumer")
                    + wire.array([wire.string("range") + struct.pack(">i", 4) + b"abcd"])),
        19: request(19, 4, wire.array([wire.string("t") + struct.pack(">ih", 1, 1)
                                       + wire.array([]) + wire.array([])])
                    + struct.pack(">ib", 1000, 0)),
    }
    with unharmed(server):
        for data in whole.values():
            payload = data[4:]
            for end in range(8, len(payload)):
                with server.connect() as connection:
                    connection.sendall(wire.frame(payload[:end]))


def test_random_frames(server):
    with unharmed(server):
        for _ in range(2000):
            key, version = random.randrange(76), random.randrange(14)
            body = random.randbytes(random.choice((0, 1, 4, 20, 200, 2000)))
            with server.connect() as connection, contextlib.suppress(OSError):
                connection.sendall(request(key, version, body, random.random() < 0.5))


def test_frames_that_announce_and_stay_silent(server):
    """Memory grows with what arrives, not with what was announced."""
    with unharmed(server), contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(server.connect()) for _ in range(100)]
        for connection in sockets:
            connection.sendall(struct.pack(">i", 90 * MEGABYTE) + wire.header(0, 7))
        with server.connect(2) as other:
            wire.api_versions(other)


def test_a_frame_byte_by_byte(server):
    with server.connect() as connection:
        for byte in request(18, 0, b""):
            connection.sendall(bytes([byte]))
        assert wire.answer(connection)[0] == 7


def test_many_requests_in_one_write(server):
    """Answers come in the order of the requests."""
    with server.connect() as connection:
        connection.sendall(b"".join(
            wire.frame(wire.header(18, 0, correlation=i)) for i in range(500)))
        equal([wire.answer(connection)[0] for _ in range(500)], list(range(500)))


def broken_batches():
    good = [wire.record(0, b"value")]
    yield "negative count", wire.batch(good, count=-1, last_delta=0)
    yield "count too large", wire.batch(good, count=2**31 - 1)
    yield "count too small", wire.batch([wire.record(0, b"a"), wire.record(1, b"b")], count=1)
    yield "length too large", wire.batch(good, length=2**31 - 1)
    yield "negative length", wire.batch(good, length=-1)
    yield "length below the header", wire.batch(good, length=10)
    yield "wrong checksum", wire.batch(good, crc=1)
    yield "magic 1", wire.batch(good, magic=1)
    yield "magic 9", wire.batch(good, magic=9)
    yield "control batch", wire.batch(good, attributes=0x20)
    yield "unknown codec", wire.batch(good, attributes=7)
    yield "offset delta overflow", wire.batch(good, last_delta=2**31 - 1)
    yield "negative offset delta", wire.batch(good, last_delta=-5)
    yield "record length", wire.batch([wire.varint(10**6) + b"\0\0\0"], count=1)
    yield "negative record length", wire.batch([wire.varint(-5) + b"\0\0\0"], count=1)
    yield "endless varint", wire.batch([b"\xff" * 20], count=1)
    yield "key length", wire.batch([b"\x14\0\0\0" + wire.varint(10**9) + b"abc"], count=1)
    yield "header count", wire.batch([b"\x12\0\0\0\x01\x01" + wire.varint(2**30) + b"ab"], count=1)
    yield "rubbish after it", wire.batch(good) + b"rubbish"
    yield "nothing", b""
    yield "half a header", wire.batch(good)[:30]
    yield "not gzip", wire.batch([b"not compressed"], count=1, attributes=1)
    yield "not snappy", wire.batch([b"\xff\xff\xff\xff\x0f not"], count=1, attributes=2)
    yield "snappy chunk of 2^32-1 (CVE-2023-34455)", wire.batch(
        [b"\x82SNAPPY\0\0\0\0\1\0\0\0\1\xff\xff\xff\xff"], count=1, attributes=2)
    yield "not lz4", wire.batch([b"\x04\x22\x4d\x18\x64\x40\xa7\xff\xff\xff\x7f"], count=1,
                                attributes=3)
    yield "not zstd", wire.batch([b"\x28\xb5\x2f\xfd\xe0" + b"\xff" * 8], count=1, attributes=4)


def test_batches_that_are_not_right(server, topic):
    """Each is refused with an error of its own, and nothing of it can be read."""
    compressed = ("not gzip", "not snappy", "snappy chunk of 2^32-1 (CVE-2023-34455)", "not lz4",
                  "not zstd")
    with unharmed(server):
        with server.connect() as connection:
            wire.metadata_v0(connection, topic)
        for name, data in broken_batches():
            with server.connect() as connection:
                try:
                    error, _ = wire.produce(connection, topic, data)
                except ConnectionError:
                    continue
                # A compressed batch is opened only where a rule needs its records.
                assert error != 0 or name in compressed, f"{name}: accepted"
        with server.connect() as connection:
            error, _ = wire.produce(connection, topic, wire.batch([wire.record(0, b"good")]))
            equal(error, 0)


def test_timestamps_at_both_ends(server, topic):
    with unharmed(server), server.connect() as connection:
        wire.metadata_v0(connection, topic)
        for stamp in (-2**63, 2**63 - 1, -2, -1, 0):
            data = wire.batch([wire.record(0, b"x")], first_time=stamp, max_time=stamp)
            wire.produce(connection, topic, data)


def bombs():
    """Streams below 1 MB that are valid and hold 20 MB to 1 GB of zeros."""
    yield "gzip", 1, gzip.compress(b"\0" * (256 * MEGABYTE), 9)
    # One literal, then copies of 64 bytes: 21 to 1, the most that snappy can.
    yield "snappy", 2, wire.uvarint(1 + 64 * 300_000) + b"\0\0" + b"\xfe\x01\0" * 300_000
    # Blocks of 4 MiB: a literal, a match whose length is in bytes of 255, five literals.
    block = b"\x1f\0\1\0" + b"\xff" * 16_448 + b"\0" + b"\x50" + b"\0" * 5
    yield "lz4", 3, (b"\x04\x22\x4d\x18\x60\x70\x73"
                     + (struct.pack("<I", len(block)) + block) * 60 + b"\0" * 4)
    # Blocks of 128 KiB that repeat one byte, four bytes each, in a window of 2 MiB.
    repeated = 1 << 17 << 3 | 1 << 1
    yield "zstd", 4, (b"\x28\xb5\x2f\xfd\0\x58"
                      + (struct.pack("<I", repeated)[:3] + b"\0") * 8000
                      + struct.pack("<I", repeated | 1)[:3] + b"\0")


def test_decompression_bombs(server, topic):
    """On a compacted topic the records are looked at, so the batch is opened, under a cap."""
    create_compacted(server, topic)
    with unharmed(server):
        for name, codec, payload in bombs():
            for _ in range(3):
                data = wire.batch([payload], count=1, attributes=codec)
                with server.connect() as connection, contextlib.suppress(ConnectionError):
                    error, _ = wire.produce(connection, topic, data)
                    assert error != 0, f"{name}: accepted"
        peak = server.memory("VmHWM")
        assert peak < 400 * MEGABYTE, f"peak {peak >> 20} MiB"


def create_compacted(server, topic):
    body = wire.array([wire.string(topic) + struct.pack(">ih", 1, 1) + wire.array([])
                       + wire.array([wire.string("cleanup.policy") + wire.string("compact")])])
    with server.connect() as connection:
        data = wire.call(connection, wire.CREATE_TOPICS, 2, body + struct.pack(">ib", 5000, 0))
        equal(struct.unpack(">h", data[10 + len(topic):12 + len(topic)])[0], 0, "error")


def test_a_reader_that_does_not_read(server, topic):
    """Answers wait in the socket; the server stops reading requests, and holds little."""
    with server.connect() as connection:
        wire.metadata_v0(connection, topic)
        value = random.randbytes(500_000)
        for _ in range(20):
            data = wire.batch([wire.record(0, value)])
            equal(wire.produce(connection, topic, data)[0], 0)
    fetch = request(1, 4, struct.pack(">iiiib", -1, 0, 1, 50 * MEGABYTE, 0) + wire.array(
        [wire.string(topic) + wire.array([struct.pack(">iqi", 0, 0, 50 * MEGABYTE)])]))
    with unharmed(server), contextlib.ExitStack() as stack:
        for _ in range(30):
            connection = stack.enter_context(server.connect())
            connection.settimeout(0.2)
            with contextlib.suppress(OSError):
                for _ in range(200):
                    connection.sendall(fetch)
        with server.connect(5) as other:
            wire.api_versions(other)
