"""The same SQL on PostgreSQL and on `rtd query`: the scenario files, whose results PostgreSQL has
written, and random queries, whose seed is printed."""

import pathlib
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


def random_queries(kind, rounds=4, queries=100):
    options = types.SimpleNamespace(rtd=harness.rtd, postgres=dsn(), kind=kind, shrunk=3,
                                    shrink_seconds=5)
    wrong = []
    for number in range(rounds):
        seed = f"{harness.seed}-{kind}-{number}"
        wrong += [f"seed {seed}: {what}\n  {less}"
                  for _, what, less in oracle.Round(options, seed).run(queries)]
    assert not wrong, f"{len(wrong)} of {rounds * queries}\n" + "\n".join(wrong[:10])


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
