"""librdkafka's mock cluster, driven by ctypes on the library inside the confluent-kafka wheel."""

import ctypes
import glob
import os

# Kafka's error codes that tests push.
NOT_LEADER_OR_FOLLOWER = 6
REQUEST_TIMED_OUT = 7
COORDINATOR_LOAD_IN_PROGRESS = 14
NOT_ENOUGH_REPLICAS = 19

PRODUCE, FETCH, METADATA, INIT_PRODUCER_ID = 0, 1, 3, 22


def library():
    import confluent_kafka
    beside = os.path.dirname(os.path.dirname(confluent_kafka.__file__))
    names = glob.glob(f"{beside}/confluent_kafka.libs/librdkafka*")
    names += glob.glob(f"{beside}/confluent_kafka/.dylibs/librdkafka*")
    loaded = ctypes.CDLL(names[0])
    loaded.rd_kafka_new.restype = ctypes.c_void_p
    loaded.rd_kafka_mock_cluster_new.restype = ctypes.c_void_p
    loaded.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    return loaded


class MockCluster:
    """Several brokers in this process; topics get four partitions unless they are created."""

    def __init__(self, brokers=3):
        self.lib = library()
        error = ctypes.create_string_buffer(512)
        self.handle = self.lib.rd_kafka_new(0, None, error, len(error))
        assert self.handle, error.value
        self.cluster = self.lib.rd_kafka_mock_cluster_new(ctypes.c_void_p(self.handle), brokers)
        assert self.cluster
        self._pointer = ctypes.c_void_p(self.cluster)

    @property
    def address(self):
        return self.lib.rd_kafka_mock_cluster_bootstraps(self._pointer).decode()

    def create_topic(self, name, partitions, replication=1):
        self._done(self.lib.rd_kafka_mock_topic_create(
            self._pointer, name.encode(), partitions, replication))

    def set_leader(self, topic, partition, broker):
        self._done(self.lib.rd_kafka_mock_partition_set_leader(
            self._pointer, topic.encode(), partition, broker))

    def push_errors(self, api, *codes):
        array = (ctypes.c_int * len(codes))(*codes)
        self.lib.rd_kafka_mock_push_request_errors_array(
            self._pointer, ctypes.c_int16(api), ctypes.c_size_t(len(codes)), array)

    def set_down(self, broker):
        self._done(self.lib.rd_kafka_mock_broker_set_down(self._pointer, broker))

    def set_up(self, broker):
        self._done(self.lib.rd_kafka_mock_broker_set_up(self._pointer, broker))

    @staticmethod
    def _done(code):
        assert code == 0, f"mock cluster: error {code}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lib.rd_kafka_mock_cluster_destroy(self._pointer)
        self.lib.rd_kafka_destroy(ctypes.c_void_p(self.handle))
