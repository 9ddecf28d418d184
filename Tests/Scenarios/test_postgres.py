"""The same SQL on PostgreSQL and on `rtd query`: the scenario files, whose results PostgreSQL has
written, and random queries. These are the same in every ordinary run; a long one (--long) makes
others, from the seed of the run, and more of them."""

import os
import pathlib
import tempfile
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


def test_reading_files_of_other_runners():
    with tempfile.TemporaryDirectory() as folder:
        part = pathlib.Path(folder) / "part.slt.part"
        part.write_text("connection other\nstatement ok\nCREATE TABLE p (a int)\n")
        main = pathlib.Path(folder) / "main.slt"
        main.write_text(
            "include *.slt.part\n\n"
            "control substitution on\n\n"
            "system ok\necho ${HOME}\n\n"
            "let (x, y)\nSELECT 1, 2\n\n"
            "query I\nSELECT ${x} + ${NOT_SET_HERE:5} + '\\$'\n----\n6\n\n"
            "control substitution off\n\n"
            "control sortmode rowsort\n\n"
            "query I\nSELECT '$a'\n----\n1\n\n"
            "statement error\nSELECT bad\n----\ndb error: failed\n\nCaused by:\n  no such\n\n\n"
            "statement ok\nDROP TABLE p\n")
        found = slt.read(main)
        assert [(r.kind, r.sql) for r in found] == [
            ("ok", "CREATE TABLE p (a int)"), ("system", "echo ${HOME}"), ("let", "SELECT 1, 2"),
            ("query", "SELECT ${x} + 5 + '$'"), ("query", "SELECT '$a'"), ("error", "SELECT bad"),
            ("ok", "DROP TABLE p")], found
        assert found[2].names == ("x", "y") and found[4].sort == "rowsort"
        assert "Caused by:" in found[5].message
        assert slt.substituted(found[3].sql, {"x": "1"}) == "SELECT 1 + 5 + '$'"
    for sql, ordered in [("SELECT a FROM t ORDER BY a", True),
                         ("SELECT sum(a) OVER (ORDER BY a) FROM t", False),
                         ("SELECT mode() WITHIN GROUP (ORDER BY a) FROM t", False),
                         ("SELECT * FROM (SELECT a FROM t ORDER BY a) q", False),
                         ("SELECT 'order by ' -- order by\nFROM t", False)]:
        assert slt.is_ordered(sql) == ordered, sql


def test_transactions_and_variables_of_files():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "main.slt"
        path.write_text(
            "statement ok\nCREATE TABLE t (a int)\n\n"
            "statement ok\nBEGIN\n\n"
            "statement ok\nINSERT INTO t VALUES (1)\n\n"
            "statement error\nSELECT 1 / 0\n\n"
            "statement error\nSELECT 1\n\n"
            "statement ok\nCOMMIT\n\n"
            "query I\nSELECT count(*) FROM t\n----\n0\n\n"
            "let n\nSELECT 3\n\n"
            "query I\nSELECT ${n} * 2\n----\n6\n")
        for dsn_or_none in (None, dsn()):
            options = types.SimpleNamespace(rtd=harness.rtd, postgres=dsn_or_none, directory=folder,
                                            seconds=30, verbose=False)
            count, failures = slt.run_file(path, options)
            assert not failures, failures
            assert count.passed == (8 if dsn_or_none is None else 6), count


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
