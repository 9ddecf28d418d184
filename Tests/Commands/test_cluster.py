"""The commands against a cluster of three brokers: librdkafka's """

import pathlib
import subprocess
import sys

from harness import contains, equal
from home import Home, outcome

NEEDS_CLIENTS = True
PRODUCE, FETCH, INIT_PRODUCER_ID = 0, 1, 22
NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT, COORDINATOR_LOADING = 6, 7, 14
NOT_ENOUGH_REPLICAS, TOPIC_AUTHORIZATION_FAILED = 19, 29


class Mock:
    """The mock cluster in a process of its own, driven by lines; see mock_cluster.py."""

    def __init__(self):
        script = pathlib.Path(__file__).parent.parent / "Interop/mock_cluster.py"
        self.process = subprocess.Popen([sys.executable, script, "3"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True)
        self.address = self.process.stdout.readline().strip()

    def tell(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        equal(self.process.stdout.readline(), "ok\n", " ".join(map(str, words)))

    def set_leader(self, topic, partition, broker):
        self.tell("leader", topic, partition, broker)

    def push_errors(self, key, *codes):
        self.tell("errors", key, *codes)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)


def cluster():
    made = Mock()
    made.tell("topic", "t", 6)
    for partition in range(6):
        made.set_leader("t", partition, partition % 3 + 1)
    return made


def numbers(home, brokers):
    done = home.rtd("consume", "t", "-e", "-b", brokers.address)
    equal(done.returncode, 0, done.errors)
    return sorted(map(int, done.text.split()))


def keyed():
    return "".join(f"k{i}:{i}\n" for i in range(5000))


def test_leaders_on_different_brokers():
    with Home() as home, cluster() as brokers:
        outcome(home.rtd("produce", "-K:", "t", "-b", brokers.address, input=keyed()), 0, "", "")
        equal(numbers(home, brokers), list(range(5000)))
        used = home.rtd("consume", "t", "-e", "-b", brokers.address, "-f", "%p\n").text.split()
        equal(set(used), set("012345"), "partitions")


def test_a_missing_topic_and_one_bootstrap_address():
    with Home() as home, cluster() as brokers:
        first = brokers.address.split(",")[0]
        outcome(home.rtd("produce", "-K:", "t", "-b", first, input=keyed()), 0, "", "")
        equal(numbers(home, brokers), list(range(5000)))
        done = home.rtd("consume", "-e", "tt", "-b", first)
        equal(done.returncode, 1)
        contains(done.errors, '"tt"')


def test_retriable_errors_are_retried():
    with Home() as home, cluster() as brokers:
        brokers.push_errors(PRODUCE, NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT,
                            NOT_ENOUGH_REPLICAS, NOT_LEADER_OR_FOLLOWER)
        brokers.push_errors(INIT_PRODUCER_ID, COORDINATOR_LOADING)
        outcome(home.rtd("produce", "-K:", "t", "-b", brokers.address, input=keyed()), 0, "", "")
        brokers.push_errors(FETCH, NOT_LEADER_OR_FOLLOWER, NOT_LEADER_OR_FOLLOWER)
        equal(numbers(home, brokers), list(range(5000)))


def test_leaders_that_move():
    with Home() as home, cluster() as brokers:
        home.rtd("produce", "-K:", "t", "-b", brokers.address, input=keyed())
        for partition in range(6):
            brokers.set_leader("t", partition, (partition + 1) % 3 + 1)
        outcome(home.rtd("produce", "t", "-b", brokers.address, input="5000\n"), 0, "", "")
        equal(numbers(home, brokers), list(range(5001)))


def test_a_broker_that_is_down():
    with Home() as home, cluster() as brokers:
        home.rtd("produce", "-K:", "t", "-b", brokers.address, input=keyed())
        brokers.tell("down", 1)
        for partition in range(6):
            brokers.set_leader("t", partition, partition % 2 + 2)
        outcome(home.rtd("produce", "t", "-b", brokers.address, input="5000\n"), 0, "", "")
        equal(numbers(home, brokers), list(range(5001)))


def test_groups_and_offsets_on_another_cluster():
    with Home() as home, cluster() as brokers:
        home.rtd("produce", "t", "-p", "0", "-b", brokers.address, input="a\nb\n")
        # The mock cluster keeps a member that has left until its session ends.
        options = ["-g", "g", "-e", "-X", "session.timeout.ms=6000", "-b", brokers.address]
        outcome(home.rtd("consume", "t", *options), 0, "a\nb\n", "")
        outcome(home.rtd("consume", "t", *options), 0, "", "")


def test_a_permanent_error_is_reported():
    with Home() as home, cluster() as brokers:
        brokers.push_errors(PRODUCE, *[TOPIC_AUTHORIZATION_FAILED] * 20)
        done = home.rtd("produce", "t", "-b", brokers.address, input="a\n")
        equal(done.returncode, 1, done.errors)
        contains(done.errors, "0 of 1 records delivered")
