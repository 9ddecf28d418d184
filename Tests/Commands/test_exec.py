"""`rtd consume --exec`: read, run a command, write, all in one transaction."""

import json
import signal

from harness import contains, equal, eventually
from home import Home, outcome


def read(home, topic, *options):
    done = home.rtd("consume", topic, "-e", *options)
    equal((done.returncode, done.errors), (0, ""))
    return done.text


def transform(home, command, *options, group="g", topic="in", target="out", identifier="id"):
    return home.rtd("consume", topic, "-g", group, "--exec", command, "--to", target,
                    "--txn", identifier, *options)


def test_each_record_goes_through_the_command_once():
    with Home() as home:
        home.rtd("produce", "in", input="".join(f"{n}\n" for n in range(1, 2001)))
        outcome(transform(home, "sed s/^/x/", "-e"), 0, "", "")
        equal(read(home, "out"), "".join(f"x{n}\n" for n in range(1, 2001)))
        # The group has read them.
        outcome(transform(home, "sed s/^/y/", "-e"), 0, "", "")
        home.rtd("produce", "in", input="again\n")
        outcome(transform(home, "sed s/^/z/", "-e"), 0, "", "")
        equal(read(home, "out").splitlines()[-1], "zagain")
        equal(len(read(home, "out").splitlines()), 2001)


def test_a_command_may_print_more_or_less_or_nothing():
    with Home() as home:
        home.rtd("produce", "in", input="".join(f"{n}\n" for n in range(100)))
        outcome(transform(home, "wc -l", "-e", target="count"), 0, "", "")
        equal(read(home, "count").split(), ["100"])
        outcome(transform(home, "cat >/dev/null", "-e", group="h", target="none"), 0, "", "")
        equal(read(home, "none"), "")
        outcome(transform(home, "sed p", "-e", group="i", target="twice"), 0, "", "")
        equal(len(read(home, "twice").split()), 200)
        # It need not read its input.
        outcome(transform(home, "echo one", "-e", group="j", target="one"), 0, "", "")
        equal(read(home, "one"), "one\n")


def test_json_keeps_keys_and_headers():
    with Home() as home:
        home.rtd("produce", "-J", "in", input=json.dumps(
            {"key": "k", "value": "v", "headers": [["a", "b"]], "timestamp": 1234}) + "\n")
        outcome(transform(home, "cat", "-e", "-J"), 0, "", "")
        found = json.loads(read(home, "out", "-J"))
        equal((found["key"], found["value"], found["headers"], found["timestamp"]),
              ("k", "v", [["a", "b"]], 1234))
        outcome(transform(home, "tr a-z A-Z", "-e", "-K", ":", group="h", target="keyed"),
                0, "", "")
        equal(read(home, "keyed", "-K", "="), "K=V\n")


def test_a_failing_command_takes_the_turn_back():
    with Home() as home:
        home.rtd("produce", "in", input="a\nb\n")
        done = transform(home, "cat; exit 3", "-e")
        equal(done.returncode, 1)
        contains(done.errors, "ended with status 3")
        equal(read(home, "out"), "")
        done = transform(home, "echo half; kill -9 $$", "-e")
        equal(done.returncode, 1)
        done = transform(home, "echo oops", "-e", "-J")
        equal(done.returncode, 1)
        contains(done.errors, "--exec")
        equal(read(home, "out"), "")
        outcome(transform(home, "cat", "-e"), 0, "", "")
        equal(read(home, "out"), "a\nb\n")


def test_turns_end_by_count_and_by_time():
    with Home() as home:
        home.rtd("produce", "in", "-X", "batch.num.messages=10",
                 input="".join(f"{n}\n" for n in range(100)))
        outcome(transform(home, "wc -l", "-e", "--txn-every", 10), 0, "", "")
        counts = list(map(int, read(home, "out").split()))
        equal(sum(counts), 100)
        assert len(counts) > 1, counts
        child = home.start("consume", "in", "-g", "slow", "--exec", "cat", "--to", "timed",
                           "--txn", "t", "--txn-every", "200ms")
        try:
            eventually(lambda: home.rtd("consume", "timed", "-e").text.count("\n") == 100)
            home.rtd("produce", "in", input="late\n")
            eventually(lambda: home.rtd("consume", "timed", "-e").text.endswith("late\n"))
        finally:
            child.send_signal(signal.SIGTERM)
            equal(child.wait(20), -signal.SIGTERM)
            child.communicate()


def test_two_members_share_the_work():
    with Home() as home:
        home.rtd("query", "CREATE TOPIC in WITH (partitions = 4)")
        children = [home.start("consume", "in", "-g", "g", "--exec", "cat", "--to", "out", "--txn",
                               f"id{n}", "--txn-every", "50ms", "-X", "session.timeout.ms=6000",
                               "-X", "transaction.timeout.ms=4000") for n in range(2)]
        wanted = []
        for start in range(0, 4000, 200):
            lines = [f"k{n}:{n}" for n in range(start, start + 200)]
            home.rtd("produce", "in", "-K", ":", input="\n".join(lines) + "\n")
            wanted += [str(n) for n in range(start, start + 200)]
            if start == 2000:
                # One is killed: what it had begun is read again by the other.
                children[0].kill()
                children[0].communicate()

        def whole():
            done = home.rtd("consume", "out", "-e")
            return sorted(done.text.split(), key=int) == wanted
        eventually(whole, 80, "each record once")
        children[1].terminate()
        children[1].communicate()


def test_mistakes_in_the_options():
    with Home() as home:
        for options, text in (
                (("--exec", "cat"), "--to TOPIC"),
                (("--exec", "cat", "--to", "o"), "--txn ID"),
                (("--exec", "cat", "--to", "o", "--txn", "i"), "-g GROUP"),
                (("--to", "o"), "--exec"), (("--txn", "i"), "--exec"),
                (("-g", "g", "--exec", "cat", "--to", "in", "--txn", "i"), "never end")):
            done = home.rtd("consume", "in", *options)
            equal(done.returncode, 2)
            contains(done.errors, text)
