import KafkaClient
import Platform

// Reading as a member of a group.
extension ConsumeSession {
    /// Joins the group once its topics are there. Where partitions end is looked up before, for all
    /// that this member may get.
    func begin(
        _ group: String, _ partitions: [TopicPartition]
    ) async throws(ConsumeError) -> RecordFeed {
        countOpen()
        if isBounded {
            groupRanges = try await ranges(of: partitions)
        }
        nextCommit = now + commitNanoseconds
        let consumer = GroupConsumer(
            connection.cluster, group: try groupConfiguration(group), topics: topics,
            configuration(partitions.count, isMerged: mergesGroup(partitions.count)))
        try await output.transform?.begin(consumer)
        return .group(consumer)
    }

    private func mergesGroup(_ count: Int) -> Bool {
        isBounded && count > 1 && groupRanges.values.allSatisfy(\.isFinite)
    }

    private func groupConfiguration(
        _ group: String
    ) throws(ConsumeError) -> GroupConfiguration {
        let properties = connection.properties
        var result = GroupConfiguration(groupID: group)
        result.instanceID = properties.groupInstance
        switch options.groupProtocol ?? .classic {
        case .classic: result.protocol = .classic
        // A share group has a feed of its own.
        case .consumer, .share: result.protocol = .consumer
        }
        result.remoteAssignor = properties.remoteAssignor
        if let timeout = properties.sessionTimeout {
            result.sessionTimeoutMilliseconds = Int32(clamping: timeout.millisecondsClamped)
        }
        if let interval = properties.heartbeatInterval {
            result.heartbeatMilliseconds = interval.millisecondsClamped
        }
        if let interval = properties.pollIntervalMax {
            result.rebalanceTimeoutMilliseconds = Int32(clamping: interval.millisecondsClamped)
        }
        if let assignors = properties.assignors { result.assignors = assignors }
        result.start = groupStart
        return result
    }

    /// Where a partition begins for which the group has committed nothing; nil if that is an error.
    private var groupStart: StartPosition? {
        switch options.offset.start {
        case .beginning: .earliest
        case .end: .latest
        case .offset(let offset): .offset(offset)
        case .beforeEnd(let count): .beforeEnd(count)
        case .afterBeginning(let count): .afterEarliest(count)
        case .time(let point):
            .timestamp(point.milliseconds(now: printing.clock.wallMilliseconds))
        case .stored, nil:
            switch connection.properties.offsetReset ?? .earliest {
            case .earliest: .earliest
            case .latest: .latest
            case .none: nil
            }
        }
    }

    /// Takes over the share that the group has given.
    func assigned(
        _ offsets: [TopicPartition: Int64], _ feed: RecordFeed
    ) async throws(ConsumeError) {
        readings = [:]
        for (rank, id) in offsets.keys.sorted().enumerated() {
            guard let offset = offsets[id] else { continue }
            var range = groupRanges[id] ?? ReadingRange(.init(), .init(), atEnd: isBounded)
            range.start = offset
            range.from = offset
            let reading = PartitionReading(id, rank: rank, range)
            // The start is committed too, so that `-o end` holds for the next run.
            reading.committed = -1
            readings[id] = reading
        }
        countOpen()
        isAssigned = true
        output.transform?.assigned()
        lastRecordAt = now
        feed.stop(at: readings.compactMapValues(\.range.end))
        merge =
            mergesGroup(readings.count) ? PartitionMerge(Array(readings.values), feed) : nil
    }

    /// Gives a share up: what was read is written and committed, unless it is others' already.
    func revoked(lost: Bool, _ feed: RecordFeed) async throws(ConsumeError) {
        if lost, output.transform != nil { output.drop() }
        try output.flush()
        if !lost { try await commit(feed) }
        merge = nil
        readings = [:]
        countOpen()
        isAssigned = false
    }

    var commitNanoseconds: Int64 {
        let interval = connection.properties.commitInterval?.millisecondsClamped
        return max(1, interval ?? ConsumeLimits.commitMilliseconds) * 1_000_000
    }

    /// Commits how far stdout has got, where that has changed.
    func commit(_ feed: RecordFeed) async throws(ConsumeError) {
        // With `--exec` offsets are committed with the records.
        guard case .group(let consumer) = feed, output.transform == nil,
            connection.properties.commitsAutomatically != false
        else { return }
        var offsets: [TopicPartition: Int64] = [:]
        for reading in readings.values where reading.written != reading.committed {
            offsets[reading.id] = reading.written
        }
        if !options.patterns.isEmpty, !offsets.isEmpty {
            // A topic that was deleted would hold the commit of the others up.
            let search = TopicSearch(connection: connection, options: options)
            let present = Set(await search.presentTopics().map(\.name))
            offsets = offsets.filter { present.contains($0.key.topic) }
        }
        guard !offsets.isEmpty else { return }
        do throws(ClientError) {
            try await consumer.commit(offsets)
        } catch .membershipLost {
            // The next member reads from the last commit on, so nothing is lost.
            return
        } catch {
            throw .client(error)
        }
        for (id, offset) in offsets { readings[id]?.committed = offset }
    }
}
