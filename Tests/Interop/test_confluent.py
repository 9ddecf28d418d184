"""confluent-kafka (librdkafka 2.12 and later): producing and reading."""

import time

from confluent_kafka import (KafkaError, KafkaException, TopicCollection, TopicPartition,
                             OFFSET_BEGINNING, TIMESTAMP_CREATE_TIME)
from confluent_kafka.admin import NewTopic

from clients import admin, consume_all, consumer, create, produce_all, producer, result
from harness import equal, eventually

NEEDS_CLIENTS = True


def test_idempotent_producer_keeps_order_without_duplicates(server, topic):
    create(server, topic, 3)
    values = [b"%d" % i for i in range(30_000)]
    offsets = produce_all(server, topic, values, key=lambda v: b"k%d" % (int(v) % 7),
                          **{"enable.idempotence": True, "acks": "all", "linger.ms": 2})
    equal(len(set(offsets)), len(values), "distinct (partition, offset)")
    found = consume_all(server, topic, 3)
    equal(sorted(int(m.value()) for m in found), list(range(30_000)))
    last = {}
    for message in found:
        value = int(message.value())
        assert last.get(message.key(), -1) < value, "order within a key"
        last[message.key()] = value


def test_headers_keys_nulls_and_timestamps(server, topic):
    create(server, topic, 1)
    p = producer(server)
    headers = [("a", b"1"), ("a", b"2"), ("null", None), ("", b""), ("bin", bytes(range(256)))]
    p.produce(topic, b"value", b"key", headers=headers, timestamp=1_500_000_000_123)
    p.produce(topic, None, b"tombstone")
    p.produce(topic, b"", b"")
    p.produce(topic, b"no key")
    equal(p.flush(20), 0, "left in the queue")
    found = consume_all(server, topic, 1)
    equal([(m.key(), m.value()) for m in found],
          [(b"key", b"value"), (b"tombstone", None), (b"", b""), (None, b"no key")])
    equal(found[0].headers(), headers)
    equal(found[0].timestamp(), (TIMESTAMP_CREATE_TIME, 1_500_000_000_123))


def test_read_from_inside_a_batch(server, topic):
    """The server sends the whole batch; skipping it hangs the consumer for ever."""
    create(server, topic, 1)
    produce_all(server, topic, [b"%d" % i for i in range(1000)], **{"linger.ms": 200})
    with consumer(server) as c:
        for offset in (1, 500, 999, 3):
            c.assign([TopicPartition(topic, 0, offset)])
            message = c.poll(10)
            equal((message.offset(), message.value()), (offset, b"%d" % offset))


def test_seek_goes_both_ways(server, topic):
    create(server, topic, 1)
    produce_all(server, topic, [b"%d" % i for i in range(100)])
    with consumer(server) as c:
        c.assign([TopicPartition(topic, 0, 0)])
        equal(c.poll(10).offset(), 0)
        for offset in (90, 10, 50):
            c.seek(TopicPartition(topic, 0, offset))
            equal(c.poll(10).offset(), offset)


def test_offsets_for_times(server, topic):
    create(server, topic, 1)
    p = producer(server)
    for i in range(100):
        p.produce(topic, b"x", timestamp=1_000_000 + i * 10)
        if i % 10 == 9:
            equal(p.flush(20), 0)
    with consumer(server) as c:
        for time_, offset in ((0, 0), (1_000_000, 0), (1_000_001, 1), (1_000_500, 50),
                              (1_000_989, 99), (1_000_990, 99), (1_000_991, -1)):
            found = c.offsets_for_times([TopicPartition(topic, 0, time_)], timeout=10)[0]
            equal(found.offset, offset, f"offset at {time_}")


def test_watermarks(server, topic):
    create(server, topic, 1)
    with consumer(server) as c:
        equal(c.get_watermark_offsets(TopicPartition(topic, 0), timeout=10), (0, 0))
        produce_all(server, topic, [b"x"] * 42)
        equal(c.get_watermark_offsets(TopicPartition(topic, 0), timeout=10), (0, 42))
        c.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        c.consume(1, 10)
        equal(c.get_watermark_offsets(TopicPartition(topic, 0), cached=True)[1], 42)


def test_an_offset_out_of_range_is_reset(server, topic):
    create(server, topic, 1)
    produce_all(server, topic, [b"a", b"b"])
    with consumer(server, **{"auto.offset.reset": "earliest"}) as c:
        c.assign([TopicPartition(topic, 0, 1000)])
        equal(c.poll(15).value(), b"a")
    with consumer(server, **{"auto.offset.reset": "error"}) as c:
        c.assign([TopicPartition(topic, 0, 1000)])
        equal(c.poll(15).error().code(), KafkaError._AUTO_OFFSET_RESET)


def test_max_message_bytes(server, topic):
    result(admin(server).create_topics([NewTopic(topic, 1, config={"max.message.bytes": "2000"})]))
    p, errors = producer(server), []
    p.produce(topic, b"x" * 5000, on_delivery=lambda e, m: errors.append(e))
    p.produce(topic, b"x" * 500, on_delivery=lambda e, m: errors.append(e))
    p.flush(20)
    equal([e and e.code() for e in errors].count(KafkaError.MSG_SIZE_TOO_LARGE) >= 1, True)
    produce_all(server, topic, [b"x" * 500])


def test_an_unknown_topic_is_an_error_when_creation_is_off(server, topic):
    with consumer(server, **{"allow.auto.create.topics": False}) as c:
        c.subscribe([topic])
        message = eventually(lambda: c.poll(1), what="an error")
        equal(message.error().code(), KafkaError.UNKNOWN_TOPIC_OR_PART)
    equal(topic in admin(server).list_topics(timeout=10).topics, False, "created")


def test_an_unknown_partition_is_an_error(server, topic):
    create(server, topic, 1)
    p, errors = producer(server, **{"message.timeout.ms": 5000}), []
    p.produce(topic, b"x", partition=7, on_delivery=lambda e, m: errors.append(e.code()))
    p.flush(10)
    equal(errors, [KafkaError._UNKNOWN_PARTITION])


def test_a_topic_made_anew_gets_a_new_id(server, topic):
    ids = []
    for round_ in range(2):
        create(server, topic, 1)
        produce_all(server, topic, [b"%d" % round_])
        described = result(admin(server).describe_topics(TopicCollection([topic])))[topic]
        ids.append(str(described.topic_id))
        equal([m.value() for m in consume_all(server, topic, 1)], [b"%d" % round_])
        result(admin(server).delete_topics([topic], operation_timeout=10))
        eventually(lambda: topic not in admin(server).list_topics(timeout=10).topics)
    assert ids[0] != ids[1], ids


def test_a_fetch_waits_for_an_append(server, topic):
    """Woken by the append: neither a poll that ends early nor one that waits its time out."""
    create(server, topic, 1)
    with consumer(server, **{"fetch.wait.max.ms": 10_000}) as c:
        c.assign([TopicPartition(topic, 0, 0)])
        equal(c.poll(1), None)
        begin = time.monotonic()
        produce_all(server, topic, [b"now"])
        equal(c.poll(20).value(), b"now")
        assert time.monotonic() - begin < 9, "the fetch was not woken"


def test_a_restart_keeps_records_offsets_and_ids(server, topic):
    create(server, topic, 2)
    produce_all(server, topic, [b"%d" % i for i in range(1000)], key=lambda v: v)
    with consumer(server, topic) as c:
        c.commit(offsets=[TopicPartition(topic, 0, 17, metadata="note")], asynchronous=False)
    before = result(admin(server).describe_topics(TopicCollection([topic])))[topic].topic_id
    server.restart()
    equal(sorted(int(m.value()) for m in consume_all(server, topic, 2)), list(range(1000)))
    after = result(admin(server).describe_topics(TopicCollection([topic])))[topic].topic_id
    equal(str(after), str(before), "topic id")
    with consumer(server, topic) as c:
        kept = c.committed([TopicPartition(topic, 0)], timeout=10)[0]
        equal((kept.offset, kept.metadata), (17, "note"))
