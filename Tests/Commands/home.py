"""A user's home of its own for a test: default data directory, run directory, on-demand server."""

import contextlib
import json
import pathlib
import subprocess
import tempfile

import harness


class Home:
    """Commands run in it as a new user would type them; leaving it stops its server."""

    def __init__(self, idle="30s"):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="home-"))
        self.runtime = pathlib.Path(tempfile.mkdtemp(prefix="run-"))
        self.runtime.chmod(0o700)
        self.data = self.path / ".local/share/rtd"
        self.variables = {"HOME": self.path, "XDG_RUNTIME_DIR": self.runtime, "RTD_IDLE": idle}

    def environment(self, **changes):
        made = harness.environment(**{**self.variables, **changes})
        for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
            made.pop(name, None)
        return made

    def shell(self, script, seconds=60, **changes):
        """Runs bash; status, stdout and stderr as text."""
        return self.finished(["bash", "-c", script], b"", seconds, changes)

    def rtd(self, *arguments, input=b"", seconds=60, **changes):
        if isinstance(input, str):
            input = input.encode()
        return self.finished([harness.rtd, *map(str, arguments)], input, seconds, changes)

    def finished(self, command, input, seconds, changes):
        done = subprocess.run(command, input=input, capture_output=True, timeout=seconds,
                              cwd=self.path, env=self.environment(**changes))
        done.text = done.stdout.decode(errors="replace")
        done.errors = done.stderr.decode(errors="replace")
        return done

    def start(self, *arguments, **options):
        """A command that goes on; its output is a pipe."""
        command = [harness.rtd, *map(str, arguments)]
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                cwd=self.path, env=self.environment(), **options)

    def status(self):
        """What `serve --status` says, or None when no server runs."""
        done = self.rtd("serve", "--status")
        return json.loads(done.text) if done.text.strip() else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.rtd("serve", "--stop", seconds=15)


def outcome(done, status, text=None, errors=None):
    """The exit status, and exactly that stdout and that stderr, where they are given."""
    harness.equal((done.returncode, done.text if text is not None else None,
                   done.errors if errors is not None else None),
                  (status, text, errors), f"status, stdout, stderr ({done.errors[:300]!r})")
