"""System calls that fail under a server at work: nothing acknowledged is lost, errors are Kafka's.

strace is attached to a running server and makes calls of a kind fail; once it is detached they work
again. Each test ends with a start of the server on the same directory, which must hold all that
was acknowledged, at the offsets that were told, and must pass `serve --check`.
"""

import contextlib
import subprocess
import time

from confluent_kafka import TopicPartition

import wire
from clients import consumer
from harness import Skip, contains, equal, eventually
from promises import STORAGE_ERROR, promises

NEEDS_CLIENTS = True


@contextlib.contextmanager
def failing(server, *injections):
    """Makes system calls of the server fail, as strace's --inject says, while the block runs."""
    calls = ",".join(i.split(":")[0] for i in injections)
    options = [part for i in injections for part in ("-e", f"inject={i}")]
    trace = server.home / "trace"
    tracer = subprocess.Popen(
        ["strace", "-f", "-o", str(trace), "-e", f"trace={calls}", *options, "-p",
         str(server.pid())], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE)
    try:
        lines = []
        while not any("attached" in line for line in lines):
            line = tracer.stderr.readline().decode()
            if not line:
                raise Skip(f"strace cannot attach: {''.join(lines)}")
            lines.append(line)
        # All threads are attached by the time that the line is printed, which names their number.
        yield trace
    finally:
        tracer.terminate()
        tracer.wait(10)
        tracer.stderr.close()


def was_injected(trace):
    return "(INJECTED)" in trace.read_text(errors="replace")


def test_a_failed_sync_ends_acknowledgements_for_its_log_and_no_other():
    with promises("struck", "spared") as kept:
        for name in ("EIO", "ENOSPC", "EDQUOT"):
            with failing(kept.server, f"fdatasync:error={name}") as trace:
                equal(kept.send("struck", [b"lost"] * 5), [STORAGE_ERROR], name)
                assert was_injected(trace) or name != "EIO"
            # The pages are marked clean: a sync that works now would lie.
            equal(kept.send("struck", [b"lost"]), [STORAGE_ERROR], "later")
            equal(kept.send("spared", [b"kept"]), [], "another topic")
            kept.verify()
        contains(kept.server.log(), "Input/output error")


def test_a_full_disk_refuses_and_goes_on_when_there_is_room_again():
    with promises("t") as kept:
        for name in ("ENOSPC", "EDQUOT"):
            with failing(kept.server, f"pwrite64:error={name}") as trace:
                equal(kept.send("t", [b"lost"] * 5), [STORAGE_ERROR], name)
                assert was_injected(trace)
                kept.verify()
            equal(kept.send("t", [b"kept"] * 5), [], f"after {name}")


def test_a_failed_write_makes_its_log_read_only():
    with promises("struck", "spared") as kept:
        with failing(kept.server, "pwrite64:error=EIO") as trace:
            equal(kept.send("struck", [b"lost"] * 5), [STORAGE_ERROR], "EIO")
            assert was_injected(trace)
        equal(kept.send("struck", [b"lost"]), [STORAGE_ERROR], "later")
        equal(kept.send("spared", [b"kept"]), [], "another topic")
        kept.verify()


def test_a_write_that_fails_and_cannot_be_taken_back_loses_nothing():
    with promises("t") as kept:
        with failing(kept.server, "pwrite64:error=ENOSPC:when=1+2", "ftruncate:error=EIO"):
            for i in range(10):
                kept.send("t", [b"maybe %d" % i])
        equal(kept.send("t", [b"kept"]), [], "afterwards")


def test_a_segment_that_cannot_be_begun_is_begun_later():
    """Rolls, snapshots and directories: every call that they make fails in turn."""
    values = [bytes([i]) * 40_000 for i in range(8)]
    for call in ("openat:error=EMFILE", "openat:error=ENOSPC", "rename:error=ENOSPC",
                 "fsync:error=EIO", "ftruncate:error=ENOSPC"):
        with promises("t", **{"segment.bytes": "100000"}) as kept:
            with failing(kept.server, call):
                kept.send("t", values, **{"enable.idempotence": True, "retries": 3,
                                          "message.timeout.ms": 5000})
                kept.verify()
            if "EIO" not in call:
                equal(kept.send("t", values), [], f"after {call}")


def test_interrupted_calls_are_made_again():
    every_other = "error=EINTR:when=1+2"
    calls = ("pwrite64", "pread64", "fdatasync", "fsync", "openat", "writev", "readv",
             "sendfile", "epoll_wait", "epoll_pwait", "accept4", "ftruncate")
    with promises("t", **{"segment.bytes": "100000"}) as kept:
        with failing(kept.server, *(f"{c}:{every_other}" for c in calls)) as trace:
            values = [bytes([i]) * 40_000 for i in range(20)]
            equal(kept.send("t", values, **{"enable.idempotence": True, "retries": 5}), [])
            kept.verify()
            found = {line.split("(")[0].split()[-1] for line in trace.read_text().splitlines()
                     if "(INJECTED)" in line}
            assert {"pwrite64", "fdatasync", "readv"} <= found, found


def test_a_client_waits_while_there_is_no_descriptor_for_it():
    with promises("t") as kept, kept.server.connect() as old:
        wire.api_versions(old)
        with failing(kept.server, "accept4:error=EMFILE") as trace:
            with kept.server.connect() as new:
                eventually(lambda: trace.read_text().count("(INJECTED)") > 2, what="an accept")
                wire.api_versions(old)
                new.settimeout(0.1)
                with contextlib.suppress(TimeoutError):
                    wire.api_versions(new)
                    raise AssertionError("answered without a descriptor")
        for error in ("ENFILE", "ENOBUFS", "ENOMEM", "EPROTO", "ECONNABORTED"):
            with failing(kept.server, f"accept4:error={error}:when=1..2"):
                with kept.server.connect(5) as new:
                    wire.api_versions(new)


def test_a_reader_gets_all_after_calls_that_send_to_it_have_failed():
    values = [bytes([i]) * 10_000 for i in range(100)]
    with promises("t") as kept:
        equal(kept.send("t", values), [], "errors")
        kept.server.restart()
        with consumer(kept.server) as reader:
            found = {}
            reader.assign([TopicPartition("t", 0, 0)])
            for call in ("sendfile:error=EIO:when=2+3", "writev:error=ECONNRESET:when=3+5",
                         "readv:error=ECONNRESET:when=5+7", "pread64:error=EINTR:when=1+2"):
                with failing(kept.server, call):
                    reader.seek(TopicPartition("t", 0, 0))
                    deadline = time.monotonic() + 20
                    while len(found) < 120 and time.monotonic() < deadline:
                        for message in reader.consume(100, 0.2):
                            if not message.error():
                                found[message.offset()] = message.value()
                equal(len(found), 120, f"records read while there was {call}")
                equal(found, kept.kept["t"], call)
                found = {}
