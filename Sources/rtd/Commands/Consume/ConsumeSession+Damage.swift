import KafkaClient
import Records

// Reading on behind a batch that the broker does not send, because it knows that it is damaged.
extension ConsumeSession {
    /// The next event; with `--on-error skip` damage is passed over, and nil is given then.
    func next(
        _ feed: RecordFeed, timeoutMilliseconds: Int64
    ) async throws(ConsumeError) -> RecordFeed.Event? {
        do throws(ConsumeError) {
            return try await feed.next(timeoutMilliseconds: timeoutMilliseconds)
        } catch {
            if case .client(.topicDeleted(let topic)) = error, try await forget(topic, feed) {
                return nil
            }
            guard options.errorPolicy == .skip, case .partitions = feed,
                case .client(.corrupt(let id, let offset)) = error, let reading = readings[id]
            else { throw error }
            try await pass(reading, damagedAt: offset, feed)
            return nil
        }
    }

    /// Finds the first batch behind the damaged one by asking for offsets behind it: twice as far
    /// each time until one is answered, then by halves.
    private func pass(
        _ reading: PartitionReading, damagedAt offset: Int64, _ feed: RecordFeed
    ) async throws(ConsumeError) {
        let prober = Consumer(connection.cluster, configuration(1, isMerged: false))
        let end = try await ranges(of: [reading.id])[reading.id]?.logEnd ?? offset
        var bad = offset
        var good = end
        var step: Int64 = 1
        while bad + step < end {
            if let found = try await firstOffset(in: reading.id, from: bad + step, prober) {
                good = found
                break
            }
            bad += step
            step *= 2
        }
        while bad + 1 < good {
            let middle = bad + (good - bad) / 2
            if let found = try await firstOffset(in: reading.id, from: middle, prober) {
                good = min(found, middle)
            } else {
                bad = middle
            }
        }
        await prober.close()
        output.skip(Int(good - offset))
        reading.position = good
        reading.printed = max(reading.printed, good)
        let isComplete = reading.isComplete
        try await assign(feed)
        if isComplete { try merge?.completed(reading.id, into: output) }
    }

    /// Where the batch begins that holds an offset; nil if it is damaged.
    private func firstOffset(
        in id: TopicPartition, from offset: Int64, _ prober: Consumer
    ) async throws(ConsumeError) -> Int64? {
        do throws(ClientError) {
            try await prober.assign([id: .offset(offset)])
            let fetched = try await prober.next(
                timeoutMilliseconds: ConsumeLimits.tickMilliseconds)
            return fetched?.batches.first?.header.baseOffset ?? offset
        } catch .corrupt {
            return nil
        } catch {
            throw .client(error)
        }
    }
}
