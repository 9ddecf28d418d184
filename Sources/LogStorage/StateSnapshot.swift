import Bytes
import Platform

/// The file `snapshot`: leader epochs, producers and aborted transactions as they were at one
/// offset.
///
/// It is replaced as a whole (temporary file, sync, rename) when a segment is rolled, every 64 MiB
/// and at close; what batches behind its offset say is added at a start.
struct StateSnapshot: Equatable, Sendable {
    static let magic: UInt64 = 0x7274_6473_6e61_7031  // "rtdsnap1"

    var offset: Int64 = 0
    var epochs = LeaderEpochs()
    var states = ProducerStates()

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.uint64(Self.magic)
        writer.int64(offset)
        writer.uint32(UInt32(epochs.entries.count))
        for entry in epochs.entries {
            writer.int32(entry.epoch)
            writer.int64(entry.startOffset)
        }
        writer.uint32(UInt32(states.aborted.count))
        for transaction in states.aborted {
            writer.int64(transaction.producerID)
            writer.int64(transaction.firstOffset)
            writer.int64(transaction.lastOffset)
        }
        writer.uint32(UInt32(states.producers.count))
        // In order of id, so that the same state gives the same bytes.
        for id in states.producers.keys.sorted() {
            guard let state = states.producers[id] else { continue }
            Self.encode(id, state, &writer)
        }
        writer.uint32(CRC32C.checksum(writer.bytes))
        return writer.bytes
    }

    private static func encode(_ id: Int64, _ state: ProducerState, _ writer: inout ByteWriter) {
        writer.int64(id)
        writer.int16(state.producerEpoch)
        writer.int64(state.lastTimestamp)
        writer.int64(state.transactionStart ?? -1)
        writer.int32(state.coordinatorEpoch)
        writer.uint8(UInt8(state.batches.count))
        for batch in state.batches {
            writer.int32(batch.firstSequence)
            writer.int32(batch.lastSequence)
            writer.int64(batch.firstOffset)
            writer.int64(batch.lastOffset)
            writer.int64(batch.timestamp)
        }
    }

    init() {}

    /// Nil if the bytes are damaged.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 32 else { return nil }
        let body = bytes.count - 4
        var tail = unsafe ByteReader(bytes.span.bytes.extracting(body..<bytes.count))
        let sum = unsafe CRC32C.checksum(bytes.span.bytes.extracting(0..<body))
        guard tail.uint32() == sum else { return nil }
        var reader = unsafe ByteReader(bytes.span.bytes.extracting(0..<body))
        guard reader.uint64() == Self.magic else { return nil }
        offset = reader.int64()
        for _ in 0..<reader.count(Int(reader.uint32()), elementSize: 12) {
            epochs.begin(reader.int32(), at: reader.int64())
        }
        for _ in 0..<reader.count(Int(reader.uint32()), elementSize: 24) {
            states.aborted.append(
                AbortedTransaction(
                    producerID: reader.int64(), firstOffset: reader.int64(),
                    lastOffset: reader.int64()))
        }
        for _ in 0..<reader.count(Int(reader.uint32()), elementSize: 31) {
            let id = reader.int64()
            let state = Self.decode(&reader)
            if let start = state.transactionStart { states.open[id] = start }
            states.producers[id] = state
        }
        guard !reader.failed, reader.remaining == 0 else { return nil }
    }

    private static func decode(_ reader: inout ByteReader) -> ProducerState {
        var state = ProducerState(producerEpoch: reader.int16())
        state.lastTimestamp = reader.int64()
        let start = reader.int64()
        state.transactionStart = start < 0 ? nil : start
        state.coordinatorEpoch = reader.int32()
        for _ in 0..<reader.count(Int(reader.uint8()), elementSize: 32) {
            state.batches.append(
                ProducerState.Batch(
                    firstSequence: reader.int32(), lastSequence: reader.int32(),
                    firstOffset: reader.int64(), lastOffset: reader.int64(),
                    timestamp: reader.int64()))
        }
        return state
    }
}
