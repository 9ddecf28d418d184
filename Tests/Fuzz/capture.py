"""capture.py RTD FOLDER: records what real clients send, as first inputs of the fuzzers.

A proxy stands between `rtd serve` and kcat, confluent-kafka, kafka-python and aiokafka. What one
connection sends (requests with their sizes) becomes one file, cut at a whole frame; connections
that send the same kinds of requests as an earlier one are left out.
"""

import asyncio
import pathlib
import socket
import struct
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "Interop"))
import harness  # noqa: E402

CONNECTION_BYTES_MAX = 6_000


class Proxy:
    """Listens, passes bytes on to the server, and keeps what clients have sent."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.target, self.client, self.taken = None, "", []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            far, kept = socket.create_connection(("127.0.0.1", self.target)), bytearray()
            self.taken.append((self.client, kept))
            threading.Thread(target=self.move, args=(near, far, kept), daemon=True).start()
            threading.Thread(target=self.move, args=(far, near, None), daemon=True).start()

    @staticmethod
    def move(source, target, kept):
        try:
            while data := source.recv(65536):
                if kept is not None:
                    kept += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def whole_frames(data):
    """The frames at the start of `data` that fit, and their (key, version) pairs."""
    end, kinds, seen = 0, [], {}
    kept = b""
    while len(data) - end >= 12:
        size, key, version = struct.unpack_from(">ihh", data, end)
        if len(data) < end + 4 + size:
            break
        # Heartbeats and fetches are many and alike.
        seen[key, version] = seen.get((key, version), 0) + 1
        if seen[key, version] <= 3 and len(kept) + 4 + size <= CONNECTION_BYTES_MAX:
            kept += data[end:end + 4 + size]
            kinds.append((key, version))
        end += 4 + size
    return kept, tuple(kinds)


def run_kcat(address):
    def kcat(*arguments, text=""):
        subprocess.run(["kcat", "-b", address, "-q", *arguments], input=text.encode(), timeout=20,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    kcat("-L")
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        kcat("-P", "-t", "kcat", "-z", codec, "-K:", "-H", "h=v", text="a:1\nb:2\nc:3\n")
    kcat("-P", "-t", "kcat", "-X", "enable.idempotence=true", text="d\n")
    kcat("-P", "-t", "kcat", "-X", "acks=0", text="e\n")
    kcat("-C", "-t", "kcat", "-e")
    kcat("-C", "-t", "kcat", "-o", "s@1000", "-e")
    kcat("-G", "group", "kcat", "-e", "-X", "auto.offset.reset=earliest", "-c", "3")
    kcat("-Q", "-t", "kcat:0:-1")


def run_confluent(address):
    from confluent_kafka import (
        Consumer, ConsumerGroupTopicPartitions, Producer, TopicCollection, TopicPartition)
    from confluent_kafka import admin as k
    options = {"bootstrap.servers": address, "log_level": 0}
    admin = k.AdminClient(options)

    def ask(futures):
        for future in futures.values() if isinstance(futures, dict) else [futures]:
            try:
                future.result(10)
            except Exception:
                pass
    ask(admin.create_topics([k.NewTopic("conf", 2, config={"retention.ms": "1000"})]))
    ask(admin.create_partitions([k.NewPartitions("conf", 3)]))
    ask(admin.describe_configs([k.ConfigResource("topic", "conf")]))
    resource = k.ConfigResource("topic", "conf", incremental_configs=[
        k.ConfigEntry("cleanup.policy", "compact",
                      incremental_operation=k.AlterConfigOpType.APPEND)])
    ask(admin.incremental_alter_configs([resource]))
    p = Producer({**options, "enable.idempotence": True})
    for i in range(20):
        p.produce("conf", b"%d" % i, b"key", headers={"h": b"v"})
    p.flush(10)
    consumers = [Consumer({**options, "group.id": "conf", "auto.offset.reset": "earliest",
                           "group.instance.id": name}) for name in ("one", "two")]
    for c in consumers:
        c.subscribe(["conf"])
    for _ in range(30):
        for c in consumers:
            c.poll(0.1)
    c = consumers[0]
    try:
        c.commit(offsets=[TopicPartition("conf", 0, 1)], asynchronous=False)
        c.offsets_for_times([TopicPartition("conf", 0, 1000)], timeout=5)
        c.committed([TopicPartition("conf", 0)], timeout=5)
    except Exception:
        pass
    ask(admin.describe_consumer_groups(["conf"]))
    ask(admin.list_consumer_groups())
    ask(admin.describe_cluster())
    ask(admin.describe_topics(TopicCollection(["conf"])))
    ask(admin.list_offsets({TopicPartition("conf", 0): k.OffsetSpec.latest()}))
    ask(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("conf")]))
    ask(admin.delete_records([TopicPartition("conf", 0, 1)]))
    for c in consumers:
        c.close()
    ask(admin.delete_consumer_groups(["conf"]))
    ask(admin.delete_topics(["conf"]))


def run_kafka_python(address):
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
    from kafka.admin import NewTopic
    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.create_topics([NewTopic("python", 1, 1)])
    producer = KafkaProducer(bootstrap_servers=address, compression_type="gzip")
    for i in range(5):
        producer.send("python", b"%d" % i, b"key", headers=[("h", b"v")]).get(10)
    producer.close()
    consumer = KafkaConsumer("python", bootstrap_servers=address, group_id="python",
                             auto_offset_reset="earliest", consumer_timeout_ms=2000)
    list(consumer)
    consumer.commit()
    consumer.end_offsets([TopicPartition("python", 0)])
    consumer.close()
    for call in (lambda: admin.describe_cluster(), lambda: admin.list_groups(),
                 lambda: admin.describe_groups(["python"]),
                 lambda: admin.describe_topics(["python"]),
                 lambda: admin.describe_log_dirs(),
                 lambda: admin.list_group_offsets(["python"]),
                 lambda: admin.delete_topics(["python"])):
        try:
            call()
        except Exception:
            pass
    admin.close()


def run_aiokafka(address):
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    async def work():
        producer = AIOKafkaProducer(bootstrap_servers=address, enable_idempotence=True)
        await producer.start()
        await producer.send_and_wait("aio", b"value", b"key")
        await producer.stop()
        consumer = AIOKafkaConsumer("aio", bootstrap_servers=address, group_id="aio",
                                    auto_offset_reset="earliest")
        await consumer.start()
        await consumer.getone()
        await consumer.commit()
        await consumer.stop()
    asyncio.run(asyncio.wait_for(work(), 20))


def main():
    harness.rtd, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    proxy, found = Proxy(), set()
    with harness.Server("--advertise", f"127.0.0.1:{proxy.port}") as server:
        proxy.target = server.port
        for run in (run_kcat, run_confluent, run_kafka_python, run_aiokafka):
            proxy.client = run.__name__.removeprefix("run_")
            run(f"127.0.0.1:{proxy.port}")
        for index, (client, data) in enumerate(proxy.taken):
            kept, kinds = whole_frames(bytes(data))
            if kinds and kinds not in found:
                found.add(kinds)
                (folder / f"{client}-{index}").write_bytes(kept)
    keys = sorted({kind for kinds in found for kind in kinds})
    print(f"{len(found)} files, {len(keys)} kinds of requests: {keys}")


main()
