"""Writes messages.txt; see PROVENANCE.txt."""

import importlib
import pkgutil
import uuid

from kafka.protocol import admin, consumer, metadata, producer, sasl

VERSIONS = {
    "Produce": (3, 13), "Fetch": (4, 18), "ListOffsets": (1, 11), "Metadata": (0, 13),
    "OffsetCommit": (2, 10), "OffsetFetch": (1, 10), "FindCoordinator": (0, 6),
    "JoinGroup": (0, 9), "Heartbeat": (0, 4), "LeaveGroup": (0, 5), "SyncGroup": (0, 5),
    "DescribeGroups": (0, 6), "ListGroups": (0, 5), "ApiVersions": (0, 4),
    "CreateTopics": (2, 7), "DeleteTopics": (1, 6), "DeleteRecords": (0, 2),
    "InitProducerId": (0, 5), "OffsetForLeaderEpoch": (2, 4), "DescribeConfigs": (1, 4),
    "AlterConfigs": (0, 2), "DescribeLogDirs": (1, 5), "CreatePartitions": (0, 3),
    "DeleteGroups": (0, 2), "IncrementalAlterConfigs": (0, 1), "OffsetDelete": (0, 0),
    "DescribeCluster": (0, 2), "DescribeTopicPartitions": (0, 0),
    "AddPartitionsToTxn": (0, 5), "AddOffsetsToTxn": (0, 4), "EndTxn": (0, 5),
    "TxnOffsetCommit": (0, 5), "DescribeProducers": (0, 0), "DescribeTransactions": (0, 0),
    "ListTransactions": (0, 1), "SaslHandshake": (0, 1), "SaslAuthenticate": (0, 2),
    "DescribeUserScramCredentials": (0, 0), "AlterUserScramCredentials": (0, 0),
}
BLOBS = ("ConsumerProtocolSubscription", "ConsumerProtocolAssignment")


def message_classes():
    classes = dict(vars(sasl))
    for package in (admin, consumer, metadata, producer):
        for module in pkgutil.iter_modules(package.__path__):
            classes.update(vars(importlib.import_module(f"{package.__name__}.{module.name}")))
    return classes


def name_hash(name):
    value = 0x811C9DC5
    for byte in name.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def label_of(field):
    name = field._json["name"]
    if name == "authorized_operations":  # kafka-python's own name for two fields of Kafka's
        name = ("Topic" if "topic" in field._json["about"] else "Cluster") + "AuthorizedOperations"
    return name[0].lower() + name[1:]


def scalar(kind, label, full):
    h = name_hash(label)
    values = {
        "bool": (True, False),
        "int8": (h & 0x7F, -1),
        "int16": (h & 0x7FFF, -1),
        "int32": (h & 0x7FFFFFFF, -1),
        "int64": ((h << 24 | h) & 0x7FFFFFFFFFFFFFFF, -1),
        "bitfield": ({bit for bit in range(31) if h >> bit & 1}, None),
        "uuid": (uuid.UUID(bytes=h.to_bytes(4, "big") * 4), uuid.UUID(int=0)),
        "string": (label, ""),
        "bytes": (label.encode(), b""),
        "records": (label.encode(), b""),
    }
    return values[kind][0 if full else 1]


def value_of(field, version, full):
    kind = field._json["type"]
    label = label_of(field)
    if field.is_struct_array():
        element = getattr(field, "array_of", field)
        count = 2 if full else 1
        return [field.data_class(version=version, **fill(element, version, full))
                for _ in range(count)]
    if kind.startswith("[]"):
        last = "" if kind == "[]string" else 1
        return [scalar(kind[2:], label, True), last] if full else []
    if field.is_struct():
        return field.data_class(version=version, **fill(field, version, full))
    return scalar(kind, label, full)


def fill(struct, version, full):
    values = {}
    for field in struct._fields:
        if not field.for_version_q(version) or (field._tag is not None and not full):
            continue
        null = not full and field.nullable_for_version_q(version)
        values[field.name] = None if null else value_of(field, version, full)
    return values


def main():
    classes = message_classes()
    for name, (first, last) in VERSIONS.items():
        for side in ("Request", "Response"):
            kind = classes[name + side]
            header = {"client_id": "golden"} if side == "Request" else {}
            for version in range(first, last + 1):
                for full in (True, False):
                    message = kind(version=version, **fill(kind._struct, version, full))
                    message.with_header(correlation_id=7, **header)
                    frame = bytes(message.encode(header=True, framed=True))
                    print(name + side, version, "full" if full else "null", frame.hex())
    for name in BLOBS:
        kind = classes[name]
        for version in range(4):
            for full in (True, False):
                message = kind(version=version, **fill(kind._struct, version, full))
                body = version.to_bytes(2, "big") + kind._struct.encode(message, version=version)
                print(name, version, "full" if full else "null", body.hex())


main()
