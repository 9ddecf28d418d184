"""`rtd produce --txn`: all of the input counts, or nothing of it."""

import signal
import subprocess

from harness import contains, equal, eventually
from home import Home, outcome


def read(home, topic="t", *options):
    done = home.rtd("consume", topic, "-e", *options)
    equal((done.returncode, done.errors), (0, ""))
    return done.text


def test_the_whole_input_is_one_transaction():
    with Home() as home:
        outcome(home.rtd("produce", "t", "--txn", "id", input="a\nb\n"), 0, "", "")
        outcome(home.rtd("produce", "t", "-X", "transactional.id=id", input="c\n"), 0, "", "")
        equal(read(home), "a\nb\nc\n")
        # Nothing to send is nothing to commit.
        outcome(home.rtd("produce", "t", "--txn", "id", input=""), 0, "", "")


def test_several_partitions_and_many_batches():
    with Home() as home:
        lines = "".join(f"k{n % 50}:{n}\n" for n in range(30_000))
        outcome(home.rtd("produce", "t", "--txn", "id", "--partitions", 5, "-K", ":",
                         "--batch-bytes", 2000, input=lines), 0, "", "")
        equal(sorted(map(int, read(home).split())), list(range(30_000)))


def test_bad_input_takes_all_of_it_back():
    with Home() as home:
        done = home.rtd("produce", "-J", "t", "--txn", "id", input='{"value":"a"}\noops\n')
        equal(done.returncode, 1)
        contains(done.errors, "stdin line 2")
        equal(read(home), "")
        equal(read(home, "t", "--isolation", "read_uncommitted"), "a\n")
        outcome(home.rtd("produce", "t", "--txn", "id", input="b\n"), 0, "", "")
        equal(read(home), "b\n")


def started(home, *arguments):
    return home.start(*arguments, stdin=subprocess.PIPE, text=True)


def test_a_signal_aborts():
    with Home() as home:
        home.rtd("query", "CREATE TOPIC t")
        child = started(home, "produce", "t", "--txn", "id")
        child.stdin.write("a\n")
        child.stdin.flush()
        eventually(lambda: read(home, "t", "--isolation", "read_uncommitted") == "a\n",
                   what="the record")
        child.send_signal(signal.SIGTERM)
        # Its input must not end before.
        equal(child.wait(30), -signal.SIGTERM)
        _, errors = child.communicate()
        equal(errors, "rtd: interrupted; the transaction was aborted\n")
        outcome(home.rtd("produce", "t", input="b\n"), 0, "", "")
        equal(read(home), "b\n")


def test_transactions_of_so_many_records():
    with Home() as home:
        child = started(home, "produce", "t", "--txn", "id", "--txn-every", "10")
        child.stdin.write("".join(f"{n}\n" for n in range(25)))
        child.stdin.flush()
        twenty = "".join(f"{n}\n" for n in range(20))
        eventually(lambda: home.rtd("consume", "t", "-e").text == twenty, what="two transactions")
        child.kill()
        child.communicate()
        # What was left open ends with the next producer of that name.
        outcome(home.rtd("produce", "t", "--txn", "id", input="next\n"), 0, "", "")
        equal(read(home), twenty + "next\n")


def test_transactions_of_so_long():
    with Home() as home:
        child = started(home, "produce", "t", "--txn", "id", "--txn-every", "50ms")
        for word in ("a\n", "b\n"):
            child.stdin.write(word)
            child.stdin.flush()
            eventually(lambda: home.rtd("consume", "t", "-e").text.endswith(word), what=word)
        child.stdin.close()
        equal(child.wait(30), 0)
        child.stdout.close(), child.stderr.close()
        equal(read(home), "a\nb\n")


def test_a_second_producer_of_the_same_id_fences_the_first():
    with Home() as home:
        first = started(home, "produce", "t", "--txn", "id")
        first.stdin.write("lost\n")
        first.stdin.flush()
        eventually(lambda: home.rtd("consume", "t", "-e", "--isolation", "read_uncommitted").text
                   == "lost\n", what="the record")
        outcome(home.rtd("produce", "t", "--txn", "id", input="kept\n"), 0, "", "")
        _, errors = first.communicate(timeout=30)
        equal(first.returncode, 1)
        contains(errors, "the transaction cannot be committed")
        equal(read(home), "kept\n")


def test_options_that_do_not_go_together():
    with Home() as home:
        for options, message in (
                (("--txn-every", "5"), "--txn-every goes with --txn ID"),
                (("--txn", "x", "--acks", "1"), "--txn needs --acks all"),
                (("--txn", "x", "--no-idempotent"), "--txn needs --idempotent"),
                (("--txn", "x", "--txn-every", "0s"), "wants more than no time"),
                (("--txn", "x", "--txn-every", "often"), "wants a number of records")):
            done = home.rtd("produce", "t", *options, input="")
            equal(done.returncode, 2, options)
            contains(done.errors, message)
