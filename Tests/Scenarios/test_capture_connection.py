"""`rtd cdc` when its connection dies: in silence, or again and again."""

import pathlib
import select
import socket
import sys
import threading

from harness import equal
from test_cdc import ORDERS, database, lines, server_of, until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Commands"))
from home import Home  # noqa: E402


class Proxy:
    """Stands before the server's socket; `freeze` lets no byte more through what is connected now,
    and closes nothing, like a router that has forgotten its connections."""

    def __init__(self, path):
        self.path, self.frozen, self.kept = path, set(), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self.path)
            self.kept.append((near, far))
            threading.Thread(target=self.forward, args=(near, far), daemon=True).start()

    def forward(self, near, far):
        while near not in self.frozen:
            ready, _, _ = select.select([near, far], [], [], 0.05)
            for one in ready:
                data = one.recv(65536)
                if near in self.frozen:
                    return
                if not data:
                    near.close()
                    far.close()
                    return
                (far if one is near else near).sendall(data)

    def freeze(self, *numbers):
        """All connections there are, or those of the numbers."""
        kept = [self.kept[number] for number in numbers] if numbers else self.kept
        self.frozen.update(near for near, _ in kept)

    def close(self):
        self.listener.close()
        for pair in self.kept:
            for one in pair:
                one.close()


def active(slot):
    return server_of().sql(f"SELECT active_pid FROM pg_replication_slots WHERE slot_name = '{slot}' "
                           "AND active").strip()


def ids(out):
    return [change["columns"]["id"] for change in lines(out.read_text())] if out.exists() else []


def test_a_connection_that_falls_silent_is_made_anew():
    name = database(ORDERS)
    proxy = Proxy(str(server_of().directory / ".s.PGSQL.5432"))
    with Home() as home:
        out = home.path / "out"
        process = home.start("cdc", f"host=127.0.0.1 port={proxy.port} user=postgres dbname={name}", "--to",
                             str(out), "--slot", name, "--snapshot", "never", "--format", "flat")
        until(lambda: active(name), "the stream")
        server_of().sql("INSERT INTO orders VALUES (4)", name)
        until(lambda: ids(out) == [4], "the first change")
        first = active(name)
        proxy.freeze()
        server_of().sql("INSERT INTO orders VALUES (5)", name)
        # The server gives it up after wal_sender_timeout, 10 s here.
        until(lambda: ids(out) == [4, 5], "the second change", 60)
        assert active(name) != first
        process.terminate()
        process.wait(20)
        errors = process.stderr.read().decode()
        assert "silent for 10 s; connecting again" in errors, errors
    proxy.close()
    server_of().sql(f"SELECT pg_drop_replication_slot('{name}')")


def test_a_row_of_lost_connections_on_a_quiet_database_is_survived():
    name = database(ORDERS)
    with Home() as home:
        out = home.path / "out"
        process = home.start("cdc", server_of().source(name), "--to", str(out), "--slot", name,
                             "--snapshot", "never", "--format", "flat")
        for _ in range(7):
            until(lambda: active(name), "the stream")
            before = active(name)
            server_of().sql(f"SELECT pg_terminate_backend({before})")
            until(lambda: active(name) not in ("", before), "the next one")
            equal(process.poll(), None)
        server_of().sql("INSERT INTO orders VALUES (4)", name)
        until(lambda: ids(out) == [4], "the change")
        process.terminate()
        process.wait(20)
        errors = process.stderr.read().decode()
        assert errors.count("connecting again") >= 7, errors
    server_of().sql(f"SELECT pg_drop_replication_slot('{name}')")


def test_a_connection_for_statements_that_falls_silent_is_made_anew():
    name = database(ORDERS)
    proxy = Proxy(str(server_of().directory / ".s.PGSQL.5432"))
    with Home() as home:
        out = home.path / "out"
        process = home.start("cdc", f"host=127.0.0.1 port={proxy.port} user=postgres dbname={name} "
                             "keepalives_idle=5 tcp_user_timeout=20000", "--to", str(out), "--slot", name,
                             "--snapshot", "never", "--format", "flat")
        until(lambda: active(name), "the stream")
        stream = active(name)
        proxy.freeze(0)
        # What only the catalog knows is asked for.
        server_of().sql("ALTER TABLE orders ADD COLUMN more int; INSERT INTO orders VALUES (4)", name)
        until(lambda: ids(out) == [4], "the change", 90)
        equal(active(name), stream)
        process.terminate()
        process.wait(20)
    proxy.close()
    server_of().sql(f"SELECT pg_drop_replication_slot('{name}')")


def test_a_stream_that_is_cancelled_goes_on():
    name = database(ORDERS)
    with Home() as home:
        out = home.path / "out"
        options = ["--to", str(out), "--slot", name, "--snapshot", "never", "--format", "flat"]
        process = home.start("cdc", server_of().source(name), *options)
        until(lambda: active(name), "the stream")
        first = active(name)
        server_of().sql(f"SELECT pg_cancel_backend({first})")
        until(lambda: active(name) not in ("", first), "the next one")
        process.terminate()
        process.wait(20)
    server_of().sql(f"SELECT pg_drop_replication_slot('{name}')")


def test_a_server_that_is_full_is_waited_for():
    name = database(ORDERS)
    # What a server says that has no connection left is the same error.
    server_of().sql("DO $$BEGIN CREATE ROLE plain LOGIN SUPERUSER; EXCEPTION WHEN duplicate_object THEN END$$; "
                    "ALTER ROLE plain NOSUPERUSER REPLICATION CONNECTION LIMIT 0; "
                    f"ALTER TABLE orders OWNER TO plain; GRANT CREATE ON DATABASE {name} TO plain;", name)
    source = server_of().source(name).replace("user=postgres", "user=plain")
    with Home() as home:
        done = home.rtd("cdc", source, "--until", "now")
        equal((done.returncode, "too many connections" in done.errors), (1, True), done.errors)
        process = home.start("cdc", source, "--until", "now", "--retry", "60s", "--format", "flat")
        line = process.stderr.readline().decode()
        assert "trying again" in line, line
        server_of().sql("ALTER ROLE plain CONNECTION LIMIT -1")
        text = process.stdout.read()
        equal((process.wait(60), [change["columns"]["id"] for change in lines(text.decode())]), (0, [1, 2, 3]))
