"""What the server's own log says of requests that it refuses, and of damage that it meets."""

import pathlib

from clients import create, produce_all, producer
from confluent_kafka import KafkaException

import harness
from harness import Server, equal


def lines_of(server, word):
    return [line for line in server.log().splitlines() if word in line]


def send(server, topic, value):
    """The name of the error that a record without a key is refused with."""
    errors = []
    p = producer(server, **{"client.id": "tester"})
    p.produce(topic, value, on_delivery=lambda error, _: errors.append(error.name()))
    p.flush(20)
    return errors


def test_a_refused_request_is_told_with_client_request_and_cause(server, topic):
    create(server, topic, 1, **{"cleanup.policy": "compact"})
    for _ in range(3):
        equal(send(server, topic, b"v"), ["INVALID_RECORD"])
    told = lines_of(server, topic)
    equal(len(told), 1)  # once a minute, however often it is tried
    for word in ("Produce of tester", f"{topic}-0", "INVALID_RECORD"):
        assert word in told[0], told


def test_a_topic_that_cannot_be_made_is_told(server, topic):
    try:
        create(server, topic, 1, **{"no.such.config": "1"})
        raise AssertionError("it was made")
    except KafkaException as error:
        equal(error.args[0].name(), "INVALID_CONFIG")
    told = lines_of(server, "no.such.config")
    equal(len(told), 1)
    assert f"CreateTopics" in told[0] and topic in told[0], told


def test_damage_that_a_fetch_meets_is_told(topic):
    with Server() as server:
        create(server, topic, 1)
        produce_all(server, topic, [b"x" * 1000] * 100)
        server.stop()
        segment = max(pathlib.Path(server.data).rglob("*.log"), key=lambda p: p.stat().st_size)
        with segment.open("r+b") as file:
            file.seek(500)
            byte = file.read(1)
            file.seek(500)
            file.write(bytes([byte[0] ^ 1]))
        server.start()
        harness.run("rtd", "consume", "-b", server.address, topic, "-e", "-X",
                    "check.crcs=true", seconds=60)
        harness.eventually(lambda: lines_of(server, f"{topic}-0"), what="a line in the log")
