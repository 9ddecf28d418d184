#!/usr/bin/env python3
"""Runs sqllogictest files against `rtd query`, and against PostgreSQL as the judge.

slt.py --rtd BINARY FILE|FOLDER...              every record against what the file expects
slt.py --rtd BINARY --postgres DSN FILE...      records that PostgreSQL runs, against its rows
slt.py --postgres DSN --record FILE...          writes PostgreSQL's rows into the files

Reads what SQLite's, DuckDB's and RisingWave's runners have in common: statement ok|error, query
TYPES [sort] [label] with rows, values a line or a hash, skipif, onlyif, hash-threshold, halt, loop
and foreach, mode skip, include, let, control sortmode and substitution, system (only with
--system). A file is one session, in one process of rtd as long as nothing fails; `connection` names
no other.
"""

import argparse
import dataclasses
import glob
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

NULL = "\\N"
SKIPPED_SETTINGS = ("pragma", "attach", "detach", "vacuum", "reindex")
# What changes no result: tables of a session have no indexes.
SKIPPED_STATEMENT = re.compile(r"\s*(create(\s+unique)?|drop)\s+index\b", re.IGNORECASE)
# Statements with rows, or none, that PostgreSQL's COPY does not take.
CHANGING_WITH = re.compile(r"\s*with\b.*\b(update\b.*\bset|delete\s+from|merge\s+into|insert\s+into)\b",
                           re.IGNORECASE | re.DOTALL)
NOT_IN_COPY = re.compile(r"\s*(show|execute)\b", re.IGNORECASE)


@dataclasses.dataclass
class Record:
    """A statement or a query of a file, and what it has to give."""
    line: int
    sql: str
    kind: str  # ok, error, maybe, query, let, system, reset
    types: str = ""
    sort: str = "nosort"
    label: str = ""
    expected: list = None  # lines, or None for none given
    message: str = ""
    names: tuple = ()  # the variables of a let


class Unsupported(Exception):
    """A file that needs what this runner does not do."""


# MARK: Reading files

HEADS = {"statement", "query", "skipif", "onlyif", "halt", "mode", "loop", "foreach", "endloop",
         "concurrentloop", "concurrentforeach", "require", "require-env", "load", "restart",
         "test-env", "unzip", "reconnect", "set", "reset", "include", "control", "connection",
         "import", "simple", "reset-server", "hash-threshold", "sleep", "subtest", "user", "tags", "system", "let"}


RECORD_HEADS = {"statement", "query", "simple", "skipif", "onlyif", "halt", "mode", "loop", "foreach",
                "endloop", "include", "require", "reset-server"}
# What DuckDB's files ask for and no answer depends on.
HARMLESS = {"skip_reload", "vector_size", "notwindows", "notmingw", "notmusl", "64bit",
            "noforcestorage", "longdouble", "no_alternative_verify", "json", "icu", "block_size",
            "core_functions", "no_vector_verification", "no_extension_autoloading"}


def read(path, name="postgresql", depth=0):
    if depth > 8:
        raise Unsupported("an include of itself")
    lines = pathlib.Path(path).read_text(errors="replace").splitlines()
    state = {"sort": "", "substitution": False, "path": path, "depth": depth}
    return list(records(lines, 0, {}, name, state))


def records(lines, offset, variables, name, state):
    position, skip, mode_skip = 0, False, False
    while position < len(lines):
        start, words = position, lines[position].split()
        position += 1
        if not words or words[0].startswith("#"):
            continue
        head = words[0]
        if head in ("skipif", "onlyif"):
            skip = skip or (words[1] == name) == (head == "skipif")
            continue
        if head == "halt":
            if not skip:
                return
            skip = False
        elif head == "mode":
            mode_skip = {"skip": True, "unskip": False}.get(words[1], mode_skip)
        elif head in ("loop", "foreach"):
            body, position = block(lines, position)
            if words[1] in ("concurrentloop",):
                raise Unsupported(head)
            values = range(int(words[2]), int(words[3])) if head == "loop" else words[2:]
            for value in values:
                inner = {**variables, words[1]: str(value)}
                yield from records(body, offset + start + 1, inner, name, state)
        elif head in ("statement", "query"):
            while position < len(lines) and not lines[position].strip():
                position += 1
            end = position
            while end < len(lines) and (lines[end].strip()
                                        or head == "query" and query_goes_on(lines, end)):
                if lines[end].startswith("----"):
                    break
                end += 1
            sql = "\n".join(line for line in lines[position:end] if line.strip())
            expected, position = None, end
            if end < len(lines) and lines[end].startswith("----"):
                stop = end + 1
                if "multiline" in words:
                    while stop < len(lines) and lines[stop].strip() != "EOF":
                        stop += 1
                    # One value, with its lines.
                    expected, position = ["\n".join(lines[end + 1:stop])], stop + 1
                else:
                    while stop < len(lines) and (lines[stop].strip()
                                                 or "error" in words and goes_on(lines, stop)):
                        stop += 1
                    expected, position = lines[end + 1:stop], stop
            if not skip and not mode_skip:
                sql = from_environment(sql) if state["substitution"] else sql
                found = record(words, substituted(sql, variables), expected, offset + start + 1)
                if state["sort"] and len(words) < 3:
                    found.sort = state["sort"]
                yield found
            skip = False
        elif head == "simple":
            # Materialize's: statements, then what the server says of each.
            end = position
            while end < len(lines) and lines[end].strip() and not lines[end].startswith("----"):
                end += 1
            sql = substituted("\n".join(lines[position:end]), variables)
            stop = end
            while stop < len(lines) and lines[stop].strip() != "EOF" and (
                    lines[stop].strip() or "multiline" in words):
                stop += 1
            position = stop + ("multiline" in words)
            if not skip and not mode_skip:
                yield Record(offset + start + 1, sql, "maybe")
            skip = False
        elif head == "reset-server":
            yield Record(offset + start + 1, "", "reset")
        elif head in ("let", "system"):
            end = position
            while end < len(lines) and lines[end].strip():
                end += 1
            body = [line for line in lines[position:end] if line.strip() != "----"]
            position = end
            sql = substituted("\n".join(body), variables)
            names = tuple(re.findall(r"\w+", " ".join(words[1:]))) if head == "let" else ()
            if not skip and not mode_skip:
                yield Record(offset + start + 1, sql, head, names=names)
            skip = False
        elif head == "include":
            pattern = pathlib.Path(state["path"]).parent / " ".join(words[1:])
            found = sorted(glob.glob(str(pattern), recursive=True))
            if not found:
                raise Unsupported(f"{pattern}, which is not there")
            for path in found:
                yield from read(path, name, state["depth"] + 1)
        elif head == "control":
            if words[1] == "substitution":
                state["substitution"] = words[2] == "on"
            elif words[1] == "sortmode":
                state["sort"] = "" if words[2] == "nosort" else words[2]
            elif words[1] != "resultmode":
                raise Unsupported(" ".join(words[:2]))
        elif head == "connection":
            pass
        elif head == "require" and words[1] in HARMLESS:
            pass
        elif head in ("require", "require-env", "load", "restart", "test-env", "concurrentloop",
                      "concurrentforeach", "unzip", "reconnect", "set", "reset", "import"):
            raise Unsupported(" ".join(words[:2]))
        elif head in ("hash-threshold", "sleep", "subtest", "user", "tags", "endloop", "EOF"):
            pass
        else:
            raise Unsupported(head)


def goes_on(lines, position):
    """Whether a message of an error has more lines behind empty ones."""
    while position < len(lines) and not lines[position].strip():
        position += 1
    return position < len(lines) and not lines[position].startswith("#") \
        and lines[position].split()[0] not in HEADS


def query_goes_on(lines, position):
    """Whether the text of a query, which ends at ----, has more lines behind empty ones."""
    for line in lines[position:]:
        if line.startswith("----"):
            return True
        if (line.split() or [""])[0] in RECORD_HEADS:
            return False
    return False


def from_environment(sql):
    """$NAME and ${NAME:otherwise}; a backslash keeps the sign."""
    def value(match):
        if match[1]:
            return match[1]
        name, otherwise = match[2] or match[4], match[3]
        # What is not known may be a let's.
        return os.environ.get(name, match[0] if otherwise is None else otherwise)
    return re.sub(r"\\([\\$])|\$(?:\{(\w+)(?::([^}]*))?\}|([A-Za-z_]\w*))", value, sql)


def block(lines, position):
    depth, start = 1, position
    while position < len(lines):
        word = (lines[position].split() or [""])[0]
        depth += (word in ("loop", "foreach", "concurrentloop")) - (word == "endloop")
        position += 1
        if depth == 0:
            return lines[start:position - 1], position
    raise Unsupported("loop without endloop")


def substituted(sql, variables):
    for name, value in variables.items():
        sql = sql.replace("${%s}" % name, value)
    return sql


def is_ordered(sql):
    """Whether the rows come in an order: ORDER BY of the query itself, not of OVER (...), of
    WITHIN GROUP (...) or of a subquery."""
    plain = re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", " ", sql, flags=re.DOTALL)
    while True:
        shorter = re.sub(r"\([^()]*\)", " ", plain)
        if shorter == plain:
            return re.search(r"\border\s+by\b", plain, re.IGNORECASE) is not None
        plain = shorter


def record(words, sql, expected, line):
    if words[0] == "statement":
        kind = words[1] if len(words) > 1 and words[1] in ("error", "maybe") else "ok"
        return Record(line, sql, kind, message=" ".join(expected or words[2:]))
    # sqllogictest-rs: `query error [regex]`
    if len(words) > 1 and words[1] == "error":
        return Record(line, sql, "error", message=" ".join(words[2:]))
    rest = [w for w in words[2:] if not w.startswith(("connection", "con"))]
    sort = rest[0] if rest and rest[0] in ("nosort", "rowsort", "valuesort", "sort") else "nosort"
    return Record(line, sql, "query", words[1] if len(words) > 1 else "", sort,
                  expected=expected or [])


# MARK: Engines

class Failed(Exception):
    """What an engine says to a statement that it refuses."""


class RtdSession:
    """Statements on `rtd query`, one process until one fails; then another repeats what has
    changed the session's tables and goes on behind it."""

    MARK = "~~ end of statement ~~"

    def __init__(self, binary, directory=None, seconds=60):
        self.binary, self.directory, self.seconds = os.path.abspath(binary), directory, seconds
        self.changes = []
        # BEGIN without its end, and a statement of it that has failed.
        self.is_open = self.is_aborted = False
        # A name that is no relation may be a topic: a server of the test's own answers.
        self.home = tempfile.TemporaryDirectory(prefix="slt-")
        self.environment = {**os.environ, "RTD_DATA": f"{self.home.name}/data", "RTD_IDLE": "2s"}

    def run(self, statements):
        """A list of rows (None where there are none) or Failed, one a statement."""
        outcomes, position = [], 0
        while position < len(statements):
            if self.is_aborted and not is_end(statements[position]):
                outcomes.append(Failed("25P02: current transaction is aborted"))
                position = len(outcomes)
                continue
            rest = statements[position:]
            if self.is_aborted and not re.match(r"\s*rollback\s+to\b", rest[0], re.IGNORECASE):
                rest = ["ROLLBACK"] + rest[1:]
            self.is_aborted = False
            found, failure = self.attempt(rest)
            if failure and failure.args[0] == "timeout" and len(rest) > 1:
                found, failure = self.attempt(rest[:1])
            outcomes += found
            done = rest[:len(found)]
            if failure:
                outcomes.append(failure)
            self.changes += [s for s, o in zip(done, found) if changes(s)]
            for statement in done:
                if is_begin(statement):
                    self.is_open = True
                elif is_end(statement) and not re.match(r"\s*rollback\s+to\b", statement,
                                                        re.IGNORECASE):
                    self.is_open = False
            self.is_aborted = bool(failure) and self.is_open
            position = len(outcomes)
            if not failure and not found:
                raise AssertionError("no progress")
        return outcomes

    def attempt(self, statements):
        parts = [s.rstrip().rstrip(";") + "\n;" for s in self.changes]
        mark = f"SELECT '{self.MARK}';"
        script = "\n".join(parts + [mark] + [s.rstrip().rstrip(";") + "\n;" + mark
                                             for s in statements])
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(script)
            file.flush()
            try:
                done = subprocess.run(
                    [self.binary, "query", "-q", "--format", "tsv", "--no-header", "-f", file.name],
                    stdin=subprocess.DEVNULL, capture_output=True, timeout=self.seconds,
                    cwd=self.directory, env=self.environment)
                output, status = done.stdout, done.returncode
                errors = done.stderr.decode(errors="replace").strip()
            except subprocess.TimeoutExpired as expired:
                output, status, errors = expired.stdout or b"", None, "timeout"
        pieces = output.decode(errors="replace").split(self.MARK + "\n")
        # Behind the last mark is what the failed statement had written.
        found = [[line.split("\t") for line in piece.splitlines()] for piece in pieces[1:-1]]
        if status == 0 and len(found) == len(statements):
            return found, None
        if status is not None and (status < 0 or status > 100):
            errors = f"crash {status}: {errors[-600:]}"
        if len(pieces) == 1 and self.changes:
            raise AssertionError(f"what has worked does not work again: {errors[:300]}")
        return found[:len(statements) - 1] if len(found) == len(statements) else found, \
            Failed(errors or f"status {status}")


def is_begin(statement):
    return re.match(r"\s*(begin|start\s+transaction)\b", statement, re.IGNORECASE) is not None


def is_end(statement):
    return re.match(r"\s*(commit|end|rollback|abort)\b", statement, re.IGNORECASE) is not None


def changes(statement):
    words = re.sub(r"--[^\n]*", "", statement).split(None, 1)
    if CHANGING_WITH.match(statement):
        return True
    return bool(words) and words[0].lower().strip("(") not in (
        "select", "values", "with", "table", "explain", "show", "describe", "")


class PostgresSession:
    """Statements on PostgreSQL, in a schema of its own that is dropped at the end."""

    def __init__(self, dsn, schema="slt"):
        import psycopg2
        self.error = psycopg2.Error
        self.connection = psycopg2.connect(dsn)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.schema = schema
        for sql in (f"DROP SCHEMA IF EXISTS {schema} CASCADE", f"CREATE SCHEMA {schema}",
                    f"SET search_path = {schema}", "SET statement_timeout = '10s'",
                    "SET client_min_messages = error", "SET TimeZone = 'UTC'",
                    "SET bytea_output = 'hex'", "SET datestyle = 'ISO, MDY'",
                    "SET intervalstyle = 'postgres'"):
            self.cursor.execute(sql)

    def run(self, statements):
        return [self.one(statement) for statement in statements]

    def has_rolled_back(self, statement):
        """Whether a COMMIT, just run, ended a transaction that had failed."""
        return is_end(statement) and self.cursor.statusmessage == "ROLLBACK"

    def one(self, statement):
        import io
        statement = statement.rstrip().rstrip(";")
        try:
            if NOT_IN_COPY.match(statement) or CHANGING_WITH.match(statement):
                self.cursor.execute(statement)
                rows = self.cursor.fetchall() if self.cursor.description else []
                return [[NULL if v is None else str(v) for v in row] for row in rows]
            returns = first_word(statement) in ("insert", "update", "delete") \
                and re.search(r"\breturning\b", statement, re.IGNORECASE)
            if changes(statement) and not returns:
                self.cursor.execute(statement)
                return []
            out = io.StringIO()
            # What fails inside COPY only because it is there fails outside it too, or is no query.
            self.cursor.copy_expert(f"COPY ({statement}\n) TO STDOUT", out)
            return [line.split("\t") for line in out.getvalue().split("\n")[:-1]]
        except (self.error, ValueError, TypeError) as error:
            code = getattr(error, "pgcode", None)
            return Failed(f"{code}: {str(error).splitlines()[0] if str(error) else ''}")

    def close(self):
        self.cursor.execute(f"DROP SCHEMA {self.schema} CASCADE")
        self.connection.close()


# MARK: Comparing

def unescaped(value):
    escapes = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\", "b": "\b", "f": "\f", "v": "\v"}
    return re.sub(r"\\(.)", lambda m: escapes.get(m[1], m[1]), value)


def shown(value, type):
    """A value as sqllogictest prints it."""
    if value == NULL:
        return "NULL"
    value = unescaped(value)
    if value == "":
        return "(empty)"
    if type == "I":
        if value in ("t", "f", "true", "false"):
            return "1" if value[0] == "t" else "0"
        try:
            return str(int(float(value))) if not re.fullmatch(r"-?\d+", value) else value
        except (ValueError, OverflowError):
            return value
    if type == "R":
        try:
            return f"{float(value):.3f}"
        except ValueError:
            return value
    return re.sub(r"[^ -~]", "@", value)


def sorted_values(rows, sort):
    if sort == "valuesort":
        return sorted(value for row in rows for value in row)
    if sort in ("rowsort", "sort"):
        rows = sorted(rows)
    return [value for row in rows for value in row]


def same_value(found, expected):
    if found == expected:
        return True
    if expected.startswith("<REGEX>:"):
        return re.fullmatch(expected[8:], found) is not None
    if {found.lower(), expected.lower()} in ({"t", "true"}, {"f", "false"}, {"1", "true"},
                                             {"0", "false"}, {"1", "t"}, {"0", "f"}):
        return True
    if expected in ("NULL", "") and found in ("NULL", "(empty)"):
        return expected == "NULL" and found == "NULL" or expected == "" and found == "(empty)"
    try:
        a, b = float(found), float(expected)
    except ValueError:
        return False
    return a == b or abs(a - b) <= 1e-9 * max(abs(a), abs(b)) or a != a and b != b


def compare_with_file(record, rows):
    """None, or what is wrong."""
    types = record.types
    columns = len(rows[0]) if rows else len(types)
    lines = record.expected
    hashing = re.fullmatch(r"(\d+) values hashing to ([0-9a-f]{32})", lines[0]) if lines else None
    if hashing:
        values = sorted_values([[shown(v, types[i] if i < len(types) else "T")
                                 for i, v in enumerate(row)] for row in rows], record.sort)
        found = hashlib.md5("".join(v + "\n" for v in values).encode()).hexdigest()
        if len(values) != int(hashing[1]):
            return f"{len(values)} values instead of {hashing[1]}"
        return None if found == hashing[2] else f"other values: {values[:12]}"
    plain = [[shown(v, "T") for v in row] for row in rows]
    by_row = [line.split("\t") for line in lines]
    if columns > 1 and len(lines) == columns * len(rows):
        by_row = [lines[i:i + columns] for i in range(0, len(lines), columns)]
    elif columns > 1 and lines and all(len(row) == 1 for row in by_row):
        by_row = [line.split() for line in lines]
    if len(by_row) != len(plain):
        return f"{len(plain)} rows instead of {len(by_row)}: {plain[:4]}"
    for shape in (lambda value, type: value, shown):
        found = [[shape(v, types[i] if i < len(types) else "T") if shape is shown else
                  shown(v, "T") for i, v in enumerate(row)] for row in rows]
        a, b = sorted_values(found, record.sort), sorted_values(by_row, record.sort)
        if len(a) == len(b) and all(map(same_value, a, b)):
            return None
    return f"found {a[:12]}, expected {b[:12]}"


def compare_rows(found, expected, ordered):
    """None, or how the rows of two engines differ; numbers agree to nine digits."""
    if len(found) != len(expected):
        return f"{len(found)} rows instead of {len(expected)}: found {found[:3]}, expected {expected[:3]}"
    if not ordered:
        found, expected = sorted(found), sorted(expected)
    for row, (a, b) in enumerate(zip(found, expected)):
        if len(a) != len(b) or not all(map(nearly, a, b)):
            return f"row {row}: found {a}, expected {b}"
    return None


def nearly(a, b):
    if a == b:
        return True
    # Only doubles may differ: numeric has no exponent, and both sides show all its digits.
    if not re.search(r"[.e]", a + b) or NULL in (a, b):
        return False
    try:
        x, y = float(a), float(b)
    except ValueError:
        return False
    digits = max(len(a), len(b))
    # What is left of sums that cancel out: 2e-17 and 0.
    if abs(x - y) < 1e-15 and "e-" in a + b:
        return True
    return digits >= 14 and abs(x - y) <= 1e-12 * max(abs(x), abs(y))


# MARK: Running

@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0


# Records that part the others: what they do is no statement, or says how those behind go on.
BETWEEN = ("let", "system", "reset")


def run_file(path, options):
    """Counts and failures of a file."""
    count, failures = Count(), []
    try:
        all_records = read(path)
    except Unsupported as reason:
        count.skipped += 1
        return count, failures if not options.verbose else [f"{path}: needs {reason}"]
    except (ValueError, IndexError) as reason:
        count.skipped += 1
        return count, [f"{path}: cannot be read: {reason}"]
    judge = PostgresSession(options.postgres) if options.postgres else None
    session = RtdSession(options.rtd, options.directory, options.seconds)
    variables, position = {}, 0
    try:
        while position < len(all_records):
            end = position
            while end < len(all_records) and all_records[end].kind not in BETWEEN:
                end += 1
            part = all_records[position:end]
            for one in part:
                one.sql = substituted(one.sql, variables)
            run_records(path, part, session, judge, options, count, failures)
            if end < len(all_records) and all_records[end].kind == "reset":
                if judge:
                    judge.close()
                    judge = PostgresSession(options.postgres)
                session = RtdSession(options.rtd, options.directory, options.seconds)
            elif end < len(all_records):
                run_between(all_records[end], session, judge, options, count, variables)
            position = end + 1
    except AssertionError as error:
        count.failed += 1
        failures.append(f"{path}: {error}")
    finally:
        if judge:
            judge.close()
    return count, failures


def run_between(record, session, judge, options, count, variables):
    """let, whose values later records are made of, and system."""
    sql = substituted(record.sql, variables)
    if record.kind == "system":
        if getattr(options, "system", False):
            subprocess.run(sql, shell=True, check=False, timeout=options.seconds,
                           cwd=options.directory)
        else:
            count.skipped += 1
        return
    found = (judge or session).run([sql])[0]
    if isinstance(found, Failed) or not found or len(found[0]) != len(record.names):
        raise AssertionError(f"no values for {', '.join(record.names)}: {found}")
    variables.update(zip(record.names, map(unescaped, found[0])))


def run_records(path, all_records, session, judge, options, count, failures):
    """Records one after another, without anything between them."""
    if not judge:
        count.skipped += sum(is_skipped(r.sql) for r in all_records)
        all_records = [r for r in all_records if not is_skipped(r.sql)]
    statements = [r.sql for r in all_records]
    judged = [None] * len(statements)
    if judge:
        for i, statement in enumerate(statements):
            judged[i] = judge.one(statement)
            # What the judge took back is taken back by rtd, which has not seen what failed.
            if not isinstance(judged[i], Failed) and judge.has_rolled_back(statement):
                statements[i] = "ROLLBACK" if not re.match(r"\s*rollback", statement,
                                                           re.IGNORECASE) else statement
    # What the judge refuses does not reach rtd, so that both have the same tables.
    chosen = [i for i in range(len(statements))
              if not isinstance(judged[i], Failed) and not is_skipped(statements[i])]
    count.skipped += len(statements) - len(chosen)
    outcomes = session.run([statements[i] for i in chosen])
    for i, outcome in zip(chosen, outcomes):
        wrong = judgement(all_records[i], outcome, judged[i], bool(judge))
        if wrong is None:
            count.passed += 1
        else:
            count.failed += 1
            failures.append(f"{path}:{all_records[i].line}: {wrong}\n    "
                            + all_records[i].sql.strip().replace("\n", "\n    ")[:700])


def is_skipped(sql):
    return first_word(sql) in SKIPPED_SETTINGS or SKIPPED_STATEMENT.match(sql) is not None


def first_word(sql):
    return (re.sub(r"--[^\n]*", "", sql).split() or [""])[0].lower().strip("(;")


def judgement(record, outcome, judged, has_judge):
    if isinstance(outcome, Failed):
        if record.kind in ("error", "maybe") and not has_judge:
            wanted = record.message.removeprefix("<REGEX>:")
            return None if not wanted or not wanted.startswith("=") or wanted[1:] in outcome.args[0] \
                else f"other error: {outcome.args[0][:300]}"
        return outcome.args[0][:400]
    if has_judge:
        if changes(record.sql) and not judged:
            return None
        ordered = is_ordered(record.sql) and record.sort == "nosort"
        return compare_rows(outcome, judged, ordered)
    if record.kind == "error":
        return f"no error, but {str(outcome)[:200]}"
    return compare_with_file(record, outcome) if record.kind == "query" else None


def write_expected(path, dsn):
    """Replaces the results in a file by PostgreSQL's: rows of a query, messages of an error."""
    lines = pathlib.Path(path).read_text().splitlines()
    session, out, position = PostgresSession(dsn), [], 0
    while position < len(lines):
        words = lines[position].split()
        if not words or words[0] not in ("statement", "query"):
            out.append(lines[position])
            position += 1
            continue
        end = position + 1
        while end < len(lines) and lines[end].strip() and not lines[end].startswith("----"):
            end += 1
        sql = "\n".join(lines[position + 1:end])
        outcome = session.one(sql)
        head = lines[position]
        while end < len(lines) and lines[end].strip():
            end += 1
        if isinstance(outcome, Failed):
            out += ["statement error", sql, "----", "=" + outcome.args[0].split(": ", 1)[1]]
        elif words[0] == "query":
            columns = len(outcome[0]) if outcome else len(words[1]) if len(words) > 1 else 1
            sort = words[2] if len(words) > 2 else \
                "nosort" if is_ordered(sql) else "rowsort"
            shown_rows = [[shown(v, "T") for v in row] for row in outcome]
            if sort == "rowsort":
                shown_rows.sort()
            out += [f"query {'T' * columns} {sort}", sql, "----"]
            out += ["\t".join(row) for row in shown_rows]
        else:
            out += [head if words[1] == "ok" else "statement ok", sql]
        position = end
    session.close()
    pathlib.Path(path).write_text("\n".join(out) + "\n")


def files_of(paths):
    for name in map(pathlib.Path, paths):
        if name.is_dir():
            yield from sorted(f for f in name.rglob("*") if f.suffix in (".slt", ".test"))
        else:
            yield name


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rtd")
    parser.add_argument("--postgres", metavar="DSN")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--directory", help="where rtd runs")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--failures", type=int, default=5, help="shown a file")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--system", action="store_true", help="run the files' shell commands")
    parser.add_argument("paths", nargs="+")
    options = parser.parse_args()
    total = Count()
    for path in files_of(options.paths):
        if options.record:
            write_expected(path, options.postgres)
            continue
        count, failures = run_file(path, options)
        print(f"{'FAIL' if count.failed else 'ok  '} {path}: {count.passed} passed, "
              f"{count.failed} failed, {count.skipped} skipped", flush=True)
        for failure in failures[:options.failures]:
            print("  " + failure.replace("\n", "\n  "))
        total.passed += count.passed
        total.failed += count.failed
        total.skipped += count.skipped
    if not options.record:
        print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
