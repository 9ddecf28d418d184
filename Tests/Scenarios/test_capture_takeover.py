"""`rtd cdc --to topics`: topics that have the rows of a capture whose slot was another one."""

import pathlib
import sys

from harness import equal
from test_capture_tables import agrees, rows, sql
from test_cdc import cdc, database, server_of

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402


def test_rows_of_a_slot_that_is_gone_do_not_stay_beside_those_of_another():
    name = database("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1), (2); CREATE TABLE b (v int);"
                    "INSERT INTO b VALUES (1);")
    with Home() as home:
        options = ["--to", "topics", "--until", "now", "--partitions", "2"]
        cdc(home, name, *options)
        equal(home.rtd("cdc", "--slots", server_of().source(name), "--drop", f"rtd_{name}").returncode, 0)
        sql("DELETE FROM a WHERE id = 1; INSERT INTO a VALUES (3); CREATE TABLE c (id int PRIMARY KEY)", name)
        done = home.rtd("cdc", server_of().source(name), *options, "--slot", f"{name}_new")
        equal(done.returncode, 0, done.errors)
        for table, count in (("a", 1), ("b", 1), ("c", 0)):
            equal(done.errors.count(f'topic "{name}.public.{table}" has records from before'), count, done.errors)
        equal((rows(home, name, "a"), rows(home, name, "b")), ([{"id": 2}, {"id": 3}], [{"v": 1}]))
        agrees(home, name, "--slot", f"{name}_new", "--exclude", "b")
        sql(f"SELECT pg_drop_replication_slot('{name}_new')", name)
