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
    "ListTransactions": (0, 2), "SaslHandshake": (0, 1), "SaslAuthenticate": (0, 2),
    "DescribeUserScramCredentials": (0, 0), "AlterUserScramCredentials": (0, 0),
    "ElectLeaders": (0, 2), "ListPartitionReassignments": (0, 0),
    "ListConfigResources": (0, 1), "DescribeAcls": (1, 3), "CreateAcls": (1, 3),
    "DeleteAcls": (1, 3), "AlterReplicaLogDirs": (1, 2), "AlterPartitionReassignments": (0, 1),
    "DescribeClientQuotas": (0, 1), "DescribeQuorum": (0, 2),
}
# What kafka-python does not have, after Kafka's own message files (clients/src/main/resources):
# key, versions, fields of the request and of the response. A field is "name type", with "?" where
# it may be null and "@N" where it begins with version N; structs are lists.
SHARES = [("topicId uuid",), ("partitions []int32",)]
NAMED_SHARES = [("topicId uuid",), ("topicName string",), ("partitions []int32",)]
OTHERS = {
    "ConsumerGroupHeartbeat": (68, (0, 1), [
        ("groupId string",), ("memberId string",), ("memberEpoch int32",),
        ("instanceId string?",), ("rackId string?",), ("rebalanceTimeoutMs int32",),
        ("subscribedTopicNames []string?",), ("subscribedTopicRegex string?@1",),
        ("serverAssignor string?",), ("topicPartitions []?", SHARES),
    ], [
        ("throttleTimeMs int32",), ("errorCode int16",), ("errorMessage string?",),
        ("memberId string?",), ("memberEpoch int32",), ("heartbeatIntervalMs int32",),
        ("assignment struct?", [("topicPartitions []", SHARES)]),
    ]),
    "ConsumerGroupDescribe": (69, (0, 1), [
        ("groupIds []string",), ("includeAuthorizedOperations bool",),
    ], [
        ("throttleTimeMs int32",), ("groups []", [
            ("errorCode int16",), ("errorMessage string?",), ("groupId string",),
            ("groupState string",), ("groupEpoch int32",), ("assignmentEpoch int32",),
            ("assignorName string",), ("members []", [
                ("memberId string",), ("instanceId string?",), ("rackId string?",),
                ("memberEpoch int32",), ("clientId string",), ("clientHost string",),
                ("subscribedTopicNames []string",), ("subscribedTopicRegex string?",),
                ("assignment struct", [("topicPartitions []", NAMED_SHARES)]),
                ("targetAssignment struct", [("topicPartitions []", NAMED_SHARES)]),
                ("memberType int8@1",),
            ]), ("authorizedOperations int32",),
        ]),
    ]),
}
BATCHES = ("acknowledgementBatches []", [
    ("firstOffset int64",), ("lastOffset int64",), ("acknowledgeTypes bytes",)])
LEADER = ("currentLeader struct", [("leaderId int32",), ("leaderEpoch int32",)])
NODES = ("nodeEndpoints []", [
    ("nodeId int32",), ("host string",), ("port int32",), ("rack string?",)])
OTHERS.update({
    "ShareGroupHeartbeat": (76, (1, 1), [
        ("groupId string",), ("memberId string",), ("memberEpoch int32",), ("rackId string?",),
        ("subscribedTopicNames []string?",),
    ], OTHERS["ConsumerGroupHeartbeat"][3]),
    "ShareGroupDescribe": (77, (1, 1), OTHERS["ConsumerGroupDescribe"][2], [
        ("throttleTimeMs int32",), ("groups []", [
            ("errorCode int16",), ("errorMessage string?",), ("groupId string",),
            ("groupState string",), ("groupEpoch int32",), ("assignmentEpoch int32",),
            ("assignorName string",), ("members []", [
                ("memberId string",), ("rackId string?",), ("memberEpoch int32",),
                ("clientId string",), ("clientHost string",), ("subscribedTopicNames []string",),
                ("assignment struct", [("topicPartitions []", NAMED_SHARES)]),
            ]), ("authorizedOperations int32",),
        ]),
    ]),
    "ShareFetch": (78, (1, 2), [
        ("groupId string?",), ("memberId string?",), ("shareSessionEpoch int32",),
        ("maxWaitMs int32",), ("minBytes int32",), ("maxBytes int32",), ("maxRecords int32",),
        ("batchSize int32",), ("shareAcquireMode int8@2",), ("isRenewAck bool@2",),
        ("topics []", [("topicId uuid",), ("partitions []", [("partitionIndex int32",), BATCHES])]),
        ("forgottenTopicsData []", SHARES),
    ], [
        ("throttleTimeMs int32",), ("errorCode int16",), ("errorMessage string?",),
        ("acquisitionLockTimeoutMs int32",), ("responses []", [
            ("topicId uuid",), ("partitions []", [
                ("partitionIndex int32",), ("errorCode int16",), ("errorMessage string?",),
                ("acknowledgeErrorCode int16",), ("acknowledgeErrorMessage string?",), LEADER,
                ("records records?",), ("acquiredRecords []", [
                    ("firstOffset int64",), ("lastOffset int64",), ("deliveryCount int16",)]),
            ]),
        ]), NODES,
    ]),
    "ShareAcknowledge": (79, (1, 2), [
        ("groupId string?",), ("memberId string?",), ("shareSessionEpoch int32",),
        ("isRenewAck bool@2",),
        ("topics []", [("topicId uuid",), ("partitions []", [("partitionIndex int32",), BATCHES])]),
    ], [
        ("throttleTimeMs int32",), ("errorCode int16",), ("errorMessage string?",),
        ("acquisitionLockTimeoutMs int32@2",),
        ("responses []", [("topicId uuid",), ("partitions []", [
            ("partitionIndex int32",), ("errorCode int16",), ("errorMessage string?",), LEADER,
        ])]), NODES,
    ]),
    "DescribeShareGroupOffsets": (90, (0, 1), [
        ("groups []", [("groupId string",), ("topics []?", [
            ("topicName string",), ("partitions []int32",)])]),
    ], [
        ("throttleTimeMs int32",), ("groups []", [
            ("groupId string",), ("topics []", [
                ("topicName string",), ("topicId uuid",), ("partitions []", [
                    ("partitionIndex int32",), ("startOffset int64",), ("leaderEpoch int32",),
                    ("lag int64@1",), ("errorCode int16",), ("errorMessage string?",)])]),
            ("errorCode int16",), ("errorMessage string?",)]),
    ]),
    "AlterShareGroupOffsets": (91, (0, 0), [
        ("groupId string",), ("topics []", [("topicName string",), ("partitions []", [
            ("partitionIndex int32",), ("startOffset int64",)])]),
    ], [
        ("throttleTimeMs int32",), ("errorCode int16",), ("errorMessage string?",),
        ("responses []", [("topicName string",), ("topicId uuid",), ("partitions []", [
            ("partitionIndex int32",), ("errorCode int16",), ("errorMessage string?",)])]),
    ]),
    "DeleteShareGroupOffsets": (92, (0, 0), [
        ("groupId string",), ("topics []", [("topicName string",)]),
    ], [
        ("throttleTimeMs int32",), ("errorCode int16",), ("errorMessage string?",),
        ("responses []", [("topicName string",), ("topicId uuid",), ("errorCode int16",),
                          ("errorMessage string?",)]),
    ]),
})
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
        "uint16": (h & 0x7FFF, 0xFFFF),
        "int32": (h & 0x7FFFFFFF, -1),
        "float64": (float(h), -1.0),
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


def uvarint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def encode_scalar(kind, value):
    if kind == "uuid":
        return value.bytes
    if kind == "bool":
        return bytes([value])
    if kind in ("string", "bytes", "records"):
        data = value.encode() if isinstance(value, str) else value
        return uvarint(len(data) + 1) + data
    return value.to_bytes(int(kind[3:]) // 8, "big", signed=True)


def encode(fields, version, full):
    """A struct of a flexible version."""
    out = b""
    for text, *inner in fields:
        label, kind = text.split(" ")
        kind, _, first = kind.partition("@")
        if version < int(first or 0):
            continue
        nullable, kind = kind.endswith("?"), kind.rstrip("?")
        null = nullable and not full
        if kind == "[]":
            elements = [encode(inner[0], version, full)] * (2 if full else 1)
            out += b"\0" if null else uvarint(len(elements) + 1) + b"".join(elements)
        elif kind == "struct":
            there = b"\x01" if nullable else b""
            out += b"\xff" if null else there + encode(inner[0], version, full)
        elif kind.startswith("[]"):
            last = "" if kind == "[]string" else 1
            values = [scalar(kind[2:], label, True), last] if full else []
            body = b"".join(encode_scalar(kind[2:], value) for value in values)
            out += b"\0" if null else uvarint(len(values) + 1) + body
        elif null:
            out += b"\0"
        else:
            out += encode_scalar(kind, scalar(kind, label, full))
    return out + b"\0"


def print_others():
    for name, (key, (first, last), request, response) in OTHERS.items():
        for side, fields in (("Request", request), ("Response", response)):
            for version in range(first, last + 1):
                header = (7).to_bytes(4, "big")
                if side == "Request":
                    header = key.to_bytes(2, "big") + version.to_bytes(2, "big") + header
                    header += b"\0\x06golden"
                for full in (True, False):
                    body = header + b"\0" + encode(fields, version, full)
                    frame = len(body).to_bytes(4, "big") + body
                    print(name + side, version, "full" if full else "null", frame.hex())


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
    print_others()
    for name in BLOBS:
        kind = classes[name]
        for version in range(4):
            for full in (True, False):
                message = kind(version=version, **fill(kind._struct, version, full))
                body = version.to_bytes(2, "big") + kind._struct.encode(message, version=version)
                print(name, version, "full" if full else "null", body.hex())


main()
