"""A disk that fills up: writes are refused early, everything else goes on, and room is noticed."""

import contextlib
import os
import subprocess

from confluent_kafka import TopicPartition

from clients import admin, consumer, result
from harness import Skip, equal, eventually, run
from promises import STORAGE_ERROR, promises

NEEDS_CLIENTS = True


@contextlib.contextmanager
def small_disk(path):
    """A file system in memory with room for more than the gibibyte that is kept free, and a
    function that sets its size."""
    def mount(*options):
        done = subprocess.run(["mount", *options], capture_output=True)
        if done.returncode:
            raise Skip(f"cannot mount: {done.stderr.decode().strip()}")
    if os.geteuid():
        raise Skip("only root can mount a file system")
    mount("-t", "tmpfs", "-o", "size=1200m,mode=700", "none", str(path))
    try:
        yield lambda size: mount("-o", f"remount,size={size}", str(path))
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_full_disk_refuses_writes_keeps_the_rest_and_recovers(path):
    with small_disk(path) as resize:
        with promises("t", "old", data=path / "data") as kept:
            resize("64m")
            eventually(lambda: kept.send("t", [b"x"]) == [STORAGE_ERROR], what="a refusal")
            equal(kept.send("t", [b"x"] * 5), [STORAGE_ERROR])
            kept.verify()
            # What frees room is done.
            result(admin(kept.server).delete_records([TopicPartition("t", 0, 5)]))
            result(admin(kept.server).delete_topics(["old"]))
            del kept.kept["old"]
            # A server that starts on a full disk reads and refuses as well.
            kept.server.kafka = kept.server.address
            kept.server.restart()
            equal(kept.send("t", [b"x"]), [STORAGE_ERROR], "after a restart")
            with consumer(kept.server) as c:
                equal(c.get_watermark_offsets(TopicPartition("t", 0), timeout=10)[0], 5)
            resize("1200m")
            eventually(lambda: kept.send("t", [b"kept"]) == [], 5, "room to be noticed")
            kept.kept["t"] = {o: v for o, v in kept.kept["t"].items() if o >= 5}


def test_a_command_says_that_the_disk_is_full(path):
    with small_disk(path) as resize:
        resize("64m")
        done = run("rtd", "produce", "t", "--data", path / "data", "-X", "delivery.timeout.ms=500",
                   input="a\n")
        equal((done.returncode, done.text), (1, ""))
        assert "0 of 1 records delivered" in done.errors and "disk" in done.errors.lower(), \
            done.errors
        run("rtd", "serve", "--stop", "--data", path / "data")
