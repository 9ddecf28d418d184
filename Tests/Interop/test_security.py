"""TLS and log-ins, both ways: real clients at rtd's server, rtd's client at it, and whoever must
not come in."""

import asyncio
import os
import pathlib
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import time

import aiokafka
import kafka
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import (AdminClient, ScramCredentialInfo, ScramMechanism,
                                   UserScramCredentialDeletion, UserScramCredentialUpsertion)

import harness
from certificates import Authority
from harness import Server, contains, equal, eventually, run

NEEDS_CLIENTS = True
PASSWORD = "wonder,=land ä"
MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN")


class Secured:
    """A server that wants TLS and a log-in, with the user alice; made once for this file."""

    made = None

    def __init__(self, *options, name="server", users=("alice",), login=True, days=2):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="certificates-"))
        self.authority = Authority(self.folder)
        certificate, key = self.authority.issue(name, days=days)
        security = ["--tls-certificate", certificate, "--tls-key", key]
        self.server = Server(*security, *(["--auth"] if login else []), *options)
        self.server.start()
        for user in users if login else ():
            self.add(user, PASSWORD)

    @classmethod
    def shared(cls):
        if cls.made is None or not cls.made.server.is_running:
            cls.made = cls("-X", "super.users=User:admin", users=("alice", "admin"))
        return cls.made

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.discard()

    def add(self, user, password):
        run("rtd", "serve", "--data", self.server.data, "--add-user", user, "--password-file", "-",
            input=password + "\n", check=0)

    def settings(self, mechanism="SCRAM-SHA-256", user="alice", password=PASSWORD, **more):
        return {"bootstrap.servers": self.server.address, "security.protocol": "SASL_SSL",
                "sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password,
                "ssl.ca.location": str(self.authority.ca), **more}

    def file(self, path, **changes):
        """A properties file for rtd."""
        values = self.settings()
        values.update({k.replace("_", "."): v for k, v in changes.items()})
        file = pathlib.Path(path) / "client.properties"
        file.write_text("".join(f"{k}={v}\n" for k, v in values.items() if v is not None))
        file.chmod(0o600)
        return file

    def log_says(self, words):
        eventually(lambda: words in self.server.log(), what=f"{words!r} in the log")


def librdkafka(settings):
    return Producer({"log_level": 0, "broker.address.family": "v4", "message.timeout.ms": 8000,
                     "topic.metadata.propagation.max.ms": 2000, **settings})


def sent(producer, topic, value):
    errors = []
    producer.produce(topic, value, on_delivery=lambda e, _: errors.append(e))
    equal(producer.flush(20), 0)
    return errors[0]


def librdkafka_error(settings, words, topic="never"):
    """Waits until the producer's error callback says `words`."""
    errors = []
    producer = librdkafka({**settings, "error_cb": lambda e: errors.append(str(e))})
    producer.produce(topic, b"x")

    def said():
        producer.poll(0.05)
        return any(words in e for e in errors)
    try:
        eventually(said, what=f"{words!r} among {errors}")
    finally:
        producer.purge()
        producer.flush(2)


def rtd_values(secured, topic, path):
    done = run("rtd", "consume", topic, "-e", "-F", secured.file(path), check=0)
    return sorted(done.text.split())


def test_librdkafka_logs_in_by_each_mechanism(topic, path):
    secured = Secured.shared()
    for mechanism in MECHANISMS:
        equal(sent(librdkafka(secured.settings(mechanism)), topic, mechanism.encode()), None)
    equal(rtd_values(secured, topic, path), sorted(MECHANISMS))
    consumer = Consumer({**secured.settings("PLAIN"), "group.id": topic, "log_level": 0,
                         "auto.offset.reset": "earliest", "broker.address.family": "v4"})
    consumer.subscribe([topic])
    found = []
    while len(found) < 3:
        message = consumer.poll(20)
        assert message is not None and message.error() is None, message and message.error()
        found.append(message.value().decode())
    consumer.close()
    equal(sorted(found), sorted(MECHANISMS))


def test_kcat_logs_in_by_each_mechanism(topic, path):
    """Debian's librdkafka 2.0 repeats its nonce (librdkafka#4895); Kafka accepts that."""
    secured = Secured.shared()
    for mechanism in MECHANISMS:
        configuration = secured.file(path, sasl_mechanism=mechanism)
        run("kcat", "-q", "-F", configuration, "-X", "broker.address.family=v4", "-P", "-t", topic,
            "-p", "0", input=mechanism + "\n", check=0)
    found = run("kcat", "-q", "-F", configuration, "-X", "broker.address.family=v4", "-C", "-t",
                topic, "-e", check=0)
    equal(found.text.split(), list(MECHANISMS))


def test_kafka_python_logs_in_by_each_mechanism(topic, path):
    secured = Secured.shared()
    for mechanism in MECHANISMS:
        producer = kafka.KafkaProducer(
            bootstrap_servers=secured.server.address, security_protocol="SASL_SSL",
            sasl_mechanism=mechanism, sasl_plain_username="alice",
            sasl_plain_password=PASSWORD, ssl_cafile=str(secured.authority.ca))
        producer.send(topic, mechanism.encode()).get(20)
        producer.close()
    equal(rtd_values(secured, topic, path), sorted(MECHANISMS))


def test_aiokafka_logs_in_by_each_mechanism(topic, path):
    secured = Secured.shared()

    async def send(mechanism):
        producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=secured.server.address, security_protocol="SASL_SSL",
            sasl_mechanism=mechanism, sasl_plain_username="alice",
            sasl_plain_password=PASSWORD,
            ssl_context=ssl.create_default_context(cafile=str(secured.authority.ca)))
        await producer.start()
        await producer.send_and_wait(topic, mechanism.encode())
        await producer.stop()

    for mechanism in MECHANISMS:
        asyncio.run(send(mechanism))
    equal(rtd_values(secured, topic, path), sorted(MECHANISMS))


def test_rtd_logs_in_by_each_mechanism_and_spelling(topic, path):
    secured = Secured.shared()
    for mechanism in MECHANISMS:
        file = secured.file(path, sasl_mechanism=None, sasl_mechanisms=mechanism)
        run("rtd", "produce", topic, "-F", file, input=mechanism + "\n", check=0)
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    jaas = f'{module} required \\\n  username="alice" \\\n  password="{PASSWORD}";'
    file = secured.file(path, sasl_username=None, sasl_password=None, sasl_jaas_config=jaas,
                        ssl_ca_location=None, ssl_truststore_location=secured.authority.ca,
                        ssl_truststore_type="PEM")
    run("rtd", "produce", topic, RTD_CONFIG=file, input="jaas\n", check=0)
    file = secured.file(path, sasl_password=None)
    run("rtd", "produce", topic, "-F", file, RTD_SASL_PASSWORD=PASSWORD, input="env\n", check=0)
    equal(rtd_values(secured, topic, path), sorted((*MECHANISMS, "jaas", "env")))
    equal(run("rtd", "consume", topic, "-e", "-g", topic, "-F", secured.file(path),
              check=0).text.count("\n"), 5)
    contains(run("rtd", "query", "SHOW TOPICS", "-F", secured.file(path), check=0).text, topic)


def test_the_benchmark_logs_in_too(path):
    secured = Secured.shared()
    done = run("rtd", "bench", "e2e", "-c", "20000", "-F", secured.file(path), check=0)
    contains(done.text, "20000 records read")
    file = secured.file(path, sasl_password="wrong-secret")
    done = run("rtd", "bench", "produce", "-c", "1", "-F", file, check=1)
    contains(done.errors, "cannot log in to")


def test_large_records_pass_both_ways(topic, path):
    secured = Secured.shared()
    lines = "".join(f"{i} {'x' * (i * 37 % 5000)}\n" for i in range(4000))
    file = secured.file(path)
    run("rtd", "produce", topic, "-F", file, input=lines, check=0)
    equal(run("rtd", "consume", topic, "-e", "-F", file, check=0).text, lines)


def test_a_wrong_password_and_an_unknown_user_fail_alike(topic, path):
    secured = Secured.shared()
    words = "Authentication failed: invalid user name or password"
    for mechanism in MECHANISMS:
        for user, password in (("alice", "wrong-secret"), ("nobody", PASSWORD)):
            file = secured.file(path, sasl_mechanism=mechanism, sasl_username=user,
                                sasl_password=password)
            done = run("rtd", "produce", topic, "-F", file, input="x\n", check=1)
            contains(done.errors, f"rtd: cannot log in to {secured.server.address}: {words}")
            assert "wrong-secret" not in done.errors and PASSWORD not in done.errors
    librdkafka_error(secured.settings(password="wrong-secret"), words)
    secured.log_says("log-in as \"alice\" failed: invalid user name or password; closed")
    assert "wrong-secret" not in secured.server.log(), secured.server.log()


def test_a_mechanism_that_is_not_offered_is_named(topic, path):
    with Secured("-X", "sasl.enabled.mechanisms=SCRAM-SHA-512") as secured:
        done = run("rtd", "produce", topic, "-F", secured.file(path), input="x\n", check=1)
        contains(done.errors, "it does not offer sasl.mechanism=SCRAM-SHA-256; it offers"
                              " SCRAM-SHA-512")
        librdkafka_error(secured.settings(), "Unsupported SASL mechanism")
        equal(sent(librdkafka(secured.settings("SCRAM-SHA-512")), topic, b"x"), None)


def test_wrong_hosts_authorities_and_times_are_named(topic, path):
    secured = Secured.shared()
    with Secured(login=False, days=-1) as old:
        plain = {"sasl_mechanism": None, "security_protocol": "SSL"}
        done = run("rtd", "produce", topic, "-F", old.file(path, **plain), input="x\n", check=1)
        contains(done.errors, "its certificate has expired")
        # Another authority of the same name.
        stranger = secured.file(path, ssl_ca_location=old.authority.ca)
        done = run("rtd", "produce", topic, "-F", stranger, input="x\n", check=1)
        contains(done.errors, "its certificate is of an authority that is not trusted here")
        librdkafka_error({"bootstrap.servers": old.server.address, "security.protocol": "SSL",
                          "ssl.ca.location": str(old.authority.ca)}, "SSL handshake failed")
    with Secured("-X", "sasl.enabled.mechanisms=PLAIN", name="x") as other:
        other.authority.issue("x", "DNS:elsewhere.example")
        os.kill(other.server.pid(), signal.SIGHUP)
        other.log_says("the certificate was read anew")
        done = run("rtd", "produce", topic, "-F", other.file(path, sasl_mechanism="PLAIN"),
                   input="x\n", check=1)
        contains(done.errors, "its certificate is not for 127.0.0.1")
        file = other.file(path, sasl_mechanism="PLAIN",
                          ssl_endpoint_identification_algorithm="none")
        run("rtd", "produce", topic, "-F", file, input="x\n", check=0)


def test_plain_text_on_a_tls_port_and_tls_on_a_plain_one_are_told(server, topic, path):
    secured = Secured.shared()
    done = run("rtd", "produce", topic, "-b", secured.server.address, input="x\n", check=1)
    contains(done.errors, "does it want TLS (security.protocol)?")
    secured.log_says("the client does not speak TLS on this TLS port")
    file = secured.file(path, bootstrap_servers=server.address)
    done = run("rtd", "produce", topic, "-F", file, input="x\n", check=1)
    contains(done.errors, "it closed the connection in the TLS handshake; is it a TLS port?")
    eventually(lambda: "it speaks TLS on a port without" in server.log(), what="the server's line")
    file = secured.file(path, security_protocol="SSL")
    done = run("rtd", "produce", topic, "-F", file, input="x\n", check=1)
    contains(done.errors, "does it want a log-in (security.protocol)?")
    secured.log_says("Metadata without a log-in")
    file = secured.file(path, bootstrap_servers=server.address,
                        security_protocol="SASL_PLAINTEXT")
    done = run("rtd", "produce", topic, "-F", file, input="x\n", check=1)
    contains(done.errors, "it asks nobody to log in there")


def test_the_admin_api_makes_and_deletes_users(topic):
    secured = Secured.shared()
    admin = AdminClient({**secured.settings("SCRAM-SHA-512", "admin"), "log_level": 0})
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
    made = UserScramCredentialUpsertion("bob", info, b"builder")
    admin.alter_user_scram_credentials([made])["bob"].result(20)
    told = admin.describe_user_scram_credentials(["bob"])["bob"].result(20)
    equal([(c.mechanism, c.iterations) for c in told.scram_credential_infos],
          [(ScramMechanism.SCRAM_SHA_256, 4096)])
    bob = secured.settings("SCRAM-SHA-256", "bob", "builder")
    equal(sent(librdkafka(bob), topic, b"x"), None)
    listed = run("rtd", "serve", "--data", secured.server.data, "--users", check=0).text
    contains(listed, "bob\tSCRAM-SHA-256\n")
    gone = UserScramCredentialDeletion("bob", ScramMechanism.SCRAM_SHA_256)
    admin.alter_user_scram_credentials([gone])["bob"].result(20)
    librdkafka_error(bob, "Authentication failed")
    run("rtd", "serve", "--data", secured.server.data, "--remove-user", "bob", check=1)
    for wrong in (gone, UserScramCredentialUpsertion(
            "bob", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 100), b"x")):
        try:
            admin.alter_user_scram_credentials([wrong])["bob"].result(20)
            raise AssertionError("it was accepted")
        except KafkaException as error:
            assert error.args[0].name() in ("RESOURCE_NOT_FOUND", "UNACCEPTABLE_CREDENTIAL"), error


def test_users_change_their_own_password_only(topic):
    secured = Secured.shared()
    secured.add("carol", "one")
    admin = AdminClient({**secured.settings("SCRAM-SHA-256", "carol", "one"), "log_level": 0})
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
    own = UserScramCredentialUpsertion("carol", info, b"two")
    admin.alter_user_scram_credentials([own])["carol"].result(20)
    equal(sent(librdkafka(secured.settings("SCRAM-SHA-256", "carol", "two")), topic, b"x"), None)
    try:
        other = UserScramCredentialUpsertion("alice", info, b"mine")
        admin.alter_user_scram_credentials([other])["alice"].result(20)
        raise AssertionError("it was accepted")
    except KafkaException as error:
        equal(error.args[0].name(), "CLUSTER_AUTHORIZATION_FAILED")


def test_users_outlive_the_server_and_are_kept_from_others(topic, path):
    with Secured() as secured:
        equal((secured.server.data / "users").stat().st_mode & 0o777, 0o600)
        assert PASSWORD not in (secured.server.data / "users").read_text()
        secured.server.kill()
        secured.server.start()
        run("rtd", "produce", topic, "-F", secured.file(path), input="x\n", check=0)


def test_a_client_certificate_is_enough_or_needed(topic, path):
    with Secured(login=False) as secured:
        certificate, key = secured.authority.issue("alice", "DNS:alice")
        secured.server.stop()
        secured.server.options += ["--tls-client-ca", str(secured.authority.ca)]
        secured.server.start()
        plain = {"sasl_mechanism": None, "security_protocol": "SSL"}
        file = secured.file(path, ssl_certificate_location=certificate, ssl_key_location=key,
                            **plain)
        run("rtd", "produce", topic, "-F", file, input="a\n", check=0)
        both = pathlib.Path(path) / "both.pem"
        both.write_text(key.read_text() + certificate.read_text())
        file = secured.file(path, ssl_keystore_location=both, ssl_keystore_type="PEM", **plain)
        run("rtd", "produce", topic, "-F", file, input="b\n", check=0)
        settings = {"bootstrap.servers": secured.server.address, "security.protocol": "SSL",
                    "ssl.ca.location": str(secured.authority.ca)}
        equal(sent(librdkafka({**settings, "ssl.certificate.location": str(certificate),
                               "ssl.key.location": str(key)}), topic, b"c"), None)
        done = run("rtd", "produce", topic, "-F", secured.file(path, **plain), input="x\n", check=1)
        contains(done.errors, "wants one (ssl.keystore.location")
        secured.log_says("the client sent no certificate")


def test_a_new_certificate_is_taken_without_a_restart(topic, path):
    with Secured() as secured:
        file = secured.file(path)
        run("rtd", "produce", topic, "-F", file, input="x\n", check=0)
        # Found by itself, as the file has changed.
        secured.authority.issue("server", days=-1)
        secured.log_says("the certificate was read anew")
        done = run("rtd", "produce", topic, "-F", file, input="x\n", check=1)
        contains(done.errors, "its certificate has expired")
        # One that cannot be used leaves the old one in place.
        (secured.folder / "server.pem").write_text("nothing")
        secured.log_says("the certificate is kept, as the new one cannot be used")
        run("rtd", "produce", topic, "-F", file, input="x\n", check=1)
        secured.authority.issue("server")
        os.kill(secured.server.pid(), signal.SIGHUP)
        eventually(lambda: run("rtd", "produce", topic, "-F", file, input="x\n").returncode == 0)


def test_a_session_that_ends_is_renewed(topic, path):
    """KIP-368: the server closes connections that do not log in again in time."""
    with Secured("-X", "connections.max.reauth.ms=1500") as secured:
        producer = librdkafka(secured.settings())
        follower = subprocess.Popen(
            [harness.rtd, "consume", topic, "--wait", "-c", "8", "-v", "-F", secured.file(path)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=harness.environment())
        for number in range(8):
            equal(sent(producer, topic, str(number).encode()), None)
            time.sleep(0.6)
        output, errors = follower.communicate(timeout=30)
        equal(sorted(output.split()), [str(n).encode() for n in range(8)])
        assert b"lost the connection" not in errors, errors


def frame(key, version, body, flexible=False):
    head = struct.pack(">hhih", key, version, 9, 1) + b"t" + (b"\0" if flexible else b"")
    return struct.pack(">i", len(head + body)) + head + body


def receive(connection):
    size = connection.recv(4, socket.MSG_WAITALL)
    return connection.recv(struct.unpack(">i", size)[0], socket.MSG_WAITALL) if size else None


def test_nothing_but_a_log_in_is_taken_before_it():
    with Server("--auth") as server:
        connection = server.connect()
        connection.sendall(frame(18, 0, b""))
        assert receive(connection) is not None
        connection.sendall(frame(3, 1, struct.pack(">i", -1)))
        equal(receive(connection), None)
        # Every other request is refused too, in whatever version it comes.
        for key in range(0, 93):
            if key in (17, 18, 36):
                continue
            connection = server.connect()
            connection.sendall(frame(key, 1, b"\0" * 32))
            equal(receive(connection), None, f"API {key}")
        connection = server.connect()
        connection.sendall(struct.pack(">i", 65 * 1024) + b"\0" * 100)
        equal(receive(connection), None)
        connection = server.connect()
        connection.sendall(frame(36, 0, struct.pack(">i", 4) + b"\0a\0b"))
        contains(receive(connection).decode(errors="replace"), "SaslHandshake comes first")
        equal(receive(connection), None)


def test_tokens_without_a_header_are_taken_after_handshake_0():
    with Server("--auth") as server:
        run("rtd", "serve", "--data", server.data, "--add-user", "alice", "--password-file", "-",
            input="pw\n", check=0)
        for password, works in ((b"pw", True), (b"no", False)):
            connection = server.connect()
            connection.sendall(frame(17, 0, struct.pack(">h", 5) + b"PLAIN"))
            equal(receive(connection)[4:6], b"\0\0")
            token = b"\0alice\0" + password
            connection.sendall(struct.pack(">i", len(token)) + token)
            equal(receive(connection), b"" if works else None)
            if works:
                connection.sendall(frame(3, 1, struct.pack(">i", -1)))
                assert receive(connection) is not None


def test_connections_that_do_not_log_in_are_few_and_short():
    with Server("--auth") as server:
        waiting = [server.connect() for _ in range(300)]
        eventually(lambda: all(closed(c) for c in waiting[256:]), seconds=8)
        assert not any(closed(c) for c in waiting[:200])
        eventually(lambda: all(closed(c) for c in waiting), seconds=20)
        assert server.connect() is not None


def closed(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_listeners_for_other_machines_want_both(path):
    certificate, key = Authority(path).issue("server")
    secured = ["--tls-certificate", str(certificate), "--tls-key", str(key)]
    for options, words in (
            ((), "has no authentication (--insecure-listen allows it)"),
            (("--auth",), "has no TLS (--tls-certificate FILE, or --insecure-listen allows it)"),
            (secured, "has no authentication")):
        done = run("rtd", "serve", "--data", f"{path}/d", "--kafka", "0.0.0.0:0", *options, check=2)
        contains(done.errors, words)
    server = Server("--auth", *secured)
    server.kafka = "0.0.0.0:0"
    with server:
        assert "is open to other machines" not in server.log(), server.log()


def test_keys_and_passwords_are_kept_from_other_users(path):
    certificate, key = Authority(path).issue("server")
    key.chmod(0o644)
    done = run("rtd", "serve", "--data", f"{path}/d", "--kafka", ":0", "--tls-certificate",
               certificate, "--tls-key", key, check=2)
    contains(done.errors, "other users can read it (chmod 600")
    done = run("rtd", "serve", "--data", f"{path}/d", "--add-user", "a", check=2)
    contains(done.errors, "--password-file FILE")
    for name in ("sasl.password", "sasl.jaas.config", "ssl.key.password"):
        done = run("rtd", "produce", "t", "-X", f"{name}=hush-hush", check=2)
        contains(done.errors, f"{name} is a secret")
        assert "hush-hush" not in done.errors
    file = pathlib.Path(path) / "open.properties"
    file.write_text("sasl.password=hush-hush\n")
    file.chmod(0o644)
    done = run("rtd", "produce", "t", "-F", file, check=2)
    contains(done.errors, "holds sasl.password, and other users can read it (chmod 600")


def test_a_machine_without_openssl_is_told_what_is_missing(path):
    certificate, key = Authority(path).issue("server")
    missing = {"RTD_LIBSSL": "libnothing.so.3"}
    done = run("rtd", "serve", "--data", f"{path}/d", "--kafka", ":0", "--tls-certificate",
               certificate, "--tls-key", key, check=2, **missing)
    contains(done.errors, "TLS needs OpenSSL 3, which is not installed (libnothing.so.3")
    done = run("rtd", "produce", "t", "-b", ":1", "-X", "security.protocol=SSL", input="x\n",
               check=2, **missing)
    contains(done.errors, "TLS needs OpenSSL 3")
