"""`rtd cdc --to topics`: tables whose names do not make one topic each."""

import pathlib
import sys

from harness import contains, equal
from test_cdc import cdc, database, lines, server_of

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402

LONG = "t" * 63


def test_two_tables_are_never_one_topic():
    for one, other in (('a."b.c"', '"a.b".c'), ('a."x y"', 'a.x_y'), ('a.b_c', 'a_b.c')):
        name = database(f"""CREATE SCHEMA a; CREATE SCHEMA a_b; CREATE SCHEMA "a.b";
            CREATE TABLE {one} (id int PRIMARY KEY); CREATE TABLE {other} (id int PRIMARY KEY);""")
        with Home() as home:
            done = home.rtd("cdc", server_of().source(name), "--to", "topics", "--until", "now")
            equal(done.returncode, 1, done.errors)
            contains(done.errors, f'topic "{name}.a')


def test_names_that_kafka_cannot_have_are_refused():
    name = database(f'CREATE TABLE "{LONG}" (id int PRIMARY KEY); INSERT INTO "{LONG}" VALUES (1);')
    with Home() as home:
        # PREFIX.public.TABLE
        for length, status, word in ((178, 0, ""), (179, 1, "a name of 250 bytes"), (238, 2, "at most 237 bytes")):
            prefix = "p" * length
            done = home.rtd("cdc", server_of().source(name), "--to", "topics", "--slot", name, "--topic-prefix", prefix,
                            "--until", "now", "--snapshot", "always")
            equal(done.returncode, status, done.errors)
            contains(done.errors, word)
            if status == 0:
                done = home.rtd("consume", f"{prefix}.public.{LONG}", "-e")
                equal([change["after"]["id"] for change in lines(done.text)], [1])
