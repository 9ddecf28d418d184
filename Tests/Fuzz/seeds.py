"""seeds.py SURFACE FOLDER: writes the first inputs of a fuzzer, made from the tests' fixtures."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "Interop"))
import wire  # noqa: E402

CODECS = {"gzip": 0, "snappy": 1, "lz4": 2, "zstd": 3}


def golden():
    """Frames of every message and version, without their size: (name, version, bytes)."""
    for line in (ROOT / "Fixtures/kafka/messages.txt").read_text().splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[0].endswith(("Request", "Response")):
            yield fields[0], int(fields[1]), bytes.fromhex(fields[3])[4:]


def requests():
    for name, _, data in golden():
        if name.endswith("Request"):
            yield data


def server():
    """Each request on a connection of its own, behind one that makes a topic."""
    topic = wire.frame(wire.header(3, 0) + wire.array([wire.string("t")]))
    for data in requests():
        yield topic + wire.frame(data)


def responses():
    keys = {name.removesuffix("Request"): data[:2] for name, _, data in golden()
            if name.endswith("Request")}
    for name, version, data in golden():
        key = keys.get(name.removesuffix("Response"))
        if key and name.endswith("Response"):
            yield key[1:] + bytes([version]) + data


def batches():
    records = [wire.record(i, b"value", b"key", i, [(b"h", b"v")]) for i in range(3)]
    yield wire.batch(records)
    yield wire.batch([wire.record(0, b"")])
    for stream in codecs():
        yield wire.batch([stream[1:]], count=3, attributes=stream[0] + 1)


def codecs():
    for path in sorted((ROOT / "Fixtures/compression").glob("*@*@*")):
        data = path.read_bytes()
        if len(data) <= 20_000:
            yield bytes([CODECS[path.name.split("@")[1]]]) + data


def json():
    yield b'{"a":[1,-2.5e3,null,true,false,"\\u00e9\\ud83d\\ude00"],"b":{"c":""}}'
    yield b"[" * 200 + b"]" * 200


def csv():
    yield b'a,"b ""c""",\r\n1,2,3\n'


def sql():
    for path in sorted((ROOT / "Fixtures/nexmark").glob("*.sql")):
        yield path.read_bytes()
    yield b"UPDATE t SET a = CASE WHEN b THEN ARRAY[1,2][1] ELSE (SELECT 1) END WHERE c = ANY ($1)"
    yield b"SELECT sum(a) FILTER (WHERE b) OVER (PARTITION BY c ROWS 1 PRECEDING) FROM a NATURAL JOIN b"


def regex():
    for line in (ROOT / "Fixtures/regex/postgres15.txt").read_text().splitlines()[2:200]:
        pattern, text = line.split("\t")[:2]
        yield f"{pattern}\n{text}".encode()


def main():
    surface, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    for index, data in enumerate(globals()[surface]()):
        (folder / f"seed-{index}").write_bytes(data)


main()
