"""What a server has acknowledged in a test, and whether it keeps it."""

import contextlib

from clients import consume_all, create, producer
from harness import Server, equal, run

STORAGE_ERROR = 56


class Promises:
    """What was acknowledged: {topic: {offset: value}}, one partition a topic."""

    def __init__(self, server):
        self.server, self.kept = server, {}

    def create(self, *topics, **config):
        for topic in topics:
            create(self.server, topic, 1, **config)
            equal(self.send(topic, [b"before %d" % i for i in range(20)]), [], "errors at first")

    def send(self, topic, values, **options):
        """Sends with a client that does not retry; the codes of the errors, sorted."""
        errors = []

        def delivered(error, message):
            if error is not None:
                errors.append(error.code())
            else:
                self.kept.setdefault(topic, {})[message.offset()] = message.value()
        p = producer(self.server, **{"retries": 0, "linger.ms": 0, "enable.idempotence": False,
                                     "message.timeout.ms": 20_000, **options})
        for value in values:
            p.produce(topic, value, partition=0, on_delivery=delivered)
            p.poll(0)
        equal(p.flush(60), 0, "records without an answer")
        return sorted(set(errors))

    def verify(self):
        """Everything that was acknowledged is there, at its offset, and offsets are contiguous."""
        for topic, kept in self.kept.items():
            found = {m.offset(): m.value() for m in consume_all(self.server, topic, 1)}
            first = min(found, default=0)
            equal(sorted(found), list(range(first, first + len(found))), f"offsets of {topic}")
            lost = {o: v for o, v in kept.items() if found.get(o) != v}
            equal(lost, {}, f"records of {topic} that were acknowledged and are not there")

    def verify_restarted(self):
        self.verify()
        # A log whose sync has failed says so at the end, too.
        self.server.stop()
        run("rtd", "serve", "--check", "--data", self.server.data, check=0)
        self.server.start()
        self.verify()
        for topic in self.kept:
            equal(self.send(topic, [b"after the restart"]), [], f"errors of {topic} at the end")
        self.verify()


@contextlib.contextmanager
def promises(*topics, data=None, **config):
    """A server with these topics that must keep what it acknowledges, over a restart too."""
    with Server(data=data) as server:
        made = Promises(server)
        made.create(*topics, **config)
        yield made
        made.verify_restarted()
