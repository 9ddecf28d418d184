"""Transactions (KIP-98, KIP-890): librdkafka, kafka-python and aiokafka through the old requests,
the wire by hand through those of KIP-890."""

import asyncio
import random
import struct
import time

import harness
import kafka
from confluent_kafka import KafkaError, KafkaException, TopicPartition, OFFSET_BEGINNING
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

import wire
from clients import consumer, create, producer, produce_all
from harness import Server, equal, eventually, run

NEEDS_CLIENTS = True
COMMITTED, UNCOMMITTED = "read_committed", "read_uncommitted"


def transactional(server, name, seconds=30, **options):
    made = producer(server, **{"transactional.id": name, **options})
    made.init_transactions(seconds)
    return made


def send(p, topic, *values, partition=0):
    for value in values:
        p.produce(topic, value, partition=partition)
    equal(p.flush(20), 0, "left in the queue")


def values(server, topic, isolation=COMMITTED, partition=0):
    """What lies in a partition now, up to the end that the isolation allows."""
    with consumer(server, **{"isolation.level": isolation, "enable.partition.eof": True}) as c:
        c.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
        found = []
        while True:
            message = c.poll(20)
            assert message is not None, f"no end of {topic} came"
            if message.error():
                equal(message.error().code(), KafkaError._PARTITION_EOF, message.error())
                return found
            found.append(message.value())


def refused(action, *codes):
    """The error that an action fails with, which is one of those."""
    try:
        action()
    except KafkaException as error:
        code = error.args[0].code()
        assert code in codes, error
        return error.args[0]
    raise AssertionError("it went through")


def test_committed_is_read_and_aborted_is_not(server, topic):
    create(server, topic, 2)
    p = transactional(server, topic)
    p.begin_transaction()
    send(p, topic, b"a", b"b")
    send(p, topic, b"other", partition=1)
    p.commit_transaction(20)
    p.begin_transaction()
    send(p, topic, b"never")
    p.abort_transaction(20)
    p.begin_transaction()
    send(p, topic, b"c")
    p.commit_transaction(20)
    equal(values(server, topic), [b"a", b"b", b"c"])
    equal(values(server, topic, partition=1), [b"other"])
    equal(values(server, topic, UNCOMMITTED), [b"a", b"b", b"never", b"c"])


def test_an_open_transaction_holds_back_what_is_behind_it(server, topic):
    create(server, topic, 1)
    p = transactional(server, topic)
    p.begin_transaction()
    send(p, topic, b"first")
    produce_all(server, topic, [b"plain"], partition=0)
    equal(values(server, topic), [])
    equal(values(server, topic, UNCOMMITTED), [b"first", b"plain"])
    with consumer(server, **{"isolation.level": COMMITTED}) as c:
        c.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        equal(c.poll(0.3), None, "before the commit")
        p.commit_transaction(20)
        equal([c.poll(20).value() for _ in range(2)], [b"first", b"plain"])


def test_rtd_consume_shows_what_is_committed(server, topic):
    create(server, topic, 1)
    p = transactional(server, topic)
    for word, ends in (("a", p.commit_transaction), ("b", p.abort_transaction),
                       ("c", p.commit_transaction), ("d", None)):
        p.begin_transaction()
        send(p, topic, word.encode())
        if ends:
            ends(20)
    consume = (harness.rtd, "consume", topic, "-e", "-b", server.address)
    equal(run(*consume, check=0).text, "a\nc\n")
    equal(run(*consume, "--isolation", UNCOMMITTED, check=0).text, "a\nb\nc\nd\n")
    equal(run(harness.rtd, "query", "-b", server.address, f'SELECT _value FROM "{topic}"',
              check=0).text, '{"_value":"a"}\n{"_value":"c"}\n')


def test_a_second_producer_fences_the_first(server, topic):
    create(server, topic, 1)
    first = transactional(server, topic)
    first.begin_transaction()
    send(first, topic, b"lost")
    second = transactional(server, topic)
    error = refused(lambda: first.commit_transaction(20),
                    KafkaError._FENCED, KafkaError.PRODUCER_FENCED,
                    KafkaError.INVALID_PRODUCER_EPOCH)
    assert error.fatal(), error
    second.begin_transaction()
    send(second, topic, b"kept")
    second.commit_transaction(20)
    equal(values(server, topic), [b"kept"])


def test_time_runs_out(server, topic):
    create(server, topic, 1)
    p = transactional(server, topic, **{"transaction.timeout.ms": 1000})
    p.begin_transaction()
    send(p, topic, b"late")
    eventually(lambda: values(server, topic, UNCOMMITTED) == [b"late"], what="the record")
    produce_all(server, topic, [b"behind"], partition=0)
    eventually(lambda: values(server, topic) == [b"behind"], what="the abort")
    refused(lambda: p.commit_transaction(20), KafkaError._FENCED, KafkaError.PRODUCER_FENCED,
            KafkaError.INVALID_PRODUCER_EPOCH, KafkaError._STATE)


def test_offsets_are_committed_with_the_records(server, topic):
    """The loop of consume, transform, produce: each input once, whatever is aborted."""
    create(server, topic, 1)
    output = topic + "-out"
    create(server, output, 1)
    produce_all(server, topic, [b"%d" % n for n in range(20)], partition=0)
    p = transactional(server, topic)
    done = 0
    for attempt in range(12):
        with consumer(server, topic, **{"isolation.level": COMMITTED}) as c:
            c.subscribe([topic])
            batch = c.consume(random.randrange(1, 8), 20)
            p.begin_transaction()
            send(p, output, *(b"<%s>" % m.value() for m in batch))
            offsets = [TopicPartition(topic, 0, batch[-1].offset() + 1)]
            p.send_offsets_to_transaction(offsets, c.consumer_group_metadata(), 20)
            if attempt % 3 == 1:
                p.abort_transaction(20)
            else:
                p.commit_transaction(20)
                done = offsets[0].offset
            committed = c.committed([TopicPartition(topic, 0)], 20)[0].offset
            equal(committed if done else max(committed, 0), done, "committed offset")
        if done == 20:
            break
    equal(values(server, output), [b"<%d>" % n for n in range(done)])


def test_a_transaction_goes_on_after_kill_9():
    with Server() as server:
        server.kafka = server.address
        for name in ("in", "out"):
            create(server, name, 1)
        p = transactional(server, "id", **{"transaction.timeout.ms": 60_000})
        p.begin_transaction()
        send(p, "out", b"before")
        server.kill()
        server.start()
        equal(values(server, "out"), [])
        send(p, "out", b"after")
        p.commit_transaction(30)
        equal(values(server, "out"), [b"before", b"after"])
        p.begin_transaction()
        send(p, "out", b"aborted")
        server.kill()
        server.start()
        p.abort_transaction(30)
        equal(values(server, "out"), [b"before", b"after"])
        # What a producer has left open is aborted by the next one of its name.
        p.begin_transaction()
        send(p, "out", b"left")
        server.kill()
        server.start()
        other = transactional(server, "id")
        other.begin_transaction()
        send(other, "out", b"next")
        other.commit_transaction(30)
        equal(values(server, "out"), [b"before", b"after", b"next"])


def test_kafka_python(server, topic):
    create(server, topic, 1)
    p = kafka.KafkaProducer(bootstrap_servers=server.address, transactional_id=topic)
    p.init_transactions()
    for word, ends in ((b"a", p.commit_transaction), (b"b", p.abort_transaction),
                       (b"c", p.commit_transaction)):
        p.begin_transaction()
        p.send(topic, word, partition=0).get(20)
        ends()
    p.close()
    equal(values(server, topic), [b"a", b"c"])
    c = kafka.KafkaConsumer(topic, bootstrap_servers=server.address, isolation_level=COMMITTED,
                            auto_offset_reset="earliest", consumer_timeout_ms=3000)
    equal([next(c).value for _ in range(2)], [b"a", b"c"])
    c.close()


def test_aiokafka(server, topic):
    create(server, topic, 1)

    async def work():
        p = AIOKafkaProducer(bootstrap_servers=server.address, transactional_id=topic)
        await p.start()
        async with p.transaction():
            await p.send_and_wait(topic, b"a", partition=0)
        try:
            async with p.transaction():
                await p.send_and_wait(topic, b"b", partition=0)
                raise ValueError
        except ValueError:
            pass
        async with p.transaction():
            await p.send_and_wait(topic, b"c", partition=0)
        await p.stop()
        c = AIOKafkaConsumer(topic, bootstrap_servers=server.address, isolation_level=COMMITTED,
                             auto_offset_reset="earliest")
        await c.start()
        found = [(await asyncio.wait_for(c.getone(), 20)).value for _ in range(2)]
        await c.stop()
        return found

    equal(asyncio.run(work()), [b"a", b"c"])


def test_kcat_sends_one_transaction(server, topic):
    create(server, topic, 1)
    run("kcat", "-q", "-b", server.address, "-X", "broker.address.family=v4",
        "-X", f"transactional.id={topic}", "-P", "-t", topic, "-p", "0", input="x\ny\n", check=0)
    equal(values(server, topic), [b"x", b"y"])


# MARK: KIP-890

def init(connection, name, producer=-1, epoch=-1, timeout=60_000):
    body = wire.compact(name) + struct.pack(">iqh", timeout, producer, epoch) + b"\0"
    data = wire.call(connection, wire.INIT_PRODUCER_ID, 5, body, flexible=True)
    return struct.unpack(">hqh", data[5:17])


def add_batch(connection, name, topic, records, version=12):
    """A flexible Produce request with a transactional id: (error, base offset)."""
    body = wire.compact(name) + struct.pack(">hi", -1, 5000) + wire.uvarint(2)
    body += wire.compact(topic) + wire.uvarint(2) + struct.pack(">i", 0)
    body += wire.uvarint(len(records) + 1) + records + b"\0\0\0"
    data = wire.call(connection, wire.PRODUCE, version, body, flexible=True)
    skip = 1 + 1 + 1 + len(topic) + 1 + 4
    return struct.unpack(">hq", data[skip:skip + 10])


def end(connection, name, producer, epoch, commit=True):
    body = wire.compact(name) + struct.pack(">qh?", producer, epoch, commit) + b"\0"
    data = wire.call(connection, 26, 5, body, flexible=True)
    return struct.unpack(">hqh", data[5:17])


def records(producer, epoch, sequence, *words):
    return wire.batch([wire.record(n, word) for n, word in enumerate(words)], attributes=0x10,
                      producer=producer, epoch=epoch, sequence=sequence)


def test_each_transaction_has_an_epoch_of_its_own(server, topic):
    create(server, topic, 1)
    with server.connect() as c:
        error, pid, epoch = init(c, topic)
        equal((error, epoch), (0, 0))
        equal(add_batch(c, topic, topic, records(pid, 0, 0, b"a", b"b")), (0, 0))
        equal(add_batch(c, topic, topic, records(pid, 0, 2, b"c")), (0, 2))
        equal(end(c, topic, pid, 0), (0, pid, 1), "EndTxn")
        equal(end(c, topic, pid, 0), (0, pid, 1), "the same again")
        equal(end(c, topic, pid, 0, commit=False)[0], 90, "the opposite afterwards")
        late = add_batch(c, topic, topic, records(pid, 0, 3, b"late"))
        equal(late[0], 47, "a batch of the transaction before")
        equal(add_batch(c, topic, topic, records(pid, 1, 0, b"d"))[0], 0)
        equal(end(c, topic, pid, 1, commit=False), (0, pid, 2), "abort")
        equal(end(c, topic, pid, 2), (48, -1, -1), "commit of nothing")
        equal(end(c, topic, pid, 2, commit=False), (0, pid, 3), "abort of nothing")
        equal(add_batch(c, topic, topic, records(pid, 3, 0, b"e"))[0], 0)
        equal(end(c, topic, pid, 3), (0, pid, 4))
    equal(values(server, topic), [b"a", b"b", b"c", b"e"])


def test_only_who_has_the_id_writes(server, topic):
    create(server, topic, 1)
    with server.connect() as c:
        _, pid, _ = init(c, topic)
        batch = records(pid, 0, 0, b"x")
        equal(add_batch(c, topic, topic, batch, version=11)[0], 48, "without AddPartitionsToTxn")
        equal(add_batch(c, "another", topic, batch)[0], 49, "another's producer id")
        equal(add_batch(c, topic, topic, records(pid, 5, 0, b"x"))[0], 47, "an epoch not given")
        equal(wire.produce(c, topic, batch)[0], 87, "without a transactional id")
        equal(init(c, topic, pid, 7)[0], 90, "an epoch not given")
        equal(init(c, topic, pid, 0)[:1], (0,), "its own epoch")
        equal(init(c, topic, pid, 0), (0, pid, 1), "the same again")
        equal(init(c, topic, timeout=10**9)[0], 50, "a timeout too long")
        equal(init(c, "")[0], 42, "an empty id")
        control = wire.batch([wire.record(0, b"\0\0\0\0\0\0", b"\0\0\0\1")], attributes=0x30,
                             producer=pid, epoch=1, sequence=0)
        equal(add_batch(c, topic, topic, control)[0], 87, "a marker of the client's own")
    equal(values(server, topic, UNCOMMITTED), [])


def test_a_decision_outlives_kill_9():
    """An epoch for each transaction makes a repeated EndTxn safe over a crash of the server."""
    with Server() as server:
        create(server, "t", 1)
        with server.connect() as c:
            _, pid, epoch = init(c, "id")
            add_batch(c, "id", "t", records(pid, epoch, 0, b"a"))
            equal(end(c, "id", pid, epoch), (0, pid, epoch + 1))
            add_batch(c, "id", "t", records(pid, epoch + 1, 0, b"b"))
        server.kill()
        server.start()
        with server.connect() as c:
            # Nobody had told the coordinator of this one: the partition's log has.
            equal(end(c, "id", pid, epoch + 1), (0, pid, epoch + 2))
            equal(end(c, "id", pid, epoch + 1), (0, pid, epoch + 2), "the same again")
        server.kill()
        server.start()
        with server.connect() as c:
            equal(end(c, "id", pid, epoch + 1), (0, pid, epoch + 2), "the same after a crash")
        equal(values(server, "t"), [b"a", b"b"])


def test_transactions_are_listed_and_described(server, topic):
    create(server, topic, 1)
    admin = kafka.KafkaAdminClient(bootstrap_servers=server.address)
    with server.connect() as c:
        _, pid, epoch = init(c, topic)
        add_batch(c, topic, topic, records(pid, epoch, 0, b"a"))
        body = wire.uvarint(2) + wire.compact(topic) + b"\0"
        data = wire.call(c, 65, 0, body, flexible=True)
        assert b"Ongoing" in data and topic.encode() in data, data
        data = wire.call(c, 66, 1, wire.uvarint(2) + wire.compact("Ongoing") + wire.uvarint(1)
                         + struct.pack(">q", -1) + b"\0", flexible=True)
        assert topic.encode() in data, data
        data = wire.call(c, 61, 0, wire.uvarint(2) + wire.compact(topic) + wire.uvarint(2)
                         + struct.pack(">i", 0) + b"\0\0", flexible=True)
        assert struct.pack(">qi", pid, epoch) in data, data
        end(c, topic, pid, epoch)
    admin.close()
