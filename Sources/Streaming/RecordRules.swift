import Records

/// A record that its topic does not take.
public struct RejectedRecord: Sendable, Equatable {
    /// What is wrong with it.
    public enum Flaw: Sendable, Equatable {
        case noKey, time
    }

    /// Its place in the batch, from 0.
    public let index: Int32
    public let flaw: Flaw
    /// A sentence for the client.
    public let message: String
}

/// The timestamps that a topic accepts, in milliseconds, at the time of a request.
struct AcceptedTimes {
    private let first: Int64
    private let last: Int64
    private let hasFirst: Bool

    init(_ settings: TopicSettings, _ now: Int64) {
        let (first, isBeforeAll) =
            now.subtractingReportingOverflow(settings.timestampBeforeMaxMilliseconds)
        let (last, isBehindAll) =
            now.addingReportingOverflow(settings.timestampAfterMaxMilliseconds)
        self.first = isBeforeAll ? .min : first
        self.last = isBehindAll ? .max : last
        hasFirst = settings.timestampBeforeMaxMilliseconds != .max
    }

    /// A record without a timestamp (-1) is always accepted.
    func contains(_ timestamp: Int64) -> Bool {
        timestamp == -1 || timestamp >= first && timestamp <= last
    }

    /// Whether the header alone tells that all records are in time: it has no lowest timestamp.
    func contains(allOf header: RecordBatchHeader) -> Bool {
        header.maxTimestamp <= last && !hasFirst
    }

    var range: String { "[\(first), \(last)]" }
}

/// Walks the records of a batch for those that the topic does not take; used by `BatchRules`.
struct RecordRules {
    let needsKeys: Bool
    let times: AcceptedTimes?
    private let partition: (topic: String, index: Int32)
    private(set) var rejected: [RejectedRecord] = []

    init(
        needsKeys: Bool, times: AcceptedTimes?, _ partition: (topic: String, index: Int32)
    ) {
        self.needsKeys = needsKeys
        self.times = times
        self.partition = partition
    }

    /// Stops when there is no room for more: a client that leaves those out is told the next ones.
    mutating func walk(
        _ header: RecordBatchHeader, _ records: RawSpan
    ) throws(StreamingError) {
        var iterator = RecordIterator(header, records: records)
        var index: Int32 = 0
        while let record = iterator.next(), rejected.count < Limits.rejectedRecordsMax {
            if needsKeys, record.key == nil {
                reject(
                    index, .noKey,
                    "Compacted topic cannot accept message without key in topic partition "
                        + "\(partition.topic)-\(partition.index)")
            } else if let times, !times.contains(record.timestamp) {
                reject(
                    index, .time,
                    "Timestamp \(record.timestamp) of message with offset \(index) is out of range."
                        + " The timestamp should be within \(times.range)")
            }
            index += 1
        }
        if iterator.failed { throw .invalidRecord("The record batch is malformed.") }
    }

    private mutating func reject(
        _ index: Int32, _ flaw: RejectedRecord.Flaw, _ message: String
    ) {
        rejected.append(RejectedRecord(index: index, flaw: flaw, message: message))
    }
}

extension [RejectedRecord] {
    /// INVALID_TIMESTAMP if that is what is wrong with any of them, as in Kafka.
    var code: Int16 { contains { $0.flaw == .time } ? 32 : 87 }

    /// What is said of the batch.
    var message: String {
        if contains(where: { $0.flaw == .time }) {
            return "One or more records have been rejected due to invalid timestamp"
        }
        let shown = prefix(3).map { "record \($0.index): \($0.message)" }
        return "One or more records have been rejected due to \(count) record errors in total, and "
            + "only showing the first three errors at most: \(shown.joined(separator: ", "))"
    }
}
