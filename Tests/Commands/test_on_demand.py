"""The server that commands start by themselves: its life, its races, its end."""

import contextlib
import json
import os
import pathlib
import signal
import tempfile

from harness import contains, equal, eventually
from home import Home, outcome


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_it_leaves_when_it_is_idle():
    with Home(idle="300ms") as home:
        home.rtd("produce", "t", input="a\n")
        status = home.status()
        if status is not None:
            eventually(lambda: not is_alive(status["pid"]), what="the end of the idle server")
        equal(home.status(), None)
        outcome(home.rtd("consume", "t", "-e"), 0, "a\n", "")


def test_it_opens_no_port_and_holds_no_descriptor():
    with Home() as home:
        done = home.shell("exec 9<>$HOME/held; echo a | rtd produce t")
        equal(done.returncode, 0, done.errors)
        pid = home.status()["pid"]
        opened = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        assert not any("held" in name or "pipe:" in name for name in opened), opened
        equal(os.readlink(f"/proc/{pid}/cwd"), "/")
        equal(os.getsid(pid), pid, "session")
        inodes = {name[8:-1] for name in opened if name.startswith("socket:[")}
        for table in ("tcp", "tcp6"):
            with open(f"/proc/{pid}/net/{table}") as lines:
                rows = [line.split() for line in lines][1:]
            assert not any(row[9] in inodes for row in rows), f"a {table} socket"


def test_a_race_of_starters_makes_one_server():
    with Home() as home:
        processes = [home.start("produce", f"t{i}", "-m", str(i)) for i in range(8)]
        for process in processes:
            equal(process.communicate(timeout=60)[1], b"")
            equal(process.returncode, 0)
        lines = home.rtd("serve", "--status").text.splitlines()
        equal(len(lines), 1)
        for i in range(8):
            outcome(home.rtd("consume", f"t{i}", "-e"), 0, f"{i}\n", "")


def test_a_server_is_found_where_it_says_that_its_sockets_are():
    with Home() as home, tempfile.TemporaryDirectory() as other:
        os.chmod(other, 0o700)
        home.rtd("produce", "t", input="a\n")
        pid = home.status()["pid"]
        outcome(home.rtd("consume", "t", "-e", XDG_RUNTIME_DIR=other), 0, "a\n", "")
        outcome(home.rtd("produce", "t", input="b\n", XDG_RUNTIME_DIR=""), 0, "", "")
        outcome(home.rtd("consume", "t", "-e"), 0, "a\nb\n", "")
        equal(home.status()["pid"], pid)


def test_a_server_whose_sockets_cannot_be_reached_is_named():
    with Home() as home, tempfile.TemporaryDirectory() as other:
        os.chmod(other, 0o700)
        home.rtd("produce", "t", input="a\n")
        found = home.status()
        place = pathlib.Path(found["run"])
        place.rename(other + "/moved")
        done = home.rtd("consume", "t", "-e", XDG_RUNTIME_DIR=other)
        equal((done.returncode, done.text), (1, ""))
        contains(done.errors, f"pid {found['pid']} with its sockets in {place}, which does not")
        place.symlink_to(other + "/moved")
        os.chmod(other + "/moved", 0o722)
        done = home.rtd("consume", "t", "-e", XDG_RUNTIME_DIR=other)
        equal(done.returncode, 1)
        contains(done.errors, f"sockets in {place}, which is not this user's alone")
        os.chmod(other + "/moved", 0o700)
        outcome(home.rtd("consume", "t", "-e", XDG_RUNTIME_DIR=other), 0, "a\n", "")


def test_autostart_can_be_forbidden():
    with Home() as home:
        done = home.rtd("produce", "t", "-m", "x", RTD_AUTOSTART="0")
        equal((done.returncode, done.text), (1, ""))
        contains(done.errors, "rtd serve")
        equal(home.status(), None)


def test_stop_without_a_server_is_fine():
    with Home() as home:
        outcome(home.rtd("serve", "--stop"), 0, "")


def test_stop_returns_when_it_is_gone():
    with Home() as home:
        home.rtd("produce", "t", "-m", "x")
        pid = home.status()["pid"]
        outcome(home.rtd("serve", "--stop"), 0)
        equal(is_alive(pid), False)


def test_status_is_a_line_of_json():
    with Home() as home:
        outcome(home.rtd("serve", "--detach", "--kafka", ":0"), 0)
        done = home.rtd("serve", "--status")
        found = json.loads(done.text)
        assert found["pid"] > 1 and str(home.data) in done.text, found
        contains(done.text, "127.0.0.1:")


def test_a_check_of_a_directory_in_use_has_status_2():
    with Home() as home:
        home.rtd("produce", "t", "-m", "x")
        equal(home.rtd("serve", "--check").returncode, 2)


def test_serve_takes_over_and_clients_go_on():
    with Home() as home:
        home.rtd("produce", "t", "-m", "a")
        reader = home.start("consume", "t", "-c", "2")
        equal(reader.stdout.readline(), b"a\n")
        outcome(home.rtd("serve", "--detach", "--kafka", ":0"), 0)
        home.rtd("produce", "t", "-m", "b")
        equal(reader.communicate(timeout=30)[0], b"b\n")
        equal(reader.returncode, 0)
        contains(home.rtd("serve", "--status").text, "127.0.0.1:")


def test_a_killed_server_is_started_anew():
    with Home() as home:
        home.rtd("produce", "t", input="a\n")
        pid = home.status()["pid"]
        os.kill(pid, signal.SIGKILL)
        outcome(home.rtd("produce", "t", input="b\n"), 0, "", "")
        outcome(home.rtd("consume", "t", "-e"), 0, "a\nb\n", "")


def unaccepted(pid):
    """Connections to a process that it has not taken yet. Its sockets are found by the process:
    a directory whose path is too long for a socket's has them in another place."""
    own = set()
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            own.add(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    with open("/proc/net/unix") as sockets:
        entries = [line.split() for line in sockets]
    named = [entry for entry in entries if len(entry) == 8]
    paths = {entry[7] for entry in named if f"socket:[{entry[6]}]" in own}
    return [entry for entry in named if entry[6] == "0" and entry[7] in paths]


def test_a_server_killed_at_the_first_contact_is_started_anew():
    commands = ["produce", "t"], ["consume", "t", "-e"], ["query", "SHOW TOPICS"]
    with Home() as home:
        for command in commands:
            home.rtd("produce", "t", input="a\n")
            pid = home.status()["pid"]
            # It does not answer, but the kernel takes connections for it until it has ended it.
            os.kill(pid, signal.SIGSTOP)
            client = home.start(*command)
            eventually(lambda: len(unaccepted(pid)) > 1, what="the connection")
            os.kill(pid, signal.SIGKILL)
            errors = client.communicate(timeout=60)[1]
            equal((client.returncode, errors), (0, b""), str(command))


def test_a_server_killed_under_a_producer_loses_nothing():
    with Home() as home:
        script = ("(seq 1000; until [ -e killed ]; do sleep 0.1; done; seq 1001 2000) | "
                  "rtd produce t & "
                  "until [ \"$(rtd consume t -e 2>/dev/null | wc -l)\" = 1000 ]; do :; done; "
                  "kill -9 $(rtd serve --status | jq .pid); touch killed; wait $!; echo $?")
        outcome(home.shell(script), 0, "0\n")
        equal(home.rtd("consume", "t", "-e").text.split(), [str(i) for i in range(1, 2001)])


def test_an_ephemeral_server_stands_in_and_leaves_nothing():
    with Home() as home:
        home.rtd("produce", "t", "-m", "kept")
        home.rtd("serve", "--stop")
        outcome(home.rtd("serve", "--ephemeral", "--detach", "--kafka", ":0"), 0)
        outcome(home.rtd("produce", "new", "-m", "gone"), 0, "", "")
        outcome(home.rtd("consume", "new", "-e"), 0, "gone\n", "")
        home.rtd("serve", "--stop")
        equal(home.rtd("consume", "new", "-e").returncode, 1)
        outcome(home.rtd("consume", "t", "-e"), 0, "kept\n", "")


def test_the_data_of_a_directory_can_be_named():
    with Home() as home:
        outcome(home.rtd("produce", "t", "-m", "x", "--data", "here"), 0, "", "")
        outcome(home.rtd("consume", "t", "-e", RTD_DATA="here"), 0, "x\n", "")
        outcome(home.rtd("serve", "--stop", "--data", "here"), 0)
        equal(home.data.exists(), False, "the default directory was made")
