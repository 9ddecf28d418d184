"""Short forms of confluent-kafka's calls that many tests make."""

import contextlib

from confluent_kafka import Consumer, Producer, TopicPartition, OFFSET_BEGINNING
from confluent_kafka.admin import AdminClient, NewTopic

from harness import equal

QUIET = {"log_level": 0, "broker.address.family": "v4", "enable.metrics.push": False,
         "topic.metadata.propagation.max.ms": 2000}


_admins = {}


def admin(server):
    """One a server: it must outlive the futures of its calls."""
    if server.address not in _admins:
        _admins[server.address] = AdminClient({"bootstrap.servers": server.address, **QUIET})
    return _admins[server.address]


def result(futures, seconds=20):
    """The results of an admin call by name; the first error is raised."""
    return {name: future.result(seconds) for name, future in futures.items()}


def create(server, topic, partitions, **config):
    result(admin(server).create_topics([NewTopic(topic, partitions, config=config)]))


def producer(server, **options):
    return Producer({"bootstrap.servers": server.address, "linger.ms": 5, **QUIET, **options})


def produce_all(server, topic, values, key=None, partition=None, **options):
    """Sends values and waits; the (partition, offset) of each in the order of the input."""
    p, places, errors = producer(server, **options), [None] * len(values), []

    def delivered(index):
        def report(error, message):
            if error is not None:
                errors.append(error)
            else:
                places[index] = (message.partition(), message.offset())
        return report

    extra = {} if partition is None else {"partition": partition}
    for index, value in enumerate(values):
        while True:
            try:
                p.produce(topic, value, key(value) if key else None,
                          on_delivery=delivered(index), **extra)
                break
            except BufferError:
                p.poll(0.1)
        p.poll(0)
    equal(p.flush(60), 0, "records left in the queue")
    equal([str(e) for e in errors[:3]], [], "delivery errors")
    return places


@contextlib.contextmanager
def consumer(server, group="none", **options):
    made = Consumer({"bootstrap.servers": server.address, "group.id": group,
                     "auto.offset.reset": "earliest", "enable.auto.commit": False,
                     "fetch.wait.max.ms": 100, **QUIET, **options})
    try:
        yield made
    finally:
        made.close()


def consume_all(server, topic, partitions, **options):
    """Every record of a topic up to the ends that it has now."""
    with consumer(server, **options) as c:
        ends = {p: c.get_watermark_offsets(TopicPartition(topic, p), timeout=20)
                for p in range(partitions)}
        c.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(partitions)])
        wanted, found = sum(high - low for low, high in ends.values()), []
        while len(found) < wanted:
            messages = c.consume(min(10_000, wanted - len(found)), 20)
            if not messages:
                raise AssertionError(f"only {len(found)} of {wanted} records of {topic} came")
            for message in messages:
                if message.error():
                    raise AssertionError(str(message.error()))
            found += messages
        return found
