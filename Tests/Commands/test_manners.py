"""Exit statuses, signals, groups, formats: what scripts rely on."""

import os
import signal
import time

from harness import contains, equal, eventually
from home import Home, outcome


def test_version_and_help():
    with Home() as home:
        done = home.rtd("--version")
        equal((done.returncode, done.text.split()[0]), (0, "rtd"))
        for command in ("serve", "produce", "consume", "query", "bench"):
            equal(home.rtd("help", command).text, home.rtd(command, "--help").text)
        equal(home.data.exists(), False, "help made a directory")


def test_usage_errors_have_status_2():
    with Home() as home:
        for arguments in (["nosuch"], ["consume"], ["produce"], ["serve", "--port", "1"],
                          ["consume", "t", "--timeout", "5"], ["produce", "t", "-X", "no.such=1"],
                          ["consume", "t", "-b", ":1", "--data", "d"]):
            done = home.rtd(*arguments)
            equal((done.returncode, done.text), (2, ""), " ".join(arguments))
            contains(done.errors, "rtd: ")


def test_a_timeout_without_a_record_has_status_4():
    with Home() as home:
        home.rtd("produce", "t", input="a\n")
        outcome(home.rtd("consume", "t", "--timeout", "300ms"), 4, "a\n")


def test_skipped_records_have_status_3():
    with Home() as home:
        text = '{"value":"a"}\noops\n{"value":"b"}\n'
        done = home.rtd("produce", "-J", "t", "--on-error", "skip", input=text)
        equal(done.returncode, 3)
        outcome(home.rtd("consume", "t", "-e"), 0, "a\nb\n", "")
        done = home.rtd("produce", "-J", "u", input=text)
        equal(done.returncode, 1)
        contains(done.errors, "line 2")


def test_a_signal_is_raised_again():
    """So that a loop in the shell stops."""
    with Home() as home:
        home.rtd("produce", "t", input="a\n")
        for number in (signal.SIGINT, signal.SIGTERM):
            process = home.start("consume", "t")
            equal(process.stdout.readline(), b"a\n")
            process.send_signal(number)
            equal(process.wait(10), -number, "status")


def test_a_signal_that_was_ignored_stays_ignored():
    """As nohup wants it, and shells for what a script runs in the background."""
    with Home() as home:
        home.rtd("produce", "t", input="a\n")
        # What Python ignores its children do too.
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            process = home.start("consume", "t")
        finally:
            signal.signal(signal.SIGHUP, before)
        equal(process.stdout.readline(), b"a\n")
        process.send_signal(signal.SIGHUP)
        home.rtd("produce", "t", input="b\n")
        equal(process.stdout.readline(), b"b\n")
        process.send_signal(signal.SIGTERM)
        equal(process.wait(10), -signal.SIGTERM, "status")


def test_what_was_read_before_a_signal_is_delivered():
    with Home() as home:
        reading, writing = os.pipe()
        process = home.start("produce", "t", stdin=reading)
        os.close(reading)
        os.write(writing, b"a\nb\npart")
        eventually(lambda: home.rtd("consume", "t", "-e").text == "a\nb\n", what="both lines")
        process.send_signal(signal.SIGTERM)
        equal(process.wait(10), -signal.SIGTERM, "status")
        os.close(writing)


def test_a_slow_pipe_is_not_held_back():
    with Home() as home:
        reading, writing = os.pipe()
        process = home.start("produce", "t", stdin=reading)
        os.close(reading)
        os.write(writing, b"a\n")
        eventually(lambda: home.rtd("consume", "t", "-e").text == "a\n", what="the first line")
        os.write(writing, b"b\n")
        os.close(writing)
        equal(process.wait(20), 0)
        outcome(home.rtd("consume", "t", "-e"), 0, "a\nb\n", "")


def test_consume_follows():
    with Home() as home:
        home.rtd("produce", "t", input="a\n")
        process = home.start("consume", "t")
        equal(process.stdout.readline(), b"a\n")
        home.rtd("produce", "t", input="b\n")
        equal(process.stdout.readline(), b"b\n")
        process.kill()
        process.wait()


def test_wait_waits_for_a_topic():
    with Home() as home:
        process = home.start("consume", "later", "--wait", "-c", "1")
        home.rtd("produce", "other", input="x\n")
        equal(process.poll(), None)
        home.rtd("produce", "later", input="here\n")
        equal(process.communicate(timeout=20)[0], b"here\n")
        equal(process.returncode, 0)


def test_a_group_goes_on_where_it_was():
    with Home() as home:
        home.rtd("produce", "t", input="a\nb\nc\n")
        outcome(home.rtd("consume", "t", "-g", "g", "-e", "-c", "2"), 0, "a\nb\n", "")
        outcome(home.rtd("consume", "t", "-g", "g", "-e"), 0, "c\n", "")
        outcome(home.rtd("consume", "t", "-g", "g", "-e"), 0, "", "")


def test_a_group_commits_only_what_was_written():
    with Home() as home:
        home.rtd("produce", "t", input="".join(f"{i}\n" for i in range(50_000)))
        done = home.shell("rtd consume t -g g | head -3; echo ${PIPESTATUS[0]}")
        equal(done.text, "0\n1\n2\n0\n")
        rest = home.rtd("consume", "t", "-g", "g", "-e").text.splitlines()
        equal(rest[-1], "49999")
        assert int(rest[0]) <= 49_999


def test_offsets_of_each_kind():
    with Home() as home:
        home.rtd("produce", "t", input="".join(f"{i}\n" for i in range(10)))
        for offset, expected in (("-2", "8 9"), ("7", "7 8 9"), ("+8", "8 9"), ("2:4", "2 3"),
                                 ("end", ""), ("beginning", "0 1 2 3 4 5 6 7 8 9"), (":2", "0 1"),
                                 ("@0", "0 1 2 3 4 5 6 7 8 9"), ("@-1h", "0 1 2 3 4 5 6 7 8 9")):
            done = home.rtd("consume", "t", "-e", "-o", offset)
            equal((done.returncode, " ".join(done.text.split())), (0, expected), offset)


def test_partitions_are_merged_by_time():
    with Home() as home:
        lines = "".join(f'{{"key":"{i % 7}","value":"{i}","timestamp":{1000 + i}}}\n'
                        for i in range(200))
        home.rtd("produce", "-J", "t", "--partitions", "4", input=lines)
        values = home.rtd("consume", "t", "-e").text.split()
        equal(values, [str(i) for i in range(200)])


def test_keys_go_where_java_sends_them():
    """murmur2, as every other client of the cluster."""
    with Home() as home:
        home.rtd("produce", "-K", ":", "t", "--partitions", "10", input="foo:1\nbar:2\n21:3\n")
        lines = home.rtd("consume", "t", "-e", "-f", "%k %p\n").text.splitlines()
        expected = {key: murmur2(key.encode()) % 10 for key in ("foo", "bar", "21")}
        equal(dict((line.split()[0], int(line.split()[1])) for line in lines), expected)


def murmur2(data):
    m, h = 0x5BD1E995, 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at:at + 4], "little") * m & 0xFFFFFFFF
        k = (k ^ k >> 24) * m & 0xFFFFFFFF
        h = h * m & 0xFFFFFFFF ^ k
    rest = data[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & 0xFFFFFFFF
    h = (h ^ h >> 13) * m & 0xFFFFFFFF
    return (h ^ h >> 15) & 0x7FFFFFFF


def test_framings():
    with Home() as home:
        outcome(home.rtd("produce", "-0", "z", input=b"a\nb\0c\0"), 0, "", "")
        equal(home.rtd("consume", "-0", "z", "-e").stdout, b"a\nb\0c\0")
        framed = b"\0\0\0\x03a\0b\0\0\0\0\0\0\0\x01c"
        outcome(home.rtd("produce", "--length-prefixed", "l", input=framed), 0, "", "")
        equal(home.rtd("consume", "--length-prefixed", "l", "-e").stdout, framed)
        outcome(home.rtd("produce", "f", "-f", "%k=%v;", input="a=1;b=2;"), 0, "", "")
        outcome(home.rtd("consume", "f", "-e", "-f", "%k/%v,%o|"), 0, "a/1,0|b/2,1|", "")


def test_several_files_and_stdin():
    with Home() as home:
        (home.path / "one").write_text("1\n2")
        (home.path / "two").write_text("3\n")
        outcome(home.rtd("produce", "t", "one", "-", "two", input="in\n"), 0, "", "")
        outcome(home.rtd("consume", "t", "-e"), 0, "1\n2\nin\n3\n", "")


def test_a_closed_stdin_and_an_empty_one():
    with Home() as home:
        equal(home.shell("rtd produce t </dev/null && rtd consume t -e").returncode, 0)
        equal(home.shell("rtd produce t -m x <&- && rtd consume t -e").text, "x\n")


def test_progress_is_silent_without_a_terminal():
    with Home() as home:
        outcome(home.shell("seq 200000 | rtd produce t"), 0, "", "")
        contains(home.shell("seq 200000 | rtd produce --progress t").errors, "200")


def test_a_paused_reader_loses_nothing():
    with Home() as home:
        home.shell("seq 300000 | rtd produce t")
        process = home.start("consume", "t", "-e")
        time.sleep(0.3)
        output = process.communicate(timeout=60)[0]
        equal(output == b"".join(b"%d\n" % i for i in range(1, 300_001)), True, "every line")
        equal(process.returncode, 0)
