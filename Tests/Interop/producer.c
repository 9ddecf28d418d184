/* Measures librdkafka's producer: `producer ADDRESS TOPIC COUNT SIZE [KEY=VALUE...]` sends COUNT
   records of SIZE bytes with acks=all and linger 5 ms, waits for every acknowledgement, and prints
   a line of JSON: rate, and the processor time of this process. Exit status 1 when any failed. */

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static long delivered, failed;

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *context) {
    (void)producer;
    (void)context;
    if (message->err) failed++;
    else delivered++;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static double processor_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void set(rd_kafka_conf_t *configuration, const char *name, const char *value) {
    char error[256];
    if (rd_kafka_conf_set(configuration, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "producer: %s\n", error);
        exit(2);
    }
}

static rd_kafka_t *make_producer(const char *address, int count, char **assignments) {
    char error[256];
    rd_kafka_conf_t *configuration = rd_kafka_conf_new();
    set(configuration, "bootstrap.servers", address);
    set(configuration, "broker.address.family", "v4");
    set(configuration, "acks", "all");
    set(configuration, "linger.ms", "5");
    set(configuration, "queue.buffering.max.messages", "1000000");
    for (int i = 0; i < count; i++) {
        char *value = strchr(assignments[i], '=');
        if (!value) {
            fprintf(stderr, "producer: %s is not KEY=VALUE\n", assignments[i]);
            exit(2);
        }
        *value++ = 0;
        set(configuration, assignments[i], value);
    }
    rd_kafka_conf_set_dr_msg_cb(configuration, on_delivery);
    rd_kafka_t *producer =
        rd_kafka_new(RD_KAFKA_PRODUCER, configuration, error, sizeof error);
    if (!producer) {
        fprintf(stderr, "producer: %s\n", error);
        exit(2);
    }
    return producer;
}

/* Sends one record, waiting while the queue is full. */
static void send_record(rd_kafka_t *producer, rd_kafka_topic_t *topic, char *value, size_t size) {
    while (rd_kafka_produce(topic, 0, 0, value, size, NULL, 0, NULL)) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            fprintf(stderr, "producer: %s\n", rd_kafka_err2str(rd_kafka_last_error()));
            exit(1);
        }
        rd_kafka_poll(producer, 10);
    }
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: producer ADDRESS TOPIC COUNT SIZE [KEY=VALUE...]\n");
        return 2;
    }
    long count = atol(argv[3]);
    size_t size = strtoul(argv[4], NULL, 10);
    char *value = malloc(size + 1);
    for (size_t i = 0; i < size; i++) value[i] = 'a' + (char)(i * 7 % 26);

    rd_kafka_t *producer = make_producer(argv[1], argc - 5, argv + 5);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, argv[2], NULL);
    /* The first record finds the leader; it is not measured. */
    send_record(producer, topic, value, size);
    rd_kafka_flush(producer, 10000);

    double begin = seconds(), used = processor_seconds();
    for (long i = 0; i < count; i++) {
        send_record(producer, topic, value, size);
        if (i % 1000 == 0) rd_kafka_poll(producer, 0);
    }
    while (rd_kafka_outq_len(producer) > 0 && !failed) rd_kafka_poll(producer, 10);
    double taken = seconds() - begin;
    used = processor_seconds() - used;

    printf("{\"client\":\"librdkafka %s\",\"records\":%ld,\"bytes\":%zu,\"acks\":\"all\","
           "\"seconds\":%.3f,\"records_per_second\":%.0f,\"megabytes_per_second\":%.1f,"
           "\"client_cpu_us_per_record\":%.3f,\"failed\":%ld}\n",
           rd_kafka_version_str(), count, size, taken, count / taken, count * size / taken / 1e6,
           used * 1e6 / count, failed);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
    free(value);
    return failed || delivered < count + 1;
}
