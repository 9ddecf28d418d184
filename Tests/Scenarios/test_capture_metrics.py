"""`rtd cdc --metrics`: what Prometheus and the progress line are told."""

import pathlib
import re
import sys
import urllib.error
import urllib.request

from harness import equal
from test_cdc import ORDERS, database, server_of, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402


def numbers(address):
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = answer.read().decode()
    return {m[1]: (m[2], float(m[3]))
            for m in re.finditer(r"^(\w+)\{(.*?)\} (\S+)$", text, re.M) if m[1] != "rtd_cdc_phase"}


def test_a_log_without_changes_for_the_output_is_no_lag():
    name, other = database("CREATE TABLE t (id int PRIMARY KEY);"), database()
    with Home() as home:
        out = home.path / "out"
        process = home.start("cdc", server_of().source(name), "--to", str(out), "--metrics", ":0")
        address = re.search(r"http://\S+/metrics", process.stderr.readline().decode())[0]
        until(lambda: numbers(address)["rtd_cdc_server_position_bytes"][1] > 0, "the stream")
        server_of().sql("INSERT INTO t VALUES (1)", name)
        until(lambda: numbers(address)["rtd_cdc_changes_total"][1] == 1, "the change")
        server_of().sql("CREATE TABLE x AS SELECT md5(g::text) FROM generate_series(1, 50000) g", other)
        end = float(server_of().sql("SELECT pg_current_wal_lsn() - '0/0'"))

        def is_seen():
            found = numbers(address)
            return (found["rtd_cdc_server_position_bytes"][1] >= end and found["rtd_cdc_lag_bytes"][1] == 0
                    and found["rtd_cdc_lag_seconds"][1] == 0)
        until(is_seen, "no lag")
        process.terminate()
        process.wait(20)


def test_prometheus_reads_the_numbers_of_a_capture():
    name = database(ORDERS)
    with Home() as home:
        out = home.path / "out"
        process = home.start("cdc", server_of().source(name), "--to", str(out), "--metrics", ":0")
        line = process.stderr.readline().decode()
        address = re.search(r"http://\S+/metrics", line)[0]
        until(lambda: numbers(address)["rtd_cdc_snapshot_rows_total"][1] == 3, "the snapshot")
        server_of().sql("UPDATE orders SET note = 'z'", name)
        until(lambda: numbers(address)["rtd_cdc_changes_total"][1] == 3, "the changes")
        until(lambda: numbers(address)["rtd_cdc_lag_bytes"][1] == 0, "the end of the log")
        until(lambda: numbers(address)["rtd_cdc_acknowledged_position_bytes"][1] > 0, "a word back")
        labels, _ = numbers(address)["rtd_cdc_acknowledged_position_bytes"]
        equal(labels, f'database="{name}",slot="rtd_{name}"')
        try:
            urllib.request.urlopen(address + "/none", timeout=10)
            raise AssertionError("404 was expected")
        except urllib.error.HTTPError as error:
            equal(error.code, 404)
        process.terminate()
        process.wait(20)
        done = home.rtd("cdc", server_of().source(name), "--metrics", "0.0.0.0:9464")
        equal((done.returncode, "--insecure-listen" in done.errors), (2, True), done.errors)
        done = home.rtd("cdc", "--slots", server_of().source(name), "--drop", f"rtd_{name}")
        equal(done.returncode, 0, done.errors)
