"""Limits of `rtd serve`: connections, memory at rest, the time to be ready."""

import contextlib
import pathlib
import resource
import signal
import socket
import struct
import time

import wire
from harness import Server, equal, eventually

KIBIBYTE = 1024


def test_a_thousand_connections_cost_little(server):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(1000, hard - 100)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 200), hard))
    with contextlib.ExitStack() as stack:
        before = server.memory()
        for _ in range(count):
            connection = stack.enter_context(server.connect())
            assert 18 in wire.api_versions(connection)
        each = (server.memory() - before) / count
        assert each < 24 * KIBIBYTE, f"{each / KIBIBYTE:.1f} KiB a connection"
    eventually(lambda: server.memory() < before + 16 * 1024 * KIBIBYTE, what="the release")


def test_a_client_that_ends_its_side_is_answered_and_let_go(server):
    """Its end comes with its bytes, and a poller tells of both only once."""
    request = wire.frame(wire.header(18, 0))
    # Without acknowledgements no answer is sent, which would find out that the client has gone.
    silent = wire.frame(wire.header(0, 3) + wire.string(None) + struct.pack(">hi", 0, 1000)
                        + wire.array([]))
    with server.connect() as last:
        before = descriptors(server, last)
        for data, answers in ((request, 1), (request * 300, 300), (silent, 0), (b"", 0)):
            for closes in (False, True) * 5:
                connection = server.connect(10)
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                if not closes:
                    equal(frames(connection), answers, "answers before the end")
                connection.close()
        eventually(lambda: descriptors(server, last) <= before, what="the end of connections")


def descriptors(server, connection):
    """Files that the server has open, once it has answered."""
    wire.api_versions(connection)
    return len(list(pathlib.Path(f"/proc/{server.pid()}/fd").iterdir()))


def frames(connection):
    """How many answers come before the end of the connection."""
    data, count = b"", 0
    while more := connection.recv(65536):
        data += more
    while data:
        data = data[4 + int.from_bytes(data[:4], "big"):]
        count += 1
    return count


def test_connections_beyond_the_limit_are_refused_and_others_go_on():
    with Server("-X", "max.connections=20") as server, contextlib.ExitStack() as stack:
        held = [stack.enter_context(server.connect()) for _ in range(20)]
        for connection in held:
            wire.api_versions(connection)
        with server.connect() as late:
            assert wire.is_closed(late, 5), "the connection beyond the limit was kept"
        for connection in held:
            wire.api_versions(connection)
        held[0].close()

        def taken():
            with server.connect() as connection, contextlib.suppress(OSError):
                return bool(wire.api_versions(connection))
        eventually(taken, what="a connection after one has left")


def test_few_descriptors_do_not_stop_the_server():
    """EMFILE on accept is waited out, not spun on."""
    server = Server(descriptors=64)
    with server, contextlib.ExitStack() as stack:
        for _ in range(100):
            with contextlib.suppress(OSError):
                stack.enter_context(server.connect(1))
        begin = cpu_seconds(server)
        time.sleep(0.5)
        assert cpu_seconds(server) - begin < 0.3, "it spins"
        stack.close()

        def answers():
            with server.connect(1) as connection, contextlib.suppress(OSError):
                return bool(wire.api_versions(connection))
        eventually(answers, what="an answer when descriptors are free again")


def cpu_seconds(server):
    with open(f"/proc/{server.pid()}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_idle_memory_is_small():
    with Server() as server:
        with server.connect() as connection:
            wire.api_versions(connection)
        assert server.memory() < 24 * 1024 * KIBIBYTE, server.memory()


def test_sigterm_drains_and_ends_with_0():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Server() as server:
            server.process.send_signal(number)
            equal(server.process.wait(15), 0, f"status after {number.name}")


def test_an_idle_server_burns_nothing():
    with Server() as server:
        with server.connect() as connection:
            wire.api_versions(connection)
            begin = cpu_seconds(server)
            time.sleep(1)
            assert cpu_seconds(server) - begin < 0.1, "an idle server uses the processor"
