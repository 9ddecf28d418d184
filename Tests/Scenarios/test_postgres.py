"""The same SQL on PostgreSQL and on `rtd query`: the scenario files, whose results PostgreSQL has
written, and random queries. These are the same in every ordinary run; a long one (--long) makes
others, from the seed of the run, and more of them."""

import os
import pathlib
import time
import types

import harness
import oracle
import slt
from postgres import Postgres

NEEDS_CLIENTS = True
FOLDER = pathlib.Path(__file__).parent
server = None


def dsn():
    global server
    server = server or Postgres()
    return server.dsn


def test_scenario_files():
    options = types.SimpleNamespace(rtd=harness.rtd, postgres=None, directory=FOLDER, seconds=30,
                                    verbose=False)
    wrong, passed = [], 0
    for path in sorted(FOLDER.glob("*.slt")):
        count, failures = slt.run_file(path, options)
        passed += count.passed
        wrong += failures
    print(f"     {passed} records passed")
    assert not wrong, "\n".join(wrong)


def random_queries(kind):
    is_long = os.environ.get("RTD_TEST_LONG") == "1"
    options = types.SimpleNamespace(rtd=harness.rtd, postgres=dsn(), kind=kind, shrunk=3,
                                    shrink_seconds=5)
    deadline = time.monotonic() + (100 if is_long else 9)
    wrong, number, queries = [], 0, 50
    # A round is a schema with its rows.
    while number < (20 if is_long else 4) and time.monotonic() < deadline:
        seed = f"{harness.seed if is_long else 1}-{kind}-{number}"
        wrong += [f"seed {seed}: {what}\n  {less}"
                  for _, what, less in oracle.Round(options, seed).run(queries)]
        number += 1
    print(f"     {number * queries} queries")
    assert not wrong, f"{len(wrong)} of {number * queries}\n" + "\n".join(wrong[:10])


def test_random_expressions():
    random_queries("plain")


def test_random_groups():
    random_queries("group")


def test_random_windows():
    random_queries("window")


def test_random_set_operations():
    random_queries("set")


def test_random_common_tables():
    random_queries("cte")


def test_random_distinct_rows():
    random_queries("distinct")


def test_random_first_rows():
    random_queries("top")


def test_random_lateral_joins():
    random_queries("lateral")
