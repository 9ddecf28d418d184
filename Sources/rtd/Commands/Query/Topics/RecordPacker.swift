import Aggregation
import Bytes
import Formats
import KafkaClient
import Records

/// Some records of one partition, their values as lines of a block, and what else the query asks
/// for of each: what becomes a batch of rows.
struct PackedRecords {
    let block: InputBlock
    /// Lines, one a record.
    let count: Int
    let offsets: Buffer<Int64>
    /// Of all lines.
    let hidden: [TopicRelation.Hidden: Column]
}

/// What is taken of records beside their values.
struct RecordPacker {
    /// The columns that a query asks for.
    let hidden: Set<TopicRelation.Hidden>
    /// Records without a value make a row of nulls, not none.
    var keepsTombstones = false
    /// Of topics whose records name schemas of a registry.
    var decoder: RecordDecoder?

    /// Nothing that only a look at each record gives: they are taken many at a time.
    fileprivate var takesMany: Bool {
        !keepsTombstones && decoder == nil
            && hidden.isSubset(of: [.offset, .partition, .timestamp, .key])
    }

    /// Of a block that many lines go into; larger values get blocks of their own. It and the
    /// columns of its rows stay in the processor's cache from here to the end of the query.
    static let blockBytes = 256 * 1024
}

/// Takes the records of one fetch out of their batches, piece by piece; a piece makes one batch of
/// rows. Owned by the reader of the partition.
struct FetchedRecords {
    private let packer: RecordPacker
    private let fetched: FetchedBatches
    /// The offsets that are wanted.
    private let range: Range<Int64>
    /// The batch that is taken from next.
    private var index = 0
    private var current: OpenBatch?
    /// Of the batch that is being taken from: records that were looked at and not taken yet. Only
    /// where they are taken many at a time.
    private let values: RecordValues?

    /// A batch that records are being taken from.
    private struct OpenBatch {
        /// With the count of the records that are left.
        var header: RecordBatchHeader
        /// Where the next one begins in the section of the records.
        var position = 0
        /// The section of a compressed batch.
        let decompressed: [UInt8]?
        /// All its records are wanted.
        let isWhole: Bool
    }

    init(
        _ packer: RecordPacker, _ fetched: FetchedBatches,
        _ range: Range<Int64> = 0..<Int64.max
    ) {
        self.packer = packer
        self.fetched = fetched
        let start = max(range.lowerBound, fetched.startOffset)
        self.range = start..<max(range.upperBound, start)
        values = packer.takesMany ? RecordValues() : nil
    }

    /// The next records, nil behind the last.
    mutating func next(_ pool: inout InputBlockPool) throws(ConsumeError) -> PackedRecords? {
        var piece = Piece(packer, pool.take(capacity: RecordPacker.blockBytes))
        while !piece.isFull, index < fetched.batches.count {
            let batch = fetched.batches[index]
            var open: OpenBatch
            if let current { open = current } else { open = try opened(batch) }
            current = nil
            if try take(from: &open, batch, into: &piece) {
                index += 1
            } else {
                current = open
            }
        }
        return piece.count > 0 ? piece.finish() : nil
    }

    private func opened(_ batch: FetchedBatches.Batch) throws(ConsumeError) -> OpenBatch {
        let decompressed = try fetched.withBytes(of: batch) { (bytes) throws(ConsumeError) in
            try fetched.decompressed(batch.header, bytes, checked: false)
        }
        let header = batch.header
        return OpenBatch(
            header: header, decompressed: decompressed,
            isWhole: range.lowerBound <= header.baseOffset
                && range.upperBound > header.lastOffset)
    }

    /// True once the batch is used up, false if the piece is full.
    private func take(
        from open: inout OpenBatch, _ batch: FetchedBatches.Batch, into piece: inout Piece
    ) throws(ConsumeError) -> Bool {
        if let plain = open.decompressed {
            return try takeAny(from: &open, in: plain.rawSpan, into: &piece)
        }
        return try fetched.withBytes(of: batch) { (bytes) throws(ConsumeError) in
            let records = bytes.extracting(RecordBatchHeader.size..<bytes.byteCount)
            return try takeAny(from: &open, in: records, into: &piece)
        }
    }

    private func takeAny(
        from open: inout OpenBatch, in section: RawSpan, into piece: inout Piece
    ) throws(ConsumeError) -> Bool {
        if let values, open.isWhole {
            return try takeValues(values, from: &open, in: section, into: &piece)
        }
        return try take(from: &open, in: section, into: &piece)
    }

    /// The same, many records at a time.
    private func takeValues(
        _ values: RecordValues, from open: inout OpenBatch, in section: RawSpan,
        into piece: inout Piece
    ) throws(ConsumeError) -> Bool {
        while true {
            piece.append(values, in: section)
            if piece.isFull { return false }
            if open.header.recordCount <= 0 { return true }
            guard values.take(piece.room, from: section, &open.header, &open.position) else {
                throw .malformed(open.header, fetched.partition)
            }
        }
    }

    private func take(
        from open: inout OpenBatch, in section: RawSpan, into piece: inout Piece
    ) throws(ConsumeError) -> Bool {
        let records = section.extracting(droppingFirst: open.position)
        var iterator = RecordIterator(open.header, records: records)
        var (taken, end) = (0, 0)
        defer {
            open.header.recordCount -= Int32(taken)
            open.position += end
        }
        while !piece.isFull {
            guard let record = iterator.next() else {
                guard !iterator.failed else { throw .malformed(open.header, fetched.partition) }
                return true
            }
            if range.contains(record.offset),
                try !piece.append(record, in: records, fetched.partition.partition)
            {
                return false
            }
            taken += 1
            end = record.headers.upperBound
        }
        return false
    }
}

/// A piece that is being filled.
private struct Piece {
    private let packer: RecordPacker
    private var block: InputBlock
    private(set) var count = 0
    private(set) var isFull = false
    private let offsets = Buffer<Int64>(capacity: Batch.rowsMax)
    private let timestamps: Buffer<Int64>?
    private let keys: ColumnBuilder?
    private let headers: ColumnBuilder?
    private let tombstones: ColumnBuilder?

    init(_ packer: RecordPacker, _ block: InputBlock) {
        self.packer = packer
        self.block = block
        func builder(_ column: TopicRelation.Hidden) -> ColumnBuilder? {
            guard packer.hidden.contains(column) else { return nil }
            return ColumnBuilder(column.column.type, capacity: Batch.rowsMax)
        }
        timestamps =
            packer.hidden.contains(.timestamp) ? Buffer(capacity: Batch.rowsMax) : nil
        keys = builder(.key)
        headers = builder(.headers)
        tombstones = builder(.tombstone)
    }

    /// False if there is no room for it; then the piece is full.
    mutating func append(
        _ record: RecordView, in records: RawSpan, _ partition: Int32
    ) throws(ConsumeError) -> Bool {
        let place = RecordDecoder.Place(partition: partition, offset: record.offset)
        if let value = record.value {
            let bytes = records.extracting(value)
            if let decoder = packer.decoder, RecordDecoder.isFramed(bytes) {
                guard try decoder.decode(value: bytes, place) else { return true }
                guard append(line: decoder.line.bytes) else { return false }
            } else {
                guard append(line: bytes) else { return false }
            }
        } else {
            guard packer.keepsTombstones else { return true }
            guard append(line: Piece.nothing.rawSpan) else { return false }
        }
        offsets[count] = record.offset
        timestamps?[count] = Piece.microseconds(record.timestamp)
        if let keys {
            if let key = record.key {
                try append(key: records.extracting(key), to: keys, place)
            } else {
                keys.appendNull()
            }
        }
        headers?.append(text: Piece.text(RecordHeader.decode(record, in: records) ?? []))
        tombstones?.append(boolean: record.value == nil)
        count += 1
        isFull = count == Batch.rowsMax
        return true
    }

    private func append(
        key: RawSpan, to keys: ColumnBuilder, _ place: RecordDecoder.Place
    ) throws(ConsumeError) {
        if let decoder = packer.decoder, RecordDecoder.isFramed(key),
            try decoder.decode(key: key, place)
        {
            return keys.append(repairing: decoder.line.bytes)
        }
        keys.append(repairing: key)
    }

    /// Records that still go into it.
    var room: Int { Batch.rowsMax - count }

    /// Takes as many values as there is room for out of those at hand.
    mutating func append(_ values: RecordValues, in records: RawSpan) {
        while values.count > 0, !isFull {
            var taken = block.append(lines: values.starts, values.byteCounts, of: records)
            if taken == 0 {
                let start = Int(values.starts[0])
                let value = start..<start + Int(values.byteCounts[0])
                guard append(line: records.extracting(value)) else { return }
                taken = 1
            }
            note(values, taken, in: records)
            values.drop(taken)
        }
    }

    private mutating func note(_ values: RecordValues, _ taken: Int, in records: RawSpan) {
        let (offsets, times) = (values.offsets, values.timestamps)
        for index in 0..<taken {
            self.offsets[count + index] = offsets[index]
            timestamps?[count + index] = Piece.microseconds(times[index])
        }
        count += taken
        isFull = count == Batch.rowsMax
        guard let keys else { return }
        let (starts, counts) = (values.keyStarts, values.keyByteCounts)
        for index in 0..<taken {
            guard counts[index] >= 0 else {
                keys.appendNull()
                continue
            }
            let start = Int(starts[index])
            keys.append(repairing: records.extracting(start..<start + Int(counts[index])))
        }
    }

    private mutating func append(line: RawSpan) -> Bool {
        if block.append(line: line) { return true }
        guard count == 0 else {
            isFull = true
            return false
        }
        block = InputBlock(capacity: line.byteCount + 1, headroom: 0)
        return block.append(line: line)
    }

    func finish() -> PackedRecords {
        block.seal()
        var hidden: [TopicRelation.Hidden: Column] = [:]
        func add(_ kind: TopicRelation.Hidden, _ values: Buffer<Int64>?) {
            hidden[kind] = values.map { Column(kind.column.type, count: count, .integer($0)) }
        }
        if packer.hidden.contains(.offset) { add(.offset, offsets) }
        add(.timestamp, timestamps)
        hidden[.key] = keys?.finish()
        hidden[.headers] = headers?.finish()
        hidden[.tombstone] = tombstones?.finish()
        return PackedRecords(block: block, count: count, offsets: offsets, hidden: hidden)
    }

    private static let nothing = Array("{}".utf8)

    /// What no clock shows is infinitely early or late.
    private static func microseconds(_ milliseconds: Int64) -> Int64 {
        let (product, overflows) = milliseconds.multipliedReportingOverflow(by: 1_000)
        guard overflows else { return product }
        return milliseconds < 0 ? .min : .max
    }

    /// `[["k", "v"], ...]`, as `rtd consume -J` writes headers.
    private static func text(_ headers: [RecordHeader]) -> String {
        var buffer = OutputBuffer(capacity: 64)
        buffer.append("[")
        for (index, header) in headers.enumerated() {
            if index > 0 { buffer.append(", ") }
            buffer.append("[")
            buffer.append(jsonString: header.key)
            buffer.append(", ")
            if let value = header.value {
                buffer.append(jsonHeaderText: value.rawSpan)
            } else {
                buffer.append("null")
            }
            buffer.append("]")
        }
        buffer.append("]")
        return buffer.bytes.text(0..<buffer.count)
    }
}
