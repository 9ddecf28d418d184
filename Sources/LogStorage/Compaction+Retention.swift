import Bytes
import Records

// Which records stay: Kafka's rules, with the delete horizons of KIP-534.
extension Compaction {
    /// What becomes of a batch.
    enum Outcome {
        case keep
        case drop
        case replace([UInt8])
    }

    /// Called for all batches in the order of their offsets.
    mutating func outcome(_ header: RecordBatchHeader, _ scan: inout SegmentScan)
        throws(LogError) -> Outcome
    {
        guard header.lastOffset < mapEnd else { return .keep }
        if header.isControl { return try markerOutcome(header, &scan) }
        if header.isTransactional { withRecords.insert(header.producerID) }
        let isLastWord =
            header.hasProducerID && lastWords[header.producerID]?.lastOffset == header.lastOffset
        if header.recordCount == 0 { return isLastWord ? .keep : .drop }
        var kept = RecordBatchFilter.Kept()
        var hasTombstones = false
        if !isAborted(header) { hasTombstones = try select(header, &scan, &kept) }
        if kept.count == 0, !isLastWord { return .drop }
        let needsHorizon = hasTombstones && header.deleteHorizon == nil
        if kept.count == header.recordCount, !needsHorizon { return .keep }
        let horizon = needsHorizon ? now &+ deleteRetentionMilliseconds : header.deleteHorizon
        return .replace(try rewrite(header, &scan, kept, horizon))
    }

    /// Finds the records that stay; true if there are tombstones among them.
    private func select(
        _ header: RecordBatchHeader, _ scan: inout SegmentScan,
        _ kept: inout RecordBatchFilter.Kept
    ) throws(LogError) -> Bool {
        let keepsTombstones = header.deleteHorizon.map { now < $0 } ?? true
        var found = kept
        let hasTombstones = try scan.withRecords { records throws(LogError) in
            var hasTombstones = false
            var start = 0
            var iterator = RecordIterator(header, records: records)
            while let record = iterator.next() {
                let range = start..<record.headers.upperBound
                start = range.upperBound
                // Kafka lets records without a key go: they are of a time without compaction.
                guard let key = record.key, record.value != nil || keepsTombstones else { continue }
                let last = keys.offset(of: records.extracting(key))
                guard last.map({ record.offset >= $0 }) ?? true else { continue }
                if record.value == nil { hasTombstones = true }
                found.add(range, timestamp: record.timestamp)
            }
            if iterator.failed { throw scanDamage(header) }
            return hasTombstones
        }
        kept = found
        return hasTombstones
    }

    /// A marker stays while records of its transaction are there, and delete.retention.ms after.
    private mutating func markerOutcome(_ header: RecordBatchHeader, _ scan: inout SegmentScan)
        throws(LogError) -> Outcome
    {
        let hadRecords = withRecords.remove(header.producerID) != nil
        let isNamed = aborted[header.producerID]?.contains { $0.upperBound == header.lastOffset }
        if hadRecords || isNamed == true { return .keep }
        if let last = lastWords[header.producerID], last.lastOffset == nil,
            last.epoch == header.producerEpoch
        {
            return .keep
        }
        if let horizon = header.deleteHorizon { return horizon <= now ? .drop : .keep }
        var kept = RecordBatchFilter.Kept()
        let timestamp = header.maxTimestamp
        let count = try scan.withRecords { records throws(LogError) in records.byteCount }
        kept.add(0..<count, timestamp: timestamp)
        return .replace(
            try rewrite(header, &scan, kept, now &+ deleteRetentionMilliseconds))
    }

    private func rewrite(
        _ header: RecordBatchHeader, _ scan: inout SegmentScan, _ kept: RecordBatchFilter.Kept,
        _ horizon: Int64?
    ) throws(LogError) -> [UInt8] {
        try scan.withRecords { records throws(LogError) in
            RecordBatchFilter.batch(header, records: records, keeping: kept, deleteHorizon: horizon)
        }
    }
}
