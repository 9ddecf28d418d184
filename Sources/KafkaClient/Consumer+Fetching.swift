import KafkaProtocol
import Platform
import Records

extension Consumer {
    /// A partition's part of an answer.
    func received(
        _ answer: FetchResponse.PartitionData, of id: TopicPartition, _ frame: Frame,
        _ wanted: [TopicPartition: FetchSession.Wanted]
    ) {
        // What was asked for before a reset of the position is old; while one is looked up it would
        // be taken twice, as the look-up gives the position that it has begun with.
        guard let partition = partitions[id], let position = partition.position,
            !partition.isBusy, let asked = wanted[id], asked.offset == position,
            asked.topicID == partition.topicID
        else { return }
        switch answer.errorCode {
        case .none:
            partition.failingSince = nil
            partition.failures = 0
            accept(answer, of: partition, position, frame)
        case .offsetOutOfRange:
            outOfRange(partition, position, answer.logStartOffset)
        case .corruptMessage:
            // Kafka counts it as retriable; but a damaged batch stays damaged.
            fail(.corrupt(id, offset: position))
        case let code where code.retriable:
            let leader = answer.currentLeader
            _ = cluster.metadata.learnLeader(id, leader: leader.leaderId, epoch: leader.leaderEpoch)
            cluster.requestRefresh()
            suspend(id, .partition(id, code, detail: nil))
        case let code:
            fail(.partition(id, code, detail: nil))
        }
    }

    private func accept(
        _ answer: FetchResponse.PartitionData, of partition: ConsumerPartition, _ position: Int64,
        _ frame: Frame
    ) {
        guard case .slice(let slice) = answer.records, !slice.isEmpty else { return }
        let start = frame.range.lowerBound
        let payload = start + slice.lowerBound..<start + slice.upperBound
        var fetched = FetchedBatches(
            partition: partition.id, startOffset: position, nextOffset: position,
            highWatermark: answer.highWatermark, lastStableOffset: answer.lastStableOffset,
            logStartOffset: answer.logStartOffset, buffer: frame.buffer, byteCount: slice.count)
        let committedOnly = configuration.isolation == .readCommitted
        var cutter = BatchCutter(
            partition: partition.id, buffer: frame.buffer, payload: payload,
            checksChecksums: configuration.checksChecksums,
            aborted: committedOnly ? answer.abortedTransactions : nil)
        do throws(ClientError) {
            try cutter.cut(into: &fetched)
        } catch {
            if fetched.nextOffset > position { offer(fetched) }
            return fail(error)
        }
        guard fetched.nextOffset > position else {
            // Nothing whole: the broker sends at least one batch whole (KIP-74), so it is broken.
            if fetched.batches.isEmpty, slice.count >= Int(configuration.partitionBytesMax) {
                fail(.corrupt(partition.id, offset: position))
            }
            return
        }
        partition.position = fetched.nextOffset
        if cutter.lastEpoch >= 0 { partition.lastEpoch = cutter.lastEpoch }
        partition.epochs.append(fetched.epochs)
        offer(fetched)
    }

    /// Lets a partition wait after a failure that may pass; for too long, it is the end.
    func suspend(_ id: TopicPartition, _ error: ClientError) {
        guard let partition = partitions[id] else { return }
        let now = loop.clock.monotonicNanoseconds
        let since = partition.failingSince ?? now
        partition.failingSince = since
        let limit = cluster.configuration.deliveryTimeoutMilliseconds * 1_000_000
        guard now - since < limit else { return fail(error) }
        partition.failures += 1
        let pause = cluster.configuration.backoffNanoseconds(attempt: partition.failures)
        partition.pausedUntil = now + pause
        cluster.environment.log("\(error); trying again")
        loop.after(pause) { [weak self] in self?.pump() }
    }

    private func outOfRange(
        _ partition: ConsumerPartition, _ position: Int64, _ logStart: Int64
    ) {
        let start: StartPosition
        switch configuration.outOfRange {
        case .earliest: start = .earliest
        case .latest: start = .latest
        case .fail: return failOutOfRange(partition, position, logStart)
        }
        cluster.environment.log(
            "\(partition.id): offset \(position) is out of range, reading on from the \(start)")
        lookUp(partition) { [cluster, configuration] () async throws(ClientError) in
            try await cluster.resolve([partition.id: start], configuration.isolation)[
                partition.id]
        }
    }

    /// The broker need not say with the error where the log starts; who reads the message wants to
    /// know.
    private func failOutOfRange(
        _ partition: ConsumerPartition, _ position: Int64, _ logStart: Int64
    ) {
        let id = partition.id
        guard logStart < 0 else {
            return fail(.offsetOutOfRange(id, offset: position, logStart: logStart))
        }
        lookUp(partition) { [cluster, configuration] () async throws(ClientError) in
            let start = try await cluster.resolve([id: .earliest], configuration.isolation)[id]
            throw .offsetOutOfRange(id, offset: position, logStart: start ?? -1)
        }
    }

    /// Whether the topic is the one that the position is in. Where it was deleted and made again,
    /// its log is another one, which is read as after an offset that is out of range. False while
    /// that is being found out.
    func isSameLog(_ partition: ConsumerPartition) -> Bool {
        let id = partition.id
        let known = cluster.metadata.topics[id.topic]?.id ?? .zero
        guard known != .zero, known != partition.topicID else { return true }
        let isFirst = partition.topicID == .zero
        partition.topicID = known
        if isFirst { return true }
        partition.lastEpoch = -1
        partition.validatedEpoch = -1
        let start: StartPosition
        switch configuration.outOfRange {
        case .earliest: start = .earliest
        case .latest: start = .latest
        case .fail:
            fail(.topicDeleted(id.topic))
            return false
        }
        cluster.environment.log("\(id): the topic was made again, reading on from the \(start)")
        lookUp(partition) { [cluster, configuration] () async throws(ClientError) in
            try await cluster.resolve([id: start], configuration.isolation)[id]
        }
        return false
    }

    /// Whether the log still holds what was read up to the position: after a change of leader it
    /// may have been cut (KIP-320). False while that is being found out.
    func isValidated(_ partition: ConsumerPartition, _ leaderEpoch: Int32) -> Bool {
        guard leaderEpoch >= 0, partition.lastEpoch >= 0, leaderEpoch > partition.lastEpoch,
            leaderEpoch > partition.validatedEpoch, let position = partition.position
        else { return true }
        let epoch = partition.lastEpoch
        lookUp(partition) { [weak self, cluster] () async throws(ClientError) in
            let end: Int64?
            do throws(ClientError) {
                end = try await cluster.endOffset(of: epoch, in: partition.id)
            } catch {
                guard case .unsupported = error else { throw error }
                end = nil
            }
            partition.validatedEpoch = leaderEpoch
            guard let end, end < position, let self else { return position }
            let error = ClientError.truncated(partition.id, position: position, end: end)
            if configuration.outOfRange == .fail { throw error }
            cluster.environment.log("\(error); reading on from there")
            return end
        }
        return false
    }

    /// Finds a new position while the partition is not fetched.
    private func lookUp(
        _ partition: ConsumerPartition,
        _ find: @escaping @Sendable () async throws(ClientError) -> Int64?
    ) {
        partition.isBusy = true
        Task(executorPreference: loop) { [self] in
            defer { pump() }
            do throws(ClientError) {
                let found = try await find()
                partition.isBusy = false
                partition.position = found ?? partition.position
            } catch {
                partition.isBusy = false
                guard partitions[partition.id] === partition else { return }
                guard error.isRetriable else { return fail(error) }
                cluster.requestRefresh()
                suspend(partition.id, error)
            }
        }
    }
}
