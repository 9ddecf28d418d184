"""Each codec, from each client to each: what one compresses the others and `rtd` can read."""

import asyncio
import json
import random

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from kafka import KafkaConsumer, KafkaProducer

from clients import consume_all, create, produce_all
from harness import equal, run

NEEDS_CLIENTS = True


def with_kcat(server, topic, codec, values):
    run("kcat", "-q", "-b", server.address, "-P", "-t", topic, "-p", "0", "-z", codec,
        input=b"\n".join(values) + b"\n", check=0)


def with_confluent(server, topic, codec, values):
    produce_all(server, topic, values, **{"compression.type": codec, "linger.ms": 100})


def plain(codec):
    """The Python clients have None for no compression."""
    return None if codec == "none" else codec


def with_kafka_python(server, topic, codec, values):
    with KafkaProducer(bootstrap_servers=server.address, compression_type=plain(codec),
                       linger_ms=100) as producer:
        for value in values:
            producer.send(topic, value)
        producer.flush(30)


def with_aiokafka(server, topic, codec, values):
    async def send():
        async with AIOKafkaProducer(bootstrap_servers=server.address, linger_ms=100,
                                    compression_type=plain(codec)) as producer:
            for value in values:
                await producer.send(topic, value)
    asyncio.run(send())


def with_rtd(server, topic, codec, values):
    run("rtd", "produce", "-b", server.address, "-z", codec, topic,
        input=b"\n".join(values) + b"\n", check=0)


def by_kcat(server, topic, count):
    return run("kcat", "-q", "-b", server.address, "-C", "-t", topic, "-e",
               check=0).stdout.split(b"\n")[:-1]


def by_confluent(server, topic, count):
    return [m.value() for m in consume_all(server, topic, 1, **{"check.crcs": True})]


def by_kafka_python(server, topic, count):
    with KafkaConsumer(topic, bootstrap_servers=server.address, auto_offset_reset="earliest",
                       consumer_timeout_ms=15_000) as consumer:
        return [next(consumer).value for _ in range(count)]


def by_aiokafka(server, topic, count):
    async def read():
        async with AIOKafkaConsumer(topic, bootstrap_servers=server.address,
                                    auto_offset_reset="earliest") as consumer:
            return [(await asyncio.wait_for(consumer.getone(), 15)).value for _ in range(count)]
    return asyncio.run(read())


def by_rtd(server, topic, count):
    lines = run("rtd", "consume", "-b", server.address, "-J", "-e", topic, check=0)
    return [json.loads(line)["value"].encode() for line in lines.stdout.splitlines()]


WRITERS = (with_kcat, with_confluent, with_kafka_python, with_aiokafka, with_rtd)
READERS = (by_kcat, by_confluent, by_kafka_python, by_aiokafka, by_rtd)


def records():
    """Some that compress well and some that do not, in more than one block of each codec."""
    words = [b"%08x" % random.getrandbits(32) for _ in range(50)]
    return [b" ".join(random.choices(words, k=random.randint(1, 400))) for _ in range(300)]


def exchange(server, topic, codec):
    for write in WRITERS:
        values, name = records(), f"{topic}-{write.__name__}"
        create(server, name, 1)
        write(server, name, codec, values)
        for read in READERS:
            equal(read(server, name, len(values)) == values, True,
                  f"{codec} {write.__name__} {read.__name__}")


def test_none(server, topic):
    exchange(server, topic, "none")


def test_gzip(server, topic):
    exchange(server, topic, "gzip")


def test_snappy(server, topic):
    exchange(server, topic, "snappy")


def test_lz4(server, topic):
    exchange(server, topic, "lz4")


def test_zstd(server, topic):
    exchange(server, topic, "zstd")


def test_ten_megabytes_of_binary_records(server, topic):
    """Byte for byte through librdkafka and through rtd's own commands."""
    create(server, topic, 1)
    values = [random.randbytes(random.choice((0, 1, 10, 1000, 100_000))) for _ in range(400)]
    while sum(map(len, values)) < 10_000_000:
        values.append(random.randbytes(60_000))
    produce_all(server, topic, values, key=lambda v: v[:20])
    equal([m.value() for m in consume_all(server, topic, 1)] == values, True, "through librdkafka")
    lines = run("rtd", "consume", "-b", server.address, "-J", "-e", topic, check=0).stdout
    copy = topic + "-copy"
    run("rtd", "produce", "-b", server.address, "-J", copy, input=lines, check=0)
    copied = consume_all(server, copy, 1)
    equal([(m.key(), m.value()) for m in copied] == [(v[:20], v) for v in values], True,
          "through consume -J | produce -J")
