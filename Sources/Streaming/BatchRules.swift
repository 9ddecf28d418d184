import Bytes
import Records

/// What a batch from a producer has to keep to before it is appended (DESIGN law 3).
enum BatchRules {
    /// Checks the bytes that a Produce request brings for one partition: exactly one sound batch.
    static func check(
        _ bytes: UnsafeMutableRawBufferPointer, settings: TopicSettings, now: Int64
    ) throws(StreamingError) -> RecordBatchHeader {
        let span = unsafe UnsafeRawBufferPointer(bytes).bytes
        let header = try validate(span)
        guard header.totalSize == span.byteCount else {
            throw .invalidRecord("A produce request must contain exactly one record batch.")
        }
        guard header.totalSize <= settings.maxMessageBytes else {
            throw .messageTooLarge(size: header.totalSize, limit: settings.maxMessageBytes)
        }
        try checkKind(header)
        if !settings.usesLogAppendTime { try checkTime(header, settings, now) }
        if settings.compacted { try checkKeys(header, span) }
        return header
    }

    private static func validate(_ span: RawSpan) throws(StreamingError) -> RecordBatchHeader {
        do throws(RecordBatchError) {
            return try RecordBatchCheck.validate(span)
        } catch {
            switch error {
            case .unsupportedMagic(let magic) where magic == 0 || magic == 1:
                throw .unsupportedFormat("Message format v\(magic) is not supported; use v2.")
            case .unsupportedMagic(let magic):
                throw .invalidRecord("Message format v\(magic) does not exist.")
            case .truncated: throw .corruptMessage("The record batch is cut short.")
            case .checksumMismatch:
                throw .corruptMessage("The record batch does not match its checksum.")
            case .invalid(let text): throw .invalidRecord("The record batch is malformed: \(text).")
            case .decompression: throw .corruptMessage("The record batch cannot be decompressed.")
            }
        }
    }

    private static func checkKind(_ header: RecordBatchHeader) throws(StreamingError) {
        if header.isControl { throw .invalidRecord("Clients cannot write control batches.") }
        if header.isTransactional && !header.hasProducerID {
            throw .invalidRecord("A batch of a transaction needs a producer id.")
        }
        if header.hasProducerID && (header.producerEpoch < 0 || header.baseSequence < 0) {
            throw .invalidRecord("A producer id comes with an epoch and a sequence number.")
        }
    }

    private static func checkTime(
        _ header: RecordBatchHeader, _ settings: TopicSettings, _ now: Int64
    ) throws(StreamingError) {
        // A record without a timestamp (-1) is always accepted.
        guard header.maxTimestamp >= 0 else { return }
        let ahead = header.maxTimestamp.subtractingReportingOverflow(now)
        if ahead.overflow || ahead.partialValue > settings.timestampAfterMaxMilliseconds {
            throw .invalidTimestamp(
                "Timestamp \(header.maxTimestamp) is more than message.timestamp.after.max.ms, "
                    + "\(settings.timestampAfterMaxMilliseconds), ahead of the server's clock.")
        }
        let behind = now.subtractingReportingOverflow(header.baseTimestamp)
        if behind.overflow || behind.partialValue > settings.timestampBeforeMaxMilliseconds {
            throw .invalidTimestamp(
                "Timestamp \(header.baseTimestamp) is more than message.timestamp.before.max.ms, "
                    + "\(settings.timestampBeforeMaxMilliseconds), behind the server's clock.")
        }
    }

    /// A compacted topic needs a key for each record.
    private static func checkKeys(_ header: RecordBatchHeader, _ batch: RawSpan)
        throws(StreamingError)
    {
        let plain: [UInt8]?
        do throws(RecordBatchError) {
            plain = try header.decompressedRecords(
                batch, limit: Limits.decompressedBatchBytesMax)
        } catch {
            throw .corruptMessage("The record batch cannot be decompressed.")
        }
        if let plain {
            unsafe try checkKeys(header, records: plain.span.bytes)
        } else {
            try checkKeys(
                header, records: batch.extracting(RecordBatchHeader.size..<header.totalSize))
        }
    }

    private static func checkKeys(_ header: RecordBatchHeader, records: RawSpan)
        throws(StreamingError)
    {
        var iterator = RecordIterator(header, records: records)
        while let record = iterator.next() {
            if record.key == nil {
                throw .invalidRecord("A compacted topic cannot accept a record without a key.")
            }
        }
        if iterator.failed { throw .invalidRecord("The record batch is malformed.") }
    }
}
