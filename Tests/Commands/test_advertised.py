"""A broker that can be reached and names an address for itself that cannot."""

from harness import Server, contains, equal
from home import Home

SECONDS = "delivery.timeout.ms=4000"


class Misnamed:
    """A server that sends its clients to a port where nobody listens; it has a topic, t."""

    def __enter__(self):
        self.home = Home()
        self.server = Server("--advertise", "127.0.0.1:1",
                             XDG_RUNTIME_DIR=self.home.runtime).start()
        done = self.home.rtd("produce", "t", "--data", self.server.data, input="a\n")
        equal(done.returncode, 0, done.errors)
        return self

    def __exit__(self, *_):
        self.server.discard()

    def rtd(self, *arguments, **options):
        return self.home.rtd(*arguments, "-b", self.server.address, **options)

    @property
    def cause(self):
        return (f"cannot reach 127.0.0.1:1: Connection refused; {self.server.address} names this "
                "address for broker 1 (its advertised.listeners; rtd serve --advertise)")

    @property
    def warning(self):
        return f"rtd: {self.cause}; still trying\n"


def test_consume_warns_and_honours_the_timeout():
    with Misnamed() as place:
        for more in [], ["-g", "g"], ["-g", "g", "--protocol", "consumer"]:
            done = place.rtd("consume", "t", "-e", "--timeout", "4s", *more)
            equal((done.returncode, done.text, done.errors), (4, "", place.warning), str(more))
        quiet = place.rtd("consume", "t", "-e", "-q", "--timeout", "2s")
        equal((quiet.returncode, quiet.errors), (4, ""))


def test_consume_warns_long_before_it_gives_up():
    with Misnamed() as place:
        process = place.home.start("consume", "t", "-b", place.server.address)
        equal(process.stderr.readline().decode(), place.warning)
        process.terminate()
        equal(process.wait(20), -15)


def test_produce_gives_up_once():
    with Misnamed() as place:
        for topic, status in ("t", "not delivered within 4000 ms: "), ("new", ""):
            done = place.rtd("produce", topic, "-X", SECONDS, input="b\n", seconds=60)
            equal(done.returncode, 1)
            contains(done.errors, place.warning)
            contains(done.errors, status + place.cause)
            contains(done.errors, "0 of 1 records delivered")


def test_query_says_it_too():
    with Misnamed() as place:
        equal(place.rtd("query", "SHOW TOPICS").returncode, 0)
        for statement in "DESCRIBE t", "SELECT value FROM t", "SHOW GROUPS":
            done = place.rtd("query", "--timeout", "4s", statement)
            equal(done.returncode, 1)
            contains(done.errors, place.warning)
            contains(done.errors.replace(place.warning, ""), place.cause)
