import Bytes
import Platform
import Records

/// A record found by its time.
public struct TimestampOffset: Equatable, Sendable {
    public var offset: Int64
    /// Milliseconds.
    public var timestamp: Int64
    public var leaderEpoch: Int32
}

extension Log {
    /// The first record, by offset, whose timestamp is at least `timestamp` milliseconds, below
    /// `limit`. Reads one batch; blocks on the disk if it is old. Damaged batches are passed over.
    public func offset(forTimestamp timestamp: Int64, upTo limit: Int64 = .max) throws(LogError)
        -> TimestampOffset?
    {
        guard var next = try firstCandidate(timestamp) else { return nil }
        while true {
            do throws(LogError) {
                guard
                    let slice = try read(from: next, maxBytes: 1, upTo: limit, minOneBatch: true)
                else { return nil }
                if let hit = Self.find(timestamp, try slice.read(), from: next) { return hit }
                next = slice.nextOffset
            } catch {
                guard case .corrupt(_, let last) = error else { throw error }
                next = last + 1
            }
        }
    }

    /// The first record that has the highest timestamp of the log; nil if it is empty.
    public func maxTimestamp(upTo limit: Int64 = .max) throws(LogError) -> TimestampOffset? {
        let highest = lock.withLock {
            segments.filter { $0.nextOffset > start && $0.size > 0 }.map(\.maxTimestamp).max()
        }
        guard let highest else { return nil }
        return try offset(forTimestamp: highest, upTo: limit)
    }

    /// Where to begin to look: the first batch that reaches `timestamp`, or the log's start.
    private func firstCandidate(_ timestamp: Int64) throws(LogError) -> Int64? {
        let (candidates, start) = lock.withLock {
            (
                segments.filter {
                    $0.maxTimestamp >= timestamp && $0.nextOffset > self.start && $0.size > 0
                }, self.start
            )
        }
        guard let segment = candidates.first else { return nil }
        for _ in 0..<2 {
            let (entry, stored) = try lock.withLock { () throws(LogError) in
                let index = segment.index
                let place = index.firstInTail { $0.maxTimestamp >= timestamp }
                let entry = place < index.tail.count ? index.tail[place] : nil
                if place > 0 || index.tailStart == 0 { return (entry, nil as StoredEntries?) }
                return (entry, try system { () throws(SystemError) in try index.stored() })
            }
            guard let stored else {
                return entry.map { max(start, segment.baseOffset + Int64($0.baseDelta)) }
            }
            if let hit = try stored.first(where: { $0.maxTimestamp >= timestamp }) {
                let found = hit.entry ?? entry
                return found.map { max(start, segment.baseOffset + Int64($0.baseDelta)) }
            }
            try rebuildIndex(of: segment)
        }
        return max(start, segment.baseOffset)
    }

    /// The first record at or behind `offset` of a batch whose timestamp is high enough.
    private static func find(_ timestamp: Int64, _ bytes: [UInt8], from offset: Int64)
        -> TimestampOffset?
    {
        let batch = unsafe bytes.span.bytes
        guard let header = RecordBatchHeader(batch), header.maxTimestamp >= timestamp,
            header.batchLength >= 49, header.totalSize <= batch.byteCount,
            let plain = try? header.decompressedRecords(batch, limit: Limits.batchBytesMax)
                ?? batch.extracting(RecordBatchHeader.size..<header.totalSize).copied()
        else { return nil }
        var iterator = unsafe RecordIterator(header, records: plain.span.bytes)
        while let record = iterator.next() {
            if record.timestamp >= timestamp, record.offset >= offset {
                return TimestampOffset(
                    offset: record.offset, timestamp: record.timestamp,
                    leaderEpoch: header.partitionLeaderEpoch)
            }
        }
        return nil
    }
}
