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
        let (head, tail) = records.cut(at: Int(first.records))
        guard tail.count > 0 else { return nil }
        let halves = [part(first.bytes, head), part(second.bytes, tail)]
        halves[0].reserved = reserved
        return halves
    }

    /// A batch with the records that are left of it when those at `places` are taken out; nil if
    /// there are none, or it cannot be read. The memory that it holds is that one's.
    func rest(without places: [Int]) -> ProducerBatch? {
        var left = records
        left.remove(at: places)
        let bytes = RecordBatchRest.batch(
            bytes.rawSpan, without: places, decompressedBytesMax: Limits.decompressedBytesMax)
        guard left.count > 0, let bytes else { return nil }
        let rest = part(bytes, left)
        rest.reserved = reserved
        return rest
    }

    private func part(_ bytes: [UInt8], _ records: RecordRanges) -> ProducerBatch {
        let part = ProducerBatch(
            bytes: bytes, records: records, deadline: deadline, isPart: true, done: done)
        part.reserved = 0
        return part
    }
}
