"""kcat on Debian's librdkafka 2.0: the client in most shell scripts."""

import json
import os
import random

from harness import equal, eventually, run, shell

NEEDS_CLIENTS = True


def kcat(server, *arguments, **options):
    options.setdefault("check", 0)
    return run("kcat", "-q", "-b", server.address, "-X", "broker.address.family=v4", *arguments,
               **options)


def test_lines_come_back_in_order(server, topic):
    lines = "".join(f"line {i}\n" for i in range(10_000))
    kcat(server, "-P", "-t", topic, "-p", "0", input=lines)
    equal(kcat(server, "-C", "-t", topic, "-e").text, lines)


def test_an_unknown_topic_is_created_with_four_partitions(server, topic):
    kcat(server, "-P", "-t", topic, input="x\n")
    listing = json.loads(kcat(server, "-L", "-J", "-t", topic).text)
    equal([len(t["partitions"]) for t in listing["topics"] if t["topic"] == topic], [4])


def test_keys_headers_and_nulls(server, topic):
    kcat(server, "-P", "-t", topic, "-p", "0", "-K:", "-H", "a=1", "-H", "a=2", "-H", "empty=",
         "-Z", input="k1:v1\nk2:\n:v3\n")
    found = [json.loads(line) for line in
             kcat(server, "-C", "-t", topic, "-e", "-J").text.splitlines()]
    equal([(r["key"], r["payload"]) for r in found],
          [("k1", "v1"), ("k2", None), (None, "v3")])
    equal(found[0]["headers"], ["a", "1", "a", "2", "empty", ""])
    equal([r["offset"] for r in found], [0, 1, 2])
    assert all(r["ts"] > 1_600_000_000_000 for r in found), found


def test_offsets_from_both_ends(server, topic):
    kcat(server, "-P", "-t", topic, "-p", "0", input="".join(f"{i}\n" for i in range(100)))
    equal(kcat(server, "-C", "-t", topic, "-p", "0", "-o", "-3", "-e").text, "97\n98\n99\n")
    equal(kcat(server, "-C", "-t", topic, "-p", "0", "-o", "98", "-e").text, "98\n99\n")
    equal(kcat(server, "-C", "-t", topic, "-p", "0", "-o", "5", "-c", "2").text, "5\n6\n")


def test_timestamps_find_offsets(server, topic):
    kcat(server, "-P", "-t", topic, "-p", "0", input="old\n")
    stamp = json.loads(kcat(server, "-C", "-t", topic, "-e", "-J").text)["ts"]
    equal(kcat(server, "-Q", "-t", f"{topic}:0:{stamp}").text, f"{topic} [0] offset 0\n")
    equal(kcat(server, "-C", "-t", topic, "-p", "0", "-o", f"s@{stamp}", "-e").text, "old\n")
    # After the last record there is none: the end of the log.
    equal(kcat(server, "-C", "-t", topic, "-p", "0", "-o", f"s@{stamp + 3_600_000}", "-e").text, "")


def test_a_group_reads_everything_and_goes_on_where_it_was(server, topic):
    lines = sorted(f"{i}" for i in range(1000))
    kcat(server, "-P", "-t", topic, input="\n".join(lines))
    group = ("-X", "auto.offset.reset=earliest", "-e", "-G", f"{topic}-group", topic)
    equal(sorted(kcat(server, *group).text.split()), lines)
    equal(kcat(server, *group).text, "")
    kcat(server, "-P", "-t", topic, input="new\n")
    equal(kcat(server, *group).text, "new\n")


def test_each_codec(server, topic):
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        lines = "".join(f"{codec} {i % 50}\n" for i in range(5000))
        kcat(server, "-P", "-t", f"{topic}-{codec}", "-p", "0", "-z", codec, input=lines)
        equal(kcat(server, "-C", "-t", f"{topic}-{codec}", "-e").text, lines, codec)


def test_ten_megabytes_of_binary_records(server, topic, path):
    """Byte for byte: every byte value, records from nothing to 100 kB, no delimiter to trust."""
    records = [random.randbytes(random.choice((0, 1, 100, 1000, 100_000))) for _ in range(500)]
    records = [r for r in records if r]
    while sum(map(len, records)) < 10_000_000:
        records.append(random.randbytes(50_000))
    files = []
    for index, data in enumerate(records):
        files.append(path / f"{index:05}")
        files[-1].write_bytes(data)
    kcat(server, "-P", "-t", topic, "-p", "0", *files)
    found = kcat(server, "-C", "-t", topic, "-p", "0", "-e", "-f", "%S\n%s").stdout
    equal(split_by_length(found) == records, True, "the same records")


def split_by_length(data):
    records, at = [], 0
    while at < len(data):
        end = data.index(b"\n", at)
        size = int(data[at:end])
        records.append(data[end + 1:end + 1 + size])
        at = end + 1 + size
    return records


def test_a_follower_sees_a_record_at_once(server, topic, path):
    kcat(server, "-P", "-t", topic, "-p", "0", input="first\n")
    out = path / "out"
    script = (f"kcat -q -u -C -b {server.address} -t {topic} -p 0 -c 2 >{out} & "
              f"until [ -s {out} ]; do sleep 0.02; done; "
              f"echo second | kcat -q -P -b {server.address} -t {topic} -p 0; wait")
    shell(script, check=0)
    eventually(lambda: out.read_text() == "first\nsecond\n", what="the second record")


def test_an_idempotent_kcat(server, topic):
    lines = "".join(f"{i}\n" for i in range(20_000))
    kcat(server, "-P", "-t", topic, "-p", "0", "-X", "enable.idempotence=true", input=lines)
    equal(kcat(server, "-C", "-t", topic, "-e").text, lines)


def test_acks_0_and_1(server, topic):
    for acks in ("0", "1"):
        name = f"{topic}-{acks}"
        kcat(server, "-P", "-t", name, "-p", "0", "-X", f"acks={acks}", input="a\nb\n")
        eventually(lambda: kcat(server, "-C", "-t", name, "-e").text == "a\nb\n")


def test_a_record_that_is_too_large_is_refused(server, topic):
    kcat(server, "-P", "-t", topic, "-p", "0", "-X", "message.max.bytes=5000000", "-D", "|",
         input=os.urandom(2_000_000).replace(b"|", b"-"), check=1)
    equal(kcat(server, "-C", "-t", topic, "-e").text, "")
