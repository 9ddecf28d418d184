import Aggregation
import Formats
import KafkaClient
import Records

/// Records of one fetch, their values as lines of one block, and what else is known of each: what
/// becomes rows.
struct PackedRecords {
    var block: InputBlock
    /// A line a record.
    var facts: [RecordFacts]
}

/// What a record has beside its value.
struct RecordFacts {
    var offset: Int64
    /// Milliseconds since 1970.
    var timestamp: Int64
    var key: [UInt8]?
    var headers: [RecordHeader]
    var isTombstone = false
}

/// Takes the records of fetched batches from `start` on out of their batches.
struct RecordPacker {
    /// Keys and headers are copied only where a query asks for them.
    let keepsKeys: Bool
    let keepsHeaders: Bool
    /// Records without a value make a row of nulls, not none.
    var keepsTombstones = false

    /// `range`: the offsets that are wanted.
    ///
    /// A newline inside a value is white space between
    /// tokens in JSON, and becomes a blank; `endsAtNewline` keeps only what is in front of it.
    func pack(
        _ fetched: FetchedBatches, _ range: Range<Int64> = 0..<Int64.max
    ) throws(ConsumeError) -> PackedRecords {
        var lines = OutputBuffer(capacity: max(1024, fetched.byteCount))
        var facts: [RecordFacts] = []
        for batch in fetched.batches {
            try fetched.withRecords(of: batch, checked: false) { records throws(ConsumeError) in
                var iterator = RecordIterator(batch.header, records: records)
                while let record = iterator.next() {
                    guard record.offset >= fetched.startOffset, range.contains(record.offset)
                    else { continue }
                    if let value = record.value {
                        append(records.extracting(value), to: &lines)
                    } else {
                        guard keepsTombstones else { continue }
                        lines.append("{}\n")
                    }
                    facts.append(describe(record, in: records))
                }
                guard !iterator.failed else {
                    throw .malformed(batch.header, fetched.partition)
                }
            }
        }
        let block = InputBlock(capacity: lines.count)
        block.append(lines.bytes)
        block.seal()
        return PackedRecords(block: block, facts: facts)
    }

    private func append(_ value: RawSpan, to lines: inout OutputBuffer) {
        let start = lines.count
        lines.append(value)
        if ByteScan.firstIndex(of: 0x0A, in: value, from: 0) != nil {
            lines.replaceNewlines(from: start)
        }
        lines.append(0x0A)
    }

    private func describe(_ record: RecordView, in records: RawSpan) -> RecordFacts {
        var facts = RecordFacts(
            offset: record.offset, timestamp: record.timestamp, key: nil, headers: [],
            isTombstone: record.value == nil)
        if keepsKeys, let key = record.key {
            facts.key = key.map { records.byte(at: $0) }
        }
        if keepsHeaders { facts.headers = RecordHeader.decode(record, in: records) ?? [] }
        return facts
    }
}

extension OutputBuffer {
    /// Puts blanks in the place of newlines from `start` on.
    fileprivate mutating func replaceNewlines(from start: Int) {
        let kept = (start..<count).map { index -> UInt8 in
            let byte = bytes.byte(at: index)
            return byte == 0x0A ? 0x20 : byte
        }
        truncate(to: start)
        append(kept)
    }
}
