"""What `rtd consume` reads, where it begins and ends, and how it takes leave."""

import json
import os
import signal
import subprocess
import time

from harness import contains, equal, eventually
from home import Home, outcome


def json_lines(records):
    return "".join(json.dumps(record) + "\n" for record in records)


def lines(numbers):
    return "".join(f"{number}\n" for number in numbers)


def test_several_topics_are_merged_by_time_and_ties_go_by_topic():
    with Home() as home:
        for topic, times in (("b", (1, 3, 3, 9)), ("a", (2, 3, 8))):
            home.rtd("produce", "-J", topic, input=json_lines(
                {"value": f"{topic}{time}", "timestamp": time} for time in times))
        outcome(home.rtd("consume", "b", "a", "-e"), 0, "b1\na2\nb3\nb3\na3\na8\nb9\n", "")
        outcome(home.rtd("consume", "a", "b", "-e"), 0, "b1\na2\na3\nb3\nb3\na8\nb9\n", "")
        outcome(home.rtd("consume", "-t", "a", "b", "-e", "-c", "3"), 0, "b1\na2\na3\n", "")


def test_a_merge_holds_large_partitions_back():
    """One partition's records all come after the other's, so it waits, without growing."""
    with Home() as home:
        padding = "x" * 1000
        home.rtd("produce", "-J", "--keep-partition", "t", "--partitions", "2", input=json_lines(
            {"partition": i % 2, "timestamp": (i % 2) * 1000 + i // 20, "value": f"{i} {padding}"}
            for i in range(20_000)))
        done = home.rtd("consume", "t", "-e", "-f", "%p %T\n")
        rows = [tuple(map(int, line.split()[::-1])) for line in done.text.splitlines()]
        equal((len(rows), rows == sorted(rows)), (20_000, True), done.errors)


def test_chosen_partitions():
    with Home() as home:
        home.rtd("produce", "-J", "--keep-partition", "t", "--partitions", "4", input=json_lines(
            {"partition": i, "value": str(i), "timestamp": i} for i in range(4)))
        outcome(home.rtd("consume", "t", "-e", "-p", "1,3"), 0, "1\n3\n", "")
        outcome(home.rtd("consume", "t", "-e", "-p", "2"), 0, "2\n", "")
        outcome(home.rtd("consume", "t", "-e", "-p", "7"), 1, "",
                'rtd: topic "t" has no partition 7, only 0 to 3\n')


def test_an_empty_topic_ends_at_once():
    with Home() as home:
        home.shell("rtd produce t --partitions 3 </dev/null; echo a | rtd produce t -p 1")
        outcome(home.rtd("consume", "t", "-e", "-p", "0"), 0, "", "")
        outcome(home.rtd("consume", "t", "-e", "-o", "end"), 0, "", "")
        outcome(home.rtd("consume", "t", "-e"), 0, "a\n", "")


def test_the_end_is_that_of_the_start():
    """What arrives while it reads is not read, and it ends all the same."""
    with Home() as home:
        home.shell("seq 1000 | rtd produce t")
        process = home.start("produce", "t", stdin=subprocess.PIPE)
        process.stdin.write(b"more\n" * 1000)
        process.stdin.flush()
        done = home.rtd("consume", "t", "-e", seconds=20)
        equal(done.text.splitlines()[:1000], [str(i) for i in range(1, 1001)])
        process.stdin.close()
        equal(process.wait(20), 0)


def test_ranges_end_without_e():
    with Home() as home:
        home.rtd("produce", "-J", "t", input=json_lines(
            {"value": str(i), "timestamp": 1_700_000_000_000 + i * 1000} for i in range(10)))
        for offset, expected in (("2:4", "2 3"), (":3", "0 1 2"), ("8:end", "8 9"),
                                 ("-3:-1", "7 8"),
                                 ("@1700000002000:1700000004000", "2 3"), ("+1:+3", "1 2")):
            done = home.rtd("consume", "t", "-o", offset, seconds=20)
            equal((done.returncode, " ".join(done.text.split())), (0, expected), offset)
        done = home.rtd("consume", "t", "-o", "s@1700000005000", "-o", "e@1700000007000")
        equal(done.text, "5\n6\n")


def test_a_start_behind_the_end_waits():
    with Home() as home:
        home.rtd("produce", "t", input="0\n1\n")
        process = home.start("consume", "t", "-o", "3", "-c", "1")
        home.rtd("produce", "t", input="2\n3\n")
        equal(process.communicate(timeout=20)[0], b"3\n")


def test_compressed_records_of_each_codec():
    with Home() as home:
        for codec in ("gzip", "snappy", "lz4", "zstd", "none"):
            home.shell(f"seq 5000 | rtd produce -z {codec} {codec}")
            done = home.shell(f"rtd consume {codec} -e | cmp - <(seq 5000)")
            outcome(done, 0, "", "")
            equal(home.rtd("consume", codec, "-e", "-o", "2499:2502").text, "2500\n2501\n2502\n")


def test_options_of_the_output():
    with Home() as home:
        home.rtd("produce", "-J", "t", input=json_lines([
            {"key": "k", "value": "v", "headers": [["h", "1"], ["h", "2"]]},
            {"key": None, "value": None}, {"key": "n", "value": "{\"a\": [1, 2]}"}]))
        for options, expected in ((["-K", ":"], "k:v\n:\nn:{\"a\": [1, 2]}\n"),
                                  (["-K", ":", "-Z"], "k:v\nNULL:NULL\nn:{\"a\": [1, 2]}\n"),
                                  (["-D", "|"], "v||{\"a\": [1, 2]}|"),
                                  (["--raw"], "v{\"a\": [1, 2]}"),
                                  (["-u"], "v\n\n{\"a\": [1, 2]}\n"),
                                  (["--headers", "-c", "1"], "h=1,h=2\tv\n")):
            outcome(home.rtd("consume", "t", "-e", *options), 0, expected, "")
        last = home.rtd("consume", "t", "-e", "-J", "--json-value", "-o", "-1").text
        contains(last, '"value":{"a":[1,2]}')


def test_an_unknown_topic_is_not_created():
    with Home() as home:
        home.rtd("produce", "orders", input="a\n")
        for _ in range(2):
            outcome(home.rtd("consume", "somethingelse", "-e"), 1, "",
                    'rtd: topic "somethingelse" does not exist in ~/.local/share/rtd '
                    "(--wait waits for it)\n")
        done = home.rtd("consume", "orders", "order", "-e")
        outcome(done, 1, "")
        contains(done.errors, 'did you mean "orders"?')
        outcome(home.rtd("consume", "later", "--wait", "--timeout", "300ms"), 4, "")


def test_two_members_share_a_group():
    with Home() as home:
        home.rtd("produce", "-J", "--keep-partition", "t", "--partitions", "4", input=json_lines(
            {"partition": i % 4, "value": str(i)} for i in range(400)))
        members = [home.start("consume", "t", "-g", "g", "--timeout", "3s") for _ in range(2)]
        outputs = [member.communicate(timeout=60)[0].split() for member in members]
        equal([member.returncode for member in members], [4, 4])
        equal(sorted(map(int, outputs[0] + outputs[1])), list(range(400)))
        outcome(home.rtd("consume", "t", "-g", "g", "-e"), 0, "", "")


def test_a_signal_commits_what_was_written():
    with Home() as home:
        home.rtd("produce", "t", input="a\nb\n")
        process = home.start("consume", "t", "-g", "g")
        equal(process.stdout.readline(), b"a\n")
        equal(process.stdout.readline(), b"b\n")
        process.send_signal(signal.SIGTERM)
        equal(process.wait(10), -signal.SIGTERM)
        home.rtd("produce", "t", input="c\n")
        begin = time.monotonic()
        outcome(home.rtd("consume", "t", "-g", "g", "-e"), 0, "c\n", "")
        assert time.monotonic() - begin < 5, "the first member has not left the group"


def test_offsets_are_committed_while_it_follows():
    with Home() as home:
        home.rtd("produce", "t", input="a\nb\n")
        process = home.start("consume", "t", "-g", "g", "-X", "auto.commit.interval.ms=100",
                             "-X", "session.timeout.ms=6000")
        equal(process.stdout.readline(), b"a\n")
        equal(process.stdout.readline(), b"b\n")
        time.sleep(2.5)
        process.kill()
        process.wait()
        home.rtd("produce", "t", input="c\n")
        # The group waits until the session of the one that was killed has expired.
        outcome(home.rtd("consume", "t", "-g", "g", "-e", seconds=60), 0, "c\n")


def test_a_group_reads_what_came_in_the_place_of_records_that_a_power_cut_took():
    with Home() as home:
        # Nothing is synced, so that a log cut in the middle is what a power cut leaves.
        statement = "CREATE TOPIC t WITH (partitions = 1, \"flush.messages\" = 9223372036854775807)"
        outcome(home.rtd("query", statement), 0)
        for number in range(10):
            home.rtd("produce", "t", "-m", str(number))
        outcome(home.rtd("consume", "t", "-g", "g", "-e"), 0, lines(range(10)), "")
        pid = home.status()["pid"]
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: home.status() is None, what="the end of the server")
        log = next(path for path in (home.data / "topics").glob("*/0/*.log")
                   if not path.parts[-3].startswith("0"))
        os.truncate(log, log.stat().st_size // 2)
        left = len(home.rtd("consume", "t", "-e").text.splitlines())
        assert 0 < left < 10, left
        for number in range(10, 20):
            home.rtd("produce", "t", "-m", str(number))
        done = home.rtd("consume", "t", "-g", "g", "-e", "-X", "auto.offset.reset=none")
        equal((done.returncode, done.text), (1, ""))
        contains(done.errors, f"the log was cut at offset {left} after it was read up to 10")
        outcome(home.rtd("consume", "t", "-g", "g", "-e"), 0, lines(range(10, 20)), "")
        # It is found out once: from then on the group goes on as ever.
        home.rtd("produce", "t", "-m", "20")
        outcome(home.rtd("consume", "t", "-g", "g", "-e"), 0, "20\n", "")


def test_group_id_of_the_properties_is_the_group():
    with Home() as home:
        home.rtd("produce", "t", input="1\n2\n")
        file = home.path / "client.properties"
        file.write_text("group.id=named\n")
        outcome(home.rtd("consume", "t", "-e", "-X", "group.id=named"), 0, "1\n2\n", "")
        outcome(home.rtd("consume", "t", "-e", "-F", file), 0, "", "")
        outcome(home.rtd("consume", "t", "-e", "-o", "stored", RTD_CONFIG=file), 0, "", "")
        # What is typed wins: another group, or a place to read from now, without the group.
        outcome(home.rtd("consume", "t", "-e", "-F", file, "-g", "other"), 0, "1\n2\n", "")
        outcome(home.rtd("consume", "t", "-e", "-F", file, "-o", "beginning"), 0, "1\n2\n", "")
        outcome(home.rtd("consume", "t", "-e", "-F", file, "-p", "0"), 0, "1\n2\n", "")
        outcome(home.rtd("consume", "t", "-e", "-F", file, "-o", ":1"), 0, "1\n", "")
        share = ["-X", "group.id=s", "-X", "group.protocol=share"]
        outcome(home.rtd("consume", "t", "-e", *share), 0, "1\n2\n", "")
        groups = home.rtd("query", "SHOW GROUPS", "--format", "csv").text.splitlines()[1:]
        equal([line.split(",")[0] for line in groups], ["named", "other", "s"])
        # A file without a name is as no file.
        file.write_text("client.id=c\n")
        for wanting in ["-o", "stored"], ["--protocol", "consumer"]:
            equal(home.rtd("consume", "t", "-e", "-F", file, *wanting).returncode, 2)


def test_a_group_begins_where_it_was_told_without_a_commit():
    with Home() as home:
        home.rtd("produce", "t", input="0\n1\n2\n3\n")
        outcome(home.rtd("consume", "t", "-g", "one", "-e", "-o", "-1"), 0, "3\n", "")
        outcome(home.rtd("consume", "t", "-g", "two", "-e", "-o", "+1"), 0, "1\n2\n3\n", "")
        outcome(home.rtd("consume", "t", "-g", "three", "-e", "-o", "end"), 0, "", "")
        home.rtd("produce", "t", input="4\n")
        for group in ("one", "three"):
            outcome(home.rtd("consume", "t", "-g", group, "-e", "-o", "beginning"), 0, "4\n", "")


def test_a_group_without_a_commit_ends_when_none_forbids_to_choose():
    with Home() as home:
        home.rtd("produce", "t", input="0\n1\n")
        none = ("consume", "t", "-g", "g", "-e", "-X", "auto.offset.reset=none")
        outcome(home.rtd(*none), 1, "",
                'rtd: group "g" has committed no offset for topic "t" partition 0, and '
                "auto.offset.reset=none forbids to choose one (--offset says where to begin)\n")
        # An offset that is named is no choice of the client's, and a commit is what it asks for.
        outcome(home.rtd(*none, "-o", "-1"), 0, "1\n", "")
        home.rtd("produce", "t", input="2\n")
        outcome(home.rtd(*none), 0, "2\n", "")


def test_partitions_that_are_added_are_read():
    with Home() as home:
        home.rtd("produce", "t", input="a\n")
        process = home.start("consume", "t", "-f", "%p %s\n")
        equal(process.stdout.readline(), b"0 a\n")
        grown = home.rtd("query", "ALTER TOPIC t SET (partitions = 2)")
        outcome(grown, 0)
        home.rtd("produce", "t", "-p", "1", input="b\n")
        equal(process.stdout.readline(), b"1 b\n")
        process.kill()
        process.communicate()


def test_a_stalled_reader_and_a_second_signal():
    with Home() as home:
        home.shell("seq 400000 | rtd produce t")
        process = home.start("consume", "t")
        equal(process.stdout.read(2), b"1\n")
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        equal(process.wait(5), -signal.SIGINT)
        process.communicate()


def test_a_server_that_restarts_is_found_again():
    with Home() as home:
        home.rtd("produce", "t", input="a\n")
        process = home.start("consume", "t")
        equal(process.stdout.readline(), b"a\n")
        home.rtd("serve", "--stop", seconds=20)
        home.rtd("produce", "t", input="b\n")
        equal(process.stdout.readline(), b"b\n")
        process.send_signal(signal.SIGTERM)
        equal(process.wait(10), -signal.SIGTERM)


def test_control_bytes_are_escaped_on_a_terminal_only():
    with Home() as home:
        home.rtd("produce", "--length-prefixed", "t", input=b"\0\0\0\x04\x1b[2m")
        equal(home.rtd("consume", "t", "-e").stdout, b"\x1b[2m\n")
        done = home.shell("script -qec 'rtd consume t -e' /dev/null </dev/null")
        equal((done.returncode, "\x1b" in done.text, "[2m" in done.text), (0, False, True))


def test_a_topic_that_is_deleted_while_it_is_read_ends_the_reading():
    with Home() as home:
        home.shell("echo a | rtd produce t")
        process = home.start("consume", "t")
        equal(process.stdout.readline(), b"a\n")
        outcome(home.rtd("query", "DROP TOPIC t"), 0)
        equal(process.wait(20), 1)
        equal(process.stderr.read().decode(), 'rtd: topic "t" was deleted\n')


def test_a_topic_that_is_made_again_is_read_from_its_beginning():
    with Home() as home:
        home.rtd("produce", "t", input="1\n2\n3\n")
        reader = home.start("consume", "t")
        equal([reader.stdout.readline() for _ in range(3)], [b"1\n", b"2\n", b"3\n"])
        equal(home.rtd("query", "DROP TOPIC t; CREATE TOPIC t").returncode, 0)
        home.rtd("produce", "t", input="4\n5\n6\n7\n")
        equal([reader.stdout.readline() for _ in range(4)], [b"4\n", b"5\n", b"6\n", b"7\n"])
        reader.terminate()
        reader.communicate(timeout=30)


def test_topics_are_read_by_a_pattern_and_later_ones_join():
    with Home() as home:
        for name in ("orders-a", "orders-b", "other"):
            home.rtd("produce", name, input=f"{name}\n")
        equal(sorted(home.rtd("consume", "-r", "^orders", "-e").text.split()),
              ["orders-a", "orders-b"])
        equal(sorted(home.rtd("consume", "-r", "b$", "-r", "^oth", "orders-a", "-e").text.split()),
              ["orders-a", "orders-b", "other"])
        for extra in ([], ["-g", "g"], ["-g", "h", "--protocol", "consumer"],
                      ["-g", "s", "--protocol", "share"]):
            follower = home.start("consume", "-r", "^(orders|late)", "-u", *extra,
                                  "-X", "metadata.max.age.ms=200")
            found = {follower.stdout.readline().strip() for _ in range(2)}
            equal(found, {b"orders-a", b"orders-b"}, extra)
            home.rtd("produce", "late", input="late\n")
            equal(follower.stdout.readline(), b"late\n", extra)
            home.rtd("query", "DROP TOPIC late")
            home.rtd("produce", "orders-c", input="c\n")
            equal(follower.stdout.readline(), b"c\n", extra)
            equal(follower.poll(), None, "still reading")
            follower.terminate()
            follower.wait(20)
            home.rtd("query", "DROP TOPIC \"orders-c\"")


def test_a_pattern_that_matches_nothing_is_an_error_unless_waited_for():
    with Home() as home:
        home.rtd("produce", "t", input="x\n")
        outcome(home.rtd("consume", "-r", "nope", "-r", "^x", "-e"), 1, "",
                'rtd: no topic in ~/.local/share/rtd matches "nope" or "^x" (--wait waits for '
                "one)\n")
        equal(home.rtd("consume", "-r", "(", "-e").returncode, 2)
        waiting = home.start("consume", "-r", "^later", "--wait", "-c", "1")
        home.rtd("produce", "later-1", input="here\n")
        equal(waiting.communicate(timeout=30)[0], b"here\n")
        equal(home.rtd("consume", "-r", "group|meta|trans", "-e").returncode, 1)


def test_explain_tells_what_would_be_read():
    with Home() as home:
        home.rtd("produce", "t", input="".join(f"{i}\n" for i in range(10)))
        outcome(home.rtd("consume", "t", "--explain", "-o", "-3"), 0,
                "t partition 0: from 7 on, of 0 up to 10\n", "")
        outcome(home.rtd("consume", "t", "--explain", "-e", "-J", "-o", "2"), 0,
                '{"topic":"t","partition":0,"from":2,"to":10,"log_start":0,"log_end":10,'
                '"committed":null}\n', "")
        home.rtd("consume", "t", "-g", "g", "-c", "4")
        outcome(home.rtd("consume", "t", "-g", "g", "--explain", "-e"), 0,
                "t partition 0: from 4 up to 10, of 0 up to 10; committed 4\n", "")
        outcome(home.rtd("consume", "t", "-g", "new", "--explain", "-o", "end"), 0,
                "t partition 0: from 10 on, of 0 up to 10\n", "")
        equal(home.rtd("consume", "t", "--explain", "-g", "s", "--protocol", "share").returncode, 2)


def test_a_share_group_is_read_on_after_its_server_was_killed():
    with Home() as home:
        home.rtd("produce", "t", input="a\nb\n")
        reader = home.start("consume", "t", "-g", "g", "--protocol", "share", "-c", "3")
        equal([reader.stdout.readline() for _ in range(2)], [b"a\n", b"b\n"])
        os.kill(home.status()["pid"], signal.SIGKILL)
        outcome(home.rtd("produce", "t", input="c\n"), 0, "", "")
        rest, errors = reader.communicate(timeout=60)
        # What the kill has kept from being said of a record brings that one again.
        assert rest.endswith(b"c\n") or rest in (b"a\n", b"b\n"), rest
        equal((reader.returncode, errors), (0, b""), "status and stderr")


def test_a_share_group_begins_at_a_time():
    with Home() as home:
        records = "".join('{"value":"%d","timestamp":%d}\n' % (n, (1_700_000_000 + n) * 1000)
                          for n in range(5))
        outcome(home.rtd("produce", "t", "-J", input=records), 0)
        for start, found in (("@1700000003", "3\n4\n"), ("@1700000002500", "3\n4\n"),
                             ("@1700000002000", "2\n3\n4\n"), ("@2100-01-01", "")):
            done = home.rtd("consume", "t", "-g", f"at{start}", "--protocol", "share", "-o", start,
                            "-e")
            outcome(done, 0, found, "")


def test_a_share_group_has_its_own_isolation():
    with Home() as home:
        done = home.rtd("consume", "t", "-g", "s", "--protocol", "share", "--isolation",
                        "read_committed")
        equal(done.returncode, 2)
        contains(done.errors, "share.isolation.level")
