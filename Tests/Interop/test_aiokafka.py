"""aiokafka: asks with ApiVersions 0 and stays at old versions."""

import asyncio
import functools

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from harness import equal

NEEDS_CLIENTS = True


def producer(server, **options):
    return AIOKafkaProducer(bootstrap_servers=server.address, **options)


def consumer(server, *topics, **options):
    return AIOKafkaConsumer(*topics, bootstrap_servers=server.address,
                            auto_offset_reset="earliest", **options)


async def take(c, count):
    found = []
    while len(found) < count:
        batches = await c.getmany(timeout_ms=15_000)
        if not batches:
            raise AssertionError(f"only {len(found)} of {count} records came")
        found += [m for messages in batches.values() for m in messages]
    return found


def asynchronous(function):
    """A test that the harness can call: it fills its parameters by their names."""
    @functools.wraps(function)
    def test(server, topic):
        asyncio.run(asyncio.wait_for(function(server, topic), 100))
    return test


@asynchronous
async def test_records_come_back(server, topic):
    async with producer(server, linger_ms=5) as p:
        sent = [await p.send(topic, b"%d" % i, key=b"k%d" % (i % 3), headers=[("h", b"v")])
                for i in range(2000)]
        await asyncio.gather(*sent)
    async with consumer(server, topic) as c:
        found = await take(c, 2000)
    equal(sorted(int(m.value) for m in found), list(range(2000)))
    equal(list(found[0].headers), [("h", b"v")])


@asynchronous
async def test_an_idempotent_producer(server, topic):
    async with producer(server, enable_idempotence=True) as p:
        for i in range(200):
            await p.send_and_wait(topic, b"%d" % i, partition=0)
    async with consumer(server, topic) as c:
        equal([int(m.value) for m in await take(c, 200)], list(range(200)))


@asynchronous
async def test_a_group_shares_and_commits(server, topic):
    await create(server, topic, 2)
    async with producer(server) as p:
        for i in range(100):
            await p.send(topic, b"%d" % i, partition=i % 2)
    options = dict(group_id=topic, enable_auto_commit=False, session_timeout_ms=6000)
    async with consumer(server, topic, **options) as first, \
            consumer(server, topic, **options) as second:
        for _ in range(300):
            if len(first.assignment()) == len(second.assignment()) == 1:
                break
            await asyncio.sleep(0.1)
        equal(first.assignment() | second.assignment(),
              {TopicPartition(topic, 0), TopicPartition(topic, 1)})
        found = await take(first, 50) + await take(second, 50)
        equal(sorted(int(m.value) for m in found), list(range(100)))
        await first.commit()
        await second.commit()
    async with consumer(server, topic, **options) as c:
        equal([await c.committed(TopicPartition(topic, p)) for p in (0, 1)], [50, 50])


@asynchronous
async def test_seek_offsets_for_times_and_ends(server, topic):
    await create(server, topic, 1)
    async with producer(server) as p:
        for i in range(50):
            await p.send(topic, b"%d" % i, timestamp_ms=1_000_000 + i)
    place = TopicPartition(topic, 0)
    async with consumer(server) as c:
        c.assign([place])
        equal(await c.end_offsets([place]), {place: 50})
        equal((await c.offsets_for_times({place: 1_000_030}))[place].offset, 30)
        c.seek(place, 42)
        equal((await take(c, 1))[0].value, b"42")


@asynchronous
async def test_topics_groups_and_configs_are_administered(server, topic):
    await create(server, topic, 1)
    a = AIOKafkaAdminClient(bootstrap_servers=server.address)
    await a.start()
    try:
        assert topic in await a.list_topics()
        await a.create_partitions({topic: NewPartitions(2)})
        described = await a.describe_topics([topic])
        equal(len(described[0]["partitions"]), 2)
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "9000000"})
        await a.alter_configs([resource])
        answers = await a.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        entries = {e[0]: e[1] for e in answers[0].resources[0][4]}
        equal(entries["retention.ms"], "9000000")
        await consume_one(server, topic)
        assert topic in {g[0] for g in await a.list_consumer_groups()}
        offsets = await a.list_consumer_group_offsets(topic)
        equal(offsets[TopicPartition(topic, 0)].offset, 1)
        group = (await a.describe_consumer_groups([topic]))[0].groups[0]
        equal((group[1], group[2]), (topic, "Empty"))
        await a.delete_records({TopicPartition(topic, 0): RecordsToDelete(1)})
        await a.delete_topics([topic])
        assert topic not in await a.list_topics()
    finally:
        await a.close()


async def consume_one(server, topic):
    async with producer(server) as p:
        await p.send_and_wait(topic, b"x", partition=0)
    async with consumer(server, topic, group_id=topic, enable_auto_commit=False) as c:
        await take(c, 1)
        await c.commit()


async def create(server, topic, partitions):
    a = AIOKafkaAdminClient(bootstrap_servers=server.address)
    await a.start()
    await a.create_topics([NewTopic(topic, partitions, 1)])
    await a.close()
