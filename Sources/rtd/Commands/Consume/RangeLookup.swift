import KafkaClient

/// Finds what part of each partition is to be read, by asking the leaders.
struct RangeLookup: Sendable {
    let cluster: Cluster
    let isolation: IsolationLevel
    let range: OffsetSpecification
    let endsAtEnd: Bool
    /// Milliseconds since 1970, what times ago are counted from.
    let now: Int64

    /// In the order of `partitions`.
    func ranges(
        of partitions: [TopicPartition]
    ) async throws(ClientError) -> [TopicPartition: ReadingRange] {
        let starts = try await offsets(.earliest, partitions)
        let ends = try await offsets(.latest, partitions)
        let fromTime = try await timeOffsets(range.start, partitions)
        let toTime = try await timeOffsets(range.end, partitions)
        var ranges: [TopicPartition: ReadingRange] = [:]
        for id in partitions {
            let facts = ReadingRange.Facts(
                logStart: starts[id] ?? 0, logEnd: ends[id] ?? 0,
                startTimeOffset: fromTime[id] ?? -1, endTimeOffset: toTime[id] ?? -1)
            ranges[id] = ReadingRange(range, facts, atEnd: endsAtEnd)
        }
        return ranges
    }

    private func timeOffsets(
        _ bound: OffsetSpecification.Bound?, _ partitions: [TopicPartition]
    ) async throws(ClientError) -> [TopicPartition: Int64] {
        guard case .time(let point) = bound else { return [:] }
        return try await offsets(.timestamp(point.milliseconds(now: now)), partitions)
    }

    private func offsets(
        _ query: OffsetQuery, _ partitions: [TopicPartition]
    ) async throws(ClientError) -> [TopicPartition: Int64] {
        guard !partitions.isEmpty else { return [:] }
        let queries = Dictionary(uniqueKeysWithValues: partitions.map { ($0, query) })
        return try await cluster.listOffsets(queries, isolation: isolation)
    }
}
