"""Each kind of bad input: one clear line that names the thing and the way out, the promised
status, and nothing that was acknowledged is lost."""

import os
import random
import re

from harness import Server, Skip, contains, equal, eventually
from home import Home, outcome


def one_line(done, status, *parts):
    equal(done.returncode, status, f"status ({done.errors[:400]!r})")
    equal(done.errors.count("\n"), 1, f"lines in {done.errors!r}")
    assert done.errors.startswith("rtd: "), done.errors
    for part in parts:
        contains(done.errors, part)


def test_a_line_that_is_too_long():
    with Home() as home:
        done = home.rtd("produce", "t", input=b"kept\n" + b"x" * 5_000_000 + b"\nlater\n")
        one_line(done, 1, "line 2", "--max-line")
        equal(home.rtd("consume", "t", "-e").text.split("\n")[0], "kept")
        done = home.rtd("produce", "u", "--max-line", "3", input="abc\nabcd\n")
        one_line(done, 1, "line 2")
        outcome(home.rtd("produce", "v", "--max-line", "3", "--on-error", "skip",
                         input="abc\nabcd\nab\n"), 3)
        outcome(home.rtd("consume", "v", "-e"), 0, "abc\nab\n", "")


def test_bad_json_names_file_and_line():
    with Home() as home:
        (home.path / "in.json").write_text('{"value":"a"}\n{"value":\n')
        one_line(home.rtd("produce", "-J", "t", "in.json"), 1, "in.json", "line 2")
        one_line(home.rtd("produce", "-J", "t", input='{"valeu":"a"}\n'), 1, "line 1", "valeu")
        one_line(home.rtd("produce", "-J", "t", input='{"value_b64":"*"}\n'), 1, "line 1")


def test_a_file_that_is_not_there():
    with Home() as home:
        one_line(home.rtd("produce", "t", "nosuch.txt"), 1, "nosuch.txt", "No such file")
        one_line(home.rtd("produce", "t", "/"), 1, "/", "directory")


def test_a_closed_stdout():
    with Home() as home:
        home.rtd("produce", "t", input="a\n")
        done = home.shell("rtd consume t -e >&-")
        one_line(done, 1, "standard output")


def test_a_broker_that_is_down_and_comes_up():
    with Home() as home:
        one_line(home.rtd("consume", "t", "-e", "-b", ":1"), 1, "127.0.0.1:1",
                 "Connection refused")
        one_line(home.rtd("consume", "t", "-e", "-b", ":1", "--retry", "300ms"), 1, "127.0.0.1:1")
        one_line(home.rtd("consume", "t", "-e", "-b", "no-such-host.invalid:9092"), 1,
                 "no-such-host.invalid")


def test_a_peer_that_is_not_a_broker():
    import socket
    with Home() as home, socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        process = home.start("consume", "t", "-e", "-b", f":{listener.getsockname()[1]}")
        with listener.accept()[0] as connection:
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        errors = process.communicate(timeout=30)[1].decode()
        equal(process.returncode, 1, errors)
        assert errors.startswith("rtd: "), errors


def test_an_unknown_topic_when_creation_is_off():
    with Home() as home, Server("-X", "auto.create.topics.enable=false") as server:
        one_line(home.rtd("consume", "nosuch", "-e", "-b", server.address), 1, '"nosuch"',
                 server.address, "--wait")


def test_a_port_that_is_taken():
    with Home() as home, Server() as server:
        done = home.rtd("serve", "--kafka", server.address)
        one_line(done, 1, server.address, "taken")


def test_a_directory_of_another_user():
    with Home() as home:
        if os.geteuid() != 0:
            raise Skip("needs root to give a directory away")
        theirs = home.path / "theirs"
        theirs.mkdir()
        os.chown(theirs, 1, 1)
        for arguments in (("serve", "--kafka", ":0"), ("produce", "t", "-m", "x")):
            one_line(home.rtd(*arguments, "--data", theirs), 1, "theirs belongs to", "RTD_DATA")


def test_a_directory_that_cannot_be_made():
    with Home() as home:
        (home.path / "file").write_text("")
        one_line(home.rtd("serve", "--kafka", ":0", "--data", home.path / "file/below"), 1, "file")


def test_a_newer_format_is_refused():
    with Home() as home:
        home.rtd("produce", "t", input="a\n")
        home.rtd("serve", "--stop")
        path = home.data / "format"
        kept = path.read_bytes()
        path.write_bytes(re.sub(rb"\d+", b"999", kept, count=1))
        done = home.rtd("serve", "--kafka", ":0")
        equal(done.returncode, 1, done.errors)
        contains(done.errors, "rtd: ")
        path.write_bytes(kept)
        outcome(home.rtd("consume", "t", "-e"), 0, "a\n", "")


def segment(home):
    """The segment of the one topic that the user made: the largest."""
    return max(home.data.glob("topics/*/*/*.log"), key=lambda p: p.stat().st_size)


def test_a_corrupt_segment_is_found_and_isolated():
    with Home() as home:
        value = "x" * 900
        for i in range(40):
            home.rtd("produce", "t", input=f"{i} {value}\n")
        outcome(home.rtd("serve", "--stop"), 0)
        outcome(home.rtd("serve", "--check"), 0)
        path = segment(home)
        data = bytearray(path.read_bytes())
        at = len(data) // 2
        data[at] ^= 0x10
        path.write_bytes(data)
        done = home.rtd("serve", "--check")
        equal(done.returncode, 1, "status of --check")
        contains(done.text + done.errors, path.name)
        done = home.rtd("consume", "t", "-e")
        equal(done.returncode, 1, done.errors)
        contains(done.errors, "offset")
        done = home.rtd("consume", "t", "-e", "--on-error", "skip")
        equal(done.returncode, 3, done.errors)
        numbers = [int(line.split()[0]) for line in done.text.splitlines()]
        missing = set(range(40)) - set(numbers)
        equal((len(numbers), len(missing)), (39, 1), "records read, lost")
        # New records go on after the damage.
        home.rtd("produce", "t", input="new\n")
        contains(home.rtd("consume", "t", "-e", "--on-error", "skip").text, "new\n")


def test_a_check_says_what_it_has_read():
    with Home() as home:
        home.rtd("produce", "t", input="x" * 900 + "\n")
        outcome(home.rtd("serve", "--stop"), 0)
        done = home.rtd("serve", "--check")
        equal((done.returncode, done.text), (0, ""), "status, stdout")
        counted = re.fullmatch(r"rtd: ~/.local/share/rtd: (\d+) logs, (\d+) batches, .*B: no damage\n",
                               done.errors)
        assert counted, done.errors
        outcome(home.rtd("serve", "--check", "-q"), 0, "", "")
        with open(segment(home), "ab") as file:
            file.write(random.randbytes(777))
        done = home.rtd("serve", "--check", "-v")
        equal((done.returncode, done.text), (0, ""), "status, stdout with -v")
        lines = done.errors.splitlines()
        equal(len(lines), int(counted[1]) + 1, "a line a log and one for all")
        torn = [line for line in lines[:-1] if "torn" in line]
        contains(torn[0], f"rtd: {segment(home).parent}: 1 batch, ")
        contains(torn[0], " B, a torn tail of 777 B that the next start cuts: no damage")
        data = bytearray(segment(home).read_bytes())
        data[65] ^= 1
        segment(home).write_bytes(data)
        done = home.rtd("serve", "--check")
        equal(done.returncode, 1)
        contains(done.errors, ": 1 damage\n")


def test_a_torn_tail_is_cut():
    """Bytes beyond the durable mark that are no batch: what a power cut leaves."""
    with Home() as home:
        home.rtd("produce", "t", input="a\nb\n")
        home.rtd("serve", "--stop")
        with open(segment(home), "ab") as file:
            file.write(random.randbytes(777))
        outcome(home.rtd("consume", "t", "-e"), 0, "a\nb\n")
        home.rtd("produce", "t", input="c\n")
        outcome(home.rtd("consume", "t", "-e"), 0, "a\nb\nc\n")
        home.rtd("serve", "--stop")
        outcome(home.rtd("serve", "--check"), 0)


def test_a_lost_index_is_made_again():
    with Home() as home:
        home.shell("seq 20000 | rtd produce t")
        home.rtd("serve", "--stop")
        for path in home.data.glob("topics/*/*/*.index"):
            path.unlink()
        equal(home.rtd("consume", "t", "-e", "-o", "19990").text.split(),
              [str(i) for i in range(19991, 20001)])


def test_a_lost_server_is_reported_not_waited_for_ever():
    with Home() as home:
        server = Server().start()
        process = home.start("consume", "t", "--wait", "-b", server.address, "-X",
                             "delivery.timeout.ms=1500")
        eventually(lambda: process.poll() is None and server.is_running)
        home.rtd("produce", "t", "-b", server.address, input="a\n")
        equal(process.stdout.readline(), b"a\n")
        server.kill()
        errors = process.communicate(timeout=60)[1].decode()
        equal(process.returncode, 1, errors)
        contains(errors, server.address)
        server.discard()


def test_records_that_were_not_delivered_are_counted():
    with Home() as home:
        server = Server("-X", "message.max.bytes=2000").start()
        lines = "small\n" + "x" * 3000 + "\n"
        done = home.rtd("produce", "t", "-b", server.address, input=lines)
        equal(done.returncode, 1, done.errors)
        contains(done.errors, "line 2")
        server.discard()
