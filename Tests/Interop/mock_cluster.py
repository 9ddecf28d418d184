"""A cluster of mock brokers (librdkafka's own) that a test drives through stdin.

Needs the confluent-kafka package, which brings the library. Prints one line with the bootstrap
servers, then answers each command with one line, `ok` or `error: ...`; ends with its stdin.

    mock_cluster.py [BROKERS]

    topic NAME PARTITIONS [REPLICAS]      makes a topic
    delete-topic NAME
    leader TOPIC PARTITION BROKER         moves a leader; -1 for none
    errors APIKEY CODE...                 the next requests of that kind fail with these codes
    down BROKER / up BROKER               closes a broker's port, opens it again
    rtt BROKER MILLISECONDS               delays a broker's answers
    coordinator GROUP BROKER              moves a group's coordinator
    delete-records TOPIC PARTITION OFFSET raises the log start offset
    versions APIKEY MIN MAX               lists these versions of a request

With MOCK_DEBUG set it logs every request on its error output.
"""

import ctypes
import glob
import os
import sys

import confluent_kafka


def load():
    folder = os.path.dirname(os.path.dirname(confluent_kafka.__file__))
    names = glob.glob(os.path.join(folder, "confluent_kafka.libs", "librdkafka*.so*"))
    names += glob.glob(os.path.join(folder, "confluent_kafka", ".dylibs", "librdkafka*.dylib"))
    if not names:
        sys.exit("mock_cluster: confluent-kafka brings no librdkafka here")
    return ctypes.CDLL(names[0])


class Cluster:
    def __init__(self, brokers):
        self.lib = lib = load()
        for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
            getattr(lib, name).restype = ctypes.c_void_p
        lib.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
        text = ctypes.create_string_buffer(512)
        conf = ctypes.c_void_p(lib.rd_kafka_conf_new())
        if os.environ.get("MOCK_DEBUG"):
            lib.rd_kafka_conf_set(conf, b"debug", b"mock", text, ctypes.c_size_t(512))
        handle = lib.rd_kafka_new(0, conf, text, ctypes.c_size_t(512))
        if not handle:
            sys.exit("mock_cluster: " + text.value.decode())
        self.cluster = ctypes.c_void_p(
            lib.rd_kafka_mock_cluster_new(ctypes.c_void_p(handle), brokers))
        lib.rd_kafka_mock_group_initial_rebalance_delay_ms(self.cluster, ctypes.c_int32(0))
        # It lists flexible versions of these that it reads wrongly (JoinGroup 6: "ProtocolCnt
        # 50754145"); its own client stays below them.
        for key, newest in ((11, 5), (14, 3), (12, 3), (13, 1)):
            self.call("set_apiversion", ctypes.c_int16(key), ctypes.c_int16(0),
                      ctypes.c_int16(newest))

    def bootstrap(self):
        return self.lib.rd_kafka_mock_cluster_bootstraps(self.cluster).decode()

    def call(self, name, *arguments):
        function = getattr(self.lib, "rd_kafka_mock_" + name)
        function.restype = ctypes.c_int
        code = function(self.cluster, *arguments)
        if code:
            raise ValueError(f"{name} gave {code}")

    def errors(self, codes):
        return ctypes.c_size_t(len(codes)), (ctypes.c_int * len(codes))(*map(int, codes))

    def run(self, words):
        name, rest = words[0], words[1:]
        if name == "topic":
            self.call("topic_create", rest[0].encode(), int(rest[1]), int((rest + ["1"])[2]))
        elif name == "delete-topic":
            self.call("topic_delete", rest[0].encode())
        elif name == "leader":
            self.call("partition_set_leader", rest[0].encode(), int(rest[1]), int(rest[2]))
        elif name == "errors":
            function = self.lib.rd_kafka_mock_push_request_errors_array
            function.restype = None
            function(self.cluster, ctypes.c_int16(int(rest[0])), *self.errors(rest[1:]))
        elif name in ("down", "up"):
            self.call("broker_set_" + name, int(rest[0]))
        elif name == "rtt":
            self.call("broker_set_rtt", int(rest[0]), int(rest[1]))
        elif name == "coordinator":
            self.call("coordinator_set", b"group", rest[0].encode(), int(rest[1]))
        elif name == "delete-records":
            self.call("partition_delete_records", rest[0].encode(), int(rest[1]),
                      ctypes.c_int64(int(rest[2])))
        elif name == "versions":
            self.call("set_apiversion", ctypes.c_int16(int(rest[0])),
                      ctypes.c_int16(int(rest[1])), ctypes.c_int16(int(rest[2])))
        else:
            raise ValueError(f"no command {name}")


def main():
    cluster = Cluster(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
    print(cluster.bootstrap(), flush=True)
    for line in sys.stdin:
        words = line.split()
        if not words:
            continue
        try:
            cluster.run(words)
            print("ok", flush=True)
        except (ValueError, IndexError, AttributeError) as error:
            print(f"error: {error}", flush=True)
    # The library's threads would delay a normal end.
    os._exit(0)


if __name__ == "__main__":
    main()
