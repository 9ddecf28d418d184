"""`rtd cdc --to topics` under kill -9, beside random work and ALTER TABLE: the topics are the database.

Several writers change tables of every replica identity (savepoints, rollbacks, keys that move, large values, TRUNCATE,
a large transaction), another one alters the tables' columns, and the capture is killed at random instants and started
again. Then what the topics hold is put into an empty database, and the md5 of every table must be that of the source;
each change must be there once, whatever was killed. The last line is JSON; exit status 1 when a promise was broken.
"""

import argparse
import collections
import json
import pathlib
import random
import subprocess
import sys
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).parent.parent / folder) for folder in ("Interop", "Scenarios", "Commands")]
import harness  # noqa: E402
from home import Home  # noqa: E402
from postgres import Postgres  # noqa: E402

COLUMNS = "v int, n numeric(12,2), b text"
SCHEMA = f"""
CREATE TABLE plain (id int PRIMARY KEY, {COLUMNS});
CREATE TABLE whole (id int PRIMARY KEY, {COLUMNS}); ALTER TABLE whole REPLICA IDENTITY FULL;
CREATE TABLE keyless (id int, {COLUMNS}); ALTER TABLE keyless REPLICA IDENTITY FULL;
CREATE TABLE byindex (id int NOT NULL, {COLUMNS}); CREATE UNIQUE INDEX byindex_id ON byindex (id);
ALTER TABLE byindex REPLICA IDENTITY USING INDEX byindex_id;
CREATE TABLE large (id int PRIMARY KEY, {COLUMNS}); ALTER TABLE large ALTER b SET STORAGE EXTERNAL;
CREATE TABLE parts (id int PRIMARY KEY, {COLUMNS}) PARTITION BY RANGE (id);
CREATE TABLE part_a PARTITION OF parts FOR VALUES FROM (MINVALUE) TO (500);
CREATE TABLE part_b PARTITION OF parts FOR VALUES FROM (500) TO (MAXVALUE);
CREATE TABLE nothing (id int, {COLUMNS}); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
"""
KEYED = ["plain", "whole", "byindex", "large", "parts"]
TABLES = [*KEYED, "keyless"]


class Source:
    def __init__(self):
        self.server = Postgres(wal_level="logical", max_replication_slots=10, max_wal_senders=10,
                               wal_sender_timeout="10s", logical_decoding_work_mem="64kB")
        self.server.sql("CREATE DATABASE source")
        self.server.sql("CREATE DATABASE copy")
        self.server.sql(SCHEMA, "source")
        for table in TABLES:
            size = "repeat('x' || i, 2000)" if table == "large" else "'b' || i"
            self.server.sql(f"INSERT INTO {table} SELECT i, i, i / 4.0, {size} FROM generate_series(1, 300) i",
                            "source")

    @property
    def address(self):
        return self.server.source("source")

    def psql(self, text, database="source"):
        """Goes on after errors: another writer may have been there first."""
        return subprocess.run(
            [str(self.server.programs / "psql"), "-XqAt", "-h", str(self.server.directory), "-U", "postgres", "-d",
             database], input="SET lock_timeout = '5s';" + text, capture_output=True, text=True, timeout=120).stdout


def statement(rng):
    table, n = rng.choice(TABLES), rng.randrange(1, 1000)
    size = f"repeat('y{n}', {rng.randrange(1, 3000)})" if table == "large" else f"'y{n}'"
    conflict = "" if table == "keyless" else " ON CONFLICT DO NOTHING"
    return rng.choice([
        f"INSERT INTO {table} (id, v, n, b) SELECT i, i, {n} / 8.0, {size} "
        f"FROM generate_series({n}, {n + 20}) i{conflict};",
        f"UPDATE {table} SET v = v + 1 WHERE id % 11 = {n % 11};",
        f"UPDATE {table} SET b = {size} WHERE id % 23 = {n % 23};",
        f"UPDATE {table} SET id = id + 1000 WHERE id = {n} "
        f"AND NOT EXISTS (SELECT 1 FROM {table} WHERE id = {n + 1000});",
        f"UPDATE {table} SET id = id - 1000 WHERE id = {n + 1000};",
        f"DELETE FROM {table} WHERE id % 31 = {n % 31};",
        f"INSERT INTO nothing VALUES ({n});",
    ])


def transaction(rng):
    body = [statement(rng) for _ in range(rng.randrange(1, 5))]
    kind = rng.random()
    if kind < 0.15:
        return f"BEGIN; {body[0]} ROLLBACK;"
    if kind < 0.4:
        return f"BEGIN; {body[0]} SAVEPOINT s; {statement(rng)} ROLLBACK TO s; {' '.join(body[1:])} COMMIT;"
    if kind < 0.55:
        inner = "; ".join(f"BEGIN {statement(rng)} IF i % 3 = 0 THEN RAISE EXCEPTION 'no'; END IF; "
                          "EXCEPTION WHEN OTHERS THEN NULL; END" for _ in range(2))
        return f"DO $$BEGIN FOR i IN 1..4 LOOP {inner}; END LOOP; END$$;"
    if kind < 0.57:
        return f"TRUNCATE {rng.choice(TABLES)};"
    return f"BEGIN; {' '.join(body)} COMMIT;"


class Alterations:
    """What ALTER TABLE does to the columns that the other writers do not name."""

    def __init__(self, rng):
        self.rng, self.number, self.extra = rng, 0, collections.defaultdict(list)

    def next(self):
        rng, table = self.rng, self.rng.choice(TABLES)
        extra = self.extra[table]
        self.number += 1
        new = f"c{self.number}"
        kind = rng.choice(["constant", "null", "volatile", "strict", "drop", "rename", "retype", "compute", "again",
                           "reuse", "identity", "vacuum"])
        if kind in ("drop", "rename", "retype", "compute", "again") and not extra:
            kind = "constant"
        column = rng.choice(extra) if extra else None
        if kind in ("constant", "null", "volatile", "strict", "reuse"):
            extra.append(new)
            kinds = {"constant": "int DEFAULT 5", "null": "int", "volatile": "int DEFAULT (random() * 9)::int",
                     "strict": "int NOT NULL DEFAULT 7", "reuse": "int DEFAULT NULL"}
            return f"ALTER TABLE {table} ADD {new} {kinds[kind]};"
        if kind == "drop":
            extra.remove(column)
            return f"ALTER TABLE {table} DROP {column};"
        if kind == "again":
            return f"ALTER TABLE {table} DROP {column}; ALTER TABLE {table} ADD {column} int;"
        if kind == "rename":
            extra[extra.index(column)] = new
            # With changes before and behind it in one transaction.
            change = f"UPDATE {table} SET v = v + 1 WHERE id % 50 ="
            return f"BEGIN; {change} 0; ALTER TABLE {table} RENAME {column} TO {new}; {change} 1; COMMIT;"
        if kind == "retype":
            return f"ALTER TABLE {table} ALTER {column} TYPE {rng.choice(['text', 'bigint', 'numeric(20,3)'])} " \
                   f"USING NULLIF({column}::text, '')::numeric::{rng.choice(['int', 'bigint'])};"
        if kind == "compute":
            return f"ALTER TABLE {table} ALTER v TYPE int USING v + 1;"
        if kind == "identity":
            return "".join(f"ALTER TABLE {t} REPLICA IDENTITY {rng.choice(['FULL', 'DEFAULT'])};"
                           for t in ("plain", "whole"))
        return f"VACUUM FULL {table};"


def write(source, seed, ends):
    rng = random.Random(seed)
    while time.monotonic() < ends():
        source.psql("\n".join(transaction(rng) for _ in range(20)))


def alter(source, seed, ends, every):
    rng = random.Random(seed)
    alterations = Alterations(rng)
    while time.monotonic() < ends():
        source.psql(alterations.next())
        time.sleep(rng.random() * 2 * every)


def records(home, topic):
    done = home.rtd("consume", "-J", topic, "-e", seconds=300)
    return [json.loads(line) for line in done.text.splitlines()]


class Replica:
    """What the topics hold: rows by their keys, or all the rows of a table that has none."""

    def __init__(self):
        self.rows, self.events, self.violations = {}, collections.Counter(), []

    def read(self, home, table):
        keyed = table in KEYED
        rows = self.rows[table] = {}
        removed = None
        for record in records(home, f"source.public.{table}"):
            key = record["key"]
            if record["value"] is None:
                removed = rows.pop((record["partition"], key), removed) if keyed else removed
                continue
            event = json.loads(record["value"], parse_float=str)
            if event.get("transaction"):
                self.events[event["transaction"]["id"], event["transaction"]["total_order"]] += 1
            before, after = event.get("before"), event.get("after")
            if event["op"] == "t":
                for place in [p for p in rows if p[0] == record["partition"]]:
                    del rows[place]
            elif keyed:
                place = record["partition"], key
                if event["op"] == "d":
                    removed = rows.pop(place, None)
                else:
                    old = rows.get(place) or removed or {}
                    rows[place] = {**{n: old.get(n) for n in event.get("unavailable", [])}, **after}
                    removed = None
            else:
                for image, change in ((before, -1), (after, 1)):
                    if image is not None and event["op"] in ("crud" if change == 1 else "ud"):
                        text = json.dumps(image, sort_keys=True)
                        rows.setdefault((record["partition"], text), [0, image])[0] += change
        if not keyed:
            for (_, text), (count, _) in rows.items():
                if count < 0:
                    self.violations.append(f"{table}: {count} of {text}")

    def all(self, table):
        if table in KEYED:
            return list(self.rows[table].values())
        return [image for count, image in self.rows[table].values() for _ in range(count)]


def hashes(source, database):
    return {table: source.server.sql(
        "SELECT count(*), md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\"), '')) "
        f"FROM {table} t", database).strip() for table in TABLES}


def compare(home, source, replica):
    """Puts what the topics hold into an empty database."""
    dump = subprocess.run([str(source.server.programs / "pg_dump"), "-s", "-h", str(source.server.directory), "-U",
                           "postgres", "source"], capture_output=True, text=True, timeout=60)
    # What the source's publications are is of no interest there.
    source.psql("\n".join(line for line in dump.stdout.splitlines() if "PUBLICATION" not in line), "copy")
    replica.read(home, "nothing")
    for table in TABLES:
        replica.read(home, table)
        rows = json.dumps(replica.all(table)).replace("'", "''")
        source.server.sql(f"INSERT INTO public.{table} "
                          f"SELECT * FROM json_populate_recordset(NULL::public.{table}, '{rows}')", "copy")
    wanted, found = hashes(source, "source"), hashes(source, "copy")
    return [f"{table}: {wanted[table]} in the source, {found[table]} in the topics: {example(source, table)}"
            for table in TABLES if wanted[table] != found[table]]


def example(source, table):
    """A few rows that are not the same, with what they have for values that long ones begin with."""
    sides = [set(source.server.sql(f"SELECT left(to_jsonb(t)::text, 300) FROM {table} t", database).splitlines())
             for database in ("source", "copy")]
    return [sorted(one - other)[:3] for one, other in (sides, sides[::-1])]


def check_events(home, replica):
    """Each change of each transaction, once."""
    repeated = [place for place, count in replica.events.items() if count > 1]
    found = [f"{len(repeated)} changes are there more than once: {repeated[:3]}"] if repeated else []
    ends = {}
    for record in records(home, "source.transaction"):
        event = json.loads(record["value"])
        if event["status"] == "END":
            if event["id"] in ends:
                found.append(f"transaction {event['id']} ends twice")
            ends[event["id"]] = event["event_count"]
    counts = collections.Counter(name for name, _ in replica.events)
    for name, count in counts.items():
        if ends.get(name) != count:
            found.append(f"transaction {name} has {ends.get(name)} events, of which {count} are there")
    return found, len(ends), sum(counts.values())


def capture(home, source, options):
    return home.start("cdc", source.address, "--to", "topics", "-q", "-X", "provide.transaction.metadata=true",
                      "-X", f"incremental.snapshot.chunk.size={options.chunk}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rtd", required=True)
    parser.add_argument("--cycles", type=int, default=30)
    parser.add_argument("--large", type=int, default=100_000, help="rows of the large transaction")
    parser.add_argument("--chunk", type=int, default=100)
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two ALTER TABLE")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1 << 30)
    print(f"seed {seed}", flush=True)
    rng, violations = random.Random(seed), []
    harness.rtd = str(pathlib.Path(options.rtd).resolve())
    source = Source()
    deadline = [float("inf")]
    workers = [threading.Thread(target=write, daemon=True, args=(source, seed + i, lambda: deadline[0]))
               for i in range(3)]
    workers.append(threading.Thread(target=alter, daemon=True,
                                    args=(source, seed + 9, lambda: deadline[0], options.every)))
    with Home() as home:
        for worker in workers:
            worker.start()
        for cycle in range(options.cycles):
            process = capture(home, source, options)
            if cycle == options.cycles // 2:
                source.psql("INSERT INTO plain (id, v) "
                            f"SELECT i, 0 FROM generate_series(100001, {100000 + options.large}) i;"
                            "DELETE FROM plain WHERE id > 100000;")
            time.sleep(rng.random() * 4)
            if process.poll() is not None:
                errors = process.stderr.read().decode()
                # A snapshot can be of no table that is rewritten while it begins.
                if "start again" in errors:
                    continue
                violations.append(f"cycle {cycle}: it has ended by itself: {errors}")
                break
            process.kill()
            process.wait()
        deadline[0] = 0
        for worker in workers:
            worker.join()
        done = home.rtd("cdc", source.address, "--to", "topics", "--until", "now", "-X",
                        "provide.transaction.metadata=true", seconds=300)
        if done.returncode != 0:
            violations.append(f"it does not come to its end: {done.errors}")
        same = home.rtd("cdc", source.address, "--verify", "--exclude", "nothing", seconds=120)
        if same.returncode != 0:
            violations.append(f"--verify: {same.text}{same.errors}")
        replica = Replica()
        violations += compare(home, source, replica)
        violations += replica.violations
        found, transactions, changes = check_events(home, replica)
        violations += found
    for violation in violations:
        print(violation, flush=True)
    print(json.dumps({"seed": seed, "cycles": options.cycles, "transactions": transactions, "changes": changes,
                      "violations": len(violations)}))
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
