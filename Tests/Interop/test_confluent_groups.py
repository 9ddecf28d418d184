"""Consumer groups with confluent-kafka: joining together, cooperative, static, their offsets."""

import threading
import time

from confluent_kafka import (ConsumerGroupTopicPartitions, KafkaError, KafkaException,
                             TopicPartition)

from clients import admin, consumer, create, produce_all, result
from harness import equal, eventually

NEEDS_CLIENTS = True


class Member(threading.Thread):
    """One consumer on its own thread: what it was assigned, what it read, what went wrong."""

    def __init__(self, server, topic, group, **options):
        super().__init__(daemon=True)
        self.settings = dict(server=server, group=group, **options)
        self.topic, self.values, self.errors = topic, [], []
        self.partitions, self.assignments = set(), 0
        self.stopping, self.crashing = threading.Event(), False
        self.start()

    def run(self):
        options = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500,
                   "enable.auto.commit": True, "auto.commit.interval.ms": 200,
                   "error_cb": lambda e: self.errors.append(e.name())}
        try:
            with consumer(**{**options, **self.settings}) as c:
                self.consume(c)
        except Exception as error:
            self.errors.append(repr(error))

    def consume(self, c):
        cooperative = self.settings.get("partition.assignment.strategy") == "cooperative-sticky"

        def assigned(_, partitions):
            self.assignments += 1
            if not cooperative:
                self.partitions.clear()
            self.partitions |= {p.partition for p in partitions}

        def revoked(_, partitions):
            self.partitions -= {p.partition for p in partitions}

        c.subscribe([self.topic], on_assign=assigned, on_revoke=revoked, on_lost=revoked)
        while not self.stopping.is_set():
            message = c.poll(0.1)
            if message is None:
                continue
            if message.error():
                self.errors.append(message.error().name())
            else:
                self.values.append(message.value())
        self.partitions = set()

    def leave(self):
        self.stopping.set()
        self.join(30)


def settled(members, count):
    """Every partition has one owner."""
    owned = sorted(p for m in members for p in m.partitions)
    return owned == list(range(count))


def test_three_members_that_join_at_once(server, topic):
    """None of them may see UNKNOWN_MEMBER_ID, and no partition two owners (KIP-394)."""
    create(server, topic, 6)
    produce_all(server, topic, [b"%d" % i for i in range(600)], key=lambda v: v)
    members = [Member(server, topic, topic) for _ in range(3)]
    eventually(lambda: settled(members, 6) and all(len(m.partitions) == 2 for m in members), 40,
               "an even assignment")
    eventually(lambda: sum(len(m.values) for m in members) >= 600, 30, "all records")
    for member in members:
        member.leave()
        equal(member.errors, [], "errors")
    found = [int(v) for m in members for v in m.values]
    equal(set(found), set(range(600)))


def test_a_first_member_does_not_wait(server, topic):
    """group.initial.rebalance.delay.ms is 0 here; Kafka's 3 s cost each first join 3 s."""
    create(server, topic, 1)
    produce_all(server, topic, [b"x"])
    begin = time.monotonic()
    with consumer(server, topic) as c:
        c.subscribe([topic])
        eventually(lambda: c.poll(0.1), what="a record")
    assert time.monotonic() - begin < 2.9, "the first join waited"


def test_cooperative_members_keep_what_they_have(server, topic):
    create(server, topic, 4)
    options = {"partition.assignment.strategy": "cooperative-sticky"}
    first = Member(server, topic, topic, **options)
    eventually(lambda: settled([first], 4))
    second = Member(server, topic, topic, **options)
    eventually(lambda: settled([first, second], 4) and len(second.partitions) == 2, 40)
    second.leave()
    eventually(lambda: settled([first], 4), 40)
    first.leave()
    equal(first.errors + second.errors, [])


def test_a_member_that_leaves_hands_over(server, topic):
    create(server, topic, 2)
    first, second = (Member(server, topic, topic) for _ in range(2))
    eventually(lambda: settled([first, second], 2) and len(first.partitions) == 1, 40)
    first.leave()
    eventually(lambda: settled([second], 2), 20)
    produce_all(server, topic, [b"%d" % i for i in range(20)], key=lambda v: v)
    eventually(lambda: len(second.values) == 20, 20)
    second.leave()


def test_a_static_member_comes_back_without_a_rebalance(server, topic):
    """KIP-345: the other member keeps its partitions while this one restarts."""
    create(server, topic, 2)
    stays = Member(server, topic, topic, **{"group.instance.id": "stays",
                                            "session.timeout.ms": 30_000})
    goes = Member(server, topic, topic, **{"group.instance.id": "goes",
                                           "session.timeout.ms": 30_000})
    eventually(lambda: settled([stays, goes], 2) and len(stays.partitions) == 1, 40)
    had, rounds = set(goes.partitions), stays.assignments
    goes.leave()
    again = Member(server, topic, topic, **{"group.instance.id": "goes",
                                            "session.timeout.ms": 30_000})
    eventually(lambda: again.partitions == had, 20)
    equal(stays.assignments, rounds, "assignments of the member that stayed")
    again.leave()
    stays.leave()
    equal(stays.errors + goes.errors + again.errors, [])


def test_a_second_static_member_of_that_name_fences_the_first(server, topic):
    create(server, topic, 1)
    first = Member(server, topic, topic, **{"group.instance.id": "one"})
    eventually(lambda: settled([first], 1), 30)
    second = Member(server, topic, topic, **{"group.instance.id": "one"})
    eventually(lambda: settled([second], 1), 30)
    eventually(lambda: any("FATAL" in e or "FENCED" in e for e in first.errors), 30, "the fencing")
    second.leave()
    first.leave()


def test_a_dead_member_is_evicted(server, topic):
    create(server, topic, 1)
    stuck = consumer(server, topic, **{"session.timeout.ms": 6000, "max.poll.interval.ms": 6000})
    with stuck as c:
        c.subscribe([topic])
        eventually(lambda: c.poll(0.1) is not None or c.assignment(), 20)
        # It polls no more: after its interval the other one has the partition.
        other = Member(server, topic, topic)
        eventually(lambda: settled([other], 1), 40, "the eviction")
        other.leave()


def test_offsets_and_metadata_are_kept(server, topic):
    create(server, topic, 2)
    with consumer(server, topic) as c:
        c.commit(offsets=[TopicPartition(topic, 0, 5, metadata="a note"),
                          TopicPartition(topic, 1, 7)], asynchronous=False)
        found = c.committed([TopicPartition(topic, p) for p in (0, 1)], timeout=10)
        equal([(t.offset, t.metadata or "") for t in found], [(5, "a note"), (7, "")])
    with consumer(server, topic + "-other") as c:
        equal(c.committed([TopicPartition(topic, 0)], timeout=10)[0].offset, -1001)


def test_groups_are_listed_described_and_deleted(server, topic):
    create(server, topic, 1)
    member, a = Member(server, topic, topic), admin(server)
    eventually(lambda: settled([member], 1), 30)
    listed = {g.group_id: g.state.name for g in a.list_consumer_groups().result(10).valid}
    equal(listed[topic], "STABLE")
    described = result(a.describe_consumer_groups([topic]))[topic]
    equal((described.state.name, described.partition_assignor, len(described.members)),
          ("STABLE", "range", 1))
    assigned = described.members[0].assignment.topic_partitions
    equal([(t.topic, t.partition) for t in assigned], [(topic, 0)])
    try:
        result(a.delete_consumer_groups([topic]))
        raise AssertionError("a group with a member was deleted")
    except KafkaException as error:
        equal(error.args[0].code(), KafkaError.NON_EMPTY_GROUP)
    member.leave()
    eventually(lambda: result(a.describe_consumer_groups([topic]))[topic].state.name == "EMPTY")
    result(a.delete_consumer_groups([topic]))
    assert topic not in {g.group_id for g in a.list_consumer_groups().result(10).valid}


def test_offsets_are_listed_and_altered_by_the_administrator(server, topic):
    create(server, topic, 1)
    produce_all(server, topic, [b"%d" % i for i in range(10)])
    a = admin(server)
    moved = ConsumerGroupTopicPartitions(topic, [TopicPartition(topic, 0, 4)])
    result(a.alter_consumer_group_offsets([moved]))
    found = result(a.list_consumer_group_offsets([ConsumerGroupTopicPartitions(topic)]))[topic]
    equal([(t.topic, t.offset) for t in found.topic_partitions], [(topic, 4)])
    with consumer(server, topic) as c:
        c.subscribe([topic])
        equal(eventually(lambda: c.poll(0.5)).value(), b"4")
