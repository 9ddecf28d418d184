"""`rtd bench`: each workload in a short run, what it prints, and that it leaves nothing behind."""

import csv
import io
import json
import re
import signal
import sys

from harness import contains, equal, eventually
from home import Home

KAFKA_LINE = re.compile(
    r"^(\d+) records (sent|read), ([\d.]+) records/sec \(([\d.]+) MB/sec\), ([\d.]+) ms avg latency, "
    r"([\d.]+) ms max latency, (\d+) ms 50th, (\d+) ms 95th, (\d+) ms 99th, (\d+) ms 99.9th\.$")


def bench(home, *arguments):
    done = home.rtd("bench", *arguments)
    equal((done.returncode, done.errors), (0, ""), " ".join(map(str, arguments)))
    return done.text


def leftovers(home):
    return [path.name for path in home.data.parent.glob("rtd-bench-*")]


def test_each_workload_measures_what_it_was_asked_for():
    with Home() as home:
        for workload in ("produce", "consume", "e2e", "storage"):
            for shape in ([], ["--partitions", 3, "--producers", 2, "--consumers", 2],
                          ["--topics", 2, "-z", "zstd", "--acks", 1]):
                found = json.loads(bench(home, workload, "--count", 10000, "--json", *shape))
                equal((found["workload"], found["records"], found["bytes"]),
                      (workload, 10000, 1000000), f"{shape}")
                assert found["records_per_second"] > 0 and found["latency_p50_ms"] > 0, found
                assert found["file_system"] and found["durability"], found
                if sys.platform == "linux":
                    counted = [found[f"{side}_syscalls_per_1000_records"] is not None
                               for side in ("client", "server")]
                    equal(counted, [True, workload != "storage"], "whose calls are counted")
                reads = workload in ("consume", "e2e")
                equal(found["fetch_bytes_max"], 16 << 20 if reads else None)
        equal(leftovers(home), [], "directories of private servers")


def test_more_producers_than_partitions_are_read_in_order():
    with Home() as home:
        found = json.loads(bench(home, "e2e", "--count", 9999, "--producers", 5, "--json",
                                 "--batch-bytes", 1000))
        equal(found["records"], 9999)


def test_a_rate_is_kept_and_latency_counts_from_the_intended_time():
    with Home() as home:
        found = json.loads(bench(home, "e2e", "--rate", "2k", "--count", 1000, "--json"))
        equal(found["records"], 1000)
        assert found["records_per_second"] < 2300, found


def test_the_line_of_kafkas_own_tool_comes_first():
    with Home() as home:
        lines = bench(home, "produce", "--count", 5000, "--size", 50).splitlines()
        match = KAFKA_LINE.match(lines[0])
        assert match and match.group(1) == "5000", lines[0]
        contains("\n".join(lines), "fdatasync")


def test_csv_has_a_line_a_run_and_the_histogram_all_values():
    with Home() as home:
        text = bench(home, "produce", "--count", 3000, "--csv", "--histogram-file", "h.txt")
        rows = list(csv.DictReader(io.StringIO(text)))
        equal([row["records"] for row in rows], ["3000"])
        table = (home.path / "h.txt").read_text()
        contains(table, "1/(1-Percentile)")
        equal(table.split("Total count    =")[1].split()[0], "3000]")


def test_lines_of_a_file_are_the_values():
    with Home() as home:
        (home.path / "lines").write_text("one\nthree\n")
        found = json.loads(bench(home, "produce", "--count", 1000, "--payload-file", "lines",
                                 "--json"))
        equal(found["bytes"], 4000)


def test_floors_are_named_figures():
    with Home() as home:
        found = json.loads(bench(home, "storage", "--floor", "--duration", "400ms", "--json"))
        for name in ("bytes_per_second", "single_syncs_per_second", "round_milliseconds",
                     "crc_bytes_per_second", "memcpy_bytes_per_second"):
            assert found[name] > 0, found
        found = json.loads(bench(home, "consume", "--floor", "--duration", "600ms", "--json"))
        assert found["sendfile_bytes_per_second"] > 0, found
        equal(leftovers(home), [])


def test_a_cluster_is_compared_and_left_as_it_was(server):
    with Home() as home:
        found = json.loads(bench(home, "produce", "--count", 2000, "--compare", server.address,
                                 "--json"))
        equal([run["target"] == server.address for run in found["runs"]], [False, True] * 3)
        assert found["ratio"]["records_per_second"] > 0, found
        bench(home, "e2e", "--count", 2000, "-b", server.address)
        topics = home.rtd("query", "SHOW TOPICS", "-b", server.address).text
        assert "rtd-bench" not in topics, topics


def test_a_signal_ends_it_and_leaves_nothing():
    with Home() as home:
        process = home.start("bench", "produce", "--duration", "60s", "--progress")
        contains(process.stderr.readline().decode(), "records/s")
        assert leftovers(home), "no private server"
        process.send_signal(signal.SIGINT)
        equal(process.wait(30), -signal.SIGINT)
        eventually(lambda: not leftovers(home), what="the end of the private server")


def test_killed_it_leaves_no_server_and_no_directory():
    with Home() as home:
        process = home.start("bench", "produce", "--duration", "60s", "--progress")
        contains(process.stderr.readline().decode(), "records/s")
        assert leftovers(home), "no private server"
        process.kill()
        equal(process.wait(30), -signal.SIGKILL)
        eventually(lambda: not leftovers(home), what="the end of the private server")


def test_a_broker_that_is_down_is_one_clear_line():
    with Home() as home:
        done = home.rtd("bench", "produce", "-b", ":1")
        equal((done.returncode, done.text), (1, ""))
        equal(done.errors, "rtd: cannot reach 127.0.0.1:1: Connection refused\n")


def test_queries_run_in_processes_of_their_own():
    with Home() as home:
        home.rtd("bench", "nexmark", "--generate", "--count", 5000, "--data-set", "set")
        found = [json.loads(line) for line in bench(
            home, "nexmark", "q0", "q2", "--data-set", "set", "--json").splitlines()]
        equal([(run["query"], run["events"], run["rows"]) for run in found],
              [("q0", 5000, 4600), ("q2", 5000, found[1]["rows"])])
        assert all(run["cpu_seconds"] > 0 and run["rss_bytes"] > 1 << 20 for run in found), found
        found = json.loads(bench(home, "query", "count", "--count", 1000, "--json"))
        equal((found["query"], found["events"], found["rows"]), ("count", 1000, 1))
        equal(leftovers(home), [])


def test_live_rows_are_timed():
    with Home() as home:
        found = json.loads(bench(home, "query", "--live", "--rate", "5k", "--duration", "500ms",
                                 "--json"))
        equal(found["rows"], found["sent"])
        assert 0 < found["row_p50_ms"] < 1000 and found["first_row_p50_ms"] > 0, found
        assert found["window_close_max_ms"] > 0, found


def test_producers_beside_consumers_give_a_figure_each():
    with Home() as home:
        found = json.loads(bench(home, "mixed", "--count", 20000, "--json", "--producers", 2))
        producers, consumers = found["runs"]
        equal((producers["part"], producers["records"]), ("producers", 20000))
        equal(consumers["part"], "consumers")
        assert consumers["records"] > 0, consumers
        text = bench(home, "mixed", "--duration", "300ms")
        equal([bool(KAFKA_LINE.match(line)) for line in text.splitlines()].count(True), 2)
        equal(leftovers(home), [])


def test_a_sweep_runs_once_for_each_value():
    with Home() as home:
        for workload in ("produce", "consume", "storage"):
            found = json.loads(bench(home, workload, "--count", 2000, "--json", "--sweep",
                                     "size=10,1k"))
            equal([(run["part"], run["bytes"]) for run in found["runs"]],
                  [("size=10", 20000), ("size=1k", 2000000)], workload)
        rows = list(csv.DictReader(io.StringIO(
            bench(home, "produce", "--count", 100, "--csv", "--sweep", "acks=0,1,all"))))
        equal([row["part"] for row in rows], ["acks=0", "acks=1", "acks=all"])
        done = home.rtd("bench", "produce", "--sweep", "sise=1")
        equal(done.returncode, 2)
        contains(done.errors, 'cannot vary "sise"; did you mean size?')
        equal(home.rtd("bench", "produce", "--sweep", "size=x").returncode, 2)


def test_transactions_are_measured_to_their_commit():
    with Home() as home:
        for workload in ("produce", "e2e"):
            found = json.loads(bench(home, workload, "--count", 5000, "--json", "--txn",
                                     "--txn-every", 500, "--partitions", 2, "--batch-bytes", 5000,
                                     "--producers", 2, "--consumers", 2))
            equal(found["records"], 5000, workload)
        text = bench(home, "produce", "--rate", 2000, "--count", 500, "--txn")
        contains(text, "ms from sending to commit")
        equal(home.rtd("bench", "consume", "--txn").returncode, 2)
        equal(home.rtd("bench", "produce", "--txn", "--acks", "1").returncode, 2)
