import KafkaClient
import Platform

// Reading partitions.
extension ConsumeSession {
    /// Finds the topics and what of them is to be read, and begins to fetch.
    func begin() async throws(ConsumeError) -> RecordFeed {
        let search = TopicSearch(connection: connection, options: options)
        let found = try await search.topics()
        topics = found.map(\.name)
        let partitions = try search.partitions(of: found)
        nextDiscovery = now + discoveryNanoseconds
        if let group = options.group { return try await begin(group, partitions) }
        let ranges = try await ranges(of: partitions)
        isAssigned = true
        let isMerged = ranges.count > 1 && ranges.values.allSatisfy(\.isFinite)
        let feed = RecordFeed.partitions(
            Consumer(connection.cluster, configuration(ranges.count, isMerged: isMerged)))
        for (rank, id) in partitions.enumerated() {
            guard let range = ranges[id] else { continue }
            readings[id] = PartitionReading(id, rank: rank, range)
        }
        try await assign(feed)
        if isMerged { merge = PartitionMerge(Array(readings.values), feed) }
        return feed
    }

    func ranges(
        of partitions: [TopicPartition]
    ) async throws(ConsumeError) -> [TopicPartition: ReadingRange] {
        let lookup = RangeLookup(
            cluster: connection.cluster, isolation: isolation, range: options.offset,
            endsAtEnd: options.atEnd == .exit, now: printing.clock.wallMilliseconds)
        do throws(ClientError) {
            return try await lookup.ranges(of: partitions)
        } catch {
            throw .client(error)
        }
    }

    var isolation: IsolationLevel {
        switch options.isolation ?? connection.properties.isolation ?? .readCommitted {
        case .readCommitted: .readCommitted
        case .readUncommitted: .readUncommitted
        }
    }

    /// Has the consumer read on from where each reading is.
    func assign(_ feed: RecordFeed) async throws(ConsumeError) {
        countOpen()
        guard case .partitions(let consumer) = feed else { return }
        let open = readings.values.filter { !$0.isComplete }
        do throws(ClientError) {
            try await consumer.assign(
                Dictionary(uniqueKeysWithValues: open.map { ($0.id, .offset($0.position)) }))
        } catch {
            throw .client(error)
        }
        feed.stop(at: readings.compactMapValues(\.range.end))
    }

    /// Counts what is to be read, and tells the output whose positions it carries.
    func countOpen() {
        output.readings = Array(readings.values)
        openCount = output.readings.count { !$0.isComplete }
        isBounded = options.atEnd == .exit || options.offset.end != nil
    }

    /// How to fetch, for so many partitions.
    func configuration(_ count: Int, isMerged: Bool) -> ConsumerConfiguration {
        let properties = connection.properties
        var result = ConsumerConfiguration()
        result.isolation = isolation
        if isMerged {
            result.partitionBytesMax = Int32(PartitionMerge.laneBytes(of: count))
            result.prefetchBytesMax = ConsumeLimits.mergePrefetchBytes
        }
        func set(_ path: WritableKeyPath<ConsumerConfiguration, Int32>, _ value: Int?) {
            if let value { result[keyPath: path] = Int32(clamping: value) }
        }
        set(\.fetchBytesMin, properties.fetchBytesMin)
        set(\.fetchBytesMax, properties.fetchBytesMax)
        set(\.partitionBytesMax, properties.partitionFetchBytesMax)
        if let wait = properties.fetchWaitMax {
            result.fetchWaitMaxMilliseconds = Int32(clamping: wait.millisecondsClamped)
        }
        // A batch is checked where it can be skipped.
        result.checksChecksums = options.errorPolicy != .skip && properties.checksCRC != false
        switch properties.offsetReset ?? .earliest {
        case .earliest: result.outOfRange = .earliest
        case .latest: result.outOfRange = .latest
        case .none: result.outOfRange = .fail
        }
        return result
    }
}

// While it goes on.
extension ConsumeSession {
    func handle(_ event: RecordFeed.Event, _ feed: RecordFeed) async throws(ConsumeError) {
        switch event {
        case .batches(let fetched): try handle(fetched, feed)
        case .assigned(let offsets): try await assigned(offsets, feed)
        case .revoked(_, let lost): try await revoked(lost: lost, feed)
        }
    }

    /// Prints what has come of a partition.
    func handle(_ fetched: FetchedBatches, _ feed: RecordFeed) throws(ConsumeError) {
        guard let reading = readings[fetched.partition], !reading.isComplete else { return }
        let before = output.recordCount
        reading.position = fetched.nextOffset
        reading.highWatermark = fetched.highWatermark
        if reading.isComplete { openCount -= 1 }
        if merge != nil {
            try merge?.append(fetched, into: output)
        } else {
            try output.print(fetched, of: reading)
        }
        if output.recordCount != before { lastRecordAt = now }
    }

    /// Nothing has come for a while: a partition may be complete all the same, when what it held
    /// was deleted meanwhile.
    func lookAtPositions(_ feed: RecordFeed) async throws(ConsumeError) {
        guard isBounded, openCount > 0 else { return }
        let positions = await feed.positions()
        // What had been fetched when the positions were taken is handed out first.
        while let event = try await feed.next(timeoutMilliseconds: 0) {
            try await handle(event, feed)
        }
        for (id, position) in positions {
            guard let reading = readings[id], !reading.isComplete, let end = reading.range.end,
                position >= end
            else { continue }
            reading.position = position
            reading.printed = max(reading.printed, end)
            openCount -= 1
            try merge?.completed(id, into: output)
        }
    }

    /// What is due from time to time, data or not.
    func maintain(_ feed: RecordFeed) async throws(ConsumeError) {
        let time = now
        if time >= nextCommit, nextCommit > 0 {
            nextCommit = time + commitNanoseconds
            try await commit(feed)
        }
        // A group sees by itself when the topics that it knows of grow.
        let isFixed =
            options.patterns.isEmpty && (options.group != nil || !options.partitions.isEmpty)
        guard !isBounded, !isFixed, time >= nextDiscovery else { return }
        nextDiscovery = time + discoveryNanoseconds
        try await discover(feed)
    }

    /// `metadata.max.age.ms`, where that is shorter.
    var discoveryNanoseconds: Int64 {
        let age = connection.properties.metadataAgeMax?.millisecondsClamped ?? .max
        return max(1, min(age, ConsumeLimits.discoveryMilliseconds)) * 1_000_000
    }

    /// Reads partitions that were added to the topics, and topics that a pattern matches now, from
    /// their beginning on.
    private func discover(_ feed: RecordFeed) async throws(ConsumeError) {
        let search = TopicSearch(connection: connection, options: options)
        let found = await search.presentTopics()
        if case .group(let consumer) = feed {
            let names = found.map(\.name)
            guard names != topics, !names.isEmpty else { return }
            topics = names
            return await consumer.subscribe(names)
        }
        let added = try search.partitions(of: found).filter { readings[$0] == nil }
        guard !added.isEmpty else { return }
        for id in added {
            let range = ReadingRange(.init(), .init(), atEnd: false)
            readings[id] = PartitionReading(id, rank: readings.count, range)
        }
        try await assign(feed)
    }

    /// A topic that a pattern has matched is gone: the others are read on. False for one that was
    /// named.
    func forget(_ topic: String, _ feed: RecordFeed) async throws(ConsumeError) -> Bool {
        guard !options.topics.contains(topic), !options.patterns.isEmpty else { return false }
        try output.flush()
        topics.removeAll { $0 == topic }
        if case .group(let consumer) = feed {
            await consumer.subscribe(topics)
            return true
        }
        for id in readings.keys where id.topic == topic { readings[id] = nil }
        try await assign(feed)
        return true
    }
}
