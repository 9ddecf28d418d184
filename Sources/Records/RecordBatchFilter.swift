import Bytes

extension RecordBatchHeader {
    /// When tombstones and markers of this batch may go, in milliseconds, which compaction has
    /// noted in the place of the base timestamp (KIP-534, attribute bit 6); nil if it has not.
    public var deleteHorizon: Int64? { attributes & Self.horizonBit != 0 ? baseTimestamp : nil }

    fileprivate static let horizonBit: Int16 = 0x40
}

/// Writes a batch anew with some of its records, as compaction does: base offset, last offset,
/// sequence numbers and codec stay, so that offsets have gaps and producers find their numbers.
public enum RecordBatchFilter {
    /// The bytes of the kept records, whole with their lengths, in order.
    public struct Kept: Sendable {
        public private(set) var ranges: [Range<Int>] = []
        public private(set) var count: Int32 = 0
        /// Milliseconds; -1 without a record.
        public private(set) var maxTimestamp: Int64 = -1

        public init() {}

        /// Keeps a record that lies in `range` of the plain records.
        public mutating func add(_ range: Range<Int>, timestamp: Int64) {
            count += 1
            maxTimestamp = max(maxTimestamp, timestamp)
            if let last = ranges.last, last.upperBound == range.lowerBound {
                ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
            } else {
                ranges.append(range)
            }
        }

        public mutating func removeAll() {
            ranges.removeAll(keepingCapacity: true)
            count = 0
            maxTimestamp = -1
        }
    }

    /// The batch with the `kept` of its plain `records`; with none it is a header only, which keeps
    /// a producer's sequence number. A `deleteHorizon` is noted in it.
    public static func batch(
        _ header: RecordBatchHeader, records: RawSpan, keeping kept: Kept, deleteHorizon: Int64?
    ) -> [UInt8] {
        let horizon = kept.count > 0 ? deleteHorizon : nil
        let base = horizon ?? header.baseTimestamp
        var plain = ByteWriter(reserving: kept.ranges.reduce(0) { $0 + $1.count } + 16)
        for range in kept.ranges {
            if base == header.baseTimestamp {
                plain.append(records.extracting(range))
            } else {
                move(records.extracting(range), by: header.baseTimestamp &- base, into: &plain)
            }
        }
        var attributes = header.attributes & ~(0x07 | RecordBatchHeader.horizonBit)
        if horizon != nil { attributes |= RecordBatchHeader.horizonBit }
        var section = plain.bytes
        if kept.count > 0, let codec = header.codec, codec != .none {
            section = unsafe section.withUnsafeBytes { unsafe codec.compress($0, level: nil) }
            attributes |= Int16(codec.rawValue)
        }
        let newest =
            header.usesLogAppendTime || kept.count == 0 ? header.maxTimestamp : kept.maxTimestamp
        return write(header, attributes, base, newest, kept.count, section)
    }

    private static func write(
        _ header: RecordBatchHeader, _ attributes: Int16, _ baseTimestamp: Int64,
        _ maxTimestamp: Int64, _ count: Int32, _ section: [UInt8]
    ) -> [UInt8] {
        let size = RecordBatchHeader.size + section.count
        var writer = ByteWriter(reserving: size)
        writer.int64(header.baseOffset)
        writer.int32(Int32(size - RecordBatchHeader.lengthOverhead))
        writer.int32(header.partitionLeaderEpoch)
        writer.int8(2)
        writer.uint32(0)
        writer.int16(attributes)
        writer.int32(header.lastOffsetDelta)
        writer.int64(baseTimestamp)
        writer.int64(maxTimestamp)
        writer.int64(header.producerID)
        writer.int16(header.producerEpoch)
        writer.int32(header.baseSequence)
        writer.int32(count)
        writer.append(section)
        var bytes = writer.bytes
        unsafe bytes.withUnsafeMutableBytes { unsafe RecordBatchPatch.checksum($0) }
        return bytes
    }

    /// Copies records whose timestamps count from another base.
    private static func move(
        _ records: RawSpan, by milliseconds: Int64, into writer: inout ByteWriter
    ) {
        var reader = ByteReader(records)
        while reader.remaining > 0, !reader.failed {
            let length = Int(reader.varint())
            let end = reader.position + length
            let attributes = reader.int8()
            let delta = reader.varlong() &+ milliseconds
            let count = end - reader.position
            guard !reader.failed, let rest = reader.take(count) else { return }
            writer.varint(Int32(1 + ByteWriter.varlongSize(delta) + count))
            writer.int8(attributes)
            writer.varlong(delta)
            writer.append(records.extracting(rest..<rest + count))
        }
    }
}
