import KafkaClient
import KafkaProtocol
import Platform

// Reading as a member of a share group.
extension ConsumeSession {
    /// Prints records and tells the group what has become of them once they are written, until the
    /// count is reached or, with `-e`, none is to be had any more.
    func readShared(_ group: String) async throws(ConsumeError) {
        let search = TopicSearch(connection: connection, options: options)
        let found = try await search.topics()
        topics = found.map(\.name)
        try await beginShared(group)
        try await beginShared(group, at: found)
        let consumer = ShareConsumer(
            connection.cluster, group: group, topics: topics,
            checksChecksums: options.errorPolicy != .skip
                && connection.properties.checksCRC != false)
        shareConsumer = consumer
        lastRecordAt = now
        // Right after joining there may be nothing yet.
        var quietRounds = 0
        nextDiscovery = now + discoveryNanoseconds
        while !output.isComplete {
            try await discover(search, consumer)
            let records = try await takeShared(consumer)
            guard records.isEmpty else {
                quietRounds = 0
                lastRecordAt = now
                try await print(records, consumer)
                continue
            }
            quietRounds += 1
            if options.atEnd == .exit, quietRounds >= ConsumeLimits.quietShareRounds { break }
            if let timeout = options.timeout, now - lastRecordAt >= timeout.nanosecondsClamped {
                throw .idle
            }
        }
    }

    /// Topics that a pattern matches now are read too, and those that are gone no longer.
    private func discover(
        _ search: TopicSearch, _ consumer: ShareConsumer
    ) async throws(ConsumeError) {
        guard !options.patterns.isEmpty, options.atEnd != .exit, now >= nextDiscovery else {
            return
        }
        nextDiscovery = now + discoveryNanoseconds
        let names = await search.presentTopics().map(\.name)
        guard names != topics, !names.isEmpty else { return }
        topics = names
        await consumer.subscribe(names)
    }

    /// A new group begins where `-o` says, else at the beginning as every `rtd consume`; an old one
    /// goes on where it is.
    private func beginShared(_ group: String) async throws(ConsumeError) {
        let start: String
        switch (options.offset.start, connection.properties.offsetReset) {
        case (.end?, _), (nil, .latest?): start = "latest"
        case (.time(let point)?, _):
            let time = printing.clock.wallMilliseconds
            let ago = max(0, time - point.milliseconds(now: time))
            let thousandths = String(1_000 + ago % 1_000).dropFirst()
            start = "by_duration:PT\(ago / 1_000).\(thousandths)S"
        default: start = "earliest"
        }
        do throws(ClientError) {
            try await connection.cluster.alterConfigs(
                .group(group), ["share.auto.offset.reset": .set(start)])
        } catch {
            // A cluster that does not let this user set it decides by itself.
            guard
                error.code == .groupAuthorizationFailed || error.code == .clusterAuthorizationFailed
            else { throw .client(error) }
        }
    }

    /// The place of a time, as long as nobody has begun: a span before now, which is all that a
    /// group's config can say, ends a little later for the server than for us.
    private func beginShared(
        _ group: String, at found: [Metadata.Topic]
    ) async throws(ConsumeError) {
        guard case .time(let point) = options.offset.start else { return }
        let partitions = found.flatMap { topic in
            topic.partitions.map { TopicPartition(topic.name, $0.index) }
        }
        func offsets(_ query: OffsetQuery) async throws(ConsumeError) -> [TopicPartition: Int64] {
            do throws(ClientError) {
                return try await connection.cluster.listOffsets(
                    Dictionary(uniqueKeysWithValues: partitions.map { ($0, query) }))
            } catch {
                throw .client(error)
            }
        }
        let time = printing.clock.wallMilliseconds
        let ends = try await offsets(.latest)
        let starts = try await offsets(.timestamp(point.milliseconds(now: time)))
        let places = starts.merging(ends) { start, end in start < 0 ? end : start }
        do throws(ClientError) {
            try await connection.cluster.beginShareGroup(group, at: places)
        } catch {
            // Somebody is in the group, or the cluster cannot be told: then the config says it.
            if options.reporting.isVerbose {
                StandardError.write(
                    line: "rtd: group \(group) begins at about that time: \(error)")
            }
        }
    }

    private func takeShared(
        _ consumer: ShareConsumer
    ) async throws(ConsumeError) -> [ShareConsumer.Delivery] {
        do throws(ClientError) {
            return try await consumer.next(
                recordsMax: Int32(clamping: min(output.countLeft, ConsumeLimits.shareRecords)),
                timeoutMilliseconds: ConsumeLimits.shareWaitMilliseconds)
        } catch {
            throw .client(error)
        }
    }

    private func print(
        _ records: [ShareConsumer.Delivery], _ consumer: ShareConsumer
    ) async throws(ConsumeError) {
        let verdict = options.acknowledgement ?? .accept
        var told: [(ClosedRange<Int64>, TopicPartition)] = []
        for one in records {
            for range in one.ranges {
                var part = ReadingRange(.init(), .init(), atEnd: false)
                part.start = range.lowerBound
                part.from = range.lowerBound
                part.end = range.upperBound + 1
                guard !output.isComplete else { continue }
                try output.print(
                    one.batches, of: PartitionReading(one.partition, rank: 0, part))
                told.append((range, one.partition))
            }
        }
        try output.flush()
        for (range, partition) in told {
            await consumer.acknowledge(range, of: partition, verdict.verdict)
        }
        do throws(ClientError) {
            try await consumer.commit()
        } catch {
            throw .client(error)
        }
    }
}

/// What becomes of a share group's records once they are printed, by Kafka's names.
enum AcknowledgementChoice: String, CaseIterable, Sendable {
    case accept, release, reject

    var verdict: ShareConsumer.Verdict {
        switch self {
        case .accept: .accept
        case .release: .release
        case .reject: .reject
        }
    }
}
