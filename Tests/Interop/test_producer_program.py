"""producer.c, the C program on librdkafka that measures: it builds, and every record arrives."""

import json
import pathlib

from clients import create
from harness import equal, run

NEEDS_CLIENTS = True


def test_every_record_of_the_c_program_arrives(server, topic, path):
    program = path / "producer"
    source = pathlib.Path(__file__).with_name("producer.c")
    run("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, source, "-lrdkafka", check=0)
    for size in (100, 1024):
        create(server, f"{topic}-{size}", 1)
        done = run(program, server.address, f"{topic}-{size}", 50_000, size, check=0)
        outcome = json.loads(done.text)
        equal((outcome["records"], outcome["failed"]), (50_000, 0))
        print(done.text, end="")
        ends = run("kcat", "-q", "-b", server.address, "-Q", "-t", f"{topic}-{size}:0:-1", check=0)
        equal(ends.text.split()[-1], "50001")
