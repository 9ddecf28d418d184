"""`rtd cdc` over TLS: libpq's sslmode, certificates, logins that are bound to the session."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

import harness
from harness import equal
from postgres import Postgres

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Interop"))
from certificates import Authority  # noqa: E402


class Server(Postgres):
    """A server that listens on 127.0.0.1."""

    def __init__(self, **settings):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        super().__init__(listen_addresses="127.0.0.1", port=self.port, wal_level="logical",
                         max_wal_senders=10, log_connections="on", **settings)
        self.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
        self.sql("CREATE ROLE bound LOGIN SUPERUSER PASSWORD 'secret'")
        for user in ("onlytls", "onlyplain", "card"):
            self.sql(f"CREATE ROLE {user} LOGIN SUPERUSER")

    def sql(self, text, database="postgres"):
        done = subprocess.run(
            [str(self.programs / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", str(self.directory),
             "-p", str(self.port), "-U", "postgres", "-d", database], input=text,
            capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rules(self, *lines):
        (self.directory / "data" / "pg_hba.conf").write_text(
            "\n".join(["local all all trust", *lines, "host all all 127.0.0.1/32 trust", ""]))
        self.sql("SELECT pg_reload_conf()")


servers = {}


def encrypted():
    """A server with TLS for 127.0.0.1, its authority, and another one."""
    if "encrypted" not in servers:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="tls-", dir="/tmp"))
        folder.chmod(0o755)
        authority = Authority(folder / "one")
        certificate, key = authority.issue("server", "IP:127.0.0.1")
        if os.geteuid() == 0:
            shutil.chown(key, "postgres")
        server = Server(ssl="on", ssl_cert_file=certificate, ssl_key_file=key,
                        ssl_ca_file=authority.ca)
        server.rules("hostssl all bound 127.0.0.1/32 scram-sha-256",
                     "hostnossl all onlytls 127.0.0.1/32 reject",
                     "hostssl all onlyplain 127.0.0.1/32 reject",
                     "hostssl all card 127.0.0.1/32 cert")
        servers["encrypted"] = (server, authority, Authority(folder / "two"))
    return servers["encrypted"]


def plain():
    if "plain" not in servers:
        servers["plain"] = Server()
    return servers["plain"]


def capture(server, *parameters, user="postgres", host="127.0.0.1", home="/nonexistent", **variables):
    """Reads the rows that there are; the status, and the errors."""
    query = "&".join(parameters)
    done = subprocess.run(
        [harness.rtd, "cdc", f"postgres://{user}@{host}:{server.port}/postgres?{query}",
         "--until", "now", "--format", "flat"], capture_output=True, text=True, timeout=60,
        env={**harness.environment(), "HOME": str(home), **variables})
    if done.returncode == 0:
        equal([json.loads(line)["keys"] for line in done.stdout.splitlines()], [{"id": 1}])
    return done.returncode, done.stderr


def refused(message, *arguments, **options):
    status, errors = capture(*arguments, **options)
    equal((status, len(errors.splitlines())), (1, 1), errors)
    # A server that refuses a certificate closes with bytes unread, which can overtake its reason.
    assert message in errors or "sslcert" in str(arguments) and "reset" in errors, errors


def sees(server, *parameters, **options):
    """Whether the session was encrypted, by the server's own log."""
    log = server.directory / "log"
    start = log.stat().st_size
    equal(capture(server, *parameters, **options), (0, ""))
    lines = [line for line in log.read_bytes()[start:].decode().splitlines()
             if "connection authorized" in line and "application_name=rtd" in line]
    assert lines, "no connection was logged"
    kinds = {"SSL enabled" in line for line in lines}
    equal(len(kinds), 1, "\n".join(lines))
    return kinds.pop()


def test_sslmode_decides_who_speaks_tls():
    server, authority, _ = encrypted()
    for mode, secured in (("disable", False), ("allow", False), ("prefer", True), ("require", True)):
        equal(sees(server, f"sslmode={mode}"), secured, mode)
    equal(sees(server), True, "the default")
    equal(sees(server, PGSSLMODE="disable"), False, "PGSSLMODE")
    equal(sees(server, "sslmode=allow", user="onlytls"), True, "allow, and the server wants it")
    equal(sees(server, "sslmode=prefer", user="onlyplain"), False, "prefer, and the server does not")
    without = plain()
    for mode in ("disable", "allow", "prefer"):
        equal(sees(without, f"sslmode={mode}"), False, mode)
    refused("does not speak TLS, and sslmode=require wants it", without, "sslmode=require")
    refused("pg_hba.conf", server, "sslmode=disable", user="onlytls")


def test_certificates_are_verified_when_asked():
    server, authority, other = encrypted()
    for mode in ("require", "verify-ca", "verify-full"):
        equal(sees(server, f"sslmode={mode}", f"sslrootcert={authority.ca}"), True, mode)
        refused("an authority that is not trusted here (sslrootcert", server, f"sslmode={mode}",
                f"sslrootcert={other.ca}")
    equal(capture(server, "sslmode=verify-full", PGSSLROOTCERT=str(authority.ca)), (0, ""))
    # The certificate is for the address, not for the name.
    refused("is not for localhost", server, "sslmode=verify-full", f"sslrootcert={authority.ca}",
            host="localhost")
    equal(capture(server, "sslmode=verify-ca", f"sslrootcert={authority.ca}", host="localhost"),
          (0, ""))
    refused("/nonexistent/.postgresql/root.crt does not exist", server, "sslmode=verify-ca")
    refused("cannot read /none", server, "sslmode=verify-ca", "sslrootcert=/none")
    refused("an authority that is not trusted here", server, "sslrootcert=system")
    with tempfile.TemporaryDirectory() as home:
        folder = pathlib.Path(home) / ".postgresql"
        folder.mkdir()
        shutil.copy(other.ca, folder / "root.crt")
        refused("not trusted here", server, "sslmode=require", home=home)
        equal(sees(server, "sslmode=prefer", home=home), True)
        shutil.copy(authority.ca, folder / "root.crt")
        equal(capture(server, "sslmode=verify-full", home=home), (0, ""))


def test_a_certificate_of_ones_own_logs_in():
    server, authority, other = encrypted()
    certificate, key = authority.issue("card")
    equal(capture(server, "sslmode=require", f"sslcert={certificate}", f"sslkey={key}", user="card"),
          (0, ""))
    refused("certificate", server, "sslmode=require", user="card")
    wrong, wrong_key = other.issue("card")
    refused("certificate", server, "sslmode=require", f"sslcert={wrong}", f"sslkey={wrong_key}",
            user="card")
    refused("is not that of the certificate", server, "sslmode=require", f"sslcert={certificate}",
            f"sslkey={wrong_key}", user="card")


def test_passwords_are_bound_to_the_session():
    server, authority, _ = encrypted()
    for binding in ("disable", "prefer", "require"):
        equal(capture(server, "sslmode=require", f"channel_binding={binding}", user="bound:secret"),
              (0, ""))
    refused("password authentication failed", server, "sslmode=require", user="bound:wrong")
    refused("channel_binding=require", server, "sslmode=require", "channel_binding=require")
    refused("channel_binding=require", plain(), "channel_binding=require")


def test_a_large_capture_over_tls_is_whole():
    server, _, _ = encrypted()
    server.sql("CREATE DATABASE large")
    server.sql("CREATE TABLE l (id int PRIMARY KEY, x text); INSERT INTO l SELECT g, repeat(md5(g::text), "
               "20) FROM generate_series(1, 30000) g", "large")
    url = f"postgres://postgres@127.0.0.1:{server.port}/large?sslmode=require"
    options = [harness.rtd, "cdc", url, "--slot", "large", "--format", "csv", "--until", "now"]
    first = subprocess.run(options, capture_output=True, timeout=60, env=harness.environment())
    equal((first.returncode, first.stderr), (0, b""))
    server.sql("UPDATE l SET x = x || 'more'; DELETE FROM l WHERE id % 2 = 0", "large")
    second = subprocess.run([*options, "--snapshot", "never"], capture_output=True, timeout=60,
                            env=harness.environment())
    equal((second.returncode, second.stderr), (0, b""))
    equal((first.stdout.count(b"\n"), second.stdout.count(b"\n")), (30001, 45001))
    server.sql("SELECT pg_drop_replication_slot('large')", "large")
