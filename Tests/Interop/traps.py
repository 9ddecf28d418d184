"""The four negotiation traps of Kafka's wire, each of which breaks a real client."""

import struct

import wire
from harness import equal

# Key: lowest and highest version, as Kafka 4.3 has them. librdkafka before 2.11 tests for exact
# versions inside these ranges, so a broker copies them to the letter.
KAFKA_VERSIONS = {
    0: (0, 13), 1: (4, 18), 2: (1, 11), 3: (0, 13), 8: (2, 10), 9: (1, 10), 10: (0, 6),
    11: (0, 9), 12: (0, 4), 13: (0, 5), 14: (0, 5), 15: (0, 6), 16: (0, 5), 18: (0, 4),
    19: (2, 7), 20: (1, 6), 21: (0, 2), 22: (0, 5), 23: (2, 4), 32: (1, 4), 33: (0, 2),
    24: (0, 5), 25: (0, 4), 26: (0, 5), 28: (0, 5), 35: (1, 5), 37: (0, 3), 42: (0, 2),
    44: (0, 1), 60: (0, 2), 61: (0, 0), 65: (0, 0), 68: (0, 1), 69: (0, 1), 75: (0, 0),
    76: (1, 1), 77: (1, 1), 78: (1, 2), 79: (1, 2), 90: (0, 1), 91: (0, 0), 92: (0, 0),
    29: (1, 3), 30: (1, 3), 31: (1, 3), 43: (0, 2), 46: (0, 0), 74: (0, 1),
    34: (1, 2), 45: (0, 1), 48: (0, 1), 55: (0, 2),
}
# Advertised before they work, these make clients wait or fail.
ABSENT = {71: "GetTelemetrySubscriptions", 72: "PushTelemetry"}


def test_produce_is_advertised_from_version_0(server):
    """Else librdkafka before 2.11.1 sends uncompressed (KAFKA-18659)."""
    with server.connect() as connection:
        equal(wire.api_versions(connection)[wire.PRODUCE], (0, 13), "versions of Produce")


def test_ranges_are_those_of_kafka(server):
    with server.connect() as connection:
        table = wire.api_versions(connection)
    wrong = {k: (table.get(k), v) for k, v in KAFKA_VERSIONS.items() if table.get(k) != v}
    equal(wrong, {}, "api keys with other versions: (found, Kafka's)")
    equal({k for k in ABSENT if k in table}, set(), "api keys that are not served yet")


def test_unknown_api_versions_version_gets_v0_and_error_35(server):
    """kafka-python 3 reads the highest version that it may ask for from this answer."""
    for version in (5, 99, 32767):
        with server.connect() as connection:
            body = b"\x05trap\x041.0\0"
            data = wire.call(connection, wire.API_VERSIONS, version, body, flexible=True)
            error, count = struct.unpack(">hi", data[:6])
            equal(error, 35, f"error for version {version}")
            rows = list(struct.iter_unpack(">hhh", data[6:6 + 6 * count]))
            assert (18, 0, 4) in rows, f"no row for ApiVersions in {rows}"
            # The connection goes on: the client asks again on it.
            assert wire.api_versions(connection)[18] == (0, 4)


def test_api_versions_response_header_is_v0(server):
    for version in (3, 4):
        with server.connect() as connection:
            body = b"\x05trap\x041.0\0"
            data = wire.call(connection, wire.API_VERSIONS, version, body, flexible=True)
            # With a tag buffer in the header, a zero byte would shift the error code.
            error, count = struct.unpack(">hB", data[:3])
            equal(error, 0, "error")
            assert 20 < count < 120, f"{count} rows in version {version}"


def test_requests_are_accepted_without_api_versions(server):
    """Sarama never sends ApiVersions; kafka-python 2.0.2 begins with Metadata 0."""
    with server.connect() as connection:
        found = wire.metadata_v0(connection, "trap-metadata")
        equal(set(found), {"trap-metadata"}, "topics of Metadata 0")
    with server.connect() as connection:
        data = wire.call(connection, wire.METADATA, 5, wire.array([]) + b"\0")
        brokers, = struct.unpack(">i", data[4:8])
        assert brokers >= 1, brokers
