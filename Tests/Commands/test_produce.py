"""What `rtd produce` makes of its input, and what it says when something is not delivered."""

import json
import os
import pty
import signal
import subprocess
import time
import zlib

import harness
from harness import contains, equal, eventually
from home import Home, outcome


def records(home, topic, *members):
    """The named members of each record of a topic."""
    lines = home.rtd("consume", "-J", topic, "-e").text.splitlines()
    return [[json.loads(line)[name] for name in members] for line in lines]


def test_key_and_headers_for_every_record():
    with Home() as home:
        outcome(home.rtd("produce", "-K", ":", "-k", "d", "-H", "a=1", "-H", "n", "t",
                         input="k:v\nw\n:\n"), 0, "", "")
        headers = [["a", "1"], ["n", None]]
        equal(records(home, "t", "key", "value", "headers"),
              [["k", "v", headers], ["d", "w", headers], ["", "", headers]])


def test_empty_as_null():
    with Home() as home:
        outcome(home.rtd("produce", "-Z", "-K", ":", "t", input="k:\n:v\n\n"), 0, "", "")
        equal(records(home, "t", "key", "value"), [["k", None], [None, "v"], [None, None]])


def test_messages_are_records_whatever_they_hold():
    with Home() as home:
        outcome(home.rtd("produce", "t", "-m", "a\nb", "-m", "", input="not read"), 0, "", "")
        equal(records(home, "t", "value"), [["a\nb"], [""]])


def test_every_codec_is_read_back():
    with Home() as home:
        lines = "".join(f"line {i} of some text that repeats\n" for i in range(20_000))
        for codec in ("gzip", "snappy", "lz4", "zstd"):
            outcome(home.rtd("produce", "-z", codec, codec, input=lines), 0, "", "")
            equal(home.rtd("consume", codec, "-e").text == lines, True, codec)


def test_csv_and_the_key_from_json():
    with Home() as home:
        outcome(home.rtd("produce", "--format", "csv", "--key-json-path", ".id", "t",
                         input="id,name\nx,Ann\ny,Bob\n"), 0, "", "")
        equal([[key, json.loads(value)] for key, value in records(home, "t", "key", "value")],
              [["x", {"id": "x", "name": "Ann"}], ["y", {"id": "y", "name": "Bob"}]])


def test_partitions_by_option_and_by_record():
    with Home() as home:
        home.rtd("produce", "t", "--partitions", "3", "-p", "2", "-m", "a")
        text = '{"value":"b","partition":1}\n{"value":"c","partition":0}\n'
        outcome(home.rtd("produce", "t", "-J", "--keep-partition", input=text), 0, "", "")
        equal(sorted(records(home, "t", "partition", "value")), [[0, "c"], [1, "b"], [2, "a"]])
        outcome(home.rtd("produce", "t", "-p", "3", "-m", "x"), 1, "",
                'rtd: topic "t" has no partition 3, its partitions are 0 to 2; '
                "0 of 1 records delivered\n")
        done = home.rtd("produce", "t", "-J", "--keep-partition",
                        input='{"value":"d"}\n{"value":"e","partition":7}\n')
        equal(done.returncode, 1)
        contains(done.errors, "stdin line 2: there is no partition 7")
        # A topic with one partition has no other either.
        done = home.rtd("produce", "one", "-J", "--keep-partition",
                        input='{"value":"a","partition":0}\n{"value":"b","partition":5}\n')
        equal(done.returncode, 1)
        contains(done.errors, "stdin line 2: there is no partition 5")
        outcome(home.rtd("consume", "one", "-e"), 0, "a\n", "")


def test_the_partitioners_of_librdkafka():
    """zlib's CRC-32, and FNV-1a with the absolute value that librdkafka takes."""
    keys = ["foo", "bar", "21"]
    with Home() as home:
        for name in ("consistent", "fnv1a"):
            lines = "".join(f"{key}:x\n" for key in keys)
            outcome(home.rtd("produce", "-K:", "-X", f"partitioner={name}", name,
                             "--partitions", "10", input=lines), 0, "", "")
            found = dict(records(home, name, "key", "partition"))
            equal(found, {key: partition(name, key.encode()) for key in keys}, name)


def partition(name, key):
    if name == "consistent":
        return zlib.crc32(key) % 10
    value = 0x811C9DC5
    for byte in key:
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    if value >= 1 << 31:
        value = (1 << 32) - value
    return value % 10


def test_count_ends_it_while_the_input_goes_on():
    with Home() as home:
        reading, writing = os.pipe()
        process = home.start("produce", "t", "-c", "2", stdin=reading)
        os.close(reading)
        os.write(writing, b"a\nb\nc\n")
        equal(process.wait(20), 0)
        os.close(writing)
        outcome(home.rtd("consume", "t", "-e"), 0, "a\nb\n", "")


def test_timeout_without_input():
    with Home() as home:
        reading, writing = os.pipe()
        process = home.start("produce", "t", "--timeout", "300ms", stdin=reading)
        os.close(reading)
        os.write(writing, b"a\n")
        equal(process.wait(20), 4)
        os.close(writing)
        outcome(home.rtd("consume", "t", "-e"), 0, "a\n", "")


def test_a_report_names_each_record():
    with Home() as home:
        outcome(home.rtd("produce", "t", "--report", input="a\nb\n"), 0,
                '{"topic":"t","partition":0,"offset":0}\n{"topic":"t","partition":0,"offset":1}\n',
                "")


def test_a_tee_copies_the_values():
    with Home() as home:
        outcome(home.rtd("produce", "t", "-T", "-K", ":", input="k:a\nb"), 0, "a\nb\n", "")


def test_records_are_sent_on_when_the_reader_of_a_copy_leaves():
    for option in ("-T", "--report"):
        for transaction in ("", "--txn id"):
            with Home() as home:
                done = home.shell(f"seq 300000 | rtd produce t {option} {transaction} | head -1 "
                                  ">/dev/null; echo ${PIPESTATUS[*]}; rtd consume t -e | wc -l")
                equal((done.text, done.errors), ("0 0 0\n300000\n", ""), option + transaction)


def test_an_aborted_transaction_is_told():
    with Home() as home:
        done = home.shell("seq 3 | rtd produce t --txn id -T >/dev/full")
        equal(done.returncode, 1)
        contains(done.errors, "records delivered, but the transaction was aborted")
        done = home.rtd("produce", "t", "--txn", "id", "-J", input='{"value":"a"}\noops\n')
        equal(done.returncode, 1)
        contains(done.errors, "delivered, but the transaction was aborted")
        equal(home.rtd("consume", "t", "-e").text, "")


def test_a_transaction_that_was_open_for_too_long():
    with Home() as home:
        done = home.shell("(seq 3; sleep 3.5; seq 3) | rtd produce t --txn id "
                          "-X transaction.timeout.ms=1000")
        equal(done.returncode, 1, done.errors)
        contains(done.errors, "open for longer than transaction.timeout.ms=1000")
        contains(done.errors, "--txn-every commits in between")
        outcome(home.rtd("produce", "t", "--txn", "id", "-X", "transaction.timeout.ms=0",
                         input="a"), 2, "", None)


def test_a_dry_run_touches_nothing():
    with Home() as home:
        done = home.rtd("produce", "t", "--dry-run", "-p", "1", "-K", ":", input="k:v\nw\n")
        equal(done.returncode, 0, done.errors)
        found = [json.loads(line) for line in done.text.splitlines()]
        equal([[r["topic"], r["partition"], r["key"], r["value"], "offset" in r] for r in found],
              [["t", 1, "k", "v", False], ["t", 1, None, "w", False]])
        equal(home.data.exists(), False)


def test_an_output_that_is_full():
    with Home() as home:
        for option in ("-T", "--report", "--dry-run"):
            done = home.shell(f"echo a | rtd produce t {option} >/dev/full")
            equal(done.returncode, 1)
            contains(done.errors, "cannot write to standard output: No space left on device")


def test_a_closed_input():
    with Home() as home:
        done = home.shell("rtd produce t <&-")
        equal(done.returncode, 1)
        contains(done.errors, "rtd: cannot read stdin: Bad file descriptor")


def test_a_bad_record_after_good_ones():
    with Home() as home:
        outcome(home.rtd("produce", "-J", "t", input='{"value":"a"}\noops\n'), 1, "",
                'rtd: stdin line 2: invalid JSON: "oops"; 1 of 1 records before it delivered '
                "(--on-error skip goes on)\n")
        outcome(home.rtd("produce", "-J", "t", "--on-error", "skip", input='oops\n{"value":"b"}\n'),
                3, "", 'rtd: 1 record skipped, the first: stdin line 1: invalid JSON: "oops"\n')
        outcome(home.rtd("consume", "t", "-e"), 0, "a\nb\n", "")


def test_topics_are_created_by_racing_producers():
    with Home() as home:
        home.rtd("produce", "other", "-m", "x")
        processes = [home.start("produce", "t", "--partitions", "2", "-m", str(i))
                     for i in range(8)]
        for process in processes:
            errors = process.communicate(timeout=60)[1]
            equal((process.returncode, errors), (0, b""))
        equal(sorted(value for value, in records(home, "t", "value")), list("01234567"))


def test_a_second_signal_ends_it_at_once():
    """The first waits for acknowledgements that never come."""
    with Home() as home:
        server = harness.Server().start()
        reading, writing = os.pipe()
        process = home.start("produce", "t", "-b", server.address, stdin=reading)
        os.close(reading)
        os.write(writing, b"a\n")
        eventually(lambda: home.rtd("consume", "t", "-e", "-b", server.address).text == "a\n")
        server.kill()
        os.write(writing, b"b\n")
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        equal(process.poll(), None, "still waiting")
        process.send_signal(signal.SIGTERM)
        equal(process.wait(5), -signal.SIGTERM)
        os.close(writing)
        server.discard()


def test_a_terminal_is_told_what_is_waited_for():
    with Home() as home:
        controlling, terminal = pty.openpty()
        process = home.start("produce", "t", stdin=terminal)
        os.close(terminal)
        os.write(controlling, b"typed\n\x04")
        equal(process.wait(20), 0)
        contains(process.stderr.read().decode(), "Ctrl-D")
        os.close(controlling)
        outcome(home.rtd("consume", "t", "-e"), 0, "typed\n", "")


def test_sizes_up_to_what_the_topic_takes():
    with Home() as home:
        server = harness.Server("-X", "message.max.bytes=3000").start()
        limit = 3000 - 61 - 15
        for size, status in ((limit, 0), (limit + 1, 1)):
            done = home.rtd("produce", "t", "-b", server.address, input="x" * size)
            equal((size, done.returncode), (size, status), done.errors)
        lines = "".join(f"{i:0100d}\n" for i in range(2000))
        outcome(home.rtd("produce", "u", "-b", server.address, input=lines), 0, "", "")
        equal(home.rtd("consume", "u", "-e", "-b", server.address).text == lines, True)
        server.discard()


def test_batches_that_a_topic_has_become_too_small_for_are_split():
    with Home() as home:
        home.shell("echo first | rtd produce t")
        for codec in ("none", "zstd"):
            process = home.start("produce", "t", "-z", codec, "--report", stdin=subprocess.PIPE)
            process.stdin.write(b"begun\n")
            process.stdin.flush()
            contains(process.stdout.readline().decode(), "offset")
            outcome(home.rtd("query", "ALTER TOPIC t SET ('max.message.bytes' = 2000)"), 0)
            lines = [os.urandom(50).hex() for _ in range(500)] + ["x" * 5000, "last"]
            out, errors = process.communicate("".join(f"{x}\n" for x in lines).encode(), 30)
            if codec == "none":
                # One record is too large by itself: all others are there.
                equal((process.returncode, len(out.splitlines())), (1, 501), errors.decode())
                contains(errors.decode(), "larger than the topic's max.message.bytes")
            else:
                equal((process.returncode, len(out.splitlines())), (0, 502), errors.decode())
            outcome(home.rtd("query", "ALTER TOPIC t SET ('max.message.bytes' = 1000000)"), 0)
        kept = [value for (value,) in records(home, "t", "value")]
        equal(len(kept), len(set(kept)) + 2, "records, but for two that were sent twice")
        equal(kept[-1], "last")


def test_a_compression_level_has_an_effect():
    with Home() as home:
        text = "".join(f'{{"id":{i * 7919 % 10007},"name":"user{i % 97}"}}\n' for i in range(20000))
        sizes = []
        for level in (1, 9):
            topic = f"t{level}"
            outcome(home.rtd("produce", topic, "-z", "gzip", "-X", f"compression.gzip.level={level}",
                             input=text), 0, "", "")
            equal(home.rtd("consume", topic, "-e").text, text)
            sizes.append(sum(p.stat().st_size for p in home.data.glob("topics/*/0/*.log")
                             if not p.parts[-3].startswith("0000000000")) - sum(sizes))
        assert sizes[1] < sizes[0], sizes


def compacted(home, topic, partitions=1):
    home.rtd("query", f"CREATE TOPIC {topic} WITH (partitions = {partitions}, "
                      "\"cleanup.policy\" = compact)")


def test_a_record_without_a_key_in_a_compacted_topic_is_named_by_its_line():
    with Home() as home:
        compacted(home, "t")
        text = "a:1\nb:2\nkeyless\nc:3\n"
        outcome(home.rtd("produce", "-K", ":", "t", input=text), 1, "",
                'rtd: topic "t" partition 0: Compacted topic cannot accept message without key in '
                "topic partition t-0 (INVALID_RECORD); 0 of 4 records delivered, the first failure "
                "is at stdin line 3 (--on-error skip goes on)\n")
        equal(records(home, "t", "key"), [])
        outcome(home.rtd("produce", "-K", ":", "t", "--on-error", "skip", input=text), 3, "",
                'rtd: 1 record skipped, the first: stdin line 3: topic "t" partition 0: Compacted '
                "topic cannot accept message without key in topic partition t-0 "
                "(INVALID_RECORD)\n")
        equal(records(home, "t", "key", "value"), [["a", "1"], ["b", "2"], ["c", "3"]])


def test_only_the_rejected_records_of_a_large_input_are_left_out():
    """Batches that follow a rejected one are under way already; all stays in order, once each."""
    with Home() as home:
        for topic, options in [("a", ()), ("b", ("-z", "zstd")), ("c", ("--txn", "id")),
                               ("d", ("--acks", "1"))]:
            compacted(home, topic)
            bad = {0, 1, 7_777, 30_000, 59_998, 59_999}
            lines = "".join(("keyless\n" if i in bad else f"k{i}:{i}\n") for i in range(60_000))
            done = home.rtd("produce", "-K", ":", "--on-error", "skip", "-v", "--batch-bytes",
                            "20000", *options, topic, input=lines)
            equal(done.returncode, 3, done.errors)
            told = [line for line in done.errors.splitlines() if line.endswith("; skipped")]
            equal(sorted(int(line.split(" line ")[1].split(":")[0]) - 1 for line in told),
                  sorted(bad), topic)
            contains(done.errors, "59994 of ")
            values = [int(v) for v, in records(home, topic, "value")]
            if topic != "d":
                equal(values == [i for i in range(60_000) if i not in bad], True, topic)
            equal(sorted(values) == [i for i in range(60_000) if i not in bad], True, topic)


def test_places_are_right_over_files_partitions_and_skipped_lines():
    with Home() as home:
        compacted(home, "t", 3)
        (home.path / "one").write_text('{"key":"a","value":"1"}\noops\n{"value":"2"}\n')
        (home.path / "two").write_text('\n{"key":"b","value":"3"}\n\n{"value":"4"}\n')
        done = home.rtd("produce", "-J", "t", "--on-error", "skip", "-v", "one", "two")
        equal(done.returncode, 3, done.errors)
        told = sorted(" ".join(line.split()[1:4]).rstrip(":") for line in done.errors.splitlines()
                      if line.endswith("; skipped"))
        equal(told, ["one line 2", "one line 3", "two line 4"])
        equal(sorted(v for v, in records(home, "t", "value")), ["1", "3"])


def test_a_timestamp_out_of_range_is_named_by_its_line():
    with Home() as home:
        home.rtd("query", 'CREATE TOPIC t WITH ("message.timestamp.before.max.ms" = 60000)')
        now = int(time.time() * 1000)
        lines = "".join(json.dumps({"value": str(i), "timestamp": now - ago}) + "\n"
                        for i, ago in enumerate((0, 90_000, 0)))
        done = home.rtd("produce", "-J", "t", "--on-error", "skip", input=lines)
        equal(done.returncode, 3)
        contains(done.errors, "1 record skipped, the first: stdin line 2: ")
        contains(done.errors, "is out of range. The timestamp should be within [")
        contains(done.errors, "(INVALID_TIMESTAMP)")
        equal(records(home, "t", "value"), [["0"], ["2"]])


def test_max_request_size_holds_for_a_record_too():
    with Home() as home:
        lines = "short\n" + "x" * 3000 + "\nlast\n"
        for name in ("max.request.size", "message.max.bytes"):
            done = home.rtd("produce", "t", "-X", f"{name}=1000", "-z", "gzip", input=lines)
            equal(done.returncode, 1)
            contains(done.errors, "stdin line 2: it takes 3076 bytes, more than max.request.size, "
                                  "1000")
        done = home.rtd("produce", "u", "-X", "max.request.size=1000", "--on-error", "skip",
                        input=lines)
        equal((done.returncode, home.rtd("consume", "u", "-e").text), (3, "short\nlast\n"))


def test_files_of_other_clients_are_read():
    with Home() as home:
        (home.path / "client.properties").write_bytes(
            b"\xef\xbb\xbf# made by a tool\nclient.id: me\nlinger.ms 5\n"
            b"schema.registry.url=http\\://h\ncompression.type=\\\n   gzip\n")
        done = home.rtd("produce", "t", "-F", "client.properties", input="x\n")
        outcome(done, 0, "", "rtd: schema.registry.url is not for a Kafka client, and without "
                             "effect\n")
        outcome(home.rtd("produce", "t", "-q", "-F", "client.properties", input="x\n"), 0, "", "")
        equal(home.rtd("produce", "-X", "acks=1", "-X", "enable.idempotence=true", "t",
                       input="x\n").returncode, 2)
        done = home.rtd("produce", "--txn", "", "t", input="x\n")
        contains(done.errors, "wants an ID, not an empty text")


def test_a_directory_that_cannot_hold_data_says_why():
    with Home() as home:
        done = home.rtd("produce", "t", "--data", "/proc", input="x\n")
        equal(done.returncode, 1)
        contains(done.errors, "/proc")
        contains(done.errors, "RTD_DATA")


def test_a_transaction_of_rejected_records_only_ends_well():
    with Home() as home:
        compacted(home, "t")
        for text, values in (("x\ny\n", []), ("x\nk:1\n", [["1"]]), ("z\n", [["1"]])):
            done = home.rtd("produce", "-K", ":", "--txn", "id", "--on-error", "skip", "t",
                            input=text)
            equal(done.returncode, 3, done.errors)
            equal(records(home, "t", "value"), values)


def test_explain_tells_where_records_would_go():
    with Home() as home:
        outcome(home.rtd("produce", "-K", ":", "t", "--explain", input="a:1\nb:22\n"), 0,
                "t does not exist in ~/.local/share/rtd, is made with 1 partition\n"
                "t partition 0: 2 records, 5 bytes\n", "")
        equal(home.rtd("consume", "t", "-e").returncode, 1, "no topic was made")
        home.rtd("produce", "t", "--partitions", "3", "-K", ":",
                 input="".join(f"k{i}:v\n" for i in range(60)))
        sent = {p: 0 for p in range(3)}
        for partition, in records(home, "t", "partition"):
            sent[partition] += 1
        done = home.rtd("produce", "-K", ":", "t", "--explain",
                        input="".join(f"k{i}:v\n" for i in range(60)) + "no key\n")
        lines = done.text.splitlines()
        equal(lines[0], "t has 3 partitions")
        equal([int(line.split(": ")[1].split()[0]) for line in lines[1:]],
              [*sent.values(), 1])
        contains(lines[-1], "t any partition: 1 record, 6 bytes")
        equal(home.rtd("produce", "t", "--explain", "-p", "7", input="x\n").returncode, 1)
        equal(home.rtd("produce", "t", "--explain", "--dry-run", input="x\n").returncode, 2)


def test_unbuffered_records_are_batches_of_their_own():
    with Home() as home:
        outcome(home.rtd("produce", "-u", "t", input="a\nb\nc\n"), 0, "", "")
        equal(home.rtd("consume", "t", "-e").text, "a\nb\nc\n")
        found = []
        for log in home.data.glob("topics/*/0/*.log"):
            data, at, batches = log.read_bytes(), 0, 0
            while at + 61 <= len(data):
                at += 12 + int.from_bytes(data[at + 8:at + 12], "big")
                batches += 1
            found.append(batches)
        assert 3 in found, found
