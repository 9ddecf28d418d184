import Bytes
import LogStorage
import Platform
import Records

/// One partition at work: checks what producers send, appends it, and wakes the fetches that wait.
///
/// Called from any loop. The log has its own lock; the lock here guards the waiting fetches.
public final class Partition: Sendable {
    public let topicID: UUID
    public let topicName: String
    public let index: Int32
    public let log: Log
    private let commits: GroupCommit
    private let clock: any Clock
    private let waits: FetchWaits
    private let memory: MemoryBudget?

    init(
        topicID: UUID, topicName: String, index: Int32, log: Log, commits: GroupCommit,
        clock: any Clock, memory: MemoryBudget?
    ) {
        self.memory = memory
        self.topicID = topicID
        self.topicName = topicName
        self.index = index
        self.log = log
        self.commits = commits
        self.clock = clock
        let waits = FetchWaits()
        self.waits = waits
        log.onAdvance { waits.wakeAll() }
    }

    /// What an append gave.
    public struct Appended: Sendable {
        public var baseOffset: Int64
        /// Milliseconds; -1 for CreateTime.
        public var logAppendTime: Int64
        public var logStartOffset: Int64
    }

    /// Checks and appends one batch; `bytes` get their base offset in place. `acks` is Kafka's.
    /// `done` is called at once, or from another thread after the sync. A batch of a transaction is
    /// refused unless `isInTransaction`: the coordinator has let its producer write.
    public func produce(
        _ bytes: UnsafeMutableRawBufferPointer, acks: Int16, settings: TopicSettings,
        isInTransaction: Bool = false,
        done: @escaping @Sendable (Result<Appended, StreamingError>) -> Void
    ) {
        let appended: Appended
        let end: Int64
        let isHeld: Bool
        do throws(StreamingError) {
            let header = unsafe try BatchRules.check(
                bytes, settings: settings, now: clock.wallMilliseconds,
                of: (topicName, index))
            if header.isTransactional && !isInTransaction {
                throw .invalidRecord("A batch of a transaction needs a transactional id.")
            }
            let result = unsafe try append(bytes, header, acks)
            appended = Appended(
                baseOffset: result.baseOffset, logAppendTime: result.logAppendTime,
                logStartOffset: result.logStartOffset)
            end = result.endOffset
            if result.needsSync { commits.schedule(log) }
            // The first records of a log are held back until its mark says that it is in use: an
            // answer before would be of records that nobody finds.
            isHeld = acks == 1 && result.needsSync && log.highWatermark < end
            memory?.appended(bytes.count)
        } catch {
            return done(.failure(error))
        }
        guard acks == -1 || isHeld else {
            commits.note(log)
            return done(.success(appended))
        }
        commits.commit(log, upTo: end) { result in
            done(result.map { appended }.mapError { StreamingError($0) })
        }
    }

    private func append(
        _ bytes: UnsafeMutableRawBufferPointer, _ header: RecordBatchHeader, _ acks: Int16
    ) throws(StreamingError) -> AppendResult {
        do throws(LogError) {
            return unsafe try log.append(
                bytes, headers: [header], durability: acks == -1 ? .synced : .appended,
                nowMilliseconds: clock.wallMilliseconds)
        } catch {
            throw StreamingError(error)
        }
    }

    /// Ends the transaction that the producer has in this partition; `done` once the marker is on
    /// the disk. Readers do not wait for that: the decision is there, from which a start after a
    /// power cut writes the marker anew.
    func end(
        _ producer: TransactionalProducer, isCommitted: Bool,
        done: @escaping @Sendable (StreamingError?) -> Void
    ) {
        let now = clock.wallMilliseconds
        var batch = TransactionMarker.batch(producer, isCommitted: isCommitted, now: now)
        guard let header = unsafe RecordBatchHeader(batch.span.bytes) else { return done(nil) }
        do throws(LogError) {
            let appended = try log.append(
                &batch, headers: [header], durability: .appended, nowMilliseconds: now)
            commits.commit(log, upTo: appended.endOffset) { result in
                if case .failure(let error) = result {
                    done(StreamingError(error))
                } else {
                    done(nil)
                }
            }
        } catch {
            done(StreamingError(error))
        }
    }

    /// Batches from `offset` on, up to the high watermark, or to the first transaction that is not
    /// decided; nil if there are none yet.
    public func read(
        from offset: Int64, bytesMax: Int, atLeastOne: Bool, committedOnly: Bool = false
    ) throws(StreamingError) -> LogSlice? {
        do throws(LogError) {
            let end = committedOnly ? log.lastStableOffset : log.highWatermark
            return try log.read(
                from: offset, maxBytes: bytesMax, upTo: end, minOneBatch: atLeastOne)
        } catch {
            throw StreamingError(error)
        }
    }

    /// Calls `wait.wake()` once the high watermark moves. The caller looks once more afterwards.
    public func add(_ wait: FetchWait) { waits.add(wait) }
    public func remove(_ wait: FetchWait) { waits.remove(wait) }

    /// KIP-320: refuses a client whose leader epoch is not the current one; -1 asks for no check.
    public func checkEpoch(_ epoch: Int32) throws(StreamingError) {
        guard epoch >= 0 else { return }
        let current = log.leaderEpoch
        if epoch < current { throw .fencedLeaderEpoch }
        if epoch > current { throw .unknownLeaderEpoch }
    }

    /// Offset, timestamp and leader epoch of the first record at or after a time in milliseconds.
    public func offset(at timestamp: Int64) throws(StreamingError) -> (Int64, Int64, Int32)? {
        do throws(LogError) {
            guard
                let found = try log.offset(forTimestamp: timestamp, upTo: log.highWatermark)
            else { return nil }
            return (found.offset, found.timestamp, found.leaderEpoch)
        } catch {
            throw StreamingError(error)
        }
    }

    /// The record with the largest timestamp.
    public func offsetOfMaxTimestamp() throws(StreamingError) -> (Int64, Int64, Int32)? {
        do throws(LogError) {
            guard let found = try log.maxTimestamp(upTo: log.highWatermark) else { return nil }
            return (found.offset, found.timestamp, found.leaderEpoch)
        } catch {
            throw StreamingError(error)
        }
    }

    /// Deletes records below an offset, -1 for the high watermark; gives the new log start.
    public func deleteRecords(before offset: Int64) throws(StreamingError) -> Int64 {
        do throws(LogError) {
            return try log.deleteRecords(before: offset)
        } catch {
            throw StreamingError(error)
        }
    }

    func wakeAll() { waits.wakeAll() }
}

extension StreamingError {
    /// What a log's failure means to a client.
    public init(_ error: LogError) {
        self =
            switch error {
            case .offsetOutOfRange: .offsetOutOfRange
            case .corrupt: .corruptMessage("\(error)")
            case .malformed: .corruptMessage("\(error)")
            case .batchTooLarge(let size): .messageTooLarge(size: size, limit: size - 1)
            case .outOfOrderSequence: .outOfOrderSequence
            case .invalidProducerEpoch: .invalidProducerEpoch
            case .outsideTransaction: .invalidTransactionState
            case .system, .readOnly, .noSpace, .closed, .busy, .newerFormat: .storage("\(error)")
            }
    }
}
