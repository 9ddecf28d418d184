import KafkaProtocol
import LogStorage
import Records
import Streaming

/// What one look at the partitions of a fetch has given, within its limits of bytes.
struct FetchReading {
    /// A partition's part of the answer, and where its batches lie.
    struct Part {
        let wanted: FetchSession.Wanted
        var data: FetchResponse.PartitionData
        var slice: LogSlice?

        /// As Kafka has it: with an error nothing is said about the log.
        fileprivate mutating func fail(_ error: StreamingError) {
            data.errorCode = ErrorCode(rawValue: error.code)
            data.highWatermark = -1
            data.lastStableOffset = -1
            data.logStartOffset = -1
            data.abortedTransactions = []
            slice = nil
        }
    }

    let broker: Broker
    let session: FetchSession
    let maxBytes: Int
    let readCommitted: Bool
    private(set) var parts: [Part] = []
    private(set) var byteCount = 0
    private(set) var hasError = false
    /// What of it could not be read from the disk, for the server's log.
    private(set) var damage: [(place: String, text: String)] = []

    init(broker: Broker, session: FetchSession, maxBytes: Int, readCommitted: Bool) {
        self.broker = broker
        self.session = session
        self.maxBytes = maxBytes
        self.readCommitted = readCommitted
    }

    /// The slices to be sent, with the place of their part.
    var slices: [(place: Int, slice: LogSlice)] {
        parts.enumerated().compactMap { place, part in part.slice.map { (place, $0) } }
    }

    mutating func readAll() {
        parts.reserveCapacity(session.partitions.count)
        for wanted in session.partitions { read(wanted) }
    }

    private mutating func read(_ wanted: FetchSession.Wanted) {
        var part = Part(wanted: wanted, data: FetchResponse.PartitionData())
        part.data.partitionIndex = wanted.partition
        do throws(StreamingError) {
            try fill(&part)
        } catch {
            part.fail(error)
            hasError = true
        }
        part.data.records = part.slice.map { .external($0.count) } ?? .bytes([])
        byteCount += part.slice?.count ?? 0
        parts.append(part)
    }

    private func fill(_ part: inout Part) throws(StreamingError) {
        let wanted = part.wanted
        guard let topic = session.topic(wanted, broker) else {
            throw wanted.topicID == .zero ? .unknownTopic(wanted.topic) : .unknownTopicID
        }
        guard let partition = topic.partition(wanted.partition) else {
            throw .unknownPartition(topic: topic.name, partition: wanted.partition)
        }
        try partition.checkEpoch(wanted.currentLeaderEpoch)
        let log = partition.log
        part.data.highWatermark = log.highWatermark
        part.data.lastStableOffset = log.lastStableOffset
        part.data.logStartOffset = log.startOffset
        if diverges(&part.data, wanted, log) { return }
        let room = min(Int(max(0, wanted.maxBytes)), maxBytes - byteCount)
        // The first batch is sent whatever its size, so that no consumer is stuck behind it.
        let slice = try partition.read(
            from: wanted.fetchOffset, bytesMax: max(0, room), atLeastOne: byteCount == 0,
            committedOnly: readCommitted)
        part.slice = slice
        if readCommitted, let slice {
            part.data.abortedTransactions = log.abortedTransactions(
                in: slice.baseOffset..<slice.nextOffset
            ).map { aborted in
                var answer = FetchResponse.AbortedTransaction()
                answer.producerId = aborted.producerID
                answer.firstOffset = aborted.firstOffset
                return answer
            }
        }
    }

    /// KIP-595: tells a client that it has read what is no longer in the log.
    private func diverges(
        _ data: inout FetchResponse.PartitionData, _ wanted: FetchSession.Wanted, _ log: Log
    ) -> Bool {
        guard wanted.lastFetchedEpoch >= 0, let end = log.epochEnd(for: wanted.lastFetchedEpoch),
            end.epoch < wanted.lastFetchedEpoch || end.endOffset < wanted.fetchOffset
        else { return false }
        data.divergingEpoch.epoch = end.epoch
        data.divergingEpoch.endOffset = end.endOffset
        return true
    }

    /// Reads in and checks what may have to come from the disk; on a worker.
    mutating func loadCold() {
        for (place, slice) in slices where slice.isCold {
            guard let topic = session.topic(parts[place].wanted, broker),
                let partition = topic.partition(parts[place].wanted.partition)
            else { continue }
            do throws(LogError) {
                let loaded = try partition.log.load(slice)
                parts[place].slice = loaded
                parts[place].data.records = .external(loaded.count)
            } catch {
                parts[place].fail(StreamingError(error))
                parts[place].data.records = .bytes([])
                if error.isTold {
                    damage.append((place: "\(topic.name)-\(partition.index)", text: "\(error)"))
                }
            }
        }
    }
}

extension LogError {
    /// What whoever runs the server should know: no record was just deleted, nor its topic.
    var isTold: Bool {
        switch self {
        case .offsetOutOfRange, .closed: false
        default: true
        }
    }
}
