"""The commands against a cluster of three brokers: librdkafka's mock."""

from harness import contains, equal
from home import Home, outcome

import mockcluster as mock

NEEDS_CLIENTS = True


def cluster():
    made = mock.MockCluster(3)
    made.create_topic("t", 6)
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
        brokers.push_errors(mock.PRODUCE, mock.NOT_LEADER_OR_FOLLOWER, mock.REQUEST_TIMED_OUT,
                            mock.NOT_ENOUGH_REPLICAS, mock.NOT_LEADER_OR_FOLLOWER)
        brokers.push_errors(mock.INIT_PRODUCER_ID, mock.COORDINATOR_LOAD_IN_PROGRESS)
        outcome(home.rtd("produce", "-K:", "t", "-b", brokers.address, input=keyed()), 0, "", "")
        brokers.push_errors(mock.FETCH, mock.NOT_LEADER_OR_FOLLOWER, mock.NOT_LEADER_OR_FOLLOWER)
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
        brokers.set_down(1)
        for partition in range(6):
            brokers.set_leader("t", partition, partition % 2 + 2)
        outcome(home.rtd("produce", "t", "-b", brokers.address, input="5000\n"), 0, "", "")
        equal(numbers(home, brokers), list(range(5001)))


def test_groups_and_offsets_on_another_cluster():
    with Home() as home, cluster() as brokers:
        home.rtd("produce", "t", "-p", "0", "-b", brokers.address, input="a\nb\n")
        outcome(home.rtd("consume", "t", "-g", "g", "-e", "-b", brokers.address), 0, "a\nb\n", "")
        outcome(home.rtd("consume", "t", "-g", "g", "-e", "-b", brokers.address), 0, "", "")


def test_a_permanent_error_is_reported():
    with Home() as home, cluster() as brokers:
        brokers.push_errors(mock.PRODUCE, *[29] * 20)
        done = home.rtd("produce", "t", "-b", brokers.address, input="a\n")
        equal(done.returncode, 1, done.errors)
        contains(done.errors, "0 of 1 records delivered")
