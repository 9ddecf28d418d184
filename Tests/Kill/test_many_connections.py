"""Thousands of connections at once: all are served, each costs little, and the memory comes back."""

import contextlib
import os
import resource
import selectors
import socket
import struct
import time

import wire
from harness import Server, Skip, equal, eventually

MEBIBYTE = 1 << 20
LONG = os.environ.get("RTD_TEST_LONG") == "1"
CONNECTIONS = 10_000 if LONG else 2_000


def allow_descriptors(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count + 200:
        with contextlib.suppress(ValueError, OSError):
            hard = count + 200
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            return
        raise Skip(f"needs {count + 200} descriptors, {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 200), hard))


def open_many(server, count, stack):
    """Connections, made a few hundred at a time."""
    made = []
    for _ in range(count):
        connection = stack.enter_context(socket.socket())
        connection.settimeout(20)
        connection.connect(("127.0.0.1", server.port))
        made.append(connection)
    return made


def round_trip(connections, request):
    """Sends the request on all of them, then waits for an answer on each."""
    for connection in connections:
        connection.sendall(request)
    for connection in connections:
        wire.answer(connection)


def test_thousands_of_connections_are_served_and_leave_no_trace():
    allow_descriptors(CONNECTIONS)
    request = wire.frame(wire.header(wire.API_VERSIONS, 0))
    with Server() as server, server.connect() as busy:
        # What the first ones need once is not what each costs.
        with contextlib.ExitStack() as stack:
            round_trip(open_many(server, 500, stack), request)
        before = server.memory()
        with contextlib.ExitStack() as stack:
            held = open_many(server, CONNECTIONS, stack)
            for _ in range(2):
                round_trip(held, request)
                equal(wire.metadata_v0(busy, "t"), {"t": (0, 4)})
            each = (server.memory() - before) / CONNECTIONS
            print(f"{CONNECTIONS} connections, {each:.0f} bytes each", flush=True)
            assert each < 8 * 1024, f"{each:.0f} bytes a connection"
        eventually(lambda: server.memory() < before + max(8 * MEBIBYTE, before // 5),
                   what="the release")
        equal(wire.metadata_v0(busy, "t"), {"t": (0, 4)})


def test_frames_that_are_announced_and_do_not_come_cost_nothing():
    count = 1_000
    allow_descriptors(count)
    with Server() as server, contextlib.ExitStack() as stack:
        before = server.memory()
        held = open_many(server, count, stack)
        for index, connection in enumerate(held):
            size = (100 * MEBIBYTE, MEBIBYTE, 70_000, 100)[index % 4]
            head = wire.header(wire.PRODUCE, 7)
            connection.sendall(struct.pack(">i", size) + head + b"\0" * (index % 50))
        with server.connect() as other:
            wire.api_versions(other)
        grown = server.memory() - before
        assert grown < 64 * MEBIBYTE, f"grew by {grown >> 20} MiB"
        # They are not waited for.
        assert all(wire.is_closed(c, 30) for c in held[:50]), "a stalled frame is still waited for"
        with server.connect() as other:
            wire.api_versions(other)


def test_readers_that_do_not_read_hold_no_memory():
    """Each asks for more than the server will hold for it, and takes nothing."""
    count = 1_000 if LONG else 200
    allow_descriptors(count)
    value = b"x" * 900_000
    with Server() as server, contextlib.ExitStack() as stack:
        with server.connect() as other:
            wire.metadata_v0(other, "t")
            for _ in range(8):
                equal(wire.produce(other, "t", wire.batch([wire.record(0, value)]))[0], 0)
            before = server.memory()
            held = open_many(server, count, stack)
            fetch = wire.frame(wire.header(wire.FETCH, 4) + struct.pack(
                ">iiiib", -1, 100, 1, 50 * MEBIBYTE, 0) + wire.array([
                    wire.string("t") + wire.array([struct.pack(">iqi", 0, 0, 50 * MEBIBYTE)])]))
            describe = wire.frame(wire.header(wire.METADATA, 0) + wire.array([]))
            stopped = send_until_full(held, fetch + describe * 20)
            grown = server.memory() - before
            print(f"{stopped} of {count} were stopped, {grown / MEBIBYTE:.0f} MiB", flush=True)
            assert grown < 200 * MEBIBYTE, f"grew by {grown >> 20} MiB"
            other.settimeout(60)
            equal(wire.produce(other, "t", wire.batch([wire.record(0, b"on")]))[0], 0)


def send_until_full(connections, request):
    """Sends on all until each takes no more, or has taken 4 MiB; how many were stopped."""
    chooser, left = selectors.DefaultSelector(), {}
    for connection in connections:
        connection.setblocking(False)
        chooser.register(connection, selectors.EVENT_WRITE)
        left[connection] = 4 * MEBIBYTE
    deadline, last = time.monotonic() + 20, time.monotonic()
    while left and time.monotonic() < deadline and time.monotonic() - last < 1:
        for key, _ in chooser.select(0.1):
            with contextlib.suppress(BlockingIOError):
                sent = key.fileobj.send(request * 20)
                last = time.monotonic()
                left[key.fileobj] -= sent
                if left[key.fileobj] <= 0:
                    del left[key.fileobj]
                    chooser.unregister(key.fileobj)
    return len(left)
