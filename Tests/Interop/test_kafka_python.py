"""kafka-python 3: asks with ApiVersions 4, then uses the newest version of everything."""

import warnings

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import (AlterConfigOp, ConfigResource, ConfigResourceType, KafkaAdminClient,
                         OffsetSpec)
from kafka.errors import (MessageSizeTooLargeError, TopicAlreadyExistsError,
                          UnknownTopicOrPartitionError)
from kafka.structs import OffsetAndMetadata, TopicPartitionReplica

from harness import equal, eventually

NEEDS_CLIENTS = True
warnings.simplefilter("ignore")


def producer(server, **options):
    return KafkaProducer(bootstrap_servers=server.address, **options)


def consumer(server, *topics, **options):
    return KafkaConsumer(*topics, bootstrap_servers=server.address, auto_offset_reset="earliest",
                         consumer_timeout_ms=15_000, **options)


def admin(server):
    return KafkaAdminClient(bootstrap_servers=server.address)


def take(c, count):
    found = []
    for message in c:
        found.append(message)
        if len(found) == count:
            return found
    raise AssertionError(f"only {len(found)} of {count} records came")


def test_records_come_back(server, topic):
    with producer(server, linger_ms=5) as p:
        for i in range(5000):
            p.send(topic, key=b"k%d" % (i % 3), value=b"%d" % i, headers=[("h", b"%d" % i)])
        sent = p.send(topic, key=b"last", value=None, timestamp_ms=1_234_567_890_123)
        p.flush(30)
        equal(sent.get(5).timestamp, 1_234_567_890_123)
    with consumer(server, topic) as c:
        found = take(c, 5001)
    equal(sorted(int(m.value) for m in found if m.value), list(range(5000)))
    equal([m.timestamp for m in found if m.key == b"last"], [1_234_567_890_123])
    equal(all(m.headers == [("h", m.value)] for m in found if m.value), True, "headers")


def test_a_group_shares_and_commits(server, topic):
    with admin(server) as a:
        a.create_topics({topic: {"num_partitions": 2}})
    with producer(server) as p:
        for i in range(200):
            p.send(topic, b"%d" % i, partition=i % 2)
    with consumer(server, topic, group_id=topic, enable_auto_commit=False) as c:
        equal(sorted(int(m.value) for m in take(c, 200)), list(range(200)))
        c.commit()
    with consumer(server, topic, group_id=topic) as c:
        for partition in (0, 1):
            equal(c.committed(TopicPartition(topic, partition)), 100)


def test_two_members(server, topic):
    with admin(server) as a:
        a.create_topics({topic: {"num_partitions": 4}})
    first, second = (consumer(server, topic, group_id=topic) for _ in range(2))

    def shared():
        for c in (first, second):
            c.poll(timeout_ms=50)
        mine, yours = first.assignment(), second.assignment()
        return len(mine) == len(yours) == 2 and not mine & yours

    eventually(shared, 60, "an even assignment")
    second.close()
    eventually(lambda: first.poll(timeout_ms=50) is not None and len(first.assignment()) == 4, 60)
    first.close()


def test_seek_offsets_for_times_and_ends(server, topic):
    with admin(server) as a:
        a.create_topics({topic: {"num_partitions": 1}})
    with producer(server) as p:
        for i in range(50):
            p.send(topic, b"%d" % i, timestamp_ms=1_000_000 + i)
    place = TopicPartition(topic, 0)
    with consumer(server) as c:
        c.assign([place])
        equal(c.end_offsets([place]), {place: 50})
        equal(c.beginning_offsets([place]), {place: 0})
        equal(c.offsets_for_times({place: 1_000_030})[place].offset, 30)
        equal(c.offsets_for_times({place: 2_000_000})[place], None)
        c.seek(place, 42)
        equal(take(c, 1)[0].value, b"42")


def test_topics_are_administered(server, topic):
    with admin(server) as a:
        a.create_topics({topic: {"num_partitions": 2, "configs": {"retention.ms": "5000000"}}})
        assert topic in a.list_topics()
        try:
            a.create_topics({topic: {}})
            raise AssertionError("created twice")
        except TopicAlreadyExistsError:
            pass
        a.create_partitions({topic: 3})
        eventually(lambda: len(a.describe_topics([topic])[0]["partitions"]) == 3)
        a.delete_topics([topic])
        eventually(lambda: topic not in a.list_topics())
        try:
            a.delete_topics([topic])
            raise AssertionError("deleted twice")
        except UnknownTopicOrPartitionError:
            pass


def test_configs_are_administered(server, topic):
    with admin(server) as a:
        a.create_topics({topic: {"num_partitions": 1}})
        resource = ConfigResource(ConfigResourceType.TOPIC, topic,
                                  {"retention.ms": (AlterConfigOp.SET, "7000000")})
        a.alter_configs([resource])
        found = a.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        equal(found_config(found, topic, "retention.ms"), "7000000")


def found_config(described, name, key):
    by_name = next(iter(described.values()))
    return by_name[name][key]["value"]


def test_groups_are_administered(server, topic):
    with producer(server) as p:
        p.send(topic, b"x", partition=0)
    place = TopicPartition(topic, 0)
    with consumer(server, topic, group_id=topic, enable_auto_commit=False) as c, \
            admin(server) as a:
        take(c, 1)
        c.commit({place: OffsetAndMetadata(1, "note", -1)})
        described = a.describe_groups([topic])[topic]
        equal((described["group_state"], len(described["members"])), ("Stable", 1))
        assert topic in {g["group_id"] for g in a.list_groups()}
        kept = a.list_group_offsets({topic: None})[topic][place]
        equal((kept.offset, kept.metadata), (1, "note"))
    with admin(server) as a:
        a.delete_groups([topic])
        assert topic not in {g["group_id"] for g in a.list_groups()}


def test_records_are_deleted_and_offsets_listed(server, topic):
    with admin(server) as a:
        a.create_topics({topic: {"num_partitions": 1}})
        with producer(server) as p:
            for i in range(10):
                p.send(topic, b"%d" % i)
        place = TopicPartition(topic, 0)
        a.delete_records({place: 4})
        equal(a.list_partition_offsets({place: OffsetSpec.EARLIEST})[place].offset, 4)
        equal(a.list_partition_offsets({place: OffsetSpec.LATEST})[place].offset, 10)
        with consumer(server, topic) as c:
            equal([m.value for m in take(c, 6)][0], b"4")


def test_the_cluster_is_described(server):
    with admin(server) as a:
        found = a.describe_cluster()
        assert found["controller_id"] in {b["broker_id"] for b in found["brokers"]}, found
        assert a.describe_log_dirs(), "no log directories"


def test_a_record_that_is_too_large_is_refused(server, topic):
    with producer(server, max_request_size=5_000_000) as p:
        sent = p.send(topic, b"x" * 3_000_000)
        try:
            sent.get(20)
        except MessageSizeTooLargeError:
            return
    raise AssertionError("it was taken")


def test_a_cluster_of_one_answers_what_tools_ask(server, topic):
    with admin(server) as a:
        a.create_topics({topic: {"num_partitions": 2}})
        brokers = [b.node_id for b in a._manager.cluster.brokers()]
        place = TopicPartition(topic, 0)
        equal(a.alter_partition_reassignments({place: brokers}), {place: None})
        equal(a.list_partition_reassignments(), {})
        log_dirs = a.describe_log_dirs()[0]
        replica = TopicPartitionReplica(topic, 1, log_dirs["broker"])
        moved = a.alter_replica_log_dirs({replica: log_dirs["log_dirs"][0]["log_dir"]})
        equal(moved[replica].errno, 0)
        moved = a.alter_replica_log_dirs({replica: "/nowhere"})
        equal(moved[replica].errno, 57)
        quorum = a.describe_metadata_quorum()["topics"][0]
        equal(quorum["topic_name"], "__cluster_metadata")
        keeper = quorum["partitions"][0]
        equal((keeper["leader_id"], [v["replica_id"] for v in keeper["current_voters"]]),
              (brokers[0], brokers))


def test_the_broker_says_where_it_is(server):
    with admin(server) as a:
        resource = ConfigResource(ConfigResourceType.BROKER, "1")
        found = next(iter(a.describe_configs([resource], config_filter="all").values()))["1"]
    values = {name: entry["value"] for name, entry in found.items()}
    equal(values["advertised.listeners"], f"PLAINTEXT://{server.address}")
    equal(values["listeners"], f"PLAINTEXT://{server.address}")
    equal(values["log.dirs"], str(server.data))
    equal([found[name]["read_only"] for name in ("listeners", "log.dirs", "num.io.threads")],
          [True, True, False])
