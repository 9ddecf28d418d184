import KafkaClient

/// Where the records come from: partitions that were told, or a share of a group's.
enum RecordFeed: Sendable {
    case partitions(Consumer)
    case group(GroupConsumer)

    /// What comes next; only a group's shares come and go.
    typealias Event = GroupConsumer.Event

    /// Waits for the next event; nil after `timeoutMilliseconds`.
    func next(timeoutMilliseconds: Int64) async throws(ConsumeError) -> Event? {
        do throws(ClientError) {
            switch self {
            case .partitions(let consumer):
                return try await consumer.next(timeoutMilliseconds: timeoutMilliseconds)
                    .map { .batches($0) }
            case .group(let consumer):
                return try await consumer.next(timeoutMilliseconds: timeoutMilliseconds)
            }
        } catch {
            throw .client(error)
        }
    }

    func stop(at ends: [TopicPartition: Int64]) {
        switch self {
        case .partitions(let consumer): consumer.stop(at: ends)
        case .group(let consumer): consumer.stop(at: ends)
        }
    }

    func pause(_ id: TopicPartition) {
        switch self {
        case .partitions(let consumer): consumer.pause(id)
        case .group(let consumer): consumer.pause(id)
        }
    }

    func resume(_ id: TopicPartition) {
        switch self {
        case .partitions(let consumer): consumer.resume(id)
        case .group(let consumer): consumer.resume(id)
        }
    }

    func positions() async -> [TopicPartition: Int64] {
        switch self {
        case .partitions(let consumer): await consumer.positions()
        case .group(let consumer): await consumer.positions()
        }
    }

    func close() async {
        switch self {
        case .partitions(let consumer): await consumer.close()
        case .group(let consumer): await consumer.close()
        }
    }
}
