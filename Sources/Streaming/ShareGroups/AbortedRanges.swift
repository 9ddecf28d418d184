import Bytes
import LogStorage
import Records

/// Finds what a reader of committed records is not to be handed out; used by `ShareGroups`, whose
/// members are not told of aborted transactions and so could not leave their records out.
enum AbortedRanges {
    /// The offsets of batches that belong to aborted transactions, ascending. The batches are read
    /// only if there are any.
    static func of(
        _ slice: LogSlice, in log: Log
    ) throws(StreamingError) -> [ClosedRange<Int64>] {
        let aborted = log.abortedTransactions(in: slice.baseOffset..<slice.nextOffset)
        guard !aborted.isEmpty else { return [] }
        let bytes: [UInt8]
        do throws(LogError) {
            bytes = try slice.read()
        } catch {
            throw StreamingError(error)
        }
        var ranges: [ClosedRange<Int64>] = []
        var rest = bytes.rawSpan
        while let header = RecordBatchHeader(rest), header.totalSize <= rest.byteCount,
            header.totalSize >= RecordBatchHeader.size
        {
            let isAborted = aborted.contains {
                $0.producerID == header.producerID && header.baseOffset >= $0.firstOffset
                    && header.baseOffset <= $0.lastOffset
            }
            if header.isTransactional, !header.isControl, isAborted {
                ranges.append(header.baseOffset...max(header.baseOffset, header.lastOffset))
            }
            rest = rest.extracting(header.totalSize..<rest.byteCount)
        }
        return ranges
    }
}
