"""Kafka's wire by hand, on the standard library alone: frames, a few requests, record batches."""

import socket
import struct

PRODUCE, FETCH, LIST_OFFSETS, METADATA = 0, 1, 2, 3
FIND_COORDINATOR, API_VERSIONS, CREATE_TOPICS, INIT_PRODUCER_ID = 10, 18, 19, 22


def string(text):
    if text is None:
        return struct.pack(">h", -1)
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


def uvarint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def varint(value):
    return uvarint((value << 1 ^ value >> 63) & (1 << 64) - 1)


def compact(text):
    data = text.encode()
    return uvarint(len(data) + 1) + data


def header(key, version, correlation=7, client="trap", flexible=False):
    return (struct.pack(">hhi", key, version, correlation) + string(client)
            + (b"\0" if flexible else b""))


def frame(payload):
    return struct.pack(">i", len(payload)) + payload


def receive(connection, count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError(f"closed after {len(data)} of {count} bytes")
        data += part
    return data


def answer(connection):
    """One response: correlation id and what follows it."""
    size, = struct.unpack(">i", receive(connection, 4))
    data = receive(connection, size)
    return struct.unpack(">i", data[:4])[0], data[4:]


def call(connection, key, version, body, **options):
    connection.sendall(frame(header(key, version, **options) + body))
    correlation, data = answer(connection)
    assert correlation == options.get("correlation", 7), correlation
    return data


def api_versions(connection):
    """The table that a v0 request gets: {key: (min, max)}."""
    data = call(connection, API_VERSIONS, 0, b"")
    error, count = struct.unpack(">hi", data[:6])
    assert error == 0, error
    rows = struct.iter_unpack(">hhh", data[6:6 + 6 * count])
    return {key: (low, high) for key, low, high in rows}


def is_closed(connection, seconds=10):
    """Whether the peer closes the connection within that time; what it sends first is dropped."""
    connection.settimeout(seconds)
    try:
        while connection.recv(65536):
            pass
        return True
    except socket.timeout:
        return False
    except OSError:
        return True


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ 0x82F63B78 * (value & 1)
        table.append(value)
    return table


CRC_TABLE = _crc_table()


def record(offset_delta, value, key=None, timestamp_delta=0, headers=()):
    body = b"\0" + varint(timestamp_delta) + varint(offset_delta)
    for part in (key, value):
        body += varint(-1) if part is None else varint(len(part)) + part
    body += varint(len(headers))
    for name, part in headers:
        body += varint(len(name)) + name + varint(len(part)) + part
    return varint(len(body)) + body


def batch(records, *, count=None, base=0, magic=2, attributes=0, last_delta=None, first_time=0,
          max_time=0, producer=-1, epoch=-1, sequence=-1, crc=None, length=None):
    """A record batch; what is given by name replaces what would be right."""
    count = len(records) if count is None else count
    last_delta = count - 1 if last_delta is None else last_delta
    payload = b"".join(records)
    tail = struct.pack(">hiqqqhii", attributes, last_delta, first_time, max_time, producer, epoch,
                       sequence, count) + payload
    checksum = crc32c(tail) if crc is None else crc
    size = len(tail) + 9 if length is None else length
    return struct.pack(">qiib", base, size, -1, magic) + struct.pack(">I", checksum) + tail


def produce(connection, topic, records, partition=0, acks=-1, version=7, correlation=7):
    """The error code and base offset of a Produce request of that (not flexible) version."""
    body = string(None) + struct.pack(">hi", acks, 5000)
    partitions = array([struct.pack(">ii", partition, len(records)) + records])
    body += array([string(topic) + partitions])
    data = call(connection, PRODUCE, version, body, correlation=correlation)
    skip = 4 + 2 + len(topic) + 4 + 4
    return struct.unpack(">hq", data[skip:skip + 10])


def metadata_v0(connection, *topics):
    """Creates and describes topics as the oldest clients do; {topic: (error, partitions)}."""
    data = call(connection, METADATA, 0, array([string(t) for t in topics]))
    at = 4
    for _ in range(struct.unpack(">i", data[:4])[0]):
        size, = struct.unpack_from(">h", data, at + 4)
        at += 4 + 2 + size + 4
    count, = struct.unpack_from(">i", data, at)
    at, found = at + 4, {}
    for _ in range(count):
        error, size = struct.unpack_from(">hh", data, at)
        name = data[at + 4:at + 4 + size].decode()
        at += 4 + size
        partitions, = struct.unpack_from(">i", data, at)
        at += 4
        for _ in range(partitions):
            at += 10
            for _ in range(2):
                at += 4 + 4 * struct.unpack_from(">i", data, at)[0]
        found[name] = (error, partitions)
    return found
