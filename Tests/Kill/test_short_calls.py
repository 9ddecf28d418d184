"""The kernel may move fewer bytes than it was asked for, and interrupt a call: nothing is changed.

`short_calls.c` is preloaded into the server and into the commands: reads and writes of files and
pipes, writes to sockets and sendfile move some of the bytes, one call in 16 is interrupted.
"""

import os
import pathlib
import sys

from harness import Server, Skip, equal, run
from promises import Promises

NEEDS_CLIENTS = True


def short_calls(path):
    """The library to preload."""
    if sys.platform != "linux":
        raise Skip("the library is written for Linux")
    library = path / "short_calls.so"
    source = pathlib.Path(__file__).with_name("short_calls.c")
    run("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library, source,
        "-ldl", check=0)
    return library


def test_a_server_keeps_all_and_sends_it_whole(path):
    with Server(LD_PRELOAD=short_calls(path)) as server:
        kept = Promises(server)
        kept.create("t", **{"segment.bytes": "100000"})
        # Batches of one write and of many, over several segments, small answers and large ones.
        for size in (0, 1, 100, 30_000):
            equal(kept.send("t", [os.urandom(size) for _ in range(20)]), [], f"errors of {size}")
        equal(kept.send("t", [os.urandom(900_000)]), [], "errors of a large record")
        kept.verify()
        server.kill()
        server.start()
        kept.verify_restarted()


def test_commands_read_and_write_all_of_it(path):
    library = short_calls(path)
    lines = b"".join(b"%d " % n + b"x" * (n % 3000) + b"\n" for n in range(3_000))
    with Server(LD_PRELOAD=library) as server:
        options = ("--broker", server.address)
        run("rtd", "produce", "t", *options, input=lines, LD_PRELOAD=library, check=0)
        read = run("rtd", "consume", "t", "-e", *options, LD_PRELOAD=library, check=0)
        equal(read.stdout == lines, True, "what came back is what was sent")
        counted = run("rtd", "query", *options, "SELECT count(*), sum(length(line)) FROM stdin",
                      "--format", "csv", "-i", "lines", input=lines, LD_PRELOAD=library)
        equal(counted.text.split()[-1], f"3000,{len(lines) - 3000}")
