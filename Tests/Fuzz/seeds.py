"""seeds.py SURFACE FOLDER: writes the first inputs of a fuzzer: those made from the tests' fixtures,
those that clients have sent or that once found something (corpus/SURFACE/*), and those that reach
most (corpus/SURFACE.inputs, each behind four bytes of its size).

seeds.py --pack SURFACE FOLDER: writes corpus/SURFACE.inputs from a folder, the smallest first.
"""

import pathlib
import re
import struct
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "Interop"))
import wire  # noqa: E402

CORPUS = ROOT / "Fuzz/corpus"
PACK_BYTES_MAX = 32 * 1024

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


def internals():
    yield from (bytes([kind]) + body for kind, body in enumerate((
        b"\0\1" + wire.string("group") + wire.string("topic") + b"\0\0\0\1",
        b"\0\3" + bytes(8) + b"\0\0\0\1" + wire.string("note") + bytes(8),
        b"\0\3" + wire.string("consumer") + b"\0\0\0\1" + 2 * wire.string("m") + bytes(8)
        + b"\0\0\0\1" + wire.string("m") + b"\xff\xff" + 2 * wire.string("c") + bytes(16),
        b"\0\0" + wire.string("id"),
        b"\0\1" + bytes(8) + b"\0\1\0\0\3\xe8\1\2\2t\2\0\0\0\1\0" + bytes(16)
        + b"\3\0\x08" + bytes(8) + b"\2\2\0\2d\2\0\1",
        b"\0\x11\1" + bytes(16) + b"\1\0\0\0\1t\0\0\0\4" + b"\0\0\0\1"
        + b"\0\0\0\1k\0\0\0\1v",
        b"\0\3\0\0\0\1" + wire.string("t") + b"\xff\xff\xff\xff\0\0\0\1"
        + wire.string("t") + b"\0\0\0\1\0\0\0\0\0\0\0\7\xff\xff",
        b"\0\3\0\0\0\1" + wire.string("t") + b"\0\0\0\1\0\0\0\0\xff\xff\xff\xff",
    )))


def files():
    """A change of each file of a log in each way, closed in order or not, checksums right."""
    for file in range(16):
        for how in range(8):
            for place in (0, 8, 45, 60, 120):
                yield bytes([file, how, 0, place]) + bytes([255, 0, place])


def logins():
    for how in (0x00, 0x10, 0x20):
        yield bytes([how]) + b"n,,n=user,r=abc\nc=biws,r=abcdef,p=AAAA"
        yield bytes([how | 1]) + b"r=abcdef,s=AQID,i=4096\nv=AAAA"
        yield bytes([how | 3]) + b"us=,er\npencil"
    yield b"\0\0user\0pencil"
    yield (b"\2R\0\0\0\x05salt\nR\0\0\0\x0aSCRAM-SHA-256\0\0\nR\0\0\0\x0br=abcdef,s=AQID,i=4096"
           b"\nR\0\0\0\0\nSserver_version\x0016.1\0\nZI")


def http():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n"
    for first in (0, 6, 255):
        how = bytes([first])
        yield how + head + b"Content-Length: 2\r\n\r\n{}"
        yield how + head + b"Transfer-Encoding: chunked\r\n\r\n1;x=y\r\n{\r\n1\r\n}\r\n0\r\nt: u\r\n\r\n"
        yield how + b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404\n\nuntil the end"
        yield how + b"HTTP/1.1 204 No Content\r\n\r\n"


def changes():
    """Each message of pgoutput in a message of replication in one of the protocol."""
    def message(tag, body):
        return tag + struct.pack(">i", len(body) + 4) + body

    def sent(body):
        return message(b"d", b"w" + bytes(24) + body)

    row = b"\0\3nut\0\0\0\2ab"
    oid = b"\0\0\x40\0"
    for streamed in (b"", b"\0\0\0\7"):
        for body in (b"I" + streamed + oid + b"N" + row, b"D" + streamed + oid + b"K" + row,
                     b"U" + streamed + oid + b"O" + row + b"N" + row,
                     b"R" + streamed + oid + b"public\0t\0d\0\1\1id\0\0\0\0\x17\xff\xff\xff\xff",
                     b"T" + streamed + b"\0\0\0\1\1" + oid, b"Y" + streamed + oid + b"s\0t\0",
                     b"M" + streamed + b"\1" + bytes(8) + b"p\0\0\0\0\3abc"):
            yield bytes([len(streamed) > 0]) + sent(body)
    yield b"\0" + b"".join(map(sent, (
        b"B" + bytes(20), b"C\0" + bytes(24), b"O" + bytes(8) + b"o\0", b"S" + bytes(4) + b"\1",
        b"E", b"c" + bytes(29), b"A" + bytes(8), b"b" + bytes(28) + b"gid\0")))
    yield b"\0" + message(b"d", b"k" + bytes(16) + b"\1")
    yield b"\0" + b"".join((
        message(b"R", b"\0\0\0\0"), message(b"S", b"a\0b\0"), message(b"K", bytes(8)),
        message(b"T", b"\0\1x\0" + bytes(18)), message(b"D", b"\0\2\xff\xff\xff\xff\0\0\0\1y"),
        message(b"E", b"SERROR\0C42P01\0Mno\0P7\0\0"), message(b"C", b"SELECT 1\0"),
        message(b"W", b"\0\0\0"), message(b"Z", b"I")))


def json():
    yield b'{"a":[1,-2.5e3,null,true,false,"\\u00e9\\ud83d\\ude00"],"b":{"c":""}}'
    yield b"[" * 200 + b"]" * 200


def csv():
    yield b'a,"b ""c""",\r\n1,2,3\n'


def rows():
    plain = (b'{"a":1,"b":"x","c":{"d":[1.5,null]}}\n{"a":-2,"b":"\\u00e9","e":true}\n',
             b'[{"a":1},\n{"a":2.5}]', b'{"a":\n1}\n{"a":"2024-01-05 10:00:00"}',
             b'a,b,c\n1,"x ""y""\n",\n2,,3e2\n', b"a;b\n1;2\n3;4\n", b'a=1 b="x y" c=\n',
             b"some line\nanother\n", b'"x"\n17\n[1]\n', b'{"a":1,"z":"' + b"y" * 80 + b'"}\n')
    for how in (0, 1, 0x10, 0x21, 0x31, 0x41, 4, 8):
        yield from (bytes([how, len(data) // 2]) + data for data in plain)
    for change in (b'{"before":null,"after":{"a":1},"op":"c","ts_ms":5}\n',
                   b'{"payload":{"before":{"a":1},"after":null,"op":"d"}}\n'):
        yield b"\x02\x09" + change


def text():
    for number in range(24):
        for value in (b"-12", b"1.5e3", b"true", b"2024-02-29 23:59:60.5+05:30", b"infinity",
                      b"1 year 2 mons -3 days 04:05:06", b"P1Y2M3DT4H5M6S", b'{1,"2",NULL,{3}}',
                      b'{"a":[1,2.50],"a":"\\u00e9"}', b'(1,"{a,b}")', b"\\xdeadbeef", b"NaN",
                      b"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", b"J2451187", b"Jan 8 99 BC"):
            yield bytes([number]) + value
    yield b"\xfe%Y-%m-%dT%H:%M:%S.%3N%z %j %s %%"
    yield b"\xffTZif2" + bytes(39) + b"TZif2" + bytes(39) + b"\nCET-1CEST,M3.5.0,M10.5.0/3\n"


def sql():
    for path in sorted((ROOT / "Fixtures/nexmark").glob("*.sql")):
        yield path.read_bytes()
    yield b"UPDATE t SET a = CASE WHEN b THEN ARRAY[1,2][1] ELSE (SELECT 1) END WHERE c = ANY ($1)"
    yield b"SELECT sum(a) FILTER (WHERE b) OVER (PARTITION BY c ROWS 1 PRECEDING) FROM a NATURAL JOIN b"


def sessions():
    """Each query of the scenarios, behind what makes the tables that it names."""
    sys.path.insert(0, str(ROOT / "Scenarios"))
    import slt
    for path in sorted((ROOT / "Scenarios").glob("*.slt")):
        made = {}
        for record in slt.read(path):
            name = re.match(r"(?:CREATE TABLE|INSERT INTO)\s+(\w+)", record.sql, re.IGNORECASE)
            if name and record.kind == "ok":
                made.setdefault(name[1], []).append(record.sql)
            elif "/" not in record.sql:
                before = [text for name, texts in made.items()
                          if re.search(rf"\b{name}\b", record.sql) for text in texts]
                yield ";\n".join([*before, record.sql]).encode()


def regex():
    for line in (ROOT / "Fixtures/regex/postgres15.txt").read_text().splitlines()[2:200]:
        pattern, text = line.split("\t")[:2]
        yield f"{pattern}\n{text}".encode()


def kept(surface):
    for path in sorted((CORPUS / surface).glob("*")):
        yield path.read_bytes()
    pack = CORPUS / f"{surface}.inputs"
    data, at = pack.read_bytes() if pack.exists() else b"", 0
    while at < len(data):
        size = int.from_bytes(data[at:at + 4], "big")
        yield data[at + 4:at + 4 + size]
        at += 4 + size


def pack(surface, folder):
    inputs = sorted((p.read_bytes() for p in folder.iterdir()), key=lambda data: (len(data), data))
    packed = b""
    for data in inputs:
        if len(packed) + len(data) > PACK_BYTES_MAX:
            break
        packed += len(data).to_bytes(4, "big") + data
    (CORPUS / f"{surface}.inputs").write_bytes(packed)


def main():
    if sys.argv[1] == "--pack":
        return pack(sys.argv[2], pathlib.Path(sys.argv[3]))
    surface, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    for index, data in enumerate([*globals()[surface](), *kept(surface)]):
        (folder / f"seed-{index}").write_bytes(data)


main()
