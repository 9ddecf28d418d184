"""`rtd cdc --verify` compares a database with its topics; `rtd bench cdc` measures both ways."""

import json
import pathlib
import signal
import sys
import time

import harness
from harness import contains, equal
from test_cdc import WORK, cdc, database, follow, server_of, slots, work
from test_relations import ACCOUNTS, CHANGES, SHOP, Transfers

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402


def verify(home, name, *options):
    return home.rtd("cdc", "--verify", server_of().source(name), *options)


def verdicts(done):
    return {line.split()[0]: line.split()[-1] for line in done.text.splitlines()[1:]
            if line.split()[-1] in ("equal", "different")}


def assert_equal(done, *tables):
    equal((done.returncode, done.errors), (0, ""), done.text)
    equal(verdicts(done), {f"public.{table}": "equal" for table in tables})


def test_a_database_and_its_topics_are_equal():
    name = database(SHOP)
    with Home() as home:
        for options in ([], ["--topic-prefix", f"{name}.m", "--partitions", "3", "--mask", "note=sha256:x",
                             "--mask", "orders.total=drop"],
                        ["--topic-prefix", f"{name}s", "--schemas", "--tables", "orders,empty"]):
            capture = ["--to", "topics", "--until", "now", *options]
            checked = [o for o in options if o not in ("--partitions", "3", "--schemas")]
            cdc(home, name, *capture)
            server_of().sql(CHANGES, name)
            cdc(home, name, *capture)
            tables = ("orders", "empty") if "--tables" in options else ("customers", "empty", "orders")
            assert_equal(verify(home, name, *checked), *tables)
            server_of().sql("TRUNCATE orders, customers;" + SHOP[SHOP.index("INSERT"):], name)
            cdc(home, name, *capture)
            assert_equal(verify(home, name, *checked), *tables)
        equal(slots(name), sorted([f"rtd_{name}", f"rtd_{name}_m", f"rtd_{name}s"]))


def test_more_than_the_memory_is_compared_in_passes():
    name = database(SHOP + "INSERT INTO customers SELECT i, 'n' || i FROM generate_series(100, 400) i;")
    with Home() as home:
        cdc(home, name, "--to", "topics", "--until", "now", "--partitions", "2")
        server_of().sql(CHANGES, name)
        server_of().sql("UPDATE customers SET name = name || '!' WHERE id % 3 = 0; "
                        "DELETE FROM customers WHERE id % 50 = 0", name)
        cdc(home, name, "--to", "topics", "--until", "now")
        whole = verify(home, name)
        assert_equal(whole, "customers", "empty", "orders")
        parts = verify(home, name, "--memory", "4096")
        assert_equal(parts, "customers", "empty", "orders")
        equal(parts.text, whole.text)
        home.rtd("produce", "-J", f"{name}.public.customers", input="".join(json.dumps(
            {"key": json.dumps({"id": n}, separators=(",", ":")), "value": json.dumps(
                {"before": None, "after": {"id": n, "name": "Eve"}, "op": "u"})}) + "\n" for n in range(300, 320)))
        server_of().sql("INSERT INTO customers VALUES (500, 'Eli')", name)
        cdc(home, name, "--to", "topics", "--until", "now")
        parts = verify(home, name, "--memory", "4096")
        equal((parts.returncode, verdicts(parts)["public.customers"]), (1, "different"), parts.text)
        found = [line for line in parts.text.splitlines() if line.startswith("public.customers: ")]
        equal((len(found), found[-1].endswith(" more")), (6, True), parts.text)
        equal(home.rtd("cdc", server_of().source(name), "--memory", "1M").returncode, 2)


def test_random_work_and_rows_without_key_are_equal_while_the_capture_runs():
    import random
    name = database(WORK)
    chance = random.Random(harness.seed)
    with Home() as home:
        cdc(home, name, "--to", "topics", "--until", "now")
        process = follow(home, name, "--to", "topics")
        for _ in range(3):
            server_of().sql(work(chance, 30), name)
            assert_equal(verify(home, name), "a", "b", "c")
        process.send_signal(signal.SIGINT)
        process.wait(20)


def test_transactions_that_go_on_meanwhile_are_told_apart():
    name = database(ACCOUNTS)
    with Home() as home:
        cdc(home, name, "--to", "topics", "--until", "now", "--partitions", "2")
        process = follow(home, name, "--to", "topics")
        with Transfers(name, harness.seed):
            for _ in range(3):
                assert_equal(verify(home, name), "left_side", "right_side")
                time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.wait(20)


def test_what_differs_is_named():
    name = database(SHOP)
    with Home() as home:
        cdc(home, name, "--to", "topics", "--until", "now")

        def forge(id, op, after):
            record = {"key": json.dumps({"id": id}, separators=(",", ":")),
                      "value": json.dumps({"before": None, "after": after, "op": op})}
            home.rtd("produce", "-J", f"{name}.public.customers", input=json.dumps(record) + "\n")
        forge(1, "u", {"id": 1, "name": "Eve"})
        forge(77, "c", {"id": 77, "name": "Zoe"})
        server_of().sql("INSERT INTO customers VALUES (5, 'Eli')", name)
        cdc(home, name, "--to", "topics", "--until", "now")
        done = verify(home, name)
        equal(done.returncode, 1, done.errors)
        equal(verdicts(done), {"public.customers": "different", "public.empty": "equal",
                               "public.orders": "equal"})
        contains(done.text, 'public.customers: {"id":1} differs in name\n')
        contains(done.text, 'public.customers: {"id":77} is only in the topic\n')


def test_what_lags_is_said():
    name = database(SHOP)
    with Home() as home:
        done = verify(home, name)
        equal(done.returncode, 1)
        contains(done.errors, "gone" if "gone" in done.errors else "has no cut")
        cdc(home, name, "--to", "topics", "--until", "now")
        server_of().sql("INSERT INTO customers VALUES (9, 'late')", name)
        done = verify(home, name)
        equal((done.returncode, done.text), (1, ""))
        contains(done.errors, "behind the database")
        contains(done.errors, f"no capture reads slot \"rtd_{name}\"")


def test_the_benchmark_measures_both_sides_and_leaves_nothing():
    name = database()
    with Home() as home:
        done = home.rtd("bench", "cdc", "--source", server_of().source(name), "--count", 5000, "--rate", 50,
                        "--json", seconds=100)
        equal((done.returncode, done.errors), (0, ""))
        found = json.loads(done.text)
        equal((found["workload"], found["changes"]), ("cdc", 5000))
        for way in ("receive", "parse", "json"):
            assert found[f"{way}_changes_per_second"] > 0, found
            assert found[f"{way}_client_cpu_us_per_change"] > 0, found
        for way in ("stdout", "topics"):
            assert found[f"{way}_latency_p50_ms"] > 0, found
        done = home.rtd("bench", "cdc", "--source", server_of().source(name), "--count", 2000, "--rate", 50, seconds=100)
        contains(done.text, "commit to topics: p50 ")
        equal(slots(name), [])
        equal(server_of().sql("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'rtd%'", name), "0\n")
        equal(server_of().sql("SELECT count(*) FROM pg_publication", name), "0\n")
        equal([path.name for path in home.data.parent.glob("rtd-bench-*")], [])
        done = home.rtd("bench", "cdc")
        equal(done.returncode, 2)
        contains(done.errors, "--source")
