"""`rtd consume --exec` under kill -9, of the command and of the server: each record once, in order.

Numbered records go into a topic; a process reads them by turns, runs a filter and writes what that
prints. It, or the server, is killed at random instants and started again, until all was read. The
committed records of the target must be exactly those of the source. The last line is JSON; exit
status 1 when a promise was broken.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Interop"))
import harness  # noqa: E402

PARTITIONS = 3


def rtd(server, *arguments, **options):
    return subprocess.run([harness.rtd, *map(str, arguments), "-b", server.address],
                          capture_output=True, text=True, env=harness.environment(), **options)


def start(server, every):
    return subprocess.Popen(
        [harness.rtd, "consume", "in", "-g", "g", "-b", server.address, "--exec", "sed 's/^/x/'",
         "-K", ":", "--to", "out", "--txn", "copier", "--txn-every", str(every),
         "-X", "session.timeout.ms=6000"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=harness.environment(),
        start_new_session=True)


def ended(child):
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rtd", required=True)
    parser.add_argument("--cycles", type=int, default=40)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1 << 30)
    print(f"seed {seed}", flush=True)
    rng, violations = random.Random(seed), []
    harness.rtd = options.rtd
    sent = 0
    with harness.Server("-X", "group.min.session.timeout.ms=1000") as server:
        server.kafka = server.address
        rtd(server, "query", f"CREATE TOPIC in WITH (partitions = {PARTITIONS})")
        for cycle in range(options.cycles):
            count = rng.choice((10, 200, 3000))
            lines = "".join(f"k{n % 97}:{n}\n" for n in range(sent, sent + count))
            done = rtd(server, "produce", "in", "-K", ":", input=lines)
            assert done.returncode == 0, done.stderr
            sent += count
            child = start(server, rng.choice((50, 500)))
            time.sleep(rng.uniform(0.05, 1.5))
            if rng.random() < 0.4:
                server.kill()
                server.restart()
                time.sleep(rng.uniform(0, 0.5))
            ended(child)
        last = rtd(server, "consume", "in", "-g", "g", "-e", "--exec", "sed 's/^/x/'", "-K", ":",
                   "--to", "out", "--txn", "copier", timeout=120)
        if last.returncode != 0:
            violations.append(f"the last run: {last.stderr}")
        out = rtd(server, "consume", "out", "-e", "-K", ":", timeout=120)
        found = [line.split(":") for line in out.stdout.split()]
        counts = collections.Counter(int(value) for _, value in found)
        lost = [n for n in range(sent) if n not in counts]
        twice = [n for n, times in counts.items() if times > 1]
        if lost:
            violations.append(f"{len(lost)} records lost, the first: {lost[:5]}")
        if twice:
            violations.append(f"{len(twice)} records twice, the first: {twice[:5]}")
        by_key = collections.defaultdict(list)
        for key, value in found:
            by_key[key].append(int(value))
        for key, values in by_key.items():
            if values != sorted(values):
                violations.append(f"{key} is out of order")
                break
    for text in violations:
        print("VIOLATION", text, flush=True)
    print(json.dumps({"test": "exec", "seed": seed, "cycles": options.cycles, "records": sent,
                      "violations": len(violations)}))
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
