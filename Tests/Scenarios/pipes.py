"""`rtd query` on pipes: rows in and out while it runs."""

import json
import select
import subprocess
import threading
import time

import harness


class Pipe:
    """A running query whose stdin stays open until told."""

    def __init__(self, *arguments, format="json"):
        self.process = subprocess.Popen(
            [harness.rtd, "query", "--format", format, *arguments], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=harness.environment(RTD_AUTOSTART="0"))
        self.rest, self.said = b"", []
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def listen(self):
        for line in self.process.stderr:
            self.said.append(line.decode(errors="replace").rstrip("\n"))

    def write(self, *rows):
        text = "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def line(self, seconds=10):
        """The next line, or None when there is no more."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError(f"no row within {seconds} s")
            more = self.process.stdout.read1(65536)
            if not more:
                return None
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def row(self, seconds=10):
        line = self.line(seconds)
        return None if line is None else json.loads(line)

    def rows(self, count):
        return [self.row() for _ in range(count)]

    def is_silent(self, seconds=0.3):
        """Nothing comes for a while: the only wait for something that must not happen."""
        return b"\n" not in self.rest and not select.select([self.process.stdout], [], [], seconds)[0]

    def finish(self, seconds=20):
        """Ends the input; what still comes, and the exit status."""
        self.process.stdin.close()
        return self.remaining(seconds)

    def remaining(self, seconds=20):
        lines, status = [], None
        while (line := self.line(seconds)) is not None:
            lines.append(json.loads(line))
        status = self.process.wait(seconds)
        self.listener.join(5)
        return lines, status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def query(sql, rows=None, *options, input=None, check=0, format="json"):
    """A query over rows (or text) on stdin, as parsed rows; the whole outcome as `.done`."""
    text = input if input is not None else "".join(json.dumps(row) + "\n" for row in rows or [])
    done = harness.run("rtd", "query", "--format", format, *options, "-c", sql, input=text,
                       check=check, RTD_AUTOSTART="0")
    return Rows([json.loads(line) for line in done.text.splitlines()] if format == "json"
                else done.text.splitlines(), done)


class Rows(list):
    def __init__(self, rows, done):
        super().__init__(rows)
        self.done = done
        self.errors = done.errors
