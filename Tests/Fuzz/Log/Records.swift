import Bytes
import Records

/// A record batch from a stranger: checked as Produce does, then every record and header read.
/// The checksum is set right first, else nothing but the checksum would be fuzzed.
func fuzzBatch(_ bytes: RawSpan) {
    guard bytes.byteCount >= 61, bytes.byteCount < 1 << 20 else { return }
    var copy = bytes.withUnsafeBytes { [UInt8]($0) }
    copy.withUnsafeMutableBytes { RecordBatchPatch.checksum($0) }
    let batch = copy.span.bytes
    guard let header = try? RecordBatchCheck.validate(batch) else { return }
    guard let inflated = try? header.decompressedRecords(batch, limit: 1 << 20) else { return }
    read(header, inflated.span.bytes)
}

private func read(_ header: RecordBatchHeader, _ records: RawSpan) {
    var iterator = RecordIterator(header, records: records)
    while let record = iterator.next() {
        _ = RecordHeader.decode(record, in: records)
    }
}

/// A compressed stream: the first byte chooses the codec. What comes out is compressed and must
/// come out again.
func fuzzCodec(_ bytes: RawSpan) {
    guard bytes.byteCount > 1 else { return }
    let limit = 1 << 20
    let codecs: [CompressionCodec] = [.gzip, .snappy, .lz4, .zstd]
    let codec = codecs[Int(bytes.unsafeLoad(as: UInt8.self) & 3)]
    let stream = bytes.extracting(1...)
    guard let plain = try? stream.withUnsafeBytes({ try codec.decompress($0, limit: limit) })
    else { return }
    precondition(plain.count <= limit, "\(codec) gave more than its limit")
    let packed = plain.withUnsafeBytes { codec.compress($0) }
    let again = try? packed.withUnsafeBytes { try codec.decompress($0, limit: limit) }
    precondition(again == plain, "\(codec) does not read what it wrote")
}
