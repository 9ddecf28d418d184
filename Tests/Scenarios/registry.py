"""A schema registry of the tests' own, on loopback, and readers of what Confluent's converters write."""

import base64
import http.server
import io
import json
import socket
import ssl
import struct
import threading


class Server(http.server.ThreadingHTTPServer):
    """Shares its port with the socket that keeps it."""

    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()


class Registry:
    """Answers as Confluent's does, as far as writers and readers of Avro ask. `stop` and `start`
    make it go and come back at its address."""

    def __init__(self, user=None, certificate=None):
        self.user, self.certificate = user, certificate
        self.ids, self.subjects, self.requests = {}, {}, []
        # By their text: what is no Avro, and what other schemas a schema rests on.
        self.kinds, self.references = {}, {}
        # Called with the subject: an answer (status, error_code, message) instead of its own.
        self.refusal = lambda subject: None
        self.chunked, self.server = False, None
        self.lock = threading.Lock()
        # Nobody else gets the port while nobody listens.
        self.place = socket.socket()
        self.place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.place.bind(("127.0.0.1", 0))
        self.port = self.place.getsockname()[1]
        self.start()

    @property
    def url(self):
        return f"http{'s' if self.certificate else ''}://127.0.0.1:{self.port}"

    def start(self):
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                registry.answer(self, b"")

            def do_POST(self):
                registry.answer(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler, body):
        with self.lock:
            status, answer = self.reply(handler, body)
        data = json.dumps(answer).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        if self.chunked:
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            for start in range(0, len(data), 5):
                piece = data[start:start + 5]
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            handler.wfile.write(b"0\r\n\r\n")
        else:
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)

    def reply(self, handler, body):
        self.requests.append((handler.command, handler.path))
        if self.user:
            wanted = "Basic " + base64.b64encode(self.user.encode()).decode()
            if handler.headers.get("Authorization") != wanted:
                return 401, {"error_code": 401, "message": "Unauthorized"}
        parts = handler.path.strip("/").split("/")
        if parts == ["schemas", "types"]:
            return 200, ["AVRO"]
        if handler.command == "GET":
            return self.read(parts)
        if handler.command != "POST" or parts[0] != "subjects":
            return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}
        subject, schema = parts[1], json.loads(body)["schema"]
        if refusal := self.refusal(subject):
            status, code, message = refusal
            return status, {"error_code": code, "message": message}
        if parts[2:] != ["versions"]:
            if schema not in self.subjects.get(subject, []):
                return 404, {"error_code": 40403, "message": "Schema not found"}
            return 200, {"subject": subject, "id": self.ids[schema], "version": 1, "schema": schema}
        import fastavro
        try:
            fastavro.parse_schema(json.loads(schema))
        except Exception as error:
            return 422, {"error_code": 42201, "message": f"Invalid schema: {error}"}
        # An id needs all of its four bytes.
        number = self.ids.setdefault(schema, 0x01020304 + len(self.ids))
        versions = self.subjects.setdefault(subject, [])
        if schema not in versions:
            versions.append(schema)
        return 200, {"id": number}

    def read(self, parts):
        if parts[:2] == ["schemas", "ids"]:
            text = next((text for text, known in self.ids.items() if known == int(parts[2])), None)
            return (404, {"error_code": 40403, "message": "Schema not found"}) if text is None else (
                200, self.described(text))
        if parts[0] != "subjects" or parts[2:3] != ["versions"]:
            return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}
        versions = self.subjects.get(parts[1])
        if not versions:
            return 404, {"error_code": 40401, "message": f"Subject '{parts[1]}' not found."}
        number = len(versions) if parts[3] == "latest" else int(parts[3])
        text = versions[number - 1]
        return 200, {"subject": parts[1], "version": number, "id": self.ids[text], **self.described(text)}

    def described(self, text):
        described = {"schema": text}
        if text in self.kinds:
            described["schemaType"] = self.kinds[text]
        if text in self.references:
            described["references"] = self.references[text]
        return described

    def add(self, subject, schema, kind=None, references=None):
        """Registers a schema as it is; its number."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        if kind:
            self.kinds[text] = kind
        if references:
            self.references[text] = references
        number = self.ids.setdefault(text, 0x01020304 + len(self.ids))
        self.subjects.setdefault(subject, []).append(text)
        return number

    @property
    def registered(self):
        return [path.split("/")[2] for method, path in self.requests if path.endswith("/versions")]

    def schemas(self, subject):
        return [json.loads(text) for text in self.subjects.get(subject, [])]

    def decode(self, data):
        """The value of a record, whose bytes must be all of it; None stays None."""
        if data is None:
            return None
        import fastavro
        magic, number = struct.unpack(">bI", data[:5])
        assert magic == 0, data
        text = next(text for text, known in self.ids.items() if known == number)
        stream = io.BytesIO(data[5:])
        value = fastavro.schemaless_reader(stream, fastavro.parse_schema(json.loads(text)))
        assert not stream.read(), data
        return value


def field(schema, name):
    """The type of a record's field."""
    return next(f["type"] for f in schema["fields"] if f["name"] == name)


def records(home, topic, *options):
    """Key and value of each committed record, as bytes or None; none of a topic that is not there."""
    done = home.rtd("consume", topic, "-e", "-J", *options)
    if done.returncode == 1 and "does not exist" in done.errors:
        return []
    assert done.returncode == 0, done.errors
    return [tuple(content(record, name) for name in ("key", "value"))
            for record in map(json.loads, done.text.splitlines())]


def content(record, name):
    if f"{name}_b64" in record:
        return base64.b64decode(record[f"{name}_b64"])
    text = record.get(name)
    return None if text is None else text.encode()
