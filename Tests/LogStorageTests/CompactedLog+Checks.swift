import Bytes
import LogStorage
import Platform
import Records

extension CompactedLog {
    /// What a reader of committed records gets, by offset.
    static func read(_ log: Log) throws -> (puts: [(offset: Int64, put: Put)], fault: String?) {
        var next = log.startOffset
        let end = log.lastStableOffset
        var found: [(offset: Int64, put: Put)] = []
        var last: Int64 = -1
        while var slice = try log.read(from: next, maxBytes: 700, upTo: end, minOneBatch: true) {
            var aborted = log.abortedTransactions(in: slice.baseOffset..<slice.nextOffset)
            if slice.isCold { slice = try log.load(slice) }
            var aborting: Set<Int64> = []
            let bytes = try slice.read()
            var position = 0
            for header in Batches.headers(bytes) {
                let batch = bytes.span.bytes.extracting(position..<position + header.totalSize)
                position += header.totalSize
                if header.baseOffset <= last { return (found, "offset \(header.baseOffset) again") }
                last = header.lastOffset
                aborted.removeAll { transaction in
                    guard transaction.firstOffset <= header.lastOffset else { return false }
                    aborting.insert(transaction.producerID)
                    return true
                }
                let plain =
                    try header.decompressedRecords(batch, limit: 1 << 20)
                    ?? batch.extracting(RecordBatchHeader.size..<header.totalSize).copied()
                if header.isControl {
                    var iterator = RecordIterator(header, records: plain.span.bytes)
                    // The type of the marker is the last byte of its key: 0 aborts.
                    if let key = iterator.next()?.key, plain[key.upperBound - 1] == 0 {
                        aborting.remove(header.producerID)
                    }
                    continue
                }
                if header.isTransactional, aborting.contains(header.producerID) { continue }
                var iterator = RecordIterator(header, records: plain.span.bytes)
                while let record = iterator.next() {
                    guard record.offset >= log.startOffset else { continue }
                    found.append((record.offset, put(record, plain)))
                }
                if iterator.failed { return (found, "a malformed batch") }
            }
            next = slice.nextOffset
        }
        return (found, nil)
    }

    private static func put(_ record: RecordView, _ plain: [UInt8]) -> Put {
        func text(_ range: Range<Int>) -> String { String(decoding: plain[range], as: UTF8.self) }
        return Put(
            key: record.key.map(text) ?? "", value: record.value.map(text),
            timestamp: record.timestamp)
    }

    /// What was committed below `end`, by offset, as the model has it.
    private func committed(below end: Int64) -> [Int64: Put] {
        var puts: [Int64: Put] = [:]
        var pending: [Int64: [Written]] = [:]
        func add(_ batch: Written) {
            for (i, put) in batch.puts.enumerated() { puts[batch.baseOffset + Int64(i)] = put }
        }
        for batch in written where batch.lastOffset < end {
            if let isCommit = batch.marker {
                for one in pending.removeValue(forKey: batch.producerID) ?? [] where isCommit {
                    add(one)
                }
            } else if batch.isTransactional {
                pending[batch.producerID, default: []].append(batch)
            } else {
                add(batch)
            }
        }
        return puts
    }

    /// Where the last stable offset of a log may be. Of a transaction whose records were all
    /// deleted a restarted log need not know.
    private func stableOffsets(_ log: Log) -> ClosedRange<Int64> {
        let (start, end) = (log.startOffset, log.highWatermark)
        var first: [Int64: Int64] = [:]
        var last: [Int64: Int64] = [:]
        for batch in written where batch.isTransactional && batch.lastOffset < end {
            if batch.marker != nil {
                first[batch.producerID] = nil
            } else {
                first[batch.producerID] = first[batch.producerID] ?? batch.baseOffset
                last[batch.producerID] = batch.lastOffset
            }
        }
        let known = first.filter { last[$0.key].map { $0 >= start } ?? false }
        let low = min(end, first.values.min() ?? end)
        let high = known.keys.compactMap { id in
            written.first {
                $0.producerID == id && $0.marker == nil && $0.baseOffset >= (first[id] ?? 0)
                    && $0.lastOffset >= start
            }?.baseOffset
        }.min()
        return max(start, low)...max(start, min(end, high ?? end))
    }

    /// Checks a log that this one's disk has become; gives a sentence about what is wrong.
    func violation(of log: Log, _ report: RecoveryReport? = nil) throws -> String? {
        if let report, !report.findings.isEmpty { return "damage: \(report.findings)" }
        let (end, start) = (log.endOffset, log.startOffset)
        if end < acknowledged { return "end \(end), acknowledged \(acknowledged)" }
        let model = committed(below: end)
        let (found, fault) = try Self.read(log)
        if let fault { return fault }
        let stable = log.lastStableOffset
        for (offset, put) in found where model[offset] != put {
            return "offset \(offset): \(put), not \(model[offset].map { "\($0)" } ?? "nothing")"
        }
        var map: [String: String] = [:]
        for (_, put) in found { map[put.key] = put.value }
        var wanted: [String: String] = [:]
        for (offset, put) in model.sorted(by: { $0.key < $1.key })
        where offset >= start && offset < stable {
            wanted[put.key] = put.value
        }
        if map != wanted { return "the map is \(map), not \(wanted)" }
        let stableRange = stableOffsets(log)
        if !stableRange.contains(stable) { return "stable \(stable), not in \(stableRange)" }
        for id in [Int64(0), 1, 10, 11, 12] {
            let last = written.last {
                $0.producerID == id && $0.marker == nil && $0.lastOffset < end
            }
            let state = log.producerState(id)?.lastSequence
            if let last, last.lastOffset < start, state == nil || state == -1 { continue }
            if (last?.lastSequence ?? -1) != (state ?? -1) {
                return "producer \(id): \(state ?? -1), not \(last?.lastSequence ?? -1)"
            }
        }
        return nil
    }
}
