"""rtd query beside DuckDB on one core, run in turn (A B A B): rows for each CPU second, medians.

    rates.py RTD DIR [--rows N] [--runs N] [QUERY...]

DIR keeps the files, made with `rtd bench query --generate` when they are missing: web events as
they come from one program, with the names of each row in an order of its own, with escapes in the
texts, and with names missing. Of rtd the whole process counts, of DuckDB (one thread, results
thrown away) only the query: neither its start nor Python's.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys

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
before = seconds()
connection.execute("EXPLAIN ANALYZE " + sys.argv[1]).fetchall()
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


def run_duckdb(query):
    done = subprocess.run([sys.executable, "-c", DUCKDB, query], capture_output=True, text=True,
                          check=True)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rtd")
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("queries", nargs="*", metavar="QUERY")
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    options.directory.mkdir(exist_ok=True, parents=True)
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
