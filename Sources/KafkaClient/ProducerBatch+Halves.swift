import Bytes
import Records

extension ProducerBatch {
    /// Two batches of about the same size with its records; nil if it has one only, or cannot be
    /// read. Its completion is theirs, as is the memory that it holds.
    func halves() -> [ProducerBatch]? {
        guard records.count > 1,
            let (first, second) = RecordBatchHalves.cut(
                bytes.rawSpan, decompressedBytesMax: Limits.decompressedBytesMax)
        else { return nil }
        let middle = records.lowerBound + Int(first.records)
        guard middle < records.upperBound else { return nil }
        let halves = [
            half(first.bytes, records.lowerBound..<middle),
            half(second.bytes, middle..<records.upperBound),
        ]
        halves[0].reserved = reserved
        return halves
    }

    private func half(_ bytes: [UInt8], _ records: Range<Int>) -> ProducerBatch {
        let half = ProducerBatch(
            bytes: bytes, records: records, deadline: deadline, isPart: true, done: done)
        half.reserved = 0
        return half
    }
}
