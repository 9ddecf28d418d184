import Bytes
import Records

/// What a batch from a producer has to keep to before it is appended (DESIGN law 3).
enum BatchRules {
    /// Checks the bytes that a Produce request brings for one partition: exactly one sound batch.
    static func check(
        _ bytes: UnsafeMutableRawBufferPointer, settings: TopicSettings, now: Int64,
        of partition: (topic: String, index: Int32)
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
        try checkRecords(header, span, settings, now, partition)
        return header
    }

    private static func validate(_ span: RawSpan) throws(StreamingError) -> RecordBatchHeader {
        do throws(RecordBatchError) {
            return try RecordBatchCheck.validate(span)
        } catch {
            switch error {
            case .unsupportedMagic(let magic) where magic == 0 || magic == 1:
                throw .invalidRecord("Message format v\(magic) is not supported; use v2.")
            case .unsupportedMagic(let magic):
                throw .corruptMessage("Message format v\(magic) does not exist.")
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

    /// Records that a topic does not take are told one by one (KIP-467). A batch is walked, and a
    /// compressed one opened, only where its header does not say that all are in order.
    private static func checkRecords(
        _ header: RecordBatchHeader, _ batch: RawSpan, _ settings: TopicSettings, _ now: Int64,
        _ partition: (topic: String, index: Int32)
    ) throws(StreamingError) {
        let times = settings.usesLogAppendTime ? nil : AcceptedTimes(settings, now)
        let isInTime = times?.contains(allOf: header) ?? true
        guard settings.compacted || !isInTime else { return }
        let plain: [UInt8]?
        do throws(RecordBatchError) {
            plain = try header.decompressedRecords(
                batch, limit: Limits.decompressedBatchBytesMax)
        } catch {
            throw .corruptMessage("The record batch cannot be decompressed.")
        }
        var check = RecordRules(
            needsKeys: settings.compacted, times: isInTime ? nil : times, partition)
        if let plain {
            try check.walk(header, plain.rawSpan)
        } else {
            try check.walk(header, batch.extracting(RecordBatchHeader.size..<header.totalSize))
        }
        guard check.rejected.isEmpty else { throw .rejectedRecords(check.rejected) }
    }
}
