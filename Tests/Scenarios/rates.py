"""rtd query beside DuckDB on one core, run in turn (A B A B): rows for each CPU second, medians.

    rates.py RTD DIR [--rows N] [--runs N] [QUERY...]
    rates.py RTD DIR --nexmark [--rows N] [--runs N] [QUERY...]

DIR keeps the files, made with `rtd bench query --generate` when they are missing: web events as
they come from one program, with the names of each row in an order of its own, with escapes in the
texts, and with names missing. Of rtd the whole process counts, of DuckDB (one thread, results
thrown away) only the query: neither its start nor Python's.

With --nexmark Nexmark's queries, each over the same JSON lines of N events: ours finite and endless
(through a pipe), DuckDB's finite, in SQL of its own, without the order of the rows.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Interop"))
from nexmark import EXPECTED, STRUCTURES  # noqa: E402

GROUP = "SELECT status, COUNT(*), AVG(latency), MAX(latency) FROM '{0}' GROUP BY status"
QUERIES = {
    "count": ("plain", "SELECT COUNT(*) FROM '{0}'", None),
    "group-by": ("plain", GROUP, None),
    "filter": ("plain", "SELECT ts, user_id, url, latency FROM '{0}' "
                        "WHERE status = 500 AND latency > 4.5", None),
    "top-k": ("plain", "SELECT url, COUNT(*) AS n FROM '{0}' GROUP BY url "
                       "ORDER BY n DESC, url LIMIT 10", None),
    "distinct": ("plain", "SELECT COUNT(DISTINCT user_id) FROM '{0}'", None),
    "tumble": ("plain", "SELECT window_start, COUNT(*) FROM TUMBLE('{0}', ts, "
                        "INTERVAL '10' SECOND) GROUP BY window_start",
               "SELECT time_bucket(INTERVAL 10 SECONDS, ts) w, COUNT(*) FROM '{0}' GROUP BY w"),
    "nested": ("plain", "SELECT geo.country, COUNT(*) FROM '{0}' GROUP BY geo.country", None),
    "group-by, shuffled names": ("shuffled", GROUP, None),
    "group-by, escapes": ("escaped", GROUP, None),
    "group-by, missing names": ("missing", GROUP, None),
    "texts, escapes": ("escaped", "SELECT url, COUNT(*) AS n FROM '{0}' GROUP BY url "
                                  "ORDER BY n DESC, url LIMIT 10", None),
}

DUCKDB = """
import duckdb, json, resource, sys
def seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
connection = duckdb.connect(config={"threads": 1})
connection.execute("SET enable_progress_bar = false")
for statement in sys.argv[1:-1]:
    connection.execute(statement)
before = seconds()
connection.execute("EXPLAIN ANALYZE " + sys.argv[-1]).fetchall()
print(json.dumps([seconds() - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024]))
"""


def changed(kind, row, numbers):
    """The row with its names in another order, with escapes in its texts, or without some names."""
    members = list(row.items())
    if kind == "shuffled":
        numbers.shuffle(members)
    elif kind == "escaped":
        members = [(name, value + "/\"\\\u00e9\n" if name in ("url", "agent") else value)
                   for name, value in members]
    else:
        members = [member for member in members if numbers.random() > 0.15]
    text = json.dumps(dict(members), separators=(",", ":"), ensure_ascii=True)
    return text + "\n"


def make(rtd, folder, rows):
    plain = folder / "events.ndjson"
    if not plain.exists():
        subprocess.run([rtd, "bench", "query", "--generate", "--count", str(rows), "--data-set",
                        str(folder)], check=True)
    files = {"plain": plain}
    for kind in ("shuffled", "escaped", "missing"):
        files[kind] = folder / f"{kind}.ndjson"
        if files[kind].exists():
            continue
        numbers = random.Random(1)
        with open(plain) as source, open(files[kind], "w") as target:
            for line in source:
                target.write(changed(kind, json.loads(line), numbers))
    return files


def run_rtd(rtd, query):
    child = subprocess.Popen([rtd, "query", "--format", "none", "-c", query],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    if status:
        sys.exit(f"rtd failed: {query}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


def run_duckdb(*statements):
    """CPU seconds of the last one, and the memory of all in MB."""
    done = subprocess.run([sys.executable, "-c", DUCKDB, *statements], capture_output=True,
                          text=True, check=True)
    return json.loads(done.stdout)


def views(folder):
    """Nexmark's relations for DuckDB, each a reading of the file with its own columns only."""
    for number, (name, type) in enumerate(STRUCTURES.items()):
        yield f"""CREATE VIEW {name} AS SELECT n, {name}.*, {name}.dateTime AS ts FROM (
            SELECT row_number() OVER () AS n, * FROM read_json('{folder / "events.ndjson"}',
              format = 'newline_delimited', columns = {{event_type: 'INT', {name}: '{type}'}}))
            WHERE event_type = {number}"""
    yield f"""CREATE TABLE side_input AS SELECT * FROM
        read_csv('{folder / "side_input.csv"}', columns = {{key: 'BIGINT', value: 'VARCHAR'}})"""


def run_bench(rtd, query, rows, *options):
    """CPU seconds and memory in MB, as the benchmark says them."""
    done = subprocess.run([rtd, "bench", "nexmark", query, "--json", "-c", str(rows), *options],
                          capture_output=True, text=True, check=True)
    figure = json.loads(done.stdout)
    return figure["events"] / figure["events_per_cpu_second"], figure["rss_bytes"] >> 20


def nexmark(options):
    if not (options.directory / "side_input.csv").exists():
        subprocess.run([options.rtd, "bench", "nexmark", "--generate", "--count", str(options.rows),
                        "--data-set", str(options.directory)], check=True)
    print("| query | rtd finite | rtd endless | DuckDB finite | endless, times | MB | DuckDB MB |")
    print("|---|---|---|---|---|---|---|")
    relations = list(views(options.directory))
    for name in options.queries or EXPECTED:
        ways = [lambda: run_bench(options.rtd, name, options.rows),
                lambda: run_bench(options.rtd, name, options.rows, "--endless"),
                lambda: run_duckdb(*relations, EXPECTED[name])]
        runs = list(zip(*([way() for way in ways] for _ in range(options.runs))))
        finite, endless, duckdb = (statistics.median(run[0] for run in way) for way in runs)
        memory = [max(run[1] for run in way) for way in runs]
        rates = " | ".join(f"{options.rows / seconds / 1e6:.2f} M"
                           for seconds in (finite, endless, duckdb))
        print(f"| {name} | {rates} | {duckdb / endless:.1f} "
              f"| {max(memory[:2])} | {memory[2]} |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rtd")
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("queries", nargs="*", metavar="QUERY")
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--nexmark", action="store_true")
    options = parser.parse_intermixed_args()
    options.directory.mkdir(exist_ok=True, parents=True)
    if options.nexmark:
        return nexmark(options)
    files = make(options.rtd, options.directory, options.rows)
    counts = {}
    print("| query | rtd, rows a CPU s | DuckDB | times | rtd MB | DuckDB MB |")
    print("|---|---|---|---|---|---|")
    for name in options.queries or QUERIES:
        kind, query, other = QUERIES[name]
        if kind not in counts:
            with open(files[kind], "rb") as lines:
                counts[kind] = sum(1 for _ in lines)
        ours, theirs = [], []
        for _ in range(options.runs):
            ours.append(run_rtd(options.rtd, query.format(files[kind])))
            theirs.append(run_duckdb((other or query).format(files[kind])))
        a, b = (statistics.median(run[0] for run in runs) for runs in (ours, theirs))
        print(f"| {name} | {counts[kind] / a / 1e6:.2f} M | {counts[kind] / b / 1e6:.2f} M "
              f"| {b / a:.1f} | {max(run[1] for run in ours)} | {max(run[1] for run in theirs)} |",
              flush=True)


if __name__ == "__main__":
    main()
