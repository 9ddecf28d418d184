import Bytes
public import Records

/// What a log remembers of one idempotent producer (KIP-98).
public struct ProducerState: Sendable, Equatable {
    /// One of the last batches, by which a repeated one is known.
    public struct Batch: Sendable, Equatable {
        public var firstSequence: Int32
        public var lastSequence: Int32
        public var firstOffset: Int64
        public var lastOffset: Int64
        /// Max timestamp of the batch, milliseconds.
        public var timestamp: Int64
    }

    public var producerEpoch: Int16
    /// The last batches, oldest first, at most five.
    public var batches: [Batch] = []
    /// Milliseconds of the last batch or marker.
    public var lastTimestamp: Int64 = -1
    /// First offset of the transaction under way; nil without one.
    public var transactionStart: Int64?
    /// Epoch of the coordinator that wrote the last marker.
    public var coordinatorEpoch: Int32 = -1

    public var lastSequence: Int32 { batches.last?.lastSequence ?? -1 }
}

/// A transaction that ended with an abort marker.
public struct AbortedTransaction: Sendable, Equatable {
    public var producerID: Int64
    public var firstOffset: Int64
    /// Offset of the marker.
    public var lastOffset: Int64
}

/// The idempotent producers of one log: the checks of KIP-98, open transactions, aborted ones.
///
/// A value; the log holds one under its lock and rebuilds it from batches after a start.
public struct ProducerStates: Sendable, Equatable {
    /// What a batch is to the log.
    public enum Verdict: Equatable, Sendable {
        case append
        /// It is there already, at these offsets.
        case duplicate(ProducerState.Batch)
        case refused(LogError)
    }

    public internal(set) var producers: [Int64: ProducerState] = [:]
    /// By the offset of their marker. No limit but the log's own: each has a marker and a batch of
    /// records in it, several times its 24 bytes, and one forgotten would be shown to readers of
    /// committed records.
    public internal(set) var aborted: [AbortedTransaction] = []
    /// First offsets of transactions under way, by producer.
    var open: [Int64: Int64] = [:]
    /// Transactions whose marker is not yet below the high watermark.
    var ending: [(first: Int64, marker: Int64)] = []

    public init() {}

    public static func == (a: Self, b: Self) -> Bool {
        a.producers == b.producers && a.aborted == b.aborted
    }

    /// Whether the batch continues what its producer wrote.
    public func check(_ header: RecordBatchHeader) -> Verdict {
        guard header.hasProducerID, let state = producers[header.producerID] else { return .append }
        guard header.producerEpoch >= state.producerEpoch else {
            return .refused(
                .invalidProducerEpoch(
                    producerID: header.producerID, current: state.producerEpoch,
                    got: header.producerEpoch))
        }
        guard !header.isControl, header.baseSequence >= 0 else { return .append }
        if !header.isTransactional, open[header.producerID] != nil {
            return .refused(.outsideTransaction(producerID: header.producerID))
        }
        if header.producerEpoch > state.producerEpoch {
            return header.baseSequence == 0 ? .append : refusal(header, expected: 0)
        }
        for batch in state.batches
        where batch.firstSequence == header.baseSequence
            && batch.lastSequence == header.lastSequence
        {
            return .duplicate(batch)
        }
        // A producer of which nothing is left (retention, or only a marker) may go on where it is.
        guard let last = state.batches.last else { return .append }
        let expected = (last.lastSequence &+ 1) & Int32.max
        return header.baseSequence == expected ? .append : refusal(header, expected: expected)
    }

    private func refusal(_ header: RecordBatchHeader, expected: Int32) -> Verdict {
        .refused(
            .outOfOrderSequence(
                producerID: header.producerID, expected: expected, got: header.baseSequence))
    }

    /// Takes a batch in that was appended at `baseOffset`. `marker` is that of a control batch.
    mutating func update(
        _ header: RecordBatchHeader, baseOffset: Int64, marker: TransactionMarker?
    ) {
        guard header.hasProducerID else { return }
        let id = header.producerID
        if producers[id] == nil {
            makeRoom()
            producers[id] = ProducerState(producerEpoch: header.producerEpoch)
        }
        let lastOffset = baseOffset + Int64(header.lastOffsetDelta)
        if header.isControl {
            end(id, header, at: lastOffset, marker)
        } else {
            let batch = ProducerState.Batch(
                firstSequence: header.baseSequence, lastSequence: header.lastSequence,
                firstOffset: baseOffset, lastOffset: lastOffset, timestamp: header.maxTimestamp)
            producers[id]?.add(batch, epoch: header.producerEpoch)
            if header.isTransactional, open[id] == nil {
                open[id] = baseOffset
                producers[id]?.transactionStart = baseOffset
            }
        }
    }

    private mutating func end(
        _ id: Int64, _ header: RecordBatchHeader, at offset: Int64, _ marker: TransactionMarker?
    ) {
        guard let marker else { return }
        producers[id]?.mark(header, coordinatorEpoch: marker.coordinatorEpoch)
        guard let first = open.removeValue(forKey: id) else { return }
        ending.append((first, offset))
        guard !marker.isCommit else { return }
        aborted.append(AbortedTransaction(producerID: id, firstOffset: first, lastOffset: offset))
    }

    /// Those with records in a range of offsets.
    func aborted(in range: Range<Int64>) -> [AbortedTransaction] {
        // They end one after the other; only of those that end in the range or behind it can there
        // be records in it.
        var (low, high) = (0, aborted.count)
        while low < high {
            let middle = (low + high) / 2
            if aborted[middle].lastOffset < range.lowerBound {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return aborted[low...].filter { $0.firstOffset < range.upperBound }
    }

    /// The first offset that a transaction holds back from readers of committed records.
    mutating func firstUnstableOffset(highWatermark: Int64) -> Int64? {
        guard !open.isEmpty || !ending.isEmpty else { return nil }
        ending.removeAll { $0.marker < highWatermark }
        let first = open.values.min()
        return ending.map(\.first).min().map { min($0, first ?? $0) } ?? first
    }

    /// Forgets producers silent for longer than `milliseconds`, but for those in a transaction.
    mutating func expire(now: Int64, after milliseconds: Int64) -> Bool {
        let before = producers.count
        producers = producers.filter { id, state in
            open[id] != nil || now - state.lastTimestamp < milliseconds
        }
        return producers.count != before
    }

    /// Forgets aborted transactions that ended before `start`.
    mutating func removeBefore(_ start: Int64) {
        aborted.removeAll { $0.lastOffset < start }
    }

    /// Forgets aborted transactions that ended before `bound`, whose records compaction took away;
    /// true if there were any.
    mutating func forgetAborted(before bound: Int64) -> Bool {
        let before = aborted.count
        removeBefore(bound)
        return aborted.count != before
    }

    /// Forgets every producer, and transactions under way: what else there is of one begins it
    /// anew.
    mutating func forgetProducers() {
        producers = [:]
        open = [:]
        ending = []
    }

    private mutating func makeRoom() {
        guard producers.count >= Limits.producersMax else { return }
        let byAge = producers.filter { open[$0.key] == nil }.sorted {
            $0.value.lastTimestamp < $1.value.lastTimestamp
        }
        for (id, _) in byAge.prefix(Limits.producersMax / 10) { producers[id] = nil }
    }
}

extension ProducerState {
    fileprivate mutating func add(_ batch: Batch, epoch: Int16) {
        if epoch != producerEpoch {
            producerEpoch = epoch
            batches.removeAll(keepingCapacity: true)
        }
        if batches.count == Limits.batchesPerProducer { batches.removeFirst() }
        batches.append(batch)
        lastTimestamp = max(lastTimestamp, batch.timestamp)
    }

    fileprivate mutating func mark(_ header: RecordBatchHeader, coordinatorEpoch: Int32) {
        if header.producerEpoch != producerEpoch {
            producerEpoch = header.producerEpoch
            batches.removeAll(keepingCapacity: true)
        }
        self.coordinatorEpoch = coordinatorEpoch
        lastTimestamp = max(lastTimestamp, header.maxTimestamp)
        transactionStart = nil
    }
}

/// What the one record of a control batch says: how a transaction ended.
struct TransactionMarker: Equatable, Sendable {
    var isCommit: Bool
    var coordinatorEpoch: Int32

    /// Nil if the batch is not a control batch or its record is of another kind.
    init?(_ header: RecordBatchHeader, batch: RawSpan) {
        guard header.isControl, header.totalSize <= batch.byteCount else { return nil }
        let records = batch.extracting(RecordBatchHeader.size..<header.totalSize)
        var iterator = RecordIterator(header, records: records)
        guard let record = iterator.next(), let key = record.key, let value = record.value else {
            return nil
        }
        // Key: version 2, type 2 (0 abort, 1 commit). Value: version 2, coordinator epoch 4.
        var reader = ByteReader(records.extracting(key))
        _ = reader.int16()
        let kind = reader.int16()
        var values = ByteReader(records.extracting(value))
        _ = values.int16()
        coordinatorEpoch = values.int32()
        guard !reader.failed, kind == 0 || kind == 1 else { return nil }
        isCommit = kind == 1
    }
}
