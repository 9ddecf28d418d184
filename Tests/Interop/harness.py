"""Starts servers, runs the `test_*` functions of a folder's files, counts the results.

`harness.py --rtd BINARY FOLDER|FILE...` runs each file in a process of its own, two at a time,
and prints a line a test. A test function may name these parameters:

server   the running server of its file (started anew when a test has stopped it)
topic    a name that no other test uses
path     an empty directory, removed afterwards
"""

import argparse
import atexit
import contextlib
import faulthandler
import importlib.util
import inspect
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

START_SECONDS_MAX = 20

rtd = os.environ.get("RTD_BINARY", "rtd")
has_clients = os.environ.get("RTD_CLIENTS", "1") == "1"
seed = int(os.environ.get("RTD_TEST_SEED", "1"))
is_long = os.environ.get("RTD_TEST_LONG", "0") == "1"
TEST_SECONDS_MAX = 600 if is_long else 120
FILE_SECONDS_MAX = 1800 if is_long else 600


class Skip(Exception):
    """Raised by a test that cannot run here; the message says why."""


def environment(**changes):
    """The environment of a command, without the user's own settings of rtd."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RTD_")}
    kept["PATH"] = os.path.dirname(os.path.abspath(rtd)) + os.pathsep + kept.get("PATH", "")
    kept.update({k: str(v) for k, v in changes.items() if v is not None})
    return kept


class Server:
    """One `rtd serve` on a free loopback port, with its data directory."""

    def __init__(self, *options, data=None, wrapper=(), descriptors=None, **variables):
        self.options = [str(o) for o in options]
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="server-"))
        self.data = pathlib.Path(data) if data else self.home / "data"
        self.wrapper, self.variables = list(wrapper), variables
        self.descriptors, self.kafka = descriptors, "127.0.0.1:0"
        self.process, self.address = None, None

    def start(self):
        ports = self.home / "ports"
        ports.unlink(missing_ok=True)
        command = self.wrapper + [rtd, "serve", "--data", str(self.data), "--kafka", self.kafka,
                                  "--port-file", str(ports), *self.options]
        log = open(self.home / "stderr", "ab")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=environment(**self.variables), start_new_session=True,
            preexec_fn=self.limit_descriptors if self.descriptors else None)
        log.close()
        deadline = time.monotonic() + START_SECONDS_MAX
        while not ports.exists():
            if self.process.poll() is not None:
                raise AssertionError(f"serve ended with {self.process.returncode}: {self.log()}")
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"serve is not ready: {self.log()}")
            time.sleep(0.002)
        self.address = dict(line.split() for line in ports.read_text().splitlines())["kafka"]
        return self

    def limit_descriptors(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptors, self.descriptors))

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def pid(self):
        """The server's own pid, also below a wrapper such as strace."""
        if not self.wrapper:
            return self.process.pid
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text().split()[0])

    def stop(self, seconds=15):
        """Ends it as a person would; returns the exit status."""
        if self.is_running:
            os.kill(self.pid(), signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"serve did not end within {seconds} s of SIGTERM")
        return self.process.returncode

    def kill(self):
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def restart(self):
        self.stop()
        return self.start()

    def discard(self):
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def log(self):
        path = self.home / "stderr"
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""

    def memory(self, field="VmRSS"):
        """Bytes, from the kernel's account of the process."""
        with open(f"/proc/{self.pid()}/status") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
        raise AssertionError(f"no {field}")

    def connect(self, seconds=10):
        return socket.create_connection(("127.0.0.1", self.port), seconds)

    def __enter__(self):
        return self if self.is_running else self.start()

    def __exit__(self, *_):
        self.discard()


def run(*command, input=None, seconds=60, check=None, cwd=None, **variables):
    """Runs a command; bytes in, text out. `check` is the exit status that it must have."""
    arguments = [str(c) for c in command]
    if arguments[0] == "rtd":
        arguments[0] = rtd
    if isinstance(input, str):
        input = input.encode()
    done = subprocess.run(arguments, input=b"" if input is None else input, capture_output=True,
                          timeout=seconds, env=environment(**variables), cwd=cwd)
    done.text = done.stdout.decode(errors="replace")
    done.errors = done.stderr.decode(errors="replace")
    if check is not None and done.returncode != check:
        raise AssertionError(f"{' '.join(arguments)[:300]}: status {done.returncode}, not {check}\n"
                             f"stdout: {done.text[:500]}\nstderr: {done.errors[:1500]}")
    return done


def shell(script, seconds=60, check=None, **variables):
    return run("bash", "-c", script, seconds=seconds, check=check, **variables)


def eventually(condition, seconds=20, what="it"):
    """Waits for something that another process does; the only place that sleeps."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        time.sleep(0.02)


def equal(found, expected, what="value"):
    if found != expected:
        raise AssertionError(f"{what}: found {found!r:.1500}, expected {expected!r:.1500}")


def contains(text, part):
    if part not in text:
        raise AssertionError(f"{part!r} is not in {text!r:.2000}")


class Runner:
    """Runs one file's tests in this process and prints a line a test."""

    def __init__(self, path):
        self.path, self.server, self.counts = pathlib.Path(path), None, [0, 0, 0]

    def load(self):
        sys.path.insert(0, str(self.path.parent))
        sys.path.insert(0, str(pathlib.Path(__file__).parent))
        # The tests share this module, not a second copy of it under its file's name.
        sys.modules["harness"] = sys.modules[__name__]
        spec = importlib.util.spec_from_file_location(self.path.stem, self.path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def tests(self, module, only):
        for name, function in list(vars(module).items()):
            if name.startswith("test_") and inspect.isfunction(function):
                if not only or only in name:
                    yield name, function

    def shared_server(self, module):
        if self.server is None or not self.server.is_running:
            if self.server is not None:
                self.server.discard()
            self.server = Server(*getattr(module, "SERVER_OPTIONS", ())).start()
        return self.server

    def arguments(self, module, name, function, directory):
        made = {"server": lambda: self.shared_server(module),
                "topic": lambda: name.replace("test_", "").replace("_", "-"),
                "path": lambda: directory}
        return {p: made[p]() for p in inspect.signature(function).parameters}

    def run(self, only=None):
        faulthandler.dump_traceback_later(FILE_SECONDS_MAX - 5, exit=True)
        module = self.load()
        if getattr(module, "NEEDS_CLIENTS", False) and not has_clients:
            return self.counts
        signal.signal(signal.SIGALRM, self.expire)
        for name, function in self.tests(module, only):
            self.run_test(module, name, function)
        if self.server is not None:
            self.server.discard()
        return self.counts

    @staticmethod
    def expire(*_):
        raise TimeoutError(f"the test took more than {TEST_SECONDS_MAX} s")

    def run_test(self, module, name, function):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="test-"))
        begin, outcome, detail = time.monotonic(), "ok  ", ""
        random.seed(f"{seed}-{name}")
        signal.alarm(TEST_SECONDS_MAX)
        try:
            function(**self.arguments(module, name, function, directory))
        except Skip as skip:
            outcome, detail = "skip", str(skip)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            outcome, detail = "FAIL", traceback.format_exc(limit=-6)
        signal.alarm(0)
        if outcome == "ok  " and self.server and self.server.process.poll() not in (None, 0):
            outcome, detail = "FAIL", "the server died"
        if outcome == "FAIL" and self.server:
            detail += f"\nserver: {self.server.log()[-1500:]}"
        shutil.rmtree(directory, ignore_errors=True)
        label = f"{self.path.stem}.{name.removeprefix('test_')}"
        print(f"{outcome} {label} ({time.monotonic() - begin:.1f} s)", flush=True)
        if detail:
            print("     " + detail.strip().replace("\n", "\n     "), flush=True)
        self.counts[("ok  ", "FAIL", "skip").index(outcome)] += 1


def run_in_process(path, options):
    """Runs one file in a process of its own, which cannot outlive its time; its output, counts."""
    with tempfile.TemporaryDirectory(prefix="file-") as directory:
        counts = pathlib.Path(directory, "counts")
        command = [sys.executable, __file__, "--rtd", options.rtd, "--one", str(counts), str(path)]
        command += ["--clients" if options.clients else "--no-clients"]
        command += ["--match", options.match] if options.match else []
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, start_new_session=True,
                                   env=dict(os.environ, TMPDIR=directory))
        try:
            output = process.communicate(timeout=FILE_SECONDS_MAX)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output = process.communicate()[0].decode(errors="replace")
            output += f"FAIL {path.stem}: ended after {FILE_SECONDS_MAX} s\n"
        end_servers(directory)
        if counts.exists():
            return output, json.loads(counts.read_text())
        return output + f"FAIL {path.stem} did not finish\n", [output.count("\nok "), 1, 0]


def end_servers(directory):
    """Ends the servers that the tests below `directory` have left running."""
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
            if any(a.startswith(directory.encode() + b"/") for a in arguments[1:]):
                if os.path.basename(arguments[0]) in (b"rtd", b"strace"):
                    os.kill(int(entry.name), signal.SIGKILL)


def run_all(options):
    files = []
    for name in map(pathlib.Path, options.paths):
        files += [name] if name.is_file() else [
            f for f in sorted(name.glob("*.py")) if "\ndef test_" in f.read_text()]
    totals, lock, waiting = [0, 0, 0], threading.Lock(), iter(files)

    def work():
        while True:
            with lock:
                path = next(waiting, None)
            if path is None:
                return
            output, counts = run_in_process(path, options)
            with lock:
                print(output, end="", flush=True)
                totals[:] = [a + b for a, b in zip(totals, counts)]

    threads = [threading.Thread(target=work) for _ in range(options.jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return totals


def main():
    global rtd, has_clients
    # What runs in a shell's background has it ignored, and would hand that on to what it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser()
    parser.add_argument("--rtd", required=True)
    parser.add_argument("--clients", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--match", help="only tests whose name has this in it")
    parser.add_argument("--results", help="a file that gets a line: passed failed skipped")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("paths", nargs="+")
    options = parser.parse_args()
    options.rtd = rtd = os.path.abspath(options.rtd)
    has_clients = options.clients
    os.environ["RTD_CLIENTS"] = "1" if has_clients else "0"
    if options.one:
        counts = Runner(options.paths[0]).run(options.match)
        pathlib.Path(options.one).write_text(json.dumps(counts))
        return 0
    totals = run_all(options)
    if options.results:
        with open(options.results, "a") as results:
            results.write(" ".join(map(str, totals)) + "\n")
    else:
        print("{} passed, {} failed, {} skipped".format(*totals))
    return 1 if totals[1] else 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Clients' threads may be blocked on a server that is gone.
    # Servers that tests have started end here; threads that hang do not hold this up.
    atexit._run_exitfuncs()
    os._exit(status)
