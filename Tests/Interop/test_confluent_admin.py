"""Administration with confluent-kafka's AdminClient."""

from confluent_kafka import (ElectionType, KafkaError, KafkaException, OFFSET_END,
                             TopicCollection, TopicPartition)
from confluent_kafka.admin import (AclBinding, AclBindingFilter, AclOperation, AclPermissionType,
                                   AlterConfigOpType, ConfigEntry, ConfigResource,
                                   NewPartitions, NewTopic, OffsetSpec, ResourcePatternType,
                                   ResourceType)

from clients import admin, consume_all, consumer, create, produce_all, result
from harness import equal, eventually

NEEDS_CLIENTS = True


def error_of(futures):
    try:
        result(futures)
    except KafkaException as error:
        return error.args[0].code()
    raise AssertionError("no error")


def configs(server, topic):
    described = result(admin(server).describe_configs(
        [ConfigResource(ResourceType.TOPIC, topic)]))
    return next(iter(described.values()))


def test_topics_are_created_described_and_deleted(server, topic):
    a = admin(server)
    create(server, topic, 3, **{"retention.ms": "3600000"})
    equal(error_of(a.create_topics([NewTopic(topic, 1)])), KafkaError.TOPIC_ALREADY_EXISTS)
    described = result(a.describe_topics(TopicCollection([topic])))[topic]
    equal([p.id for p in described.partitions], [0, 1, 2])
    leaders = {p.leader.id for p in described.partitions}
    equal(leaders, {n.id for n in a.describe_cluster().result(10).nodes})
    result(a.delete_topics([topic], operation_timeout=10))
    eventually(lambda: topic not in a.list_topics(timeout=10).topics)
    equal(error_of(a.delete_topics([topic])), KafkaError.UNKNOWN_TOPIC_OR_PART)


def test_bad_topics_are_refused(server, topic):
    a = admin(server)
    for name in ("", "a/b", "..", "x" * 250, "sp ace"):
        equal(error_of(a.create_topics([NewTopic(name, 1)])), KafkaError.TOPIC_EXCEPTION,
              f"name {name[:20]!r}")
    equal(error_of(a.create_topics([NewTopic(topic, 1, replication_factor=3)])),
          KafkaError.INVALID_REPLICATION_FACTOR)
    equal(error_of(a.create_topics([NewTopic(topic, 1, config={"no.such": "1"})])),
          KafkaError.INVALID_CONFIG)
    equal(error_of(a.create_topics([NewTopic(topic, 1, config={"retention.ms": "x"})])),
          KafkaError.INVALID_CONFIG)


def test_validation_creates_nothing(server, topic):
    a = admin(server)
    result(a.create_topics([NewTopic(topic, 1)], validate_only=True))
    assert topic not in a.list_topics(timeout=10).topics


def test_default_partition_count(server, topic):
    result(admin(server).create_topics([NewTopic(topic, -1)]))
    equal(len(admin(server).list_topics(topic, timeout=10).topics[topic].partitions), 4)


def test_partitions_are_added(server, topic):
    a = admin(server)
    create(server, topic, 1)
    produce_all(server, topic, [b"kept"])
    result(a.create_partitions([NewPartitions(topic, 3)]))
    eventually(lambda: len(a.list_topics(topic, timeout=10).topics[topic].partitions) == 3)
    equal(error_of(a.create_partitions([NewPartitions(topic, 2)])), KafkaError.INVALID_PARTITIONS)
    produce_all(server, topic, [b"new"], partition=2)
    equal(sorted(m.value() for m in consume_all(server, topic, 3)), [b"kept", b"new"])


def test_configs_have_kafkas_names_and_defaults(server, topic):
    create(server, topic, 1, **{"retention.ms": "1234567"})
    found = configs(server, topic)
    for name, value in {"cleanup.policy": "delete", "retention.bytes": "-1",
                        "segment.bytes": "1073741824", "max.message.bytes": "1048588",
                        "message.timestamp.type": "CreateTime", "compression.type": "producer",
                        "flush.messages": "1", "min.insync.replicas": "1",
                        "retention.ms": "1234567"}.items():
        equal(found[name].value, value, name)
    equal((found["retention.ms"].is_default, found["segment.bytes"].is_default), (False, True))


def test_configs_are_altered_one_by_one(server, topic):
    create(server, topic, 1, **{"retention.ms": "1000000"})
    a = admin(server)

    def alter(name, value, operation):
        entry = ConfigEntry(name, value, incremental_operation=operation)
        result(a.incremental_alter_configs(
            [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]))

    alter("segment.bytes", "2000000", AlterConfigOpType.SET)
    equal(configs(server, topic)["segment.bytes"].value, "2000000")
    equal(configs(server, topic)["retention.ms"].value, "1000000", "the other one")
    alter("cleanup.policy", "compact", AlterConfigOpType.APPEND)
    equal(set(configs(server, topic)["cleanup.policy"].value.split(",")), {"delete", "compact"})
    alter("cleanup.policy", "compact", AlterConfigOpType.SUBTRACT)
    equal(configs(server, topic)["cleanup.policy"].value, "delete")
    alter("segment.bytes", None, AlterConfigOpType.DELETE)
    equal(configs(server, topic)["segment.bytes"].value, "1073741824")


def test_configs_are_replaced_as_a_whole(server, topic):
    create(server, topic, 1, **{"retention.ms": "1000000", "segment.bytes": "5000000"})
    resource = ConfigResource(ResourceType.TOPIC, topic, set_config={"retention.ms": "2000000"})
    result(admin(server).alter_configs([resource]))
    found = configs(server, topic)
    equal((found["retention.ms"].value, found["segment.bytes"].value), ("2000000", "1073741824"))


def test_the_broker_has_configs(server):
    described = result(admin(server).describe_configs(
        [ConfigResource(ResourceType.BROKER, str(broker_id(server)))]))
    found = next(iter(described.values()))
    equal(found["num.partitions"].value, "4")
    equal(found["auto.create.topics.enable"].value, "true")


def broker_id(server):
    return admin(server).describe_cluster().result(10).nodes[0].id


def test_records_are_deleted_up_to_an_offset(server, topic):
    create(server, topic, 1)
    produce_all(server, topic, [b"%d" % i for i in range(100)], **{"linger.ms": 0})
    a = admin(server)
    done = result(a.delete_records([TopicPartition(topic, 0, 40)]))
    equal([d.low_watermark for d in done.values()], [40])
    found = consume_all(server, topic, 1)
    equal((found[0].offset(), len(found)), (40, 60))
    result(a.delete_records([TopicPartition(topic, 0, OFFSET_END)]))
    with consumer(server) as c:
        equal(c.get_watermark_offsets(TopicPartition(topic, 0), timeout=10), (100, 100))
    equal(error_of(a.delete_records([TopicPartition(topic, 0, 1000)])),
          KafkaError.OFFSET_OUT_OF_RANGE)


def test_deleted_records_stay_deleted_after_a_restart(server, topic):
    create(server, topic, 1)
    produce_all(server, topic, [b"%d" % i for i in range(10)])
    result(admin(server).delete_records([TopicPartition(topic, 0, 4)]))
    server.restart()
    with consumer(server) as c:
        equal(c.get_watermark_offsets(TopicPartition(topic, 0), timeout=10), (4, 10))


def test_offsets_are_listed(server, topic):
    create(server, topic, 1)
    produce_all(server, topic, [b"%d" % i for i in range(10)])
    place = TopicPartition(topic, 0)
    for spec, offset in ((OffsetSpec.earliest(), 0), (OffsetSpec.latest(), 10),
                         (OffsetSpec.for_timestamp(0), 0)):
        found = admin(server).list_offsets({place: spec})
        equal([f.result(10).offset for f in found.values()], [offset])
    newest = admin(server).list_offsets({place: OffsetSpec.max_timestamp()})
    assert 0 <= next(iter(newest.values())).result(10).offset < 10


def test_the_cluster_names_a_live_controller(server):
    described = admin(server).describe_cluster().result(10)
    assert described.controller.id in {n.id for n in described.nodes}, described
    equal((described.nodes[0].host, described.nodes[0].port), ("127.0.0.1", server.port))
    assert described.cluster_id, "no cluster id"


def test_log_append_time(server, topic):
    create(server, topic, 1, **{"message.timestamp.type": "LogAppendTime"})
    produce_all(server, topic, [b"x"])
    kind, stamp = consume_all(server, topic, 1)[0].timestamp()
    equal(kind, 2, "kind of timestamp")
    assert stamp > 1_600_000_000_000, stamp


def test_a_compacted_topic_refuses_null_keys(server, topic):
    create(server, topic, 1, **{"cleanup.policy": "compact"})
    produce_all(server, topic, [b"v"], key=lambda v: b"k")
    try:
        produce_all(server, topic, [b"v"])
    except AssertionError as error:
        assert "valid" in str(error), error
        return
    raise AssertionError("a record without a key was taken")


def test_internal_topics_cannot_be_written(server):
    names = admin(server).list_topics(timeout=10).topics
    for internal in (n for n in names if n.startswith("__")):
        try:
            produce_all(server, internal, [b"x"], **{"message.timeout.ms": 3000})
        except AssertionError:
            continue
        raise AssertionError(f"{internal} took a record")


def test_a_topic_named_twice_or_alike_is_refused(server, topic):
    a = admin(server)
    futures = a.create_topics([NewTopic(topic, 1), NewTopic(topic, 2)])
    equal(error_of(futures), KafkaError.INVALID_REQUEST)
    create(server, topic + ".a_b", 1)
    equal(error_of(a.create_topics([NewTopic(topic + "_a.b", 1)])), KafkaError.TOPIC_EXCEPTION)


def test_operations_that_are_allowed_are_told(server, topic):
    a = admin(server)
    create(server, topic, 1)
    found = result(a.describe_topics(
        TopicCollection([topic]), include_authorized_operations=True))[topic]
    equal({o.name for o in found.authorized_operations},
          {"READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE", "DESCRIBE_CONFIGS",
           "ALTER_CONFIGS"})
    cluster = a.describe_cluster(include_authorized_operations=True).result(10)
    assert AclOperation.ALTER in cluster.authorized_operations, cluster.authorized_operations


def test_what_a_cluster_of_one_has_not(server, topic):
    a = admin(server)
    create(server, topic, 1)
    every = AclBindingFilter(ResourceType.ANY, None, ResourcePatternType.ANY, None, None,
                             AclOperation.ANY, AclPermissionType.ANY)
    # The error is no error to this client, and there are none.
    equal(a.describe_acls(every).result(10), [])
    binding = AclBinding(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, "User:u", "*",
                         AclOperation.READ, AclPermissionType.ALLOW)
    equal(error_of(a.create_acls([binding])), KafkaError.SECURITY_DISABLED)
    equal(error_of(a.delete_acls([every])), KafkaError.SECURITY_DISABLED)
    elected = a.elect_leaders(ElectionType.PREFERRED, [TopicPartition(topic, 0)]).result(10)
    equal([e.code() for e in elected.values()], [KafkaError.ELECTION_NOT_NEEDED])
    # A client of that version ends its process on an error of the whole answer.
    equal(a.describe_user_scram_credentials().result(10), {})
