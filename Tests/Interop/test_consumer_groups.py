"""Consumer groups of KIP-848 with librdkafka, and classic members of three clients beside them."""

import random
import threading
import time

from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import NewPartitions

from clients import admin, consumer, create, produce_all, result
from harness import Server, equal, eventually, is_long

NEEDS_CLIENTS = True
QUICK = ("-X", "group.consumer.heartbeat.interval.ms=200")


class Owners:
    """Who works on which partition; a partition that two have at a time is a fault."""

    def __init__(self):
        self.lock, self.owners, self.faults = threading.Lock(), {}, []

    def take(self, member, partitions):
        with self.lock:
            for p in partitions:
                other = self.owners.get(p)
                if other not in (None, member):
                    self.faults.append((p, other, member))
                self.owners[p] = member

    def give_up(self, member, partitions=None):
        with self.lock:
            for p, owner in list(self.owners.items()):
                if owner == member and (partitions is None or p in partitions):
                    del self.owners[p]


class Member(threading.Thread):
    """One consumer on its own thread, of the new protocol unless said otherwise."""

    def __init__(self, server, group, topics, owners=None, protocol="consumer", **options):
        super().__init__(daemon=True)
        self.settings = {"server": server, "group": group, "group.protocol": protocol, **options}
        if protocol == "classic":
            self.settings.update({"session.timeout.ms": 6000, "heartbeat.interval.ms": 200})
        self.topics, self.owners = topics, owners or Owners()
        self.values, self.errors, self.partitions = [], [], set()
        self.stopping, self.is_closing = threading.Event(), False
        self.start()

    def run(self):
        options = {"enable.auto.commit": True, "auto.commit.interval.ms": 200,
                   "error_cb": lambda e: self.errors.append(e.name())}
        try:
            with consumer(**{**options, **self.settings}) as c:
                self.consume(c)
                # Closing gives up what is left, without a call; what is assigned in it, with a
                # call, nobody works on.
                self.is_closing = True
                self.owners.give_up(self)
        except Exception as error:
            self.errors.append(repr(error))
        self.owners.give_up(self)

    def consume(self, c):
        def assigned(_, partitions):
            if self.is_closing:
                return
            some = {(p.topic, p.partition) for p in partitions}
            self.owners.take(self, some)
            self.partitions |= some

        def revoked(_, partitions):
            some = {(p.topic, p.partition) for p in partitions}
            self.owners.give_up(self, some)
            self.partitions -= some

        c.subscribe(self.topics, on_assign=assigned, on_revoke=revoked, on_lost=revoked)
        while not self.stopping.is_set():
            message = c.poll(0.05)
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
    """Every partition has one owner, and all members about as many."""
    owned = sorted(p for m in members for p in m.partitions)
    sizes = [len(m.partitions) for m in members]
    return len(owned) == count == len(set(owned)) and max(sizes) - min(sizes) <= 1


def finish(members):
    for member in members:
        member.stopping.set()
    for member in members:
        member.join(30)
        equal(member.errors, [], "errors")
        equal(member.owners.faults, [], "partitions with two owners")


def described(server, group):
    return result(admin(server).describe_consumer_groups([group]))[group]


def test_members_come_and_go(server, topic):
    """Each record once, though the partitions move twice."""
    with Server(*QUICK) as server:
        create(server, topic, 6)
        produce_all(server, topic, [b"%d" % i for i in range(600)], key=lambda v: v)
        owners = Owners()
        members = [Member(server, topic, [topic], owners)]
        eventually(lambda: settled(members, 6), 20, "an assignment of all")
        members += [Member(server, topic, [topic], owners) for _ in range(2)]
        eventually(lambda: settled(members, 6), 20, "an even assignment")
        found = described(server, topic)
        equal((found.state, found.partition_assignor, len(found.members)),
              (ConsumerGroupState.STABLE, "uniform", 3), "description")
        leaver = members.pop(0)
        leaver.leave()
        eventually(lambda: settled(members, 6), 20, "an even assignment of two")
        produce_all(server, topic, [b"%d" % i for i in range(600, 900)], key=lambda v: v)
        every = members + [leaver]
        eventually(lambda: sum(len(m.values) for m in every) >= 900, 20, "all records")
        finish(every)
        equal(sorted(int(v) for m in every for v in m.values), list(range(900)), "records")
        found = [g for g in admin(server).list_consumer_groups().result().valid]
        equal([(g.group_id, g.state, g.type.name) for g in found],
              [(topic, ConsumerGroupState.EMPTY, "CONSUMER")], "groups")
        result(admin(server).delete_consumer_groups([topic]))


def test_a_pattern_and_partitions_that_are_added(server, topic):
    with Server(*QUICK) as server:
        create(server, "log-a", 2)
        member = Member(server, topic, ["^log-.*"])
        eventually(lambda: settled([member], 2), 20, "the first topic")
        create(server, "log-b", 3)
        create(server, "other", 3)
        eventually(lambda: settled([member], 5), 20, "the second topic")
        result(admin(server).create_partitions([NewPartitions("log-a", 4)]))
        eventually(lambda: settled([member], 7), 20, "the partitions that were added")
        equal({t for t, _ in member.partitions}, {"log-a", "log-b"}, "topics")
        finish([member])


def test_commits_seeks_and_stale_epochs(server, topic):
    with Server(*QUICK) as server:
        create(server, topic, 1)
        produce_all(server, topic, [b"%d" % i for i in range(10)], partition=0)
        with consumer(server, topic, **{"group.protocol": "consumer"}) as c:
            c.subscribe([topic])
            first = eventually(lambda: c.poll(0.1), 20, "a record")
            equal(first.value(), b"0", "record")
            c.commit(offsets=[TopicPartition(topic, 0, 5)], asynchronous=False)
            c.seek(TopicPartition(topic, 0, 7))
            equal(eventually(lambda: c.poll(0.1), 20, "a record").value(), b"7", "after a seek")
            equal(c.committed([TopicPartition(topic, 0)])[0].offset, 5, "committed")
            # Somebody from outside may not, while members are there.
            try:
                with consumer(server, topic) as other:
                    other.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
                raise AssertionError("a commit from outside was accepted")
            except KafkaException as error:
                equal(error.args[0].code(), KafkaError.UNKNOWN_MEMBER_ID, "error")
        with consumer(server, topic, **{"group.protocol": "consumer"}) as c:
            c.subscribe([topic])
            equal(eventually(lambda: c.poll(0.1), 20, "a record").value(), b"5", "from the commit")


def test_a_static_member_comes_back_to_what_it_had(server, topic):
    with Server(*QUICK) as server:
        create(server, topic, 4)
        owners = Owners()
        stays = Member(server, topic, [topic], owners, **{"group.instance.id": "a"})
        goes = Member(server, topic, [topic], owners, **{"group.instance.id": "b"})
        eventually(lambda: settled([stays, goes], 4), 20, "an even assignment")
        had, kept = set(goes.partitions), set(stays.partitions)
        epoch = len(described(server, topic).members)
        equal(epoch, 2, "members")
        goes.leave()
        again = Member(server, topic, [topic], owners, **{"group.instance.id": "b"})
        eventually(lambda: again.partitions == had, 20, "the share it had")
        equal(stays.partitions, kept, "the other's share")
        thief = Member(server, topic, [topic], owners, **{"group.instance.id": "b"})
        eventually(lambda: thief.errors, 20, "an error of the second with the same id")
        assert any("UNRELEASED" in e or "FATAL" in e for e in thief.errors), thief.errors
        thief.stopping.set()
        finish([stays, again])


def test_the_range_assignor_and_one_that_is_not_there(server, topic):
    with Server(*QUICK) as server:
        create(server, topic, 5)
        owners = Owners()
        members = [Member(server, topic, [topic], owners, **{"group.remote.assignor": "range"})
                   for _ in range(2)]
        eventually(lambda: settled(members, 5), 20, "an assignment")
        sizes = sorted(sorted(p for _, p in m.partitions) for m in members)
        equal(sizes, [[0, 1, 2], [3, 4]], "ranges")
        finish(members)
        wrong = Member(server, "wrong", [topic], **{"group.remote.assignor": "nosuch"})
        eventually(lambda: wrong.errors, 20, "an error")
        wrong.stopping.set()
        assert "nosuch is not supported" in server.log(), server.log()


def test_a_member_that_dies_is_replaced(server, topic):
    """Without a goodbye: after the session timeout the others have its share."""
    with Server(*QUICK, "-X", "group.consumer.session.timeout.ms=4000") as server:
        create(server, topic, 4)
        alive = Member(server, topic, [topic])
        # A member that joins and is never heard of again.
        c = consumer(server, topic, **{"group.protocol": "consumer",
                                       "max.poll.interval.ms": 6000})
        dead = c.__enter__()
        dead.subscribe([topic])
        eventually(lambda: dead.poll(0.1) or len(dead.assignment()) == 2, 20, "its share")
        eventually(lambda: settled([alive], 4), 30, "what the dead one had")
        finish([alive])
        c.__exit__(None, None, None)


def test_members_and_epochs_outlive_kill_9(server, topic):
    with Server(*QUICK) as server:
        create(server, topic, 6)
        owners = Owners()
        members = [Member(server, topic, [topic], owners) for _ in range(3)]
        eventually(lambda: settled(members, 6), 20, "an even assignment")
        before = {m.member_id for m in described(server, topic).members}
        had = [set(m.partitions) for m in members]
        server.kafka = server.address
        server.kill()
        server.start()
        produce_all(server, topic, [b"%d" % i for i in range(300)], key=lambda v: v)
        eventually(lambda: sum(len(m.values) for m in members) >= 300, 30, "all records")
        equal({m.member_id for m in described(server, topic).members}, before, "members")
        equal([m.partitions for m in members], had, "shares")
        for member in members:
            member.errors = [e for e in member.errors if e not in ("_TRANSPORT", "_ALL_BROKERS_DOWN")]
        finish(members)


def test_a_group_moves_from_classic_to_consumer_and_back(server, topic):
    with Server(*QUICK) as server:
        create(server, topic, 6)
        owners = Owners()
        old = [Member(server, topic, [topic], owners, "classic") for _ in range(2)]
        eventually(lambda: settled(old, 6), 30, "a classic assignment")
        new = [Member(server, topic, [topic], owners) for _ in range(2)]
        eventually(lambda: settled(old + new, 6), 30, "an assignment over both protocols")
        equal(described(server, topic).type.name, "CONSUMER", "type")
        produce_all(server, topic, [b"%d" % i for i in range(300)], key=lambda v: v)
        eventually(lambda: sum(len(m.values) for m in old + new) >= 300, 30, "all records")
        finish(new)
        eventually(lambda: settled(old, 6), 30, "a classic assignment again")
        equal(described(server, topic).type.name, "CLASSIC", "type")
        finish(old)
        equal(sorted(int(v) for m in old + new for v in m.values), list(range(300)), "records")


def test_kafka_python_in_a_consumer_group(server, topic):
    from kafka import KafkaConsumer
    with Server(*QUICK) as server:
        create(server, topic, 6)
        new = Member(server, topic, [topic])
        eventually(lambda: settled([new], 6), 20, "all")
        c = KafkaConsumer(topic, bootstrap_servers=server.address, group_id=topic,
                          auto_offset_reset="earliest", session_timeout_ms=6000,
                          heartbeat_interval_ms=200)
        values, stop = [], threading.Event()

        def work():
            while not stop.is_set():
                for records in c.poll(timeout_ms=100).values():
                    values.extend(r.value for r in records)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        eventually(lambda: len(new.partitions) == 3 and len(c.assignment()) == 3, 30,
                   "an assignment over both")
        produce_all(server, topic, [b"%d" % i for i in range(300)], key=lambda v: v)
        eventually(lambda: len(values) + len(new.values) >= 300, 20, "all records")
        stop.set()
        thread.join(20)
        c.close()
        eventually(lambda: settled([new], 6), 20, "all again")
        finish([new])


def test_a_rebalance_storm_of_30_members(server, topic):
    """Members come, leave and change while records arrive: no partition has two owners."""
    seconds, seed = (180, 7) if is_long else (12, 7)
    chance = random.Random(seed)
    with Server(*QUICK) as server:
        create(server, topic, 60)
        owners = Owners()
        members = [Member(server, topic, [topic], owners) for _ in range(30)]
        gone, sent = [], 0
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            leaver = members.pop(chance.randrange(len(members)))
            leaver.stopping.set()
            gone.append(leaver)
            members.append(Member(server, topic, [topic], owners))
            produce_all(server, topic, [b"%d" % i for i in range(sent, sent + 60)],
                        key=lambda v: v)
            sent += 60
        eventually(lambda: settled(members, 60), 60, "an even assignment after the storm")
        every = members + gone
        eventually(lambda: len({v for m in every for v in m.values}) == sent, 30, "all records")
        equal(owners.faults, [], "partitions with two owners")
        for member in every:
            member.stopping.set()
        for member in every:
            member.join(30)
